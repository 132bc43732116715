"""Frames, series, Arrow arrays and tensors, recognised by their attributes: none of their libraries is imported.

pandas, polars and pyarrow have different names for the same things, so the attributes of a class tell its library. The
class is inspected, not the object, since a mock has every attribute.
"""

from __future__ import annotations

import contextlib
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NUMBERS: Final = "biuf"
_BLOCK_ITEMS: Final = 1 << 15  # in memory at a time, of a column whose items must be made
_ARROW_TEXTS: Final = ("string", "large_string")
_FRACTIONS: Final = ("s", "us", "ns")  # the units of pandas' ISO 8601: as many digits as are needed


class Items:
    """A column whose items have to be made, some thousands at a time.

    Parameters
    ----------
    length : int
        The number of items.
    take : callable
        Makes a list of the items from a first one up to a last one, which is excluded.
    """

    def __init__(self, length: int, take: Callable[[int, int], list[Any]]) -> None:
        self._length = length
        self._take = take
        self._start = -1
        self._items: list[Any] = []

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, key: Any) -> Any:
        """Return an item, or the items of a slice that lies within a block."""
        first = key.start if isinstance(key, slice) else key
        start = first - first % _BLOCK_ITEMS
        if start != self._start:
            self._items = self._take(start, min(start + _BLOCK_ITEMS, self._length))
            self._start = start
        return self._items[first - start : key.stop - start] if isinstance(key, slice) else self._items[first - start]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._take(0, self._length))


def columns_of(value: Any) -> list[tuple[Any, Any]] | None:
    """Return the names and the columns of a frame, unconverted; None if the value is no frame.

    A frame is a pandas or polars DataFrame, a pyarrow Table or RecordBatch, an object with the same attributes, or a
    structured array of NumPy with at least one dimension.
    """
    kind = type(value)
    if isinstance(value, np.ndarray):
        names = value.dtype.names if value.ndim else None
        return None if names is None else [(name, value[name]) for name in names]
    if hasattr(kind, "get_columns"):  # polars
        return [(series.name, series) for series in value.get_columns()]
    if hasattr(kind, "column_names") and hasattr(kind, "num_rows"):  # pyarrow
        return list(zip(value.column_names, value.columns, strict=True))
    if hasattr(kind, "iloc") and hasattr(kind, "columns"):  # pandas
        return list(value.items())
    return None


def looks_like_a_frame(value: Any) -> bool:
    """Return whether a value looks like a table, whether it can be read or not."""
    signs = ("columns", "column_names", "collect_schema", "__dataframe__", "__arrow_c_stream__")
    return any(hasattr(type(value), sign) for sign in signs)


def series_of(value: Any) -> np.ndarray[Any, Any] | Items | list[Any] | None:
    """Return a series, an Arrow array or a tensor as an array of numbers or as items; None for other values.

    Missing items are None, except NaN in a column of floats, where it is a number. Categories become their labels, and
    the times of pandas ISO 8601, as its Timestamps are written.
    """
    kind = type(value)
    if hasattr(kind, "to_pylist"):
        return _arrow(value)
    if hasattr(kind, "to_list") and hasattr(kind, "null_count"):
        return _polars(value)
    if hasattr(kind, "to_numpy") and hasattr(kind, "isna") and hasattr(kind, "tolist"):
        return _pandas(value)
    tensor = tensor_of(value)
    return tensor if isinstance(tensor, list) or (isinstance(tensor, np.ndarray) and tensor.ndim) else None


def tensor_of(value: Any) -> Any:
    """Return an object with `__array__`, such as a tensor, as an array, or else as a list; None for other values.

    A tensor may have to be detached from its gradient and its device first, and NumPy has no type for bfloat16.
    """
    if hasattr(type(value), "__array__"):
        for read in (np.asarray, lambda tensor: np.asarray(tensor.detach().cpu().numpy()), methodcaller("tolist")):
            with contextlib.suppress(Exception):
                return read(value)
    return None


def _arrow(array: Any) -> np.ndarray[Any, Any] | Items:
    if str(array.type).startswith("dictionary"):  # its to_numpy() takes a missing item for the first label
        array = array.cast(array.type.value_type)
    numbers = array.to_numpy(zero_copy_only=False) if not array.null_count else np.empty(0, object)
    if numbers.dtype.kind in _NUMBERS:
        return np.asarray(numbers)

    is_text = str(array.type).startswith(_ARROW_TEXTS)

    def take(start: int, stop: int) -> list[Any]:
        part = array.slice(start, stop - start)
        if is_text:  # in a tenth of the time
            return list(part.to_numpy(zero_copy_only=False))
        try:
            return list(part.to_pylist())
        except ValueError:  # nanoseconds, which a datetime doesn't hold
            return iso_texts(part.to_numpy(zero_copy_only=False))

    return Items(len(array), take)


def _polars(series: Any) -> np.ndarray[Any, Any] | Items:
    is_number = series.dtype.is_numeric() and not series.dtype.is_decimal()
    if (is_number or str(series.dtype) == "Boolean") and not series.null_count():
        with contextlib.suppress(Exception):  # integers of 128 bits
            return np.asarray(series.to_numpy())
    return Items(len(series), lambda start, stop: list(series[start:stop].to_list()))


def _pandas(series: Any) -> np.ndarray[Any, Any] | Items:
    dtype = series.dtype
    plain_numbers = isinstance(dtype, np.dtype) and dtype.kind in _NUMBERS
    if plain_numbers or (getattr(dtype, "kind", "") in _NUMBERS and not series.isna().any()):
        numbers = series.to_numpy()
        if numbers.dtype.kind in _NUMBERS:
            return np.asarray(numbers)
    rows = getattr(series, "iloc", series)
    return Items(len(series), lambda start, stop: _pandas_items(rows[start:stop]))


def _pandas_items(part: Any) -> list[Any]:
    if isinstance(part.dtype, np.dtype):
        if part.dtype.kind == "M":
            return iso_texts(part.to_numpy())
        if part.dtype.kind == "O":
            return list(part.tolist())
    items = list(part.tolist())
    for i in np.flatnonzero(np.asarray(part.isna())):
        items[i] = None
    return items


def iso_texts(times: np.ndarray[Any, Any]) -> list[Any]:
    """Write times as ISO 8601 with a fraction of 0, 6 or 9 digits, as each needs; NaT is None."""
    texts: np.ndarray[Any, Any] = np.full(times.shape, None, dtype=object)
    left = ~np.isnat(times)
    for unit in _FRACTIONS:
        exact = left & (times.astype(f"M8[{unit}]") == times)
        texts[exact] = np.datetime_as_string(times[exact], unit=unit)
        left &= ~exact
    return list(texts)
