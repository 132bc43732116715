"""The promises that `posix` and `windows` share, tried on the one that this system uses."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from sevenfold.files.systems import system

APPENDING = os.O_CREAT | os.O_RDWR | os.O_APPEND


def opened(path: Path, flags: int, mode: int = 0o600) -> int:
    return next(system.opened(path, flags, mode))


def test_what_is_appended_stands_at_the_end_whoever_has_written_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "file"
    first, second = opened(path, APPENDING), opened(path, APPENDING)
    for fd, data in ((first, b"one\n"), (second, b"two\r\n"), (first, b"three\x1a\n")):
        assert system.append(fd, data) == len(data)
    os.close(first)
    os.close(second)
    assert path.read_bytes() == b"one\ntwo\r\nthree\x1a\n"


def test_what_several_append_at_once_is_whole(tmp_path: Path) -> None:
    path, n_writers, n_lines = tmp_path / "file", 4, 200

    def write(writer: int) -> None:
        fd = opened(path, APPENDING)
        for number in range(n_lines):
            system.append(fd, b"%d %d\n" % (writer, number))
        os.close(fd)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(n_writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [b"%d %d" % (writer, number) for writer in range(n_writers) for number in range(n_lines)]
    assert sorted(path.read_bytes().split(b"\n")[:-1]) == sorted(expected)


@pytest.mark.parametrize("move", [system.rename, system.replace])
def test_a_file_is_moved_while_it_is_written_and_read_and_stays_the_same(
    tmp_path: Path, move: Callable[[Path, Path], None]
) -> None:
    path, moved = tmp_path / "file", tmp_path / "moved"
    fd = opened(path, APPENDING)
    system.append(fd, b"before\n")
    before = system.identity(fd)
    with system.open_to_read(path) as reader:
        assert reader.read(7) == b"before\n"
        move(path, moved)
        path.write_bytes(b"another file\n")
        system.append(fd, b"after\n")
        assert reader.read() == b"after\n"
        assert system.identity(fd) == before == system.identity(reader.fileno())
        assert reader.read() == b""
        system.append(fd, b"once more\n")
        assert reader.read() == b"once more\n"  # as logs --follow reads
    os.close(fd)
    assert moved.read_bytes() == b"before\nafter\nonce more\n"


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"new")
    other.write_bytes(b"old")
    system.replace(path, other)
    assert other.read_bytes() == b"new"
    assert not path.exists()


def test_a_file_is_deleted_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"line\n")
    with system.open_to_read(path) as reader:
        system.remove(path)
        assert reader.read() == b"line\n"
    assert not path.exists()


def test_a_file_that_is_open_for_appending_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fd = opened(path, APPENDING)
    system.append(fd, b"whole\ntor")
    system.truncate(fd, 6)
    system.append(fd, b"next\n")
    os.close(fd)
    assert path.read_bytes() == b"whole\nnext\n"


def test_the_beginning_is_read_and_written_over_wherever_the_file_stands(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fd = opened(path, os.O_CREAT | os.O_RDWR)
    system.write_at_start(fd, b"abcdef")
    system.write_at_start(fd, b"AB")
    assert system.read_at_start(fd, 4) == b"ABcd"
    assert system.read_at_start(fd, 64) == b"ABcdef"
    os.close(fd)


def test_each_way_to_open_does_what_its_flags_say(tmp_path: Path) -> None:
    path, missing = tmp_path / "file", tmp_path / "missing"
    os.close(opened(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL))
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        opened(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL)
    fd = opened(path, os.O_RDONLY)
    with pytest.raises(OSError):  # noqa: PT011 - which is each system's own
        os.write(fd, b"new")
    os.close(fd)
    assert path.read_bytes() == b"old"
    os.close(opened(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC))
    assert path.read_bytes() == b""
    for flags in (os.O_RDONLY, os.O_WRONLY):
        with pytest.raises(FileNotFoundError) as caught:
            opened(missing, flags)
        assert str(caught.value.filename) == str(missing)
    with pytest.raises(FileNotFoundError):
        system.open_to_read(missing)
    with pytest.raises(IsADirectoryError):
        opened(tmp_path, os.O_WRONLY)


def test_no_process_that_is_started_inherits_a_file(tmp_path: Path) -> None:
    fd = opened(tmp_path / "file", APPENDING)
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_locks_are_shared_or_for_one_alone_and_stop_no_reading_and_writing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    first, second = opened(path, APPENDING), opened(path, APPENDING)
    assert system.lock(first, exclusive=False)
    assert system.lock(second, exclusive=False)
    system.unlock(second)
    system.unlock(first)
    assert system.lock(first, exclusive=True)
    assert not system.lock(second, exclusive=False)
    system.append(second, b"written\n")
    assert system.read_at_start(second, 8) == b"written\n"
    os.close(first)
    assert system.lock(second, exclusive=True)
    system.unlock(second)
    system.unlock(second)  # once more is no error
    os.close(second)


@pytest.mark.whole
def test_the_locks_of_a_process_that_was_killed_are_free(tmp_path: Path) -> None:
    path = tmp_path / "file"
    context = multiprocessing.get_context("spawn")
    locked = context.Event()
    process = context.Process(target=_lock_and_wait, args=(path, locked))
    process.start()
    assert locked.wait(60)
    fd = opened(path, APPENDING)
    assert not system.lock(fd, exclusive=False)
    process.kill()
    process.join()
    assert system.lock(fd, exclusive=True)
    os.close(fd)


def _lock_and_wait(path: Path, locked: Event) -> None:
    assert system.lock(opened(path, APPENDING), exclusive=True)
    locked.set()
    threading.Event().wait()
