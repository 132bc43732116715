import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pipeline.monitoring import Monitor, Outcome, Window, summarise
from sevenfold.capture import ChannelLog

START = datetime(2026, 11, 23, 8, 36, 11, tzinfo=UTC)


def test_a_window_computed_by_hand() -> None:
    outcomes = [
        Outcome(200, 1.0, ("approve",), (0.9,)),
        Outcome(200, 2.0, ("deny",), (0.6,)),
        Outcome(422, 3.0),
        Outcome(500, 4.0),
    ]
    assert summarise(outcomes, START, START + timedelta(seconds=2)) == Window(
        window_start="2026-11-23T08:36:11+00:00",
        window_end="2026-11-23T08:36:13+00:00",
        request_count=4,
        error_count=1,
        error_rate=0.25,
        requests_per_s=2.0,
        latency_ms_mean=2.5,
        latency_ms_p50=2.5,
        latency_ms_p95=3.8499999999999996,
        latency_ms_p99=3.9699999999999998,
        latency_ms_max=4.0,
        status_2xx_count=2,
        status_4xx_count=1,
        status_5xx_count=1,
        approve_rate=0.5,
        mean_confidence=0.75,
    )


def test_percentiles_are_those_of_numpy() -> None:
    latency_ms = np.random.default_rng(1).exponential(5, 1000)
    window = summarise([Outcome(200, float(ms)) for ms in latency_ms], START, START)
    assert [window.latency_ms_p50, window.latency_ms_p95, window.latency_ms_p99] == pytest.approx(
        list(np.quantile(latency_ms, [0.5, 0.95, 0.99]))
    )
    assert (window.requests_per_s, window.approve_rate, window.mean_confidence) == (0.0, None, None)


def test_a_full_window_is_logged_and_the_rest_at_the_end(channel_log: ChannelLog) -> None:
    monitor = Monitor(window_requests=3)
    for status in (200, 404, 500, 200):
        monitor.observe(Outcome(status, 1.0))
    monitor.flush()
    assert monitor.flush() is None
    windows = [record.fields for record in channel_log.channel("monitoring")]
    assert [(w["request_count"], w["error_count"]) for w in windows] == [(3, 1), (1, 0)]
    assert windows[0]["window_start"] < windows[0]["window_end"] <= windows[1]["window_end"]


def test_threads_that_share_a_monitor_lose_no_request(channel_log: ChannelLog) -> None:
    monitor = Monitor(window_requests=7)

    def work() -> None:
        for _ in range(500):
            monitor.observe(Outcome(200, 0.1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monitor.flush()
    assert sum(record.fields["request_count"] for record in channel_log.channel("monitoring")) == 2000


def test_a_window_needs_a_request() -> None:
    with pytest.raises(ValueError, match=r"^window_requests must be at least 1, got 0$"):
        Monitor(window_requests=0)
