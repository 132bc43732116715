import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sevenfold.files import archives, locks
from sevenfold.files.archives import Archives
from sevenfold.files.names import Names
from sevenfold.files.policies import Retention
from sevenfold.files.rotating import RotatingFile
from tests.support.servers import wait_for
from tests.support.systems import unix

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
NOTHING = Retention()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "predictions.log"


@pytest.fixture
def rotate(path: Path) -> Callable[..., Path]:
    """Make a rotated file, by hand."""

    def make(when: datetime = NOW, data: bytes = b"abc\n", *, packed: bool = False) -> Path:
        plain = path.with_name(f"predictions.{when:%Y-%m-%d_%H-%M-%S_%f}.log")
        found = plain.with_name(f"{plain.name}.gz") if packed else plain
        found.write_bytes(gzip.compress(data) if packed else data)
        return found

    return make


def names_in(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.iterdir() if found != Names(path).lock)


def tidy(path: Path, retention: Retention = NOTHING, *, compress: bool = False) -> int:
    return Archives(Names(path), retention, compress=compress).tidy()


# Compression


def test_a_rotated_file_is_compressed_whole_with_its_name_and_time(path: Path, rotate: Callable[..., Path]) -> None:
    data = os.urandom(archives.CHUNK_BYTES * 2 + 1)
    plain = rotate(data=data)
    assert tidy(path, compress=True) == 0
    assert names_in(path) == [f"{plain.name}.gz"]
    packed = (path.parent / f"{plain.name}.gz").read_bytes()
    assert gzip.decompress(packed) == data
    assert (int.from_bytes(packed[4:8], "little"), plain.name.encode() in packed[:100]) == (NOW.timestamp(), True)


def test_only_rotated_files_are_compressed(path: Path, rotate: Callable[..., Path]) -> None:
    plain = rotate()
    others = [path.name, "predictions.errors.log", "predictions.2026.log", f"predictions.errors.{plain.name[12:]}"]
    for name in others:
        path.with_name(name).write_bytes(b"abc\n")
    assert tidy(path, compress=True) == 0
    assert names_in(path) == sorted([*others, f"{plain.name}.gz"])


def test_without_compression_rotated_files_stay(path: Path, rotate: Callable[..., Path]) -> None:
    assert tidy(path) == 0
    assert names_in(path) == []
    plain = rotate()
    assert tidy(path) == 0
    assert names_in(path) == [plain.name]


def test_a_file_that_a_writer_still_has_open_is_left(path: Path, rotate: Callable[..., Path]) -> None:
    writer = RotatingFile(path)
    writer.append(b"abc\n")
    plain = rotate()
    path.replace(plain)
    assert tidy(path, Retention(max_count=0), compress=True) == 2
    assert names_in(path) == [plain.name]
    writer.stop()
    assert tidy(path, Retention(max_count=0), compress=True) == 0
    assert names_in(path) == []


def test_a_file_that_another_process_is_at_is_left(path: Path, rotate: Callable[..., Path]) -> None:
    with rotate().open("rb") as file:
        assert locks.lock(file.fileno(), exclusive=True)
        assert tidy(path, compress=True) == 1
    assert tidy(path, compress=True) == 0


def test_a_file_that_was_compressed_before_its_lock_was_got_is_left(
    path: Path, rotate: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = rotate()

    def lock_late(_fd: int, *, exclusive: bool) -> bool:
        plain.rename(plain.with_name(f"{plain.name}.gz"))
        return exclusive

    monkeypatch.setattr(archives, "lock", lock_late)
    assert tidy(path, compress=True) == 0
    assert (path.parent / f"{plain.name}.gz").read_bytes() == b"abc\n"


def test_what_a_killed_compression_left_is_written_over(path: Path, rotate: Callable[..., Path]) -> None:
    plain = rotate()
    plain.with_name(f".{plain.name}.gz.tmp").write_bytes(b"half a file" * 100)
    plain.with_name(f"{plain.name}.gz").write_bytes(b"killed before the plain one was deleted")
    assert tidy(path, compress=True) == 0
    assert names_in(path) == [f"{plain.name}.gz"]
    assert gzip.decompress((path.parent / f"{plain.name}.gz").read_bytes()) == b"abc\n"


@unix("Windows may refuse to make a link")
def test_a_link_in_the_place_of_the_unfinished_file_is_not_followed(
    path: Path, rotate: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    plain, target = rotate(), path.parent / "target"
    target.write_bytes(b"somebody's")
    plain.with_name(f".{plain.name}.gz.tmp").symlink_to(target)
    tidy(path, compress=True)
    assert target.read_bytes() == b"somebody's"
    assert plain.read_bytes() == b"abc\n"
    assert f"sevenfold: {plain}: left as it is: OSError: [Errno 40]" in capsys.readouterr().err
    tidy(path, compress=True)
    assert names_in(path) == [f"{plain.name}.gz", "target"]


def test_a_file_that_fails_is_told_once_keeps_its_lines_and_stops_no_other(
    path: Path, rotate: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    oldest = rotate(NOW - timedelta(days=2), packed=True)
    plain, later = rotate(NOW - timedelta(days=1)), rotate(NOW)
    in_the_way = plain.with_name(f"{plain.name}.gz")
    in_the_way.mkdir()
    tidied = Archives(Names(path), Retention(max_count=2), compress=True)
    assert [tidied.tidy(), tidied.tidy()] == [0, 0]
    assert not oldest.exists()
    assert names_in(path) == [plain.name, in_the_way.name, f"{later.name}.gz"]
    assert plain.read_bytes() == b"abc\n"
    told = capsys.readouterr().err
    assert told.startswith(f"sevenfold: {plain}: left as it is: ")
    assert told.count("\n") == 1


# Interrupts, and the end


def test_an_interrupt_before_the_thread_is_started_leaves_the_next_one_to_start(
    path: Path, rotate: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = rotate()
    tidied = Archives(Names(path), NOTHING, compress=True)

    def interrupt(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tidied.tidy_soon()
    tidied.finish()  # raises nothing
    tidied.tidy_soon()
    wait_for(lambda: names_in(path) == [f"{plain.name}.gz"])
    tidied.finish()


def test_the_end_waits_for_the_file_in_work_and_leaves_the_others_to_the_next_start(
    path: Path, rotate: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(20):
        rotate(NOW + timedelta(seconds=n))
    at_work, go_on, fsync = threading.Event(), threading.Event(), os.fsync

    def fsync_slowly(fd: int) -> None:
        at_work.set()
        assert go_on.wait(20)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", fsync_slowly)
    tidied = Archives(Names(path), NOTHING, compress=True)
    tidied.tidy_soon()
    assert at_work.wait(20)
    threading.Timer(0.1, go_on.set).start()
    tidied.finish()
    assert sum(name.endswith(".gz") for name in names_in(path)) == 1
    assert not any(name.endswith(".tmp") for name in names_in(path))


# Retention


@pytest.mark.parametrize("packed", [True, False])
def test_retention_by_count_keeps_the_newest(path: Path, rotate: Callable[..., Path], packed: bool) -> None:
    made = [rotate(NOW + timedelta(microseconds=n), packed=packed) for n in range(5)]
    path.touch()
    tidy(path, Retention(max_count=2))
    assert names_in(path) == [made[3].name, made[4].name, path.name]


def test_retention_by_age_goes_by_the_time_in_the_name(path: Path, rotate: Callable[..., Path]) -> None:
    now = datetime.now(UTC)
    _, young = rotate(now - timedelta(hours=25)), rotate(now - timedelta(hours=23), packed=True)
    tidy(path, Retention(max_age_s=86_400))
    assert names_in(path) == [young.name]


def test_retention_by_total_size_is_of_the_rotated_files_as_they_are(path: Path, rotate: Callable[..., Path]) -> None:
    made = [rotate(NOW + timedelta(days=n), b"x" * 100) for n in range(5)]
    path.write_bytes(b"x" * 1000)
    tidy(path, Retention(max_bytes=299))
    assert names_in(path) == [made[3].name, made[4].name, path.name]


def test_of_several_retentions_all_hold(path: Path, rotate: Callable[..., Path]) -> None:
    now = datetime.now(UTC)
    made = [rotate(now - timedelta(days=n), b"x" * 100) for n in range(5)]
    tidy(path, Retention(max_count=4, max_age_s=2.5 * 86_400, max_bytes=10_000))
    assert names_in(path) == sorted(file.name for file in made[:3])


def test_a_file_that_is_there_both_plain_and_compressed_counts_once(path: Path, rotate: Callable[..., Path]) -> None:
    kept = [rotate(NOW, packed=True), rotate(NOW), rotate(NOW - timedelta(days=1))]
    surplus = [rotate(NOW - timedelta(days=2), packed=True), rotate(NOW - timedelta(days=2))]
    tidy(path, Retention(max_count=2))
    assert names_in(path) == sorted(file.name for file in kept)
    assert not any(file.exists() for file in surplus)


def test_retention_never_touches_a_neighbour(path: Path, rotate: Callable[..., Path]) -> None:
    others = [path.name, "predictions.errors.log", "predictions.2026.log", f"predictions.errors.{rotate().name[12:]}"]
    for name in others:
        path.with_name(name).touch()
        os.utime(path.with_name(name), (0, 0))
    tidy(path, Retention(max_count=0, max_age_s=1, max_bytes=1))
    assert names_in(path) == sorted(others)


# In the background


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look often at files in use; at the end, no thread is left."""
    monkeypatch.setattr(archives, "PAUSE_S", 0.01)
    yield
    wait_for(lambda: not tidying())


def tidying() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("tidy")]


@pytest.mark.usefixtures("quick")
def test_what_the_last_process_left_is_done_at_the_start(path: Path, rotate: Callable[..., Path]) -> None:
    kept, _ = rotate(NOW), rotate(NOW - timedelta(days=1))
    RotatingFile(path, retention=1, compression="gz").stop()
    assert names_in(path) == [f"{kept.name}.gz", path.name]


@pytest.mark.usefixtures("quick")
def test_a_file_in_use_is_compressed_once_its_writer_lets_go(path: Path) -> None:
    lagging, file = RotatingFile(path), RotatingFile(path, rotation=10, compression="gz")
    for _ in range(3):
        file.append(b"abc\n")
    (rotated,) = Names(path).rotated()
    assert not rotated.compressed
    lagging.stop()
    wait_for(lambda: [one.compressed for one in Names(path).rotated()] == [True])
    file.stop()


@pytest.mark.usefixtures("quick")
def test_a_file_in_use_for_long_is_left_to_the_next_rotation(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "PATIENCE", 2)
    lagging, file = RotatingFile(path), RotatingFile(path, rotation=10, compression="gz")
    for _ in range(3):
        file.append(b"abc\n")
    wait_for(lambda: not tidying())
    assert [one.compressed for one in Names(path).rotated()] == [False]
    lagging.stop()
    for _ in range(2):
        file.append(b"abc\n")
    wait_for(lambda: [one.compressed for one in Names(path).rotated()] == [True, True])
    file.stop()


@pytest.mark.usefixtures("quick")
def test_closing_does_not_wait_for_files_in_use(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "PAUSE_S", 15)
    lagging, file = RotatingFile(path), RotatingFile(path, rotation=10, compression="gz")
    for _ in range(3):
        file.append(b"abc\n")
    began = time.monotonic()
    file.stop()
    assert time.monotonic() - began < 10
    lagging.stop()


def run(program: str, *arguments: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)]
    root = Path(__file__).parents[2]
    found = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=60, cwd=root)
    assert (found.returncode, found.stderr) == (0, "")


NEVER_CLOSED = """
import sys
from pathlib import Path
from sevenfold.files.rotating import RotatingFile
RotatingFile(Path(sys.argv[1]), compression="gz")
"""


@pytest.mark.whole
def test_a_program_that_closes_nothing_ends_when_its_files_are_compressed(
    path: Path, rotate: Callable[..., Path]
) -> None:
    plain = rotate(data=os.urandom(1 << 22))
    run(NEVER_CLOSED, path)
    assert names_in(path) == [f"{plain.name}.gz", path.name]


FORKED_AT_WORK = """
import os, sys, threading, time
from pathlib import Path
from sevenfold.files.gzipped import GzipFile
from sevenfold.files.rotating import RotatingFile
path, rotated = Path(sys.argv[1]), Path(sys.argv[2])
at_work, go_on = threading.Event(), threading.Event()
write = GzipFile.write

def write_later(self, data):
    at_work.set()
    go_on.wait()
    return write(self, data)

GzipFile.write = write_later
file = RotatingFile(path, rotation=10, compression="gz")
at_work.wait()
child = os.fork()
if not child:
    GzipFile.write = write
    opened = {os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")}
    assert not [name for name in opened if name.startswith(str(path.parent))], opened
    for _ in range(5):
        file.append(b"abc\\n")
    while not list(path.parent.glob("*.gz")):
        time.sleep(0.01)
    file.stop()
    assert len(list(path.parent.glob("*.gz"))) == 1  # the parent is at one of the other two, and has one open
    os._exit(0)
_, status = os.waitpid(child, 0)
assert rotated.exists()
go_on.set()
file.stop()
sys.exit(status)
"""


@pytest.mark.whole
@unix("forks")
@pytest.mark.skipif(sys.platform != "linux", reason="open files are read from /proc")
def test_a_child_forked_during_a_compression_keeps_nothing_of_it_open_and_has_a_thread_of_its_own(
    path: Path, rotate: Callable[..., Path]
) -> None:
    rotated = rotate(data=os.urandom(1 << 16))
    run(FORKED_AT_WORK, path, rotated)
    tidy(path, compress=True)  # what the parent hadn't begun
    assert [one.compressed for one in Names(path).rotated()] == [True, True, True]
