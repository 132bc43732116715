"""The command `logs`: print the events of a log folder, merged by time, as lines or as JSON."""

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sevenfold.cli.parser import WRONG_INPUT, add_log_dir, moment, unknown
from sevenfold.cli.showing import as_json, as_text, in_colours, show, show_counts, wants_colours
from sevenfold.cli.streams import one_line, reader_may_leave
from sevenfold.lines.parsing import Event
from sevenfold.reading.conditions import ABSENT, LINE, PARTS, Condition, level_no_of, longest_run, value_of
from sevenfold.reading.folder import select
from sevenfold.reading.mirrors import chosen_hosts, known_channels
from sevenfold.reading.selection import Selection

OK, FAILED, INTERRUPTED = 0, 1, 130
_MANY = 20_000  # events whose fields are searched for a similar name
_MOST_NAMES = 50  # names that are listed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of the command."""
    add_log_dir(parser)
    add = parser.add_argument
    several: dict[str, Any] = {"action": "append", "default": []}
    add(
        "--channel", **several, metavar="NAME", help="only this one of the folder's channels; several times for several"
    )
    add("--host", **several, metavar="NAME", help="of a mirror, only this host; several times for several")
    add("--level", type=_level, metavar="LEVEL", help="only events of this level or above, such as WARNING")
    when = "a time (UTC) such as 2026-11-25T03:00, or how long ago, such as 30m or '2 days'"
    add("--since", type=moment, metavar="WHEN", help=f"only events from then on: {when}")
    add("--until", type=moment, metavar="WHEN", help="only events before then, said the same way")
    add(
        "--where", **several, metavar="CONDITION",
        help="only events that meet KEY OPERATOR VALUE with = != > >= < <= or ~ (a regular expression), such as "
        "'status>=400'; KEY is a field, one inside a field (features.income), or time, level, channel, message; "
        "several times for several that all must hold",
    )  # fmt: skip
    add("--message", metavar="TEXT", help="only events whose message contains this")
    add("-i", "--ignore-case", action="store_true", help="compare texts and messages without regard to case")
    add("-n", "--last", type=_count, metavar="N", help="only the last N")
    add("--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    add("--json", action="store_true", help="one JSON object a line")
    add("--count-by", metavar="FIELD", help="how many events have which value of a field, instead of the events")


def run(options: argparse.Namespace) -> int:
    """Print events to stdout.

    Parameters
    ----------
    options : argparse.Namespace
        The options that a parser with `add_arguments` parsed.

    Returns
    -------
    int
        The exit status: 0, also when nobody reads stdout any more, and when no event is selected; 1 if a file can't
        be read, 2 for an unknown channel or a condition that can't be read, 130 after Ctrl-C.
    """
    folder = Path(options.log_dir)
    names = dict.fromkeys(channel.name for channel in known_channels(folder))
    unknown_name = next((name for name in options.channel if name not in names), None)
    if unknown_name is not None:
        return _refuse(options, unknown("channel", unknown_name, names))
    if options.count_by is not None and options.follow:
        return _refuse(options, "--count-by counts what is there: not with --follow")
    try:
        chosen_hosts(folder, options.host)
    except ValueError as error:
        return _refuse(options, str(error))
    try:
        conditions = [Condition(text, ignore_case=options.ignore_case) for text in options.where]
    except ValueError as error:
        return _refuse(options, f"argument --where: {error}")
    try:
        with reader_may_leave():
            _show(folder, options, conditions)
    except OSError as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return FAILED
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        return INTERRUPTED
    return OK


def _refuse(options: argparse.Namespace, reason: str) -> int:
    sys.stderr.write(f"{options.prog}: {reason}\n")
    return WRONG_INPUT


def _show(folder: Path, options: argparse.Namespace, conditions: list[Condition]) -> None:
    selection = _selection(options, conditions)
    if options.follow and conditions:  # else a misspelt field waits for ever
        _report_unknown_fields(folder, options, conditions)
    events = select(folder, selection, follow=options.follow, last=options.last)
    if options.count_by is not None:
        n_shown = show_counts(events, options.count_by, json=options.json)
    else:
        n_shown = show(events, _writer(options), at_once=options.follow)
    if not n_shown:
        _report_unknown_fields(folder, options, conditions)


def _writer(options: argparse.Namespace) -> Callable[[Event], str]:
    if options.json:
        return as_json
    return in_colours if wants_colours() else as_text


def _selection(options: argparse.Namespace, conditions: list[Condition]) -> Selection:
    needles = [needle for condition in conditions for needle in condition.needles]
    if options.message is not None and not options.ignore_case:
        needles.append(longest_run(options.message))
    return Selection(
        channels=frozenset(options.channel) or None,
        hosts=frozenset(options.host) or None,
        since=options.since,
        until=options.until,
        tests=(*_tests(options), *conditions),
        needles=tuple(dict.fromkeys(filter(None, needles))),
        lined=not options.json and options.count_by is None,
    )


def _tests(options: argparse.Namespace) -> Iterator[Callable[[Event], bool]]:
    if options.level is not None:
        yield lambda event: _default(level_no_of(event.level), options.level) >= options.level
    if options.message is not None and options.ignore_case:
        yield lambda event: options.message.casefold() in event.message.casefold()
    elif options.message is not None:
        yield lambda event: options.message in event.message


def _default(number: int | None, unknown: int) -> int:
    return unknown if number is None else number


def _report_unknown_fields(folder: Path, options: argparse.Namespace, conditions: list[Condition]) -> None:
    """Report each field that no event has, with similar names, and each value that no event's value compares with."""
    channels = frozenset(options.channel) or None
    hosts = frozenset(options.host) or None
    chosen: dict[str, Any] = {"channels": channels, "hosts": hosts, "since": options.since, "until": options.until}
    for condition in conditions:
        if condition.was_compared or condition.key.removeprefix(LINE) in PARTS:
            continue
        events_with_key = select(folder, Selection(**chosen, needles=condition.key_needles))
        if not any(value_of(event, condition.key) is not ABSENT for event in events_with_key):
            events = islice(select(folder, Selection(**chosen)), _MANY)
            names = Counter(name for event in events for name in _names(event.fields))
            message = unknown("field", condition.key, [name for name, _ in names.most_common(_MOST_NAMES)])
            sys.stderr.write(f"{options.prog}: {message}\n" if names else "")
        elif condition.is_known:
            sys.stderr.write(
                f"{options.prog}: no value of {condition.key!r} can be compared as {condition.text!r} asks\n"
            )


def _names(fields: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the names of fields, and of the fields inside them, as a condition takes them."""
    for name, value in fields.items():
        yield f"{path}{name}"
        if isinstance(value, dict):
            yield from _names(value, f"{path}{name}.")


def _level(text: str) -> int:
    no = level_no_of(text)
    if no is None:
        known = "TRACE, DEBUG, INFO, SUCCESS, WARNING, ERROR, CRITICAL"
        raise argparse.ArgumentTypeError(f"expected one of {known}, or a number, got {text!r}")
    return no


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected how many, such as 10, got {text!r}")
    return int(text)
