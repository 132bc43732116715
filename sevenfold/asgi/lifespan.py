"""A server's lifespan, passed on to an application, or answered for one without a lifespan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from sevenfold.asgi.types import App, Message, Receive, Scope, Send

_PHASES: Final = ("startup", "shutdown")


class Lifespan:
    """One lifespan.

    Parameters
    ----------
    receive, send : callable
        The server's.
    at_end : callable
        Called once, when the application has shut down and before the server hears of it.
    """

    def __init__(self, receive: Receive, send: Send, at_end: Callable[[], object]) -> None:
        self._receive, self._send, self._at_end = receive, send, at_end
        self._received: set[str] = set()
        self._sent: set[str] = set()

    async def run(self, app: App, scope: Scope) -> None:
        """Run the lifespan; raise the application's exception, unless it only shows that it has no lifespan."""
        try:
            await app(scope, self._listen, self._say)
        except Exception:
            if self._received:
                raise
        if "lifespan.startup.failed" not in self._sent:
            await self._live_on()

    async def _live_on(self) -> None:
        """Go through the phases that the application has left out."""
        for phase in _PHASES:
            if not any(kind.startswith(f"lifespan.{phase}.") for kind in self._sent):
                if f"lifespan.{phase}" not in self._received:
                    await self._listen()
                await self._say({"type": f"lifespan.{phase}.complete"})

    async def _listen(self) -> Message:
        message = await self._receive()
        self._received.add(message["type"])
        return message

    async def _say(self, message: Message) -> None:
        self._sent.add(message["type"])
        if message["type"].startswith("lifespan.shutdown."):
            self._at_end()
        await self._send(message)
