"""Does a batch come from the distribution of the reference? One row per feature, one verdict per batch, both logged.

A feature has drifted where it differs significantly and by enough to matter: its p-value, adjusted for the number of
features (Benjamini and Hochberg), is at most `alpha`, and its population stability index at least `psi_floor`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from loguru import logger

from sevenfold.drift.profiles import compare, profile, read_columns
from sevenfold.drift.statistics import benjamini_hochberg, population_stability_index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from sevenfold.drift.profiles import Column, Comparison, Level

log = logger.bind(channel="drift")

SEVERITIES = {"none": 0.0, "minor": 0.0, "moderate": 0.1, "major": 0.25}  # with the least PSI (Siddiqi 2006)


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """What was found in one feature of a batch.

    Attributes
    ----------
    feature
        The column's name.
    method
        The test with the least p-value: kolmogorov_smirnov, rank_sum, chi_squared, rare_share (of rows with levels too
        rare for chi-squared, new ones included) or missing_share; none if there was nothing to test.
    statistic
        Of that test: the distance in [0, 1], P(batch > reference) less one half, Pearson's statistic, or the batch's
        share less the reference's.
    p_value
        Of the feature: that of `method` times the number of tests for its kind, 4 for numbers and 3 for levels. The
        number is fixed, or a single NaN would change what the other tests find. None if there was nothing to test.
    p_value_adjusted
        The same, adjusted for the number of features.
    psi
        Population stability index less its mean without drift, at least 0; missing values are a cell of their own.
        None if there were too few rows.
    missing_fraction
        Share of the batch's rows without a value, in [0, 1].
    drift_detected
        Whether p_value_adjusted is at most alpha and psi at least the floor.
    severity
        none without drift; else by psi: minor below 0.1, moderate below 0.25, major from there on.
    status
        ok; insufficient_data: too few rows, nothing was tested; all_missing: the reference or the batch has no value,
        only the share of missing was tested; constant: the reference has a single value.
    unseen_levels
        Levels that the reference lacks, the most frequent first, at most ten.
    """

    feature: str
    method: str
    statistic: float | None
    p_value: float | None
    p_value_adjusted: float | None
    psi: float | None
    missing_fraction: float
    drift_detected: bool
    severity: str
    status: str
    unseen_levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The verdict on one batch, and its features.

    Attributes
    ----------
    batch_id, batch_size, reference_size
        Which batch, and the rows of both tables.
    n_features, n_drifted, share_drifted, drifted_features
        How many features were compared, how many have drifted, their share in [0, 1] and their names.
    drift_detected
        Whether any feature has drifted.
    severity
        The worst of the features.
    status
        ok or insufficient_data.
    features
        One row per feature, in the reference's order.
    """

    batch_id: str
    batch_size: int
    reference_size: int
    n_features: int
    n_drifted: int
    share_drifted: float
    drifted_features: tuple[str, ...]
    drift_detected: bool
    severity: str
    status: str
    features: tuple[FeatureDrift, ...]


class DriftDetector:
    """Compares batches with a reference, whose columns are sorted and counted once.

    Parameters
    ----------
    reference
        Columns of equal length: numbers with NaN, or text with None, where a value is missing.
    alpha
        The false discovery rate over the features, and so the share of batches without drift that alarm; in (0, 1).
    psi_floor
        The least population stability index that counts as drift, so that a large batch doesn't alarm for nothing;
        at least 0. A normal feature that has moved by d standard deviations has about d squared.
    min_rows
        With fewer rows than this in the batch or the reference, nothing is tested.

    Raises
    ------
    ValueError
        If a parameter is out of its range, there is no column, or a column is neither numbers nor text, not
        one-dimensional or of another length than the first.
    """

    def __init__(
        self, reference: Mapping[str, NDArray[Any]], *, alpha: float = 0.05, psi_floor: float = 0.01, min_rows: int = 30
    ) -> None:
        if not 0.0 < alpha < 1.0:
            raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
        if not psi_floor >= 0.0:
            raise ValueError(f"psi_floor must be at least 0, got {psi_floor}")
        if min_rows < 1:
            raise ValueError(f"min_rows must be at least 1, got {min_rows}")
        if not reference:
            raise ValueError("the reference must have at least 1 column, got 0")
        self.alpha, self.psi_floor, self.min_rows = alpha, psi_floor, min_rows
        self._profiles = {name: profile(column) for name, column in read_columns(reference, reference).items()}
        self.reference_size = next(iter(self._profiles.values())).column.n_rows

    def check(self, batch: Mapping[str, NDArray[Any]], *, batch_id: str) -> DriftReport:
        """Compare a batch with the reference; columns that the reference lacks are ignored.

        Raises
        ------
        ValueError
            If a column is missing, of another kind than in the reference, not one-dimensional or of another length.
        """
        columns = read_columns(batch, self._profiles)
        for name, column in columns.items():
            _require_kind(name, self._profiles[name].column, column)
        batch_size = next(iter(columns.values())).n_rows
        enough = min(batch_size, self.reference_size) >= self.min_rows
        found = {name: compare(self._profiles[name], column) if enough else None for name, column in columns.items()}
        features = self._decide(
            [_row(name, self._profiles[name].n_tests, columns[name], found[name]) for name in columns]
        )
        return _report(batch_id, batch_size, self.reference_size, "ok" if enough else "insufficient_data", features)

    def _decide(self, rows: list[FeatureDrift]) -> tuple[FeatureDrift, ...]:
        adjusted = iter(benjamini_hochberg([row.p_value for row in rows if row.p_value is not None]).tolist())
        return tuple(row if row.p_value is None else self._judge(row, next(adjusted)) for row in rows)

    def _judge(self, row: FeatureDrift, adjusted: float) -> FeatureDrift:
        psi = row.psi or 0.0
        drifted = adjusted <= self.alpha and psi >= self.psi_floor
        severity = [name for name, least in SEVERITIES.items() if psi >= least][-1] if drifted else "none"
        return replace(row, p_value_adjusted=adjusted, drift_detected=drifted, severity=severity)


def log_report(report: DriftReport) -> None:
    """Log one line per feature at INFO, then the verdict: at WARNING where the batch has drifted, else at INFO."""
    verdict = asdict(report)
    features = verdict.pop("features")
    batch = {name: verdict[name] for name in ("batch_id", "batch_size", "reference_size")}
    for row in features:
        log.info("feature", **batch, **row)
    log.log("WARNING" if report.drift_detected else "INFO", "batch", **verdict)


def _require_kind(name: str, reference: Column, batch: Column) -> None:
    """Refuse text for numbers and numbers for text; a column with nothing in it is of any kind."""
    if reference.values.size and batch.values.size and reference.kind != batch.kind:
        raise ValueError(f"column {name!r}: expected {reference.kind}, got {batch.kind}")


def _row(name: str, n_tests: int, column: Column, found: Comparison | None) -> FeatureDrift:
    """Return what was found in one feature, before the correction for the number of features and the verdict."""
    first = min(found.findings, key=lambda finding: finding.p_value, default=None) if found else None
    return FeatureDrift(
        feature=name,
        method=first.method if first else "none",
        statistic=first.statistic if first else None,
        p_value=min(1.0, n_tests * first.p_value) if first else None,
        p_value_adjusted=None,
        psi=population_stability_index(found.cells) if found else None,
        missing_fraction=column.n_missing / max(1, column.n_rows),
        drift_detected=False,
        severity="none",
        status=found.status if found else "insufficient_data",
        unseen_levels=found.unseen if found else (),
    )


def _report(
    batch_id: str, batch_size: int, reference_size: int, status: str, features: tuple[FeatureDrift, ...]
) -> DriftReport:
    drifted = tuple(row.feature for row in features if row.drift_detected)
    return DriftReport(
        batch_id=batch_id,
        batch_size=batch_size,
        reference_size=reference_size,
        n_features=len(features),
        n_drifted=len(drifted),
        share_drifted=len(drifted) / len(features),
        drifted_features=drifted,
        drift_detected=bool(drifted),
        severity=max((row.severity for row in features), key=list(SEVERITIES).index),
        status=status,
        features=features,
    )
