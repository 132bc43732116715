"""A log file with its rotated and compressed siblings, or a whole folder of them, as a stream of Events.

The events are those that the files held when the first one was read, even if files are rotated, compressed and deleted
meanwhile: live files are held open, and a rotated one is looked for anew when its turn comes. Memory stays small: a
block of each file, and in a folder eight bytes for each error.
"""

import errno
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from operator import attrgetter
from pathlib import Path

from sevenfold.channels import LIST_FILE, Channel
from sevenfold.files.channel_list import listed_channels, log_files
from sevenfold.files.names import Names
from sevenfold.lines.parsing import Event
from sevenfold.reading.duplicates import Index, Once
from sevenfold.reading.mirrors import chosen_hosts, of_hosts
from sevenfold.reading.portions import Portion, events_of, merged
from sevenfold.reading.scanner import OnBad
from sevenfold.reading.selection import Barred, Selection, selection_of
from sevenfold.reading.series import Family

POLL_S = 0.2
_PORTION_EVENTS = 256


def read(
    path: str | Path,
    *,
    channel: str | Collection[str] | None = None,
    host: str | Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    follow: bool = False,
    on_bad: OnBad | None = None,
) -> Iterator[Event]:
    """Read the events of a log file, a log folder, or a mirror of many.

    Parameters
    ----------
    path : str or Path
        A log file: its rotated siblings are read first, oldest to newest, then the file itself, each in its own order;
        lines that a process wrote to a file after another process had rotated it are sorted into the next file by time.
        Or a folder: all its log files, merged by time. ``channels.json`` in it says which file belongs to which
        channel; without it, the files have the names of `CHANNELS`. An error that stands in its channel's file
        and in the one that collects errors comes once, with its traceback. Events of a sealed channel in another file,
        such as ``app_json.old.log``, are skipped, with a notice on stderr.
        Or a mirror, a folder of such folders: all hosts, merged by time, with the name of the folder as the field
        ``host``; an event's own field ``host`` becomes ``event.host``.
    channel : str or collection of str, optional
        Only the events of this channel, or of these. For the channel that collects errors, in a folder, all events of
        its file.
    host : str or collection of str, optional
        In a mirror, only the events of this host, or of these.
    since, until : datetime, optional
        Only the events from `since` on and before `until`; both must have a time zone. Files that hold only other times
        aren't opened.
    follow : bool
        Never end, but wait for more, across rotations.
    on_bad : callable, optional
        Called with the file, the line number and the reason for each line that is no event: torn, edited or not UTF-8.
        By default a notice on stderr names the first such line of a file, and their number.

    Returns
    -------
    iterator of Event

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder, nor a rotated sibling.
    ValueError
        If a mirror has no such host.

    Examples
    --------
    >>> import sinks, tempfile
    >>> from loguru import logger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with sinks.configure(folder, console=None):
    ...         logger.bind(channel="predictions").info("prediction", batch={"score": [0.9, 0.2]})
    ...     [event.fields for event in read(folder, channel="predictions")]
    [{'score': 0.9}, {'score': 0.2}]
    """
    return select(path, selection_of(channel, host, since=since, until=until), follow=follow, on_bad=on_bad)


def select(
    path: str | Path,
    selection: Selection,
    *,
    follow: bool = False,
    last: int | None = None,
    on_bad: OnBad | None = None,
) -> Iterator[Event]:
    """Read the selected events, as `read` does; `last` limits the events that are there already to the last so many."""
    path = Path(path)
    if path.is_dir():
        hosts = chosen_hosts(path, selection.hosts)
        read_folder = partial(_follow_folder if follow else _read_folder, on_bad=on_bad, last=last)
        if hosts:
            return _waiting(of_hosts(path, hosts, selection, read_folder, last=last))
        return (
            _waiting(read_folder(path, selection))
            if follow
            else _read_folder(path, selection, on_bad=on_bad, last=last)
        )
    if not path.exists() and not Names(path).rotated():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    family = Family(path, selection, on_bad)
    if follow:
        return _waiting(_follow([family], events_of(family.history(follow=True)), last))
    return _last(events_of(family.history()), last)


def portions(path: Path, selection: Selection, on_bad: OnBad | None = None) -> Iterator[Portion]:
    """Read the selected events of a log folder, or of a mirror, in portions, which takes less time than one by one.

    The events of a channel come in the order of `read`, except errors that its file doesn't hold; events of different
    channels come in any order.
    """
    if not path.is_dir() or chosen_hosts(path, selection.hosts):
        events = select(path, selection, on_bad=on_bad)
        return iter(lambda: list(islice(events, _PORTION_EVENTS)), [])
    folder = _Folder(path, selection, on_bad, listed_channels(path))
    families = folder.families()
    return folder.merged(families, apart={family.path for family in families} <= folder.own_paths)


def _read_folder(path: Path, selection: Selection, *, on_bad: OnBad | None, last: int | None) -> Iterator[Event]:
    folder = _Folder(path, selection, on_bad, listed_channels(path))
    return _last(events_of(folder.merged(folder.families())), last)


def _follow_folder(
    path: Path, selection: Selection, *, on_bad: OnBad | None, last: int | None
) -> Iterator[Event | None]:
    folder = _Folder(path, selection, on_bad, listed_channels(path))
    families = folder.families()
    history = events_of(folder.merged(families, follow=True))
    return _follow(families, history, last, folder.is_errors, folder.families)


def _last(events: Iterator[Event], n: int | None) -> Iterator[Event]:
    return events if n is None else iter(deque(events, n))


@dataclass(slots=True)
class _Folder:
    path: Path
    selection: Selection
    on_bad: OnBad | None
    channels: tuple[Channel, ...]

    def families(self, known: Iterable[Path] = ()) -> list[Family]:
        return [self._family(path) for path in self._paths() if path not in known]

    def is_errors(self, family: Family) -> bool:
        return family.path in self._error_paths

    def merged(self, families: list[Family], *, follow: bool = False, apart: bool = False) -> Iterator[Portion]:
        """Merge the files by time, with each error once; if `apart`, merge each with the error files alone."""
        # There are several where a later table collects errors in another file.
        collecting = [family for family in families if self.is_errors(family) and len(families) > 1]
        indexes = [Index(family, self.selection.needles) for family in collecting]
        histories = [family.history(follow=follow) for family in families if not (indexes and self.is_errors(family))]
        try:
            for index in indexes:
                index.take_note()
            errors = [index.errors(follow=follow) for index in indexes]
            for order, portion in merged([*histories, *errors], n_apart=len(histories) if apart else 0):
                # Not before its turn: if the errors' file was deleted meanwhile, the channel's file keeps the error.
                yield _without_twins(portion, indexes) if order < len(histories) else portion
        finally:
            for index in indexes:
                index.close()

    def _family(self, path: Path) -> Family:
        names = self.selection.channels or frozenset()
        collects = any(channel.collects_errors and channel.name in names for channel in self.channels)
        selection = self.selection.of_all_channels() if collects and path in self._error_paths else self.selection
        return Family(path, self._without_sealed(path, selection), self.on_bad)

    def _without_sealed(self, path: Path, selection: Selection) -> Selection:
        """Bar events of sealed channels from a file that is neither the channel's own nor collects errors."""
        listed = (self.path / LIST_FILE).exists()  # without a list, the names of the files are a guess
        sealed = [one for one in self.channels if one.sealed and (listed or (self.path / one.file).exists())]
        foreign = {one.name for one in sealed} - {one.name for one in sealed if self.path / one.file == path}
        if not foreign or path in self._error_paths:
            return selection
        return replace(selection, barred=Barred(path, frozenset(foreign)))

    def _paths(self) -> list[Path]:
        names = self.selection.channels
        channels = [channel for channel in self.channels if names is None or channel.name in names]
        paths = {self.path / channel.file for channel in channels}
        if names is None or not names <= {channel.name for channel in channels}:
            return sorted(paths.union(log_files(self.path)))
        collects = all(channel.collects_errors for channel in channels)
        return sorted(paths if collects else paths | self._error_paths)

    @property
    def own_paths(self) -> set[Path]:
        """The files of the channels: no two of them hold the same event, errors apart."""
        return {self.path / channel.file for channel in self.channels}

    @property
    def _error_paths(self) -> set[Path]:
        return {self.path / channel.file for channel in self.channels if channel.collects_errors}


def _without_twins(portion: Portion, indexes: list[Index]) -> Portion:
    for index in indexes:
        portion = index.without_twins(portion)
    return portion


def _last_with_pending(
    history: Iterator[Event], families: list[Family], is_errors: Callable[[Family], bool], once: Once, n: int
) -> Iterator[Event]:
    """Yield the last n events, including those at the ends of the files, which `history` leaves to the first poll."""
    kept: deque[Event] = deque(maxlen=n)
    for event in history:
        once.remember(event)
        kept.append(event)
    pending = once.at_once((event, is_errors(family)) for family in families for event in family.poll())
    events = sorted([*kept, *pending], key=attrgetter("time"))
    return iter(events[-n:] if n else ())


def _follow(
    families: list[Family],
    history: Iterator[Event],
    last: int | None = None,
    is_errors: Callable[[Family], bool] = lambda _: False,
    newcomers: Callable[[set[Path]], list[Family]] = lambda _: [],
) -> Iterator[Event | None]:
    """Yield the events that are there, then poll the files for new ones; yield None after each poll."""
    once = Once()
    try:
        if last is not None:
            history = _last_with_pending(history, families, is_errors, once, last)
        for event in history:
            once.remember(event)
            yield event
        while True:
            families += newcomers({family.path for family in families})
            has_twins = any(map(is_errors, families))
            polled = [(event, is_errors(family)) for family in families for event in family.poll()]
            yield from sorted(
                once.sift(polled) if has_twins else (event for event, _ in polled), key=attrgetter("time")
            )
            yield None
    finally:
        for family in families:
            family.close()


def _waiting(events: Iterator[Event | None]) -> Iterator[Event]:
    """Yield the events, and sleep where there is None."""
    for event in events:
        if event is None:
            time.sleep(POLL_S)
        else:
            yield event
