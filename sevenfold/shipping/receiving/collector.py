"""Put the pieces of shippers into a mirror, each byte once."""

import asyncio
import errno
import time
from collections import Counter
from dataclasses import replace
from typing import Final

from sevenfold.shipping.broker import Broker, BrokerError, Delivery
from sevenfold.shipping.messages import Piece, Report, Sender, check_name, unpack
from sevenfold.shipping.receiving.copies import Outcome, Refused
from sevenfold.shipping.receiving.mirror import Mirror
from sevenfold.shipping.telling import Seldom, Tell

BATCH: Final = 16
WAIT_S: Final = 1.0
_RETRY_S: Final = 1.0
# Errors that pass: a full disk, a busy system, and a reader that holds the lock for long.
_PASSING: Final = {getattr(errno, name, 0) for name in ("ENOSPC", "EDQUOT", "EIO", "EMFILE", "ENFILE", "ETIMEDOUT")}
_AHEAD_S: Final = 1.0  # between two reports of one gap: the shipper needs a moment to go back


class Collector:
    """Moves pieces from a broker into a mirror while `run` runs.

    Parameters
    ----------
    mirror : Mirror
        The mirror.
    broker : Broker
        The broker.
    tell : callable
        Called with messages for people, one line at a time.

    Attributes
    ----------
    n_pieces : Counter of Outcome
        The number of pieces by outcome.
    """

    def __init__(self, mirror: Mirror, broker: Broker, tell: Tell) -> None:
        self.n_pieces: Counter[Outcome] = Counter()
        self._mirror = mirror
        self._broker = broker
        self._tell, self._tell_seldom = tell, Seldom(tell)
        self._asking_hosts: set[str] = set()
        self._is_idle = False
        self._in_order = False  # whether all messages are delivered from the first on
        self._ahead_at: dict[tuple[str, str], float] = {}

    async def run(self, *, once: bool = False) -> None:
        """Apply the pieces that the broker has, and those that come.

        Parameters
        ----------
        once : bool
            End when the broker has no more.
        """
        await self._broker.listen("ask", None, lambda host, _: self._asking_hosts.add(host))
        while True:
            try:
                if not self._in_order:
                    await self._broker.begin()
                    self._in_order = True
                batch = await self._broker.take(BATCH, WAIT_S)
            except BrokerError as error:
                self._in_order = self._is_idle = False
                self._tell_seldom(f"waiting for the broker: {error}")
                await asyncio.sleep(_RETRY_S)
                continue
            self._is_idle = not batch
            await self._apply_all(batch)
            await self._answer()
            if once and not batch:
                return

    async def _apply_all(self, batch: list[Delivery]) -> None:
        touched = dict[tuple[str, str], None]()
        for delivery in batch:
            try:
                sender, piece = unpack(delivery.data)
            except ValueError as error:
                self._tell_seldom(f"passed over a message: {error}")
                await self._done(delivery)
                continue
            outcome = await self._apply(sender, piece)
            if outcome is Outcome.AHEAD and not self._in_order:
                return  # the piece is taken again, in order
            if outcome is not None:
                self.n_pieces[outcome] += 1
                touched[sender.host, piece.file] = None
            await self._done(delivery)
        for host, file in touched:
            if (host, file) not in self._ahead_at:
                await self._report(host, self._mirror.report(host, file))

    async def _done(self, delivery: Delivery) -> None:
        try:
            await delivery.done()
        except BrokerError:
            self._in_order = False  # the message comes once more, behind later ones

    async def _apply(self, sender: Sender, piece: Piece) -> Outcome | None:
        """Apply a piece and report its outcome; return None if it is refused."""
        while True:
            try:
                outcome = self._mirror.apply(sender, piece)
                break
            except Refused as error:
                await self._refuse(sender, piece, error)
                return None
            except OSError as error:
                if error.errno not in _PASSING:  # waiting for it would block all hosts for ever
                    await self._refuse(sender, piece, error)
                    return None
                self._tell_seldom(f"waiting: {error}")  # the broker keeps the rest, until it is full, too
                await asyncio.sleep(_RETRY_S)
        key = sender.host, piece.file
        if outcome is Outcome.AHEAD:
            if self._in_order and time.monotonic() - self._ahead_at.get(key, -_AHEAD_S) >= _AHEAD_S:
                self._ahead_at[key] = time.monotonic()
                await self._report_gap(sender.host, piece)
        elif outcome is Outcome.DONE:
            self._ahead_at.pop(key, None)
            if piece.kind == "gap":
                self._tell(f"host {sender.host!r}: {piece.file}: {piece.why}")
        return outcome

    async def _refuse(self, sender: Sender, piece: Piece, error: Exception) -> None:
        self._tell_seldom(f"refused a piece of host {sender.host!r}: {error}", f"refused {sender.host}")
        await self._report(sender.host, Report(piece.file, refused=str(error), id=sender.id))

    async def _report_gap(self, host: str, piece: Piece) -> None:
        report = self._mirror.report(host, piece.file)
        where = f"{report.position.after}:{report.position.offset}"
        self._tell(f"host {host!r}: {piece.file}: the broker has lost what follows {where}: asking for it")
        await self._report(host, replace(report, gap=True))

    async def _answer(self) -> None:
        while self._asking_hosts:
            host = self._asking_hosts.pop()
            try:
                check_name("host", host)
                reports = self._mirror.report_all(host)
            except (ValueError, OSError):
                continue
            for report in reports:
                await self._report(host, replace(report, idle=self._is_idle))

    async def _report(self, host: str, report: Report) -> None:
        try:
            await self._broker.say("at", host, report.to_bytes())
        except BrokerError as error:
            self._tell_seldom(f"waiting for the broker: {error}")
