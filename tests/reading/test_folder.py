"""All logged events come back from live, rotated and compressed files, while these are written and rotated."""

import contextlib
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

import sinks
from sevenfold.channels import CHANNELS, Channel
from sevenfold.files.channel_list import list_channels
from sevenfold.files.opening import open_to_append
from sevenfold.lines.parsing import Event
from sevenfold.lines.values import plain
from sevenfold.reading.conditions import Condition
from sevenfold.reading.folder import read, select
from sevenfold.reading.selection import LinedEvent, Selection
from tests.support.made_logs import START, bad_of, line, numbers, rotated, write
from tests.support.strategies import FEW, KEYS, TEXT, VALUES, WORDS

pytestmark = pytest.mark.usefixtures("own_logger")

FILES = {row.name: row.file for row in sinks.CHANNELS}


def test_a_missing_file_is_told_at_once_and_an_empty_folder_has_no_events(tmp_path: Path, api: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        read(api)
    assert caught.value.filename == str(api)
    assert list(read(tmp_path)) == []
    api.touch()
    assert list(read(api)) == list(read(tmp_path)) == []


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
    assert told(read(tmp_path)) == ALL_OF_THEM
    for channel in ("api", "audit", "predictions", "drift", "predictons"):
        expected = [row for row in ALL_OF_THEM if row[1] == channel]
        assert told(read(tmp_path, channel=channel)) == expected
    in_errors = [row for row in ALL_OF_THEM if row[0] == "ERROR" or row[4]]
    assert told(read(tmp_path, channel="errors")) == in_errors
    assert told(read(tmp_path / "errors.log", channel="api")) == [ALL_OF_THEM[1]]
    (tmp_path / "errors.log").unlink()
    alone = [(*row[:4], False) for row in ALL_OF_THEM if row[1] in FILES and row[1] != "errors"]
    assert told(read(tmp_path)) == alone


def test_the_errors_file_may_have_another_name(tmp_path: Path) -> None:
    (tmp_path / "failures.log").write_text(line(1, "m", "ERROR") + "    Traceback\n", encoding="utf-8")
    (tmp_path / "api.log").write_text(line(1, "m", "ERROR") + line(2), encoding="utf-8")
    (tmp_path / "other.log").write_text(line(3, channel="other"), encoding="utf-8")
    list_channels(tmp_path, (Channel("failures", "failures.log", collects_errors=True), Channel("api", "api.log")))
    assert [(e.fields["n"], e.exception) for e in read(tmp_path)] == [(1, "Traceback"), (2, None), (3, None)]
    assert numbers(read(tmp_path, channel="failures")) == [1]
    assert numbers(read(tmp_path, channel="api")) == [1, 2]
    assert numbers(read(tmp_path, channel="other")) == [3]


@pytest.mark.parametrize("listed", [True, False])
def test_what_another_file_says_in_the_name_of_a_sealed_channel_is_passed_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], listed: bool
) -> None:
    with sinks.configure(tmp_path, console=None):
        for n in range(3):
            logger.bind(channel="audit", n=n).info("event")
            logger.bind(channel="audit", n=n).error("failed")
            logger.bind(channel="api", n=n).info("line")
    if not listed:
        (tmp_path / "channels.json").unlink()
    expected = list(read(tmp_path))
    assert len(expected) == 9
    planted, listed_file = tmp_path / "app_json.old.log", tmp_path / "predictions.log"
    trail = (tmp_path / "app_json.log").read_bytes()
    rotated(planted, 5).write_bytes(trail.replace(b"event", b"forged"))
    listed_file.write_text(line(6, channel="audit") + line(7, channel="predictions"), encoding="utf-8")
    capfd.readouterr()
    assert [event for event in read(tmp_path) if event.channel != "predictions"] == expected
    assert sorted(capfd.readouterr().err.splitlines()) == [
        f"sevenfold: {path}: isn't the file of channel 'audit', whose events are passed over there"
        for path in (planted, listed_file)
    ]
    assert [event.message for event in read(tmp_path, channel="audit")] == ["event", "failed"] * 3
    assert {event.message for event in read(rotated(planted, 5))} == {"forged", "failed"}
    assert numbers(read(listed_file)) == [6, 7]


def test_a_copy_alone_in_a_folder_without_a_list_is_read(tmp_path: Path) -> None:
    (tmp_path / "copy.log").write_text(line(1, channel="audit") + line(2), encoding="utf-8")
    assert numbers(read(tmp_path)) == [1, 2]


def test_each_error_comes_once_where_a_later_table_collects_errors_in_another_file(tmp_path: Path) -> None:
    other = (*CHANNELS[:-1], Channel("failures", "failures.log", collects_errors=True))
    for table in (CHANNELS, other, CHANNELS):
        with sinks.configure(tmp_path, console=None, channels=table):
            logger.bind(channel="training").error("failed", n=1)
            logger.bind(channel="drift").info("checked", n=2)
    assert [(e.message, e.channel) for e in read(tmp_path)] == [("failed", "training"), ("checked", "drift")] * 3
    assert len(list(read(tmp_path, channel="errors"))) == 2
    assert len(list(read(tmp_path, channel="failures"))) == 1


def open_files() -> list[str]:
    own = Path("/proc/self/fd")
    links = own.iterdir() if sys.platform == "linux" else ()
    return sorted(str(link.readlink()) for link in links if link.is_symlink())


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


@pytest.mark.whole
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


@pytest.mark.whole
def test_a_follower_shows_errors_once_and_finds_new_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "errors.log").write_text(line(1, "before", "ERROR") + "    Traceback\n", encoding="utf-8")
    (tmp_path / "api_requests.log").write_text(line(1, "before", "ERROR"), encoding="utf-8")
    follower = Follower(tmp_path)
    follower.until(lambda events: len(events) == 1)
    with sinks.configure(tmp_path, console=None):
        log_some_errors()
        follower.until(lambda events: len(events) == 10)
        time.sleep(0.15)
        (tmp_path / "new.log").write_text(line(2, channel="new") + line(3, "stop"), encoding="utf-8")
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
    with (tmp_path / "api.log").open("a", encoding="utf-8") as file:
        file.write(line(1, "m", "ERROR"))
    follower.until(lambda events: len(events) == 2)
    with (tmp_path / "errors.log").open("a", encoding="utf-8") as file:
        file.write(line(1, "m", "ERROR") + "    late\n" + line(2, "stop"))
    assert numbers(iter(follower.join())) == [0, 1]


@pytest.mark.usefixtures("quick")
def test_a_follower_remembers_what_it_has_shown_from_the_start(tmp_path: Path) -> None:
    write(tmp_path / "errors.log")
    (tmp_path / "api.log").write_text(line(1, "m", "ERROR") + line(2), encoding="utf-8")
    follower = Follower(tmp_path)
    follower.until(bool)
    (tmp_path / "errors.log").write_text(line(1, "m", "ERROR") + "    late\n" + line(3, "stop"), encoding="utf-8")
    assert numbers(iter(follower.join())) == [1, 2]


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
    with api.open("a", encoding="utf-8") as file:
        file.write(half[40:])
    follower.until(lambda events: len(events) == 101)
    write(api)  # truncated
    time.sleep(0.1)
    write(api, 101)
    follower.until(lambda events: len(events) == 102)
    with api.open("a", encoding="utf-8") as file:
        file.write(line(102, "stop"))
    assert numbers(iter(follower.join())) == list(range(102))


@pytest.mark.usefixtures("quick")
def test_a_follower_reads_what_a_late_writer_adds_to_a_rotated_file(api: Path) -> None:
    write(api, 0)
    follower = Follower(api)
    follower.until(bool)
    with contextlib.closing(open_to_append(api)) as late:
        api.rename(rotated(api, 1))
        write(api, 1)
        follower.until(lambda events: len(events) == 2)
        os.write(late, line(2).encode())
        follower.until(lambda events: len(events) == 3)
    with api.open("a", encoding="utf-8") as file:
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


def test_several_channels_and_an_end_choose_the_events_of_a_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with sinks.configure(tmp_path, console=None):
        log_some_errors()
    assert "unknown channel" in capfd.readouterr().err
    everything = list(read(tmp_path))
    found = list(read(tmp_path, channel=["api", "drift"]))
    assert found == [event for event in everything if event.channel in {"api", "drift"}]
    assert any(event.exception for event in found)
    with_errors = list(read(tmp_path, channel={"errors", "predictions"}))
    of_errors = list(read(tmp_path, channel="errors"))
    assert with_errors == [event for event in everything if event in of_errors or event.channel == "predictions"]
    middle = everything[3].time
    assert list(read(tmp_path, until=middle)) == [event for event in everything if event.time < middle]
    assert list(read(tmp_path, since=middle, until=middle)) == []


def test_a_file_that_was_begun_after_the_end_is_not_opened(api: Path) -> None:
    write(rotated(api, 1), 1)
    write(rotated(api, 60), 2, 70)
    write(rotated(api, 120), 3700, end="torn")
    write(api, 7300, end="torn")
    events, bad = bad_of(api, until=START + timedelta(seconds=60))
    assert [event.fields["n"] for event in events] == [1, 2]
    assert [name for name, *_ in bad] == ["api_requests.log"]  # the live one is open already


def test_what_a_selection_leaves_out_is_not_parsed_and_an_escape_hides_nothing(api: Path) -> None:
    lines = [line(n, fields=f" id=k{n:05}") for n in range(20_000)]
    lines[9_000] = "no event, and far from any\n"
    lines[15_000] = lines[15_000].rstrip("\n") + "\n    Traceback\n      k99999\n"
    api.write_text("".join(lines), encoding="utf-8")
    bad: list[int] = []
    for wanted in (9_001, 15_000, 19_999):
        condition = Condition(f"id=k{wanted:05}")
        chosen = Selection(tests=(condition,), needles=condition.needles, lined=True)
        (event,) = select(api, chosen, on_bad=lambda _path, number, _why: bad.append(number))
        assert isinstance(event, LinedEvent)
        assert event.text + "\n" == lines[wanted]
    assert set(bad) <= {9001}
    condition = Condition("id=k00007")
    escaped = line(7, fields=r' "i\u0064"="k\u00300007"')
    api.write_text("".join([*lines[:7], escaped, *lines[8:]]), encoding="utf-8")
    assert [event.fields["n"] for event in select(api, Selection(tests=(condition,), needles=condition.needles))] == [7]


def test_the_last_events_are_those_of_all_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with sinks.configure(tmp_path, console=None):
        log_some_errors()
    assert "unknown channel" in capfd.readouterr().err
    everything = list(read(tmp_path))
    for n in (0, 1, 3, 100):
        assert list(select(tmp_path, Selection(), last=n)) == (everything[-n:] if n else [])
    follower = select(tmp_path, Selection(), follow=True, last=3)
    assert [next(follower) for _ in range(3)] == everything[-3:]
    follower.close()  # type: ignore[attr-defined]
