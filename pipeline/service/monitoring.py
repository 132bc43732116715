"""What the service did, window by window: requests, errors, latency, decisions."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from threading import TIMEOUT_MAX
from time import monotonic

import numpy as np
from loguru import logger

from pipeline.service.background import Background

log = logger.bind(channel="monitoring")

SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one request ended.

    Attributes
    ----------
    status : int
        HTTP status of the answer.
    duration_ms : float
        From the request's arrival to its answer, in milliseconds.
    decisions : tuple of str
        ``"approve"`` or ``"deny"``, one a row scored.
    confidences : tuple of float
        Probability of the chosen label, one a row scored, in [0, 1].
    """

    status: int
    duration_ms: float
    decisions: tuple[str, ...] = ()
    confidences: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """One window of monitoring.log.

    Attributes
    ----------
    window_start, window_end : str
        When its first request came and when it was closed, UTC, ISO 8601.
    request_count, error_count : int
        All requests, and those answered with a status of 500 or above.
    error_rate : float
        Their share, in [0, 1].
    requests_per_s : float
        Requests by the seconds that the window spans, 0 where that is nothing.
    latency_ms_mean, latency_ms_p50, latency_ms_p95, latency_ms_p99, latency_ms_max : float
        Of the measured durations, in milliseconds; percentiles by linear interpolation.
    status_2xx_count, status_4xx_count, status_5xx_count : int
        Answers by class of status.
    approve_rate, mean_confidence : float or None
        Over the rows scored, None where none was.
    """

    window_start: str
    window_end: str
    request_count: int
    error_count: int
    error_rate: float
    requests_per_s: float
    latency_ms_mean: float
    latency_ms_p50: float
    latency_ms_p95: float
    latency_ms_p99: float
    latency_ms_max: float
    status_2xx_count: int
    status_4xx_count: int
    status_5xx_count: int
    approve_rate: float | None
    mean_confidence: float | None


class Monitor(Background):
    """Gather the outcomes of requests and log a window of them at a time; threads may share one.

    A window is closed by the request that fills it, or once it is old enough, whichever comes first; one without any
    request isn't logged. In a process that was forked, it begins anew.

    Parameters
    ----------
    window_requests : int
        Requests a window, at least 1.
    window_s : float, optional
        Seconds from its first request after which a window is closed, above 0; by a thread, which the first request
        starts.
    worker_id : str, optional
        Stands in each window: whose requests these are, where several processes serve.

    Raises
    ------
    ValueError
        If ``window_requests`` or ``window_s`` is out of its range.
    """

    _outcomes: list[Outcome]
    _start: datetime
    _due: float | None  # on the monotonic clock

    def __init__(
        self, window_requests: int = 50, *, window_s: float | None = None, worker_id: str | None = None
    ) -> None:
        if window_requests < 1:
            raise ValueError(f"window_requests must be at least 1, got {window_requests}")
        if window_s is not None and not window_s > 0:
            raise ValueError(f"window_s must be above 0, got {window_s}")
        self._window_requests = window_requests
        self._window_s = window_s
        self._log = log if worker_id is None else log.bind(worker_id=worker_id)
        super().__init__("monitor")

    @property
    def request_count(self) -> int:
        """Requests of all windows so far, in this process."""
        return self._request_count

    def observe(self, outcome: Outcome) -> None:
        """Count a request; the one that fills the window has it logged."""
        self._here()
        with self._changed:
            if not self._outcomes:
                self._open(outcome.duration_ms)
            self._outcomes.append(outcome)
            self._request_count += 1
            full = len(self._outcomes) >= self._window_requests or self._closing
        if full:
            self.flush()

    def flush(self) -> Window | None:
        """Close the window and log it; None where no request came."""
        self._here()
        with self._changed:
            outcomes, self._outcomes = self._outcomes, []
            start, self._due = self._start, None
        if not outcomes:
            return None
        window = summarise(outcomes, start, datetime.now(UTC))
        self._log.info("window", **asdict(window))
        return window

    def close(self, timeout_s: float | None = 10.0) -> None:
        """End the thread, and log the last window. A request after that is a window of its own."""
        super().close(timeout_s)
        self.flush()

    def _begin(self) -> None:
        super()._begin()
        self._outcomes = []
        self._request_count = 0
        self._start = datetime.now(UTC)
        self._due = None

    def _open(self, duration_ms: float) -> None:
        self._start = datetime.now(UTC) - timedelta(milliseconds=duration_ms)
        if self._window_s is not None:
            self._due = monotonic() + self._window_s
            self._need_thread()
            self._changed.notify_all()

    def _work(self) -> None:
        while self._wait():
            self.flush()

    def _wait(self) -> bool:
        """Wait for a window to get old; False at the end."""
        with self._changed:
            while not self._closing:
                left_s = None if self._due is None else self._due - monotonic()
                if left_s is not None and left_s <= 0:
                    return True
                self._changed.wait(None if left_s is None else min(left_s, TIMEOUT_MAX))
        return False


def summarise(outcomes: list[Outcome], start: datetime, end: datetime) -> Window:
    """Summarise the requests between two moments.

    Parameters
    ----------
    outcomes : list of Outcome
        At least one.
    start, end : datetime
        Aware; ``end`` not before ``start``.

    Returns
    -------
    Window
    """
    latency_ms = np.array([outcome.duration_ms for outcome in outcomes])
    p50, p95, p99 = np.percentile(latency_ms, [50, 95, 99])
    classes = Counter(outcome.status // 100 for outcome in outcomes)
    errors = sum(outcome.status >= SERVER_ERROR for outcome in outcomes)
    decisions = [decision for outcome in outcomes for decision in outcome.decisions]
    confidences = [confidence for outcome in outcomes for confidence in outcome.confidences]
    duration_s = (end - start).total_seconds()
    return Window(
        window_start=start.isoformat(),
        window_end=end.isoformat(),
        request_count=len(outcomes),
        error_count=errors,
        error_rate=errors / len(outcomes),
        requests_per_s=len(outcomes) / duration_s if duration_s > 0 else 0.0,
        latency_ms_mean=float(latency_ms.mean()),
        latency_ms_p50=float(p50),
        latency_ms_p95=float(p95),
        latency_ms_p99=float(p99),
        latency_ms_max=float(latency_ms.max()),
        status_2xx_count=classes[2],
        status_4xx_count=classes[4],
        status_5xx_count=classes[5],
        approve_rate=decisions.count("approve") / len(decisions) if decisions else None,
        mean_confidence=float(np.mean(confidences)) if confidences else None,
    )
