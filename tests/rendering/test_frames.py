"""Real frames of pandas, polars and pyarrow are written like their rows one by one."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from sevenfold.lines.parsing import parse
from sevenfold.lines.values import plain
from tests.support.batches import goes_the_quick_way, item, one_by_one, with_, written

pytestmark = pytest.mark.whole("pandas", "polars", "pyarrow")

TIMES = ["2026-01-31T08:36:11.096123456", "1969-12-31T23:59:59.5", "2026-02-01"]


def logged(batch: Any) -> list[dict[str, Any]]:
    return [parse(line).fields for line in written(with_(batch=batch)).splitlines()]


def pandas_columns() -> dict[str, Any]:
    pd: Any = pytest.importorskip("pandas")
    times = pd.Series(pd.to_datetime(TIMES, format="ISO8601"))
    return {
        "float64": pd.Series([0.1, np.nan, np.inf]),
        "float32": pd.Series([0.1, 1e16, -0.0], dtype="float32"),
        "int8": pd.Series([1, -2, 3], dtype="int8"),
        "bool": pd.Series([True, False, True]),
        "Int64": pd.Series([1, None, 2**53 + 1], dtype="Int64"),
        "Int64 without NA": pd.Series([1, 2, 3], dtype="Int64"),
        "Float64": pd.Series([1.5, None, 2.5], dtype="Float64"),
        "boolean": pd.Series([True, None, False], dtype="boolean"),
        "string": pd.Series(["approve", None, "two words"], dtype="string"),
        "object": pd.Series(["a", None, 0.5], dtype=object),
        "category": pd.Series(["x", "y", "x"], dtype="category"),
        "intervals": pd.cut(pd.Series([1, 2, 3]), 2),
        "datetime64": times,
        "seconds": times.astype("datetime64[s]"),
        "milliseconds": times.astype("datetime64[ms]"),
        "a time zone": times.dt.tz_localize("Europe/Berlin"),
        "NaT": pd.Series([times[0], None, times[1]]),
        "timedelta64": times - times[0],
        "period": pd.Series(pd.period_range("2026-01", periods=3, freq="M")),
        "arrow integers": pd.Series([1, None, 3], dtype="int64[pyarrow]"),
        "lists": pd.Series([[1.5], [2.0, 3.0], []]),
        "sparse": pd.Series([1, 0, 0], dtype="Sparse[int]"),
    }


PANDAS = [
    *("float64", "float32", "int8", "bool", "Int64", "Int64 without NA", "Float64", "boolean", "string", "object"),
    *("category", "intervals", "datetime64", "seconds", "milliseconds", "a time zone", "NaT", "timedelta64", "period"),
    *("arrow integers", "lists", "sparse"),
]


@pytest.mark.parametrize("name", PANDAS)
def test_each_dtype_of_pandas_is_written_as_row_by_row(name: str) -> None:
    pd: Any = pytest.importorskip("pandas")
    frame = pd.DataFrame({"value": pandas_columns()[name], "n": [1, 2, 3]})
    rows = {"value": [frame["value"].iloc[i] for i in range(3)], "n": [1, 2, 3]}
    assert written(with_(batch=frame)) == one_by_one({}, rows, 3)
    if name != "float32":  # which to_dict() widens
        assert written(with_(batch=frame.to_dict("records"))) == one_by_one({}, rows, 3)
    assert plain(frame) == {name: plain(column) for name, column in rows.items()}


def test_a_text_or_a_label_that_is_missing_is_null() -> None:
    pd: Any = pytest.importorskip("pandas")
    frame = pd.DataFrame({"text": ["a", None], "label": pd.Categorical(["x", None])})
    assert logged(frame) == [{"text": "a", "label": "x"}, {"text": None, "label": None}]
    assert goes_the_quick_way(with_(batch=frame))


def test_columns_of_pandas_may_have_any_names() -> None:
    pd: Any = pytest.importorskip("pandas")
    assert logged(pd.DataFrame(np.eye(2))) == [{"0": 1.0, "1": 0.0}, {"0": 0.0, "1": 1.0}]
    assert logged(pd.DataFrame([[1, 2]], columns=["a", "a"])) == [{"a": 1, "a#2": 2}]
    assert logged(pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")]))) == [{'["a","b"]': 1}]
    assert logged(pd.Series([1, 2], name="score")) == [{"score": 1}, {"score": 2}]
    assert logged({"i": pd.RangeIndex(2), "x": pd.array([1, None])}) == [{"i": 0, "x": 1}, {"i": 1, "x": None}]


POLARS = {
    "numbers": [1, 2, 3],
    "nullable": [1.5, None, 2.5],
    "bools": [True, False, True],
    "texts": ["approve", None, "two words"],
    "datetimes": [datetime(2026, 1, 31, 8, 36, 11, 96123), None, datetime(2026, 1, 31)],  # noqa: DTZ001 - has none
    "dates": [date(2026, 1, 31), None, date(1969, 1, 1)],
    "spans": [timedelta(1), timedelta(microseconds=1), None],
    "decimals": [Decimal("1.50"), None, Decimal("2.00")],
    "lists": [[1.0], [2.0, 3.0], []],
    "objects": [{"a": 1}, {"a": None}, {"a": 3}],
    "bytes": [b"x", b"\xff", None],
}


@pytest.mark.parametrize("name", POLARS)
def test_each_dtype_of_polars_and_pyarrow_is_written_as_row_by_row(name: str) -> None:
    pl: Any = pytest.importorskip("polars")
    pa: Any = pytest.importorskip("pyarrow")
    rows = {"value": POLARS[name], "n": [1, 2, 3]}
    expected = one_by_one({}, rows, 3)
    frames = pl.DataFrame(rows), pa.table(rows), pa.RecordBatch.from_pydict(rows)
    for frame in (*frames, {"value": frames[0]["value"], "n": frames[1]["n"]}):
        assert written(with_(batch=frame)) == expected
    assert plain(frames[0]) == plain(frames[1]) == {key: plain(column) for key, column in rows.items()}
    assert plain({"f": frames[0]}) == {"f": {key: plain(column) for key, column in rows.items()}}
    assert plain([frames[0]["value"][i] for i in range(3)]) == plain([frames[1]["value"][i] for i in range(3)])


def test_categories_and_nanoseconds_of_polars_and_pyarrow() -> None:
    pl: Any = pytest.importorskip("polars")
    pa: Any = pytest.importorskip("pyarrow")
    labels = {"label": ["x", None, "x"]}
    for frame in (
        pl.DataFrame(labels, schema={"label": pl.Categorical}),
        pa.table({"label": pa.array(labels["label"]).dictionary_encode()}),
    ):
        assert logged(frame) == [{"label": "x"}, {"label": None}, {"label": "x"}]
    times = pa.array([1, None], pa.timestamp("ns"))
    assert logged({"t": times}) == [{"t": "1970-01-01T00:00:00.000000001"}, {"t": None}]
    assert logged(pl.LazyFrame(labels).collect())[0] == {"label": "x"}


def test_a_frame_may_be_a_column() -> None:
    pd: Any = pytest.importorskip("pandas")
    features = pd.DataFrame({"income": [0.5, 1.5], "grade": ["a", "b"]})
    batch = {"features": features, "prediction": np.array([0.25, 0.75])}
    columns = {"features": {"income": [0.5, 1.5], "grade": ["a", "b"]}, "prediction": [0.25, 0.75]}
    assert written(with_(batch=batch)) == one_by_one({}, columns, 2)
    assert [item(columns, i) for i in range(2)] == logged(batch)
