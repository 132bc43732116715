"""The key that seals an audit chain, in a file of its own outside the log folder."""

import os
from pathlib import Path

from sevenfold.files.opening import open_new

KEY_BYTES = 32


class AuditError(ValueError):
    """An audit chain that can't be continued as asked; the message says why, and the way out.

    Examples
    --------
    >>> import sinks
    >>> try:
    ...     sinks.configure("logs", audit_key="none.key")
    ... except AuditError as error:
    ...     print(error)
    none.key: ...; make a key with: sevenfold audit-key none.key
    """


def read_key(path: Path, log_dir: Path | None) -> bytes:
    """Read a key file, and refuse one that others could read.

    Raises
    ------
    AuditError
        If there is none, it is too short, others may read it, or it lies in the log folder, whose readers mustn't have
        it.
    """
    if log_dir is not None and path.resolve().is_relative_to(log_dir.resolve()):
        raise AuditError(f"{path}: the key must lie outside the log folder {log_dir}; move it")
    try:
        mode, key = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror}; make a key with: sevenfold audit-key {path}") from error
    if os.name == "posix" and mode & 0o077:
        raise AuditError(f"{path}: others may read the key; do: chmod 600 {path}")
    if len(key) < KEY_BYTES:
        raise AuditError(f"{path}: expected a key of at least {KEY_BYTES} bytes, got {len(key)}")
    return key


def make_key(path: str | Path) -> None:
    """Write a new key that no other user can read.

    Raises
    ------
    FileExistsError
        If the file is there: a key is never written over.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     make_key(f"{folder}/audit.key")
    ...     Path(folder, "audit.key").stat().st_size
    32
    """
    fd = open_new(Path(path), over=False)
    os.write(fd, os.urandom(KEY_BYTES))
    fd.close()
