"""Tables for a binary decision: made up, split, shifted, summarised and fingerprinted."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.data.messages import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Index = NDArray[np.intp] | slice

MIN_SYNTHETIC_ROWS = 100
SIGNAL = 2.5  # the sd of the synthetic logits: the best AUC that anybody can reach is then .895


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Table:
    """Named columns of equal length.

    Attributes
    ----------
    columns : dict[str, np.ndarray]
        Numeric columns are float64 (n,), NaN where a value is missing; categorical ones are object (n,) of str,
        None where a value is missing.
    """

    columns: dict[str, NDArray[Any]]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.columns)

    @property
    def numeric(self) -> tuple[str, ...]:
        """The names of the numeric columns."""
        return tuple(name for name, column in self.columns.items() if column.dtype.kind == "f")

    @property
    def categorical(self) -> tuple[str, ...]:
        """The names of the categorical columns."""
        return tuple(name for name, column in self.columns.items() if column.dtype.kind != "f")

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def take(self, index: Index) -> Table:
        """Return the rows that `index` picks: positions in any order, or a slice."""
        return Table({name: column[index] for name, column in self.columns.items()})

    def row(self, i: int) -> dict[str, float | str | None]:
        """Return row `i` as plain Python values, None where one is missing."""
        cells = [column.item(i) for column in self.columns.values()]
        # Only NaN isn't equal to itself.
        return {name: cell if cell == cell else None for name, cell in zip(self.columns, cells, strict=True)}  # noqa: PLR0124

    def __repr__(self) -> str:
        """Return the size alone: a traceback that shows variables would take seconds for the columns."""
        return f"<Table of {self.n_rows:,} rows, {len(self.columns):,} columns>"

    def rows(self) -> Iterator[dict[str, float | str | None]]:
        """Yield every row as `row` returns it; of many rows at a fraction of the cost."""
        if self.n_rows == 1:
            yield self.row(0)
            return
        for values in zip(*map(plain_values, self.columns.values()), strict=True):
            yield dict(zip(self.columns, values, strict=True))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dataset:
    """A table and its target: `target` is int8 (n,), 1 for the positive class and 0 for the other."""

    table: Table
    target: NDArray[np.int8]

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self.target)

    def __repr__(self) -> str:
        """Return the size alone."""
        return f"<Dataset of {self.n_rows:,} rows, {len(self.table.columns):,} columns>"

    def take(self, index: Index) -> Dataset:
        """Return the rows that `index` picks: positions in any order, or a slice."""
        return Dataset(self.table.take(index), self.target[index])


@dataclass(frozen=True, slots=True)
class DataSummary:
    """The summary of a dataset in the training log. A column without values has mean and sd NaN."""

    n_features: int
    feature_mean: dict[str, float]
    feature_std: dict[str, float]
    positive_rate: float


def make_synthetic(n_rows: int, n_features: int, rng: np.random.Generator) -> Dataset:
    """Draw Gaussian columns, each with a mean and sd of its own, and a target from a logistic model of them.

    The means are in [-3, 3], the sds from .25 (`feature_01`) to 4; about half of the rows are positive.

    Raises
    ------
    DataError
        If `n_rows` is below 100 or `n_features` below 1.
    """
    _at_least("n_rows", n_rows, MIN_SYNTHETIC_ROWS)
    _at_least("n_features", n_features, 1)
    means = rng.uniform(-3.0, 3.0, n_features)
    sds = np.geomspace(0.25, 4.0, n_features)
    weights = rng.normal(size=n_features)
    z = rng.normal(size=(n_rows, n_features))
    logits = z @ (weights * (SIGNAL / np.linalg.norm(weights)))
    width = max(2, len(str(n_features)))
    columns = {f"feature_{j + 1:0{width}d}": means[j] + sds[j] * z[:, j] for j in range(n_features)}
    # Noise of the logistic distribution makes P(target = 1) the sigmoid of the logit.
    return Dataset(Table(columns), (logits > rng.logistic(size=n_rows)).astype(np.int8))


def split(
    dataset: Dataset, rng: np.random.Generator, fractions: tuple[float, float] = (0.6, 0.2)
) -> tuple[Dataset, Dataset, Dataset]:
    """Shuffle and split into training, validation and held-out rows, each class by the same fractions.

    `fractions` are the shares of the first two parts; the third has the rest. A class of three rows or more is in
    every part.
    """
    if min(fractions) <= 0 or sum(fractions) >= 1:
        raise ValueError(f"fractions must be positive and sum to less than 1, got {fractions}")
    parts: list[list[NDArray[np.intp]]] = [[], [], []]
    for label in (0, 1):
        members = rng.permutation(np.flatnonzero(dataset.target == label))
        for part, piece in zip(parts, np.split(members, _cuts(len(members), fractions)), strict=True):
            part.append(piece)
    train, val, held_out = (dataset.take(rng.permutation(np.concatenate(part))) for part in parts)
    return train, val, held_out


def shift(table: Table, rng: np.random.Generator, n_sd: float = 1.0, share: float = 0.5) -> Table:
    """Return the table with a `share` of its numeric columns, at least one, moved up by `n_sd` of their sds."""
    numeric = table.numeric
    chosen = set(rng.choice(numeric, size=math.ceil(share * len(numeric)), replace=False)) if numeric else set()
    return Table(
        {
            name: column + n_sd * mean_and_std(column)[1] if name in chosen else column
            for name, column in table.columns.items()
        }
    )


def summarise(dataset: Dataset) -> DataSummary:
    """Return the mean and sd of each numeric column and the share of positive rows."""
    table = dataset.table
    moments = {name: mean_and_std(table.columns[name]) for name in table.numeric}
    return DataSummary(
        n_features=len(table.names),
        feature_mean={name: mean for name, (mean, _) in moments.items()},
        feature_std={name: std for name, (_, std) in moments.items()},
        positive_rate=float(dataset.target.mean()),
    )


def mean_and_std(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean and (population) sd of the values that aren't NaN; they can't overflow, and are NaN for none."""
    values = values[~np.isnan(values)]
    if not values.size:
        return math.nan, math.nan
    mean, std = means_and_stds(values[np.newaxis])
    return float(mean[0]), float(std[0])


def means_and_stds(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means and sds of columns without a NaN, as the rows of one array; they can't overflow."""
    # To scale by a power of two is exact, and keeps sums and squares of huge values finite.
    exponents = np.frexp(np.abs(rows).max(axis=1))[1]
    scaled = np.ldexp(rows, -exponents[:, np.newaxis])
    return np.ldexp(scaled.mean(axis=1), exponents), np.ldexp(scaled.std(axis=1), exponents)


def fingerprint(dataset: Dataset) -> str:
    """Return the SHA-256, in hex, of the columns' names, kinds and values, and the target; the same everywhere."""
    table = dataset.table
    kinds = [(name, column.dtype.kind == "f") for name, column in table.columns.items()]
    digest = hashlib.sha256(json.dumps([dataset.n_rows, kinds]).encode())
    for column in table.columns.values():
        digest.update(_canonical(column))
    digest.update(dataset.target.astype(np.int8).tobytes())
    return digest.hexdigest()


def _canonical(column: NDArray[Any]) -> bytes:
    if column.dtype.kind != "f":
        return json.dumps(column.tolist()).encode()
    # A NaN has many bit patterns, and which one comes out of a computation is up to the processor.
    return np.where(np.isnan(column), np.nan, column).astype("<f8").tobytes()


def plain_values(column: NDArray[Any]) -> list[Any]:
    """List a column's values, None where one is missing."""
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f":
        gaps = np.isnan(column)
        if gaps.any():
            for i in np.flatnonzero(gaps):
                values[i] = None
    return values


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise DataError(f"{name} must be at least {least}, got {value}")


def _cuts(n: int, fractions: tuple[float, float]) -> list[int]:
    """Return where to cut `n` rows in three, none of them empty if there are three."""
    first = max(1, min(round(n * fractions[0]), n - 2))
    return [first, max(first + 1, min(round(n * sum(fractions)), n - 1))]
