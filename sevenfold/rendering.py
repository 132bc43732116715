"""From record to line: the quick way where a record holds nothing unusual, the exact way for all others.

The quick way skips the plain values: it writes what orjson can write as it is, and remembers which keys, short texts
and messages it has found harmless. As soon as anything else turns up (an exception, a secret's name, NaN, an object),
the record goes to `Redactor.contents_of` and `lines.render`, which define what a line is; tests hold the two together.
On a prediction of five fields the quick way takes about a third of the time.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import orjson

from sevenfold.lines import NO_CHANNEL, Record, channel_text, escape, key_text, render, value_text
from sevenfold.redaction import Redactor
from sevenfold.values import escape_json, plain

_NUMBERS: Final = frozenset({int, float})
_PLAIN: Final = frozenset({int, float, bool, str})
_MAX_LENGTH = 80  # characters of a text worth remembering
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
        self._keys = _Memory()
        self._texts = _Memory()
        self._messages = _Memory()
        self._channels = _Memory()
        self._levels = _Memory()
        self._second = (0, "")

    def __call__(self, record: Record) -> str:
        """Give the line, without its end."""
        if record["exception"] is None:
            line = self._quick_line(record)
            if line is not None:
                return line
        return render(record, self.redactor.contents_of(record))

    def _quick_line(self, record: Record) -> str | None:
        extra = record["extra"]
        fields = []
        for key, value in extra.items():
            if key == "channel":
                continue
            name = self._keys.get(key) or self._learn_key(key)
            text = self._quick_value(value)
            if name is None or text is None:
                return None
            fields.append(name + text)
        channel = self._quick_channel(extra.get("channel"))
        message = self._quick_text(self._messages, record["message"], escape)
        if channel is None or message is None:
            return None
        head = f"{self._timestamp(record['time'])} | {self._level(record['level'].name)} | {channel} | {message}"
        return f"{head} | {' '.join(fields)}" if fields else head

    def _quick_value(self, value: Any) -> str | None:
        kind = type(value)
        if kind is str:
            return self._texts.get(value) or self._quick_text(self._texts, value, value_text)
        if kind is float or kind is int or kind is bool or value is None:
            return _dumped(value)
        if kind is dict:
            return self._quick_dict(value)
        if kind is list:
            return _dumped(value) if _NUMBERS.issuperset(map(type, value)) else None
        if kind is np.ndarray:
            return _dumped(value) if value.dtype.char in "dlq" and value.ndim else None
        return _dumped(float(value)) if kind is np.float64 else None

    def _quick_dict(self, value: dict[Any, Any]) -> str | None:
        for key, item in value.items():
            if type(key) is not str or not (self._keys.get(key) or self._learn_key(key)):
                return None
            kind = type(item)
            if kind not in _PLAIN or (kind is str and not self._quick_value(item)):
                return None
        return _dumped(value)

    def _quick_channel(self, channel: Any) -> str | None:
        if channel is None:
            return NO_CHANNEL
        if type(channel) is not str:
            return None
        return self._channels.get(channel) or self._quick_text(self._channels, channel, channel_text)

    def _quick_text(self, memory: "_Memory", text: Any, write: Callable[[str], str]) -> str | None:
        """Write a text that is its own plain value and holds no secret; None for others."""
        if type(text) is not str:
            return None
        written: str | None = memory.get(text)
        if written is None and plain(text) == self.redactor.text(text) == text:
            written = write(text)
            memory.keep(text, written)
        return written

    def _learn_key(self, key: Any) -> str | None:
        if type(key) is not str or self.redactor.is_secret(key):
            return None
        return self._quick_text(self._keys, key, lambda name: f"{key_text(name)}=")

    def _level(self, name: str) -> str:
        written: str | None = self._levels.get(name)
        if written is None:
            written = f"{escape(name):8}"
            self._levels.keep(name, written)
        return written

    def _timestamp(self, time: datetime) -> str:
        second = math.floor(time.timestamp())
        known, text = self._second
        if second != known:
            text = datetime.fromtimestamp(second, UTC).isoformat()[:-6]
            self._second = second, text
        return f"{text}.{time.microsecond:06}Z"

    def __getstate__(self) -> dict[str, Any]:
        return {"redactor": self.redactor}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["redactor"])  # type: ignore[misc]


class _Memory(dict[str, str]):
    def keep(self, key: str, value: str) -> None:
        if len(key) <= _MAX_LENGTH:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()
            self[key] = value


def _dumped(value: Any) -> str | None:
    """Dump what orjson writes exactly; None for what it refuses or writes as null: NaN, infinities, big integers."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except orjson.JSONEncodeError:
        return None
    return None if "null" in text and value is not None else escape_json(text)
