"""The only place where logs, heads, locks and what lies beside them are opened, by writers and readers alike.

Another system's way of opening fits in here, and nowhere else.
"""

import contextlib
import errno
import gzip
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from sevenfold.files.locks import fcntl, is_same_file, lock

try:
    import resource
except ImportError:  # pragma: no cover - Windows
    resource = None  # type: ignore[assignment]

MODE = 0o600
OPEN_TRIES = 1000
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_HIGHEST_FLOOR = 1 << 15  # the system keeps a table up to the highest number, and copies it at each fork


class Descriptor(int):
    """The number of an open file, which is closed once nobody has this any more.

    Somebody may close all numbers, as daemons do, and then one may be somebody else's file: that isn't closed.

    Attributes
    ----------
    identity : tuple of int
        The file's device and inode.
    """

    identity: tuple[int, int] | None = None
    _closed = False

    @property
    def inode(self) -> int:
        """The file's inode."""
        return self.identity[1] if self.identity else 0

    def is_open(self) -> bool:
        """Return whether the number is still that of the file."""
        try:
            return self.identity == _identity(self)
        except OSError:
            return False

    def close(self) -> None:
        """Close the file, unless that was done already."""
        if not self._closed and self >= 0 and (self.identity is None or self.is_open()):
            os.close(self)
        self._closed = True

    def __del__(self) -> None:
        try:
            self.close()
        finally:
            self.close()  # Ctrl-C may have come in between


CLOSED = Descriptor(-1)  # any use of it raises the error of a descriptor that somebody closed


def open_to_append(path: Path) -> Descriptor:
    """Open a log file as one of its writers: locked, for as long as it is open, together with the others.

    Raises
    ------
    OSError
        If it can't be opened, or another program locks it.
    """
    for _ in range(OPEN_TRIES):
        fd = _opened(path, os.O_CREAT | os.O_RDWR | os.O_APPEND)
        # Between the two calls the file may have been rotated, and even be in the hands of who compresses it.
        if lock(fd, exclusive=False) and is_same_file(fd, path):
            return fd
        fd.close()
        time.sleep(0.001)
    raise OSError(errno.EAGAIN, "the file is locked by another program", str(path))


def open_beside(path: Path) -> Descriptor:
    """Open what lies beside a log file and is written in place, its head or its lock; it is made if need be."""
    return _opened(path, os.O_CREAT | os.O_RDWR)


def open_in_place(path: Path) -> Descriptor:
    """Open a file that is there so that what is in it can be written over."""
    return _opened(path, os.O_WRONLY)


def open_new(path: Path, *, over: bool) -> Descriptor:
    """Open a new file.

    Parameters
    ----------
    path : Path
        Where.
    over : bool
        Whether one that is there is written over; if not, it is an error.

    Raises
    ------
    FileExistsError
        If it is there and isn't to be written over.
    """
    return _opened(path, os.O_CREAT | os.O_WRONLY | (os.O_TRUNC if over else os.O_EXCL))


def open_to_lock(path: Path) -> Descriptor:
    """Open a file that is there, to be locked and read by who handles it."""
    return _opened(path, os.O_RDONLY)


def open_log(path: Path) -> IO[bytes]:
    """Open a log file, its rotated or compressed sibling or its head for reading; unbuffered if it isn't compressed."""
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb", buffering=0)


def _opened(path: Path, flags: int) -> Descriptor:
    fd = _owned(os.open, path, flags | _FLAGS, MODE)
    fd.identity = _identity(fd)
    if fcntl is None or resource is None:
        return fd
    # At a number that nobody gets by chance: if it is closed it is nobody's, not that of the next file of the program.
    half = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
    floor = min(half, _HIGHEST_FLOOR) if half > 0 else _HIGHEST_FLOOR  # no limit is -1
    with contextlib.suppress(OSError):  # none is left there
        high = _owned(fcntl.fcntl, fd, fcntl.F_DUPFD_CLOEXEC, floor)
        high.identity = fd.identity
        fd.close()
        return high
    return fd


def _owned(call: Callable[..., int], *arguments: object) -> Descriptor:
    # One step of Python, in which the number gets its owner: between two of them Ctrl-C may come, and it would be lost.
    return next(map(Descriptor, map(call, *((one,) for one in arguments))))


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
