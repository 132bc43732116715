from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tqdm import tqdm

from pipeline.data.loading import load_dataset
from pipeline.data.table import Dataset, Table, make_synthetic, split
from pipeline.model.logistic import sigmoid
from pipeline.model.training import average_precision, log_loss, roc_auc, train
from sevenfold.channel_log import ChannelLog
from tests.support.log_files import told
from tests.support.tables import fitted, one_column, synthetic

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Made = tuple[dict[str, Any], "NDArray[np.float64]"]  # columns, and the logits of the target
Make = Callable[[np.random.Generator, int], Made]


# The formulas


def test_the_log_loss_by_hand_and_for_huge_logits() -> None:
    assert log_loss(np.array([1, 0]), np.array([np.log(3), np.log(3)])) == pytest.approx(np.log(16 / 3) / 2)
    assert log_loss(np.array([1, 0]), np.array([1e4, -1e4])) == 0
    assert log_loss(np.array([1, 0]), np.array([-1e4, 1e4])) == 1e4
    assert log_loss(np.array([1]), np.array([40.0])) == pytest.approx(np.exp(-40), rel=1e-12)


@pytest.mark.whole("sklearn")
def test_the_log_loss_is_that_of_scikit_learn(sklearn: Any) -> None:
    rng = np.random.default_rng(0)
    target, logits = rng.integers(0, 2, 500), rng.normal(0, 4, 500)
    assert log_loss(target, logits) == pytest.approx(sklearn.metrics.log_loss(target, sigmoid(logits)), rel=1e-12)


def test_the_auc_by_hand() -> None:
    assert roc_auc([0, 1, 0, 1], [1, 2, 3, 4]) == 0.75
    assert roc_auc([0, 1, 1], [1, 1, 2]) == 0.75
    assert roc_auc([0, 1], [5, 5]) == 0.5
    assert roc_auc([1, 0], [0, np.inf]) == 0


@pytest.mark.whole("sklearn")
@pytest.mark.parametrize("levels", [3, 50, 10**9])
def test_the_auc_is_that_of_scikit_learn_with_ties_and_without(sklearn: Any, levels: int) -> None:
    rng = np.random.default_rng(levels)
    target, score = rng.integers(0, 2, 400), rng.integers(0, levels, 400)
    assert roc_auc(target, score) == pytest.approx(sklearn.metrics.roc_auc_score(target, score), abs=1e-12)


def test_the_auc_depends_on_the_order_alone() -> None:
    rng = np.random.default_rng(0)
    target, score = rng.integers(0, 2, 200), rng.normal(size=200)
    assert roc_auc(target, np.exp(3 * score)) == roc_auc(target, score)
    assert roc_auc(target, -score) == pytest.approx(1 - roc_auc(target, score))


def test_the_auc_of_one_class_is_nan_and_a_nan_score_is_refused() -> None:
    assert np.isnan(roc_auc([1, 1], [1, 2]))
    assert np.isnan(roc_auc([], []))
    with pytest.raises(ValueError, match="score must have no NaN, got one"):
        roc_auc([0, 1], [1, np.nan])


# Against scikit-learn


def assert_as_good(sklearn: Any, dataset: Dataset, seed: int) -> None:
    """Train both on the same rows, and compare what they make of the held-out ones."""
    rng = np.random.default_rng(seed)
    train_rows, val, held_out = split(dataset, rng)
    model, report = train(train_rows, val, rng=rng, seed=seed)
    assert report.stop_reason == "converged"
    oracle = scikit_learn_model(sklearn, train_rows.table).fit(matrix(train_rows.table), train_rows.target)
    ours = model.predict_probability(held_out.table)
    theirs = oracle.predict_proba(matrix(held_out.table))[:, 1]
    assert roc_auc(held_out.target, ours) == pytest.approx(roc_auc(held_out.target, theirs), abs=0.005)
    accuracy = [np.mean((score >= 0.5) == held_out.target) for score in (ours, theirs)]
    assert accuracy[0] == pytest.approx(accuracy[1], abs=0.01)


def matrix(table: Table) -> NDArray[np.object_]:
    return np.column_stack([column.astype(object) for column in table.columns.values()])


def scikit_learn_model(sklearn: Any, table: Table) -> Any:
    prepare, imputer = sklearn.preprocessing, sklearn.impute.SimpleImputer
    numeric = sklearn.pipeline.make_pipeline(
        prepare.FunctionTransformer(partial(np.asarray, dtype=np.float64)),
        imputer(strategy="median", add_indicator=True),
        prepare.RobustScaler(),
        prepare.FunctionTransformer(partial(np.clip, a_min=-8, a_max=8)),
        prepare.StandardScaler(),
    )
    text = sklearn.pipeline.make_pipeline(
        imputer(strategy="constant", missing_values=None, fill_value="missing"),
        prepare.OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist"),
    )
    kinds = [("numeric", numeric), ("categorical", text)]
    columns = sklearn.compose.ColumnTransformer(
        [(kind, steps, [table.names.index(name) for name in getattr(table, kind)]) for kind, steps in kinds]
    )
    return sklearn.pipeline.make_pipeline(columns, sklearn.linear_model.LogisticRegression(max_iter=5000, tol=1e-9))


@pytest.mark.whole("sklearn")
@pytest.mark.parametrize(("n_rows", "n_features"), [(500, 8), (2000, 1), (2000, 8), (2000, 30)])
@pytest.mark.parametrize("seed", [0, 1])
def test_synthetic_data_is_learned_as_by_scikit_learn(sklearn: Any, n_rows: int, n_features: int, seed: int) -> None:
    dataset = make_synthetic(n_rows, n_features, np.random.default_rng(seed))
    assert_as_good(sklearn, dataset, seed)


@pytest.mark.whole("sklearn")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_breast_cancer_table_is_learned_as_by_scikit_learn(sklearn: Any, seed: int) -> None:
    cancer = sklearn.datasets.load_breast_cancer()
    columns = dict(zip(map(str, cancer.feature_names), cancer.data.T, strict=True))
    dataset = Dataset(Table(columns), cancer.target.astype(np.int8))
    assert_as_good(sklearn, dataset, seed)


def loans(rng: np.random.Generator, n: int) -> Made:
    """Skewed money, two text columns, gaps that mean something, and one absurd income."""
    income = np.exp(rng.normal(10, 0.7, n))
    job = rng.choice(["clerk, senior", "nurse", 'the "boss"', "none"], n, p=[0.4, 0.3, 0.1, 0.2])
    purpose = rng.choice(["car", "house", "other"], n)
    debt = rng.gamma(2.0, 5000.0, n)
    gap = rng.random(n) < 0.2
    logits = 1.5 * (np.log(income) - 10) - debt / 8000 + 1.2 * (job == "nurse") + 0.8 * (purpose == "house") + gap
    columns: dict[str, Any] = {"income": [*map(repr, map(float, income))], "job": job, "purpose": purpose}
    columns["debt"] = ["NA" if missing else f"{value:.2f}" for value, missing in zip(debt, gap, strict=True)]
    columns["income"][7] = "1e12"
    return columns, logits


def visits(rng: np.random.Generator, n: int) -> Made:
    """A text column of 300 levels with a long tail, counts that are mostly 0, and an absurd one."""
    place = np.minimum(rng.zipf(1.6, n), 300)
    effect = rng.normal(0, 1.2, 301)
    visited = rng.poisson(0.3, n)
    age = rng.normal(45, 12, n)
    logits = effect[place] + 0.9 * visited - (age - 45) / 10
    columns = {"place": [f"place {i}" for i in place], "visits": [*map(str, visited)], "age": [f"{x:.1f}" for x in age]}
    columns["visits"][11] = "-1000000000000"
    columns["age"][:200] = [""] * 200
    return columns, logits


def answers(rng: np.random.Generator, n: int) -> Made:
    """Text columns with gaps, one number with a heavy tail, and an absurd one in it."""
    levels = ["never", "seldom", "often", "always"]
    codes = rng.integers(0, 4, (n, 5))
    tail = rng.standard_t(3, n)
    logits = codes @ np.array([0.8, -0.6, 0.5, 0.3, 0.0]) - 1.5 + 0.5 * tail
    columns = {f"q{j}": [levels[i] if rng.random() > 0.1 else "n/a" for i in codes[:, j]] for j in range(5)}
    columns["tail"] = [*map(str, tail)]
    columns["tail"][3] = "3e9"
    return columns, logits


@pytest.mark.whole("sklearn")
@pytest.mark.parametrize("make", [loans, visits, answers])
@pytest.mark.parametrize("seed", [0, 1])
def test_text_gaps_and_an_outlier_are_learned_as_by_scikit_learn(
    sklearn: Any, make: Make, seed: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    columns, logits = make(rng, 3000)
    columns["y"] = np.where(logits > rng.logistic(size=len(logits)), "yes", "no")
    with (tmp_path / "table.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])
    dataset = load_dataset(tmp_path / "table.csv", "y")[0]
    assert dataset.table.names == tuple(columns)[:-1]
    assert_as_good(sklearn, dataset, seed)


def cities(rng: np.random.Generator) -> Dataset:
    """Draw a text column of 200 levels, each with an effect of its own."""
    city, effect, age = rng.integers(0, 200, 10_000), rng.normal(0, 1.2, 200), rng.normal(size=10_000)
    columns = {"age": age, "city": np.array([f"city {i}" for i in city], dtype=object)}
    return Dataset(Table(columns), (effect[city] + age > rng.logistic(size=10_000)).astype(np.int8))


def sparse_signal(rng: np.random.Generator) -> Dataset:
    """Draw 2,000 columns, of which 30 say something."""
    x = rng.normal(size=(3000, 2000))
    logits = 0.5 * x[:, :30] @ rng.normal(size=30)
    columns = {f"c{j}": x[:, j].copy() for j in range(2000)}
    return Dataset(Table(columns), (logits > rng.logistic(size=3000)).astype(np.int8))


def cars(rng: np.random.Generator) -> Dataset:
    """Draw weight, power, displacement and the like: eight columns that say nearly the same."""
    size = rng.normal(size=400)
    columns = {f"c{j}": 10.0**j * (size + 0.05 * (j + 1) * rng.normal(size=400)) for j in range(8)}
    return Dataset(Table(columns), (3 * size > rng.logistic(size=400)).astype(np.int8))


@pytest.mark.whole("sklearn")
@pytest.mark.parametrize("make", [sparse_signal, cars, cities])
@pytest.mark.parametrize("seed", [0, 1])
def test_wide_correlated_and_many_levelled_tables_are_learned_as_by_scikit_learn(
    sklearn: Any, make: Callable[[np.random.Generator], Dataset], seed: int
) -> None:
    assert_as_good(sklearn, make(np.random.default_rng(seed)), seed)


@pytest.mark.whole("sklearn")
@pytest.mark.parametrize("l2", [0.1, 1.0, 20.0])
def test_the_weights_are_those_of_scikit_learn(sklearn: Any, l2: float) -> None:
    train_rows, val, _, rng = synthetic(n_rows=2000)
    model, _ = train(train_rows, val, l2=l2, rng=rng)
    oracle = sklearn.linear_model.LogisticRegression(C=1 / l2, tol=1e-10, max_iter=1000)
    oracle.fit(model.encoder.transform(train_rows.table), train_rows.target)
    np.testing.assert_allclose(model.weights, oracle.coef_[0], atol=1e-4)
    assert model.bias == pytest.approx(oracle.intercept_[0], abs=1e-4)


@pytest.mark.whole("sklearn")
@pytest.mark.parametrize("levels", [2, 7, 10**9])
def test_the_average_precision_is_that_of_scikit_learn_with_ties_and_without(sklearn: Any, levels: int) -> None:
    rng = np.random.default_rng(levels)
    target, score = rng.integers(0, 2, 400), rng.integers(0, levels, 400)
    expected = sklearn.metrics.average_precision_score(target, score)
    assert average_precision(target, score) == pytest.approx(expected, abs=1e-12)


def test_the_average_precision_by_hand() -> None:
    assert average_precision([1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([1, 0, 0, 0], [5, 5, 5, 5]) == 0.25
    assert np.isnan(average_precision([0, 0], [1, 2]))


def test_the_bias_is_not_penalised() -> None:
    target = [1] * 90 + [0] * 10
    rows = one_column([-1.0, 1.0] * 50, target)
    model, _ = train(rows, rows, l2=1e6, rng=np.random.default_rng(0))
    assert model.bias == pytest.approx(np.log(9), abs=1e-4)
    assert model.weights[0] == pytest.approx(0, abs=1e-4)


# Training


def test_a_training_is_logged_from_the_data_to_its_end(channel_log: ChannelLog) -> None:
    train_rows, val, _, rng = synthetic()
    _, report = train(train_rows, val, epochs=3, rng=rng, seed=17)
    assert {(level, channel) for level, channel, _, _ in told(channel_log)} == {("INFO", "training")}
    assert [message for _, _, message, _ in told(channel_log)] == [
        "data",
        "epoch",
        "epoch",
        "epoch",
        "training finished",
    ]
    columns = train_rows.table.columns
    majority = int(train_rows.target.mean() >= 0.5)
    assert told(channel_log)[0][3] == {
        "n_train": 600,
        "n_val": 200,
        "n_features": 4,
        "feature_mean": {name: pytest.approx(column.mean()) for name, column in columns.items()},
        "feature_std": {name: pytest.approx(column.std()) for name, column in columns.items()},
        "positive_rate": train_rows.target.mean(),
        "baseline_accuracy": np.mean(val.target == majority),
        "seed": 17,
    }
    scores = ["train_loss", "val_loss", "val_accuracy", "val_auc", "val_average_precision"]
    steps = ["gradient_norm", "step_size"]
    assert list(told(channel_log)[1][3]) == ["epoch", "epochs", *scores, *steps, "epoch_duration_s"]
    assert [(fields["epoch"], fields["epochs"]) for *_, fields in told(channel_log)[1:4]] == [(1, 3), (2, 3), (3, 3)]
    assert told(channel_log)[4][3] == asdict(report)


def test_the_baseline_is_the_class_that_is_frequent_in_training() -> None:
    rows = one_column(range(30), [1] * 20 + [0] * 10)
    _, report = train(rows, rows.take(slice(17, 30)), epochs=1, rng=np.random.default_rng(0))
    assert report.baseline_accuracy == 3 / 13


def test_training_ends_at_the_optimum_and_the_report_is_about_its_model(channel_log: ChannelLog) -> None:
    train_rows, val, _, rng = synthetic(seed=3, n_rows=300, n_features=20)
    model, report = train(train_rows, val, epochs=200, rng=rng)
    epochs = [fields for _, _, message, fields in told(channel_log) if message == "epoch"]
    assert (report.stop_reason, report.n_epochs) == ("converged", len(epochs))
    assert epochs[-1]["gradient_norm"] <= 1e-6 < epochs[-2]["gradient_norm"]
    losses = [fields["train_loss"] for fields in epochs]
    assert losses[0] > losses[1]
    probability = model.predict_probability(val.table)
    assert report.val_loss == pytest.approx(log_loss(val.target, np.log(probability / (1 - probability))))
    assert report.val_auc == roc_auc(val.target, probability)
    assert report.val_average_precision == pytest.approx(average_precision(val.target, probability))
    assert report.val_accuracy == np.mean((probability >= 0.5) == val.target)


def test_training_ends_with_the_last_epoch_that_is_allowed() -> None:
    train_rows, val, _, rng = synthetic()
    _, report = train(train_rows, val, epochs=2, rng=rng)
    assert (report.stop_reason, report.n_epochs) == ("max_epochs", 2)
    assert report.val_accuracy > report.baseline_accuracy + 0.1


def test_the_same_seed_gives_the_same_model_to_the_last_bit() -> None:
    first, again, other = fitted(), fitted(), fitted(l2=2.0)
    assert (first.weights.tolist(), first.bias) == (again.weights.tolist(), again.bias)
    assert first.weights.tolist() != other.weights.tolist()


def test_the_scale_of_a_column_does_not_matter() -> None:
    train_rows, val, _, _ = synthetic()

    def scaled(dataset: Dataset) -> Dataset:
        columns = {name: 1024.0 * column for name, column in dataset.table.columns.items()}
        return Dataset(Table(columns), dataset.target)

    first = train(train_rows, val, rng=np.random.default_rng(0))[0]
    again = train(scaled(train_rows), scaled(val), rng=np.random.default_rng(0))[0]
    np.testing.assert_allclose(again.weights, first.weights, rtol=1e-9)


@pytest.mark.parametrize("n_rows", [2, 7, 30])
def test_a_handful_of_rows_is_enough_to_train(n_rows: int) -> None:
    rows = one_column(range(n_rows), [i % 2 for i in range(n_rows)])
    model, _ = train(rows, rows, rng=np.random.default_rng(0))
    assert np.isfinite(model.predict_probability(rows.table)).all()


def test_validation_rows_of_one_class_have_no_auc() -> None:
    rows = one_column(range(30), [i % 2 for i in range(30)])
    _, report = train(rows, rows.take(np.array([0, 2])), rng=np.random.default_rng(0))
    assert np.isnan(report.val_auc)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"l2": np.nan}, "l2 must be at least 0, got nan"),
        ({"l2": -0.5}, "l2 must be at least 0, got -0.5"),
    ],
)
def test_an_argument_out_of_range_is_refused(argument: dict[str, Any], message: str, channel_log: ChannelLog) -> None:
    rows = one_column(range(30), [i % 2 for i in range(30)])
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        train(rows, rows, rng=np.random.default_rng(0), **argument)
    assert str(caught.value) == message
    assert told(channel_log) == []


def test_an_infinite_value_in_either_part_is_refused(channel_log: ChannelLog) -> None:
    good = one_column(range(30), [i % 2 for i in range(30)])
    bad = one_column([*range(17), np.inf, *range(12)], good.target)
    for parts in ((good, bad), (bad, good)):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
            train(*parts, rng=np.random.default_rng(0))
        assert str(caught.value) == "row 17, column 'a': expected a finite number, got inf"
    assert told(channel_log) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    train_rows, val, _, rng = synthetic(n_rows=100)
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    shown = {}
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        train(train_rows, val, epochs=2, rng=rng)
        shown[type(stream)] = stream.getvalue()
    assert "training:   0%|" in shown[Terminal]
    assert shown[io.StringIO] == ""
