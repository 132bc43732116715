"""One pass over the lines of an audit trail: what each is, compared with the one that it should follow."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from sevenfold.audit.findings import TORN, Finding, Line
from sevenfold.audit.seals import NO_MAC, fits, mac_if_sealed, mac_of, opening, read_seal
from sevenfold.audit.snapshot import AnyLine
from sevenfold.files.gzipped import UNREADABLE
from sevenfold.files.opening import LONGEST_LINE

_TORN_START = b'{"text": "'
_REPORT_EVERY = 1000  # lines
_LOST = " was left out, since the head was lost: what was cut then can't be told"


class Trail:
    """The state of the pass.

    Parameters
    ----------
    key : bytes, optional
        What the lines were sealed with.
    watched : iterable of int
        Events to take note of.

    Attributes
    ----------
    id : str
        The chain's, as the first genuine line has it.
    claimed_id : str
        The chain's, as the first line has it, genuine or not.
    last : Line
        The last one in its place, which the next must follow.
    watched : dict
        The lines that were to be noted, by event; None where there was none in its place.
    n_events, n_genuine : int
        Sealed lines, and those of them whose mac is right.
    """

    def __init__(self, key: bytes | None, watched: Iterable[int] = ()) -> None:
        self.id = self.claimed_id = ""
        self.last = Line(Path(), 0, 0, "", NO_MAC)
        self.watched: dict[int, Line | None] = dict.fromkeys(watched)
        self.n_events = self.n_genuine = 0
        self._key = key
        self._opening = b"\n"  # of the next line's seal, if all is well
        self._path, self._number = Path(), 0  # of the line that is being read
        self._findings: list[Finding] = []
        self._unsealed: list[Finding] = []  # lines without a seal since the last one in its place
        self._before = self.last  # the line before the last one
        self._left_out = False  # whether the last one left numbers out
        self._doubt: int | None = None  # which finding is about the last one, or about what it says of the one before
        self._gaps: list[Finding] = []  # numbers that were left out, ascending
        self._misplaced: list[Line] = []  # genuine lines that come too late, or too early

    @property
    def fits_key(self) -> bool:
        """Whether the lines were sealed with this key, however many were edited since."""
        return not self.n_events or bool(self.n_genuine) or fits(self.claimed_id, self._key)

    def read(self, path: Path, lines: Iterable[AnyLine], progress: Callable[[int], object]) -> int:
        """Read the lines of the next file, and return their number."""
        self._path, self._number = path, 0
        try:
            for self._number, line in enumerate(lines, start=1):
                if line is None:
                    self._unsealed.append(self._here("inserted", note=f"a line of more than {LONGEST_LINE} bytes"))
                else:
                    self._read_line(line[:-1] if line.endswith(b"\n") else line)
                if self._number % _REPORT_EVERY == 0:
                    progress(_REPORT_EVERY)
        except UNREADABLE as error:
            self._number += 1
            self._findings.append(self._here("damaged", note=str(getattr(error, "strerror", None) or error)))
        progress(self._number % _REPORT_EVERY)
        return self._number

    def findings(self, path: Path, acknowledged: int, start: int) -> Iterator[Finding]:
        """End the pass, and yield what was found.

        Parameters
        ----------
        path : Path
            The live file, which should have the events up to the last acknowledged one.
        acknowledged : int
            The number of that event.
        start : int
            Missing events before this one aren't reported.
        """
        self._end(path, acknowledged)
        yield from self._findings
        yield from self._missing(start)
        yield from self._out_of_order()

    def _read_line(self, line: bytes) -> None:
        # Almost all lines are what they should be, which is quickly seen; one that isn't is looked at closely.
        mac = None if self._unsealed else mac_if_sealed(line, self._opening, self._key)
        if mac is None:
            self._examine(line)
            return
        self.n_events += 1
        self.n_genuine += 1
        self._left_out, self._doubt = False, None
        self._follow(Line(self._path, self._number, self.last.seq + 1, self.last.mac, mac))

    def _examine(self, line: bytes) -> None:
        if not line:
            return  # what RotatingFile leaves of a write that failed
        seal = read_seal(line)
        if seal is None:
            self._unsealed.append(self._here(TORN if _is_torn(line) else "inserted"))
            return
        genuine = mac_of(line, self._key) == seal.mac
        self.n_events += 1
        self.n_genuine += genuine
        self.claimed_id = self.claimed_id or seal.id
        self.id = self.id or (seal.id if genuine else "")
        this = Line(self._path, self._number, seal.seq, seal.prev, seal.mac, genuine)
        if genuine and seal.id != self.id:
            self._findings.append(this.finding("inserted", " of another chain"))
        else:
            self._place(this)

    def _place(self, line: Line) -> None:
        if self._is_better(line):
            self._put_back()
        self._left_out, self._doubt = False, None
        if not line.genuine:
            if line.prev == self.last.mac:
                line = line._replace(seq=self.last.seq + 1)  # its number may be what was edited
            self._tell(line, "edited")
        if line.seq > self.last.seq:
            self._compare(line)
            self._follow(line)
        elif line.genuine:
            self._misplaced.append(line)

    def _is_better(self, line: Line) -> bool:
        """Whether the last line is in the wrong place, and this one belongs there or before it."""
        if self._left_out:
            return self._before.seq < line.seq < self.last.seq
        is_next = (line.seq, line.prev) == (self.last.seq, self._before.mac)
        return self._doubt is not None and is_next and line.genuine

    def _put_back(self) -> None:
        if self._left_out:
            self._gaps.pop()
            if self.last.genuine:
                self._misplaced.append(self.last)
        elif self._doubt is not None:
            self._findings[self._doubt] = self.last.finding("inserted")
        self.last = self._before

    def _tell(self, line: Line, what: str, note: str = "") -> None:
        self._doubt = len(self._findings)
        self._findings.append(line.finding(what, note))

    def _follow(self, line: Line) -> None:
        if line.seq in self.watched:
            self.watched[line.seq] = line
        self._before, self.last = self.last, line
        self._opening = opening(self.id, line.seq + 1, line.mac)

    def _compare(self, line: Line) -> None:
        """Compare a line with the last one, which it comes after by its number."""
        gap = line.seq - self.last.seq - 1
        linked = line.genuine and line.prev == self.last.mac
        n_spoilt = self._settle_unsealed(0 if linked else gap)
        if gap and linked:
            self._leave_out(line, "head", gap, _LOST)
        elif gap > n_spoilt:
            self._left_out = not n_spoilt
            self._leave_out(line, "missing", gap - n_spoilt)
        elif not gap and line.genuine and not linked and self.last.genuine:
            self._tell(self.last if self.last.seq else line, "edited", ", and sealed anew")

    def _leave_out(self, line: Line, what: str, count: int, note: str = "") -> None:
        numbers = (line.seq - count, line.seq - 1)
        self._gaps.append(Finding(line.path, line.number, line.number, what, *numbers, note))

    def _settle_unsealed(self, gap: int) -> int:
        """Decide what the lines without a seal are: spoilt lines that belong in a gap, or lines too many.

        Returns
        -------
        int
            How many of them belong in the gap.
        """
        n_spoilt = min(gap, len(self._unsealed))
        for seq, finding in enumerate(self._unsealed[:n_spoilt], start=self.last.seq + 1):
            what = "cut" if finding.what == TORN else "edited"
            note = finding.note and f", {finding.note}"
            self._findings.append(replace(finding, what=what, first_event=seq, last_event=seq, note=note))
        self._findings += self._unsealed[n_spoilt:]
        self._unsealed = []
        return n_spoilt

    def _end(self, path: Path, acknowledged: int) -> None:
        gap = max(0, acknowledged - self.last.seq)
        n_spoilt = self._settle_unsealed(gap)
        if gap > n_spoilt:
            number = self._number + 1 if self._path == path else 0
            end = Line(path, number, acknowledged + 1, "", "")
            self._leave_out(end, "cut", gap - n_spoilt)

    def _missing(self, start: int) -> Iterator[Finding]:
        """Report the gaps, without the events that are in the wrong place."""
        moved = sorted({line.seq for line in self._misplaced})
        for gap in self._gaps:
            first = max(start, gap.first_event)
            there = moved[bisect_left(moved, first) : bisect_right(moved, gap.last_event)]
            for number in (*there, gap.last_event + 1):
                if first < number:
                    yield replace(gap, first_event=first, last_event=number - 1)
                first = number + 1

    def _out_of_order(self) -> Iterator[Finding]:
        seen = set()
        ends = [gap.last_event for gap in self._gaps]
        for line in self._misplaced:
            i = bisect_left(ends, line.seq)
            is_missing = i < len(ends) and self._gaps[i].first_event <= line.seq and line.seq not in seen
            seen.add(line.seq)
            again = " again" if 0 < line.seq <= self.last.seq else ""
            yield line.finding("out of order") if is_missing else line.finding("inserted", again)

    def _here(self, what: str, note: str = "") -> Finding:
        return Finding(self._path, self._number, self._number, what, note=note)


def _is_torn(line: bytes) -> bool:
    """Whether it is the beginning of a line, and no whole line."""
    if not (line.startswith(_TORN_START) or _TORN_START.startswith(line)):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return True
    return False
