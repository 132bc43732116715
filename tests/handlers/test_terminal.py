"""Records as they look on a terminal."""

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from loguru import logger

from sevenfold.channels import Channel
from sevenfold.handlers.terminal import Terminal
from sevenfold.lines.record import Contents
from sinks import CHANNELS, configure

RECORD = {"time": datetime(2026, 11, 26, 2, 42, tzinfo=UTC), "level": SimpleNamespace(name="INFO", no=20)}
HEAD = "02:42:00Z INFO     training    "


@pytest.fixture(autouse=True)
def without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def lines(*records: dict[str, Any], message: str = "epoch", context: str = "") -> list[str]:
    terminal = Terminal({"training"})
    shown = [terminal.line(RECORD, Contents("training", message, one), [context], 200) for one in records]
    assert all(line.startswith(HEAD) for line in shown)
    return [line.removeprefix(HEAD) for line in shown]


def test_what_differs_comes_first_and_stays_there() -> None:
    assert lines(
        {"epochs": 9, "seed": 7, "epoch": 1, "loss": 0.5},
        {"epochs": 9, "seed": 7, "epoch": 2, "loss": 0.5},
        {"epochs": 9, "seed": 8, "epoch": 3, "loss": 0.5},
        {"epochs": 9, "seed": 8, "epoch": 3, "loss": 0.5, "new": 1},
    ) == [
        "epoch epochs=9 seed=7 epoch=1 loss=0.5",
        "epoch epoch=2 epochs=9 seed=7 loss=0.5",
        "epoch seed=8 epoch=3 epochs=9 loss=0.5",
        "epoch seed=8 epoch=3 new=1 epochs=9 loss=0.5",
    ]


def test_what_a_context_gives_is_shown_where_it_changes() -> None:
    assert lines(
        {"run_id": "r-1", "epoch": 1}, {"run_id": "r-1", "epoch": 2}, {"run_id": "r-2", "epoch": 3}, context="run_id"
    ) == ["epoch run_id=r-1 epoch=1", "epoch epoch=2", "epoch run_id=r-2 epoch=3"]
    path = "p" * 50  # leaves no room for the id
    long = {"run_id": "r-1" * 10, "epoch": 1}
    terminal = Terminal({"training"})
    for message, told in ((path, False), ("epoch", True), ("epoch", False)):
        line = terminal.line(RECORD, Contents("training", message, long), ["run_id"], len(HEAD) + 60)
        assert ("run_id=" in line) == told


def test_a_field_that_only_repeats_the_message_is_left_out() -> None:
    assert lines({"event": "model_trained", "outcome": "success"}, message="model_trained") == [
        "model_trained outcome=success"
    ]


@pytest.mark.parametrize("width", [*range(5, 120, 6), 500])
def test_a_line_fits_and_says_where_something_is_missing(width: int) -> None:
    fields = {
        "n_rows": 1234567,
        "path": "a b" * 12,
        "名前": "\u65e5\u672c\u8a9e " * 3,
        "scores": [0.25] * 9,
        "last": True,
    }
    record = Terminal({"training"}).line(RECORD, Contents("training", "数据 read", fields), set(), width)
    columns = sum(2 if "\u3000" <= character <= "\uffff" else 1 for character in record)
    assert columns < width
    assert record.endswith("last=true") == (width == 500)
    assert record.endswith("…") == (width < 120)
    assert not re.search("n_rows=1(2|23|234|2345|23456)?(…|$)", record)  # a number that is cut would be another one


def test_what_no_file_has_is_shown_whole() -> None:
    line = Terminal(set()).line(RECORD, Contents(None, "m" * 90, {"text": "t" * 90}), set(), 40)
    assert line.endswith("m" * 90 + " text=" + "t" * 90)


def test_of_many_messages_few_are_remembered() -> None:
    terminal = Terminal({"training"})
    for number in range(1000):
        terminal.line(RECORD, Contents("training", f"epoch {number}", {"n": "x" * 10_000}), set(), 80)
    assert len(terminal._kinds) == 100
    assert max(len(kind.first["n"]) for kind in terminal._kinds.values()) <= 60


@pytest.mark.usefixtures("own_logger")
def test_the_console_omits_what_a_channel_says_below_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (Channel("drift", "drift.log", console_omits=("feature",)), CHANNELS[-1])
    with configure(tmp_path, channels=table) as handle:
        log = logger.bind(channel="drift")
        log.info("feature")
        log.info("batch")
        log.warning("feature")
        logger.info("feature")
    assert [line.split(" | ")[1:] for line in capsys.readouterr().err.splitlines()] == [
        ["INFO    ", "drift", "batch"],
        ["WARNING ", "drift", "feature"],
        ["INFO    ", "-", "feature"],
    ]
    size = (tmp_path / "drift.log").stat().st_size
    drift = handle.written["drift.log"]
    assert (drift.n_events, drift.n_warnings, drift.n_bytes) == (3, 1, size)
    with configure(None, channels=table):  # nothing else has it
        logger.bind(channel="drift").info("feature")
    assert capsys.readouterr().err.endswith("| drift | feature\n")
    with pytest.raises(ValueError, match=r"console_omits must be a tuple, such as \('feature',\)"):
        Channel("drift", "drift.log", console_omits="feature")  # type: ignore[arg-type]


@pytest.mark.usefixtures("own_logger")
def test_batches_and_errors_are_counted_by_file(tmp_path: Path) -> None:
    with configure(tmp_path, console=None, rotation="2 kB") as handle:
        logger.bind(channel="predictions").warning("odd", batch={"row": list(range(100))})
        logger.bind(channel="audit").error("refused")
        logger.bind(channel="api").opt(exception=ValueError("bad")).info("request")
    counts = {file: (one.n_events, one.n_warnings) for file, one in handle.written.items() if one.n_events}
    assert counts == {
        "predictions.log": (100, 100),
        "api_requests.log": (1, 0),
        "app_json.log": (1, 1),
        "errors.log": (2, 1),
    }
    assert handle.events == {file: one.n_events for file, one in handle.written.items()}
    assert handle.written["predictions.log"].n_bytes > 5_000  # most of them in rotated files
