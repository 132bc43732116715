"""What becomes of rotated files: compressed and, in time, deleted, in the background."""

import contextlib
import gzip
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import FileIO
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sevenfold.files.locks import is_same_file, lock
from sevenfold.files.policies import Retention
from sevenfold.notices import describe, notice

if TYPE_CHECKING:
    from sevenfold.files.names import Names, Rotated

PATIENCE = 25  # looks at a file that a writer still has open; a writer lets go of it within a second of its next line
PAUSE_S = 0.2
CHUNK_BYTES = 1 << 18  # zlib compresses a chunk without the interpreter's lock: the program goes on meanwhile
LEVEL = 3  # of gzip: half the time of level 6 for 8 % more bytes, on 10 MB of predictions
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Archives:
    """The rotated files of one log file.

    Every process that writes the log file has one of these; a lock on a file decides which of them handles it. What a
    process leaves undone, because it was killed or a writer still had the file open, the next one does at its start
    or rotation.

    Parameters
    ----------
    names : Names
        Of the log file.
    retention : Retention
        What to keep.
    compress : bool
        Whether to gzip.
    """

    def __init__(self, names: "Names", retention: Retention, *, compress: bool) -> None:
        self._names = names
        self._retention = retention
        self._compress = compress
        self.after_fork()

    def after_fork(self) -> None:
        """Start afresh in a process that has no thread of ours."""
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None
        self._finishing = False
        self._told: set[Rotated] = set()

    def tidy_soon(self) -> None:
        """Have the thread look at the rotated files, if there are any."""
        if not (self._compress or self._retention != Retention()) or not self._names.rotated():
            return
        with self._lock:
            self._asked.set()
            if self._thread is None:
                # No daemon: a program that ends waits for the file that is being compressed, not for those in use.
                self._thread = threading.Thread(target=self._run, name=f"tidy {self._names.path.name}", daemon=False)
                with contextlib.suppress(RuntimeError):  # the interpreter is ending; the next start goes on
                    self._thread.start()
                    return
                self._thread = None

    def finish(self) -> None:
        """Wait for the thread, which doesn't wait for files in use any more."""
        with self._lock:
            thread, self._finishing = self._thread, True
            self._asked.set()
        if thread is not None:
            thread.join()
        self._finishing = False

    def tidy(self) -> int:
        """Compress and delete what can be; how many files were left since a writer still has them open."""
        plain = [rotated for rotated in self._names.rotated() if not rotated.compressed] if self._compress else []
        return self._each(_compress, plain) + self._each(_delete, self._surplus())

    def _each(self, handle: "Callable[[Rotated], bool]", files: "list[Rotated]") -> int:
        """Handle each file, whatever befalls the others: a full disk mustn't keep old ones from being deleted."""
        in_use = 0
        for rotated in files:
            try:
                in_use += not handle(rotated)
            except OSError as error:
                if rotated not in self._told:
                    self._told.add(rotated)
                    notice(f"{rotated.path}: left as it is: {describe(error)}")
        return in_use

    def _run(self) -> None:
        left = PATIENCE
        while True:
            self._asked.clear()
            in_use = self._tidy_or_tell()
            with self._lock:
                if not self._asked.is_set() and (not in_use or not left or self._ending()):
                    self._thread = None
                    return
            left = PATIENCE if self._asked.wait(PAUSE_S) else left - 1

    def _tidy_or_tell(self) -> int:
        try:
            return self.tidy()
        except Exception as error:
            notice(f"{self._names.path}: rotated files are left as they are: {describe(error)}")
            return 0

    def _ending(self) -> bool:
        return self._finishing or not threading.main_thread().is_alive()

    def _surplus(self) -> "list[Rotated]":
        """List what retention doesn't keep."""
        keep = self._retention
        if keep == Retention():
            return []
        # For a moment a file is there twice, compressed and not: it counts once.
        newest_first = [list(files) for _, files in groupby(self._names.rotated()[::-1], key=lambda one: one.stamp)]
        surplus, total_bytes, now = [], 0, datetime.now(UTC)
        for count, files in enumerate(newest_first, start=1):
            total_bytes += _size(files[0].path)
            too_many = keep.max_count is not None and count > keep.max_count
            too_old = keep.max_age_s is not None and (now - files[0].time).total_seconds() > keep.max_age_s
            too_large = keep.max_bytes is not None and total_bytes > keep.max_bytes
            if too_many or too_old or too_large:
                surplus += files
        return surplus

    def __getstate__(self) -> dict[str, Any]:
        return {"_names": self._names, "_retention": self._retention, "_compress": self._compress}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.after_fork()


def _compress(rotated: "Rotated") -> bool:
    """Gzip a rotated file; False if a writer still has it open."""
    source = rotated.path
    packed, unfinished = source.with_name(f"{source.name}.gz"), source.with_name(f".{source.name}.gz.tmp")
    try:
        with _alone(source) as file:
            if file is None:
                return False
            # Whoever was killed over this file left its unfinished one behind: it is written over.
            with os.fdopen(os.open(unfinished, _NEW, 0o600), "wb") as raw, _closed_in_children(raw.raw):
                with gzip.GzipFile(source.name, "wb", LEVEL, raw, mtime=rotated.time.timestamp()) as stream:
                    shutil.copyfileobj(file, stream, CHUNK_BYTES)
                raw.flush()
                os.fsync(raw.fileno())
            unfinished.replace(packed)
        source.unlink()
    except FileNotFoundError:  # another process was quicker
        return True
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    return True


def _delete(rotated: "Rotated") -> bool:
    """Delete a rotated file; False if a writer still has it open."""
    try:
        if not rotated.compressed:
            with _alone(rotated.path) as file:
                if file is None:
                    return False
        rotated.path.unlink()
    except FileNotFoundError:
        return True
    return True


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[FileIO | None]:
    """Open a file that no writer has open; None if one has.

    Raises
    ------
    FileNotFoundError
        If it is gone, perhaps just now.
    """
    with path.open("rb", buffering=0) as file, _closed_in_children(file):
        if not lock(file.fileno(), exclusive=True):
            yield None
        elif not is_same_file(file.fileno(), path):
            raise FileNotFoundError(path)
        else:
            yield file


@contextlib.contextmanager
def _closed_in_children(file: Any) -> Iterator[None]:
    """Don't let a child, where this thread doesn't go on, keep a raw file and its lock until it ends."""
    _open_files.add(file)
    try:
        yield
    finally:
        _open_files.discard(file)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


_open_files: set[Any] = set()


def _after_fork() -> None:
    for file in _open_files:
        file.close()
    _open_files.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
