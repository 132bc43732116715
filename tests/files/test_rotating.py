import contextlib
import errno
import multiprocessing
import os
import pickle
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

import sinks
from sevenfold.files import locks, opening, turns
from sevenfold.files import rotating as files
from sevenfold.files.names import Names
from sevenfold.files.rotating import RotatingFile
from sevenfold.files.systems import system
from tests.support.systems import deletes_open_files, unix

STAMP = "2026-11-23_08-36-11_096123"
MOMENT = datetime(2026, 11, 23, 8, 36, 11, 96123, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "predictions.log"


@pytest.fixture
def opened() -> Iterator[Callable[..., RotatingFile]]:
    """Open rotating files, which are closed when the test is over."""
    found: list[RotatingFile] = []

    def open_file(path: Path, **options: Any) -> RotatingFile:
        found.append(RotatingFile(path, **options))
        return found[-1]

    yield open_file
    for file in found:
        file.stop()


def contents(path: Path) -> list[bytes]:
    """Read the rotated files of a log file, oldest first, and the live one."""
    return [rotated.path.read_bytes() for rotated in Names(path).rotated()] + [path.read_bytes()]


def line(when: datetime) -> bytes:
    return f"{when:%Y-%m-%dT%H:%M:%S.%fZ} | INFO     | predictions | line\n".encode()


# Rotation


def test_a_file_is_rotated_before_it_exceeds_its_limit_in_bytes_not_characters(
    path: Path, opened: Callable[..., RotatingFile]
) -> None:
    file = opened(path, rotation=10)
    for text in ("ééé\n", "é\n", "a\n", "bbbb\n", "éé\n", "c\n"):
        file.append(text.encode())
    assert contents(path) == ["ééé\né\n".encode(), b"a\nbbbb\n", "éé\nc\n".encode()]


def test_a_line_larger_than_the_limit_is_whole_and_leaves_no_empty_file(
    path: Path, opened: Callable[..., RotatingFile]
) -> None:
    file = opened(path, rotation=10)
    for data in (b"x" * 100 + b"\n", b"y\n", b"z" * 100 + b"\n"):
        file.append(data)
    assert contents(path) == [b"x" * 100 + b"\n", b"y\n", b"z" * 100 + b"\n"]


def test_lines_that_are_written_together_fill_files_whole_line_by_whole_line(
    path: Path, opened: Callable[..., RotatingFile]
) -> None:
    file = opened(path, rotation=10)
    rest = b"a\n" + b"b" * 6 + b"\nc\n" + b"d" * 20 + b"\ne\n"
    while rest:
        rest = file.append_some(rest)
    assert contents(path) == [b"a\nbbbbbb\n", b"c\n", b"d" * 20 + b"\n", b"e\n"]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has no tzset")
def test_the_time_in_a_name_is_utc_wherever_the_machine_is(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "EAST-9")
        time.tzset()
        before = datetime.now(UTC)
        file = opened(path, rotation=10)
        for _ in range(3):
            file.append(b"abc\n")
        (rotated,) = Names(path).rotated()
    time.tzset()
    assert before <= rotated.time <= datetime.now(UTC)


def test_without_a_rotation_a_file_grows(path: Path, opened: Callable[..., RotatingFile]) -> None:
    file = opened(path)
    for _ in range(100):
        file.append(b"x" * 1000)
    assert contents(path) == [b"x" * 100_000]


def test_a_file_goes_on_where_the_last_process_ended(path: Path) -> None:
    for _ in range(5):
        file = RotatingFile(path, rotation=10)
        file.append(b"abc\n")
        file.stop()
    assert contents(path) == [b"abc\nabc\n", b"abc\nabc\n", b"abc\n"]


def test_a_file_is_due_by_the_time_of_its_first_line(path: Path, opened: Callable[..., RotatingFile]) -> None:
    now = datetime.now(UTC)
    path.parent.mkdir()
    for hours, n_files in ((23, 1), (25, 2)):
        path.write_bytes(line(now - timedelta(hours=hours)))
        opened(path, rotation="1 day").append(line(now))
        assert len(contents(path)) == n_files
    assert contents(path) == [line(now - timedelta(hours=25)), line(now)]


@pytest.mark.parametrize("text", [b"no time\n", b"2026-99-99T99:99:99.000000Z no date\n"])
def test_a_file_without_a_time_is_due_by_its_last_change(
    path: Path, opened: Callable[..., RotatingFile], text: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(text)
    file = opened(path, rotation="1 day")
    file.append(b"line\n")
    assert contents(path)[-1] == text + b"line\n"
    path.write_bytes(text)
    os.utime(path, (0, time.time() - 90_000))
    opened(path, rotation="1 day").append(b"line\n")
    assert contents(path)[-2:] == [text, b"line\n"]


def test_events_from_long_ago_do_not_make_each_line_a_file(path: Path, opened: Callable[..., RotatingFile]) -> None:
    for _ in range(3):
        file = opened(path, rotation="1 day")
        for _ in range(5):
            file.append(b"2020-01-01T00:00:00.000000Z replayed\n")
    assert len(contents(path)) == 2


def test_a_file_that_another_process_began_is_due_by_its_line(path: Path, opened: Callable[..., RotatingFile]) -> None:
    now = datetime.now(UTC)
    file = opened(path, rotation="1 day")
    opened(path).append(line(now - timedelta(days=2)))
    file.append(line(now))
    assert contents(path) == [line(now - timedelta(days=2)), line(now)]


def test_a_file_is_rotated_by_whichever_of_size_and_time_comes_first(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(path, rotation=(10, timedelta(hours=1)))
    for data in (b"aaaaaa\n", b"bbbbbb\n", b"c\n"):
        file.append(data)
    assert contents(path) == [b"aaaaaa\n", b"bbbbbb\nc\n"]
    with monkeypatch.context() as patch:
        later = time.time() + 3601
        patch.setattr(time, "time", lambda: later)
        file.append(b"d\n")
    file.append(b"e\n")
    assert contents(path) == [b"aaaaaa\n", b"bbbbbb\nc\n", b"d\ne\n"]


@pytest.mark.parametrize("restarted", [False, True])
def test_an_interval_keeps_to_its_grid_however_late_a_file_was_rotated(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    now = datetime.now(UTC)
    path.parent.mkdir()
    path.write_bytes(line(now - timedelta(hours=3)))
    file = opened(path, rotation=("2 h", "1 MB"))
    file.append(line(now))  # an hour late
    assert len(contents(path)) == 2
    for minutes, n_files in ((59, 2), (61, 3)):
        if restarted:
            file.stop()
            file = opened(path, rotation=("2 h", "1 MB"))
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: now.timestamp() + 60 * minutes)  # noqa: B023 - used up at once
            file.append(line(now + timedelta(minutes=minutes)))
        assert len(contents(path)) == n_files


def test_the_grid_of_an_interval_begins_anew_where_the_lock_file_is_gone_and_stays_where_another_rotates(
    path: Path, opened: Callable[..., RotatingFile]
) -> None:
    now = datetime.now(UTC)
    begun = (now - timedelta(hours=3)).timestamp()
    path.parent.mkdir()
    path.write_bytes(line(now - timedelta(hours=3)))
    opened(path, rotation="2 h").append(line(now))
    last, origin = turns.last_rotation(Names(path))
    assert abs(last - now.timestamp()) < 60
    assert origin == pytest.approx(begun, abs=1e-5)
    opened(path, rotation=10).append(line(now))  # by its size, in a process that knows of no interval
    assert turns.last_rotation(Names(path))[1] == origin
    Names(path).lock.unlink()
    assert turns.last_rotation(Names(path))[1] is None


def test_who_does_not_get_the_lock_writes_on_without_waiting(path: Path, opened: Callable[..., RotatingFile]) -> None:
    file = opened(path, rotation=10)
    file.append(b"123456789\n")
    with Names(path).lock.open("w", encoding="utf-8") as taken:
        assert locks.lock(taken.fileno(), exclusive=True)
        file.append(b"abc\n")
        assert contents(path) == [b"123456789\nabc\n"]
    file.append(b"def\n")
    assert contents(path) == [b"123456789\nabc\n", b"def\n"]


def test_a_file_that_another_process_rotated_is_left_at_the_next_line_and_not_rotated_again(
    path: Path, opened: Callable[..., RotatingFile]
) -> None:
    first, second = opened(path, rotation=10), opened(path, rotation=10)
    first.append(b"123456789\n")
    second.append(b"abc\n")
    first.append(b"def\n")
    assert contents(path) == [b"123456789\n", b"abc\ndef\n"]


def test_a_rotation_looks_again_once_it_has_the_lock(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = opened(path, rotation=10), opened(path, rotation=10)
    first.append(b"123456789\n")
    real_lock = locks.lock

    def lock_late(fd: int, *, exclusive: bool) -> bool:
        monkeypatch.setattr(turns, "lock", real_lock)
        second.append(b"abc\n")
        return real_lock(fd, exclusive=exclusive)

    monkeypatch.setattr(turns, "lock", lock_late)
    first.append(b"def\n")
    assert contents(path) == [b"123456789\n", b"abc\ndef\n"]


@deletes_open_files
def test_a_lock_file_that_was_deleted_meanwhile_counts_for_nothing(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(path, rotation=10)
    file.append(b"123456789\n")
    real_lock = locks.lock

    def lock_late(fd: int, *, exclusive: bool) -> bool:
        monkeypatch.setattr(turns, "lock", real_lock)
        Names(path).lock.unlink()
        return real_lock(fd, exclusive=exclusive)

    monkeypatch.setattr(turns, "lock", lock_late)
    file.append(b"abc\n")
    assert contents(path) == [b"123456789\nabc\n"]
    file.append(b"def\n")
    assert contents(path) == [b"123456789\nabc\n", b"def\n"]


def test_a_rotation_that_fails_is_told_once_and_tried_again_later(
    path: Path,
    opened: Callable[..., RotatingFile],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = opened(path, rotation=10)
    in_the_way = path.with_name("in the way")
    in_the_way.mkdir()
    monkeypatch.setattr(Names, "next", lambda *_: in_the_way)
    for _ in range(5):
        file.append(b"123456789\n")
    assert contents(path) == [b"123456789\n" * 5]
    told = capsys.readouterr().err
    assert told.startswith(f"sevenfold: {path}: not rotated: ")
    assert told.endswith(f": '{path}' -> '{in_the_way}'\n")
    in_the_way.rmdir()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + files.RETRY_S + 1)
    file.append(b"abc\n")
    assert (in_the_way.read_bytes(), path.read_bytes()) == (b"123456789\n" * 5, b"abc\n")


@pytest.mark.parametrize("stamp", ["9999-12-31_23-59-59_999999", "2026-99-01_00-00-00_000000"])
@pytest.mark.parametrize("options", [{"rotation": 10}, {"rotation": "1 day"}, {"rotation": "00:00"}])
def test_an_odd_file_name_stops_no_rotation(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch, stamp: str, options: Any
) -> None:
    path.parent.mkdir()
    odd = path.with_name(f"predictions.{stamp}.log")
    odd.write_bytes(b"odd\n")
    file = opened(path, **options, retention="30 days", compression=None)
    begin = time.time()
    for n in range(5):
        monkeypatch.setattr(time, "time", lambda: begin + n * 90_000)  # noqa: B023 - called in this turn
        file.append(b"123456789\n")
    files = [one for one in path.parent.glob("*.log") if one != odd]
    assert len(files) == 5
    assert {one.read_bytes() for one in files} == {b"123456789\n"}


def test_an_old_file_that_is_stamped_far_ahead_is_deleted_by_its_age(path: Path) -> None:
    path.parent.mkdir()
    old, young = (path.with_name(f"predictions.2936-01-01_00-00-00_00000{n}.log") for n in range(2))
    for file in (old, young):
        file.touch()
    os.utime(old, (0, time.time() - 31 * 86_400))
    RotatingFile(path, retention="30 days").stop()
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("error", [OverflowError("date value out of range"), ValueError("odd"), OSError(5, "broken")])
def test_whatever_fails_in_a_rotation_the_line_is_written_and_it_is_told(
    path: Path,
    opened: Callable[..., RotatingFile],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def fail(*_: object) -> Path:
        raise error

    monkeypatch.setattr(Names, "next", fail)
    file = opened(path, rotation=10)
    for _ in range(3):
        file.append(b"123456789\n")
    assert path.read_bytes() == b"123456789\n" * 3
    assert capsys.readouterr().err == f"sevenfold: {path}: not rotated: {type(error).__name__}: {error}\n"


@pytest.mark.parametrize("name", ["predictions", "app_json"])
@pytest.mark.usefixtures("own_logger")
def test_neither_a_start_nor_a_rotation_lists_the_folder_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    listings, scandir = list[threading.Thread](), os.scandir

    def count(folder: Path) -> Any:
        listings.append(threading.current_thread())
        return scandir(folder)

    log = logger.bind(channel={"app_json": "audit"}.get(name, name))
    for n in range(3):
        with sinks.configure(tmp_path, console=None, rotation=3000):
            for _ in range(10):
                log.info("event", filler="x" * 500)
        if not n:  # the first run has found that there was nothing
            monkeypatch.setattr(os, "scandir", count)
    assert len(Names(tmp_path / f"{name}.log").rotated()) > 4
    listings = [one for one in listings if one is threading.main_thread()]
    assert len(listings) == 1  # the one in this test


# Descriptors that somebody closes, and systems without locks


@unix("has no numbers that nobody gets by chance")
def test_a_descriptor_that_was_closed_is_opened_again_at_the_next_line(
    path: Path, opened: Callable[..., RotatingFile]
) -> None:
    file, others = opened(path, rotation=30), []
    for n in range(8):
        os.closerange(file._fd, file._fd + 1)
        with path.with_name(f"other{n}").open("wb", buffering=0) as other:
            file.append(b"123456789\n")
            others.append(other.name)
    assert sum(one.count(b"\n") for one in contents(path)) == 8
    assert [Path(name).read_bytes() for name in others] == [b""] * 8


def test_a_descriptor_that_is_somebody_elses_by_now_is_given_up_when_the_path_is_looked_at(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(path)
    number = int(file._fd)
    with path.with_name("other").open("wb", buffering=0) as other:
        os.dup2(other.fileno(), number)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + files.LOOK_S + 1)
        file.append(b"abc\n")
        assert (path.read_bytes(), path.with_name("other").read_bytes()) == (b"abc\n", b"")
        os.fstat(number)  # still open: it was somebody else's
    os.close(number)


@unix("has no numbers that nobody gets by chance")
def test_descriptors_are_where_nobody_gets_one_by_chance(path: Path, opened: Callable[..., RotatingFile]) -> None:
    limit = pytest.importorskip("resource").getrlimit(7)[0]
    assert opened(path)._fd >= min(limit // 2, 1 << 15)
    assert not os.get_inheritable(opened(path)._fd)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK])
def test_without_locks_one_process_goes_on_and_that_is_told_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    def refuse(_fd: int, *, exclusive: bool) -> None:  # noqa: ARG001
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(system, "lock", refuse)
    monkeypatch.setattr(locks, "_reported", set())
    file = RotatingFile(path, rotation=10)
    for _ in range(3):
        file.append(b"123456789\n")
    file.stop()
    assert contents(path) == [b"123456789\n"] * 3
    told = f"no file locks here (OSError: [Errno {code}] {os.strerror(code)}): let one process alone write a log folder"
    assert capsys.readouterr().err == f"sevenfold: {told}\n"


# Opening


@unix("modes are those of POSIX")
def test_all_files_are_for_their_owner_alone(path: Path) -> None:
    umask = os.umask(0)
    try:
        file = RotatingFile(path, rotation=10, compression="gz")
        for _ in range(6):
            file.append(b"abc\n")
        file.stop()
        RotatingFile(path, compression="gz").stop()
    finally:
        os.umask(umask)
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    assert len(modes) == 4
    assert {name.rsplit(".")[-1] for name in modes} == {"log", "gz", "lock"}
    assert set(modes.values()) == {0o600}


@unix("modes are those of POSIX")
@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize("umask", [0, 0o077])
def test_all_files_have_the_mode_that_is_asked_for_and_the_folder_lets_the_group_in(tmp_path: Path, umask: int) -> None:
    logs, before = tmp_path / "logs", os.umask(umask)
    try:
        for mode in (None, 0o640):
            with sinks.configure(logs, console=None, rotation=600, mode=mode):
                for n in range(12):
                    logger.bind(channel="audit", n=n).info("event")
                    logger.bind(channel="api", n=n).info("line")
            if mode is None:
                assert {stat.S_IMODE(found.stat().st_mode) for found in logs.iterdir()} == {0o600}
                for found in logs.glob("*.2*"):
                    found.unlink()
                logs.chmod(0o700)
    finally:
        os.umask(before)
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in logs.iterdir()}
    assert {"channels.json", "app_json.head", ".api.lock", "api_requests.log"} <= set(modes) | {".api.lock"}
    assert any(name.endswith(".gz") for name in modes)
    assert any(name.endswith(".lock") for name in modes)
    assert {name for name, mode in modes.items() if mode != 0o640} <= {".channels.lock"}
    assert stat.S_IMODE(logs.stat().st_mode) == 0o700  # it was there


@unix("modes are those of POSIX")
@pytest.mark.parametrize(
    ("mode", "folder"), [(None, 0o755), (0o600, 0o700), (0o640, 0o2750), (0o660, 0o2770), (0o664, 0o2775)]
)
def test_a_folder_that_is_made_lets_in_who_may_read_its_files_and_gives_them_its_group(
    path: Path, mode: int | None, folder: int
) -> None:
    umask = os.umask(0o022)
    try:
        RotatingFile(path, mode=mode).stop()
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.parent.stat().st_mode) == folder
    assert stat.S_IMODE(path.stat().st_mode) == (0o600 if mode is None else mode)


@pytest.mark.parametrize(
    ("mode", "got"),
    [
        (640, "0o1200, which is 640 in decimal; write 0o640"),
        (0o440, "0o440"),
        (0o750, "0o750"),
        (0o666, "0o666"),
        (True, "True"),
        ("0o640", "'0o640'"),
    ],
)
def test_a_mode_that_no_log_can_have_is_refused_before_anything_is_made(path: Path, mode: Any, got: str) -> None:
    with pytest.raises(ValueError, match="mode") as caught:
        sinks.configure(path.parent, mode=mode)
    assert str(caught.value) == f"mode must be None or one of 0o600 to 0o664, such as 0o640; got {got}"
    assert not path.parent.exists()


@unix("Windows may refuse to make a link")
def test_no_symbolic_link_is_followed_where_a_file_is_made(
    path: Path, opened: Callable[..., RotatingFile], capsys: pytest.CaptureFixture[str]
) -> None:
    target = path.parent.parent / "target"
    path.parent.mkdir()
    path.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        RotatingFile(path)
    path.unlink()
    Names(path).lock.symlink_to(target)
    file = opened(path, rotation=10)
    file.append(b"123456789\n")
    file.append(b"abc\n")
    assert contents(path) == [b"123456789\nabc\n"]
    assert "not rotated: OSError: [Errno 40] Too many levels of symbolic links" in capsys.readouterr().err
    assert not target.exists()


@unix("Windows may refuse to make a link")
def test_a_link_in_the_place_of_a_rotated_file_is_replaced_not_followed(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, link = path.parent.parent / "target", path.with_name(f"predictions.{STAMP}.log")
    target.write_text("somebody's", encoding="utf-8")
    file = opened(path, rotation=10)
    link.symlink_to(target)
    monkeypatch.setattr(Names, "next", lambda *_: link)
    for _ in range(4):
        file.append(b"123\n")
    assert (target.read_text(encoding="utf-8"), contents(path)) == ("somebody's", [b"123\n123\n", b"123\n123\n"])


def test_a_file_that_another_program_locks_is_a_clear_error_after_bounded_tries(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "OPEN_TRIES", 3)
    path.parent.mkdir()
    with path.open("w", encoding="utf-8") as foreign:
        assert locks.lock(foreign.fileno(), exclusive=True)
        with pytest.raises(BlockingIOError) as caught:
            RotatingFile(path)
    assert str(caught.value) == f"[Errno 11] the file is locked by another program: {str(path)!r}"


def test_a_file_that_was_rotated_while_it_was_opened_is_not_written(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    real_lock, rotated = locks.lock, Names(path).next(MOMENT)

    def lock_late(fd: int, *, exclusive: bool) -> bool:
        monkeypatch.setattr(opening, "lock", real_lock)
        path.rename(rotated)
        return real_lock(fd, exclusive=exclusive)

    monkeypatch.setattr(opening, "lock", lock_late)
    opened(path).append(b"abc\n")
    assert contents(path) == [b"", b"abc\n"]


def test_descriptors_are_given_back(path: Path) -> None:
    def n_open() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    if sys.platform != "linux":
        pytest.skip("descriptors are counted in /proc")
    before = n_open()
    file = RotatingFile(path, rotation=10, retention=2, compression="gz")
    for _ in range(50):
        file.append(b"abc\n")
    file.stop()
    assert n_open() == before


# Outsiders


@deletes_open_files
@pytest.mark.parametrize("outsider", [Path.unlink, lambda path: path.rename(path.with_name("moved"))])
def test_a_file_that_is_gone_is_noticed_within_a_second(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch, outsider: Callable[[Path], Any]
) -> None:
    file = opened(path)
    file.append(b"abc\n")
    outsider(path)
    file.append(b"def\n")
    assert not path.exists()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1)
    file.append(b"ghi\n")
    assert path.read_bytes() == b"ghi\n"


@deletes_open_files
def test_while_no_new_file_can_be_opened_a_moved_one_takes_the_lines_and_a_deleted_one_none(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    file, moved, now = opened(path), path.with_name("moved"), time.monotonic()
    path.rename(moved)
    with monkeypatch.context() as patch:
        patch.setattr("sevenfold.files.rotating.open_to_append", refuse)
        patch.setattr(time, "monotonic", lambda: now + 2)
        file.append(b"moved\n")
        assert moved.read_bytes() == b"moved\n"
        moved.unlink()
        patch.setattr(time, "monotonic", lambda: now + 4)
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
            file.append(b"refused\n")
    file.append(b"new\n")
    assert path.read_bytes() == b"new\n"


# Failed writes


@contextlib.contextmanager
def no_file_larger_than(n_bytes: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_of_a_line_that_does_not_fit_nothing_stays_but_empty_lines(
    path: Path, opened: Callable[..., RotatingFile]
) -> None:
    file = opened(path)
    file.append(b"abc\n")
    with no_file_larger_than(10):
        for _ in range(2):
            with pytest.raises(OSError, match="File too large"):
                file.append(b"123456789\n")
    file.append(b"def\n")
    assert contents(path) == [b"abc\n" + b"\n" * 6 + b"def\n"]


def test_of_a_line_that_does_not_fit_where_nobody_else_writes_nothing_stays(
    path: Path, opened: Callable[..., RotatingFile]
) -> None:
    file = opened(path)
    file.append(b"abc\n")
    with no_file_larger_than(10):
        with pytest.raises(OSError, match="File too large"):
            file.write(b"123456789\n", alone=True)
        file.append(b"fits\n")
    assert contents(path) == [b"abc\nfits\n"]


def test_an_interrupted_reopening_loses_no_file(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(path, rotation=10)
    file.append(b"123456789\n")

    def interrupt(*_: object) -> int:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("sevenfold.files.rotating.open_to_append", interrupt)
    with pytest.raises(KeyboardInterrupt):
        file.append(b"lost\n")
    file.append(b"next\n")
    file.append(b"more\n")
    assert b"".join(contents(path)) == b"123456789\nnext\nmore\n"


def test_what_others_wrote_behind_a_torn_line_stays(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(path)
    file.append(b"abc\n")
    real_lseek = os.lseek

    def lseek_late(fd: int, where: int, how: int) -> int:
        monkeypatch.setattr(os, "lseek", real_lseek)
        found = real_lseek(fd, where, how)
        with no_file_larger_than(-1), path.open("ab") as other:
            other.write(b"x\n")
        return found

    with no_file_larger_than(10):
        monkeypatch.setattr(os, "lseek", lseek_late)
        with pytest.raises(OSError, match="File too large"):
            file.append(b"123456789\n")
    file.append(b"def\n")
    assert contents(path) == [b"abc\n" + b"\n" * 6 + b"x\ndef\n"]


def test_what_cannot_be_blanked_stays_torn_and_the_next_line_begins_a_line_of_its_own(
    path: Path, opened: Callable[..., RotatingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: Path) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "open_in_place", no_room)
    file = opened(path)
    file.append(b"abc\n")
    with no_file_larger_than(10):
        for _ in range(2):
            with pytest.raises(OSError, match="File too large"):
                file.append(b"123456789\n")
    for _ in range(2):
        file.append(b"def\n")
    assert contents(path) == [b"abc\n123456\ndef\ndef\n"]


# Other processes


@unix("forks")
def test_a_child_takes_no_lock_from_its_parent_and_keeps_no_file_of_its(
    path: Path, opened: Callable[..., RotatingFile]
) -> None:
    file = opened(path, rotation=10)
    file.append(b"123456789\n")
    context = multiprocessing.get_context("fork")
    forked, done = context.Event(), context.Event()

    def work() -> None:
        forked.set()
        done.wait(30)

    child = context.Process(target=work)
    child.start()
    assert forked.wait(30)
    with path.open("rb") as other:
        assert not locks.lock(other.fileno(), exclusive=True)
        file.append(b"abc\n")
        assert locks.lock(other.fileno(), exclusive=True)
    done.set()
    child.join(30)
    assert (child.exitcode, contents(path)) == (0, [b"123456789\n", b"abc\n"])


@unix("forks")
def test_a_child_locks_what_it_writes(path: Path) -> None:
    file = RotatingFile(path)
    context = multiprocessing.get_context("fork")
    written, done = context.Event(), context.Event()

    def work() -> None:
        file.append(b"abc\n")
        written.set()
        done.wait(30)

    child = context.Process(target=work)
    child.start()
    assert written.wait(30)
    file.stop()
    with path.open("rb") as other:
        assert not locks.lock(other.fileno(), exclusive=True)
        done.set()
        child.join(30)
        assert locks.lock(other.fileno(), exclusive=True)
    assert (child.exitcode, contents(path)) == (0, [b"abc\n"])


def test_a_file_pickles_and_is_opened_at_the_first_line(path: Path, opened: Callable[..., RotatingFile]) -> None:
    original = opened(path, rotation=10, retention=3, compression="gz")
    data = pickle.dumps(original)
    original.stop()
    path.unlink()
    copy = pickle.loads(data)  # noqa: S301
    assert not path.exists()
    for _ in range(3):
        copy.append(b"abc\n")
    copy.stop()
    assert len(Names(path).rotated()) == 1
    assert path.read_bytes() == b"abc\n"


def test_options_are_checked_before_anything_is_made(path: Path) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"rotation": "soon"},
        {"retention": "soon"},
        {"compression": "zip"},
        {"mode": 640},
    )
    for options in wrong:
        with pytest.raises(ValueError, match=next(iter(options))):
            RotatingFile(path, **options)
    assert not path.parent.exists()
