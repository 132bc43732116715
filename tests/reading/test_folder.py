"""What was logged comes back, from live, rotated and compressed files, while they are written and rotated."""

import contextlib
import gc
import gzip
import json
import multiprocessing
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

import sinks
from sevenfold.files.names import Names
from sevenfold.lines.grammar import Event, parse
from sevenfold.lines.values import plain
from sevenfold.reading.folder import read
from sevenfold.reading.scanner import Scanner
from tests.support.log_files import read_events
from tests.support.strategies import FEW, KEYS, TEXT, VALUES, WORDS
from tests.support.writers import log_requests

pytestmark = pytest.mark.usefixtures("own_logger")

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FILES = {row.name: row.file for row in sinks.CHANNELS}


def line(number: int, text: str = "", level: str = "INFO", channel: str = "api", fields: str = "") -> str:
    """Write one line a second."""
    at = (START + timedelta(seconds=number)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return f"{at} | {level:8} | {channel} | {text or number} | n={number}{fields}\n"


def write(path: Path, *numbers: int, end: str = "") -> Path:
    data = ("".join(map(line, numbers)) + end).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def rotated(path: Path, minute: int, suffix: str = "") -> Path:
    stamp = f"{START + timedelta(minutes=minute):%Y-%m-%d_%H-%M-%S}_000000"
    return path.with_name(f"{path.stem}.{stamp}{path.suffix}{suffix}")


def numbers(events: Iterator[Event]) -> list[int]:
    return [event.fields["n"] for event in events]


def bad_of(path: Path, **options: Any) -> tuple[list[Event], list[tuple[str, int, str]]]:
    bad: list[tuple[str, int, str]] = []
    events = list(read(path, on_bad=lambda path, number, why: bad.append((path.name, number, why)), **options))
    return events, bad


def log_numbers(folder: Path, first: int, last: int, channel: str = "api", **options: Any) -> None:
    with sinks.configure(folder, console=None, **options):
        for n in range(first, last):
            logger.bind(channel=channel).info("request", n=n, filler="x" * 100)


@pytest.fixture
def api(tmp_path: Path) -> Path:
    return tmp_path / "api_requests.log"


@pytest.fixture(autouse=True)
def silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("compression", [None, "gz"])
def test_a_file_is_read_with_its_rotated_siblings_oldest_first(tmp_path: Path, api: Path, compression: Any) -> None:
    log_numbers(tmp_path, 0, 200, rotation="4 kB", compression=compression)
    assert len(Names(api).rotated()) > 5
    assert any(one.compressed for one in Names(api).rotated()) is (compression is not None)
    assert numbers(read(api)) == list(range(200))
    assert numbers(read(str(tmp_path))) == list(range(200))


def test_siblings_that_are_there_twice_count_once_and_neighbours_do_not(api: Path) -> None:
    write(rotated(api, 1, ".gz"), 0, 1)
    write(rotated(api, 2), 2, 3)
    write(rotated(api, 2, ".gz"), 2, 3)
    write(api.with_name("api_requests.errors.log"), 99)
    write(rotated(api.with_name("api_requests.errors.log"), 2), 98)
    write(api, 4)
    assert numbers(read(api)) == [0, 1, 2, 3, 4]
    assert numbers(read(api.parent)) == [0, 1, 2, 3, 4, 98, 99]


def test_a_rotated_file_can_be_read_alone_and_siblings_without_the_live_one(api: Path) -> None:
    write(rotated(api, 1, ".gz"), 0, 1)
    write(rotated(api, 2), 2)
    assert numbers(read(rotated(api, 1, ".gz"))) == [0, 1]
    assert numbers(read(rotated(api, 2))) == [2]
    assert numbers(read(api)) == numbers(read(api.parent)) == [0, 1, 2]


def test_a_missing_file_is_told_at_once_and_an_empty_folder_has_no_events(tmp_path: Path, api: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        read(api)
    assert caught.value.filename == str(api)
    assert list(read(tmp_path)) == []
    api.touch()
    assert list(read(api)) == list(read(tmp_path)) == []


def test_late_lines_of_a_rotated_file_come_in_time(tmp_path: Path, api: Path) -> None:
    write(rotated(api, 1, ".gz"), 0, 30, 61)  # the last when others wrote to the next file already
    write(rotated(api, 2), 60, 62, 119, 121)
    write(api, 120, 123)
    write(tmp_path / "errors.log", 122)
    assert numbers(read(api)) == [0, 30, 60, 61, 62, 119, 120, 121, 123]
    assert numbers(read(tmp_path)) == [0, 30, 60, 61, 62, 119, 120, 121, 122, 123]
    api.unlink()
    assert numbers(read(api)) == [0, 30, 60, 61, 62, 119, 121]


def test_where_a_clock_was_set_back_a_file_is_read_in_its_order(api: Path) -> None:
    write(rotated(api, 1), 200, 201)
    write(api, 3, 2, 4)
    assert numbers(read(api)) == [200, 201, 3, 2, 4]


@pytest.mark.parametrize("through", ["file", "folder"])
def test_files_that_are_rotated_compressed_and_deleted_meanwhile_are_read_once(api: Path, through: str) -> None:
    for minute in range(40, 120, 20):  # each holds its last 1,000 seconds
        write(rotated(api, minute), *range(50 * minute - 1000, 50 * minute))
    write(api, *range(5000, 6000))
    events = read(api if through == "file" else api.parent)
    found = [next(events).fields["n"]]
    write(rotated(api, 60, ".gz"), *range(2000, 3000))  # compressed
    rotated(api, 60).unlink()
    rotated(api, 80).unlink()  # deleted by retention
    api.rename(rotated(api, 120))  # rotated, and compressed at once
    write(rotated(api, 120, ".gz"), *range(5000, 6000))
    rotated(api, 120).unlink()
    write(api, 6000)
    assert found + numbers(events) == [n for n in range(1000, 6000) if not 3000 <= n < 4000]


def test_what_is_written_after_the_first_event_was_asked_for_is_not_read(api: Path) -> None:
    write(api, *range(3000))
    events = read(api)
    found = [next(events).fields["n"]]
    with api.open("a") as file:
        file.write(line(3000))
    assert found + numbers(events) == list(range(3000))


def test_readers_lose_and_repeat_nothing_while_processes_write_and_rotate(tmp_path: Path, api: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=log_requests, args=(str(tmp_path), w, 500)) for w in range(2)]
    for worker in workers:
        worker.start()
    reads = 0
    while any(worker.is_alive() for worker in workers):
        for path in (api, tmp_path):
            seen: dict[int, list[int]] = {0: [], 1: []}
            for event in read(path) if api.exists() else ():
                seen[event.fields["worker"]].append(event.fields["n"])
            # A writer may still be at a rotated file while its next lines are read: but none comes twice.
            assert all(len(set(found)) == len(found) for found in seen.values())
            reads += any(seen.values())
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert reads > 1
    assert len(Names(api).rotated()) > 3
    for path in (api, tmp_path):
        for w in range(2):
            assert [e.fields["n"] for e in read(path) if e.fields["worker"] == w] == list(range(500))


def test_one_writer_is_read_without_a_gap_at_any_moment(tmp_path: Path, api: Path) -> None:
    writing = threading.Thread(target=log_numbers, args=(tmp_path, 0, 3000), kwargs={"rotation": "20 kB"})
    lengths = []
    writing.start()
    while writing.is_alive():
        found = numbers(read(api)) if api.exists() else []
        assert found == list(range(len(found)))
        lengths.append(len(found))
    writing.join()
    assert len(set(lengths)) > 2
    assert numbers(read(api)) == list(range(3000))


def log_some_errors() -> None:
    logger.bind(channel="api").info("request", n=1)
    for channel in ("api", "audit", None):
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            bound = logger if channel is None else logger.bind(channel=channel)
            bound.exception("failed", x=0.1, n=2)
    logger.bind(channel="predictions").error("no exception", n=3)
    logger.bind(channel="errors").error("of its own", n=4)
    logger.bind(channel="predictons").error("misspelt", n=5)
    logger.bind(channel="drift").opt(exception=ValueError("mild")).info("batch", n=6)
    logger.bind(channel="predictions").info("prediction", n=7)


ALL_OF_THEM = [
    ("INFO", "api", "request", 1, False),
    ("ERROR", "api", "failed", 2, True),
    ("ERROR", "audit", "failed", 2, True),
    ("ERROR", None, "failed", 2, True),
    ("ERROR", "predictions", "no exception", 3, False),
    ("ERROR", "errors", "of its own", 4, False),
    ("ERROR", "predictons", "misspelt", 5, False),
    ("INFO", "drift", "batch", 6, True),
    ("INFO", "predictions", "prediction", 7, False),
]


def told(events: Iterator[Event]) -> list[tuple[str, str | None, str, int, bool]]:
    return [(e.level, e.channel, e.message, e.fields["n"], e.exception is not None) for e in events]


def test_a_folder_is_merged_by_time_with_each_error_once_and_its_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with sinks.configure(tmp_path, console=None):
        log_some_errors()
    assert "unknown channel" in capfd.readouterr().err
    assert told(read(tmp_path)) == told(read(tmp_path, files=FILES)) == ALL_OF_THEM
    for channel in ("api", "audit", "predictions", "drift", "predictons"):
        expected = [row for row in ALL_OF_THEM if row[1] == channel]
        assert told(read(tmp_path, channel=channel)) == told(read(tmp_path, channel=channel, files=FILES)) == expected
    in_errors = [row for row in ALL_OF_THEM if row[0] == "ERROR" or row[4]]
    assert told(read(tmp_path, channel="errors")) == in_errors
    assert told(read(tmp_path / "errors.log", channel="api")) == [ALL_OF_THEM[1]]
    (tmp_path / "errors.log").unlink()
    alone = [(*row[:4], False) for row in ALL_OF_THEM if row[1] in FILES and row[1] != "errors"]
    assert told(read(tmp_path)) == alone


def test_errors_are_the_same_only_if_everything_is(tmp_path: Path) -> None:
    same = line(1, "m", "ERROR", fields=" a=1")
    (tmp_path / "errors.log").write_text(same + "    Traceback\n" + same + line(1, "m", "ERROR", fields=" a=1.0"))
    others = [
        line(2, "m", "ERROR", fields=" a=1"),
        line(1, "m", "CRITICAL", fields=" a=1"),
        line(1, "o", "ERROR", fields=" a=1"),
        line(1, "m", "ERROR", fields=" a=true"),
        line(1, "m", "ERROR", fields=" a=1 b=2"),
        line(1, "m", "ERROR", channel="drift", fields=" a=1"),
    ]
    (tmp_path / "api_requests.log").write_text(same + same + "".join(others))
    events = list(read(tmp_path))
    assert len(events) == 3 + len(others)
    assert [event.exception for event in events if event.exception] == ["Traceback"]


def test_the_errors_file_may_have_another_name(tmp_path: Path) -> None:
    (tmp_path / "failures.log").write_text(line(1, "m", "ERROR") + "    Traceback\n")
    (tmp_path / "api.log").write_text(line(1, "m", "ERROR") + line(2))
    (tmp_path / "other.log").write_text(line(3, channel="other"))
    files = {"errors": "failures.log", "api": "api.log"}
    assert [(e.fields["n"], e.exception) for e in read(tmp_path, files=files)] == [(1, "Traceback"), (2, None)]
    assert numbers(read(tmp_path, files=files, channel="errors")) == [1]


def test_an_error_whose_traceback_is_deleted_meanwhile_is_shown_from_its_channels_file(tmp_path: Path) -> None:
    errors = tmp_path / "errors.log"
    for minute, n in enumerate((0, 10, 20)):
        rotated(errors, minute).write_text(line(n, "m", "ERROR") + "    Traceback\n")
    errors.write_text(line(30, "m", "ERROR") + "    Traceback\n")
    (tmp_path / "api.log").write_text("".join(line(n, "m", "ERROR" if n % 10 == 0 else "INFO") for n in range(31)))
    events = read(tmp_path)
    found = [next(events)]
    rotated(errors, 2).unlink()
    found += events
    assert [event.fields["n"] for event in found] == list(range(31))
    assert [event.fields["n"] for event in found if event.exception] == [0, 10, 30]


def test_an_error_that_comes_to_a_rotated_file_meanwhile_is_shown_once(tmp_path: Path) -> None:
    errors = tmp_path / "errors.log"
    for minute, n in enumerate((0, 10)):
        rotated(errors, minute).write_text(line(n, "m", "ERROR") + "    Traceback\n")
    (tmp_path / "api.log").write_text("".join(line(n, "m", "ERROR" if n % 10 == 0 else "INFO") for n in range(31)))
    events = read(tmp_path)
    found = [next(events)]
    with rotated(errors, 1).open("a") as late:
        late.write(line(20, "m", "ERROR") + "    Traceback\n")
    found += events
    assert [event.fields["n"] for event in found] == list(range(31))
    assert [event.fields["n"] for event in found if event.exception] == [0, 10]


def test_the_audit_file_is_read_as_its_lines_would_be(tmp_path: Path) -> None:
    log = logger.bind(channel="audit", run_id="r-1")
    with sinks.configure(tmp_path, console=None):
        log.info("started", config={"a": [1, 2.5, None, float("nan")]}, big=2**70, text="a | b\n\u2028", tiny=-0.0)
        log.bind(channel="audit").error("failed", exception_type="mine")
        for error in (ValueError("a\nb"), KeyError(), OSError(2, "gone")):
            log.opt(exception=error).error("failed {}", error)
        log.opt(raw=True).info("no line")
        log.log(25, "by number")
        log.info("")
    records = [json.loads(text) for text in (tmp_path / "app_json.log").read_text().splitlines()]
    events = list(read(tmp_path / "app_json.log"))
    raw = events.pop(5)
    texts = [record["text"] for record in records if record["text"] != "no line"]
    assert events == [parse(text) for text in texts]
    assert repr([event.fields for event in events]) == repr([parse(text).fields for text in texts])
    assert (raw.message, raw.channel, raw.fields) == ("no line", "audit", {"run_id": "r-1"})
    assert all("chain" in record for record in records)


def test_lines_of_any_serializing_sink_are_read(tmp_path: Path) -> None:
    path = tmp_path / "loguru.log"
    handler_id = logger.add(path, serialize=True, format="{message}")
    logger.bind(a=[1]).info("plain loguru")
    logger.exception("none active")
    logger.opt(exception=ValueError("v")).error("x")
    logger.remove(handler_id)
    assert [(e.level, e.channel, e.message, e.fields) for e in read(path)] == [
        ("INFO", None, "plain loguru", {"a": [1]}),
        ("ERROR", None, "none active", {}),
        ("ERROR", None, "x", {"exception_type": "ValueError", "exception_message": "v"}),
    ]


BAD_LINES = {
    b"no event\n": "expected time | level",
    b"2026-11-23T08:00:01.000000Z | INFO     | api | cut in the mid": None,
    b"2026-11-23T08:00:01.000000Z | INFO     | api | x | a=\n": "expected a value",
    b"2026-11-23T08:00:01.000000Z | INFO     | api | x | a=\xff\xfe\n": "expected UTF-8, got b'\\xff\\xfe'",
    b"2026-11-23T08:00:01.000000Z | INFO     | api | x\r | a=1\n    \xff\n": "expected UTF-8, got b'\\xff'",
    b"\x00\x00\x00\n": "expected time | level",
    b'{"text": "x"}\n': "expected a line of loguru's JSON",
    b'{"text": "x", "record": {"ex\n': "expected a line of loguru's JSON",
    b"{}\n": "expected a line of loguru's JSON",
    b'{"record":{"extra":{"a":NaN}}}\n': "expected strict JSON",
}


@pytest.mark.parametrize("bad", BAD_LINES, ids=range(len(BAD_LINES)))
@pytest.mark.parametrize("n_around", [1, 500])
def test_a_bad_line_is_reported_and_passed_over(api: Path, bad: bytes, n_around: int) -> None:
    before, after = range(n_around), range(n_around, 2 * n_around)
    torn = not bad.endswith(b"\n")
    data = "".join(map(line, before)).encode() + bad + (b"" if torn else "".join(map(line, after)).encode())
    api.write_bytes(data)
    events, told_of = bad_of(api)
    kept = [event.fields["n"] for event in events if "n" in event.fields]
    assert kept == [*before, *(() if torn else after)]
    assert [(name, number) for name, number, _ in told_of] == [(api.name, n_around + 1 + (b"\r" in bad))]
    assert (BAD_LINES[bad] or "torn: expected a line's end") in told_of[0][2]


def test_what_is_left_of_a_write_that_failed_is_no_bad_line(api: Path) -> None:
    api.write_text("\n\n" + line(1) + "\n" * 5 + line(2) + "    Traceback\n" + "\n")
    events, told_of = bad_of(api)
    assert ([event.fields["n"] for event in events], told_of) == ([1, 2], [])


def test_a_traceback_without_its_line_is_reported_once(api: Path) -> None:
    api.write_text("    Traceback\n    ValueError\n" + line(1))
    events, told_of = bad_of(api)
    assert (numbers(iter(events)), [number for _, number, _ in told_of]) == ([1], [1])


def test_a_torn_traceback_leaves_the_event(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    path.write_text(line(1, level="ERROR") + "    Traceback\n      File x, li")
    events, told_of = bad_of(path)
    assert [event.exception for event in events] == ["Traceback"]
    assert [number for _, number, _ in told_of] == [3]


def test_bad_lines_are_told_on_stderr_the_first_of_a_file_and_how_many(
    api: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(rotated(api, 1), 1, end="one\n")
    write(api, 2, end="two\nthree\nfour")
    assert numbers(read(api)) == [1, 2]
    expected = "expected time \\u007c level \\u007c channel \\u007c message"
    assert capfd.readouterr().err.splitlines() == [
        f"sevenfold: {rotated(api, 1)}, line 2: {expected}, got 'one'",
        f"sevenfold: {api}, line 2: {expected}, got 'two'",
        f"sevenfold: {api}: 3 lines in all that are no events",
    ]


def test_what_on_bad_raises_ends_the_reading(api: Path) -> None:
    write(api, 1, end="bad\n")

    def refuse(path: Path, number: int, why: str) -> None:
        raise ValueError(f"{path.name}:{number} {why}")

    with pytest.raises(ValueError, match=r"^api_requests.log:2 expected time"):
        list(read(api, on_bad=refuse))


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    text = line(1) + line(2, level="ERROR") + "    Traceback\n    \n    ValueError\n" + line(3)
    path.write_text(text)
    expected = list(read(path))
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert list(read(path)) == expected
    assert expected[1].exception == "Traceback\n\nValueError"


def test_a_damaged_archive_is_read_as_far_as_it_goes(api: Path) -> None:
    whole = write(rotated(api, 1, ".gz"), *range(5000)).read_bytes()
    rotated(api, 1, ".gz").write_bytes(whole[: len(whole) // 2])
    rotated(api, 2, ".gz").write_bytes(b"no gzip")
    write(api, 5000)
    events, told_of = bad_of(api)
    found = [event.fields["n"] for event in events]
    assert found == [*range(len(found) - 1), 5000]
    assert [name for name, _, why in told_of if "gzip" in why] == [rotated(api, n, ".gz").name for n in (1, 2)]


def test_blocks_may_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "errors.log"
    text = "".join(
        line(n, level="ERROR", fields=f' a="{"é" * n}"') + "    Traceback\n    é\n" * (n % 3) for n in range(9)
    )
    path.write_text(text, encoding="utf-8")
    expected = read_events(path)
    for size in (*range(1, 40), 1000):
        monkeypatch.setattr("sevenfold.reading.scanner.BLOCK_BYTES", size)
        assert list(read(path)) == expected


def test_lines_longer_than_a_block_are_read(api: Path) -> None:
    long = "x" * 3_000_000
    api.write_text(line(1) + line(2, fields=f" a={long}") + line(3, level="ERROR") + f"    {long}\n" * 2 + line(4))
    events = list(read(api))
    assert [event.fields["n"] for event in events] == [1, 2, 3, 4]
    assert (events[1].fields["a"], events[2].exception) == (long, f"{long}\n{long}")


def test_memory_does_not_grow_with_the_files(tmp_path: Path, api: Path) -> None:
    text = "".join(line(n, fields=' features={"a":0.5,"b":[1,2,3]}') for n in range(1000))
    for minute in range(17, 27):
        rotated(api, minute, ".gz").write_bytes(gzip.compress(text.encode(), 1))
    api.write_text(text)
    for path in (api, tmp_path):
        tracemalloc.start()
        assert sum(1 for _ in read(path)) == 11_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2_000_000


def test_only_events_since_a_time_are_read_and_older_files_stay_closed(api: Path) -> None:
    write(rotated(api, 1), *range(60), end="bad\n")
    write(rotated(api, 10), *range(60, 600))
    write(api, *range(600, 700), end="bad\n")
    for path in (api, api.parent):
        events, told_of = bad_of(path, since=START + timedelta(seconds=599, microseconds=1))
        assert [event.fields["n"] for event in events] == list(range(600, 700))
        assert [name for name, *_ in told_of] == [api.name]
        events, _ = bad_of(path, since=START + timedelta(seconds=599), channel="api")
        assert events[0].fields["n"] == 599


def open_files() -> list[str]:
    own = Path("/proc/self/fd")
    return sorted(str(link.readlink()) for link in own.iterdir() if link.is_symlink()) if own.exists() else []


def test_a_reader_that_is_given_up_closes_its_files(tmp_path: Path, api: Path) -> None:
    write(rotated(api, 1, ".gz"), *range(5000))
    write(api, *range(5000))
    write(tmp_path / "errors.log", 1)
    for path in (api, tmp_path):
        before = open_files()
        for follow in (False, True):
            events = read(path, follow=follow)
            next(events)
            del events
            read(path, follow=follow)
        gc.collect()
        assert open_files() == before


class Follower:
    """Collects what a reader that never ends gives."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.events: list[Event] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, args=(path, options))
        self._thread.start()

    def _run(self, path: Path, options: Any) -> None:
        # The reader wakes up for the events of others, too, so that it can be stopped.
        for event in read(path, follow=True, **options):
            if event.message == "stop":
                return
            self.events.append(event)

    def until(self, enough: Callable[[list[Event]], bool]) -> list[Event]:
        deadline = time.monotonic() + 20
        while not enough(self.events) and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.events

    def join(self) -> list[Event]:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.events


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sevenfold.reading.folder.POLL_S", 0.01)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("through", ["file", "folder"])
def test_a_follower_goes_on_through_rotations(tmp_path: Path, api: Path, through: str) -> None:
    with sinks.configure(tmp_path, console=None, rotation="4 kB"):
        log = logger.bind(channel="api")
        for n in range(100):
            log.info("request", n=n, filler="x" * 50)
        follower = Follower(api if through == "file" else tmp_path)
        follower.until(lambda events: len(events) > 10)
        for n in range(100, 400):
            log.info("request", n=n, filler="x" * 50)
            time.sleep(0.001)
        log.info("stop")
        found = [event.fields["n"] for event in follower.join()]
    assert found == list(range(400))


def test_a_follower_shows_errors_once_and_finds_new_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "errors.log").write_text(line(1, "before", "ERROR") + "    Traceback\n")
    (tmp_path / "api_requests.log").write_text(line(1, "before", "ERROR"))
    follower = Follower(tmp_path)
    follower.until(lambda events: len(events) == 1)
    with sinks.configure(tmp_path, console=None):
        log_some_errors()
        follower.until(lambda events: len(events) == 10)
        time.sleep(0.15)
        (tmp_path / "new.log").write_text(line(2, channel="new") + line(3, "stop"))
        found = follower.join()
    assert "unknown channel" in capfd.readouterr().err
    assert [(event.message, event.exception) for event in found[:1]] == [("before", "Traceback")]
    assert sorted(told(iter(found[1:10])), key=str) == sorted(ALL_OF_THEM, key=str)
    assert numbers(iter(found[10:])) == [2]


@pytest.mark.usefixtures("quick")
def test_a_follower_shows_an_error_without_a_twin_a_moment_later_and_a_late_twin_not(tmp_path: Path) -> None:
    write(tmp_path / "errors.log")
    write(tmp_path / "api.log", 0)
    follower = Follower(tmp_path)
    follower.until(bool)
    with (tmp_path / "api.log").open("a") as file:
        file.write(line(1, "m", "ERROR"))
    follower.until(lambda events: len(events) == 2)
    with (tmp_path / "errors.log").open("a") as file:
        file.write(line(1, "m", "ERROR") + "    late\n" + line(2, "stop"))
    assert numbers(iter(follower.join())) == [0, 1]


@pytest.mark.usefixtures("quick")
def test_a_follower_remembers_what_it_has_shown_from_the_start(tmp_path: Path) -> None:
    write(tmp_path / "errors.log")
    (tmp_path / "api.log").write_text(line(1, "m", "ERROR") + line(2))
    follower = Follower(tmp_path)
    follower.until(bool)
    (tmp_path / "errors.log").write_text(line(1, "m", "ERROR") + "    late\n" + line(3, "stop"))
    assert numbers(iter(follower.join())) == [1, 2]


def test_a_traceback_in_the_writing_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    path.write_text(line(1) + line(2))
    with contextlib.closing(Scanner(path, path.open("rb"))) as scanner:

        def more(text: str = "") -> list[tuple[int, str | None]]:
            with path.open("a") as file:
                file.write(text)
            return [(event.fields["n"], event.exception) for batch in scanner.more() for event in batch]

        assert more() == [(1, None)]
        assert more("    Traceback\n") == []
        assert more("    Value") == []
        assert more() == []
        assert more("Error\n") == []
        assert more() == [(2, "Traceback\nValueError")]
        assert more() == []


@pytest.mark.usefixtures("quick")
def test_a_follower_waits_for_a_file_that_is_moved_away_and_for_half_lines(api: Path) -> None:
    write(api, *range(100))
    follower = Follower(api)
    follower.until(lambda events: len(events) == 100)
    api.rename(api.with_name("elsewhere"))
    time.sleep(0.05)
    half = line(100)
    write(api, end=half[:40])
    time.sleep(0.1)
    with api.open("a") as file:
        file.write(half[40:])
    follower.until(lambda events: len(events) == 101)
    write(api)  # truncated
    time.sleep(0.1)
    write(api, 101)
    follower.until(lambda events: len(events) == 102)
    with api.open("a") as file:
        file.write(line(102, "stop"))
    assert numbers(iter(follower.join())) == list(range(102))


@pytest.mark.usefixtures("quick")
def test_a_follower_reads_what_a_late_writer_adds_to_a_rotated_file(api: Path) -> None:
    write(api, 0)
    follower = Follower(api)
    follower.until(bool)
    with api.open("a") as late:
        api.rename(rotated(api, 1))
        write(api, 1)
        follower.until(lambda events: len(events) == 2)
        late.write(line(2))
        late.flush()
        follower.until(lambda events: len(events) == 3)
    with api.open("a") as file:
        file.write(line(3, "stop"))
    assert numbers(iter(follower.join())) == [0, 1, 2]


@given(message=TEXT | WORDS, fields=st.dictionaries(KEYS, VALUES, max_size=3), error=st.booleans(), data=st.data())
@FEW
def test_reading_gives_back_whatever_was_logged(
    tmp_path_factory: pytest.TempPathFactory, message: str, fields: dict[str, Any], error: bool, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    with sinks.configure(folder, console=None, redact=(), rotation=data.draw(st.sampled_from(["300 B", "1 MB"]))):
        for channel in ("api", "audit"):
            bound = logger.bind(channel=channel).patch(lambda record: record["extra"].update(fields))
            bound.opt(exception=ValueError(message) if error else None).info("{}", message)
    name = {"exception_type": "ValueError", "exception_message": message} if error else {}
    expected = plain(fields | name)
    for path in (folder / "api_requests.log", folder / "app_json.log"):
        (event,) = read(path)
        assert (event.message, event.channel) == (plain(message), "api" if "api_" in path.name else "audit")
        assert repr(event.fields) == repr(expected)
    assert [(event.channel, event.exception is not None) for event in read(folder)] == [
        ("api", error),
        ("audit", error),
    ]
