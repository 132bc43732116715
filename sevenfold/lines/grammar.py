r"""The grammar of a line, shared by writing (`record`) and reading (`parsing`).

::

    line   = time " | " level " | " channel " | " message [" | " field *(" " field)]
    time   = UTC, ISO 8601 with microseconds and "Z"
    level  = padded to 8
    field  = key "=" value
    key    = WORD, or a JSON string
    value  = WORD, but not true, false, null, NaN or Infinity; or JSON
    WORD   = [A-Za-z_][A-Za-z0-9_./:@+-]*, or that with a digit first and a letter other than e and E in it

So a text that looks like a number (``5e10``, ``007``) or almost like one (``10.66.0.77``) is quoted, and ids
(``5a4b41eb``) are bare, so that grep finds them.

Message, level and channel are JSON string bodies, in which a quotation mark stands for itself and ``|`` is written
``\u007c``; so no text can end its part early, start a line, or move a terminal's cursor. No channel is ``-``. Lines
of a traceback follow their line, each indented by four spaces.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

from sevenfold.lines.values import clean, to_json

WORD: Final = "(?:[A-Za-z_]|[0-9][0-9eE_./:@+-]*+[A-DF-Za-df-z])[A-Za-z0-9_./:@+-]*"
RESERVED: Final = ("true", "false", "null", "NaN", "Infinity")
NO_CHANNEL: Final = "-"
INDENT: Final = "    "

_is_word = re.compile(WORD).fullmatch
# Controls, the escape character and the separator itself, and the marks that `values.escape_json` names.
_UNSAFE = re.compile("[\x00-\x1f\\\\|\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t", "\\": r"\\"}


class LineError(ValueError):
    """A line that the grammar doesn't allow; the message says what was expected, and what was found.

    Examples
    --------
    >>> from sevenfold import parse
    >>> try:
    ...     parse("INFO: started")
    ... except LineError as error:
    ...     print(error)
    expected time | level | channel | message, got 'INFO: started'
    """


def timestamp(time: datetime) -> str:
    """Write a time in UTC with microseconds and ``Z``."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def channel_text(channel: str | None) -> str:
    """Write a channel's name, or ``-`` for none."""
    if channel is None:
        return NO_CHANNEL
    return r"\u002d" if channel == NO_CHANNEL else escape(channel)


def value_text(value: Any) -> str:
    """Write a field's plain value: a bare word where that is unambiguous, JSON otherwise."""
    if type(value) is str and _is_word(value) and value not in RESERVED:
        return value
    return to_json(value)


def key_text(key: str) -> str:
    """Write a field's plain key: a bare word, or JSON."""
    return key if _is_word(key) else to_json(key)


def escape(text: str) -> str:
    """Write text as the body of a JSON string whose quotation marks stand for themselves, with ``|`` escaped too."""
    text = clean(str(text))
    if text.isascii() and text.isprintable() and "|" not in text and "\\" not in text:
        return text  # nearly all texts
    return _UNSAFE.sub(_escape_one, text)


def _escape_one(found: re.Match[str]) -> str:
    character = found[0]
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def unescape(text: str) -> str:
    """Return the text that `escape` has escaped."""
    if "\\" not in text:
        return text
    try:
        return str(json.loads('"' + text.replace('"', '\\"') + '"'))
    except ValueError:
        raise LineError(f"expected escapes as JSON has them, got {text[:80]!r}") from None


def indent(text: str) -> str:
    """Indent each line of a traceback and neutralise its controls, so that no line of it looks like an event.

    Unlike a message, it can't be restored exactly: backslashes stay single, to keep paths and source code readable.
    """
    lines = clean(text).rstrip("\n").split("\n")
    return "".join(f"{INDENT}{_CONTROLS.sub(_escape_one, line)}\n" for line in lines)


def _refuse(token: str) -> Any:
    raise LineError(f"expected strict JSON, got {token}")


# Reads JSON without the tokens that Python's json adds to it: NaN and the infinities.
STRICT_JSON: Final = json.JSONDecoder(parse_constant=_refuse)
