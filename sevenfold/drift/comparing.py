"""A batch's counts and sums, and what the tests find in each of its columns, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sevenfold.drift.cells import CellCounts, Counts
    from sevenfold.drift.joint import Sums
    from sevenfold.drift.levels import Levels
    from sevenfold.drift.numeric.columns import NumberColumns


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts by column, the sums for the joint test, and the number of rows of a batch, or of several.

    `n_squared` is the sum of the batches' squared numbers of rows: a batch is a group of rows, which may be alike.
    """

    numbers: CellCounts
    levels: dict[str, Counts]
    sums: Sums | None
    n_rows: int
    n_squared: float

    @property
    def batch_size(self) -> float:
        """Rows of a batch, as a row sees it: the mean, each row counting its own batch."""
        return self.n_squared / max(1, self.n_rows)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.numbers + other.numbers,
            {name: counts + other.levels[name] for name, counts in self.levels.items()},
            None if self.sums is None or other.sums is None else self.sums + other.sums,
            self.n_rows + other.n_rows,
            self.n_squared + other.n_squared,
        )


class Found(NamedTuple):
    """What the tests found in one column, named as in `FeatureDrift`."""

    missing_fraction: float
    infinite_fraction: float
    method: str = "none"
    statistic: float | None = None
    p_value: float | None = None
    psi: float | None = None
    status: str = "insufficient_data"
    unseen_levels: tuple[str, ...] = ()


def compare_numbers(columns: NumberColumns, tally: Tally, min_rows: int) -> dict[str, Found]:
    """Compare all columns of numbers; a column with fewer than `min_rows` rows isn't tested."""
    if not columns.names:
        return {}
    special = tally.numbers.special / max(1, tally.n_rows)
    shares = list(zip(special[:, 0].tolist(), special[:, 1:].sum(axis=1).tolist(), strict=True))
    tested = (columns.n_rows >= min_rows) & (tally.n_rows >= min_rows)
    if not tested.any():
        return {name: Found(*share) for name, share in zip(columns.names, shares, strict=True)}
    compared = columns.compare(tally.numbers, tally.n_rows, tally.batch_size)
    methods, statistics, p_values = compared.first()
    found = zip(methods, statistics.tolist(), p_values.tolist(), compared.psi.tolist(), compared.statuses, strict=True)
    rows = {}
    for name, share, enough, (method, statistic, p_value, psi, status) in zip(
        columns.names, shares, tested.tolist(), found, strict=True
    ):
        if not enough:
            rows[name] = Found(*share)
        elif p_value <= 1.0:
            rows[name] = Found(*share, method, statistic, p_value, psi, status)
        else:
            rows[name] = Found(*share, psi=psi, status=status)
    return rows


def compare_levels(columns: Mapping[str, Levels], tally: Tally, min_rows: int) -> dict[str, Found]:
    """Compare all columns of text; a column with fewer than `min_rows` rows isn't tested."""
    rows = {}
    for name, levels in columns.items():
        counts = tally.levels[name]
        missing = int(counts.special[0]) / max(1, tally.n_rows)
        if min(tally.n_rows, levels.n_rows) < min_rows:
            rows[name] = Found(missing, 0.0)
            continue
        found = levels.compare(counts, tally.n_rows, tally.batch_size)
        rows[name] = Found(missing, 0.0, psi=found.psi, status=found.status, unseen_levels=found.unseen)
        if first := found.first:
            rows[name] = rows[name]._replace(method=first.method, statistic=first.statistic, p_value=first.p_value)
    return rows
