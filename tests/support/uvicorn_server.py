"""A real uvicorn on the loopback: to start, to talk to, and to end by its process id."""

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
from pipeline.service import uvicorn as deployment
from pipeline.service.asgi import App, Limits
from sevenfold.lines.parsing import Event
from sevenfold.reading.folder import read

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30


def create_app() -> App:
    """Make the application as main.create_app does, with the options that a test gives in an environment variable."""
    options = json.loads(os.environ["TEST_OPTIONS"])
    handle = sinks.configure("logs", intercept={deployment.UVICORN: "api"}, **options.get("sinks", {}))
    settings = deployment.Settings(**options.get("settings", {}))
    app = deployment.make_app(settings, limits=Limits(**options.get("limits", {})), worker_id=f"pid-{os.getpid()}")
    deployment.adopt_uvicorn(app, handle.close)
    return app


class Server:
    """A running server, and the folder that it runs in."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process
        self.port = 0
        self.opened = contextlib.ExitStack()

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def is_ready(self, n_workers: int) -> bool:
        """Whether all workers have begun; notes the port that the server chose."""
        found = re.search(r"running on http://127\.0\.0\.1:(\d+)", self.stderr)
        self.port = int(found[1]) if found else 0
        return found is not None and self.stderr.count("startup complete") >= n_workers

    def connect(self) -> HTTPConnection:
        """Open a connection, which is closed with the server at the latest."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        self.opened.callback(connection.close)
        wait_for(lambda: connects(connection))
        return connection

    def events(self, channel: str, **fields: Any) -> list[Event]:
        """Read what a channel's files hold, rotated ones too, of the records that have these fields."""
        file = next(row.file for row in sinks.CHANNELS if row.name == channel)
        return [one for one in read(self.folder / "logs" / file) if fields.items() <= one.fields.items()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def uvicorn(
    folder: Path, *arguments: str, app: str = "main:create_app", n_workers: int = 1, **environment: str
) -> Iterator[Server]:
    """Start a server in a folder, wait until it answers, and end it with all its workers."""
    with launched(folder, *arguments, "--workers", str(n_workers), app=app, **environment) as server:
        wait_for(lambda: server.is_ready(n_workers), lambda: server.process.poll() is None)
        yield server


@contextlib.contextmanager
def launched(folder: Path, *arguments: str, app: str = "main:create_app", **environment: str) -> Iterator[Server]:
    """Start a server, well or not."""
    if sys.platform == "win32":
        pytest.skip("its workers are ended as one session")
    paths = str(ROOT)
    command = [sys.executable, "-m", "uvicorn", app, "--factory", "--port", "0", *arguments]
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": paths} | environment,
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


def connects(connection: HTTPConnection) -> bool:
    with contextlib.suppress(ConnectionRefusedError):  # a worker has started, but doesn't listen yet
        connection.connect()
        return True
    return False
