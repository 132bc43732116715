"""Read the columns of any table: a mapping of arrays or lists, or a data frame of pandas, polars or Arrow."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sevenfold.drift.distributions import Floats

EXACT_INTEGER = 2**53  # float64 can't tell all integers beyond it apart
CHUNK_ROWS = 100_000  # a long column of text is taken in parts: as a list it is several times as large
LOW_BITS = 0xFFFFFFFF
LEAST_GROUPS = 3


class Column(NamedTuple):
    """A column that was read.

    Attributes
    ----------
    kind
        numbers, text, times (microseconds since 1970), durations (microseconds), or nothing: no value at all.
    values
        Shape (n,): numbers of any type, NaN where one is missing, or text with None where a value is missing.
    missing
        Shape (n,), of integers of which some are missing; else None.
    """

    kind: str
    values: NDArray[Any]
    missing: NDArray[np.bool_] | None = None

    @property
    def n_rows(self) -> int:
        """Rows, those whose value is missing among them."""
        return len(self.values)

    def every(self, step: int) -> Column:
        """Return the first row and each `step`-th after it."""
        if step == 1:
            return self
        missing = None if self.missing is None else self.missing[::step].copy()
        return Column(self.kind, self.values[::step].copy(), missing)  # a view would keep all rows


def read_columns(table: Any, names: Iterable[str] | None = None) -> Iterator[tuple[str, Column]]:
    """Yield the named columns of a table, or all, with their names, one after the other, since each takes memory.

    Raises
    ------
    TypeError
        If the table is neither a mapping nor a data frame.
    ValueError
        If a column is missing, of no kind that can be compared, not one-dimensional, or of another length than the
        first.
    """
    keys = _keys(table)
    n_rows = None
    for name in keys if names is None else names:
        if name not in keys:
            raise ValueError(f"column {name!r}: expected in every batch, as the reference has it, got none")
        column = read_column(name, table[keys[name]])
        n_rows = column.n_rows if n_rows is None else n_rows
        if column.n_rows != n_rows:
            raise ValueError(f"column {name!r}: expected {n_rows} rows, as the first column has, got {column.n_rows}")
        yield name, column


Columns = Iterable[tuple[str, Column]]


def read_reference(reference: Any, outputs: Any, ignore: set[str]) -> tuple[Columns, Columns]:
    """Return the features and the outputs of a reference; `outputs` names some of its columns, or is a table itself.

    Raises
    ------
    TypeError
        If the reference is neither a mapping nor a data frame.
    ValueError
        If an output isn't there, no column is left, or one can't be read.
    """
    names = _keys(reference)
    if isinstance(outputs, str | tuple | list | set | frozenset):
        chosen = [outputs] if isinstance(outputs, str) else list(outputs)
        absent = [name for name in chosen if name not in names or name in ignore]
        if absent:
            raise ValueError(f"output {absent[0]!r}: expected a column of the reference, got none")
        scores = read_columns(reference, chosen)
    else:
        chosen, scores = list(_keys(outputs)), read_columns(outputs)
    features = [name for name in names if name not in ignore and name not in chosen]
    if not features and not chosen:
        raise ValueError("the reference must have at least 1 column, got 0")
    return read_columns(reference, features), scores


def number_groups(groups: Any, n_rows: int) -> NDArray[np.intp]:
    """Return the number of each row's group, from 0, shape (n,).

    Raises
    ------
    ValueError
        If there isn't one for each row, or there are fewer than three.
    """
    labels = [str(label) for label in np.asarray(groups).tolist()]
    if len(labels) != n_rows:
        raise ValueError(f"groups: expected one a row, {n_rows} in all, got {len(labels)}")
    found, numbers = np.unique(np.array(labels, dtype=object), return_inverse=True)
    if found.size < LEAST_GROUPS:
        raise ValueError(f"groups: expected at least {LEAST_GROUPS}, got {found.size}: leave them out")
    return numbers.astype(np.intp)


def _keys(table: Any) -> dict[str, Any]:
    """Return the table's own key of each column by its name; a frame may number its columns."""
    if isinstance(table, Mapping):
        return {str(key): key for key in table}
    for attribute in ("column_names", "columns"):  # Arrow's; there `columns` are the columns themselves
        keys = getattr(table, attribute, None)
        if keys is not None:
            return {str(key): key for key in keys}
    names = getattr(getattr(table, "schema", None), "names", None)  # Arrow's record batch
    if names is not None:
        return {str(name): name for name in names}
    raise TypeError(f"expected a mapping of columns or a data frame, got {type(table).__name__}")


def read_column(name: str, column: Any) -> Column:
    """Return the values of a column; None, NaN, NaT, NA and masked values are missing.

    Raises
    ------
    ValueError
        If the column isn't one-dimensional, or holds neither numbers, text, times nor durations.
    """
    array, missing = _array(name, column)
    if array.ndim != 1:
        raise ValueError(f"column {name!r}: expected 1 dimension, got {array.ndim}")
    kind = array.dtype.kind
    if kind in "Mm":
        return _times(array, missing)
    if kind in "biuf":
        return _numbers("numbers", array, missing)
    if kind in "cV":
        raise ValueError(f"column {name!r}: expected numbers, text or times, got {array.dtype}")
    if missing is not None:
        array = array.astype(object)
        array[missing] = None
    return _objects(name, array)


def _array(name: str, column: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    if isinstance(column, np.ma.MaskedArray):
        return np.asarray(column.data), np.ma.getmaskarray(column)
    try:
        array = np.asarray(column)
    except (ValueError, TypeError) as error:
        raise ValueError(f"column {name!r}: expected one value a row, got {type(column).__name__}: {error}") from None
    if array.dtype.kind in "US" and isinstance(column, list | tuple):
        array = np.array(column, dtype=object)  # of ["a", nan] NumPy makes the text "nan"
    listed = getattr(column, "to_list", None) or getattr(column, "to_pylist", None)
    if listed is not None and _is_garbled(column, array):
        array = np.array(listed(), dtype=object)
    return array, None


def _is_garbled(column: Any, array: NDArray[Any]) -> bool:
    """Return whether NumPy spoilt a column: it rounds integers with gaps, and takes a dictionary's gap for a word."""
    dtype = str(getattr(column, "dtype", getattr(column, "type", ""))).lower()
    return dtype.startswith("dictionary<") or ("int" in dtype and array.dtype.kind == "f")


def _times(array: NDArray[Any], missing: NDArray[np.bool_] | None) -> Column:
    kind, unit = ("times", "M8[us]") if array.dtype.kind == "M" else ("durations", "m8[us]")
    array = array.astype(unit)
    gone = np.isnat(array) if missing is None else missing | np.isnat(array)
    return _numbers(kind, array.view(np.int64), gone)


def _numbers(kind: str, array: NDArray[Any], missing: NDArray[np.bool_] | None) -> Column:
    if missing is not None and not missing.any():
        missing = None
    if not array.size or (missing is not None and missing.all()):
        return Column("nothing", np.full(array.size, np.nan))
    if array.dtype.kind == "f":
        values = array if missing is None else np.where(missing, np.nan, array)
        # The first value spares the look at the rest, nearly always.
        return Column("nothing" if np.isnan(values[0]) and np.isnan(values).all() else kind, values)
    return Column(kind, array if missing is None else np.where(missing, np.zeros(1, array.dtype), array), missing)


def _objects(name: str, array: NDArray[Any]) -> Column:
    """Read Python's objects by their types."""
    types = {found for part in chunks(array) for found in set(map(type, part))}
    present = {found for found in types if not _is_missing_type(found)}
    if present == {str} and types <= {str, type(None)}:
        return Column("text", array)
    values = [None if _is_missing(value) else value for part in chunks(array) for value in part]
    if not present or all(value is None for value in values):
        return Column("nothing", np.full(len(values), np.nan))
    types = {type(value) for value in values if value is not None}
    if all(hasattr(found, "__float__") for found in types):  # also Decimal, Fraction and NumPy's own
        return _python_numbers(values, types)
    if all(issubclass(found, dt.date) for found in types):
        return _times(np.array([_microseconds(value) for value in values], dtype="M8[us]"), None)
    if all(issubclass(found, dt.timedelta) for found in types):
        return _times(np.array(values, dtype="m8[us]"), None)
    odd = sorted(found.__name__ for found in types if issubclass(found, list | tuple | dict | set | np.ndarray))
    if odd:
        raise ValueError(f"column {name!r}: expected numbers, text or times, got {', '.join(odd)}")
    return Column("text", np.array([None if value is None else str(value) for value in values], dtype=object))


def chunks(array: NDArray[Any]) -> Iterator[list[Any]]:
    """Yield the values of a column, some at a time."""
    for start in range(0, array.size, CHUNK_ROWS):
        yield array[start : start + CHUNK_ROWS].tolist()


def _is_missing_type(found: type) -> bool:
    return found is type(None) or found.__name__ in {"NAType", "NaTType"}


def _is_missing(value: Any) -> bool:
    return _is_missing_type(type(value)) or (isinstance(value, float) and math.isnan(value))


def _python_numbers(values: list[Any], types: set[type]) -> Column:
    missing = np.array([value is None for value in values])
    if all(issubclass(found, int | np.integer) for found in types):
        array = np.array([0 if value is None else int(value) for value in values])
        if array.dtype.kind in "iu":
            return _numbers("numbers", array, missing)
    return _numbers("numbers", np.array([math.nan if value is None else _float(value) for value in values]), None)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an int of hundreds of digits
        return math.inf if value > 0 else -math.inf


def _microseconds(value: dt.date | None) -> Any:
    """Return a time as NumPy's, in UTC where it has a zone, so that one moment is one value in any zone."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    return np.datetime64("NaT") if value is None else np.datetime64(value, "us")


def centre_of(column: Column) -> int:
    """Return the median of integers that float64 can't hold, else 0: the offset for `centred`."""
    values = column.values
    if values.dtype.kind not in "iu" or max(int(values.max()), -int(values.min())) <= EXACT_INTEGER:
        return 0
    values = values if column.missing is None else values[~column.missing]
    return int(np.partition(values, values.size // 2)[values.size // 2])


def centred(column: Column, offset: int) -> Floats:
    """Return numbers less an offset as float64, NaN where they are missing; integers in two halves of 32 bits.

    So the difference of any two 64-bit integers is exact but for one rounding.
    """
    values = column.values
    if not offset or values.dtype.kind not in "iu":
        numbers = values.astype(np.float64, copy=False)
        numbers = numbers - offset if offset else numbers
    else:
        numbers = np.empty(values.size)
        for start in range(0, values.size, CHUNK_ROWS):  # in parts: the halves take twice the memory
            part = values[start : start + CHUNK_ROWS]
            high, low = (part >> 32).astype(np.float64), (part & LOW_BITS).astype(np.float64)
            numbers[start : start + CHUNK_ROWS] = (high - (offset >> 32)) * 2.0**32 + (low - (offset & LOW_BITS))
    return numbers if column.missing is None else np.where(column.missing, np.nan, numbers)
