"""Send a log folder to a broker; the files are the spool.

The position moves on when the broker acknowledges a piece. The collector reports what the mirror has; if the mirror
lacks a piece although nothing is on its way any more, the shipper goes back. So nothing is lost even if the broker
loses all that it has acknowledged: retention keeps the files until the mirror has them.
"""

import asyncio
import contextlib
import json
import os
import secrets
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sevenfold.channels import LIST_FILE
from sevenfold.files.channel_list import listed_channels, log_files
from sevenfold.files.opening import open_log
from sevenfold.files.shipped.notes import Progress, Shipping
from sevenfold.shipping.broker import Broker, BrokerError
from sevenfold.shipping.messages import Piece, Report, Sender, pack, print_of
from sevenfold.shipping.sending.claims import ShippingError
from sevenfold.shipping.sending.source import Source
from sevenfold.shipping.telling import Seldom, Tell

POLL_S: Final = 0.2
SAVE_S: Final = 1.0  # after a crash, pieces of at most this time are sent twice; the mirror skips them
QUIET_S: Final = 2.0  # after a piece, before a mirror that lacks it is believed
ASK_S: Final = 5.0
WHO_S: Final = 10.0
LINGER_S: Final = 2.0
GREETING_S: Final = 0.5  # for another shipper of the same name to answer
_RETRY_S: Final = 0.5
_LIST_S: Final = 10.0
_TURN: Final = 16  # pieces of a file before the next one's turn


@dataclass(slots=True)
class _Rest:
    """The time before which an action isn't repeated."""

    at: float = 0.0

    def is_over(self, seconds: float) -> bool:
        now = time.monotonic()
        if now < self.at:
            return False
        self.at = now + seconds
        return True


class Shipper:
    """Sends a folder while `run` runs.

    Parameters
    ----------
    folder : Path
        The log folder.
    shipping : Shipping
        The name and the progress; kept up to date in the folder.
    broker : Broker
        The broker.
    tell : callable
        Called with messages for people, one line at a time.
    """

    def __init__(self, folder: Path, shipping: Shipping, broker: Broker, tell: Tell) -> None:
        self.n_pieces = self.n_bytes = 0
        self._folder = folder
        self._shipping = shipping
        self._broker = broker
        self._tell, self._tell_seldom = tell, Seldom(tell)
        self._sender = Sender(shipping.host, shipping.id, secrets.token_hex(8))
        self._sources: dict[str, Source] = {}
        self._reports = deque[Report]()
        self._introductions = deque[dict[str, object]]()
        self._is_alone = False
        self._answer: asyncio.Future[None] | None = None
        self._list = ""  # as it was sent last
        self._listed_at: tuple[int, float] = (-1, 0.0)
        self._sent_at = time.monotonic()
        self._dirty = False
        self._save, self._ask, self._who = _Rest(), _Rest(), _Rest()

    async def run(self, *, once: bool = False) -> None:
        """Send what the files hold, and what is written to them.

        Parameters
        ----------
        once : bool
            End when the broker has all that the files hold now.

        Raises
        ------
        ShippingError
            If another shipper has the same name, or the mirror refuses this one.
        """
        await self._broker.listen("at", self._shipping.host, lambda _, data: self._hear_report(data))
        await self._broker.listen("who", self._shipping.host, lambda _, data: self._hear_introduction(data))
        await self._greet()
        try:
            while True:
                moved = await self._round()
                await self._keep_in_touch()
                if once and not moved and self._is_done():
                    return
                if not moved:
                    await asyncio.sleep(POLL_S)
        finally:
            self._note()
            for source in self._sources.values():
                source.close()

    def _is_done(self) -> bool:
        """Whether the broker has everything, and the mirror, too, unless it doesn't confirm within a moment."""
        sources = self._sources.values()
        if any(source.is_between for source in sources):
            return False
        late = time.monotonic() - self._sent_at > LINGER_S
        return late or all(source.history.is_mirrored for source in sources)

    # Who else is there

    async def _greet(self) -> None:
        """Ask whether another process ships this host already, and give it time to answer."""
        await self._introduce()
        await asyncio.sleep(GREETING_S)
        self._meet()
        self._is_alone = True
        await self._ask_mirror()

    async def _introduce(self) -> None:
        introduction = {"id": self._sender.id, "session": self._sender.session, "settled": self._is_alone}
        await self._broker.say("who", self._shipping.host, json.dumps(introduction).encode())

    def _hear_introduction(self, data: bytes) -> None:
        introduction = _json_object(data)
        if introduction.get("session") not in {None, "", self._sender.session}:
            self._introductions.append(introduction)
            if self._is_alone and not introduction.get("settled"):
                self._answer = asyncio.ensure_future(self._introduce())  # at once: it doesn't wait for long

    def _meet(self) -> bool:
        """Return whether there is another shipper of the same name; raise ShippingError if it was there before."""
        is_there = False
        while self._introductions:
            other = self._introductions.popleft()
            session = str(other.get("session", ""))
            is_there = True
            if (not other.get("settled"), session) < (not self._is_alone, self._sender.session):
                raise ShippingError(
                    f"host {self._shipping.host!r} is shipped by another process already (folder {other.get('id')}, "
                    f"this one is {self._sender.id}): give each host a name of its own with --host-name, and a folder"
                    f" that was cloned an id of its own by deleting its {self._folder / '.shipping.json'}"
                )
            self._tell(f"another process wanted to ship host {self._shipping.host!r} (folder {other.get('id')})")
        return is_there

    async def _keep_in_touch(self) -> None:
        if self._meet() or self._who.is_over(WHO_S):
            await self._introduce()
        unsure = any(source.history.progress.sent or source.history.progress.late for source in self._sources.values())
        if time.monotonic() - self._sent_at > QUIET_S and self._ask.is_over(ASK_S if unsure else 6 * ASK_S):
            await self._ask_mirror()
        if self._dirty and self._save.is_over(SAVE_S):
            self._note()

    async def _ask_mirror(self) -> None:
        await self._broker.say("ask", self._shipping.host, b"")

    # What the mirror has

    def _hear_report(self, data: bytes) -> None:
        with contextlib.suppress(ValueError):
            self._reports.append(Report.of(data))

    def _read_reports(self) -> None:
        while self._reports:
            report = self._reports.popleft()
            if report.refused:
                if report.id == self._sender.id:
                    raise ShippingError(f"the mirror takes nothing of host {self._shipping.host!r}: {report.refused}")
            elif report.file == LIST_FILE:
                if report.head != self._list and self._is_quiet(report):
                    self._list = ""  # to be sent once more
            elif report.file in self._sources:
                self._compare(self._sources[report.file], report)

    def _compare(self, source: Source, report: Report) -> None:
        before = source.history.confirmed
        lacks = source.confirm(report)
        self._dirty |= before != source.history.confirmed
        if report.gap or (lacks and self._is_quiet(report)):
            where = f"{report.file} {report.position.after}:{report.position.offset}"
            self._tell(f"the broker has lost what it had taken: going back to {where}")
            source.rewind(report.position)
            self._dirty = True

    def _is_quiet(self, report: Report) -> bool:
        return report.idle and time.monotonic() - self._sent_at > QUIET_S

    # What is sent

    async def _round(self) -> bool:
        """Send some pieces of each file in turn; return whether there were any."""
        moved = await self._send_list()
        self._find_files()
        for source in list(self._sources.values()):
            for _ in range(_TURN):
                self._read_reports()
                piece = self._next_of(source)
                if piece is None or not await self._send(source, piece):
                    break
                moved = True
        return moved

    def _next_of(self, source: Source) -> Piece | None:
        try:
            return source.next()
        except OSError as error:
            self._tell_seldom(f"{source.names.path}: {error}")
            return None

    async def _send(self, source: Source, piece: Piece) -> bool:
        """Send a piece until the broker has it; return False if the mirror needs an earlier one first."""
        n_rewinds = source.n_rewinds
        await self._insist(piece)
        self._read_reports()
        if source.n_rewinds != n_rewinds:
            return False
        source.moved(piece)
        self._dirty = True
        if piece.kind == "gap":
            self._tell(f"{piece.file}: {piece.why}")
        if piece.kind != "data":
            self._note()
        return True

    async def _insist(self, piece: Piece) -> None:
        """Give a piece to the broker; while it takes none, wait, since the files keep everything."""
        message, n_rewinds = pack(self._sender, piece), self._n_rewinds()
        while self._n_rewinds() == n_rewinds:
            try:
                await self._broker.keep(self._shipping.host, piece.file, message)
                self.n_pieces += 1
                self.n_bytes += len(piece.data)
                break
            except BrokerError as error:
                self._tell_seldom(f"waiting for the broker: {error}")
                await asyncio.sleep(_RETRY_S)
                self._read_reports()
                await self._keep_in_touch()
        self._sent_at = time.monotonic()

    def _n_rewinds(self) -> int:
        return sum(source.n_rewinds for source in self._sources.values())

    async def _send_list(self) -> bool:
        """Send the list of channels, unless the mirror has the same."""
        try:
            with open_log(self._folder / LIST_FILE) as file:
                data = file.read()
                mode = os.fstat(file.fileno()).st_mode & 0o777
        except FileNotFoundError:
            return False
        if print_of(data) == self._list:
            return False
        self._list = print_of(data)
        await self._insist(Piece("list", LIST_FILE, data=data, mode=mode))
        return True

    def _find_files(self) -> None:
        changed = self._folder.stat().st_mtime_ns
        if self._listed_at[0] == changed and time.monotonic() - self._listed_at[1] < _LIST_S:
            return
        settled = time.time() - changed / 1e9 > 1  # else another file may be made within the same tick of the clock
        self._listed_at = (changed if settled else -1, time.monotonic())
        names = {path.name for path in log_files(self._folder)} | {one.file for one in listed_channels(self._folder)}
        for name in sorted(names - self._sources.keys()):
            progress = self._shipping.files.setdefault(name, Progress())
            self._sources[name] = Source(self._folder / name, progress)

    def _note(self) -> None:
        self._shipping.save(self._folder)
        self._dirty = False


def _json_object(data: bytes) -> dict[str, object]:
    with contextlib.suppress(ValueError):
        value = json.loads(data)
        if isinstance(value, dict):
            return value
    return {}
