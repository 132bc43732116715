"""All columns of numbers of a reference, and the counts of a batch in their cells: counted and compared at once.

The columns lie side by side in arrays with a row for each column: with thousands of columns, a call of NumPy for each
would take longer than its computations.

It has more than 300 lines since counting and comparing use the same arrays.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sevenfold.drift.cells import CellCounts, pool_cells
from sevenfold.drift.distributions import student
from sevenfold.drift.reading import centred
from sevenfold.drift.statistics import (
    Findings,
    chi_squared,
    compare_shares,
    kolmogorov_smirnov,
    outside_share,
    population_stability_index,
    rank_sum,
    unseen_share,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from sevenfold.drift.distributions import Floats, Ints
    from sevenfold.drift.numeric.profile import Numbers
    from sevenfold.drift.reading import Column
    from sevenfold.drift.statistics import Counted

PART = 1 << 20  # numbers that are looked up at a time
MISSING, BELOW, BEYOND = range(3)  # the special cells, which stand behind the others

# By how much a test's p-value is multiplied: the inverses add up to 1, so that all tests together keep the rate
# (Bonferroni). The first three find small differences; the others have tiny p-values if they find anything.
FACTORS = {
    "kolmogorov_smirnov": 4.0,
    "rank_sum": 4.0,
    "chi_squared": 4.0,
    "outside_share": 16.0,
    "missing_share": 16.0,
    "infinite_share": 16.0,
    "unseen_share": 16.0,
}


class Compared(NamedTuple):
    """The results of the tests of k columns.

    Attributes
    ----------
    findings
        The findings of each test.
    psi
        Shape (k,).
    statuses
        ok, constant or all_missing for each column, as in a line.
    """

    findings: list[Findings]
    psi: Floats
    statuses: list[str]

    def first(self) -> tuple[list[str], Floats, Floats]:
        """Return the test with the least p-value of each column: its name, statistic and p-value.

        p-values are multiplied by the factor of their test, and at most 1; infinite if there was nothing to test.
        """
        p_values = np.array([one.p_value * FACTORS[one.method] for one in self.findings])
        at, columns = p_values.argmin(axis=0), np.arange(self.psi.size)
        least, statistics = p_values[at, columns], np.array([one.statistic for one in self.findings])[at, columns]
        names = [self.findings[i].method for i in at.tolist()]
        return names, statistics, np.where(np.isinf(least), least, np.minimum(1.0, least))


class NumberColumns:
    """The reference's k columns of numbers side by side: row i of each array is column i, with empty cells behind."""

    def __init__(self, columns: Mapping[str, Numbers]) -> None:
        self.names, self._columns = tuple(columns), list(columns.values())
        self.place = {name: i for i, name in enumerate(columns)}
        self._last = np.array([one.counts.cells.size - 1 for one in self._columns], dtype=np.intp)
        self._width = int(self._last.max(initial=-1)) + 1
        special = np.array([one.counts.special for one in self._columns], dtype=np.intp).reshape(-1, 3)
        self.n_rows = np.array([one.n_rows for one in self._columns], dtype=np.intp)
        none = np.zeros(len(self.names), dtype=np.intp)
        self.counts = CellCounts(_beside([one.counts.cells for one in self._columns], 0, self._width), special, none)
        self._grids = np.array([i for i, one in enumerate(self._columns) if one.cuts.grid is not None], dtype=np.intp)

    @cached_property
    def _edges(self) -> Floats:
        """The edges of the cells, filled up with infinity to a power of two, as `_search` needs them."""
        return _beside([one.cuts.edges for one in self._columns], np.inf, 1 << self._width.bit_length())

    @cached_property
    def _ranks(self) -> Floats:
        """The rank of each cell among the reference's numbers, in [-1, 1]; special cells come last."""
        cells, k = self.counts.cells, len(self.names)
        ranks = 2.0 * (cells.cumsum(axis=1) - 0.5 * cells) / np.maximum(1, cells.sum(axis=1))[:, None] - 1.0
        ranks[:, 0], ranks[np.arange(k), self._last] = -1.0, 1.0
        return np.concatenate([ranks, np.tile([0.0, -1.0, 1.0], (k, 1))], axis=1)

    @cached_property
    def _reach(self) -> Floats:
        """The least and the largest number of each cell of a grid, shape (2, grids, cells); else infinite."""
        reach = np.full((2, self._grids.size, self._width + 3), np.inf)
        for row, i in enumerate(self._grids.tolist()):
            grid = self._columns[i].cuts.grid
            if grid is not None:
                reach[:, row, 1 : grid.shape[1] + 1] = grid
        return reach

    @cached_property
    def _coarse(self) -> list[_Coarse]:
        return [_Coarse([one.coarse(ends=ends) for one in self._columns], self._width) for ends in (False, True)]

    def ranks(self, at: Sequence[int], columns: Sequence[Column]) -> Floats:
        """Return the rank of each number in the reference, shape (columns, n), in [-1, 1]; 0 if it is missing."""
        if not columns:
            return np.empty((0, 0))
        rows = np.asarray(at, dtype=np.intp)
        _, cells = self._cells(rows, columns)
        ranks: Floats = self._ranks[rows[:, None], cells]
        return ranks

    def count(self, columns: Sequence[Column], n_rows: int, step: int | None = None) -> tuple[CellCounts, Floats]:
        """Count a batch's columns; return the counts, and the ranks of every `step`-th row, of none without a step."""
        k, width = len(columns), self._width + 3
        counted, n_off = np.empty((k, width), dtype=np.intp), np.zeros(k, dtype=np.intp)
        ranks = np.empty((k, len(range(0, n_rows, step)) if step else 0))
        size = max(1, PART // max(1, n_rows))
        for start in range(0, k, size):
            at = np.arange(start, min(k, start + size))
            values, cells = self._cells(at, columns[start : start + size])
            flat = (cells + width * (at - start)[:, None]).ravel()
            counted[at] = np.bincount(flat, minlength=at.size * width).reshape(-1, width)
            if step:
                ranks[at] = self._ranks[at[:, None], cells[:, ::step]]
            grids = np.flatnonzero((self._grids >= start) & (self._grids < start + size))
            if grids.size:
                n_off[self._grids[grids]] = self._off_grid(grids, values, cells, self._grids[grids] - start)
        return CellCounts(counted[:, :-3], counted[:, -3:], n_off), ranks

    def _cells(self, at: Ints, columns: Sequence[Column]) -> tuple[Floats, Ints]:
        """Return the numbers of some columns and the cell of each, shape (columns, n)."""
        chosen = [self._columns[i] for i in at.tolist()]
        values = np.array([centred(column, one.offset) for one, column in zip(chosen, columns, strict=True)])
        cells = _search(self._edges[at], values)
        if not np.isfinite(values).all():
            for place, special in ((MISSING, np.isnan(values)), (BELOW, values == -np.inf), (BEYOND, values == np.inf)):
                cells[special] = self._width + place
        return values, cells

    def _off_grid(self, grids: Ints, values: Floats, cells: Ints, rows: Ints) -> Ints:
        values, cells = values[rows], cells[rows]
        low, high = self._reach[:, grids[:, None], cells]
        is_off = np.isfinite(values) & ((values < low) | (values > high))
        n_off: Ints = is_off.sum(axis=1)
        return n_off

    def compare(self, batch: CellCounts, n_rows: int, batch_size: float) -> Compared:
        """Compare a batch's counts with the reference's; rows in groups count for less than independent ones."""
        effects = [
            one.groups.design_effect(one.n_rows, n_rows, batch_size) if one.groups else 1.0 for one in self._columns
        ]
        effect = np.array(effects)[:, None]
        table = np.stack([self.counts.cells, batch.cells], axis=1) / effect[:, :, None]
        special = np.stack([self.counts.special, batch.special], axis=1) / effect[:, :, None]
        sizes, off = table.sum(axis=2), batch.n_off_grid / effect[:, 0]
        totals, filled = sizes + special.sum(axis=2), (sizes > 0).all(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            findings = [
                *self._compare_values(table, sizes, off, filled, effect[:, 0]),
                _shares("missing_share", special[:, :, MISSING], totals),
                _shares("infinite_share", special[:, :, BELOW] + special[:, :, BEYOND], totals),
            ]
            psi = self._psi(table, special, sizes, off, filled, effect[:, 0])
        varied = [one.cuts.n_distinct != 1 for one in self._columns]
        pairs = zip(filled.tolist(), varied, strict=True)
        statuses = ["all_missing" if not full else "ok" if varies else "constant" for full, varies in pairs]
        return Compared([self._grouped(one) for one in findings], psi, statuses)

    def _compare_values(
        self, table: Counted, sizes: Floats, off: Floats, filled: NDArray[np.bool_], effect: Floats
    ) -> list[Findings]:
        varied = filled & np.array([one.cuts.n_distinct > 1 for one in self._columns])
        at = np.flatnonzero(varied)
        cells, rest = pool_cells(self._coarse[0].of(table)[at])
        n_joined = (cells.sum(axis=1) > 0).sum(axis=1)
        cells[np.arange(at.size), :, np.maximum(0, n_joined - 1)] += rest * (n_joined > 0)[:, None]
        df_scale = [groups.df if (groups := self._columns[i].groups) else None for i in at.tolist()]
        r, b = table[at].transpose(1, 0, 2)
        tests = kolmogorov_smirnov(r, b), rank_sum(r, b), chi_squared(cells, df_scale)
        return [
            self._outside(table, sizes, filled),
            *[_spread(one, at, len(self.names)) for one in tests],
            self._unseen(sizes, off, filled, effect),
        ]

    def _outside(self, table: Counted, sizes: Floats, filled: NDArray[np.bool_]) -> Findings:
        findings = _nothing("outside_share", len(self.names))
        below, above = table[:, 1, 0], table[np.arange(len(self.names)), 1, self._last]
        for i in np.flatnonzero(filled & ((below > 0) | (above > 0))).tolist():
            finding = outside_share(float(below[i]), float(above[i]), *sizes[i].tolist())
            findings.statistic[i], findings.p_value[i] = finding.statistic, finding.p_value
        return findings

    def _unseen(self, sizes: Floats, off: Floats, filled: NDArray[np.bool_], effect: Floats) -> Findings:
        findings = _nothing("unseen_share", len(self.names))
        for i in self._grids[filled[self._grids]].tolist():
            cuts, (m, n), each = self._columns[i].cuts, sizes[i].tolist(), float(effect[i])
            for finding in unseen_share(cuts.n_single / each, cuts.n_double / each, m, float(off[i]), n):
                findings.statistic[i], findings.p_value[i] = finding.statistic, finding.p_value
        return findings

    def _psi(  # noqa: PLR0917
        self,
        table: Counted,
        special: Counted,
        sizes: Floats,
        off: Floats,
        filled: NDArray[np.bool_],
        effect: Floats,
    ) -> Floats:
        coarse = self._coarse[1].of(table)
        coarse[~filled] = 0.0
        coarse[~filled, :, 0] = sizes[~filled]
        psi = population_stability_index(np.concatenate([coarse, special], axis=2))
        at = self._grids[filled[self._grids]]
        if at.size:
            single = np.array([self._columns[i].cuts.n_single for i in at.tolist()]) / effect[at]
            alone = np.stack([single, off[at]], axis=1)
            tables = np.stack([sizes[at] - alone, alone], axis=2)
            psi[at] = np.maximum(psi[at], population_stability_index(tables))
        return psi

    def _grouped(self, findings: Findings) -> Findings:
        """Give the p-values longer tails if they rest on the similarity of rows in the reference's groups."""
        if findings.method == "chi_squared" or not any(column.groups for column in self._columns):
            return findings
        pairs = zip(self._columns, findings.p_value.tolist(), strict=True)
        p_values = [student(p, column.groups.df) if column.groups and p <= 1.0 else p for column, p in pairs]
        return findings._replace(p_value=np.array(p_values))


class _Coarse:
    """Joins cells to coarse cells, by the first cell of each."""

    def __init__(self, starts: Sequence[Ints], width: int) -> None:
        sizes = np.array([one.size for one in starts for _ in range(2)], dtype=np.intp)
        every = np.concatenate([np.zeros(0, dtype=np.intp), *[one for one in starts for _ in range(2)]])
        self._starts = every + np.repeat(np.arange(sizes.size) * width, sizes)
        self._used = (np.arange(sizes.max(initial=1)) < sizes[:, None]).reshape(len(starts), 2, -1)

    def of(self, table: Floats) -> Floats:
        """Return the counts of two samples by coarse cell, from their counts by cell, shape (k, 2, c)."""
        counts = np.zeros(self._used.shape)
        counts[self._used] = np.add.reduceat(table.ravel(), self._starts)
        return counts


def _beside(rows: Sequence[NDArray[Any]], fill: float, width: int) -> NDArray[Any]:
    """Return arrays of different lengths as rows of one, filled up."""
    table = np.full((len(rows), width), fill, dtype=rows[0].dtype if rows else np.intp)
    for row, values in zip(table, rows, strict=True):
        row[: values.size] = values
    return table


def _search(edges: Floats, values: Floats) -> Ints:
    """Return how many edges of its row, shape (k, 2^b), are less than each value, shape (k, n).

    As with `np.searchsorted`, but for all rows at once, and without branches that the processor could mispredict.
    """
    width = edges.shape[1]
    flat, sought = edges.ravel(), values.ravel()
    places = np.repeat(np.arange(len(edges)) * width, values.shape[1])
    half = width // 2
    while half:
        places += (flat[half - 1 :].take(places) < sought) * half
        half //= 2
    positions: Ints = places.reshape(values.shape) & (width - 1)
    return positions


def _nothing(method: str, k: int) -> Findings:
    return Findings(method, np.zeros(k), np.full(k, np.inf))


def _spread(findings: Findings, at: Ints, k: int) -> Findings:
    every = _nothing(findings.method, k)
    every.statistic[at], every.p_value[at] = findings.statistic, findings.p_value
    return every


def _shares(method: str, hits: Floats, sizes: Floats) -> Findings:
    findings = _nothing(method, len(hits))
    for i in np.flatnonzero(hits.any(axis=1)).tolist():
        for finding in compare_shares(method, hits[i].tolist(), sizes[i].tolist()):
            findings.statistic[i], findings.p_value[i] = finding.statistic, finding.p_value
    return findings
