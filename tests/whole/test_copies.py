"""A folder is copied again and again while it is written, and each copy is proved as far as it reaches."""

import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sevenfold.audit.verify import verify
from tests.support.audit_files import processes

pytestmark = pytest.mark.whole
WRITER = """
import sys, time
from pathlib import Path
import sinks
from loguru import logger
folder, writer = Path(sys.argv[1]), sys.argv[2]
with sinks.configure(folder, console=None, rotation="30 kB"):
    n = 0
    while not folder.with_name("enough").exists():
        logger.bind(channel="audit", writer=writer).info("event", n=n)
        logger.bind(channel="api", writer=writer).info("line", n=n)
        n += 1
        time.sleep(0.001)
"""


def rsync(source: Path, target: Path, *options: str) -> None:
    # 24: a file that was listed was renamed or compressed before its turn came.
    command = [shutil.which("rsync") or "rsync", "-a", *options, f"{source}/", f"{target}/"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode in {0, 24}, done.stderr


def copy_files(source: Path, target: Path) -> None:
    """Copy as ``cp`` does, each file in its turn."""
    target.mkdir(exist_ok=True)
    for path in sorted(source.iterdir()):
        with suppress(FileNotFoundError):  # renamed or compressed before its turn came
            while path.exists():
                with suppress(PermissionError):  # Windows, while it is being renamed
                    shutil.copy2(path, target)
                    break


@pytest.mark.parametrize(("way", "n_copies"), [(rsync, 30), (copy_files, 10)])
def test_each_copy_of_a_live_folder_says_how_far_it_is_proved(
    tmp_path: Path, way: Callable[..., None], n_copies: int
) -> None:
    if way is rsync and shutil.which("rsync") is None:
        pytest.skip("needs rsync")
    source, mirror = tmp_path / "logs", tmp_path / "mirror"
    source.mkdir()
    with processes() as start:
        writers = [start(WRITER, source, number) for number in range(2)]
        while not any(path.stat().st_size for path in source.glob("app_json.log")):
            time.sleep(0.05)
        reached = []
        for _ in range(n_copies):
            time.sleep(0.3)
            way(source, mirror)
            verdict = verify(mirror / "app_json.log", copy=True)
            assert verdict.proved, list(map(str, verdict.findings))
            reached.append(0 if verdict.head is None else verdict.head.seq)
        (tmp_path / "enough").touch()
        for writer in writers:
            assert writer.communicate(timeout=60) == ("", "")
    assert len(list(source.glob("app_json.2*"))) > 2
    if way is rsync:
        rsync(source, mirror, "-c")  # by what is in the files: heads of one second are of one size
    else:
        way(source, mirror)
    original, copied = verify(source / "app_json.log"), verify(mirror / "app_json.log", copy=True)
    assert original.proved
    assert (copied.findings, copied.head) == (original.findings, original.head)
    assert original.head
    assert copied.said == original.head.seq > reached[-1] > reached[0]
