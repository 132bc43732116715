import math
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from loguru import logger

from sevenfold.asgi import Windows
from sevenfold.channel_log import ChannelLog


def logged(log: ChannelLog) -> list[dict[str, Any]]:
    return [record.fields for record in log.channel("monitoring")]


def length_s(window: dict[str, Any]) -> float:
    start, end = (datetime.fromisoformat(window[name]) for name in ("window_start", "window_end"))
    return (end - start).total_seconds()


def test_a_window_computed_by_hand(channel_log: ChannelLog) -> None:
    windows = Windows(averaged=["confidence"], counted=["decision"], fields={"worker_id": "pid-7"})
    windows.observe(200, 1.0, decision="approve", confidence=0.9)
    windows.observe(200, 2.0, decision={"approve": 2, "deny": 1}, confidence=np.float32(0.5))
    windows.observe(422, 3.0, error_type="wrong_fields", confidence=None)
    windows.observe(500, 4.0, decision="deny", confidence="much")
    windows.observe_quiet()
    windows.flush()
    (window,) = logged(channel_log)
    seconds = length_s(window)
    assert window.pop("requests_per_s") == pytest.approx(4 / seconds)
    del window["window_start"], window["window_end"]
    assert window == {
        "worker_id": "pid-7",
        "request_count": 4,
        "quiet_count": 1,
        "error_count": 1,
        "error_rate": 0.25,
        "latency_ms_mean": 2.5,
        "latency_ms_p50": 2.5,
        "latency_ms_p95": pytest.approx(3.85),
        "latency_ms_p99": pytest.approx(3.97),
        "latency_ms_max": 4.0,
        "status_2xx_count": 2,
        "status_4xx_count": 1,
        "status_5xx_count": 1,
        "mean_confidence": pytest.approx(0.7),
        "decision_counts": {"approve": 3, "deny": 2},
    }
    assert windows.total == 5


def test_percentiles_are_those_of_numpy(channel_log: ChannelLog) -> None:
    durations_ms = np.random.default_rng(1).exponential(5, 1000)
    windows = Windows(requests=1000)
    for one in durations_ms:
        windows.observe(301, float(one))
    (window,) = logged(channel_log)
    found = [window[f"latency_ms_p{percent}"] for percent in (50, 95, 99)]
    assert found == pytest.approx(list(np.quantile(durations_ms, [0.5, 0.95, 0.99])))
    assert window["status_3xx_count"] == 1000


def test_a_window_without_requests_tells_what_came_and_one_without_anything_isnt_logged(
    channel_log: ChannelLog,
) -> None:
    windows = Windows(averaged=["confidence"])
    windows.flush()
    windows.observe_quiet()
    windows.flush()
    (window,) = logged(channel_log)
    told = [
        window[name] for name in ("request_count", "quiet_count", "error_rate", "latency_ms_p99", "mean_confidence")
    ]
    assert told == [0, 1, None, None, None]


def test_the_request_that_fills_a_window_has_it_logged_and_what_is_left_the_end(channel_log: ChannelLog) -> None:
    windows = Windows(requests=3)
    begun = [windows.observe(200, 1.0) for _ in range(4)]
    windows.flush()
    windows.flush()
    assert [window["request_count"] for window in logged(channel_log)] == [3, 1]
    assert begun == [True, False, False, True]


def test_an_old_window_is_closed_before_the_next_request_counts(channel_log: ChannelLog) -> None:
    windows = Windows(seconds=0.05)
    windows.close_old()
    windows.observe(200, 1000.0)
    windows.close_old()
    assert logged(channel_log) == []
    time.sleep(0.06)
    windows.observe(200, 1.0)
    (window,) = logged(channel_log)
    assert (window["request_count"], 1.0 < length_s(window) < 30) == (1, True)  # from the arrival of its first request
    time.sleep(0.06)
    windows.close_old()
    assert [window["request_count"] for window in logged(channel_log)] == [1, 1]


def test_threads_that_share_windows_lose_no_request(channel_log: ChannelLog) -> None:
    windows = Windows(requests=7, seconds=math.inf)

    def work() -> None:
        for _ in range(500):
            windows.observe(200, 0.1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    windows.flush()
    counts = [window["request_count"] for window in logged(channel_log)]
    assert (sum(counts), max(counts), windows.total) == (2000, 7, 2000)


class Interrupted:
    """A lock before which, at one of its turns, another thread gets its own."""

    def __init__(self, at: int, other: Callable[[], object]) -> None:
        self._lock, self._at, self._other = threading.Lock(), at, other

    def __enter__(self) -> None:
        self._at -= 1
        if self._at == 0:
            self._other()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_two_threads_that_find_a_window_old_close_no_new_one(channel_log: ChannelLog, turn: int) -> None:
    windows = Windows(seconds=60.0)
    windows.observe(200, 1.0)
    windows._window.began_s -= 61
    windows._lock = Interrupted(turn, lambda: windows.observe(200, 1.0))  # type: ignore[assignment]
    windows.close_old()
    windows.close_old()
    assert [window["request_count"] for window in logged(channel_log)] == [1]


@pytest.mark.parametrize("turn", [1, 2, 3, 4])
def test_a_window_never_has_more_requests_than_it_takes(channel_log: ChannelLog, turn: int) -> None:
    windows = Windows(requests=2)
    windows.observe(200, 1.0)
    windows._lock = Interrupted(turn, lambda: windows.observe(200, 1.0))  # type: ignore[assignment]
    for _ in range(2):
        windows.observe(200, 1.0)
    windows.flush()
    assert [window["request_count"] for window in logged(channel_log)] == [2, 2]


def test_a_window_has_the_context_of_who_made_it_not_of_who_closes_it(channel_log: ChannelLog) -> None:
    with logger.contextualize(run_id="run-1"):
        windows = Windows(requests=1)
    with logger.contextualize(request_id="r"):
        windows.observe(200, 1.0)
    (window,) = logged(channel_log)
    assert (window["run_id"], "request_id" in window) == ("run-1", False)


def test_without_a_channel_they_only_count(channel_log: ChannelLog) -> None:
    windows = Windows(None, requests=1)
    windows.observe(200, 1.0)
    windows.observe_quiet()
    windows.flush()
    assert (windows.total, channel_log.records) == (2, [])
