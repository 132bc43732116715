"""How `logs` shows events: as they stand in their files, as JSON, in colours, or counted."""

import io
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, Final

from sevenfold.lines.colours import DIM, RESET, colour_of
from sevenfold.lines.grammar import indent, timestamp, value_text
from sevenfold.lines.parsing import Event
from sevenfold.lines.record import Contents, render
from sevenfold.lines.values import to_json
from sevenfold.reading.conditions import ABSENT, level_no_of, value_of
from sevenfold.reading.selection import LinedEvent

NOTHING: Final = "-"  # the events that don't have the field that is counted by; a text "-" is quoted
# What no writer leaves in a line, and a terminal may obey.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def as_text(event: Event) -> str:
    """Return an event's line as it stands in its file, with the traceback below, without the last line's end.

    What a serialized file holds, or what holds a control character, is written as a line of a text file would be.
    """
    text = event.text if isinstance(event, LinedEvent) else ""
    if text and not text.startswith("{") and _CONTROLS.search(text) is None:
        return text
    record = {"time": event.time, "level": SimpleNamespace(name=event.level)}
    line = render(record, Contents(event.channel, event.message, event.fields))
    return line if event.exception is None else f"{line}\n{indent(event.exception)[:-1]}"


def as_json(event: Event) -> str:
    """Return an event as a JSON object on one line, which `read` takes as an event again."""
    return to_json(
        {
            "time": timestamp(event.time),
            "level": event.level,
            "channel": event.channel,
            "message": event.message,
            "fields": event.fields,
            "exception": event.exception,
        }
    )


def in_colours(event: Event) -> str:
    """Return an event's text with the time dim and the level in its colour."""
    time, level, rest = as_text(event).split(" | ", 2)
    colour = colour_of(level_no_of(event.level) or 0)
    return f"{DIM}{time}{RESET} | {colour}{level}{RESET if colour else ''} | {rest}"


def wants_colours() -> bool:
    """Return whether standard output is a terminal whose user hasn't switched colours off (https://no-color.org)."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def show(events: Iterable[Event], write: Callable[[Event], str], *, at_once: bool) -> int:
    """Print events, and return how many there were."""
    _take_any_text()
    n_shown = 0
    for event in events:
        sys.stdout.write(write(event) + "\n")
        n_shown += 1
        if at_once:
            sys.stdout.flush()
    return n_shown


def show_counts(events: Iterable[Event], key: str, *, json: bool) -> int:
    """Print how many events have which value of a field, the most frequent first, and return how many there were."""
    _take_any_text()
    counts = Counter(_counted(value_of(event, key)) for event in events)
    for text, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        sys.stdout.write(f'{{"value":{_json_of(text)},"n":{n}}}\n' if json else f"{n:>8} {text}\n")
    return counts.total()


def _counted(value: Any) -> str:
    if value is ABSENT or value is None:
        return NOTHING
    return timestamp(value) if hasattr(value, "astimezone") else value_text(value)


def _json_of(text: str) -> str:
    if text == NOTHING:
        return "null"
    return text if text[0] in '"[{-0123456789' or text in ("true", "false") else to_json(text)


def _take_any_text() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for a terminal that isn't UTF-8
