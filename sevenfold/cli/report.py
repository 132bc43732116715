"""The commands `report` and `summary`: what happened, as one HTML file or in the terminal."""

import argparse
import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from sevenfold.audit.keys import read_key
from sevenfold.cli.parser import WRONG_INPUT, add_log_dir, moment
from sevenfold.cli.showing import wants_colours
from sevenfold.cli.streams import one_line, reader_may_leave
from sevenfold.overview.reporting import report, summarize
from sevenfold.overview.terminal import BLOCKS, LEAST_WIDTH, PLAIN, Screen, summary

OK, FAILED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of the command."""
    add_log_dir(parser)
    add = parser.add_argument
    add("--out", type=Path, metavar="FILE", help="the file to write (default: report.html in the log folder)")
    _add_what(parser)


def add_summary_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `summary`."""
    add_log_dir(parser)
    _add_what(parser)


def _add_what(parser: argparse.ArgumentParser) -> None:
    when = "a time (UTC) such as 2026-11-25T03:00, or how long ago, such as 30m or '7 days'"
    parser.add_argument("--since", type=moment, metavar="WHEN", help=f"only events from then on: {when}")
    parser.add_argument("--until", type=moment, metavar="WHEN", help="only events before then, said the same way")
    parser.add_argument("--key", type=Path, metavar="PATH", help="the key file that the audit trail is sealed with")


def run(options: argparse.Namespace) -> int:
    """Write the page, and print where it is.

    Parameters
    ----------
    options : argparse.Namespace
        What a parser with `add_arguments` gave.

    Returns
    -------
    int
        The exit status: 0; 1 when a file can't be read or written, 2 when the key can't be used.
    """
    return _print_result(options, _page)


def run_summary(options: argparse.Namespace) -> int:
    """Print what happened; the exit status is that of `run`."""
    return _print_result(options, _summary)


def _print_result(options: argparse.Namespace, make: Callable[[argparse.Namespace, bytes | None], str]) -> int:
    try:
        key = None if options.key is None else read_key(options.key, Path(options.log_dir))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return WRONG_INPUT
    try:
        text = make(options, key)
    except OSError as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return FAILED
    with reader_may_leave():
        sys.stdout.write(text)
    return OK


def _page(options: argparse.Namespace, key: bytes | None) -> str:
    path = report(options.log_dir, options.out, since=options.since, until=options.until, key=key)
    return f"{path}\n"


def _summary(options: argparse.Namespace, key: bytes | None) -> str:
    found = summarize(Path(options.log_dir), since=options.since, until=options.until, key=key)
    width = max(LEAST_WIDTH, shutil.get_terminal_size().columns)
    return summary(found, str(options.log_dir), Screen(width, wants_colours(), BLOCKS if _shows(BLOCKS) else PLAIN))


def _shows(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        return False
    return True
