"""The quick way and the exact way write the same line."""

import json
import pickle
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, from_dtype
from loguru import logger

from sevenfold.lines.record import render
from sevenfold.lines.values import plain
from sevenfold.redaction.redactor import SECRETS, Redactor
from sevenfold.rendering.renderer import Renderer

REDACTOR = Redactor()
RENDERER = Renderer(REDACTOR)  # one for all examples: what it remembers must not change what it writes


def record_of(message: str, extra: dict[str, Any], level: str = "INFO") -> dict[str, Any]:
    found: list[Any] = []
    core = logger.patch(found.append)
    handler = logger.add(lambda _: None, format="", level=0, catch=False)
    try:
        core.log(level, "")
    finally:
        logger.remove(handler)
    return {**found[0], "message": message, "extra": extra}


RECORD = record_of("", {})


def with_(message: str = "epoch", **extra: Any) -> dict[str, Any]:
    return {**RECORD, "message": message, "extra": extra}


def exact(record: dict[str, Any]) -> str:
    return render(record, REDACTOR.contents_of(record))


VALUES = [
    *(
        "approve",
        "",
        "two words",
        "true",
        "NaN",
        "-",
        "a|b",
        "\x1b[31m",
        "\u2028",
        "\x7f",
        "é",
        "\ud800",
        "null",
        "x" * 200,
    ),
    *("Bearer abc.DEF-123456", "password=x", "https://ann:pw1234@example.org", "12", "-0.5", "run-1a"),
    *(0, -1, 2**63, 2**64, 10**400, True, False, None, 0.93, -0.0, 1e16, 1e-7, 5e-324, 1.7e308),
    *(float("nan"), float("inf"), np.float64(0.1), np.float64("nan"), np.float32(0.1), np.int64(3), np.bool_(True)),
    *([], [1, 2.5], [1, None], [True], ["a"], [0.1, float("nan")], [2**70], [[1], [2]], (1, 2), {1, 2}),
    *({}, {"a": 1.5, "b": -2}, {"a": None}, {"a": float("inf")}, {"a": "x", "b": True}, {"a": "\u2028"}, {"a b": "y|"}),
    *({1: 2}, {"password": 1}, {"a": {"b": 1}}, {"a": [1]}, {"\ud800": 1}, {"null": 1}, {"true": "null"}),
    *(np.arange(3) / 3, np.arange(3), np.arange(3, dtype=">f8"), np.arange(6.0).reshape(2, 3), np.arange(4.0)[::2]),
    *(
        np.array([np.nan]),
        np.array(1.5),
        np.zeros((0, 3)),
        np.zeros((2, 0)),
        np.array([0.1], dtype=np.float32),
        np.array(["a"]),
    ),
    *(np.ma.array([1.0, 2.0], mask=[True, False]), b"bytes", datetime(2026, 1, 1, tzinfo=UTC), object),
    *(datetime(2026, 1, 1), datetime(1, 1, 1, 1, 1, 1, 1), date(2026, 1, 1), UUID(int=2**127 + 9), UUID(int=11)),  # noqa: DTZ001
    *(datetime(2026, 1, 1, tzinfo=timezone(timedelta(seconds=offset))) for offset in (-1, 19_800, 3_600)),
    *(np.float32(1e-7), np.float32(1e16), np.float32("nan"), np.float16(0.1), np.uint8(255), np.int64(-(2**63))),
    *(np.uint64(2**64 - 1), np.longdouble(0.1), np.datetime64("2026-01-01"), np.float32(3.4e38), np.float32(16777216)),
    *(("a", 1, None), ["income", "age"], ["--password", "hunter22"], ("X-Api-Key", "k3yk3yk3y9"), ["-u", "ann:pw1234"]),
    *(["curl", "-u", "ann:pw1234"], ["null", None], [None, float("nan")], {"a": None, "b": "null"}, [[[["x"]]]]),
    *({"income": np.float64(0.1), "n": np.int64(3), "f": np.float32(0.1), "w": np.zeros(2)}, [np.float64("nan")]),
    *({"w": np.array([0.1, 1e-8], dtype=np.float32), "s": "\x7f"}, {"name": "password", "value": "hunter22"}),
    *({"name": "income", "value": 3.5}, [{"name": "DB_PASSWORD", "value": "hunter22"}]),
    *({"a": {"token": "abc9DEF8ghi7"}},),
    *({"a": {"token": None, "pin": 12, "pin2": np.int64(4321)}}, {"code": np.float32(0.5)}, {"pin": np.uint16(4321)}),
    *([[[[[[[[["deep"]]]]]]]]], {"at": datetime(2026, 1, 1, tzinfo=UTC), "id": UUID(int=3)}, [date(2026, 1, 1)]),
]
CYCLE: list[Any] = []
CYCLE.append(CYCLE)
VALUES.append(CYCLE)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:40])
def test_a_value_is_written_alike(value: Any) -> None:
    record = with_(value=value, nested={"inner": value}, listed=[value])
    for _ in range(2):  # the second time from memory
        assert RENDERER(record) == exact(record)
    assert RENDERER(with_(value=value)) == exact(with_(value=value))


@pytest.mark.parametrize(
    "key", ["a", "a b", "true", "NaN", "", "a=b", "é", "password", "n_tokens", "\ud800", "x" * 100, "|"]
)
def test_a_key_is_written_alike(key: str) -> None:
    for extra in ({key: 1}, {"outer": {key: 1}}, {key: "hunter22", "said": "hunter22"}):
        record = {**RECORD, "message": "hunter22", "extra": extra}
        for _ in range(2):
            assert RENDERER(record) == exact(record)


@pytest.mark.parametrize(
    "channel", [None, "training", "-", "", "a|b", "\ud800", "password=x1", 5, ["a"], np.zeros(2)], ids=ascii
)
def test_a_channel_and_a_message_are_written_alike(channel: Any) -> None:
    for message in ("epoch", "", "a | b", "line\nbreak", "token: abcdef", "\ud800", "y" * 100):
        record = with_(message, channel=channel, n=1)
        for _ in range(2):
            assert RENDERER(record) == exact(record)


def test_a_channel_may_stand_anywhere_among_the_fields() -> None:
    for extra in ({"channel": "a"}, {"x": "y", "channel": "a"}, {"x": "y", "channel": "a", "100%": 1}, {"%s": "%b"}):
        record = {**RECORD, "message": "100 %", "extra": extra}
        for _ in range(2):
            assert RENDERER(record) == exact(record)


def test_an_exception_takes_the_exact_way() -> None:
    error = ValueError("password=x1")
    record = {**with_(n=1), "exception": (ValueError, error, None)}
    assert RENDERER(record) == exact(record)


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
@pytest.mark.parametrize("offset_h", [-11, 0, 5.5, 13])
def test_times_are_written_alike(microsecond: int, offset_h: float) -> None:
    time = datetime(2026, 11, 1, 0, 59, 59, microsecond, tzinfo=timezone(timedelta(hours=offset_h)))
    for moment in (time, time + timedelta(seconds=1), time - timedelta(days=40_000)):
        record = {**with_(n=1), "time": moment}
        assert RENDERER(record) == exact(record)


OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
MOMENTS = st.datetimes(timezones=st.none() | st.just(UTC) | OFFSETS) | st.dates() | st.uuids()
DTYPES = st.sampled_from("?bhilqBHILQefdg").map(np.dtype)
NUMPY = DTYPES.flatmap(from_dtype) | DTYPES.flatmap(lambda dtype: arrays(dtype, st.integers(0, 3)))
LEAVES = (
    MOMENTS
    | NUMPY
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(VALUES)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.text(max_size=20), st.dictionaries(st.text(max_size=8), TREES, max_size=5))
def test_any_record_is_written_alike(message: str, extra: dict[str, Any]) -> None:
    record = {**RECORD, "message": message, "extra": extra}
    assert RENDERER(record) == exact(record)


@given(st.dictionaries(st.text(max_size=8), TREES, max_size=3))
def test_what_goes_into_json_as_it_is_reads_back_as_the_line_does(extra: dict[str, Any]) -> None:
    line = RENDERER.quick_line({**RECORD, "extra": extra}, as_json=True)
    if line is not None:
        assert line.decode() == exact({**RECORD, "extra": extra})
        assert json.loads(json.dumps(extra)) == plain(extra)


USUAL: dict[str, list[Any]] = {
    "a unique text": [f"took {n}.5 s for {n} rows" for n in range(3)],
    "None": [None],
    "texts": [["income", "age", "debt"], ["income", "age"], ("approve", 0.5)],
    "objects": [{"income": None, "city": "Rome"}, {"a": {"b": 0.5, "c": [1, 2, None]}}, [{"a": 1}, {"a": 2}]],
    "numpy": [np.float32(0.1), np.int64(3), np.uint8(3), np.bool_(True), np.float64(0.1), np.ones(2, np.float32)],
    "numpy inside": [{"income": np.float64(0.1), "w": np.ones(2)}, [np.float32(0.1)], (np.int64(1), "x")],
    "moments": [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1), date(2026, 1, 1), UUID(int=2**100)],  # noqa: DTZ001
}


@pytest.mark.parametrize("kind", USUAL)
def test_what_people_log_goes_the_quick_way(kind: str) -> None:
    for value in USUAL[kind]:
        assert RENDERER.quick_line(with_(value=value)) == exact(with_(value=value)).encode()
    assert RENDERER.quick_line(with_("word " * 1000)) == exact(with_("word " * 1000)).encode()


def test_rules_of_ones_own_have_a_say_in_times_and_ids() -> None:
    renderer = Renderer(Redactor((*SECRETS, re.compile(r"2026-\d\d-\d\d"), re.compile("0{8}-"))))
    for value in (datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), UUID(int=3)):
        record = with_(value=value)
        assert "[redacted]" in renderer(record)
        assert renderer(record) == render(record, renderer.redactor.contents_of(record))


def test_what_is_remembered_is_bounded() -> None:
    renderer = Renderer(REDACTOR)
    for i in range(10_000):
        renderer(with_(f"message {i}", key=f"value-{i}"))
    memories = (renderer._values.texts, renderer._values.keys, renderer._messages, renderer._templates)
    assert all(len(memory) <= 4096 for memory in memories)


def test_long_messages_are_remembered_within_bounds() -> None:
    renderer = Renderer(REDACTOR)
    for i in range(300):
        renderer(with_(f"{i} " + "word " * 2000))
    assert 0 < sum(map(len, renderer._messages)) <= 1_000_000
    renderer(with_("word " * 10_000))
    assert len(max(renderer._messages, key=len)) < 20_000


def test_a_renderer_pickles() -> None:
    again = pickle.loads(pickle.dumps(RENDERER))  # noqa: S301
    assert again(with_(n=1)) == exact(with_(n=1))


@pytest.mark.parametrize("number", [-123456789012, 123456789012, -99, 99])
def test_a_number_under_a_secrets_name_is_written_alike_whatever_its_sign(number: int) -> None:
    record = with_(password=number)
    assert RENDERER.quick_line(record) in (None, exact(record).encode())
