"""Log files that several processes append to and rotate, and that never lose a line.

The rules, by which any number of writers get along without a server:

- A line is one ``os.write`` to a file opened with O_APPEND.
- Every writer holds a shared lock (``flock``) on the log file that it has open, for as long as it is open. Whoever gets
  the exclusive lock thus knows that nobody writes there any more: only such a file is compressed or deleted.
- Each writer measures the file every hundredth of a second, and before it has filled an eighth of the room itself:
  alone it never writes beyond the limit, and eight of them hardly.
- A writer that finds the file full renames it under an exclusive lock on a file of its own beside it. Nobody waits for
  that lock: who doesn't get it writes on, and finds at its next line that the path is another file now.

Without ``fcntl`` (Windows) there are no locks, and a folder is for one process.
"""

import contextlib
import errno
import mmap
import os
import re
import time
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sevenfold.channels import CompressionArgument, RetentionArgument, RotationArgument
from sevenfold.files.archives import Archives
from sevenfold.files.locks import LOCKS, is_same_file, lock
from sevenfold.files.names import Names
from sevenfold.files.policies import parse_compression, parse_retention, parse_rotation
from sevenfold.notices import describe, notice

LOOK_S = 1.0  # how often a writer looks whether its file is still the one at the path
MEASURE_S = 0.01  # how old a size may be, and which part of the room a writer may fill before it measures again
TRUSTED_PART = 8
RETRY_S = 10.0  # how long it leaves off after a rotation that failed
OPEN_TRIES = 1000
MODE = 0o600
OPEN_FLAGS = os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_FIRST_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class RotatingFile:
    """A log file that any number of processes append to.

    Parameters
    ----------
    path : Path
        The file. Its folder is made if need be; neither is reached through a symbolic link in the file's place.
    rotation, retention, compression
        As `sevenfold.files.policies` reads them; None switches each off. Rotated files are compressed and deleted by a
        thread in the background.

    Raises
    ------
    OSError
        If the file can't be opened.
    ValueError
        If an option can't be understood.
    """

    def __init__(
        self,
        path: Path,
        *,
        rotation: RotationArgument = None,
        retention: RetentionArgument = None,
        compression: CompressionArgument = None,
    ) -> None:
        self.path = Path(path)
        self.names = Names(self.path)
        self._rotation = parse_rotation(rotation)
        self._archives = Archives(self.names, parse_retention(retention), compress=parse_compression(compression))
        self._forget()
        self._open()
        _files.add(self)
        self._archives.tidy_soon()

    def append(self, data: bytes) -> None:
        """Write whole lines, in one piece.

        Raises
        ------
        OSError
            If they can't be written; then nothing of them is in the file, unless empty lines in their place.
        """
        self.make_room(len(data))
        self.write(data)

    def append_some(self, lines: bytes) -> bytes:
        """Write as many whole lines as the file has room for, at least one, and give the rest.

        Raises
        ------
        OSError
            If they can't be written; then nothing of them is in the file, unless empty lines in their place.
        """
        self.make_room(lines.index(b"\n") + 1)
        end = self._end_of_what_fits(lines)
        self._measure_at = 0.0
        self.write(lines[:end])
        return lines[end:]

    def make_room(self, n_bytes: int) -> None:
        """Rotate the file if so many bytes don't fit, as `append` does of itself.

        Raises
        ------
        OSError
            If there is no file, and none can be made.
        """
        # The end of the file is the one size that has all writers' lines in it. Asking for it at each line took a fifth
        # of the time of an append, and threads queue for the interpreter after each system call.
        self._unseen += n_bytes
        now = time.monotonic()
        if now >= self._measure_at or self._unseen > self._trusted:
            self._measure(n_bytes, now)

    def write(self, data: bytes, *, alone: bool = False) -> None:
        """Write whole lines to the file as it is, full or not.

        Parameters
        ----------
        data : bytes
            The lines.
        alone : bool
            Whether nobody else can be writing to the file now.

        Raises
        ------
        OSError
            If they can't be written; then nothing of them is in the file, unless empty lines in their place.
        """
        written = os.write(self._fd, data)
        if written < len(data):
            if alone:
                self._write_rest(data, written)
            else:
                self._blank_out(written)

    def _write_rest(self, data: bytes, written: int) -> None:
        """Write what is left, or cut off what is there: the disk is full, or will be with the next byte."""
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            os.ftruncate(self._fd, os.lseek(self._fd, 0, os.SEEK_CUR) - written)
            raise

    def _blank_out(self, written: int) -> None:
        """Turn what is there into empty lines, since it can't be cut off: others may be writing behind it."""
        end = os.lseek(self._fd, 0, os.SEEK_CUR)
        with mmap.mmap(self._fd, end) as content:
            content[end - written :] = b"\n" * written
        os.write(self._fd, b"\n")  # fails as the rest would have, which says why
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def follow(self) -> None:
        """See to it now, not only once a second, that the open file is the one at the path.

        Raises
        ------
        OSError
            If there is none, and none can be made.
        """
        self._look(time.monotonic())

    @property
    def position(self) -> tuple[int, int]:
        """The open file's inode and its size in bytes."""
        # No fstat, which would make the next write half as slow again: the system then stamps it to the nanosecond.
        return self._identity[1], os.lseek(self._fd, 0, os.SEEK_END)

    def stop(self) -> None:
        """Close the file, and wait until what is being compressed is done."""
        self._close()
        self._archives.finish()

    def _forget(self) -> None:
        self._fd = -1
        self._identity = (0, 0)
        self._look_at = 0.0
        self._rotate_from = 0.0
        self._due = float("inf")
        self._measure_at = 0.0
        self._unseen = self._trusted = 0.0  # bytes

    def _look(self, now: float) -> None:
        """See whether the path is still the open file: logrotate, an outsider or another writer may have moved it."""
        self._look_at = now + LOOK_S
        if self._fd < 0 or not self._is_current():
            self._reopen()

    def _is_current(self) -> bool:
        try:
            found = self.path.lstat()
        except OSError:  # gone, or the folder is
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def _reopen(self) -> None:
        old = self._fd  # stays in use until the new one is open: Ctrl-C may come between any two steps
        try:
            self._open()
        except OSError:
            if old >= 0 and os.fstat(old).st_nlink:
                return  # rather the file that was moved away than none; but one that was deleted is none
            self._fd = -1
            _close(old)
            raise
        _close(old)

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = _open_shared(self.path)
        found = os.fstat(fd)
        self._fd, self._identity = fd, (found.st_dev, found.st_ino)
        self._look_at = time.monotonic() + LOOK_S
        self._due = float("inf")
        self._measure_at = 0.0

    def _close(self) -> None:
        _close(self._fd)
        self._forget()

    def _measure(self, n_bytes: int, now: float) -> None:
        if now >= self._look_at or self._fd < 0:
            self._look(now)
        if self._is_full(n_bytes):
            self._rotate(now)
        if self._rotation.schedule is None:
            self._measure_at = now + MEASURE_S

    def _is_full(self, n_bytes: int) -> bool:
        rotation = self._rotation
        if rotation.max_bytes is None:
            self._trusted = float("inf")
        else:
            size = os.lseek(self._fd, 0, os.SEEK_END)
            self._unseen, self._trusted = n_bytes, (rotation.max_bytes - size) // TRUSTED_PART
            if size and size + n_bytes > rotation.max_bytes:
                return True
        if rotation.schedule is None:
            return False
        if self._due == float("inf"):  # only now, since an empty file is begun by whoever writes first
            self._due = rotation.schedule.after(max(_begun(self._fd), self._rotated_last()))
        return time.time() >= self._due

    def _rotated_last(self) -> float:
        """Give when a file was rotated last, in seconds since the epoch: events may tell a time long before theirs."""
        with contextlib.suppress(ValueError):  # somebody else's idea of a date
            return max((one.time.timestamp() for one in self.names.rotated()), default=0.0)
        return 0.0

    def _end_of_what_fits(self, lines: bytes) -> int:
        end = len(lines)
        if self._rotation.max_bytes is not None:
            room = self._rotation.max_bytes - os.lseek(self._fd, 0, os.SEEK_END)
            if room < end:
                end = lines.rfind(b"\n", 0, max(room, 0)) + 1
        return end or lines.index(b"\n") + 1  # a line longer than any file, or another writer is rotating

    def _rotate(self, now: float) -> None:
        if now < self._rotate_from:
            return
        try:
            if self._is_current():
                with self._rotating() as alone:
                    if not alone:
                        return  # another writer is at it; this line still goes to the old file
                    if self._is_current():
                        self._rename()
            self._reopen()
        except OSError as error:
            self._rotate_from = now + RETRY_S
            notice(f"{self.path}: not rotated: {describe(error)}")
            if self._fd < 0:
                self._open()
        else:
            self._archives.tidy_soon()

    @contextlib.contextmanager
    def _rotating(self) -> Iterator[bool]:
        """Be the only writer that rotates, if no other is."""
        if not LOCKS:
            yield True
            return
        # Opened afresh each time: a lock belongs to the open file, which a fork would share.
        fd = os.open(self.names.lock, OPEN_FLAGS | os.O_RDWR, MODE)
        try:
            yield lock(fd, exclusive=True) and is_same_file(fd, self.names.lock)
        finally:
            os.close(fd)

    def _rename(self) -> None:
        target = self.names.next(datetime.now(UTC))
        if not LOCKS:
            self._close()  # Windows renames no open file
        self.path.rename(target)

    def _after_fork(self) -> None:
        """Close what a child inherited, without unlocking it, and open it anew at the first line."""
        self._archives.after_fork()
        self._close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "names": self.names, "_rotation": self._rotation, "_archives": self._archives}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()
        _files.add(self)


def _open_shared(path: Path) -> int:
    """Open a file for appending, and lock it as one of its writers."""
    for _ in range(OPEN_TRIES):
        fd = os.open(path, OPEN_FLAGS | os.O_RDWR | os.O_APPEND, MODE)
        try:
            # Between the two calls the file may have been rotated, and even be in the hands of who compresses it.
            if lock(fd, exclusive=False) and is_same_file(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        time.sleep(0.001)
    raise OSError(errno.EAGAIN, "the file is locked by another program", str(path))


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


def _begun(fd: int) -> float:
    """Give the time of a file's first line, in seconds since the epoch; the present if it has none yet."""
    os.lseek(fd, 0, os.SEEK_SET)
    head = os.read(fd, 256)
    if found := _FIRST_TIME.search(head):
        with contextlib.suppress(ValueError):  # somebody else's idea of a date
            return datetime.fromisoformat(found[0].decode()).timestamp()
    return os.fstat(fd).st_mtime if head else time.time()


_files: weakref.WeakSet[RotatingFile] = weakref.WeakSet()


def _after_fork() -> None:
    for file in _files:
        file._after_fork()  # noqa: SLF001 - the class's own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
