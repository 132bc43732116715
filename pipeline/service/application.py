"""A model's file as a service that is logged, watched and audited, for any ASGI server."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from loguru import logger

from pipeline.audit_events import actor, audit
from pipeline.model.logistic import load_saved
from pipeline.service.live_drift import DriftWatch
from pipeline.service.scoring import Scoring
from sevenfold.asgi import ApiLog, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette.applications import Starlette

    from pipeline.model.logistic import SavedModel

HEALTH = "/health"
MAX_BODY_BYTES = 1_000_000
log = logger.bind(channel="drift")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a service; workers read them from environment variables, ``SEVENFOLD_`` and the name.

    Attributes
    ----------
    log_dir : str
        The folder of the log files.
    model : str
        The model's file.
    window_requests : int
        Requests after which a window of monitoring.log is closed.
    window_seconds : float
        Seconds after which it is; infinite for never.
    drift_rows : int
        Scored rows that are compared at a time with the training rows; 0 compares none.
    trusted_proxies : str
        Addresses or networks whose X-Forwarded-For is believed, with commas between.
    workers : int
        How many processes serve the model: they share the rate at which drift alarms for nothing.
    """

    log_dir: str = "logs"
    model: str = "artifacts/model.npz"
    window_requests: int = 1000
    window_seconds: float = 60.0
    drift_rows: int = 500
    trusted_proxies: str = ""
    workers: int = 1

    @classmethod
    def of(cls, options: object) -> Self:
        """Take the attributes of an object, such as parsed options, that have the names of the fields."""
        kinds = {name: kind for name, kind in cls._kinds().items() if hasattr(options, name)}
        return cls(**{name: kind(getattr(options, name)) for name, kind in kinds.items()})

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Take the values in the environment, and the defaults for the rest.

        Raises
        ------
        ValueError
            If a value isn't a number; the message names the variable.
        """
        values = {
            name: _convert(environment, variable, kind)
            for name, kind in cls._kinds().items()
            if (variable := f"SEVENFOLD_{name.upper()}") in environment
        }
        return cls(**values)

    @classmethod
    def _kinds(cls) -> dict[str, Callable[[Any], Any]]:
        defaults = cls()
        return {field.name: type(getattr(defaults, field.name)) for field in fields(cls)}


def load(path: str) -> SavedModel:
    """Read a model's file.

    Raises
    ------
    FileNotFoundError
        If there is none; it says how to make one.
    ValueError
        If the file is no model.
    """
    try:
        return load_saved(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} isn't there; make it with: python main.py") from None


def make_app(
    saved: SavedModel,
    settings: Settings,
    *,
    worker_id: str | None = None,
    accept_id: Callable[[str], bool] | None = None,
    at_end: Callable[[], object] | None = None,
    body_timeout_s: float = 10.0,
    max_in_flight: int = 256,
) -> ApiLog:
    """Make the service of a model; start and stop are audited with the server's lifespan.

    Parameters
    ----------
    saved : SavedModel
        The model, and what live rows are compared with.
    settings : Settings
        How it is watched.
    worker_id : str, optional
        Tells apart what several processes log, such as ``pid-1234``.
    accept_id : callable, optional
        Which ids of clients are used, see `sevenfold.asgi.ApiLog`.
    at_end : callable, optional
        Called last of all, when the stop is audited.
    body_timeout_s, max_in_flight
        See `sevenfold.asgi.Limits`.

    Raises
    ------
    ValueError
        If a setting is out of its range.
    """
    life = _Life(saved, settings, worker_id, at_end)
    service = Scoring(saved.model, life.watch).application(life.begin)
    limits = Limits(
        service,
        max_body_bytes=MAX_BODY_BYTES,
        body_timeout_s=body_timeout_s,
        max_in_flight=max_in_flight,
        exempt=[HEALTH],
    )
    return ApiLog(
        limits,
        window_requests=settings.window_requests,
        window_s=settings.window_seconds,
        averaged=["confidence"],
        counted=["decision"],
        quiet=[HEALTH],
        trusted_proxies=[one.strip() for one in settings.trusted_proxies.split(",") if one.strip()],
        fields=life.worker,
        on_close=life.end,
        accept_id=accept_id,
    )


class _Life:
    """From the start of a service to its stop."""

    def __init__(
        self, saved: SavedModel, settings: Settings, worker_id: str | None, at_end: Callable[[], object] | None
    ) -> None:
        self.worker = {} if worker_id is None else {"worker_id": worker_id}
        self.watch: DriftWatch | None = None
        detector = saved.detector() if settings.drift_rows else None
        if detector is not None:
            self.watch = DriftWatch(
                detector, saved.model.schema, settings.drift_rows, worker_id=worker_id, n_workers=settings.workers
            )
        self._version = saved.model.version
        self._lacks_reference = bool(settings.drift_rows) and detector is None
        self._audit_fields: dict[str, Any] = {"actor": actor(), "resource": settings.model}
        self._audit_fields |= {"model_hash": saved.model_hash, **self.worker}
        self._started = perf_counter()
        self._at_end = at_end

    @asynccontextmanager
    async def begin(self, _app: Starlette) -> AsyncIterator[None]:
        if self._lacks_reference:
            log.info("no live drift: the model's file has no reference", model_version=self._version)
        audit("service_started", "started", **self._audit_fields)
        self._started = perf_counter()
        yield

    def end(self, request_count: int) -> None:
        """Check the rows that are left, and audit the stop: the last window is logged by now."""
        if self.watch is not None:
            self.watch.close()
        duration_s = perf_counter() - self._started
        audit("service_stopped", "success", **self._audit_fields, request_count=request_count, duration_s=duration_s)
        if self._at_end is not None:
            self._at_end()


def _convert(environment: Mapping[str, str], name: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(environment[name])
    except ValueError:
        raise ValueError(f"{name} must be a number, got {environment[name]!r}") from None
