"""Follow a log folder and count, and go on after a restart as if there had been none.

Counters must not fall when files are deleted, so a checkpoint keeps them, with a moment: what is in it is from before
that moment, and what is from later is read again. The moment lies a little in the past, since several processes write,
and a line may come after one with a later time.
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

LATE: Final = timedelta(seconds=30)  # after which a line with an earlier time comes no more
_EVERY_S = 10.0


class Follower:
    """Counts what is in a log folder, and what comes.

    Parameters
    ----------
    folder : Path
        The log folder.
    checkpoint : Path, optional
        A file that keeps the counters; one that is there is gone on with, and one that can't be read is told and
        begun anew.

    Attributes
    ----------
    totals : Totals
        What was counted so far; `lock` is held while that changes, and while a checkpoint is written.
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
        """Count, for ever or what is there."""
        for event in read(self._folder, since=self._since, follow=follow, on_bad=lambda *_: self._count_bad()):
            self.count(event)
            if monotonic() - self._saved_s > _EVERY_S:
                self.save()
        self.save()

    def count(self, event: Event) -> None:
        """Count an event."""
        found = list(updates(event))
        with self.lock:
            for update in found:
                self.totals.add(*update)
            self._newest = event.time if self._newest is None else max(self._newest, event.time)
            if self._checkpoint is not None:
                self._recent.append((event.time, found))
                while self._recent[0][0] < self._newest - LATE:
                    self._settle(self._recent.popleft()[1])

    def shown(self) -> Totals:
        """Return what was counted, and at least what was shown before a restart, while that is read again."""
        with self.lock:
            return self.totals.at_least(self._shown)

    def save(self) -> None:
        """Write the checkpoint; where that can't be done, say so and go on."""
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
        for time, found in recent:
            if time < until:
                self._settle(found)
            else:
                self._recent.append((time, found))
        self._since = until
        self._settled.values[UNREADABLE] = dict(self.totals.values[UNREADABLE])
        said = {"until": timestamp(until), "totals": self._settled.as_json(), "shown": shown}
        try:
            _replace(checkpoint, json.dumps(said))
        except OSError as error:
            notice(f"{checkpoint}: no checkpoint was written: {describe(error)}")

    def _settle(self, found: list[Update]) -> None:
        for update in found:
            self._settled.add(*update)

    def _load(self) -> None:
        if self._checkpoint is None or not self._checkpoint.exists():
            return
        try:
            said = json.loads(self._checkpoint.read_text(encoding="utf-8"))
            settled, totals, shown = (Totals.of(said[name]) for name in ("totals", "totals", "shown"))
            self._since = datetime.fromisoformat(said["until"]).astimezone(UTC)
            self._settled, self.totals, self._shown = settled, totals, shown
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            notice(f"{self._checkpoint}: counted anew, since the checkpoint can't be read: {describe(error)}")

    def _count_bad(self) -> None:
        """Count a line that is no event: without a time, it is counted again after a restart, and told once."""
        self._n_bad += 1
        with self.lock:
            known = self.totals.values[UNREADABLE]
            known[()] = [max(float(self._n_bad), *known.get((), [0.0]))]


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
