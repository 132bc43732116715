"""Opening, locking and moving files on POSIX."""

import sys

assert sys.platform != "win32"

import fcntl
import os
import resource
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

FINDER = "fuser"  # tells which process has a file open
_HIGHEST_FLOOR = 1 << 15  # the system keeps a table up to the highest number, and copies it at each fork


def opened(path: Path, flags: int, mode: int) -> Iterator[int]:
    """Yield the descriptor of a file, opened once it is asked for, and never through a symbolic link."""
    return map(os.open, (path,), (flags | os.O_CLOEXEC | os.O_NOFOLLOW,), (mode,))


def at_high_number(fd: int) -> Iterator[int]:
    """Yield the same file at a number that no other file gets by chance."""
    half = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
    floor = min(half, _HIGHEST_FLOOR) if half > 0 else _HIGHEST_FLOOR  # no limit is -1
    return map(fcntl.fcntl, (fd,), (fcntl.F_DUPFD_CLOEXEC,), (floor,))


def permit(fd: int, mode: int) -> None:
    """Set the permissions of a file, if it is this user's."""
    found = os.fstat(fd)
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != mode:
        os.fchmod(fd, mode)


def identity(fd: int) -> tuple[int, int]:
    """Return an open file's device and inode."""
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def open_to_read(path: Path) -> FileIO:
    """Open a file so that others can go on writing, renaming and deleting it."""
    return FileIO(path)


def lock(fd: int, *, exclusive: bool) -> bool:
    """Lock an open file without waiting; return whether that succeeded."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(fd: int) -> None:
    """Release a lock."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def append(fd: int, data: bytes) -> int:
    """Write at the end of a file, in one piece; return how many bytes were written."""
    return os.write(fd, data)


def truncate(fd: int, size: int) -> None:
    """Cut a file that is open for appending."""
    os.ftruncate(fd, size)


def read_at_start(fd: int, n_bytes: int) -> bytes:
    """Read the beginning of a file."""
    return os.pread(fd, n_bytes, 0)


def write_at_start(fd: int, data: bytes) -> None:
    """Write over the beginning of a file."""
    os.pwrite(fd, data, 0)


def rename(source: Path, target: Path) -> None:
    """Rename a file that may be open."""
    source.rename(target)


def replace(source: Path, target: Path) -> None:
    """Rename a file that may be open, and put it in the place of another."""
    source.replace(target)


def remove(path: Path) -> None:
    """Delete a file that may be open."""
    path.unlink()
