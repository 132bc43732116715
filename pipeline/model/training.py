"""Logistic regression in NumPy: mini-batches, L2, Adam, early stopping.

References
----------
D. P. Kingma, J. Ba. Adam: a method for stochastic optimization. ICLR 2015; the step decays as in its section 4.
L. Prechelt. Early stopping - but when? In: Neural Networks: Tricks of the Trade, 1998.
J. A. Hanley, B. J. McNeil. The meaning and use of the area under a ROC curve. Radiology 143, 1982.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from loguru import logger
from tqdm import tqdm

from pipeline.data.table import summarise
from pipeline.model.features import FeatureEncoder
from pipeline.model.logistic import THRESHOLD, LogisticModel, sigmoid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from pipeline.data.table import Dataset, Index

log = logger.bind(channel="training")

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Adam's, as its authors suggest
MIN_STEPS = 20  # in an epoch, as far as the rows allow: in fewer, a small table would learn too little


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One pass over the training rows. Losses are mean log losses in nats, without the penalty."""

    epoch: int
    epochs: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    val_auc: float
    learning_rate: float
    epoch_duration_s: float


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """How training ended: the validation figures are those of the best epoch, whose weights the model has.

    `baseline_accuracy` is that of always predicting the training rows' more frequent class.
    """

    best_epoch: int
    stop_reason: str
    val_loss: float
    val_accuracy: float
    val_auc: float
    baseline_accuracy: float


def train(
    train: Dataset,
    val: Dataset,
    *,
    epochs: int = 40,
    batch_size: int = 128,
    learning_rate: float = 0.02,
    l2: float = 1.0,
    patience: int = 5,
    rng: np.random.Generator,
    seed: int | None = None,
) -> tuple[LogisticModel, TrainingReport]:
    """Fit a model to `train`, and keep the weights of the epoch that does best on `val`.

    Parameters
    ----------
    train, val : Dataset
        At least one row each, with the same columns.
    epochs : int
        At most so many passes.
    batch_size : int
        Rows a step; fewer where the table is small.
    learning_rate : float
        Adam's step in the first epoch; in epoch t it is divided by the root of t.
    l2 : float
        Added to the summed log loss is `l2` / 2 times the squared length of the weights (not the bias): at 1, each has
        a standard normal prior.
    patience : int
        Stop after so many epochs in a row without a lower validation loss.
    rng : np.random.Generator
        Shuffles the rows.
    seed : int, optional
        What `rng` was made from: only logged.

    Raises
    ------
    ValueError
        If an argument is out of range, or a value of a table infinite (NaN means missing, and is fine).
    """
    _check(epochs, batch_size, patience, learning_rate, l2)
    encoder = FeatureEncoder.fit(train.table)
    rows, val_rows = _Rows.encoded(encoder, train), _Rows.encoded(encoder, val)
    baseline = _baseline_accuracy(train, val)
    summary = asdict(summarise(train))
    log.info("data", n_train=train.n_rows, n_val=val.n_rows, **summary, baseline_accuracy=baseline, seed=seed)
    passes = _passes(rows, val_rows, rng, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, l2=l2)
    (best, parameters), stop_reason = _best(passes, epochs, patience)
    report = TrainingReport(best.epoch, stop_reason, best.val_loss, best.val_accuracy, best.val_auc, baseline)
    log.info("training finished", **asdict(report))
    return LogisticModel(encoder, parameters[:-1], float(parameters[-1])), report


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


class _Rows(NamedTuple):
    """Encoded rows: `x` is (n, k + 1), its last column all ones for the bias; `y` is (n,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]

    @classmethod
    def encoded(cls, encoder: FeatureEncoder, dataset: Dataset) -> _Rows:
        inputs = encoder.transform(dataset.table)
        return cls(np.hstack([inputs, np.ones((dataset.n_rows, 1))]), dataset.target.astype(np.float64))

    def take(self, index: Index) -> _Rows:
        return _Rows(self.x[index], self.y[index])


@dataclass(slots=True, eq=False)
class _Adam:
    parameters: NDArray[np.float64]  # (k + 1,), the bias last
    mean: NDArray[np.float64]
    square: NDArray[np.float64]
    n_steps: int = 0

    def step(self, gradient: NDArray[np.float64], learning_rate: float) -> None:
        self.n_steps += 1
        self.mean += (1 - BETA_1) * (gradient - self.mean)
        self.square += (1 - BETA_2) * (gradient**2 - self.square)
        mean = self.mean / (1 - BETA_1**self.n_steps)
        square = self.square / (1 - BETA_2**self.n_steps)
        self.parameters -= learning_rate * mean / (np.sqrt(square) + EPSILON)


def _passes(
    rows: _Rows, val: _Rows, rng: np.random.Generator, *, epochs: int, batch_size: int, learning_rate: float, l2: float
) -> Iterator[tuple[EpochReport, NDArray[np.float64]]]:
    """Yield each epoch's report, and the parameters that it is about."""
    n, width = rows.x.shape
    batch_size = min(batch_size, max(1, n // MIN_STEPS))
    penalty = np.append(np.full(width - 1, l2 / n), 0.0)
    adam = _Adam(np.zeros(width), np.zeros(width), np.zeros(width))
    for epoch in range(1, epochs + 1):
        started = time.perf_counter()
        rate = learning_rate / math.sqrt(epoch)
        _descend(adam, rows.take(rng.permutation(n)), batch_size, rate, penalty)
        scores = _scores(adam.parameters, rows, val)
        duration = time.perf_counter() - started
        report = EpochReport(epoch, epochs, **scores, learning_rate=rate, epoch_duration_s=duration)
        yield report, adam.parameters.copy()


def _descend(adam: _Adam, rows: _Rows, batch_size: int, learning_rate: float, penalty: NDArray[np.float64]) -> None:
    for start in range(0, len(rows.y), batch_size):
        x, y = rows.take(slice(start, start + batch_size))
        with np.errstate(over="raise", invalid="raise"):
            error = sigmoid(x @ adam.parameters) - y
            adam.step(x.T @ error / len(y) + penalty * adam.parameters, learning_rate)


def _scores(parameters: NDArray[np.float64], rows: _Rows, val: _Rows) -> dict[str, float]:
    logits = val.x @ parameters
    return {
        "train_loss": log_loss(rows.y, rows.x @ parameters),
        "val_loss": log_loss(val.y, logits),
        "val_accuracy": float(np.mean((sigmoid(logits) >= THRESHOLD) == val.y)),
        "val_auc": roc_auc(val.y, logits),
    }


def _best(
    passes: Iterable[tuple[EpochReport, NDArray[np.float64]]], epochs: int, patience: int
) -> tuple[tuple[EpochReport, NDArray[np.float64]], str]:
    """Return the pass of least validation loss, and why there was none after the last."""
    history = []
    with tqdm(total=epochs, desc="training", unit="epoch", leave=False, disable=None) as bar:
        for report, parameters in passes:
            bar.update()  # before the line: what is logged redraws the bar
            log.info("epoch", **asdict(report))
            history.append((report, parameters))
            best = min(history, key=lambda one: one[0].val_loss)
            if report.epoch - best[0].epoch >= patience:
                return best, "early_stopping"
    return best, "max_epochs"


def _check(epochs: int, batch_size: int, patience: int, learning_rate: float, l2: float) -> None:
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate must be positive, got {learning_rate}")
    if not l2 >= 0:
        raise ValueError(f"l2 must be at least 0, got {l2}")


def _baseline_accuracy(train: Dataset, val: Dataset) -> float:
    majority = train.target.mean() >= THRESHOLD
    return float(np.mean(val.target == majority))
