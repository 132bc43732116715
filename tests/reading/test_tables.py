"""A logged table comes back as the same table."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger

import sinks
from sevenfold import read_table

pytestmark = pytest.mark.usefixtures("own_logger")

COLUMNS: dict[str, Any] = {
    "float": np.array([0.1, -0.0, 1e300]),
    "not finite": np.array([np.nan, np.inf, -np.inf]),
    "int": np.array([1, -(2**63), 2**63 - 1]),
    "bool": np.array([True, False, True]),
    "text": np.array(["approve", "2026-11", "7"], dtype=object),
    "seconds": np.array(["2026-01-31T08:36:11", "NaT", "1969-12-31T23:59:59"], "M8[s]"),
    "microseconds": np.array(["2026-01-31T08:36:11.096123", "2026-01-31", "0999-01-01"], "M8[us]"),
    "matrix": np.array([[0.5, np.nan], [1.5, 2.0], [3.0, 4.0]]),
    "cube": np.arange(12).reshape(3, 2, 2),
}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def log(logs: Path, batch: Any, message: str = "prediction", channel: str = "predictions") -> None:
    with sinks.configure(logs, console=None):
        logger.bind(channel=channel).info(message, batch=batch)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_comes_back_equal(logs: Path, name: str) -> None:
    column = COLUMNS[name]
    log(logs, {"x": column, "o": {"i n": column}})
    table = read_table(logs)
    assert list(table) == ["time", "level", "channel", "message", "x", "o.i n"]
    for found in (table["x"], table["o.i n"]):
        assert np.array_equal(found, column, equal_nan=column.dtype.kind in "fM")
        assert found.dtype == ("M8[us]" if column.dtype.kind == "M" else column.dtype)
    assert table["time"].dtype == "M8[us]"
    assert abs(table["time"][0] - np.datetime64(datetime.now(UTC).replace(tzinfo=None))) < np.timedelta64(1, "m")
    assert table["message"].tolist() == ["prediction"] * 3


@pytest.mark.parametrize(
    ("items", "expected", "dtype"),
    [
        ([1, None, 3], [1.0, np.nan, 3.0], "f8"),
        ([1, 2.5, None], [1.0, 2.5, np.nan], "f8"),
        ([2**53 + 1, None], [2**53 + 1, None], "O"),
        ([2**70, 1], [2**70, 1], "O"),
        ([True, None], [True, None], "O"),
        (["a", None], ["a", None], "O"),
        (["a", 1], ["a", 1], "O"),
        ([None, None], [None, None], "O"),
        ([[1], [1, 2]], [[1], [1, 2]], "O"),
        ([["a"], ["b"]], [["a"], ["b"]], "O"),
        ([[], []], [[], []], "O"),
        ([datetime(2026, 1, 31, 8, tzinfo=UTC), None], ["2026-01-31T08", "NaT"], "M8[us]"),
        (["2026-01-31T09:00:00+01:00", "2026-01-31T08:00:00Z"], ["2026-01-31T08", "2026-01-31T08"], "M8[us]"),
        (["2026-01-31T08:00:00.123456789", "x"], ["2026-01-31T08:00:00.123456789", "x"], "O"),
        (["2026-01-31", "2026-02-01"], ["2026-01-31", "2026-02-01"], "O"),
    ],
    ids=ascii,
)
def test_what_numpy_has_no_type_for_is_an_object(logs: Path, items: list[Any], expected: Any, dtype: str) -> None:
    log(logs, {"x": items})
    found = read_table(logs, fields=["x"])["x"]
    assert found.dtype == dtype
    assert found.tolist() == np.array(expected, dtype).tolist() or np.array_equal(
        found, np.array(expected, "f8"), equal_nan=True
    )


def test_what_an_event_lacks_is_missing(logs: Path) -> None:
    log(logs, [{"a": 1, "f": {"x": 0.5}}, {"b": "t"}, {"a": 2, "f": None}, {"f": {"y": 1}}, {"f": 7}, {"f": {}}])
    table = read_table(logs, fields=["a", "b", "f.x", "f.y", "f"])
    assert np.array_equal(table["a"], [1, np.nan, 2, *[np.nan] * 3], equal_nan=True)
    assert table["b"].tolist() == [None, "t", None, None, None, None]
    assert np.array_equal(table["f.x"], [0.5, *[np.nan] * 5], equal_nan=True)
    assert np.array_equal(table["f.y"], [*[np.nan] * 3, 1, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(table["f"], [*[np.nan] * 4, 7, np.nan], equal_nan=True)
    assert list(read_table(logs)) == ["time", "level", "channel", "message", "a", "f.x", "b", "f", "f.y"]


def test_a_field_may_have_the_name_of_a_part_of_the_line(logs: Path) -> None:
    log(logs, {"time": [1, 2], "level": ["low", "high"]})
    table = read_table(logs)
    assert list(table) == ["line.time", "line.level", "channel", "message", "time", "level"]
    assert table["time"].tolist() == [1, 2]
    assert table["line.level"].tolist() == ["INFO", "INFO"]
    assert read_table(logs, where="level=high", fields=["time"])["time"].tolist() == [2]
    assert read_table(logs, where="line.level=high")["time"].tolist() == []


def test_events_are_chosen_by_channel_message_condition_and_time(logs: Path) -> None:
    log(logs, {"n": range(5), "f": {"x": np.arange(5) / 4}})
    log(logs, {"n": [7]}, message="other")
    log(logs, {"n": [8]}, channel="training")
    assert read_table(logs, channel="predictions", message="prediction")["n"].tolist() == [0, 1, 2, 3, 4]
    assert read_table(logs, channel=["training", "drift"])["n"].tolist() == [8]
    assert read_table(logs, where=["f.x>=0.5", "n<4"])["n"].tolist() == [2, 3]
    assert read_table(logs / "predictions.log", where="n=7")["n"].tolist() == [7]
    now = datetime.now(UTC)
    assert len(read_table(logs, since=now)["time"]) == 0
    assert len(read_table(logs, until=now)["time"]) == 7
    assert list(read_table(logs, where="n=99", fields=["n"])) == ["n"]


def test_a_column_that_no_event_has_and_a_condition_that_is_none_are_refused(logs: Path) -> None:
    log(logs, {"n": [1]})
    with pytest.raises(ValueError, match="no event has the field 'm'; known: time, level, channel, message, n"):
        read_table(logs, fields=["n", "m"])
    with pytest.raises(ValueError, match="expected KEY and one of"):
        read_table(logs, where="n")
    with pytest.raises(FileNotFoundError):
        read_table(logs / "nothing.log")
