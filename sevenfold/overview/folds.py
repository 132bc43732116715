"""What panels gather: each fold takes chunks of events and gives a figure; none of them grows with the events.

It has more than 300 lines since all kinds of panels stand together, with what feeds them.

References
----------
Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np

from sevenfold.overview.chunks import SECOND, Batch, Chunk, Columns, Numbers, Part
from sevenfold.overview.figures import Axis, Figure, Series, Table
from sevenfold.overview.grids import MILLIONTHS, OTHERS, Grid, Means, Names, Spread, text_of
from sevenfold.overview.panels import Panel
from sevenfold.reading.blocks import Block

BINS, POINTS = 50, 200
RUN: Final = "run_id"
EVENTS: Final = "events"  # what is counted where no field is
MOST_SERIES: Final = 8
_MOST_ROWS, _SHOWN_ROWS = 500, 50  # of a table
_MOST_RUNS = 4
_CHUNK_EVENTS: Final = 4096
PERCENTS: Final = (50, 95, 99)
_LOG_STEP = float(np.log(1.02))  # of the sketch: its values are within 1 %
_LEAST_BIN, _N_BINS = -1200, 2800  # 1e-10 to 1e13


class Fold(Protocol):
    """Gathers the numbers of panels; several panels may share one fold."""

    def add(self, chunk: Chunk) -> None:
        """Add events of the panels."""

    def figure(self, panel: Panel) -> Figure | Table | None:
        """Return the chart or table of a panel; None if there is nothing to show."""


class Tally:
    """Counts of events over time, by the value of a field if there is one."""

    def __init__(self, panel: Panel, names: Names) -> None:
        self._field, self._names, self._spread = (*panel.fields, None)[0], names, Spread()

    def add(self, chunk: Chunk) -> None:
        """Count events by the value of the field."""
        self._spread.add(chunk.times, _codes(chunk, self._field, self._names))

    def figure(self, panel: Panel) -> Figure | None:
        """Return bars of counts, or lines of shares."""
        cells = self._spread.cells
        layers = _layers(self._names, cells)
        if panel.kind == "counts":
            return _over(self._spread, panel, "stacked", _stacked(layers, cells))
        if panel.match is not None:
            matches = re.compile(panel.match).fullmatch
            layers = [(panel.title, [code for code, text in enumerate(self._names.texts) if matches(text)])]
        elif len(layers) == 2:  # noqa: PLR2004 - the other share says the same
            layers = layers[:1]
        series = tuple(Series(name, tuple(_share(cell, codes) for cell in cells)) for name, codes in layers)
        return _over(self._spread, panel, "lines", series)


class Percentiles:
    """Percentiles of a number over time."""

    def __init__(self, panel: Panel, _: Names) -> None:
        self._field, self._spread = panel.fields[0], Spread()

    def add(self, chunk: Chunk) -> None:
        """Count events by the bin of their number, whose width is 2 % of it."""
        numbers = chunk.numbers(self._field)
        known = np.isfinite(numbers)
        if known.any():
            self._spread.add(chunk.times.where(known), _bins(numbers[known]))

    def figure(self, panel: Panel) -> Figure | None:
        """Return a line for each percentile."""
        percentiles = [_percentiles(cell) for cell in self._spread.cells]
        series = tuple(
            Series(f"p{p}", values) for p, values in zip(PERCENTS, zip(*percentiles, strict=True), strict=False)
        )
        return _over(self._spread, panel, "lines", series, "within 1 %")


class Histogram:
    """The distribution of numbers."""

    def __init__(self, panel: Panel, names: Names) -> None:
        self._fields, self._by = panel.fields, panel.by
        self._names, self._grid = names, Grid(MILLIONTHS, BINS + 1)
        self._whole = True

    def add(self, chunk: Chunk) -> None:
        """Count events by the number, and by the value of the field `by`."""
        numbers = chunk.numbers(self._fields[0])
        for name in self._fields[1:]:
            missing = np.isnan(numbers)
            if missing.any():
                numbers = np.where(missing, chunk.numbers(name), numbers)
        codes = _codes(chunk, self._by, self._names)
        known = np.isfinite(numbers)
        if known.any():
            self._count(numbers[known], codes[known])

    def _count(self, numbers: Any, codes: Any) -> None:
        self._whole = self._whole and bool((numbers == np.floor(numbers)).all())
        with np.errstate(over="ignore"):
            millionths = np.clip(numbers * 1e6, -1e18, 1e18)
        # A hair is added: 0.57 * 1e6 is a little less than 570,000.
        self._grid.add(Numbers(np.floor(millionths + 1e-4).astype(np.int64)), codes)

    def figure(self, panel: Panel) -> Figure | None:
        """Return bars of counts."""
        grid = self._grid
        if not grid.cells:
            return None
        cells = [grid.cells.get(bucket, Counter()) for bucket in grid.buckets]
        places = [bucket * grid.width / 1e6 for bucket in grid.buckets]
        if len(cells) > 1 and not self._whole and grid.ends_on_edge:  # 1.0 belongs to the bar up to 1.0
            cells[-2] = cells[-2] + cells[-1]
            del cells[-1], places[-1]
        series = _stacked(_layers(self._names, cells), cells)
        return Figure(panel, "stacked", "number", tuple(places), grid.width / 1e6, series)


class Lines:
    """Numbers in the order of their events; if there are several runs, of the newest one."""

    def __init__(self, panel: Panel, _: Names) -> None:
        self._panel = panel
        self._runs: dict[Any, Means] = {}
        self._n_runs = 0
        self._last_x = -np.inf

    def add(self, chunk: Chunk) -> None:
        """Add the numbers of events."""
        panel = self._panel
        times = chunk.times.all / SECOND
        x = times if panel.x is None else chunk.numbers(panel.x)
        columns = np.column_stack([x, times, *map(chunk.numbers, panel.fields)])
        labels = [] if panel.x is None else chunk.texts(panel.x)
        begins = self._begins(chunk, x)
        for start, end in pairwise([*begins, len(x)]):
            run = self._run(chunk.values(RUN)[start] if panel.x else None, new=self._falls(x[start]))
            run.add(columns[start:end], labels[start:end])
            self._last_x = x[end - 1]

    def _begins(self, chunk: Chunk, x: Any) -> list[int]:
        """Return where runs begin: where the id changes, or, without ids, where x falls."""
        if self._panel.x is None:
            return [0]
        ids = chunk.values(RUN)
        return [0] + [i for i in range(1, len(ids)) if ids[i] != ids[i - 1] or (ids[i] is None and x[i] < x[i - 1])]

    def _falls(self, x: float) -> bool:
        return self._panel.x is not None and bool(x < self._last_x)

    def _run(self, run_id: Any, *, new: bool) -> Means:
        key = None if run_id is None else text_of(run_id)
        run = None if new and run_id is None else self._runs.pop(key, None)
        if run is None:
            self._n_runs += 1
            run = Means(2 + len(self._panel.fields), POINTS)
        self._runs[key] = run  # the newest run comes last
        while len(self._runs) > _MOST_RUNS:
            del self._runs[next(iter(self._runs))]
        return run

    def figure(self, panel: Panel) -> Figure | None:
        """Return a line for each field."""
        if not self._runs:
            return None
        name, run = list(self._runs.items())[-1]
        values = run.values
        axis, places = self._places(values, run.labels)
        series = [Series(field, _plain(values[:, 2 + i])) for i, field in enumerate(self._panel.fields)]
        series = [one for one in series if any(value is not None for value in one.values)]
        if not series:
            return None
        named = "" if name is None else f"{name}, "
        note = f"{named}the newest of {self._n_runs:,} runs" if self._n_runs > 1 else ""
        means = f"each point the mean of {run.width:,}" if run.width > 1 else ""
        labels = tuple(run.labels) if axis == "label" else ()
        return Figure(panel, "lines", axis, places, 0.0, tuple(series), labels, _and(note, means))

    def _places(self, values: Any, labels: list[str]) -> tuple[Axis, tuple[float, ...]]:
        order = tuple(map(float, range(len(values))))
        if self._panel.x is not None and not np.isnan(values[:, 0]).any():
            return "number", tuple(values[:, 0].tolist())
        if self._panel.x is not None and len(set(labels)) > 1:
            return "label", order
        times = values[:, 1]
        return ("time", tuple(times.tolist())) if times[-1] - times[0] >= 60 else ("order", order)  # noqa: PLR2004


class Combinations:
    """Counts of events by the values of several fields."""

    def __init__(self, panel: Panel, _: Names) -> None:
        self._fields = panel.fields
        self._counts: Counter[tuple[str, ...]] = Counter()

    def add(self, chunk: Chunk) -> None:
        """Count events by the values of the fields."""
        for values, count in self._counted(chunk).items():
            key = tuple(map(text_of, values if len(self._fields) > 1 else (values,)))
            known = key in self._counts or len(self._counts) < _MOST_ROWS
            self._counts[key if known else (OTHERS,) * len(key)] += count

    def _counted(self, chunk: Chunk) -> Counter[Any]:
        try:
            return _tuples(list(map(chunk.values, self._fields)))
        except TypeError:  # lists and objects
            return _tuples(list(map(chunk.texts, self._fields)))

    def figure(self, panel: Panel) -> Table | None:
        """Return the most frequent ones."""
        rows = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        left = len(rows) - _SHOWN_ROWS
        note = f"the {_SHOWN_ROWS} most frequent; {left:,} more" if left > 0 else ""
        return Table(panel, tuple(rows[:_SHOWN_ROWS]), note) if rows else None


_FOLDS: Final[dict[str, Callable[[Panel, Names], Fold]]] = {
    "lines": Lines,
    "counts": Tally,
    "shares": Tally,
    "percentiles": Percentiles,
    "histogram": Histogram,
    "table": Combinations,
}


class Feed:
    """Gathers the columns that folds need of the same events, and passes them on in chunks.

    Parameters
    ----------
    panels : sequence of Panel
        Panels about the same events.
    """

    def __init__(self, panels: Sequence[Panel]) -> None:
        self._message, self._where = panels[0].message, panels[0].where
        self.fields = frozenset(name for panel in panels for name in _needed(panel))
        self._columns = Columns(self.fields)
        self.folds = _folds_of(panels)

    @property
    def needs_events(self) -> bool:
        """Whether it needs whole events, not only a few fields."""
        return bool(self._where)

    def add(self, batch: Batch) -> None:
        """Add the events of its panels."""
        part = batch.saying(self._message)
        self._take(part.where(self._where) if part is not None and self._where else part)

    def add_block(self, block: Block) -> None:
        """Add the lines of its panels."""
        self._take(block.saying(self._message))

    def _take(self, part: Part | None) -> None:
        if part is not None:
            self._columns.add(part)
            if len(self._columns) >= _CHUNK_EVENTS:
                self.flush()

    def flush(self) -> None:
        """Pass the gathered columns on to the folds."""
        if self._columns:
            chunk = self._columns.take()
            for fold, _ in self.folds:
                fold.add(chunk)


def _needed(panel: Panel) -> Iterator[str]:
    yield from panel.fields
    yield from filter(None, (panel.by, panel.x))
    if panel.x is not None:
        yield RUN


def _folds_of(panels: Sequence[Panel]) -> list[tuple[Fold, list[Panel]]]:
    """Return the folds, each with its panels: panels that count the same share a fold."""
    folds: dict[Panel, tuple[Fold, list[Panel]]] = {}
    names: dict[str | None, Names] = {}
    for panel in panels:
        key = replace(panel, title="", unit="", match=None, kind="counts" if panel.kind == "shares" else panel.kind)
        if key not in folds:
            by = panel.by if panel.kind == "histogram" else (*panel.fields, None)[0]
            folds[key] = (_FOLDS[panel.kind](panel, names.setdefault(by, Names())), [])
        folds[key][1].append(panel)
    return list(folds.values())


def _codes(chunk: Chunk, field: str | None, names: Names) -> Any:
    return names.codes([EVENTS] * len(chunk)) if field is None else chunk.codes(field, names)


def _tuples(columns: list[list[Any]]) -> Counter[Any]:
    """Count the rows of columns, as tuples; the items of a single column as they are."""
    return Counter(columns[0]) if len(columns) == 1 else Counter(zip(*columns, strict=True))


def _layers(names: Names, cells: Iterable[Counter[int]]) -> list[tuple[str, list[int]]]:
    """Return names with their codes, in the order of the names; the rare ones share a layer."""
    totals: Counter[int] = Counter()
    for cell in cells:
        totals.update(cell)
    ranked = [code for code, _ in totals.most_common() if code]
    own = ranked[: MOST_SERIES if len(ranked) <= MOST_SERIES and not totals[0] else MOST_SERIES - 1]
    rest = [code for code in totals if code not in own]
    layers = sorted((names.texts[code], [code]) for code in own)
    return [*layers, (OTHERS, rest)] if rest else layers


def _stacked(layers: list[tuple[str, list[int]]], cells: list[Counter[int]]) -> tuple[Series, ...]:
    return tuple(Series(name, tuple(sum(cell[code] for code in codes) for cell in cells)) for name, codes in layers)


def _share(cell: Counter[int], codes: list[int]) -> float | None:
    total = cell.total()
    return sum(cell[code] for code in codes) / total if total else None


def _over(spread: Spread, panel: Panel, shape: Any, series: tuple[Series, ...], note: str = "") -> Figure | None:
    if not series or not spread.places:
        return None
    return Figure(panel, shape, spread.axis, spread.places, spread.width, series, note=note)


def _bins(numbers: Any) -> Any:
    """Return the bin of each number in the sketch; 0 for numbers up to 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bins = np.ceil(np.log(np.maximum(numbers, 0.0)) / _LOG_STEP)
    return np.clip(np.nan_to_num(bins, neginf=_LEAST_BIN) - _LEAST_BIN, 0, _N_BINS).astype(np.int64)


def _percentiles(cell: Counter[int]) -> tuple[float | None, ...]:
    if not cell:
        return (None,) * len(PERCENTS)
    bins = sorted(cell)
    counts = np.cumsum([cell[one] for one in bins])
    ranks = [percent / 100 * (counts[-1] - 1) for percent in PERCENTS]
    return tuple(_middle(bins[int(np.searchsorted(counts, int(rank), side="right"))]) for rank in ranks)


def _middle(code: int) -> float:
    return 0.0 if code == 0 else float(2 * np.exp((code + _LEAST_BIN) * _LOG_STEP) / (np.exp(_LOG_STEP) + 1))


def _plain(values: Any) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else value for value in values.tolist())


def _and(*notes: str) -> str:
    return "; ".join(filter(None, notes))
