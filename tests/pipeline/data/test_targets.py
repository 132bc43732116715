from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.columns import Options
from pipeline.data.load_report import LoadReport, log_load
from pipeline.data.loading import load_dataset
from sevenfold.channel_log import ChannelLog
from tests.support.log_files import told
from tests.support.tables import message_of

Load = Callable[..., LoadReport]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Read a table whose target repeats the given labels, 60 rows of them."""

    def load(labels: list[str], positive: str | None = None, n: int = 60, **options: Any) -> LoadReport:
        path = tmp_path / "t.csv"
        path.write_text("a|y\n" + "".join(f"{i % 7}|{labels[i % len(labels)]}\n" for i in range(n)), encoding="utf-8")
        return load_dataset(path, "y", positive, options=Options(**options))[1]

    return load


@pytest.mark.parametrize("label", ["none", "NA", "?", "-", "n/a", "null", "NaN"])
def test_a_label_is_never_missing_whatever_it_is_called(load: Load, label: str) -> None:
    report = load([label, "card"], "card")
    assert (report.n_unlabelled, report.n_positive, report.against) == (0, 30, {label: 30})


def test_a_label_that_the_user_calls_missing_is_none(load: Load) -> None:
    report = load(["yes", "no", "?"], na=("?",))
    assert (report.n_unlabelled, report.n_positive, report.against) == (20, 20, {"no": 20})


def test_three_classes_of_which_one_may_mean_missing_show_the_way_out(load: Load) -> None:
    message = message_of(load, ["yes", "no", "NA"])
    assert message.endswith(
        "expected two classes, got 3 ('NA', 'no', 'yes'); name the positive one with --positive; "
        "if 'NA' means missing: --na NA"
    )


def test_labels_that_differ_in_case_count_as_one_and_are_told(load: Load, channel_log: ChannelLog) -> None:
    report = load(["Yes", "yes", "YES", "no", "yes", "No"])
    assert (report.positive, report.n_positive, report.against) == ("yes", 40, {"no": 20})
    assert report.merged == {"Yes": "yes", "YES": "yes", "No": "no"}
    assert load(["Yes", "yes", "YES", "no", "yes", "No"], "YES").n_positive == 40
    log_load(report)
    fields = {"column": "y", "labels": report.merged}
    assert ("WARNING", "training", "labels that differ in case count as one", fields) in told(channel_log)


def test_three_classes_say_what_is_compared_with_what(load: Load, channel_log: ChannelLog) -> None:
    report = load(["low", "mid", "high", "high"], "mid")
    assert report.against == {"high": 30, "low": 15}
    log_load(report)
    fields = {"column": "y", "others": {"high": 30, "low": 15}}
    assert ("WARNING", "training", "positive class against all others", fields) in told(channel_log)


def test_a_number_of_many_values_is_a_regression_target_and_a_bound_is_the_way_out(load: Load) -> None:
    prices = [str(1000 + 10 * i) for i in range(60)]
    message = message_of(load, prices)
    what = "this is a regression target: 60 different numbers from 1000 to 1590"
    assert message.endswith(f"column 'y': {what}; make two classes of it, as in --positive '>1300'")
    for positive, n in ((">1300", 29), (">=1300", 30), ("<1,300", 30), ("<= 1300", 31)):
        report = load(prices, positive)
        assert (report.positive, report.n_positive, report.against) == (positive, n, {"all others": 60 - n})
    assert message_of(load, prices, ">2000").endswith(
        "all rows are on one side of '>2000': the numbers go from 1000 to 1590; choose a bound between them"
    )


def test_few_rows_of_one_class_are_told(load: Load, channel_log: ChannelLog) -> None:
    report = load(["yes"] + ["no"] * 59, n=600)
    assert report.is_imbalanced
    assert not load(["yes"] + ["no"] * 9).is_imbalanced
    log_load(report)
    fields = {"column": "y", "n_positive": 10, "n_rows": 600}
    assert ("WARNING", "training", "few rows of one class", fields) in told(channel_log)
