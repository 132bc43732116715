import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sevenfold.drift import DriftDetector, DriftMonitor, DriftReport

REFERENCE_ROWS = 2000


def table(rng: np.random.Generator, n_rows: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    words = np.array(["u", "v", "w"], dtype=object)
    x = rng.standard_normal(n_rows)
    return {"x": x + shift, "y": x + rng.standard_normal(n_rows), "word": words[rng.integers(0, 3, n_rows)]}


@pytest.fixture(scope="module")
def detector() -> DriftDetector:
    return DriftDetector(table(np.random.default_rng(0), REFERENCE_ROWS))


def reports(
    detector: DriftDetector, n_batches: int, shift: float = 0.0, n_rows: int = 100, seed: int = 1
) -> list[DriftReport]:
    rng = np.random.default_rng(seed)
    return [detector.check(table(rng, n_rows, shift), batch_id=f"{day}") for day in range(n_batches)]


def test_windows_of_1_2_4_batches_are_each_tested_once(detector: DriftDetector) -> None:
    judged = []

    class Watched(DriftDetector):
        def judge(self, tally, *, batch_id, alpha=None):  # type: ignore[no-untyped-def]
            judged.append((batch_id, tally.n_rows, alpha))
            return super().judge(tally, batch_id=batch_id, alpha=alpha)

        def judge_again(self, report, *, alpha):  # type: ignore[no-untyped-def]
            judged.append((report.batch_id, report.tally.n_rows, alpha))
            return super().judge_again(report, alpha=alpha)

    monitor = DriftMonitor(Watched.from_arrays(detector.to_arrays()), horizon=10, alpha=0.06, levels=3)
    for report in reports(detector, 8):
        monitor.update(report)
    ones = [(f"{day}", 100, 0.002) for day in range(8)]
    twos = [(f"{day}", 200, 0.004) for day in (1, 3, 5, 7)]
    fours = [(f"{day}", 400, 0.008) for day in (3, 7)]
    found = [(batch_id, n_rows, round(alpha, 9)) for batch_id, n_rows, alpha in judged]
    assert sorted(found) == sorted([*ones, *twos, *fours])


@pytest.mark.parametrize("alpha", [1e-9, 0.002, 0.3])
def test_a_report_that_is_judged_again_is_that_of_its_batch_at_another_alpha(
    detector: DriftDetector, alpha: float
) -> None:
    for report in reports(detector, 6, 0.3):
        expected = detector.judge(report.tally, batch_id=report.batch_id, alpha=alpha)
        assert detector.judge_again(report, alpha=alpha) == expected


def test_a_window_of_batches_is_judged_as_one_batch_of_all_their_rows(detector: DriftDetector) -> None:
    rng = np.random.default_rng(3)
    parts = [table(rng, 100, 0.2) for _ in range(2)]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    first, second = (detector.check(part, batch_id="b") for part in parts)
    found = detector.judge(first.tally + second.tally, batch_id="b")
    assert found.features == detector.check(whole, batch_id="b").features
    assert found.batch_size == 200


def test_a_shift_that_no_batch_shows_is_found_in_some_batches_together(detector: DriftDetector) -> None:
    monitor = DriftMonitor(detector)
    verdicts = [monitor.update(report) for report in reports(detector, 64, shift=0.25)]
    alarms = [verdict for verdict in verdicts if verdict.alarm]
    assert len(alarms) > 1
    assert alarms[0].window_batches > 1
    assert alarms[-1].features == ("x",)
    for alarm in alarms:
        assert alarm.p_value_adjusted is not None
        assert alarm.p_value_adjusted <= alarm.threshold
        assert alarm.window_rows == 100 * alarm.window_batches


@pytest.mark.whole
@pytest.mark.parametrize("n_years", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_a_year_without_drift_has_no_alarm_though_single_batches_do(n_years: int) -> None:
    n_alarms = n_flagged = 0
    for year in range(n_years):
        detector = DriftDetector(table(np.random.default_rng([year, 0]), REFERENCE_ROWS))
        found = reports(detector, 365, n_rows=60, seed=year + 10)
        monitor = DriftMonitor(detector)
        n_alarms += any(monitor.update(report).alarm for report in found)
        n_flagged += sum(report.drift_detected for report in found)
    assert n_alarms <= n_years // 8  # one in ten by the bar
    assert n_flagged > 0


def test_columns_that_no_longer_go_with_each_other_are_named(detector: DriftDetector) -> None:
    rng = np.random.default_rng(4)
    batch = table(rng, 500)
    batch["y"] = rng.permutation(batch["y"])
    verdict = DriftMonitor(detector).update(detector.check(batch, batch_id="b"))
    assert (verdict.alarm, verdict.features, verdict.pair) == (True, (), ("x", "y"))


def test_a_batch_that_comes_twice_counts_once_and_one_that_comes_late_counts_when_it_comes(
    detector: DriftDetector,
) -> None:
    monitor, other = DriftMonitor(detector), DriftMonitor(detector)
    first, second, third = reports(detector, 3)
    verdicts = [monitor.update(one) for one in (first, third, first, third, second)]
    assert [one.status for one in verdicts] == ["ok", "ok", "repeated", "repeated", "ok"]
    assert not verdicts[2].alarm
    late = [other.update(one) for one in (first, third, second)]
    assert late == [verdicts[0], verdicts[1], verdicts[4]]


def test_an_id_is_known_for_a_horizon_of_batches(detector: DriftDetector) -> None:
    monitor = DriftMonitor(detector, horizon=2)
    found = reports(detector, 3)
    assert [monitor.update(one).status for one in (*found, found[1], found[0])] == ["ok", "ok", "ok", "repeated", "ok"]


def test_batches_too_small_to_be_tested_are_tested_together(detector: DriftDetector) -> None:
    monitor = DriftMonitor(detector)
    verdicts = [monitor.update(one) for one in reports(detector, 4, shift=2.0, n_rows=20)]
    assert [(one.status, one.p_value_adjusted is None) for one in verdicts[::2]] == [("insufficient_data", True)] * 2
    assert [(one.alarm, one.window_batches) for one in verdicts[1::2]] == [(True, 2), (True, 4)]


def test_its_state_is_kept_over_a_restart_in_a_file_without_pickle(detector: DriftDetector, tmp_path: Path) -> None:
    found = reports(detector, 12, shift=0.2)
    found = [replace(one, batch_id=f"ü{one.batch_id}") for one in found]
    monitor, kept = DriftMonitor(detector, horizon=100), DriftMonitor(detector, horizon=100)
    for report in found:
        expected = monitor.update(report)
        kept.save(tmp_path / "m.npz")
        kept = DriftMonitor.load(tmp_path / "m.npz", DriftDetector.from_arrays(detector.to_arrays()))
        assert kept.update(report) == expected
    assert kept.update(found[0]).status == "repeated"
    assert (kept.horizon, kept.alpha, kept.levels) == (100, 0.05, 8)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as arrays:
        assert json.loads(arrays["monitor"].tobytes())["held"] == [0, 1, 3]  # 11 = 1 + 2 + 8: saved before the last


def test_a_state_of_another_detector_or_no_state_is_refused_and_named(detector: DriftDetector, tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    DriftMonitor(detector).save(path)
    other = DriftDetector(table(np.random.default_rng(9), REFERENCE_ROWS))
    with pytest.raises(ValueError, match=r"m\.npz: expected the state of a monitor of this detector, got another's"):
        DriftMonitor.load(path, other)
    detector.save(path)
    with pytest.raises(ValueError, match=r"m\.npz: expected a saved drift monitor, got something else"):
        DriftMonitor.load(path, detector)
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"m\.npz: expected an npz file of a drift detector or monitor"):
        DriftMonitor.load(path, detector)
    with pytest.raises(FileNotFoundError):
        DriftMonitor.load(tmp_path / "none.npz", detector)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.0}, "alpha must be between 0 and 1, got 0.0"),
        ({"horizon": 0}, "horizon must be at least 1, got 0"),
        ({"levels": 0}, "levels must be at least 1, got 0"),
    ],
)
def test_a_monitor_refuses_what_makes_no_sense(detector: DriftDetector, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        DriftMonitor(detector, **options)
