"""Watch the batches of a year, and alarm in at most one year of twenty in which nothing drifts."""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING

from sevenfold.drift.report import DriftReport, MonitorVerdict
from sevenfold.drift.saving import (
    pack_json,
    pack_tallies,
    read_arrays,
    unpack_json,
    unpack_tallies,
    write_arrays,
)

if TYPE_CHECKING:
    import os
    from typing import Any

    from numpy.typing import NDArray

    from sevenfold.drift.comparing import Tally
    from sevenfold.drift.detector import DriftDetector


class DriftMonitor:
    """Tests windows of 1, 2, 4 ... batches against the detector's reference, each window once, as if it were one batch.

    In any `horizon` batches in a row in which nothing drifts, the chance of an alarm is at most `alpha`: a window of
    2^l batches is tested at alpha 2^l / (levels horizon), which sums up to alpha over all windows (a union bound, since
    the reference, which they share, makes them dependent).

    Parameters
    ----------
    detector
        Compares a window with the reference, with its joint test, too.
    horizon
        Batches for which `alpha` holds, at least 1: 365 is a year of days.
    alpha
        The chance of an alarm in `horizon` batches without drift; in (0, 1). Several monitors of one stream, such as
        one per worker, share it.
    levels
        How many lengths of windows, at least 1: with 8, windows have up to 128 batches.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Notes
    -----
    The monitor keeps one sum of counts per level, and the ids of the last `horizon` batches. A batch whose id is among
    them is skipped. A batch that comes late counts in the window of its arrival.

    Examples
    --------
    >>> import numpy as np
    >>> from sevenfold.drift import DriftDetector
    >>> rng = np.random.default_rng(1)
    >>> detector = DriftDetector({"income": rng.normal(0, 1, 5000)})
    >>> monitor = DriftMonitor(detector, horizon=365)
    >>> for day in range(3):
    ...     report = detector.check({"income": rng.normal(0.5, 1, 500)}, batch_id=f"day {day}")
    ...     verdict = monitor.update(report)
    >>> (verdict.alarm, verdict.features)
    (True, ('income',))
    """

    def __init__(self, detector: DriftDetector, *, horizon: int = 365, alpha: float = 0.05, levels: int = 8) -> None:
        if not 0.0 < alpha < 1.0:
            raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
        for name, value in (("horizon", horizon), ("levels", levels)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self._detector, self.horizon, self.alpha, self.levels = detector, horizon, alpha, levels
        self._held: list[Tally | None] = [None] * levels
        self._seen: deque[str] = deque(maxlen=horizon)

    def update(self, report: DriftReport) -> MonitorVerdict:
        """Take in a batch that the detector has checked, and test the windows that it completes."""
        if report.batch_id in self._seen:
            return MonitorVerdict(
                report.batch_id, 1, report.batch_size, None, self._threshold(0), False, (), (), "repeated"
            )
        self._seen.append(report.batch_id)
        tested = [(1, self._threshold(0), self._detector.judge_again(report, alpha=self._threshold(0)))]
        tally, level = report.tally, 0
        while True:
            held, self._held[level] = self._held[level], None
            if held is None:
                self._held[level] = tally
                break
            level += 1
            if level == self.levels:
                break
            tally, threshold = held + tally, self._threshold(level)
            window_report = self._detector.judge(tally, batch_id=report.batch_id, alpha=threshold)
            tested.append((2**level, threshold, window_report))
        return _verdict(report.batch_id, tested)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the monitor's state to an npz file without pickle."""
        held = {level: tally for level, tally in enumerate(self._held) if tally is not None}
        metadata = {"horizon": self.horizon, "alpha": self.alpha, "levels": self.levels, "held": list(held)}
        metadata |= {"seen": list(self._seen), "detector": _fingerprint(self._detector)}
        write_arrays(path, {"monitor": pack_json(metadata), **pack_tallies(list(held.values()))})

    @classmethod
    def load(cls, path: str | os.PathLike[str], detector: DriftDetector) -> DriftMonitor:
        """Read a monitor that `save` wrote, with the same detector.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is damaged, holds no monitor, or belongs to another detector, which has other cells.
        """
        try:
            arrays = read_arrays(path)
            metadata = unpack_json(arrays["monitor"])
            _require_same(metadata["detector"], detector)
            monitor = cls(detector, horizon=metadata["horizon"], alpha=metadata["alpha"], levels=metadata["levels"])
            monitor._seen.extend(metadata["seen"])
            monitor._restore(metadata, arrays)
        except (KeyError, TypeError, StopIteration, IndexError) as error:
            raise ValueError(f"{path}: expected a saved drift monitor, got something else") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return monitor

    def _restore(self, metadata: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        tallies = unpack_tallies(arrays, self._detector.level_counts())
        for level, tally in zip(metadata["held"], tallies, strict=True):
            self._held[level] = tally

    def _threshold(self, level: int) -> float:
        return self.alpha * 2.0**level / (self.levels * self.horizon)


def _verdict(batch_id: str, tested: list[tuple[int, float, DriftReport]]) -> MonitorVerdict:
    """Return the strongest finding, among the windows that alarm if there are any."""
    alarms = [one for one in tested if one[2].drift_detected]
    n_batches, threshold, report = min(alarms or tested, key=lambda one: _least_p(one[2]) / one[1])
    drifted = dict.fromkeys(name for _, _, one in alarms for name in (*one.drifted_features, *one.drifted_outputs))
    pairs = [one.joint.pair for _, _, one in alarms if one.joint is not None and one.joint.drift_detected]
    p_value = _least_p(report)
    return MonitorVerdict(
        batch_id=batch_id,
        window_batches=n_batches,
        window_rows=report.batch_size,
        p_value_adjusted=p_value if p_value <= 1.0 else None,
        threshold=threshold,
        alarm=bool(alarms),
        features=tuple(drifted),
        pair=next((pair for pair in pairs if pair), ()),
        status=report.status,
    )


def _least_p(report: DriftReport) -> float:
    """Return the least p-value of a report; 2 if it has none, so that a tested window comes first."""
    p_values = [row.p_value_adjusted for row in report.features if row.p_value_adjusted is not None]
    return min([*p_values, *([report.joint.p_value_adjusted] if report.joint else [])], default=2.0)


def _fingerprint(detector: DriftDetector) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(detector.to_arrays().items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _require_same(fingerprint: str, detector: DriftDetector) -> None:
    if fingerprint != _fingerprint(detector):
        raise ValueError("expected the state of a monitor of this detector, got another's: start a new monitor")
