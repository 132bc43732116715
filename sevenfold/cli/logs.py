"""The command `logs`: print the events of a log folder, merged by time, as lines or as JSON."""

import argparse
import contextlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

from loguru import logger

from sevenfold.cli.parser import WRONG_INPUT, add_log_dir, unknown
from sevenfold.cli.parser import moment as _moment
from sevenfold.cli.streams import one_line, reader_may_leave
from sevenfold.files.channel_list import listed_channels
from sevenfold.lines.grammar import indent, timestamp, value_text
from sevenfold.lines.parsing import Event
from sevenfold.lines.record import Contents, render
from sevenfold.lines.values import to_json
from sevenfold.reading.folder import read

Test: TypeAlias = Callable[[Event], bool]

OK, FAILED, INTERRUPTED = 0, 1, 130
_ABSENT = object()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of the command."""
    add_log_dir(parser)
    add = parser.add_argument
    add("--channel", metavar="NAME", help="only this one of the channels that the folder has files of")
    add("--level", type=_level, metavar="LEVEL", help="only events of this level or above, such as WARNING")
    add(
        "--since", type=_moment, metavar="WHEN", help="only later ones: a time (UTC), or how long ago, such as '10 min'"
    )
    where: dict[str, Any] = {"action": "append", "default": [], "type": _field, "metavar": "KEY=VALUE"}
    add("--where", **where, help="only events with this field; may be given several times")
    add("--message", metavar="TEXT", help="only events whose message contains this")
    add("--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    add("--json", action="store_true", help="one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Print events to stdout.

    Parameters
    ----------
    options : argparse.Namespace
        What a parser with `add_arguments` gave.

    Returns
    -------
    int
        The exit status: 0, also when nobody reads stdout any more; 1 for a file that can't be read, 2 for an unknown
        channel, 130 after Ctrl-C.
    """
    folder = Path(options.log_dir)
    names = dict.fromkeys(channel.name for channel in listed_channels(folder))
    if options.channel is not None and options.channel not in names:
        sys.stderr.write(f"{options.prog}: {unknown('channel', options.channel, names)}\n")
        return WRONG_INPUT
    try:
        events = read(folder, channel=options.channel, since=options.since, follow=options.follow)
        tests = tuple(_tests(options))
        wanted = (event for event in events if all(test(event) for test in tests))
        with reader_may_leave():
            _print(wanted, as_json if options.json else as_text, at_once=options.follow)
    except OSError as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return FAILED
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        return INTERRUPTED
    return OK


def as_text(event: Event) -> str:
    """Write an event as its line, with the traceback below if there is one; without the last line's end."""
    record = {"time": event.time, "level": SimpleNamespace(name=event.level)}
    line = render(record, Contents(event.channel, event.message, event.fields))
    return line if event.exception is None else f"{line}\n{indent(event.exception)[:-1]}"


def as_json(event: Event) -> str:
    """Write an event as a JSON object on one line."""
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


def _print(events: Iterable[Event], write: Callable[[Event], str], *, at_once: bool) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for a terminal that isn't UTF-8
    for event in events:
        sys.stdout.write(write(event) + "\n")
        if at_once:
            sys.stdout.flush()


def _tests(options: argparse.Namespace) -> Iterator[Test]:
    if options.level is not None:
        yield lambda event: _level_no(event.level, unknown=options.level) >= options.level
    if options.message is not None:
        yield lambda event: options.message in event.message
    for key, wanted in options.where:
        yield _has_field(key, wanted)


def _has_field(key: str, wanted: str) -> Test:
    def test(event: Event) -> bool:
        value = _lookup(event.fields, key)
        return value is not _ABSENT and (value == wanted or value_text(value) == wanted)

    return test


def _lookup(fields: Any, key: str) -> Any:
    """Find a field, or one inside a field: ``features.income``."""
    if not isinstance(fields, dict):
        return _ABSENT
    if key in fields:
        return fields[key]
    places = (at for at, character in enumerate(key) if character == ".")
    found = (_lookup(fields[key[:at]], key[at + 1 :]) for at in places if key[:at] in fields)
    return next((value for value in found if value is not _ABSENT), _ABSENT)


def _level_no(name: str, *, unknown: int | None = None) -> int:
    """Give a level's number; that of a custom one isn't known here, unless it has no name."""
    try:
        return int(name.removeprefix("Level ")) if name.startswith("Level ") else logger.level(name).no
    except ValueError:
        if unknown is None:
            raise
        return unknown


def _level(text: str) -> int:
    try:
        return int(text) if text.isdecimal() else _level_no(text.upper())
    except ValueError:
        known = "TRACE, DEBUG, INFO, SUCCESS, WARNING, ERROR, CRITICAL"
        raise argparse.ArgumentTypeError(f"expected one of {known}, or a number, got {text!r}") from None


def _field(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return key, value
