"""Does a batch come from the distribution of the reference? One row per feature and output, one verdict per batch.

A feature has drifted where it differs significantly and by enough to matter: its p-value, adjusted for the number of
features (Benjamini and Hochberg), is at most `alpha`, and its population stability index at least `psi_floor`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sevenfold.drift.comparing import Tally, compare_levels, compare_numbers
from sevenfold.drift.joint import N_TESTS, Joint
from sevenfold.drift.levels import Levels, profile_of, require_kind
from sevenfold.drift.numeric.columns import NumberColumns
from sevenfold.drift.numeric.profile import Numbers
from sevenfold.drift.reading import number_groups, read_columns, read_reference
from sevenfold.drift.report import SEVERITIES, DriftReport, FeatureDrift, JointDrift, report_of
from sevenfold.drift.saving import (
    pack_joint,
    pack_json,
    pack_profiles,
    read_arrays,
    unpack_joint,
    unpack_json,
    unpack_profiles,
    write_arrays,
)
from sevenfold.drift.statistics import benjamini_hochberg

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from sevenfold.drift.comparing import Found
    from sevenfold.drift.distributions import Floats
    from sevenfold.drift.joint import Sums
    from sevenfold.drift.levels import Profile
    from sevenfold.drift.reading import Column

WEIGHTS = {"feature": 0.6, "output": 0.2, "joint": 0.2}  # shares of alpha, divided among the roles that are tested
JOINT_ROWS, JOINT_BATCH_ROWS = 10_000, 5_000  # evenly spread: with more rows, the joint test finds little more
JOINT_PART = 100  # columns that are ranked at a time


class DriftDetector:
    """Compares batches with a reference; keeps the reference as counts in cells, without its rows.

    Parameters
    ----------
    reference
        Columns of equal length, by name: a mapping of arrays or lists, or a data frame of pandas, polars or Arrow.
        Numbers, times, durations or text; None, NaN, NaT, NA and masked values are missing.
    outputs
        The model's outputs: names of columns of the reference, or columns of their own, of another length if need be,
        such as the scores of the validation rows.
    ignore
        Columns that aren't compared: counters, identifiers and times always drift.
    groups
        The group of each row of the reference, such as its day, where groups differ a little anyway: then a difference
        as large as those between the groups is no drift.
    alpha
        The largest share of batches without drift that alarm; in (0, 1).
    psi_floor
        The least population stability index that counts as drift, so that a large batch doesn't alarm for nothing;
        at least 0. A normal feature that has moved by d standard deviations has about d squared.
    min_rows
        With fewer rows than this in the batch or the reference, nothing is tested.
    joint
        Whether to test all columns together, too: many small shifts at once, and correlations.

    Raises
    ------
    TypeError
        If the reference is neither a mapping nor a data frame.
    ValueError
        If a parameter is out of its range, an output isn't there, there is no column, or a column can't be compared.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> detector = DriftDetector({"income": rng.normal(0, 1, 5000), "city": rng.choice(["Rome", "Bern"], 5000)})
    >>> batch = {"income": rng.normal(0.5, 1, 500), "city": rng.choice(["Rome", "Bern"], 500)}
    >>> detector.check(batch, batch_id="monday").drifted_features
    ('income',)
    """

    def __init__(
        self,
        reference: Any,
        *,
        outputs: Sequence[str] | Mapping[str, Any] = (),
        ignore: Iterable[str] = (),
        groups: Sequence[Any] | NDArray[Any] | None = None,
        alpha: float = 0.05,
        psi_floor: float = 0.01,
        min_rows: int = 30,
        joint: bool = True,
    ) -> None:
        _require(alpha, psi_floor, min_rows)
        self.alpha, self.psi_floor, self.min_rows = alpha, psi_floor, min_rows
        features, scores = read_reference(reference, outputs, set(ignore))
        profiles: dict[str, Profile] = {}
        sampled: dict[str, Column] = {}
        n_rows, labels, step = 0, None, 1
        for name, column in features:
            if not profiles:
                n_rows = column.n_rows
                labels = None if groups is None else number_groups(groups, n_rows)
                step = max(1, -(-n_rows // JOINT_ROWS))
            profiles[name], sampled[name] = profile_of(column, labels), column.every(step)
        # Outputs of rows of their own have no groups.
        of_outputs = {name: profile_of(column, labels if column.n_rows == n_rows else None) for name, column in scores}
        if not profiles:
            n_rows = next(iter(of_outputs.values())).counts.n_rows
        self._hold(profiles | of_outputs, tuple(of_outputs), n_rows)
        self._joint = self._make_joint(sampled, None if labels is None else labels[::step]) if joint else None

    def _hold(self, profiles: dict[str, Profile], outputs: tuple[str, ...], reference_size: int) -> None:
        self._profiles, self.outputs, self.reference_size = profiles, outputs, reference_size
        self._roles = {name: "output" if name in outputs else "feature" for name in profiles}
        self._scored = [name for name, one in profiles.items() if one.scored and name not in outputs]
        self._numbers = NumberColumns({name: one for name, one in profiles.items() if isinstance(one, Numbers)})
        self._levels = {name: one for name, one in profiles.items() if isinstance(one, Levels)}

    def _make_joint(self, sampled: dict[str, Column], groups: NDArray[np.intp] | None) -> Joint | None:
        if len(self._scored) <= 1:
            return None
        parts = (self._scored[start : start + JOINT_PART] for start in range(0, len(self._scored), JOINT_PART))
        return Joint.of((self._ranked(names, sampled) for names in parts), groups)

    def _ranked(self, names: list[str], columns: dict[str, Column]) -> Floats:
        numbers = [name for name in names if name not in self._levels]
        at = [self._numbers.place[name] for name in numbers]
        ranks = self._numbers.ranks(at, [columns[name] for name in numbers])
        return self._scores_of(names, columns, dict(zip(numbers, ranks, strict=True)))

    def _scores_of(self, names: list[str], columns: dict[str, Column], ranks: dict[str, Floats]) -> Floats:
        scores = [ranks[name] if name in ranks else self._levels[name].scores(columns[name]) for name in names]
        return np.array(scores).T

    def check(self, batch: Any, *, batch_id: str) -> DriftReport:
        """Compare a batch with the reference; columns that the reference lacks are ignored.

        Raises
        ------
        TypeError
            If the batch is neither a mapping nor a data frame.
        ValueError
            If a column is missing, of another kind than in the reference, not one-dimensional or of another length.
        """
        columns = dict(read_columns(batch, self._profiles))
        for name, column in columns.items():
            require_kind(name, self._profiles[name], column)
        n_rows = next(iter(columns.values())).n_rows
        step = max(1, -(-n_rows // JOINT_BATCH_ROWS)) if self._joint else None
        numbers, ranks = self._numbers.count([columns[name] for name in self._numbers.names], n_rows, step)
        levels = {name: profile.count(columns[name]) for name, profile in self._levels.items()}
        sums = None
        if self._joint and step:
            sampled = {name: columns[name].every(step) for name in self._levels}
            ranks_by_name = dict(zip(self._numbers.names, ranks, strict=True))
            sums = self._joint.sums(self._scores_of(self._scored, sampled, ranks_by_name))
        return self.judge(Tally(numbers, levels, sums, n_rows, float(n_rows) ** 2), batch_id=batch_id)

    def judge(self, tally: Tally, *, batch_id: str, alpha: float | None = None) -> DriftReport:
        """Compare the tally of one batch, or of several added up, at the detector's `alpha`, or another."""
        findings = compare_numbers(self._numbers, tally, self.min_rows)
        findings |= compare_levels(self._levels, tally, self.min_rows)
        adjusted = self._adjusted({name: one.p_value for name, one in findings.items() if one.p_value is not None})
        rows = [self._row(name, findings[name], adjusted.get(name)) for name in self._profiles]
        return self._decide(batch_id, tally, rows, self.alpha if alpha is None else alpha)

    def judge_again(self, report: DriftReport, *, alpha: float) -> DriftReport:
        """Return the report with the verdicts of another `alpha`; its p-values stay as they are."""
        return self._decide(report.batch_id, report.tally, report.features, alpha)

    def level_counts(self) -> dict[str, int]:
        """Return how many levels each column of text has."""
        return {name: len(one.names) for name, one in self._levels.items()}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the detector to an npz file without pickle: cells, counts and the levels of text; no rows."""
        write_arrays(path, self.to_arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DriftDetector:
        """Read a detector that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is damaged, or holds no detector.
        """
        try:
            return cls.from_arrays(read_arrays(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the detector as arrays by name, none with dtype object, for a file that may hold other arrays, too."""
        metadata: dict[str, Any] = {"alpha": self.alpha, "psi_floor": self.psi_floor, "min_rows": self.min_rows}
        metadata |= {"outputs": self.outputs, "reference_size": self.reference_size}
        return {"detector": pack_json(metadata), **pack_profiles(self._profiles), **pack_joint(self._joint)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> DriftDetector:
        """Return the detector that `to_arrays` gave; other arrays are ignored.

        Raises
        ------
        ValueError
            If the arrays are damaged, or hold no detector.
        """
        detector = cls.__new__(cls)
        try:
            detector._unpack(arrays)  # noqa: SLF001 - its own
        except Exception as error:
            raise ValueError("expected a saved drift detector, got a damaged one or something else") from error
        return detector

    def _unpack(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        metadata = unpack_json(arrays["detector"])
        self.alpha, self.psi_floor, self.min_rows = metadata["alpha"], metadata["psi_floor"], metadata["min_rows"]
        _require(self.alpha, self.psi_floor, self.min_rows)
        self._hold(unpack_profiles(arrays), tuple(metadata["outputs"]), metadata["reference_size"])
        self._joint = unpack_joint(arrays)

    def _weight(self, role: str) -> float:
        roles = {"joint"} if self._joint is not None else set()
        roles |= {"output"} if self.outputs else set()
        roles |= {"feature"} if len(self._profiles) > len(self.outputs) else set()
        return WEIGHTS[role] / sum(WEIGHTS[tested] for tested in roles)

    def _decide(self, batch_id: str, tally: Tally, rows: Iterable[FeatureDrift], alpha: float) -> DriftReport:
        joint = None
        if self._joint is not None and tally.sums is not None and min(tally.n_rows, tally.sums.n) >= self.min_rows:
            joint = self._judge_joint(self._joint, tally.sums, tally.batch_size, alpha)
        judged = tuple(self._judged(row, alpha) for row in rows)
        return report_of(batch_id, tally, self.reference_size, judged, joint)

    def _judge_joint(self, joint: Joint, sums: Sums, batch_size: float, alpha: float) -> JointDrift:
        correction = N_TESTS / self._weight("joint")
        findings = sorted(joint.compare(sums, batch_size), key=lambda one: one.p_value)
        large = [one for one in findings if one.effect >= self.psi_floor and correction * one.p_value <= alpha]
        first = (large or findings)[0]
        pair = tuple(self._scored[at] for at in first.pair)
        return JointDrift(first.method, first.statistic, min(1.0, correction * first.p_value), bool(large), pair, "ok")

    def _adjusted(self, p_values: dict[str, float]) -> dict[str, float]:
        """Adjust the columns' p-values for their number, and for the other families of tests."""
        adjusted: dict[str, float] = {}
        for role in ("feature", "output"):
            tested = [name for name in p_values if self._roles[name] == role]
            if tested:
                of_role = benjamini_hochberg([p_values[name] for name in tested]) / self._weight(role)
                adjusted |= zip(tested, np.minimum(1.0, of_role).tolist(), strict=True)
        return adjusted

    def _row(self, name: str, finding: Found, adjusted: float | None) -> FeatureDrift:
        """Return the row of one column in the report, before the verdict."""
        return FeatureDrift(
            feature=name,
            role=self._roles[name],
            method=finding.method,
            statistic=finding.statistic,
            p_value=finding.p_value,
            p_value_adjusted=adjusted,
            psi=finding.psi,
            missing_fraction=finding.missing_fraction,
            infinite_fraction=finding.infinite_fraction,
            drift_detected=False,
            severity="none",
            status=finding.status,
            unseen_levels=finding.unseen_levels,
        )

    def _judged(self, row: FeatureDrift, alpha: float) -> FeatureDrift:
        p_value, psi = row.p_value_adjusted, row.psi or 0.0
        drifted = p_value is not None and p_value <= alpha and psi >= self.psi_floor
        if not drifted and not row.drift_detected:
            return row
        severity = [name for name, least in SEVERITIES.items() if psi >= least][-1] if drifted else "none"
        return replace(row, drift_detected=drifted, severity=severity)


def _require(alpha: float, psi_floor: float, min_rows: int) -> None:
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    if not psi_floor >= 0.0:
        raise ValueError(f"psi_floor must be at least 0, got {psi_floor}")
    if min_rows < 1:
        raise ValueError(f"min_rows must be at least 1, got {min_rows}")
