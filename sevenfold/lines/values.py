"""NumPy and other Python values as plain JSON values: exact if JSON can represent them, else as readable text.

Plain means None, bool, int, finite float, str without lone surrogates, list, and dict with str keys. orjson alone
isn't enough: it writes NaN as null, and refuses surrogates, integers beyond 64 bits and arrays that aren't contiguous.
"""

import contextlib
import json
import re
from collections import deque
from collections.abc import Container, Iterable, KeysView, Mapping, ValuesView
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from sevenfold.lines.frames import Items, columns_of, series_of, tensor_of

# Deeper than any sane record, and far below the recursion limits of Python (1000) and orjson (254).
MAX_DEPTH = 100
# 617 digits: below 640, the least limit that `sys.set_int_max_str_digits` allows, so printing and parsing never fail.
MAX_INTEGER = 1 << 2048

_SURROGATES = re.compile("[\ud800-\udfff]")
# What JSON leaves as it is but a terminal, an editor or str.splitlines() obeys: DEL and C1 controls, the Unicode line
# and paragraph separators, and the marks that reorder text on the screen (Unicode Standard Annex 9, table 4).
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# Tuples rather than unions, which would be built anew at each call.
_SCALARS = (str, int, float, bytes, bytearray, memoryview, date, time, Enum, np.generic)
_SEQUENCES = (list, tuple, deque, KeysView, ValuesView)
_WRITTEN_AS_STR = (Decimal, Fraction, PurePath, UUID, complex, timedelta)
_PANDAS_SCALARS = ("NAType", "Interval", "Period")
_type_name = type.__dict__["__name__"].__get__  # a metaclass may override the attribute
_Parents = tuple[int, ...]  # ids of the containers around a value: finds cycles and measures depth


def plain(value: Any) -> Any:
    r"""Turn any value into plain JSON values; never raises for what it is given.

    Parameters
    ----------
    value
        Anything. Arrays, series and tensors become lists, whole; float32 and float16 the shortest decimal that gives
        them back; NaN and the infinities ``"NaN"``, ``"Infinity"``, ``"-Infinity"``; NaT, NA and masked elements None;
        bytes their UTF-8 text with other bytes as ``\xff``; lone surrogates ``\udc80`` as text; dates ISO 8601; sets
        sorted lists; frames dicts of their columns; dataclasses, pydantic's and attrs' objects and structured rows
        dicts; members of an Enum their values; Decimals, paths and UUIDs their text; integers of more than 2048 bits
        hexadecimal text. A key that isn't a string becomes the JSON text of its plain value (``1`` -> ``"1"``,
        ``(1, 2)`` -> ``"[1,2]"``), with ``#2`` behind it where that key is taken. A cycle becomes ``"<cycle>"``, what
        lies deeper than 100 levels ``"<too deep>"``, and any other object its ``repr``.

    Returns
    -------
    None, bool, int, float, str, list or dict
        ``plain(plain(x)) == plain(x)``.

    Examples
    --------
    >>> plain({"rates": np.array([0.1, np.nan]), "day": date(2026, 11, 23), "price": Decimal("1.50")})
    {'rates': [0.1, 'NaN'], 'day': '2026-11-23', 'price': '1.50'}
    """
    return _plain(value, ())


def clean(text: str) -> str:
    """Write lone surrogates, which UTF-8 can't, as the text of their escapes; other text stays as it is."""
    text = str.__str__(text)  # a subclass may override everything else
    return text if text.isascii() else _SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def to_json(value: Any) -> str:
    """Dump a plain value as strict JSON on one line, with everything escaped that a terminal or a reader might obey."""
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return escape_json(text)


def escape_json(text: str) -> str:
    """Escape what JSON text may hold raw but a line of a log must not; the text stays the same JSON."""
    return text if text.isascii() and "\x7f" not in text else _UNSAFE_IN_JSON.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    # Strict JSON has no lone surrogates: its escape is written as text, as by `clean`.
    return f"\\\\u{code:04x}" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"  # noqa: PLR2004


def _plain(value: Any, parents: _Parents) -> Any:
    kind = type(value)
    if kind is str:
        return clean(value)
    if value is None or kind is bool:
        return value
    try:
        if kind is float:
            return _float(value)
        return _scalar(value, parents) if isinstance(value, _SCALARS) else _container(value, parents)
    except Exception:  # a class raised in a method of its own: the record must be written all the same
        return _described(value)


def _scalar(value: Any, parents: _Parents) -> Any:
    """Convert by the base class's own methods, since a subclass may override them with something that raises."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int):
        return _integer(int.__int__(value))
    if isinstance(value, float):
        return _float(float.__float__(value))
    if isinstance(value, np.generic):
        return _numpy_scalar(value, parents)
    if isinstance(value, Enum):
        return _plain(value.value, parents)
    if isinstance(value, date | time):
        return clean(value.isoformat()) if value == value else None  # noqa: PLR0124 - false for pandas' NaT alone
    return bytes(value).decode("utf-8", "backslashreplace")


def _integer(value: int) -> int | str:
    return value if -MAX_INTEGER < value < MAX_INTEGER else hex(value)


def _float(value: float) -> float | str:
    if value - value == 0:  # false for NaN and the infinities alone, and cheaper than math.isfinite
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124


def _numpy_scalar(value: np.generic, parents: _Parents) -> Any:
    if isinstance(value, np.floating):
        exact = float(value)
        if isinstance(value, np.longdouble) and exact == exact and exact != value:  # noqa: PLR0124
            return str(value)  # more digits than a float holds
        return _float(float(np.format_float_scientific(value)))  # str() heeds np.set_printoptions(legacy=...)
    if isinstance(value, np.void) and value.dtype.names:
        return _row(value, parents)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.complexfloating):
        return str(value)
    return _plain(value.item(), parents)


def _container(value: Any, parents: _Parents) -> Any:
    if id(value) in parents:
        return "<cycle>"
    if len(parents) == MAX_DEPTH:
        return "<too deep>"
    inside = (*parents, id(value))
    if isinstance(value, Mapping):
        return _dict(list(value.items()), inside)
    if isinstance(value, _SEQUENCES):
        return [_plain(item, inside) for item in list(value)]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item, inside) for item in list(value)), key=to_json)
    if isinstance(value, _WRITTEN_AS_STR):
        return clean(str(value))
    if isinstance(value, np.ndarray):
        return _array(value, inside)
    return _object(value, inside)


def _dict(items: Iterable[tuple[Any, Any]], inside: _Parents) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in items:
        result[free_name(_plain(key, inside), result)] = _plain(item, inside)
    return result


def free_name(key: Any, taken: Container[str]) -> str:
    """Return the name of a plain key: a text, or its JSON; with ``#2`` behind it where that is taken."""
    name = base = key if isinstance(key, str) else to_json(key)
    count = 1
    while name in taken:
        count += 1
        name = f"{base}#{count}"
    return name


def _array(array: Any, inside: _Parents) -> Any:
    if isinstance(array, np.ma.MaskedArray):
        return _masked(array, inside)
    array = np.asarray(array)  # the items of an np.matrix would be matrices again, without end
    if array.ndim == 0:
        return _plain(array[()], inside)
    if len(inside) + array.ndim <= MAX_DEPTH + 1:
        if array.dtype.kind in "biu":
            return array.tolist()
        if array.dtype.char in "efd":  # not by size: np.longdouble has eight bytes on some systems
            return _floats(array)
    return [_plain(item, inside) for item in array]


def _masked(array: Any, inside: _Parents) -> Any:
    if array.ndim > 0:
        return [_plain(item, inside) for item in array]
    if array.dtype.names:
        return _row(array, inside)
    return None if array.mask else _plain(array.data[()], inside)


def _row(row: Any, parents: _Parents) -> Any:
    return _plain({name: row[name] for name in row.dtype.names}, parents)


def _floats(array: np.ndarray[Any, Any]) -> list[Any]:
    flat = array.ravel()
    finite = np.isfinite(flat)
    items = _finite_floats(np.where(finite, flat, np.zeros((), flat.dtype)))
    for i in np.flatnonzero(~finite):
        items[i] = _float(float(flat[i]))
    if array.ndim == 1:
        return items
    boxed = np.empty(len(items), dtype=object)
    boxed[:] = items
    nested: list[Any] = boxed.reshape(array.shape).tolist()
    return nested


def _finite_floats(flat: np.ndarray[Any, Any]) -> list[Any]:
    items: list[Any]
    if flat.dtype.char == "d":
        items = flat.tolist()
    elif flat.dtype.char == "f":
        # orjson prints the shortest digits of a float32; tolist() would show 0.1 as 0.10000000149011612.
        items = orjson.loads(orjson.dumps(flat.astype(np.float32), option=orjson.OPT_SERIALIZE_NUMPY))
    else:
        items = [float(np.format_float_scientific(item)) for item in flat]
    return items


def _object(value: Any, inside: _Parents) -> Any:
    kind = type(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _dict([(field.name, getattr(value, field.name, None)) for field in fields(value)], inside)
    if hasattr(kind, "__attrs_attrs__"):
        return _dict([(one.name, getattr(value, one.name, None)) for one in kind.__attrs_attrs__], inside)
    if hasattr(kind, "model_dump"):  # pydantic
        return _dict(list(value), inside)
    if kind.__module__.partition(".")[0] == "pandas" and kind.__name__ in _PANDAS_SCALARS:
        return None if kind.__name__ == "NAType" else clean(str(value))
    if hasattr(kind, "as_py"):  # a scalar of pyarrow
        return _plain(value.as_py(), inside)
    return _table(value, inside)


def _table(value: Any, inside: _Parents) -> Any:
    """Convert a frame, series or tensor; describe it if it can't be read."""
    with contextlib.suppress(Exception):
        columns = columns_of(value)
        if columns is not None:
            return _dict(columns, inside)
        found = series_of(value)
        found = tensor_of(value) if found is None else found  # of no dimension
        if found is not None:
            return _plain(list(found) if isinstance(found, Items) else found, inside)
    return _described(value)


def _described(value: Any) -> str:
    try:
        return clean(repr(value))
    except Exception:
        return f"<unprintable {clean(_type_name(type(value)))} object>"
