"""What drift detection keeps of a column of text, and how a batch's counts by level are compared with it."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sevenfold.drift.cells import Counts, most_frequent, pool_cells
from sevenfold.drift.distributions import student
from sevenfold.drift.numeric.profile import Numbers
from sevenfold.drift.reading import chunks
from sevenfold.drift.statistics import (
    Clustering,
    Finding,
    all_in_batch,
    chi_squared,
    clustering,
    compare_shares,
    population_stability_index,
    unseen_share,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sevenfold.drift.distributions import Floats, Ints
    from sevenfold.drift.reading import Column
    from sevenfold.drift.statistics import Counted

LISTED_LEVELS = 10  # a column of identifiers would list every row
MANY_LEVELS = 100_000  # with more, only so many rows, spread over the reference, are kept: each level takes memory
FACTOR = 5.0  # by which each test's p-value is multiplied, as for numbers
SCORED_SINGLES = 0.5  # if a larger share of rows is alone with its level, the column has no ranks worth comparing


class Comparison(NamedTuple):
    """What the tests of one column found.

    Attributes
    ----------
    status
        ok, constant or all_missing, as in a line.
    findings
        One for each test that had something to test.
    tables
        Counts of both samples by cell, shape (2, c) each: the largest PSI of them counts.
    unseen
        Levels that the reference lacks, the most frequent first.
    """

    status: str
    findings: list[Finding]
    tables: list[Counted]
    unseen: tuple[str, ...] = ()

    @property
    def first(self) -> Finding | None:
        """The finding with the least p-value, multiplied by the number of tests; 1 at most. None without any."""
        found = min(self.findings, key=lambda one: one.p_value, default=None)
        return None if found is None else found._replace(p_value=min(1.0, FACTOR * found.p_value))

    @property
    def psi(self) -> float:
        """The largest population stability index of the tables."""
        return max(float(population_stability_index(table[None])[0]) for table in self.tables)


class Levels:
    """A column of text of the reference, as counts by level.

    Parameters
    ----------
    names
        The levels.
    counts
        The reference's, in their order.
    groups
        How much alike the rows of a group are; None without groups.
    """

    kind = "text"

    def __init__(self, names: list[str], counts: Counts, groups: Clustering | None = None) -> None:
        self.names, self.counts, self.groups = names, counts, groups
        self.m = int(counts.cells.sum())
        self._index = {name: place for place, name in enumerate(names)}
        self._n_single, self._n_double = (int((counts.cells == often).sum()) for often in (1, 2))

    @classmethod
    def of(cls, column: Column, groups: NDArray[Any] | None = None) -> Levels:
        """Count the reference's column; `groups` numbers the group of each row, shape (n,), from 0."""
        values = column.values
        counted = _counted(values)
        if len(counted) > MANY_LEVELS:
            step = -(-values.size // MANY_LEVELS)
            values, groups = values[::step], None if groups is None else groups[::step]
            counted = _counted(values)
        n_missing = counted.pop(None, 0)
        cells = np.fromiter(counted.values(), dtype=np.intp, count=len(counted))
        found = cls(list(counted), Counts(cells, np.array([n_missing, 0, 0], dtype=np.intp)))
        found.groups = None if groups is None else found._clustering(values, groups)
        return found

    @cached_property
    def n_rows(self) -> int:
        """Rows of the reference."""
        return self.counts.n_rows

    @property
    def scored(self) -> bool:
        """Whether a joint test may use it."""
        return len(self.names) > 1 and self._n_single <= SCORED_SINGLES * self.m

    @cached_property
    def _hashes(self) -> NDArray[np.uint64]:
        return np.array([_scatter(name) for name in self.names], dtype=np.uint64)

    @cached_property
    def _scores(self) -> Floats:
        # By the name alone: an order by the reference's counts fits the reference better than any other table.
        return np.append(self._hashes.astype(np.float64) * 2.0**-63 - 1.0, 0.0)

    def scores(self, column: Column) -> Floats:
        """Return a number for each row's level, shape (n,), in [-1, 1], 0 where a value is missing."""
        if column.kind == "nothing":
            return np.zeros(column.n_rows)
        values = column.values.tolist()
        scores: Floats = self._scores[self._places(values, missing=len(self.names), unseen=-2)]
        for row, value in enumerate(values):
            if value is not None and value not in self._index:
                scores[row] = _scatter(value) * 2.0**-63 - 1.0
        return scores

    def _places(self, values: list[Any], *, missing: int, unseen: int) -> Ints:
        place = self._index.get
        return np.array([missing if value is None else place(value, unseen) for value in values], dtype=np.intp)

    def count(self, column: Column) -> Counts:
        """Count a batch's column."""
        cells, unseen = np.zeros(len(self.names), dtype=np.intp), dict[str, int]()
        if column.kind == "nothing":
            return Counts(cells, np.array([column.n_rows, 0, 0], dtype=np.intp))
        counted: Counter[Any] = Counter()
        for part in chunks(column.values):
            counted.update(part)
        n_missing = counted.pop(None, 0)
        for level, count in counted.items():
            place = self._index.get(level)
            if place is None:
                unseen[level] = count
            else:
                cells[place] = count
        listed, n_unlisted = most_frequent(unseen)
        return Counts(cells, np.array([n_missing, 0, 0], dtype=np.intp), listed, n_unlisted)

    def compare(self, batch: Counts, n_rows: int, batch_size: float) -> Comparison:
        """Compare a batch's counts with the reference's; where rows come in groups, each counts for less."""
        if self.groups is None:
            return self._compare(batch, 1.0)
        found = self._compare(batch, self.groups.design_effect(self.n_rows, n_rows, batch_size))
        findings = [
            one if one.method == "chi_squared" else one._replace(p_value=student(one.p_value, self.groups.df))
            for one in found.findings
        ]
        return found._replace(findings=findings)

    def _compare(self, batch: Counts, effect: float) -> Comparison:
        """Compare, each row counting 1 / `effect`, the design effect of groups."""
        new = np.fromiter(batch.unseen.values(), dtype=np.intp, count=len(batch.unseen))
        table = np.zeros((2, len(self.names) + new.size))
        table[0, : len(self.names)], table[1, : len(self.names)] = self.counts.cells, batch.cells
        table[1, len(self.names) :] = new
        unlisted = np.array([0.0, batch.n_unlisted]) / effect
        missing = np.array([self.counts.special[0], batch.special[0]]) / effect
        table /= effect
        sizes = table.sum(axis=1) + unlisted
        of_missing = compare_shares("missing_share", missing.tolist(), (sizes + missing).tolist())
        if not sizes.all():
            return Comparison("all_missing", of_missing, [np.column_stack([sizes, missing])])
        cells, rare = self._pooled(table, batch.unseen)
        rare = rare + unlisted
        findings = chi_squared(cells[None], [self.groups.df] if self.groups else None).of(0)
        findings += compare_shares("rare_share", rare.tolist(), sizes.tolist())
        tables = [np.column_stack([cells, rare, missing])]
        if batch.n_unseen:
            found, more = self._compare_new(table, sizes, batch.n_unseen / effect, new.max(initial=0) / effect)
            findings, tables = findings + found, tables + more
        status = "constant" if len(self.names) == 1 else "ok"
        return Comparison(status, findings + of_missing, tables, _listed(batch.unseen))

    def _pooled(self, table: Counted, unseen: dict[str, int]) -> tuple[Counted, Counted]:
        """Join levels that are too rare, in an order that has nothing to do with one table or with the names.

        By the reference's counts alone, or by name, new levels would stand side by side.
        """
        hashes = np.concatenate([self._hashes, np.array([_scatter(level) for level in unseen], dtype=np.uint64)])
        (cells,), (rest,) = pool_cells(table[None, :, np.lexsort((hashes, -table.sum(axis=0)))])
        return cells[:, cells.any(axis=0)], rest

    def _compare_new(
        self, table: Counted, sizes: Counted, n_new: float, most: float
    ) -> tuple[list[Finding], list[Counted]]:
        """Compare the rows whose level the reference lacks: all of them, and the most frequent level by itself."""
        m, n = sizes.tolist()
        findings = unseen_share(self._n_single, self._n_double, m, n_new, n)
        n_as_frequent = int((table.sum(axis=0) >= most).sum())  # any of them could have been all the batch's
        findings.append(Finding("new_level", most / n, min(1.0, n_as_frequent * all_in_batch(round(most), m, n))))
        single = min(m, float(self._n_single))
        return findings, [np.array([[m - single, single], [n - n_new, n_new]]), np.array([[m, 0.0], [n - most, most]])]

    def _clustering(self, values: NDArray[Any], groups: NDArray[Any]) -> Clustering:
        large = np.argsort(self.counts.cells)[::-1][:20]
        columns = np.full(len(self.names) + 1, large.size, dtype=np.intp)  # the rare ones together, and the missing
        columns[large] = np.arange(large.size)
        columns[-1] = large.size + 1
        cell = columns[self._places(values.tolist(), missing=len(self.names), unseen=0)]
        table = np.zeros((int(groups.max()) + 1, large.size + 2), dtype=np.intp)
        np.add.at(table, (groups, cell), 1)
        return clustering(table)


Profile = Numbers | Levels


def profile_of(column: Column, groups: NDArray[Any] | None) -> Profile:
    """Return the profile of a column of the reference, by its kind."""
    return Levels.of(column, groups) if column.kind == "text" else Numbers.of(column, groups)


def require_kind(name: str, profile: Profile, column: Column) -> None:
    """Raise ValueError for text instead of numbers, or the reverse; a column with nothing in it is of any kind."""
    if "nothing" not in {profile.kind, column.kind} and profile.kind != column.kind:
        raise ValueError(f"column {name!r}: expected {profile.kind}, got {column.kind}")


def _counted(values: NDArray[Any]) -> dict[Any, int]:
    """Count the levels; stop once there are too many."""
    counted: Counter[Any] = Counter()
    for part in chunks(values):
        counted.update(part)
        if len(counted) > MANY_LEVELS + len(part):
            break
    return dict(counted)


def _listed(unseen: dict[str, int]) -> tuple[str, ...]:
    return tuple(level for level, _ in Counter(unseen).most_common(LISTED_LEVELS))


def _scatter(level: str) -> int:
    """Return a hash of a level's name, the same in every process: below 2**64."""
    digest = hashlib.blake2b(level.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
