"""The commands `verify` and `audit-key`: prove an audit trail, and make the key that seals one."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from sevenfold.audit.keys import AuditError, make_key, read_key
from sevenfold.audit.seals import Head, parse_checkpoint
from sevenfold.audit.verify import WRITERS_WAIT_S, Verdict, verify
from sevenfold.channels import CHANNELS, Channel
from sevenfold.cli.parser import add_log_dir, unknown
from sevenfold.cli.streams import one_line, reader_may_leave
from sevenfold.files.channel_list import listed_channels
from sevenfold.files.names import Names
from sevenfold.reading.mirrors import chosen_hosts, hosts_of

NOTHING, PROVED, NOT_PROVED, UNREADABLE = -1, 0, 1, 2


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
    add(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="of a mirror, only this host; several times for several",
    )
    add("--copy", action="store_true", help="of a copy or mirror: prove what is there, and say how far that is")
    add(
        "--wait",
        type=_seconds,
        default=WRITERS_WAIT_S,
        metavar="SECONDS",
        help="how long to wait for a process that is writing (default: %(default)g)",
    )


def run(options: argparse.Namespace) -> int:
    """Verify the sealed files of a log folder; print each file's findings, a summary, and the head to keep elsewhere.

    Parameters
    ----------
    options : argparse.Namespace
        The options that a parser with `add_arguments` parsed.

    Returns
    -------
    int
        The exit status: 0 when all trails that have events are proved, 1 when one isn't, 2 when one can't be read or
        none has an event.
    """
    folder = Path(options.log_dir)
    options.end = "\n"  # of a result, before its checkpoint
    return _of_mirror(folder, options) if hosts_of(folder) else _of_folder(folder, options)


def _of_mirror(folder: Path, options: argparse.Namespace) -> int:
    """Verify the folder of each host as a copy; print a line for each."""
    folder_options = {"--against": options.against, "--channel": options.channel, "--from": options.start > 1 or None}
    option = next((name for name, value in folder_options.items() if value is not None), None)
    if option is not None:
        return _failed(
            options, ValueError(f"{option} is for the folder of one host, such as {folder / hosts_of(folder)[0]}")
        )
    try:
        hosts = chosen_hosts(folder, options.host or None)
    except ValueError as error:
        return _failed(options, error)
    host_options = argparse.Namespace(**{**vars(options), "copy": True, "end": "; "})
    statuses = {_of_folder(folder / host, host_options, host) for host in hosts}
    return UNREADABLE if statuses == {NOTHING} else max(statuses)


def _of_folder(folder: Path, options: argparse.Namespace, host: str = "") -> int:
    try:
        channels = _chosen_channels(folder, options)
        key = None if options.key is None else read_key(options.key, folder)
        checkpoint = None if options.against is None else parse_checkpoint(options.against)
    except (OSError, ValueError) as error:
        return _failed(options, error)
    names = [" ".join(filter(None, (host, channel.name if len(channels) > 1 else ""))) for channel in channels]
    statuses = {
        _verify(folder, channel, options, key, checkpoint, name=name)
        for channel, name in zip(channels, names, strict=True)
    }
    if host:
        return max(statuses)  # whether all have nothing to prove is decided over all hosts
    return UNREADABLE if statuses == {NOTHING} else max(statuses)


def _chosen_channels(folder: Path, options: argparse.Namespace) -> list[Channel]:
    """Return the sealed channels to verify.

    Raises
    ------
    ValueError
        If there is none, or several with an option that is for one.
    """
    sealed = {channel.name: channel for channel in _sealed(folder)}
    if not sealed:
        raise ValueError(f"{folder} has no sealed channel, so there is nothing to prove")
    if options.channel is not None:
        if options.channel not in sealed:
            raise ValueError(unknown("sealed channel", options.channel, sealed))
        return [sealed[options.channel]]
    ambiguous = {"--key": options.key, "--against": options.against, "--from": options.start > 1 or None}
    option = next((name for name, value in ambiguous.items() if value is not None), None)
    if len(sealed) > 1 and option is not None:
        raise ValueError(f"{option} needs --channel NAME, one of {', '.join(sealed)}")
    return list(sealed.values())


def _sealed(folder: Path) -> list[Channel]:
    sealed = [channel for channel in listed_channels(folder) if channel.sealed]
    files = {channel.file for channel in sealed}
    # An edited list of channels must not hide a chain of the usual name.
    usual = [channel for channel in CHANNELS if channel.sealed and channel.file not in files]
    return sealed + [channel for channel in usual if Names(folder / channel.file).head.exists()]


def _verify(
    folder: Path,
    channel: Channel,
    options: argparse.Namespace,
    key: bytes | None,
    checkpoint: Head | None,
    *,
    name: str,
) -> int:
    try:
        with tqdm(desc=f"verifying {channel.file}", unit="line", disable=None, leave=False) as bar:
            verdict = verify(
                folder / channel.file,
                key=key,
                against=checkpoint,
                start=options.start,
                progress=bar.update,
                copy=options.copy,
                wait_s=options.wait,
            )
    except FileNotFoundError as error:
        return _failed(options, FileNotFoundError(f"{one_line(error)}, so there is nothing to prove"))
    except (OSError, ValueError) as error:
        return _failed(options, error)
    with reader_may_leave():
        _show(verdict, f"{name}: " if name else "", copy=options.copy, end=options.end)
    if not verdict.proved:
        return NOT_PROVED
    return PROVED if verdict.n_events else NOTHING


def _failed(options: argparse.Namespace, error: Exception) -> int:
    print(f"{options.prog}: {one_line(error)}", file=sys.stderr)
    return UNREADABLE


def _event(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected the number of an event, from 1, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds, from 0, got {text!r}")
    return seconds


def _show(verdict: Verdict, name: str, *, copy: bool, end: str) -> None:
    for finding in verdict.findings:
        print(finding)
    checkpoint = f"{end}{verdict.head}" if verdict.head is not None and verdict.n_events else ""
    print(f"{name}{verdict.extent}: {_result(verdict, copy=copy)}{checkpoint}")


def _result(verdict: Verdict, *, copy: bool) -> str:
    if not verdict.proved:
        return "NOT proved"
    up_to = f" up to {0 if verdict.head is None else verdict.head.seq:,}" if copy else ""
    result = f"proved{up_to}" if verdict.n_events else "nothing to prove"
    if not copy:
        return result
    original = "the copy has no head" if verdict.said is None else f"the original said {verdict.said:,}"
    return f"{result}; {original}"


def add_key_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `audit-key`."""
    parser.add_argument("path", type=Path, metavar="PATH", help="a file that isn't there yet, outside the log folder")


def make(options: argparse.Namespace) -> int:
    """Write a new key file, and never over another.

    Parameters
    ----------
    options : argparse.Namespace
        The options, with the ``path``.

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
