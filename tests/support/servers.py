"""Start real servers on the loopback, talk to them, and end them by their process id."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

import sinks
from sevenfold.lines.parsing import Event
from sevenfold.reading.folder import read
from tests.support.log_files import read_json

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30


class Server:
    """A running server, and the folder that it runs in."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process
        self.opened = contextlib.ExitStack()

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text(encoding="utf-8")

    @property
    def port(self) -> int:
        """The port that it says it listens on, 0 before."""
        found = re.search(r"https?://127\.0\.0\.1:(\d+)", self.stdout + self.stderr)
        return int(found[1]) if found else 0

    def is_ready(self, n_workers: int) -> bool:
        return self.port > 0 and self.stderr.count("startup complete") >= n_workers

    def connect(self) -> HTTPConnection:
        """Open a connection, which is closed with the server at the latest."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        self.opened.callback(connection.close)
        connection.connect()
        return connection

    def events(self, channel: str, **fields: Any) -> list[Event]:
        """Read what a channel's files hold, rotated ones too, of the records that have these fields."""
        file = next(row.file for row in sinks.CHANNELS if row.name == channel)
        return [one for one in read(self.folder / "logs" / file) if fields.items() <= one.fields.items()]

    def audited(self) -> list[dict[str, Any]]:
        return [line["record"]["extra"] for line in read_json(self.folder / "logs" / "app_json.log")]

    def workers(self) -> list[int]:
        """List the processes that have said that they started."""
        return [int(pid) for pid in re.findall(r"Started server process \[(\d+)\]", self.stderr)]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def launched(folder: Path, *command: str, **environment: str) -> Iterator[Server]:
    """Start a server, well or not; end it with all its workers."""
    if sys.platform == "win32":
        pytest.skip("its workers are ended as one session")
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    server = Server(folder, process)
    try:
        yield server
    finally:
        server.opened.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the session that it leads: itself and its workers
        process.wait(PATIENCE_S)


@contextlib.contextmanager
def ready(folder: Path, *command: str, n_workers: int = 1, **environment: str) -> Iterator[Server]:
    """Start a server, and wait until all its workers answer."""
    with launched(folder, *command, **environment) as server:
        wait_for(lambda: server.is_ready(n_workers), lambda: server.process.poll() is None)
        yield server


def serve(folder: Path, *arguments: str, n_workers: int = 1) -> contextlib.AbstractContextManager[Server]:
    """Start the command ``main.py serve``."""
    command = [str(ROOT / "main.py"), "serve", "--port", "0", "--workers", str(n_workers), *arguments]
    return ready(folder, *command, n_workers=n_workers)


def uvicorn(
    folder: Path, *arguments: str, app: str = "main:create_app", n_workers: int = 1, **environment: str
) -> contextlib.AbstractContextManager[Server]:
    """Start uvicorn's own command with a factory of an application."""
    command = ["-m", "uvicorn", app, "--factory", "--port", "0", "--workers", str(n_workers), *arguments]
    return ready(folder, *command, n_workers=n_workers, **environment)


def service(folder: Path, *, n_workers: int = 1, **options: Any) -> contextlib.AbstractContextManager[Server]:
    """Start the reference service with options that its commands don't have; see `tests.support.service`."""
    told = json.dumps({"workers": n_workers, **options})
    return ready(folder, "-m", "tests.support.service", n_workers=n_workers, TEST_OPTIONS=told)


def ask(
    connection: HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> tuple[HTTPResponse, Any]:
    """Send a request and read its answer; names of headers with underscores."""
    given = {"Content-Type": "application/json"} if body is not None else {}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body if isinstance(body, bytes | None) else json.dumps(body), given)
    response = connection.getresponse()
    content = response.read()
    return response, json.loads(content) if content else None


def wait_for(condition: Callable[[], Any], still: Callable[[], Any] = lambda: True) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert still()
        assert time.monotonic() < deadline
        time.sleep(0.005)
