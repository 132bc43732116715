"""A broker in memory, which can be full and lose its messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sevenfold.shipping.broker import BrokerError, Delivery, Heard, Topic


@dataclass
class MemoryBroker:
    """What a shipper and a collector in one process share."""

    full: bool = False
    kept: list[Kept] = field(default_factory=list)
    said: list[tuple[Topic, str, bytes]] = field(default_factory=list)
    when_kept: Callable[[], object] = lambda: None
    _listening: list[tuple[Topic, str | None, Heard]] = field(default_factory=list)
    _next: int = 0

    async def keep(self, host: str, file: str, data: bytes) -> None:
        assert host
        assert file
        if self.full:
            raise BrokerError("maximum bytes exceeded")
        self.kept.append(Kept(self, data))
        self.when_kept()

    async def say(self, topic: Topic, host: str, data: bytes) -> None:
        self.said.append((topic, host, data))
        for known, of, heard in self._listening:
            if known == topic and of in {None, host}:
                heard(host, data)

    async def listen(self, topic: Topic, host: str | None, heard: Heard) -> None:
        self._listening.append((topic, host, heard))

    async def begin(self) -> None:
        self._next = 0

    async def take(self, n_most: int, wait_s: float) -> list[Delivery]:
        assert wait_s > 0
        taken: list[Delivery] = list(self.kept[self._next : self._next + n_most])
        self._next += len(taken)
        return taken

    def hang_up(self) -> None:
        """End all connections: those who listened are gone."""
        self._listening.clear()

    def lose(self) -> None:
        """Lose everything, as a server whose disk was destroyed."""
        self.kept.clear()
        self._next = 0


@dataclass
class Kept:
    broker: MemoryBroker
    data: bytes

    async def done(self) -> None:
        if any(one is self for one in self.broker.kept):
            self.broker.kept = [one for one in self.broker.kept if one is not self]
            self.broker._next = max(0, self.broker._next - 1)
