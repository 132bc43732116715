"""A record as people read it: one line that fits a terminal, what differs first, and what all records repeat once."""

import os
import unicodedata
from bisect import bisect_right
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from itertools import accumulate
from typing import Any, Final, TextIO

from sevenfold.lines.colours import BOLD, DIM, RESET, colour_of
from sevenfold.lines.grammar import channel_text, escape, value_text
from sevenfold.lines.record import Contents, Record

WIDTH: Final = 60  # characters of a value; the file has it whole
DIGITS: Final = 5  # significant ones of a number
MORE: Final = "…"
_LEAST: Final = 16  # columns that a cut field must have to be shown
_MOST_KINDS: Final = 100  # of records whose fields are remembered; messages may differ each time
_WIDE: Final = frozenset("WF")  # East Asian characters and emojis, two columns each


@dataclass(slots=True)
class _Kind:
    """The fields of the first record of a channel and message, and which of them have differed since."""

    first: dict[str, str]
    varying: set[str] = field(default_factory=set)


class Terminal:
    """Lay out records for people.

    A line has the time in UTC, numbers of five digits, and long values cut. Fields that have differed among records of
    the same channel and message come first. What ``logger.contextualize`` gives many records, such as a ``run_id``, is
    shown where it changes. Where the file has the record whole, the line ends where the terminal does.

    Parameters
    ----------
    whole : container of str
        The channels that have a file.
    """

    def __init__(self, whole: Container[str | None]) -> None:
        self._whole = whole
        self._context: dict[str, str] = {}
        self._kinds: dict[tuple[str | None, str], _Kind] = {}

    def line(self, record: Record, contents: Contents, context: Container[str], width: int | None) -> str:
        """Return the line of a record, without the line's end.

        Parameters
        ----------
        record : dict
            Loguru's; its time and level are shown.
        contents : Contents
            The channel, the message and the fields to show.
        context : container of str
            Names of the fields that come from ``logger.contextualize``.
        width : int, optional
            Columns of the terminal.
        """
        channel, message, fields = contents
        is_whole = channel in self._whole
        parts = [
            (DIM, f"{record['time'].astimezone(UTC):%H:%M:%SZ}"),
            (colour_of(record["level"].no), f"{escape(record['level'].name):8}"),
            ("", f"{channel_text(channel):11}"),
            (BOLD, escape(message)),
        ]
        own = {name: value for name, value in fields.items() if value != message}  # as an audit event's name
        texts = {name: _short(value, WIDTH if is_whole else None) for name, value in own.items()}
        names = list(self._ordered((channel, message), texts, context))
        fields_at = len(parts)
        parts += [(DIM, f"{escape(name)}={texts[name]}") for name in names]
        shown = list(_fitting(parts, width - 1)) if is_whole and width else parts
        shown_fields = zip(names, shown[fields_at:], strict=False)
        self._context.update({name: texts[name] for name, part in shown_fields if name in context and part[1] != MORE})
        if "NO_COLOR" in os.environ:
            return " ".join(text for _, text in shown)
        return " ".join(f"{code}{text}{RESET}" if code else text for code, text in shown)

    def _ordered(self, of: tuple[str | None, str], texts: Mapping[str, str], context: Container[str]) -> Iterator[str]:
        """Yield the names of the fields to show, the most telling ones first."""
        around = {name: text for name, text in texts.items() if name in context}
        yield from (name for name, text in around.items() if self._context.get(name) != text)
        own = {name: text for name, text in texts.items() if name not in around}
        kind = self._kind(of, own)
        kind.varying.update(name for name, text in own.items() if kind.first.get(name) != text)
        yield from sorted(own, key=lambda name: name not in kind.varying)

    def _kind(self, of: tuple[str | None, str], texts: dict[str, str]) -> _Kind:
        if of not in self._kinds:
            if len(self._kinds) >= _MOST_KINDS:
                del self._kinds[next(iter(self._kinds))]
            self._kinds[of] = _Kind(texts)
        return self._kinds[of]


def columns_of(stream: TextIO) -> int | None:
    """Return the width of a stream's terminal in columns; None if it has none, or its width isn't known."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError, AttributeError):
        return None


def _fitting(parts: list[tuple[str, str]], width: int) -> Iterator[tuple[str, str]]:
    """Yield the parts that fit, the beginning of a long one, and a mark where something is missing."""
    left = width
    for number, (code, text) in enumerate(parts):
        is_last = number == len(parts) - 1
        taken = _n_columns(text) + (number > 0)
        if taken <= left - (0 if is_last else len(f" {MORE}")):
            left -= taken
            yield code, text
        else:
            room = left - (number > 0) - len(MORE)
            yield code, (_cut(text, room) if room >= _LEAST and not _is_number(text) else "") + MORE
            return


def _is_number(text: str) -> bool:
    """Return whether a field's value is a number, which would be another one if it were cut."""
    return text.partition("=")[2][:1].removeprefix("-").isdigit()


def _n_columns(text: str) -> int:
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _cut(text: str, n_columns: int) -> str:
    return text[: bisect_right(list(accumulate(map(_columns, text))), n_columns)]


def _short(value: Any, width: int | None) -> str:
    text = value_text(_rounded(value))
    return text if width is None or len(text) <= width else text[: width - 3] + "..."


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value
