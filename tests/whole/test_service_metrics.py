"""``main.py serve --metrics-port``: one address at which Prometheus finds the counts of all workers."""

import importlib.util
import re
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import main
from sevenfold.cli.parser import WRONG_INPUT
from sevenfold.files.shipped.notes import Progress, Shipping
from tests.support.servers import Server, ask, serve, wait_for
from tests.support.small_model import ROW, save_trained
from tests.support.systems import unix

needs_uvicorn = pytest.mark.whole("uvicorn")
whole = pytest.mark.whole("uvicorn", "prometheus_client")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "artifacts").mkdir()
    save_trained(tmp_path / "artifacts")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scraped(server: Server) -> str:
    found = re.search(r", metrics at http://127\.0\.0\.1:(\d+)/metrics; Ctrl-C stops", server.stdout)
    assert found is not None
    with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/metrics", timeout=10) as response:
        return str(response.read().decode())


def n_predictions(answer: str) -> float:
    return sum(map(float, re.findall(r"^sevenfold_predictions_total\{.*\} (\S+)$", answer, re.MULTILINE)))


def worker_of(server: Server) -> str:
    """Ask for a prediction, on a connection of its own, and say which worker answered."""
    response, answer = ask(server.connect(), "POST", "/predict", ROW)
    assert response.status == 200, answer
    return str(server.events("api")[-1].fields["worker_id"])


@unix("Windows has no such signals for one process")
@whole
@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_all_workers_are_one_scrape_that_ends_with_the_service(folder: Path, n_workers: int, name: str) -> None:
    with serve(folder, "--metrics-port", "0", n_workers=n_workers) as server:
        answered: list[str] = []
        while len(set(answered)) < n_workers:
            answered.append(worker_of(server))
        wait_for(lambda: n_predictions(scraped(server)) == len(answered))
        assert 'http_server_request_duration_seconds_count{http_request_method="POST"' in scraped(server)
        assert "sevenfold_ship" not in scraped(server)
        Shipping("5a4b", "web-1", {"predictions.log": Progress()}).save(folder / "logs")
        assert 'sevenfold_ship_behind_bytes{file="predictions.log",host="web-1"}' in scraped(server)
        server.stop(getattr(signal, name))
        wait_for(lambda: not _answers(server))


def _answers(server: Server) -> bool:
    try:
        return bool(scraped(server))
    except (urllib.error.URLError, ConnectionError):
        return False


@whole
def test_a_port_for_metrics_that_is_taken_is_one_line_and_nothing_starts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main.main(["serve", "--port", "0", "--workers", "2", "--metrics-port", str(port)]) == WRONG_INPUT
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"main.py serve: can't answer on 127\.0\.0\.1:{port}: [^\n]+\n", err)
    assert not (folder / "logs").exists()


@needs_uvicorn
@pytest.mark.usefixtures("folder")
def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert main.main(["serve", "--port", "0", "--metrics-port", "0"]) == WRONG_INPUT
    said = 'main.py serve: needs prometheus-client: pip install "sevenfold[metrics]"\n'
    assert capsys.readouterr() == ("", said)
    assert not (tmp_path / "logs").exists()
