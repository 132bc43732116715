import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.service.payload import MAX_NUMBER, MAX_ROWS, Payload, RequestError, read_payload, to_table

SCHEMA = {"income": "number", "owner": "category"}
JSON = "application/json"
ROW = {"income": 0.5, "owner": "yes"}


def read(content: Any, content_type: str = JSON) -> Payload:
    return read_payload(content if isinstance(content, bytes) else json.dumps(content).encode(), content_type, SCHEMA)


def refusal(content: Any, content_type: str = JSON) -> tuple[int, str, str]:
    with pytest.raises(RequestError) as caught:
        read(content, content_type)
    return caught.value.status, caught.value.kind, str(caught.value)


@pytest.mark.parametrize(
    ("content", "rows", "several"),
    [
        ({"owner": "yes", "income": 1}, [(1, "yes")], False),
        ([1.5, "yes"], [(1.5, "yes")], False),
        ([None, None], [(None, None)], False),
        ([[1, "yes"]], [(1, "yes")], True),
        ([ROW, [2, None]], [(0.5, "yes"), (2, None)], True),
    ],
)
def test_a_row_is_given_by_name_or_by_position_and_several_in_a_list(
    content: Any, rows: list[tuple[Any, ...]], several: bool
) -> None:
    assert read(content) == Payload(rows, several)


def test_rows_become_columns_with_gaps() -> None:
    columns = to_table([(1, "yes"), (None, None)], SCHEMA).columns
    assert [column.dtype.kind for column in columns.values()] == ["f", "O"]
    np.testing.assert_array_equal(columns["income"], [1.0, np.nan])
    assert columns["owner"].tolist() == ["yes", None]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_a_media_type_may_have_parameters_and_any_case(content_type: str) -> None:
    assert read(ROW, content_type).rows == [(0.5, "yes")]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "the body isn't JSON: it is empty"),
        (b" \r\n", "the body isn't JSON: it is empty"),
        (b"{", "the body isn't JSON: see line 1, column 2"),
        (b'{"income": 1,\n nan}', "the body isn't JSON: see line 2, column 2"),
        (b"{'income': 1}", "the body isn't JSON: see line 1, column 2"),
        (b'{"a": "\x01"}', "the body isn't JSON: see line 1, column 8"),
        (b'\xef\xbb\xbf{"income": 1}', "the body isn't JSON: see line 1, column 1"),
        (b'{"income": "\xff"}', "the body isn't UTF-8: see byte 12"),
        ('{"income": 1}'.encode("utf-16"), "the body isn't UTF-8: see byte 0"),
        (b'{"income": NaN, "owner": null}', "the body isn't JSON: it has the word NaN"),
        (b"-Infinity", "the body isn't JSON: it has the word -Infinity"),
        (b"[" * 100_000, "the body is nested too deeply"),
        (b'{"a":' * 100_000, "the body is nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "the body has a number of too many digits"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_json_is_400_and_told_where(body: bytes, error: str) -> None:
    assert refusal(body) == (400, "not_json", error)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({}, "income: missing; owner: missing"),
        ({"income": 1}, "owner: missing"),
        (ROW | {"more": 1, "\x1b[2J": 2}, "more: unknown; \x1b[2J: unknown"),
        (ROW | {"income": True}, "income: expected a number, got true"),
        (ROW | {"income": "1"}, "income: expected a number, got '1'"),
        (b'{"income": 1e999, "owner": null}', "income: expected a number from -1e+150 to 1e+150, got inf"),
        (ROW | {"income": 10**400}, f"income: expected a number from -1e+150 to 1e+150, got 1{'0' * 36}..."),
        (ROW | {"income": -1.1e150}, "income: expected a number from -1e+150 to 1e+150, got -1.1e+150"),
        (ROW | {"income": [1]}, "income: expected a number, got a list"),
        (b'{"income": ' + b"[" * 500 + b"]" * 500 + b', "owner": {}}', None),
        (ROW | {"owner": 1}, "owner: expected a category, got 1"),
        (b'{"income": 1, "owner": "\\ud800"}', r"owner: expected a category, got '\ud800'"),
        (b'{"income": 1, "owner": "a", "income": 2}', "income: given twice"),
        ([1], "expected 2 values, one for each feature in the order of /schema, got 1"),
        ([1, "yes", 3], "expected 2 values, one for each feature in the order of /schema, got 3"),
        (["yes", 1], "income: expected a number, got 'yes'; owner: expected a category, got 1"),
        ([], "expected at least 1 row, got an empty list"),
        (7, "expected an object of features by name or a list of their values, got 7"),
        (None, "expected an object of features by name or a list of their values, got null"),
        ([ROW, 7, [1, "a"], {"income": "x"}], None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_fields_are_422_and_each_is_named(content: Any, error: str | None) -> None:
    several = (
        "row 1: expected an object of features by name or a list of their values, got 7; "
        "row 3: owner: missing; row 3: income: expected a number, got 'x'"
    )
    deep = "income: expected a number, got a list; owner: expected a category, got an object"
    expected = error or (deep if isinstance(content, bytes) else several)
    assert refusal(content) == (422, "wrong_fields", expected)


def test_no_more_than_twenty_wrong_fields_are_named() -> None:
    status, _, message = refusal([[1]] * 25)
    assert (status, message.count("expected 2 values"), message[-12:]) == (422, 20, "; and 5 more")


@pytest.mark.timeout(20)
def test_a_name_given_twice_is_found_among_many_at_once() -> None:
    body = ("{" + ",".join(f'"{i}":1' for i in range(60_000)) + ',"59999":1}').encode()
    assert refusal(body)[2].startswith("59999: given twice; ")  # took most of a minute when each name was counted


def test_errors_that_are_not_named_take_no_memory() -> None:
    schema = {f"feature_{i}": "number" for i in range(100)}
    tracemalloc.start()
    with pytest.raises(RequestError, match=r"; and 99980 more$"):
        read_payload(b"[" + b",".join([b"{}"] * 1_000) + b"]", "application/json", schema)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("content_type", "got"),
    [("text/plain", "'text/plain'"), ("", "none"), ("application/jsonx", "'application/jsonx'")],
)
def test_another_media_type_is_415(content_type: str, got: str) -> None:
    message = f"expected Content-Type application/json, got {got}"
    assert refusal(ROW, content_type) == (415, "unsupported_media_type", message)


def test_too_many_rows_are_413() -> None:
    row = [1, None]
    assert len(read([row] * MAX_ROWS).rows) == MAX_ROWS
    assert refusal([row] * (MAX_ROWS + 1)) == (
        413,
        "too_large",
        f"expected at most {MAX_ROWS} rows, got {MAX_ROWS + 1}",
    )


values = st.tuples(st.none() | st.integers() | st.floats(-MAX_NUMBER, MAX_NUMBER), st.none() | st.text(max_size=5))


@given(st.lists(values, min_size=1, max_size=4))
def test_what_a_client_sends_is_what_is_scored(rows: list[tuple[Any, ...]]) -> None:
    by_name = [dict(zip(SCHEMA, row, strict=True)) for row in rows]
    assert read(by_name) == read([list(row) for row in rows]) == Payload(rows, several=True)
