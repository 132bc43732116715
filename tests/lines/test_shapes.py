"""A shape matches only lines that `parse` reads, and finds the same values."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sevenfold.lines.grammar import LineError, key_text, value_text
from sevenfold.lines.parsing import parse
from sevenfold.lines.shapes import channel_of, shape_of, value_of

HEAD = "2026-11-25T08:36:11.096123Z | INFO     | api | request | "
WORDS = st.sampled_from(["approve", "5a4b41eb", "nan", "inf", "1e5", "a b", "", "true", "é", "10.66.0.77", 'say "x"'])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from("ab"), SCALARS, max_size=2)
FIELDS = st.lists(VALUES, min_size=1, max_size=4)
EDITS = st.sampled_from([*'0123456789.eE+-_"{}[],:= \\|\tZ', "null", "NaN", "Infinity", "é", ""])


def line_of(values: list[Any]) -> str:
    return HEAD + " ".join(f"{key_text(f'k{n}')}={value_text(value)}" for n, value in enumerate(values))


@given(FIELDS, FIELDS, st.lists(st.tuples(st.integers(0, 200), EDITS), max_size=3))
@example([1], [1], [(27, "")])
@example([0.5], [0.5], [(len(HEAD) + 4, "e")])
def test_what_a_shape_reads_is_what_parse_reads(
    first: list[Any], second: list[Any], edits: list[tuple[int, str]]
) -> None:
    names = ["k0", "k1", "k1.a", "none"]
    for line in (line_of(first), line_of(second)):
        other = line
        for place, put in edits:
            other = other[:place] + put + other[place + 1 :]
        shape = shape_of(line_of(first), names)
        match = None if shape is None else shape.match(other)
        if shape is None or match is None:
            continue
        time, *texts = shape.texts(match)
        try:
            event = parse(other)
        except LineError as error:
            assert str(error).startswith("expected a time")  # noqa: PT017 - the one thing that a shape leaves to others
            continue
        inside = event.fields["k1"].get("a") if isinstance(event.fields.get("k1"), dict) else None
        found = [event.fields.get("k0"), event.fields.get("k1"), inside, None]
        assert [value_of(text) for text in texts] == found
        assert list(map(type, map(value_of, texts))) == list(map(type, found))
        assert time == other.split(" | ")[0]
        assert (shape.message, event.channel) == (event.message, "api")


@pytest.mark.parametrize(
    "fields",
    [
        "a=007", "a=1_000", "a=NaN", "a=.5", "a=5.", "a=+1", "a=1e", "a=10.66.0.77", 'a="x', "a={}x",
        "a=1  b=2", "a=1\tb=2", "a=tru e", 'a="a\\x"', "a=-", "a=1=2",
    ],
)  # fmt: skip
@pytest.mark.parametrize("like", ["a=1", "a=0.5", "a=x", 'a="x y"', "a=true", "a={}", "a=1 b=2"])
def test_what_is_no_line_has_no_shape(fields: str, like: str) -> None:
    with pytest.raises(LineError):
        parse(HEAD + fields)
    assert shape_of(HEAD + fields, ["a"]) is None
    shape = shape_of(HEAD + like, ["a"])
    assert shape is not None
    assert shape.match(HEAD + fields) is None


@pytest.mark.parametrize(
    "line",
    [
        HEAD + "exception_type=ValueError", HEAD.replace("INFO ", "ERROR") + "a=1", HEAD + 'a="\\u0041"',
        HEAD + "a=1 ", HEAD + "a=1 a=2",
        HEAD + 'a={"b":1,"b":2}', HEAD + '"a b"=1', HEAD, "", '{"time":"2026-11-25T08:36:11.096123Z"}',
        HEAD + "a=" + "[" * 300 + "]" * 300, HEAD + "a=" + '{"b":' * 300 + "1" + "}" * 300,
        HEAD.replace("123Z", "123") + "a=1",
    ],
)  # fmt: skip
def test_errors_and_odd_lines_have_no_shape(line: str) -> None:
    assert shape_of(line, ["a"]) is None


def test_a_line_without_fields_has_a_shape() -> None:
    shape = shape_of(HEAD.removesuffix(" | "), ["a"])
    assert shape is not None
    match = shape.match(HEAD.removesuffix(" | "))
    assert match is not None
    assert shape.texts(match) == (HEAD[:27], "")
    assert shape.match(HEAD + "a=1") is None


def test_a_field_is_found_before_one_inside_of_another() -> None:
    line = HEAD + 'a={"b":1} a.b=2'
    shape = shape_of(line, ["a.b"])
    assert shape is not None
    match = shape.match(line)
    assert match is not None
    assert shape.texts(match)[1:] == ("2",)


def test_a_channel_is_read_off_a_line() -> None:
    assert [channel_of(one) for one in (HEAD, HEAD.replace("api", "-"), "odd")] == ["api", None, None]


def test_a_key_with_a_dot_is_no_way_into_an_object() -> None:
    line = '2026-11-25T08:36:11.096123Z | INFO     | api | request | f={"a.b":7,"c":8}'
    shape = shape_of(line, ["f.a.b", "f.c"])
    assert shape is not None
    match = shape.match(line)
    assert match is not None
    assert shape.texts(match)[1:] == ("", "8")
