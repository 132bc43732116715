"""Follow a log folder and count, and go on after a restart as if there had been none.

Counters must not fall when files are deleted, so a checkpoint keeps them up to a moment; later events are read again.
The moment lies a little in the past, since several processes write, and a line may come after one with a later time.
"""

import json
import os
import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final

from sevenfold.lines.grammar import timestamp
from sevenfold.lines.parsing import Event
from sevenfold.notices import describe, notice
from sevenfold.overview.metrics.totals import UNREADABLE, Totals, Update, updates
from sevenfold.reading.folder import read

LATE: Final = timedelta(seconds=30)  # how much later than its own time a line may come
_EVERY_S = 10.0


class Follower:
    """Counts the events of a log folder, and those that come.

    Parameters
    ----------
    folder : Path
        The log folder.
    checkpoint : Path, optional
        A file that keeps the counters. Counting goes on from it; if it can't be read, a notice says so, and counting
        begins anew.

    Attributes
    ----------
    totals : Totals
        The counts so far; `lock` is held while they change, and while a checkpoint is written.
    """

    def __init__(self, folder: Path, checkpoint: Path | None = None) -> None:
        self._folder, self._checkpoint = folder, checkpoint
        self.lock = threading.RLock()
        self._ended = False
        self.totals, self._settled, self._shown = Totals(), Totals(), Totals()
        self._since: datetime | None = None
        self._recent: deque[tuple[datetime, list[Update]]] = deque()
        self._newest: datetime | None = None
        self._n_bad, self._saved_s = 0, monotonic()
        self._load()

    def run(self, *, follow: bool = True) -> None:
        """Count the events, and if `follow`, go on for ever."""
        for event in read(self._folder, since=self._since, follow=follow, on_bad=lambda *_: self._count_bad()):
            self.count(event)
            if monotonic() - self._saved_s > _EVERY_S:
                self.save()
        self.save()

    def count(self, event: Event) -> None:
        """Count an event."""
        changes = list(updates(event))
        with self.lock:
            for update in changes:
                self.totals.add(*update)
            self._newest = event.time if self._newest is None else max(self._newest, event.time)
            if self._checkpoint is not None:
                self._recent.append((event.time, changes))
                while self._recent[0][0] < self._newest - LATE:
                    self._settle(self._recent.popleft()[1])

    def shown(self) -> Totals:
        """Return the counts, but no less than before a restart while the later events are read again."""
        with self.lock:
            return self.totals.at_least(self._shown)

    def save(self) -> None:
        """Write the checkpoint; if that fails, write a notice and go on."""
        self._saved_s = monotonic()
        with self.lock:
            if self._checkpoint is not None and self._newest is not None and not self._ended:
                self._write(self._checkpoint, self._newest)

    def end(self) -> None:
        """Write the last checkpoint, also while another thread counts."""
        with self.lock:
            self.save()
            self._ended = True

    def _write(self, checkpoint: Path, newest: datetime) -> None:
        until = max(newest - LATE, self._since or newest - LATE)
        shown = self.shown().as_json()
        recent, self._recent = self._recent, deque()
        for time, changes in recent:
            if time < until:
                self._settle(changes)
            else:
                self._recent.append((time, changes))
        self._since = until
        self._settled.values[UNREADABLE] = dict(self.totals.values[UNREADABLE])
        state = {"until": timestamp(until), "totals": self._settled.as_json(), "shown": shown}
        try:
            _replace(checkpoint, json.dumps(state))
        except OSError as error:
            notice(f"{checkpoint}: no checkpoint was written: {describe(error)}")

    def _settle(self, changes: list[Update]) -> None:
        for update in changes:
            self._settled.add(*update)

    def _load(self) -> None:
        if self._checkpoint is None or not self._checkpoint.exists():
            return
        try:
            state = json.loads(self._checkpoint.read_text(encoding="utf-8"))
            settled, totals, shown = (Totals.of(state[name]) for name in ("totals", "totals", "shown"))
            self._since = datetime.fromisoformat(state["until"]).astimezone(UTC)
            self._settled, self.totals, self._shown = settled, totals, shown
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            notice(f"{self._checkpoint}: counted anew, since the checkpoint can't be read: {describe(error)}")

    def _count_bad(self) -> None:
        """Count a line that is no event; since it has no time, a restart counts it again, so the maximum is kept."""
        self._n_bad += 1
        with self.lock:
            known = self.totals.values[UNREADABLE]
            known[()] = [max(float(self._n_bad), *known.get((), [0.0]))]


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
