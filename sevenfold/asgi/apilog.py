"""The middleware: one line for each request, and windows of requests."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING, Any

from loguru import logger

from sevenfold.asgi.addresses import networks
from sevenfold.asgi.exchange import Exchange, Manner
from sevenfold.asgi.lifespan import Lifespan
from sevenfold.asgi.notes import CURRENT
from sevenfold.asgi.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sevenfold.asgi.types import App, Receive, Scope, Send

_SEEN = "sevenfold.asgi"  # in the scope of a request that has a line already
_ACCESS_LOG = "uvicorn.access"


class ApiLog:
    """An ASGI application that logs each request of another one: ``app = ApiLog(app)``, outside of all else.

    The line is written before the last byte of the answer is handed over, so that each answer that arrived has its
    line, even if the process is killed right then. What happens within the request is logged with its ``request_id``,
    and with the ``trace_id`` of a valid ``traceparent``. An exception stands in errors.log once, with the line. Answers
    stay as they are, but for an added ``X-Request-ID``, and nothing of a stream is held.

    Parameters
    ----------
    app : ASGI application
        FastAPI, Starlette, Litestar, Quart, Django, or a bare one.
    channel : str
        Where requests are logged.
    window_channel : str or None
        Where windows of requests are logged; None logs none.
    window_requests, window_s : int, float or None
        How many requests, and how many seconds after its first one, a window is closed, whichever comes first.
    averaged, counted : collection of str
        Names of noted fields, of which windows have the mean or the counts; see `Windows`.
    quiet : collection of str
        Paths such as ``/health``: a request there with a status below 400 has no line, and is only counted.
    trusted_proxies : iterable of str
        Addresses or networks whose X-Forwarded-For is believed, such as ``10.0.0.0/8``.
    reraise : bool
        Whether an exception that came with a whole answer is raised again once it is logged, for a middleware outside.
        One without a whole answer always is: the server must know.
    fields : mapping, optional
        Further fields of each line and window, such as a worker's id.
    on_close : callable, optional
        Called with the number of requests at the end of the lifespan, once the last window is logged.
    route : callable, optional
        Gives the ``http_route`` of a scope after the request, where the framework notes it elsewhere than in ``route``
        (Starlette, FastAPI) or ``path_template`` (Litestar).
    accept_id : callable, optional
        Says whether the id in a client's X-Request-ID is used. It is asked only about ids of at most 128 letters,
        digits and ``_.:@+/=-``; any other is replaced anyway.
    access_log : bool
        Whether uvicorn's own line for each request stays.

    Raises
    ------
    ValueError
        If a window or a network can't be understood.

    Notes
    -----
    A line has ``http_request_method``, ``http_route``, ``url_path``, ``http_response_status_code``, ``duration_ms``
    (from the arrival of the head to the last byte), ``client_address``, and what `note` was given. Names are
    OpenTelemetry's, with underscores. Of a status of 500 or above, the last byte waits until the application has
    returned or raised, so that the exception stands in the line.

    Its level is INFO; it is ERROR where there is an exception, no whole answer, or a status of 500. A client that left
    before it had an answer is status 499, as nginx has it. A WebSocket has its line when it is closed, with status 101,
    and counts in no window.

    Examples
    --------
    >>> import asyncio
    >>> from loguru import logger
    >>> async def app(scope, receive, send):
    ...     await send({"type": "http.response.start", "status": 204})
    ...     await send({"type": "http.response.body"})
    >>> async def ask(app):
    ...     async def send(message):
    ...         print(message.get("headers", message["type"]))
    ...     headers = [(b"x-request-id", b"order-4711")]
    ...     await app({"type": "http", "method": "GET", "path": "/", "headers": headers}, None, send)
    >>> logger.remove()
    >>> asyncio.run(ask(ApiLog(app)))
    [(b'x-request-id', b'order-4711')]
    http.response.body
    """

    def __init__(
        self,
        app: App,
        *,
        channel: str = "api",
        window_channel: str | None = "monitoring",
        window_requests: int = 1000,
        window_s: float | None = 60.0,
        averaged: Collection[str] = (),
        counted: Collection[str] = (),
        quiet: Collection[str] = (),
        trusted_proxies: Iterable[str] = (),
        reraise: bool = False,
        fields: Mapping[str, Any] | None = None,
        on_close: Callable[[int], object] | None = None,
        route: Callable[[Scope], str | None] | None = None,
        accept_id: Callable[[str], bool] | None = None,
        access_log: bool = False,
    ) -> None:
        self.app = app
        windows = Windows(
            window_channel,
            requests=window_requests,
            seconds=window_s,
            averaged=averaged,
            counted=counted,
            fields=fields,
        )
        self._manner = Manner(
            log=logger.bind(channel=channel, **(fields or {})),
            windows=windows,
            quiet=frozenset(quiet),
            proxies=networks(trusted_proxies),
            reraise=reraise,
            route=route,
            accept_id=accept_id,
        )
        self._on_close = on_close
        self._silences_access_log = not access_log
        self._context = contextvars.copy_context()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or follow the server's lifespan."""
        if self._silences_access_log:
            self._silence_access_log()
        if scope["type"] == "lifespan":
            await Lifespan(receive, send, self._close).run(self.app, scope)
        elif scope["type"] not in {"http", "websocket"} or _SEEN in scope:  # within another ApiLog
            await self.app(scope, receive, send)
        elif CURRENT.get() is None:
            await self._log(scope, receive, send)
        else:  # a server's task may inherit the context of an earlier request: https://github.com/python/cpython/issues/140947
            await asyncio.create_task(self._log(scope, receive, send), context=self._context.copy())

    async def _log(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_SEEN] = True
        exchange = Exchange(self._manner, scope, receive, send)
        token = CURRENT.set(exchange)
        try:
            with logger.contextualize(**exchange.ids):
                await exchange.run(self.app)
        finally:
            CURRENT.reset(token)

    def _silence_access_log(self) -> None:
        """Do as uvicorn does for ``--no-access-log``; this can be done only after it has set its logging up."""
        self._silences_access_log = False
        access = logging.getLogger(_ACCESS_LOG)
        access.handlers, access.propagate = [], False

    def _close(self) -> None:
        self._manner.windows.flush()
        if self._on_close is not None:
            self._on_close(self._manner.windows.total)
