"""The items of a batch's column as texts, dumped by orjson in one piece and cut apart."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID

import numpy as np
import orjson

from sevenfold.lines.grammar import RESERVED, WORD, escape, value_text
from sevenfold.lines.values import clean, plain, to_json
from sevenfold.redaction.redactor import Redactor
from sevenfold.redaction.rules.looks import is_telling, without_scheme
from sevenfold.redaction.rules.names import PERSONAL

_WORDS: Final = re.compile(rf"(?:{WORD}\n)+")
_RESERVED: Final = frozenset(RESERVED)
_SCALARS: Final = frozenset({int, float, bool, type(None), str})
_UNLIKE: Final = frozenset({int, str, type(None)})  # never one key of a dict, as 1, 1.0 and True, or 0.0 and -0.0, are
_SHORTEST: Final = 6  # characters of a text that is telling
_TEXTS: Final[dict[type, Callable[[Any], str]]] = {
    Decimal: str,
    UUID: str,
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
}
_ZONES: Final = frozenset({None, UTC})  # for others orjson leaves out the seconds of an offset
_NUMBERS: Final = "dflqLQiIhHbB?"  # dtypes whose numbers orjson knows; of float16 it prints other digits

Write = Callable[[Any], str]
Redact = Callable[[Any], Any]


def is_nested(column: Any) -> bool:
    """Whether a column holds a list in each row."""
    if isinstance(column, np.ndarray):
        return column.ndim > 1
    return len(column) > 0 and isinstance(column[0], list | tuple | np.ndarray)


def simple(column: Any) -> Any:
    """Return a part of a column in the form for `texts_of`: an array of numbers, or a list of plain values.

    A list that holds an object, or a class that can't be hashed, stays as it is.
    """
    if isinstance(column, np.ndarray):
        if type(column) is np.ndarray and column.ndim <= 2 and column.dtype.char in _NUMBERS:  # noqa: PLR2004
            return column
        if column.dtype.kind == "M" and column.ndim == 1 and type(column) is np.ndarray:
            texts = np.datetime_as_string(column).tolist()
            return [None if missing else text for text, missing in zip(texts, np.isnat(column).tolist(), strict=True)]
        column = column.tolist() if column.dtype.kind in "OU" and type(column) is np.ndarray else list(column)
    try:
        kinds = set(map(type, column))
    except TypeError:
        return column
    if kinds <= _SCALARS or kinds == {list} or dict in kinds:
        return column
    if kinds == {UUID} or (kinds == {datetime} and _ZONES.issuperset(item.tzinfo for item in column)):
        return orjson.dumps(column).decode()[2:-2].split('","')  # in a fifth of the time of str and isoformat
    as_text = _TEXTS.get(next(iter(kinds - {type(None)}))) if len(kinds - {type(None)}) == 1 else None
    if as_text is None:
        return [plain(item) for item in column]
    return [None if item is None else as_text(item) for item in column]


def item_texts(name: str, column: Any, write: Write, redactor: Redactor, *, nested: bool) -> list[str] | None:
    """Write each item of a column as a record's line has it.

    Parameters
    ----------
    name : str
        The name of the column.
    column : ndarray or list
        At least one item, as `simple` returns it.
    write : callable
        Writes one plain value: `lines.value_text` or `values.to_json`.
    redactor : Redactor
        Removes secrets from texts.
    nested : bool
        Whether the whole column, of which this may be a part, holds a list in each row; see `is_nested`.

    Returns
    -------
    list of str or None
        The text of each item; of a list, the text between its brackets. None if the items have to be rendered one by
        one: if the column holds anything but numbers, texts, None and lists of numbers, or its name affects more than
        its texts.
    """
    if redactor.is_secret(name) and not (isinstance(column, np.ndarray) and not redactor.hides_numbers(name, column)):
        return None if nested else _judged_texts(name, column, write, redactor)
    if isinstance(column, np.ndarray):
        return _number_texts(column, write)
    try:
        kinds = set(map(type, column))
    except TypeError:  # a class that can't be hashed
        return None
    if nested:
        return _list_texts(column) if kinds == {list} else None
    redact = partial(redactor.under, name)
    if kinds <= {str, type(None)}:
        return _string_texts(column, write, redact, redactor)
    return _scalar_texts(column, write, redact) if kinds <= _SCALARS else None


def repeats_secrets(column: list[Any], others: Iterable[list[Any]], same: str) -> bool:
    """Return whether a text under a secret's name also stands in another column of its row, or in all rows.

    Parameters
    ----------
    column : list
        The texts under the name, as `texts_of` returns them.
    others : iterable of list
        The other columns.
    same : str
        The part of the line that is the same in all rows.
    """
    secrets = [_bare(text) if type(text) is str and len(text) >= _SHORTEST else "" for text in column]
    found = [secret for secret in set(secrets) if secret and _stands_in(same, secret)]
    for other in others:
        pairs = zip(secrets, other, strict=True)
        found += [secret for secret, text in pairs if secret and type(text) is str and secret in text]
    return any(map(is_telling, found))


def _stands_in(line: str, text: str) -> bool:
    return text in line or ("\\" in line and (to_json(text)[1:-1] in line or escape(text) in line))


def _bare(text: str) -> str:
    return without_scheme(text) if " " in text else text


def texts_of(column: Any) -> list[Any] | None:
    """Return the items of a column with texts, each text as a line has it; None for a column without."""
    if not isinstance(column, list) or str not in set(map(type, column)):
        return None
    if "".join([item for item in column if type(item) is str]).isascii():
        return column
    return [clean(item) if type(item) is str else item for item in column]


def _judged_texts(name: str, column: Any, write: Write, redactor: Redactor) -> list[str] | None:
    """Write the items of a column under a telling name, each distinct one once."""
    items = column.tolist() if isinstance(column, np.ndarray) else column
    kinds = set(map(type, items))
    if not kinds <= _SCALARS:
        return None
    if redactor.kind(name) is PERSONAL and kinds in ({str}, {int}):
        distinct = set(items)
        pseudonyms = dict(zip(distinct, map(redactor.pseudonym, distinct), strict=True))
        return _words_of([pseudonyms[item] for item in items], write)
    redact = partial(redactor.under, name)
    if not kinds <= _UNLIKE:
        return [write(redact(plain(item))) for item in items]
    written = {item: write(redact(plain(item))) for item in set(items)}
    return [written[item] for item in items]


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


def _string_texts(column: list[Any], write: Write, redact: Redact, redactor: Redactor) -> list[str]:
    distinct = set(column)
    texts = {text: clean(text) for text in distinct if text is not None}
    lines = "\n".join(texts.values()) + "\n"
    if redactor.is_harmless(lines):  # a sweep over all at once
        if None not in distinct and _RESERVED.isdisjoint(distinct) and _WORDS.fullmatch(lines):
            return _words_of(column, write)
        written = {text: write(clean_text) for text, clean_text in texts.items()}
    else:
        written = {text: write(redact(clean_text)) for text, clean_text in texts.items()}
    return [written.get(text, "null") for text in column]


def _words_of(words: list[str], write: Write) -> list[str]:
    """Write bare words."""
    return words if write is value_text else _dumped(words)[1:-1].split(",")


def _scalar_texts(column: list[Any], write: Write, redact: Redact) -> list[str]:
    text = _dumped(column)
    # Without texts, each comma is between two items; where there are more nulls than None, they stand for NaN.
    if text and '"' not in text and ("null" not in text or text.count("null") == column.count(None)):
        return text[1:-1].split(",")
    return [write(redact(plain(item))) for item in column]


def _dumped(column: Any) -> str:
    try:
        return orjson.dumps(column, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return ""
