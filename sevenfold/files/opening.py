"""The only place where logs, heads, locks and what lies beside them are opened, by writers and readers alike."""

import contextlib
import errno
import os
import stat
import time
from io import BufferedReader, FileIO
from pathlib import Path
from typing import IO, cast

from sevenfold.files.gzipped import GzipFile
from sevenfold.files.locks import is_same_file, lock
from sevenfold.files.systems import system

MODE = 0o600  # of a new file: for its owner alone
LONGEST_LINE = 64 * 10**6  # bytes, with its end; readers hold no more of one in memory
_MOST = 0o664  # that a mode may allow
OPEN_TRIES = 1000
_PERMIT_TRIES = 50  # looks at a file that its maker may be about to give its permissions


class Descriptor(int):
    """The number of an open file, which is closed with the last reference to this object.

    A program may close all numbers, as daemons do; the number may then be that of another file, which isn't closed.

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
        """Return whether the number still belongs to the file."""
        try:
            return self.identity == system.identity(self)
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


CLOSED = Descriptor(-1)  # any use of it raises the error of a closed descriptor


def check_mode(mode: int | None) -> int | None:
    """Return the permissions that files are to have, if they may have them.

    Raises
    ------
    ValueError
        If the owner couldn't read and write the files, others could write them, or any user could execute them.
    """
    if mode is None or (type(mode) is int and mode & MODE == MODE and not mode & ~_MOST):
        return mode
    got = f"{mode:#o}" if type(mode) is int else repr(mode)
    hint = f", which is {mode} in decimal; write 0o{mode}" if str(mode) in {"600", "640", "644", "660", "664"} else ""
    raise ValueError(f"mode must be None or one of 0o600 to 0o664, such as 0o640; got {got}{hint}")


def make_folder(folder: Path, mode: int | None = None) -> None:
    """Make a log folder if need be; users who may read its files can enter it, and the files get its group.

    Parameters
    ----------
    folder : Path
        The folder; its parents are made, too, as is usual.
    mode : int, optional
        The permissions of its files; by default the folder is made as is usual. One that exists is left as it is.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        folder.mkdir(exist_ok=True)  # raises where it is a file
    else:
        if mode is not None:
            folder.chmod(mode | (mode & 0o444) >> 2 | (stat.S_ISGID if mode & stat.S_IRWXG else 0))


def open_to_append(path: Path, mode: int | None = None) -> Descriptor:
    """Open a log file as one of its writers, under a lock that they share, for as long as it is open.

    Parameters
    ----------
    path : Path
        The file, which is made if need be.
    mode : int, optional
        The permissions of the file, if it is this user's; by default a new one is for its owner alone.

    Raises
    ------
    OSError
        If it can't be opened, or another program locks it.
    """
    for _ in range(OPEN_TRIES):
        fd = _opened(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, mode)
        # Between the two calls the file may have been rotated, and another process may even be compressing it.
        if lock(fd, exclusive=False) and is_same_file(fd, path):
            return fd
        fd.close()
        time.sleep(0.001)
    raise OSError(errno.EAGAIN, "the file is locked by another program", str(path))


def open_beside(path: Path, mode: int | None = None) -> Descriptor:
    """Open a file beside a log file that is written in place, its head or its lock, as `open_to_append` does."""
    return _opened(path, os.O_CREAT | os.O_RDWR, mode)


def open_in_place(path: Path) -> Descriptor:
    """Open an existing file to write over its content."""
    return _opened(path, os.O_WRONLY)


def open_new(path: Path, *, over: bool, mode: int | None = None) -> Descriptor:
    """Open a new file.

    Parameters
    ----------
    path : Path
        Where.
    over : bool
        Whether one that is there is written over; if not, it is an error.
    mode : int, optional
        As `open_to_append` takes it.

    Raises
    ------
    FileExistsError
        If it is there and isn't to be written over.
    """
    return _opened(path, os.O_CREAT | os.O_WRONLY | (os.O_TRUNC if over else os.O_EXCL), mode)


def write_whole(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write a file that readers find as it was or as it is now, also after a power failure.

    Parameters
    ----------
    path : Path
        Where.
    data : bytes
        All that is in it.
    mode : int, optional
        As `open_to_append` takes it.

    Raises
    ------
    OSError
        If it can't be written; then it is as it was.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with contextlib.closing(open_new(unfinished, over=True, mode=mode)) as fd:
            rest = data
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        system.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def open_to_lock(path: Path) -> Descriptor:
    """Open an existing file to lock and read it."""
    return _opened(path, os.O_RDONLY)


def permit(path: Path, mode: int | None) -> None:
    """Set the permissions of an existing file, if it is this user's."""
    _opened(path, os.O_RDONLY, mode).close()


def open_log(path: Path) -> IO[bytes]:
    """Open a log file, its rotated or compressed sibling or its head for reading; unbuffered if it isn't compressed."""
    file = system.open_to_read(path)
    return cast("IO[bytes]", _Unpacked(file) if path.suffix == ".gz" else file)


class _Unpacked(GzipFile):
    """A compressed file, read through one that is closed with it."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        super().__init__(fileobj=BufferedReader(file), mode="rb")

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._file.close()


def _opened(path: Path, flags: int, mode: int | None = None) -> Descriptor:
    fd = _permitted(path, flags, mode)
    fd.identity = system.identity(fd)
    # At a number that no other file gets by chance, such as the program's next one, once it is closed.
    with contextlib.suppress(OSError, StopIteration):  # none is left there, or there are none
        high = next(map(Descriptor, system.at_high_number(fd)))
        high.identity = fd.identity
        fd.close()
        return high
    return fd


def _permitted(path: Path, flags: int, mode: int | None) -> Descriptor:
    if mode is None:
        return _owned(path, flags, MODE)
    for left in range(_PERMIT_TRIES, -1, -1):
        try:
            fd = _owned(path, flags, mode)
            break
        except PermissionError:  # another user has made it just now, and its umask took what it gives in a moment
            if not left:
                raise
            time.sleep(0.001)
    system.permit(fd, mode)
    return fd


def _owned(path: Path, flags: int, mode: int) -> Descriptor:
    # One step of Python, in which the number gets its owner: between two of them Ctrl-C may come, and it would be lost.
    return next(map(Descriptor, system.opened(path, flags, mode)))
