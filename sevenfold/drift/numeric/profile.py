"""A column of numbers or times of the reference, as drift detection keeps it: counts in cells."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sevenfold.drift.cells import Counts, Cuts, cut
from sevenfold.drift.reading import centre_of, centred
from sevenfold.drift.statistics import Clustering, clustering

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from sevenfold.drift.distributions import Floats, Ints
    from sevenfold.drift.reading import Column

FEW = 24  # up to so many distinct numbers are a cell each in chi-squared and PSI
QUANTILES = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98])  # dense in the tails: a variance
ATOM = 0.05  # a cell with at least this share of the reference is never joined with another
FINITE_FROM_TO = np.array([np.finfo(np.float64).min, np.inf, np.nan])


class Numbers:
    """A column of numbers, times or durations of the reference, as counts in cells.

    Parameters
    ----------
    kind
        The kind of the column.
    offset
        The number that is subtracted from integers before they become float64.
    cuts
        The cells.
    counts
        The reference's counts, by cell.
    groups
        How similar rows of a group are in the reference; None without groups.
    """

    def __init__(self, kind: str, offset: int, cuts: Cuts, counts: Counts, groups: Clustering | None = None) -> None:
        self.kind, self.offset, self.cuts, self.counts, self.groups = kind, offset, cuts, counts, groups

    @classmethod
    def of(cls, column: Column, groups: NDArray[Any] | None = None) -> Numbers:
        """Count the reference's column; `groups` has the number of each row's group from 0, shape (n,)."""
        offset = centre_of(column)
        values = centred(column, offset)
        ordered = np.sort(values)  # minus infinity first, then infinity, then NaN
        low, high, present = ordered.searchsorted(FINITE_FROM_TO).tolist()
        special = np.array([ordered.size - present, low, present - high], dtype=np.intp)
        ordered = ordered[low:high]
        cuts = cut(ordered)
        upto = np.concatenate([[0], ordered.searchsorted(cuts.edges, "right"), [ordered.size]])
        numbers = cls(column.kind, offset, cuts, Counts(upto[1:] - upto[:-1], special))
        numbers.groups = None if groups is None else numbers._clustering(values, groups)
        return numbers

    @cached_property
    def n_rows(self) -> int:
        """Rows of the reference."""
        return self.counts.n_rows

    @property
    def scored(self) -> bool:
        """Whether the joint test may use the column."""
        return self.cuts.n_distinct > 1

    def coarse(self, *, ends: bool) -> Ints:
        """Return the first cell of each coarse cell, for chi-squared; if `ends`, with the outermost apart, for PSI.

        The outermost cells, which are empty in the reference, are cells of their own only for PSI.
        """
        cells = self.counts.cells
        if 0 < self.cuts.n_distinct <= FEW:
            return np.arange(cells.size)
        return _joined(cells, ends=ends)

    def _clustering(self, values: Floats, groups: NDArray[Any]) -> Clustering:
        starts = self.coarse(ends=False)
        cell = np.searchsorted(starts, np.searchsorted(self.cuts.edges, values), "right") - 1
        cell[~np.isfinite(values)] = starts.size  # missing or infinite
        table = np.zeros((int(groups.max()) + 1, starts.size + 1), dtype=np.intp)
        np.add.at(table, (groups, cell), 1)
        sizes = table.sum(axis=0)
        ranks = np.cumsum(sizes) - 0.5 * sizes
        ranks[-1] = np.average(ranks[:-1], weights=sizes[:-1]) if sizes[:-1].any() else 0.0
        return clustering(table, ranks)


def _joined(cells: Ints, *, ends: bool) -> Ints:
    """Return the first cell of each coarse cell: between the reference's quantiles, with atoms apart."""
    upto = np.cumsum(cells)
    if not upto[-1]:
        return np.zeros(1, dtype=np.intp)
    begins = np.zeros(cells.size + 2, dtype=np.bool_)
    begins[upto.searchsorted(np.ceil(QUANTILES * upto[-1])) + 1] = True
    atoms = np.flatnonzero(cells >= ATOM * upto[-1])
    begins[atoms], begins[atoms + 1], begins[0] = True, True, True
    if ends:
        begins[1], begins[cells.size - 1] = True, True
    return np.flatnonzero(begins[: cells.size])
