import math

import numpy as np
import pytest

from sevenfold.channel_log import ChannelLog
from sevenfold.performance import Calibration, estimate, log_calibration
from sevenfold.performance.measures import roc_auc

Rng = np.random.Generator


def sigmoid(z: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-z)))


def world(
    rng: Rng, n_rows: int, *, sure: float = 1.0, bias: float = 0.0, towards: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores, which may be too sure or biased, and labels; `towards` .5 moves the rows."""
    z = rng.normal(0, 1.6, n_rows) * (1 - towards)
    return sigmoid(sure * z + bias), (rng.random(n_rows) < sigmoid(z)).astype(int)


@pytest.mark.whole
@pytest.mark.parametrize("n_trials", [100, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("model", "later"),
    [({}, {}), ({"sure": 2.0}, {}), ({"bias": 1.0}, {}), ({}, {"towards": 0.5}), ({"sure": 2.0}, {"towards": 0.5})],
    ids=["calibrated", "too sure", "biased", "moved", "too sure and moved"],
)
def test_the_estimate_is_right_and_its_interval_holds(
    model: dict[str, float], later: dict[str, float], n_trials: int
) -> None:
    rng = np.random.default_rng(n_trials)
    errors, held, of_auc = [], [], []
    for _ in range(n_trials):
        calibration = Calibration.fit(*world(rng, 2000, **model))
        scores, labels = world(rng, 2000, **model, **later)
        found = estimate(scores, calibration)
        accuracy = float(((scores >= 0.5) == labels).mean())
        errors.append(found.accuracy - accuracy)
        held.append(found.lower <= accuracy <= found.upper)
        of_auc.append(found.auc - roc_auc(scores, labels == 1))
    assert abs(np.mean(errors)) <= 0.01
    assert abs(np.mean(of_auc)) <= 0.01
    assert np.mean(held) >= (0.92 if n_trials == 1000 else 0.85)


def test_what_labels_alone_show_is_not_in_the_estimate_and_it_says_so() -> None:
    rng = np.random.default_rng(2)
    calibration = Calibration.fit(*world(rng, 2000))
    scores, labels = world(rng, 2000)
    found = estimate(scores, calibration)
    assert found.assumes == "no concept drift"
    assert found.lower > float(((scores >= 0.5) == 1 - labels).mean())


def test_an_expected_auc_by_hand() -> None:
    # Scores .2, .6, .6 with q as they are. P(positive, negative) over the pairs, ties half.
    told = Calibration(1.0, 0.0, (0.0, 0.0, 0.0), 100, 10)
    q = [0.2, 0.6, 0.6]
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    weight = {(i, j): q[i] * (1 - q[j]) for i, j in pairs}
    wins = sum(w * (1.0 if q[i] > q[j] else 0.5 if q[i] == q[j] else 0.0) for (i, j), w in weight.items())
    assert estimate(q, told).auc == pytest.approx(wins / sum(weight.values()))
    assert estimate(q, told).accuracy == pytest.approx((0.8 + 0.6 + 0.6) / 3)
    assert math.isnan(estimate([0.3], told).auc)


def test_scores_of_0_and_1_and_classes_told_apart_without_an_error_stay_finite() -> None:
    calibration = Calibration.fit([0.0, 0.1, 0.9, 1.0] * 50, [0, 0, 1, 1] * 50)
    assert math.isfinite(calibration.slope)
    assert calibration.n_wrong == 0
    found = estimate([0.0, 1.0], calibration)
    assert 0.9 < found.lower <= found.accuracy <= found.upper <= 1.0


def test_the_threshold_says_what_was_decided() -> None:
    calibration = Calibration.fit([0.1, 0.3, 0.6, 0.8], [0, 1, 0, 1], threshold=0.7)
    assert (calibration.n_rows, calibration.n_wrong) == (4, 1)
    assert Calibration.fit([0.1, 0.3, 0.6, 0.8], [0, 1, 0, 1]).n_wrong == 2


def test_a_line_says_all_that_a_calibration_is(channel_log: ChannelLog) -> None:
    calibration = Calibration.fit(*world(np.random.default_rng(3), 500))
    log_calibration(calibration, "v1")
    (line,) = channel_log.channel("monitoring")
    assert (line.message, line.fields["model_version"]) == ("calibration", "v1")
    assert Calibration.of(line.fields) == calibration


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([0.5, 1.5], [0, 1], r"scores: expected probabilities of the positive class"),
        ([0.5, float("nan")], [0, 1], r"scores: expected probabilities of the positive class"),
        ([0.5], [0, 1], r"labels: expected 1, one a score, got 2"),
        ([0.5, 0.4], [1, 1], r"labels: expected 0 and 1, both of them in the validation rows"),
        ([0.5, 0.4, 0.3], [0, 1, 2], r"labels: expected 0 and 1"),
        ([0.5, 0.4, 0.3], [0, 1, float("nan")], r"labels: expected 0 and 1"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(scores: list[float], labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Calibration.fit(scores, labels)
    with pytest.raises(ValueError, match=r"^scores: expected at least 1, got none$"):
        estimate([], Calibration(1.0, 0.0, (0.0, 0.0, 0.0), 100, 10))
