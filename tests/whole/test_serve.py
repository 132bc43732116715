"""The command `serve`, and uvicorn's own command with `main.create_app`, as a user starts them."""

import errno
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

import main
from pipeline.model.logistic import load_saved
from sevenfold.cli.parser import WRONG_INPUT
from sevenfold.cli.streams import one_line
from tests.support.servers import ROOT, Server, ask, launched, ready, serve, uvicorn, wait_for
from tests.support.small_model import ROW, save_trained

in_own_folder = pytest.mark.usefixtures("own_logger")
whole = pytest.mark.whole("uvicorn")
IS_A_FILE = (
    "the log folder can't be written: it is a file;"
    ' without files: configure(None, console_format="json", console_stream="stdout")'
)
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals for one process")

BEGIN = ["Started server process [{}]", "Waiting for application startup.", "Application startup complete."]
END = ["Shutting down", "Waiting for application shutdown."]
AFTER_END = ["Application shutdown complete.", "Finished server process [{}]"]
INVALID = "Invalid HTTP request received."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "artifacts").mkdir()
    save_trained(tmp_path / "artifacts")
    return tmp_path


def half_a_request(server: Server) -> socket.socket:
    content = json.dumps(ROW).encode()
    head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Request-ID: in-flight\r\n"
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    client.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[:9])
    assert ask(server.connect(), "GET", "/health")[0].status == 200  # the server has read what came before
    return client


def said(server: Server) -> list[str]:
    """List what uvicorn says on the console, without what tells one process and port from another."""
    lines = re.findall(r"^20\S+ \| INFO     \| - \| (.*) \| logger=uvicorn\.error$", server.stderr, re.MULTILINE)
    return [re.sub(r"\[\d+\]", "[{}]", line) for line in lines]


@whole
@posix_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_leaves_everything_said(folder: Path, number: signal.Signals) -> None:
    with serve(folder, "--window-requests", "30", "--drift-rows", "30") as server:
        version = load_saved(folder / "artifacts" / "model.npz").model.version
        assert server.stdout == f"serving http://127.0.0.1:{server.port}, model {version}; Ctrl-C stops\n"
        connection = server.connect()
        assert [ask(connection, "POST", "/predict", ROW)[0].status for _ in range(40)] == [200] * 40
        with half_a_request(server) as client:
            server.process.send_signal(number)
            wait_for(lambda: "Waiting for connections to close" in server.stderr)
            client.sendall(json.dumps(ROW).encode()[9:])
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert server.process.wait(30) == main.OK
    assert all(" | " in line for line in server.stderr.splitlines())
    worker_id = f"pid-{server.process.pid}"
    windows = [event.fields for event in server.events("monitoring")]
    assert [(one["request_count"], one["quiet_count"], one["worker_id"]) for one in windows] == [
        (30, 0, worker_id),
        (11, 1, worker_id),
    ]
    audit = server.audited()
    assert [(one["event"], one["outcome"]) for one in audit] == [
        ("service_started", "started"),
        ("drift_detected", "detected"),
        ("service_stopped", "success"),
    ]
    assert audit[-1]["request_count"] == 42
    assert len(server.events("api")) == 41


@whole
def test_workers_that_take_seconds_to_start_are_waited_for(folder: Path) -> None:
    slow = "import sys, time\nif any('spawn_main' in one for one in sys.orig_argv):\n    time.sleep(6)\n"
    (folder / "sitecustomize.py").write_text(slow, encoding="utf-8")
    command = [str(ROOT / "main.py"), "serve", "--port", "0", "--workers", "2"]
    with ready(folder, *command, n_workers=2, PYTHONPATH=str(folder)) as server:
        assert "died" not in server.stderr
        assert len(server.workers()) == 2


@whole
@posix_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_two_workers_end_as_one_does(folder: Path, number: signal.Signals) -> None:
    with serve(folder, "--drift-rows", "30", n_workers=2) as server:
        for _ in range(8):
            connection = server.connect()
            assert ask(connection, "POST", "/predict", [list(ROW.values())] * 10)[0].status == 200
            connection.close()
        with half_a_request(server) as client:
            os.killpg(server.process.pid, number)  # as a terminal does
            wait_for(lambda: "Waiting for connections to close" in server.stderr)
            client.sendall(json.dumps(ROW).encode()[9:])
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        assert server.process.wait(30) == main.OK
    events = [(one["event"], one["worker_id"]) for one in server.audited() if one["event"] != "drift_detected"]
    workers = {f"pid-{pid}" for pid in server.workers()}
    assert sorted(events) == sorted((event, one) for one in workers for event in ("service_started", "service_stopped"))
    assert sum(one["request_count"] for one in server.audited() if one["event"] == "service_stopped") == 10
    assert sum(event.fields["request_count"] for event in server.events("monitoring")) == 9
    assert len(server.events("api")) == 9
    batches = {event.fields["batch_id"].rpartition("-")[0] for event in server.events("drift")}
    assert batches <= {f"live-{one}" for one in workers}
    assert batches
    assert not set(re.findall("Traceback|Logging error|sevenfold:", server.stderr))


@whole
def test_under_uvicorns_own_command_each_worker_leaves_everything_said_once(folder: Path) -> None:
    with uvicorn(folder, n_workers=2, SEVENFOLD_WINDOW_REQUESTS="3") as server:
        for _ in range(8):
            connection = server.connect()
            assert ask(connection, "GET", "/schema")[0].status == 200
            connection.close()
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            client.sendall(b"nonsense\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 400"
        assert server.stop() == 0
    stopped = [one for one in server.audited() if one["event"] == "service_stopped"]
    assert sum(one["request_count"] for one in stopped) == len(server.events("api")) == 8
    counts = [event.fields["request_count"] for event in server.events("monitoring")]
    assert (sum(counts), max(counts) <= 3) == (8, True)
    assert sorted(said(server)) == sorted([*BEGIN * 2, *END * 2])
    for line in AFTER_END:  # when the log is closed, uvicorn's own handlers are back
        assert server.stderr.count(line.partition("[")[0]) == 2
    assert server.stderr.count(INVALID) == 1
    assert "GET /schema" not in server.stderr + server.stdout
    assert not set(re.findall("Traceback|Logging error|sevenfold:", server.stderr))


@whole
def test_without_a_model_uvicorn_says_so_once_and_does_not_try_again(folder: Path) -> None:
    command = ["-m", "uvicorn", "main:create_app", "--factory", "--port", "0"]
    with launched(folder, *command, SEVENFOLD_MODEL="none.npz") as server:
        assert server.process.wait(30) == main.STARTUP_FAILED
    assert server.stderr.splitlines()[-1] == "main.py: none.npz isn't there; make it with: python main.py"
    assert (server.stderr.count("none.npz"), server.stderr.count("Traceback")) == (1, 0)
    assert not (folder / "logs").exists()


@in_own_folder
@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("SEVENFOLD_WINDOW_SECONDS", "soon", "SEVENFOLD_WINDOW_SECONDS must be a number, got 'soon'"),
        ("SEVENFOLD_LOG_DIR", __file__, f"{__file__}: {IS_A_FILE}"),
    ],
)
def test_a_wrong_setting_ends_a_worker_with_a_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    line: str,
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main.create_app()
    assert (ended.value.code, capsys.readouterr().err) == (main.STARTUP_FAILED, f"main.py: {line}\n")


WRONG = [
    (["--model", "none.npz"], "none.npz isn't there; make it with: python main.py"),
    (["--model", "bad.npz"], "bad.npz: expected a saved model, got a file that is damaged or something else"),
    (["--drift-rows", "3"], "drift is found in batches of at least 30 rows, got 3"),
    (["--trusted-proxies", "10.0.0.0/8,here"], "'here' does not appear to be an IPv4 or IPv6 network"),
    (["--ssl-certfile", "none.pem"], "TLS can't be set up with none.pem: No such file or directory"),
    (["--host", "192.0.2.7", "--port", "0"], None),
    (["--log-dir", "bad.npz"], f"bad.npz: {IS_A_FILE}"),
]


@in_own_folder
@pytest.mark.parametrize("n_workers", ["1", "2"])
@pytest.mark.parametrize(("arguments", "line"), WRONG)
def test_what_is_wrong_is_one_line_and_nothing_is_audited(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    line: str | None,
    n_workers: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.npz").write_text("no model", encoding="utf-8")
    path = save_trained(tmp_path)
    arguments = arguments if "--model" in arguments else [*arguments, "--model", path.name]
    assert main.main(["serve", "--workers", n_workers, *arguments]) == WRONG_INPUT
    captured = capsys.readouterr()
    (told,) = captured.err.splitlines()
    assert captured.out == ""
    assert told == f"main.py serve: {line}" if line else told.startswith("main.py serve: can't listen on 192.0.2.7:0")
    assert not (tmp_path / "logs").exists()


@in_own_folder
@pytest.mark.parametrize("n_workers", ["1", "2"])
def test_a_port_that_is_taken_is_one_line_and_nothing_is_audited(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], n_workers: str
) -> None:
    monkeypatch.chdir(folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main.main(["serve", "--port", str(port), "--workers", n_workers]) == WRONG_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"main.py serve: can't listen on 127.0.0.1:{port}: ")
    assert not (folder / "logs").exists()


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main.main(["serve", "--port", port])
    assert stopped.value.code == WRONG_INPUT
    assert re.fullmatch(
        r"main.py serve: argument --port: expected .*; see main.py serve --help\n", capsys.readouterr().err
    )


def test_an_id_that_redaction_would_change_is_not_a_clients_to_give() -> None:
    given = {
        "order-4711": True,
        "4bf92f35-77b3:4da6/a3ce@host+1=": True,
        "ghp_0123456789abcdefghijABCDEFGHIJ012345": False,
    }
    assert {one: main.accept_id(one) for one in given} == given


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "no space left"), "no space left"),
        (FileNotFoundError(errno.ENOENT, "no such file", "a.csv"), "a.csv: no such file"),
        (FileNotFoundError("no file,\n make it"), "no file, make it"),
        (OSError(), "OSError"),
        (ValueError("x"), "x"),
    ],
)
def test_an_error_is_told_in_one_line_without_what_it_lacks(error: Exception, line: str) -> None:
    assert one_line(error) == line
