"""Opening, locking and moving files on Windows: what O_APPEND, flock and rename do elsewhere.

A file is opened with FILE_SHARE_DELETE, which Python's ``open`` never asks for: only then can others rename or delete
it meanwhile. A lock is on a byte far beyond the end of any file, which is never read or written, since Windows locks
bytes against both. Closing the file releases it.
"""

import sys

assert sys.platform == "win32"

import contextlib
import ctypes
import errno
import msvcrt
import os
import time
from collections.abc import Callable, Iterator
from ctypes import wintypes
from functools import cache
from io import FileIO
from pathlib import Path
from time import monotonic

FINDER = "the Resource Monitor"  # tells which process has a file open
_READ = 0x1 | 0x80 | 0x20000 | 0x100000  # FILE_READ_DATA, FILE_READ_ATTRIBUTES, READ_CONTROL, SYNCHRONIZE
_WRITE, _APPEND = 0x2 | 0x100, 0x4 | 0x100  # FILE_WRITE_DATA or FILE_APPEND_DATA, FILE_WRITE_ATTRIBUTES
_SHARED = 0x1 | 0x2 | 0x4  # reading, writing, deleting
_CREATE_NEW, _CREATE_ALWAYS, _OPEN_EXISTING, _OPEN_ALWAYS = 1, 2, 3, 4
_NORMAL = 0x80
_FAIL_IMMEDIATELY, _EXCLUSIVE = 1, 2
_ACCESS_DENIED, _SHARING_VIOLATION, _LOCK_VIOLATION, _NOT_LOCKED, _IO_PENDING = 5, 32, 33, 158, 997
_NO_LOCKS = {1, 50, 120}  # ERROR_INVALID_FUNCTION, ERROR_NOT_SUPPORTED, ERROR_CALL_NOT_IMPLEMENTED
_IN_USE, _BEING_WRITTEN = 0, 1  # the bytes that are locked
_FAR = 0x7FFF_FFFF
# What os.mkdir(mode=0o700) gives a folder: nothing inherited, all rights to the system, administrators and the owner.
_PRIVATE = "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)"
_SCANNED_S = 0.1  # virus scanners and indexers open a file for a moment, and not always so that it can be renamed
_WRITTEN_S = 10.0

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateFileW.restype = _kernel.ReOpenFile.restype = wintypes.HANDLE
_kernel.CreateFileW.argtypes = [
    wintypes.LPCWSTR,
    *[wintypes.DWORD] * 2,
    wintypes.LPVOID,
    *[wintypes.DWORD] * 2,
    wintypes.HANDLE,
]
_kernel.ReOpenFile.argtypes = [wintypes.HANDLE, *[wintypes.DWORD] * 3]
_kernel.LockFileEx.argtypes = [wintypes.HANDLE, *[wintypes.DWORD] * 4, wintypes.LPVOID]
_kernel.UnlockFileEx.argtypes = [wintypes.HANDLE, *[wintypes.DWORD] * 3, wintypes.LPVOID]


class _Range(ctypes.Structure):
    """An OVERLAPPED: where the byte is."""

    _fields_ = (
        ("internal", ctypes.c_size_t),
        ("internal_high", ctypes.c_size_t),
        ("offset", wintypes.DWORD),
        ("offset_high", wintypes.DWORD),
        ("event", wintypes.HANDLE),
    )


class _SecurityAttributes(ctypes.Structure):
    _fields_ = (("length", wintypes.DWORD), ("descriptor", wintypes.LPVOID), ("inherited", wintypes.BOOL))


class _Reader(FileIO):
    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data and size:
            self.seek(0, os.SEEK_CUR)  # Wine's C runtime stays at an end that it has seen, whatever was written since
        return data


def opened(path: Path, flags: int, mode: int) -> Iterator[int]:
    """Yield the descriptor of a file, opened once it is asked for, and never through a symbolic link.

    A new file is its owner's alone, unless the mode gives rights to others: then it has those of its folder.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return map(msvcrt.open_osfhandle, map(_handle, (path,), (flags,), (mode,)), (_kept(flags),))


def at_high_number(_fd: int) -> Iterator[int]:
    """Yield nothing: the C runtime may give any number to the next file."""
    return iter(())


def permit(_fd: int, _mode: int) -> None:
    """Do nothing: a file got its rights when it was made."""


def identity(fd: int) -> tuple[int, int]:
    """Return 0 and an open file's inode: Wine knows the volume of none that was renamed."""
    return 0, os.fstat(fd).st_ino


def open_to_read(path: Path) -> FileIO:
    """Open a file so that others can go on writing, renaming and deleting it."""
    return _Reader(path, opener=lambda _path, flags: msvcrt.open_osfhandle(_handle(path, flags), _kept(flags)))


def lock(fd: int, *, exclusive: bool) -> bool:
    """Lock an open file without waiting; return whether that succeeded."""
    return _lock(fd, _IN_USE, _EXCLUSIVE if exclusive else 0)


def unlock(fd: int) -> None:
    """Release a lock."""
    _unlock(fd, _IN_USE)


def append(fd: int, data: bytes) -> int:
    """Write at the end of a file, in one piece; return how many bytes were written.

    Under a lock, since only some file systems, such as NTFS, keep to FILE_APPEND_DATA among several processes. After
    ten seconds it writes without the lock, whose holder was stopped in mid-write.
    """
    locked = any(_lock(fd, _BEING_WRITTEN, _EXCLUSIVE) for _ in _tries(_WRITTEN_S))
    try:
        return os.write(fd, data)
    finally:
        if locked:
            _unlock(fd, _BEING_WRITTEN)


def truncate(fd: int, size: int) -> None:
    """Cut a file that is open for appending, which takes the right to write anywhere in it."""
    handle = _kernel.ReOpenFile(msvcrt.get_osfhandle(fd), _READ | _WRITE, _SHARED, 0)
    second = msvcrt.open_osfhandle(_valid(handle), _kept(os.O_RDWR))
    try:
        os.ftruncate(second, size)
    finally:
        os.close(second)


def read_at_start(fd: int, n_bytes: int) -> bytes:
    """Read the beginning of a file."""
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, n_bytes)


def write_at_start(fd: int, data: bytes) -> None:
    """Write over the beginning of a file."""
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, data)


def rename(source: Path, target: Path) -> None:
    """Rename a file that may be open."""
    _patiently(lambda: source.rename(target))


def replace(source: Path, target: Path) -> None:
    """Rename a file that may be open, and put it in the place of another."""
    _patiently(lambda: source.replace(target))


def remove(path: Path) -> None:
    """Delete a file that may be open."""
    _patiently(path.unlink)


def _handle(path: Path, flags: int, mode: int = 0) -> int:
    access, how = _READ, _OPEN_EXISTING
    if flags & (os.O_WRONLY | os.O_RDWR):
        access |= _APPEND if flags & os.O_APPEND else _WRITE
    if flags & os.O_CREAT:
        how = _CREATE_NEW if flags & os.O_EXCL else _CREATE_ALWAYS if flags & os.O_TRUNC else _OPEN_ALWAYS
    rights = ctypes.byref(_for_owner_alone()) if flags & os.O_CREAT and not mode & 0o077 else None
    arguments = (str(path), access, _SHARED, rights, how, _NORMAL, None)
    for _ in _tries(_SCANNED_S):
        handle = _kernel.CreateFileW(*arguments)
        if _is_valid(handle) or ctypes.get_last_error() != _SHARING_VIOLATION:
            break
    return _valid(handle, path)


def _kept(flags: int) -> int:
    return flags & os.O_APPEND | os.O_BINARY | os.O_NOINHERIT


@cache
def _for_owner_alone() -> _SecurityAttributes:
    descriptor = wintypes.LPVOID()
    convert = ctypes.WinDLL("advapi32", use_last_error=True).ConvertStringSecurityDescriptorToSecurityDescriptorW
    if not convert(ctypes.c_wchar_p(_PRIVATE), 1, ctypes.byref(descriptor), None):
        raise _error()
    return _SecurityAttributes(ctypes.sizeof(_SecurityAttributes), descriptor)


def _is_valid(handle: int | None) -> bool:
    return handle not in {None, wintypes.HANDLE(-1).value}


def _valid(handle: int, path: Path | None = None) -> int:
    if not _is_valid(handle):
        raise _error(path)
    return handle


def _error(path: Path | None = None) -> OSError:
    code = ctypes.get_last_error()
    if code == _ACCESS_DENIED and path is not None and path.is_dir():
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return OSError(0, ctypes.FormatError(code).strip(), path and str(path), code)


def _lock(fd: int, byte: int, how: int) -> bool:
    if _kernel.LockFileEx(msvcrt.get_osfhandle(fd), how | _FAIL_IMMEDIATELY, 0, 1, 0, _at(byte)):
        return True
    code = ctypes.get_last_error()
    if code in _NO_LOCKS:
        raise OSError(errno.ENOLCK, ctypes.FormatError(code).strip())
    if code not in {_LOCK_VIOLATION, _IO_PENDING}:
        raise _error()
    return False


def _unlock(fd: int, byte: int) -> None:
    done = _kernel.UnlockFileEx(msvcrt.get_osfhandle(fd), 0, 1, 0, _at(byte))
    if not done and ctypes.get_last_error() not in {_NOT_LOCKED, _LOCK_VIOLATION}:  # Wine says the latter
        raise _error()


def _at(byte: int) -> object:
    return ctypes.byref(_Range(offset=byte, offset_high=_FAR))


def _patiently(call: Callable[[], object]) -> object:
    """Call again for a moment while another program has a file open in a way that keeps it from being moved."""
    for _ in _tries(_SCANNED_S):
        with contextlib.suppress(PermissionError):
            return call()
    return call()


def _tries(wait_s: float) -> Iterator[None]:
    """Go on at once, and then after ever longer pauses, for `wait_s` seconds in all."""
    yield
    until, pause_s = monotonic() + wait_s, 1e-4
    while monotonic() < until:
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.01)
        yield
