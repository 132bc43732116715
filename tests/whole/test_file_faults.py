"""Faults of log files in production, caused in real files by real processes.

The lines are counted over live, rotated, moved and compressed files. ``--slow`` adds the large sizes.
"""

import asyncio
import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import sevenfold
import sinks
from tests.conftest import Clock
from tests.support.log_checker import (
    Count,
    count_lines,
    log_files,
    log_line,
    log_lines,
    note_returned,
    returned_calls,
    rotated_sizes,
    write_lines,
)
from tests.support.systems import deletes_open_files, unix

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
WHOLE = Count()
BUSY_NOTICE = (
    "sevenfold: {}: lines are lost, 1 so far: RuntimeError: Could not acquire internal lock because it was already in "
    "use (deadlock avoided). This likely happened because the logger was re-used inside a sink, a signal handler or a "
    "'__del__' method. This is not permitted because the logger and its handlers are not re-entrant.\n"
)

KILLED = 1 if sys.platform == "win32" else -signal.SIGKILL


WRITER = """
import json, sys
import sinks
from tests.support.log_checker import log_lines
with sinks.configure(sys.argv[1], console=None, **json.loads(sys.argv[3])):
    print("ready", flush=True)
    sys.stdin.readline()
    log_lines(sys.argv[2], **json.loads(sys.argv[4]))
"""


class Work:
    """A folder with logs in it, and the processes that write them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, program: str, *arguments: Any) -> subprocess.Popen[str]:
        """Start a program, whose first arguments are the folder of the logs and that of the notes."""
        command = [sys.executable, "-c", program, str(self.logs), str(self.folder), *map(str, arguments)]
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(command, encoding="utf-8", env=ENVIRONMENT, **pipes)
        self.processes.append(process)
        return process

    def start_writers(self, writers: range, options: Any, **lines: Any) -> list[subprocess.Popen[str]]:
        """Start processes that configure their own sinks, and have them all begin to write at once."""
        started = [
            self.start(WRITER, json.dumps(options), json.dumps({"writer": writer, **lines})) for writer in writers
        ]
        for process in started:
            expect(process, "ready")
        for process in started:
            go_on(process)
        return started

    def finish(self) -> str:
        """Wait for the processes; what they wrote to stderr."""
        told = ""
        for process in self.processes:
            told += process.communicate(timeout=500)[1]
            assert process.returncode in {0, KILLED}, told
        self.processes.clear()
        return told

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate(timeout=60)

    def count(self) -> Count:
        return count_lines(log_files(self.logs), returned_calls(self.folder))


def expect(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == f"{word}\n", process.communicate(timeout=60)


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate(timeout=60)
        time.sleep(0.002)


def has_returned(work: Work, writer: int, calls: int) -> bool:
    return returned_calls(work.folder).get(writer, 0) > calls


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    work = Work(tmp_path)
    yield work
    work.end()


# Several processes


@pytest.mark.whole
@pytest.mark.parametrize("compression", [pytest.param(None, marks=pytest.mark.slow), "gz"])
@pytest.mark.parametrize(
    ("n_writers", "n_lines", "limit"),
    [
        (3, 1_000, 20_000),
        pytest.param(4, 48_000, 1_000_000, marks=pytest.mark.slow),
        pytest.param(6, 52_000, 50_000, marks=pytest.mark.slow),
    ],
)
def test_processes_with_their_own_sinks_lose_nothing(
    work: Work, n_writers: int, n_lines: int, limit: int, compression: str | None
) -> None:
    work.start_writers(range(n_writers), {"rotation": limit, "compression": compression}, count=n_lines)
    assert work.finish() == ""
    assert work.count() == WHOLE
    found = rotated_sizes(work.logs)
    assert len(found) >= n_writers * n_lines * 110 // limit // 2
    assert min(found) >= limit / 2


FORKING = """
import multiprocessing, sys
import sinks
from tests.support.log_checker import log_lines
folder, work, parent, lines = *sys.argv[1:4], int(sys.argv[4])
configured = sinks.configure(folder, rotation=30_000, console=None)
log_lines(work, 4, 100)
context = multiprocessing.get_context("fork")
children = [context.Process(target=log_lines, args=(work, writer, lines)) for writer in range(4)]
for child in children:
    child.start()
if parent == "closes":
    configured.close()
else:
    log_lines(work, 5, lines)
for child in children:
    child.join()
sys.exit(any(child.exitcode for child in children))
"""


@pytest.mark.whole
@unix("forks")
@pytest.mark.parametrize("parent", ["closes", "writes"])
def test_handlers_configured_before_a_fork_work_in_the_children(work: Work, parent: str) -> None:
    work.start(FORKING, parent, 800)
    assert work.finish() == ""
    assert work.count() == WHOLE
    rotated = log_files(work.logs)[:-1]
    packed = [path for path in rotated if path.suffix == ".gz"]
    # What somebody still had open when the last process ended is left to the next start.
    assert len(packed) > 4
    work.start(PATIENT)
    assert work.finish() == ""
    assert {path.suffix for path in log_files(work.logs)[:-1]} == {".gz"}
    assert work.count() == WHOLE


# What was begun when a program ends is finished, and the rest left to the next.
PATIENT = """
import sys, time
from pathlib import Path
import sinks
with sinks.configure(sys.argv[1], console=None):
    while list(Path(sys.argv[1]).glob("predictions.2*.log")):
        time.sleep(0.01)
"""

SPAWNING = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
import sinks
from tests.support.log_checker import log_lines, logger
folder, work, how, lines = *sys.argv[1:4], int(sys.argv[4])
context = multiprocessing.get_context("spawn")
configure = partial(sinks.configure, rotation=30_000, console=None)
if how == "pool":
    with context.Pool(2, initializer=configure, initargs=(folder,)) as pool:
        pool.starmap(log_lines, [(work, writer, lines) for writer in range(4)])
elif how == "executor":
    with ProcessPoolExecutor(2, context, initializer=configure, initargs=(folder,)) as executor:
        list(executor.map(log_lines, [work] * 4, range(4), [lines] * 4))
else:
    with configure(folder):
        options = {"log": logger}
        children = [context.Process(target=log_lines, args=(work, n, lines), kwargs=options) for n in range(2)]
        for child in children:
            child.start()
        log_lines(work, 2, lines)
        for child in children:
            child.join()
        sys.exit(any(child.exitcode for child in children))
"""


@pytest.mark.whole
@pytest.mark.parametrize("how", ["pool", pytest.param("executor", marks=pytest.mark.slow), "logger as an argument"])
def test_spawned_workers_write_with_an_initializer_or_the_logger_as_an_argument(work: Work, how: str) -> None:
    work.start(SPAWNING, how, 600)
    assert work.finish() == ""
    assert work.count() == WHOLE
    assert min(rotated_sizes(work.logs)) >= 15_000


@pytest.mark.whole
def test_files_rotated_by_time_lose_nothing(work: Work) -> None:
    began = time.monotonic()
    work.start_writers(range(2), {"rotation": ["1 s", 1_000_000]}, count=400, pause_s=0.005)
    assert work.finish() == ""
    assert work.count() == WHOLE
    assert 2 <= len(rotated_sizes(work.logs)) <= time.monotonic() - began


# Killed processes


@pytest.mark.whole
@pytest.mark.parametrize("n_killed", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_a_killed_writer_costs_nothing_that_a_call_had_returned_from(work: Work, n_killed: int) -> None:
    options = {"rotation": 50_000}
    work.start_writers(range(2), options, count=800 * n_killed, pause_s=0.0002)
    for writer in range(2, 2 + n_killed):
        (victim,) = work.start_writers(range(writer, writer + 1), options, count=10**9)
        wait_for(partial(has_returned, work, writer, 500), victim)
        victim.kill()
    assert work.finish() == ""
    assert work.count() == WHOLE
    assert min(rotated_sizes(work.logs)) >= 25_000


COMPRESSING = """
import sys, threading
import sinks
from sevenfold.files.gzipped import GzipFile
write = GzipFile.write

def write_once(self, data):
    write(self, data)
    print("ready", flush=True)
    threading.Event().wait()

GzipFile.write = write_once
with sinks.configure(sys.argv[1], console=None, retention=None):
    threading.Event().wait()
"""


@pytest.mark.whole
def test_a_compression_that_was_killed_is_finished_by_the_next_start(work: Work) -> None:
    rotated = work.logs / "predictions.2026-01-01_00-00-00_000000.log"
    unfinished, packed = work.logs / f".{rotated.name}.gz.tmp", work.logs / f"{rotated.name}.gz"
    write_lines(rotated, work.folder, 0, 5_000)  # more than is compressed at a time
    victim = work.start(COMPRESSING)
    expect(victim, "ready")
    victim.kill()
    work.finish()
    assert [path.exists() for path in (rotated, unfinished, packed)] == [True, True, False]
    work.start_writers(range(1, 2), {"retention": None}, count=1)
    assert work.finish() == ""
    assert [path.exists() for path in (rotated, unfinished, packed)] == [False, False, True]
    assert work.count() == WHOLE


# Outsiders


@pytest.mark.whole
def test_an_outsider_that_moves_the_live_file_and_deletes_the_lock_file_costs_nothing(work: Work) -> None:
    live = work.logs / "predictions.log"
    started = work.start_writers(range(2), {"rotation": 50_000}, count=1_800, pause_s=0.001)
    for number in range(3):
        wait_for(partial(is_moved, live, live.with_name(f"predictions.moved-{number}")), started[0])
        (work.logs / ".predictions.lock").unlink(missing_ok=True)
    assert work.finish() == ""
    assert work.count() == WHOLE


def is_moved(path: Path, target: Path) -> bool:
    """Move a file that has lines in it and that no writer is just rotating."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size:
            path.rename(target)
    return target.exists()


@deletes_open_files
@pytest.mark.usefixtures("own_logger")
def test_a_deleted_folder_is_made_anew_within_a_second(
    work: Work, capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    with sinks.configure(work.logs, console=None):
        log_lines(work.folder, 0, 10)
        shutil.rmtree(work.logs)
        log_lines(work.folder, 0, 10, begin=10)
        clock.now += 1
        log_lines(work.folder, 1, 10)
    assert count_lines(log_files(work.logs), {1: 10}) == WHOLE
    assert capsys.readouterr().err == ""


@deletes_open_files
@pytest.mark.usefixtures("own_logger")
def test_a_folder_that_cannot_be_made_anew_loses_lines_but_not_the_program(
    work: Work, capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    with sinks.configure(work.logs, console=None):
        log_lines(work.folder, 0, 10)
        shutil.rmtree(work.logs)
        work.logs.write_text("a file stands in the way", encoding="utf-8")
        clock.now += 1
        log_lines(work.folder, 1, 10)
        work.logs.unlink()
        clock.now += 1
        log_lines(work.folder, 1, 10, begin=10)
    assert count_lines(log_files(work.logs), returned_calls(work.folder) | {0: 0}) == Count(lost=10, told=10)
    path, error = work.logs / "predictions.log", f"FileExistsError: [Errno 17] File exists: '{work.logs}'"
    assert capsys.readouterr().err == f"sevenfold: {path}: lines are lost, 1 so far: {error}\n"


@unix("Windows moves no folder with an open file in it")
@pytest.mark.usefixtures("own_logger")
def test_a_moved_folder_that_cannot_be_made_anew_still_gets_the_lines(
    work: Work, capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    moved = work.folder / "moved"
    with sinks.configure(work.logs, console=None):
        log_lines(work.folder, 0, 10)
        work.logs.rename(moved)
        work.logs.write_text("a file stands in the way", encoding="utf-8")
        clock.now += 1
        log_lines(work.folder, 0, 10, begin=10)
    assert count_lines(log_files(moved), returned_calls(work.folder)) == WHOLE
    assert capsys.readouterr().err == ""


# Threads, tasks, and calls from inside a call


@pytest.mark.whole
@pytest.mark.usefixtures("own_logger")
def test_threads_lose_nothing(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    with sinks.configure(work.logs, rotation=100_000, console=None):
        threads = [threading.Thread(target=log_lines, args=(work.folder, writer, 500)) for writer in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert work.count() == WHOLE
    assert min(rotated_sizes(work.logs)) >= 50_000
    assert capsys.readouterr().err == ""


@pytest.mark.whole
@pytest.mark.usefixtures("own_logger")
def test_an_asyncio_program_loses_nothing(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    async def task(writer: int) -> None:
        for number in range(300):
            log_line(writer, number)
            await asyncio.sleep(0)
        note_returned(work.folder, writer, 300)

    async def main() -> None:
        await asyncio.gather(*map(task, range(10)))

    with sinks.configure(work.logs, rotation=100_000, console=None):
        asyncio.run(main())
    assert work.count() == WHOLE
    assert capsys.readouterr().err == ""


SIGNALLED = """
import itertools, signal, sys
import sinks
from tests.support.log_checker import log_line, log_lines, note_returned
numbers, going = itertools.count(), True
def interrupt(*_):
    log_line(1, next(numbers))
    if going:  # once it is through: on a busy machine the next ones would pile up on it
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
with sinks.configure(sys.argv[1], rotation=100_000, console=None):
    signal.signal(signal.SIGALRM, interrupt)
    interrupt()
    log_lines(sys.argv[2], 0, 4_000)
    going = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    note_returned(sys.argv[2], 1, next(numbers))
    log_lines(sys.argv[2], 2, 1)
"""

COLLECTED = """
import gc, itertools, sys
import sinks
from tests.support.log_checker import log_line, log_lines, note_returned
numbers = itertools.count()

class Resource:
    def __init__(self):
        self.cycle = self

    def __del__(self):
        log_line(1, next(numbers))

with sinks.configure(sys.argv[1], rotation=100_000, console=None):
    for begin in range(0, 3_000, 20):
        for _ in range(10):
            Resource()
        gc.set_threshold(1 + begin % 199)
        log_lines(sys.argv[2], 0, 20, begin=begin)
    gc.collect()
    note_returned(sys.argv[2], 1, next(numbers))
    log_lines(sys.argv[2], 2, 1)
"""


@pytest.mark.whole
@pytest.mark.parametrize(
    "program", [pytest.param(SIGNALLED, marks=unix("sets an alarm")), COLLECTED], ids=["signal handler", "__del__"]
)
def test_calls_from_inside_a_call_lose_their_own_record_at_most_and_the_file_says_how_many(
    work: Work, program: str
) -> None:
    work.start(program)
    told = work.finish()
    count = work.count()
    assert count == Count(lost=count.told, told=count.told)
    assert count.lost > 0
    assert set(told.splitlines(keepends=True)) == {BUSY_NOTICE.format(work.logs / "predictions.log")}


# Full disks

IN_PHASES = """
import json, resource, sys
import sinks
from tests.support.log_checker import log_lines
writer, options, lines, limits = json.loads(sys.argv[3])
begin = 0
with sinks.configure(sys.argv[1], console=None, **options):
    for count, limit in zip(lines, limits):
        print("ready", flush=True)
        sys.stdin.readline()
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
        log_lines(sys.argv[2], writer, count, begin=begin)
        begin += count
    print("done", flush=True)
"""


def run(*command: Any) -> int:
    return subprocess.run([*map(str, command)], check=False, capture_output=True, timeout=60).returncode


@contextlib.contextmanager
def small_disk(folder: Path, n_bytes: int) -> Iterator[None]:
    folder.mkdir()
    if (
        not hasattr(os, "geteuid")
        or os.geteuid()
        or run("mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", folder)
    ):
        pytest.skip("a small disk can't be mounted here")
    try:
        yield
    finally:
        assert run("umount", folder) == 0


def next_phase(started: list[subprocess.Popen[str]], event: Callable[[], object] = lambda: None) -> None:
    """When all have come to the end of their phase, let something happen, and then all go on."""
    for process in started:
        expect(process, "ready")
    event()
    for process in started:
        go_on(process)


def fill_up(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 512):
            pass


def lost_notices(work: Work, n_writers: int, error: int) -> str:
    path, said = work.logs / "predictions.log", f"[Errno {error}] {os.strerror(error)}"
    return f"sevenfold: {path}: lines are lost, 1 so far: OSError: {said}\n" * n_writers


@pytest.mark.whole
@pytest.mark.parametrize("n_writers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_full_disk_loses_lines_and_the_file_says_how_many(work: Work, n_writers: int) -> None:
    with small_disk(work.logs, 400_000):
        phases = [[50, 400, 50], [-1, -1, -1]]
        started = [
            work.start(IN_PHASES, json.dumps([writer, {"rotation": 30_000}, *phases])) for writer in range(n_writers)
        ]
        ballast = work.logs / "ballast"
        next_phase(started)
        next_phase(started, partial(fill_up, ballast))
        next_phase(started, ballast.unlink)
        told = work.finish()
        count = work.count()
        assert count == Count(lost=count.told, told=count.told)
        assert count.lost > 300 * n_writers
        assert told == lost_notices(work, n_writers, errno.ENOSPC)


AS_THE_DISK_ALLOWS = """
import json, sys, time
from pathlib import Path
from sevenfold.files.rotating import RotatingFile
writer, ballast = sys.argv[3], Path(sys.argv[1], "ballast")
file, acknowledged = RotatingFile(Path(sys.argv[1], "predictions.log")), []
for number in range(10**9):
    if number == 20:
        print("ready", flush=True)
        sys.stdin.readline()
    line = f"{writer}:{number}:" + "x" * (number * 97 % 2000) + ":end"
    is_last = not ballast.exists()
    try:
        file.append(line.encode() + b"\\n")
        acknowledged.append(line)
    except OSError:
        if is_last:
            break
Path(sys.argv[2], f"acknowledged-{writer}").write_text(json.dumps(acknowledged), encoding="utf-8")
"""


@pytest.mark.whole
def test_writers_on_a_disk_that_is_full_again_and_again_lose_no_line_that_was_acknowledged(work: Work) -> None:
    with small_disk(work.logs, 256_000):
        ballast = work.logs / "ballast"
        n_pages = 20
        ballast.write_bytes(b"x" * 4096 * n_pages)
        started = [work.start(AS_THE_DISK_ALLOWS, writer) for writer in range(2)]
        next_phase(started)
        while n_pages:
            time.sleep(0.02)
            n_pages -= 1
            os.truncate(ballast, 4096 * n_pages)
        ballast.unlink()
        assert work.finish() == ""
        found = [line for line in (work.logs / "predictions.log").read_text(encoding="utf-8").split("\n") if line]
    told = [json.loads((work.folder / f"acknowledged-{writer}").read_text(encoding="utf-8")) for writer in range(2)]
    assert sorted(found) == sorted([*told[0], *told[1]])
    assert len(found) > 2 * 20 + 50


FILLING_UP = """
import random, sys
import sinks
from loguru import logger
x = [random.random() for _ in range(20_000)]
with sinks.configure(sys.argv[1], console=None, rotation=None):
    for number in range(400):
        logger.bind(channel="predictions").info("line", number=number, x=x)
"""


@contextlib.contextmanager
def copying_disk(folder: Path, n_bytes: int) -> Iterator[None]:
    """Mount a file system that needs room for what is written over."""
    if not hasattr(os, "geteuid") or os.geteuid() or not shutil.which("mkfs.btrfs"):
        pytest.skip("btrfs can't be made here")
    folder.mkdir()
    image = folder.with_name("image")
    image.touch()
    os.truncate(image, n_bytes)
    if run("mkfs.btrfs", "-q", image) or run("mount", "-o", "loop", image, folder):
        pytest.skip("btrfs can't be mounted here")
    try:
        yield
    finally:
        assert run("umount", folder) == 0


@pytest.mark.whole
def test_a_full_disk_that_copies_what_is_written_over_kills_nobody_and_readers_report_what_is_torn(work: Work) -> None:
    with copying_disk(work.logs, 120_000_000):
        work.start(FILLING_UP)
        told = work.finish()
        bad: list[str] = []
        path = work.logs / "predictions.log"
        events = list(sevenfold.read(path, on_bad=lambda _path, _number, why: bad.append(why)))
    assert f"sevenfold: {path}: lines are lost, 1 so far: OSError: [Errno {errno.ENOSPC}]" in told
    numbers = [event.fields["number"] for event in events if "number" in event.fields]
    n_lost = sum(event.fields.get("n_lost", 0) for event in events)
    closed = re.search(r"closed with (\d+) lines lost", told)
    assert len(numbers) == len(set(numbers)) > 20
    assert len(numbers) + n_lost + (int(closed[1]) if closed else 0) == 400
    assert all("torn" in why or "expected" in why for why in bad)


@pytest.mark.whole
@unix("limits the size of files")
@pytest.mark.parametrize("n_writers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_file_that_may_not_grow_loses_lines_and_says_how_many(work: Work, n_writers: int) -> None:
    phases = [[50, 400, 50], [-1, 12_000 * n_writers, -1]]
    started = [work.start(IN_PHASES, json.dumps([writer, {"rotation": None}, *phases])) for writer in range(n_writers)]
    for _ in range(3):
        next_phase(started)
    told = work.finish()
    count = work.count()
    assert count == Count(lost=count.told, told=count.told)
    assert count.lost > 300
    assert told == lost_notices(work, n_writers, errno.EFBIG)


# Folders that can't be written

WAY_OUT = 'without files: configure(None, console_format="json", console_stream="stdout")'


def refusal(folder: Path, error: int) -> str:
    return f"[Errno {error}] the log folder can't be written: {os.strerror(error)}; {WAY_OUT}: {str(folder)!r}"


@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize("below", ["", "logs"])
def test_a_folder_that_is_a_file_is_named_by_the_error(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    folder = tmp_path / "file" / below
    with pytest.raises(OSError, match=r"file") as own:
        folder.mkdir()
    with pytest.raises(OSError, match="the log folder") as caught:
        sinks.configure(folder)
    error, why = own.value.errno, own.value.strerror if below else "it is a file"
    assert str(caught.value) == f"[Errno {error}] the log folder can't be written: {why}; {WAY_OUT}: {str(folder)!r}"


@pytest.mark.usefixtures("own_logger")
def test_a_read_only_folder_is_named_by_the_error(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    with small_disk(folder, 100_000):
        assert run("mount", "-o", "remount,ro", folder) == 0
        with pytest.raises(OSError, match="the log folder") as caught:
            sinks.configure(folder)
    assert str(caught.value) == refusal(folder, errno.EROFS)


@unix("needs a folder's mode")
@pytest.mark.skipif(hasattr(os, "geteuid") and not os.geteuid(), reason="root may write anywhere")
@pytest.mark.usefixtures("own_logger")
def test_a_folder_without_permission_is_named_by_the_error(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir(0o500)
    with pytest.raises(OSError, match="the log folder") as caught:
        sinks.configure(folder)
    assert str(caught.value) == refusal(folder, errno.EACCES)


# Memory, and systems without locks

MEASURED = """
import os, sys
import sinks
from tests.support.log_checker import log_lines

def resident_bytes():
    with open("/proc/self/statm", encoding="utf-8") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

table = tuple(row for row in sinks.CHANNELS if row.name in {"predictions", "errors"})
with sinks.configure(sys.argv[1], channels=table, rotation=500_000, retention=3, console=None):
    log_lines(sys.argv[2], 0, 5_000)
    before = resident_bytes()
    log_lines(sys.argv[2], 1, int(sys.argv[3]))
    print(resident_bytes() - before)
"""


@pytest.mark.whole
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("n_lines", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_memory_stays_flat(work: Work, n_lines: int) -> None:
    process = work.start(MEASURED, n_lines)
    told, complaints = process.communicate(timeout=500)
    assert complaints == ""
    assert int(told) < 3_000_000


WITHOUT_LOCKS = """
import errno, fcntl, pathlib, sys, time
def refuse(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refuse
import sinks
from tests.support.log_checker import log_lines
with sinks.configure(sys.argv[1], rotation=50_000, retention=int(sys.argv[3]), console=None):
    log_lines(sys.argv[2], 0, 4_000)
    while list(pathlib.Path(sys.argv[1]).glob("predictions.2*.log")):
        time.sleep(0.01)
"""


@pytest.mark.whole
@unix("takes the locks of Unix away")
@pytest.mark.parametrize("retention", [100, 3])
def test_without_locks_one_process_rotates_compresses_and_deletes(work: Work, retention: int) -> None:
    work.start(WITHOUT_LOCKS, retention)
    assert work.finish().count("no file locks here") == 1
    *rotated, live = log_files(work.logs)
    assert (live.name, {path.suffix for path in rotated}) == ("predictions.log", {".gz"})
    if retention == 3:
        assert len(rotated) == 3
    else:
        assert len(rotated) > 8
        assert work.count() == WHOLE
    assert min(rotated_sizes(work.logs)) >= 25_000
