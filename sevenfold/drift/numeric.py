"""What drift detection keeps of a column of numbers or times, and how a batch's counts are compared with it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from sevenfold.drift.cells import Counts, Cuts, cut
from sevenfold.drift.reading import centre_of, centred
from sevenfold.drift.statistics import (
    Clustering,
    Finding,
    chi_squared,
    clustering,
    compare_shares,
    kolmogorov_smirnov,
    outside_share,
    pool_cells,
    rank_sum,
    unseen_share,
)

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from sevenfold.drift.distributions import Floats, Ints
    from sevenfold.drift.reading import Column
    from sevenfold.drift.statistics import Counted

FEW = 24  # so few distinct numbers are a cell each in chi-squared and PSI
QUANTILES = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98])  # dense in the tails: a variance
FINITE_FROM_TO = np.array([np.finfo(np.float64).min, np.inf, np.nan])
ATOM = 0.05  # a cell with at least this share of the reference is never joined with another


class Comparison(NamedTuple):
    """What the tests of one column found.

    Attributes
    ----------
    status
        ok, constant or all_missing, as in a line.
    findings
        One a test that had something to test.
    tables
        Counts of both samples by cell, shape (2, c) each: the largest PSI of them counts.
    unseen
        Levels that the reference lacks, the most frequent first.
    """

    status: str
    findings: list[Finding]
    tables: list[Counted]
    unseen: tuple[str, ...] = ()

    def first(self, factors: dict[str, float]) -> Finding | None:
        """Return the finding with the least p-value, each multiplied by its test's factor; 1 at most."""
        p_values = [one.p_value * factors[one.method] for one in self.findings]
        if not p_values:
            return None
        least = min(p_values)
        return self.findings[p_values.index(least)]._replace(p_value=min(1.0, least))


class Numbers:
    """A column of numbers, times or durations of the reference, as counts in cells.

    Parameters
    ----------
    kind
        The column's.
    offset
        What is taken off integers before they become float64.
    cuts
        The cells.
    counts
        The reference's, by cell.
    groups
        How much alike the reference's groups are; None without groups.
    """

    # By how much a test's p-value is multiplied: the inverses add up to 1, so that all tests together keep the rate
    # (Bonferroni). The first three are told small differences by; the others have tiny p-values where they have any.
    factors: ClassVar[dict[str, float]] = {
        "kolmogorov_smirnov": 4.0,
        "rank_sum": 4.0,
        "chi_squared": 4.0,
        "outside_share": 16.0,
        "missing_share": 16.0,
        "infinite_share": 16.0,
        "unseen_share": 16.0,
    }

    def __init__(self, kind: str, offset: int, cuts: Cuts, counts: Counts, groups: Clustering | None = None) -> None:
        self.kind, self.offset, self.cuts, self.counts, self.groups = kind, offset, cuts, counts, groups
        self.m = int(counts.cells.sum())
        few = 0 < cuts.n_distinct <= FEW
        # The outermost cells, which the reference leaves empty, are cells of their own for PSI alone.
        self._for_chi, self._for_psi = [
            np.arange(counts.cells.size) if few else _joined(counts.cells, ends=ends) for ends in (False, True)
        ]

    @classmethod
    def of(cls, column: Column, groups: NDArray[Any] | None = None) -> Numbers:
        """Count the reference's column; `groups` numbers the group of each row, shape (n,), from 0."""
        offset = centre_of(column)
        values = centred(column, offset)
        special = np.array([np.isnan(values).sum(), (values == -np.inf).sum(), (values == np.inf).sum()], dtype=np.intp)
        ordered = values[np.isfinite(values)]
        del values  # of ten million rows, each copy is 80 MB
        ordered.sort()
        cuts = cut(ordered)
        found = cls(column.kind, offset, cuts, Counts(_by_cell(ordered, cuts), special))
        found.groups = None if groups is None else found._clustering(centred(column, offset), groups)
        return found

    @cached_property
    def n_rows(self) -> int:
        """Rows of the reference."""
        return self.counts.n_rows

    @property
    def scored(self) -> bool:
        """Whether a joint test may use it."""
        return self.cuts.n_distinct > 1

    @cached_property
    def _scores(self) -> Floats:
        r = self.counts.cells
        scores: Floats = (2.0 * (np.cumsum(r) - 0.5 * r) / max(1, self.m)) - 1.0
        scores[0], scores[-1] = -1.0, 1.0
        return scores

    def scores(self, column: Column) -> Floats:
        """Return the rank of each row among the reference's, shape (n,), in [-1, 1], 0 where a value is missing."""
        values = centred(column, self.offset)
        return np.where(np.isnan(values), 0.0, self._scores[np.searchsorted(self.cuts.edges, values)])

    def count(self, column: Column) -> Counts:
        """Count a batch's column. Sorted first, a batch takes a quarter of the time."""
        ordered = np.sort(centred(column, self.offset))  # minus infinity first, then infinity, then NaN
        low, high, present = ordered.searchsorted(FINITE_FROM_TO).tolist()
        special = np.array([ordered.size - present, low, present - high], dtype=np.intp)
        finite, n_off, grid = ordered[low:high], 0, self.cuts.grid
        if grid is not None:
            on_grid = finite.searchsorted(grid[1], "right") - finite.searchsorted(grid[0])
            n_off = max(0, int(finite.size - on_grid.sum()))
        return Counts(_by_cell(finite, self.cuts), special, n_off_grid=n_off)

    def compare(self, batch: Counts, effect: float = 1.0) -> Comparison:
        """Compare a batch's counts with the reference's; each row counts 1 / `effect`, the design effect of groups."""
        table: Counted = np.array([self.counts.cells, batch.cells], dtype=np.float64) / effect
        special: Counted = np.array([self.counts.special, batch.special], dtype=np.float64) / effect
        sizes = table.sum(axis=1).tolist()
        missing, below, beyond = special.T.tolist()
        total = [size + sum(others) for size, others in zip(sizes, special.tolist(), strict=True)]
        shares = compare_shares("missing_share", missing, total)
        shares += compare_shares("infinite_share", [below[0] + beyond[0], below[1] + beyond[1]], total)
        if not all(sizes):
            return Comparison("all_missing", shares, [np.column_stack([sizes, special])])
        off = batch.n_off_grid / effect
        findings = self._compare_values(table, sizes, off)
        status = "constant" if self.cuts.n_distinct == 1 else "ok"
        return Comparison(status, findings + shares, self._tables(table, special, sizes, off))

    def _compare_values(self, table: Counted, sizes: list[float], off: float) -> list[Finding]:
        r, b = table
        m, n = sizes
        findings = [outside_share(b[0], b[-1], m, n)] if b[0] or b[-1] else []
        if self.cuts.n_distinct > 1:
            cells, rest = pool_cells(np.add.reduceat(table, self._for_chi, axis=1))
            cells[:, -1:] += rest[:, None]
            findings += [kolmogorov_smirnov(r, b), rank_sum(r, b)]
            findings += chi_squared(cells, self.groups.df if self.groups else None)
        if self.cuts.grid is not None:
            findings += unseen_share(self.cuts.n_single, self.cuts.n_double, m, off, n)
        return findings

    def _tables(self, table: Counted, special: Counted, sizes: list[float], off: float) -> list[Counted]:
        tables = [np.column_stack([np.add.reduceat(table, self._for_psi, axis=1), special])]
        if self.cuts.grid is not None:
            alone = np.array([self.cuts.n_single, off])
            tables.append(np.stack([sizes - alone, alone], axis=1))
        return tables

    def _clustering(self, values: Floats, groups: NDArray[Any]) -> Clustering:
        starts = self._for_chi
        cell = np.searchsorted(starts, np.searchsorted(self.cuts.edges, values), "right") - 1
        cell[~np.isfinite(values)] = starts.size  # whatever keeps them from being numbers
        table = np.zeros((int(groups.max()) + 1, starts.size + 1), dtype=np.intp)
        np.add.at(table, (groups, cell), 1)
        sizes = table.sum(axis=0)
        ranks = np.cumsum(sizes) - 0.5 * sizes
        ranks[-1] = np.average(ranks[:-1], weights=sizes[:-1]) if sizes[:-1].any() else 0.0
        return clustering(table, ranks)


def _by_cell(ordered: Floats, cuts: Cuts) -> Ints:
    upto = np.concatenate([[0], ordered.searchsorted(cuts.edges, "right"), [ordered.size]])
    cells: Ints = upto[1:] - upto[:-1]
    return cells


def _joined(cells: Ints, *, ends: bool) -> Ints:
    """Return the first cell of each coarse one: between the reference's quantiles, with atoms for themselves."""
    upto = np.cumsum(cells)
    if not upto[-1]:
        return np.zeros(1, dtype=np.intp)
    quantiles = np.searchsorted(upto, np.ceil(QUANTILES * upto[-1])) + 1
    atoms = np.flatnonzero(cells >= ATOM * upto[-1])
    outside = [1, cells.size - 1] if ends else []
    starts = np.unique(np.concatenate([[0], quantiles, atoms, atoms + 1, outside])).astype(np.intp)
    return starts[starts < cells.size]
