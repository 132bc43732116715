"""Prove an audit trail: that no line was edited, cut, removed, added or moved since it was sealed."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from sevenfold.files import Names
from sevenfold.locks import locked
from sevenfold.seals import NO_MAC, Head, Seal, mac_of, parse_head, read_seal

TORN = "torn by a crash"
_TORN_START = b'{"text": "'
_REPORT_EVERY = 1000  # lines


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where.

    Attributes
    ----------
    path : Path
        The file.
    line, last_line : int
        Its lines, from 1; 0 for the file as a whole.
    what : str
        edited, missing, inserted, out of order, cut, torn by a crash, head or damaged.
    detail : str
        Which events it is about.
    """

    path: Path
    line: int
    last_line: int
    what: str
    detail: str = ""

    def __str__(self) -> str:
        """Give the finding in one line."""
        lines = f"{self.line}" if self.line == self.last_line else f"{self.line}-{self.last_line}"
        where = f"{self.path}:{lines}" if self.line else str(self.path)
        return f"{where}: {self.what}{': ' if self.detail else ''}{self.detail}"


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
    ValueError
        If the chain is sealed with a key and none is given.
    """
    with ExitStack() as stack:
        files, head = _snapshot(Names(path), stack)
        if not files and head is None:
            raise FileNotFoundError(f"{path}: no audit file")
        trail = _Trail(key, against, start)
        for file in files:
            trail.read(file, progress or (lambda _: None))
        return trail.verdict(path, head, len(files))


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    stream: IO[bytes]
    size: int | None = None  # of the live file when the snapshot was taken

    def lines(self) -> Iterator[bytes]:
        source = gzip.open(self.stream) if self.path.suffix == ".gz" else self.stream  # noqa: SIM115 - the stack closes it
        left = self.size
        for line in source:
            if left is not None:
                if left <= 0:
                    return
                line = line[:left]  # noqa: PLW2901 - what was written since is none of this snapshot's
                left -= len(line)
            yield line


def _snapshot(names: Names, stack: ExitStack) -> tuple[list[_File], Head | None]:
    """Open all files while no writer is at work, so that what happens meanwhile changes nothing."""
    with suppress(FileNotFoundError):
        head_file = stack.enter_context(names.head.open("rb"))
        with locked(head_file.fileno()):
            return _opened(names, stack), parse_head(head_file.read())
    return _opened(names, stack), None


def _opened(names: Names, stack: ExitStack) -> list[_File]:
    files = []
    stamps = set()
    for rotated in names.rotated():  # for a moment a file is there twice: the one that isn't compressed comes first
        if rotated.stamp not in stamps:
            stamps.add(rotated.stamp)
            files.append(_File(rotated.path, stack.enter_context(rotated.path.open("rb"))))
    with suppress(FileNotFoundError):
        live = stack.enter_context(names.path.open("rb"))
        files.append(_File(names.path, live, names.path.stat().st_size))
    return files


@dataclass(slots=True)
class _Trail:
    """The state of one pass over the lines."""

    key: bytes | None
    against: Head | None
    start: int
    findings: list[Finding] = field(default_factory=list)
    n_events: int = 0
    last: Seal | None = None  # the line that the next one must follow
    last_place: tuple[Path, int] | None = None
    last_is_edited: bool = False
    missing: dict[int, Finding] = field(default_factory=dict)
    unsealed: list[Finding] = field(default_factory=list)  # lines without a seal since the last sealed one
    witnessed: Seal | None = None

    def read(self, file: _File, progress: Callable[[int], object]) -> None:
        number = 0
        try:
            for number, line in enumerate(file.lines(), start=1):
                if line.strip():
                    self._line(file.path, number, line)
                if number % _REPORT_EVERY == 0:
                    progress(_REPORT_EVERY)
        except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
            self.findings.append(Finding(file.path, number + 1, number + 1, "damaged", str(error)))
        else:
            if number == 0 and file.size is None:
                self.findings.append(Finding(file.path, 0, 0, "cut", "the file is empty"))
        progress(number % _REPORT_EVERY)

    def _line(self, path: Path, number: int, line: bytes) -> None:
        text = line.rstrip(b"\r\n")
        seal = read_seal(text)
        if seal is None:
            what = TORN if text.startswith(_TORN_START) or _TORN_START.startswith(text) else "inserted"
            self.unsealed.append(Finding(path, number, number, what))
            return
        if seal.keyed and self.key is None:
            raise ValueError(f"{path}: the chain is sealed with a key; give --key PATH")
        self.n_events += 1
        if self.against is not None and seal.seq == self.against.seq:
            self.witnessed = seal
        self._place(path, number, seal, edited=mac_of(text, self.key) != seal.mac)

    def _place(self, path: Path, number: int, seal: Seal, *, edited: bool) -> None:
        """Compare a sealed line with the one that it should follow."""
        expected = self.last.seq + 1 if self.last else 1
        here = Finding(path, number, number, "edited", f"event {seal.seq}")
        if edited and seal.seq != expected:  # its number may be what was edited
            seal = replace(seal, seq=expected)
        if self.last is not None and seal.id != self.last.id:
            self.findings.append(replace(here, what="inserted", detail=f"event {seal.seq} of another chain"))
            return
        if seal.seq < expected:
            known = self.missing.pop(seal.seq, None)
            self.findings.append(replace(here, what="out of order" if known else "inserted"))
            return
        self._settle_unsealed(seal.seq - expected)
        for seq in range(expected + self._replaced(seal.seq - expected), seal.seq):
            self.missing[seq] = replace(here, what="missing", detail=f"event {seq}")
        if seal.seq == expected and not self._follows(seal) and not self.last_is_edited and self.last_place:
            before, line = self.last_place
            self.findings.append(Finding(before, line, line, "edited", f"event {seal.seq - 1}, and sealed anew"))
        if edited:
            self.findings.append(here)
        self.last, self.last_place, self.last_is_edited = seal, (path, number), edited
        self.unsealed = []

    def _follows(self, seal: Seal) -> bool:
        return seal.prev == (self.last.mac if self.last else NO_MAC)

    def _replaced(self, gap: int) -> int:
        """How many of the lines of a gap are there, without their seals."""
        return min(gap, len(self.unsealed))

    def _settle_unsealed(self, gap: int) -> None:
        """Decide what the lines without a seal are: those that a gap lacks, spoilt, or more than there should be."""
        replaced = self._replaced(gap)
        first = self.last.seq + 1 if self.last else 1
        for i, finding in enumerate(self.unsealed):
            spoilt = replace(finding, what="edited", detail=f"event {first + i}")
            self.findings.append(spoilt if i < replaced else finding)

    def verdict(self, path: Path, head: Head | None, n_files: int) -> Verdict:
        """Compare the end of the trail with the head and the checkpoint, and sum up."""
        self._end(path, head)
        self.findings += [finding for seq, finding in self.missing.items() if seq >= self.start]
        last = None if self.last is None else Head(self.last.id, self.last.seq, self.last.mac)
        self._check_witness(path)
        return Verdict(tuple(_joined(self.findings)), self.n_events, n_files, last or head)

    def _end(self, path: Path, head: Head | None) -> None:
        last_seq = self.last.seq if self.last else 0
        whole = Finding(path, 0, 0, "head")
        if head is None:
            self._settle_unsealed(0)
            self.findings.append(
                replace(whole, detail="the head file is missing or damaged; a cut tail can't be excluded")
            )
        elif self.last is not None and head.id != self.last.id:
            self.findings.append(replace(whole, detail="the head is of another chain"))
        elif head.seq > last_seq:
            self._settle_cut(path, last_seq, head.seq)
        else:
            self._settle_unsealed(0)
            if self.last is not None and head.seq == last_seq and head.mac != self.last.mac:
                before, line = self.last_place or (path, 0)
                self.findings.append(Finding(before, line, line, "edited", f"event {last_seq}, and sealed anew"))
            elif head.seq < last_seq - 1:  # one line more is what a crash leaves
                self.findings.append(replace(whole, detail=f"the head is an older one, of event {head.seq}"))

    def _settle_cut(self, path: Path, last_seq: int, head_seq: int) -> None:
        events = f"event {head_seq}" if head_seq == last_seq + 1 else f"events {last_seq + 1} to {head_seq}"
        here = self.unsealed[-1] if self.unsealed else None
        line = here.line if here else (self.last_place[1] + 1 if self.last_place and self.last_place[0] == path else 1)
        self.findings.append(Finding(here.path if here else path, line, line, "cut", f"{events} at the end"))

    def _check_witness(self, path: Path) -> None:
        if self.against is None or self.against.seq == 0:
            return
        seal = self.witnessed
        if seal is None:
            detail = f"the witnessed event {self.against.seq} isn't there"
        elif (seal.id, seal.mac) != (self.against.id, self.against.mac):
            detail = f"event {self.against.seq} isn't the witnessed one: what is before it was rewritten or restored"
        else:
            return
        self.findings.append(Finding(path, 0, 0, "edited", detail))


def _joined(findings: list[Finding]) -> list[Finding]:
    """Join what is the same on consecutive lines."""
    joined: list[Finding] = []
    for finding in findings:
        before = joined[-1] if joined else None
        if (
            before
            and finding.line
            and (before.path, before.what, before.last_line + 1)
            == (
                finding.path,
                finding.what,
                finding.line,
            )
        ):
            joined[-1] = _spanning(before, finding, finding.last_line)
        elif (
            before
            and before.what == finding.what == "missing"
            and before.line == finding.line
            and before.path == finding.path
        ):
            joined[-1] = _spanning(before, finding, before.last_line)
        else:
            joined.append(finding)
    return joined


def _spanning(first: Finding, last: Finding, last_line: int) -> Finding:
    start = first.detail.removeprefix("events ").removeprefix("event ").split(" to ")[0]
    end = last.detail.removeprefix("event ")
    return replace(first, last_line=last_line, detail=f"events {start} to {end}" if start and end else first.detail)
