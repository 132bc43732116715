"""From a line of text to an `Event`."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sevenfold.lines.bulk_fields import decode
from sevenfold.lines.grammar import INDENT, NO_CHANNEL, RESERVED, STRICT_JSON, WORD, LineError, unescape

_WORD: Final = re.compile(WORD)
_LITERALS: Final = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Event:
    """The event of one line.

    Attributes
    ----------
    time : datetime
        When the call was made, UTC, to the microsecond.
    level : str
        Name of the level, such as ``"INFO"``.
    channel : str or None
        The channel that it was bound to, or None.
    message : str
        The message, as `values.plain` returns it.
    fields : dict
        Plain values by key, in the order of the line; ``exception_type`` and ``exception_message`` among them when
        an exception was logged.
    exception : str or None
        The text of the traceback below the line, or None.

    Examples
    --------
    >>> event = parse("2026-11-23T08:36:11.096123Z | INFO     | api | request | decision=deny duration_ms=3.5")
    >>> (event.time.year, event.level, event.channel, event.message, event.fields)
    (2026, 'INFO', 'api', 'request', {'decision': 'deny', 'duration_ms': 3.5})
    """

    time: datetime
    level: str
    channel: str | None
    message: str
    fields: dict[str, Any] = field(default_factory=dict)
    exception: str | None = None


def parse(text: str) -> Event:
    """Read a line, and the traceback below it if there is one.

    Parameters
    ----------
    text : str
        A line of `render`, with or without its end, and any indented lines behind it.

    Returns
    -------
    Event

    Raises
    ------
    LineError
        If the text isn't of the grammar.

    Examples
    --------
    >>> parse("2026-11-23T08:36:11.096123Z | INFO     | api | request | decision=approve confidence=0.9").fields
    {'decision': 'approve', 'confidence': 0.9}
    """
    line, _, below = text.rstrip("\n").partition("\n")
    (event,), texts = _parse_heads([line])
    event.fields = _parse_fields(texts[0])
    event.exception = _parse_exception(below) if below else None
    event.__class__ = Event  # type: ignore[assignment]
    return event  # type: ignore[return-value]


def parse_all(lines: list[str]) -> list[Event]:
    """Read lines without tracebacks, several times as fast as one by one.

    Parameters
    ----------
    lines : list of str
        Lines of `render`, without their ends. A few dozen are best.

    Returns
    -------
    list of Event
        The event of each line, as `parse` returns it.

    Raises
    ------
    ValueError
        If one of the lines isn't of the grammar, or can only be read by `parse`; the error doesn't name the line.
    """
    events, texts = _parse_heads(lines)
    for event, fields in zip(events, decode(texts), strict=True):
        event.fields = fields
        event.exception = None
        event.__class__ = Event  # type: ignore[assignment]
    return events  # type: ignore[return-value]


class _Draft:
    """An Event in the making: a frozen dataclass takes five times as long to fill in."""

    __slots__ = ("time", "level", "channel", "message", "fields", "exception")  # noqa: RUF023 - as an Event has them
    time: datetime
    level: str
    channel: str | None
    message: str
    fields: dict[str, Any]
    exception: str | None


def _parse_heads(lines: list[str]) -> tuple[list[_Draft], list[str]]:
    """Read lines up to their messages; the second result is the texts behind the messages."""
    events, texts = [], []
    for line in lines:  # all in one function: calls would take half as long again
        parts = line.split(" | ", 4)
        time, level, channel, message, fields = parts if len(parts) == 5 else _without_fields(parts, line)  # noqa: PLR2004
        event = _Draft()
        try:
            event.time = datetime.fromisoformat(time if time[-1:] == "Z" else "")
        except ValueError:
            expected = "a time such as 2026-01-31T08:36:11.096123Z"
            raise LineError(f"expected {expected}, got {time[:40]!r}") from None
        event.level, event.message = level.rstrip(" "), message
        event.channel = None if channel == NO_CHANNEL else channel
        if "\\" in line:
            event.level, event.message = unescape(event.level), unescape(message)
            event.channel = event.channel and unescape(channel)
        events.append(event)
        texts.append(fields)
    return events, texts


def _without_fields(parts: list[str], line: str) -> list[str]:
    if len(parts) < 4:  # noqa: PLR2004
        raise LineError(f"expected time | level | channel | message, got {line[:80]!r}")
    return [*parts, ""]


def _parse_fields(text: str) -> dict[str, Any]:
    try:
        return decode([text])[0]
    except ValueError:
        return _parse_by_character(text)


def _parse_by_character(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    position = 0
    while position < len(text):
        key, position = _parse_key(text, position)
        fields[key], position = _parse_value(text, position)
        if position < len(text) and text[position] != " ":
            raise LineError(f"expected a space between fields, got {text[position : position + 40]!r}")
        position += 1
    return fields


def _parse_key(text: str, position: int) -> tuple[str, int]:
    if text[position] == '"':
        key, position = _parse_json(text, position)
    else:
        found = _WORD.match(text, position)
        if found is None:
            raise LineError(f"expected a key, got {text[position : position + 40]!r}")
        key, position = found[0], found.end()
    if text[position : position + 1] != "=":
        raise LineError(f"expected '=' after the key {key!r}, got {text[position : position + 40]!r}")
    return str(key), position + 1


def _parse_value(text: str, position: int) -> tuple[Any, int]:
    word = _WORD.match(text, position)
    if word is None:
        return _parse_json(text, position)
    if word[0] in _LITERALS:
        return _LITERALS[word[0]], word.end()
    if word[0] in RESERVED:
        raise LineError(f"expected strict JSON, got {word[0]}")
    return word[0], word.end()


def _parse_json(text: str, position: int) -> tuple[Any, int]:
    try:
        return STRICT_JSON.raw_decode(text, position)
    except LineError:
        raise
    except (ValueError, RecursionError):
        raise LineError(f"expected a value, got {text[position : position + 40]!r}") from None


def _parse_exception(below: str) -> str:
    lines = below.split("\n")
    for line in lines:
        if not line.startswith(INDENT):
            raise LineError(f"expected an indented line of a traceback, got {line[:80]!r}")
    return "\n".join(line.removeprefix(INDENT) for line in lines)
