"""What a verification finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TORN = "torn by a crash"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where.

    Attributes
    ----------
    path : Path
        The file.
    line, last_line : int
        Its lines, from 1; 0 for the file as a whole. What is missing would stand in front of the line.
    what : str
        edited, missing, inserted, out of order, cut, damaged, head, torn by a crash or, in a copy, not copied.
    first_event, last_event : int
        The numbers of the events that it is about; 0 for none.
    note : str
        Further words, with the punctuation that joins them to the events.

    Examples
    --------
    >>> from pathlib import Path
    >>> finding = Finding(Path("app_json.log"), 7, 7, "edited", 7, 7)  # as `sevenfold.verify` gives them
    >>> (finding.what, finding.line, str(finding))
    ('edited', 7, 'app_json.log:7: edited: event 7')
    """

    path: Path
    line: int
    last_line: int
    what: str
    first_event: int = 0
    last_event: int = 0
    note: str = ""

    @property
    def detail(self) -> str:
        """Which events it is about, and the note."""
        if not self.first_event:
            return self.note
        one = self.first_event == self.last_event
        return (f"event {self.first_event}" if one else f"events {self.first_event} to {self.last_event}") + self.note

    def __str__(self) -> str:
        """Return the finding in one line."""
        lines = f"{self.line}" if self.line == self.last_line else f"{self.line}-{self.last_line}"
        where = f"{self.path}:{lines}" if self.line else str(self.path)
        return ": ".join(filter(None, (where, self.what, self.detail)))

    def goes_on_with(self, other: Finding) -> bool:
        """Whether the other finding says the same of the next lines and events."""
        same = (self.path, self.what, self.note) == (other.path, other.what, other.note)
        next_line = other.line == self.last_line + 1 or other.line == self.line == self.last_line
        next_event = other.first_event == (self.last_event + 1 if self.first_event else 0)
        return same and bool(self.line) and next_line and next_event


class Line(NamedTuple):
    """A sealed line.

    Attributes
    ----------
    path : Path
        Its file.
    number : int
        Its number there, from 1.
    seq, prev, mac
        As its seal says.
    genuine : bool
        Whether the mac is right.
    """

    path: Path
    number: int
    seq: int
    prev: str
    mac: str
    genuine: bool = True

    def finding(self, what: str, note: str = "") -> Finding:
        """Return what is wrong with it."""
        return Finding(self.path, self.number, self.number, what, self.seq, self.seq, note)


def joined(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Join findings that say the same of consecutive lines and events."""
    result: list[Finding] = []
    for finding in findings:
        if result and result[-1].goes_on_with(finding):
            result[-1] = replace(result[-1], last_line=finding.last_line, last_event=finding.last_event)
        else:
            result.append(finding)
    return tuple(result)
