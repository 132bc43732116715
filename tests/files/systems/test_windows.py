"""Tests for Windows alone; tests/windows/wine.sh runs them on Debian."""

import sys

import pytest

if sys.platform != "win32":
    pytest.skip("needs Windows; tests/windows/wine.sh runs it under Wine", allow_module_level=True)

import ctypes
import errno
import msvcrt
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import wintypes
from pathlib import Path
from time import monotonic

from sevenfold.files.systems import windows

APPENDING = os.O_CREAT | os.O_RDWR | os.O_APPEND
IN_USE = 32  # ERROR_SHARING_VIOLATION
ITS_RIGHTS = 4  # DACL_SECURITY_INFORMATION


def opened(path: Path, flags: int, mode: int = 0o600) -> int:
    return next(windows.opened(path, flags, mode))


@contextmanager
def unshared(path: Path) -> Iterator[None]:
    """Open a file as a virus scanner may: for itself alone."""
    handle = windows._kernel.CreateFileW(
        str(path), windows._READ, 0, None, windows._OPEN_EXISTING, windows._NORMAL, None
    )
    assert windows._is_valid(handle)
    fd = msvcrt.open_osfhandle(handle, os.O_RDONLY)
    try:
        yield
    finally:
        os.close(fd)


def for_a_moment(path: Path, scanned: threading.Event, seconds: float) -> threading.Thread:
    def scan() -> None:
        with unshared(path):
            scanned.set()
            threading.Event().wait(seconds)

    thread = threading.Thread(target=scan)
    thread.start()
    assert scanned.wait(60)
    return thread


@pytest.mark.parametrize(
    "use",
    [
        lambda path: os.close(opened(path, APPENDING)),
        lambda path: windows.open_to_read(path).close(),
        lambda path: windows.rename(path, path.with_suffix(".moved")),
        lambda path: windows.replace(path, path.with_suffix(".moved")),
        windows.remove,
    ],
    ids=["opened", "open_to_read", "rename", "replace", "remove"],
)
def test_a_file_that_a_scanner_has_open_for_a_moment_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[Path], object]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"line\n")
    monkeypatch.setattr(windows, "_SCANNED_S", 60.0)
    thread = for_a_moment(path, threading.Event(), 0.1)
    use(path)
    thread.join()
    monkeypatch.setattr(windows, "_SCANNED_S", 0.0)
    path.write_bytes(b"line\n")
    with unshared(path), pytest.raises(PermissionError) as caught:
        use(path)
    assert caught.value.winerror == IN_USE
    assert path.read_bytes() == b"line\n"


def test_a_file_that_python_itself_has_open_can_be_appended_to_and_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fd = opened(path, APPENDING)
    with path.open("rb") as plain:
        windows.append(fd, b"line\n")
        assert plain.read() == b"line\n"
        with windows.open_to_read(path) as reader:
            assert reader.read() == b"line\n"
    os.close(fd)


def test_a_line_is_written_though_another_process_was_stopped_in_mid_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    first, second = opened(path, APPENDING), opened(path, APPENDING)
    assert windows._lock(first, windows._BEING_WRITTEN, windows._EXCLUSIVE)
    monkeypatch.setattr(windows, "_WRITTEN_S", 0.1)
    begun = monotonic()
    assert windows.append(second, b"line\n") == 5
    assert monotonic() - begun >= 0.1
    windows._unlock(first, windows._BEING_WRITTEN)
    windows.append(second, b"next\n")
    assert windows._lock(first, windows._BEING_WRITTEN, windows._EXCLUSIVE)  # whose lock append() gave back
    os.close(first)
    os.close(second)
    assert path.read_bytes() == b"line\nnext\n"


def test_the_lock_of_a_write_and_that_of_a_writer_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    first, second = opened(path, APPENDING), opened(path, APPENDING)
    assert windows.lock(first, exclusive=True)
    begun = monotonic()
    windows.append(second, b"line\n")
    assert monotonic() - begun < windows._WRITTEN_S
    os.close(first)
    os.close(second)


@pytest.mark.parametrize("code", sorted(windows._NO_LOCKS))
def test_a_file_system_without_locks_is_told_as_posix_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fd = opened(tmp_path / "file", APPENDING)

    class Kernel:
        @staticmethod
        def LockFileEx(*_: object) -> int:  # noqa: N802 - Windows calls it so
            ctypes.set_last_error(code)
            return 0

    monkeypatch.setattr(windows, "_kernel", Kernel)
    with pytest.raises(OSError, match=r".") as caught:
        windows.lock(fd, exclusive=True)
    assert caught.value.errno == errno.ENOLCK
    os.close(fd)


def test_an_error_names_the_file_and_what_windows_says(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path / "no" / "such"):
        with pytest.raises(FileNotFoundError) as caught:
            opened(path, os.O_RDONLY)
        assert caught.value.filename == str(path)
        assert caught.value.strerror == ctypes.FormatError(caught.value.winerror).strip()


def test_a_new_file_is_its_owners_alone_unless_its_mode_lets_others_in(tmp_path: Path) -> None:
    private, shared, plain = tmp_path / "private", tmp_path / "shared", tmp_path / "plain"
    os.close(opened(private, APPENDING, 0o600))
    os.close(opened(shared, APPENDING, 0o640))
    plain.touch()
    trustees = {entry.split(";")[-1] for entry in rights(private).rstrip(")").split(")")}
    assert all(one in {"SY", "BA", "OW"} or one.startswith("S-1-5-21-") for one in trustees)  # the last is an account
    assert rights(shared) == rights(plain)
    assert rights(private) != rights(shared)


def rights(path: Path) -> str:
    """Return a file's access list as Windows writes it."""
    security = ctypes.WinDLL("advapi32", use_last_error=True)
    needed, text = wintypes.DWORD(), wintypes.LPWSTR()
    security.GetFileSecurityW(ctypes.c_wchar_p(str(path)), ITS_RIGHTS, None, 0, ctypes.byref(needed))
    found = ctypes.create_string_buffer(needed.value)
    assert security.GetFileSecurityW(ctypes.c_wchar_p(str(path)), ITS_RIGHTS, found, needed, ctypes.byref(needed))
    assert security.ConvertSecurityDescriptorToStringSecurityDescriptorW(found, 1, ITS_RIGHTS, ctypes.byref(text), None)
    return str(text.value)
