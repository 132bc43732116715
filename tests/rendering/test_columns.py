"""Each kind of column is written like its items one by one."""

from typing import Any

import numpy as np
import pytest

from sevenfold.rendering.batches import CHUNK_ROWS
from tests.support.batches import goes_the_quick_way, one_by_one, with_, written

NAN, INF = float("nan"), float("inf")

QUICK = [
    np.array([0.1, -0.0, 5e-324]),
    np.array([1.5, NAN, 2.5]),
    np.array([INF, NAN, -INF]),
    np.arange(3),
    np.array([2**63, 0, 1], dtype=np.uint64),
    np.array([1, -2, 3], dtype=np.int8),
    np.array([True, False, True]),
    np.array([0.1, 1e16, NAN], dtype=np.float32),
    np.array([1e15, 16777216, 3e-5], dtype=np.float32),
    np.array([0.1, 6e4, 1e-7], dtype=np.float16),
    np.array([0.1, 1e300, -1], dtype=">f8"),
    np.arange(9.0)[::3],
    np.array(["approve", "deny", "true"]),
    np.array(["a", None, 0.5], dtype=object),
    np.arange(6.0).reshape(3, 2) / 7,
    np.arange(6.0).reshape(2, 3).T,
    np.array([[NAN, 1.0], [2.0, NAN], [0.0, 3.0]]),
    np.array([[INF, 1.0], [2.0, NAN], [0.0, -INF]]),
    np.array([[0.1, 0.2], [0.3, 1e15], [0.5, NAN]], dtype=np.float32),
    np.zeros((3, 0)),
    np.array([[True], [False], [True]]),
    [0.1, 1, -0.0],
    [0.1, None, 3],
    [None, NAN, 1.0],
    [NAN, INF, 2.0],
    [True, False, None],
    [2**70, 10**400, 1],
    ["approve", "deny", "approve"],
    ["one", "two words", "a|b"],
    ["", "\u2028", "\ud800"],
    ["true", "NaN", "null"],
    ["é", "\x1b[31m", 'a"b'],
    ["Bearer abc.DEF-123456", "x", "password=hunter22"],
    ["a", None, "b"],
    ["1", 1, None],
    [[1.5, 2], [], [-3]],
    [[0.1], [0.2], [0.3]],
]
EXACT = [
    np.fromiter([[1], [2], [3]], dtype=object),
    [0.5, [1], [2]],
    [[1], 0.5, 0.25],
    [[1, None], [2, 3], [4, 5]],
    [[NAN], [1.0], [2.0]],
    [["a"], ["b"], ["c"]],
    [[[1]], [[2]], [[3]]],
    [[2**70], [1], [2]],
    [[1], 2, "x"],
    [{"a": 1}, {"b": [2]}, {}],
    [{"password": "x1"}, 1, 2],
    [(1, 2), {3}, b"\xff"],
    [np.float64(0.1), np.int64(2), np.datetime64("2026-01-01")],
    np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False]),
    np.arange(12.0).reshape(3, 2, 2),
    np.array([1, 2, 3], dtype=np.complex128),
    np.array(["2026-01-01", "2026-01-02", "NaT"], dtype="datetime64[D]"),
    np.array([(1, 2.0)] * 3, dtype=[("a", int), ("password", float)]),
    np.array([[1.5], [2.5], [3.5]], dtype=object),
    np.array([["a"], ["b"], ["c"]]),
    np.array([1, 2, 3], dtype=np.longdouble) / 3,
]


@pytest.mark.parametrize("column", QUICK + EXACT, ids=lambda column: ascii(column)[:40].replace("\n", ""))
def test_each_kind_of_column_is_written_as_row_by_row(column: Any) -> None:
    columns = {"value": column, "features": {"inner": column, "é": column}, "n": [1, 2, 3]}
    record = with_(run_id="run-1", batch=columns)
    assert written(record) == one_by_one({"run_id": "run-1"}, columns, 3)


@pytest.mark.parametrize("column", QUICK, ids=lambda column: ascii(column)[:40].replace("\n", ""))
def test_ordinary_columns_go_the_quick_way(column: Any) -> None:
    assert goes_the_quick_way(with_(batch={"value": column, "features": {"inner": column}}))


@pytest.mark.parametrize("first", [0.5, [0.5]], ids=["a number", "a list"])
@pytest.mark.parametrize("rest", [1.5, [1.5, 2]], ids=["then numbers", "then lists"])
def test_a_column_may_change_its_kind_from_chunk_to_chunk(first: Any, rest: Any) -> None:
    batch = {"x": [first] * CHUNK_ROWS + [rest] * 3, "features": {"inner": [first] * CHUNK_ROWS + [rest] * 3}}
    assert written(with_(batch=batch)) == one_by_one({}, batch, CHUNK_ROWS + 3)
