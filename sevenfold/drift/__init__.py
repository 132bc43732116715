"""Compare batches of rows with the rows that a model was trained on, and watch them for a year.

`DriftDetector` judges one batch, `DriftMonitor` a stream of them, and `log_report` writes what they found.
"""

from sevenfold.drift.detector import DriftDetector
from sevenfold.drift.monitor import DriftMonitor
from sevenfold.drift.report import DriftReport, FeatureDrift, JointDrift, MonitorVerdict, log_report

__all__ = ["DriftDetector", "DriftMonitor", "DriftReport", "FeatureDrift", "JointDrift", "MonitorVerdict", "log_report"]
