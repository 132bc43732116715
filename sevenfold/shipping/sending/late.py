"""What comes to a rotated file when it has been finished: a writer was stopped in mid-call, and goes on."""

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
    """Looks after the finished files of a log that a writer still has open.

    Parameters
    ----------
    names : Names
        Of the log.
    history : History
        Which these are.
    """

    def __init__(self, names: Names, history: History) -> None:
        self._names = names
        self._history = history
        self._at: dict[str, float] = {}

    def next(self) -> Piece | None:
        """Return what has come to one of them; None if nothing has, or it is too soon to look."""
        for stamp, size in list(self._history.progress.late.items()):
            if time.monotonic() >= self._at.get(stamp, 0.0):
                self._at[stamp] = time.monotonic() + LOOK_S
                piece = self._of(stamp, size)
                if piece is not None:
                    self._at[stamp] += AGAIN_S
                    return piece
        return None

    def _of(self, stamp: str, size: int) -> Piece | None:
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
