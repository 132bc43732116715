"""Accuracy and AUC estimated without labels: what calibrated scores promise, if the world still is what it was.

References
----------
Platt, "Probabilistic outputs for support vector machines", 1999; by Newton's method as in
    Lin, Lin and Weng, "A note on Platt's probabilistic outputs", Machine Learning 68, 2007.
Confidence-based performance estimation (CBPE) is the name that NannyML's makers gave the method.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from loguru import logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

log = logger.bind(channel="monitoring")

ASSUMES = "no concept drift"
Z95 = 1.959963984540054
STEPS, CONVERGED = 50, 1e-10
RIDGE = 1e-9
LEAST = 1e-12  # a score of 0 or 1 has no logit


@dataclass(frozen=True, slots=True)
class Estimate:
    """Accuracy and AUC of some rows, estimated without labels.

    Attributes
    ----------
    n_rows
        The number of rows.
    accuracy, lower, upper
        The share of right decisions, and where it lies in 95 % of samples of `n_rows` rows; in [0, 1].
    auc
        The area under the ROC curve, NaN where only one class is to be expected.
    assumes
        What the estimate can't see: that the same score now means something else.

    Examples
    --------
    >>> calibration = Calibration.fit([0.1, 0.4, 0.6, 0.9] * 50, [0, 0, 1, 1, 0, 1, 0, 1] * 25)
    >>> found = estimate([0.93, 0.2, 0.55, 0.71], calibration)
    >>> (found.n_rows, round(found.accuracy, 2), found.assumes)
    (4, 0.81, 'no concept drift')
    """

    n_rows: int
    accuracy: float
    lower: float
    upper: float
    auc: float
    assumes: str = ASSUMES


@dataclass(frozen=True, slots=True)
class Calibration:
    """From a model's scores to probabilities, as its validation rows show: logit q = slope logit score + intercept.

    Attributes
    ----------
    slope, intercept
        1 and 0 where the scores are calibrated; a slope below 1 where they are too sure.
    covariance
        Of slope and intercept: (variance, covariance, variance).
    n_rows, n_wrong
        Validation rows, and those that were decided wrongly: what a later loss is compared with.
    threshold
        The least score of the positive class.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> logits = rng.normal(0, 1.6, 20_000)
    >>> labels = rng.random(20_000) < 1 / (1 + np.exp(-logits))
    >>> too_sure = 1 / (1 + np.exp(-2 * logits))
    >>> round(Calibration.fit(too_sure, labels).slope, 1)
    0.5
    """

    slope: float
    intercept: float
    covariance: tuple[float, float, float]
    n_rows: int
    n_wrong: int
    threshold: float = 0.5

    @classmethod
    def fit(cls, scores: ArrayLike, labels: ArrayLike, *, threshold: float = 0.5) -> Calibration:
        """Fit to validation rows, which the model wasn't trained on.

        Parameters
        ----------
        scores
            Shape (n,): the model's probability of the positive class, in [0, 1].
        labels
            Shape (n,): 1 for the positive class, 0 for the other.
        threshold
            The least score that the model takes for the positive class.

        Raises
        ------
        ValueError
            If a score isn't in [0, 1], a label isn't 0 or 1, the shapes differ, or a class is absent.
        """
        p, y = _checked(scores), np.asarray(labels, dtype=np.float64)
        if p.shape != y.shape:
            raise ValueError(f"labels: expected {p.size}, one a score, got {y.size}")
        n_positive = int((y == 1.0).sum())
        if n_positive in (0, p.size) or not np.isin(y, (0.0, 1.0)).all():
            raise ValueError("labels: expected 0 and 1, both of them in the validation rows")
        (slope, intercept), covariance = _platt(_logits(p), y, n_positive)
        n_wrong = int(((p >= threshold) != (y == 1.0)).sum())
        variances = float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])
        return cls(float(slope), float(intercept), variances, p.size, n_wrong, threshold)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Calibration:
        """Read the fields of a line `calibration`, such as ``dataclasses.asdict`` gives."""
        variances: Sequence[float] = fields["covariance"]
        return cls(
            slope=float(fields["slope"]),
            intercept=float(fields["intercept"]),
            covariance=(float(variances[0]), float(variances[1]), float(variances[2])),
            n_rows=int(fields["n_rows"]),
            n_wrong=int(fields["n_wrong"]),
            threshold=float(fields["threshold"]),
        )

    def probabilities(self, scores: ArrayLike) -> Floats:
        """Return the calibrated probability of the positive class, shape (n,), in [0, 1]."""
        return _sigmoid(self.slope * _logits(_checked(scores)) + self.intercept)


def estimate(scores: ArrayLike, calibration: Calibration) -> Estimate:
    """Estimate accuracy and AUC of rows without labels, from their scores, shape (n,) with n >= 1.

    The interval has two parts: the labels' own chance, sum q (1 - q) / n^2, and the calibration's, J C J' with the
    mean's derivatives J by slope and intercept.

    Raises
    ------
    ValueError
        If a score isn't in [0, 1], or there is none.

    Examples
    --------
    >>> calibration = Calibration.fit([0.1, 0.4, 0.6, 0.9] * 50, [0, 0, 1, 1, 0, 1, 0, 1] * 25)
    >>> found = estimate([0.93, 0.2, 0.55, 0.71], calibration)
    >>> f"{found.accuracy:.2f}, in [{found.lower:.2f}, {found.upper:.2f}]"
    '0.81, in [0.45, 1.00]'
    """
    p = _checked(scores)
    if not p.size:
        raise ValueError("scores: expected at least 1, got none")
    q, x = calibration.probabilities(p), _logits(p)
    positive = p >= calibration.threshold
    right = np.where(positive, q, 1.0 - q)
    slopes = np.where(positive, 1.0, -1.0) * q * (1.0 - q)
    by_slope, by_intercept = float((slopes * x).mean()), float(slopes.mean())
    var_slope, cov, var_intercept = calibration.covariance
    variance = float((right * (1.0 - right)).mean()) / p.size
    variance += by_slope**2 * var_slope + 2.0 * by_slope * by_intercept * cov + by_intercept**2 * var_intercept
    accuracy, half = float(right.mean()), Z95 * math.sqrt(max(0.0, variance))
    return Estimate(p.size, accuracy, max(0.0, accuracy - half), min(1.0, accuracy + half), _expected_auc(p, q))


def log_calibration(calibration: Calibration, model_version: str) -> None:
    """Log a line `calibration` to `monitoring`, from which `sevenfold performance` knows what to expect.

    Examples
    --------
    >>> shown = logger.add(lambda line: print(line, end=""), format="{message} {extra[model_version]} {extra[n_rows]}")
    >>> log_calibration(Calibration.fit([0.1, 0.4, 0.6, 0.9], [0, 1, 0, 1]), model_version="2026-11")
    calibration 2026-11 4
    >>> logger.remove(shown)
    """
    log.info("calibration", model_version=model_version, **asdict(calibration))


def _expected_auc(scores: Floats, q: Floats) -> float:
    """Return the expected share of pairs of a positive and a negative in which the positive scores higher.

    Ties count half; a row is in no pair with itself.
    """
    order = np.argsort(scores, kind="stable")
    q, ordered = q[order], scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    positive, negative = np.add.reduceat(q, starts), np.add.reduceat(1.0 - q, starts)
    itself = np.add.reduceat(q * (1.0 - q), starts)
    below = np.cumsum(negative) - negative
    pairs = float(positive @ below + 0.5 * (positive * negative - itself).sum())
    total = float(q.sum() * (1.0 - q).sum() - itself.sum())
    return pairs / total if total > 0.0 else math.nan


def _platt(x: Floats, y: Floats, n_positive: int) -> tuple[Floats, Floats]:
    """Return slope and intercept by Newton's method, no step of them beyond 1, and their covariance, (2, 2)."""
    # Platt's targets keep a slope finite where the classes are told apart without an error.
    n_negative = y.size - n_positive
    targets = np.where(y == 1.0, (n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0))
    design = np.column_stack([x, np.ones_like(x)])
    parameters: Floats = np.array([1.0, 0.0])
    for _ in range(STEPS):
        q = _sigmoid(design @ parameters)
        information: Floats = (design * (q * (1.0 - q))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(information, design.T @ (targets - q))
        step /= max(1.0, float(np.abs(step).max()))
        parameters += step
        if np.abs(step).max() < CONVERGED:
            break
    return parameters, np.asarray(np.linalg.inv(information), dtype=np.float64)


def _checked(scores: ArrayLike) -> Floats:
    p = np.asarray(scores, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0.0) & (p <= 1.0)).all():
        raise ValueError("scores: expected probabilities of the positive class, one a row, each in [0, 1]")
    return p


def _logits(p: Floats) -> Floats:
    p = np.clip(p, LEAST, 1.0 - LEAST)
    logits: Floats = np.log(p) - np.log1p(-p)
    return logits


def _sigmoid(logits: Floats) -> Floats:
    q: Floats = np.exp(-np.logaddexp(0.0, -logits))
    return q
