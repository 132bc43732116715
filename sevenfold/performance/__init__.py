"""Is the model still right? Estimated from its scores alone, and measured once labels come.

`Calibration` estimates, `OutcomeJoin` brings labels to predictions, `measure` compares both, and `BettingAlarm` says
over a year when the model has become worse.
"""

from sevenfold.performance.betting import BettingAlarm, first_alarm, log_alarm
from sevenfold.performance.calibration import Calibration, Estimate, estimate, log_calibration
from sevenfold.performance.join import Joined, OutcomeJoin
from sevenfold.performance.measures import Performance, log_performance, measure

__all__ = [
    "BettingAlarm",
    "Calibration",
    "Estimate",
    "Joined",
    "OutcomeJoin",
    "Performance",
    "estimate",
    "first_alarm",
    "log_alarm",
    "log_calibration",
    "log_performance",
    "measure",
]
