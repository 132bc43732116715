"""What a shipper and a collector need of a broker; `nats_broker` is one."""

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

Topic: TypeAlias = Literal["at", "ask", "who"]  # what a mirror has; a question for that; who ships a host
Heard: TypeAlias = Callable[[str, bytes], object]  # is called with the host and the message


class BrokerError(Exception):
    """The broker takes, or gives, nothing just now; it says why."""


class Delivery(Protocol):
    """A message that was kept."""

    @property
    def data(self) -> bytes:
        """Its bytes."""
        ...

    async def done(self) -> None:
        """Have it forgotten: it has been applied, or never will be."""


class Broker(Protocol):
    """Keeps messages until they are done, in the order in which they came from each host."""

    async def keep(self, host: str, file: str, data: bytes) -> None:
        """Give a message to be kept; raise BrokerError if it may not be."""

    async def say(self, topic: Topic, host: str, data: bytes) -> None:
        """Tell all who listen, if anybody does."""

    async def listen(self, topic: Topic, host: str | None, heard: Heard) -> None:
        """Be told what is said of a host, or of all."""

    async def begin(self) -> None:
        """Take all messages from the first on that isn't done, in their order; raise BrokerError."""

    async def take(self, n_most: int, wait_s: float) -> list[Delivery]:
        """Take the next messages, none if none comes in time; raise BrokerError if the order isn't sure any more."""
