"""Turns: one writer at a time rotates a log file, and leaves in the lock file when it did.

So a rotation can name a file later than all there are without listing the folder. The lock file also says when the
first file was begun, where the grid of an interval begins: ``<last rotation> <first begin>``.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sevenfold.files.locks import is_same_file, lock
from sevenfold.files.names import Names, is_ahead, parse_stamp, stamp_of
from sevenfold.files.opening import Descriptor, open_beside, open_log

_MOST_BYTES = 64


class _Noted(NamedTuple):
    """The stamps in a lock file; "" for what isn't there."""

    last: str = ""
    origin: str = ""


class Turn:
    """The turn of the writer that may rotate.

    Parameters
    ----------
    names : Names
        Of the log file.
    fd : Descriptor
        The lock file, locked.
    """

    def __init__(self, names: Names, fd: Descriptor) -> None:
        self._names = names
        self._fd = fd

    def name(self, origin: float | None = None) -> Path:
        """Name the file that is rotated now, and note it as the last one.

        Parameters
        ----------
        origin : float, optional
            Where the grid of an interval begins, in seconds since the epoch; one that is noted already stays.
        """
        path = self._names.next(datetime.now(UTC), self.last())
        self.note(path.name.removeprefix(f"{self._names.path.stem}.").removesuffix(self._names.path.suffix), origin)
        return path

    def last(self) -> str:
        """Return the stamp of the last rotation, "" if there was none; the folder is listed if it isn't noted."""
        return self._noted().last or self._names.last_stamp()

    def note(self, stamp: str, origin: float | None = None, *, over: bool = True) -> None:
        """Note when a file was rotated last.

        Parameters
        ----------
        stamp : str
            When.
        origin : float, optional
            As `name` takes it.
        over : bool
            Whether what is noted already is written over.
        """
        # In place and before the file is renamed: killed in between, this leaves a time that is too late, which does no
        # harm. On a full disk it stays as it was, which matters only once the clock is set back.
        with contextlib.suppress(OSError):
            noted = self._noted()
            if over or not noted.last:
                begin = noted.origin or ("" if origin is None else stamp_of(datetime.fromtimestamp(origin, UTC)))
                os.lseek(self._fd, 0, os.SEEK_SET)
                os.write(self._fd, f"{stamp} {begin}".encode() if begin else stamp.encode())

    def _noted(self) -> _Noted:
        os.lseek(self._fd, 0, os.SEEK_SET)
        return _believed(os.read(self._fd, _MOST_BYTES))


@contextlib.contextmanager
def turn(names: Names) -> Iterator[Turn | None]:
    """Be the only writer that rotates, for as long as the context lasts; None if another one rotates."""
    # Opened afresh each time: a lock belongs to the open file, which a fork would share.
    fd = open_beside(names.lock, names.mode)
    try:
        yield Turn(names, fd) if lock(fd, exclusive=True) and is_same_file(fd, names.lock) else None
    finally:
        fd.close()


def last_rotation(names: Names) -> tuple[float, float | None]:
    """Return when a file was rotated last, and where the grid of an interval begins, in seconds since the epoch.

    The former is 0 if none was, the latter None if it isn't noted.
    """
    noted = _noted(names)
    last, origin = (_seconds(stamp) for stamp in (noted.last or names.last_stamp(), noted.origin))
    return last or 0.0, origin


def note_last(names: Names) -> None:
    """Note the last rotation if it isn't noted: the files come from elsewhere, or the lock file was deleted."""
    stamp = "" if _noted(names).last else names.last_stamp(gently=True)
    if stamp:
        with turn(names) as mine:
            if mine is not None:
                mine.note(stamp, over=False)


def _noted(names: Names) -> _Noted:
    with contextlib.suppress(OSError), open_log(names.lock) as file:
        return _believed(file.read(_MOST_BYTES))
    return _Noted()


def _believed(noted: bytes) -> _Noted:
    with contextlib.suppress(ValueError):
        stamps = noted.decode().split()[:2]
        return _Noted(*("" if is_ahead(parse_stamp(stamp)) else stamp for stamp in stamps))
    return _Noted()


def _seconds(stamp: str) -> float | None:
    return parse_stamp(stamp).timestamp() if stamp else None
