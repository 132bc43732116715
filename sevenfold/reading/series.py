"""A log file with its rotated and compressed siblings: what is there at one moment, and what comes after."""

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
_MAX_LATE = 8  # files that are looked at for so long
_MOST_LATE = 10_000  # events
_TELLING_BYTES = 256  # of a file's first line, whose time no other has
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
        Its size then.
    ends : dict
        Of the rotated files, by stamp, where they are known.
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
    wanted : Selection
        Which events are. Files that were rotated before its time aren't opened, nor those that were begun behind it.
    on_bad : callable, optional
        As `Scanner` takes it.
    """

    def __init__(
        self,
        path: Path,
        wanted: Selection,
        on_bad: OnBad | None = None,
    ) -> None:
        self.path = path
        self._names = Names(path)
        self._selection = wanted
        self._keep = None if wanted.lined else wanted.keep  # events with their texts come chosen
        self._on_bad = on_bad
        self._known: set[str] = set()  # stamps of the rotated files that were listed
        self._live: Scanner | None = None
        self._late: list[tuple[float, Scanner]] = []  # rotated files, and until when they are looked at

    def files(self) -> Files:
        """Open the live file, and list the rotated ones as they were at that moment."""
        for left in range(_TRIES, -1, -1):
            live = _opened(self.path)
            listed = self._names.snapshot()
            if not left or (not self.path.exists() if live is None else _is_at(live, self.path)):
                break
            if live is not None:
                live.close()
        since, until = self._selection.since, self._selection.until
        rotated = [one for one in listed if since is None or one.time + _SINCE_MARGIN >= since]
        if until is not None:  # what follows a file that was rotated behind that time began behind it
            n_before = sum(one.time - _SINCE_MARGIN <= until for one in rotated)
            rotated = rotated[: n_before + 1]
        end = NEVER if live is None or self.path.suffix == ".gz" else os.fstat(live.fileno()).st_size
        return Files(rotated, live, end)

    def scanner(self, rotated: Rotated, on_bad: OnBad | None = None, wanted: Selection | None = None) -> Scanner | None:
        """Open a rotated file, compressed by now or not; None if it was deleted."""
        paths = [rotated.path]
        for _ in range(_TRIES):
            for path in paths:
                file = _opened(path)
                if file is not None:
                    return Scanner(path, file, on_bad or self._on_bad, self._selection if wanted is None else wanted)
            paths = [one.path for one in self._names.rotated() if one.stamp == rotated.stamp]
            if not paths:
                break
        return None

    def history(
        self, files: Files | None = None, *, follow: bool = False, on_missing: Callable[[str], object] = lambda _: None
    ) -> Iterator[Portion]:
        """Read what is there.

        Parameters
        ----------
        files : Files, optional
            What is to be read; by default what is there when the first event is asked for.
        follow : bool
            Leave off so that `poll` can go on.
        on_missing : callable
            Is told the stamps of rotated files that were deleted meanwhile.
        """
        files = files or self.files()
        self._known |= {one.stamp for one in files.rotated}
        live = None if files.live is None else Scanner(self.path, files.live, self._on_bad, self._selection)
        try:
            late: list[Event] = []
            for one in files.rotated:
                scanner = self.scanner(one)
                if scanner is None:
                    on_missing(one.stamp)
                else:
                    portions = _merged(late, self._wanted(scanner.read(files.ends.get(one.stamp, NEVER))))
                    late = []
                    yield from _before(one.time, portions, late)
            if live is None:
                yield late
            else:
                self._live = live if follow else None
                yield from _merged(late, self._wanted(live.until(files.end) if follow else live.read(files.end)))
        finally:
            if live is not None and self._live is None:
                live.close()

    def poll(self) -> Iterator[Event]:
        """Read what was written since, also to files that were rotated since."""
        if self._live is None or not _is_at(self._live.file, self.path):
            yield from self._move_on()
        elif os.fstat(self._live.file.fileno()).st_size < self._live.offset:  # somebody truncated it
            self._live.close()
            self._live = self._scan(_opened(self.path))
        for late in list(self._late):
            until, scanner = late
            over = time.monotonic() > until
            yield from events_of(self._wanted(scanner.read() if over else scanner.more(rotated=True)))
            if over:
                self._late.remove(late)
        if self._live is not None:
            yield from events_of(self._wanted(self._live.more()))

    def close(self) -> None:
        """Close what is open."""
        for scanner in (*(scanner for _, scanner in self._late), *filter(None, (self._live,))):
            scanner.close()

    def _move_on(self) -> Iterator[Event]:
        """Go on with the file that is at the path now, after those that were rotated in between."""
        files = self.files()
        until = time.monotonic() + _LATE_S
        new = [one for one in files.rotated if one.stamp not in self._known]
        self._known |= {one.stamp for one in new}
        if self._live is not None:
            self._late.append((until, self._live))
            old = _rotated_from(self._live.file, new)
            new = [one for one in new if one is not old]
        self._live = self._scan(files.live)
        for one in new[:-_MAX_LATE]:
            scanner = self.scanner(one)
            if scanner is not None:
                yield from events_of(self._wanted(scanner.read()))
        self._late += [(until, scanner) for scanner in map(self.scanner, new[-_MAX_LATE:]) if scanner is not None]

    def _scan(self, file: IO[bytes] | None) -> Scanner | None:
        return None if file is None else Scanner(self.path, file, self._on_bad, self._selection)

    def _wanted(self, portions: Iterator[Portion]) -> Iterator[Portion]:
        keep = self._keep
        if keep is None:
            return portions
        return (one if isinstance(one, Block) else list(filter(keep, one)) for one in portions)


def _merged(late: list[Event], portions: Iterator[Portion]) -> Iterator[Portion]:
    return (portion for _, portion in merged([[late], portions])) if late else portions


def _before(moment: datetime, portions: Iterable[Portion], late: list[Event]) -> Iterator[Portion]:
    """Pass the events from before a rotation, and put the others to those that are late.

    A writer that hasn't seen the rotation yet writes on to the old file while another begins the new one. Merged into
    that, what each of them wrote stays in its order, also beside what it wrote to other files.
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
        else:  # later than anybody writes on: its time doesn't tell when it was written, so the file's order stands
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
    """Return which of the files that were rotated since is the open one, which may be compressed by now."""
    for one in new:
        if _is_at(file, one.path):
            return one
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
