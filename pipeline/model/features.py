"""From a table to the matrix that a model multiplies: standardised numbers, one-hot levels, indicators of gaps.

Fences as in J. W. Tukey, Exploratory Data Analysis, 1977, chapter 2, but wider: they are for the absurd, not the rare.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.data.table import means_and_stds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.data.table import Index, Table

FENCE = 5.0  # how many widths of its middle part a column may reach beyond that part
MAX_LEVELS = 255
PART = 1 << 18  # numbers that are measured at a time
MIN_COUNT = 5  # rows of a level that has an output of its own

_TAILS = (0.25, 0.1, 0.05, 0.01, 0.0)  # what the middle part leaves out on either side


@dataclass(frozen=True, slots=True)
class Levels:
    """How a categorical column is encoded: one output for each level, then one each for the two flags.

    Attributes
    ----------
    levels : tuple of str
        The frequent values of the training rows, in order.
    other : bool
        Whether one output stands for all the rare values, and those never seen before.
    missing : bool
        Whether one output stands for a missing value.
    """

    levels: tuple[str, ...]
    other: bool
    missing: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the outputs, in order."""
        return (*self.levels, *["<other>"] * self.other, *["<missing>"] * self.missing)

    def codes(self, values: NDArray[np.object_]) -> NDArray[np.intp]:
        """Return the position of each value's output, -1 for a value that has none."""
        position: dict[str | None, int] = {level: i for i, level in enumerate(self.levels)}
        other = len(self.levels) if self.other else -1
        position[None] = len(self.levels) + self.other if self.missing else -1
        return np.array([position.get(value, other) for value in values], dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """A table encoded as an (n, k) matrix, whose one-hot columns are kept as the positions of their ones.

    Attributes
    ----------
    dense : np.ndarray
        (n, d), the first d columns: standardised numbers and indicators of gaps.
    codes : tuple of np.ndarray
        (n,) each, for each categorical column in turn the position of the row's 1 among its outputs, -1 for none.
    widths : tuple of int
        How many outputs each categorical column has.
    """

    dense: NDArray[np.float64]
    codes: tuple[NDArray[np.intp], ...]
    widths: tuple[int, ...]

    @property
    def n_rows(self) -> int:
        """The number of rows, n."""
        return len(self.dense)

    @property
    def width(self) -> int:
        """The number of columns, k."""
        return int(self.dense.shape[1]) + sum(self.widths)

    def dot(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the matrix times (k,) weights: (n,)."""
        start = self.dense.shape[1]
        total: NDArray[np.float64] = self.dense @ weights[:start]
        for codes, width in zip(self.codes, self.widths, strict=True):
            total += np.append(weights[start : start + width], 0.0)[codes]  # the last for the code -1
            start += width
        return total

    def transposed_dot(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the transposed matrix times (n,) values: (k,)."""
        pairs = zip(self.codes, self.widths, strict=True)
        sums = [np.bincount(codes + 1, values, width + 1)[1:] for codes, width in pairs]
        return np.concatenate([self.dense.T @ values, *sums])

    def squared(self) -> Inputs:
        """Return the matrix with each element squared."""
        return Inputs(self.dense**2, self.codes, self.widths)

    def matrix(self, index: Index = slice(None)) -> NDArray[np.float64]:
        """Return some of the rows as a plain matrix."""
        # The last row and column of the identity are for the code -1; the column goes.
        pairs = zip(self.codes, self.widths, strict=True)
        return np.hstack([self.dense[index], *[np.eye(width + 1)[codes[index], :width] for codes, width in pairs]])


@dataclass(frozen=True, eq=False)
class FeatureEncoder:
    """The encoding of each column, learned from the training rows.

    Attributes
    ----------
    kinds : dict[str, str]
        Each column of the table in order, and "number" or "category".
    mean, std : np.ndarray
        (m,), of the m numeric columns, the values beyond the fences pulled in to them.
    low, high : np.ndarray
        (m,), the fences in units of `std` from `mean`: further out no value counts for more.
    gaps : np.ndarray
        (m,) bool, whether a numeric column had missing values.
    levels : tuple of Levels
        One for each categorical column.
    """

    kinds: dict[str, str]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    gaps: NDArray[np.bool_]
    levels: tuple[Levels, ...]

    @classmethod
    def fit(cls, table: Table) -> FeatureEncoder:
        """Learn scales and levels from the training rows."""
        require_finite(table)
        numeric, categorical = table.numeric, table.categorical
        kinds = {name: "number" if name in numeric else "category" for name in table.names}
        with np.errstate(over="raise", invalid="raise"):
            at_a_time = max(1, PART // max(1, table.n_rows))
            scales = [_scales(table, numeric[i : i + at_a_time]) for i in range(0, len(numeric), at_a_time)]
        mean, std, low, high = np.concatenate([np.empty((4, 0)), *scales], axis=1)
        gaps = np.array([np.isnan(table.columns[name]).any() for name in numeric], dtype=np.bool_)
        return cls(kinds, mean, std, low, high, gaps, tuple(_levels(table.columns[name]) for name in categorical))

    @cached_property  # each request needs it, and there may be thousands of names
    def numeric(self) -> tuple[str, ...]:
        """The names of the numeric columns."""
        return tuple(name for name, kind in self.kinds.items() if kind == "number")

    @cached_property
    def categorical(self) -> tuple[str, ...]:
        """The names of the categorical columns."""
        return tuple(name for name, kind in self.kinds.items() if kind == "category")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the k outputs, in order."""
        gaps = [f"{name}=<missing>" for name, gap in zip(self.numeric, self.gaps, strict=True) if gap]
        pairs = zip(self.categorical, self.levels, strict=True)
        return (*self.numeric, *gaps, *[f"{name}={level}" for name, levels in pairs for level in levels.names])

    def transform(self, table: Table) -> NDArray[np.float64]:
        """Encode a table that has these columns, and maybe others, as an (n, k) matrix.

        A missing number is the mean; a level never seen is "other", or all zeros if the training rows had no rare ones.

        Raises
        ------
        ValueError, FloatingPointError
            As `inputs` does.
        """
        return self.inputs(table).matrix()

    def inputs(self, table: Table) -> Inputs:
        """Encode a table as `transform` does, in less memory where there are many levels.

        Raises
        ------
        ValueError
            If a column is absent or a value infinite.
        FloatingPointError
            If a value is too large to be standardised. To take the fence for it would hide it.
        """
        columns = table.columns
        if not self.kinds.keys() <= columns.keys():
            missing = ", ".join(repr(name) for name in self.kinds if name not in columns)
            raise ValueError(f"expected a table with the columns of the training rows, got one without {missing}")
        numbers = np.empty((len(self.mean), table.n_rows))
        if numbers.size:
            np.concatenate([columns[name] for name in self.numeric], out=numbers.ravel())
        numbers = np.ascontiguousarray(numbers.T)
        codes = [levels.codes(columns[name]) for name, levels in zip(self.categorical, self.levels, strict=True)]
        widths = tuple(len(levels.names) for levels in self.levels)
        return Inputs(np.hstack(self._standardised(numbers)), tuple(codes), widths)

    def _standardised(self, numbers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        _require_finite(self.numeric, numbers)
        gaps = np.isnan(numbers)
        with np.errstate(over="raise", invalid="raise"):
            z = (numbers - self.mean) / self.std
        z = np.clip(z, self.low, self.high)
        z[gaps] = 0.0
        return z, gaps[:, self.gaps].astype(np.float64)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the encoder as arrays that need no pickle; `from_arrays` is the way back."""
        levels = [[column.levels, column.other, column.missing] for column in self.levels]
        # As bytes: an array of text would lose a NUL at the end of a name, and be stored in four bytes a letter.
        spec = np.frombuffer(json.dumps({"kinds": self.kinds, "levels": levels}).encode(), dtype=np.uint8)
        numbers = {name: getattr(self, name).astype("<f8") for name in ("mean", "std", "low", "high")}
        return {"spec": spec, "gaps": self.gaps, **numbers}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> FeatureEncoder:
        """Return the encoder that `to_arrays` was called on."""
        spec = json.loads(arrays["spec"].tobytes())
        levels = tuple(Levels(tuple(names), other, missing) for names, other, missing in spec["levels"])
        numbers = {name: arrays[name].astype(np.float64) for name in ("mean", "std", "low", "high")}
        return cls(kinds=spec["kinds"], gaps=arrays["gaps"].astype(np.bool_), levels=levels, **numbers)


def require_finite(table: Table) -> None:
    """Raise ValueError that names the first infinite value; rows count from 0."""
    for name in table.numeric:
        _require_finite((name,), table.columns[name][:, np.newaxis])


def _require_finite(names: tuple[str, ...], numbers: NDArray[np.float64]) -> None:
    infinite = np.isinf(numbers)
    if infinite.any():
        i, j = np.argwhere(infinite)[0]
        raise ValueError(f"row {i}, column {names[j]!r}: expected a finite number, got {numbers[i, j]}")


def _scales(table: Table, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return means, sds, and the fences in sds from the mean, shape (4, columns)."""
    rows = np.array([table.columns[name] for name in names])
    scales = np.empty((4, len(names)))
    with_gaps = np.isnan(rows).any(axis=1)
    whole = np.flatnonzero(~with_gaps)
    if whole.size:
        scales[:, whole] = _scales_of(rows[whole])
    for j in np.flatnonzero(with_gaps).tolist():
        values = rows[j][~np.isnan(rows[j])]
        scales[:, j] = _scales_of(values[np.newaxis])[:, 0] if values.size else (0.0, 1.0, 0.0, 0.0)
    return scales


def _scales_of(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what `_scales` does, for columns without gaps, shape (columns, n)."""
    low, high = _fences(rows)
    rows = np.clip(rows, low[:, np.newaxis], high[:, np.newaxis])
    mean, std = means_and_stds(rows)
    std[rows.min(axis=1) == rows.max(axis=1)] = 1.0  # where the sd is rounding noise at best
    return np.array([mean, std, (low - mean) / std, (high - mean) / std])


def _fences(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far columns may reach, by their quartiles, or by a wider middle part where those are one value."""
    low, high = np.quantile(rows, [_TAILS[0], 1 - _TAILS[0]], axis=1)
    for tail in _TAILS[1:]:
        narrow = np.flatnonzero(high <= low)
        if narrow.size:
            low[narrow], high[narrow] = np.quantile(rows[narrow], [tail, 1 - tail], axis=1)
    reach = FENCE * (high - low)
    return low - reach, high + reach


def _levels(column: NDArray[np.object_]) -> Levels:
    counts = Counter(column.tolist())
    missing = counts.pop(None, 0) > 0
    ranked = sorted(counts, key=lambda level: (-counts[level], level))
    kept = [level for level in ranked[:MAX_LEVELS] if counts[level] >= MIN_COUNT]
    return Levels(tuple(sorted(kept)), other=len(kept) < len(counts), missing=missing)
