"""The items of a column as texts, dumped by orjson in one piece and cut apart: what a batch is made of."""

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import orjson

from sevenfold.lines.grammar import RESERVED, WORD, value_text
from sevenfold.lines.values import plain, to_json
from sevenfold.redaction.redactor import Redactor

_WORDS: Final = re.compile(rf"(?:{WORD}\n)+")
_RESERVED: Final = frozenset(RESERVED)
_SCALARS: Final = frozenset({int, float, bool, type(None), str})
_NUMBERS: Final = "dflqLQiIhHbB?"  # dtypes whose numbers orjson knows; of float16 it prints other digits

Write = Callable[[Any], str]


def is_nested(column: Any) -> bool:
    """Whether a column holds a list in each row."""
    return column.ndim > 1 if isinstance(column, np.ndarray) else bool(column) and type(column[0]) is list


def item_texts(column: Any, write: Write, redactor: Redactor, *, nested: bool) -> list[str] | None:
    """Write each item of a column as a record's line has it.

    Parameters
    ----------
    column : ndarray or list
        At least one item.
    write : callable
        Writes one plain value: `lines.value_text` or `values.to_json`.
    redactor : Redactor
        Takes secrets out of texts.
    nested : bool
        Whether the whole column, of which this may be a part, holds a list in each row; see `is_nested`.

    Returns
    -------
    list of str or None
        For lists what is between their brackets. None if the column holds anything but numbers, texts, None, and
        lists of numbers; its items then are to be rendered one by one.
    """
    if type(column) is np.ndarray:
        if column.ndim <= 2 and column.dtype.char in _NUMBERS:  # noqa: PLR2004
            return _number_texts(column, write)
        column = plain(column) if column.dtype.kind == "f" else column.tolist()
    try:
        kinds = set(map(type, column))
    except TypeError:  # a class that can't be hashed
        return None
    if nested:
        return _list_texts(column) if kinds == {list} else None
    if kinds <= {str, type(None)}:
        return _string_texts(column, write, redactor)
    return _scalar_texts(column, write, redactor) if kinds <= _SCALARS else None


def _number_texts(array: np.ndarray[Any, Any], write: Write) -> list[str]:
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    text = _dumped(native)
    if array.dtype.char == "f":  # its shortest digits, as a float64 prints them
        text = _dumped(np.array(orjson.loads(text), dtype=np.float64).reshape(array.shape))
    if "null" in text:  # which stands for NaN and the infinities
        if np.isinf(native).any():
            return [write(item) if array.ndim == 1 else to_json(item)[1:-1] for item in plain(array)]
        text = text.replace("null", '"NaN"')
    return text[1:-1].split(",") if array.ndim == 1 else text[2:-2].split("],[")


def _list_texts(column: list[Any]) -> list[str] | None:
    text = _dumped(column)
    # Then there are only lists of numbers; null may stand for NaN.
    flat = text.count("[") == len(column) + 1 and '"' not in text and "{" not in text and "null" not in text
    return text[2:-2].split("],[") if flat else None


def _string_texts(column: list[Any], write: Write, redactor: Redactor) -> list[str]:
    distinct = set(column)
    if None not in distinct and _are_words(distinct, redactor):
        return column if write is value_text else _dumped(column)[1:-1].split(",")
    written = {text: write(redactor.value(plain(text))) for text in distinct}
    return [written[text] for text in column]


def _scalar_texts(column: list[Any], write: Write, redactor: Redactor) -> list[str]:
    text = _dumped(column)
    # Without texts, each comma is between two items; where there are more nulls than None, they stand for NaN.
    if text and '"' not in text and ("null" not in text or text.count("null") == column.count(None)):
        return text[1:-1].split(",")
    return [write(redactor.value(plain(item))) for item in column]


def _are_words(texts: set[str], redactor: Redactor) -> bool:
    """Whether all texts are bare words without a secret, in a sweep over all of them at once."""
    lines = "\n".join(texts) + "\n"
    return redactor.is_harmless(lines) and _RESERVED.isdisjoint(texts) and _WORDS.fullmatch(lines) is not None


def _dumped(column: Any) -> str:
    try:
        return orjson.dumps(column, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return ""
