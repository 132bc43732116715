"""The command `serve`, as a user starts it."""

import errno
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

import main
from sevenfold.cli.parser import WRONG_INPUT
from sevenfold.cli.streams import one_line
from tests.support.log_files import read_events, read_json
from tests.support.small_model import ROW, save_trained

ROOT = Path(main.__file__).parent
in_own_folder = pytest.mark.usefixtures("own_logger")


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", int, str]]:
    """Start the command, and give the process, the port and the line that it printed; it is ended at the end."""
    command = [sys.executable, str(ROOT / "main.py"), "serve", "--port", "0", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r":(\d+),", line)
        assert found, process.communicate()
        yield process, int(found[1]), line
    finally:
        process.kill()
        process.communicate()


def post(port: int, count: int) -> list[int]:
    statuses = []
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for _ in range(count):
            connection.request("POST", "/predict", json.dumps(ROW), {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
    return statuses


@pytest.mark.whole
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals for one process")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_leaves_everything_said(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "artifacts").mkdir()
    version = main_version(save_trained(tmp_path / "artifacts"))
    with served(tmp_path, "--window-requests", "30", "--drift-rows", "30") as (process, port, line):
        assert line == f"serving http://127.0.0.1:{port}, model {version}; Ctrl-C stops\n"
        assert post(port, 40) == [200] * 40
        with socket.create_connection(("127.0.0.1", port), timeout=30) as halfway:
            body = json.dumps(ROW).encode()
            head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            halfway.sendall(head % len(body) + body[:5])
            assert post(port, 1) == [200]  # the server has read what came before
            process.send_signal(number)
            # Gone from the listen queue: the signal was heard. What is in flight is answered.
            while not refused(port):
                pass
            halfway.sendall(body[5:])
            assert halfway.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (main.OK, "")
    assert all(" | " in line for line in err.splitlines())
    windows = [event.fields for event in read_events(tmp_path / "logs" / "monitoring.log")]
    assert [(window["request_count"], window["worker_id"]) for window in windows] == [
        (30, f"pid-{process.pid}"),
        (12, f"pid-{process.pid}"),
    ]
    audit = [line["record"]["extra"] for line in read_json(tmp_path / "logs" / "app_json.log")]
    assert [(one["event"], one["outcome"]) for one in audit] == [
        ("service_started", "started"),
        ("drift_detected", "detected"),
        ("service_stopped", "success"),
    ]
    assert audit[-1]["request_count"] == 42
    assert len(read_events(tmp_path / "logs" / "api_requests.log")) == 42


def main_version(path: Path) -> str:
    from pipeline.model.logistic import load_saved  # noqa: PLC0415

    return load_saved(path).model.version


def refused(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30):
            return False
    except ConnectionError:
        return True


@in_own_folder
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--model", "none.npz"], "none.npz isn't there; make it with: python main.py"),
        (["--model", "bad.npz"], "bad.npz: expected a saved model, got a file that is damaged or something else"),
        (["--drift-rows", "3"], "drift is found in batches of at least 30 rows, got 3"),
        (["--host", "192.0.2.7", "--port", "0"], None),
        (["--log-dir", "bad.npz"], "bad.npz: the log folder can't be written: it is a file"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    line: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.npz").write_text("no model")
    path = save_trained(tmp_path)
    arguments = arguments if "--model" in arguments else [*arguments, "--model", path.name]
    assert main.main(["serve", *arguments]) == WRONG_INPUT
    captured = capsys.readouterr()
    told = [one for one in captured.err.splitlines() if " | " not in one]
    assert (len(told), captured.out) == (1, "")
    assert (
        told == [f"main.py serve: {line}"] if line else told[0].startswith("main.py serve: can't listen on 192.0.2.7:0")
    )


@in_own_folder
def test_a_port_that_is_taken_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["serve", "--port", str(port), "--model", str(save_trained(tmp_path))]
        assert main.main(arguments) == WRONG_INPUT
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"main.py serve: can't listen on 127.0.0.1:{port}: ")
    audit = [one["record"]["extra"] for one in read_json(tmp_path / "logs" / "app_json.log")]
    assert [one["outcome"] for one in audit] == ["started", "failure"]


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main.main(["serve", "--port", port])
    assert stopped.value.code == WRONG_INPUT
    assert re.fullmatch(
        r"main.py serve: argument --port: expected .*; see main.py serve --help\n", capsys.readouterr().err
    )


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
