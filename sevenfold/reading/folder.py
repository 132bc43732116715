"""A log file with its rotated and compressed siblings, or a whole folder of them, as a stream of Events.

What is read is what was there when the first event was asked for, however files are rotated, compressed and deleted
meanwhile: live files are held open, and a rotated one is looked for anew when its turn comes. Memory stays small: a
block of each file, and in a folder eight bytes for each error.
"""

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from operator import attrgetter
from pathlib import Path

from sevenfold.channels import LIST_FILE, Channel
from sevenfold.files.channel_list import listed_channels
from sevenfold.files.names import Names
from sevenfold.lines.parsing import Event
from sevenfold.notices import notice
from sevenfold.reading.duplicates import Index, Once
from sevenfold.reading.scanner import OnBad
from sevenfold.reading.series import Family, Keep, log_files

POLL_S = 0.2


def read(
    path: str | Path,
    *,
    channel: str | None = None,
    since: datetime | None = None,
    follow: bool = False,
    on_bad: OnBad | None = None,
) -> Iterator[Event]:
    """Read the events of a log file or a log folder.

    Parameters
    ----------
    path : str or Path
        A log file: its rotated siblings are read first, oldest to newest, then the file itself, each in its own order;
        what a process wrote to a file that another had just rotated comes by its time among the lines of the next.
        Or a folder: all its log files, merged by time. ``channels.json`` in it says which file is which channel's;
        where it is missing, the files are called as those of `CHANNELS`. An error that stands in its channel's file
        and in the one that collects errors comes once, with its traceback. What another file, such as
        ``app_json.old.log``, says in the name of a sealed channel is passed over, and told on stderr.
    channel : str, optional
        Only the events of this channel; of the one that collects errors, in a folder, all that its file holds.
    since : datetime, optional
        Only the events from this time on, which must have a time zone. Files that were rotated before aren't opened.
    follow : bool
        Never end, but wait for more, across rotations.
    on_bad : callable, optional
        Is called with the file, the number of the line and the reason, for each line that is no event: one that was
        torn, edited or isn't UTF-8. By default a notice on stderr tells of the first in a file, and how many there are.

    Returns
    -------
    iterator of Event

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder, nor a rotated sibling.
    """
    path = Path(path)
    if path.is_dir():
        folder = _Folder(path, channel, since, on_bad, listed_channels(path))
        families = folder.families()
        events = folder.merged(families, follow=follow)
        return _follow(families, events, folder.is_errors, folder.families) if follow else events
    if not path.exists() and not Names(path).rotated():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    family = Family(path, _keep(channel, since), since, on_bad)
    return _follow([family], family.history(follow=True)) if follow else family.history()


def _keep(channel: str | None, since: datetime | None) -> Keep | None:
    if channel is None:
        return None if since is None else lambda event: event.time >= since
    if since is None:
        return lambda event: event.channel == channel
    return lambda event: event.channel == channel and event.time >= since


@dataclass(slots=True)
class _Folder:
    path: Path
    channel: str | None
    since: datetime | None
    on_bad: OnBad | None
    channels: tuple[Channel, ...]

    def families(self, known: Iterable[Path] = ()) -> list[Family]:
        return [self._family(path) for path in self._paths() if path not in known]

    def is_errors(self, family: Family) -> bool:
        return family.path in self._error_paths

    def merged(self, families: list[Family], *, follow: bool = False) -> Iterator[Event]:
        """Merge the files by time, with each error once."""
        # More than one where a later table collects errors in another file.
        indexes = [Index(family) for family in families if self.is_errors(family) and len(families) > 1]
        others = [family.history(follow=follow) for family in families if not (indexes and self.is_errors(family))]
        for index in indexes:
            others = [index.without_twins(events) for events in others]
        try:
            yield from merge(*others, *(index.errors(follow=follow) for index in indexes), key=attrgetter("time"))
        finally:
            for index in indexes:
                index.close()

    def _family(self, path: Path) -> Family:
        collects = any(one.collects_errors and one.name == self.channel for one in self.channels)
        channel = None if collects and path in self._error_paths else self.channel
        keep = _keep(channel, self.since)
        return Family(path, self._but_sealed(path, keep), self.since, self.on_bad)

    def _but_sealed(self, path: Path, keep: Keep | None) -> Keep | None:
        """Pass over what a file says in the name of a sealed channel, unless it is that's own or collects errors."""
        listed = (self.path / LIST_FILE).exists()  # else what the files are called is a guess
        sealed = [one for one in self.channels if one.sealed and (listed or (self.path / one.file).exists())]
        taken = {one.name for one in sealed} - {one.name for one in sealed if self.path / one.file == path}
        if not taken or path in self._error_paths:
            return keep
        told = set[str | None]()

        def test(event: Event) -> bool:
            if event.channel not in taken:
                return keep is None or keep(event)
            if event.channel not in told:
                told.add(event.channel)
                notice(f"{path}: isn't the file of channel {event.channel!r}, whose events are passed over there")
            return False

        return test

    def _paths(self) -> list[Path]:
        wanted = [one for one in self.channels if self.channel in {None, one.name}]
        paths = {self.path / one.file for one in wanted}
        if self.channel is None or not wanted:
            return sorted(paths.union(log_files(self.path)))
        collects = all(one.collects_errors for one in wanted)
        return sorted(paths if collects else paths | self._error_paths)

    @property
    def _error_paths(self) -> set[Path]:
        return {self.path / one.file for one in self.channels if one.collects_errors}


def _follow(
    families: list[Family],
    history: Iterator[Event],
    is_errors: Callable[[Family], bool] = lambda _: False,
    newcomers: Callable[[set[Path]], list[Family]] = lambda _: [],
) -> Iterator[Event]:
    once = Once()
    try:
        for event in history:
            once.remember(event)
            yield event
        while True:
            families += newcomers({family.path for family in families})
            wait = any(map(is_errors, families))
            found = [(event, is_errors(family)) for family in families for event in family.poll()]
            yield from sorted(once.sift(found) if wait else (event for event, _ in found), key=attrgetter("time"))
            time.sleep(POLL_S)
    finally:
        for family in families:
            family.close()
