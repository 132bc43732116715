"""Log files that several processes append to and rotate, and that never lose a line.

The rules, by which any number of writers get along without a server:

- A line is one write to the end of a file (O_APPEND).
- Every writer holds a shared lock (``flock``) on the log file that it has open, for as long as it is open. The
  exclusive lock is granted only once no writer has the file open: only such a file is compressed or deleted.
- Each writer measures the file every hundredth of a second, and before it has filled an eighth of the room itself:
  alone it never writes beyond the limit, and eight of them hardly.
- A writer that finds the file full renames it under an exclusive lock on a separate file beside it. No writer waits for
  that lock: one that doesn't get it writes on, and finds at its next line that the path is another file now.
- If a rotation fails at any step, the line is written to the file that is open.
- A descriptor that was closed from outside is opened again at the next line, and the line is written then.

Where the file system has no locks, a folder is for one process. `sevenfold.files.systems.windows` has what O_APPEND and
``flock`` are there.

It has more than 300 lines since all that can happen to one open file is handled in one place.
"""

import contextlib
import errno
import os
import re
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sevenfold.channels import CompressionArgument, RetentionArgument, RotationArgument
from sevenfold.files.archives import Archives
from sevenfold.files.forks import forget_in_children
from sevenfold.files.locks import is_same_file
from sevenfold.files.names import Names
from sevenfold.files.opening import CLOSED, Descriptor, check_mode, make_folder, open_in_place, open_to_append
from sevenfold.files.policies import Every, Schedule, parse_compression, parse_retention, parse_rotation
from sevenfold.files.systems import system
from sevenfold.files.totals import Total
from sevenfold.files.turns import Turn, last_rotation, turn
from sevenfold.notices import describe, notice

LOOK_S = 1.0  # how often a writer looks whether its file is still the one at the path
MEASURE_S = 0.01  # how old a measured size may be
TRUSTED_PART = 8  # a writer measures again before it has filled an eighth of the room itself
RETRY_S = 10.0  # pause after a rotation that failed
_FIRST_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class RotatingFile:
    """A log file that any number of processes append to.

    Parameters
    ----------
    path : Path
        The file. Its folder is made if need be; a symbolic link in the file's place is refused.
    rotation, retention, compression
        As `sevenfold.files.policies` reads them; None switches each off. Rotated files are compressed and deleted by a
        thread in the background.
    mode : int, optional
        The permissions of the file and of those beside it, such as 0o640; by default a new one is for its owner alone.
    total : Total, optional
        A bound for this file and others together; it holds at each moment, over all writers.

    Attributes
    ----------
    n_bytes : int
        Bytes that this process has written to it, and to the rotated ones.

    Raises
    ------
    OSError
        If the file can't be opened.
    ValueError
        If an option can't be understood.
    """

    n_bytes = 0
    _end_of_torn: bytes  # what must come before the next line

    def __init__(
        self,
        path: Path,
        *,
        rotation: RotationArgument = None,
        retention: RetentionArgument = None,
        compression: CompressionArgument = None,
        mode: int | None = None,
        total: Total | None = None,
    ) -> None:
        self.path = Path(path)
        self.names = Names(self.path, check_mode(mode))
        self._rotation = parse_rotation(rotation)
        if total is not None:
            self._rotation = replace(self._rotation, max_bytes=total.limits[self.path])
        compress = parse_compression(compression)
        self._archives = Archives(self.names, parse_retention(retention), compress=compress, total=total)
        self._forget()
        self._begin()
        forget_in_children(self._after_fork)
        self._archives.tidy_soon()

    def append(self, data: bytes) -> None:
        """Write whole lines, in one piece.

        Raises
        ------
        OSError
            If they can't be written; then the file has none of them, but perhaps empty lines in their place, or a
            torn line where even these don't fit.
        """
        self.make_room(len(data))
        self.write(data)

    def append_some(self, lines: bytes) -> bytes:
        """Write as many whole lines as the file has room for, at least one, and give the rest.

        Raises
        ------
        OSError
            If they can't be written; then the file has none of them, but perhaps empty lines in their place, or a
            torn line where even these don't fit.
        """
        self.make_room(lines.index(b"\n") + 1)
        end = self._end_of_what_fits(lines)
        self._measure_at = 0.0
        self.write(lines[:end])
        return lines[end:]

    def make_room(self, n_bytes: int) -> bool:
        """Rotate the file if `n_bytes` more don't fit, as `append` does by itself.

        Returns
        -------
        bool
            Whether another file is open now.

        Raises
        ------
        OSError
            If there is no file, and none can be made.
        """
        # The end of the file is the one size that has all writers' lines in it. Asking for it at each line took a fifth
        # of the time of an append, and threads queue for the interpreter after each system call.
        self._unseen += n_bytes
        now = time.monotonic()
        if now < self._measure_at and self._unseen <= self._trusted:
            return False
        before = self._fd
        self._measure(n_bytes, now)
        return self._fd is not before

    def write(self, data: bytes, *, alone: bool = False) -> None:
        """Write whole lines to the file as it is, full or not.

        Parameters
        ----------
        data : bytes
            The lines.
        alone : bool
            Whether no other writer can be at work on the file now.

        Raises
        ------
        OSError
            If they can't be written; then the file has none of them, but perhaps empty lines in their place, or a
            torn line where even these don't fit.
        """
        data = self._end_of_torn + data if self._end_of_torn else data
        try:
            written = system.append(self._fd, data)
        except OSError as error:
            self._reopen_if_closed(error)
            written = system.append(self._fd, data)
        if written < len(data):
            if alone:
                self._write_rest(data, written)
            else:
                self._blank_out(written)
        self._end_of_torn = b""
        self.n_bytes += len(data)

    def _write_rest(self, data: bytes, written: int) -> None:
        """Write the rest, or cut off the part that was written: the disk is full, or will be with the next byte."""
        try:
            while written < len(data):
                written += system.append(self._fd, data[written:])
        except OSError:
            system.truncate(self._fd, os.lseek(self._fd, 0, os.SEEK_CUR) - written)
            raise

    def _blank_out(self, written: int) -> None:
        """Turn the part that was written into empty lines: it can't be cut off, since others may write behind it.

        A file system that copies what is written over (btrfs, ZFS) may have no room for that either: the line stays
        torn, which readers report, and the next one begins a line of its own.
        """
        begin = os.lseek(self._fd, 0, os.SEEK_CUR) - written
        self._end_of_torn = b"\n"
        with contextlib.suppress(OSError):
            self._overwrite(begin, b"\n" * written)
            self._end_of_torn = b""
        system.append(self._fd, b"\n")  # fails as the rest would have, which says why
        self._end_of_torn = b""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def _overwrite(self, begin: int, data: bytes) -> None:
        """Write over what is in the file, through a second descriptor: with O_APPEND all is written at the end."""
        fd = open_in_place(self.path)
        try:
            if not is_same_file(self._fd, self.path) or fd.identity != self._fd.identity:
                raise FileNotFoundError(self.path)  # rotated just now
            os.lseek(fd, begin, os.SEEK_SET)
            while data:
                data = data[os.write(fd, data) :]
        finally:
            fd.close()

    def follow(self) -> None:
        """Make sure now, not only once a second, that the open file is the one at the path.

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
        size = self._size()
        return self._inode, size

    def stop(self) -> None:
        """Close the file, and wait for the rotated one that is being compressed."""
        self._close()
        self._archives.finish()

    def _forget(self) -> None:
        self._fd: Descriptor = CLOSED
        self._inode = 0
        self._look_at = 0.0
        self._rotate_from = 0.0
        self._due = float("inf")
        self._measure_at = 0.0
        self._unseen = self._trusted = 0.0  # bytes
        self._end_of_torn = b""

    def _size(self) -> int:
        try:
            return os.lseek(self._fd, 0, os.SEEK_END)
        except OSError as error:
            self._reopen_if_closed(error)
            return os.lseek(self._fd, 0, os.SEEK_END)

    def _reopen_if_closed(self, error: OSError) -> None:
        """Open the file anew if its descriptor was closed; raise any other error."""
        if error.errno != errno.EBADF:
            raise error
        self.follow()

    def _look(self, now: float) -> None:
        """Reopen the file if it isn't at the path any more: logrotate, a person or another writer may have moved it."""
        self._look_at = now + LOOK_S
        if not self._fd.is_open():
            self._fd.close()  # before its number is given again, perhaps to the same file
            self._fd = CLOSED
        if not self._is_current():
            self._reopen()

    def _is_current(self) -> bool:
        try:
            return self._fd.is_open() and is_same_file(self._fd, self.path)
        except OSError:  # the folder is gone, or a file is in its place
            return False

    def _reopen(self) -> None:
        old = self._fd  # stays in use until the new one is open: Ctrl-C may come between any two steps
        try:
            self._begin()
        except OSError:
            if old.is_open() and os.fstat(old).st_nlink:
                return  # rather the file that was moved away than none; but one that was deleted is none
            self._fd = CLOSED
            old.close()
            raise
        old.close()

    def _begin(self) -> None:
        make_folder(self.path.parent, self.names.mode)
        fd = open_to_append(self.path, self.names.mode)
        self._fd, self._inode = fd, fd.inode
        self._look_at = time.monotonic() + LOOK_S
        self._due = float("inf")
        self._measure_at = 0.0

    def _close(self) -> None:
        self._fd.close()
        self._forget()

    def _measure(self, n_bytes: int, now: float) -> None:
        if now >= self._look_at or self._fd is CLOSED:
            self._look(now)
        try:
            if self._is_full(n_bytes) and now >= self._rotate_from:
                self._rotate()
        except Exception as error:  # an odd file name, or a schedule's date: the line goes to the file that is open
            self._rotate_from = now + RETRY_S
            notice(f"{self.path}: not rotated: {describe(error)}")
        if self._fd is CLOSED:
            self._begin()
        if self._rotation.schedule is None:
            self._measure_at = now + MEASURE_S

    def _is_full(self, n_bytes: int) -> bool:
        rotation = self._rotation
        if rotation.max_bytes is None:
            self._trusted = float("inf")
        else:
            size = self._size()
            self._unseen, self._trusted = n_bytes, (rotation.max_bytes - size) // TRUSTED_PART
            if size and size + n_bytes > rotation.max_bytes:
                return True
        if rotation.schedule is None:
            return False
        return time.time() >= self._due_at(rotation.schedule)

    def _due_at(self, schedule: Schedule) -> float:
        """Return when the file is to be rotated, in seconds since the epoch."""
        if self._due == float("inf"):  # only now, since an empty file begins with the first line of any writer
            # Events may tell a time long before theirs: the last rotation counts, too.
            last, origin = last_rotation(self.names)
            self._due = schedule.after(max(_begun(self._fd), last), origin)
        return self._due

    def _end_of_what_fits(self, lines: bytes) -> int:
        end = len(lines)
        if self._rotation.max_bytes is not None:
            room = self._rotation.max_bytes - self._size()
            if room < end:
                end = lines.rfind(b"\n", 0, max(room, 0)) + 1
        return end or lines.index(b"\n") + 1  # a line longer than any file, or another writer is rotating

    def _rotate(self) -> None:
        if self._is_current():
            with turn(self.names) as mine:
                if mine is None:
                    return  # another writer is at it; this line still goes to the old file
                if self._is_current():
                    self._rename(mine)
        self._reopen()
        self._archives.make_room()
        self._archives.tidy_soon()

    def _rename(self, mine: Turn) -> None:
        target = mine.name(_begun(self._fd) if isinstance(self._rotation.schedule, Every) else None)
        system.rename(self.path, target)

    def _after_fork(self) -> None:
        """Close what a child inherited, without unlocking it, and open it anew at the first line."""
        self._archives.after_fork()
        self._close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "names": self.names, "_rotation": self._rotation, "_archives": self._archives}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()
        forget_in_children(self._after_fork)


def _begun(fd: int) -> float:
    """Return the time of a file's first line, in seconds since the epoch; the present if it has none yet."""
    os.lseek(fd, 0, os.SEEK_SET)
    head = os.read(fd, 256)
    if found := _FIRST_TIME.search(head):
        with contextlib.suppress(ValueError):  # no date of this calendar
            return datetime.fromisoformat(found[0].decode()).timestamp()
    return os.fstat(fd).st_mtime if head else time.time()
