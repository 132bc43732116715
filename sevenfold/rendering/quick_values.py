"""The values of a record as text, the quick way: values that orjson can write directly, and texts known as harmless.

All other values raise `UnusualError`, and the record goes the exact way. The redactor has judged each remembered text
and set of keys once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import numpy as np
import orjson
from orjson import dumps, loads

from sevenfold.lines.grammar import value_text
from sevenfold.lines.values import clean, escape_json
from sevenfold.redaction.rules.looks import LEAST_NUMBER
from sevenfold.redaction.rules.names import NONE, PERSONAL
from sevenfold.redaction.structures import NAME_KEYS, VALUE_KEYS, named_value

if TYPE_CHECKING:
    from sevenfold.redaction.redactor import Redactor

NULL: Final = b"null"  # orjson's word for None, but for NaN and the infinities, too
_NUMPY: Final = orjson.OPT_SERIALIZE_NUMPY
_INTEGERS: Final = (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)
_TEXTS: Final = frozenset({str})
_NUMBERS: Final = frozenset({int, float})
_ARRAYS: Final = "dlqf"  # float64, int64 and float32, by the characters of their dtypes
_SIMPLE: Final = frozenset({int, float, bool})
_SIMPLE_OR_NONE: Final = frozenset({*_SIMPLE, type(None)})
_FLAT: Final = frozenset({*_SIMPLE, str})
_CONTAINERS: Final = frozenset({dict, list, tuple, np.ndarray})
_JSON: Final = frozenset({*_SIMPLE, str, type(None), dict, list, tuple})  # Python's json writes them as a line has them
_ALL: Final = frozenset({*_JSON, np.ndarray, np.float64, np.float32, np.bool_, *_INTEGERS})
_NEVER_SECRET: Final = frozenset({float, bool, type(None), np.float64, np.float32, np.bool_})
_DEEPEST: Final = 8  # levels of lists and objects
_MOST: Final = 4096  # of each kind are remembered
_MOST_CHARACTERS: Final = 1_000_000
_LONGEST: Final = 20_000

Write = Callable[[Any], bytes]


class UnusualError(LookupError):
    """A record that takes the exact way."""


class QuickValues:
    """Write the values of records that hold nothing unusual.

    Parameters
    ----------
    redactor : Redactor
        Judges texts and names.

    Attributes
    ----------
    texts, lists, keys : Memory
        The written form of each text and each list of texts, and the check of the values of each set of keys.
    write : dict of type to callable
        Writes a value of each type as a line has it, in UTF-8; of NaN and the infinities `NULL`.
    write_json : dict of type to callable
        As `write`, for values that Python's json writes as a line has them.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self.texts = Memory(self._text, len)
        self.keys = Memory(self._learn_keys, lambda keys: sum(map(len, keys)))
        self.lists = Memory(partial(self._nested, _JSON), lambda texts: sum(map(len, texts)))
        self.write_json: dict[type, Write] = {
            str: self.texts.__getitem__,
            float: dumps,
            int: dumps,
            bool: dumps,
            type(None): lambda _: _NONE,
            **self._containers(_JSON),
        }
        self.write: dict[type, Write] = {
            **self.write_json,
            **self._containers(_ALL),
            np.ndarray: partial(self._nested, _ALL),
            np.float64: lambda value: dumps(float(value)),
            np.float32: lambda value: dumps(loads(dumps(value, option=_NUMPY))),
            np.bool_: lambda value: dumps(bool(value)),
            **dict.fromkeys(_INTEGERS, lambda value: dumps(int(value))),
        }
        if not redactor.has_own_rules:  # none of the project's takes these for a secret
            self.write |= {datetime: _time, date: _bare, UUID: _bare}

    def _containers(self, allowed: frozenset[type]) -> dict[type, Write]:
        sequence = partial(self._sequence, allowed)
        return {dict: partial(self._object, allowed), list: sequence, tuple: sequence}

    def require_usual(self, text: Any) -> None:
        """Require a text that is its own plain value and holds no secret."""
        if type(text) is not str or clean(text) != text or self.redactor.text(text) != text:
            raise UnusualError

    def forget(self, value: Any, levels: int = _DEEPEST) -> None:
        """Forget the texts in a value: one of them may be a secret that another names."""
        kind = type(value)
        if kind is str:
            self.texts.pop(value, None)
        elif levels and kind in {dict, list, tuple}:
            if _TEXTS.issuperset(map(type, value)):
                self.lists.pop(tuple(value), None)
            for item in value.values() if kind is dict else value:
                self.forget(item, levels - 1)

    def _text(self, text: str) -> bytes:
        self.require_usual(text)
        return value_text(text).encode()

    def _learn_keys(self, keys: tuple[Any, ...]) -> Check | None:
        """Return the check of the values under these keys; None if they need none."""
        # The redactor remembers names: where thousands of keys are learned anew each time, it knows most of them.
        if any(type(key) is not str or clean(key) != key or self.redactor.key(key) != key for key in keys):
            raise UnusualError
        verdicts = {key: self.redactor.about(key) for key in keys}
        if any(verdict.kind is PERSONAL for verdict in verdicts.values()):
            raise UnusualError
        telling = tuple((key, verdict.hides_numbers) for key, verdict in verdicts.items() if verdict.kind is not NONE)
        may_name = not NAME_KEYS.isdisjoint(keys) and not VALUE_KEYS.isdisjoint(keys)
        return Check(self.redactor, telling, may_name) if telling or may_name else None

    def _object(self, allowed: frozenset[type], value: dict[Any, Any]) -> bytes:
        if not _FLAT.issuperset(map(type, value.values())):
            return self._nested(allowed, value)
        self._require_usual_texts(self._checked_values(value))
        return _safe(_finite(dumps(value)))

    def _sequence(self, allowed: frozenset[type], value: Any) -> bytes:
        kinds = set(map(type, value))
        if kinds == _TEXTS:
            written: bytes = self.lists[tuple(value)]
            return written
        if kinds <= _NUMBERS:
            return _finite(dumps(value))
        if not kinds <= _FLAT:
            return self._nested(allowed, value)
        self._require_no_names(value)
        self._require_usual_texts(value)
        return _safe(_finite(dumps(value)))

    def _nested(self, allowed: frozenset[type], value: Any) -> bytes:
        kinds: set[type] = set()
        n_null = self._require(value, kinds, _DEEPEST)
        if not kinds <= allowed:
            raise UnusualError
        text = dumps(value, option=_NUMPY)
        if np.float32 in kinds:
            text = dumps(loads(text))  # the shortest digits of a float32, in the form of a float's
        if text.count(NULL) != n_null:  # NaN, or a text with this word in it
            raise UnusualError
        return _safe(text)

    def _require(self, value: Any, kinds: set[type], levels: int) -> int:
        """Require harmless texts and names all the way down; add the types, and return how many values are None."""
        if not levels:
            raise UnusualError
        if type(value) is np.ndarray:
            return _require_array(value, kinds)
        items = self._checked_values(value) if type(value) is dict else value
        found = set(map(type, items))
        kinds |= found
        if found <= _SIMPLE_OR_NONE:
            return list(items).count(None) if type(None) in found else 0
        if str in found and items is value:
            self._require_no_names(value)
        n_null = 0
        for item in items:
            kind = type(item)
            if kind is str:
                self.texts[item]
            elif item is None:
                n_null += 1
            elif kind in _CONTAINERS:
                n_null += self._require(item, kinds, levels - 1)
        return n_null

    def _require_usual_texts(self, items: Any) -> None:
        for item in items:
            if type(item) is str:
                self.texts[item]

    def _checked_values(self, value: dict[Any, Any]) -> Any:
        """Return the values of an object, checked by their names."""
        check = self.keys[tuple(value)]
        if check is not None:
            check(value)
        return value.values()

    def _require_no_names(self, items: Any) -> None:
        """Require that no text is the name of the next one: an option of a command, or the first of two."""
        if any(type(item) is str and item[:1] == "-" for item in items):
            raise UnusualError
        if len(items) == 2 and str is type(items[0]) is type(items[1]) and self.redactor.is_secret(items[0]):  # noqa: PLR2004
            raise UnusualError


class Check:
    """Checks the values of some keys for the quick way: under a telling name, only numbers take it."""

    def __init__(self, redactor: Redactor, telling: tuple[tuple[str, bool], ...], may_name: bool) -> None:
        self._kind = redactor.kind
        self._telling = telling
        self._may_name = may_name

    def __call__(self, values: dict[Any, Any]) -> None:
        """Raise if a value may be a secret by a name."""
        for key, hides_numbers in self._telling:
            value = values[key]
            if type(value) not in _NEVER_SECRET and not (
                type(value) is int and (not hides_numbers or abs(value) < LEAST_NUMBER)
            ):
                raise UnusualError
        if self._may_name and named_value(values, self._kind):
            raise UnusualError


class Memory(dict[Any, Any]):
    """Remembers the results of `write` by key: a known key costs a lookup and no call.

    Parameters
    ----------
    write : callable
        Makes the result for a key.
    length : callable
        Returns the number of characters of a key, for the bounds of the memory.
    """

    def __init__(self, write: Callable[[Any], Any], length: Callable[[Any], int]) -> None:
        super().__init__()
        self._write = write
        self._length = length
        self._room = _MOST_CHARACTERS

    def __missing__(self, key: Hashable) -> Any:
        written = self._write(key)
        length = self._length(key)
        if length <= _LONGEST:
            self._room -= length
            if len(self) >= _MOST or self._room < 0:
                self.clear()
                self._room = _MOST_CHARACTERS - length
            self[key] = written
        return written


def _finite(text: bytes) -> bytes:
    if NULL in text:
        raise UnusualError
    return text


def _safe(text: bytes) -> bytes:
    return text if text.isascii() and b"\x7f" not in text else escape_json(text.decode()).encode()


class _Null:
    """The text of None, which isn't equal to `NULL`: that stands for NaN."""

    def __bytes__(self) -> bytes:
        return NULL


_NONE: Any = _Null()


def _require_array(array: np.ndarray[Any, Any], kinds: set[type]) -> int:
    if array.dtype.char not in _ARRAYS or not array.ndim:
        raise UnusualError
    if array.dtype.char == "f":
        kinds.add(np.float32)
    return 0


def _time(value: datetime) -> bytes:
    if value.tzinfo is not None and value.tzinfo is not UTC:
        return value.isoformat().encode()
    return dumps(value)[1:-1]  # a third of the time, and a bare word: it holds a T


def _bare(value: date | UUID) -> bytes:
    return value_text(str(value)).encode()
