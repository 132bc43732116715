"""Turns: one writer at a time rotates a log file, and leaves in the lock file when it did.

So a rotation needs no listing of the folder to name a file later than all there are, however many that are.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sevenfold.files.locks import is_same_file, lock
from sevenfold.files.names import Names, is_ahead, parse_stamp
from sevenfold.files.opening import Descriptor, open_beside, open_log

_MOST_BYTES = 64


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

    def name(self) -> Path:
        """Name the file that is rotated now, and note it as the last one."""
        path = self._names.next(datetime.now(UTC), self.last())
        self.note(path.name.removeprefix(f"{self._names.path.stem}.").removesuffix(self._names.path.suffix))
        return path

    def last(self) -> str:
        """Return the stamp of the last rotation, "" if there was none; the folder is listed if it isn't noted."""
        return self._noted() or self._names.last_stamp()

    def note(self, stamp: str, *, over: bool = True) -> None:
        """Note when a file was rotated last.

        Parameters
        ----------
        stamp : str
            When.
        over : bool
            Whether what is noted already is written over.
        """
        # In place and before the file is renamed: killed in between, this leaves a time that is too late, which does no
        # harm. On a full disk it stays as it was, which matters only once the clock is set back.
        with contextlib.suppress(OSError):
            if over or not self._noted():
                os.lseek(self._fd, 0, os.SEEK_SET)
                os.write(self._fd, stamp.encode())

    def _noted(self) -> str:
        os.lseek(self._fd, 0, os.SEEK_SET)
        return _believed(os.read(self._fd, _MOST_BYTES))


@contextlib.contextmanager
def turn(names: Names) -> Iterator[Turn | None]:
    """Be the only one that rotates, for as long as the context lasts; None if another is at it."""
    # Opened afresh each time: a lock belongs to the open file, which a fork would share.
    fd = open_beside(names.lock)
    try:
        yield Turn(names, fd) if lock(fd, exclusive=True) and is_same_file(fd, names.lock) else None
    finally:
        fd.close()


def last_rotation(names: Names) -> float:
    """Return when a file was rotated last, in seconds since the epoch; 0 if none was."""
    stamp = _noted(names) or names.last_stamp()
    return parse_stamp(stamp).timestamp() if stamp else 0.0


def note_last(names: Names) -> None:
    """Note the last rotation where it isn't noted: the files come from elsewhere, or somebody deleted the lock file."""
    stamp = "" if _noted(names) else names.last_stamp(gently=True)
    if stamp:
        with turn(names) as mine:
            if mine is not None:
                mine.note(stamp, over=False)


def _noted(names: Names) -> str:
    with contextlib.suppress(OSError), open_log(names.lock) as file:
        return _believed(file.read(_MOST_BYTES))
    return ""


def _believed(noted: bytes) -> str:
    with contextlib.suppress(ValueError):
        stamp = noted.decode()
        return "" if is_ahead(parse_stamp(stamp)) else stamp
    return ""
