import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from loguru import logger

from pipeline.service.monitoring import Monitor, Outcome, Window, summarise
from sevenfold.channel_log import ChannelLog

OK = Outcome(200, 1.0)
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


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.005)


def counts(log: ChannelLog) -> list[int]:
    return [record.fields["request_count"] for record in log.channel("monitoring")]


def length_s(window: dict[str, Any]) -> float:
    start, end = (datetime.fromisoformat(window[name]) for name in ("window_start", "window_end"))
    return (end - start).total_seconds()


def test_a_window_that_gets_old_is_logged_though_nobody_asks(channel_log: ChannelLog) -> None:
    monitor = Monitor(window_requests=1000, window_s=0.05)
    for n_windows in (1, 2):
        for _ in range(3):
            monitor.observe(OK)
        wait_for(lambda: len(counts(channel_log)) >= n_windows)  # noqa: B023 - called at once
    monitor.close()
    assert counts(channel_log) == [3, 3]  # and none without a request
    assert 0.049 <= length_s(channel_log.channel("monitoring")[0].fields) < 30


def test_a_window_may_be_as_long_as_can_be(channel_log: ChannelLog) -> None:
    monitor = Monitor(window_requests=2, window_s=math.inf)
    for _ in range(3):
        monitor.observe(OK)
    time.sleep(0.1)
    assert "monitor" in {thread.name for thread in threading.enumerate()}
    monitor.close()
    assert counts(channel_log) == [2, 1]


def test_a_window_that_was_filled_does_not_end_the_next_one_early(channel_log: ChannelLog) -> None:
    monitor = Monitor(window_requests=2, window_s=0.2)
    monitor.observe(OK)
    time.sleep(0.1)
    monitor.observe(OK)
    monitor.observe(OK)
    wait_for(lambda: len(counts(channel_log)) == 2)
    monitor.close()
    assert counts(channel_log) == [2, 1]
    assert 0.199 <= length_s(channel_log.channel("monitoring")[1].fields) < 30


def test_a_monitor_that_has_nothing_to_do_takes_no_time(channel_log: ChannelLog) -> None:
    monitor = Monitor(window_requests=2, window_s=0.05)
    for _ in range(3):
        monitor.observe(OK)
    wait_for(lambda: counts(channel_log) == [2, 1])
    before = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - before < 0.1
    monitor.close()


def test_closing_logs_the_last_window_and_ends_the_thread(channel_log: ChannelLog) -> None:
    before = threading.active_count()
    monitor = Monitor(window_s=3600, worker_id="pid-7")
    assert threading.active_count() == before
    monitor.observe(OK)
    assert threading.active_count() == before + 1
    for _ in range(2):
        monitor.close()
    assert threading.active_count() == before
    assert counts(channel_log) == [1]
    assert channel_log.channel("monitoring")[0].fields["worker_id"] == "pid-7"
    monitor.observe(OK)  # one that was late
    assert counts(channel_log) == [1, 1]
    assert monitor.request_count == 2


def test_a_window_has_the_context_of_whoever_made_the_monitor(channel_log: ChannelLog) -> None:
    with logger.contextualize(run_id="run-1"):
        monitor = Monitor(window_s=0.01)
    with logger.contextualize(request_id="req-1"):
        monitor.observe(OK)
    wait_for(lambda: channel_log.records)
    monitor.close()
    fields = channel_log.records[0].fields
    assert (fields["run_id"], fields.get("request_id"), "worker_id" in fields) == ("run-1", None, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window_requests": 0}, "window_requests must be at least 1, got 0"),
        ({"window_s": 0.0}, "window_s must be above 0, got 0.0"),
        ({"window_s": float("nan")}, "window_s must be above 0, got nan"),
    ],
)
def test_a_window_needs_a_request_and_time(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Monitor(**arguments)
