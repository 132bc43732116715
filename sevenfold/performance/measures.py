"""Metrics of a model by its labels, with limits, beside the estimates without labels.

References
----------
Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 143, 1982 (its standard error).
Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from loguru import logger

from sevenfold.performance.calibration import ASSUMES, Z95, Estimate, estimate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from sevenfold.performance.calibration import Calibration
    from sevenfold.performance.join import Joined

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

log = logger.bind(channel="monitoring")

MOST_SEGMENTS, OTHERS = 20, "(others)"


@dataclass(frozen=True, slots=True)
class Performance:
    """One metric of some predictions.

    Attributes
    ----------
    metric
        accuracy, auc or brier (the mean squared error of the probabilities).
    segment
        The value of the field `by` of `OutcomeJoin`; "all" without one, "(others)" for those beyond 20.
    n_rows, n_labelled
        Predictions, and those with a label.
    realized_value
        The metric by the labels; None without the labels that it needs.
    lower, upper
        Where the true value lies, at 95 %: of the realized one, or, of accuracy without labels, of the estimate.
    estimated_value
        The metric by the scores alone, of all rows; None without a calibration, and for brier.
    gap
        Realized less estimated, both of the labelled rows: the part that the estimate can't see.
    assumes
        What the estimate needs in order to be right; None without one.

    Examples
    --------
    >>> from sevenfold.performance import OutcomeJoin
    >>> join = OutcomeJoin()
    >>> join.add_predictions([{"prediction_id": "a", "probability": 0.9}, {"prediction_id": "b", "probability": 0.2}])
    >>> join.add_outcomes([{"prediction_id": "a", "actual": 1}, {"prediction_id": "b", "actual": 1}])
    >>> accuracy, auc, brier = measure(join.joined())
    >>> (accuracy.metric, accuracy.n_labelled, accuracy.realized_value)
    ('accuracy', 2, 0.5)
    """

    metric: str
    segment: str
    n_rows: int
    n_labelled: int
    realized_value: float | None
    lower: float | None
    upper: float | None
    estimated_value: float | None
    gap: float | None
    assumes: str | None


def measure(joined: Joined, calibration: Calibration | None = None) -> list[Performance]:
    """Return accuracy, AUC and Brier score of each segment, the largest first; those beyond 20 count as one.

    Examples
    --------
    >>> from sevenfold.performance import OutcomeJoin
    >>> join = OutcomeJoin()
    >>> join.add_predictions([{"prediction_id": "a", "probability": 0.9}, {"prediction_id": "b", "probability": 0.2}])
    >>> join.add_outcomes([{"prediction_id": "a", "actual": 1}, {"prediction_id": "b", "actual": 0}])
    >>> [(found.metric, round(found.realized_value, 3)) for found in measure(join.joined())]
    [('accuracy', 1.0), ('auc', 1.0), ('brier', 0.025)]
    """
    places, names = _largest(joined)
    performances = []
    for place, name in enumerate(names):
        rows = places == place
        labelled, positive, right = joined.labelled[rows], joined.positive[rows], joined.right[rows]
        probability = joined.probability[rows]
        scored = ~np.isnan(probability)
        both = labelled & scored
        everywhere = None if calibration is None or not scored.any() else estimate(probability[scored], calibration)
        here = None if calibration is None or not both.any() else estimate(probability[both], calibration)
        counts = name, int(rows.sum()), int(labelled.sum())
        performances += [
            _accuracy(counts, int(right.sum()), everywhere, here),
            _auc(counts, probability[both], positive[both], everywhere, here),
            _brier(counts, probability[both], positive[both]),
        ]
    return performances


def _largest(joined: Joined) -> tuple[NDArray[np.intp], list[str]]:
    """Return a number for each row's segment, the largest first, and the segments' names; the small ones are one."""
    sizes = np.bincount(joined.segment, minlength=len(joined.segments))
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(sizes.size, dtype=np.intp)
    rank[order] = np.minimum(np.arange(sizes.size), MOST_SEGMENTS)
    names = [joined.segments[place] for place in order[:MOST_SEGMENTS].tolist()]
    return rank[joined.segment], [*names, OTHERS] if sizes.size > MOST_SEGMENTS else names


def log_performance(performances: Iterable[Performance], joined: Joined | None = None) -> None:
    """Log a line `performance` for each metric and segment to `monitoring`; with `joined`, first a line `labels`.

    Examples
    --------
    >>> from sevenfold.performance import OutcomeJoin
    >>> join = OutcomeJoin()
    >>> join.add_predictions([{"prediction_id": "a", "probability": 0.9}])
    >>> shown = logger.add(lambda line: print(line, end=""), format="{message}")
    >>> log_performance(measure(join.joined()), join.joined())
    labels
    performance
    performance
    performance
    >>> logger.remove(shown)
    """
    if joined is not None:
        counts = {"n_duplicates": joined.n_duplicates, "n_unknown": joined.n_unknown, "n_repeated": joined.n_repeated}
        n_rows, n_labelled = joined.labelled.size, int(joined.labelled.sum())
        log.info("labels", n_rows=n_rows, n_labelled=n_labelled, **counts, labelled_fraction=joined.labelled_fractions)
    for one in performances:
        log.info("performance", **asdict(one))


def wilson(hits: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Return the limits of a share, hits of n >= 1, in [0, 1].

    Examples
    --------
    >>> [round(limit, 3) for limit in wilson(8, 10)]
    [0.49, 0.943]
    """
    centre = (hits + z * z / 2.0) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(hits * (n - hits) / n + z * z / 4.0)
    return max(0.0, centre - half), min(1.0, centre + half)


def roc_auc(scores: Floats, positive: Flags) -> float:
    """Return the probability that a positive scores higher than a negative, ties half; NaN if a class is absent.

    Examples
    --------
    >>> roc_auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    n_positive = int(positive.sum())
    n_pairs = n_positive * (positive.size - n_positive)
    if not n_pairs:
        return math.nan
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    return float((ranks[place][positive].sum() - n_positive * (n_positive + 1) / 2.0) / n_pairs)


def _accuracy(
    counts: tuple[str, int, int], n_right: int, everywhere: Estimate | None, here: Estimate | None
) -> Performance:
    n_labelled = counts[2]
    value = n_right / n_labelled if n_labelled else None
    limits = wilson(n_right, n_labelled) if n_labelled else _limits(everywhere)
    gap = None if value is None or here is None else value - here.accuracy
    expected = None if everywhere is None else everywhere.accuracy
    return _performance("accuracy", counts, value, limits, estimated=expected, gap=gap)


def _auc(
    counts: tuple[str, int, int], scores: Floats, positive: Flags, everywhere: Estimate | None, here: Estimate | None
) -> Performance:
    value = _or_none(roc_auc(scores, positive))
    limits = (None, None) if value is None else _around(value, _auc_error(value, int(positive.sum()), positive.size))
    expected = None if everywhere is None else _or_none(everywhere.auc)
    gap = None if value is None or here is None else _or_none(value - here.auc)
    return _performance("auc", counts, value, limits, estimated=expected, gap=gap)


def _brier(counts: tuple[str, int, int], scores: Floats, positive: Flags) -> Performance:
    if not scores.size:
        return _performance("brier", counts, None, (None, None))
    losses = (scores - positive) ** 2
    limits = _around(float(losses.mean()), float(losses.std()) / math.sqrt(losses.size))
    return _performance("brier", counts, float(losses.mean()), limits)


def _performance(
    metric: str,
    counts: tuple[str, int, int],
    value: float | None,
    limits: tuple[float | None, float | None],
    *,
    estimated: float | None = None,
    gap: float | None = None,
) -> Performance:
    segment, n_rows, n_labelled = counts
    assumes = None if estimated is None else ASSUMES
    return Performance(metric, segment, n_rows, n_labelled, value, *limits, estimated, gap, assumes)


def _limits(found: Estimate | None) -> tuple[float | None, float | None]:
    return (None, None) if found is None else (found.lower, found.upper)


def _around(value: float, error: float) -> tuple[float, float]:
    return max(0.0, value - Z95 * error), min(1.0, value + Z95 * error)


def _auc_error(auc: float, n_positive: int, n: int) -> float:
    """Return the standard error of an AUC (Hanley and McNeil 1982)."""
    n_negative = n - n_positive
    two_positives, two_negatives = auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc)
    spread = (n_positive - 1) * (two_positives - auc**2) + (n_negative - 1) * (two_negatives - auc**2)
    return math.sqrt(max(0.0, auc * (1.0 - auc) + spread) / (n_positive * n_negative))


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
