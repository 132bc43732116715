"""A log file with its rotated ones as pieces, from a position on: whole lines of a live file, all of a rotated one."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_IMODE
from typing import IO, Final

from sevenfold.audit.seals import HEAD_BYTES
from sevenfold.files.gzipped import DAMAGED, GzipFile
from sevenfold.files.locks import acquire, is_same_file, release
from sevenfold.files.names import Names, Rotated, parse_stamp, stamp_of
from sevenfold.files.opening import open_log
from sevenfold.files.rotating import LOOK_S
from sevenfold.files.shipped.notes import Progress
from sevenfold.shipping.messages import CHUNK_BYTES, LINE_BYTES, PRINT_BYTES, Piece, Position, Report, print_of
from sevenfold.shipping.sending.history import History
from sevenfold.shipping.sending.late import Late
from sevenfold.shipping.sending.open_files import Reading, nobody_has, opened

HEAD_WAIT_S: Final = 5.0
SETTLED_S: Final = 2 * LOOK_S  # how long to wait for a writer that still has a rotated file open
_TRIES: Final = 20


class Source:
    """A log file with its rotated ones, as pieces.

    Parameters
    ----------
    path : Path
        The log file.
    progress : Progress
        How far it has been shipped; kept up to date.
    """

    def __init__(self, path: Path, progress: Progress) -> None:
        self.names = Names(path)
        self.history = History(progress)
        self.n_rewinds = 0
        self._reading: Reading | None = None
        self._piece: Piece | None = None
        self._queue: list[Rotated] = []  # files to ship, oldest first
        self._gone: list[str] = []  # files that were deleted before they were shipped
        self._head = ""  # as it was shipped last
        self._late = Late(self.names, self.history)

    @property
    def is_between(self) -> bool:
        """Whether a rotated file isn't finished yet."""
        return bool(self._queue) or (self._reading is not None and bool(self._reading.stamp))

    def next(self) -> Piece | None:
        """Return the next piece, the same until `moved` is called; None if there is none yet.

        Raises
        ------
        OSError
            If a file can't be read, or a writer keeps the head locked.
        """
        if self._piece is None:
            self._piece = self._next() or self._late.next()
        return self._piece

    def moved(self, piece: Piece) -> None:
        """Go on behind a piece that the broker has."""
        self._piece = None
        reading = self._reading
        if piece.kind == "data":
            self._move_on(piece)
        elif piece.kind != "late" and piece.stamp:  # the end, or a gap that ends the file
            is_open = piece.kind == "end" and reading is not None and not reading.final
            self.history.finish(piece.stamp, is_open=is_open)
            self.close()
            self._queue = [one for one in self._queue if one.stamp != piece.stamp]
            self._gone = [stamp for stamp in self._gone if stamp != piece.stamp]
        elif piece.kind == "gap":
            self.history.progress.seen, self._gone = [one.stamp for one in self._queue], []

    def confirm(self, report: Report) -> bool:
        """Note what the mirror has; return whether it lacks something that was sent."""
        if report.position == self.history.position and report.head != print_of(self._head.encode("latin-1")):
            self._head = ""  # to be shipped once more
        if self._reading is not None and not report.there:
            self._reading.announced = False
        return self.history.confirm(report)

    def rewind(self, position: Position) -> None:
        """Go back, or forward, to the position of the mirror."""
        self.close()
        self._piece, self._queue, self._gone, self._head = None, [], [], ""
        self.n_rewinds += 1
        self.history.rewind(position, [one.stamp for one in self.names.snapshot()])

    def close(self) -> None:
        """Close the open file."""
        if self._reading is not None:
            self._reading.file.close()
        self._reading = None

    def _next(self) -> Piece | None:
        if self._reading is None:
            gap = self._begin()
            if gap is not None or self._reading is None:
                return gap
        reading = self._reading
        try:
            return self._of_rotated(reading) if reading.stamp else self._of_live(reading)
        except DAMAGED as error:
            return self._gap(reading.stamp, f"damaged: {error}")

    # The file that comes next

    def _begin(self) -> Piece | None:
        """Open the file at the position; return a gap if that file, or one before it, was deleted."""
        for _ in range(_TRIES):
            rotated = next(iter(self._queue), None) or self._listed()
            file = opened(self.names.path if rotated is None else rotated.path)
            if file is None and rotated is not None:
                self._queue = []  # compressed or deleted: look anew
                continue
            if rotated is None and self._listed() is not None:
                if file is not None:
                    file.close()
                continue  # rotated between the two looks
            gone = self._gone
            begin = None if file is None else self._begin_if_right(file)
            if file is not None and begin is not None:
                if gone:
                    file.close()
                    return self._gap("", f"{', '.join(gone)}: deleted before it was shipped")
                self._reading = Reading(file, rotated, begin, "" if rotated is None else rotated.stamp)
                return None
            if file is not None:
                file.close()
            if self.history.progress.offset:
                stamp = next(iter(gone), "") or self._stamp_before(rotated)
                return self._gap(stamp, "the rest of a file that was deleted, or cut, before it was shipped")
            if file is None:
                return self._gap("", f"{', '.join(gone)}: deleted before it was shipped") if gone else None
        return None

    def _listed(self) -> Rotated | None:
        """List the rotated files that aren't finished, and return the oldest."""
        rotated = self.names.snapshot()
        done = {*self.history.finished}
        self._queue = [one for one in rotated if one.stamp not in done]
        self._gone = self.history.look(one.stamp for one in rotated)
        return next(iter(self._queue), None)

    def _begin_if_right(self, file: IO[bytes]) -> bytes | None:
        """Return the first bytes of an open file, and seek to the position; None if it is another file."""
        offset = self.history.progress.offset
        try:
            begin = file.read(min(offset, PRINT_BYTES)) if offset else b""
            if print_of(begin) != self.history.progress.print:
                return None
            size = file.seek(offset) if isinstance(file, GzipFile) else os.fstat(file.fileno()).st_size
        except DAMAGED:
            return None
        return begin if size >= offset else None

    def _stamp_before(self, rotated: Rotated | None) -> str:
        """Return a stamp for a file without one: just before the next rotated file, or now."""
        moment = datetime.now(UTC) if rotated is None else parse_stamp(rotated.stamp) - timedelta(microseconds=1)
        return stamp_of(moment)

    # The live file

    def _of_live(self, reading: Reading) -> Piece | None:
        offset, fd = self.history.progress.offset, reading.file.fileno()
        size = os.fstat(fd).st_size
        if size < offset:
            self.close()  # the file was cut
            return self._begin()
        head = self._head
        if self.names.head.exists():
            if size == offset and self._read_head() == self._head and is_same_file(fd, self.names.path):
                return None
            sealed = self._sealed(fd)
            size, head = sealed if sealed is not None else (offset, self._head)
        if size == offset and head == self._head:
            if not (offset or reading.announced):  # ship an empty file, too
                return self._data(reading, b"")
            return None if is_same_file(fd, self.names.path) else self._of_moved(reading)
        data = self._read_at(reading, offset, min(CHUNK_BYTES, size - offset))
        at_end = offset + len(data) == size
        data = _whole_lines(data)
        if not data and not (at_end and head != self._head):
            return None if is_same_file(fd, self.names.path) else self._of_moved(reading)
        return self._data(reading, data, head if at_end else "")

    def _sealed(self, fd: int) -> tuple[int, str] | None:
        """Return the size of the live file and its head at the same moment; None if it was rotated just now."""
        with open_log(self.names.head) as head:
            acquire(head.fileno(), HEAD_WAIT_S, self.names.head)
            try:
                if not is_same_file(fd, self.names.path):
                    return None
                return os.fstat(fd).st_size, head.read(HEAD_BYTES).decode("latin-1")
            finally:
                release(head.fileno())

    def _read_head(self) -> str:
        with open_log(self.names.head) as head:
            return head.read(HEAD_BYTES).decode("latin-1")

    def _of_moved(self, reading: Reading) -> Piece | None:
        """Go on with a file that was the live one: rotated, or moved or deleted by an outsider."""
        rotated, is_open_one = self._rotated_from(reading)
        if rotated is not None and is_open_one:
            reading.rotated, reading.stamp = rotated, rotated.stamp
        elif rotated is None and not self.names.path.exists():
            return None  # perhaps it is being rotated just now
        else:
            reading.stamp = self._stamp_before(rotated)
        return self._of_rotated(reading)

    def _rotated_from(self, reading: Reading) -> tuple[Rotated | None, bool]:
        """Return the next rotated file, and whether it is the open one, which may be compressed by now."""
        for _ in range(_TRIES):
            rotated = self._listed()
            file = None if rotated is None else opened(rotated.path)
            if rotated is None:
                return None, False
            if file is not None:
                with file:
                    if not rotated.compressed:
                        return rotated, os.path.sameopenfile(file.fileno(), reading.file.fileno())
                    return rotated, file.read(PRINT_BYTES) == self._read_at(reading, 0, PRINT_BYTES)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.names.path))

    # A rotated file

    def _of_rotated(self, reading: Reading) -> Piece | None:
        offset = self.history.progress.offset
        reading.final = self._is_final(reading)  # before reading, so that nothing is added behind what is read
        data = self._read_at(reading, offset, CHUNK_BYTES)
        if len(data) == CHUNK_BYTES:
            return self._data(reading, self._to_line_end(reading, data))
        if not (reading.final or reading.is_settled(offset + len(data), SETTLED_S)):
            data = _whole_lines(data)
            return self._data(reading, data) if data else None
        if data:
            return self._data(reading, data)
        mtime = os.fstat(reading.file.fileno()).st_mtime
        return Piece("end", self._name, self.history.position, stamp=reading.stamp, mtime=mtime)

    def _to_line_end(self, reading: Reading, data: bytes) -> bytes:
        if reading.compressed and not data.endswith(b"\n"):  # seeking back in a compressed file means to read it anew
            return data + reading.file.readline(LINE_BYTES)
        return _whole_lines(data)

    def _is_final(self, reading: Reading) -> bool:
        """Whether no writer has a rotated file open any more: each holds a lock on it."""
        return reading.compressed or nobody_has(reading.file)

    # Pieces

    @property
    def _name(self) -> str:
        return self.names.path.name

    def _data(self, reading: Reading, data: bytes, head: str = "") -> Piece:
        mode = S_IMODE(os.fstat(reading.file.fileno()).st_mode)
        return Piece("data", self._name, self.history.position, data, head=head, mode=mode)

    def _gap(self, stamp: str, why: str) -> Piece:
        return Piece("gap", self._name, self.history.position, stamp=stamp, why=why)

    def _move_on(self, piece: Piece) -> None:
        reading = self._reading
        if reading is not None:
            reading.announced = True
            reading.begin = (reading.begin + piece.data[:PRINT_BYTES])[:PRINT_BYTES]
            self.history.add(len(piece.data), reading.begin)
        self._head = piece.head or self._head

    def _read_at(self, reading: Reading, offset: int, n_bytes: int) -> bytes:
        if reading.file.tell() != offset:
            reading.file.seek(offset)
        return reading.file.read(n_bytes)


def _whole_lines(data: bytes) -> bytes:
    """Return the data without an unfinished last line, unless that is longer than a message."""
    end = data.rfind(b"\n") + 1
    return data[:end] if end or len(data) < CHUNK_BYTES else data
