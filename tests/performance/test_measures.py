from typing import Any

import numpy as np
import pytest

from sevenfold.channel_log import ChannelLog
from sevenfold.performance import Calibration, OutcomeJoin, Performance, log_performance, measure
from sevenfold.performance.measures import MOST_SEGMENTS, roc_auc, wilson

TOLD = Calibration(1.0, 0.0, (0.0, 0.0, 0.0), 2000, 400)


def performances(
    rows: list[tuple[float, int | None, str]], calibration: Calibration | None = None
) -> list[Performance]:
    join = OutcomeJoin(by="region")
    for number, (probability, actual, region) in enumerate(rows):
        join.add_predictions([{"prediction_id": number, "probability": probability, "region": region}])
        if actual is not None:
            join.add_outcomes([{"prediction_id": number, "actual": actual}])
    return measure(join.joined(), calibration)


def test_a_segment_has_accuracy_auc_and_brier_score_by_hand() -> None:
    accuracy, auc, brier = performances([(0.9, 1, "n"), (0.6, 0, "n"), (0.2, 0, "n"), (0.7, None, "n")])
    assert (accuracy.metric, accuracy.segment, accuracy.n_rows, accuracy.n_labelled) == ("accuracy", "n", 4, 3)
    assert accuracy.realized_value == pytest.approx(2 / 3)
    assert (accuracy.lower, accuracy.upper) == pytest.approx(wilson(2, 3))
    assert (auc.metric, auc.realized_value) == ("auc", 1.0)
    assert brier.metric == "brier"
    assert brier.realized_value == pytest.approx((0.01 + 0.36 + 0.04) / 3)
    assert {one.estimated_value for one in (accuracy, auc, brier)} == {None}


def test_the_gap_is_of_the_labelled_rows_and_the_estimate_of_all() -> None:
    accuracy, auc, _ = performances([(0.9, 1, "n"), (0.6, 0, "n"), (0.7, None, "n")], TOLD)
    assert accuracy.estimated_value == pytest.approx((0.9 + 0.6 + 0.7) / 3)
    assert accuracy.gap == pytest.approx(0.5 - 0.75)
    assert accuracy.assumes == auc.assumes == "no concept drift"


def test_without_labels_the_limits_are_those_of_the_estimate() -> None:
    accuracy, auc, brier = performances([(0.9, None, "n"), (0.6, None, "n")], TOLD)
    assert accuracy.realized_value is accuracy.gap is auc.realized_value is brier.realized_value is None
    assert accuracy.lower is not None
    assert accuracy.upper is not None
    assert accuracy.estimated_value is not None
    assert accuracy.lower < accuracy.estimated_value < accuracy.upper


def test_the_largest_segments_come_first_and_many_small_ones_are_one() -> None:
    rows = [(0.9, 1, f"r{number % (MOST_SEGMENTS + 10)}") for number in range(10 * MOST_SEGMENTS)] + [
        (0.1, 1, "bad")
    ] * 50
    found = [one for one in performances(list(rows)) if one.metric == "accuracy"]
    assert (found[0].segment, found[0].realized_value) == ("bad", 0.0)
    assert len(found) == MOST_SEGMENTS + 1
    assert found[-1].segment == "(others)"
    assert sum(one.n_rows for one in found) == len(rows)


def test_wilsons_limits_hold() -> None:
    rng = np.random.default_rng(1)
    for share, n in ((0.5, 30), (0.9, 50), (0.98, 200)):
        held = [low <= share <= high for low, high in (wilson(int(k), n) for k in rng.binomial(n, share, 2000))]
        assert 0.92 <= np.mean(held) <= 0.99
    assert wilson(0, 5)[0] == 0.0
    assert wilson(5, 5)[1] == 1.0


@pytest.mark.whole("sklearn")
def test_the_auc_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    rng = np.random.default_rng(2)
    for _ in range(20):
        scores, positive = np.round(rng.random(200), 1), rng.random(200) < 0.3
        assert roc_auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


@pytest.mark.whole
def test_the_limits_of_an_auc_hold() -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(200):
        positive = rng.random(400) < 0.4
        z = rng.standard_normal(400) + positive
        probability = 1 / (1 + np.exp(-z))
        join = OutcomeJoin()
        join.add_predictions({"prediction_id": i, "probability": p} for i, p in enumerate(probability.tolist()))
        join.add_outcomes({"prediction_id": i, "actual": y} for i, y in enumerate(positive.tolist()))
        auc = measure(join.joined())[1]
        assert auc.lower is not None
        assert auc.upper is not None
        held.append(auc.lower <= 0.7602 <= auc.upper)  # Phi(1 / sqrt 2)
    assert 0.9 <= np.mean(held) <= 1.0


def test_each_metric_is_a_line_of_monitoring(channel_log: ChannelLog) -> None:
    join = OutcomeJoin()
    join.add_predictions([{"prediction_id": "a", "probability": 0.9}, {"prediction_id": "b", "probability": 0.2}])
    join.add_outcomes([{"prediction_id": "a", "actual": 1}])
    joined = join.joined()
    log_performance(measure(joined, TOLD), joined)
    lines: list[tuple[str, dict[str, Any]]] = [(one.message, dict(one.fields)) for one in channel_log.records]
    assert {one.channel for one in channel_log.records} == {"monitoring"}
    assert [message for message, _ in lines] == ["labels", *["performance"] * 3]
    assert lines[0][1]["labelled_fraction"] == {"positive": 1.0, "negative": 0.0}
    assert lines[1][1]["realized_value"] == 1.0
    assert lines[1][1]["assumes"] == "no concept drift"
