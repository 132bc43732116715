"""Logistic regression in NumPy: L2, Newton steps until the gradient is gone, each logged as an epoch.

References
----------
J. A. Hanley, B. J. McNeil. The meaning and use of the area under a ROC curve. Radiology 143, 1982.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from loguru import logger
from tqdm import tqdm

from pipeline.data.table import summarise
from pipeline.model.features import FeatureEncoder
from pipeline.model.logistic import THRESHOLD, LogisticModel, sigmoid
from pipeline.model.newton import Loss, descend

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from pipeline.data.table import Dataset
    from pipeline.model.features import Inputs
    from pipeline.model.newton import Step

log = logger.bind(channel="training")

CONVERGED = 1e-6  # the length of the gradient, as a part of what it was before the first step


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One step over all training rows. Losses are mean log losses in nats, without the penalty.

    `gradient_norm` is relative to its value before the first step; `step_size` is the part of Newton's step, in [0, 1].
    """

    epoch: int
    epochs: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    val_auc: float
    val_average_precision: float
    gradient_norm: float
    step_size: float
    epoch_duration_s: float


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """How training ended, and the validation figures of the model.

    `stop_reason` is "converged" or "max_epochs"; `baseline_accuracy` is the accuracy of always predicting the training
    rows' more frequent class.
    """

    n_epochs: int
    stop_reason: str
    val_loss: float
    val_accuracy: float
    val_auc: float
    val_average_precision: float
    baseline_accuracy: float


def train(
    train: Dataset,
    val: Dataset,
    *,
    epochs: int = 40,
    l2: float = 1.0,
    rng: np.random.Generator,
    seed: int | None = None,
) -> tuple[LogisticModel, TrainingReport]:
    """Fit a model to `train`, and log after each epoch how it does on `val`.

    Parameters
    ----------
    train, val : Dataset
        At least one row each, with the same columns.
    epochs : int
        The largest number of steps; training ends earlier once the gradient's length is a millionth of the first one.
    l2 : float
        Added to the summed log loss is `l2` / 2 times the squared length of the weights (not the bias): at 1, each has
        a standard normal prior.
    rng : np.random.Generator
        Chooses the rows by which long tables are prepared; the optimum doesn't depend on it.
    seed : int, optional
        What `rng` was made from: only logged.

    Raises
    ------
    ValueError
        If an argument is out of range, or a value of a table infinite (NaN means missing, and is fine).
    """
    _check(epochs, l2)
    encoder = FeatureEncoder.fit(train.table)
    rows, val_rows = encoder.inputs(train.table), encoder.inputs(val.table)
    baseline = _baseline_accuracy(train, val)
    summary = asdict(summarise(train))
    log.info("data", n_train=train.n_rows, n_val=val.n_rows, **summary, baseline_accuracy=baseline, seed=seed)
    steps = descend(Loss(rows, train.target.astype(np.float64), l2), rng)
    step, last = _until_converged(steps, train.target, val_rows, val.target, epochs)
    report = TrainingReport(
        last.epoch,
        "converged" if step.gradient_norm <= CONVERGED else "max_epochs",
        last.val_loss,
        last.val_accuracy,
        last.val_auc,
        last.val_average_precision,
        baseline,
    )
    log.info("training finished", **asdict(report))
    return LogisticModel(encoder, step.weights, step.bias), report


def log_loss(target: NDArray[Any], logits: NDArray[np.float64]) -> float:
    """Return the mean of -log P(target) in nats, from logits, so that no probability is ever rounded to 0 or 1."""
    return float(np.logaddexp(0.0, np.where(target == 1, -logits, logits)).mean())


def roc_auc(target: ArrayLike, score: ArrayLike) -> float:
    """Return the probability that a random positive scores higher than a random negative; a tie counts half.

    NaN if one class is absent.

    Raises
    ------
    ValueError
        If a score is NaN.
    """
    positive, scores = np.asarray(target) == 1, np.asarray(score, dtype=np.float64)
    if np.isnan(scores).any():
        raise ValueError("score must have no NaN, got one")
    n_positive = int(positive.sum())
    n_pairs = n_positive * (len(positive) - n_positive)
    if not n_pairs:
        return math.nan
    _, position, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[position]  # from 1; tied scores share their mean rank
    return float(rank[positive].sum() - n_positive * (n_positive + 1) / 2) / n_pairs


def average_precision(target: ArrayLike, score: ArrayLike) -> float:
    """Return the mean precision over the positives, each at its own score as the threshold.

    The share of positives, if scores say nothing; NaN without a positive.

    Examples
    --------
    >>> average_precision([0, 1, 0, 1], [0.1, 0.4, 0.35, 0.8])
    1.0
    """
    positive, scores = np.asarray(target) == 1, np.asarray(score, dtype=np.float64)
    if not positive.any():
        return math.nan
    _, position, count = np.unique(-scores, return_inverse=True, return_counts=True)
    hits = np.bincount(position, positive)
    return float(hits @ (np.cumsum(hits) / np.cumsum(count)) / hits.sum())


def _until_converged(
    steps: Iterable[Step],
    target: NDArray[np.int8],
    val: Inputs,
    val_target: NDArray[np.int8],
    epochs: int,
) -> tuple[Step, EpochReport]:
    """Return the last step, which is the first at the optimum or the last one allowed, and its report."""
    started = time.perf_counter()
    with tqdm(total=epochs, desc="training", unit="epoch", leave=False, disable=None) as bar:
        for epoch, step in enumerate(steps, start=1):
            scores = {"train_loss": log_loss(target, step.logits), **_scores(val_target, val, step)}
            ended = time.perf_counter()
            report = EpochReport(
                epoch,
                epochs,
                **scores,
                gradient_norm=step.gradient_norm,
                step_size=step.step_size,
                epoch_duration_s=ended - started,
            )
            bar.update()  # before the line: what is logged redraws the bar
            log.info("epoch", **asdict(report))
            if step.gradient_norm <= CONVERGED or epoch == epochs:
                return step, report
            started = time.perf_counter()
    raise AssertionError("the steps have no end")


def _scores(target: NDArray[np.int8], val: Inputs, step: Step) -> dict[str, float]:
    logits = val.dot(step.weights) + step.bias
    return {
        "val_loss": log_loss(target, logits),
        "val_accuracy": float(np.mean((sigmoid(logits) >= THRESHOLD) == target)),
        "val_auc": roc_auc(target, logits),
        "val_average_precision": average_precision(target, logits),
    }


def _check(epochs: int, l2: float) -> None:
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if not l2 >= 0:
        raise ValueError(f"l2 must be at least 0, got {l2}")


def _baseline_accuracy(train: Dataset, val: Dataset) -> float:
    majority = train.target.mean() >= THRESHOLD
    return float(np.mean(val.target == majority))
