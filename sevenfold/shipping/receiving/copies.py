"""A mirror's copy of one log file, and how pieces are applied to it."""

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
    """A piece contradicts what the mirror has of the host, with the reason."""


class Outcome(Enum):
    """The outcome of applying a piece."""

    DONE = "done"
    OLD = "old"  # the mirror had it already
    AHEAD = "ahead"  # the mirror lacks bytes before it


class Copy:
    """A mirror's copy of a log file, with its rotated files.

    Parameters
    ----------
    path : Path
        The live file.

    Attributes
    ----------
    late : dict of str to int
        The sizes of the rotated files that got ``late`` pieces, by stamp.
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
        """How far the mirror has the file."""
        return Position(self._after, self._size, print_of(self._begin))

    @property
    def is_there(self) -> bool:
        """Whether there is a live file."""
        return bool(self._size) or self._names.path.exists()

    def head(self) -> bytes:
        """Return the head of a sealed file; b"" if there is none."""
        return content_of(self._names.head)

    def apply(self, piece: Piece) -> Outcome:
        """Apply a piece; `Mirror.apply` documents the result and the errors."""
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
        """Refuse bytes that differ: two hosts have one name, or a folder was put back from a copy."""
        with open_log(self._names.path) as file:
            file.seek(offset)
            mirrored = file.read(len(data))
        if mirrored != data[: len(mirrored)]:
            raise Refused(f"{self._names.path} isn't what the host has from byte {offset} on")

    def _write(self, data: bytes | memoryview, mode: int | None) -> None:
        with contextlib.closing(open_to_append(self._names.path, mode)) as fd:
            rest = data
            while rest:  # a disk may take only a part; the next try goes on behind it
                rest = rest[os.write(fd, rest) :]
        self._begin = (self._begin + data[:PRINT_BYTES])[:PRINT_BYTES]
        self._size += len(data)

    @contextlib.contextmanager
    def _sealing(self, mode: int | None = None) -> Iterator[Descriptor]:
        """Lock a sealed file, as its writer does, so that `verify` finds both the lines and the head, or neither."""
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
        """Go on after a collector that was killed just after it had renamed the file."""
        target = self._names.at(piece.stamp)
        if self._size or not target.exists() or target.stat().st_size != piece.position.offset:
            return Outcome.AHEAD
        self._note(piece.stamp)
        return Outcome.DONE

    def _close_gap(self, piece: Piece) -> Outcome:
        """Keep the beginning of a file whose rest is lost."""
        if piece.stamp:
            self._rename(piece)
        return Outcome.DONE

    def _rename(self, piece: Piece) -> None:
        target = self._names.at(piece.stamp)
        if target.exists():  # a collector was killed just after it had renamed the file
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
        """Delete bytes that came again of a file that is already there whole."""
        if self._size:
            if not filecmp.cmp(self._names.path, target, shallow=False):
                raise Refused(f"{target} is there already, and isn't what the host has")
            system.remove(self._names.path)

    def _note(self, stamp: str) -> None:
        """Note the file that was finished last, as a writer notes the one that it rotated."""
        with contextlib.closing(open_beside(self._names.lock)) as fd:
            system.write_at_start(fd, stamp.encode())
            os.fsync(fd)
        self._after, self._size, self._begin = stamp, 0, b""

    def _last(self) -> str:
        stamp = content_of(self._names.lock)[:_STAMP_BYTES].decode("latin-1")
        with contextlib.suppress(ValueError):
            parse_stamp(stamp)
            return stamp
        return max((rotated.stamp for rotated in self._names.rotated()), default="")

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
    """Return the bytes of a file; b"" if there is none."""
    with contextlib.suppress(FileNotFoundError), open_log(path) as file:
        return file.read()
    return b""


def mode_of(mode: int | None) -> int | None:
    """Return the permissions of a file on its host; None unless a log file may have them."""
    with contextlib.suppress(ValueError):
        return check_mode(mode)
    return None
