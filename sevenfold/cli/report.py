"""The command `report`: one HTML file that shows what happened."""

import argparse
import sys
from pathlib import Path

from sevenfold.audit.keys import AuditError, read_key
from sevenfold.cli.parser import WRONG_INPUT, add_log_dir, moment
from sevenfold.cli.streams import one_line, reader_may_leave
from sevenfold.overview.reporting import report

OK, FAILED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of the command."""
    add_log_dir(parser)
    add = parser.add_argument
    add("--out", type=Path, metavar="FILE", help="the file to write (default: report.html in the log folder)")
    add_times(parser)
    add("--key", type=Path, metavar="PATH", help="the key file that the audit trail is sealed with")


def add_times(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments that say from when to when."""
    when = "a time (UTC), or how long ago, such as '2 h' or '7 days'"
    parser.add_argument("--since", type=moment, metavar="WHEN", help=f"only events from then on: {when}")
    parser.add_argument("--until", type=moment, metavar="WHEN", help="only events before then, said the same way")


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
    folder = Path(options.log_dir)
    try:
        key = None if options.key is None else read_key(options.key, folder)
    except (OSError, ValueError, AuditError) as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return WRONG_INPUT
    try:
        path = report(folder, options.out, since=options.since, until=options.until, key=key)
    except OSError as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return FAILED
    with reader_may_leave():
        sys.stdout.write(f"{path}\n")
    return OK
