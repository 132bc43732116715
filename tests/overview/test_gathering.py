"""One pass over events: its results are compared whole, or with another way of counting."""

import gc
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from sevenfold.lines.parsing import Event, parse
from sevenfold.overview.figures import (
    ChannelCount,
    DriftCell,
    DriftMap,
    DriftRow,
    Entry,
    ErrorGroup,
    Figure,
    Overview,
    Series,
    Table,
)
from sevenfold.overview.gathering import Gathering, gather
from sevenfold.overview.panels import PANELS, Panel
from sevenfold.reading.portions import Portion
from tests.support.days import line, write_day

AT = datetime(2026, 11, 25, 0, 0, 1, tzinfo=UTC)
DECISIONS, SHARES, SCORES, MODELS = PANELS[2:6]
LINES = (
    line(1, "predictions", "prediction", "decision=approve probability=0.9 model_version=m1"),
    line(1, "predictions", "prediction", "decision=deny probability=0.2 model_version=m1"),
    line(1, "drift", "feature", "batch_id=b1 feature=age role=feature psi=0.3 p_value_adjusted=0.001 method=ks"
         " severity=major drift_detected=true"),
    line(1, "drift", "joint", "batch_id=b1 method=mean_shift p_value_adjusted=0.01 drift_detected=true"),
    line(1, "drift", "batch", "batch_id=b1 drift_detected=true"),
    line(1, "drift", "monitor", "batch_id=b1 alarm=true", "WARNING"),
    line(1, "api", "request", "exception_type=ValueError exception_message=odd", "ERROR")
    + '    Traceback (most recent call last):\n      File "/srv/app/a.py", line 7, in f\n    ValueError: odd\n',
    line(1, "audit", "model_trained", "event=model_trained outcome=success actor=me"),
)  # fmt: skip


def test_what_is_found_is_exactly_this() -> None:
    gathering = Gathering((DECISIONS, SHARES, SCORES, MODELS), sealed=["audit"])
    gathering.add(list(map(parse, LINES)))
    traceback = 'Traceback (most recent call last):\n  File "/srv/app/a.py", line 7, in f\nValueError: odd'
    alarm = Entry(AT, "drift", "monitor", "", "batch_id=b1 alarm=true")
    assert gathering.overview() == Overview(
        channels=tuple(
            ChannelCount(name, n, AT, AT, (n,))
            for name, n in {"predictions": 2, "drift": 4, "api": 1, "audit": 1}.items()
        ),
        charts=(
            Figure(DECISIONS, "stacked", "order", (0.0, 1.0), 1.0, (Series("approve", (1, 0)), Series("deny", (0, 1)))),
            Figure(SHARES, "lines", "order", (0.0, 1.0), 1.0, (Series("approve", (1.0, 0.0)),)),
            Figure(
                SCORES, "stacked", "number", tuple(n / 20 for n in range(4, 18)), 0.05,
                (Series("approve", (0,) * 13 + (1,)), Series("deny", (1,) + (0,) * 13)),
            ),
            Table(MODELS, ((("m1",), 2),)),
        ),
        drift=DriftMap(
            ("b1",), (True,), (True,),
            (
                DriftRow("all together", "joint", (DriftCell(None, 0.01, True, "mean_shift", "(none)"),)),
                DriftRow("age", "feature", (DriftCell(0.3, 0.001, True, "ks", "major"),)),
            ),
            1, 1, 1,
        ),
        alarms=(alarm,),
        n_alarms=1,
        errors=(ErrorGroup("ValueError", "app/a.py:7 in f", "api", 1, AT, AT, "odd", traceback),),
        n_errors=1,
        audit=(Entry(AT, "audit", "model_trained", "success", "actor=me"),),
        n_audit=1,
    )  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_it_does_not_matter_in_which_portions_events_come(tmp_path: Path, size: int) -> None:
    write_day(tmp_path, n_requests=400)
    from sevenfold.reading.folder import read  # noqa: PLC0415

    events = list(read(tmp_path))
    gathering = Gathering()
    for start in range(0, len(events), size):
        gathering.add(events[start : start + size])
    assert gathering.overview() == gather(tmp_path)


def test_a_day_is_shown_by_the_quarter_of_an_hour(tmp_path: Path) -> None:
    overview = gather(write_day(tmp_path, n_requests=500))
    (figure,) = (one for one in overview.charts if isinstance(one, Figure) and one.panel.title == "Requests by status")
    assert (figure.axis, figure.width) == ("time", 900.0)
    assert all(place % 900 == 0 for place in figure.places)
    assert sum(sum(filter(None, one.values)) for one in figure.series) == 500
    assert [one.name for one in figure.series] == sorted(one.name for one in figure.series)


def test_latency_percentiles_are_within_one_percent() -> None:
    panel = Panel("Latency", "api", "request", ("ms",), kind="percentiles")
    durations = np.random.default_rng(1).lognormal(1.0, 1.0, 5000)
    gathering = Gathering([panel])
    gathering.add([_event("api", "request", ms=float(one)) for one in durations])
    (figure,) = gathering.overview().charts
    assert isinstance(figure, Figure)
    n_each = int(figure.width)
    assert len(figure.places) <= 30
    for i, percent in enumerate((50, 95, 99)):
        for place, value in zip(figure.places, figure.series[i].values, strict=True):
            part = durations[int(place) : int(place) + n_each]
            assert value == pytest.approx(np.percentile(part, percent, method="lower"), rel=0.0101)


def test_of_several_runs_the_newest_is_drawn() -> None:
    panel = Panel("Loss", "training", "epoch", ("loss",), x="epoch")
    gathering = Gathering([panel])
    gathering.add([_event("training", "epoch", run_id=run, epoch=n, loss=n / 10) for run in ("a", "b") for n in (1, 2)])
    gathering.add([_event("training", "epoch", epoch=n, loss=1.0) for n in (1, 2, 3, 1, 2)])
    (figure,) = gathering.overview().charts
    assert isinstance(figure, Figure)
    assert (figure.places, figure.series) == ((1.0, 2.0), (Series("loss", (1.0, 1.0)),))
    assert figure.note == "the newest of 4 runs"


def test_many_lines_are_shown_as_means() -> None:
    gathering = Gathering([Panel("Size", "embeddings", fields=("n",))])
    gathering.add([_event("embeddings", "built", n=n) for n in range(1000)])
    (figure,) = gathering.overview().charts
    assert isinstance(figure, Figure)
    assert (len(figure.places), figure.note) == (125, "each point the mean of 8")
    assert figure.series[0].values[:2] == (3.5, 11.5)


def test_a_combination_that_a_full_table_knows_is_still_counted() -> None:
    gathering = Gathering([Panel("Ids", "api", fields=("id",), kind="table")])
    for start in range(0, 6000, 1000):
        gathering.add([_event("api", "request", id=f"id-{n}") for n in [*range(start, start + 1000), 7]])
    (table,) = gathering.overview().charts
    assert isinstance(table, Table)
    assert table.rows[:2] == ((("(others)",), 5500), (("id-7",), 7))


@pytest.mark.parametrize(("young", "meanwhile"), [(700, 50_000), (90_000, 90_000), (0, 0)])
def test_garbage_is_looked_for_seldom_and_never_where_that_is_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, young: int, meanwhile: int
) -> None:
    seen: list[int] = []

    def no_portions(*_: object) -> list[Portion]:
        seen.append(gc.get_threshold()[0])
        return []

    before = gc.get_threshold()
    monkeypatch.setattr("sevenfold.overview.gathering.portions", no_portions)
    gc.set_threshold(young, *before[1:])
    try:
        gather(tmp_path)
        after = gc.get_threshold()
    finally:
        gc.set_threshold(*before)
    assert (seen, after) == ([meanwhile], (young, *before[1:]))


def test_what_differs_in_each_line_is_bounded() -> None:
    panels = [
        Panel("By id", "api", fields=("id",), kind="counts"),
        Panel("Ids", "api", fields=("id", "n"), kind="table"),
        Panel("Scores", "api", fields=("score",), kind="histogram", by="id"),
    ]
    gathering = Gathering(panels)
    for start in range(0, 20_000, 1000):
        gathering.add([_event("api", f"m{n}", id=f"id-{n}", n=n, score=n) for n in range(start, start + 1000)])
    counts, table, scores = gathering.overview().charts
    assert isinstance(counts, Figure)
    assert isinstance(table, Table)
    assert isinstance(scores, Figure)
    assert len(counts.series) == len(scores.series) == 8
    assert counts.series[-1].name == "(others)"
    assert len(table.rows) == 50
    assert table.rows[0] == (("(others)", "(others)"), 19_500)
    assert sum(sum(filter(None, one.values)) for one in scores.series) == 20_000


def test_odd_values_are_passed_over_or_shown_as_text() -> None:
    panels = [
        Panel("Any", "x", fields=("v",)),
        Panel("Counts", "x", fields=("v",), kind="counts"),
        Panel("Shares", "x", fields=("v",), kind="shares"),
        Panel("Histogram", "x", fields=("v",), kind="histogram", by="v"),
        Panel("Percentiles", "x", fields=("v",), kind="percentiles"),
        Panel("Table", "x", fields=("v", "w.inner"), kind="table"),
    ]
    odd = [None, True, "NaN", "text", [1, 2], {"a": [1]}, 10**400, -(10**400), 1e308, -1e308, 1e-320, -0.0, 0, -5, 2.5]
    gathering = Gathering(panels)
    for value in odd:
        gathering.add([_event("x", "m", v=value)])
    gathering.add([_event("x", "m", v=value, w={"inner": value}) for value in odd])
    overview = gathering.overview()
    assert overview.n_events == 2 * len(odd)
    counts = overview.charts[1]
    assert isinstance(counts, Figure)
    assert sum(sum(filter(None, one.values)) for one in counts.series) == 2 * len(odd)


def test_the_panels_of_a_message_see_no_other_message() -> None:
    gathering = Gathering([Panel("A", "x", "a", kind="counts"), Panel("All", "x", kind="counts")])
    gathering.add([_event("x", "a"), _event("x", "b"), _event("y", "a")])
    a, everything = gathering.overview().charts
    assert isinstance(a, Figure)
    assert isinstance(everything, Figure)
    assert (sum(map(float, filter(None, a.series[0].values))), everything.series[0].values) == (1.0, (1, 1))


def test_what_is_no_panel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"panels must be of class Panel, got 'Loss'"):
        Gathering(["Loss"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "pie"}, "kind must be lines, counts, shares, histogram, percentiles or table, got 'pie'"),
        ({"fields": "loss"}, "fields must be a tuple of names, got 'loss'"),
        ({"fields": ()}, r"lines need fields, got \(\)"),
        ({"kind": "shares", "fields": ("a", "b")}, r"shares need one field, got \('a', 'b'\)"),
        ({"kind": "shares", "fields": ("a",), "match": "("}, "match: "),
    ],
)
def test_a_panel_that_cannot_be_drawn_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=f"panel 'P': {said}"):
        Panel("P", "api", **options)  # type: ignore[arg-type]


def test_lines_that_are_no_events_are_counted_by_file(tmp_path: Path) -> None:
    (tmp_path / "api_requests.log").write_text(LINES[0] + "no event\nnor this\n", encoding="utf-8")
    assert gather(tmp_path).unreadable == (("api_requests.log", 2),)


def test_only_the_time_that_is_asked_for_is_gathered(tmp_path: Path) -> None:
    write_day(tmp_path, n_requests=300)
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    before, after, all_day = gather(tmp_path, until=noon), gather(tmp_path, since=noon), gather(tmp_path)
    assert before.n_events + after.n_events == all_day.n_events
    assert before.last is not None
    assert after.first is not None
    assert before.last < noon <= after.first


def _event(channel: str, message: str, **fields: object) -> Event:
    return Event(AT, "INFO", channel, message, fields)
