"""The names of the files that belong to one log file; nothing else makes or parses them."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_STAMP = "%Y-%m-%d_%H-%M-%S_%f"  # sorts by time, and has no colon, which Windows refuses
_STAMP_PATTERN = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d{6}"


@dataclass(frozen=True, slots=True, order=True)
class Rotated:
    """A rotated file.

    Attributes
    ----------
    stamp : str
        When it was rotated, UTC, as its name has it.
    compressed : bool
        Whether it is gzipped.
    path : Path
        Where it is.
    """

    stamp: str
    compressed: bool
    path: Path

    @property
    def time(self) -> datetime:
        """When it was rotated."""
        return datetime.strptime(self.stamp, _STAMP).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Names:
    """The names that belong to one log file.

    ``predictions.log`` has ``predictions.2026-11-23_08-36-11_096123.log``, by the time of rotation in UTC, the same
    with ``.gz``, and ``.predictions.lock``. A neighbour such as ``predictions.errors.log`` isn't taken for one.
    """

    path: Path

    @property
    def lock(self) -> Path:
        """The file that a rotation locks."""
        return self.path.with_name(f".{self.path.stem}.lock")

    @property
    def head(self) -> Path:
        """The head of an audit chain."""
        return self.path.with_suffix(".head")

    def next(self, now: datetime) -> Path:
        """Name the file that is rotated now: later than all there are, even if the clock was set back."""
        stamp = now.strftime(_STAMP)
        rotated = self.rotated()
        if rotated and rotated[-1].stamp >= stamp:
            stamp = (rotated[-1].time + timedelta(microseconds=1)).strftime(_STAMP)
        return self.path.with_name(f"{self.path.stem}.{stamp}{self.path.suffix}")

    def rotated(self) -> list[Rotated]:
        """List the rotated files that are there, oldest first."""
        stem, suffix = re.escape(self.path.stem), re.escape(self.path.suffix)
        pattern = re.compile(rf"{stem}\.({_STAMP_PATTERN}){suffix}(\.gz)?")
        try:
            with os.scandir(self.path.parent) as entries:
                names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        matches = [found for found in map(pattern.fullmatch, names) if found]
        return sorted(Rotated(found[1], found[2] is not None, self.path.with_name(found[0])) for found in matches)
