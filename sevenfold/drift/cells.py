"""The cells that the reference fixes for a column, and a batch's counts in them, which add up over batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sevenfold.drift.statistics import LEAST_EXPECTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sevenfold.drift.distributions import Floats, Ints
    from sevenfold.drift.statistics import Counted

FINE = 256  # quantile cells of a column with many values; a value with as large a share is a cell of its own
ON_GRID = 0.05  # numbers are a grid if less than this share of the reference's rows are alone with theirs
TIE_OF_VALUE, TIE_OF_RANGE = 2.0**-22, 1e-7  # numbers nearer than both are one: float32, or computed another way
TIED_ROWS = 100_000  # with more rows, neighbours come nearer by themselves
NEAR = 2.0**-20  # relative: float32 never moves a number so far
LEAST = 5e-324
CHUNK_ROWS = 1_000_000
LISTED_UNSEEN = 2_000  # levels that the reference lacks; the rarer ones of a longer list are counted together


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a column of the reference, or of a batch's column of text; batches add up.

    Attributes
    ----------
    cells
        Shape (c,): rows by cell, or by level of the reference.
    special
        Shape (3,): rows that are missing, minus infinity and infinity.
    unseen
        Rows by level that the reference lacks: the 2,000 most frequent of them.
    n_unlisted
        Rows with other levels that it lacks.
    """

    cells: Ints
    special: Ints
    unseen: dict[str, int] = field(default_factory=dict)
    n_unlisted: int = 0

    @property
    def n_unseen(self) -> int:
        """Rows with a level that the reference lacks."""
        return sum(self.unseen.values()) + self.n_unlisted

    @property
    def n_rows(self) -> int:
        """Rows counted."""
        return int(self.cells.sum()) + int(self.special.sum()) + self.n_unseen

    def __add__(self, other: Counts) -> Counts:
        unseen, n_unlisted = most_frequent(_sum(self.unseen, other.unseen))
        return Counts(
            self.cells + other.cells,
            self.special + other.special,
            unseen,
            self.n_unlisted + other.n_unlisted + n_unlisted,
        )


@dataclass(frozen=True, slots=True)
class CellCounts:
    """The counts of a batch's k columns of numbers, which add up over batches.

    Attributes
    ----------
    cells
        Shape (k, c): rows by cell; a column with fewer cells than others has empty ones behind them.
    special
        Shape (k, 3): rows that are missing, minus infinity and infinity.
    n_off_grid
        Shape (k,): rows with a number that is none of the reference's few; they are in the cells, too.
    """

    cells: Ints
    special: Ints
    n_off_grid: Ints

    def __add__(self, other: CellCounts) -> CellCounts:
        return CellCounts(self.cells + other.cells, self.special + other.special, self.n_off_grid + other.n_off_grid)


def _sum(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    if not first or not second:
        return first or second
    return first | {level: count + first.get(level, 0) for level, count in second.items()}


def most_frequent(unseen: dict[str, int]) -> tuple[dict[str, int], int]:
    """Return the levels to list, and the rows of the others: a column of identifiers would fill the memory."""
    if len(unseen) <= LISTED_UNSEEN:
        return unseen, 0
    ordered = sorted(unseen.items(), key=lambda item: -item[1])
    return dict(ordered[:LISTED_UNSEEN]), sum(count for _, count in ordered[LISTED_UNSEEN:])


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where the cells of a column of numbers begin and end.

    Attributes
    ----------
    edges
        Shape (c - 1,), ascending: cell i holds the numbers in (edges[i - 1], edges[i]]. The first cell lies below the
        reference's least number, the last one beyond its greatest: the reference has nothing there.
    grid
        Shape (2, d): the bounds within which a number is taken for one of the reference's distinct numbers, if these
        are a grid: at most 256, most of them repeated. Else None.
    n_distinct, n_single, n_double
        How many distinct numbers the reference has, and how many come once and twice.
    """

    edges: Floats
    grid: Floats | None = None
    n_distinct: int = 0
    n_single: int = 0
    n_double: int = 0


def cut(ordered: Floats) -> Cuts:
    """Return the cells for the reference's finite numbers, which are sorted, shape (m,).

    Cells end midway between two neighbouring numbers, so that no row changes its cell if it comes in float32 or was
    computed another way.

    Examples
    --------
    >>> cut(np.array([1.0, 1.0, 2.0, 4.0])).edges.round(3).tolist()
    [0.5, 1.5, 3.0, 5.0]
    """
    if not ordered.size:
        return Cuts(np.zeros(1))
    ends = _run_ends(ordered)
    last = np.flatnonzero(ends)
    continuous = last.size > FINE
    bounds = _bounds(last) if continuous else np.arange(last.size - 1)
    below, above = ordered[last[bounds]], ordered[last[bounds] + 1]
    middle = below + (above / 2.0 - below / 2.0)
    middle = np.where(middle >= above, below, middle)
    first, top = _pads(ordered, last, continuous=continuous)
    outermost = float(ordered[0]) - first, float(ordered[-1]) + top
    edges = np.concatenate([[np.nextafter(outermost[0], -np.inf)], middle, [outermost[1]]])
    # A run of one row ends right behind the end of another run; a run of two rows, one row later.
    before = np.concatenate([[True], ends[:-1]])
    n_single = int((ends & before).sum())
    n_double = int((ends[1:] & ~before[1:] & before[:-1]).sum())
    grid = None
    if not continuous and n_single < ON_GRID * ordered.size:
        low, high = ordered[np.concatenate([[0], last[:-1] + 1])], ordered[last]
        grid = np.stack([low - np.maximum(NEAR * np.abs(low), LEAST), high + np.maximum(NEAR * np.abs(high), LEAST)])
    return Cuts(edges, grid, last.size, n_single, n_double)


def _run_ends(ordered: Floats) -> NDArray[np.bool_]:
    """Mark the last of each run of equal numbers, shape (m,); in parts, or it would take many times their memory."""
    ends = np.ones(ordered.size, dtype=np.bool_)
    closer = min(1.0, TIED_ROWS / ordered.size)
    with np.errstate(over="ignore"):
        of_range = closer * TIE_OF_RANGE * (ordered[-1] - ordered[0])
        for start in range(0, ordered.size - 1, CHUNK_ROWS):
            part = ordered[start : start + CHUNK_ROWS + 1]
            size = np.abs(part)
            tie = np.minimum(closer * TIE_OF_VALUE * np.maximum(size[1:], size[:-1]), of_range)
            ends[start : start + part.size - 1] = part[1:] - part[:-1] > tie
    return ends


def _bounds(last: Ints) -> Ints:
    """Return the runs after which a cell ends: those with the 1/256 quantiles, and those before a large one."""
    m = int(last[-1]) + 1
    ends = np.zeros(last.size, dtype=np.bool_)
    ends[np.searchsorted(last, (np.arange(1, FINE) * m - 1) // FINE)] = True
    runs = np.flatnonzero(ends)
    sizes = last[runs] - np.where(runs > 0, last[runs - 1], -1)
    ends[runs[(sizes * FINE >= m) & (runs > 0)] - 1] = True
    return np.flatnonzero(ends[:-1])


def _pads(ordered: Floats, last: Ints, *, continuous: bool) -> tuple[float, float]:
    """Return how far beyond the reference's extremes a number is still taken for one of its own."""
    low, high = float(ordered[0]), float(ordered[-1])
    near = [max(NEAR * abs(low), LEAST), max(NEAR * abs(high), LEAST)]
    if last.size == 1:
        return near[0], near[1]
    if continuous:  # the gap between two extremes says nothing
        return min(near[0], 1e-6 * (high - low)), min(near[1], 1e-6 * (high - low))
    gaps = ordered[last[0] + 1] / 2.0 - ordered[last[0]] / 2.0, high / 2.0 - ordered[last[-2]] / 2.0
    return max(near[0], float(gaps[0])), max(near[1], float(gaps[1]))


def pool_cells(tables: Counted) -> tuple[Floats, Floats]:
    """Join neighbouring cells until each expects at least 5 counts in the smaller of two samples.

    Parameters
    ----------
    tables
        Shape (k, 2, c): the reference's counts by cell, and the batch's.

    Returns
    -------
    cells
        Shape (k, 2, c): the joined cells, and empty ones behind them.
    rest
        Shape (k, 2): the counts behind the last cell, too few for another.

    Notes
    -----
    What a cell expects comes from both samples together. Given their sum, its split between them is hypergeometric
    where nothing has drifted, so that cells chosen by it favour no result; cells chosen by one sample's counts would.
    """
    k, _, c = tables.shape
    together, sizes = tables.sum(axis=1), tables.sum(axis=2)
    needed = LEAST_EXPECTED * sizes.sum(axis=1) / np.maximum(sizes.min(axis=1), np.finfo(np.float64).tiny)
    placed = [_places(one, least) for one, least in zip(together.tolist(), needed.tolist(), strict=True)]
    places = np.array(placed, dtype=np.intp).reshape(k, c + 1)
    at = places[:, None] + (c + 1) * np.arange(2 * k).reshape(k, 2, 1)
    found = np.bincount(at[:, :, :c].ravel(), tables.ravel(), 2 * k * (c + 1))
    joined = found.astype(np.float64, copy=False).reshape(k, 2, c + 1)  # of no table at all, they are integers
    rest = np.arange(k), slice(None), places[:, -1]
    left, joined[rest] = joined[rest], 0.0
    return joined[:, :, :c], left


def _places(counts: list[float], needed: float) -> list[int]:
    """Return which joined cell each cell belongs to, and, last, how many are full: that one is the rest."""
    places, place, held = [], 0, 0.0
    for count in counts:
        places.append(place)
        held += count
        if held >= needed:
            place, held = place + 1, 0.0
    return [*places, place]
