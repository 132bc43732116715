"""File locks that go with an open file, and none where the file system has none."""

import errno
import os
import time
from pathlib import Path

from sevenfold.files.systems import system
from sevenfold.notices import describe, notice

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}  # Lustre, some NFS servers
TELL_S = 1.0  # of waiting, after which it is told
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2e-5, 2e-3
_told = set[int | None]()  # errors, so that each is told once


def lock(fd: int, *, exclusive: bool) -> bool:
    """Lock an open file without waiting; closing the file unlocks it.

    Where the file system has no locks, each lock is got, as if there were no other process, and that is told once.

    Parameters
    ----------
    fd : int
        Its descriptor.
    exclusive : bool
        For this one alone, or together with other shared ones.

    Returns
    -------
    bool
        Whether the lock was got.

    Raises
    ------
    OSError
        If the descriptor is closed.
    """
    try:
        return system.lock(fd, exclusive=exclusive)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _tell(error)
        return True


def acquire(fd: int, wait_s: float, path: Path) -> None:
    """Get the exclusive lock on an open file, and wait for it if need be; a wait of more than a second is told.

    Parameters
    ----------
    fd : int
        Its descriptor.
    wait_s : float
        Seconds to wait at most.
    path : Path
        Where it was opened, for messages.

    Raises
    ------
    TimeoutError
        If another has it all the time.
    """
    if lock(fd, exclusive=True):
        return
    # Asked for again and again: a call that waits in the system can't be bounded without a signal or a thread.
    begun, pause_s, told = time.monotonic(), _FIRST_PAUSE_S, False
    # A writer that begins a lost head anew, which is empty then, keeps it for a second on purpose.
    tell_s = TELL_S if os.fstat(fd).st_size else 2 * TELL_S
    while not lock(fd, exclusive=True):
        waited = time.monotonic() - begun
        if waited >= wait_s:
            raise TimeoutError(errno.ETIMEDOUT, f"another process has held the lock for {wait_s:g} s", str(path))
        if waited >= tell_s and not told:
            told = True
            notice(f"{path}: locked by another process: waiting for it, up to {wait_s:g} s; {system.FINDER} names it")
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def release(fd: int) -> None:
    """Give a lock back without closing the file."""
    try:
        system.unlock(fd)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def is_same_file(fd: int, path: Path, *, follow_symlinks: bool = False) -> bool:
    """Return whether an open file is still the one at a path.

    Parameters
    ----------
    fd : int
        Its descriptor.
    path : Path
        Where it was opened.
    follow_symlinks : bool
        Whether the path may be a symbolic link to it.
    """
    try:
        return os.path.samestat(os.fstat(fd), path.stat(follow_symlinks=follow_symlinks))
    except FileNotFoundError:
        return False


def _tell(error: OSError) -> None:
    if error.errno not in _told:
        _told.add(error.errno)
        notice(f"no file locks here ({describe(error)}): let one process alone write a log folder")
