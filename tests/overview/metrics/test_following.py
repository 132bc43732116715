"""Counters for Prometheus: they count a folder's events, go on after a restart, and never fall."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sevenfold.lines.parsing import Event
from sevenfold.overview.metrics.following import LATE, Follower
from sevenfold.overview.metrics.totals import (
    BATCHES,
    DURATION,
    ERRORS,
    METRICS,
    PREDICTIONS,
    PSI,
    SCORE,
    UNREADABLE,
    Totals,
)
from tests.support.days import line, write_day

AT = datetime(2026, 11, 25, tzinfo=UTC)


def counted(folder: Path, checkpoint: Path | None = None) -> Totals:
    follower = Follower(folder, checkpoint)
    follower.run(follow=False)
    return follower.totals


def in_all(totals: Totals, name: str) -> float:
    """Return how many were counted: of a histogram the counts of all buckets."""
    known = totals.values[name].values()
    return sum(sum(numbers[:-1]) if METRICS[name].kind == "histogram" else numbers[0] for numbers in known)


def test_a_day_is_counted(tmp_path: Path) -> None:
    totals = counted(write_day(tmp_path, n_requests=300))
    with (tmp_path / "predictions.log").open(encoding="utf-8") as file:
        n_predictions = len(file.readlines())
    assert (in_all(totals, DURATION), in_all(totals, PREDICTIONS), in_all(totals, SCORE)) == (
        300,
        n_predictions,
        n_predictions,
    )
    assert in_all(totals, BATCHES) == 72
    assert len(totals.values[PSI]) == 24
    assert ("POST", "/predict", "200") in totals.values[DURATION]


def test_a_restart_goes_on_where_it_stopped_though_files_are_deleted(tmp_path: Path) -> None:
    checkpoint, folder = tmp_path / "checkpoint.json", tmp_path / "logs"
    folder.mkdir()
    log = folder / "predictions.log"
    lines = [line(n, "predictions", "prediction", f"decision=approve probability=0.{n % 10}") for n in range(100)]
    for number in range(5):
        kept = lines[max(0, number * 20 - 40) : number * 20 + 20]  # older ones are gone
        log.write_text("".join(kept), encoding="utf-8")
        assert in_all(counted(folder, checkpoint), PREDICTIONS) == 20 * (number + 1)
    assert in_all(counted(folder, checkpoint), PREDICTIONS) == 100
    log.unlink()
    follower = Follower(folder, checkpoint)
    assert in_all(follower.totals, PREDICTIONS) == 100 - LATE.total_seconds() - 1  # the rest would be read again
    assert in_all(follower.shown(), PREDICTIONS) == 100  # and what was shown doesn't fall meanwhile
    follower.run(follow=False)
    assert in_all(follower.shown(), PREDICTIONS) == in_all(Follower(folder, checkpoint).shown(), PREDICTIONS) == 100


def test_a_line_that_comes_late_is_counted_once(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.json"
    follower = Follower(tmp_path, checkpoint)
    for second in (100, 95, 101, 80, 140, 139):
        follower.count(Event(AT + timedelta(seconds=second), "INFO", "predictions", "prediction", {}))
        follower.save()
    assert in_all(follower.totals, PREDICTIONS) == 6
    said = json.loads(checkpoint.read_text(encoding="utf-8"))
    assert (said["until"], in_all(Totals.of(said["totals"]), PREDICTIONS)) == ("2026-11-25T00:01:50.000000Z", 4)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"until": 1, "totals": {}}', '{"until": "x", "totals": {}}'])
def test_a_checkpoint_that_cannot_be_read_is_told_and_begun_anew(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "checkpoint.json"
    checkpoint.write_text(text, encoding="utf-8")
    (tmp_path / "api_requests.log").write_text(line(1, "api", "request", "duration_ms=1.5"), encoding="utf-8")
    assert in_all(counted(tmp_path, checkpoint), DURATION) == 1
    assert "counted anew, since the checkpoint can't be read" in capsys.readouterr().err
    assert in_all(counted(tmp_path, checkpoint), DURATION) == 1


def test_lines_that_are_no_events_are_counted_once_over_restarts(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.json"
    text = line(1, "api", "request", "duration_ms=1.5") + "no event\n"
    (tmp_path / "api_requests.log").write_text(text, encoding="utf-8")
    for _ in range(2):
        assert in_all(counted(tmp_path, checkpoint), UNREADABLE) == 1


def test_values_without_end_share_a_label(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    for number in range(2000):
        follower.count(Event(AT, "ERROR", "api", "x", {"exception_type": f"E{number}"}))
    assert len(follower.totals.values[ERRORS]) == 501
    assert follower.totals.values[ERRORS]["(others)",] == [1500.0]
    assert not follower._recent
