"""The serializer and loguru's own write the same JSON."""

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from sevenfold.handlers import serializer as module
from sevenfold.handlers.serializer import Serializer
from sevenfold.loguru_internals import serialized

SERIALIZER = Serializer()  # one for all examples: what it remembers must not change what it writes


def record_of() -> dict[str, Any]:
    found: list[Any] = []
    handler = logger.add(lambda message: found.append(message.record), format="")
    logger.bind(channel="audit").info("")
    logger.remove(handler)
    return dict(found[0])


RECORD = record_of()
OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
ZONES = st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")])
SECOND = datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC)  # before Berlin's clocks go back
TIMES = st.datetimes(datetime(1970, 1, 3), datetime(2200, 1, 1), timezones=OFFSETS | ZONES) | st.builds(  # noqa: DTZ001
    lambda us, zone: (SECOND + timedelta(microseconds=us)).astimezone(zone), st.integers(0, 3_000_000), OFFSETS | ZONES
)
TEXTS = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.sampled_from([object(), SECOND, UTC]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "time": TIMES,
            "elapsed": st.timedeltas(timedelta(0), timedelta(days=900)),
            "message": TEXTS,
            "extra": st.dictionaries(TEXTS, JSON, max_size=4),
            "line": st.integers(0, 9),
            "function": TEXTS,
            "module": TEXTS,
            "name": st.none() | TEXTS,
            "file": st.builds(lambda name: SimpleNamespace(name=name, path=f"/{name}"), TEXTS),
            "level": st.builds(lambda name, no: SimpleNamespace(name=name, no=no, icon="x"), TEXTS, st.integers(0, 9)),
            "thread": st.builds(lambda name, id_: SimpleNamespace(name=name, id=id_), TEXTS, st.integers(0, 9)),
        },
    ),
    TEXTS,
)
def test_any_record_is_dumped_as_loguru_does(changed: dict[str, Any], text: str) -> None:
    record = RECORD | changed
    assert SERIALIZER(text, record) == serialized(text, record)
    assert SERIALIZER(text, record) == serialized(text, record)  # from memory


def test_times_of_one_second_keep_their_own_zones() -> None:
    serializer = Serializer()
    for zone in (UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-3)), UTC):
        record = RECORD | {"time": SECOND.replace(microsecond=7).astimezone(zone)}
        assert serializer("text", record) == serialized("text", record)


def test_a_usual_record_is_left_to_loguru_once_a_site(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module, "serialized", counting(asked))
    serializer = Serializer()
    for number in range(3):
        for line in (1, 2):
            serializer(f"text {number}", RECORD | {"line": line, "message": f"event {number}"})
    assert asked == ["", ""]


def counting(asked: list[str]) -> Callable[[str, Any], str]:
    def serialized_and_counted(text: str, record: Any) -> str:
        asked.append(text)
        return serialized(text, record)

    return serialized_and_counted


@pytest.mark.parametrize(
    "odd",
    [
        {"exception": SimpleNamespace(type=ValueError, value="x", traceback=None)},
        {"exception": SimpleNamespace(type=None, value=None, traceback=None)},
        {"time": datetime(2026, 1, 1, 1, 1, 1, 1)},  # noqa: DTZ001
        {"function": ["unhashable"]},
        {"elapsed": SimpleNamespace(total_seconds=lambda: 1.5)},
    ],
    ids=lambda odd: next(iter(odd)),
)
def test_an_odd_record_is_left_to_loguru(odd: dict[str, Any]) -> None:
    assert SERIALIZER("text", RECORD | odd) == serialized("text", RECORD | odd)


def test_what_loguru_refuses_is_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="Circular"):
        SERIALIZER("text", RECORD | {"extra": {"cycle": cycle}})


def test_what_is_remembered_is_bounded() -> None:
    serializer = Serializer()
    for line in range(5000):
        serializer("", RECORD | {"line": line})
    assert len(serializer._sites) <= 4096


def test_a_serializer_pickles() -> None:
    again = pickle.loads(pickle.dumps(SERIALIZER))  # noqa: S301
    assert again("text", RECORD) == serialized("text", RECORD)
