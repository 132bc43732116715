"""Conditions select events, and each event that they select has the bytes that they look for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.lines.grammar import key_text, value_text
from sevenfold.lines.parsing import parse
from sevenfold.reading.conditions import Condition
from tests.support.strategies import KEYS, VALUES

HEAD = "2026-11-23T08:36:11.096123Z | ERROR    | api | request \\u007c failed"
EVENT = parse(
    f'{HEAD} | status=503 ratio=0.5 id="007" ok=true gone=null at=2026-11-25T10:00:00+02:00 name="Ann Lee"'
    ' v="1.10" big=12345678901234567890 f={"income":2.5,"home.town":"Köln"} l=[1,2] nan="NaN" quoted="\\u003d5"'
)


@pytest.mark.parametrize(
    "text",
    [
        *("status=503", "status=503.0", "status!=200", "status>=503", "status<=503", "status>502.5", "status<1e3"),
        *("ratio>0.4", " ratio < 1 ", "ratio=0.50", "ratio=5e-1", "id=007", 'id="007"', "id!=7"),
        *("ok=true", "ok!=false", "gone=null", "at=2026-11-25T08:00:00Z", "at>2026-11-25", "at<2026-11-25T08:01"),
        *("at~^2026", "name=Ann Lee", "name>Ann", "name<B", "name~L.e$", 'name="Ann Lee"', "v=1.10", "v<1.2"),
        *("big=12345678901234567890", "big>1e19", "f.income>2", "f.home.town=Köln", "f.home.town~K.ln", "l=[1,2]"),
        *('f={"income":2.5,"home.town":"Köln"}', "nan=NaN", "l~2", 'quoted~"^=5"', 'quoted="=5"'),
        *("time>=2026-11-23", "time<2026-11-23T08:37", "time~T08:36", "line.time>2026-11-23T08:36:11", "level=ERROR"),
        *("level>=WARNING", "level<CRITICAL", "level>35", "channel=api", "channel!=drift", "message=request | failed"),
        *("message~^request", "message!=x"),
    ],
)
def test_a_condition_that_holds(text: str) -> None:
    condition = Condition(text)
    assert condition(EVENT)
    assert condition.is_known
    assert condition.was_compared


@pytest.mark.parametrize(
    "text",
    [
        *("status=500", "status!=503", "status>503", "status<503", "status>=x", 'status="503"', "status>=2026-11-25"),
        *("id=7", "id>0", "ok=1", "ok>0", "gone=0", "gone>0", "nan>0", "nan<0", "name>5", "name=ann lee"),
        "f>1",
        "l>1",
        *("nothing=1", "nothing!=1", "f.nothing=1", "line.status=503", "time<2026-11-23", "time>x", "level<ERROR"),
        *("level>=NOTICE", "big=1.2345678901234567e19"),
    ],
)
def test_a_condition_that_does_not_hold(text: str) -> None:
    assert not Condition(text)(EVENT)


@pytest.mark.parametrize("text", ["name=ANN LEE", "name~^ann", "name>ANN", "level=error", "message~FAILED"])
def test_case_may_be_ignored(text: str) -> None:
    assert Condition(text, ignore_case=True)(EVENT)


def test_a_level_that_is_a_number_is_put_in_order() -> None:
    event = parse(HEAD.replace("ERROR   ", "Level 25"))
    assert Condition("level>=SUCCESS")(event)
    assert not Condition("level>=WARNING")(event)
    assert Condition("level!=ERROR")(event)


@pytest.mark.parametrize(
    "text", ["", "status", "=5", "status>=", "x~", "x~(", "x==5", "x=>5", "x=<5", "x~~5", "x<>5", 'x="a\\"', ">5"]
)
def test_what_can_not_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Condition(text)


@pytest.mark.parametrize(
    ("text", "needles"),
    [
        ("request_id=5a4b41eb", ("request_id", "5a4b41eb")),
        ("f.income>2", ("income",)),
        ("status=503.0", ("status", "503")),
        ("path=/predict/now", ("path", "predict")),
        ("ratio=0.5", ("ratio",)),
        ("name~Lee", ("name",)),
        ("channel=api", ("api",)),
        ("at=2026-11-25T08:00Z", ("at",)),
        ("l=[1,2]", ("l",)),
        ("x=Köln", ("x", "ln")),
        ("time>2026-11-25", ()),
    ],
)
def test_the_bytes_of_an_event_are_known_by_a_condition(text: str, needles: tuple[str, ...]) -> None:
    assert Condition(text).needles == needles


@given(KEYS.filter(lambda key: key.isidentifier()), VALUES, st.sampled_from(["=", "!=", ">=", "<=", "~"]), st.data())
def test_an_event_that_meets_a_condition_holds_its_bytes(
    key: str, value: Any, operator: str, data: st.DataObject
) -> None:
    from sevenfold.lines.values import plain  # noqa: PLC0415

    said = plain(value)
    line = f"{HEAD} | {key_text(key)}={value_text(said)}"
    wanted = data.draw(st.sampled_from([value_text(said), said if isinstance(said, str) else "1", "1.0", "007"]))
    try:
        condition = Condition(f"{key}{operator}{wanted}")
    except ValueError:
        return
    if condition(parse(line)):
        assert all(needle in line for needle in condition.needles)


def test_a_pattern_that_python_warns_of_is_taken_without_a_word() -> None:
    assert Condition("name~[[]x")(parse(f'{HEAD} | name="a[x"'))
