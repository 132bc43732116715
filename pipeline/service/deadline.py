"""uvicorn's protocol with a deadline for the heads of requests, which uvicorn has no option for.

A subclass for its public option ``http``: ``uvicorn --http pipeline.service.deadline:HeadDeadline``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

HEAD_S = 10.0


class HeadDeadline(H11Protocol):
    """Close a connection whose next head isn't whole within `HEAD_S` seconds of its first byte, or of connecting."""

    _timer: asyncio.TimerHandle
    _began = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Wait for the first request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_S, self._close)

    def data_received(self, data: bytes) -> None:
        """Begin to count with the first bytes of a head, and end with the last."""
        super().data_received(data)
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or not self._began:
            self._timer.cancel()
        if not answering and not self._began:
            self._timer = self.loop.call_later(HEAD_S, self._close)
        self._began = not answering

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing."""
        self._timer.cancel()
        super().connection_lost(exc)

    def _close(self) -> None:
        if self.transport.get_protocol() is self:  # no WebSocket by now
            self.transport.close()
