"""Tables of the user's, from CSV files."""

from __future__ import annotations

import csv
import difflib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from loguru import logger

from pipeline.data.table import DataError, Dataset, Table, plain_values

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    PathLike = str | os.PathLike[str]

log = logger.bind(channel="training")

MIN_ROWS = 20
LARGEST = 1e150  # the square of anything larger overflows, and with it a variance
LONGEST = 60  # characters of a cell or name that a message shows

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
_POSITIVE = frozenset({"yes", "y", "true", "t", "approve", "approved", "accept", "accepted", "positive", "good"})
# "paid" and "bid" end in "id" too, and are amounts.
_ID_NAME = re.compile(r"(?<!pa)(?<!b)id$|^index$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was made of a file.

    Attributes
    ----------
    target, positive : str
        The column to predict, and its value that counts as 1.
    n_rows, n_positive : int
        Rows with a target, and those of the positive value.
    n_unlabelled : int
        Rows that were left out, since they have none.
    left_out : dict
        Columns that nothing can be learned from, and why: constant, all_missing or id_like.
    mixed : dict
        Columns read as text although most cells are numbers, and where the first other one stands.
    """

    target: str
    positive: str
    n_rows: int
    n_positive: int
    n_unlabelled: int
    left_out: dict[str, str]
    mixed: dict[str, str]


def log_load(report: LoadReport) -> None:
    """Log what the target is, and at WARNING what was left out."""
    log.info(
        "target",
        column=report.target,
        positive=report.positive,
        n_positive=report.n_positive,
        n_rows=report.n_rows,
    )
    if report.n_unlabelled:
        log.warning("rows without target left out", column=report.target, n_rows=report.n_unlabelled)
    for column, reason in report.left_out.items():
        log.warning("column left out", column=column, reason=reason)
    for column, cell in report.mixed.items():
        log.warning("column of numbers read as text", column=column, first_text=cell)


def load_dataset(
    path: PathLike, target: str, positive: str | None = None, drop: Sequence[str] = ()
) -> tuple[Dataset, LoadReport]:
    """Read a comma-separated file with a header line into a table and a binary target.

    Empty cells, NA, N/A, NaN, null and None (in any case) are missing. A column whose values are all numbers is
    numeric, any other categorical. Rows without a target, constant columns and IDs are left out, as the report says.

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

    Returns
    -------
    Dataset, LoadReport

    Raises
    ------
    DataError
        If no dataset of at least 20 rows, both classes and one usable column can be made of the file.
    """
    text = _read(Path(path))
    for name in (target, *drop):
        text.require(name)
    labelled = _with_target(text, target)
    positive, labels = _labels(labelled, target, positive)
    names = [name for name in text.columns if name != target and name not in drop]
    table, left_out = _usable(labelled, names)
    n_rows = len(labels)
    report = LoadReport(
        target, positive, n_rows, int(labels.sum()), len(text.lines) - n_rows, left_out, labelled.mixed(names)
    )
    return Dataset(table, labels), report


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

    def mixed(self, names: list[str]) -> dict[str, str]:
        """Find the columns that are numbers but for a few cells, and the first of these."""
        found = {}
        for name in names:
            present = [i for i, cell in enumerate(self.columns[name]) if cell is not None]
            texts = [i for i in present if not _is_number(self.columns[name][i])]
            if texts and 2 * len(texts) < len(present):
                found[name] = f"line {self.lines[texts[0]]}: {_shown(str(self.columns[name][texts[0]]))}"
        return found

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
    if len(rows) < MIN_ROWS:
        what = f"expected at least {MIN_ROWS} rows with a value in {target!r}, got {len(rows)}"
        raise DataError(f"{text.path}: {what}; add rows")
    return text.take(rows)


def _labels(text: _Text, target: str, positive: str | None) -> tuple[str, NDArray[np.int8]]:
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
    return positive, np.array([value == positive for value in values], dtype=np.int8)


def _default_positive(where: str, classes: list[str]) -> str:
    if classes[2:]:
        what = f"expected two classes, got {len(classes)} ({_listed(classes)})"
        raise DataError(f"{where}: {what}; name the positive one with --positive")
    usual = [name for name in classes if name.lower() in _POSITIVE]
    return usual[0] if len(usual) == 1 else classes[-1]


def _usable(text: _Text, names: list[str]) -> tuple[Table, dict[str, str]]:
    columns, left_out = {}, {}
    for name in names:
        column = text.column(name)
        reason = _useless(name, column)
        if reason is None:
            columns[name] = column
        else:
            left_out[name] = reason
    if not columns:
        why = (
            ", ".join(f"{_shown(name)} is {reason}" for name, reason in list(left_out.items())[:10])
            or "there is no other"
        )
        raise DataError(f"{text.path}: no column to learn from ({why}); add one that varies")
    return Table(columns), left_out


def _useless(name: str, column: NDArray[Any]) -> str | None:
    """Say why nothing can be learned from a column. Whether a value is missing counts as something to learn from."""
    distinct = set(plain_values(column))
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
