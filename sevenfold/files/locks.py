"""File locks that go with an open file, and none where the system has none."""

import os
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None

LOCKS = fcntl is not None


def lock(fd: int, *, exclusive: bool) -> bool:
    """Lock an open file without waiting; whether the lock was got. Closing the file unlocks it.

    Parameters
    ----------
    fd : int
        Its descriptor.
    exclusive : bool
        For this one alone, or together with other shared ones.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def acquire(fd: int) -> None:
    """Get the exclusive lock on an open file, and wait for it if need be."""
    if fcntl is not None:
        fcntl.flock(fd, fcntl.LOCK_EX)


def release(fd: int) -> None:
    """Give a lock back without closing the file."""
    if fcntl is not None:
        fcntl.flock(fd, fcntl.LOCK_UN)


def is_same_file(fd: int, path: Path) -> bool:
    """Whether an open file is still the one at a path."""
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except FileNotFoundError:
        return False
