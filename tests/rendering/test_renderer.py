"""The quick way and the exact way write the same line."""

import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from sevenfold.lines.record import render
from sevenfold.redaction.redactor import Redactor
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
]


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


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(VALUES)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(max_size=20), st.dictionaries(st.text(max_size=8), TREES, max_size=5))
def test_any_record_is_written_alike(message: str, extra: dict[str, Any]) -> None:
    record = {**RECORD, "message": message, "extra": extra}
    assert RENDERER(record) == exact(record)


def test_what_is_remembered_is_bounded() -> None:
    renderer = Renderer(REDACTOR)
    for i in range(10_000):
        renderer(with_(f"message {i}", key=f"value-{i}"))
    assert all(len(memory) <= 4096 for memory in (renderer._texts, renderer._templates, renderer._keys))


def test_a_renderer_pickles() -> None:
    again = pickle.loads(pickle.dumps(RENDERER))  # noqa: S301
    assert again(with_(n=1)) == exact(with_(n=1))
