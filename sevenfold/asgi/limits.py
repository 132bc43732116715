"""Refuse requests before an application does any work: bodies too long or too slow, and too many requests at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final

from sevenfold.asgi.notes import note

if TYPE_CHECKING:
    from collections.abc import Collection

    from sevenfold.asgi.types import App, Message, Receive, Scope, Send

LINGER_S: Final = 0.5
_LENGTH_DIGITS = 19  # more are more than any limit, and more than int() may read


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: a status, a constant word, a sentence for the client."""

    status: int
    kind: str
    message: str
    retry: bool = False
    close: bool = True  # where the next request on this connection would begin isn't known, or not worth waiting for


class Limits:
    """An ASGI application that refuses what another one shouldn't have to deal with; to be put inside `ApiLog`.

    Parameters
    ----------
    app : ASGI application
        The other one.
    max_body_bytes : int or None
        The longest body; a request that declares more is refused with 413 before it is read, and one that sends more as
        soon as it does. None takes any.
    body_timeout_s : float or None
        Seconds that a client may let the application wait for a body, all in all; then 408. None waits.
    max_in_flight : int or None
        Requests in the application at a time; those above are refused with 503 at once, since each of them would only
        make all others late. None takes all.
    exempt : collection of str
        Paths such as ``/health`` that are answered though too many are in flight, and don't count.

    Raises
    ------
    ValueError
        If a limit is below its least.

    Notes
    -----
    A request that declares its length and sends chunks is refused with 400: two readers take it for different ones,
    and what the second finds behind the first was hidden in it (request smuggling, RFC 9112, section 6.1).

    An answer is JSON, ``{"error": "one sentence", "request_id": "..."}``; the line of the request has ``error_type``.
    An application that is reading when a limit is reached is told that the client has left, and its answer is thrown
    away. If it has begun to answer already, only its reading ends.

    Examples
    --------
    >>> from sevenfold.asgi import ApiLog, Limits
    >>> async def app(scope, receive, send): ...
    >>> app = ApiLog(Limits(app, max_body_bytes=10_000_000, exempt=["/health"]), quiet=["/health"])
    """

    def __init__(
        self,
        app: App,
        *,
        max_body_bytes: int | None = 1_000_000,
        body_timeout_s: float | None = 10.0,
        max_in_flight: int | None = 256,
        exempt: Collection[str] = (),
    ) -> None:
        if max_body_bytes is not None and max_body_bytes < 0:
            raise ValueError(f"max_body_bytes must be at least 0, got {max_body_bytes}")
        if body_timeout_s is not None and not body_timeout_s > 0:
            raise ValueError(f"body_timeout_s must be above 0, got {body_timeout_s}")
        if max_in_flight is not None and max_in_flight < 1:
            raise ValueError(f"max_in_flight must be at least 1, got {max_in_flight}")
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.body_timeout_s = body_timeout_s
        self._max_in_flight = max_in_flight
        self._exempt = frozenset(exempt)
        self._n_in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, or refuse."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _Request(self, scope, receive, send)
        counts = scope["path"].removeprefix(scope.get("root_path", "")) not in self._exempt
        refusal = self._refuses(scope, counts=counts)
        if refusal is not None:
            await request.refuse(refusal)
            return
        self._n_in_flight += counts
        try:
            await request.run()
        finally:
            self._n_in_flight -= counts

    def too_large(self, got: str) -> Refusal:
        """Return the refusal of a body that is too long."""
        return Refusal(413, "too_large", f"expected at most {self.max_body_bytes} bytes, got {got}")

    def _refuses(self, scope: Scope, *, counts: bool) -> Refusal | None:
        """Return why a request is refused by its head alone, None if it isn't."""
        headers = {name: value for name, value in scope["headers"] if name in {b"content-length", b"transfer-encoding"}}
        length = headers.get(b"content-length", b"").strip()
        if len(headers) > 1:
            return Refusal(400, "malformed", "expected a Content-Length or a Transfer-Encoding, got both")
        if self.max_body_bytes is not None and length.isdigit() and _exceeds(length, self.max_body_bytes):
            return self.too_large(length[: _LENGTH_DIGITS + 1].decode())
        if counts and self._max_in_flight is not None and self._n_in_flight >= self._max_in_flight:
            message = "too many requests at once, try again in a moment"
            return Refusal(503, "overloaded", message, retry=True, close=False)
        return None


class _Request:
    """One request, on its way into the application."""

    def __init__(self, limits: Limits, scope: Scope, receive: Receive, send: Send) -> None:
        self._limits, self._scope, self._receive, self._send = limits, scope, receive, send
        self._n_bytes = 0
        self._left_s = limits.body_timeout_s
        self._has_body = self._started = self._cut = self._refused = False

    async def run(self) -> None:
        try:
            await self._limits.app(self._scope, self._listen, self._say)
        except Exception:
            if not self._refused:  # else it is how the application ends when told that the client has left
                raise

    async def refuse(self, refusal: Refusal) -> None:
        """Answer in place of the application, if nothing is answered yet."""
        note(error_type=refusal.kind)
        if self._started:
            return
        self._started = self._refused = True
        state = self._scope.get("state", {})
        body = {"error": refusal.message} | {name: state[name] for name in ("request_id",) if name in state}
        content = json.dumps(body, separators=(",", ":")).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        headers += [(b"retry-after", b"1")] if refusal.retry else []
        close = refusal.close and self._scope.get("http_version", "1.1").startswith("1")
        headers += [(b"connection", b"close")] if close else []
        await self._send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": content, "more_body": close})
        if close:
            await self._linger()
            await self._send({"type": "http.response.body", "body": b""})

    async def _linger(self) -> None:
        """Throw away what still comes: a connection closed with unread data is reset, and the answer may be lost."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while not self._has_body:
                    message = await self._receive()
                    self._has_body = not message.get("more_body", False)

    async def _listen(self) -> Message:
        if self._cut:
            return {"type": "http.disconnect"}
        if self._has_body:
            return await self._receive()
        refusal, message = await self._read()
        if refusal is None:
            return message
        self._cut = True
        await self.refuse(refusal)
        return {"type": "http.disconnect"}

    async def _read(self) -> tuple[Refusal | None, Message]:
        """Receive a part of the body, within the time that is left: only the wait for the client counts."""
        limits, began = self._limits, perf_counter()
        try:
            async with asyncio.timeout(self._left_s):
                message = await self._receive()
        except TimeoutError:
            return Refusal(408, "too_slow", f"expected the body within {limits.body_timeout_s:g} s"), {}
        if self._left_s is not None:
            self._left_s = max(0.0, self._left_s - (perf_counter() - began))
        self._n_bytes += len(message.get("body", b""))
        self._has_body = not message.get("more_body", False)
        if limits.max_body_bytes is not None and self._n_bytes > limits.max_body_bytes:
            return limits.too_large("more"), message
        return None, message

    async def _say(self, message: Message) -> None:
        if not self._refused:
            self._started = True
            await self._send(message)


def _exceeds(digits: bytes, limit: int) -> bool:
    return len(digits) > _LENGTH_DIGITS or int(digits) > limit
