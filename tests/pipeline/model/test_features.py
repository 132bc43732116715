from typing import Any

import numpy as np
import pytest

from pipeline.data.table import Table, make_synthetic
from pipeline.model.features import FeatureEncoder, Levels, require_finite
from tests.support.tables import numbers, words


def test_a_table_is_encoded_as_by_hand() -> None:
    table = Table(
        {
            "city": np.array(["Oslo"] * 5 + ["Rome"] * 6 + ["Nice", None], dtype=object),
            "age": np.array([1.0, 3.0] * 6 + [np.nan]),
        }
    )
    encoder = FeatureEncoder.fit(table)
    assert encoder.kinds == {"city": "category", "age": "number"}
    assert encoder.names == ("age", "age=<missing>", "city=Oslo", "city=Rome", "city=<other>", "city=<missing>")
    inputs = encoder.transform(table)
    assert inputs[0].tolist() == [-1, 0, 1, 0, 0, 0]
    assert inputs[5].tolist() == [1, 0, 0, 1, 0, 0]
    assert inputs[11].tolist() == [1, 0, 0, 0, 1, 0]
    assert inputs[12].tolist() == [0, 1, 0, 0, 0, 1]


@pytest.mark.whole("sklearn")
def test_clean_numbers_are_standardised_as_scikit_learn_does(sklearn: Any) -> None:
    table = make_synthetic(1000, 6, np.random.default_rng(0)).table
    expected = sklearn.preprocessing.StandardScaler().fit_transform(np.column_stack(list(table.columns.values())))
    np.testing.assert_allclose(FeatureEncoder.fit(table).transform(table), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.whole("sklearn")
def test_levels_are_one_hot_as_scikit_learn_has_them(sklearn: Any) -> None:
    rng = np.random.default_rng(0)
    table = words(a=rng.choice(["x", "y", "z"], 500, p=[0.5, 0.3, 0.2]), b=rng.choice(["u", "v", "rare"], 500))
    values = np.column_stack(list(table.columns.values()))
    expected = sklearn.preprocessing.OneHotEncoder(sparse_output=False).fit_transform(values)
    np.testing.assert_array_equal(FeatureEncoder.fit(table).transform(table), expected)


@pytest.mark.parametrize("outlier", [1e12, -1e12, 1e150])
def test_one_absurd_value_leaves_the_scale_of_the_others(outlier: float) -> None:
    column = np.random.default_rng(0).normal(50, 10, 1000)
    clean = FeatureEncoder.fit(numbers(a=column))
    column[17] = outlier
    encoder = FeatureEncoder.fit(numbers(a=column))
    assert encoder.mean[0] == pytest.approx(clean.mean[0], abs=0.2)
    assert encoder.std[0] == pytest.approx(clean.std[0], rel=0.05)
    inputs = encoder.transform(numbers(a=column))[:, 0]
    assert abs(inputs[17]) == np.abs(inputs).max() < 8


@pytest.mark.parametrize("share", [0.8, 0.93, 0.985])
def test_a_column_of_mostly_one_value_keeps_the_others_apart_from_an_absurd_one(share: float) -> None:
    rng = np.random.default_rng(0)
    column = np.where(rng.random(2000) < share, 0.0, rng.uniform(90, 110, 2000))
    column[0] = 1e12
    inputs = FeatureEncoder.fit(numbers(a=column)).transform(numbers(a=column))[:, 0]
    ordinary = inputs[1:]
    assert np.ptp(ordinary) > 1
    assert np.corrcoef(ordinary, column[1:])[0, 1] == pytest.approx(1)


def test_a_rare_indicator_is_not_clipped_away() -> None:
    column = np.zeros(1000)
    column[:2] = 1.0
    inputs = FeatureEncoder.fit(numbers(a=column)).transform(numbers(a=column))[:, 0]
    assert inputs[0] == pytest.approx((1 - 0.002) / np.sqrt(0.002 * 0.998))


@pytest.mark.parametrize("values", [[0.1] * 10, [np.nan] * 10, [0.1] * 9 + [np.nan], [-1e150] * 10])
def test_a_column_that_does_not_vary_in_the_training_rows_says_nothing_ever(values: list[float]) -> None:
    encoder = FeatureEncoder.fit(numbers(a=values))
    for value in (-1e9, 0.1, 7.0, np.nan):
        assert encoder.transform(numbers(a=[value]))[0, 0] == 0


def test_tiny_numbers_are_standardised_too() -> None:
    inputs = FeatureEncoder.fit(numbers(a=[2e-200, 4e-200])).transform(numbers(a=[2e-200, 4e-200]))
    np.testing.assert_allclose(inputs[:, 0], [-1, 1])


def test_a_gap_where_the_training_rows_had_none_is_the_mean_or_no_level() -> None:
    encoder = FeatureEncoder.fit(Table({**numbers(a=[1, 3] * 5).columns, **words(b=["x", "y"] * 5).columns}))
    table = Table({**numbers(a=[np.nan]).columns, **words(b=[None]).columns})
    assert encoder.names == ("a", "b=x", "b=y")
    assert encoder.transform(table).tolist() == [[0, 0, 0]]


def test_a_level_never_seen_is_other_or_none_at_all() -> None:
    assert FeatureEncoder.fit(words(b=["x", "y"] * 5)).transform(words(b=["z"])).tolist() == [[0, 0]]
    assert FeatureEncoder.fit(words(b=["x", "y"] * 5 + ["r"])).transform(words(b=["z"])).tolist() == [[0, 0, 1]]


def test_levels_are_kept_from_5_rows_on_and_at_most_255() -> None:
    def levels(*counts: int) -> Levels:
        values = [f"{i:03d}" for i, count in enumerate(counts) for _ in range(count)]
        return FeatureEncoder.fit(words(b=values)).levels[0]

    assert levels(10, 5, 4) == Levels(("000", "001"), other=True, missing=False)
    assert levels(1995, 5) == Levels(("000", "001"), other=False, missing=False)
    assert levels(1996, 4) == Levels(("000",), other=True, missing=False)
    assert levels(4, 4) == Levels((), other=True, missing=False)
    most = levels(*[6] * 30, *[7] * 250)
    assert most.other
    assert most.levels == tuple(f"{i:03d}" for i in [*range(5), *range(30, 280)])


def test_an_infinite_value_is_refused_with_its_row_and_column() -> None:
    good = numbers(age=[1, 2], income=[3, 4])
    bad = numbers(age=[1, 2], income=[3, -np.inf])
    message = "row 1, column 'income': expected a finite number, got -inf"
    encoder = FeatureEncoder.fit(good)
    for call in (FeatureEncoder.fit, encoder.transform, require_finite):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
            call(bad)
        assert str(caught.value) == message
    require_finite(good)


def test_a_column_that_is_absent_is_named() -> None:
    encoder = FeatureEncoder.fit(numbers(a=[1, 2], b=[1, 2], c=[1, 2]))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        encoder.transform(numbers(b=[1]))
    assert str(caught.value) == "expected a table with the columns of the training rows, got one without 'a', 'c'"


def test_columns_in_another_order_and_others_besides_change_nothing() -> None:
    table = make_synthetic(100, 3, np.random.default_rng(0)).table
    encoder = FeatureEncoder.fit(table)
    other = Table({"more": np.ones(100), **dict(reversed(table.columns.items()))})
    np.testing.assert_array_equal(encoder.transform(other), encoder.transform(table))


@pytest.mark.parametrize("value", [1e308, -1e308])
def test_a_value_too_large_to_standardise_is_an_error_and_not_the_fence(value: float) -> None:
    encoder = FeatureEncoder.fit(make_synthetic(500, 3, np.random.default_rng(0)).table)
    row = numbers(**{name: [value] for name in encoder.kinds})
    with pytest.raises(FloatingPointError, match="overflow"):
        encoder.transform(row)


def test_a_row_is_encoded_alike_alone_and_among_others() -> None:
    rng = np.random.default_rng(0)
    table = Table({**make_synthetic(200, 3, rng).table.columns, **words(b=rng.choice([*"xyz"], 200)).columns})
    encoder = FeatureEncoder.fit(table)
    alone = np.vstack([encoder.transform(table.take(slice(i, i + 1))) for i in range(200)])
    np.testing.assert_array_equal(alone, encoder.transform(table))
    assert encoder.transform(table.take(slice(0, 0))).shape == (0, len(encoder.names))


def test_arrays_give_the_encoder_back() -> None:
    table = Table(
        {
            "naïve\0": np.array([1.5, np.nan, 4.0] * 5),
            "b": np.array(["é\0", "\U0001f600", None, "q", "é\0"] * 3, dtype=object),
        }
    )
    encoder = FeatureEncoder.fit(table)
    arrays = encoder.to_arrays()
    again = FeatureEncoder.from_arrays(arrays)
    assert again.names == encoder.names
    assert list(again.kinds.items()) == list(encoder.kinds.items())
    np.testing.assert_array_equal(again.transform(table), encoder.transform(table))
    assert not any(array.dtype.hasobject for array in arrays.values())


def test_columns_that_are_measured_together_are_measured_as_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    kinds = [rng.normal(size=500), rng.poisson(0.2, 500) * 1.0, np.full(500, 3.3), np.full(500, np.nan)]
    kinds.append(np.where(rng.random(500) < 0.1, np.nan, 1e149 * rng.standard_cauchy(500).clip(-5, 5)))
    table = Table({f"c{j}": kinds[j % len(kinds)] + 0.0 for j in range(12)})
    together = FeatureEncoder.fit(table)
    monkeypatch.setattr("pipeline.model.features.PART", 1)
    alone = FeatureEncoder.fit(table)
    for name in ("mean", "std", "low", "high"):
        np.testing.assert_array_equal(getattr(together, name), getattr(alone, name))
