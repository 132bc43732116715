r"""The line grammar, both ways: a loguru record -> one line of text -> an `Event`.

::

    line   = time " | " level " | " channel " | " message [" | " field *(" " field)]
    time   = UTC, ISO 8601 with microseconds and "Z"
    level  = padded to 8
    field  = key "=" value
    key    = WORD, or a JSON string
    value  = WORD, but not true, false, null, NaN or Infinity; or JSON
    WORD   = [A-Za-z_][A-Za-z0-9_./:@+-]*

Message, level and channel are JSON string bodies, in which a quotation mark stands for itself and ``|`` is written
``\u007c``; so no text can end its part early, start a line, or move a terminal's cursor. No channel is ``-``. Lines
of a traceback follow their line, each indented by four spaces.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

from sevenfold.lines.bulk_fields import RESERVED, WORD, decode
from sevenfold.lines.values import clean, plain, to_json

# Loguru types its records as a closed TypedDict, but ours carry one key more (`LINE`).
Record: TypeAlias = Any

# The rendered line travels on the record under this key: in `extra` it would leak into other people's sinks.
LINE = "sevenfold_line"
NO_CHANNEL = "-"
INDENT = "    "

_WORD = re.compile(WORD)
_RESERVED = set(RESERVED)
_LITERALS = {"true": True, "false": False, "null": None}
# Controls, the escape character and the separator itself, and the marks that `values.escape_json` names.
_UNSAFE = re.compile("[\x00-\x1f\\\\|\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\"}
_DECODER = json.JSONDecoder(parse_constant=lambda token: _refuse(f"expected strict JSON, got {token}"))


class LineError(ValueError):
    """A line that the grammar doesn't allow; the message says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Event:
    """What one line says.

    Attributes
    ----------
    time : datetime
        When the call was made, UTC, to the microsecond.
    level : str
        Name of the level, such as ``"INFO"``.
    channel : str or None
        The channel it was bound to, None without one.
    message : str
        The message, as `values.plain` has it.
    fields : dict
        Plain values by key, in the order of the line; ``exception_type`` and ``exception_message`` among them when
        an exception was logged.
    exception : str or None
        The text of the traceback below the line, None where there is none.
    """

    time: datetime
    level: str
    channel: str | None
    message: str
    fields: dict[str, Any] = field(default_factory=dict)
    exception: str | None = None


class Contents(NamedTuple):
    """What a record says, as plain values: its channel, its message, and by key its other extras.

    A channel that isn't a string is its JSON text. A logged exception is among the fields as ``exception_type`` and
    ``exception_message``.
    """

    channel: str | None
    message: str
    fields: dict[str, Any]


def contents_of(record: Record) -> Contents:
    """Turn what a loguru record says into plain values."""
    fields = {key: value for key, value in record["extra"].items() if key != "channel"}
    if has_exception(record):
        fields |= exception_fields(record["exception"])
    channel = plain(record["extra"].get("channel"))
    if channel is not None and not isinstance(channel, str):
        channel = to_json(channel)
    # The fields at once: keys that are alike only when plain stay apart.
    return Contents(channel, plain(str(record["message"])), plain(fields))


def render(record: Record, contents: Contents | None = None) -> str:
    """Write a record as one line, without the line's end.

    Parameters
    ----------
    record : dict
        A loguru record.
    contents : Contents, optional
        What the line says besides time and level, if not what the record does.

    Returns
    -------
    str
        One line, by the grammar of this module.
    """
    channel, message, fields = contents or contents_of(record)
    head = (
        f"{timestamp(record['time'])} | {escape(record['level'].name):8} | {channel_text(channel)} | {escape(message)}"
    )
    written = [f"{key_text(key)}={value_text(value)}" for key, value in fields.items()]
    return f"{head} | {' '.join(written)}" if written else head


def timestamp(time: datetime) -> str:
    """Write a time in UTC with microseconds and ``Z``."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def channel_text(channel: str | None) -> str:
    """Write a channel's name, or ``-`` for none."""
    if channel is None:
        return NO_CHANNEL
    return r"\u002d" if channel == NO_CHANNEL else escape(channel)


def has_exception(record: Record) -> bool:
    """Whether an exception was logged; ``logger.exception()`` with none active leaves three Nones, which isn't one."""
    exception = record["exception"]
    return exception is not None and not (exception[0] is None and exception[1] is None)


def exception_fields(exception: Any) -> dict[str, str]:
    """Name an exception's type, with its module unless built in, and its message."""
    kind, value = exception[0], exception[1]
    name = getattr(kind, "__qualname__", "") or type(value).__qualname__
    module = getattr(kind, "__module__", "builtins")
    try:
        message = "" if value is None else str(value)
    except Exception:
        message = f"<unprintable {name} object>"
    return {"exception_type": name if module == "builtins" else f"{module}.{name}", "exception_message": message}


def value_text(value: Any) -> str:
    """Write a field's plain value: a bare word where that is unambiguous, JSON otherwise."""
    if type(value) is str and _WORD.fullmatch(value) and value not in _RESERVED:
        return value
    return to_json(value)


def key_text(key: str) -> str:
    """Write a field's plain key: a bare word, or JSON."""
    return key if _WORD.fullmatch(key) else to_json(key)


def escape(text: str) -> str:
    """Write text as the body of a JSON string whose quotation marks stand for themselves, with ``|`` escaped too."""
    text = clean(str(text))
    return _UNSAFE.sub(_escape_one, text)


def _escape_one(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def indent(text: str) -> str:
    """Indent each line of a traceback and neutralise its controls, so that no line of it looks like an event.

    Unlike a message it isn't given back exactly: backslashes stay single, for the paths and the source that it shows.
    """
    lines = clean(text).rstrip("\n").split("\n")
    return "".join(f"{INDENT}{_CONTROLS.sub(_escape_one, line)}\n" for line in lines)


def parse(text: str) -> Event:
    """Read a line, and the traceback below it if there is one.

    Parameters
    ----------
    text : str
        What `render` wrote, with or without its line's end, and any indented lines behind it.

    Returns
    -------
    Event

    Raises
    ------
    LineError
        If the text isn't of the grammar.
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
        What `render` wrote, without the lines' ends. A few dozen are best.

    Returns
    -------
    list of Event
        What `parse` gives for each.

    Raises
    ------
    ValueError
        If a line isn't of the grammar, or is one that only `parse` reads; which one isn't said.
    """
    events, texts = _parse_heads(lines)
    for event, fields in zip(events, decode(texts), strict=True):
        event.fields = fields
        event.exception = None
        event.__class__ = Event  # type: ignore[assignment]
    return events  # type: ignore[return-value]


class _Draft:
    """An Event to be: a frozen dataclass takes five times as long to fill in."""

    __slots__ = ("time", "level", "channel", "message", "fields", "exception")  # noqa: RUF023 - as an Event has them
    time: datetime
    level: str
    channel: str | None
    message: str
    fields: dict[str, Any]
    exception: str | None


def _parse_heads(lines: list[str]) -> tuple[list[_Draft], list[str]]:
    """Read lines up to their messages; what stands behind the message is the second result."""
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


def unescape(text: str) -> str:
    """Give back what `escape` was given."""
    if "\\" not in text:
        return text
    try:
        return str(json.loads('"' + text.replace('"', '\\"') + '"'))
    except ValueError:
        raise LineError(f"expected escapes as JSON has them, got {text[:80]!r}") from None


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
    if word[0] in _RESERVED:
        raise LineError(f"expected strict JSON, got {word[0]}")
    return word[0], word.end()


def _parse_json(text: str, position: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
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


def _refuse(text: str) -> Any:
    raise LineError(text)
