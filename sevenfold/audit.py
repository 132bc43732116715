"""The audit chain: append sealed lines, from any number of processes.

An event is appended under one lock: read the head, append the line, move the head. Who is killed in between leaves one
line more than the head says, or a torn one: the next writer takes the former over and ends the latter.
"""

import gzip
import os
import secrets
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sevenfold.files import MODE, OPEN_FLAGS, RotatingFile
from sevenfold.locks import is_same_file, locked
from sevenfold.seals import NO_MAC, Head, mac_of, parse_head, read_seal, seal_line

KEY_BYTES = 32
_HEAD_BYTES = 256  # a head is shorter
_TAIL_BYTES = 65_536  # read from the end of a file to find its last line; more where that is longer


class AuditError(ValueError):
    """An audit chain that can't be gone on with as asked; the message says why, and the way out."""


class Chain:
    """Append sealed lines to an audit file; any number of processes may.

    Parameters
    ----------
    file : RotatingFile
        The audit file.
    key : bytes, optional
        Seals with HMAC; without it anybody who can write the files can seal, too.

    Raises
    ------
    AuditError
        If the chain that is there was begun with a key and none is given, or the other way round.
    OSError
        If the head can't be opened.
    """

    def __init__(self, file: RotatingFile, key: bytes | None = None) -> None:
        self._file = file
        self._key = key
        self._fd = -1
        self._known: Head | None = None
        _chains.add(self)
        with self._locked() as head:
            if head.id.startswith("k") != (key is not None):
                self.close()
                raise AuditError(
                    f"{file.path} was begun {'with' if key is None else 'without'} a key: give the same again, or move"
                    " the audit files and their head elsewhere to begin anew"
                )

    def append(self, text: str) -> None:
        """Seal a line of JSON that ends with ``}`` and a newline, and append it.

        Raises
        ------
        OSError
            If it can't be written; the chain goes on with the next.
        """
        with self._locked() as head:
            line, seal = seal_line(text.encode("utf-8", "backslashreplace"), head, self._key)
            self._file.append(line)
            inode, end = self._file.position
            self._write(Head(seal.id, seal.seq, seal.mac, inode, end))

    def close(self) -> None:
        """Close the head."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @contextmanager
    def _locked(self) -> Iterator[Head]:
        """Hold the lock on the head, and give it as it is, with the log file's end looked after."""
        path = self._file.names.head
        while True:
            if self._fd < 0:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._fd = os.open(path, OPEN_FLAGS | os.O_RDWR, MODE)
            with locked(self._fd):
                if is_same_file(self._fd, path):
                    self._file.follow()
                    yield self._current()
                    return
            self.close()  # somebody deleted or replaced it: what we know is written anew

    def _current(self) -> Head:
        head = self._read() or self._found_again() or Head(self._new_id(), 0, NO_MAC)
        if (head.inode, head.end) != self._file.position:
            head = self._mended(head)
        self._known = head
        return head

    def _mended(self, head: Head) -> Head:
        """End a torn line, and take over the one that a killed writer could not acknowledge."""
        tail = _tail(self._file.path)
        if tail and not tail.endswith(b"\n"):
            self._file.append(b"\n")
        last = tail.splitlines()[-1] if tail else b""
        seal = read_seal(last)
        follows = seal is not None and (seal.id, seal.seq, seal.prev) == (head.id, head.seq + 1, head.mac)
        if seal is not None and follows and mac_of(last, self._key) == seal.mac:
            head = Head(seal.id, seal.seq, seal.mac)
        inode, end = self._file.position
        head = replace(head, inode=inode, end=end)
        self._write(head)
        return head

    def _found_again(self) -> Head | None:
        """Where the head is gone: the last line that we know of, or that the files hold."""
        paths = [self._file.path, *(rotated.path for rotated in reversed(self._file.names.rotated()))]
        seals = (read_seal(line) for path in paths for line in reversed(_tail(path).splitlines()))
        seal = next(filter(None, seals), None)
        last = None if seal is None else Head(seal.id, seal.seq, seal.mac)
        return max((head for head in (self._known, last) if head), key=lambda head: head.seq, default=None)

    def _new_id(self) -> str:
        return ("s" if self._key is None else "k") + secrets.token_hex(8)

    def _read(self) -> Head | None:
        os.lseek(self._fd, 0, os.SEEK_SET)
        return parse_head(os.read(self._fd, _HEAD_BYTES))

    def _write(self, head: Head) -> None:
        # One small write in place: whoever is killed leaves the old head or the new one.
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, head.to_bytes())
        self._known = head

    def _after_fork(self) -> None:
        self.close()  # the lock goes with the open file, which the parent shares

    def __getstate__(self) -> dict[str, Any]:
        return {"_file": self._file, "_key": self._key}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _fd=-1, _known=None)
        _chains.add(self)


def read_key(path: Path, log_dir: Path) -> bytes:
    """Read a key file, and refuse one that others could read.

    Raises
    ------
    AuditError
        If there is none, it is too short, others may read it, or it lies in the log folder, whose readers it is to be
        kept from.
    """
    if path.resolve().is_relative_to(log_dir.resolve()):
        raise AuditError(f"{path}: the key must lie outside the log folder {log_dir}; move it")
    try:
        mode, key = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror}; make a key with: python main.py audit-key {path}") from error
    if os.name == "posix" and mode & 0o077:
        raise AuditError(f"{path}: others may read the key; do: chmod 600 {path}")
    if len(key) < KEY_BYTES:
        raise AuditError(f"{path}: expected a key of at least {KEY_BYTES} bytes, got {len(key)}")
    return key


def make_key(path: Path) -> None:
    """Write a new key that nobody else can read.

    Raises
    ------
    FileExistsError
        If the file is there: a key is never written over.
    """
    fd = os.open(path, OPEN_FLAGS | os.O_EXCL | os.O_WRONLY, MODE)
    with os.fdopen(fd, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))


def _tail(path: Path) -> bytes:
    """Read the end of a file, with its last line whole."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            length = _TAIL_BYTES
            while True:
                file.seek(max(0, size - length))
                tail: bytes = file.read()
                if length >= size or b"\n" in tail.rstrip():
                    return tail
                length *= 8
    except FileNotFoundError:
        return b""


_chains: weakref.WeakSet[Chain] = weakref.WeakSet()


def _after_fork() -> None:
    for chain in _chains:
        chain._after_fork()  # noqa: SLF001 - the class's own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
