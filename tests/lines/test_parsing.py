import math
import time
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NoReturn, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from sevenfold.lines.grammar import LineError, escape, indent, key_text, timestamp, unescape, value_text
from sevenfold.lines.parsing import Event, parse, parse_all
from sevenfold.lines.record import render
from sevenfold.lines.values import plain, to_json
from sevenfold.loguru_internals import borrowed_logger, handler_ids
from tests.support.strategies import ALARMING, KEYS, TEXT, VALUES, WORDS, Surly

TIME = datetime(2026, 11, 23, 8, 36, 11, 96123, tzinfo=UTC)
TIME_TEXT = "2026-11-23T08:36:11.096123Z"


Logged: TypeAlias = Callable[[Callable[[Any], object]], Any]


@pytest.fixture(scope="module")
def records() -> Iterator[list[Any]]:
    """Collect the records of the real logger, which gets back the handlers that it had."""
    kept: list[Any] = []
    with borrowed_logger(set_aside=handler_ids()):
        logger.add(lambda message: kept.append(message.record), level=0, format="", catch=False)
        yield kept


@pytest.fixture(scope="module")
def logged(records: list[Any]) -> Logged:
    """Give a function for the record of one logging call, made at `TIME`."""

    def log(call: Callable[[Any], object]) -> Any:
        records.clear()
        call(logger.patch(lambda record: record.update({"time": TIME})))
        (record,) = records
        return record

    return log


@pytest.fixture(autouse=True)
def silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capfd.readouterr() == ("", "")


def assert_is_safe_line(text: str) -> None:
    assert len(f"{text}|".splitlines()) == 1
    assert [character for character in text if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}] == []


class TrainingError(Exception):
    class DataError(ValueError):
        pass


class MuteError(Exception):
    def __str__(self) -> NoReturn:
        raise RuntimeError

    __repr__ = __str__


PREDICTION = {"decision": "approve", "confidence": 0.934, "features": {"income": 0.12, "age": -1.3}}

# What is logged, and the line without its time.
FORGED = f"x\n{TIME_TEXT} | ERROR    | audit | forged | a=1\r\x1b[31m\x85\u2028\\n"
LINES: dict[str, tuple[Callable[[Any], object], str]] = {
    "the example of the design": (
        lambda log: log.bind(channel="predictions").info("prediction", **PREDICTION),
        'INFO     | predictions | prediction | decision=approve confidence=0.934 features={"income":0.12,"age":-1.3}',
    ),
    "a message alone": (lambda log: log.warning("disk is nearly full"), "WARNING  | - | disk is nearly full"),
    "a longer level": (lambda log: log.critical("x"), "CRITICAL | - | x"),
    "a level by number": (lambda log: log.log(25, "x"), "Level 25 | - | x"),
    "an empty message": (lambda log: log.info(""), "INFO     | - | "),
    "an empty message and fields": (lambda log: log.info("", a=1), "INFO     | - |  | a=1"),
    "spaces around a message": (lambda log: log.info(" a ", a=1), "INFO     | - |  a  | a=1"),
    "no fields but a channel": (lambda log: log.info("x", channel="api"), "INFO     | api | x"),
    "the order of fields": (
        lambda log: log.bind(z=1, channel="api").bind(y=2).info("x", a=3, z=4),
        "INFO     | api | x | z=4 y=2 a=3",
    ),
    "numbers": (
        lambda log: log.info("x", a=-0.0, b=1e300, c=2**70, d=np.float32(0.1), e=np.int64(3)),
        "INFO     | - | x | a=-0.0 b=1e+300 c=1180591620717411303424 d=0.1 e=3",
    ),
    "words that are literals": (
        lambda log: log.info("x", a=True, b="true", c=None, d="null", e=False, f="false", g="True"),
        'INFO     | - | x | a=true b="true" c=null d="null" e=false f="false" g=True',
    ),
    "words that are no numbers": (
        lambda log: log.info("x", a=math.nan, b="NaN", c=math.inf, d=-math.inf, e="nan"),
        'INFO     | - | x | a="NaN" b="NaN" c="Infinity" d="-Infinity" e=nan',
    ),
    "bare words": (
        lambda log: log.info("x", a="v1.2/b:c@d+e-f", b="_", c="1a", d="a b", e="", f="-", g="é", h="a\n"),
        'INFO     | - | x | a=v1.2/b:c@d+e-f b=_ c=1a d="a b" e="" f="-" g="é" h="a\\n"',
    ),
    "keys": (
        lambda log: log.info("x", **{"a b": 1, "": 2, "a=b": 3, "é": 4, "a\n": 5, "true": 6, "a-b.c": 7}),
        'INFO     | - | x | "a b"=1 ""=2 "a=b"=3 "é"=4 "a\\n"=5 true=6 a-b.c=7',
    ),
    "keys that are alike once they are plain": (
        lambda log: log.info("x", **{"\ud800": 1, "\\ud800": 2}),
        'INFO     | - | x | "\\\\ud800"=1 "\\\\ud800#2"=2',
    ),
    "keys that aren't strings": (
        lambda log: log.patch(lambda record: record["extra"].update({1: "a", (1, None): "b"})).info("x"),
        'INFO     | - | x | "1"=a "[1,null]"=b',
    ),
    "a forged event in the message": (
        lambda log: log.info(FORGED),
        (
            f"INFO     | - | x\\n{TIME_TEXT} \\u007c ERROR    \\u007c audit \\u007c forged \\u007c a=1"
            "\\r\\u001b[31m\\u0085\\u2028\\\\n"
        ),
    ),
    "a forged event in a value": (
        lambda log: log.info("x", a=f"\n{TIME_TEXT} | ERROR    | - | y", b=[" | c=1"]),
        f'INFO     | - | x | a="\\n{TIME_TEXT} | ERROR    | - | y" b=[" | c=1"]',
    ),
    "a forged event in a channel": (
        lambda log: log.info("x", channel="api | forged\n"),
        "INFO     | api \\u007c forged\\n | x",
    ),
    "a field forged in the message": (lambda log: log.info('m | a=1 "b"'), 'INFO     | - | m \\u007c a=1 "b"'),
    "channels that look like none": (lambda log: log.info("x", channel="-"), "INFO     | \\u002d | x"),
    "an empty channel": (lambda log: log.info("x", channel=""), "INFO     |  | x"),
    "a channel that is no string": (lambda log: log.info("x", channel=["a", 1]), 'INFO     | ["a",1] | x'),
    "values that aren't plain": (
        lambda log: log.info("x", a={1, 2}, b=(None, b"\xff"), c=np.array([[0.5, np.nan]]), d=Surly()),
        'INFO     | - | x | a=[1,2] b=[null,"\\\\xff"] c=[[0.5,"NaN"]] d="<unprintable Surly object>"',
    ),
    "an exception": (
        lambda log: log.opt(exception=ValueError("bad\nvalue")).error("x", a=1),
        'ERROR    | - | x | a=1 exception_type=ValueError exception_message="bad\\nvalue"',
    ),
    "an exception without a message": (
        lambda log: log.opt(exception=KeyError()).info("x"),
        'INFO     | - | x | exception_type=KeyError exception_message=""',
    ),
    "an exception of a module": (
        lambda log: log.opt(exception=TrainingError("no")).error("x"),
        f"ERROR    | - | x | exception_type={__name__}.TrainingError exception_message=no",
    ),
    "an exception of a nested class": (
        lambda log: log.opt(exception=TrainingError.DataError(3)).error("x"),
        f'ERROR    | - | x | exception_type={__name__}.TrainingError.DataError exception_message="3"',
    ),
    "an exception whose str raises": (
        lambda log: log.opt(exception=MuteError()).error("x"),
        (f'ERROR    | - | x | exception_type={__name__}.MuteError exception_message="<unprintable MuteError object>"'),
    ),
    "an exception that forges": (
        lambda log: log.opt(exception=ValueError(f"\n{TIME_TEXT} | INFO     | - | \ud800")).error("x"),
        f'ERROR    | - | x | exception_type=ValueError exception_message="\\n{TIME_TEXT} | INFO     | - | \\\\ud800"',
    ),
    "an exception as a tuple": (
        lambda log: log.opt(exception=(KeyError, KeyError("k"), None)).error("x"),
        "ERROR    | - | x | exception_type=KeyError exception_message=\"'k'\"",
    ),
    "an exception's type alone": (
        lambda log: log.opt(exception=(KeyError, None, None)).error("x"),
        'ERROR    | - | x | exception_type=KeyError exception_message=""',
    ),
    "three Nones are no exception": (
        lambda log: log.opt(exception=(None, None, None)).error("x"),
        "ERROR    | - | x",
    ),
    "no active exception": (lambda log: log.opt(exception=True).error("x"), "ERROR    | - | x"),
    "an exception beside fields of its name": (
        lambda log: log.opt(exception=ValueError("v")).error("x", exception_type="mine", a=1),
        "ERROR    | - | x | exception_type=ValueError a=1 exception_message=v",
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_a_record_is_written_as_this_line(case: str, logged: Logged) -> None:
    call, expected = LINES[case]
    assert render(logged(call)) == f"{TIME_TEXT} | {expected}"


@pytest.mark.parametrize("case", [case for case in LINES if "exception_" not in LINES[case][1]])
def test_a_line_gives_back_the_record(case: str, logged: Logged) -> None:
    record = logged(LINES[case][0])
    extra = dict(record["extra"])
    channel = extra.pop("channel", None)
    text = channel if isinstance(channel, str | None) else to_json(channel)
    assert parse(render(record)) == Event(
        TIME, record["level"].name, text, plain(record["message"]), plain(extra), None
    )


def test_a_line_gives_back_the_exception(logged: Logged) -> None:
    message = f"a\n{TIME_TEXT} | INFO     | - | \ud800"
    record = logged(lambda log: log.opt(exception=TrainingError.DataError(message)).error("x", a=1))
    fields = {"a": 1, "exception_type": f"{__name__}.TrainingError.DataError", "exception_message": plain(message)}
    assert parse(render(record)) == Event(TIME, "ERROR", None, "x", fields, None)


def test_an_active_exception_is_named(logged: Logged) -> None:
    def fail(log: Any) -> None:
        try:
            int("k")
        except ValueError:
            log.bind(channel="training").exception("it failed")

    assert parse(render(logged(fail))) == Event(
        time=TIME,
        level="ERROR",
        channel="training",
        message="it failed",
        fields={
            "exception_type": "ValueError",
            "exception_message": "invalid literal for int() with base 10: 'k'",
        },
        exception=None,
    )


def test_a_line_is_read_with_its_traceback(logged: Logged) -> None:
    line = render(logged(lambda log: log.bind(channel="errors").error("x", a=[1])))
    trace = 'Traceback (most recent call last):\n\n  File "C:\\new\\x.py", line 1\n\nValueError: é\t1'
    expected = Event(TIME, "ERROR", "errors", "x", {"a": [1]}, trace)
    assert parse(f"{line}\n{indent(trace)}") == expected
    assert parse(f"{line}\n{indent(trace + chr(10))}") == expected
    assert parse(f"{line}\n") == Event(TIME, "ERROR", "errors", "x", {"a": [1]}, None)


def test_a_forged_event_in_a_traceback_stays_inside(logged: Logged) -> None:
    line = render(logged(lambda log: log.error("x")))
    forged = f"ValueError: a\n{line}\r{line}\x1b[31m\x85{line}\u2028{line}\x00\x7f\ud800\\n"
    written = indent(forged)
    assert written == (
        f"    ValueError: a\n    {line}\\r{line}\\u001b[31m\\u0085{line}\\u2028{line}\\u0000\\u007f\\ud800\\n\n"
    )
    assert [row[:4] for row in written.splitlines()] == ["    ", "    "]
    assert parse(f"{line}\n{written}").message == "x"


@given(st.text(st.characters()))
def test_each_line_of_an_indented_text_is_indented(text: str) -> None:
    written = indent(text)
    lines = written.split("\n")
    assert lines.pop() == ""
    assert written.splitlines() == lines
    assert len(lines) == len(text.rstrip("\n").split("\n"))
    assert {line[:4] for line in lines} == {"    "}
    line = f"{TIME_TEXT} | ERROR    | - | x"
    assert parse(f"{line}\n{written}") == Event(TIME, "ERROR", None, "x", {}, written.replace("\n    ", "\n")[4:-1])


def test_the_documented_lines_are_read() -> None:
    assert parse(
        "2026-11-23T08:36:11.096123Z | INFO     | predictions | prediction |"
        ' decision=approve confidence=0.934 features={"income":0.12,"age":-1.3}'
    ) == Event(TIME, "INFO", "predictions", "prediction", PREDICTION)


def test_a_time_is_written_in_utc_to_the_microsecond() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    assert timestamp(datetime(2026, 1, 1, 3, 0, tzinfo=east)) == "2025-12-31T21:30:00.000000Z"
    assert timestamp(TIME) == TIME_TEXT


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process can't be changed here")
def test_the_time_of_a_call_in_another_time_zone_comes_back(
    records: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "Asia/Kolkata")
            time.tzset()
            records.clear()
            logger.info("x")
            event = parse(render(records[0]))
    finally:
        time.tzset()
    assert records[0]["time"].utcoffset() == timedelta(hours=5, minutes=30)
    assert (event.time, event.time.tzinfo) == (records[0]["time"], UTC)


def test_escapes_are_these() -> None:
    assert escape('a|b\\n"\n\r\t\x00\x1b\x7f\x9b\u2028\u202e\ud800é\U0001f600') == (
        'a\\u007cb\\\\n"\\n\\r\\t\\u0000\\u001b\\u007f\\u009b\\u2028\\u202e\\\\ud800é\U0001f600'
    )


@given(TEXT)
def test_escaped_text_comes_back_from_one_safe_line(text: str) -> None:
    written = escape(text)
    assert_is_safe_line(written)
    assert "|" not in written
    assert unescape(written) == plain(text)


@given(message=TEXT | WORDS, channel=st.none() | TEXT | WORDS, fields=st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_line_gives_back_whatever_was_logged(
    logged: Logged, message: str, channel: str | None, fields: dict[str, Any]
) -> None:
    extra = fields if channel is None else {"channel": channel, **fields}
    record = logged(lambda log: log.patch(lambda record: record["extra"].update(extra)).info(message))
    line = render(record)
    assert_is_safe_line(line)
    event = parse(line)
    assert event == Event(TIME, "INFO", plain(channel), plain(message), plain(fields), None)
    assert repr(event.fields) == repr(plain(fields))  # the order, and -0.0
    assert parse(f"{line}\n") == event


@given(st.text(st.characters(), min_size=1, max_size=12).filter(lambda name: not name.endswith(" ")))
def test_a_level_of_any_name_comes_back(logged: Logged, name: str) -> None:
    record = logged(lambda log: log.info("x"))
    record["level"].name = name
    line = render(record)
    assert_is_safe_line(line)
    assert parse(line) == Event(TIME, plain(name), None, "x")


def test_a_value_of_the_greatest_depth_comes_back(logged: Logged) -> None:
    deep: Any = "x"
    for _ in range(150):
        deep = [deep]
    line = render(logged(lambda log: log.info("x", deep=deep)))
    assert parse(line).fields == plain({"deep": deep})


HEAD = f"{TIME_TEXT} | INFO     | - | m"
BAD_LINES = {
    "": "expected time | level | channel | message, got ''",
    "a | b | c": "expected time | level | channel | message, got 'a | b | c'",
    "now | INFO | - | m": "expected a time such as 2026-01-31T08:36:11.096123Z, got 'now'",
    "2026-11-23T08:36:11 | INFO | - | m": (
        "expected a time such as 2026-01-31T08:36:11.096123Z, got '2026-11-23T08:36:11'"
    ),
    "2026-13-23T08:36:11Z | INFO | - | m": (
        "expected a time such as 2026-01-31T08:36:11.096123Z, got '2026-13-23T08:36:11Z'"
    ),
    f"{TIME_TEXT} | INFO | - | a\\qb": "expected escapes as JSON has them, got 'a\\\\qb'",
    f'{TIME_TEXT} | INFO | - | a\\"b': "expected escapes as JSON has them, got 'a\\\\\"b'",
    f"{TIME_TEXT} | INFO | - | a\\": "expected escapes as JSON has them, got 'a\\\\'",
    f"{TIME_TEXT} | \\u00 | - | a": "expected escapes as JSON has them, got '\\\\u00'",
    f"{HEAD} | 1=2": "expected a key, got '1=2'",
    f"{HEAD} | a=1  b=2": "expected a key, got ' b=2'",
    f"{HEAD} | a": "expected '=' after the key 'a', got ''",
    f'{HEAD} | "a" =1': "expected '=' after the key 'a', got ' =1'",
    f'{HEAD} | "a=1': "expected a value, got '\"a=1'",
    f"{HEAD} | a=": "expected a value, got ''",
    f"{HEAD} | a=é": "expected a value, got 'é'",
    f"{HEAD} | a=NaN": "expected strict JSON, got NaN",
    f"{HEAD} | a=-Infinity": "expected strict JSON, got -Infinity",
    f"{HEAD} | a=[Infinity]": "expected strict JSON, got Infinity",
    f"{HEAD} | a=1b=2": "expected a space between fields, got '=2'",
    f"{HEAD} | a=x,b=2": "expected a space between fields, got ',b=2'",
    f"{HEAD} | a={'1' * 5000}": f"expected a value, got '{'1' * 40}'",
    f"{HEAD} | a={'[' * 100_000}": f"expected a value, got '{'[' * 40}'",
    f"{HEAD} | a={'[' * 100_000}{']' * 100_000}": f"expected a value, got '{'[' * 40}'",
    f"{HEAD}\n\n    x": "expected an indented line of a traceback, got ''",
    f"{HEAD}\n   x": "expected an indented line of a traceback, got '   x'",
    f"{HEAD}\n    x\n{HEAD}": f"expected an indented line of a traceback, got '{HEAD}'",
}


@pytest.mark.parametrize("line", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_malformed_line_raises_a_line_error_that_says_why(line: str) -> None:
    with pytest.raises(LineError) as caught:
        parse(line)
    assert str(caught.value) == BAD_LINES[line]


def parsed(line: str) -> Event | None:
    try:
        return parse(line)
    except LineError:
        return None


@given(st.text(st.characters()) | st.lists(st.sampled_from([*ALARMING, TIME_TEXT, HEAD, "a=1"])).map("".join))
def test_arbitrary_text_is_parsed_or_raises_a_line_error(text: str) -> None:
    for line in (
        text,
        f"{HEAD} | {text}",
        f"{HEAD}\n{text}",
        f"{text} | INFO | - | m",
        f"{TIME_TEXT} | {text} | a | b",
    ):
        assert isinstance(parsed(line), Event | None)


@given(message=TEXT, fields=st.dictionaries(KEYS, VALUES, max_size=3), data=st.data())
def test_a_line_torn_or_changed_is_parsed_or_raises_a_line_error(
    logged: Logged, message: str, fields: dict[str, Any], data: st.DataObject
) -> None:
    record = logged(lambda log: log.patch(lambda record: record["extra"].update(fields)).info(message))
    line = render(record)
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    inserted = data.draw(st.text(st.characters(), max_size=3) | st.sampled_from(ALARMING))
    for mutant in (line[:start] + inserted + line[end:], line[:start], line[start:], line + line[start:end]):
        assert isinstance(parsed(mutant), Event | None)


@pytest.mark.parametrize("text", ["5a4b41eb", "10s", "0x1F", "1st", "2026-11-25T08:36:00Z", "1e5x", "3d/4"])
def test_an_id_that_begins_with_a_digit_is_a_bare_word(text: str) -> None:
    line = f"2026-11-23T08:36:11.096123Z | INFO     | - | m | id={value_text(text)} n=1"
    assert f" id={text} " in line
    for one in (line, line.replace(f"id={text}", f'id="{text}"')):  # as older files have it
        assert parse(one).fields == {"id": text, "n": 1}
        assert parse_all([one, one])[1].fields == {"id": text, "n": 1}
    assert parse(line.replace(" n=1", f" {key_text(text)}=1")).fields == {"id": text, text: 1}


@pytest.mark.parametrize(
    "text", ["5e10", "5E10", "1_000", "2026-11-25", "10.66.0.77", "007", "12", "1.5", "1e", "1-2", "-1a", "1e_5"]
)
def test_what_may_be_a_number_or_is_nearly_one_is_quoted(text: str) -> None:
    assert value_text(text) == f'"{text}"'
    line = f'2026-11-23T08:36:11.096123Z | INFO     | - | m | id="{text}"'
    assert parse(line).fields == parse_all([line])[0].fields == {"id": text}


@given(st.text("019eExa_./:@+-", max_size=12))
def test_any_text_of_a_words_characters_is_read_as_it_was_written(text: str) -> None:
    line = f"2026-11-23T08:36:11.096123Z | INFO     | - | m | {key_text('k' + text)}={value_text(text)} n=5e10 m=12"
    expected = {"k" + text: text, "n": 5e10, "m": 12}
    assert parse(line).fields == parse_all([line])[0].fields == expected
