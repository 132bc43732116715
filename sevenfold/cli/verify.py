"""The commands `verify` and `audit-key`: prove an audit trail, and make the key that seals one."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from sevenfold.audit.chain import AuditError, make_key, read_key
from sevenfold.audit.seals import parse_checkpoint
from sevenfold.audit.verify import Verdict, verify
from sevenfold.cli.streams import reader_may_leave

PROVED, NOT_PROVED, UNREADABLE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `verify`."""
    add = parser.add_argument
    add("--log-dir", type=Path, default="logs", metavar="PATH", help="folder of the log files (default: %(default)s)")
    add("--key", type=Path, metavar="PATH", help="the key file that the trail is sealed with")
    add("--against", metavar="ID:SEQ:MAC", help="an earlier run's last line: prove that nothing up to it has changed")
    add(
        "--from",
        type=_event,
        default=1,
        dest="start",
        metavar="SEQ",
        help="first event that must be there (default: 1)",
    )


def run(options: argparse.Namespace, file: str) -> int:
    """Verify the audit file of a log folder: a line for each finding, a summary, and the head to be kept elsewhere.

    Parameters
    ----------
    options : argparse.Namespace
        What a parser with `add_arguments` gave.
    file : str
        Name of the audit file.

    Returns
    -------
    int
        The exit status: 0 when the trail is proved, 1 when it isn't, 2 when it can't be read.
    """
    try:
        key = None if options.key is None else read_key(options.key, options.log_dir)
        witness = None if options.against is None else parse_checkpoint(options.against)
        with tqdm(desc="verifying", unit="line", disable=None, leave=False) as bar:
            verdict = verify(options.log_dir / file, key=key, against=witness, start=options.start, progress=bar.update)
    except (OSError, ValueError) as error:
        print(f"main.py verify: {_one_line(error)}", file=sys.stderr)
        return UNREADABLE
    with reader_may_leave():
        _show(verdict)
    return PROVED if verdict.proved else NOT_PROVED


def _event(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected the number of an event, from 1, got {text!r}")
    return int(text)


def _show(verdict: Verdict) -> None:
    for finding in verdict.findings:
        print(finding)
    result = "proved" if verdict.proved else "NOT proved"
    files = f"{verdict.n_files} file{'' if verdict.n_files == 1 else 's'}"
    print(f"{verdict.n_events:,} events in {files}: {result}")
    if verdict.head is not None:
        print(verdict.head)


def make(options: argparse.Namespace) -> int:
    """Write a new key file, and never over another.

    Parameters
    ----------
    options : argparse.Namespace
        With the ``path``.

    Returns
    -------
    int
        The exit status: 0, or 2 when the file can't be made.
    """
    try:
        make_key(options.path)
    except (OSError, AuditError) as error:
        print(f"main.py audit-key: {_one_line(error)}", file=sys.stderr)
        return UNREADABLE
    print(f"{options.path}: a new key; keep a copy where the logs aren't")
    return PROVED


def _one_line(error: Exception) -> str:
    named = isinstance(error, OSError) and error.strerror and error.filename
    return " ".join((f"{error.filename}: {error.strerror}" if named else str(error)).split())  # type: ignore[attr-defined]
