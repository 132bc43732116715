"""What a check and the monitor found, as lines of data_drift.log."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from loguru import logger

if TYPE_CHECKING:
    from sevenfold.drift.comparing import Tally

log = logger.bind(channel="drift")

SEVERITIES = {"none": 0.0, "minor": 0.0, "moderate": 0.1, "major": 0.25}  # with the least PSI (Siddiqi 2006)


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """What was found in one feature, or one output, of a batch.

    Attributes
    ----------
    feature
        The column's name.
    role
        feature or output: of the model.
    method
        The test with the least corrected p-value; none if there was nothing to test. For numbers: kolmogorov_smirnov,
        rank_sum, chi_squared, outside_share (beyond the reference's least or greatest number), missing_share,
        infinite_share, or unseen_share where the reference has few distinct numbers. For text: chi_squared, rare_share
        (levels too rare for chi-squared), unseen_share (levels that the reference lacks), new_level (one such level),
        missing_share.
    statistic
        Of that test: the distance in [0, 1], P(batch > reference) less one half, Pearson's statistic, the batch's
        share less the reference's, or the batch's share.
    p_value
        The feature's: the one of `method`, corrected for the other tests of its kind: times 4 for numbers' first three
        and 16 for the others, and 5 for text. The factors are fixed, or a single NaN would change what the other tests
        find. None if there was nothing to test.
    p_value_adjusted
        The same, adjusted for the number of features and for the other families of tests.
    psi
        Population stability index less its mean without drift, at least 0; missing and infinite values are cells of
        their own. None if there were too few rows.
    missing_fraction, infinite_fraction
        Share of the batch's rows without a value, and with an infinite one, in [0, 1].
    drift_detected
        Whether p_value_adjusted is at most alpha and psi at least the floor.
    severity
        none without drift; else by psi: minor below 0.1, moderate below 0.25, major from there on.
    status
        ok; insufficient_data: too few rows, nothing was tested; all_missing: the reference or the batch has no value,
        only the shares of missing and infinite ones were tested; constant: the reference has a single value.
    unseen_levels
        Levels that the reference lacks, the most frequent first, at most ten.

    Examples
    --------
    >>> from sevenfold.drift import DriftDetector
    >>> (age,) = DriftDetector({"age": range(1000)}).check({"age": range(300, 1000)}, batch_id="monday").features
    >>> (age.feature, age.method, age.severity)
    ('age', 'chi_squared', 'major')
    """

    feature: str
    role: str
    method: str
    statistic: float | None
    p_value: float | None
    p_value_adjusted: float | None
    psi: float | None
    missing_fraction: float
    infinite_fraction: float
    drift_detected: bool
    severity: str
    status: str
    unseen_levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JointDrift:
    """What was found in all features of a batch together.

    Attributes
    ----------
    method
        mean_shift: Hotelling's T2 of the ranks, many small shifts; correlation: the largest change of a correlation.
    statistic
        T2, or the change in standard errors.
    p_value_adjusted
        Adjusted for both tests and for the other families.
    drift_detected
        Whether p_value_adjusted is at most alpha, and the difference as large as the floor of `psi` asks for.
    pair
        The two features whose correlation has changed most; empty for mean_shift.
    status
        ok.

    Examples
    --------
    >>> from sevenfold.drift import DriftDetector
    >>> detector = DriftDetector({"age": range(1000), "income": range(1000)})
    >>> found = detector.check({"age": range(1000), "income": range(999, -1, -1)}, batch_id="monday").joint
    >>> (found.method, found.pair)
    ('correlation', ('age', 'income'))
    """

    method: str
    statistic: float
    p_value_adjusted: float
    drift_detected: bool
    pair: tuple[str, ...]
    status: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The verdict on one batch, its features and outputs.

    Attributes
    ----------
    batch_id, batch_size, reference_size
        Which batch, and the rows of both tables.
    n_features, n_drifted, share_drifted, drifted_features
        How many features were compared, how many have drifted, their share in [0, 1] and their names.
    n_outputs_drifted, drifted_outputs
        The same of the model's outputs.
    joint_detected
        Whether the features together have drifted; None where that wasn't tested.
    drift_detected
        Whether any feature or output, or the features together, have drifted.
    severity
        The worst of the features and outputs.
    status
        ok or insufficient_data.
    features
        One entry a feature and an output, in the reference's order.
    joint
        What was found in all features together; None where that wasn't tested.
    tally
        What a `DriftMonitor` adds up.

    Examples
    --------
    >>> from sevenfold.drift import DriftDetector
    >>> report = DriftDetector({"age": range(1000)}).check({"age": range(300, 1000)}, batch_id="monday")
    >>> (report.drift_detected, report.severity, report.drifted_features)
    (True, 'major', ('age',))
    """

    batch_id: str
    batch_size: int
    reference_size: int
    n_features: int
    n_drifted: int
    share_drifted: float
    drifted_features: tuple[str, ...]
    n_outputs_drifted: int
    drifted_outputs: tuple[str, ...]
    joint_detected: bool | None
    drift_detected: bool
    severity: str
    status: str
    features: tuple[FeatureDrift, ...]
    joint: JointDrift | None
    tally: Tally = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class MonitorVerdict:
    """What the monitor found when a batch came in.

    Attributes
    ----------
    batch_id
        The batch that completed the window.
    window_batches, window_rows
        The window with the strongest finding: the last 1, 2, 4 ... 128 batches, and their rows.
    p_value_adjusted, threshold
        The least adjusted p-value in it, None where it was too small to be tested, and what it is compared with.
    alarm
        Whether any window alarms.
    features
        What has drifted in the windows that alarm, features and outputs.
    pair
        The two features whose correlation has changed, where that is the alarm.
    status
        ok; insufficient_data: nothing was tested; repeated: a batch with this id was taken before, this one wasn't.

    Examples
    --------
    >>> from sevenfold.drift import DriftDetector, DriftMonitor
    >>> detector = DriftDetector({"age": range(1000)})
    >>> verdict = DriftMonitor(detector).update(detector.check({"age": range(300, 1000)}, batch_id="monday"))
    >>> (verdict.alarm, verdict.features, verdict.window_batches)
    (True, ('age',), 1)
    """

    batch_id: str
    window_batches: int
    window_rows: int
    p_value_adjusted: float | None
    threshold: float
    alarm: bool
    features: tuple[str, ...]
    pair: tuple[str, ...]
    status: str


def report_of(
    batch_id: str, tally: Tally, reference_size: int, rows: tuple[FeatureDrift, ...], joint: JointDrift | None
) -> DriftReport:
    """Sum up what was found in a batch."""
    features = [row for row in rows if row.role == "feature"]
    drifted, outputs = (
        tuple(row.feature for row in rows if row.role == role and row.drift_detected) for role in ("feature", "output")
    )
    untested = all(row.status == "insufficient_data" for row in rows)
    return DriftReport(
        batch_id=batch_id,
        batch_size=tally.n_rows,
        reference_size=reference_size,
        n_features=len(features),
        n_drifted=len(drifted),
        share_drifted=len(drifted) / max(1, len(features)),
        drifted_features=drifted,
        n_outputs_drifted=len(outputs),
        drifted_outputs=outputs,
        joint_detected=joint.drift_detected if joint else None,
        drift_detected=bool(drifted or outputs or (joint and joint.drift_detected)),
        severity=max((row.severity for row in rows), key=list(SEVERITIES).index),
        status="insufficient_data" if untested else "ok",
        features=rows,
        joint=joint,
        tally=tally,
    )


def log_report(report: DriftReport, verdict: MonitorVerdict | None = None) -> None:
    """Log a line a feature, a line for all together, the batch's verdict and the monitor's.

    All features are one call, with their columns as ``batch=``: Sevenfold's files have a line a feature, its console
    one for all, as any other handler of loguru has.

    The monitor's line is a WARNING where it alarms. Without a monitor, the batch's is one where it has drifted; with a
    monitor it stays INFO, since one batch in twenty is found drifted by chance.

    Examples
    --------
    >>> from sevenfold.drift import DriftDetector
    >>> shown = logger.add(lambda line: print(line, end=""), format="{level} {message} {extra[batch_id]}")
    >>> log_report(DriftDetector({"age": range(1000)}).check({"age": range(300, 1000)}, batch_id="monday"))
    INFO feature monday
    WARNING batch monday
    >>> logger.remove(shown)
    """
    batch = {"batch_id": report.batch_id, "batch_size": report.batch_size, "reference_size": report.reference_size}
    names = [one.name for one in fields(FeatureDrift)]
    log.info("feature", **batch, batch={name: [getattr(row, name) for row in report.features] for name in names})
    if report.joint is not None:
        log.info("joint", **batch, **_fields(report.joint))
    level = "WARNING" if report.drift_detected and verdict is None else "INFO"
    found = _fields(report, but={"features", "joint", "tally"})
    log.log(level, "batch", **_first(found, "batch_id", "drift_detected", "severity", "drifted_features"))
    if verdict is not None:
        found = _fields(verdict)
        log.log("WARNING" if verdict.alarm else "INFO", "monitor", **_first(found, "batch_id", "alarm", "features"))


def _first(found: dict[str, Any], *names: str) -> dict[str, Any]:
    """Put what matters most in front, since a terminal may have no room for all."""
    return {name: found[name] for name in names} | found


def _fields(
    found: FeatureDrift | JointDrift | DriftReport | MonitorVerdict, but: frozenset[str] | set[str] = frozenset()
) -> dict[str, Any]:
    return {one.name: getattr(found, one.name) for one in fields(found) if one.name not in but}
