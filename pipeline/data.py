"""Tables for a binary decision: made up or read from CSV, split, shifted, summarised and fingerprinted."""

from __future__ import annotations

import csv
import difflib
import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from loguru import logger

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Index = NDArray[np.intp] | slice
    PathLike = str | os.PathLike[str]

log = logger.bind(channel="training")

MIN_ROWS = 20
MIN_SYNTHETIC_ROWS = 100
LARGEST = 1e150  # the square of anything larger overflows, and with it a variance
LONGEST = 60  # characters of a cell or name that a message shows
SIGNAL = 2.5  # the sd of the synthetic logits: the best AUC that anybody can reach is then .895

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_POSITIVE = frozenset({"yes", "y", "true", "t", "approve", "approved", "accept", "accepted", "positive", "good"})
# "paid" and "bid" end in "id" too, and are amounts.
_ID_NAME = re.compile(r"(?<!pa)(?<!b)id$|^index$", re.IGNORECASE)


class DataError(ValueError):
    """What is wrong with the user's table: one line that says where, what was expected, what came, and the way out."""


@dataclass(frozen=True, slots=True, eq=False)
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
        return next(self.take(np.array([i])).rows())

    def rows(self) -> Iterator[dict[str, float | str | None]]:
        """Yield every row as `row` returns it, at a fraction of the cost."""
        for values in zip(*map(_plain, self.columns.values()), strict=True):
            yield dict(zip(self.columns, values, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A table and what is to be predicted: `target` is int8 (n,), 1 for the positive class and 0 for the other."""

    table: Table
    target: NDArray[np.int8]

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self.target)

    def take(self, index: Index) -> Dataset:
        """Return the rows that `index` picks: positions in any order, or a slice."""
        return Dataset(self.table.take(index), self.target[index])


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What the training log says of a dataset. A column with no value at all has the mean and sd NaN."""

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


def load_dataset(path: PathLike, target: str, positive: str | None = None, drop: Sequence[str] = ()) -> Dataset:
    """Read a comma-separated file with a header line into a table and a binary target.

    Empty cells, NA, N/A, NaN, null and None (in any case) are missing. A column whose values are all numbers is
    numeric, any other categorical. Rows without a target, constant columns and IDs are left out with a warning.

    Parameters
    ----------
    path : str or PathLike
        A UTF-8 file.
    target : str
        The column to predict.
    positive : str, optional
        The value of `target` that counts as 1, every other as 0. Without it the column must have two values; the
        positive one is then a usual word for it (yes, true, approve, ...), the larger number, or the last in order.
    drop : sequence of str
        Columns to leave out.

    Raises
    ------
    DataError
        If no dataset of at least 20 rows, both classes and one usable column can be made of the file.
    """
    text = _read(Path(path))
    for name in (target, *drop):
        text.require(name)
    text = _with_target(text, target)
    labels = _labels(text, target, positive)
    names = [name for name in text.columns if name != target and name not in drop]
    return Dataset(_usable(text, names), labels)


def load_score_table(path: PathLike, like: Table) -> Table:
    """Read the columns of `like` from a comma-separated file; it may have others, and levels never seen before.

    Raises
    ------
    DataError
        If the file can't be read, lacks one of the columns, or has text in a numeric one.
    """
    text = _read(Path(path))
    missing = [name for name in like.names if name not in text.columns]
    if missing:
        raise DataError(f"{path}: no column {_listed(missing)}, which the model needs; there are {text.listed}")
    numeric = set(like.numeric)
    return Table({name: text.numbers(name) if name in numeric else text.words(name) for name in like.names})


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
    # To scale by a power of two is exact, and keeps sums and squares of huge values finite.
    exponent = math.frexp(float(np.abs(values).max()))[1]
    scaled = np.ldexp(values, -exponent)
    return math.ldexp(float(scaled.mean()), exponent), math.ldexp(float(scaled.std()), exponent)


def fingerprint(dataset: Dataset) -> str:
    """Return the SHA-256, in hex, of the columns' names, kinds and values, and the target; the same everywhere."""
    table = dataset.table
    kinds = [(name, name in table.numeric) for name in table.names]
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


def _plain(column: NDArray[Any]) -> list[Any]:
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f":
        for i in np.flatnonzero(np.isnan(column)):
            values[i] = None
    return values


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise DataError(f"{name} must be at least {least}, got {value}")


def _cuts(n: int, fractions: tuple[float, float]) -> list[int]:
    """Return where to cut `n` rows in three, none of them empty if there are three."""
    first = max(1, min(round(n * fractions[0]), n - 2))
    return [first, max(first + 1, min(round(n * sum(fractions)), n - 1))]


class _NumberError(DataError):
    """A cell that is text: an error in a column that has to be numeric, a sign of a categorical one elsewhere."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A CSV file as read: the cells of each column (None: missing), and the line that each row starts on."""

    path: Path
    columns: dict[str, list[str | None]]
    lines: list[int]

    @property
    def listed(self) -> str:
        return _listed(list(self.columns))

    def take(self, rows: list[int]) -> _Text:
        columns = {name: [cells[i] for i in rows] for name, cells in self.columns.items()}
        return _Text(self.path, columns, [self.lines[i] for i in rows])

    def require(self, name: str) -> None:
        if name not in self.columns:
            raise DataError(f"{self.path}: no column {name!r}{_hint(name, self.columns)}; there are {self.listed}")

    def column(self, name: str) -> NDArray[Any]:
        """Return a column as numbers if every cell is one, otherwise as text."""
        try:
            return self.numbers(name)
        except _NumberError:
            return self.words(name)

    def words(self, name: str) -> NDArray[np.object_]:
        return np.array(self.columns[name], dtype=object)

    def numbers(self, name: str) -> NDArray[np.float64]:
        values = np.empty(len(self.lines))
        for i, cell in enumerate(self.columns[name]):
            try:
                values[i] = _number(cell)
            except ValueError:
                raise _NumberError(self._bad(i, name, "a number")) from None
        for i in np.flatnonzero(np.abs(values) > LARGEST)[:1]:
            raise DataError(self._bad(int(i), name, f"a number between -{LARGEST:g} and {LARGEST:g}"))
        return values

    def _bad(self, i: int, name: str, expected: str) -> str:
        where = f"{self.path}, line {self.lines[i]}, column {name!r}"
        got = _shown(str(self.columns[name][i]))
        return f"{where}: expected {expected}, got {got}; correct it or leave it empty"


def _read(path: Path) -> _Text:
    try:
        if path.is_dir():
            raise DataError(f"{path}: expected a CSV file, got a folder")
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parse(path, file)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected a text file in UTF-8; save it as CSV with that encoding") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error


def _parse(path: Path, file: Iterable[str]) -> _Text:
    records = _records(path, file)
    line, header = next(records, (0, []))
    if not header:
        raise DataError(f"{path}: the file is empty; expected a header line and rows")
    _check_header(f"{path}, line {line}", header)
    lines, rows = [], []
    for line, row in records:
        if len(row) != len(header):
            what = f"expected {len(header)} values, as in the header, got {len(row)}"
            raise DataError(f"{path}, line {line}: {what}; put a value that contains a comma in quotes")
        lines.append(line)
        rows.append([None if cell.lower() in _MISSING else cell for cell in row])
    if not rows:
        raise DataError(f"{path}: expected rows below the header, found none")
    columns = zip(header, map(list, zip(*rows, strict=True)), strict=True)
    return _Text(path, dict(columns), lines)


def _records(path: Path, file: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the trimmed cells of each record that isn't blank, and the line that it starts on."""
    reader = csv.reader(file, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}, line {line}: {error}; check the quotes") from error
        if record is None:
            return
        if record:
            yield line, [cell.strip() for cell in record]


def _check_header(where: str, header: list[str]) -> None:
    for separator in ";\t":
        if len(header) == 1 and separator in header[0]:
            raise DataError(f"{where}: expected commas between the columns, found {separator!r}; save it with commas")
    if "" in header:
        raise DataError(f"{where}: column {header.index('') + 1} has no name; name every column, or remove it")
    for name in header:
        if header.count(name) > 1:
            raise DataError(f"{where}: {header.count(name)} columns are named {name!r}; rename all but one")


def _with_target(text: _Text, target: str) -> _Text:
    rows = [i for i, cell in enumerate(text.columns[target]) if cell is not None]
    if len(rows) < len(text.lines):
        log.warning("rows without target left out", column=target, n_rows=len(text.lines) - len(rows))
    if len(rows) < MIN_ROWS:
        what = f"expected at least {MIN_ROWS} rows with a value in {target!r}, got {len(rows)}"
        raise DataError(f"{text.path}: {what}; add rows")
    return text.take(rows)


def _labels(text: _Text, target: str, positive: str | None) -> NDArray[np.int8]:
    where = f"{text.path}, column {target!r}"
    values = [str(cell) for cell in text.columns[target]]
    if numeric := all(map(_is_number, values)):
        values = [_spelled(value) for value in values]
        positive = positive and _spelled(positive)
    classes = sorted(set(values), key=_number if numeric else str)
    if positive is None:
        positive = _default_positive(where, classes)
    elif positive not in classes:
        hint = _hint(positive, classes)
        raise DataError(f"{where}: the positive value {positive!r} doesn't occur{hint}; there are {_listed(classes)}")
    if len(classes) == 1:
        raise DataError(f"{where}: expected two classes, got only {_listed(classes)}; add rows of the other class")
    log.info("target", column=target, positive=positive, n_positive=values.count(positive), n_rows=len(values))
    return np.array([value == positive for value in values], dtype=np.int8)


def _default_positive(where: str, classes: list[str]) -> str:
    if classes[2:]:
        what = f"expected two classes, got {len(classes)} ({_listed(classes)})"
        raise DataError(f"{where}: {what}; name the positive one with --positive")
    usual = [name for name in classes if name.lower() in _POSITIVE]
    return usual[0] if len(usual) == 1 else classes[-1]


def _usable(text: _Text, names: list[str]) -> Table:
    columns, left_out = {}, []
    for name in names:
        column = text.column(name)
        reason = _useless(name, column)
        if reason is None:
            columns[name] = column
        else:
            left_out.append(f"{_shown(name)} is {reason}")
            log.warning("column left out", column=name, reason=reason)
    if not columns:
        why = ", ".join(left_out[:10]) or "there is no other"
        raise DataError(f"{text.path}: no column to learn from ({why}); add one that varies and repeats")
    return Table(columns)


def _useless(name: str, column: NDArray[Any]) -> str | None:
    """Say why nothing can be learned from a column. Whether a value is missing counts as something to learn from."""
    distinct = set(_plain(column))
    if len(distinct) == 1:
        return "all_missing" if None in distinct else "constant"
    if len(distinct) == len(column) and (column.dtype.kind != "f" or _is_row_number(name, column)):
        return "id_like"
    return None


def _is_row_number(name: str, distinct: NDArray[np.float64]) -> bool:
    if not np.array_equal(distinct, np.floor(distinct)):
        return False
    return bool(_ID_NAME.search(name)) or bool(np.ptp(distinct) == len(distinct) - 1)


def _is_number(cell: str | None) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _number(cell: str | None) -> float:
    if cell is None:
        return math.nan
    if "_" in cell:  # to Python 1_000 is a number, in a CSV file it is a code
        raise ValueError(cell)
    return float(cell)


def _spelled(value: str) -> str:
    """Spell equal numbers alike: 1 for 1.0."""
    return repr(_number(value)).removesuffix(".0") if _is_number(value) else value


def _shown(value: str) -> str:
    return repr(value if len(value) <= LONGEST else value[:LONGEST] + "...")


def _listed(names: list[str]) -> str:
    more = f" and {len(names[10:])} more" if names[10:] else ""
    return ", ".join(map(_shown, names[:10])) + more


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
