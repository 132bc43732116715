"""A log file with its rotated and compressed siblings, or a whole folder of them, as a stream of Events.

What is read is what was there when the first event was asked for, however files are rotated, compressed and deleted
meanwhile: live files are held open, and a rotated one is looked for anew when its turn comes. Memory stays small: a
block of each file, and in a folder eight bytes for each error.
"""

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from operator import attrgetter
from pathlib import Path

from sevenfold.files.names import Names
from sevenfold.handlers.filters import ERRORS
from sevenfold.lines.grammar import Event
from sevenfold.reading.duplicates import Index, Once
from sevenfold.reading.scanner import OnBad
from sevenfold.reading.series import Family, Keep, log_files

ERRORS_FILE = "errors.log"
POLL_S = 0.2


def read(
    path: str | Path,
    *,
    channel: str | None = None,
    since: datetime | None = None,
    files: Mapping[str, str] | None = None,
    follow: bool = False,
    on_bad: OnBad | None = None,
) -> Iterator[Event]:
    """Read the events of a log file or a log folder.

    Parameters
    ----------
    path : str or Path
        A log file: its rotated siblings are read first, oldest to newest, then the file itself, each in its own order;
        what a process wrote to a file that another had just rotated comes by its time among the lines of the next.
        Or a folder: all its log files, merged by time. There, an error that stands in its channel's file and in that
        of the errors comes once, with its traceback.
    channel : str, optional
        Only the events of this channel; of ``"errors"`` in a folder, all that the file of the errors holds.
    since : datetime, optional
        Only the events from this time on, which must have a time zone. Files that were rotated before aren't opened.
    files : mapping of str to str, optional
        The file of each channel in a folder, as ``{row.name: row.file for row in sinks.CHANNELS}``; then no others are
        read. By default, all that end in ``.log`` are, and the errors are in errors.log.
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
        folder = _Folder(path, channel, since, files, on_bad)
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
    files: Mapping[str, str] | None
    on_bad: OnBad | None

    def families(self, known: Iterable[Path] = ()) -> list[Family]:
        return [self._family(path) for path in self._paths() if path not in known]

    def is_errors(self, family: Family) -> bool:
        return family.path == self._errors_path

    def merged(self, families: list[Family], *, follow: bool = False) -> Iterator[Event]:
        """Merge the files by time, with each error once."""
        errors = next(filter(self.is_errors, families), None)
        if errors is None or len(families) == 1:
            yield from merge(*(family.history(follow=follow) for family in families), key=attrgetter("time"))
            return
        index = Index(errors)
        others = [index.without_twins(one.history(follow=follow)) for one in families if one is not errors]
        try:
            yield from merge(*others, index.errors(follow=follow), key=attrgetter("time"))
        finally:
            index.close()

    def _family(self, path: Path) -> Family:
        channel = None if self.channel == ERRORS and path == self._errors_path else self.channel
        return Family(path, _keep(channel, self.since), self.since, self.on_bad)

    def _paths(self) -> list[Path]:
        if self.channel == ERRORS:
            return [self._errors_path]
        if self.files is None:
            return log_files(self.path)
        if self.channel is None:
            return [self.path / name for name in self.files.values()]
        own = [self.path / self.files[self.channel]] if self.channel in self.files else []
        return [*own, self._errors_path]

    @property
    def _errors_path(self) -> Path:
        return self.path / (ERRORS_FILE if self.files is None else self.files.get(ERRORS, ERRORS_FILE))


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
