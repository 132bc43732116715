"""Send a log folder to a broker: the files are the spool, and nothing else is.

The broker's word that it has a piece moves the position on. Whether the mirror has it, too, the collector says; if it
hasn't although nothing is on its way any more, the shipper goes back. So a broker that loses what it has acknowledged,
even all of it, loses nothing as long as the files are there, and retention leaves them there until the mirror has them.
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
SAVE_S: Final = 1.0  # a state that is older makes for pieces that the mirror has already, and skips
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
    """When something may be done or told again."""

    at: float = 0.0

    def is_over(self, seconds: float) -> bool:
        now = time.monotonic()
        if now < self.at:
            return False
        self.at = now + seconds
        return True


class Shipper:
    """Sends a folder, as long as `run` runs.

    Parameters
    ----------
    folder : Path
        The log folder.
    shipping : Shipping
        Who ships it, and how far; it is kept up to date in the folder.
    broker : Broker
        Where it goes.
    tell : callable
        Is called with what a person should know, one line at a time.
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
        self._others = deque[dict[str, object]]()
        self._is_alone = False
        self._answer: asyncio.Future[None] | None = None
        self._list = ""  # as it was sent last
        self._listed_at: tuple[int, float] = (-1, 0.0)
        self._sent_at = time.monotonic()
        self._dirty = False
        self._save, self._ask, self._who = _Rest(), _Rest(), _Rest()

    async def run(self, *, once: bool = False) -> None:
        """Send what there is, and what comes.

        Parameters
        ----------
        once : bool
            End when the broker has all that is there now.

        Raises
        ------
        ShippingError
            If another shipper has the same name, or the mirror refuses this one.
        """
        await self._broker.listen("at", self._shipping.host, lambda _, data: self._heard(data))
        await self._broker.listen("who", self._shipping.host, lambda _, data: self._heard_other(data))
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
        """Whether the broker has all that is there, and the mirror, too, if it says so within a moment."""
        sources = self._sources.values()
        if any(source.is_between for source in sources):
            return False
        late = time.monotonic() - self._sent_at > LINGER_S
        return late or all(source.history.is_mirrored for source in sources)

    # Who else is there

    async def _greet(self) -> None:
        """Ask whether somebody ships this host already, and give them time to answer."""
        await self._say_who()
        await asyncio.sleep(GREETING_S)
        self._meet()
        self._is_alone = True
        await self._say_ask()

    async def _say_who(self) -> None:
        said = {"id": self._sender.id, "session": self._sender.session, "settled": self._is_alone}
        await self._broker.say("who", self._shipping.host, json.dumps(said).encode())

    def _heard_other(self, data: bytes) -> None:
        other = _said(data)
        if other.get("session") not in {None, "", self._sender.session}:
            self._others.append(other)
            if self._is_alone and not other.get("settled"):
                self._answer = asyncio.ensure_future(self._say_who())  # at once: it doesn't wait for long

    def _meet(self) -> bool:
        """Give way to another shipper of the same name, if it was there before; return whether there is one."""
        met = False
        while self._others:
            other = self._others.popleft()
            session = str(other.get("session", ""))
            met = True
            if (not other.get("settled"), session) < (not self._is_alone, self._sender.session):
                raise ShippingError(
                    f"host {self._shipping.host!r} is shipped by another process already (folder {other.get('id')}, "
                    f"this one is {self._sender.id}): give each host a name of its own with --host-name, and a folder"
                    f" that was cloned an id of its own by deleting its {self._folder / '.shipping.json'}"
                )
            self._tell(f"another process wanted to ship host {self._shipping.host!r} (folder {other.get('id')})")
        return met

    async def _keep_in_touch(self) -> None:
        if self._meet() or self._who.is_over(WHO_S):
            await self._say_who()
        unsure = any(one.history.progress.sent or one.history.progress.late for one in self._sources.values())
        if time.monotonic() - self._sent_at > QUIET_S and self._ask.is_over(ASK_S if unsure else 6 * ASK_S):
            await self._say_ask()
        if self._dirty and self._save.is_over(SAVE_S):
            self._note()

    async def _say_ask(self) -> None:
        await self._broker.say("ask", self._shipping.host, b"")

    # What the mirror has

    def _heard(self, data: bytes) -> None:
        with contextlib.suppress(ValueError):
            self._reports.append(Report.of(data))

    def _listen(self) -> None:
        while self._reports:
            report = self._reports.popleft()
            if report.refused:
                if report.id == self._sender.id:
                    raise ShippingError(f"the mirror takes nothing of host {self._shipping.host!r}: {report.refused}")
            elif report.file == LIST_FILE:
                if report.head != self._list and self._is_quiet(report):
                    self._list = ""  # is sent once more
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
        """Send what each file has, so much of each at a time; return whether there was anything."""
        moved = await self._send_list()
        self._find_files()
        for source in list(self._sources.values()):
            for _ in range(_TURN):
                self._listen()
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
        """Send a piece until the broker has it; return False if the mirror wants another first."""
        n_rewinds = source.n_rewinds
        await self._insist(piece)
        self._listen()
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
        """Give a piece to the broker; while it takes none, wait: the files keep everything."""
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
                self._listen()
                await self._keep_in_touch()
        self._sent_at = time.monotonic()

    def _n_rewinds(self) -> int:
        return sum(source.n_rewinds for source in self._sources.values())

    async def _send_list(self) -> bool:
        """Send the list of channels, if it isn't the one that the mirror has."""
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
        settled = time.time() - changed / 1e9 > 1  # else another file may come within the same tick of its clock
        self._listed_at = (changed if settled else -1, time.monotonic())
        names = {path.name for path in log_files(self._folder)} | {one.file for one in listed_channels(self._folder)}
        for name in sorted(names - self._sources.keys()):
            progress = self._shipping.files.setdefault(name, Progress())
            self._sources[name] = Source(self._folder / name, progress)

    def _note(self) -> None:
        self._shipping.save(self._folder)
        self._dirty = False


def _said(data: bytes) -> dict[str, object]:
    with contextlib.suppress(ValueError):
        said = json.loads(data)
        if isinstance(said, dict):
            return said
    return {}
