"""One file, line by line: which lines are events, and where a block ends."""

import contextlib
import gzip
import json
import tracemalloc
from pathlib import Path

import pytest
from loguru import logger

import sinks
from sevenfold.files.opening import open_log
from sevenfold.lines.parsing import parse
from sevenfold.reading.folder import read
from sevenfold.reading.portions import events_of
from sevenfold.reading.scanner import Scanner
from tests.support.log_files import read_events
from tests.support.made_logs import bad_of, line, numbers, rotated, write

pytestmark = pytest.mark.usefixtures("own_logger")

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
    records = [json.loads(text) for text in (tmp_path / "app_json.log").read_text(encoding="utf-8").splitlines()]
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
    api.write_text("\n\n" + line(1) + "\n" * 5 + line(2) + "    Traceback\n" + "\n", encoding="utf-8")
    events, told_of = bad_of(api)
    assert ([event.fields["n"] for event in events], told_of) == ([1, 2], [])


def test_a_traceback_without_its_line_is_reported_once(api: Path) -> None:
    api.write_text("    Traceback\n    ValueError\n" + line(1), encoding="utf-8")
    events, told_of = bad_of(api)
    assert (numbers(iter(events)), [number for _, number, _ in told_of]) == ([1], [1])


def test_a_torn_traceback_leaves_the_event(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    path.write_text(line(1, level="ERROR") + "    Traceback\n      File x, li", encoding="utf-8")
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
    path.write_text(text, encoding="utf-8")
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
    api.write_text(
        line(1) + line(2, fields=f" a={long}") + line(3, level="ERROR") + f"    {long}\n" * 2 + line(4),
        encoding="utf-8",
    )
    events = list(read(api))
    assert [event.fields["n"] for event in events] == [1, 2, 3, 4]
    assert (events[1].fields["a"], events[2].exception) == (long, f"{long}\n{long}")


@pytest.mark.whole
def test_memory_does_not_grow_with_the_files(tmp_path: Path, api: Path) -> None:
    text = "".join(line(n, fields=' features={"a":0.5,"b":[1,2,3]}') for n in range(1000))
    for minute in range(17, 27):
        rotated(api, minute, ".gz").write_bytes(gzip.compress(text.encode(), 1))
    api.write_text(text, encoding="utf-8")
    for path in (api, tmp_path):
        tracemalloc.start()
        assert sum(1 for _ in read(path)) == 11_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2_000_000


def test_a_traceback_in_the_writing_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    path.write_text(line(1) + line(2), encoding="utf-8")
    with contextlib.closing(Scanner(path, open_log(path))) as scanner:

        def more(text: str = "") -> list[tuple[int, str | None]]:
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
            return [(event.fields["n"], event.exception) for event in events_of(scanner.more())]

        assert more() == [(1, None)]
        assert more("    Traceback\n") == []
        assert more("    Value") == []
        assert more() == []
        assert more("Error\n") == []
        assert more() == [(2, "Traceback\nValueError")]
        assert more() == []


@pytest.mark.parametrize("block", [1, 7, 100])
@pytest.mark.parametrize("long", ["x" * 2_000 + "\n", "x\n" + "    File x\n" * 90])
def test_an_event_that_is_too_long_is_told_and_passed_over(
    api: Path, monkeypatch: pytest.MonkeyPatch, block: int, long: str
) -> None:
    monkeypatch.setattr("sevenfold.reading.scanner.BLOCK_BYTES", block)
    monkeypatch.setattr("sevenfold.reading.scanner.LONGEST_LINE", 300)
    second = 4 + long.count("\n")
    for tail, at in (("", [3, second]), ("y" * 1_000, [3, second, second + 1 + long.count("\n")])):
        api.write_text("".join([line(0), line(1), long, line(2), long, line(3), tail]), encoding="utf-8")
        events, bad = bad_of(api)
        assert numbers(iter(events)) == [0, 1, 2, 3]
        assert bad == [(api.name, number, "expected a line's end within 300 bytes") for number in at]
