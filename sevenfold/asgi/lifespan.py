"""A server's life, passed on to an application, or lived for one that knows nothing of it."""

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
        self._heard: set[str] = set()
        self._said: set[str] = set()

    async def run(self, app: App, scope: Scope) -> None:
        """Live through it; raise what the application does, unless it only says so that it takes no part."""
        try:
            await app(scope, self._listen, self._say)
        except Exception:
            if self._heard:
                raise
        if "lifespan.startup.failed" not in self._said:
            await self._live_on()

    async def _live_on(self) -> None:
        """Do what the application has left undone."""
        for phase in _PHASES:
            if not any(said.startswith(f"lifespan.{phase}.") for said in self._said):
                if f"lifespan.{phase}" not in self._heard:
                    await self._listen()
                await self._say({"type": f"lifespan.{phase}.complete"})

    async def _listen(self) -> Message:
        message = await self._receive()
        self._heard.add(message["type"])
        return message

    async def _say(self, message: Message) -> None:
        self._said.add(message["type"])
        if message["type"].startswith("lifespan.shutdown."):
            self._at_end()
        await self._send(message)
