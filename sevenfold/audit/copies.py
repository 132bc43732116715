"""Copies of an audit trail that were made while it was being written, each file at another moment.

The head may be older or newer than the lines, a file that was rotated or compressed just then may be missing, and the
live file may be one that the original has rotated since. None of that means that a line was changed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sevenfold.audit.examine import Trail
from sevenfold.audit.findings import Finding, Line
from sevenfold.audit.seals import read_seal
from sevenfold.audit.snapshot import File

NOT_COPIED = "not copied"


class LiveFile:
    """The live file of a copy, which is a leftover where the original has rotated it since.

    Parameters
    ----------
    files : sequence of File
        All of the copy.
    key : bytes, optional
        What the lines were sealed with.

    Attributes
    ----------
    seq : int
        The number of its last event; 0 without one.
    """

    def __init__(self, files: Sequence[File], key: bytes | None) -> None:
        self._own = Trail(key)
        self._first = 0
        for file in files:
            if file.stream is not None:
                seals = (read_seal(line.rstrip(b"\n")) for line in file.lines() if line)
                self._first = next((seal.seq for seal in seals if seal is not None), 0)
                self._own.read(file.path, file.lines(), lambda _: None)
        self.seq = self._own.last.seq

    def is_leftover(self, trail: Trail) -> bool:
        """Return whether it begins within the rotated files, which the trail has read."""
        return 0 < self._first <= trail.last.seq

    def findings(self, trail: Trail) -> Iterator[Finding]:
        """Report a leftover that was changed; its last line stands for all before it."""
        last, rotated = self._own.last, trail.watched[self.seq]
        yield from self._own.findings(last.path, 0, self._first)
        if rotated is not None and rotated.mac != last.mac:
            yield last.finding("edited", " isn't the one of the rotated file: it or one before was sealed anew")


def as_copied(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Report missing events and cut ends as not copied."""
    for finding in findings:
        yield replace(finding, what=NOT_COPIED) if finding.what in {"missing", "cut"} else finding


def last_before_gap(files: Sequence[File], key: bytes | None, trail: Trail, findings: Iterable[Finding]) -> Line | None:
    """Return the last line before the first that wasn't copied; None if there is none."""
    gaps = [finding.first_event for finding in findings if finding.what == NOT_COPIED and finding.first_event]
    seq = min(gaps, default=trail.last.seq + 1) - 1
    if seq >= trail.last.seq:
        return trail.last if trail.id else None
    again = Trail(key, [seq])
    for file in files:
        again.read(file.path, file.lines(), lambda _: None)
    return again.watched[seq]
