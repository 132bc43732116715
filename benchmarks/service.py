"""What logging costs a service that answers single predictions, over HTTP, and what it costs elsewhere.

    python -m benchmarks.service [--requests N] [--rounds N] [--connections N] [--workers N] [--quick]

The same servers with logging on and off: `main.py serve` with one worker and with several, and FastAPI with textbook
loguru under the same uvicorn, see `benchmarks.fastapi_peer`. On, each request is a line in predictions.log and one in
api_requests.log, rotated at 10 MB and gzipped; ours has windows, live drift and audit as they are by default, too. Off,
no handler is there, so that a logging call costs loguru's way out and no more. Each request is one row of eight
features, on connections that are kept alive, from as many other processes as the server has workers.

All servers run throughout and take turns within each round, in an order that moves on from round to round. Rates are
medians over rounds, and their ratio is the median of each round's. CPU time is the server's, with its workers'
(Linux only). In the end, the lines in the files are counted.
"""

import argparse
import asyncio
import contextlib
import gzip
import importlib.util
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger

import sinks
from benchmarks.common import conditions, in_turn, parse_scale, table
from pipeline.data.table import make_synthetic, split
from pipeline.model import training
from pipeline.model.logistic import save
from pipeline.model.watching import make_detector
from pipeline.service.application import Settings, load, make_app
from pipeline.service.server import listen, serve

FULL = {"requests": 3_000, "rounds": 7}
QUICK = {"requests": 200, "rounds": 1}
BAR = 0.7  # of the throughput without logging
PATIENCE_S = 30.0
PACKAGES = ("fastapi", "loguru", "numpy", "orjson", "starlette", "uvicorn")
ON, OFF = "on", "off"
PEER = "FastAPI, textbook loguru"
MODEL = "../model.npz"  # seen from a server's folder
ROOT = Path(__file__).parent.parent


# In the servers' processes


def create_app() -> Any:
    at_end: Callable[[], object] | None = None
    if os.environ["LOGGING"] == ON:
        at_end = sinks.configure("logs", console=None, intercept=True).close
    else:
        logger.remove()
    return make_app(load(MODEL), Settings(model=MODEL), worker_id=f"pid-{os.getpid()}", at_end=at_end)


def run_ours(port: int, n_workers: int) -> None:
    with listen("127.0.0.1", port) as listening:
        serve(create_app if n_workers > 1 else create_app(), listening, workers=n_workers)


def run_peer(port: int, _n_workers: int) -> None:
    peer = importlib.import_module("benchmarks.fastapi_peer")
    if os.environ["LOGGING"] == ON:
        peer.configure("logs")
    else:
        logger.remove()
    with listen("127.0.0.1", port) as listening:
        serve(peer.make_app(MODEL), listening)


# In the clients' processes


def send(port: int, n_requests: int, n_connections: int, bodies: Sequence[bytes]) -> tuple[float, float]:
    """Send requests, and return when the first was sent and the last answered, on the clock that processes share."""
    return asyncio.run(_send(port, iter(range(n_requests)), n_connections, bodies))


async def _send(port: int, numbers: Iterator[int], n_connections: int, bodies: Sequence[bytes]) -> tuple[float, float]:
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(n_connections)]
    begin = time.monotonic()
    await asyncio.gather(*(_converse(reader, writer, numbers, bodies) for reader, writer in opened))
    return begin, time.monotonic()


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, numbers: Iterator[int], bodies: Sequence[bytes]
) -> None:
    for number in numbers:
        body = bodies[number % len(bodies)]
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not answer.startswith(b"http/1.1 200 "):
            raise RuntimeError(f"expected 200, got {answer.decode()}")
        await reader.readexactly(int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    writer.close()


# In the process that measures


@dataclass(slots=True)
class Running:
    """A server in a folder of its own, and what was measured of it."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    n_workers: int
    n_requests: int = 0
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def measure(self, clients: Executor, n_requests: int, n_connections: int, bodies: Sequence[bytes]) -> None:
        share = partial(send, self.port, n_requests // self.n_workers, n_connections // self.n_workers, bodies)
        before = cpu_s(self.process.pid)
        times = [future.result() for future in [clients.submit(share) for _ in range(self.n_workers)]]
        n_sent = n_requests // self.n_workers * self.n_workers
        self.n_requests += n_sent
        self.rates.append(n_sent / (max(end for _, end in times) - min(begin for begin, _ in times)))
        self.cpu_us.append(1e6 * (cpu_s(self.process.pid) - before) / n_sent)

    def lines_missing(self) -> int:
        """Count by how many the lines in the files differ from what was sent."""
        files = (("api_requests", b"| request |"), ("predictions", b"| prediction |"))
        return sum(abs(count(self.folder / "logs", *file) - self.n_requests) for file in files)


def count(folder: Path, stem: str, words: bytes) -> int:
    """Count the lines of a file and its rotated siblings that have these words."""
    lines = 0
    for path in folder.glob(f"{stem}*.log*"):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            lines += sum(words in line for line in file)
    return lines


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process and its children so far; NaN where the system doesn't say."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        stats = [
            Path(f"/proc/{one}/stat").read_text(encoding="utf-8").rpartition(")")[2].split() for one in [pid, *children]
        ]
    except OSError:
        return float("nan")
    return sum(int(one[11]) + int(one[12]) for one in stats) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def started(folder: Path, function: str, n_workers: int, logging: str) -> Iterator[Running]:
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LOGGING": logging}
    command = [sys.executable, "-c", f"from benchmarks import service; service.{function}({port}, {n_workers})"]
    process = subprocess.Popen(command, cwd=folder, env=environment)  # noqa: S603 - this very program
    try:
        wait_until_it_answers(port, process)
        time.sleep(n_workers - 1)  # for the other workers
        yield Running(folder, process, port, n_workers)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError(f"no server on port {port}")


def save_model(folder: Path) -> list[bytes]:
    """Save a model, and return bodies of requests for it."""
    logger.remove()
    rng = np.random.default_rng(7)
    train, val, held_out = split(make_synthetic(3_000, 8, rng), rng)
    model, _ = training.train(train, val, epochs=5, rng=rng)
    save(model, folder / "model.npz", make_detector(model, train.table, val.table))
    return [json.dumps(held_out.table.row(number)).encode() for number in range(held_out.table.n_rows)]


def servers(n_workers: int) -> dict[str, tuple[str, int]]:
    """Name the servers: the function that runs each, and its workers."""
    counts = sorted({1, n_workers})
    words = {count: "1 worker" if count == 1 else f"{count} workers" for count in counts}
    known = {f"serve, {words[count]}": ("run_ours", count) for count in counts}
    if importlib.util.find_spec("fastapi") is None:
        print("without FastAPI: it isn't installed (pip install -r requirements-bench.txt)\n")
        return known
    return known | {PEER: ("run_peer", 1)}


def row(name: str, on: Running, off: Running) -> dict[str, str]:
    return {
        "": name,
        "requests/s": f"{np.median(on.rates):,.0f}",
        "without logging": f"{np.median(off.rates):,.0f}",
        "ratio": f"{ratio(on, off):.2f}",
        "CPU a request": f"{np.median(on.cpu_us):.0f} µs",
        "without": f"{np.median(off.cpu_us):.0f} µs",
        "requests": f"{on.n_requests:,}",
        "lines missing or too many": f"{on.lines_missing():,}",
    }


def ratio(on: Running, off: Running) -> float:
    return float(np.median(np.array(on.rates) / np.array(off.rates)))


def measure(folder: Path, scale: argparse.Namespace) -> dict[str, tuple[Running, Running]]:
    context: Any = multiprocessing.get_context("spawn")
    known = {name: server for name, server in servers(scale.workers).items() if name.startswith(scale.only)}
    if not known:
        raise SystemExit(f"expected a server's name to begin with {scale.only!r}: {', '.join(servers(scale.workers))}")
    bodies = save_model(folder)
    running: dict[str, Running] = {}
    with contextlib.ExitStack() as stack, ProcessPoolExecutor(scale.workers, mp_context=context) as clients:
        for name, (function, n_workers) in known.items():
            for logging in (ON, OFF):
                place = folder / f"{len(running)}"
                running[f"{name} {logging}"] = stack.enter_context(started(place, function, n_workers, logging))
        for one in running.values():  # a warm-up
            one.measure(clients, scale.connections * 4, scale.connections, bodies)
            one.rates, one.cpu_us = [], []
        for name in in_turn(list(running), scale.rounds):
            running[name].measure(clients, scale.requests, scale.connections, bodies)
    return {name: (running[f"{name} {ON}"], running[f"{name} {OFF}"]) for name in known}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    description = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description=description)
    parser.add_argument("--requests", type=int, help="of each server in each round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="of all servers in turn (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="of all clients (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="(default: %(default)s)")
    parser.add_argument("--only", metavar="NAME", default="", help="servers whose name begins so")
    return parse_scale(parser, arguments, FULL, QUICK)


def main(arguments: Sequence[str]) -> None:
    scale = parse(arguments)
    print(f"{conditions('benchmarks.service', arguments, ('loguru', 'numpy', 'orjson', 'uvicorn'))}\n")
    with tempfile.TemporaryDirectory() as folder:
        pairs = measure(Path(folder), scale)
        print(f"{scale.connections} connections, {scale.requests:,} requests a round, rounds: {scale.rounds}\n")
        table(row(name, *pair) for name, pair in pairs.items())
    worst = min((ratio(*pair) for name, pair in pairs.items() if name != PEER), default=float("nan"))
    print(f"Throughput with logging, to that without: at least {worst:.2f}; the bar of {BAR} is ", end="")
    print("held." if worst >= BAR else "missed.")


if __name__ == "__main__":
    main(sys.argv[1:])
