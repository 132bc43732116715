"""The audit chain: append sealed lines, from any number of processes.

An event is appended under one lock: read the head, append the line, move the head. A writer that is killed in between
leaves one line more than the head says, or a torn one: the next writer counts the former and ends the latter,
before it rotates the file. So a line that the head doesn't know of is always in the file that the head names.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sevenfold.audit.keys import AuditError
from sevenfold.audit.recovery import last_id, last_line, last_line_of_all, read_tail
from sevenfold.audit.seals import HEAD_BYTES, NO_MAC, SEAL_BYTES, Head, fits, id_in_head, new_id, parse_head, seal_line
from sevenfold.files.forks import forget_in_children
from sevenfold.files.locks import acquire, is_same_file, release
from sevenfold.files.opening import CLOSED, LONGEST_LINE, Descriptor, make_folder, open_beside
from sevenfold.files.rotating import LOOK_S, MEASURE_S, RotatingFile
from sevenfold.files.systems import system

WAIT_S = 10.0  # for other writers
GRACE_S = 1.2 * LOOK_S  # by then every writer has checked that the head file still exists


class Chain:
    """Append sealed lines to an audit file; any number of processes may, and one thread of each at a time.

    Parameters
    ----------
    file : RotatingFile
        The audit file, which only chains write. It is closed if the chain can't begin.
    key : bytes, optional
        Seals with HMAC; without it every user who can write the files can seal, too.
    wait_s : float
        Seconds to wait at most while other writers are at work.

    Raises
    ------
    AuditError
        If the chain that is there was begun with a key and none is given, or the other way round, or with another key;
        or if another process keeps the chain locked.
    OSError
        If the head can't be opened.
    """

    _file: RotatingFile
    _key: bytes | None
    _wait_s: float
    _fd: Descriptor
    _known: Head | None  # the last head that this process wrote
    _text: bytes  # and its bytes
    _next_full_check: float
    _next_cheap_check: float
    _path: Path
    _log_path: str

    def __init__(self, file: RotatingFile, key: bytes | None = None, wait_s: float = WAIT_S) -> None:
        self.__setstate__({"_file": file, "_key": key, "_wait_s": wait_s})
        try:
            while not self._begin():
                self.close()
        except BaseException:
            self.close()
            file.stop()
            raise

    def append(self, line: bytes) -> None:
        """Seal a line of JSON that ends with ``}`` and a newline, and append it.

        Raises
        ------
        AuditError
            If another process keeps the chain locked, or the line is longer than `verify` reads; the event isn't
            written.
        OSError
            If it can't be written; the chain goes on with the next.
        """
        if len(line) > LONGEST_LINE - SEAL_BYTES:
            raise AuditError(f"{self._log_path}: an event of {len(line)} bytes is too long: {LONGEST_LINE} at most")
        while not self._in_turn(lambda: self._append(line)):
            self.close()  # the head file was deleted or replaced: open the new one

    def close(self) -> None:
        """Close the head."""
        self._fd.close()
        self._fd = CLOSED
        self._next_full_check = self._next_cheap_check = 0.0

    def _begin(self) -> bool:
        """Begin a chain, or mend what a crash has left."""
        return self._in_turn(lambda: self._recovered_head() is not None)

    def _in_turn(self, work: Callable[[], bool]) -> bool:
        """Work while no other writer does; return False if the head must be opened anew."""
        try:
            fd = self._opened()
            try:
                acquire(fd, self._wait_s, self._path)
                return work()
            finally:
                release(fd)
        except TimeoutError:
            raise AuditError(
                f"{self._path}: another process has kept the chain locked for {self._wait_s:g} s: find out which, with"
                f" {system.FINDER}, and end it, or wait longer with configure(audit_wait=...)"
            ) from None
        except OSError as error:
            if error.errno != errno.EBADF or self._fd.is_open():
                raise
            return False  # the descriptor was closed
        except BaseException:
            self.close()  # unlocks it in any case: Ctrl-C may have come before the lock was given back
            raise

    def _append(self, line: bytes) -> bool:
        head = self._head_if_unchanged() or self._recovered_head()
        # Rotated once the end is as the head says, and noted there before the line is written: a writer that is killed
        # then leaves no head that another one, which still has the rotated file open, would take for up to date.
        if head is not None and self._file.make_room(len(line) + SEAL_BYTES):
            head = self._moved_to_new_file(head)
        if head is None:
            return False
        sealed, mac = seal_line(line, head, self._key)
        self._file.write(sealed, alone=True)
        self._write(Head(head.id, head.seq + 1, mac, head.inode, head.end + len(sealed)))
        return True

    def _moved_to_new_file(self, head: Head) -> Head | None:
        inode, end = self._file.position
        return self._recovered_head() if end else self._write(head._replace(inode=inode, end=end))

    def _opened(self) -> Descriptor:
        if self._fd is CLOSED:
            mode = self._file.names.mode
            make_folder(self._path.parent, mode)
            self._fd = open_beside(self._path, mode)
        return self._fd

    def _head_if_unchanged(self) -> Head | None:
        """Return the head, if the log file is there and ends where the head says; None if a closer look is due.

        A log file that was deleted or moved is noticed within a hundredth of a second; one that was replaced, or a
        change of the head file alone, once another process has written or a second has passed.
        """
        now = monotonic()
        if now >= self._next_cheap_check:  # looking a path up costs a fifth of all the rest
            if now >= self._next_full_check or not os.access(self._log_path, os.F_OK):
                return None
            self._next_cheap_check = now + MEASURE_S
        text = system.read_at_start(self._fd, HEAD_BYTES)
        head = self._known if text == self._text else parse_head(text, self._key)
        if head is None or (head.inode, head.end) != self._file.position:
            return None
        return None if head is not self._known and self._is_older(head) else head

    def _recovered_head(self) -> Head | None:
        """Return the head, with the log file's end mended; None if the head was deleted or replaced."""
        if not is_same_file(self._fd, self._path):
            return None
        self._next_full_check = monotonic() + LOOK_S
        self._file.follow()
        head = self._head_from_file()
        return head if (head.inode, head.end) == self._file.position else self._repaired(head)

    def _is_older(self, head: Head) -> bool:
        """Whether this process wrote a later one: numbers only rise, so the head was replaced by an old one."""
        known = self._known
        return known is not None and known.id == head.id and known.seq > head.seq

    def _head_from_file(self) -> Head:
        if self._known is None:
            self._refuse_other_key()
        head = parse_head(system.read_at_start(self._fd, HEAD_BYTES), self._key)
        if head is None:
            return self._after_lost_head()
        return self._known if self._known and self._is_older(head) else head

    def _refuse_other_key(self) -> None:
        id_ = id_in_head(system.read_at_start(self._fd, HEAD_BYTES))
        id_ = last_id(self._file.names) if id_ is None else id_
        if id_ and not fits(id_, self._key):
            begun = ("with another key" if self._key else "with a key") if id_[0] == "k" else "without a key"
            raise AuditError(
                f"{self._file.path} was begun {begun}: give the same again, or move the audit files and their head"
                f" {self._path.name} elsewhere to begin anew"
            )

    def _after_lost_head(self) -> Head:
        """Go on behind the last line that is known, and leave out a number.

        Whether lines at the end were cut can't be told any more: the missing number keeps a trace of that.
        """
        if last_id(self._file.names):
            sleep(GRACE_S)  # until the other writers are waiting for the new head that this one has locked
        last = last_line_of_all(self._file.names, self._key) or self._known
        if last is None:
            return Head(new_id(self._key), 0, NO_MAC)
        if self._known and self._is_older(last):
            last = self._known
        return Head(last.id, last.seq + 1, last.mac)

    def _repaired(self, head: Head) -> Head:
        """End a torn line; count a last line whose writer was killed before it could move the head."""
        tail = read_tail(self._file.path)
        if tail and not tail.endswith(b"\n"):
            self._file.write(b"\n", alone=True)
        inode, end = self._file.position
        # The file that the head names may have been rotated since.
        last = last_line(tail, self._key) if inode == head.inode else last_line_of_all(self._file.names, self._key)
        if last and last.id == head.id and last.seq > head.seq:
            head = last
        return self._write(head._replace(inode=inode, end=end))

    def _write(self, head: Head) -> Head:
        # One small write in place: a writer that is killed leaves the old head or the new one.
        text = head.to_bytes(self._key)
        system.write_at_start(self._fd, text)
        self._known, self._text = head, text
        return head

    def __getstate__(self) -> dict[str, Any]:
        return {"_file": self._file, "_key": self._key, "_wait_s": self._wait_s}

    def __setstate__(self, state: dict[str, Any]) -> None:
        file = state["_file"]
        self.__dict__.update(state, _path=file.names.head, _log_path=str(file.path))
        self.__dict__.update(_fd=CLOSED, _known=None, _text=b"-", _next_full_check=0.0, _next_cheap_check=0.0)
        forget_in_children(self.close)  # the lock goes with the open file, which the parent shares
