"""Read the user's text files: the columns to learn from, the target, and a report on both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.data.columns import NUMBER, TEXT, Column, Meaning, Options, read_as, read_columns
from pipeline.data.load_report import LoadReport
from pipeline.data.messages import DataError, listed, shown
from pipeline.data.reader.cells import quick_numbers
from pipeline.data.reader.opening import SEPARATORS
from pipeline.data.reader.text import UNNAMED, Text, read_text
from pipeline.data.table import Dataset, Table
from pipeline.data.targets import Target, read_target

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    PathLike = str | os.PathLike[str]

MIN_ROWS = 20

# "paid" and "bid" end in "id", too, but are amounts.
_ID_NAME = re.compile(r"(?<!pa)(?<!b)id$|^index$", re.IGNORECASE)
_INDEX = {f"{UNNAMED} 1", "Unnamed: 0"}  # the second is the first, read and written by pandas


def load_dataset(
    path: PathLike,
    target: str,
    positive: str | None = None,
    drop: Sequence[str] = (),
    options: Options = Options(),  # noqa: B008 - it can't be changed
) -> tuple[Dataset, LoadReport]:
    """Read a text file with a header line into a table and a binary target.

    The meaning of a column is decided on its distinct cells: numbers in any spelling, dates and times (as days),
    booleans, or text. An empty cell is missing; so are NA, ?, - and the like if all other cells are numbers or dates.
    Rows without a target, constant columns and IDs are left out and named in the report.

    Parameters
    ----------
    path : str or PathLike
        A file in UTF-8, UTF-16 or Windows-1252, plain or gzipped.
    target : str
        The column to predict.
    positive : str, optional
        The value of `target` that counts as 1, all others as 0; for numbers, also a bound such as ">250000". By default
        the column must have two values, and the positive one is the one with a usual word (yes, true, approve, ...),
        the larger number, or the last in order.
    drop : sequence of str
        Columns to leave out.
    options : Options
        How to read the file.

    Returns
    -------
    Dataset, LoadReport

    Raises
    ------
    DataError
        If no dataset of at least 20 rows, both classes and one usable column can be made of the file.
    """
    text = read_text(Path(path), options.separator)
    for name in (target, *drop, *options.categories, *options.dates):
        text.require(name)
    _require_one_option(
        text.path, {"--target": (target,), "--drop": drop, "--categories": options.categories, "--dates": options.dates}
    )
    aim = read_target(text, target, positive, options, MIN_ROWS)
    index = _index(text, options)
    names = [name for name in text.columns if name not in {target, *drop, *index}]
    columns = read_columns(text, names, options)
    every_row = len(aim.rows) == len(text.lines)
    table, left_out = _usable(text.path, columns, None if every_row else aim.rows)
    return Dataset(table, aim.labels), _report(text, target, aim, columns, index | left_out)


def load_score_table(
    path: PathLike,
    like: Table,
    meanings: dict[str, Meaning] | None = None,
    options: Options = Options(),  # noqa: B008
) -> Table:
    """Read the columns of `like` from a file; it may have others, and levels never seen before.

    Parameters
    ----------
    path : str or PathLike
        A file as for `load_dataset`.
    like : Table
        The table that the model is trained on.
    meanings : dict, optional
        The meanings of its columns, from its `LoadReport`; by default plain numbers or text.
    options : Options
        How to read the file.

    Raises
    ------
    DataError
        If the file can't be read, lacks one of the columns, or has text in a numeric one.
    """
    text = read_text(Path(path), options.separator)
    missing = [name for name in like.names if name not in text.columns]
    if missing:
        what = f"no column {listed(missing)}, which the model needs; there are {text.listed}"
        raise DataError(f"{path}, line {text.header_line}: {what}")
    numeric = set(like.numeric)
    plain = {name: NUMBER if name in numeric else TEXT for name in like.names}
    return Table({name: read_as(text, name, meaning, options) for name, meaning in (plain | (meanings or {})).items()})


def _require_one_option(path: Path, options: dict[str, Sequence[str]]) -> None:
    """Raise DataError if two options name the same column."""
    option_of: dict[str, str] = {}
    for option, names in options.items():
        for name in dict.fromkeys(names):
            other = option_of.setdefault(name, option)
            if other != option:
                raise DataError(
                    f"{path}, column {name!r}: expected one of {other} and {option}, got both; leave one out"
                )


def _report(text: Text, target: str, aim: Target, columns: dict[str, Column], left_out: dict[str, str]) -> LoadReport:
    n_rows = len(aim.labels)
    return LoadReport(
        target,
        aim.positive,
        n_rows,
        int(aim.labels.sum()),
        len(text.lines) - n_rows,
        left_out,
        {name: column.mixed for name, column in columns.items() if column.mixed},
        aim.against,
        aim.merged,
        {name: column.said for name, column in columns.items() if column.said},
        _describe_file(text),
        {name: column.meaning for name, column in columns.items() if name not in left_out},
    )


def _describe_file(text: Text) -> str:
    separator = SEPARATORS.get(text.separator, shown(text.separator))
    notes = [
        f"{separator}s between the columns" if text.separator != "," else "",
        f"encoding {text.encoding}" if text.encoding != "utf-8" else "",
    ]
    return ", ".join(filter(None, notes))


def _index(text: Text, options: Options) -> dict[str, str]:
    """Return the first column as one to leave out if it has no name and only counts the rows."""
    first = next(iter(text.columns))
    index = {first: "index"} if first in _INDEX and _is_index(text, first, options) else {}
    for number, name in enumerate(text.columns, start=1):
        if name.startswith(UNNAMED) and name not in index and any(text.columns[name]):
            way_out = "name it, or " + ("leave it out with --ignore-index" if number == 1 else "remove it")
            raise DataError(f"{text.path}, line {text.header_line}: column {number} has no name; {way_out}")
    return index


def _is_index(text: Text, name: str, options: Options) -> bool:
    return options.ignore_index or _counts(text, name)


def _counts(text: Text, name: str) -> bool:
    plain = quick_numbers(text.columns[name])
    return plain is not None and bool(np.array_equal(np.sort(plain[0]), plain[0].min() + np.arange(len(text.lines))))


def _usable(path: Path, columns: dict[str, Column], rows: NDArray[np.intp] | None) -> tuple[Table, dict[str, str]]:
    kept, left_out = {}, {}
    for name, column in columns.items():
        values = column.values if rows is None else column.values[rows]
        reason = _useless(name, values, column.meaning)
        if reason is None:
            kept[name] = values
        else:
            left_out[name] = reason
    if not kept:
        reasons = [f"{shown(name)} is {reason}" for name, reason in list(left_out.items())[:10]]
        why = ", ".join(reasons) or "there is no other"
        raise DataError(f"{path}: no column to learn from ({why}); add one that varies")
    return Table(kept), left_out


def _useless(name: str, column: NDArray[Any], meaning: Meaning) -> str | None:
    """Return why nothing can be learned from a column, or None; that values are missing can be learned from, too."""
    if column.dtype.kind == "f":
        missing = np.isnan(column)
        present = column[~missing]
        if missing.all() or (not missing.any() and present.min() == present.max()):
            return "constant" if present.size else "all_missing"
        return "id_like" if meaning == NUMBER and _is_row_number(name, column) else None
    distinct = set(column.tolist())
    if len(distinct) == 1:
        return "all_missing" if None in distinct else "constant"
    return "id_like" if len(distinct) == len(column) else None


def _is_row_number(name: str, column: NDArray[np.float64]) -> bool:
    """Whether whole numbers, all of them different, count the rows, or are called an ID."""
    if not np.array_equal(column, np.floor(column)):  # a NaN isn't equal to itself
        return False
    counted = bool(np.ptp(column) == len(column) - 1)
    return (counted or bool(_ID_NAME.search(name))) and len(np.unique(column)) == len(column)
