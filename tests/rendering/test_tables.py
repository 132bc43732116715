"""Common kinds of tables are read as tables; a notice names a value that only looks like one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loguru import logger

import sinks
from sevenfold.lines.parsing import parse
from sevenfold.lines.values import plain
from sevenfold.rendering import batches
from sevenfold.rendering.batches import CHUNK_ROWS, rows_of
from sevenfold.rendering.tables import Table, table_of
from tests.support.batches import RENDERER, goes_the_quick_way, one_by_one, with_, written
from tests.support.log_files import read_events


class Series:
    """What pandas, polars and others agree on, with labels for what is in it."""

    def __init__(self, items: list[Any], name: str | None = None) -> None:
        self.items, self.name = items, name

    def __array__(self, *_: Any, **__: Any) -> Any:
        return np.array(self.items)


class Frame:
    """A frame as polars has it."""

    def __init__(self, **columns: list[Any]) -> None:
        self._columns = columns

    def get_columns(self) -> list[Series]:
        return [Series(items, name) for name, items in self._columns.items()]


class Lazy:
    columns = ("a",)


class Torn(Frame):
    def get_columns(self) -> list[Series]:
        raise RuntimeError("the server is gone")


class Tensor:
    """A tensor that lies on a device, and needs its gradient."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("call cpu() first")

    def detach(self) -> Tensor:
        return self

    cpu = detach

    def numpy(self) -> Any:
        return self._array


UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25s")
TIMES = st.sampled_from([f"{kind}8[{unit}]" for kind in "Mm" for unit in UNITS]).map(np.dtype)
DTYPES = (
    TIMES
    | hnp.floating_dtypes(sizes=(16, 32, 64))
    | hnp.integer_dtypes()
    | hnp.unsigned_integer_dtypes()
    | hnp.boolean_dtypes()
    | hnp.complex_number_dtypes(sizes=(64, 128))
    | hnp.unicode_string_dtypes(max_len=4)
    | hnp.byte_string_dtypes(max_len=4)
)
OBJECTS = st.sampled_from(
    [
        st.decimals(allow_nan=True),
        st.uuids(),
        st.datetimes(timezones=st.none() | st.just(UTC)),
        st.datetimes(timezones=st.just(UTC)),
        st.dates(),
        st.times(),
        st.timedeltas(),
        st.none() | st.uuids(),
        st.none() | st.decimals() | st.dates(),
        st.just(np.datetime64("NaT")) | st.floats(width=32).map(np.float32),
        st.tuples(st.integers(), st.text(max_size=2)),
        st.binary(max_size=3),
    ]
).flatmap(lambda items: st.lists(items, min_size=3, max_size=3))


def elements(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    if dtype.kind not in "Mm":
        return hnp.from_dtype(dtype)
    # Times that fall into years of four digits, and NaT.
    most = 10**9 if np.datetime_data(dtype)[0] in {"s", "ms", "us", "ns", "ps", "fs", "as"} else 500
    return (st.integers(-most, most) | st.just("NaT")).map(lambda n: np.array([n]).astype(dtype)[0])


@given(DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, 3, elements=elements(dtype))) | OBJECTS)
def test_every_dtype_is_written_as_row_by_row(column: Any) -> None:
    columns = {"value": column, "features": {"inner": column}, "n": [1, 2, 3]}
    assert written(with_(batch=columns)) == one_by_one({}, columns, 3)
    assert written(with_(batch={"password": column})) == one_by_one({}, {"password": column}, 3)


QUICK = {
    "nanoseconds": np.array(["2026-01-31T08:36:11.096123456", "NaT"], "M8[ns]"),
    "attoseconds": np.array([5, 6], "m8[as]"),
    "decimals": [Decimal("1.50"), None],
    "uuids": [UUID(int=1), UUID(int=2**127)],
    "datetimes": [datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 1, 31, 1, 2, 3, 4, tzinfo=UTC)],
    "datetimes of a zone": [datetime(2026, 1, 31, tzinfo=timezone(timedelta(seconds=1234)))] * 2,
    "dates": [date(2026, 1, 31), None],
    "times": [time(8, 36), time(8, 36, 1)],
    "spans": [timedelta(1), timedelta(microseconds=1)],
    "numbers of NumPy": [np.float32(0.1), np.float64(0.2)],
    "masked": np.ma.array([1.0, 2.0], mask=[False, True]),
    "vectors": [np.array([1.5, 2.0]), np.array([3.0])],
    "tuples": [(1, 2), (3,)],
}


@pytest.mark.parametrize("name", QUICK)
def test_times_and_objects_with_a_text_of_their_own_go_the_quick_way(name: str) -> None:
    assert goes_the_quick_way(with_(batch={"value": QUICK[name], "features": {"inner": QUICK[name]}}))
    assert written(with_(batch={"value": QUICK[name]})) == one_by_one({}, {"value": QUICK[name]}, 2)


AS_COLUMNS = {
    "tuples and ranges": ({"a": (1, 2), "b": range(2)}, {"a": [1, 2], "b": [0, 1]}),
    "a frame": (Frame(a=[1, 2], b=["x", "y"]), {"a": [1, 2], "b": ["x", "y"]}),
    "a frame as a column": ({"features": Frame(a=[1, 2]), "p": [3, 4]}, {"features": {"a": [1, 2]}, "p": [3, 4]}),
    "a series as a column": ({"a": Series([1, 2])}, {"a": [1, 2]}),
    "a series with a name": (Series([1, 2], "score"), {"score": [1, 2]}),
    "a tensor": ({"x": Tensor(np.eye(2))}, {"x": np.eye(2)}),
    "a structured array": (np.array([(1, 0.5), (2, 1.5)], [("n", int), ("x", float)]), {"n": [1, 2], "x": [0.5, 1.5]}),
    "records": ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], {"a": [1, 2], "b": ["x", "y"]}),
    "records with objects": ([{"f": {"a": 1}}, {"f": {"a": 2}}], {"f": {"a": [1, 2]}}),
}


@pytest.mark.parametrize("name", AS_COLUMNS)
def test_what_people_have_is_written_as_columns_are(name: str) -> None:
    batch, columns = AS_COLUMNS[name]
    assert written(with_(run_id="r", batch=batch)) == written(with_(run_id="r", batch=columns))
    assert goes_the_quick_way(with_(batch=batch))


def test_records_may_differ_in_their_keys() -> None:
    records = [{"a": 1}, {"b": 2, "a": None}, {"f": {"x": 1}}, {"f": {"y": 2}}]
    lines = written(with_(batch=records)).splitlines()
    assert [parse(line).fields for line in lines] == records
    table = table_of(records)
    assert isinstance(table, Table)
    assert table.names == ["a", "b", "f"]


def test_names_that_are_no_texts_or_come_twice_are_named_apart() -> None:
    class Twice(Frame):
        def get_columns(self) -> list[Any]:
            return [Series([1], "a"), Series([2], "a"), Series([3], 0)]  # type: ignore[arg-type]

    assert written(with_(batch=Twice())).endswith(' | a=1 a#2=2 "0"=3\n'.replace("a#2", '"a#2"'))


def test_a_frame_as_a_field_keeps_the_names_of_its_columns() -> None:
    assert plain({"x": Frame(a=[1, 2])}) == {"x": {"a": [1, 2]}}
    assert plain(Torn(a=[1])).startswith("<tests.rendering")


def test_the_items_of_a_column_are_made_some_at_a_time() -> None:
    class Strings:
        """A series of polars, as far as it goes."""

        dtype = type("String", (), {"is_numeric": staticmethod(lambda: False), "__str__": lambda _: "String"})()
        listed: list[int]

        def __init__(self, items: list[Any]) -> None:
            self.items = items

        def __len__(self) -> int:
            return len(self.items)

        def __getitem__(self, key: Any) -> Strings:
            return Strings(self.items[key])

        def null_count(self) -> int:
            return 0

        def to_list(self) -> list[Any]:
            taken.append(len(self.items))
            return self.items

    taken: list[int] = []
    n_rows = 70 * CHUNK_ROWS + 5
    items = [f"id-{i}" for i in range(n_rows)]
    assert written(with_(batch={"a": Strings(items), "b": Strings(items)})) == written(
        with_(batch={"a": items, "b": items})
    )
    assert sum(taken) < 3 * n_rows  # each is made once, and perhaps the first block of each
    assert max(taken) < n_rows


@pytest.fixture(autouse=True)
def nothing_told() -> Iterator[None]:
    batches._reported.clear()
    yield
    batches._reported.clear()


TOLD = {
    "lengths": ({"a": [1, 2, 3], "b": [1]}, "its columns differ in length: a has 3, b has 1"),
    "lengths within": ({"a": [1, 2], "f": {"b": [1]}}, "its columns differ in length: a has 2, f.b has 1"),
    "channel": ({"channel": ["x"], "a": [1]}, 'a column may not be called "channel"'),
    "channel in records": ([{"channel": "x"}], 'a field of a row may not be called "channel"'),
    "no name": (Series([1, 2]), 'Series has no name: pass batch={"name": ...}'),
    "lazy": (Lazy(), "Lazy can't be read: pass a pandas or polars DataFrame, or a pyarrow Table"),
    "torn": (Torn(), "Torn can't be read (RuntimeError)"),
}


@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize("name", TOLD)
def test_what_seems_to_be_a_table_and_is_none_is_told_once_a_call_site(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch, why = TOLD[name]
    with sinks.configure(tmp_path, console=None):
        for _ in range(3):
            logger.bind(channel="predictions").info("prediction", batch=batch)
        logger.bind(channel="predictions").info("prediction", batch=batch)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all(line.startswith("sevenfold: ") and line.endswith(f"not as rows: {why}") for line in told)
    assert "test_tables.py:" in told[0]
    fields = [event.fields for event in read_events(tmp_path / "predictions.log")]
    assert fields == [{"batch": plain(batch)}] * 4


@pytest.mark.parametrize("batch", [5, "text", None, [1, 2], np.zeros(3), {}, [], [{}], {"a": 1}, {"a": []}, {"a": "x"}])
def test_what_is_no_table_stays_a_field_in_silence(batch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert rows_of(RENDERER, with_(batch=batch)) is None
    assert capsys.readouterr().err == ""
