import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.columns import Options
from pipeline.data.load_report import LoadReport, log_load
from pipeline.data.loading import load_dataset, load_score_table
from pipeline.data.table import Dataset, Table
from sevenfold.channel_log import ChannelLog
from tests.support.log_files import told
from tests.support.tables import message_of

WriteCsv = Callable[..., Path]


@pytest.fixture
def csv_file(tmp_path: Path) -> WriteCsv:
    """Write lines to a file and return its path."""

    def write(*lines: str, name: str = "loans.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes("\n".join(lines).encode(encoding))
        return path

    return write


def loans(n: int = 20) -> list[str]:
    """Lines of a good table: income, city, approved."""
    body = [f"{1000 + 7 * i * i % 311}.5,{'Oslo' if i % 3 else 'Rome'},{'yes' if i % 2 else 'no'}" for i in range(n)]
    return ["income,city,approved", *body]


def read(*args: Any, **kwargs: Any) -> Dataset:
    return load_dataset(*args, **kwargs)[0]


# Reading a dataset


def test_a_dataset_is_read_whole(csv_file: WriteCsv) -> None:
    path = csv_file(*loans(), "NA,,yes", " 2.5 , Rome ,no", "  ")
    dataset = read(path, "approved")
    assert dataset.table.names == ("income", "city")
    assert dataset.table.numeric == ("income",)
    assert dataset.table.row(1) == {"income": 1007.5, "city": "Oslo"}
    assert dataset.table.row(20) == {"income": None, "city": None}
    assert dataset.table.row(21) == {"income": 2.5, "city": "Rome"}
    assert dataset.target.tolist() == [0, 1] * 10 + [1, 0]


def test_quotes_commas_newlines_and_a_byte_order_mark_are_read_as_csv_has_them(csv_file: WriteCsv) -> None:
    rows = [f'{i % 7},"a ""b"", c\r\nd",{i % 2}' for i in range(20)] + ['5,"plain",1', "", "5,plain,0"]
    path = csv_file('"size, m",note,y', *rows, encoding="utf-8-sig")
    table = read(path, "y").table
    assert table.names == ("size, m", "note")
    assert table.row(3) == {"size, m": 3.0, "note": 'a "b", c\r\nd'}
    assert table.row(21) == {"size, m": 5.0, "note": "plain"}


@pytest.mark.parametrize("spelling", ["", "NA", "n/a", "NaN", "NULL", "None", "  na ", "?", "-", ".", "#N/A", "none"])
def test_every_spelling_of_missing_is_missing_among_numbers_and_a_word_among_words(
    csv_file: WriteCsv, spelling: str
) -> None:
    path = csv_file(*loans(), f"{spelling},{spelling},yes")
    assert read(path, "approved").table.row(20) == {"income": None, "city": spelling.strip() or None}


def test_a_column_with_one_word_in_it_is_categorical(csv_file: WriteCsv) -> None:
    path = csv_file("a,b,y", *(f"{i % 4},{'1_0' if i % 2 else '10'},{i % 2}" for i in range(20)), "two,10,1")
    table = read(path, "y").table
    assert (table.categorical, table.row(20)["a"], table.row(0)["a"]) == (("a", "b"), "two", "0")


@pytest.mark.parametrize(
    ("negative", "positive"),
    [
        ("0", "1"),
        ("-1", "1"),
        ("1", "2"),
        ("9", "10"),
        ("0.0", "1"),
        ("no", "yes"),
        ("Y", "N")[::-1],
        ("false", "true"),
        ("deny", "approve"),
        ("rejected", "Accepted"),
        ("bad", "good"),
        ("benign", "malignant"),
    ],
)
def test_the_usual_positive_class_is_recognised(csv_file: WriteCsv, negative: str, positive: str) -> None:
    path = csv_file("a,y", *(f"{i % 5},{positive if i < 8 else negative}" for i in range(20)))
    assert read(path, "y").target.tolist() == [1] * 8 + [0] * 12


def test_a_positive_class_that_is_named_stands_against_all_others(csv_file: WriteCsv) -> None:
    path = csv_file("a,y", *(f"{i % 5},{('low', 'mid', 'high')[i % 3]}" for i in range(21)))
    assert read(path, "y", positive="mid").target.tolist() == [0, 1, 0] * 7


def test_equal_numbers_are_one_class_however_they_are_spelled(csv_file: WriteCsv) -> None:
    path = csv_file("a,y", *(f"{i % 5},{('0', '1', '1.0', '0.00')[i % 4]}" for i in range(20)))
    assert read(path, "y").target.tolist() == [0, 1, 1, 0] * 5
    assert read(path, "y", positive="0.0").target.tolist() == [1, 0, 0, 1] * 5


def test_rows_without_a_target_are_left_out_and_counted(csv_file: WriteCsv) -> None:
    path = csv_file(*loans(), "1,Rome,", "2,Rome,  ", "3,Rome,NA")
    dataset, report = load_dataset(path, "approved", options=Options(na=("NA",)))
    assert dataset.n_rows == 20
    assert report == LoadReport(
        "approved",
        "yes",
        n_rows=20,
        n_positive=10,
        n_unlabelled=3,
        left_out={},
        mixed={},
        against={"no": 10},
    )


def test_columns_that_teach_nothing_are_left_out_and_the_report_says_why(csv_file: WriteCsv) -> None:
    header = "same,none,code,customerId,row,paid,blank_or_x,a,y"
    rows = [f"k,,c{i},{3 * i + i % 2},{70 - i},{5 * i * i},{'x' if i % 2 else ''},{i % 4},{i % 2}" for i in range(20)]
    dataset, report = load_dataset(csv_file(header, *rows), "y")
    assert dataset.table.names == ("paid", "blank_or_x", "a")
    assert report.left_out == {
        "same": "constant",
        "none": "all_missing",
        **dict.fromkeys(("code", "customerId", "row"), "id_like"),
    }


def test_one_bad_cell_in_a_column_of_numbers_is_reported_with_its_line(csv_file: WriteCsv) -> None:
    rows = [f"{'n/k' if i == 6 else i * i},{'x' if i % 2 else i % 5},{i % 2}" for i in range(20)]
    _, report = load_dataset(csv_file("age,code,y", *rows), "y")
    assert report.mixed == {"age": "line 8: 'n/k'"}


def test_a_report_is_logged_with_a_warning_for_what_was_left_out(channel_log: ChannelLog) -> None:
    log_load(
        LoadReport(
            "y",
            "1",
            n_rows=20,
            n_positive=7,
            n_unlabelled=2,
            left_out={"id": "id_like"},
            mixed={"age": "line 7: 'n/k'"},
        )
    )
    assert told(channel_log) == [
        ("INFO", "training", "target", {"column": "y", "positive": "1", "n_positive": 7, "n_rows": 20}),
        ("WARNING", "training", "rows without target left out", {"column": "y", "n_rows": 2}),
        ("WARNING", "training", "column left out", {"column": "id", "reason": "id_like"}),
        ("WARNING", "training", "column of numbers read as text", {"column": "age", "first_text": "line 7: 'n/k'"}),
    ]


def test_a_table_without_anything_to_leave_out_warns_of_nothing(channel_log: ChannelLog) -> None:
    log_load(LoadReport("y", "1", n_rows=20, n_positive=7, n_unlabelled=0, left_out={}, mixed={}))
    assert [record.level for record in channel_log.records] == ["INFO"]


def test_dropped_columns_are_not_read(csv_file: WriteCsv) -> None:
    path = csv_file("inf,a,y", *(f"inf,{i % 4},{i % 2}" for i in range(20)))
    assert read(path, "y", drop=["inf"]).table.names == ("a",)


# What is wrong with a file


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    assert message_of(load_dataset, path, "y") == f"{path}: no such file; check the path"


def test_a_file_whose_name_is_like_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "loans.csv").touch()
    path = tmp_path / "loan.csv"
    expected = f"{path}: no such file (did you mean 'loans.csv'?); check the path"
    assert message_of(load_dataset, path, "y") == expected


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has pipes of another kind")
def test_a_pipe_which_cannot_be_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)  # or to open it for reading would wait
    try:
        expected = f"{path}: expected a file, got a pipe; save what comes out of it, and read that"
        assert message_of(load_dataset, path, "y") == expected
    finally:
        os.close(writer)


@pytest.mark.parametrize(
    ("drop", "options", "said"),
    [
        (["y"], Options(), "--target and --drop"),
        ([], Options(dates=("y",)), "--target and --dates"),
        (["x"], Options(categories=("x",)), "--drop and --categories"),
        ([], Options(categories=("x",), dates=("z", "x")), "--categories and --dates"),
    ],
)
def test_a_column_of_which_two_options_say_different_things(
    csv_file: WriteCsv, drop: list[str], options: Options, said: str
) -> None:
    path = csv_file("x,z,y", *["1,2,yes", "2,3,no"] * 10)
    column = "y" if "target" in said else "x"
    expected = f"{path}, column '{column}': expected one of {said}, got both; leave one out"
    assert message_of(load_dataset, path, "y", None, drop, options) == expected


def test_a_separator_that_is_not_the_files(csv_file: WriteCsv) -> None:
    path = csv_file("x,y", *["1,yes", "2,no"] * 10)
    expected = f"{path}, line 1: no column 'y'; there are 'x,y', with ';' between the columns: see --sep"
    assert message_of(load_dataset, path, "y", None, (), Options(separator=";")) == expected


def test_a_folder(tmp_path: Path) -> None:
    assert (
        message_of(load_dataset, tmp_path, "y") == f"{tmp_path}: expected a CSV file, got a folder; name a file in it"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows finds no file of such a name")
def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)
    assert (
        message_of(load_dataset, path, "y")
        == f"{path}: {os.strerror(errno.ENAMETOOLONG)}; check the path and who may read it"
    )


@pytest.mark.parametrize("lines", [[], ["", ""]])
def test_an_empty_file(csv_file: WriteCsv, lines: list[str]) -> None:
    path = csv_file(*lines)
    assert message_of(load_dataset, path, "y") == f"{path}: the file is empty; expected a header line and rows"


def test_a_header_only(csv_file: WriteCsv) -> None:
    path = csv_file("a,y", "")
    assert (
        message_of(load_dataset, path, "y") == f"{path}, line 1: expected rows below the header, found none; add some"
    )


def test_a_ragged_row_is_named_by_the_line_it_starts_on(csv_file: WriteCsv) -> None:
    path = csv_file("a,b,y", '1,"two', 'lines",0', "", "1,2,3,4")
    what = "expected 3 values, as in the header, got 4; put a value that contains a comma in quotes"
    assert message_of(load_dataset, path, "y") == f"{path}, line 5: {what}"


def test_a_quote_that_is_never_closed(csv_file: WriteCsv) -> None:
    path = csv_file("a,y", "1,0", '"1,0', "1,1")
    assert message_of(load_dataset, path, "y") == f"{path}, line 3: unexpected end of data; check the quotes"


def test_a_column_without_a_name(csv_file: WriteCsv) -> None:
    path = csv_file("a, ,y", *["1,2,0"] * 20, "1,2,1")
    expected = f"{path}, line 1: column 2 has no name; name it, or remove it"
    assert message_of(load_dataset, path, "y") == expected


def test_two_columns_of_one_name(csv_file: WriteCsv) -> None:
    path = csv_file("a,y, a", "1,2,0")
    assert message_of(load_dataset, path, "y") == f"{path}, line 1: 2 columns are named 'a'; rename all but one"


def test_a_target_that_is_not_there(csv_file: WriteCsv) -> None:
    path = csv_file(*loans())
    there = "there are 'income', 'city', 'approved'"
    expected = f"{path}, line 1: no column 'aproved' (did you mean 'approved'?); {there}"
    assert message_of(load_dataset, path, "aproved") == expected
    assert message_of(load_dataset, path, "y") == f"{path}, line 1: no column 'y'; {there}"


def test_a_long_list_of_columns_is_cut(csv_file: WriteCsv) -> None:
    path = csv_file(",".join(f"c{i}" for i in range(13)), ",".join("1" * 13))
    there = "there are 'c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c9' and 3 more"
    assert message_of(load_dataset, path, "y") == f"{path}, line 1: no column 'y'; {there}"


def test_a_column_to_drop_that_is_not_there(csv_file: WriteCsv) -> None:
    path = csv_file(*loans())
    expected = f"{path}, line 1: no column 'cities' (did you mean 'city'?); there are 'income', 'city', 'approved'"
    assert message_of(load_dataset, path, "approved", drop=["cities"]) == expected


def test_one_class_only(csv_file: WriteCsv) -> None:
    path = csv_file("a,y", *(f"{i % 5},no" for i in range(20)))
    expected = f"{path}, column 'y': expected two classes, got only 'no'; add rows of the other class"
    assert message_of(load_dataset, path, "y") == expected
    assert message_of(load_dataset, path, "y", positive="no") == expected


def test_a_positive_class_that_does_not_occur(csv_file: WriteCsv) -> None:
    path = csv_file(*loans())
    where = f"{path}, column 'approved': the positive value"
    expected = f"{where} 'Yes' doesn't occur (did you mean 'yes'?); there are 'no', 'yes'"
    assert message_of(load_dataset, path, "approved", positive="Yes") == expected
    assert (
        message_of(load_dataset, path, "approved", positive="1") == f"{where} '1' doesn't occur; there are 'no', 'yes'"
    )


def test_a_positive_class_that_is_no_number_of_a_numeric_target(csv_file: WriteCsv) -> None:
    path = csv_file("a,y", *(f"{i % 5},{i % 2}.0" for i in range(20)))
    expected = f"{path}, column 'y': the positive value 'yes' doesn't occur; there are '0', '1'"
    assert message_of(load_dataset, path, "y", positive="yes") == expected


def test_more_than_two_classes(csv_file: WriteCsv) -> None:
    path = csv_file("a,y", *(f"{i % 5},{i % 12}" for i in range(24)))
    listed = "'0', '1', '2', '3', '4', '5', '6', '7', '8', '9' and 2 more"
    expected = f"{path}, column 'y': expected two classes, got 12 ({listed}); name the positive one with --positive"
    assert message_of(load_dataset, path, "y") == expected


def test_no_column_to_learn_from(csv_file: WriteCsv) -> None:
    path = csv_file("same,no_id,y", *(f"k,{7 * i % 40},{i % 2}" for i in range(20)))
    expected = f"{path}: no column to learn from ('same' is constant, 'no_id' is id_like); add one that varies"
    assert message_of(load_dataset, path, "y") == expected


def test_no_column_besides_the_target(csv_file: WriteCsv) -> None:
    path = csv_file("y", *(f"{i % 2}" for i in range(20)))
    expected = f"{path}: no column to learn from (there is no other); add one that varies"
    assert message_of(load_dataset, path, "y") == expected


def test_too_few_rows_with_a_target(csv_file: WriteCsv) -> None:
    path = csv_file(*loans(19), "1,Rome,")
    expected = f"{path}: expected at least 20 rows with a value in 'approved', got 19; add rows"
    assert message_of(load_dataset, path, "approved") == expected


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e999", "-1e151"])
def test_a_value_that_is_not_finite_in_a_numeric_column(csv_file: WriteCsv, value: str) -> None:
    path = csv_file("a,y", *(f"{i % 5},{i % 2}" for i in range(20)), f"{value},1")
    where = f"{path}, line 22, column 'a'"
    what = f"expected a number between -1e+150 and 1e+150, got '{value}'; correct it or leave it empty"
    assert message_of(load_dataset, path, "y") == f"{where}: {what}"


def test_a_message_is_one_short_line_whatever_the_file_holds(csv_file: WriteCsv) -> None:
    path = csv_file('"a\nb",y', *(f"{i % 5},{i % 2}" for i in range(20)), f'"{"x" * 500}\n",1')
    like = read(csv_file('"a\nb",y', *(f"{i % 5},{i % 2}" for i in range(20)), name="like.csv"), "y").table
    cell = "x" * 60 + "..."
    where = f"{path}, line 23, column 'a\\nb'"
    assert message_of(load_score_table, path, like) == (
        f"{where}: expected a number, got '{cell}'; correct it or leave it empty"
    )


# Reading a table to score


def like() -> Table:
    return Table({"income": np.array([1.0]), "city": np.array(["Oslo"], dtype=object)})


def test_a_score_table_has_the_columns_of_the_other_in_its_order(csv_file: WriteCsv) -> None:
    table = load_score_table(csv_file("extra,city,income", "inf,7,", "x,,1"), like())
    assert table.names == ("income", "city")
    assert list(table.rows()) == [{"income": None, "city": "7"}, {"income": 1.0, "city": None}]
    assert table.numeric == ("income",)


def test_a_score_table_without_a_column_names_all_that_are_missing(csv_file: WriteCsv) -> None:
    path = csv_file("a,b", "1,2")
    expected = f"{path}, line 1: no column 'income', 'city', which the model needs; there are 'a', 'b'"
    assert message_of(load_score_table, path, like()) == expected


def test_a_score_table_with_text_for_a_number_names_line_and_column(csv_file: WriteCsv) -> None:
    path = csv_file("city,income", '"a', 'b",1', "Rome,lots")
    where = f"{path}, line 4, column 'income'"
    assert message_of(load_score_table, path, like()) == (
        f"{where}: expected a number, got 'lots'; correct it or leave it empty"
    )


# A first column without a name


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
@pytest.mark.parametrize("start", [0, 1])
def test_a_first_column_without_a_name_that_counts_is_left_out(csv_file: WriteCsv, name: str, start: int) -> None:
    path = csv_file(f"{name},a,y", *(f"{start + i * 7 % 20},{i % 5},{i % 2}" for i in range(20)))
    dataset, report = load_dataset(path, "y")
    assert dataset.table.names == ("a",)
    assert report.left_out == {name or "unnamed column 1": "index"}


def test_a_first_column_without_a_name_that_does_not_count_is_left_out_if_told(csv_file: WriteCsv) -> None:
    path = csv_file(",a,y", *(f"car {i},{i % 5},{i % 2}" for i in range(20)))
    expected = f"{path}, line 1: column 1 has no name; name it, or leave it out with --ignore-index"
    assert message_of(load_dataset, path, "y") == expected
    assert read(path, "y", options=Options(ignore_index=True)).table.names == ("a",)


def test_an_empty_column_without_a_name_is_left_out(csv_file: WriteCsv) -> None:
    path = csv_file("a,y,", *(f"{i % 5},{i % 2}," for i in range(20)))
    assert load_dataset(path, "y")[1].left_out == {"unnamed column 3": "all_missing"}


def test_what_pandas_writes_by_default_is_read(csv_file: WriteCsv) -> None:
    rows = [f"{i},{i / 4},{i % 3 == 0},2024-01-{i + 1:02} 00:00:00,{'' if i == 3 else i % 7}" for i in range(20)]
    path = csv_file(",x,flag,at,gap,y", *(f"{row},{i % 2}" for i, row in enumerate(rows)))
    table = read(path, "y").table
    assert table.row(3) == {"x": 0.75, "flag": "True", "at": 19726.0, "gap": None}


def test_how_a_file_was_read_is_said_where_it_is_not_plain(csv_file: WriteCsv, channel_log: ChannelLog) -> None:
    rows = [f"{i % 5},5;{'Köln' if i % 3 else 'Bonn'};{i % 2}" for i in range(20)]
    report = load_dataset(csv_file("größe;ort;y", *rows, encoding="cp1252"), "y")[1]
    assert report.file == "semicolons between the columns, encoding cp1252"
    log_load(report)
    assert [(level, message, fields) for level, _, message, fields in told(channel_log)][1:] == [
        ("INFO", "file", {"read_as": report.file}),
        ("INFO", "column", {"column": "größe", "read_as": "decimal commas"}),
    ]
