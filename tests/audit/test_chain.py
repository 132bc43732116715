"""A chain while it is written: several processes, crashes, lost files, keys, full disks."""

import contextlib
import gc
import gzip
import multiprocessing
import os
import pickle
import re
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

import sinks
from sevenfold.audit.chain import GRACE_S, Chain
from sevenfold.audit.findings import TORN
from sevenfold.audit.keys import KEY_BYTES, AuditError, make_key, read_key
from sevenfold.audit.seals import HEAD_BYTES
from sevenfold.audit.verify import verify
from sevenfold.files.locks import lock
from sevenfold.files.rotating import LOOK_S, MEASURE_S, RotatingFile
from sevenfold.files.systems import system
from tests.support.audit_files import ENVIRONMENT, KEY, OTHER_KEY, Trail, event, make_trail, processes, run
from tests.support.log_files import read_json
from tests.support.systems import deletes_open_files, unix
from tests.support.writers import log_twenty_events

NOTICED_S = 2 * MEASURE_S  # after which a log file that was deleted is missed


@pytest.fixture(params=[None, KEY], ids=["without a key", "with a key"])
def trail(request: pytest.FixtureRequest, tmp_path: Path) -> Trail:
    return Trail(tmp_path / "logs" / "app_json.log", request.param)


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sevenfold.audit.chain.GRACE_S", 0.0)


@pytest.fixture
def key_path(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    make_key(path)
    return path


def begin(trail: Trail) -> Chain:
    return Chain(RotatingFile(trail.path), trail.key)


def extend(chain: Chain, *numbers: int) -> None:
    for number in numbers:
        chain.append(event(number).encode())


def numbers_in(trail: Trail) -> list[int]:
    return [int(found[1]) for line in trail.all_lines() for found in [re.search(rb'"n": (\d+)', line)] if found]


def open_files(folder: Path) -> list[str]:
    """What this process has open in a folder, where the system tells."""
    gc.collect()
    links = list(Path("/proc/self/fd").iterdir()) if sys.platform == "linux" else []
    return [name for name in map(os.path.realpath, links) if name.startswith(f"{folder}/")]


# Several processes and threads

WRITER = """
import sys
import sinks
from loguru import logger
with sinks.configure(sys.argv[1], console=None, rotation=25_000):
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        logger.bind(channel="audit", writer=int(sys.argv[2]), number=number).info("event")
"""


@pytest.mark.whole
@pytest.mark.parametrize("n_events", [200, pytest.param(5_000, marks=pytest.mark.slow)])
def test_four_processes_write_one_chain_through_rotations_and_gzip(tmp_path: Path, n_events: int) -> None:
    with processes() as start:
        writers = [start(WRITER, tmp_path, writer, n_events) for writer in range(4)]
        for process in writers:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        assert [process.communicate("\n", timeout=500) for process in writers] == [("", "")] * 4
    verdict = verify(tmp_path / "app_json.log")
    assert (verdict.findings, verdict.n_events) == ((), 4 * n_events)
    assert verdict.n_files >= 4 * n_events * 800 // 25_000
    assert list(tmp_path.glob("app_json.*.log.gz"))


KILLED = """
import contextlib, os, random, signal, sys, time, traceback
from pathlib import Path
from tests.support.audit_files import KEY, event
from sevenfold.audit.chain import GRACE_S, Chain
from sevenfold.files.rotating import LOOK_S, RotatingFile

work, kills = Path(sys.argv[1]), int(sys.argv[2])
random.seed(7)

def write(writer):
    returned = os.open(work / f"returned-{writer}", os.O_CREAT | os.O_WRONLY, 0o600)
    chain = Chain(RotatingFile(work / "logs" / "app_json.log", rotation=20_000, compression="gz"), KEY)
    for number in range(1_000_000):
        chain.append(event(writer * 1_000_000 + number, "x" * random.randrange(300)).encode())
        os.pwrite(returned, b"%07d" % (number + 1), 0)

def start(writer):
    pids[writer] = os.fork()
    if pids[writer]:
        return
    try:
        write(writer)
    except BaseException:
        traceback.print_exc()
    os._exit(1)

def has_returned(writer, calls):
    with contextlib.suppress(FileNotFoundError):
        return int((work / f"returned-{writer}").read_bytes() or b"0") >= calls
    return False

def kill(writer, calls):
    while not has_returned(writer, calls):
        assert os.waitpid(pids[writer], os.WNOHANG) == (0, 0)
        time.sleep(0.0005)
    time.sleep(random.uniform(0, 0.005))  # to hit it anywhere
    os.kill(pids[writer], signal.SIGKILL)
    os.waitpid(pids[writer], 0)

pids = {}
for writer in range(3):
    start(writer)
for writer in range(kills):
    kill(writer, random.choice((0, 100)))
    start(writer + 3)
for writer in range(kills, kills + 3):
    kill(writer, 100)
"""


@pytest.mark.whole
@unix("forks")
def test_whoever_is_killed_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    kills = 24
    assert run(KILLED, tmp_path, kills) == ""
    trail = Trail(tmp_path / "logs" / "app_json.log", KEY)
    verdict = trail.verify()
    assert {finding.what for finding in verdict.findings} <= {TORN}
    assert verdict.proved
    seen = numbers_in(trail)
    n_torn = sum(not line.endswith(b'"}}\n') for line in trail.all_lines() if b'"n": ' in line)  # and have their number
    assert verdict.n_events + n_torn == len(seen) == len(set(seen))
    returned = {int(path.name.split("-")[1]): int(path.read_bytes() or b"0") for path in tmp_path.glob("returned-*")}
    assert len(returned) == kills + 3
    assert sum(returned.values()) > 1000
    missing = {writer * 1_000_000 + n for writer, count in returned.items() for n in range(count)} - set(seen)
    assert missing == set()
    trail.log([1, 2])  # a chain that can be gone on with
    assert trail.verify().proved


FORKED = """
import os, sys
import sinks
from loguru import logger
with sinks.configure(sys.argv[1], console=None, rotation=20_000):
    log = logger.bind(channel="audit").info
    log("before")
    children = []
    for _ in range(3):
        if (pid := os.fork()) == 0:
            for _ in range(100):
                log("in a child")
            os._exit(0)
        children.append(pid)
    for _ in range(100):
        log("in the parent")
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 3
"""


@pytest.mark.whole
@unix("forks")
def test_handlers_that_were_configured_before_a_fork_write_one_chain(tmp_path: Path) -> None:
    assert run(FORKED, tmp_path) == ""
    verdict = verify(tmp_path / "app_json.log")
    assert (verdict.findings, verdict.n_events) == ((), 401)


@pytest.mark.usefixtures("own_logger")
def test_threads_write_one_chain(tmp_path: Path) -> None:
    def write() -> None:
        for _ in range(50):
            logger.bind(channel="audit").info("event")

    with sinks.configure(tmp_path, console=None, rotation=20_000):
        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    verdict = verify(tmp_path / "app_json.log")
    assert (verdict.findings, verdict.n_events) == ((), 400)


@pytest.mark.whole
@pytest.mark.usefixtures("own_logger")
def test_a_logger_that_is_an_argument_of_a_spawned_process_goes_on_with_the_chain(
    tmp_path: Path, key_path: Path
) -> None:
    logs = tmp_path / "logs"
    with sinks.configure(logs, console=None, audit_key=key_path):
        process = multiprocessing.get_context("spawn").Process(target=log_twenty_events, args=(logger,))
        process.start()
        log_twenty_events(logger)
        process.join()
    assert process.exitcode == 0
    verdict = verify(logs / "app_json.log", key=key_path.read_bytes())
    assert (verdict.findings, verdict.n_events) == ((), 40)


def test_a_pickled_chain_goes_on_and_still_refuses_a_chain_of_another_key(trail: Trail) -> None:
    chain = begin(trail)
    extend(chain, 1)
    again = pickle.loads(pickle.dumps(chain))  # noqa: S301
    extend(again, 2)
    extend(chain, 3)
    assert (trail.findings(), numbers_in(trail)) == ([], [1, 2, 3])
    chain.close()
    again.close()
    other = pickle.loads(pickle.dumps(chain))  # noqa: S301
    other._key = OTHER_KEY
    with pytest.raises(AuditError):
        extend(other, 4)
    other.close()


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "rb")
fcntl.flock(file, fcntl.LOCK_EX)
print("ready", flush=True)
sys.stdin.readline()
"""


@unix("another program takes the lock with flock")
@pytest.mark.usefixtures("own_logger")
def test_an_event_waits_for_a_lock_that_another_keeps_but_not_for_ever(tmp_path: Path) -> None:
    log, head = logger.bind(channel="audit").info, tmp_path / "app_json.head"
    with processes() as start, sinks.configure(tmp_path, console=None, audit_wait=0.2):
        log("first")
        holder = start(HOLDER, head)
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        with pytest.raises(AuditError, match=f"^{head}: another process has kept the chain locked for 0.2 s: find out"):
            log("in vain")
        holder.communicate("\n", timeout=30)
        log("second")
    assert [line["record"]["message"] for line in read_json(tmp_path / "app_json.log")] == ["first", "second"]
    assert verify(tmp_path / "app_json.log").proved


@pytest.mark.whole
@pytest.mark.usefixtures("own_logger")
def test_a_lock_that_another_keeps_is_told_after_a_second(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    head = tmp_path / "app_json.head"
    with sinks.configure(tmp_path, console=None, audit_wait=60):
        with head.open("rb") as foreign:
            assert lock(foreign.fileno(), exclusive=True)
            thread = threading.Thread(target=logger.bind(channel="audit").info, args=["event"])
            thread.start()
            begun, told = time.monotonic(), ""
            while not told and time.monotonic() < begun + 30:
                time.sleep(0.05)
                told = capfd.readouterr().err
            assert time.monotonic() - begun >= 1
            assert thread.is_alive()
        thread.join(30)
    assert (
        told == f"sevenfold: {head}: locked by another process: waiting for it, up to 60 s; {system.FINDER} names it\n"
    )
    assert verify(tmp_path / "app_json.log").n_events == 1


@pytest.mark.parametrize("wait", [-1, float("nan"), "10", True, None])
def test_a_wait_that_is_none_is_refused_before_anything_is_made(tmp_path: Path, wait: Any) -> None:
    with pytest.raises(ValueError, match="audit_wait must be seconds, from 0 on, got "):
        sinks.configure(tmp_path / "logs", audit_wait=wait)
    assert list(tmp_path.iterdir()) == []


# Crashes


class Crash(BaseException):
    """What a test stops a writer with."""


def crash(*_: object, **__: object) -> None:
    raise Crash


def test_a_line_whose_head_a_crash_left_behind_is_taken_over(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = begin(trail)
    extend(chain, 1, 2)
    with monkeypatch.context() as patch:
        patch.setattr(Chain, "_write", crash)
        with pytest.raises(Crash):
            extend(chain, 3)
    assert trail.findings() == []  # before anybody goes on, too
    chain.close()
    trail.log([4])
    assert (trail.findings(), numbers_in(trail), trail.head().seq) == ([], [1, 2, 3, 4], 4)


def test_a_line_that_a_crash_tore_is_ended_and_told_as_torn(trail: Trail) -> None:
    trail.log([1, 2])
    for n_bytes in (1, 9, 40, 300):
        content = trail.path.read_bytes()
        trail.log([3])
        torn = trail.path.read_bytes()[: len(content) + n_bytes]
        shutil.copy(trail.head_path, trail.head_path.with_suffix(".after"))
        trail.path.write_bytes(content)
        restore_head(trail, content)
        trail.path.write_bytes(torn)
        n_lines = torn.count(b"\n") + 1
        assert trail.findings()[-1] == f"live:{n_lines}: {TORN}"
        trail.log([4])
        assert trail.findings()[-1] == f"live:{n_lines}: {TORN}"
        assert trail.verify().proved
        assert trail.all_lines()[n_lines - 1] == torn.splitlines()[-1] + b"\n"


def restore_head(trail: Trail, content: bytes) -> None:
    """Write the head that was there when the log file had this content."""
    head = trail.head()
    lines = content.splitlines()
    found = re.search(rb'"seq": (\d+), "prev": "\w+", "mac": "(\w+)"\}\}$', lines[-1])
    assert found
    old = type(head)(head.id, int(found[1]), found[2].decode(), head.inode, len(content))
    trail.head_path.write_bytes(old.to_bytes(trail.key))


def test_a_line_that_lacks_only_its_end_is_taken_over(trail: Trail) -> None:
    trail.log([1])
    content = trail.path.read_bytes()
    trail.log([2])
    whole = trail.path.read_bytes()
    restore_head(trail, content)
    trail.path.write_bytes(whole[:-1])
    assert trail.findings() == []
    trail.log([3])
    assert (trail.findings(), numbers_in(trail)) == ([], [1, 2, 3])


def test_a_torn_line_at_the_end_of_a_rotated_file_is_told_as_torn(trail: Trail) -> None:
    trail.log([1, 2])
    with trail.path.open("ab") as file:
        file.write(event(3)[:50].encode())
    chain = Chain(RotatingFile(trail.path, rotation=trail.path.stat().st_size), trail.key)
    extend(chain, 4, 5)
    chain.close()
    assert len(trail.files) == 2
    assert trail.findings() == [f"file1:3: {TORN}"]
    assert (trail.verify().proved, trail.verify().n_events) == (True, 4)
    packed = trail.files[0]
    packed.with_name(f"{packed.name}.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    assert trail.findings() == [f"file1:3: {TORN}"]


def test_who_dies_between_a_rotation_and_the_line_leaves_no_trace(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail.log([1, 2])
    chain = Chain(RotatingFile(trail.path, rotation=300), trail.key)
    other = begin(trail)
    with monkeypatch.context() as patch:
        patch.setattr(RotatingFile, "write", crash)
        with pytest.raises(Crash):
            extend(chain, 3)
    extend(other, 4)
    extend(chain, 5)
    extend(other, 6)
    chain.close()
    other.close()
    assert (trail.findings(), numbers_in(trail)) == ([], [1, 2, 4, 5, 6])


@pytest.mark.parametrize("rotation", [None, 300])
def test_who_dies_behind_the_first_line_of_a_new_file_is_followed_by_who_has_the_old_one_open(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, rotation: int | None
) -> None:
    trail.log([1, 2])
    other = Chain(RotatingFile(trail.path, rotation=rotation), trail.key)
    chain = Chain(RotatingFile(trail.path, rotation=300), trail.key)
    write = Chain._write
    with monkeypatch.context() as patch:
        patch.setattr(Chain, "_write", lambda self, head: crash() if head.seq == 3 else write(self, head))
        with pytest.raises(Crash):
            extend(chain, 3)
    assert len(trail.files) > 1
    extend(other, 4)
    extend(chain, 5)
    chain.close()
    other.close()
    assert (trail.findings(), numbers_in(trail)) == ([], [1, 2, 3, 4, 5])


def test_a_line_longer_than_what_is_read_of_the_end_is_found(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    trail.log([1])
    chain = begin(trail)
    with monkeypatch.context() as patch:
        patch.setattr(Chain, "_write", crash)
        with pytest.raises(Crash):
            chain.append(event(2, "x" * 1_000_000).encode())
    chain.close()
    trail.log([3])
    assert (trail.findings(), trail.verify().n_events) == ([], 3)


# Files that somebody deletes, damages, moves or puts back

RESTLESS = """
import sys, time
from pathlib import Path
from tests.support.audit_files import event
from sevenfold.audit.chain import GRACE_S, Chain
from sevenfold.files.rotating import RotatingFile
from sevenfold.files.systems import system
path = Path(sys.argv[1])
chain = Chain(RotatingFile(path, rotation=50_000))

def write(count):
    for _ in range(count):
        chain.append(event(1).encode())
        time.sleep(0.0005)

write(100)
print("ready", flush=True)
while not (path.with_name("deleted").exists() and path.with_suffix(".head").exists()):
    write(1)
write(100)
"""
LOST = "event {} was left out, since the head was lost: what was cut then can't be told"


@deletes_open_files
def test_a_head_that_is_deleted_while_a_chain_is_written_is_made_again_with_a_trace(trail: Trail) -> None:
    chain, other = begin(trail), begin(trail)
    extend(chain, 1)
    trail.head_path.unlink()
    extend(chain, 2)
    third = begin(trail)
    extend(third, 3)
    extend(other, 4)
    extend(chain, 5)
    third.close()
    (found,) = trail.findings()  # at the second event or, where a writer looks once a second only, at the third
    assert found in [f"live:{number}: head: {LOST.format(number)}" for number in (2, 3)]
    assert numbers_in(trail) == [1, 2, 3, 4, 5]
    chain.close()
    other.close()


@pytest.mark.parametrize("damage", [b"", b"x", b"\0" * HEAD_BYTES])
def test_a_damaged_head_is_made_again_with_a_trace(trail: Trail, damage: bytes) -> None:
    chain = begin(trail)
    extend(chain, 1, 2)
    trail.head_path.write_bytes(damage)
    extend(chain, 3, 4)
    chain.close()
    assert trail.findings() == [f"live:3: head: {LOST.format(3)}"]
    trail.head_path.write_bytes(damage)
    begin(trail).close()
    assert trail.findings()[-1] == "live: head: it was lost, and begun anew: a cut tail can't be excluded"
    trail.log([5])
    assert trail.findings()[-1] == f"live:5: head: {LOST.format(6)}"
    assert trail.findings(start=7) == []


def test_more_behind_the_head_does_no_harm(trail: Trail) -> None:
    chain = begin(trail)
    extend(chain, 1)
    with trail.head_path.open("ab") as file:
        file.write(b"and more")
    extend(chain, 2)
    chain.close()
    trail.log([3])
    assert trail.findings() == []


@deletes_open_files
def test_a_head_that_another_replaces_is_seen_at_the_next_event_of_another_writer(trail: Trail) -> None:
    chain, other = begin(trail), begin(trail)
    extend(chain, 1)
    shutil.copy(trail.head_path, trail.path.with_name("copy"))
    trail.path.with_name("copy").replace(trail.head_path)
    third = begin(trail)
    for number, writer in enumerate((third, chain, other, third, other, chain), start=2):
        extend(writer, number)
    for writer in (chain, other, third):
        writer.close()
    assert (trail.findings(), numbers_in(trail)) == ([], [1, 2, 3, 4, 5, 6, 7])


@unix("Windows moves and deletes no folder with an open file in it")
@pytest.mark.parametrize("how", [shutil.rmtree, lambda path: path.rename(path.with_name("elsewhere"))])
def test_a_folder_that_is_gone_is_made_again_and_the_events_in_it_are_missed(
    trail: Trail, how: Callable[[Path], object]
) -> None:
    chain = begin(trail)
    extend(chain, 1, 2)
    how(trail.path.parent)
    time.sleep(NOTICED_S)
    extend(chain, 3, 4)
    chain.close()
    assert numbers_in(trail) == [3, 4]
    assert trail.findings() == ["live:1: missing: events 1 to 3"]


def test_a_log_file_that_is_moved_away_is_missed_until_it_is_back(trail: Trail) -> None:
    chain = begin(trail)
    extend(chain, 1, 2)
    moved = trail.path.rename(trail.path.with_name("app_json.log.1"))
    time.sleep(NOTICED_S)
    extend(chain, 3, 4)
    chain.close()
    assert trail.findings() == ["live:1: missing: events 1 to 2"]
    moved.rename(trail.path.with_name("app_json.2026-11-23_08-36-11_000000.log"))
    assert (trail.findings(), trail.verify().n_events) == ([], 4)


def test_a_log_file_that_is_deleted_or_emptied_is_missed(trail: Trail) -> None:
    chain = begin(trail)
    extend(chain, 1, 2)
    trail.path.unlink()
    time.sleep(NOTICED_S)
    extend(chain, 3)
    trail.path.write_bytes(b"")
    extend(chain, 4)
    chain.close()
    assert trail.findings() == ["live:1: missing: events 1 to 3"]


def test_an_old_copy_that_is_put_back_under_a_writer_is_found_by_its_next_line(trail: Trail) -> None:
    chain = begin(trail)
    extend(chain, 1, 2)
    log, head = trail.path.read_bytes(), trail.head_path.read_bytes()
    extend(chain, 3, 4)
    trail.path.write_bytes(log)
    trail.head_path.write_bytes(head)
    assert trail.findings() == []
    extend(chain, 5)
    chain.close()
    assert trail.findings() == ["live:3: missing: events 3 to 4"]


@deletes_open_files
def test_a_tail_that_is_cut_with_its_head_under_a_writer_is_found_by_its_next_line(trail: Trail) -> None:
    chain = begin(trail)
    extend(chain, 1, 2, 3)
    trail.path.write_bytes(trail.all_lines()[0])
    trail.head_path.unlink()
    extend(chain, 4)
    chain.close()
    assert trail.findings() == ["live:2: missing: events 2 to 4"]


def test_who_makes_a_lost_head_again_gives_the_others_time_to_see_that_it_is_gone(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("sevenfold.audit.chain.GRACE_S", GRACE_S)
    monkeypatch.setattr("sevenfold.audit.chain.sleep", slept.append)
    trail.log([1, 2])
    assert slept == []  # there were no others
    trail.head_path.unlink()
    trail.log([3, 4])
    assert slept == [GRACE_S]
    assert GRACE_S > LOOK_S


def test_a_line_of_another_chain_at_the_end_isnt_taken_over(trail: Trail, tmp_path: Path) -> None:
    trail.log([1, 2])
    other = make_trail(tmp_path / "other", trail.key, 9)
    with trail.path.open("ab") as file:
        file.write(other.lines(other.path)[-1])
    trail.log([3])
    assert trail.findings() == ["live:3: inserted: event 9 of another chain"]


def test_a_writer_goes_on_with_a_shorter_chain_that_was_put_in_the_place_of_its_own(
    trail: Trail, tmp_path: Path
) -> None:
    chain = begin(trail)
    extend(chain, 1, 2, 3)
    other = Trail(tmp_path / "other" / "app_json.log", trail.key)
    other.log([1])
    trail.path.write_bytes(other.path.read_bytes())
    trail.head_path.write_bytes(other.head_path.read_bytes())
    extend(chain, 2)
    chain.close()
    assert trail.findings() == []
    assert len(trail.all_lines()) == 2


def test_an_older_head_is_caught_up_with(trail: Trail) -> None:
    trail.log([1, 2])
    old = trail.head_path.read_bytes()
    trail.log([3, 4, 5])
    trail.head_path.write_bytes(old)
    trail.log([6])
    assert (trail.findings(), trail.head().seq) == ([], 6)


def test_a_forged_line_at_the_end_isnt_taken_over(trail: Trail) -> None:
    trail.log([1, 2])
    forged = trail.all_lines()[1].replace(b'"seq": 2', b'"seq": 900000000000000000')
    with trail.path.open("ab") as file:
        file.write(forged)
    trail.log([3])
    assert trail.findings()[0].startswith("live:3: edited")
    assert trail.head().seq == 3
    trail.head_path.unlink()
    trail.log([4])
    assert trail.head().seq == 5


def test_a_broken_archive_keeps_no_chain_from_going_on(tmp_path: Path) -> None:
    trail = make_trail(tmp_path, n_events=5)
    trail.path.unlink(missing_ok=True)
    (archive,) = trail.files
    content = archive.with_name(f"{archive.name}.gz")
    for broken in (b"", b"no archive", gzip.compress(b"x" * 99)[:-9]):
        content.write_bytes(broken)
        trail.head_path.unlink()
        trail.log([6])
        trail.path.unlink()


@pytest.mark.whole
@deletes_open_files
def test_a_head_that_is_deleted_under_several_writers_leaves_nothing_but_its_trace(tmp_path: Path) -> None:
    with processes() as start:
        writers = [start(RESTLESS, tmp_path / "app_json.log") for _ in range(3)]
        for process in writers:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        (tmp_path / "app_json.head").unlink()
        (tmp_path / "deleted").touch()
        assert [process.communicate(timeout=60) for process in writers] == [("", "")] * 3
    (finding,) = verify(tmp_path / "app_json.log").findings
    assert f"head: {finding.detail}" == f"{finding.what}: {LOST.format(finding.first_event)}"


@deletes_open_files
def test_a_writer_that_is_alone_sees_within_a_second_that_its_head_is_gone(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("sevenfold.audit.chain.monotonic", lambda: now)
    chain = begin(trail)
    trail.head_path.unlink()
    extend(chain, 1)
    now += LOOK_S
    extend(chain, 2)
    chain.close()
    assert trail.head().seq >= 2
    assert trail.verify().n_events == 2


# Keys


@pytest.mark.parametrize(
    ("begun", "given", "how", "head"),
    [
        (KEY, None, "with a key", "head"),
        (None, KEY, "without a key", "head"),
        (KEY, OTHER_KEY, "with another key", "head"),
        (KEY, None, "with a key", "no head"),
        (KEY, OTHER_KEY, "with another key", "no log"),
    ],
)
def test_a_chain_is_gone_on_with_by_its_own_key_only(
    tmp_path: Path, begun: bytes | None, given: bytes | None, how: str, head: str
) -> None:
    trail = Trail(tmp_path / "app_json.log", begun)
    trail.log([1, 2])
    gone = {"no head": trail.head_path, "no log": trail.path}.get(head)
    if gone:
        gone.unlink()
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    message = (
        f"{trail.path} was begun {how}: give the same again, or move the audit files and their head app_json.head"
        " elsewhere to begin anew"
    )
    with pytest.raises(AuditError, match=f"^{re.escape(message)}$"):
        Trail(trail.path, given).log([3])
    assert open_files(tmp_path) == []
    assert {path: path.read_bytes() for path in files} == files
    trail.log([3])
    expected = {
        "head": [],
        "no head": [f"live:3: head: {LOST.format(3)}"],
        "no log": ["live:1: missing: events 1 to 2"],
    }
    assert trail.findings() == expected[head]


def test_a_chain_without_an_event_may_get_a_key_or_lose_it(tmp_path: Path) -> None:
    for key in (None, KEY, OTHER_KEY, None):
        trail = Trail(tmp_path / "app_json.log", key)
        trail.log([])
        Chain(RotatingFile(trail.path), key).close()
    trail.log([1])
    assert trail.findings() == []


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "two")]
    for path in paths:
        make_key(path)
        assert len(read_key(path, tmp_path / "logs")) == KEY_BYTES == 32
        if os.name == "posix":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    one, two = (path.read_bytes() for path in paths)
    assert one != two
    with pytest.raises(FileExistsError):
        make_key(paths[0])
    assert paths[0].read_bytes() == one


def test_a_key_that_is_no_secret_or_no_key_is_refused(tmp_path: Path, key_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    inside, short, missing, exposed = (tmp_path / name for name in ("logs/key", "short", "missing", "exposed"))
    link = tmp_path / "link"
    make_key(inside)
    with contextlib.suppress(OSError):  # which Windows may refuse
        link.symlink_to(inside)
    short.write_bytes(b"x" * 31)
    short.chmod(0o600)
    make_key(exposed)
    exposed.chmod(0o640)
    errors = {
        inside: f"{inside}: the key must lie outside the log folder {logs}; move it",
        link: f"{link}: the key must lie outside the log folder {logs}; move it",
        short: f"{short}: expected a key of at least 32 bytes, got 31",
        exposed: f"{exposed}: others may read the key; do: chmod 600 {exposed}",
    }
    if sys.platform == "win32":  # which has no modes
        del errors[exposed]
    if link.resolve() != inside.resolve():
        del errors[link]
    for path in (missing, tmp_path):
        with pytest.raises(OSError, match=re.escape(path.name)) as caught:
            path.stat() if path == missing else path.read_bytes()
        errors[path] = f"{path}: {caught.value.strerror}; make a key with: sevenfold audit-key {path}"
    for path, message in errors.items():
        with pytest.raises(AuditError, match=f"^{re.escape(message)}$"):
            read_key(path, logs)
    assert read_key(key_path, logs) == key_path.read_bytes()


@pytest.mark.usefixtures("own_logger")
def test_configure_seals_with_a_key_and_refuses_the_chain_without(tmp_path: Path, key_path: Path) -> None:
    logs, key = tmp_path / "logs", key_path.read_bytes()
    for _ in range(2):
        with sinks.configure(logs, console=None, audit_key=key_path):
            logger.bind(channel="audit").info("event", n=1)
    for wrong in (None, logs / "key"):
        with pytest.raises(AuditError):
            sinks.configure(logs, console=None, audit_key=wrong)
    assert open_files(tmp_path) == []
    verdict = verify(logs / "app_json.log", key=key)
    assert (verdict.findings, verdict.n_events) == ((), 2)
    assert [line["record"]["extra"]["n"] for line in read_json(logs / "app_json.log")] == [1, 1]
    assert [line["chain"]["seq"] for line in read_json(logs / "app_json.log")] == [1, 2]


# Events that can't be written

FULL = """
import resource, sys
import sinks
from loguru import logger
from pathlib import Path
with sinks.configure(sys.argv[1], console=None, rotation=None):
    log = logger.bind(channel="audit").info
    log("first")
    size = Path(sys.argv[1], "app_json.log").stat().st_size
    for room in (0, 1, 300):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, resource.RLIM_INFINITY))
        try:
            log("too much")
        except OSError as error:
            print(type(error).__name__, error.errno)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    log("second")
"""


@pytest.mark.whole
@unix("limits the size of files")
def test_an_event_that_finds_no_room_raises_and_the_chain_goes_on(tmp_path: Path) -> None:
    assert run(FULL, tmp_path) == "OSError 27\n" * 3
    assert [line["record"]["message"] for line in read_json(tmp_path / "app_json.log")] == ["first", "second"]
    assert verify(tmp_path / "app_json.log").findings == ()


@unix("Windows moves no folder with an open file in it")
@pytest.mark.usefixtures("own_logger")
def test_an_event_raises_while_the_folder_is_replaced_by_a_file(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    log = logger.bind(channel="audit").info
    with sinks.configure(logs, console=None):
        log("first")
        logs.rename(tmp_path / "aside")
        logs.write_text("in the way", encoding="utf-8")
        time.sleep(NOTICED_S)
        for _ in range(2):
            with pytest.raises(OSError, match="Not a directory"):
                log("lost")
        logs.unlink()
        (tmp_path / "aside").rename(logs)
        log("second")
    assert [line["record"]["message"] for line in read_json(logs / "app_json.log")] == ["first", "second"]
    assert verify(logs / "app_json.log").findings == ()


def test_a_head_that_cant_be_opened_is_an_error_and_nothing_stays_open(tmp_path: Path) -> None:
    (tmp_path / "app_json.head").mkdir()
    with pytest.raises(OSError, match="directory"):
        Trail(tmp_path / "app_json.log").log([1])
    assert open_files(tmp_path) == []


WITHOUT_LOCKS = """
import errno, fcntl, sys
def refuse(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refuse
import sinks
from loguru import logger
for _ in range(2):
    with sinks.configure(sys.argv[1], console=None, rotation=3000, compression="gz"):
        for number in range(20):
            logger.bind(channel="audit").info("event", n=number)
"""


@unix("takes the locks of Unix away")
@pytest.mark.whole
def test_without_locks_one_process_writes_a_chain_that_verifies(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_LOCKS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=ENVIRONMENT, check=False)
    assert (done.returncode, done.stderr.count("\n"), "no file locks here" in done.stderr) == (0, 1, True)
    verdict = verify(tmp_path / "app_json.log")
    assert (verdict.findings, verdict.n_events) == ((), 40)
    assert verdict.n_files > 5
