import os
import sys
from pathlib import Path

import pytest

from sevenfold.files.locks import is_same_file, lock
from sevenfold.files.opening import open_log


def test_shared_locks_go_together_and_an_exclusive_one_is_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with (
        path.open("w", encoding="utf-8") as first,
        path.open(encoding="utf-8") as second,
        path.open(encoding="utf-8") as third,
    ):
        assert lock(first.fileno(), exclusive=False)
        assert lock(second.fileno(), exclusive=False)
        assert not lock(third.fileno(), exclusive=True)
        first.close()
        assert not lock(third.fileno(), exclusive=True)
        second.close()
        assert lock(third.fileno(), exclusive=True)
        with path.open(encoding="utf-8") as fourth:
            assert not lock(fourth.fileno(), exclusive=False)


def test_an_error_other_than_a_taken_lock_is_raised(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_CREAT)
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        lock(fd, exclusive=True)


def test_a_file_is_the_same_until_it_is_moved_replaced_or_deleted(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.touch()
    with open_log(path) as file:
        assert is_same_file(file.fileno(), path)
        path.rename(other)
        assert not is_same_file(file.fileno(), path)
        path.touch()
        assert not is_same_file(file.fileno(), path)
        assert is_same_file(file.fileno(), other)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows may refuse to make a link")
def test_a_link_to_a_file_is_another(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.touch()
    link.symlink_to(path)
    with open_log(path) as file:
        assert not is_same_file(file.fileno(), link)
        assert is_same_file(file.fileno(), link, follow_symlinks=True)
