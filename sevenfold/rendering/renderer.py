"""From record to line: the quick way where a record holds nothing unusual, the exact way for all others.

The quick way skips the plain values: it writes what orjson can write as it is, and remembers which texts and which sets
of keys it has found harmless, and which keys must be asked about their values. As soon as anything else turns up (an
exception, a secret's name, NaN, an object), the record goes to `Redactor.contents_of` and `lines.render`, which define
what a line is; tests hold the two together. What such a record holds is forgotten: it may be a secret.
A record of five fields takes the quick way in an eighth of the time.
"""

import contextlib
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Any, Final, Self

import numpy as np
import orjson
from orjson import dumps

from sevenfold.lines.grammar import channel_text, escape, key_text, value_text
from sevenfold.lines.record import Record, render
from sevenfold.lines.values import escape_json, plain
from sevenfold.redaction.redactor import Redactor
from sevenfold.redaction.rules.looks import LEAST_NUMBER
from sevenfold.redaction.rules.names import NONE, PERSONAL
from sevenfold.redaction.structures import NAME_KEYS, VALUE_KEYS, named_value

_NUMBERS: Final = frozenset({int, float})
_PLAIN: Final = frozenset({int, float, bool, str})
_NEVER_SECRET: Final = frozenset({float, bool, np.float64})
_NULL: Final = b"null"  # orjson's word for NaN and the infinities
_MAX_LENGTH = 200  # characters of what is worth remembering
_MAX_REMEMBERED = 4096  # of each kind; then it starts anew, since texts come from outside


class Renderer:
    """Write records as lines, without secrets.

    Parameters
    ----------
    redactor : Redactor
        Takes secrets out.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._texts = _Memory(self._text, len)
        self._keys = _Memory(self._learn_keys, lambda keys: sum(map(len, keys)))
        # A line without its time and values, by level, channel, message and keys: one lookup does for all of these.
        self._templates = _Memory(self._template, lambda key: len(key[2]) + sum(map(len, key[3])))
        self._second = (datetime(1, 1, 1, tzinfo=UTC), b"")
        self._write: dict[type, Callable[[Any], bytes]] = {
            str: self._texts.__getitem__,
            float: dumps,
            int: dumps,
            bool: dumps,
            dict: self._dict,
            list: self._list,
            np.ndarray: self._array,
            np.float64: lambda value: dumps(float(value)),
        }

    def __call__(self, record: Record) -> str:
        """Give the line, without its end."""
        return self.quick_line(record) or render(record, self.redactor.contents_of(record))

    def quick_line(self, record: Record) -> str | None:
        """Give the line of a record that holds nothing unusual, else None.

        That is no exception, no secret, and nothing but plain values, arrays of numbers and NumPy's floats.
        """
        if record["exception"] is not None:
            return None
        extra, write = record["extra"], self._write
        try:
            template = self._templates[record["level"].name, extra.get("channel"), record["message"], tuple(extra)]
            if type(template) is not bytes:
                template.check(extra)
            texts = [write[type(value)](value) for value in extra.values()]
            time = self._time(record["time"])
        except Exception:  # an unusual value; one that can't be hashed, or that orjson refuses; a time without a zone
            self._forget(record)
            return None
        if _NULL in texts:
            return None
        line: bytes = template % (*time, *texts)
        return line.decode()

    def _time(self, time: datetime) -> tuple[bytes, int]:
        """Give the second as text, and the microseconds."""
        second, text = self._second
        passed = time - second
        if passed.days or passed.seconds:
            second = time.astimezone(UTC).replace(microsecond=0)
            text = second.isoformat()[:-6].encode()
            self._second = second, text
            passed = time - second
        return text, passed.microseconds

    def _template(self, key: tuple[str, Any, str, tuple[Any, ...]]) -> bytes:
        level, channel, message, keys = key
        self._require_usual(message)
        if channel is not None and not (type(channel) is str and plain(channel) == channel):
            raise _UnusualError
        check = self._keys[keys]
        head = f" | {escape(level):8} | {channel_text(channel)} | {escape(message)}"
        # The channel is a value like any other; it is written with no width.
        places = ["%.0b" if key == "channel" else f" {key_text(key)}".replace("%", "%%") + "=%b" for key in keys]
        fields = " |" if set(keys) - {"channel"} else ""
        template = f"%b.%06dZ{head.replace('%', '%%')}{fields}{''.join(places)}".encode()
        return template if check is None else _CheckedTemplate(template, check)

    def _text(self, text: str) -> bytes:
        self._require_usual(text)
        return value_text(text).encode()

    def _dict(self, value: dict[Any, Any]) -> bytes:
        check = self._keys[tuple(value)]
        if check is not None:
            check(value)
        kinds = set(map(type, value.values()))
        if not kinds <= _PLAIN:
            raise _UnusualError
        if str in kinds:
            for item in value.values():
                if type(item) is str:
                    self._texts[item]
        return escape_json(_finite(dumps(value)).decode()).encode()

    def _list(self, value: list[Any]) -> bytes:
        if not _NUMBERS.issuperset(map(type, value)):
            raise _UnusualError
        return _finite(dumps(value))

    def _array(self, value: "np.ndarray[Any, Any]") -> bytes:
        if value.dtype.char not in "dlq" or not value.ndim:
            raise _UnusualError
        return _finite(dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))

    def _learn_keys(self, keys: tuple[Any, ...]) -> "_Check | None":
        """Return what the values of keys must be asked: None, if nothing."""
        self._require_usual(*keys)
        about = {key: self.redactor.about(key) for key in keys}
        if any(said.kind is PERSONAL for said in about.values()):
            raise _UnusualError
        telling = tuple((key, said.hides_numbers) for key, said in about.items() if said.kind is not NONE)
        may_name = not NAME_KEYS.isdisjoint(keys) and not VALUE_KEYS.isdisjoint(keys)
        return _Check(self.redactor, telling, may_name) if telling or may_name else None

    def _forget(self, record: Record) -> None:
        """Forget the texts of a record that takes the exact way: one of them may be a secret that another names."""
        extra = record["extra"]
        with contextlib.suppress(Exception):  # what can't be hashed wasn't remembered
            self._templates.pop((record["level"].name, extra.get("channel"), record["message"], tuple(extra)), None)
        for value in extra.values():
            for text in value.values() if type(value) is dict else (value,):
                if type(text) is str:
                    self._texts.pop(text, None)

    def _require_usual(self, *texts: Any) -> None:
        """Require texts that are their own plain values and hold no secret."""
        for text in texts:
            if type(text) is not str or not plain(text) == self.redactor.text(text) == text:
                raise _UnusualError

    def __getstate__(self) -> dict[str, Any]:
        return {"redactor": self.redactor}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["redactor"])  # type: ignore[misc]


def _finite(text: bytes) -> bytes:
    if _NULL in text:
        raise _UnusualError
    return text


class _Check:
    """What the values of some keys must be, for the quick way: numbers, under a name that has a say in texts."""

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
                raise _UnusualError
        if self._may_name and named_value(values, self._kind):
            raise _UnusualError


class _CheckedTemplate(bytes):
    """A template of keys that have a say in their values."""

    check: _Check

    def __new__(cls, template: bytes, check: _Check) -> Self:
        self = super().__new__(cls, template)
        self.check = check
        return self


class _UnusualError(LookupError):
    """A record that takes the exact way."""


class _Memory(dict[Any, Any]):
    """What `write` makes of keys: a key that is known costs a lookup and no call."""

    def __init__(self, write: Callable[[Any], Any], length: Callable[[Any], int]) -> None:
        super().__init__()
        self._write = write
        self._length = length

    def __missing__(self, key: Hashable) -> Any:
        written = self._write(key)
        if self._length(key) <= _MAX_LENGTH:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()
            self[key] = written
        return written
