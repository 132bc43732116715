"""What a mirror has of one log file, and how a piece of it is put there."""

import contextlib
import filecmp
import os
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Final

from sevenfold.files.locks import acquire, release
from sevenfold.files.names import Names, parse_stamp
from sevenfold.files.opening import Descriptor, check_mode, open_beside, open_log, open_to_append, open_to_lock
from sevenfold.files.systems import system
from sevenfold.shipping.messages import PRINT_BYTES, Piece, Position, print_of

_WAIT_S: Final = 60.0  # for a reader that verifies
_STAMP_BYTES: Final = 26


class Refused(ValueError):  # noqa: N818 - an answer
    """A piece that can't belong to what the mirror has of the host, and why."""


class Outcome(Enum):
    """What became of a piece."""

    DONE = "done"
    OLD = "old"  # the mirror had it
    AHEAD = "ahead"  # what comes before it isn't there


class Copy:
    """What a mirror has of a log file.

    Parameters
    ----------
    path : Path
        Where the live file is.

    Attributes
    ----------
    late : dict of str to int
        How long the rotated files are that something came to later, by stamp.
    """

    def __init__(self, path: Path) -> None:
        self.late: dict[str, int] = {}
        self._names = Names(path)
        self._after = self._last()
        self._begin = b""
        self._size = 0
        with contextlib.suppress(FileNotFoundError), open_log(path) as file:
            self._begin = file.read(PRINT_BYTES)
            self._size = os.fstat(file.fileno()).st_size

    @property
    def position(self) -> Position:
        """How far the file is there."""
        return Position(self._after, self._size, print_of(self._begin))

    @property
    def is_there(self) -> bool:
        """Whether there is a live file."""
        return bool(self._size) or self._names.path.exists()

    def head(self) -> bytes:
        """Return the head of a sealed file; nothing where there is none."""
        return content_of(self._names.head)

    def apply(self, piece: Piece) -> Outcome:
        """Put a piece where it belongs; `Mirror.apply` says what comes and is raised."""
        if piece.kind == "late":
            return self._append_late(piece)
        if piece.position.after != self._after:
            return Outcome.OLD if self._had(piece.position.after) else Outcome.AHEAD
        if piece.kind == "gap":
            return self._close_gap(piece)
        if piece.kind == "end":
            return self._finish(piece)
        return self._append(piece)

    def _had(self, stamp: str) -> bool:
        """Whether a rotated file was finished before the last one."""
        path = self._names.at(stamp) if stamp else None
        return path is None or path.exists() or path.with_name(f"{path.name}.gz").exists() or stamp <= self._after

    # The live file

    def _append(self, piece: Piece) -> Outcome:
        offset, end = piece.position.offset, piece.position.offset + len(piece.data)
        if offset > self._size:
            return Outcome.AHEAD
        if print_of(self._begin[:offset]) != piece.position.print:
            raise Refused(f"{self._names.path} begins otherwise than the file of the host")
        if offset < self._size:
            self._compare(offset, piece.data)
        if end < self._size or (end == self._size and not piece.head and self.is_there):
            return Outcome.OLD
        new = piece.data[self._size - offset :]
        sealed = bool(piece.head) or self._names.head.exists()
        with self._sealing(mode_of(piece.mode)) if sealed else contextlib.nullcontext() as head:
            if new or not self.is_there:
                self._write(new, mode_of(piece.mode))
            if head is not None and piece.head:
                text = piece.head.encode("latin-1")
                system.write_at_start(head, text)
                system.truncate(head, len(text))
        return Outcome.DONE

    def _compare(self, offset: int, data: bytes | memoryview) -> None:
        """Refuse what differs from what is there: two hosts had one name, or a folder was put back from a copy."""
        with open_log(self._names.path) as file:
            file.seek(offset)
            there = file.read(len(data))
        if there != data[: len(there)]:
            raise Refused(f"{self._names.path} isn't what the host has from byte {offset} on")

    def _write(self, data: bytes | memoryview, mode: int | None) -> None:
        with contextlib.closing(open_to_append(self._names.path, mode)) as fd:
            rest = data
            while rest:  # a disk may take a part; what is there then is where the next try begins
                rest = rest[os.write(fd, rest) :]
        self._begin = (self._begin + data[:PRINT_BYTES])[:PRINT_BYTES]
        self._size += len(data)

    @contextlib.contextmanager
    def _sealing(self, mode: int | None = None) -> Iterator[Descriptor]:
        """Be alone with a sealed file, as its writer is, so that `verify` finds both lines and head, or neither."""
        with contextlib.closing(open_beside(self._names.head, mode)) as fd:
            acquire(fd, _WAIT_S, self._names.head)
            try:
                yield fd
            finally:
                release(fd)

    # Rotated files

    def _finish(self, piece: Piece) -> Outcome:
        if piece.position.offset > self._size:
            return self._finish_again(piece)
        if piece.position.offset < self._size:
            raise Refused(f"{self._names.path} has {self._size} bytes, and the host's had {piece.position.offset}")
        self._rename(piece)
        return Outcome.DONE

    def _finish_again(self, piece: Piece) -> Outcome:
        """Go on where a collector was killed when it had renamed the file."""
        there = self._names.at(piece.stamp)
        if self._size or not there.exists() or there.stat().st_size != piece.position.offset:
            return Outcome.AHEAD
        self._note(piece.stamp)
        return Outcome.DONE

    def _close_gap(self, piece: Piece) -> Outcome:
        """Keep the beginning of a file whose rest is gone."""
        if piece.stamp:
            self._rename(piece)
        return Outcome.DONE

    def _rename(self, piece: Piece) -> None:
        target = self._names.at(piece.stamp)
        if target.exists():  # a collector was killed when it had renamed the file
            self._drop_twin_of(target)
            self._note(piece.stamp)
            return
        with contextlib.closing(open_to_append(self._names.path, mode_of(piece.mode))) as fd:
            os.fsync(fd)  # the host may delete it from now on
        if piece.mtime:
            os.utime(self._names.path, (piece.mtime, piece.mtime))
        with self._sealing() if self._names.head.exists() else contextlib.nullcontext():
            system.rename(self._names.path, target)
        with contextlib.suppress(OSError), contextlib.closing(open_to_lock(target.parent)) as folder:
            os.fsync(folder)  # Windows opens no folders
        self._note(piece.stamp)

    def _drop_twin_of(self, target: Path) -> None:
        """Delete what came again of a file that is there whole."""
        if self._size:
            if not filecmp.cmp(self._names.path, target, shallow=False):
                raise Refused(f"{target} is there already, and isn't what the host has")
            system.remove(self._names.path)

    def _note(self, stamp: str) -> None:
        """Note which file was finished last, as a writer notes which it rotated."""
        with contextlib.closing(open_beside(self._names.lock)) as fd:
            system.write_at_start(fd, stamp.encode())
            os.fsync(fd)
        self._after, self._size, self._begin = stamp, 0, b""

    def _last(self) -> str:
        noted = content_of(self._names.lock)[:_STAMP_BYTES].decode("latin-1")
        with contextlib.suppress(ValueError):
            parse_stamp(noted)
            return noted
        return max((one.stamp for one in self._names.rotated()), default="")

    def _append_late(self, piece: Piece) -> Outcome:
        path = self._names.at(piece.stamp)
        if not path.exists():
            return Outcome.OLD if self._had(piece.stamp) else Outcome.AHEAD
        size, offset = path.stat().st_size, piece.position.offset
        if offset > size:
            return Outcome.AHEAD
        with contextlib.closing(open_to_append(path)) as fd:
            rest = piece.data[size - offset :]
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        self.late[piece.stamp] = path.stat().st_size
        return Outcome.DONE


def content_of(path: Path) -> bytes:
    """Return what is in a file; nothing where there is none."""
    with contextlib.suppress(FileNotFoundError), open_log(path) as file:
        return file.read()
    return b""


def mode_of(mode: int | None) -> int | None:
    """Return the permissions that a file has on its host, if a log file may have them."""
    with contextlib.suppress(ValueError):
        return check_mode(mode)
    return None
