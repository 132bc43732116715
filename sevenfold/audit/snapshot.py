"""The files of an audit trail as they are at one moment, line by line and in bounded memory."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, TypeAlias, cast

from sevenfold.audit.seals import HEAD_BYTES
from sevenfold.files.locks import acquire, is_same_file, release
from sevenfold.files.names import Names
from sevenfold.files.opening import LONGEST_LINE, open_log

# A line; None for one that is longer than `LONGEST_LINE`, and isn't held in memory.
AnyLine: TypeAlias = bytes | None

_BUFFER_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class File:
    """A file of the trail.

    Attributes
    ----------
    path : Path
        Where it was when the snapshot was taken.
    stream : binary file, optional
        Of the live file, which is read up to its size when the snapshot was taken.
    size : int
        That size in bytes.
    """

    path: Path
    stream: IO[bytes] | None = None
    size: int = 0

    def lines(self) -> Iterator[AnyLine]:
        """Read the lines from the first on."""
        if self.stream is None:
            with _opened(self.path) as stream:
                yield from _lines(stream, 1 << 62)
        else:
            self.stream.seek(0)
            yield from _lines(self.stream, self.size)


def snapshot(names: Names, stack: ExitStack, wait_s: float) -> tuple[list[File], bytes | None]:
    """List the files and open the live one while no writer is at work, so that nothing later changes the snapshot.

    Parameters
    ----------
    names : Names
        Of the audit file.
    stack : ExitStack
        Closes what is opened.
    wait_s : float
        Seconds to wait at most for writers that are at work.

    Returns
    -------
    list of File
        The rotated ones, oldest first, and the live one.
    bytes or None
        The content of the head; None without one.

    Raises
    ------
    TimeoutError
        If a writer is at work all the time.
    """
    while True:
        try:
            head = stack.enter_context(open_log(names.head))
        except FileNotFoundError:
            return _files(names, stack), None
        acquire(head.fileno(), wait_s, names.head)
        try:
            if is_same_file(head.fileno(), names.head):
                return _files(names, stack), head.read(HEAD_BYTES)
        finally:
            release(head.fileno())


def _files(names: Names, stack: ExitStack) -> list[File]:
    files = [File(one.path) for one in names.snapshot()]
    with suppress(FileNotFoundError):
        live = stack.enter_context(_opened(names.path))
        files.append(File(names.path, live, os.fstat(live.fileno()).st_size))
    return files


def _opened(path: Path) -> IO[bytes]:
    try:
        file = open_log(path)
    except FileNotFoundError:  # compressed since the snapshot was taken
        if path.suffix == ".gz":
            raise
        file = open_log(path.with_name(f"{path.name}.gz"))
    # The buffer cuts lines quicker than gzip itself.
    return BufferedReader(cast("RawIOBase", file), _BUFFER_BYTES)


def _lines(stream: IO[bytes], left: int) -> Iterator[AnyLine]:
    while line := stream.readline(min(LONGEST_LINE, left)):
        n_bytes = len(line)
        left -= n_bytes
        if n_bytes < LONGEST_LINE or line.endswith(b"\n"):
            yield line
            continue
        while not line.endswith(b"\n") and (line := stream.readline(min(_BUFFER_BYTES, left))):
            left -= len(line)
        yield None
