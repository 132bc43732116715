"""The rotated files of a log, read in their order while they are written, rotated, compressed and deleted."""

import multiprocessing
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

import sinks
from sevenfold.files.names import Names, Rotated
from sevenfold.reading.folder import read
from sevenfold.reading.portions import events_of
from sevenfold.reading.selection import Selection
from sevenfold.reading.series import Family
from tests.support.made_logs import START, bad_of, line, numbers, rotated, write
from tests.support.writers import log_requests

pytestmark = pytest.mark.usefixtures("own_logger")


def log_numbers(folder: Path, first: int, last: int, channel: str = "api", **options: Any) -> None:
    with sinks.configure(folder, console=None, **options):
        for n in range(first, last):
            logger.bind(channel=channel).info("request", n=n, filler="x" * 100)


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


def test_a_follower_reads_once_what_is_compressed_right_after_it_was_listed(
    api: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(api, *range(1000))
    series = Family(api, Selection())
    found = [event.fields["n"] for event in events_of(series.history(follow=True))]
    api.rename(rotated(api, 20))
    write(api, 1000)
    snapshot = Names.snapshot

    def listed_then_compressed(names: Names) -> list[Rotated]:
        listed = snapshot(names)
        if rotated(api, 20).exists():
            write(rotated(api, 20, ".gz"), *range(1000))
            rotated(api, 20).unlink()
        return listed

    monkeypatch.setattr(Names, "snapshot", listed_then_compressed)
    for _ in range(3):
        found += [event.fields["n"] for event in series.poll()]
    series.close()
    assert found == list(range(1001))


def test_what_is_written_after_the_first_event_was_asked_for_is_not_read(api: Path) -> None:
    write(api, *range(3000))
    events = read(api)
    found = [next(events).fields["n"]]
    with api.open("a", encoding="utf-8") as file:
        file.write(line(3000))
    assert found + numbers(events) == list(range(3000))


@pytest.mark.whole
def test_readers_lose_and_repeat_nothing_while_processes_write_and_rotate(tmp_path: Path, api: Path) -> None:
    context = multiprocessing.get_context("spawn")
    goes_on = context.Event()
    workers = [context.Process(target=log_requests, args=(str(tmp_path), w, 500, goes_on)) for w in range(2)]
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
            reads += all(seen.values())
        if reads > 1:
            goes_on.set()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(Names(api).rotated()) > 3
    for path in (api, tmp_path):
        for w in range(2):
            assert [e.fields["n"] for e in read(path) if e.fields["worker"] == w] == list(range(500))


@pytest.mark.whole
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


ODD = ["9999-12-31_23-59-59_999999", "2936-01-01_00-00-00_000000", "2026-99-01_00-00-00_000000"]


@pytest.mark.parametrize("stamp", ODD)
def test_an_odd_file_name_stops_no_reader(tmp_path: Path, stamp: str) -> None:
    text = "2026-11-25T09:00:0{}.000000Z | INFO     | api | line\n"
    for number, name in enumerate([f"api.{stamp}.log", "api.2026-11-25_10-00-00_000000.log", "api.log"]):
        (tmp_path / name).write_text(text.format(number), encoding="utf-8")
    os.utime(tmp_path / f"api.{stamp}.log", (0, 0))
    since = datetime(2026, 11, 24, tzinfo=UTC)
    n_found = 2 if "-99-" in stamp else 3
    assert len(list(read(tmp_path / "api.log"))) == n_found
    assert len(list(read(tmp_path / "api.log", since=since))) == 2
    assert len(list(read(tmp_path))) == 3
