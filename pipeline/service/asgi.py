"""The scoring service as an ASGI application, for uvicorn and its like: bodies with a limit and a deadline, no more.

It needs none of these servers itself. Starlette would cost each request a sixth more CPU time for routes, errors and
requests that the service has anyway, since each answer, 404 and 405 too, must be one line on the channel ``api``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from loguru import logger

from pipeline.service.payload import MAX_BODY_BYTES, RequestError
from pipeline.service.scoring import UNKNOWN_METHOD, Request, Response, ScoringService

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

log = logger.bind(channel="api")

_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients can have of one process.

    Attributes
    ----------
    head_s : float
        Seconds that a request may take up to its body, and a new connection until its first one. An application isn't
        asked before there is a head, so this is for who knows the server, see `pipeline.service.uvicorn.adopt_uvicorn`.
    body_bytes : int
        The longest body; more is answered with 413 before it is read.
    body_s : float
        Seconds that a body may take to arrive; then 408.
    bodies : int
        Requests whose bodies may be on their way, or in a thread, at a time; those above are answered with 503.
    inline_bytes : int
        Up to this length a body is answered in the event loop, which it holds up for a millisecond; a thread would take
        a tenth of one longer, almost half of what a single row takes.
    linger_s : float
        Seconds for which the rest of a refused body is still taken, and thrown away: a connection that is closed with
        unread data is reset, and the client may never see why.
    """

    head_s: float = 10.0
    body_bytes: int = MAX_BODY_BYTES
    body_s: float = 10.0
    bodies: int = 256
    inline_bytes: int = 16_000
    linger_s: float = 0.5


class App:
    """The application; its lifespan is that of the service.

    Parameters
    ----------
    serving : callable
        Makes the context in which there is a service, such as `pipeline.service.lifecycle.serving`; entered when the
        server starts, and left when all requests are answered.
    limits : Limits
        What clients can have.

    Attributes
    ----------
    limits : Limits
        As given.
    """

    def __init__(
        self, serving: Callable[[], AbstractContextManager[ScoringService]], limits: Limits | None = None
    ) -> None:
        self.limits = limits or Limits()
        self._serving = serving
        self._service: ScoringService | None = None
        self._n_bodies = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._service is None:
            raise RuntimeError("the server must run the application's lifespan, which loads the model")
        elif scope["type"] == "http":
            await self._respond(self._service, scope, receive, send)
        else:
            request = replace(_request(scope), method="GET")
            self._service.refuse(request, 403, "no_websocket", "there are no websockets here")
            await send({"type": "websocket.close"})

    def refuse_head(self, client_address: str) -> Response | None:
        """Answer a request that didn't come as far as its body in time; None while there is no service."""
        if self._service is None:
            return None
        message = f"expected the head of a request within {self.limits.head_s:g} s, got a part"
        request = Request(UNKNOWN_METHOD, "", client_address=client_address)
        return self._service.refuse(request, 408, "too_slow", message)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # that it begins
        phase = "startup"
        try:
            with self._serving() as self._service:
                await send({"type": "lifespan.startup.complete"})
                await receive()  # that it ends
                phase = "shutdown"
        except Exception as error:
            await send({"type": f"lifespan.{phase}.failed", "message": _why(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    async def _respond(self, service: ScoringService, scope: Message, receive: Receive, send: Send) -> None:
        request, declared = _request(scope), _declared_bytes(scope)
        if declared == 0:
            await _send(send, service.handle(request))
            return
        try:
            with self._place():
                body = await self._body(receive, declared)
                response = await self._handle(service, replace(request, body=body))
        except RequestError as error:
            response = service.refuse(request, error.status, error.kind, str(error), error.headers)
            await _send(send, response, close=True)
            if declared:  # a body of unknown length may be broken, which uvicorn can't answer by now
                await self._linger(receive)
            await send({"type": "http.response.body"})
        else:
            await _send(send, response)

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        if self._n_bodies >= self.limits.bodies:
            raise _busy("overloaded", "too many requests at once, try again in a moment")
        self._n_bodies += 1
        try:
            yield
        finally:
            self._n_bodies -= 1

    async def _body(self, receive: Receive, declared: int | None) -> bytes:
        limits = self.limits
        if declared is not None and declared > limits.body_bytes:
            raise _too_large(limits.body_bytes, f"{declared}")
        try:
            async with asyncio.timeout(limits.body_s):
                return await _read(receive, limits.body_bytes)
        except TimeoutError:
            raise RequestError(408, "too_slow", f"expected the body within {limits.body_s:g} s") from None
        except asyncio.CancelledError:  # the server stops, and has waited long enough
            raise _busy("shutting_down", "the server stops, try again in a moment") from None

    async def _handle(self, service: ScoringService, request: Request) -> Response:
        if len(request.body) <= self.limits.inline_bytes:
            return service.handle(request)
        return await asyncio.to_thread(service.handle, request)

    async def _linger(self, receive: Receive) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.linger_s):
                while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                    pass


def _why(error: Exception) -> str:
    """Say in a line why the service didn't start or end; the traceback of what nobody expected is logged."""
    if isinstance(error, OSError | ValueError):
        return str(error)
    log.opt(exception=error).error("the service broke")
    return f"{type(error).__name__}: {error}"


def _request(scope: Message) -> Request:
    wanted = {b"content-type": "", b"x-request-id": None, b"traceparent": None}
    headers: dict[bytes, str | None] = wanted | {
        name: value.decode("latin-1") for name, value in scope["headers"] if name in wanted
    }
    client = scope.get("client")
    return Request(
        method=scope.get("method", "GET"),
        path=scope["path"].removeprefix(scope.get("root_path", "")),
        content_type=headers[b"content-type"] or "",
        client_address=client[0] if client else "unknown",
        request_id=headers[b"x-request-id"],
        traceparent=headers[b"traceparent"],
    )


def _declared_bytes(scope: Message) -> int | None:
    """Return how long the body is by its headers: 0 where it has none, None where that can't be known."""
    headers = dict(scope["headers"])
    if b"content-length" in headers and b"transfer-encoding" not in headers:
        return int(headers[b"content-length"])
    # From HTTP/2 on, a body may have neither.
    return 0 if scope["http_version"].startswith("1") and b"transfer-encoding" not in headers else None


async def _read(receive: Receive, max_bytes: int) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError(400, "incomplete", "expected the whole body, got a part")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > max_bytes:
            raise _too_large(max_bytes, "more")
    return bytes(body)


def _too_large(max_bytes: int, got: str) -> RequestError:
    return RequestError(413, "too_large", f"expected at most {max_bytes} bytes, got {got}")


def _busy(kind: str, message: str) -> RequestError:
    return RequestError(503, kind, message, {"Retry-After": "1"})


async def _send(send: Send, response: Response, *, close: bool = False) -> None:
    content = response.content()
    headers = [_JSON, (b"content-length", b"%d" % len(content)), (b"x-request-id", response.request_id.encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    headers += [_CLOSE] if close else []
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": close})
