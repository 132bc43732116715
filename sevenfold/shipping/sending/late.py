"""Bytes that a writer adds to a rotated file after it was finished, because it was stopped in mid-call."""

import time
from typing import Final

from sevenfold.files.gzipped import GzipFile
from sevenfold.files.names import Names
from sevenfold.shipping.messages import CHUNK_BYTES, Piece, Position
from sevenfold.shipping.sending.history import History
from sevenfold.shipping.sending.open_files import nobody_has, opened

LOOK_S: Final = 1.0
AGAIN_S: Final = 10.0  # for the mirror to confirm it


class Late:
    """Watches the finished files of a log that a writer still has open.

    Parameters
    ----------
    names : Names
        The names of the log's files.
    history : History
        The state that lists these files.
    """

    def __init__(self, names: Names, history: History) -> None:
        self._names = names
        self._history = history
        self._next_look_at: dict[str, float] = {}

    def next(self) -> Piece | None:
        """Return the next late piece; None if there is none, or it is too soon to look."""
        for stamp, size in list(self._history.progress.late.items()):
            if time.monotonic() >= self._next_look_at.get(stamp, 0.0):
                self._next_look_at[stamp] = time.monotonic() + LOOK_S
                piece = self._piece_of(stamp, size)
                if piece is not None:
                    self._next_look_at[stamp] += AGAIN_S
                    return piece
        return None

    def _piece_of(self, stamp: str, size: int) -> Piece | None:
        path = self._names.at(stamp)
        file = opened(path) or opened(path.with_name(f"{path.name}.gz"))
        if file is None:
            del self._history.progress.late[stamp]  # deleted
            return None
        with file:
            final = isinstance(file, GzipFile) or nobody_has(file)
            file.seek(size)
            data = file.read(CHUNK_BYTES)
        if not data:
            if final:
                del self._history.progress.late[stamp]
            return None
        return Piece("late", self._names.path.name, Position(self._history.position.after, size), data, stamp)
