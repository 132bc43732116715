import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from pipeline.service.live_drift import QUEUE_BATCHES, DriftWatch
from pipeline.service.payload import MAX_ROWS, Row
from sevenfold.channel_log import ChannelLog
from sevenfold.drift import DriftDetector, DriftReport
from tests.support.log_files import told

SCHEMA = {"income": "number", "owner": "category"}


def draw(n_rows: int, seed: int, mean: float = 0.0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return rng.normal(mean, 1, n_rows), rng.choice(np.array(["yes", "no", None], dtype=object), n_rows)


def rows(n_rows: int, seed: int, mean: float = 0.0) -> list[Row]:
    return list(zip(*(column.tolist() for column in draw(n_rows, seed, mean)), strict=True))


def observe(watch: DriftWatch, scored: list[Row]) -> None:
    watch.observe(scored, [0.5] * len(scored))


def detector() -> DriftDetector:
    return DriftDetector(dict(zip(SCHEMA, draw(2000, 0), strict=True)))


def verdicts(log: ChannelLog) -> list[tuple[str, int, tuple[str, ...]]]:
    found = [record.fields for record in log.channel("drift") if record.message == "batch"]
    return [(one["batch_id"], one["batch_size"], tuple(one["drifted_features"])) for one in found]


def test_each_full_batch_is_checked_and_one_that_drifted_is_audited(channel_log: ChannelLog) -> None:
    watch = DriftWatch(detector(), SCHEMA, 200, worker_id="pid-7")
    for row in rows(200, seed=1):
        observe(watch, [row])
    observe(watch, rows(200, seed=2, mean=1.0))
    watch.close()
    assert verdicts(channel_log) == [("live-pid-7-000001", 200, ()), ("live-pid-7-000002", 200, ("income",))]
    lines = [(record.level, record.message) for record in channel_log.channel("drift")]
    batch = [("INFO", "feature"), ("INFO", "feature"), ("INFO", "joint"), ("INFO", "batch")]
    assert lines == [*batch, ("INFO", "monitor"), *batch, ("WARNING", "monitor")]
    audit = {
        "event": "drift_detected",
        "outcome": "detected",
        "resource": "live-pid-7-000002",
        "window_batches": 1,
        "drifted_features": ["income"],
        "pair": [],
    }
    assert told(channel_log)[-1:] == [("INFO", "audit", "drift_detected", audit)]


def test_it_finds_what_a_detector_finds_in_the_same_rows(channel_log: ChannelLog) -> None:
    watch = DriftWatch(detector(), SCHEMA, 100)
    observe(watch, [*rows(100, seed=3), (None, None)])
    watch.close()
    live = [record.fields for record in channel_log.channel("drift") if record.message == "feature"]
    report = detector().check(dict(zip(SCHEMA, draw(100, 3), strict=True)), batch_id="live-000001")
    assert [one["p_value"] for one in live] == [one.p_value for one in report.features]


def test_the_scores_of_the_rows_are_compared_as_the_models_outputs(channel_log: ChannelLog) -> None:
    reference = dict(zip(SCHEMA, draw(2000, 0), strict=True))
    watch = DriftWatch(DriftDetector(reference, outputs={"probability": np.linspace(0, 1, 500)}), SCHEMA, 100)
    watch.observe(rows(100, seed=3), [0.9] * 100)
    watch.close()
    found = [record.fields for record in channel_log.channel("drift") if record.message in {"feature", "batch"}]
    assert [(one["role"], one["drift_detected"]) for one in found[:3]] == [
        ("feature", False),
        ("feature", False),
        ("output", True),
    ]
    assert (found[3]["drifted_features"], found[3]["drifted_outputs"]) == ([], ["probability"])


def test_workers_share_the_rate_of_false_alarms(channel_log: ChannelLog) -> None:
    for n_workers in (1, 4):
        watch = DriftWatch(detector(), SCHEMA, 100, n_workers=n_workers)
        observe(watch, rows(100, seed=1))
        watch.close()
    thresholds = [record.fields["threshold"] for record in channel_log.channel("drift") if record.message == "monitor"]
    assert thresholds[0] == pytest.approx(4 * thresholds[1])


@pytest.mark.parametrize(("n_left", "n_batches"), [(0, 1), (29, 1), (30, 2)])
def test_at_the_end_what_is_left_is_checked_if_it_is_enough(
    channel_log: ChannelLog, n_left: int, n_batches: int
) -> None:
    before = threading.active_count()
    watch = DriftWatch(detector(), SCHEMA, 100)
    observe(watch, rows(100 + n_left, seed=1))
    watch.close()
    watch.close()
    sizes = [size for _, size, _ in verdicts(channel_log)]
    assert sizes == [100, n_left][:n_batches]
    assert threading.active_count() == before


def test_a_few_rows_start_no_thread_and_are_still_checked_at_the_end(channel_log: ChannelLog) -> None:
    before = threading.active_count()
    watch = DriftWatch(detector(), SCHEMA, 100)
    observe(watch, rows(50, seed=1))
    assert threading.active_count() == before
    watch.close()
    assert verdicts(channel_log) == [("live-000001", 50, ())]


class Stuck(DriftDetector):
    """A detector that takes its time."""

    def __init__(self) -> None:
        super().__init__(dict(zip(SCHEMA, draw(2000, 0), strict=True)))
        self.begun, self.may = threading.Event(), threading.Event()

    def check(self, batch: Mapping[str, np.ndarray[Any, Any]], *, batch_id: str) -> DriftReport:
        self.begun.set()
        assert self.may.wait(30)
        return super().check(batch, batch_id=batch_id)


def test_the_rows_of_the_largest_request_are_all_checked(channel_log: ChannelLog) -> None:
    watch = DriftWatch(detector(), SCHEMA, 500)
    observe(watch, rows(MAX_ROWS, seed=1))
    watch.close()
    assert [n_rows for _, n_rows, _ in verdicts(channel_log)] == [500] * (MAX_ROWS // 500)


def test_who_cannot_keep_up_lets_the_oldest_rows_go_and_says_how_many(
    channel_log: ChannelLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.service.live_drift.MAX_ROWS", 0)
    stuck = Stuck()
    watch = DriftWatch(stuck, SCHEMA, 100)
    observe(watch, rows(100, seed=1))
    assert stuck.begun.wait(30)
    observe(watch, rows(150, seed=2))
    observe(watch, rows(QUEUE_BATCHES * 100, seed=3, mean=2.0))
    stuck.may.set()
    watch.close()
    drifted = [bool(features) for _, _, features in verdicts(channel_log)]
    assert drifted == [False, *[True] * QUEUE_BATCHES]
    warning = {"batch_id": "live-000001", "n_dropped": 150}
    assert ("WARNING", "drift", "rows came too quickly to be checked", warning) in told(channel_log)
    assert sum("n_dropped" in record.fields for record in channel_log.records) == 1


def test_a_check_that_fails_is_logged_and_the_next_batch_is_checked(channel_log: ChannelLog) -> None:
    watch = DriftWatch(detector(), SCHEMA, 100)
    observe(watch, [("no number", "yes")] * 100)
    observe(watch, rows(100, seed=1))
    watch.close()
    (error,) = channel_log.channel("errors")
    assert (error.channel, error.message, error.fields) == ("drift", "live batch failed", {"batch_id": "live-000001"})
    assert isinstance(error.exception, ValueError)
    assert [batch_id for batch_id, _, _ in verdicts(channel_log)] == ["live-000002"]


def test_a_batch_needs_as_many_rows_as_the_detector_asks_for() -> None:
    with pytest.raises(ValueError, match=r"^drift is found in batches of at least 30 rows, got 29$"):
        DriftWatch(detector(), SCHEMA, 29)
