"""The names of the files that belong to one log file; nothing else makes or parses them.

It has more than 300 lines since what a name means is made, parsed and listed side by side.
"""

import os
import re
import threading
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sevenfold.files.forks import forget_in_children

AHEAD = timedelta(days=1)  # how far ahead of the clock a name is believed, since the clock may have been set back
_STAMP = "%Y-%m-%d_%H-%M-%S_%f"  # sorts by time, and has no colon, which Windows refuses
_STAMP_PATTERN = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d{6}"
_ROTATED = re.compile(rf"(.+)\.({_STAMP_PATTERN})(\.[^.]+)?", re.DOTALL)
# Of a log file's name: file systems take 255, and `.<name>.<stamp>.gz.tmp` is the longest that becomes of it.
MOST_BYTES = 255 - len("..2026-11-23_08-36-11_096123.gz.tmp")
_PACE, _PAUSE_S = 32, 1e-4  # names between two pauses, in which the program goes on


@dataclass(frozen=True, slots=True)
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
        """When it was rotated; where its name lies more than a day ahead of the clock, when it was changed last."""
        return min(self._changed(), datetime.now(UTC)) if self._is_ahead() else parse_stamp(self.stamp)

    @property
    def order(self) -> tuple[str, str, bool]:
        """Its place among the rotated files of a log: by time, and plain before compressed."""
        if not self._is_ahead():
            return self.stamp, "", self.compressed
        # The clock was wrong when it was named: if it was when the file was written, too, that was before all others.
        changed = self._changed()
        return changed.strftime(_STAMP) if changed <= datetime.now(UTC) else "", self.stamp, self.compressed

    def _is_ahead(self) -> bool:
        return is_ahead(parse_stamp(self.stamp))

    def _changed(self) -> datetime:
        try:
            return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
        except (OSError, ValueError, OverflowError):  # gone, or no date of this calendar
            return datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Names:
    """The names that belong to one log file.

    ``predictions.log`` has ``predictions.2026-11-23_08-36-11_096123.log``, by the time of rotation in UTC, the same
    with ``.gz``, and ``.predictions.lock``. A neighbour such as ``predictions.errors.log`` isn't taken for one, nor is
    a name whose numbers are no time.

    Attributes
    ----------
    path : Path
        The log file.
    mode : int or None
        The permissions that all these files are given; with None, a new one is its owner's alone.
    """

    path: Path
    mode: int | None = None

    @property
    def lock(self) -> Path:
        """The file that a rotation locks, and that says when the last one was."""
        return self.path.with_name(f".{self.path.stem}.lock")

    @property
    def head(self) -> Path:
        """The head of an audit chain."""
        return self.path.with_suffix(".head")

    def next(self, now: datetime, last: str | None = None) -> Path:
        """Name the file that is rotated now: later than all there are, even if the clock was set back by up to a day.

        Parameters
        ----------
        now : datetime
            The time.
        last : str, optional
            The stamp of the last one; by default it is looked for.
        """
        last = self.last_stamp() if last is None else last
        moment = now
        if last and not is_ahead(parse_stamp(last), now):
            moment = max(now, parse_stamp(last) + timedelta(microseconds=1))
        while any(map(os.path.lexists, self._named(moment))):
            moment += timedelta(microseconds=1)
        return self._named(moment)[0]

    def at(self, stamp: str) -> Path:
        """Return where the file that was rotated at a time is, while it isn't compressed."""
        return self._named(parse_stamp(stamp))[0]

    def rotated(self, *, plain: bool = False, gently: bool = False) -> list[Rotated]:
        """List the rotated files that are there, oldest first.

        Parameters
        ----------
        plain : bool
            Only those that aren't compressed.
        gently : bool
            Let other threads go on in between.
        """
        return _in_order(self._listed(plain=plain, gently=gently))

    def snapshot(self) -> list[Rotated]:
        """List each rotated file once, oldest first: the plain one where it is there compressed, too."""
        # Listed twice, since a file that is being compressed can hide from one listing: the archive comes behind where
        # the listing is, and the file goes before it gets there.
        by_stamp = {one.stamp: one for _ in range(2) for one in reversed(self.rotated())}
        return _in_order(by_stamp.values())

    def last_stamp(self, *, gently: bool = False) -> str:
        """Find the stamp of the file that was rotated last; "" if there is none."""
        limit, last = _limit(), ""
        for stamp, _, _ in self._matches(gently=gently):
            if last < stamp <= limit and _is_time(stamp):
                last = stamp
        return last

    def _named(self, moment: datetime) -> tuple[Path, Path]:
        name = f"{self.path.stem}.{moment.strftime(_STAMP)}{self.path.suffix}"
        return self.path.with_name(name), self.path.with_name(f"{name}.gz")

    def _listed(self, *, plain: bool, gently: bool) -> Iterator[Rotated]:
        for stamp, ending, name in self._matches(self.path.suffix if plain else "", gently=gently):
            if _is_time(stamp):
                yield Rotated(stamp, bool(ending), self.path.with_name(name))

    def _matches(self, end: str = "", *, gently: bool) -> Iterator[tuple[str, str, str]]:
        """Yield the stamp, ``.gz`` or "", and the name of each file named as a rotated one that ends with `end`."""
        stem, suffix = re.escape(self.path.stem), re.escape(self.path.suffix)
        pattern = re.compile(rf"{stem}\.({_STAMP_PATTERN}){suffix}(\.gz|)")
        for name in _files_in(self.path.parent, f"{self.path.stem}.", end, gently=gently):
            if found := pattern.fullmatch(name):
                yield found[1], found[2], name


def rotated_in(folder: Path, logs: Container[str], known: Mapping[str, Rotated]) -> list[Rotated]:
    """List the rotated files of several log files of one folder, oldest first.

    Parameters
    ----------
    folder : Path
        The folder.
    logs : container of str
        Names of log files in it.
    known : mapping of str to Rotated
        The files that were listed before, by name: to make them anew would take most of the time.
    """
    found = []
    for name in _files_in(folder, "", "", gently=False):
        one = known.get(name)
        if one is None and log_of(name) in logs:
            stamp = _ROTATED.fullmatch(name.removesuffix(".gz"))
            one = stamp and Rotated(stamp[2], name.endswith(".gz"), folder / name)
        if one is not None:
            found.append(one)
    return _in_order(found)


def check_name(name: str) -> None:
    """Refuse a log file's name that would be taken for another file of the folder, or has no room for a stamp.

    Raises
    ------
    ValueError
        If it is the name of a rotated or compressed file, a lock, a head or an unfinished file, or too long for the
        names of its rotated files.

    Examples
    --------
    >>> check_name("api.log")
    >>> check_name("app_json.head")
    Traceback (most recent call last):
    ValueError: a log file can't be called 'app_json.head', as the head of a sealed file is; end it with .log
    """
    folded = name.casefold()
    reserved = {
        "a rotated file": log_of(folded) is not None,
        "a compressed file": folded.endswith(".gz"),
        "the head of a sealed file": folded.endswith(".head"),
        "a lock": folded.startswith(".") and folded.endswith(".lock"),
        "a file that isn't finished": folded.startswith(".") and folded.endswith(".tmp"),
    }
    taken = next((what for what, so in reserved.items() if so), None)
    if taken is not None:
        raise ValueError(f"a log file can't be called {name!r}, as {taken} is; end it with .log")
    n_bytes = len(os.fsencode(name))
    if n_bytes > MOST_BYTES:
        raise ValueError(
            f"a log file's name may have {MOST_BYTES} bytes, so that it can be rotated; got {n_bytes}: {name[:40]!r}..."
        )


def log_of(name: str) -> str | None:
    """Return the name of the log file that a rotated file's name belongs to; None if it is no rotated file's.

    Examples
    --------
    >>> log_of("api.2026-11-23_08-36-11_096123.log.gz")
    'api.log'
    >>> log_of("api.log")
    """
    found = _ROTATED.fullmatch(name.removesuffix(".gz"))
    return f"{found[1]}{found[3] or ''}" if found and _is_time(found[2]) else None


def parse_stamp(stamp: str) -> datetime:
    """Return the time that a stamp says.

    Raises
    ------
    ValueError
        If it isn't a stamp.

    Examples
    --------
    >>> parse_stamp("2026-11-23_08-36-11_096123")
    datetime.datetime(2026, 11, 23, 8, 36, 11, 96123, tzinfo=datetime.timezone.utc)
    """
    if not re.fullmatch(_STAMP_PATTERN, stamp, re.ASCII):
        raise ValueError(f"expected a time such as 2026-11-23_08-36-11_096123, got {stamp!r}")
    return datetime.fromisoformat(f"{stamp[:10]}T{stamp[11:19].replace('-', ':')}.{stamp[20:]}+00:00")


def stamp_of(moment: datetime) -> str:
    """Write a time in UTC as `parse_stamp` reads it."""
    return moment.strftime(_STAMP)


def is_ahead(moment: datetime, now: datetime | None = None) -> bool:
    """Return whether a time lies so far ahead of the clock that it isn't believed."""
    return moment - (now or datetime.now(UTC)) > AHEAD


def _in_order(rotated: Iterable[Rotated]) -> list[Rotated]:
    limit = _limit()
    return sorted(rotated, key=lambda one: one.order if one.stamp > limit else (one.stamp, "", one.compressed))


def _limit() -> str:
    """Return the last stamp that is believed."""
    return (datetime.now(UTC) + AHEAD).strftime(_STAMP)


def _is_time(stamp: str) -> bool:
    try:
        parse_stamp(stamp)
    except ValueError:
        return False
    return True


def _files_in(folder: Path, start: str, end: str, *, gently: bool) -> Iterator[str]:
    """Yield the names of the files in a folder that begin with `start` and end with `end`."""
    try:
        with _gentle.lock if gently else nullcontext(), os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if gently and number % _PACE == 0:
                    time.sleep(_PAUSE_S)
                name = entry.name
                if name.endswith(end) and name.startswith(start) and entry.is_file(follow_symlinks=False):
                    yield name
    except (FileNotFoundError, NotADirectoryError):  # there is no folder any more
        return


class _Gentle:
    """Lets one thread at a time list a folder gently: those of seven channels at once would stop the program."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Make another lock: in a child, nothing would release the one that a thread of the parent held."""
        self.lock = threading.Lock()


_gentle = _Gentle()
forget_in_children(_gentle.renew)
