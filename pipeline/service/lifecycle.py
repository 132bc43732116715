"""A model's file as a service that is watched and audited, whichever server stands in front of it."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from loguru import logger

from pipeline.audit_events import actor, audit
from pipeline.model.logistic import load_saved
from pipeline.service.live_drift import DriftWatch
from pipeline.service.monitoring import Monitor
from pipeline.service.scoring import ScoringService
from sevenfold.drift.detector import DriftDetector

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from pipeline.model.logistic import SavedModel

log = logger.bind(channel="drift")


@contextmanager
def serving(
    model_path: str | os.PathLike[str] = "artifacts/model.npz",
    *,
    window_requests: int = 1000,
    window_s: float | None = 60.0,
    drift_batch_rows: int | None = 500,
    worker_id: str | None = None,
    max_in_flight: int = 64,
) -> Iterator[ScoringService]:
    """Load a model and serve with it: the service inside, its start and stop audited, and nothing left at the end.

    To be entered once in each process that serves, after it was forked.

    Parameters
    ----------
    model_path : path
        A file that `pipeline.model.logistic.save` wrote.
    window_requests, window_s
        When a window of monitoring.log is closed, see `pipeline.service.monitoring.Monitor`.
    drift_batch_rows : int, optional
        Scored rows that are compared at a time with the rows in the model's file; None compares none.
    worker_id : str, optional
        Stands in what several processes would otherwise tell alike, such as ``pid-1234``.
    max_in_flight : int
        Requests scored at a time.

    Yields
    ------
    ScoringService

    Raises
    ------
    FileNotFoundError
        If there is no model; it says how to make one.
    ValueError
        If the file is no model, or an argument out of its range.
    """
    saved = _load(model_path)
    monitor = Monitor(window_requests, window_s=window_s, worker_id=worker_id)
    watch = None if drift_batch_rows is None else _watch(saved, drift_batch_rows, worker_id)
    service = ScoringService(saved.model, monitor, watch, max_in_flight=max_in_flight)
    told: dict[str, Any] = {"actor": actor(), "resource": str(model_path), "model_hash": saved.model_hash}
    told |= {} if worker_id is None else {"worker_id": worker_id}
    started = perf_counter()
    audit("service_started", "started", **told)
    outcome = "failure"
    try:
        yield service
        outcome = "success"
    finally:
        if watch is not None:
            watch.close()
        monitor.close()
        told |= {"request_count": monitor.request_count, "duration_s": perf_counter() - started}
        audit("service_stopped", outcome, **told)


def _load(path: str | os.PathLike[str]) -> SavedModel:
    try:
        return load_saved(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} isn't there; make it with: python main.py") from None


def _watch(saved: SavedModel, batch_rows: int, worker_id: str | None) -> DriftWatch | None:
    reference = saved.reference()
    if reference is None:
        log.info("no live drift: the model's file has no reference", model_version=saved.model.version)
        return None
    detector = DriftDetector(reference.columns)
    return DriftWatch(detector, saved.model.schema, batch_rows, worker_id=worker_id)
