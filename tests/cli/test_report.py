"""The command `report`."""

from pathlib import Path

import pytest
from loguru import logger

import sinks
from sevenfold import cli, make_key
from tests.support.days import write_day


def test_it_writes_the_page_into_the_folder_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_day(tmp_path, n_requests=100)
    assert cli.main(["report", "--log-dir", str(tmp_path)]) == 0
    assert capsys.readouterr() == (f"{tmp_path / 'report.html'}\n", "")
    assert "100</b> requests" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_it_is_no_log_file_for_the_next_one(tmp_path: Path) -> None:
    write_day(tmp_path, n_requests=100)
    pages = []
    for _ in range(2):
        assert cli.main(["report", "--log-dir", str(tmp_path)]) == 0
        pages.append((tmp_path / "report.html").read_text(encoding="utf-8").partition("<footer>")[0])
    assert pages[0] == pages[1]


def test_it_takes_a_time_and_a_file(tmp_path: Path) -> None:
    write_day(tmp_path, n_requests=100)
    out = tmp_path / "elsewhere.html"
    options = ["--since", "2026-11-25T12:00", "--until", "2026-11-25T12:00", "--out", str(out)]
    assert cli.main(["report", "--log-dir", str(tmp_path), *options]) == 0
    assert "No events." in out.read_text(encoding="utf-8")


def test_what_cannot_be_written_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "missing" / "report.html"
    assert cli.main(["report", "--log-dir", str(tmp_path), "--out", str(out)]) == 1
    assert capsys.readouterr() == ("", f"sevenfold report: {out}: No such file or directory\n")


@pytest.mark.usefixtures("own_logger")
def test_the_verdict_on_the_trail_stands_at_the_head(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, key = tmp_path / "logs", tmp_path / "key"
    make_key(key)
    with sinks.configure(folder, console=None, audit_key=key):
        logger.bind(channel="audit").info("model_trained", event="model_trained")
    out = folder / "report.html"
    assert cli.main(["report", "--log-dir", str(folder)]) == 0
    assert "not verified: " in out.read_text(encoding="utf-8")
    assert cli.main(["report", "--log-dir", str(folder), "--key", str(key)]) == 0
    assert "audit: 1 event in 1 file: proved" in out.read_text(encoding="utf-8")
    log = folder / "app_json.log"
    log.write_text(log.read_text(encoding="utf-8").replace("model_trained", "model_praised"), encoding="utf-8")
    assert cli.main(["report", "--log-dir", str(folder), "--key", str(key)]) == 0
    assert "NOT proved" in out.read_text(encoding="utf-8")
    assert cli.main(["report", "--log-dir", str(folder), "--key", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
