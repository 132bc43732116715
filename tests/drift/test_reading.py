import datetime as dt
import math
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from sevenfold.drift import DriftDetector
from sevenfold.drift.reading import centre_of, centred, read_column, read_columns

NOON = dt.datetime(2026, 11, 25, 12)  # noqa: DTZ001 - what a table of local times has
FAR = 2**60


class NAType:
    """Stands for the missing value of pandas, which needs not be installed."""

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


def objects(*values: object) -> np.ndarray:
    return np.array(values, dtype=object)


def read(column: Any) -> tuple[str, list[Any]]:
    """Return the kind of a column, and its values with None where one is missing."""
    found = read_column("x", column)
    values = found.values.tolist()
    if found.missing is not None:
        values = [None if gone else value for value, gone in zip(values, found.missing.tolist(), strict=True)]
    return found.kind, [None if isinstance(value, float) and math.isnan(value) else value for value in values]


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (np.array([2.0, np.nan, -np.inf]), "numbers", [2.0, None, -np.inf]),
        (np.array([3, 1], dtype=np.int8), "numbers", [3.0, 1.0]),
        (np.array([True, False]), "numbers", [1.0, 0.0]),
        (np.array([1.5, 2.5], dtype=np.float32), "numbers", [1.5, 2.5]),
        ([1, 2.5], "numbers", [1.0, 2.5]),
        (objects(1, None, True, np.int64(3), 2.5), "numbers", [1.0, None, 1.0, 3.0, 2.5]),
        (objects(Decimal("1.5"), Fraction(1, 2), NAType(), Decimal("nan")), "numbers", [1.5, 0.5, None, None]),
        (objects(10**400, -(10**400)), "numbers", [np.inf, -np.inf]),
        (np.array([FAR, FAR + 1]), "numbers", [FAR, FAR + 1]),
        (np.array([2**64 - 1, 0], dtype=np.uint64), "numbers", [2**64 - 1, 0]),
        (objects(FAR + 1, None), "numbers", [FAR + 1, None]),
        (np.ma.array([1.0, -999.0], mask=[False, True]), "numbers", [1.0, None]),
        (np.ma.array([1, 2**62], mask=[False, True]), "numbers", [1.0, None]),
        (np.ma.array(["a", "b"], mask=[False, True]), "text", ["a", None]),
        (np.array([np.nan, np.nan], dtype=np.float32), "nothing", [None, None]),
        (objects(None, np.nan), "nothing", [None, None]),
        (np.zeros(0), "nothing", []),
        (objects("b", None, "a"), "text", ["b", None, "a"]),
        (objects("b", np.nan, NAType()), "text", ["b", None, None]),
        (np.array(["b", "a"]), "text", ["b", "a"]),
        (["b", float("nan")], "text", ["b", None]),
        (objects("b", 1), "text", ["b", "1"]),
        (np.array(["1970-01-02", "NaT"], dtype="M8[D]"), "times", [86_400e6, None]),
        (np.array([1500, 2500], dtype="m8[ms]"), "durations", [1.5e6, 2.5e6]),
        (objects(NOON, None), "times", [1795608000e6, None]),
        (objects(NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))), "times", [1795604400e6]),
        (objects(dt.date(1970, 1, 2)), "times", [86_400e6]),
        (objects(dt.timedelta(seconds=2)), "durations", [2e6]),
    ],
)
def test_a_column_is_numbers_times_durations_or_text_and_all_kinds_of_missing_are_missing(
    column: Any, kind: str, values: list[object]
) -> None:
    assert read(column) == (kind, values)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"x": np.zeros(2)}, "column 'y': expected in every batch, as the reference has it, got none"),
        ({"x": np.zeros(2), "y": np.zeros(3)}, "column 'y': expected 2 rows, as the first column has, got 3"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(2)}, "column 'x': expected 1 dimension, got 2"),
        ({"x": np.zeros(2), "y": np.zeros(2, complex)}, "column 'y': expected numbers, text or times, got complex128"),
        ({"x": objects([1], [2, 3]), "y": np.zeros(2)}, "column 'x': expected numbers, text or times, got list"),
    ],
)
def test_a_table_that_cannot_be_read_says_which_column_and_why(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        dict(read_columns(table, ["x", "y"]))


def test_a_ragged_list_is_named_and_what_is_no_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^column 'x': expected one value a row, got list: "):
        dict(read_columns({"x": [[1], [2, 3]]}))
    with pytest.raises(TypeError, match=r"^expected a mapping of columns or a data frame, got ndarray$"):
        dict(read_columns(np.zeros((2, 2))))


def test_integers_that_float64_cannot_hold_are_told_apart_once_their_middle_is_off() -> None:
    column = read_column("x", np.ma.array([FAR + 1, FAR + 2, FAR + 4, 0], mask=[False, False, False, True]))
    offset = centre_of(column)
    assert offset == FAR + 2
    np.testing.assert_array_equal(centred(column, offset), [-1.0, 0.0, 2.0, np.nan])
    unsigned = read_column("x", np.array([2**64 - 1, 2**64 - 3], dtype=np.uint64))
    assert centred(unsigned, 2**64 - 3).tolist() == [2.0, 0.0]
    assert centred(read_column("x", np.array([1.0, 3.0])), FAR).tolist() == [-float(FAR)] * 2


def test_a_kind_that_the_reference_has_not_is_refused() -> None:
    times = np.arange(50).astype("M8[D]")
    detector = DriftDetector({"t": times})
    assert detector.check({"t": times}, batch_id="b").status == "ok"
    assert detector.check({"t": [None] * 50}, batch_id="b").features[0].status == "all_missing"
    with pytest.raises(ValueError, match=r"^column 't': expected times, got numbers$"):
        detector.check({"t": np.zeros(50)}, batch_id="b")


COLUMNS: dict[str, list[Any]] = {
    "number": [1.5, None, 3.0],
    "integer": [1, None, 3],
    "wide": [FAR + 1, None, FAR + 3],
    "flag": [True, None, False],
    "text": ["a", None, "b"],
    "time": [NOON, None, NOON],
}
READ = {
    "number": ("numbers", [1.5, None, 3.0]),
    "integer": ("numbers", [1.0, None, 3.0]),
    "wide": ("numbers", [FAR + 1, None, FAR + 3]),
    "flag": ("numbers", [1.0, None, 0.0]),
    "text": ("text", ["a", None, "b"]),
    "time": ("times", [1795608000e6, None, 1795608000e6]),
}


def as_read(frame: Any) -> dict[str, tuple[str, list[Any]]]:
    return {name: read(frame[name]) for name, _ in read_columns(frame)}


@pytest.mark.whole("pandas")
def test_a_frame_of_pandas_is_read_with_all_its_kinds_of_missing() -> None:
    pandas = import_module("pandas")
    types = {"integer": "Int64", "wide": "Int64", "flag": "boolean"}
    frame = pandas.DataFrame({name: pandas.Series(column, dtype=types.get(name)) for name, column in COLUMNS.items()})
    assert as_read(frame) == READ
    for more in ("category", "string", object):
        assert read(frame["text"].astype(more)) == READ["text"]
    assert read(frame["time"].dt.tz_localize("Europe/Rome")) == ("times", [1795604400e6, None, 1795604400e6])
    numbered = pandas.DataFrame(np.zeros((40, 2)))
    assert [one.feature for one in DriftDetector(numbered).check(numbered, batch_id="b").features] == ["0", "1"]


@pytest.mark.whole("polars")
def test_a_frame_of_polars_is_read_as_one_of_pandas() -> None:
    polars = import_module("polars")
    frame = polars.DataFrame(COLUMNS)
    assert as_read(frame) == READ
    assert read(frame["text"].cast(polars.Categorical)) == READ["text"]


@pytest.mark.whole("pyarrow")
def test_a_table_of_arrow_is_read_as_one_of_pandas() -> None:
    arrow = import_module("pyarrow")
    table = arrow.table(COLUMNS)
    assert as_read(table) == READ
    assert as_read(table.to_batches()[0]) == READ
    assert read(table["text"].dictionary_encode()) == READ["text"]
