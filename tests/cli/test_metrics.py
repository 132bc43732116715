"""The command `metrics`: its message if it can't serve."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from sevenfold import cli
from sevenfold.overview.metrics.totals import BATCHES, Totals
from tests.support.days import write_day
from tests.support.servers import ROOT, wait_for


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert cli.main(["metrics", "--log-dir", str(tmp_path)]) == 2
    needs = 'sevenfold metrics: needs prometheus-client: pip install "sevenfold[metrics]"\n'
    assert capsys.readouterr() == ("", needs)


@pytest.mark.whole("prometheus_client")
def test_a_port_that_is_taken_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket  # noqa: PLC0415

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["metrics", "--log-dir", str(tmp_path), "--port", str(port)]) == 1
    said = f"sevenfold metrics: can't answer on 127.0.0.1:{port}: Address already in use\n"
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["metrics", "--port", port])
    expected = f"sevenfold metrics: argument --port: expected a port, 0 to 65535, got {port!r};"
    assert capsys.readouterr().err.startswith(expected)


@pytest.mark.whole("prometheus_client")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals for one process")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_the_last_checkpoint(tmp_path: Path, number: signal.Signals) -> None:
    write_day(tmp_path / "logs", n_requests=200)
    checkpoint = tmp_path / "metrics.json"
    command = ["metrics", "--log-dir", str(tmp_path / "logs"), "--port", "0", "--checkpoint", str(checkpoint)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "sevenfold", *command],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as serving:
        assert serving.stdout is not None
        port = int(serving.stdout.readline().rpartition(":")[2].partition("/")[0])
        wait_for(lambda: 'drifted="true"} 28.0' in _answer(port))
        assert not checkpoint.exists()  # which is written every 10 s besides
        serving.send_signal(number)
        assert serving.wait(30) == 0
    shown = Totals.of(json.loads(checkpoint.read_text(encoding="utf-8"))["shown"])
    assert shown.values[BATCHES][("true",)] == [28.0]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def _answer(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        return str(response.read().decode())
