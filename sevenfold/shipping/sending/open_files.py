"""Files that other processes rename, compress and delete: open them, and find out if a writer has them open."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sevenfold.files.gzipped import GzipFile
from sevenfold.files.locks import lock, release
from sevenfold.files.names import Rotated
from sevenfold.files.opening import open_log


@dataclass(slots=True)
class Reading:
    """A file that is being read.

    Attributes
    ----------
    file : binary file
        The open file.
    rotated : Rotated or None
        Its name when it was opened; None for the live file.
    begin : bytes
        Its first bytes, as far as they were shipped.
    stamp : str
        When it was rotated; "" while it is live.
    final : bool
        Whether no writer had it open any more when it was read.
    announced : bool
        Whether the mirror knows that there is such a file.
    """

    file: IO[bytes]
    rotated: Rotated | None
    begin: bytes
    stamp: str = ""
    final: bool = False
    announced: bool = False
    _size: int = -1
    _since: float = 0.0

    @property
    def compressed(self) -> bool:
        """Whether the file is gzipped."""
        return isinstance(self.file, GzipFile)

    def is_settled(self, size: int, seconds: float) -> bool:
        """Return whether the file has had this size for so many seconds."""
        now = time.monotonic()
        if size != self._size:
            self._size, self._since = size, now
        return now - self._since > seconds


def opened(path: Path) -> IO[bytes] | None:
    """Open a file for reading; None if it isn't there."""
    try:
        return open_log(path)
    except FileNotFoundError:
        return None


def nobody_has(file: IO[bytes]) -> bool:
    """Return whether no writer has a file open: each holds a lock on it while it has."""
    try:
        alone = lock(file.fileno(), exclusive=True)
    except OSError:
        return False  # NFS locks only what is open for writing
    if alone:
        release(file.fileno())
    return alone
