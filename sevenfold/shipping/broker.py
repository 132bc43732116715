"""The interface of a broker for a shipper and a collector; `nats_broker` implements it."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

Topic: TypeAlias = Literal["at", "ask", "who"]  # what a mirror has; a question for that; who ships a host
Heard: TypeAlias = Callable[[str, bytes], object]  # called with the host and the message


class BrokerError(Exception):
    """The broker can neither store nor deliver messages just now, with the reason."""


class Delivery(Protocol):
    """A stored message."""

    @property
    def data(self) -> bytes:
        """The bytes of the message."""
        ...

    async def done(self) -> None:
        """Delete the message: it has been applied, or never will be."""


class Broker(Protocol):
    """Stores messages until they are done, in the order of each host."""

    async def keep(self, host: str, file: str, data: bytes) -> None:
        """Store a message; raise BrokerError if that fails."""

    async def say(self, topic: Topic, host: str, data: bytes) -> None:
        """Send a message to all listeners, if there are any."""

    async def listen(self, topic: Topic, host: str | None, heard: Heard) -> None:
        """Subscribe to messages about a host, or about all."""

    async def begin(self) -> None:
        """Start delivery with the first message that isn't done, in order; raise BrokerError if that fails."""

    async def take(self, n_most: int, wait_s: float) -> list[Delivery]:
        """Take the next messages, none if none comes in time; raise BrokerError if their order is in doubt."""
