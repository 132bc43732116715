"""main.create_app under uvicorn: how it starts and ends, and what becomes of uvicorn's own lines."""

import json
import logging
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import main
from pipeline.service.uvicorn import Settings, adopt_uvicorn, make_app
from tests.support.log_files import read_json
from tests.support.small_model import ROW, save_trained
from tests.support.uvicorn_server import Server, ask, launched, uvicorn, wait_for

BEGIN = ["Started server process [{}]", "Waiting for application startup.", "Application startup complete."]
END = ["Shutting down", "Waiting for application shutdown.", "Application shutdown complete."]
END += ["Finished server process [{}]"]
INVALID = "Invalid HTTP request received."
OWN_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"own": {"format": "own: %(name)s: %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "own"},
        "file": {"class": "logging.FileHandler", "formatter": "own", "filename": "own.log"},
    },
    "root": {"handlers": ["console", "file"], "level": "INFO"},
    "loggers": {"uvicorn.access": {"level": "INFO"}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "artifacts").mkdir()
    save_trained(tmp_path / "artifacts")
    (tmp_path / "own.json").write_text(json.dumps(OWN_CONFIG))
    return tmp_path


def audited(server: Server) -> list[tuple[str, str, int | None]]:
    extras = [line["record"]["extra"] for line in read_json(server.folder / "logs" / "app_json.log")]
    return sorted((extra["event"], extra["worker_id"], extra.get("request_count")) for extra in extras)


def said(server: Server, pid: int) -> list[str]:
    """List what uvicorn said in the log, without what tells one process and port from another."""
    lines = server.events("api", logger="uvicorn.error")
    return [event.message.replace(f"[{pid}]", "[{}]").replace(f":{server.port}", ":{}") for event in lines]


def half_a_request(server: Server) -> socket.socket:
    head = (
        f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(json.dumps(ROW))}"
    )
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    client.sendall(f"{head}\r\nX-Request-ID: in-flight\r\n\r\n".encode() + json.dumps(ROW).encode()[:9])
    return client


@pytest.mark.whole("uvicorn")
def test_on_sigterm_the_request_in_flight_is_answered_the_window_written_and_the_stop_audited(folder: Path) -> None:
    with uvicorn(folder) as server:
        assert ask(server.connect(), "GET", "/health")[0].status == 200
        with half_a_request(server) as client:
            server.process.send_signal(signal.SIGTERM)
            wait_for(lambda: "Waiting for connections" in server.stderr)
            client.sendall(json.dumps(ROW).encode()[9:])
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert server.process.wait(30) == -signal.SIGTERM
    pid = server.process.pid
    worker = f"pid-{pid}"
    assert audited(server) == [("service_started", worker, None), ("service_stopped", worker, 2)]
    (window,) = server.events("monitoring")
    counts = {"worker_id": worker, "request_count": 2, "status_2xx_count": 2, "error_count": 0}
    assert counts.items() <= window.fields.items()
    running = "Uvicorn running on http://127.0.0.1:{} (Press CTRL+C to quit)"
    waiting = "Waiting for connections to close. (CTRL+C to force quit)"
    expected = [*BEGIN, running, END[0], waiting, *END[1:]]
    assert said(server, pid) == expected
    assert [line for line in server.stderr.splitlines() if not line.startswith("20")] == [
        f"INFO:     {line}".replace("[{}]", f"[{pid}]").replace(":{}", f":{server.port}") for line in expected
    ]
    shown = re.findall(r"^20\S+ \| (\w+) +\| (\w+) +\| (\w+)", server.stderr, re.MULTILINE)
    assert shown == [
        ("INFO", "audit", "service_started"),
        ("INFO", "monitoring", "window"),
        ("INFO", "audit", "service_stopped"),
    ]
    assert ((folder / "stdout").read_text(), server.events("errors")) == ("", [])


@pytest.mark.whole("uvicorn")
def test_on_ctrl_c_each_of_several_workers_ends_as_one_does_whatever_logging_uvicorn_is_told(folder: Path) -> None:
    options = ["--log-config", "own.json", "--log-level", "debug", "--no-access-log"]
    with uvicorn(folder, *options, n_workers=2, SEVENFOLD_WINDOW_REQUESTS="3", SEVENFOLD_LOG_DIR="logs") as server:
        for _ in range(8):
            connection = server.connect()
            assert ask(connection, "GET", "/health")[0].status == 200
            connection.close()
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            client.sendall(b"nonsense\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 400"
        os.killpg(server.process.pid, signal.SIGINT)  # as a terminal does
        assert server.process.wait(30) == 0
    events = audited(server)
    counts = {worker: count or 0 for event, worker, count in events if event == "service_stopped"}
    assert [event for event, *_ in events] == ["service_started"] * 2 + ["service_stopped"] * 2
    assert sum(counts.values()) == 8
    windows = [(one.fields["worker_id"], one.fields["request_count"]) for one in server.events("monitoring")]
    assert {worker: sum(n for one, n in windows if one == worker) for worker in counts} == counts
    assert all(count <= 3 for _, count in windows)
    assert server.stderr.count("own: uvicorn.error: Finished server process") == 2
    lines = [re.sub(r"\d+", "{}", event.message) for event in server.events("api", logger="uvicorn.error")]
    assert sorted(lines) == sorted([*2 * (BEGIN + END), INVALID])
    assert (server.stderr.count(INVALID), (folder / "own.log").read_text().count(INVALID)) == (1, 1)
    assert "GET /health" not in server.stderr + (folder / "own.log").read_text()
    assert not set(re.findall("Traceback|Logging error", server.stderr))


@pytest.mark.whole("uvicorn")
def test_without_a_model_it_says_so_once_and_is_not_started_again(folder: Path) -> None:
    why = "none.npz isn't there; make it with: python main.py"
    with launched(folder, SEVENFOLD_MODEL="none.npz") as server:
        assert server.process.wait(30) == 3
    errors = [(event.message, event.fields) for event in server.events("errors")]
    assert errors == [(line, {"logger": "uvicorn.error"}) for line in (why, "Application startup failed. Exiting.")]
    assert server.events("api")[2:] == server.events("errors")
    assert (server.stderr.count(why), server.stderr.count("Exiting"), server.stderr.count("Traceback")) == (1, 1, 0)


@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("SEVENFOLD_WINDOW_SECONDS", "soon", "SEVENFOLD_WINDOW_SECONDS must be a number, got 'soon'"),
        ("SEVENFOLD_LOG_DIR", __file__, f"{__file__}: the log folder can't be written: it is a file"),
    ],
)
def test_a_wrong_setting_ends_the_process_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, line: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main.create_app()
    assert (ended.value.code, capsys.readouterr().err) == (3, f"main.py: {line}\n")


def test_settings_come_from_the_environment() -> None:
    told = {
        "SEVENFOLD_LOG_DIR": "/var/log/scoring",
        "SEVENFOLD_WINDOW_REQUESTS": "50",
        "SEVENFOLD_WINDOW_SECONDS": "2.5",
    }
    assert Settings.read(told) == Settings("/var/log/scoring", "artifacts/model.npz", 50, 2.5)
    assert Settings.read({}) == Settings()


@pytest.fixture
def loggers() -> Iterator[None]:
    """Give the loggers back as they were found."""
    found = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")]
    states = [(one, one.handlers[:], one.propagate, one.level) for one in found]
    yield
    for one, handlers, propagate, level in states:
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


@pytest.mark.usefixtures("loggers")
def test_what_connects_to_a_socket_that_the_parent_bound_is_answered_without_delay() -> None:
    with socket.socket() as listening, socket.socket() as client:  # as uvicorn makes it: of no protocol
        listening.bind(("127.0.0.1", 0))
        adopt_uvicorn(make_app(), lambda: None)
        listening.listen()
        client.connect(listening.getsockname())
        with listening.accept()[0] as connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.usefixtures("loggers")
def test_uvicorn_keeps_on_the_console_what_loguru_does_not_show(capsys: pytest.CaptureFixture[str]) -> None:
    errors, access = logging.getLogger("uvicorn.error"), logging.getLogger("uvicorn.access")
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler())
    access.addHandler(logging.StreamHandler())
    errors.setLevel("DEBUG")
    ended: list[str] = []
    adopt_uvicorn(make_app(), lambda: ended.append("closed"))
    errors.debug("in detail")
    errors.warning("Invalid HTTP request received.")
    errors.error("Exception in ASGI application")
    access.info("GET / 200")
    assert (capsys.readouterr().err, access.hasHandlers(), ended) == ("in detail\n", False, [])
    errors.info("Finished server process [%d]", 7)
    assert ended == ["closed"]
