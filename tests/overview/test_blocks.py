"""Counting lines without making events of them gives the same figures as their events."""

import gzip
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sevenfold.overview.figures import Overview
from sevenfold.overview.gathering import Gathering, gather
from sevenfold.overview.panels import PANELS, Panel
from sevenfold.reading.blocks import BlockReader
from sevenfold.reading.folder import portions, read
from sevenfold.reading.selection import Selection
from tests.support.days import DAY, line, write_day

ODD = (
    Panel("Income", "predictions", fields=("features.income", "probability"), kind="histogram", by="decision"),
    Panel("Everything", "predictions", kind="counts"),
    Panel("Incomes", "predictions", fields=("features.income", "decision", "note"), kind="table"),
    Panel("Scores in order", "predictions", "prediction", fields=("probability",)),
    Panel("Runs", "predictions", "prediction", fields=("probability",), x="n"),
)
VALUES = (
    "0.5",
    "1",
    "0",
    "-0.0",
    "1e3",
    "123456789012345678901",
    "null",
    "true",
    "nan",
    "inf",
    "1e999",
    "-1e999",
    '"a b"',
    '"\\u00e9=1"',
)


def by_events(folder: Path, panels: tuple[Panel, ...], **times: Any) -> Overview:
    gathering = Gathering(panels)
    unreadable = Counter[str]()
    events = list(read(folder, on_bad=lambda path, *_: unreadable.update([path.name]), **times))
    gathering.add(events)
    found = gathering.overview()
    return Overview(
        **{name: getattr(found, name) for name in Overview.__slots__} | {"unreadable": tuple(unreadable.items())}
    )


def write_odd(folder: Path, *, span_s: float) -> Path:
    """Write a file of predictions with all kinds of values, bad lines, errors, and two messages."""
    draw = random.Random(7)
    lines, errors = [], []
    for n in range(3000):
        second = n * span_s / 3000
        value = draw.choice(VALUES) if n % 7 == 0 else f"{draw.random()}"
        message = "outcome" if n % 5 == 0 else "prediction"
        note = draw.choice(("", " note=x", ' note="a b"', " note=null"))
        fields = (
            f'n={n} features={{"income":{draw.randint(0, 3)}}} decision=d{draw.randint(0, 9)} probability={value}{note}'
        )
        lines.append(line(second, "predictions", message, fields))
        if n % 50 == 0:
            errors.append(line(second, "predictions", "prediction", f"{fields} exception_type=ValueError", "ERROR"))
            lines.append(errors[-1])
            errors[-1] += '    Traceback\n      File "/srv/a.py", line 1, in f\n'
        if n % 400 == 0:
            lines.append(draw.choice((lines[-1].replace("Z |", " |"), lines[-1].replace("n=", "n=0"), "torn\n")))
            lines.append(lines[-2].replace("-25T", "-32T"))
    (folder / "predictions.log").write_text("".join(lines), encoding="utf-8")
    (folder / "errors.log").write_text("".join(errors), encoding="utf-8")
    return folder


@pytest.mark.parametrize("span_s", [30.0, 7000.0])
@pytest.mark.parametrize("part", [None, (0.37, 0.77)])
def test_odd_lines_are_counted_as_their_events_are(
    tmp_path: Path, span_s: float, part: tuple[float, float] | None
) -> None:
    write_odd(tmp_path, span_s=span_s)
    since, until = (DAY + timedelta(seconds=span_s * one) for one in part or (0.0, 2.0))
    times = {"since": since, "until": until} if part else {}
    found = gather(tmp_path, panels=(*PANELS, *ODD), **times)
    assert found == by_events(tmp_path, (*PANELS, *ODD), **times)
    assert found.n_errors
    assert found.unreadable


def test_most_lines_of_a_day_are_counted_without_events(tmp_path: Path) -> None:
    write_day(tmp_path, n_requests=2000)
    gathering = Gathering()
    wanted = Selection(blocks=BlockReader(gathering.fields_of))
    n_lines = Counter[str]()
    for portion in portions(tmp_path, wanted):
        n_lines[type(portion).__name__] += len(portion)
    assert n_lines["Block"] > 2 * 1800
    assert n_lines["list"] > 0  # of drift, each event is looked at


def test_a_rotated_file_whose_writers_went_on_is_counted_as_its_events_are(tmp_path: Path) -> None:
    lines = [line(n / 100, "predictions", "prediction", f"decision=d{n % 3} probability=0.{n}") for n in range(1000)]
    stamp = f"{DAY + timedelta(seconds=5):%Y-%m-%d_%H-%M-%S}_000000"
    old, new = lines[:500] + lines[500:620:2], lines[501:620:2] + lines[620:]
    (tmp_path / f"predictions.{stamp}.log.gz").write_bytes(gzip.compress("".join(old).encode()))
    (tmp_path / "predictions.log").write_text("".join(new), encoding="utf-8")
    assert gather(tmp_path) == by_events(tmp_path, PANELS)
    assert gather(tmp_path).n_events == 1000
