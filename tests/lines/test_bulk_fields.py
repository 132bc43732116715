"""The fast way of reading fields gives what the slow one gives, or refuses."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.lines.bulk_fields import decode
from sevenfold.lines.grammar import LineError, key_text, value_text
from sevenfold.lines.parsing import Event, _parse_by_character, parse, parse_all
from sevenfold.lines.values import plain
from tests.support.strategies import ALARMING, FEW, KEYS, SCALARS, VALUES

TIME_TEXT = "2026-11-23T08:36:11.096123Z"
HEAD = f"{TIME_TEXT} | INFO     | - | m"
FIELDS = st.dictionaries(KEYS, VALUES | SCALARS, max_size=4)
BARE = st.dictionaries(st.from_regex(r"[A-Za-z_][\w./:@+-]{0,5}", fullmatch=True).filter(str.isascii), SCALARS)


def written(fields: dict[str, Any]) -> str:
    return " ".join(f"{key_text(key)}={value_text(value)}" for key, value in plain(fields).items())


def slowly(text: str) -> dict[str, Any] | None:
    try:
        return _parse_by_character(text)
    except LineError:
        return None


def quickly(texts: list[str]) -> list[dict[str, Any]] | None:
    try:
        return decode(texts)
    except ValueError:
        return None


FAST = {
    "": {},
    "a=1": {"a": 1},
    "a=word b=w.2/x:y@z+-": {"a": "word", "b": "w.2/x:y@z+-"},
    "a=true b=false c=null d=nullable e=True": {"a": True, "b": False, "c": None, "d": "nullable", "e": "True"},
    'a="true" b="null" c="NaN"': {"a": "true", "b": "null", "c": "NaN"},
    'a="x y" b="=" c=" = " d=" ="': {"a": "x y", "b": "=", "c": " = ", "d": " ="},
    r'a="\\" b="\"" c="\\\" =" d="\\\\"': {"a": "\\", "b": '"', "c": '\\" =', "d": "\\\\"},
    'a="b=c" d={"e f":[1," g=h "],"i=j":{}}': {"a": "b=c", "d": {"e f": [1, " g=h "], "i=j": {}}},
    'a=[] b={} c=[[],{"d":[-0.0,1e-7]}]': {"a": [], "b": {}, "c": [[], {"d": [-0.0, 1e-7]}]},
    'a=é b="é"': None,
    'a="é 😀" b=1': {"a": "é 😀", "b": 1},
    "a=-123456789012345678 b=0.1234567890123456789": {"a": -123456789012345678, "b": 0.1234567890123456789},
}


@pytest.mark.parametrize("text", FAST)
def test_fields_are_read_fast(text: str) -> None:
    assert repr(quickly([text])) == repr(None if FAST[text] is None else [FAST[text]])


def test_fields_of_several_lines_stay_apart() -> None:
    texts = [text for text in FAST if FAST[text] is not None]
    assert decode(texts) == [FAST[text] for text in texts]
    assert decode([]) == []
    assert decode(["", ""]) == [{}, {}]


# What isn't read fast must be refused, for `parse` to read it, or to say what is wrong.
REFUSED = [
    '"a b"=1',
    '"a"=1',
    "a=1 a=2",
    "a=1180591620717411303424",
    "a=-9223372036854775809",
    "a=[1,[9223372036854775808]]",
    'a={"b":-12345678901234567890}',
    "a=NaN",
    "a=[Infinity]",
    "a=1 ",
    " a=1",
    "a=1  b=2",
    "a",
    "a=",
    "a=b=c d",
    "a b c=d",
    "a=x,b=2",
    'a=x,"b=2',
    'a=x,"b":2',
    "a=1\t",
    "a=\t1",
    "a=1\r",
    'a=1},{"b":2',
    'a="x',
    'a="x" b="y',
    'a={"b": 1}',
    'a={"b":1 c=2}',
    "a=[1 b=2]",
    'a={"b c=1',
    "1=2",
    "a=01",
    "a=1e999",
    'a="\ud800"',
    r'a="\="',
    r'a="\ "',
    "a,b=1",
    'a="="="',
    f"a={'[' * 2000}{']' * 2000}",
]


@pytest.mark.parametrize("text", REFUSED)
def test_other_fields_are_refused(text: str) -> None:
    assert quickly([text]) is None
    assert quickly(["a=1", text]) is None
    assert quickly([text, 'b="c"']) is None


@FEW
@given(st.lists(FIELDS | BARE, max_size=5))
def test_fields_are_those_that_the_slow_way_reads(lines: list[dict[str, Any]]) -> None:
    texts = [written(fields) for fields in lines]
    decoded = quickly(texts)
    assert decoded is None or repr(decoded) == repr([slowly(text) for text in texts]) == repr(plain(lines))


@FEW
@given(st.lists(BARE, min_size=1, max_size=5))
def test_ordinary_fields_are_never_refused(lines: list[dict[str, Any]]) -> None:
    texts = [text for text in map(written, lines) if not re.search("[0-9]{19}", text)]
    assert repr(quickly(texts)) == repr([slowly(text) for text in texts])


@given(
    st.lists(FIELDS | BARE, min_size=1, max_size=3).map(lambda lines: "\n".join(map(written, lines))),
    st.integers(0, 300),
    st.integers(0, 3),
    st.text(st.sampled_from('"=,:{}[] \\a1\t.-n\n'), max_size=4) | st.sampled_from(ALARMING),
)
def test_changed_text_is_read_as_the_slow_way_does_or_refused(text: str, at: int, cut: int, inserted: str) -> None:
    changed = (text[:at] + inserted + text[at + cut :]).split("\n")
    decoded = quickly(changed)
    assert decoded is None or repr(decoded) == repr([slowly(line) for line in changed])


def test_many_lines_are_read_as_one_by_one() -> None:
    lines = [
        f"{HEAD} | a=1 b=x",
        f"{TIME_TEXT} | WARNING  | api | no fields",
        f'{TIME_TEXT} | ERROR    | \\u002d | a\\nb "c" \\u007c | path="a b"',
        f"{TIME_TEXT} | a\\u0020  |  | ",
    ]
    assert parse_all(lines) == [parse(line) for line in lines]
    assert [type(event) for event in parse_all(lines)] == [Event] * 4
    assert parse_all([]) == []


@pytest.mark.parametrize("bad", ["", "a | b | c", "now | INFO | - | m", f"{HEAD} | a", f"{TIME_TEXT} | INFO | - | \\x"])
def test_many_lines_with_a_bad_one_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_all([HEAD, bad])


def test_an_event_that_was_read_is_frozen() -> None:
    for event in (parse(HEAD), *parse_all([HEAD])):
        with pytest.raises(AttributeError):
            event.level = "INFO"  # type: ignore[misc]
