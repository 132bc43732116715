"""One request and its answer, observed on their way through."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from secrets import token_hex
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from sevenfold.asgi.addresses import client_address
from sevenfold.asgi.notes import mark
from sevenfold.asgi.routes import route_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sevenfold.asgi.addresses import Network
    from sevenfold.asgi.types import App, Message, Receive, Scope, Send
    from sevenfold.asgi.windows import Windows

REQUEST_ID: Final = b"x-request-id"
SWITCHING, FORBIDDEN, CLIENT_LEFT, FAILED = 101, 403, 499, 500
_WELL = 400  # statuses below it are no errors
_BODILESS = frozenset({204, 304})
_LENGTH_DIGITS = 19  # of a Content-Length

# A request id that a client may choose: without characters that mean something in a header, log line, shell or query.
_ID = re.compile(r"[A-Za-z0-9_.:@+/=-]{1,128}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# Names of exceptions by which frameworks tell an application that its client has left.
_LEFT = re.compile("Disconnect|Abort|Closed")
_OWN = ("http_request_method", "http_route", "url_path", "http_response_status_code", "duration_ms", "client_address")
_RESERVED = frozenset({*_OWN, "channel", "batch", "request_id", "trace_id"}) - {"http_route"}  # notes may set it


@dataclass(frozen=True, slots=True)
class Manner:
    """How the requests of an application are logged; see `sevenfold.asgi.ApiLog`."""

    log: Any
    windows: Windows
    quiet: frozenset[str]
    proxies: tuple[Network, ...]
    reraise: bool
    route: Callable[[Scope], str | None] | None
    accept_id: Callable[[str], bool] | None


class Exchange:
    """One request, or the whole of a WebSocket.

    Attributes
    ----------
    ids : dict of str
        ``request_id``, and ``trace_id`` where there is one.
    """

    def __init__(self, manner: Manner, scope: Scope, receive: Receive, send: Send) -> None:
        self._began = perf_counter()
        self._manner, self._scope, self._receive, self._send = manner, scope, receive, send
        headers = _request_headers(scope)
        self.ids = _ids(headers, manner.accept_id)
        self._client = client_address(scope, headers.get(b"x-forwarded-for", ""), manner.proxies)
        self._path, self._below = scope["path"], scope.get("root_path", "")
        self._notes: dict[str, Any] = {}
        self._error: BaseException | None = None
        self._status = 0
        self._length: int | None = None  # of the body, as the answer declares it
        self._n_sent = 0
        self._trailers = False
        self._ms: float | None = None
        self._held: list[Message] = []
        self._finished = self._logged = self._left = self._broken = False
        scope.setdefault("state", {})["request_id"] = self.ids["request_id"]

    def note(self, fields: dict[str, Any]) -> None:
        """Add fields to the line."""
        self._notes.update(fields)

    def fail(self, error: BaseException) -> None:
        """Keep the exception for the line; log it apart if the line is written or already has another."""
        mark(error)
        if self._logged or (self._error is not None and self._error is not error):
            self._manner.log.opt(exception=error).error("failed", error_type=type(error).__name__)
        else:
            self._error, self._broken = error, True

    async def run(self, app: App) -> None:
        """Run the application and write the line, however the request ends."""
        try:
            await app(self._scope, self._next_message, self._answer)
            self._conclude()
            await self._release()
        except Exception as error:
            if not self._is_severed(error):
                self.fail(error)
            await self._release()
            if self._manner.reraise or not (self._finished or self._left):
                raise
        except BaseException as error:
            self._notes.setdefault("error_type", type(error).__name__)  # cancelled, e.g. by a server that stops
            raise
        finally:
            self._log()

    def _is_severed(self, error: Exception) -> bool:
        """Whether an exception only says that the client has left."""
        return self._left and (isinstance(error, OSError) or _LEFT.search(type(error).__name__) is not None)

    def _conclude(self) -> None:
        """Report an answer that the application has left unfinished; an open WebSocket is closed by the server."""
        open_socket = self._status == SWITCHING
        if not (self._finished or self._held or self._left or self._logged or open_socket):
            self._broken = True
            self._notes.setdefault("error_type", "unfinished" if self._status else "no_answer")

    async def _next_message(self) -> Message:
        await self._release()  # the client must get the last byte before the application waits for it
        message = await self._receive()
        if message["type"] in {"http.disconnect", "websocket.disconnect"} and not self._finished:
            self._left = True
            if message["type"] == "http.disconnect":
                self._notes.setdefault("error_type", "disconnected")
        return message

    async def _answer(self, message: Message) -> None:
        if self._held:
            self._held.append(message)
            return
        if message["type"].endswith("response.start"):
            message = self._start(message)
        elif message["type"] == "websocket.accept":
            self._status = SWITCHING
        elif message["type"] == "websocket.close":
            self._status = self._status or FORBIDDEN
        if self._completes(message) and not self._logged:
            self._ms = (perf_counter() - self._began) * 1000
            if self._status >= FAILED:  # its exception is raised only later, and belongs in its line
                self._held.append(message)
                return
            self._log()
        await self._forward(message)

    def _start(self, message: Message) -> Message:
        self._status = CLIENT_LEFT if self._left else message["status"]  # an answer without a client doesn't count
        self._trailers = message.get("trailers", False)
        headers = list(message.get("headers", ()))
        declared = {bytes(name).lower(): value for name, value in headers}
        length = declared.get(b"content-length", b"")
        self._length = int(length) if length.isdigit() and len(length) <= _LENGTH_DIGITS else None
        if self._scope.get("method") == "HEAD" or self._status in _BODILESS:
            self._length = 0
        if REQUEST_ID not in declared:
            headers.append((REQUEST_ID, self.ids["request_id"].encode()))
        return {**message, "headers": headers}

    def _completes(self, message: Message) -> bool:
        """Whether the client has the whole answer once it has this message."""
        self._n_sent += len(message.get("body", b""))
        started = message["type"].endswith("response.start") or message["type"].endswith("response.body")
        return _is_last(message, trailers=self._trailers) or (started and self._length == self._n_sent)

    async def _forward(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:  # ASGI 2.4: the client has left
            self._left = True
            self._notes.setdefault("error_type", "disconnected")
            raise
        self._finished = self._finished or _is_last(message, trailers=self._trailers)

    async def _release(self) -> None:
        """Forward the held messages, after the line."""
        if self._held:
            self._log()
            held, self._held = self._held, []
            for message in held:
                await self._forward(message)

    def _log(self) -> None:
        if self._logged:
            return
        self._logged = True
        status = self._status or (CLIENT_LEFT if self._left else FAILED)
        duration_ms = (perf_counter() - self._began) * 1000 if self._ms is None else self._ms
        quiet = not self._broken and status < _WELL and self._path.removeprefix(self._below) in self._manner.quiet
        if self._error is not None:
            self._notes.setdefault("error_type", type(self._error).__name__)
        if not quiet:
            log = self._manner.log if self._error is None else self._manner.log.opt(exception=self._error)
            write = log.error if self._broken or status == FAILED else log.info
            write("request", **self._fields(status, duration_ms))
        if self._scope["type"] == "http":
            self._observe(status, duration_ms, quiet=quiet)

    def _observe(self, status: int, duration_ms: float, *, quiet: bool) -> None:
        windows = self._manner.windows
        begins = windows.observe_quiet() if quiet else windows.observe(status, duration_ms, **self._notes)
        if begins and windows.seconds is not None:
            asyncio.get_running_loop().call_later(windows.seconds, windows.close_old)

    def _fields(self, status: int, duration_ms: float) -> dict[str, Any]:
        method, route = self._scope.get("method", "GET"), self._route()
        values = (method, route, self._path, status, duration_ms, self._client)
        noted = {f"note_{name}" if name in _RESERVED else name: value for name, value in self._notes.items()}
        return dict(zip(_OWN, values, strict=True)) | noted

    def _route(self) -> str | None:
        if self._manner.route is None:
            return route_of(self._scope, self._below)
        try:
            return self._manner.route(self._scope)
        except Exception:  # a framework's resolver raises where there is no route
            return None


def _request_headers(scope: Scope) -> dict[bytes, str]:
    """Return the headers that matter here; values of a repeated header are joined by commas."""
    headers: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in {REQUEST_ID, b"traceparent", b"x-forwarded-for"}:
            text = value.decode("latin-1")
            headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


def _ids(headers: dict[bytes, str], accept_id: Callable[[str], bool] | None) -> dict[str, str]:
    """Return the ids that all records of a request get."""
    sent, trace = headers.get(REQUEST_ID, ""), _TRACEPARENT.fullmatch(headers.get(b"traceparent", ""))
    accepted = _ID.fullmatch(sent) and (accept_id is None or accept_id(sent))
    ids = {"request_id": sent if accepted else f"req-{token_hex(16)}"}
    return ids if trace is None else {**ids, "trace_id": trace[1]}


def _is_last(message: Message, *, trailers: bool) -> bool:
    """Whether an application sends nothing after this message."""
    kind = message["type"]
    if kind in {"http.response.body", "websocket.http.response.body", "http.response.zerocopysend"}:
        return not message.get("more_body", False) and not trailers
    if kind == "http.response.trailers":
        return not message.get("more_trailers", False)
    return kind in {"http.response.pathsend", "websocket.close"}
