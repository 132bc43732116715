"""What uvicorn needs besides the application: settings from the environment, logging and sockets made to fit."""

from __future__ import annotations

import gc
import logging
import socket
import sys
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pipeline.service.asgi import App, Limits
from pipeline.service.embedded.http11 import encode
from pipeline.service.lifecycle import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UVICORN = "uvicorn.error"  # the logger of all that uvicorn has to say, but for its access log
STARTUP_FAILED = 3  # the exit status by which uvicorn knows that a worker needn't be started again
_LAST_WORDS = "Finished server process"
_PROTOCOLS = (
    ("uvicorn.protocols.http.h11_impl", "H11Protocol"),
    ("uvicorn.protocols.http.httptools_impl", "HttpToolsProtocol"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server has no option for; each is read from the environment variable ``SEVENFOLD_`` and its name.

    Attributes
    ----------
    log_dir : str
        The folder of the log files.
    model : str
        The model's file.
    window_requests : int
        Requests after which a window of monitoring.log is closed.
    window_seconds : float
        Seconds after which it is.
    drift_rows : int
        Scored rows that are compared at a time with the training rows; 0 compares none.
    """

    log_dir: str = "logs"
    model: str = "artifacts/model.npz"
    window_requests: int = 1000
    window_seconds: float = 60.0
    drift_rows: int = 500

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Take what the environment says, and the defaults for the rest.

        Raises
        ------
        ValueError
            If a number is none; it names the variable.
        """
        names = {field.name: f"SEVENFOLD_{field.name.upper()}" for field in fields(cls)}
        settings = cls()
        for field, name in names.items():
            if name in environment:
                settings = replace(settings, **{field: _convert(environment, name, type(getattr(settings, field)))})
        return settings


def make_app(settings: Settings | None = None, *, limits: Limits | None = None, worker_id: str | None = None) -> App:
    """Make the application of one process.

    Parameters
    ----------
    settings : Settings
        Which model to serve, and how it is watched.
    limits : Limits
        What clients can have.
    worker_id : str, optional
        Tells what processes log apart, such as ``pid-1234``.
    """
    given = settings or Settings()
    watched = partial(serving, window_requests=given.window_requests, window_s=given.window_seconds)
    return App(partial(watched, given.model, drift_batch_rows=given.drift_rows or None, worker_id=worker_id), limits)


def adopt_uvicorn(app: App, at_end: Callable[[], object]) -> None:
    """Fit uvicorn to handlers that take its lines over, such as those of ``intercept``; to be called in each worker.

    Its access log is switched off: the service logs each request itself, with its id. Its handlers keep what loguru's
    console doesn't show, which is what it says of its start and end, and no longer print warnings and errors too. And
    what several workers listen on sends each answer at once. A head that comes too slowly is answered with 408; uvicorn
    has no option for that.

    Parameters
    ----------
    app : App
        The application that uvicorn runs; it has the limits.
    at_end : callable
        Is called once uvicorn has said its last. What `atexit` has wouldn't be: in the end uvicorn sends itself the
        signal that it was stopped by.
    """
    access, errors = logging.getLogger("uvicorn.access"), logging.getLogger(UVICORN)
    access.handlers, access.propagate = [], False  # as uvicorn itself does for --no-access-log
    for origin in (errors, logging.getLogger("uvicorn"), logging.root):
        for handler in origin.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                handler.addFilter(_is_quiet)
    errors.addHandler(_AtEnd(at_end))
    _send_at_once()
    for module, name in _PROTOCOLS:
        protocol = getattr(sys.modules.get(module), name, None)  # the one that uvicorn has chosen, and maybe both
        if protocol is not None:
            _limit_heads(protocol, app)


def _convert(environment: Mapping[str, str], name: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(environment[name])
    except ValueError:
        raise ValueError(f"{name} must be a number, got {environment[name]!r}") from None


def _send_at_once() -> None:
    """Switch Nagle's algorithm off for the connections of a socket that the parent process has bound.

    Asyncio does so for sockets that know their protocol, which this one doesn't (uvicorn's issue 3149). On Linux each
    answer on a connection that is kept alive would come 40 ms late: what connects to a socket inherits its options.
    """
    found = [one for one in gc.get_objects() if type(one) is socket.socket]  # no server gives them to an application
    for one in found:
        if one.family in {socket.AF_INET, socket.AF_INET6} and one.type == socket.SOCK_STREAM and one.fileno() >= 0:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _limit_heads(protocol: Any, app: App) -> None:
    """Give the heads of requests a deadline, in a class of uvicorn's that reads connections."""
    made, received, lost = protocol.connection_made, protocol.data_received, protocol.connection_lost

    def connection_made(self: Any, transport: Any) -> None:
        made(self, transport)
        self.head_timer = self.loop.call_later(app.limits.head_s, transport.close)

    def data_received(self: Any, data: bytes) -> None:
        received(self, data)
        if self.cycle is not None and not self.cycle.response_complete:  # there is a head, and an application at work
            self.head_timer.cancel()
            self.head_began = False
        elif not getattr(self, "head_began", False):
            self.head_timer.cancel()
            self.head_timer = self.loop.call_later(app.limits.head_s, _end_slow_head, self, app)
            self.head_began = True

    def connection_lost(self: Any, error: Exception | None) -> None:
        self.head_timer.cancel()
        lost(self, error)

    protocol.connection_made, protocol.data_received = connection_made, data_received
    protocol.connection_lost = connection_lost


def _end_slow_head(connection: Any, app: App) -> None:
    address = connection.client[0] if connection.client else "unknown"
    response = None if connection.transport.is_closing() else app.refuse_head(address)
    if response is not None:
        connection.transport.write(encode(response, keep_alive=False))
    connection.transport.close()


class _AtEnd(logging.Handler):
    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then = then

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(_LAST_WORDS):
            self._then()


def _is_quiet(record: logging.LogRecord) -> bool:
    return record.name.startswith("uvicorn") and record.levelno < logging.WARNING
