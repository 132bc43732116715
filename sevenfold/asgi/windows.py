"""Windows of requests: how many there were, how they ended, and how long they took."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from loguru import logger

if TYPE_CHECKING:
    from collections.abc import Collection

SERVER_ERROR = 500
_PERCENTILES = (50, 95, 99)
_CLASSES_ALWAYS_TOLD = (2, 4, 5)


class Windows:
    """Gather how requests ended and log a window of them at a time; threads may share one.

    A window is closed by the request that fills it, or by the first event that comes when it is old enough: a request,
    or a call of `close_old`, for which `ApiLog` has a timer. One that saw nothing isn't logged.

    Parameters
    ----------
    channel : str or None
        Where windows are logged; None only counts.
    requests : int
        Requests per window, at least 1.
    seconds : float, optional
        The age at which a window is closed, above 0; None closes none by its age.
    averaged : collection of str
        Numbers among the requests' fields: a window has the ``mean_`` of each, over the requests that have it.
    counted : collection of str
        Fields that take few values: a window has the ``_counts`` of each. The value may be counts itself, such as
        ``{"approve": 7, "deny": 3}`` for a request of ten rows.
    fields : mapping, optional
        Further fields of all windows.

    Attributes
    ----------
    total : int
        Requests so far, quiet ones among them.

    Raises
    ------
    ValueError
        If ``requests`` or ``seconds`` is out of its range.

    Notes
    -----
    A line has ``window_start`` and ``window_end`` (UTC, ISO 8601), ``request_count``, ``quiet_count``, ``error_count``
    (a status of 500 or above), ``error_rate`` in [0, 1], ``requests_per_s``, ``latency_ms_mean``, ``_p50``, ``_p95``,
    ``_p99`` (by linear interpolation) and ``_max``, and ``status_2xx_count`` and so on. A figure that needs a request
    is None without one.

    Examples
    --------
    >>> shown = logger.add(lambda line: print(line, end=""), format="{message} {extra[error_rate]}")
    >>> windows = Windows(requests=2)
    >>> began = windows.observe(200, 12.5)
    >>> began = windows.observe(500, 80.0)  # the request that fills it
    window 0.5
    >>> logger.remove(shown)
    """

    def __init__(
        self,
        channel: str | None = "monitoring",
        *,
        requests: int = 1000,
        seconds: float | None = 60.0,
        averaged: Collection[str] = (),
        counted: Collection[str] = (),
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        if requests < 1:
            raise ValueError(f"a window has at least 1 request, got {requests}")
        if seconds is not None and not seconds > 0:
            raise ValueError(f"a window lasts for more than 0 seconds, got {seconds}")
        self.total = 0
        self.seconds = seconds
        self._log = None if channel is None else logger.bind(channel=channel, **(fields or {}))
        self._requests = requests
        self._averaged, self._counted = tuple(averaged), tuple(counted)
        # The context that a window is logged in: the context of the request which closes it has ids of its own.
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._window = _Window(self._averaged, self._counted)

    def observe(self, status: int, duration_ms: float, /, **fields: Any) -> bool:
        """Count a request, and return whether it began a window that is open now.

        Parameters
        ----------
        status : int
            The answer's.
        duration_ms : float
            How long it took, in milliseconds.
        **fields
            Its other fields; those named by ``averaged`` and ``counted`` go into the window.
        """
        self.close_old()
        with self._lock:
            begins = self._count(duration_ms)
            self._window.add(status, duration_ms, fields)
            full = self._taken() if len(self._window.durations_ms) >= self._requests else None
        self._tell(full)
        return begins and full is None

    def observe_quiet(self) -> bool:
        """Count a request without its status and duration, and return whether it began a window."""
        self.close_old()
        with self._lock:
            begins = self._count(0.0)
            self._window.n_quiet += 1
        return begins

    def _count(self, duration_ms: float) -> bool:
        self.total += 1
        begins = self._window.is_empty
        if begins:
            self._window.begin(duration_ms)
        return begins

    def close_old(self) -> None:
        """Log the window if it is old enough."""
        with self._lock:
            old = self._taken() if self._is_old() else None
        self._tell(old)

    def flush(self) -> None:
        """Log the window, if it saw anything, and begin another."""
        with self._lock:
            window = self._taken()
        self._tell(window)

    def _is_old(self) -> bool:
        window = self._window
        return self.seconds is not None and not window.is_empty and monotonic() - window.began_s >= self.seconds

    def _taken(self) -> _Window:
        """Take the window, and begin another in the same turn of the lock: no other thread closes that one for it."""
        window, self._window = self._window, _Window(self._averaged, self._counted)
        return window

    def _tell(self, window: _Window | None) -> None:
        if self._log is not None and window is not None and not window.is_empty:
            self._context.copy().run(self._log.info, "window", **window.summary(datetime.now(UTC)))

    def close(self) -> None:
        """Log the window that is open, as a server does at its end: ``atexit.register(windows.close)``."""
        self.flush()


class _Window:
    """One window while it is open."""

    def __init__(self, averaged: tuple[str, ...], counted: tuple[str, ...]) -> None:
        self.durations_ms: list[float] = []
        self.began_s = 0.0  # on the monotonic clock
        self._start = datetime.now(UTC)
        self._statuses: Counter[int] = Counter()
        self.n_quiet = 0
        self._values: dict[str, list[float]] = {name: [] for name in averaged}
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in counted}

    @property
    def is_empty(self) -> bool:
        return not self.durations_ms and not self.n_quiet

    def begin(self, duration_ms: float) -> None:
        self._start, self.began_s = datetime.now(UTC) - timedelta(milliseconds=duration_ms), monotonic()

    def add(self, status: int, duration_ms: float, fields: Mapping[str, Any]) -> None:
        self.durations_ms.append(duration_ms)
        self._statuses[status] += 1
        for name, values in self._values.items():
            with contextlib.suppress(KeyError, TypeError, ValueError):  # not among the fields, or no number
                values.append(float(fields[name]))
        for name, counts in self._counts.items():
            if name in fields:
                counts.update(_counts_in(fields[name]))

    def summary(self, end: datetime) -> dict[str, Any]:
        """Return the fields of its line."""
        n, seconds = len(self.durations_ms), (end - self._start).total_seconds()
        n_errors = sum(count for status, count in self._statuses.items() if status >= SERVER_ERROR)
        return {
            "request_count": n,
            "quiet_count": self.n_quiet,
            "error_count": n_errors,
            "error_rate": n_errors / n if n else None,
            "requests_per_s": n / seconds if seconds > 0 else 0.0,
            **_latency(self.durations_ms),
            **_by_class(self._statuses),
            **{f"mean_{name}": _mean(values) for name, values in self._values.items()},
            **{f"{name}_counts": dict(counts) for name, counts in self._counts.items()},
            "window_start": self._start.isoformat(),
            "window_end": end.isoformat(),
        }


def _latency(durations_ms: list[float]) -> dict[str, float | None]:
    names = ["latency_ms_mean", *(f"latency_ms_p{percent}" for percent in _PERCENTILES), "latency_ms_max"]
    if not durations_ms:
        return dict.fromkeys(names)
    values = [np.mean(durations_ms), *np.percentile(durations_ms, _PERCENTILES), np.max(durations_ms)]
    return dict(zip(names, map(float, values), strict=True))


def _by_class(statuses: Counter[int]) -> dict[str, int]:
    counts: Counter[int] = Counter()
    for status, count in statuses.items():
        counts[status // 100] += count
    return {f"status_{one}xx_count": counts[one] for one in sorted({*counts, *_CLASSES_ALWAYS_TOLD})}


def _counts_in(value: Any) -> dict[str, int]:
    if isinstance(value, Mapping) and all(isinstance(count, int) for count in value.values()):
        return {str(one): count for one, count in value.items()}
    return {str(value): 1}


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
