"""Many clients, several workers that rotate the same files, and one that is killed: each line is accounted for."""

import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sevenfold.reading.folder import read
from tests.support.servers import Server, service, wait_for
from tests.support.small_model import ROW, save_trained

pytestmark = [
    pytest.mark.whole("uvicorn"),
    pytest.mark.skipif(sys.platform == "win32", reason="ends its servers as one session"),
]

BODY = json.dumps(ROW).encode()
HEAD = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HEAD += f"Content-Length: {len(BODY)}\r\nX-Request-ID: {{}}\r\n\r\n"


class Clients:
    """Connections that send one request after another, and open anew when a worker dies.

    Attributes
    ----------
    answered : list of str
        Ids of the requests that were answered, all with 200.
    broken : list of str
        Ids of those whose connection broke before; each was sent again under another id.
    """

    def __init__(self, port: int, n_requests: int) -> None:
        self._port = port
        self._numbers = iter(range(n_requests))
        self.answered: list[str] = []
        self.broken: list[str] = []

    async def run(self, n_connections: int) -> None:
        await asyncio.gather(*(self._send() for _ in range(n_connections)))

    async def _send(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for number in self._numbers:
            request_id = f"load-{number}"
            while not await self._is_answered(reader, writer, request_id):
                self.broken.append(request_id)
                request_id += "-again"
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            self.answered.append(request_id)
        writer.close()

    async def _is_answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request_id: str) -> bool:
        try:
            writer.write(HEAD.format(request_id).encode() + BODY)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        except (ConnectionError, asyncio.IncompleteReadError):
            return False
        assert head.startswith(b"HTTP/1.1 200 OK"), head
        assert f"x-request-id: {request_id}\r\n".encode() in head
        return True


async def load(clients: Clients, n_connections: int, *, kill_at: int | None, victim: int) -> None:
    """Send all requests; somewhere among them, a worker is killed."""
    running = asyncio.create_task(clients.run(n_connections))
    if kill_at is not None:
        while len(clients.answered) < kill_at:  # noqa: ASYNC110 - no event for each answer
            await asyncio.sleep(0.001)
        os.kill(victim, signal.SIGKILL)
    await running


def counted(server: Server, file: str, bad: list[Any]) -> Counter[str]:
    """Count the lines of a file and its rotated siblings by request."""
    events = read(server.folder / "logs" / file, on_bad=lambda *where: bad.append(where))
    return Counter(event.fields["request_id"] for event in events if "request_id" in event.fields)


@pytest.mark.parametrize(
    ("n_workers", "n_connections", "n_requests", "rotation", "is_killed"),
    [
        pytest.param(2, 8, 800, 50_000, True, id="one of two workers killed"),
        pytest.param(4, 16, 20_000, 1_000_000, True, id="one of four workers killed", marks=pytest.mark.slow),
        pytest.param(4, 16, 20_000, 1_000_000, False, id="four workers", marks=pytest.mark.slow),
    ],
)
def test_each_answered_request_has_its_two_lines_once(
    tmp_path: Path, n_workers: int, n_connections: int, n_requests: int, rotation: int, is_killed: bool
) -> None:
    save_trained(tmp_path)
    with service(tmp_path, n_workers=n_workers, sinks={"rotation": rotation}) as server:
        clients = Clients(server.port, n_requests)
        victim = server.workers()[0]
        asyncio.run(load(clients, n_connections, kill_at=n_requests // 2 if is_killed else None, victim=victim))
        wait_for(lambda: server.stderr.count("startup complete") == n_workers + is_killed)
        assert server.stop() == 0
    assert len(set(clients.answered)) == n_requests
    bad: list[Any] = []
    for lines in (counted(server, "api_requests.log", bad), counted(server, "predictions.log", bad)):
        unanswered = {request_id: lines.pop(request_id, 0) for request_id in clients.broken}
        assert lines == Counter(clients.answered)
        assert set(unanswered.values()) <= {0, 1}
    assert (len(clients.broken) <= n_connections) if is_killed else clients.broken == []
    assert len(bad) <= is_killed  # the kernel may cut a write in two where somebody is killed
    assert list((tmp_path / "logs").glob("predictions.*.log.gz"))
    assert all(event.message in {"feature", "joint", "batch", "monitor"} for event in server.events("drift"))
    assert {event.fields["batch_id"].partition("-pid-")[0] for event in server.events("drift")} == {"live"}
    events = Counter(one["event"] for one in server.audited())
    assert (events["service_started"], events["service_stopped"]) == (n_workers + is_killed, n_workers)
    assert not set(re.findall("Traceback|Logging error|sevenfold:.*", server.stderr))


class Hurried(Clients):
    """Clients that leave for good when their connection breaks."""

    async def _send(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for number in self._numbers:
            if not await self._is_answered(reader, writer, f"load-{number}"):
                self.broken.append(f"load-{number}")
                break
            self.answered.append(f"load-{number}")
        writer.close()


async def until_stopped(clients: Hurried, server: Server) -> None:
    running = asyncio.create_task(clients.run(16))
    while len(clients.answered) < 500:  # noqa: ASYNC110 - no event for each answer
        await asyncio.sleep(0.001)
    server.process.send_signal(signal.SIGTERM)
    await running


@pytest.mark.parametrize("n_workers", [1, 2])
def test_on_sigterm_under_load_what_is_answered_is_logged_and_nothing_else(tmp_path: Path, n_workers: int) -> None:
    save_trained(tmp_path)
    with service(tmp_path, n_workers=n_workers) as server:
        clients = Hurried(server.port, 1_000_000)
        asyncio.run(until_stopped(clients, server))
        assert server.process.wait(30) == 0
    bad: list[Any] = []
    assert counted(server, "api_requests.log", bad) == counted(server, "predictions.log", bad)
    assert counted(server, "api_requests.log", bad) == Counter(clients.answered)
    stopped = [one["request_count"] for one in server.audited() if one["event"] == "service_stopped"]
    assert (len(stopped), sum(stopped), bad) == (n_workers, len(clients.answered), [])
    assert sum(event.fields["request_count"] for event in server.events("monitoring")) == len(clients.answered)
