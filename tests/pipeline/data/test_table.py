import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.table import (
    Dataset,
    Table,
    fingerprint,
    make_synthetic,
    mean_and_std,
    means_and_stds,
    shift,
    split,
    summarise,
)
from pipeline.model.training import roc_auc
from tests.support.tables import message_of, numbers

WriteCsv = Callable[..., Path]


def csv_file(tmp_path: Path) -> WriteCsv:
    """Write lines to a file and return its path."""

    def write(*lines: str, name: str = "loans.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes("\n".join(lines).encode(encoding))
        return path

    return write


# Tables


def test_a_table_knows_its_names_and_kinds_in_order() -> None:
    table = Table({"b": np.array(["x", None], dtype=object), "a": np.array([1.0, np.nan])})
    assert (table.names, table.numeric, table.categorical, table.n_rows) == (("b", "a"), ("a",), ("b",), 2)


def test_a_row_is_plain_python_with_none_for_missing() -> None:
    table = Table({"b": np.array(["x", None], dtype=object), "a": np.array([1.0, np.nan])})
    assert table.row(0) == {"b": "x", "a": 1.0}
    assert table.row(-1) == {"b": None, "a": None}
    assert [type(value) for value in table.row(0).values()] == [str, float]
    assert list(table.rows()) == [table.row(0), table.row(1)]


def test_taking_rows_keeps_table_and_target_together() -> None:
    dataset = Dataset(numbers(a=[1, 2, 3, 4]), np.array([0, 1, 0, 1], dtype=np.int8))
    part = dataset.take(np.array([3, 0]))
    assert part.table.columns["a"].tolist() == [4.0, 1.0]
    assert part.target.tolist() == [1, 0]
    assert dataset.take(slice(1, 3)).target.tolist() == [1, 0]
    assert (part.n_rows, Table({}).n_rows) == (2, 0)


# Synthetic data


def test_synthetic_columns_differ_in_mean_and_sd_and_one_sd_is_well_below_1() -> None:
    table = make_synthetic(5000, 4, np.random.default_rng(1)).table
    assert table.names == ("feature_01", "feature_02", "feature_03", "feature_04")
    stds = [float(column.std()) for column in table.columns.values()]
    assert stds == pytest.approx([0.25, 0.63, 1.59, 4.0], rel=0.05)
    assert len({round(float(column.mean()), 2) for column in table.columns.values()}) == 4


@pytest.mark.parametrize("seed", range(5))
def test_the_synthetic_target_can_be_learned_and_is_balanced(seed: int) -> None:
    n_features = (1, 2, 8, 8, 40)[seed]
    dataset = make_synthetic(8000, n_features, np.random.default_rng(seed))
    x = np.column_stack(list(dataset.table.columns.values()))
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    best = np.linalg.lstsq(np.column_stack([z, np.ones(len(z))]), dataset.target, rcond=None)[0]
    assert 0.85 < roc_auc(dataset.target, z @ best[:-1]) < 0.92
    assert 0.45 < dataset.target.mean() < 0.55
    assert dataset.target.dtype == np.int8


def test_the_same_seed_makes_the_same_data() -> None:
    first, again = (make_synthetic(100, 3, np.random.default_rng(3)) for _ in range(2))
    assert fingerprint(first) == fingerprint(again)
    assert fingerprint(first) != fingerprint(make_synthetic(100, 3, np.random.default_rng(4)))


def test_too_few_rows_or_features_are_refused() -> None:
    rng = np.random.default_rng(0)
    assert message_of(make_synthetic, 5, 3, rng) == "n_rows must be at least 100, got 5"
    assert message_of(make_synthetic, 100, 0, rng) == "n_features must be at least 1, got 0"


# Splitting, shifting, summing up


def indexed(n: int, n_positive: int) -> Dataset:
    target = np.array([1] * n_positive + [0] * (n - n_positive), dtype=np.int8)
    return Dataset(numbers(i=np.arange(n)), target)


@pytest.mark.parametrize(("n", "n_positive"), [(100, 30), (20, 3), (6, 3), (1001, 500)])
def test_the_parts_of_a_split_have_every_row_once_and_both_classes(n: int, n_positive: int) -> None:
    parts = split(indexed(n, n_positive), np.random.default_rng(0))
    rows = np.concatenate([part.table.columns["i"] for part in parts])
    assert sorted(rows.tolist()) == list(range(n))
    for part, share in zip(parts, (0.6, 0.2, 0.2), strict=True):
        assert abs(part.n_rows - share * n) <= 2
        assert abs(int(part.target.sum()) - share * n_positive) <= 1.5
        assert set(part.target.tolist()) == {0, 1}
        assert np.array_equal(part.target, part.table.columns["i"] < n_positive)


def test_a_split_is_shuffled_and_up_to_the_generator() -> None:
    first, again, other = (split(indexed(100, 50), np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert first.table.columns["i"].tolist() == again.table.columns["i"].tolist()
    assert first.table.columns["i"].tolist() != other.table.columns["i"].tolist()
    assert 10 < first.target[:30].sum() < 20


@pytest.mark.parametrize("n_positive", [0, 1, 2])
def test_a_class_too_small_for_every_part_is_still_split(n_positive: int) -> None:
    parts = split(indexed(20, n_positive), np.random.default_rng(0))
    assert [int(part.target.sum()) for part in parts] == [int(n_positive > 0), int(n_positive > 1), 0]


@pytest.mark.parametrize("fractions", [(0.8, 0.2), (0.0, 0.5), (-0.1, 0.5)])
def test_fractions_that_leave_a_part_empty_are_refused(fractions: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="fractions must be positive and sum to less than 1, got"):
        split(indexed(20, 10), np.random.default_rng(0), fractions)


def test_a_shift_moves_half_of_the_numeric_columns_by_so_many_sds() -> None:
    rng = np.random.default_rng(0)
    table = make_synthetic(500, 5, rng).table
    table = Table({**table.columns, "city": np.array(["Oslo"] * 500, dtype=object)})
    moved = shift(table, rng, n_sd=1.5)
    distance = [
        float(np.mean(moved.columns[name] - table.columns[name]) / table.columns[name].std()) for name in table.numeric
    ]
    assert sorted(distance) == pytest.approx([0, 0, 1.5, 1.5, 1.5])
    assert moved.columns["city"] is table.columns["city"]


def test_a_shift_leaves_gaps_and_text_alone() -> None:
    rng = np.random.default_rng(0)
    moved = shift(numbers(a=[1, 3, np.nan]), rng, n_sd=2)
    assert list(moved.rows()) == [{"a": 3.0}, {"a": 5.0}, {"a": None}]
    text = Table({"city": np.array(["Oslo"], dtype=object)})
    assert list(shift(text, rng).rows()) == [{"city": "Oslo"}]


def test_a_summary_by_hand() -> None:
    table = Table({"a": np.array([1.0, 3.0, np.nan, np.nan]), "b": np.array(["x"] * 4, dtype=object)})
    summary = summarise(Dataset(table, np.array([1, 0, 0, 0], dtype=np.int8)))
    assert (summary.n_features, summary.positive_rate) == (2, 0.25)
    assert (summary.feature_mean, summary.feature_std) == ({"a": 2.0}, {"a": 1.0})


def test_mean_and_sd_agree_with_numpy_and_do_not_overflow() -> None:
    values = np.random.default_rng(0).normal(3, 7, 1000)
    assert mean_and_std(values) == pytest.approx((values.mean(), values.std()), rel=1e-13)
    assert mean_and_std(np.array([1.7e308, 1.7e308, -1.7e308, -1.7e308])) == (0.0, 1.7e308)
    assert mean_and_std(np.array([2e-200, 4e-200])) == pytest.approx((3e-200, 1e-200), rel=1e-13)
    assert mean_and_std(np.zeros(3)) == (0.0, 0.0)
    assert all(map(math.isnan, mean_and_std(np.array([np.nan]))))


def test_means_and_sds_of_many_columns_are_those_of_each() -> None:
    rng = np.random.default_rng(4)
    rows = np.stack(
        [rng.normal(size=777), 1e308 * rng.uniform(-1, 1, 777), np.full(777, 3.3), 1e-300 * rng.random(777)]
    )
    means, stds = means_and_stds(rows)
    assert list(zip(means, stds, strict=True)) == [mean_and_std(row) for row in rows]


# Fingerprints


def mixed() -> Dataset:
    table = Table({"a": np.array([1.0, np.nan]), "b": np.array(["é", None], dtype=object)})
    return Dataset(table, np.array([0, 1], dtype=np.int8))


def test_a_fingerprint_is_the_same_in_every_run_and_for_every_nan() -> None:
    expected = "b9e9d7288e13c403f2f5939e69651f0d0088afdebe54ad0e71156c68a6725134"
    assert fingerprint(mixed()) == expected
    negative_nan = np.array([1.0, np.copysign(np.nan, -1.0)])
    table = Table({**mixed().table.columns, "a": negative_nan})
    assert fingerprint(Dataset(table, mixed().target)) == expected


def test_a_fingerprint_differs_with_names_values_order_and_target() -> None:
    data = mixed()
    columns = data.table.columns
    others = [
        Dataset(data.table, np.array([1, 1], dtype=np.int8)),
        Dataset(Table({"A": columns["a"], "b": columns["b"]}), data.target),
        Dataset(Table({"b": columns["b"], "a": columns["a"]}), data.target),
        Dataset(Table({**columns, "a": np.array([1.0, 2.0])}), data.target),
        Dataset(Table({**columns, "b": np.array(["é", "None"], dtype=object)}), data.target),
        data.take(slice(0, 1)),
    ]
    assert len({fingerprint(other) for other in [data, *others]}) == 7
