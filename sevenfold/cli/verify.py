"""The commands `verify` and `audit-key`: prove an audit trail, and make the key that seals one."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from sevenfold.audit.keys import AuditError, make_key, read_key
from sevenfold.audit.seals import Head, parse_checkpoint
from sevenfold.audit.verify import Verdict, verify
from sevenfold.channels import CHANNELS, Channel
from sevenfold.cli.parser import add_log_dir, unknown
from sevenfold.cli.streams import one_line, reader_may_leave
from sevenfold.files.channel_list import listed_channels
from sevenfold.files.names import Names

PROVED, NOT_PROVED, UNREADABLE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `verify`."""
    add_log_dir(parser)
    add = parser.add_argument
    add("--channel", metavar="NAME", help="only this one of the sealed channels (default: all, one after the other)")
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


def run(options: argparse.Namespace) -> int:
    """Verify the sealed files of a log folder: of each its findings, a summary, and the head to be kept elsewhere.

    Parameters
    ----------
    options : argparse.Namespace
        What a parser with `add_arguments` gave.

    Returns
    -------
    int
        The exit status: 0 when all trails are proved, 1 when one isn't, 2 when one can't be read.
    """
    folder = Path(options.log_dir)
    try:
        channels = _chosen(folder, options)
        key = None if options.key is None else read_key(options.key, folder)
        witness = None if options.against is None else parse_checkpoint(options.against)
    except (OSError, ValueError) as error:
        return _failed(options, error)
    several = len(channels) > 1
    return max(_verify(folder, channel, options, key, witness, named=several) for channel in channels)


def _chosen(folder: Path, options: argparse.Namespace) -> list[Channel]:
    """Return the sealed channels that are asked for.

    Raises
    ------
    ValueError
        If there is none, or more than one where that is ambiguous.
    """
    sealed = {channel.name: channel for channel in _sealed(folder)}
    if not sealed:
        raise ValueError(f"{folder} has no sealed channel, so there is nothing to prove")
    if options.channel is not None:
        if options.channel not in sealed:
            raise ValueError(unknown("sealed channel", options.channel, sealed))
        return [sealed[options.channel]]
    ambiguous = {"--key": options.key, "--against": options.against, "--from": options.start > 1 or None}
    given = next((name for name, value in ambiguous.items() if value is not None), None)
    if len(sealed) > 1 and given is not None:
        raise ValueError(f"{given} needs --channel NAME, one of {', '.join(sealed)}")
    return list(sealed.values())


def _sealed(folder: Path) -> list[Channel]:
    sealed = [channel for channel in listed_channels(folder) if channel.sealed]
    files = {channel.file for channel in sealed}
    # A list that was edited hides no chain of the usual name.
    usual = [channel for channel in CHANNELS if channel.sealed and channel.file not in files]
    return sealed + [channel for channel in usual if Names(folder / channel.file).head.exists()]


def _verify(
    folder: Path, channel: Channel, options: argparse.Namespace, key: bytes | None, witness: Head | None, *, named: bool
) -> int:
    try:
        with tqdm(desc=f"verifying {channel.file}", unit="line", disable=None, leave=False) as bar:
            verdict = verify(folder / channel.file, key=key, against=witness, start=options.start, progress=bar.update)
    except (OSError, ValueError) as error:
        return _failed(options, error)
    with reader_may_leave():
        _show(verdict, f"{channel.name}: " if named else "")
    return PROVED if verdict.proved else NOT_PROVED


def _failed(options: argparse.Namespace, error: Exception) -> int:
    print(f"{options.prog}: {one_line(error)}", file=sys.stderr)
    return UNREADABLE


def _event(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected the number of an event, from 1, got {text!r}")
    return int(text)


def _show(verdict: Verdict, name: str) -> None:
    for finding in verdict.findings:
        print(finding)
    result = "proved" if verdict.proved else "NOT proved"
    files = f"{verdict.n_files} file{'' if verdict.n_files == 1 else 's'}"
    print(f"{name}{verdict.n_events:,} events in {files}: {result}")
    if verdict.head is not None:
        print(verdict.head)


def add_key_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `audit-key`."""
    parser.add_argument("path", type=Path, metavar="PATH", help="a file that isn't there yet, outside the log folder")


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
        return _failed(options, error)
    print(f"{options.path}: a new key; keep a copy where the logs aren't")
    return PROVED
