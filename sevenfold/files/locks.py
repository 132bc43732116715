"""File locks that last as long as a file is open; on file systems without locks, none."""

import errno
import os
import time
from pathlib import Path

from sevenfold.files.systems import system
from sevenfold.notices import describe, notice

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}  # Lustre, some NFS servers
TELL_S = 1.0  # of waiting, after which a notice is written
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2e-5, 2e-3
_reported = set[int | None]()  # errors, so that each is reported once


def lock(fd: int, *, exclusive: bool) -> bool:
    """Lock an open file without waiting; closing the file unlocks it.

    If the file system has no locks, each lock is granted, as if there were no other process, and a notice says so once.

    Parameters
    ----------
    fd : int
        The descriptor.
    exclusive : bool
        Whether no other process may hold the lock; else it may be shared with other shared locks.

    Returns
    -------
    bool
        Whether the lock was granted.

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
        _report(error)
        return True


def acquire(fd: int, wait_s: float, path: Path) -> None:
    """Get the exclusive lock on an open file, waiting if need be; a wait of more than a second causes a notice.

    Parameters
    ----------
    fd : int
        The descriptor.
    wait_s : float
        Seconds to wait at most.
    path : Path
        The path of the file, for messages.

    Raises
    ------
    TimeoutError
        If another process holds the lock all the time.
    """
    if lock(fd, exclusive=True):
        return
    # Polled: a call that waits in the system can't be bounded without a signal or a thread.
    started, pause_s, is_reported = time.monotonic(), _FIRST_PAUSE_S, False
    # A writer that begins a lost head anew, while it is empty, holds the lock for a second on purpose.
    report_s = TELL_S if os.fstat(fd).st_size else 2 * TELL_S
    while not lock(fd, exclusive=True):
        waited = time.monotonic() - started
        if waited >= wait_s:
            raise TimeoutError(errno.ETIMEDOUT, f"another process has held the lock for {wait_s:g} s", str(path))
        if waited >= report_s and not is_reported:
            is_reported = True
            notice(f"{path}: locked by another process: waiting for it, up to {wait_s:g} s; {system.FINDER} names it")
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def release(fd: int) -> None:
    """Release a lock without closing the file."""
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
        The descriptor.
    path : Path
        The path at which it was opened.
    follow_symlinks : bool
        Whether the path may be a symbolic link to it.
    """
    try:
        return os.path.samestat(os.fstat(fd), path.stat(follow_symlinks=follow_symlinks))
    except FileNotFoundError:
        return False


def _report(error: OSError) -> None:
    if error.errno not in _reported:
        _reported.add(error.errno)
        notice(f"no file locks here ({describe(error)}): let one process alone write a log folder")
