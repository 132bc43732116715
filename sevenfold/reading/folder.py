"""A log file with its rotated and compressed siblings, or a whole folder of them, as a stream of Events.

What is read is what was there when the first event was asked for, however files are rotated, compressed and deleted
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
from sevenfold.reading.selection import Barred, Selection, selection
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
        what a process wrote to a file that another had just rotated comes by its time among the lines of the next.
        Or a folder: all its log files, merged by time. ``channels.json`` in it says which file is which channel's;
        where it is missing, the files are called as those of `CHANNELS`. An error that stands in its channel's file
        and in the one that collects errors comes once, with its traceback. What another file, such as
        ``app_json.old.log``, says in the name of a sealed channel is passed over, and told on stderr.
        Or a mirror, a folder of such folders: all hosts, merged by time, with the name of the folder as the field
        ``host``; an event's own field of that name is ``event.host`` there.
    channel : str or collection of str, optional
        Only the events of this channel, or of these; of the one that collects errors, in a folder, all that its file
        holds.
    host : str or collection of str, optional
        Of a mirror, only the events of this host, or of these.
    since, until : datetime, optional
        Only the events from this time on, and only those before that one; both must have a time zone. Files that were
        rotated before, or begun after, aren't opened.
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
    return select(path, selection(channel, host, since=since, until=until), follow=follow, on_bad=on_bad)


def select(
    path: str | Path,
    wanted: Selection,
    *,
    follow: bool = False,
    last: int | None = None,
    on_bad: OnBad | None = None,
) -> Iterator[Event]:
    """Read the wanted events, as `read` does; of those that are there already, the last so many."""
    path = Path(path)
    if path.is_dir():
        hosts = chosen_hosts(path, wanted.hosts)
        looks = partial(_watched if follow else _there, on_bad=on_bad, last=last)
        if hosts:
            return _awaited(of_hosts(path, hosts, wanted, looks, last=last))
        return _awaited(looks(path, wanted)) if follow else _there(path, wanted, on_bad=on_bad, last=last)
    if not path.exists() and not Names(path).rotated():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    family = Family(path, wanted, on_bad)
    if follow:
        return _awaited(_looks([family], events_of(family.history(follow=True)), last))
    return _last(events_of(family.history()), last)


def portions(path: Path, wanted: Selection, on_bad: OnBad | None = None) -> Iterator[Portion]:
    """Read the wanted events of a log folder, or of a mirror, by the dozen, in less time than one by one.

    Those of a channel come by their time as `read` gives them, beside errors that its file doesn't hold; what different
    channels say comes in any order.
    """
    if not path.is_dir() or chosen_hosts(path, wanted.hosts):
        events = select(path, wanted, on_bad=on_bad)
        return iter(lambda: list(islice(events, _PORTION_EVENTS)), [])
    folder = _Folder(path, wanted, on_bad, listed_channels(path))
    families = folder.families()
    return folder.merged(families, apart={family.path for family in families} <= folder.own_paths)


def _there(path: Path, wanted: Selection, *, on_bad: OnBad | None, last: int | None) -> Iterator[Event]:
    folder = _Folder(path, wanted, on_bad, listed_channels(path))
    return _last(events_of(folder.merged(folder.families())), last)


def _watched(path: Path, wanted: Selection, *, on_bad: OnBad | None, last: int | None) -> Iterator[Event | None]:
    folder = _Folder(path, wanted, on_bad, listed_channels(path))
    families = folder.families()
    history = events_of(folder.merged(families, follow=True))
    return _looks(families, history, last, folder.is_errors, folder.families)


def _last(events: Iterator[Event], n: int | None) -> Iterator[Event]:
    return events if n is None else iter(deque(events, n))


@dataclass(slots=True)
class _Folder:
    path: Path
    wanted: Selection
    on_bad: OnBad | None
    channels: tuple[Channel, ...]

    def families(self, known: Iterable[Path] = ()) -> list[Family]:
        return [self._family(path) for path in self._paths() if path not in known]

    def is_errors(self, family: Family) -> bool:
        return family.path in self._error_paths

    def merged(self, families: list[Family], *, follow: bool = False, apart: bool = False) -> Iterator[Portion]:
        """Merge the files by time, with each error once; if apart, only the errors with each of the others."""
        # More than one where a later table collects errors in another file.
        collecting = [family for family in families if self.is_errors(family) and len(families) > 1]
        indexes = [Index(family, self.wanted.needles) for family in collecting]
        others = [family.history(follow=follow) for family in families if not (indexes and self.is_errors(family))]
        try:
            for index in indexes:
                index.take_note()
            errors = [index.errors(follow=follow) for index in indexes]
            for order, portion in merged([*others, *errors], n_apart=len(others) if apart else 0):
                # Not before its turn: of errors whose file was deleted meanwhile, the channel's file speaks.
                yield _without_twins(portion, indexes) if order < len(others) else portion
        finally:
            for index in indexes:
                index.close()

    def _family(self, path: Path) -> Family:
        names = self.wanted.channels or frozenset()
        collects = any(one.collects_errors and one.name in names for one in self.channels)
        wanted = self.wanted.of_all_channels() if collects and path in self._error_paths else self.wanted
        return Family(path, self._but_sealed(path, wanted), self.on_bad)

    def _but_sealed(self, path: Path, wanted: Selection) -> Selection:
        """Pass over what a file says in the name of a sealed channel, unless it is that's own or collects errors."""
        listed = (self.path / LIST_FILE).exists()  # else what the files are called is a guess
        sealed = [one for one in self.channels if one.sealed and (listed or (self.path / one.file).exists())]
        taken = {one.name for one in sealed} - {one.name for one in sealed if self.path / one.file == path}
        if not taken or path in self._error_paths:
            return wanted
        return replace(wanted, barred=Barred(path, frozenset(taken)))

    def _paths(self) -> list[Path]:
        names = self.wanted.channels
        wanted = [one for one in self.channels if names is None or one.name in names]
        paths = {self.path / one.file for one in wanted}
        if names is None or not names <= {one.name for one in wanted}:
            return sorted(paths.union(log_files(self.path)))
        collects = all(one.collects_errors for one in wanted)
        return sorted(paths if collects else paths | self._error_paths)

    @property
    def own_paths(self) -> set[Path]:
        """The files of the channels, each of which says what no other does, errors apart."""
        return {self.path / one.file for one in self.channels}

    @property
    def _error_paths(self) -> set[Path]:
        return {self.path / one.file for one in self.channels if one.collects_errors}


def _without_twins(portion: Portion, indexes: list[Index]) -> Portion:
    for index in indexes:
        portion = index.without_twins(portion)
    return portion


def _with_what_is_pending(
    history: Iterator[Event], families: list[Family], is_errors: Callable[[Family], bool], once: Once, n: int
) -> Iterator[Event]:
    """Yield the last n events, with those at the ends of the files, which `history` leaves to the first look."""
    kept: deque[Event] = deque(maxlen=n)
    for event in history:
        once.remember(event)
        kept.append(event)
    pending = once.at_once((event, is_errors(family)) for family in families for event in family.poll())
    events = sorted([*kept, *pending], key=attrgetter("time"))
    return iter(events[-n:] if n else ())


def _looks(
    families: list[Family],
    history: Iterator[Event],
    last: int | None = None,
    is_errors: Callable[[Family], bool] = lambda _: False,
    newcomers: Callable[[set[Path]], list[Family]] = lambda _: [],
) -> Iterator[Event | None]:
    """Give what is there, and then look again and again for what has come; None between two looks."""
    once = Once()
    try:
        if last is not None:
            history = _with_what_is_pending(history, families, is_errors, once, last)
        for event in history:
            once.remember(event)
            yield event
        while True:
            families += newcomers({family.path for family in families})
            wait = any(map(is_errors, families))
            found = [(event, is_errors(family)) for family in families for event in family.poll()]
            yield from sorted(once.sift(found) if wait else (event for event, _ in found), key=attrgetter("time"))
            yield None
    finally:
        for family in families:
            family.close()


def _awaited(looks: Iterator[Event | None]) -> Iterator[Event]:
    """Give what comes, and wait where nothing does."""
    for event in looks:
        if event is None:
            time.sleep(POLL_S)
        else:
            yield event
