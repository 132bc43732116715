"""What drift detection keeps of each column of the reference, and how a batch's column is compared with it."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sevenfold.drift.statistics import (
    Floats,
    Ints,
    homogeneity,
    ks_distance,
    ks_p_value,
    places,
    pool_cells,
    rank_sum,
    share_p_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Level = str | float

# Dense in the tails, where a variance shows.
CHI2_QUANTILES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98)
DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
ATOM = 0.05  # a single number with at least this share of the reference is a cell of its own
LISTED_LEVELS = 10  # a column of identifiers would list every row


class Column(NamedTuple):
    """The values of a table's column that are present, numbers sorted, and how many are missing."""

    values: NDArray[Any]
    n_missing: int

    @property
    def n_rows(self) -> int:
        """Present or missing."""
        return self.values.size + self.n_missing

    @property
    def kind(self) -> str:
        """Either numbers or text."""
        return "text" if self.values.dtype.kind == "O" else "numbers"


def read_columns(table: Mapping[str, NDArray[Any]], names: Iterable[str]) -> dict[str, Column]:
    """Return the named columns of a table.

    Raises
    ------
    ValueError
        If one is missing, neither numbers nor text, not one-dimensional, or of another length than the first.
    """
    columns: dict[str, Column] = {}
    for name in names:
        if name not in table:
            raise ValueError(f"column {name!r}: expected in every batch, as the reference has it, got none")
        columns[name] = _read(name, np.asarray(table[name]))
        n_rows = next(iter(columns.values())).n_rows
        if columns[name].n_rows != n_rows:
            raise ValueError(
                f"column {name!r}: expected {n_rows} rows, as the first column has, got {columns[name].n_rows}"
            )
    return columns


def _read(name: str, array: NDArray[Any]) -> Column:
    if array.ndim != 1:
        raise ValueError(f"column {name!r}: expected 1 dimension, got {array.ndim}")
    if array.dtype.kind in "biuf":
        ordered = np.sort(array.astype(np.float64))
        n_present = int(np.searchsorted(ordered, np.nan))  # NaN sorts behind everything
        return Column(ordered[:n_present], array.size - n_present)
    present = [value for value in array.tolist() if value is not None]
    wrong = {type(value).__name__ for value in present if not isinstance(value, str)}
    if wrong:
        raise ValueError(
            f"column {name!r}: expected numbers, or text with None for missing, got {', '.join(sorted(wrong))}"
        )
    return Column(np.array(present, dtype=object), array.size - len(present))


class Finding(NamedTuple):
    """One test's name, statistic and p-value."""

    method: str
    statistic: float
    p_value: float


class Comparison(NamedTuple):
    """What the tests found, the counts of reference and batch by cell, (2, k), and levels that only the batch has."""

    status: str
    findings: list[Finding]
    cells: Ints
    unseen: tuple[Level, ...] = ()


class Quantiles:
    """Numbers of the reference, with their counts between its quantiles."""

    n_tests = 4  # kolmogorov_smirnov, rank_sum, chi_squared, missing_share

    def __init__(self, column: Column) -> None:
        self.column = column
        self._chi2_edges, self._psi_edges = (
            _edges(column.values, quantiles) for quantiles in (CHI2_QUANTILES, DECILES)
        )
        self._chi2_counts, self._psi_counts = (
            _counts(column.values, edges) for edges in (self._chi2_edges, self._psi_edges)
        )

    def compare(self, batch: NDArray[Any]) -> Comparison:
        """Compare with the sorted numbers of a batch."""
        m, (below, upto) = self.column.values.size, places(self.column.values, batch)
        distance = ks_distance(below, upto, m)
        cells, rest = pool_cells(np.array([self._chi2_counts, _counts(batch, self._chi2_edges)]))
        cells[:, -1:] += rest[:, None]
        findings = [
            Finding("kolmogorov_smirnov", distance, ks_p_value(distance, m, batch.size)),
            Finding("rank_sum", *rank_sum(below, upto, m)),
            *_chi_squared(cells),
        ]
        return Comparison("ok", findings, np.array([self._psi_counts, _counts(batch, self._psi_edges)]))


def _edges(ordered: NDArray[Any], quantiles: Sequence[float]) -> Floats:
    """Return the upper edges of cells: values of the reference, never interpolated, so that an infinity can be one."""
    edges = np.unique(ordered[np.ceil(np.array(quantiles) * ordered.size).astype(np.intp) - 1])
    shares = (np.searchsorted(ordered, edges, "right") - np.searchsorted(ordered, edges)) / ordered.size
    return np.union1d(edges, np.nextafter(edges[shares >= ATOM], -np.inf))


def _counts(ordered: NDArray[Any], edges: Floats) -> Ints:
    upto = np.concatenate([[0], np.searchsorted(ordered, edges, "right"), [ordered.size]], dtype=np.intp)
    return upto[1:] - upto[:-1]


class Levels:
    """Levels of the reference with their counts: of text, or of numbers that don't vary."""

    n_tests = 3  # chi_squared, rare_share, missing_share

    def __init__(self, column: Column) -> None:
        self.column = column
        self._counts = Counter[Any](column.values.tolist())

    def compare(self, batch: NDArray[Any]) -> Comparison:
        """Compare with the texts of a batch; levels too rare for chi-squared, new ones too, count together."""
        counts = Counter[Any](batch.tolist())
        # Not by one table's count, nor by name, or new levels would stand side by side: an identifier tells the time.
        names = sorted(self._counts | counts, key=lambda level: (-self._counts[level] - counts[level], _scatter(level)))
        table = np.array([[self._counts[level] for level in names], [counts[level] for level in names]])
        cells, rare = pool_cells(table)
        findings = [*_chi_squared(cells), *_share("rare_share", rare, table.sum(axis=1))]
        unseen = tuple(level for level, _ in counts.most_common() if level not in self._counts)
        status = "constant" if len(self._counts) == 1 else "ok"
        return Comparison(status, findings, np.column_stack([cells, rare]), unseen[:LISTED_LEVELS])


def _scatter(level: Level) -> bytes:
    """Return what puts levels in an order that has nothing to do with their names, the same in every process."""
    return hashlib.blake2b(str(level).encode("utf-8", "surrogatepass"), digest_size=8).digest()


Profile = Quantiles | Levels


def profile(column: Column) -> Profile:
    """Return what is kept of a column of the reference."""
    varies = column.values.size > 0 and column.values[0] != column.values[-1]
    return Quantiles(column) if column.kind == "numbers" and varies else Levels(column)


def compare(reference: Profile, batch: Column) -> Comparison:
    """Compare a batch's column with the reference's: the values, if both have any, and the share of missing."""
    present = np.array([reference.column.values.size, batch.values.size])
    missing = np.array([reference.column.n_missing, batch.n_missing])
    found = reference.compare(batch.values) if present.all() else Comparison("all_missing", [], present[:, None])
    if not missing.any():
        return found
    findings = [*found.findings, *_share("missing_share", missing, present + missing)]
    return found._replace(findings=findings, cells=np.column_stack([found.cells, missing]))


def _chi_squared(cells: Ints) -> list[Finding]:
    # All of a batch may be in no cell: where each level in it is new, they are a share that is tested by itself.
    return [Finding("chi_squared", *homogeneity(cells))] if cells.shape[1] > 1 and cells.sum(axis=1).all() else []


def _share(method: str, hits: Ints, sizes: Ints) -> list[Finding]:
    """Return the test of two shares, or nothing where both are 0 or both are 1: that leaves nothing to test."""
    if hits.sum() in (0, sizes.sum()):
        return []
    (m, n), (a, b) = sizes.tolist(), hits.tolist()
    return [Finding(method, b / n - a / m, share_p_value(a, m, b, n))]
