"""An alarm that may be looked at every day: a bet against the model's being as good as it was."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
from loguru import logger

from sevenfold.performance.measures import wilson

if TYPE_CHECKING:
    from sevenfold.performance.calibration import Calibration
    from sevenfold.performance.join import Joined

log = logger.bind(channel="monitoring")

STAKES = np.array([0.125, 0.25, 0.5, 1.0])  # shares of the wealth: small ones find small losses, large ones quickly
Z90 = 1.6448536269514722  # the upper limit alone counts, at 95 %
TOLERATED = 0.01


class BettingAlarm:
    """Bet, batch by batch, that the loss is above a bound; much wealth is hardly ever won if it isn't.

    The wealth begins at 1 and begins anew where it fell below. If the loss is at most the bound, the expected number of
    batches before the wealth reaches horizon / alpha is at least horizon / alpha, in any order and sizes of batches, so
    that few years have a false alarm.

    Parameters
    ----------
    bound
        The most loss that is no alarm, in (0, 1): a share of wrong decisions.
    horizon
        Batches, such as days, for which `alpha` holds.
    alpha
        The chance of a false alarm within the horizon; in (0, 1).

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2024.
    Podkopaev and Ramdas, "Tracking the risk of a deployed model and detecting harmful distribution shifts", 2022.

    Examples
    --------
    >>> alarm = BettingAlarm(0.2)
    >>> [alarm.update(n_wrong, 200) for n_wrong in (40, 38, 62, 65, 60, 61)]
    [False, False, False, True, True, True]
    """

    def __init__(self, bound: float, *, horizon: int = 365, alpha: float = 0.05) -> None:
        if not 0.0 < bound < 1.0:
            raise ValueError(f"bound must be between 0 and 1, got {bound}")
        if horizon < 1 or not 0.0 < alpha < 1.0:
            raise ValueError(
                f"expected a horizon of at least 1 and an alpha between 0 and 1, got {horizon} and {alpha}"
            )
        self.bound, self.threshold = bound, horizon / alpha
        self._log_wealth = np.zeros(STAKES.size)

    @classmethod
    def after(cls, calibration: Calibration, *, horizon: int = 365, alpha: float = 0.05) -> BettingAlarm:
        """Return an alarm for a loss that exceeds the upper limit of the validation rows' loss by more than .01."""
        bound = wilson(calibration.n_wrong, calibration.n_rows, Z90)[1] + TOLERATED
        return cls(min(bound, 1.0 - TOLERATED / 2), horizon=horizon, alpha=alpha)

    @property
    def wealth(self) -> float:
        """The mean over the stakes, at least 0."""
        return float(np.exp(np.minimum(self._log_wealth, 600.0)).mean())

    @property
    def rings(self) -> bool:
        """Whether the wealth is at least horizon / alpha."""
        return self.wealth >= self.threshold

    def update(self, n_wrong: int, n_rows: int) -> bool:
        """Count a batch's labelled rows and the wrong decisions among them; return whether it alarms."""
        if not 0 <= n_wrong <= n_rows:
            raise ValueError(f"expected 0 to {n_rows} wrong decisions, got {n_wrong}")
        won, lost = np.log1p(STAKES * (1.0 - self.bound)), np.log1p(-STAKES * self.bound)
        self._log_wealth = np.maximum(self._log_wealth, 0.0) + n_wrong * won + (n_rows - n_wrong) * lost
        return self.rings


def first_alarm(joined: Joined, alarm: BettingAlarm) -> dt.date | None:
    """Update an alarm with the labelled predictions day by day; return the first day on which it rings, else None.

    Predictions without a time count as the first day.

    Examples
    --------
    >>> from sevenfold.performance import OutcomeJoin
    >>> join = OutcomeJoin()
    >>> day = dt.date(2026, 11, 23)
    >>> join.add_predictions({"prediction_id": i, "probability": 0.9, "time": day} for i in range(200))
    >>> join.add_outcomes({"prediction_id": i, "actual": i % 2} for i in range(200))
    >>> first_alarm(join.joined(), BettingAlarm(0.2))
    datetime.date(2026, 11, 23)
    """
    days, place = np.unique(joined.day[joined.labelled], return_inverse=True)
    n_rows = np.bincount(place, minlength=days.size)
    n_wrong = np.bincount(place, weights=~joined.right[joined.labelled], minlength=days.size)
    for day, wrong, n in zip(days.tolist(), n_wrong.tolist(), n_rows.tolist(), strict=True):
        if alarm.update(int(wrong), n):
            return dt.date.fromordinal(max(1, day))
    return None


def log_alarm(alarm: BettingAlarm, batch_id: str) -> None:
    """Log a line `performance_alarm` to `monitoring`: a WARNING if the alarm rings, else INFO.

    Examples
    --------
    >>> shown = logger.add(lambda line: print(line, end=""), format="{level} {message} {extra[batch_id]}")
    >>> alarm = BettingAlarm(0.2)
    >>> rings = alarm.update(n_wrong=100, n_rows=200)
    >>> log_alarm(alarm, "monday")
    WARNING performance_alarm monday
    >>> logger.remove(shown)
    """
    rings = alarm.rings
    fields = {"batch_id": batch_id, "bound": alarm.bound, "wealth": alarm.wealth, "threshold": alarm.threshold}
    log.log("WARNING" if rings else "INFO", "performance_alarm", **fields, alarm=rings)
