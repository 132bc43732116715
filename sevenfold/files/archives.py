"""Compress rotated files and, in time, delete them, in the background.

It has more than 300 lines since whether a rotated file goes or stays is decided in one place.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from sevenfold.files.gzipped import LEVEL, GzipFile
from sevenfold.files.locks import is_same_file, lock
from sevenfold.files.opening import Descriptor, open_new, open_to_lock
from sevenfold.files.policies import Retention
from sevenfold.files.shipped.keeping import only_here
from sevenfold.files.systems import system
from sevenfold.files.turns import note_last
from sevenfold.notices import describe, notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sevenfold.files.names import Names, Rotated
    from sevenfold.files.totals import Total

PATIENCE = 25  # looks at a file that a writer still has open; a writer lets go of it within a second of its next line
PAUSE_S = 0.2
START_S = 0.1  # before a look at the folder: the call that asked for it goes on meanwhile
CHUNK_BYTES = 1 << 18  # zlib compresses a chunk without the interpreter's lock: the program goes on meanwhile


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
    total : Total, optional
        A bound for this log file and others together.
    """

    def __init__(self, names: Names, retention: Retention, *, compress: bool, total: Total | None = None) -> None:
        self._names = names
        self._total = total
        self._retention = retention
        self._compress = compress
        self.after_fork()

    def after_fork(self) -> None:
        """Start afresh in a forked process, which has no thread of ours; the parent finishes its own work."""
        for fd in getattr(self, "_open", ()):
            fd.close()
        self._open = set[Descriptor]()
        self._lock = threading.Lock()
        # No Event: Ctrl-C may come while one is being set, and leave it locked for good.
        self._requests, self._hurry = SimpleQueue[None](), SimpleQueue[None]()
        self._thread: threading.Thread | None = None
        self._finishing = self._noted = False
        self._has_room = self._total is None
        self._waits = False  # for files to be shipped
        self._reported: set[Rotated] = set()

    def tidy_soon(self) -> None:
        """Have the thread look at the rotated files."""
        if not self._compress and self._retention == Retention() and self._has_room:
            return
        self._requests.put(None)
        with self._lock:
            # Ctrl-C may have come when it was there but not started.
            if self._thread is None or not self._thread.is_alive():
                # No daemon: a program that ends waits for the file that is being compressed, not for those in use.
                thread = threading.Thread(target=self._run, name=f"tidy {self._names.path.name}", daemon=False)
                with contextlib.suppress(RuntimeError):  # the interpreter is ending; the next start goes on
                    self._thread = thread
                    thread.start()

    def finish(self) -> None:
        """Wait until the thread has finished its file; the next start handles the others."""
        self._finishing = True
        self._hurry.put(None)
        self._requests.put(None)
        thread = self._thread
        if thread is not None and thread.is_alive():
            thread.join()
        self._finishing = False

    def make_room(self) -> int:
        """Delete the oldest files of all channels while they exceed their bound; return how many were in use."""
        if self._total is None:
            return 0
        in_use = 0
        excess, rotated = self._total.rotated()
        kept = self._only_here([one for one, _ in rotated], self._total.limits) if excess > 0 else set()
        for one, size in sorted(rotated, key=lambda item: item[0] in kept):
            if excess > 0:
                if one in kept:
                    notice(f"{one.path}: deleted before it was shipped: max_total leaves no room for it")
                left = self._each(self._delete, [one])
                in_use += left
                # Not whether it exists: Windows may show a deleted file until all programs have closed it.
                stays = one in self._reported or (left and not self._is_going(one))
                excess -= 0 if stays else size
        self._has_room = excess <= 0
        return in_use

    def tidy(self) -> int:
        """Delete and compress what can be; return how many files were left, since a writer has them open."""
        in_use = 0 if self._has_room else self.make_room()
        in_use += self._each(self._delete, self._surplus())
        plain = self._names.rotated(plain=True, gently=not self._finishing) if self._compress else []
        return in_use + self._each(self._pack, plain)

    def _each(self, handle: Callable[[Rotated], bool], files: list[Rotated]) -> int:
        """Handle each file, even if others fail: a full disk mustn't keep old ones from being deleted."""
        in_use = 0
        for number, rotated in enumerate(files, start=1):
            try:
                in_use += not handle(rotated)
                self._reported.discard(rotated)
            except OSError as error:
                if rotated not in self._reported:
                    self._reported.add(rotated)
                    notice(f"{rotated.path}: left as it is: {describe(error)}")
            if self._finishing and number > in_use:  # at least one, so that short runs make progress
                break
        return in_use

    def _run(self) -> None:
        left = PATIENCE
        while True:
            if not self._finishing:
                _wait(self._hurry, START_S)
            _wait(self._requests, 0)
            in_use = self._tidy_or_tell()
            patient = in_use and left and not self._ending()
            has_request = _wait(self._requests, PAUSE_S if patient else 0)
            left = PATIENCE if has_request else left - 1
            with self._lock:
                if self._finishing or (not (has_request or patient) and self._requests.empty()):
                    self._thread = None
                    return

    def _tidy_or_tell(self) -> int:
        try:
            if not self._noted:
                note_last(self._names)
                self._noted = True
            return self.tidy()
        except Exception as error:
            notice(f"{self._names.path}: rotated files are left as they are: {describe(error)}")
            return 0

    def _ending(self) -> bool:
        return self._finishing or not threading.main_thread().is_alive()

    def _surplus(self) -> list[Rotated]:
        """List what retention doesn't keep."""
        keep = self._retention
        if keep == Retention():
            return []
        newest_first: dict[str, list[Rotated]] = {}
        for rotated in self._names.rotated(gently=not self._finishing)[::-1]:
            # For a moment a file is there twice, compressed and not: it counts once.
            newest_first.setdefault(rotated.stamp, []).append(rotated)
        surplus, total_bytes, now = [], 0, datetime.now(UTC)
        for count, files in enumerate(newest_first.values(), start=1):
            total_bytes += _size(files[0].path)
            too_many = keep.max_count is not None and count > keep.max_count
            too_old = keep.max_age_s is not None and (now - files[0].time).total_seconds() > keep.max_age_s
            too_large = keep.max_bytes is not None and total_bytes > keep.max_bytes
            if too_many or too_old or too_large:
                surplus += files
        return self._but_unshipped(surplus)

    def _but_unshipped(self, surplus: list[Rotated]) -> list[Rotated]:
        """Leave out the files that aren't in the mirror yet, if the folder is shipped."""
        kept = self._only_here(surplus, [self._names.path]) if surplus else set()
        if kept and not self._waits:
            notice(f"{self._names.path}: {len(kept)} rotated files are kept beyond their time, until they are shipped")
        self._waits = bool(kept)
        return [one for one in surplus if one not in kept]

    def _only_here(self, rotated: list[Rotated], paths: Iterable[Path]) -> set[Rotated]:
        try:
            return only_here(paths, rotated)
        except (OSError, ValueError) as error:
            notice(f"{describe(error)}: until then no rotated file is deleted")
            return set(rotated)

    def _pack(self, rotated: Rotated) -> bool:
        """Gzip a rotated file; False if a writer still has it open."""
        source = rotated.path
        packed, unfinished = source.with_name(f"{source.name}.gz"), source.with_name(f".{source.name}.gz.tmp")
        try:
            with self._alone(source) as fd:
                if fd is None:
                    return False
                # A process that was killed over this file left an unfinished one behind: it is written over.
                with self._held(open_new(unfinished, over=True, mode=self._names.mode)) as new:
                    _gzip(fd, new, rotated)
                system.replace(unfinished, packed)
                system.remove(source)
        except FileNotFoundError:  # another process was quicker
            return True
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        return True

    def _delete(self, rotated: Rotated) -> bool:
        """Delete a rotated file; False if a writer still has it open."""
        with contextlib.suppress(FileNotFoundError):
            if rotated.compressed:
                system.remove(rotated.path)
                return True
            with self._alone(rotated.path) as fd:
                if fd is None:
                    return False
                system.remove(rotated.path)
        return True

    def _is_going(self, rotated: Rotated) -> bool:
        """Return whether another thread or process is deleting or compressing a file, so that no writer has it open."""
        gone = FileNotFoundError, PermissionError  # which Windows says of a file that is being deleted
        with contextlib.suppress(*gone):
            with self._held(open_to_lock(rotated.path)) as fd:
                free = lock(fd, exclusive=False)
            return not (free and rotated.path.exists())  # it may have gone since it was opened
        return True

    @contextlib.contextmanager
    def _alone(self, path: Path) -> Iterator[Descriptor | None]:
        """Open a file that no writer has open; None if one has.

        Raises
        ------
        FileNotFoundError
            If it is gone, perhaps just now.
        """
        with self._held(open_to_lock(path)) as fd:
            if not lock(fd, exclusive=True):
                yield None
            elif not is_same_file(fd, path):
                raise FileNotFoundError(path)
            else:
                yield fd

    @contextlib.contextmanager
    def _held(self, fd: Descriptor) -> Iterator[Descriptor]:
        """Close a file at the end; a forked child, where this thread doesn't go on, closes it at once."""
        self._open.add(fd)
        try:
            yield fd
        finally:
            self._open.discard(fd)
            fd.close()

    def __getstate__(self) -> dict[str, Any]:
        return {
            "_names": self._names,
            "_retention": self._retention,
            "_compress": self._compress,
            "_total": self._total,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.after_fork()


def _wait(requests: SimpleQueue[None], seconds: float) -> bool:
    """Wait up to `seconds` for a request to the thread; return whether there was one."""
    with contextlib.suppress(Empty):
        requests.get(timeout=seconds)
        while not requests.empty():
            requests.get()
        return True
    return False


def _gzip(source: Descriptor, target: Descriptor, rotated: Rotated) -> None:
    with os.fdopen(target, "wb", closefd=False) as raw, os.fdopen(source, "rb", closefd=False) as file:
        with GzipFile(rotated.path.name, "wb", LEVEL, raw, mtime=rotated.time.timestamp()) as stream:
            shutil.copyfileobj(file, stream, CHUNK_BYTES)
        raw.flush()
        os.fsync(target)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
