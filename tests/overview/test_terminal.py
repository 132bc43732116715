"""An overview in a terminal: no line is too long, nothing moves the cursor, colours only where they are wanted."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sevenfold import cli
from sevenfold.lines.parsing import Event
from sevenfold.overview.gathering import Gathering, gather
from sevenfold.overview.panels import PANELS
from sevenfold.overview.terminal import PLAIN, Screen, summary
from tests.overview.test_page import EVIL, evil_overview
from tests.support.days import write_day


def test_a_day_is_told_in_80_columns(tmp_path: Path) -> None:
    shown = summary(gather(write_day(tmp_path, n_requests=500)), "logs", Screen())
    assert max(map(len, shown.splitlines())) <= 80
    assert "500 requests" in shown
    assert re.search(r"^  feature_\d\d  +[▁▂▃▄▅▆▇█]+ 0\.\d{3}, drifted (2\d|3\d) times$", shown, flags=re.MULTILINE)
    assert re.search(r"ConnectionResetError service/store\.py:41 in lookup, last 2026-11-25", shown)
    assert "\x1b" not in shown


def test_more_columns_show_more(tmp_path: Path) -> None:
    overview = gather(write_day(tmp_path, n_requests=500))
    wide = summary(overview, "logs", Screen(width=160)).splitlines()
    assert 80 < max(map(len, wide)) <= 160


def test_colours_and_plain_characters(tmp_path: Path) -> None:
    overview = gather(write_day(tmp_path, n_requests=500))
    coloured = summary(overview, "logs", Screen(colours=True))
    assert re.search(r"feature_\d\d +\x1b\[31m", coloured)
    assert re.sub(r"\x1b\[\d*m", "", coloured) == summary(overview, "logs", Screen())
    assert summary(overview, "logs", Screen(blocks=PLAIN)).isascii()


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_nothing_that_is_logged_moves_the_cursor(evil: str) -> None:
    shown = summary(evil_overview(evil), evil, Screen())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", shown)
    assert max(map(len, shown.splitlines())) <= 80


def test_an_empty_folder(tmp_path: Path) -> None:
    assert summary(gather(tmp_path), "logs", Screen()) == "logs\nno events\n"


def test_a_single_event() -> None:
    gathering = Gathering(PANELS)
    gathering.add([Event(datetime(2026, 11, 25, tzinfo=UTC), "INFO", "api", "request", {"duration_ms": 2.0})])
    assert "1 event, 1 request, " in summary(gathering.overview(), "logs", Screen())


def test_the_command_prints_it_without_colours_into_a_pipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")  # room for any path
    write_day(tmp_path, n_requests=100)
    assert cli.main(["summary", "--log-dir", str(tmp_path), "--since", "2026-11-25"]) == 0
    out, err = capsys.readouterr()
    assert (out.splitlines()[0], err) == (str(tmp_path), "")
    assert "\x1b" not in out
    assert "audit: nothing was audited" in out
