import os
import subprocess
import sys
from pathlib import Path

import pytest

from sevenfold.files.locks import is_same_file, lock

pytest.importorskip("fcntl", reason="the system has no file locks")


def test_shared_locks_go_together_and_an_exclusive_one_is_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("w") as first, path.open() as second, path.open() as third:
        assert lock(first.fileno(), exclusive=False)
        assert lock(second.fileno(), exclusive=False)
        assert not lock(third.fileno(), exclusive=True)
        first.close()
        assert not lock(third.fileno(), exclusive=True)
        second.close()
        assert lock(third.fileno(), exclusive=True)
        with path.open() as fourth:
            assert not lock(fourth.fileno(), exclusive=False)


def test_an_error_other_than_a_taken_lock_is_raised(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        lock(fd, exclusive=True)


def test_a_file_is_the_same_until_it_is_moved_replaced_or_deleted(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    with path.open("w") as file:
        assert is_same_file(file.fileno(), path)
        path.rename(other)
        assert not is_same_file(file.fileno(), path)
        assert is_same_file(file.fileno(), other)
        path.symlink_to(other)
        assert not is_same_file(file.fileno(), path)


def test_without_fcntl_every_lock_is_got() -> None:
    program = """
import sys
sys.modules["fcntl"] = None
from sevenfold.files.locks import *
print(LOCKS, lock(-1, exclusive=True))
"""
    found = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert (found.stdout, found.stderr) == ("False True\n", "")
