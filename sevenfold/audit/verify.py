"""Prove an audit trail: that no line was edited, cut, removed, added or moved since it was sealed."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, cast

from sevenfold.audit.examine import Trail
from sevenfold.audit.findings import TORN, Finding, joined
from sevenfold.audit.seals import HEAD_BYTES, Head, parse_head
from sevenfold.files.locks import acquire, is_same_file, release
from sevenfold.files.names import Names
from sevenfold.files.opening import open_log

WRITERS_WAIT_S = 60.0  # for writers that are at work
_BUFFER_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of the files.
    n_events, n_files : int
        Sealed lines and files read.
    head : Head or None
        The last sealed line, to be kept elsewhere as a checkpoint.
    """

    findings: tuple[Finding, ...]
    n_events: int
    n_files: int
    head: Head | None

    @property
    def proved(self) -> bool:
        """Whether nothing but what crashes leave was found."""
        return all(finding.what == TORN for finding in self.findings)


def verify(
    path: Path,
    *,
    key: bytes | None = None,
    against: Head | None = None,
    start: int = 1,
    progress: Callable[[int], object] | None = None,
) -> Verdict:
    """Verify an audit file with its rotated and compressed ones, as they are at one moment.

    Parameters
    ----------
    path : Path
        The audit file; it may be being written.
    key : bytes, optional
        What it was sealed with.
    against : Head, optional
        A checkpoint from an earlier verification: proves that nothing up to it has changed since.
    start : int
        The first event that must be there; earlier ones were removed on purpose.
    progress : callable, optional
        Is called now and then with the number of lines read since.

    Returns
    -------
    Verdict

    Raises
    ------
    FileNotFoundError
        If there is no audit file at all.
    OSError
        If the files can't be read.
    ValueError
        If the chain is sealed with a key and none is given.
    """
    with ExitStack() as stack:
        files, head_text = _snapshot(Names(path), stack)
        if not files and head_text is None:
            raise FileNotFoundError(f"{path}: no audit file")
        head = parse_head(head_text or b"", key)
        trail = Trail(key, [witness.seq for witness in (head, against) if witness])
        empty = list(_read(files, trail, key, progress or (lambda _: None)))
    findings = [*empty, *_findings(path, trail, head, against, start)]
    order = {file.path: number for number, file in enumerate(files)}
    findings.sort(key=lambda one: (order.get(one.path, len(files)), one.line or float("inf")))
    last = Head(trail.id, trail.last.seq, trail.last.mac) if trail.id else head
    return Verdict(joined(findings), trail.n_events, len(files), last)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    stream: IO[bytes] | None = None  # of the live file, up to its size when the snapshot was taken
    size: int = 0

    def lines(self) -> Iterator[bytes]:
        if self.stream is None:
            with _opened(self.path) as stream:
                yield from stream
            return
        left = self.size
        while left > 0 and (line := self.stream.readline(left)):
            left -= len(line)
            yield line


def _opened(path: Path) -> IO[bytes]:
    try:
        file = open_log(path)
    except FileNotFoundError:  # compressed since the snapshot was taken
        if path.suffix == ".gz":
            raise
        file = open_log(path.with_name(f"{path.name}.gz"))
    # The buffer cuts lines quicker than gzip itself.
    return BufferedReader(cast("RawIOBase", file), _BUFFER_BYTES)


def _snapshot(names: Names, stack: ExitStack) -> tuple[list[_File], bytes | None]:
    """List the files and open the live one while no writer is at work, so that what happens then changes nothing."""
    while True:
        try:
            head = stack.enter_context(open_log(names.head))
        except FileNotFoundError:
            return _files(names, stack), None
        acquire(head.fileno(), WRITERS_WAIT_S)
        try:
            if is_same_file(head.fileno(), names.head):
                return _files(names, stack), head.read(HEAD_BYTES)
        finally:
            release(head.fileno())


def _files(names: Names, stack: ExitStack) -> list[_File]:
    files = [_File(one.path) for one in names.snapshot()]
    with suppress(FileNotFoundError):
        live = stack.enter_context(_opened(names.path))
        files.append(_File(names.path, live, os.fstat(live.fileno()).st_size))
    return files


def _read(files: list[_File], trail: Trail, key: bytes | None, progress: Callable[[int], object]) -> Iterator[Finding]:
    for file in files:
        n_lines = trail.read(file.path, file.lines(), progress)
        if key is None and trail.claimed_id.startswith("k") and not trail.fits_key:
            raise ValueError(f"{file.path}: the chain is sealed with a key; give --key PATH")
        if not n_lines and file.stream is None:
            yield Finding(file.path, 0, 0, "cut", note="the file is empty")


def _findings(path: Path, trail: Trail, head: Head | None, against: Head | None, start: int) -> Iterator[Finding]:
    if not trail.fits_key:
        note = f"all {trail.n_events} events, or they were sealed with another key or without one"
        yield Finding(path, 0, 0, "edited", note=note)
        return
    note = _about_head(head, trail)
    if note:
        yield Finding(path, 0, 0, "head", note=note)
    witness = None if note else head
    yield from trail.findings(path, witness.seq if witness else 0, start)
    last = max(trail.last.seq, witness.seq if witness else 0)
    if start > max(last, 1):
        yield Finding(path, 0, 0, "missing", start, start, f", the first that must be there: the last is {last}")
    for one, source in ((witness, "head"), (against, "checkpoint")):
        if one is not None and one.seq:
            yield from _about_witness(path, trail, one, source)


def _about_head(head: Head | None, trail: Trail) -> str:
    if head is None:
        return "it is missing, damaged or forged: a cut tail can't be excluded"
    if trail.id and head.id != trail.id:
        return "it is of another chain"
    if (head.seq, head.mac) == (trail.last.seq + 1, trail.last.mac):
        return "it was lost, and begun anew: a cut tail can't be excluded"
    if head.seq < trail.last.seq - 1:  # one line more is what a crash leaves
        return f"it is an older one, of event {head.seq}"
    return ""


def _about_witness(path: Path, trail: Trail, witness: Head, source: str) -> Iterator[Finding]:
    """Compare a line with what is known of it from elsewhere."""
    line = trail.watched[witness.seq]
    if trail.id not in {"", witness.id}:
        yield Finding(path, 0, 0, "edited", note=f"the chain isn't the one of the {source}, {witness.id}")
    elif line is None and source == "checkpoint":
        yield Finding(path, 0, 0, "missing", witness.seq, witness.seq, f", the one of the {source}")
    elif line is not None and line.mac != witness.mac:
        yield line.finding("edited", f" isn't the one of the {source}: it or one before was sealed anew")
