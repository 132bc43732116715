"""Log the outcomes of scored rows, once they are known, and how right the model was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loguru import logger

from pipeline.audit_events import audit
from pipeline.model.inference import prediction_ids
from sevenfold.performance import (
    BettingAlarm,
    Calibration,
    OutcomeJoin,
    log_alarm,
    log_calibration,
    log_performance,
    measure,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.data.table import Dataset, Table
    from pipeline.model.logistic import LogisticModel

log = logger.bind(channel="predictions")


def calibrate(model: LogisticModel, validation: Dataset) -> Calibration | None:
    """Fit the calibration of a model's scores and log it; None if the validation rows are of one class."""
    if validation.target.min() == validation.target.max():
        return None
    scores = model.predict_probability(validation.table)
    calibration = Calibration.fit(scores, validation.target, threshold=model.threshold)
    log_calibration(calibration, model.version)
    return calibration


class Outcomes:
    """Logs the outcomes of each batch of scored rows.

    Parameters
    ----------
    model : LogisticModel
        The model that scored them.
    calibration : Calibration
        The calibration on its validation rows.
    """

    def __init__(self, model: LogisticModel, calibration: Calibration) -> None:
        self._model, self._calibration = model, calibration
        self._join, self._alarm = OutcomeJoin(by="batch_id"), BettingAlarm.after(calibration)

    def learn(self, batch: Table, target: NDArray[Any], *, batch_id: str, prefix: str) -> None:
        """Log the outcomes of a batch that was scored with this prefix; audit it if the alarm rings."""
        ids, actual = prediction_ids(prefix, batch.n_rows), target.tolist()
        log.info("outcome", batch={"prediction_id": ids, "actual": actual})
        probability = self._model.predict_probability(batch)
        n_wrong = int(((probability >= self._model.threshold) != (target == 1)).sum())
        common = {"batch_id": batch_id, "threshold": self._model.threshold}
        rows = zip(ids, probability.tolist(), strict=True)
        self._join.add_predictions({"prediction_id": one, "probability": p, **common} for one, p in rows)
        outcomes = zip(ids, actual, strict=True)
        self._join.add_outcomes({"prediction_id": one, "actual": label} for one, label in outcomes)
        if self._alarm.update(n_wrong, batch.n_rows):
            audit("performance_dropped", "detected", resource=batch_id, wrong_fraction=n_wrong / batch.n_rows)
        log_alarm(self._alarm, batch_id)

    def sum_up(self) -> None:
        """Log how right the model was with each batch."""
        joined = self._join.joined()
        log_performance(measure(joined, self._calibration), joined)
