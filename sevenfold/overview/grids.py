"""Counts in buckets that widen as positions spread out, so that the number of buckets stays bounded.

Each width of a ladder is a multiple of the one before, so whole buckets are joined, and the final counts are exactly
those that the last width would have given from the beginning.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sevenfold.lines.grammar import value_text
from sevenfold.overview.chunks import SECOND, Numbers, Positions
from sevenfold.overview.figures import Axis

Ints = NDArray[np.int64]

FAR: Final = 1 << 61  # beyond which positions are cut off


def _ladder(first: int, second: int, start: int = 1) -> tuple[int, ...]:
    widths = [start]
    while widths[-1] < FAR // 8:
        widths.append(widths[-1] * (first if len(widths) % 2 else second))
    return tuple(widths)


_DAY: Final = 86_400
# Seconds to years; each divides the next.
TIMES: Final = tuple(
    seconds * SECOND
    for seconds in (1, 5, 15, 60, 300, 900, 3600, 3 * 3600, _DAY // 2, _DAY, 7 * _DAY, 28 * _DAY, 364 * _DAY)
) + tuple(364 * _DAY * SECOND * 10**n for n in range(1, 5))
ORDER: Final = _ladder(5, 2)
MILLIONTHS: Final = _ladder(5, 2)  # of numbers

OTHERS, NOTHING = "(others)", "(none)"
_TIME_BUCKETS, _ORDER_BUCKETS = 100, 30
_MINUTE: Final = 60 * SECOND
_LONGEST: Final = 200
_HUGE: Final = 1e100
_FEW: Final = 20_000  # numbers below it are counted in an array, quicker than by sorting


class Grid:
    """Counts by position and code.

    Parameters
    ----------
    ladder : sequence of int
        The widths of buckets, each a multiple of the one before.
    most : int
        The largest number of buckets between the least and the greatest position.

    Attributes
    ----------
    cells : dict of int to Counter
        The counts by code, by the number of the bucket.

    Examples
    --------
    >>> grid = Grid((1, 10, 100), most=5)
    >>> grid.add(Numbers(np.array([1, 2, 31])), np.array([0, 0, 1]))
    >>> grid.width, grid.cells
    (10, {0: Counter({0: 2}), 3: Counter({1: 1})})
    """

    def __init__(self, ladder: Sequence[int], most: int) -> None:
        self._ladder, self._most, self._rung = ladder, most, 0
        self._low, self._high = FAR, -FAR
        self.cells: dict[int, Counter[int]] = {}

    @property
    def width(self) -> int:
        """The width of a bucket."""
        return self._ladder[self._rung]

    @property
    def buckets(self) -> range:
        """The numbers of the buckets, including empty ones between them."""
        return range(self._low // self.width, self._high // self.width + 1) if self.cells else range(0)

    @property
    def span(self) -> int:
        """The distance of the greatest position from the least."""
        return self._high - self._low

    @property
    def ends_on_edge(self) -> bool:
        """Whether the greatest position is where the last bucket begins."""
        return self._high % self.width == 0

    def add(self, positions: Positions, codes: Ints | None = None) -> None:
        """Count events by position and code; codes are at least 0, and all 0 by default."""
        self._reach(positions.low, positions.high)
        buckets = positions.buckets(self.width)
        if codes is None:
            codes = np.zeros(1, np.int64)
        first, n_codes = int(buckets.min()), int(codes.max()) + 1
        for pair, count in _counted((buckets - first) * n_codes + codes):
            bucket, code = divmod(pair, n_codes)
            self.cells.setdefault(first + bucket, Counter())[code] += count

    def _reach(self, low: int, high: int) -> None:
        self._low, self._high = min(self._low, low), max(self._high, high)
        while self._high // self.width - self._low // self.width >= self._most and self._rung + 1 < len(self._ladder):
            factor = self._ladder[self._rung + 1] // self.width
            self._rung += 1
            narrow, self.cells = self.cells, {}
            for bucket, counts in narrow.items():
                self.cells.setdefault(bucket // factor, Counter()).update(counts)


def _counted(numbers: Ints) -> Iterator[tuple[int, int]]:
    """Return the distinct numbers, which are at least 0, with their counts."""
    if numbers.max() < _FEW:
        counts = np.bincount(numbers)
        distinct = np.flatnonzero(counts)
        return zip(distinct.tolist(), counts[distinct].tolist(), strict=True)
    distinct, counts = np.unique(numbers, return_counts=True)
    return zip(distinct.tolist(), counts.tolist(), strict=True)


class Spread:
    """Counts over time; while all events lie within a minute, over their order."""

    def __init__(self) -> None:
        self._times = Grid(TIMES, _TIME_BUCKETS)
        self._order: Grid | None = Grid(ORDER, _ORDER_BUCKETS)
        self._n_events = 0

    def add(self, times: Positions, codes: Ints) -> None:
        """Count events by their times and codes."""
        self._times.add(times, codes)
        if self._order is not None and self._times.span < _MINUTE:
            self._order.add(Numbers(np.arange(self._n_events, self._n_events + codes.size)), codes)
        else:
            self._order = None
        self._n_events += codes.size

    @property
    def axis(self) -> Axis:
        """The axis of the buckets."""
        return "time" if self._order is None else "order"

    @property
    def cells(self) -> list[Counter[int]]:
        """The counts of each bucket by code."""
        grid = self._times if self._order is None else self._order
        return [grid.cells.get(bucket, Counter()) for bucket in grid.buckets]

    @property
    def places(self) -> tuple[float, ...]:
        """Where each bucket begins: in seconds since 1970, or in events."""
        grid, unit = (self._times, SECOND) if self._order is None else (self._order, 1)
        return tuple(bucket * grid.width / unit for bucket in grid.buckets)

    @property
    def width(self) -> float:
        """The width of a bucket: in seconds, or in events."""
        return self._times.width / SECOND if self._order is None else float(self._order.width)


def text_of(value: Any) -> str:
    """Return a value as text of at most 200 characters."""
    if value is None:
        return NOTHING
    text = value if isinstance(value, str) else value_text(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class Names:
    """Small numbers for values: the first `most` distinct values get numbers from 1, all others share 0.

    Parameters
    ----------
    most : int
        How many values get a number of their own.

    Examples
    --------
    >>> names = Names(2)
    >>> names.codes(["approve", "deny", None, "approve"]).tolist(), names.codes([None, "deny"]).tolist()
    ([1, 2, 0, 1], [0, 2])
    >>> names.texts
    ['(others)', 'approve', 'deny']
    """

    def __init__(self, most: int = 50) -> None:
        self._most = most
        self._codes: dict[Any, int] = {}
        self.texts = [OTHERS]

    def codes(self, values: list[Any]) -> Ints:
        """Return the number of each value."""
        try:
            return np.fromiter(map(self._codes.__getitem__, values), np.int64, len(values))
        except (KeyError, TypeError):  # a new value, or one that can't be hashed
            return self._new_codes(values)

    def _new_codes(self, values: list[Any]) -> Ints:
        try:
            distinct = dict.fromkeys(values)
        except TypeError:  # lists and objects
            values = [value_text(value) if isinstance(value, (list, dict)) else value for value in values]
            distinct = dict.fromkeys(values)
        for value in distinct:
            if value not in self._codes and len(self._codes) < self._most:
                self._codes[value] = len(self.texts)
                self.texts.append(text_of(value))
        return np.fromiter(map(self._codes.get, values, repeat(0)), np.int64, len(values))


class Means:
    """Numbers in the order of their events, averaged so that there are never more than `most` means.

    Parameters
    ----------
    n_columns : int
        The numbers of each event.
    most : int
        The largest number of means; even.

    Attributes
    ----------
    width : int
        The number of events per mean.
    labels : list of str
        The label of the first event of each mean.

    Examples
    --------
    >>> means = Means(1, most=2)
    >>> means.add(np.array([[1.0], [2.0], [6.0]]), ["a", "b", "c"])
    >>> means.width, means.values.tolist(), means.labels
    (2, [[1.5], [6.0]], ['a', 'c'])
    """

    def __init__(self, n_columns: int, most: int = 200) -> None:
        self._sums, self._counts = np.zeros((most, n_columns)), np.zeros((most, n_columns))
        self._n_events = 0
        self.width = 1
        self.labels: list[str] = []

    def add(self, columns: NDArray[np.float64], labels: Sequence[str] = ()) -> None:
        """Add numbers, a row for each event; NaN is missing."""
        while self._n_events + len(columns) > self.width * len(self._sums):
            self._halve()
        places = np.arange(self._n_events, self._n_events + len(columns)) // self.width
        known = np.abs(columns) < _HUGE  # neither NaN nor too large for a chart
        np.add.at(self._sums, places, np.where(known, columns, 0.0))
        np.add.at(self._counts, places, known)
        for place, label in zip(places.tolist(), labels, strict=False):
            if place >= len(self.labels):
                self.labels.append(label)
        self._n_events += len(columns)

    @property
    def values(self) -> NDArray[np.float64]:
        """The means, a row each; NaN if all its numbers are missing."""
        n_rows = -(-self._n_events // self.width)
        counts = self._counts[:n_rows]
        with np.errstate(invalid="ignore"):
            means: NDArray[np.float64] = self._sums[:n_rows] / counts
        return means

    def _halve(self) -> None:
        for rows in (self._sums, self._counts):
            rows[: len(rows) // 2] = rows[::2] + rows[1::2]
            rows[len(rows) // 2 :] = 0.0
        self.width, self.labels = 2 * self.width, self.labels[::2]
