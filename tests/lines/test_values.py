from __future__ import annotations

import json
import math
import struct
import unicodedata
from collections import ChainMap, Counter, OrderedDict, UserDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from fractions import Fraction
from pathlib import PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple, NoReturn
from unittest.mock import MagicMock, Mock
from uuid import UUID

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.lines.values import MAX_DEPTH, MAX_INTEGER, clean, escape_json, plain, to_json


def strict_json(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(token: str) -> NoReturn:
    raise ValueError(f"{token} is no JSON")


def exactly(value: Any) -> Any:
    """Give a value that equals another's only if types, float bits and the order of keys are the same."""
    if type(value) is float:
        return "float", struct.pack("<d", value)
    if type(value) is list:
        return [exactly(item) for item in value]
    if type(value) is dict:
        return "dict", [(exactly(key), exactly(item)) for key, item in value.items()]
    return type(value), value


def assert_is_plain(value: Any, depth: int = 0) -> None:
    assert depth <= MAX_DEPTH
    if type(value) is list:
        for item in value:
            assert_is_plain(item, depth + 1)
    elif type(value) is dict:
        for key, item in value.items():
            assert type(key) is str
            assert_is_plain(key, depth)
            assert_is_plain(item, depth + 1)
    elif type(value) is str:
        value.encode()  # no lone surrogate
    elif type(value) is float:
        assert math.isfinite(value)
    elif type(value) is int:
        assert abs(value) < MAX_INTEGER
    else:
        assert value is None or type(value) is bool


def assert_is_safe_line(text: str) -> None:
    assert len(f"{text}|".splitlines()) == 1
    assert [character for character in text if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}] == []


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


class Colour(Enum):
    RED = "red"


class Shape(Enum):
    SQUARE = (np.float32(0.1), {"sides": 4})


class Priority(IntEnum):
    HIGH = 9


class Verdict(StrEnum):
    OK = "ok"


class Permission(Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True, slots=True)
class Report:
    epoch: int
    losses: Any
    name: str = "run"


@dataclass
class Unset:
    never: int

    def __init__(self) -> None:
        pass


class Point(NamedTuple):
    x: int
    y: int


class AngryInt(int):
    def __int__(self) -> NoReturn:
        raise RuntimeError

    __repr__ = __str__ = __index__ = __lt__ = __gt__ = __neg__ = __int__  # type: ignore[assignment]


class AngryFloat(float):
    def __float__(self) -> NoReturn:
        raise RuntimeError

    __repr__ = __str__ = __sub__ = __eq__ = __ne__ = __gt__ = __float__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class AngryStr(str):
    __slots__ = ()

    def __str__(self) -> NoReturn:
        raise RuntimeError

    __repr__ = encode = isascii = __len__ = __format__ = __str__  # type: ignore[assignment]


class SlyStr(str):
    __slots__ = ()

    def __str__(self) -> SlyStr:
        return self


class SlyComplex(complex):
    def __str__(self) -> str:
        return SlyStr("sly")


class Unprintable:
    def __repr__(self) -> NoReturn:
        raise RuntimeError

    __str__ = __repr__


class NotAString:
    def __repr__(self) -> str:
        return 5  # type: ignore[return-value]


class Surrogate:
    def __repr__(self) -> str:
        return "<\ud800>"


class Classless:
    """Says that it has no class."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError

    def __repr__(self) -> str:
        return "classless"


class Liar:
    """Says that it is a string."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return str

    def __repr__(self) -> str:
        return "liar"


class Meta(type):
    @property
    def __name__(cls) -> NoReturn:  # type: ignore[override]
        raise RuntimeError


class Nameless(metaclass=Meta):
    __repr__ = Unprintable.__repr__


class NoItems(dict[str, int]):
    def items(self) -> NoReturn:
        raise RuntimeError


class NoIteration(list[int]):
    def __iter__(self) -> NoReturn:
        raise RuntimeError


class Tensor:
    """A tensor that needs its gradient: NumPy may not have it, but it can be listed."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("call detach()")

    def tolist(self) -> Any:
        return self.values


class Series:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([0.1, np.nan], np.float32)


class Sulky:
    """Neither NumPy nor anybody else may have it."""

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError

    tolist = __array__

    def __repr__(self) -> str:
        return "sulky"


class Hall:
    """Contains something like itself, without end."""

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError

    def tolist(self) -> list[Hall]:
        return [Hall()]


FLOAT32_THIRD = 0.33333334  # the shortest decimal that rounds to np.float32(1 / 3)
STRUCTURED = np.array([(1, 0.1, "a"), (2, np.nan, "b")], [("n", "i4"), ("x", "f4"), ("s", "U1")])
MASKED_ROWS = np.ma.array(STRUCTURED, mask=[(False, True, False), (False, False, True)])
LONG = np.longdouble(1) / 3
LONG_IS_LONGER = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant


class Model:
    """What pydantic's classes have."""

    def model_dump(self) -> NoReturn:
        raise RuntimeError("not asked for: its values must be converted here")

    def __iter__(self) -> Any:
        yield from {"n": 1, "path": PurePosixPath("/x"), "inner": [np.float32(0.1)]}.items()


class Attrs:
    """What attrs leaves on its classes."""

    __attrs_attrs__ = (SimpleNamespace(name="x"), SimpleNamespace(name="gone"))
    x = frozenset({2, 1})


class OnDevice(Tensor):
    """A tensor that lies on a device, and needs its gradient."""

    def detach(self) -> OnDevice:
        return self

    cpu = detach

    def numpy(self) -> Any:
        return self.values

    def tolist(self) -> NoReturn:
        raise RuntimeError("not this way: it is slow")


class NAType:
    __module__ = "pandas"


class Scalar:
    """A scalar of pyarrow."""

    def as_py(self) -> Any:
        return np.float32(0.1)


CASES: dict[str, tuple[Any, Any]] = {
    "None": (None, None),
    "bools": ([True, False], [True, False]),
    "int": (-7, -7),
    "int beyond 64 bits": (2**64, 2**64),
    "least int that is hexadecimal": (2**2048, hex(2**2048)),
    "greatest int that is not": (2**2048 - 1, 2**2048 - 1),
    "negative ints at the limit": ([-(2**2048), 1 - 2**2048], [hex(-(2**2048)), 1 - 2**2048]),
    "int of 10,000 digits": (10**10_000, hex(10**10_000)),
    "float": (0.1, 0.1),
    "negative zero": (-0.0, -0.0),
    "least float": (5e-324, 5e-324),
    "NaN and infinities": ([math.nan, math.inf, -math.inf], ["NaN", "Infinity", "-Infinity"]),
    "str": ("a\nb\x1b\u2028|é", "a\nb\x1b\u2028|é"),
    "lone surrogates": ("a\ud800b\udfff", "a\\ud800b\\udfff"),
    "astral character": ("\U0001f600", "\U0001f600"),
    "bytes": (b"caf\xc3\xa9", "café"),
    "bytes not UTF-8": (b"a\xff\xc3", "a\\xff\\xc3"),
    "bytes that are a surrogate": (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
    "bytearray": (bytearray(b"ab"), "ab"),
    "memoryview": (memoryview(b"abcd")[::2], "ac"),
    "date": (date(2026, 1, 31), "2026-01-31"),
    "datetime": (datetime(2026, 1, 31, 8, 36, 11, 96123, tzinfo=UTC), "2026-01-31T08:36:11.096123+00:00"),
    "time": (time(8, 36), "08:36:00"),
    "timedelta": (timedelta(days=1, microseconds=5), "1 day, 0:00:00.000005"),
    "Decimal": (Decimal("0.10"), "0.10"),
    "Decimal NaN": ([Decimal("NaN"), Decimal("sNaN")], ["NaN", "sNaN"]),
    "Fraction": (Fraction(1, 3), "1/3"),
    "Path": (PurePosixPath("/a/\udcffb"), "/a/\\udcffb"),
    "UUID": (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "complex": (1 - 2j, "(1-2j)"),
    "complex NaN": (complex(math.nan, math.inf), "(nan+infj)"),
    "enum": (Colour.RED, "red"),
    "enum of containers": (Shape.SQUARE, [0.1, {"sides": 4}]),
    "int enum": (Priority.HIGH, 9),
    "str enum": (Verdict.OK, "ok"),
    "flag": (Permission.READ | Permission.WRITE, 3),
    "dataclass": (Report(1, np.array([0.5])), {"epoch": 1, "losses": [0.5], "name": "run"}),
    "dataclass never initialised": (Unset(), {"never": None}),
    "dataclass itself": (Unset, f"<class '{__name__}.Unset'>"),
    "tuple": ((1, (2,)), [1, [2]]),
    "namedtuple": (Point(1, 2), [1, 2]),
    "deque": (deque([1, 2], maxlen=2), [1, 2]),
    "set": ({3, 1, 2}, [1, 2, 3]),
    "mixed set": ({None, "a", 1, 0.5}, ["a", 0.5, 1, None]),
    "frozenset": (frozenset({frozenset({1})}), [[1]]),
    "keys and values": ([{"a": 1}.keys(), {"a": 1}.values()], [["a"], [1]]),
    "dict": ({"a": {"b": ()}}, {"a": {"b": []}}),
    "Counter": (Counter("aab"), {"a": 2, "b": 1}),
    "OrderedDict": (OrderedDict(z=1, a=2), {"z": 1, "a": 2}),
    "UserDict": (UserDict(a=1), {"a": 1}),
    "ChainMap": (ChainMap({"a": 1}), {"a": 1}),
    "mappingproxy": (MappingProxyType({"a": 1}), {"a": 1}),
    "keys that aren't strings": (
        {None: 1, True: 2, 2: 3, 0.5: 4, (1, "a"): 5, b"x": 6, date(2026, 1, 1): 7, Colour.RED: 8, math.inf: 9},
        {"null": 1, "true": 2, "2": 3, "0.5": 4, '[1,"a"]': 5, "x": 6, "2026-01-01": 7, "red": 8, "Infinity": 9},
    ),
    "keys that are taken": (
        {1: "a", "1": "b", b"1": "c", "1#2": "d"},
        {"1": "a", "1#2": "b", "1#3": "c", "1#2#2": "d"},
    ),
    "keys of NumPy": ({np.int64(1): 1, np.float32(0.1): 2, np.str_("a"): 3}, {"1": 1, "0.1": 2, "a": 3}),
    "keys with surrogates": ({"\ud800": 1, "\\ud800": 2}, {"\\ud800": 1, "\\ud800#2": 2}),
    "keys whose repr raises": ({Unprintable(): 1}, {"<unprintable Unprintable object>": 1}),
    "numpy scalars": (
        [np.bool_(True), np.int8(-1), np.uint64(2**64 - 1), np.float64(0.1), np.str_("a"), np.bytes_(b"\xff")],
        [True, -1, 2**64 - 1, 0.1, "a", "\\xff"],
    ),
    "float32": ([np.float32(0.1), np.float32(1 / 3), np.float32(-0.0)], [0.1, FLOAT32_THIRD, -0.0]),
    "float32 extremes": (np.array([3.4028235e38, 1e-45, 16777216], np.float32), [3.4028235e38, 1e-45, 16777216.0]),
    "float16": ([np.float16(0.1), np.float16(65504)], [0.1, 65500.0]),
    "float16 array": (np.array([0.1, np.nan], np.float16), [0.1, "NaN"]),
    "numpy NaN": ([np.float16("nan"), np.float32("inf"), np.float64("-inf")], ["NaN", "Infinity", "-Infinity"]),
    "longdouble that is a float": (np.longdouble(0.1), 0.1),
    "longdouble beyond a float": (LONG, str(LONG) if LONG_IS_LONGER else 1 / 3),
    "longdouble NaN": ([np.longdouble("nan"), np.longdouble("-inf")], ["NaN", "-Infinity"]),
    "longdouble array": (np.array([0.5, np.nan], np.longdouble), [0.5, "NaN"]),
    "numpy complex": ([np.complex64(0.1j), np.complex128(1 + 2j)], ["0.1j", "(1+2j)"]),
    "numpy clongdouble": (np.array([1 + 2j], np.clongdouble), ["(1+2j)"]),
    "datetime64": ([np.datetime64("2026-01-31T08:36"), np.datetime64("NaT")], ["2026-01-31T08:36", None]),
    "datetime64 array": (np.array(["2026-01-31", "NaT"], "M8[D]"), ["2026-01-31", None]),
    "timedelta64": ([np.timedelta64(5, "s"), np.timedelta64("NaT")], ["5 seconds", None]),
    "array": (np.array([1.5, -0.0, np.nan, np.inf, -np.inf]), [1.5, -0.0, "NaN", "Infinity", "-Infinity"]),
    "3-d array with NaN": (
        np.array([[[1, np.nan], [np.inf, 2]]], np.float32),
        [[[1.0, "NaN"], ["Infinity", 2.0]]],
    ),
    "0-d arrays": ([np.array(3), np.array(0.5), np.array(np.nan), np.array("a")], [3, 0.5, "NaN", "a"]),
    "0-d object array": (np.array(None), None),
    "array not contiguous": (np.arange(12.0).reshape(3, 4)[::2, ::-2], [[3.0, 1.0], [11.0, 9.0]]),
    "Fortran order": (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 2.0], [3.0, 4.0]]),
    "broadcast array": (np.broadcast_to(np.float32(0.1), (2, 2)), [[0.1, 0.1], [0.1, 0.1]]),
    "big-endian float32": (np.array([0.1, np.nan], ">f4"), [0.1, "NaN"]),
    "big-endian others": ([np.array([0.1], ">f8"), np.array([1], ">i8"), np.array([0.5], ">f2")], [[0.1], [1], [0.5]]),
    "empty arrays": ([np.empty(0), np.empty((0, 2)), np.empty((2, 0), "f4")], [[], [], [[], []]]),
    "empty arrays of others": ([np.empty(0, object), np.empty((2, 0), "M8[s]")], [[], [[], []]]),
    "bool array": (np.array([[True], [False]]), [[True], [False]]),
    "int array": (np.array([-(2**63), 2**63 - 1]), [-(2**63), 2**63 - 1]),
    "uint64 array": (np.array([2**64 - 1], np.uint64), [2**64 - 1]),
    "object array": (np.array([None, np.float32(0.1), {"a": {1}}], object), [None, 0.1, {"a": [1]}]),
    "2-d object array": (np.array([[1, "a"], [b"b", None]], object), [[1, "a"], ["b", None]]),
    "str array": (np.array(["a", "\ud800"]), ["a", "\\ud800"]),
    "StringDType array": (np.array(["a", "long" * 9], np.dtypes.StringDType()), ["a", "long" * 9]),
    "bytes array": (np.array([b"a", b"\xff"]), ["a", "\\xff"]),
    "void": (np.void(b"abc"), "abc"),
    "structured array": (STRUCTURED, [{"n": 1, "x": 0.1, "s": "a"}, {"n": 2, "x": "NaN", "s": "b"}]),
    "structured row": (STRUCTURED[0], {"n": 1, "x": 0.1, "s": "a"}),
    "record array": (STRUCTURED.view(np.recarray)[:1], [{"n": 1, "x": 0.1, "s": "a"}]),
    "structured array of arrays": (np.array([([1, 2],)], [("a", "i4", 2)]), [{"a": [1, 2]}]),
    "masked": (np.ma.masked, None),
    "masked array": (np.ma.array([0.1, 9, np.nan], np.float32, mask=[False, True, False]), [0.1, None, "NaN"]),
    "masked 2-d array": (np.ma.array([[1, 2], [3, 4]], mask=[[False, True], [False, False]]), [[1, None], [3, 4]]),
    "masked array without a mask": (np.ma.array([1, 2]), [1, 2]),
    "masked 0-d arrays": ([np.ma.array(1, mask=True), np.ma.array(0.5)], [None, 0.5]),
    "masked structured array": (MASKED_ROWS, [{"n": 1, "x": None, "s": "a"}, {"n": 2, "x": "NaN", "s": None}]),
    "masked structured row": (MASKED_ROWS[0], {"n": 1, "x": None, "s": "a"}),
    "a long array, whole": (np.arange(2000) / 3, [i / 3 for i in range(2000)]),
    "a tensor that needs its gradient": (Tensor([[np.float32(0.1)], math.nan]), [[0.1], "NaN"]),
    "a tensor on a device": ({"t": OnDevice(np.array([[1, 2]]))}, {"t": [[1, 2]]}),
    "a tensor of no dimension": (OnDevice(np.array(0.5)), 0.5),
    "pydantic": (Model(), {"n": 1, "path": "/x", "inner": [0.1]}),
    "attrs": ([Attrs()], [{"x": [1, 2], "gone": None}]),
    "NA of pandas": ([NAType(), 1], [None, 1]),
    "a scalar of pyarrow": (Scalar(), 0.1),
    "a series": (Series(), [0.1, "NaN"]),
    "a series that can't be listed": (Sulky(), "sulky"),
    "int subclass that raises": (AngryInt(5), 5),
    "float subclass that raises": ([AngryFloat(0.5), AngryFloat("nan")], [0.5, "NaN"]),
    "str subclass that raises": (AngryStr("a\ud800"), "a\\ud800"),
    "str of a str subclass": (SlyComplex(1), "sly"),
    "repr raises": (Unprintable(), "<unprintable Unprintable object>"),
    "repr is no string": (NotAString(), "<unprintable NotAString object>"),
    "repr has a surrogate": (Surrogate(), "<\\ud800>"),
    "__class__ raises": (Classless(), "classless"),
    "__class__ lies": (Liar(), "liar"),
    "__name__ raises": (Nameless(), "<unprintable Nameless object>"),
    "items() raises": (NoItems(a=1), "{'a': 1}"),
    "__iter__ raises": ([1, NoIteration([2])], [1, "[2]"]),
    "function": (len, "<built-in function len>"),
    "type": (int, "<class 'int'>"),
    "range": (range(3), "range(0, 3)"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_value_becomes_plain(case: str) -> None:
    value, expected = CASES[case]
    result = plain(value)
    assert_is_plain(result)
    assert exactly(result) == exactly(expected)
    assert exactly(plain(result)) == exactly(result)


@pytest.mark.parametrize("case", CASES)
def test_a_plain_value_survives_json(case: str) -> None:
    result = plain(CASES[case][0])
    text = to_json(result)
    assert_is_safe_line(text)
    assert exactly(strict_json(text)) == exactly(result)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_becomes_its_rows() -> None:
    assert plain([np.matrix([[0.5, np.nan]]), np.matrix([[1j]]), np.matrix([[1], [2]])]) == [
        [[0.5, "NaN"]],
        [["1j"]],
        [[1], [2]],
    ]


@pytest.mark.parametrize("kind", [datetime, date, Decimal, dict, list, np.ndarray, np.float32, str, bytes, Colour])
@pytest.mark.parametrize("mock", [Mock, MagicMock])
def test_a_mock_of_any_type_becomes_plain(mock: Any, kind: type) -> None:
    assert_is_plain(plain(mock(spec=kind)))


def test_print_options_dont_round_values() -> None:
    third = np.float32(1) / np.float32(3)
    with np.printoptions(legacy="1.13", precision=2):
        assert plain([third, np.array([third]), np.float16(third)]) == [FLOAT32_THIRD, [FLOAT32_THIRD], 0.3333]


def test_floating_point_errors_that_raise_dont_matter() -> None:
    with np.errstate(all="raise"):
        assert plain([np.longdouble("nan"), np.array([np.nan, np.inf], "f4"), np.float16(1e-7)]) == [
            "NaN",
            ["NaN", "Infinity"],
            1e-07,
        ]


def test_a_cycle_is_cut_in_every_kind_of_container() -> None:
    cyclic_list: list[Any] = [1]
    cyclic_list.append(cyclic_list)
    cyclic_dict: dict[str, Any] = {"a": 1}
    cyclic_dict["self"] = {"inner": cyclic_dict}
    array = np.empty((1, 2), object)
    array[0] = [7, array]
    scalar = np.empty((), object)
    scalar[()] = scalar
    report = Report(1, [])
    report.losses.append(report)
    ends = deque([1])
    ends.append(ends)  # type: ignore[arg-type]
    assert plain([cyclic_list, cyclic_dict, array, scalar, report, ends]) == [
        [1, "<cycle>"],
        {"a": 1, "self": {"inner": "<cycle>"}},
        [[7, "<cycle>"]],
        "<cycle>",
        {"epoch": 1, "losses": ["<cycle>"], "name": "run"},
        [1, "<cycle>"],
    ]


def test_a_value_that_occurs_twice_is_no_cycle() -> None:
    shared = [1]
    assert plain({"a": shared, "b": [shared, shared]}) == {"a": [1], "b": [[1], [1]]}


def test_one_hundred_levels_are_kept_and_deeper_ones_are_named() -> None:
    assert plain(nested(7, MAX_DEPTH)) == nested(7, MAX_DEPTH)
    assert plain(nested([7, 8], MAX_DEPTH)) == nested("<too deep>", MAX_DEPTH)
    deep_dict: Any = {}
    for _ in range(5000):
        deep_dict = {"a": deep_dict}
    for value in (nested(7, 1500), nested({1: 2}, MAX_DEPTH - 1), deep_dict, Hall()):
        result = plain(value)
        assert_is_plain(result)
        assert plain(result) == result


@pytest.mark.parametrize("depth", [97, 98, 99, 100, 101])
@pytest.mark.parametrize(
    "array",
    [
        np.ones((1, 2, 1)),
        np.ones((2, 1, 1), np.float32),
        np.ones((1, 1, 2), int),
        np.array([[["a"]]]),
        np.ma.array([[[0.5]]], mask=[[[False]]]),
        STRUCTURED,
        STRUCTURED[0],
        MASKED_ROWS,
    ],
)
def test_arrays_count_their_dimensions_as_levels(array: Any, depth: int) -> None:
    result = plain(nested(array, depth))
    assert_is_plain(result)
    assert plain(result) == result


def test_an_array_of_64_dimensions_becomes_as_many_lists() -> None:
    assert plain(np.full((1,) * 64, 0.1, np.float32)) == nested(0.1, 64)


def test_clean_leaves_all_text_but_lone_surrogates() -> None:
    assert clean("a\ud800\udc00b\U0001f600\x00\\") == "a\\ud800\\udc00b\U0001f600\x00\\"
    assert type(clean(SlyStr("a"))) is str
    assert type(clean(SlyStr("é"))) is str


def test_json_escapes_what_a_terminal_or_a_reader_obeys() -> None:
    assert to_json("\x1b\x07\x7f\x85\x9b\u2028\u2029\u202e\u2066\u200f\u061c\r\n\té|\U0001f600") == (
        '"\\u001b\\u0007\\u007f\\u0085\\u009b\\u2028\\u2029\\u202e\\u2066\\u200f\\u061c\\r\\n\\té|\U0001f600"'
    )
    assert to_json({"\x7f": 2**70}) == '{"\\u007f":1180591620717411303424}'
    assert to_json({"a": [-0.0, 1e300, None, True], "b": {}}) == '{"a":[-0.0,1e+300,null,true],"b":{}}'


def test_escape_json_keeps_the_meaning_of_json() -> None:
    raw = '{"a\\\\\x7f": "\\\\\u2028é\x9b"}'
    assert escape_json(raw) == '{"a\\\\\\u007f": "\\\\\\u2028é\\u009b"}'
    assert strict_json(escape_json(raw)) == json.loads(raw)
    assert escape_json('"\ud800"') == '"\\\\ud800"'
    assert escape_json('["plain"]') == '["plain"]'


TEXT = st.text(st.characters(), max_size=12)  # all of Unicode, surrogates too
HASHABLE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.binary(max_size=6)
    | st.integers(-(2**2100), 2**2100)
    | st.decimals().filter(lambda number: not number.is_snan())  # has no hash
    | st.fractions()
    | st.complex_numbers()
    | st.uuids()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
    | st.sampled_from([Colour.RED, Priority.HIGH, Verdict.OK, Permission.READ, int, len])
    | st.builds(object)
)
DTYPES = hnp.scalar_dtypes() | hnp.unicode_string_dtypes() | hnp.byte_string_dtypes() | hnp.array_dtypes(max_size=3)
ARRAYS = DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)))
AWKWARD = st.builds(Unprintable) | st.builds(Classless) | st.builds(lambda: NoItems(a=1)) | st.builds(Sulky)


def in_an_object_array(item: Any) -> Any:
    array = np.empty((1, 1), object)
    array[0, 0] = item
    return array


def containers(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = HASHABLE | st.tuples(HASHABLE, HASHABLE)
    return (
        st.lists(items, max_size=4)
        | st.lists(items, max_size=3).map(tuple)
        | st.lists(items, max_size=3).map(deque)
        | st.sets(HASHABLE, max_size=3)
        | st.dictionaries(keys, items, max_size=4)
        | st.builds(Report, st.integers(), items)
        | st.builds(Tensor, items)
        | items.map(in_an_object_array)
    )


VALUES = st.recursive(HASHABLE | ARRAYS | AWKWARD, containers, max_leaves=12)


@given(VALUES)
def test_any_value_becomes_plain_and_is_plain_then(value: Any) -> None:
    result = plain(value)
    assert_is_plain(result)
    assert exactly(plain(result)) == exactly(result)


@given(VALUES)
def test_json_gives_back_exactly_the_plain_value_from_one_safe_line(value: Any) -> None:
    result = plain(value)
    text = to_json(result)
    assert_is_safe_line(text)
    assert exactly(strict_json(text)) == exactly(result)


def back(items: Any, dtype: Any) -> Iterator[bytes]:
    """Read plain numbers as floats of a type again, bit for bit, but for the payload of NaN."""
    for item in items:
        yield np.asarray(float(item)).astype(dtype).tobytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(data=st.data())
def test_floats_come_back_bit_for_bit(dtype: Any, data: st.DataObject) -> None:
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(max_dims=1, max_side=30)))
    canonical = np.where(np.isnan(array), np.array(np.nan, dtype), array)
    written = strict_json(to_json(plain(array)))
    assert list(back(written, dtype)) == [item.tobytes() for item in canonical]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_all_kinds_of_bits_come_back(dtype: Any) -> None:
    size = np.dtype(dtype).itemsize
    bits = (
        np.random.default_rng(0).integers(0, 256, 20_000 * size, np.uint8)
        if size > 2
        else np.arange(65_536, dtype="u2")
    )
    array = bits.view(dtype)
    finite = array[np.isfinite(array)]
    assert np.array(plain(finite)).astype(dtype).tobytes() == finite.tobytes()


@given(
    hnp.arrays(st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.bool_]), hnp.array_shapes(max_dims=1))
)
def test_an_array_is_written_as_its_items_are(array: Any) -> None:
    assert exactly(plain(array)) == exactly([plain(item) for item in array])


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=4)), st.randoms())
def test_the_layout_of_an_array_doesnt_matter(array: Any, random: Any) -> None:
    axes = list(range(array.ndim))
    random.shuffle(axes)
    view = np.flip(array.transpose(axes).astype(">f4"))
    assert exactly(plain(view)) == exactly(plain(np.ascontiguousarray(view, np.float32)))


@given(st.text(st.characters(), max_size=40))
def test_any_text_comes_back_as_clean_text(text: str) -> None:
    written = to_json(text)
    assert_is_safe_line(written)
    assert strict_json(written) == clean(text) == plain(text)
