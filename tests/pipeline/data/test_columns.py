import io
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tqdm import tqdm

from pipeline.data.columns import Options
from pipeline.data.load_report import LoadReport
from pipeline.data.loading import load_dataset, load_score_table
from pipeline.data.table import Table
from tests.support.tables import message_of

Load = Callable[..., tuple[Table, LoadReport]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Read a table whose column `a` repeats the given cells, beside another and a target."""

    def load(cells: list[str], *, separator: str = ";", other: str = "x", **options: Any) -> tuple[Table, LoadReport]:
        rows = [(cells[i % len(cells)], f"{other}{i % 3}", ["no", "yes"][i % 2]) for i in range(60)]
        path = tmp_path / "t.csv"
        path.write_text("\n".join(map(separator.join, [("a", "b", "y"), *rows])), encoding="utf-8")
        dataset, report = load_dataset(path, "y", options=Options(**options))
        return dataset.table, report

    return load


def values(table: Table, n: int) -> list[Any]:
    return list(table.columns["a"][:n].tolist())


@pytest.mark.parametrize(
    ("cells", "expected", "said"),
    [
        (["50,123", "1,250.5", "7"], [50123, 1250.5, 7], "thousands separators"),
        (["1.234,5", "0,25", "7"], [1234.5, 0.25, 7], "decimal commas; thousands separators"),
        (["1,5", "2,25", "3"], [1.5, 2.25, 3], "decimal commas"),
        (["12%", "7.5 %", "100%"], [0.12, 0.075, 1], "percentages, as fractions"),
        (["1,5", "2,25", "?"], [1.5, 2.25], "decimal commas; missing where it says '?' (20)"),
        (["1 234", "56 789", "7"], [1234, 56789, 7], "thousands separators"),
        (["-1,234.5", "2", "3"], [-1234.5, 2, 3], "thousands separators"),
        (["1.5", ".5", "2."], [1.5, 0.5, 2], ""),
        (["1e3", "2.5E-1", "-4"], [1000, 0.25, -4], ""),
    ],
)
def test_numbers_are_read_however_they_are_spelled(
    load: Load, cells: list[str], expected: list[float], said: str
) -> None:
    table, report = load(cells)
    assert "a" in table.numeric
    assert values(table, len(expected)) == expected
    assert report.said.get("a", "") == said


def test_numbers_that_could_be_either_are_told_and_settled_by_the_file_or_the_user(load: Load) -> None:
    cells = ["1,234", "2,500", "8,125"]
    table, report = load(cells, separator="|")
    assert values(table, 2) == [1234, 2500]
    assert report.said["a"] == "thousands separators; --decimal , reads '1,234' the other way"
    assert values(load(cells)[0], 2) == [1.234, 2.5]
    assert values(load(cells, separator="|", decimal=",")[0], 2) == [1.234, 2.5]
    assert values(load(cells, decimal=".")[0], 2) == [1234, 2500]


def test_points_are_thousands_where_another_column_has_decimal_commas(load: Load) -> None:
    cells = ["1.234", "12.500", "7"]
    assert values(load(cells)[0], 2) == [1.234, 12.5]
    table, report = load(cells, other="0,5")
    assert values(table, 2) == [1234, 12500]
    assert report.said["a"] == "thousands separators; --decimal . reads '1.234' the other way"
    assert table.columns["b"][:3].tolist() == [0.50, 0.51, 0.52]
    assert values(load(["1.5", "2.25", "7"], other="0,5")[0], 2) == [1.5, 2.25]


def test_codes_with_leading_zeros_stay_text_and_are_told(load: Load) -> None:
    table, report = load(["01001", "99501", "00501"])
    assert values(table, 3) == ["01001", "99501", "00501"]
    assert report.said == {"a": "a category, since codes begin with 0"}
    assert values(load(["0.5", "0", "10"])[0], 3) == [0.5, 0, 10]


def test_a_category_that_looks_like_numbers_is_one_if_told(load: Load) -> None:
    table, report = load(["1", "2.0", ""], categories=("a",))
    assert values(table, 3) == ["1", "2.0", None]
    assert report.said == {"a": "a category, as told"}


def test_levels_that_differ_in_case_alone_are_told_and_stay_two(load: Load) -> None:
    table, report = load(["Oslo", "Rome", "OSLO", "rome"])
    assert values(table, 4) == ["Oslo", "Rome", "OSLO", "rome"]
    assert report.said == {"a": "a category in which 'Oslo' and 'OSLO' are two levels"}
    assert "read as a category in which 'Oslo' and 'OSLO' are two levels: 'a'" in str(report).splitlines()
    assert load(["Oslo", "Rome"])[1].said == {}


def test_gaps_among_numbers_and_dates_are_told(load: Load) -> None:
    table, report = load(["1", "?", "#N/A", "", "2.5"])
    np.testing.assert_array_equal(values(table, 5), [1, np.nan, np.nan, np.nan, 2.5])
    assert report.said == {"a": "missing where it says '#N/A' (12), '?' (12)"}
    table, report = load(["2024-01-01", "none", "2024-01-03"])
    assert np.isnan(table.columns["a"][:3]).tolist() == [False, True, False]
    assert report.said == {"a": "dates, as days; missing where it says 'none' (20)"}


def test_words_for_a_gap_are_levels_of_a_text_column_unless_told(load: Load) -> None:
    cells = ["none", "NA", "red"]
    assert values(load(cells)[0], 3) == cells
    assert values(load(cells, na=("NA",))[0], 3) == ["none", None, "red"]


def test_a_word_told_to_be_missing_makes_a_column_numbers(load: Load) -> None:
    assert load(["1", "2", "3", "n/k"])[1].mixed == {"a": "line 5: 'n/k'"}
    table, report = load(["1", "2", "3", "n/k"], na=("n/k",))
    np.testing.assert_array_equal(values(table, 4), [1, 2, 3, np.nan])
    assert report.mixed == {}


def test_dates_are_days_and_never_dropped_as_ids(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    start = date(2024, 1, 1).toordinal()
    days = [date.fromordinal(start + i) for i in range(60)]
    for form, said in (("%Y-%m-%d", "dates, as days"), ("%d.%m.%Y", "dates, as days, the day first")):
        path.write_text(
            "day,a,y\n" + "".join(f"{day:{form}},{i % 7},{i % 2}\n" for i, day in enumerate(days)), encoding="utf-8"
        )
        dataset, report = load_dataset(path, "y")
        assert dataset.table.columns["day"].tolist() == [(day - date(1970, 1, 1)).days for day in days]
        assert (report.said["day"], report.left_out) == (said, {})


def test_the_order_of_a_date_that_shows_none_is_told(load: Load) -> None:
    cells = ["03/04/2024", "05/06/2024"]
    by_month = [(date(2024, 3, 4) - date(1970, 1, 1)).days, (date(2024, 5, 6) - date(1970, 1, 1)).days]
    table, report = load(cells, separator="|")
    assert (values(table, 2), report.said["a"]) == (by_month, "dates, as days, the month first")
    assert load(cells)[1].said["a"] == "dates, as days, the day first"


def test_times_without_a_date_are_said_to_be_days_since_midnight(load: Load) -> None:
    table, report = load(["06:00", "18:30"])
    assert values(table, 2) == [0.25, 18.5 / 24]
    assert report.said == {"a": "times, as days since midnight"}


def test_dates_that_are_told_are_read_and_checked(load: Load, tmp_path: Path) -> None:
    table, report = load(["20240101", "20240103"], dates=("a",))
    assert values(table, 2) == [19723, 19725]
    assert report.said == {"a": "dates, as told, as days"}
    path = tmp_path / "t.csv"
    message = f"{path}, line 3, column 'a': expected a date, got 'soon'; correct it or leave it empty"
    assert message_of(load, ["2024-01-01", "soon"], dates=("a",)) == message


def test_a_date_among_others_that_is_none_is_told(load: Load) -> None:
    assert load(["2024-01-01", "2024-01-02", "2024-02-30"])[1].mixed == {"a": "line 4: '2024-02-30'"}


@pytest.mark.parametrize("cells", [["True", "False", "TRUE", "True"], ["yes", "no", "Yes", "yes"]])
def test_booleans_have_one_spelling(load: Load, cells: list[str]) -> None:
    table, report = load(cells)
    assert values(table, 4) == [cells[0], cells[1], cells[0], cells[0]]
    assert report.said == {"a": "booleans, in one spelling"}


def test_a_second_table_is_read_as_the_first(tmp_path: Path) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    rows = [f"1.{i % 7}00,5;{i % 27 + 1:02}/01/2024;0{i % 3};{'Yes' if i % 3 else 'no'};{i % 2}" for i in range(60)]
    first.write_text("\n".join(["a;day;code;flag;y", *rows]), encoding="utf-8")
    dataset, report = load_dataset(first, "y")
    second.write_text("a;day;code;flag\n1.234;02/01/2024;01;YES\n-;03/01/2024;1;no\n", encoding="utf-8")
    table = load_score_table(second, dataset.table, report.meanings)
    np.testing.assert_array_equal(table.columns["a"], [1234, np.nan])
    assert table.columns["day"].tolist() == [19724, 19725]
    assert table.columns["code"].tolist() == ["01", "1"]
    assert table.columns["flag"].tolist() == ["Yes", "no"]


def test_a_number_too_large_is_named_in_a_column_with_gaps_too(load: Load, tmp_path: Path) -> None:
    where = f"{tmp_path / 't.csv'}, line 4, column 'a'"
    message = f"{where}: expected a number between -1e+150 and 1e+150, got '1e200'; correct it or leave it empty"
    assert message_of(load, ["1", "?", "1e200"]) == message


def test_one_million_digits_and_json_in_cells_are_only_text(load: Load) -> None:
    for cell in ("true", "[1", "null,", '{"a"', "1" * 400, "1_0"):
        table, _ = load([cell, "2", "x"])
        assert values(table, 1) == [cell]


def test_a_bar_is_shown_on_a_terminal_from_the_start(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        load(["1", "2"])
        assert ("reading:   0%|" in stream.getvalue()) is shown
