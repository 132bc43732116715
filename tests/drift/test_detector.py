from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pytest

from sevenfold.channel_log import ChannelLog
from sevenfold.drift import DriftDetector, DriftMonitor, FeatureDrift, log_report
from sevenfold.lines.values import plain

Columns = dict[str, np.ndarray]
Rng = np.random.Generator

N_FEATURES = 10
N_REFERENCES = 10
few_and_many = pytest.mark.parametrize("n_batches", [100, pytest.param(400, marks=pytest.mark.slow)])


def gaussians(rng: Rng, n_rows: int) -> Columns:
    return dict(zip("abcdefghij", rng.standard_normal((N_FEATURES, n_rows)), strict=True))


def words(values: list[str | None]) -> np.ndarray:
    return np.array(values, dtype=object)


def levels(rng: Rng, n_rows: int, n_levels: int = 20) -> np.ndarray:
    return words([f"level {i:02d}" for i in range(n_levels)])[rng.integers(0, n_levels, n_rows)]


def share_of_batches(
    rng: Rng,
    table: Callable[[Rng, int], Columns],
    n_rows: int,
    change: Callable[[Columns], None],
    feature: str | None,
    n_batches: int,
) -> float:
    """Return the share of batches that alarm, against ten references of 10,000 rows: for any feature, or for one."""
    alarms = 0
    for _ in range(N_REFERENCES):
        detector = DriftDetector(table(rng, 10_000))
        for _ in range(n_batches // N_REFERENCES):
            batch = table(rng, n_rows)
            change(batch)
            report = detector.check(batch, batch_id="b")
            alarms += feature in report.drifted_features if feature else report.drift_detected
    return alarms / n_batches


def nothing(_: Columns) -> None:
    pass


@pytest.mark.whole
@few_and_many
@pytest.mark.parametrize("n_rows", [50, 500, *(pytest.param(n, marks=pytest.mark.slow) for n in (100, 5000))])
def test_at_most_six_in_a_hundred_batches_without_drift_alarm(n_rows: int, n_batches: int) -> None:
    assert share_of_batches(np.random.default_rng(n_rows), gaussians, n_rows, nothing, None, n_batches) <= 0.06


@few_and_many
def test_at_most_six_in_a_hundred_batches_of_categories_without_drift_alarm(n_batches: int) -> None:
    def table(rng: Rng, n_rows: int) -> Columns:
        return {"twenty": levels(rng, n_rows), "hundreds": levels(rng, n_rows, 300)}

    assert share_of_batches(np.random.default_rng(6), table, 500, nothing, None, n_batches) <= 0.06


@pytest.mark.whole
@few_and_many
def test_a_quarter_of_a_standard_deviation_is_found_in_500_rows(n_batches: int) -> None:
    def shift(batch: Columns) -> None:
        batch["d"] += 0.25

    assert share_of_batches(np.random.default_rng(7), gaussians, 500, shift, "d", n_batches) >= 0.95


@pytest.mark.whole
@few_and_many
def test_half_as_much_variance_again_is_found_in_500_rows(n_batches: int) -> None:
    def widen(batch: Columns) -> None:
        batch["d"] *= np.sqrt(1.5)

    assert share_of_batches(np.random.default_rng(8), gaussians, 500, widen, "d", n_batches) >= 0.90


@pytest.fixture(scope="module")
def reference() -> Columns:
    rng = np.random.default_rng(10)
    return {
        **gaussians(rng, 10_000),
        "tiny": rng.standard_normal(10_000) * 1e-6,
        "constant": np.full(10_000, 7.0),
        "flag": (rng.random(10_000) < 0.3).astype(np.int64),
        "word": levels(rng, 10_000, 3),
        "id": words([f"id {i}" for i in range(10_000)]),
        "empty": np.full(10_000, np.nan),
        "one word": words(["x"] * 10_000),
    }


@pytest.fixture(scope="module")
def detector(reference: Columns) -> DriftDetector:
    return DriftDetector(reference)


@pytest.fixture
def batch() -> Columns:
    """Return 500 rows without drift: found to be so by the first test that uses them."""
    rng = np.random.default_rng(12)
    return {
        **gaussians(rng, 500),
        "tiny": rng.standard_normal(500) * 1e-6,
        "constant": np.full(500, 7.0),
        "flag": rng.random(500) < 0.3,
        "word": levels(rng, 500, 3),
        "id": words([f"id {i}" for i in range(10_000, 10_500)]),
        "empty": np.full(500, np.nan),
        "one word": words(["x"] * 500),
        "extra": words([None] * 500),
    }


def drifted(detector: DriftDetector, batch: Columns) -> tuple[str, ...]:
    return detector.check(batch, batch_id="b").drifted_features


def row(detector: DriftDetector, batch: Columns, feature: str) -> FeatureDrift:
    return next(row for row in detector.check(batch, batch_id="b").features if row.feature == feature)


def test_a_batch_without_drift_has_one_row_per_feature_of_the_reference(
    detector: DriftDetector, reference: Columns, batch: Columns
) -> None:
    report = detector.check(batch, batch_id="b-1")
    verdict = asdict(report)
    rows = verdict.pop("features")
    assert [verdict.pop("tally")["n_rows"], verdict.pop("joint")["drift_detected"]] == [500, False]
    assert verdict == {
        "batch_id": "b-1",
        "batch_size": 500,
        "reference_size": 10_000,
        "n_features": 17,
        "n_drifted": 0,
        "share_drifted": 0.0,
        "drifted_features": (),
        "n_outputs_drifted": 0,
        "drifted_outputs": (),
        "joint_detected": False,
        "drift_detected": False,
        "severity": "none",
        "status": "ok",
    }
    assert [row["feature"] for row in rows] == list(reference)
    statuses = {"constant": "constant", "one word": "constant", "empty": "all_missing"}
    assert [row["status"] for row in rows] == [statuses.get(name, "ok") for name in reference]


def test_a_shifted_feature_is_the_one_that_is_found(detector: DriftDetector, batch: Columns) -> None:
    batch["c"] = batch["c"] + 0.4
    report = detector.check(batch, batch_id="b")
    assert (report.n_drifted, report.drifted_features, report.severity) == (1, ("c",), "moderate")
    assert report.share_drifted == 1 / 17
    found = row(detector, batch, "c")
    assert found.psi == pytest.approx(0.16, abs=0.06)  # 0.4 squared, if there were many cells


def test_the_method_is_the_test_that_found_most(detector: DriftDetector, batch: Columns) -> None:
    batch["a"] = batch["a"] + 0.25
    batch["b"] = batch["b"] * 1.5
    batch["c"] = np.where(np.abs(batch["c"]) < 0.3, 0.3, batch["c"])
    found = {name: row(detector, batch, name) for name in "abc"}
    assert [found[name].method for name in "abc"] == ["rank_sum", "chi_squared", "kolmogorov_smirnov"]
    assert found["a"].statistic == pytest.approx(0.07, abs=0.04)  # Phi(0.25 / sqrt 2) - 1/2


@dataclass(frozen=True)
class Judged:
    method: str
    p_value: float
    p_value_adjusted: float


def judged(found: FeatureDrift) -> Judged:
    assert found.p_value is not None
    assert found.p_value_adjusted is not None
    return Judged(found.method, found.p_value, found.p_value_adjusted)


@pytest.mark.whole("scipy")
def test_a_p_value_is_multiplied_by_the_number_of_tests_and_then_adjusted_for_the_number_of_features(
    stats: Any,
) -> None:
    rng = np.random.default_rng(19)
    reference = {"x": rng.standard_normal(1000), "y": np.repeat(words(["a", "b"]), [500, 500])}
    batch = {"x": rng.standard_normal(100) + 0.3, "y": np.repeat(words(["a", "b"]), [60, 40])}
    x, y = map(judged, DriftDetector(reference, joint=False).check(batch, batch_id="b").features)
    ranks = stats.mannwhitneyu(reference["x"], batch["x"], use_continuity=False, method="asymptotic").pvalue
    chi_squared = stats.chi2_contingency([[500, 500], [60, 40]], correction=False).pvalue
    assert (x.method, y.method) == ("rank_sum", "chi_squared")
    assert [x.p_value, y.p_value] == pytest.approx([4 * ranks, 5 * chi_squared], rel=0.05)  # ranks by 256 cells
    assert [x.p_value_adjusted, y.p_value_adjusted] == pytest.approx([2 * x.p_value, y.p_value])
    x, y = map(judged, DriftDetector(reference).check(batch, batch_id="b").features)  # joint has a quarter of alpha
    assert [x.p_value_adjusted, y.p_value_adjusted] == pytest.approx([2 * x.p_value / 0.75, y.p_value / 0.75])


def test_severity_is_named_by_psi(detector: DriftDetector, batch: Columns) -> None:
    still = batch["a"]
    found = []
    for shift in (0.0, 0.25, 0.4, 0.8):
        batch["a"] = still + shift
        found.append(row(detector, batch, "a").severity)
    assert found == ["none", "minor", "moderate", "major"]


def test_a_large_batch_does_not_alarm_for_a_difference_that_does_not_matter() -> None:
    rng = np.random.default_rng(13)
    reference, batch = {"x": rng.standard_normal(200_000)}, {"x": rng.standard_normal(200_000) + 0.05}
    (found,) = DriftDetector(reference).check(batch, batch_id="b").features
    assert found.p_value is not None
    assert found.p_value < 1e-9
    assert not found.drift_detected
    assert DriftDetector(reference, psi_floor=0.0).check(batch, batch_id="b").drift_detected


def test_a_feature_of_scale_1e_6_is_as_good_as_any(detector: DriftDetector, batch: Columns) -> None:
    batch["tiny"] = batch["tiny"] + 0.5e-6
    assert drifted(detector, batch) == ("tiny",)


def test_one_nan_neither_hides_drift_nor_is_drift(detector: DriftDetector, batch: Columns) -> None:
    batch["a"][0] = np.nan
    batch["b"] = batch["b"] + 0.5
    batch["b"][0] = np.nan
    assert drifted(detector, batch) == ("b",)
    assert row(detector, batch, "a").missing_fraction == 0.002


def test_one_nan_does_not_change_the_p_value_of_the_others_by_more_than_its_own_row(
    detector: DriftDetector, batch: Columns
) -> None:
    batch["b"] = batch["b"] + 0.2
    before = row(detector, batch, "b").p_value
    batch["b"][np.argsort(batch["b"])[250]] = np.nan
    assert row(detector, batch, "b").p_value == pytest.approx(before, rel=0.2)


def test_a_share_of_missing_values_is_drift(detector: DriftDetector, batch: Columns) -> None:
    for name in ("a", "word"):
        batch[name][:150] = np.nan if name == "a" else None
        found = row(detector, batch, name)
        assert (found.method, found.missing_fraction, found.status) == ("missing_share", 0.3, "ok")
        assert found.statistic == pytest.approx(0.3)
    assert drifted(detector, batch) == ("a", "word")


def test_the_share_of_missing_values_that_the_reference_has_is_no_drift() -> None:
    rng = np.random.default_rng(14)
    tables = []
    for n_rows in (10_000, 500):
        x = rng.standard_normal(n_rows)
        x[rng.random(n_rows) < 0.3] = np.nan
        tables.append({"x": x})
    assert not DriftDetector(tables[0]).check(tables[1], batch_id="b").drift_detected
    assert DriftDetector(tables[0]).check({"x": np.zeros(500)}, batch_id="b").drift_detected


@pytest.mark.parametrize("nothing_in_it", [np.full(500, np.nan), words([None] * 500)], ids=["numbers", "text"])
def test_a_column_that_is_all_missing_has_drifted_whatever_its_type(
    detector: DriftDetector, batch: Columns, nothing_in_it: np.ndarray
) -> None:
    for name in ("a", "word", "constant"):
        batch[name] = nothing_in_it
        found = row(detector, batch, name)
        assert (found.status, found.method, found.severity) == ("all_missing", "missing_share", "major")
    assert drifted(detector, batch) == ("a", "constant", "word")


def test_values_where_the_reference_had_none_are_drift(detector: DriftDetector, batch: Columns) -> None:
    batch["empty"] = np.ones(500)
    found = row(detector, batch, "empty")
    assert (found.drift_detected, found.status, found.statistic) == (True, "all_missing", -1.0)


def test_a_feature_that_stops_varying_has_drifted(detector: DriftDetector, batch: Columns) -> None:
    batch["a"] = np.zeros(500)
    assert drifted(detector, batch) == ("a",)


def test_a_constant_that_is_left_has_drifted(detector: DriftDetector, batch: Columns) -> None:
    batch["constant"] = np.where(np.arange(500) < 5, 3.0, 7.0)
    batch["one word"][:5] = "y"
    assert drifted(detector, batch) == ("constant", "one word")
    found = row(detector, batch, "constant")
    assert (found.status, found.method, found.unseen_levels) == ("constant", "unseen_share", ())
    batch["constant"] = batch["a"]
    assert row(detector, batch, "constant").severity == "major"


def test_a_feature_without_anything_to_test_has_no_p_value(detector: DriftDetector, batch: Columns) -> None:
    found = row(detector, batch, "constant")
    assert (found.method, found.statistic, found.p_value, found.psi) == ("none", None, None, 0.0)
    assert not found.drift_detected


def test_a_value_below_all_of_a_discrete_feature_is_found(detector: DriftDetector, batch: Columns) -> None:
    batch["flag"] = batch["flag"].astype(np.float64)
    batch["flag"][:100] = -1.0
    assert drifted(detector, batch) == ("flag",)


def test_infinities_are_values_like_others() -> None:
    rng = np.random.default_rng(15)
    reference, batch = rng.standard_normal(10_000), rng.standard_normal(500)
    reference[:1000], batch[:50] = np.inf, np.inf
    detector = DriftDetector({"x": reference})
    assert not detector.check({"x": batch}, batch_id="b").drift_detected
    batch[:200] = -np.inf
    assert detector.check({"x": batch}, batch_id="b").drift_detected


def test_a_new_level_is_found_and_listed_when_it_is_more_than_noise(detector: DriftDetector, batch: Columns) -> None:
    batch["word"][0] = "new"
    found = row(detector, batch, "word")
    assert (found.drift_detected, found.unseen_levels) == (False, ("new",))
    batch["word"][:10] = "new"
    batch["word"][10] = "newer"
    found = row(detector, batch, "word")
    assert (found.drift_detected, found.method, found.unseen_levels) == (True, "rare_share", ("new", "newer"))


def test_a_column_of_identifiers_has_not_drifted_and_lists_ten(detector: DriftDetector, batch: Columns) -> None:
    found = row(detector, batch, "id")
    assert not found.drift_detected
    assert len(found.unseen_levels) == 10


def test_other_shares_of_the_same_levels_are_drift(detector: DriftDetector, batch: Columns) -> None:
    batch["word"] = np.repeat(words(["level 00", "level 01", "level 02"]), [220, 140, 140])
    found = row(detector, batch, "word")
    assert (found.drift_detected, found.method, found.unseen_levels) == (True, "chi_squared", ())


@pytest.mark.parametrize("n_rows", [0, 1, 5, 29])
def test_few_rows_are_insufficient_data(detector: DriftDetector, batch: Columns, n_rows: int) -> None:
    report = detector.check({name: column[:n_rows] for name, column in batch.items()}, batch_id="b")
    assert (report.batch_size, report.status, report.drift_detected) == (n_rows, "insufficient_data", False)
    assert {(row.status, row.method, row.p_value, row.psi) for row in report.features} == {
        ("insufficient_data", "none", None, None)
    }


def test_thirty_rows_are_enough_and_a_small_reference_is_not(detector: DriftDetector, batch: Columns) -> None:
    thirty = {name: column[:30] for name, column in batch.items()}
    assert detector.check(thirty, batch_id="b").status == "ok"
    five = {name: column[:5] for name, column in batch.items()}
    assert DriftDetector(five).check(batch, batch_id="b").status == "insufficient_data"


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("a", words(["x"] * 500), "column 'a': expected numbers, got text"),
        ("word", np.zeros(500), "column 'word': expected text, got numbers"),
    ],
)
def test_a_column_of_another_type_is_refused(
    detector: DriftDetector, batch: Columns, name: str, column: np.ndarray, message: str
) -> None:
    batch[name] = column
    with pytest.raises(ValueError, match=f"^{message}$"):
        detector.check(batch, batch_id="b")


def test_a_batch_that_lacks_a_column_is_refused(detector: DriftDetector, batch: Columns) -> None:
    del batch["a"]
    with pytest.raises(ValueError, match=r"^column 'a': expected in every batch, as the reference has it, got none$"):
        detector.check(batch, batch_id="b")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0.0}, "alpha must be between 0 and 1, got 0.0"),
        ({"psi_floor": -0.1}, "psi_floor must be at least 0, got -0.1"),
        ({"psi_floor": float("nan")}, "psi_floor must be at least 0, got nan"),
        ({"min_rows": 0}, "min_rows must be at least 1, got 0"),
        ({"reference": {}}, "the reference must have at least 1 column, got 0"),
    ],
)
def test_a_detector_refuses_what_makes_no_sense(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        DriftDetector(**{"reference": {"x": np.zeros(50)}, **arguments})  # type: ignore[arg-type]


def test_the_callers_arrays_are_left_as_they_were() -> None:
    rng = np.random.default_rng(16)
    table = {"x": rng.standard_normal(100), "y": levels(rng, 100)}
    before = {name: column.copy() for name, column in table.items()}
    DriftDetector(table).check(table, batch_id="b")
    assert all(np.array_equal(table[name], before[name]) for name in table)


def test_the_order_of_rows_makes_no_difference(detector: DriftDetector, batch: Columns) -> None:
    order = np.random.default_rng(17).permutation(500)
    shuffled = {name: column[order] for name, column in batch.items()}
    ours, theirs = (detector.check(table, batch_id="b").features for table in (batch, shuffled))
    assert [row.p_value for row in ours] == [row.p_value for row in theirs]


@pytest.mark.parametrize(("shift", "level"), [(0.0, "INFO"), (1.0, "WARNING")])
def test_every_feature_and_then_the_verdict_are_logged(channel_log: ChannelLog, shift: float, level: str) -> None:
    rng = np.random.default_rng(18)
    detector = DriftDetector({"x": rng.standard_normal(1000), "y": levels(rng, 1000)})
    batch = {"x": rng.standard_normal(500) + shift, "y": levels(rng, 500)}
    report = detector.check(batch, batch_id="b-7")
    log_report(report)
    common = {"batch_id": "b-7", "batch_size": 500, "reference_size": 1000}
    verdict = asdict(report)
    rows, joint, _ = (verdict.pop(name) for name in ("features", "joint", "tally"))
    lines = [
        ("INFO", "feature", plain({**common, **rows[0]})),
        ("INFO", "feature", plain({**common, **rows[1]})),
        ("INFO", "joint", plain({**common, **joint})),
        (level, "batch", plain(verdict)),
    ]
    assert [(record.level, record.message, dict(record.fields)) for record in channel_log.records] == lines
    assert report.drifted_features == (("x",) if shift else ())
    channel_log.clear()
    found = DriftMonitor(detector).update(report)
    log_report(report, found)
    lines[-1] = ("INFO", "batch", plain(verdict))
    lines.append((level, "monitor", plain(asdict(found))))
    assert [(record.level, record.message, dict(record.fields)) for record in channel_log.records] == lines


def test_the_same_numbers_in_another_precision_or_computed_another_way_have_not_drifted() -> None:
    rng = np.random.default_rng(20)
    prices = np.array([0.99, 1.49, 2.99, 4.99, 14.99])
    reference, batch = ({"price": rng.choice(prices, n), "amount": rng.lognormal(size=n)} for n in (5000, 500))
    detector = DriftDetector(reference)
    as_is = detector.check(batch, batch_id="b").features
    for change in (np.float32, lambda x: x * 3 / 3 * 1.1 / 1.1):
        changed = {name: change(column) for name, column in batch.items()}
        assert detector.check(changed, batch_id="b").features == as_is
    single = {name: column.astype(np.float32) for name, column in reference.items()}
    assert not DriftDetector(single).check(batch, batch_id="b").drift_detected


def test_a_stand_in_value_far_out_is_found_in_a_hundredth_of_the_rows(detector: DriftDetector, batch: Columns) -> None:
    batch["a"][:5] = -9999.0
    found = row(detector, batch, "a")
    assert (found.drift_detected, found.method, found.statistic) == (True, "outside_share", 0.01)


def test_infinities_where_there_were_none_are_drift(detector: DriftDetector, batch: Columns) -> None:
    batch["a"][:10] = np.inf
    batch["b"][:10] = -np.inf
    assert drifted(detector, batch) == ("a", "b")
    found = row(detector, batch, "b")
    assert (found.method, found.infinite_fraction, found.missing_fraction) == ("infinite_share", 0.02, 0.0)


def test_a_number_between_the_few_there_were_is_drift() -> None:
    rng = np.random.default_rng(21)
    reference, batch = ({"n": rng.poisson(3, n).astype(float)} for n in (10_000, 500))
    batch["n"][:50] += 0.25
    (found,) = DriftDetector(reference).check(batch, batch_id="b").features
    assert (found.drift_detected, found.method) == (True, "unseen_share")


def test_an_output_is_compared_with_scores_of_other_rows_and_has_a_budget_of_its_own() -> None:
    rng = np.random.default_rng(22)
    reference, scores = gaussians(rng, 2000), rng.random(500)
    detector = DriftDetector(reference, outputs={"probability": scores})
    batch = gaussians(rng, 300)
    fine = detector.check(batch | {"probability": rng.random(300)}, batch_id="b")
    found = detector.check(batch | {"probability": rng.random(300) ** 2}, batch_id="b")
    assert [one.role for one in fine.features] == ["feature"] * 10 + ["output"]
    assert (fine.n_features, fine.n_outputs_drifted, fine.drift_detected) == (10, 0, False)
    assert (found.drifted_features, found.drifted_outputs, found.n_drifted) == ((), ("probability",), 0)
    assert found.drift_detected
    last = found.features[-1]
    assert last.p_value_adjusted == pytest.approx(last.p_value / 0.2)  # type: ignore[operator]
    named = DriftDetector(reference | {"p": rng.random(2000)}, outputs=["p"], ignore=["a"])
    assert named.outputs == ("p",)
    assert [one.feature for one in named.check(batch | {"p": rng.random(300)}, batch_id="b").features] == [
        *"bcdefghij",
        "p",
    ]
    with pytest.raises(ValueError, match=r"^output 'q': expected a column of the reference, got none$"):
        DriftDetector(reference, outputs=("q",))


def test_columns_that_no_longer_go_with_each_other_are_found_and_named() -> None:
    rng = np.random.default_rng(23)

    def table(n_rows: int, correlation: float) -> Columns:
        drawn = gaussians(rng, n_rows)
        drawn["b"] = correlation * drawn["a"] + np.sqrt(1 - correlation**2) * drawn["b"]
        return drawn

    detector = DriftDetector(table(10_000, 0.5))
    found = detector.check(table(500, -0.5), batch_id="b")
    assert (found.n_drifted, found.joint_detected, found.drift_detected) == (0, True, True)
    assert found.joint is not None
    assert (found.joint.method, found.joint.pair) == ("correlation", ("a", "b"))
    assert detector.check(table(500, 0.5), batch_id="b").joint_detected is False
    off = DriftDetector(table(10_000, 0.5), joint=False).check(table(500, -0.5), batch_id="b")
    assert (off.joint, off.joint_detected, off.drift_detected) == (None, None, False)


def test_a_large_batch_does_not_alarm_for_a_correlation_that_hardly_changed() -> None:
    rng = np.random.default_rng(24)

    def table(n_rows: int, correlation: float) -> Columns:
        x, y = rng.standard_normal((2, n_rows))
        return {"x": x, "y": correlation * x + np.sqrt(1 - correlation**2) * y}

    report = DriftDetector(table(200_000, 0.0)).check(table(200_000, 0.06), batch_id="b")
    assert report.joint is not None
    assert report.joint.p_value_adjusted < 0.01
    assert not report.drift_detected


@pytest.mark.whole
@pytest.mark.parametrize("n_days", [4, 20])
def test_days_that_differ_a_little_anyway_are_no_drift_where_the_reference_has_days(n_days: int) -> None:
    rng = np.random.default_rng(25)
    names = words(["u", "v", "w"])

    def day(n_rows: int, shift: float = 0.0) -> Columns:
        p = np.array([0.3, 0.3, 0.4]) + 0.1 * rng.standard_normal(3)
        p = np.clip(p, 0.05, 1)
        x = rng.standard_normal(n_rows) + 0.3 * rng.standard_normal() + shift
        return {"x": x, "y": x + rng.standard_normal(n_rows), "level": names[rng.choice(3, n_rows, p=p / p.sum())]}

    days = [day(500) for _ in range(n_days)]
    reference = {name: np.concatenate([one[name] for one in days]) for name in days[0]}
    plainly = DriftDetector(reference)
    grouped = DriftDetector(reference, groups=[f"day {i // 500}" for i in range(500 * n_days)])
    batches = [day(500) for _ in range(60)]
    shares = [
        np.mean([one.check(batch, batch_id="b").drift_detected for batch in batches]) for one in (plainly, grouped)
    ]
    assert shares[0] > 0.5
    assert shares[1] <= 0.1
    if n_days == 20:
        assert grouped.check(day(500, shift=3.0), batch_id="b").drift_detected


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([1, 2, 3], "groups: expected one a row, 50 in all, got 3"),
        ([1, 2] * 25, "groups: expected at least 3, got 2: leave them out"),
    ],
)
def test_groups_that_make_no_sense_are_refused(groups: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        DriftDetector({"x": np.zeros(50)}, groups=groups)


def test_a_reference_may_be_without_rows_or_of_outputs_alone() -> None:
    assert DriftDetector({"x": np.zeros(0)}).check({"x": np.zeros(50)}, batch_id="b").status == "insufficient_data"
    alone = DriftDetector({}, outputs={"p": np.linspace(0, 1, 200)})
    report = alone.check({"p": np.zeros(50)}, batch_id="b")
    assert (alone.reference_size, report.drifted_outputs, report.n_features) == (200, ("p",), 0)


def test_values_that_a_reference_in_groups_lacks_count_as_in_one_without() -> None:
    rng = np.random.default_rng(1)
    days = [np.round(np.abs(rng.normal(20 + shift, 3, 250))) for shift in rng.normal(0, 1, 40)]
    days[0][:4] = [100.0, 123.0, 145.0, 167.0]  # each alone with its number
    reference = {"x": np.concatenate(days)}
    batch = np.round(np.abs(rng.normal(20, 3, 250))) + 0.37 * (np.arange(250) % 2)
    plain = DriftDetector(reference).check({"x": batch}, batch_id="b").features[0]
    groups = np.repeat(np.arange(40), 250)
    grouped = DriftDetector(reference, groups=groups).check({"x": batch}, batch_id="b").features[0]
    assert (plain.method, grouped.method) == ("unseen_share", "unseen_share")
    assert grouped.statistic == pytest.approx(plain.statistic, abs=0.005)
    assert grouped.psi == pytest.approx(plain.psi, rel=0.3)
    assert (plain.p_value or 0.0) < (grouped.p_value or 1.0) < 0.001
