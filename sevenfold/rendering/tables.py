"""The tables that `batch=` takes: columns by name, of any library, or records."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from sevenfold.lines.frames import Items, columns_of, looks_like_a_frame, series_of
from sevenfold.lines.values import free_name, plain

Column: TypeAlias = np.ndarray[Any, Any] | list[Any] | Items | dict[str, Any]

_MAX_DEPTH = 2  # dicts of columns in a dict of columns


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a batch.

    Attributes
    ----------
    columns : dict
        Arrays, lists or `Items`, or dicts of these, of one length; empty if the records differ in their keys.
    n_rows : int
        The number of rows, at least 1.
    records : tuple of dict
        The rows themselves if they differ in their keys, else empty.
    """

    columns: dict[str, Column]
    n_rows: int
    records: tuple[dict[str, Any], ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(dict.fromkeys(name for row in self.records for name in row) if self.records else self.columns)

    def row(self, i: int) -> dict[str, Any]:
        """Return the fields of a row."""
        return self.records[i] if self.records else _row(self.columns, i)


def table_of(batch: Any) -> Table | str | None:
    """Read a batch.

    Parameters
    ----------
    batch
        The value of ``batch=``.

    Returns
    -------
    Table, str or None
        None if the value is no table; a text with the reason if it looks like one but can't be read.
    """
    try:
        columns = _columns(batch, _MAX_DEPTH)
        if columns is None:
            return _records(batch) if isinstance(batch, list | tuple) else _refusal(batch)
    except Exception as error:  # a frame may raise anything
        return f"{type(batch).__name__} can't be read ({type(error).__name__})"
    if "channel" in columns:
        return 'a column may not be called "channel"'
    lengths = dict(_lengths(columns))
    if len(set(lengths.values())) > 1:
        first, other = _two_that_differ(lengths)
        return f"its columns differ in length: {first} has {lengths[first]}, {other} has {lengths[other]}"
    n_rows = max(lengths.values(), default=0)
    return Table(columns, n_rows) if n_rows else None


def _refusal(batch: Any) -> str | None:
    if isinstance(batch, dict | np.ndarray):
        return None
    if series_of(batch) is not None:
        return f'{type(batch).__name__} has no name: pass batch={{"name": ...}}'
    if looks_like_a_frame(batch):
        return f"{type(batch).__name__} can't be read: pass a pandas or polars DataFrame, or a pyarrow Table"
    return None


def _columns(value: Any, depth: int) -> dict[str, Column] | None:
    """Read the columns of a frame, a dict, or a series that has a name; None for anything else."""
    if isinstance(value, dict):
        if depth == 0 or not value or not all(type(key) is str for key in value):
            return None
        pairs = list(value.items())
    else:
        found = columns_of(value)
        if found is None:
            name = getattr(value, "name", None)
            if not isinstance(name, str) or not name or isinstance(value, np.ndarray) or series_of(value) is None:
                return None
            found = [(name, value)]
        pairs = found
    columns: dict[str, Column] = {}
    for key, item in pairs:
        column = _column(item, depth - 1)
        if column is None:
            return None
        columns[free_name(plain(key), columns)] = column
    return columns


def _column(value: Any, depth: int) -> Column | None:
    if isinstance(value, list):
        return value
    if isinstance(value, tuple | range):
        return list(value)
    if isinstance(value, np.ndarray) and value.dtype.names is None:
        return value if value.ndim else None
    if isinstance(value, str | bytes | int | float) or value is None:
        return None
    columns = _columns(value, depth) if isinstance(value, dict) or columns_of(value) is not None else None
    return series_of(value) if columns is None else columns


def _records(rows: list[Any] | tuple[Any, ...]) -> Table | str | None:
    """Read rows that are dicts; by columns, if all have the same keys."""
    if not rows or not all(type(row) is dict and row for row in rows):
        return None
    if not all(type(key) is str for row in rows for key in row):
        return None
    if any("channel" in row for row in rows):
        return 'a field of a row may not be called "channel"'
    columns = _transposed(rows, _MAX_DEPTH)
    return Table({}, len(rows), tuple(rows)) if columns is None else Table(columns, len(rows))


def _transposed(rows: list[Any] | tuple[Any, ...], depth: int) -> dict[str, Column] | None:
    """Join dicts with the same keys to columns, including dicts within them; None if their keys differ."""
    keys = tuple(rows[0])
    if depth == 0 or any(tuple(row) != keys for row in rows):
        return None
    columns: dict[str, Column] = {}
    for key in keys:
        items = [row[key] for row in rows]
        inner = all(type(item) is dict and item and all(type(name) is str for name in item) for item in items)
        columns[key] = (_transposed(items, depth - 1) if inner else None) or items
    return columns


def _lengths(columns: dict[str, Column], path: str = "") -> Iterator[tuple[str, int]]:
    for name, column in columns.items():
        if isinstance(column, dict):
            yield from _lengths(column, f"{path}{name}.")
        else:
            yield f"{path}{name}", len(column)


def _two_that_differ(lengths: dict[str, int]) -> tuple[str, str]:
    first = next(iter(lengths))
    return first, next(name for name, length in lengths.items() if length != lengths[first])


def _row(columns: dict[str, Column], i: int) -> dict[str, Any]:
    return {name: _row(column, i) if isinstance(column, dict) else column[i] for name, column in columns.items()}
