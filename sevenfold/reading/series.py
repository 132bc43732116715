"""A log file with its rotated and compressed siblings: its events at one moment, and those that come after."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from sevenfold.files.gzipped import UNREADABLE
from sevenfold.files.locks import is_same_file
from sevenfold.files.names import Names, Rotated
from sevenfold.files.opening import open_log
from sevenfold.files.rotating import LOOK_S
from sevenfold.lines.parsing import Event
from sevenfold.reading.blocks import Block
from sevenfold.reading.portions import Portion, events_of, merged, times_of
from sevenfold.reading.scanner import NEVER, OnBad, Scanner
from sevenfold.reading.selection import Selection

_TRIES = 100
_LATE_S = 2 * LOOK_S  # for how long after a rotation a writer may still write to the old file
_MAX_LATE = 8  # rotated files that are polled for so long
_MOST_LATE = 10_000  # events
_TELLING_BYTES = 256  # of a file's first line, whose time is unique
_SINCE_MARGIN = timedelta(minutes=1)


@dataclass(slots=True)
class Files:
    """The files of a family at one moment.

    Attributes
    ----------
    rotated : list of Rotated
        Oldest first.
    live : binary file or None
        The log file itself, open.
    end : int
        The size of the live file at that moment.
    ends : dict
        The sizes of rotated files, by stamp, where they are known.
    """

    rotated: list[Rotated]
    live: IO[bytes] | None
    end: int
    ends: dict[str, int] = field(default_factory=dict)


class Family:
    """A log file and its rotated siblings.

    Parameters
    ----------
    path : Path
        The log file.
    selection : Selection
        Which events are selected. Files that lie outside of its times aren't opened.
    on_bad : callable, optional
        As `Scanner` takes it.
    """

    def __init__(
        self,
        path: Path,
        selection: Selection,
        on_bad: OnBad | None = None,
    ) -> None:
        self.path = path
        self._names = Names(path)
        self._selection = selection
        self._keep = None if selection.lined else selection.keep  # events with their texts come chosen
        self._on_bad = on_bad
        self._known: set[str] = set()  # stamps of the rotated files that were listed
        self._live: Scanner | None = None
        self._late: list[tuple[float, Scanner]] = []  # rotated files, and until when they are looked at

    def files(self) -> Files:
        """Open the live file, and list the rotated ones as they were at that moment."""
        for n_tries in range(_TRIES, -1, -1):
            live = _opened(self.path)
            listed = self._names.snapshot()
            if not n_tries or (not self.path.exists() if live is None else _is_at(live, self.path)):
                break
            if live is not None:
                live.close()
        since, until = self._selection.since, self._selection.until
        rotated = [file for file in listed if since is None or file.time + _SINCE_MARGIN >= since]
        if until is not None:  # the file after one that was rotated later than that began later, too
            n_before = sum(file.time - _SINCE_MARGIN <= until for file in rotated)
            rotated = rotated[: n_before + 1]
        end = NEVER if live is None or self.path.suffix == ".gz" else os.fstat(live.fileno()).st_size
        return Files(rotated, live, end)

    def scanner(
        self, rotated: Rotated, on_bad: OnBad | None = None, selection: Selection | None = None
    ) -> Scanner | None:
        """Open a rotated file, which may be compressed by now; return None if it was deleted."""
        paths = [rotated.path]
        for _ in range(_TRIES):
            for path in paths:
                file = _opened(path)
                if file is not None:
                    return Scanner(
                        path, file, on_bad or self._on_bad, self._selection if selection is None else selection
                    )
            paths = [sibling.path for sibling in self._names.rotated() if sibling.stamp == rotated.stamp]
            if not paths:
                break
        return None

    def history(
        self, files: Files | None = None, *, follow: bool = False, on_missing: Callable[[str], object] = lambda _: None
    ) -> Iterator[Portion]:
        """Read the events that are there.

        Parameters
        ----------
        files : Files, optional
            The files to read; by default those that are there when the first event is read.
        follow : bool
            Stop so that `poll` can go on.
        on_missing : callable
            Called with the stamp of each rotated file that was deleted meanwhile.
        """
        files = files or self.files()
        self._known |= {rotated.stamp for rotated in files.rotated}
        live = None if files.live is None else Scanner(self.path, files.live, self._on_bad, self._selection)
        try:
            late: list[Event] = []
            for rotated in files.rotated:
                scanner = self.scanner(rotated)
                if scanner is None:
                    on_missing(rotated.stamp)
                else:
                    portions = _merged(late, self._selected(scanner.read(files.ends.get(rotated.stamp, NEVER))))
                    late = []
                    yield from _before(rotated.time, portions, late)
            if live is None:
                yield late
            else:
                self._live = live if follow else None
                yield from _merged(late, self._selected(live.until(files.end) if follow else live.read(files.end)))
        finally:
            if live is not None and self._live is None:
                live.close()

    def poll(self) -> Iterator[Event]:
        """Read the events that were written since the last call, also to files that were rotated since."""
        if self._live is None or not _is_at(self._live.file, self.path):
            yield from self._move_on()
        elif os.fstat(self._live.file.fileno()).st_size < self._live.offset:  # somebody truncated it
            self._live.close()
            self._live = self._scan(_opened(self.path))
        for late in list(self._late):
            until, scanner = late
            over = time.monotonic() > until
            yield from events_of(self._selected(scanner.read() if over else scanner.more(rotated=True)))
            if over:
                self._late.remove(late)
        if self._live is not None:
            yield from events_of(self._selected(self._live.more()))

    def close(self) -> None:
        """Close the open files."""
        for scanner in (*(scanner for _, scanner in self._late), *filter(None, (self._live,))):
            scanner.close()

    def _move_on(self) -> Iterator[Event]:
        """Go on with the file that is at the path now, after those that were rotated in between."""
        files = self.files()
        until = time.monotonic() + _LATE_S
        new = [rotated for rotated in files.rotated if rotated.stamp not in self._known]
        self._known |= {rotated.stamp for rotated in new}
        if self._live is not None:
            self._late.append((until, self._live))
            old = _rotated_from(self._live.file, new)
            new = [rotated for rotated in new if rotated is not old]
        self._live = self._scan(files.live)
        for rotated in new[:-_MAX_LATE]:
            scanner = self.scanner(rotated)
            if scanner is not None:
                yield from events_of(self._selected(scanner.read()))
        self._late += [(until, scanner) for scanner in map(self.scanner, new[-_MAX_LATE:]) if scanner is not None]

    def _scan(self, file: IO[bytes] | None) -> Scanner | None:
        return None if file is None else Scanner(self.path, file, self._on_bad, self._selection)

    def _selected(self, portions: Iterator[Portion]) -> Iterator[Portion]:
        keep = self._keep
        if keep is None:
            return portions
        return (portion if isinstance(portion, Block) else list(filter(keep, portion)) for portion in portions)


def _merged(late: list[Event], portions: Iterator[Portion]) -> Iterator[Portion]:
    return (portion for _, portion in merged([[late], portions])) if late else portions


def _before(moment: datetime, portions: Iterable[Portion], late: list[Event]) -> Iterator[Portion]:
    """Yield the events from before a rotation, and append the others to `late`.

    A writer that hasn't seen the rotation yet writes on to the old file while another begins the new one. Merged by
    time into the new one, the late events keep the order of each writer, also beside what it wrote to other files.
    """
    for portion in portions:
        if portion and max(times_of(portion)) < moment:
            yield portion
        else:
            yield list(_parted(moment, events_of([portion]), late))


def _parted(moment: datetime, events: Iterable[Event], late: list[Event]) -> Iterator[Event]:
    until = moment + timedelta(seconds=_LATE_S)
    for event in events:
        if event.time < moment:
            yield event
        elif event.time < until and len(late) < _MOST_LATE:
            late.append(event)
        else:  # too late for a writer: its time isn't when it was written, so the order of the file holds
            yield from late
            late.clear()
            yield event


def _opened(path: Path) -> IO[bytes] | None:
    with contextlib.suppress(FileNotFoundError):
        return open_log(path)
    return None


def _is_at(file: IO[bytes], path: Path) -> bool:
    return is_same_file(file.fileno(), path, follow_symlinks=True)


def _rotated_from(file: IO[bytes], new: list[Rotated]) -> Rotated | None:
    """Return the open file among those that were rotated since; it may be compressed by now."""
    for rotated in new:
        if _is_at(file, rotated.path):
            return rotated
    place = file.tell()
    file.seek(0)
    start = file.read(_TELLING_BYTES)
    file.seek(place)
    return new[0] if new and start and start in _starts(new[0].path) else None


def _starts(path: Path) -> Iterator[bytes]:
    """Yield how a rotated file starts; it may have been compressed since it was listed."""
    for name in (path.name, f"{path.name}.gz"):
        with contextlib.suppress(*UNREADABLE), open_log(path.with_name(name)) as file:
            yield file.read(_TELLING_BYTES)
