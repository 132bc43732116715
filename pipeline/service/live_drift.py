"""Live drift: the rows that a service scores are compared with the model's reference, a batch at a time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from loguru import logger

from pipeline.audit_events import audit_drift
from pipeline.service.background import Background
from pipeline.service.payload import MAX_ROWS, to_table
from sevenfold.drift import DriftMonitor, log_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.service.payload import Row
    from sevenfold.drift import DriftDetector

log = logger.bind(channel="drift")

ALPHA = 0.05  # the chance of a false alarm in 365 batches, of all workers together
QUEUE_BATCHES = 4  # and a request's rows, which come all at once


class DriftWatch(Background):
    """Gather rows, and have each full batch of them checked by a thread, which the first one starts.

    Whatever goes wrong in a check is logged, and nobody who is served notices. In a process that was forked, it begins
    anew.

    Parameters
    ----------
    detector : DriftDetector
        Made of the model's reference.
    schema : mapping
        The model's: names the values of a row.
    batch_rows : int
        Rows a batch, no fewer than the detector asks for.
    worker_id : str, optional
        Begins the batches' ids, where several processes serve.
    n_workers : int
        How many processes share the rate of false alarms, at least 1.

    Raises
    ------
    ValueError
        If ``batch_rows`` or ``n_workers`` is too few.
    """

    def __init__(
        self,
        detector: DriftDetector,
        schema: Mapping[str, str],
        batch_rows: int = 500,
        *,
        worker_id: str | None = None,
        n_workers: int = 1,
    ) -> None:
        if batch_rows < detector.min_rows:
            raise ValueError(f"drift is found in batches of at least {detector.min_rows} rows, got {batch_rows}")
        if n_workers < 1:
            raise ValueError(f"workers must be at least 1, got {n_workers}")
        self._detector = detector
        self._schema = dict(schema)
        self._n_workers = n_workers
        self._batch_rows = batch_rows
        self._prefix = "live" if worker_id is None else f"live-{worker_id}"
        super().__init__("drift-watch")

    def observe(self, rows: Iterable[Row], scores: Iterable[float]) -> None:
        """Take rows and their scores; where the thread can't keep up, the oldest are let go and counted."""
        self._here()
        with self._changed:
            for scored in zip(rows, scores, strict=True):
                self._n_dropped += len(self._rows) == self._rows.maxlen
                self._rows.append(scored)
            if len(self._rows) >= self._batch_rows:
                self._need_thread()
                self._changed.notify_all()

    def close(self, timeout_s: float | None = 10.0) -> None:
        """Check the remaining rows, if they are enough for a test, and end the thread."""
        self._here()
        with self._changed:
            if len(self._rows) >= self._detector.min_rows:
                self._need_thread()
        super().close(timeout_s)

    def _begin(self) -> None:
        super()._begin()
        self._rows: deque[tuple[Row, float]] = deque(maxlen=QUEUE_BATCHES * self._batch_rows + MAX_ROWS)
        self._monitor = DriftMonitor(self._detector, alpha=ALPHA / self._n_workers)
        self._n_dropped = 0
        self._n_batches = 0

    def _work(self) -> None:
        while rows := self._next():
            self._n_batches += 1
            batch_id = f"{self._prefix}-{self._n_batches:06d}"
            try:
                self._check(rows, batch_id)
            except Exception:
                log.exception("live batch failed", batch_id=batch_id)

    def _next(self) -> list[tuple[Row, float]]:
        """Wait for a full batch; at the end, return the remaining rows, and then none."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or len(self._rows) >= self._batch_rows)
            if len(self._rows) < self._detector.min_rows:
                return []
            return [self._rows.popleft() for _ in range(min(self._batch_rows, len(self._rows)))]

    def _check(self, scored: list[tuple[Row, float]], batch_id: str) -> None:
        rows, scores = zip(*scored, strict=True)
        columns = to_table(rows, self._schema).columns | dict.fromkeys(self._detector.outputs, np.array(scores))
        report = self._detector.check(columns, batch_id=batch_id)
        verdict = self._monitor.update(report)
        log_report(report, verdict)
        if verdict.alarm:
            audit_drift(verdict)
        with self._changed:
            n_dropped, self._n_dropped = self._n_dropped, 0
        if n_dropped:
            log.warning("rows came too quickly to be checked", batch_id=batch_id, n_dropped=n_dropped)
