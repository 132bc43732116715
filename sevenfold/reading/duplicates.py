"""Show each error once, with its traceback: it stands in its channel's file and in the errors' file."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

from sevenfold.lines.shapes import EXCEPTION, MILD
from sevenfold.lines.values import to_json
from sevenfold.reading.blocks import Block
from sevenfold.reading.portions import Portion, events_of
from sevenfold.reading.scanner import Scanner
from sevenfold.reading.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sevenfold.lines.parsing import Event
    from sevenfold.reading.series import Family, Files

_WAIT_POLLS = 5  # for the twin, which is written to the file of the errors a moment later
_MAX_SHOWN = 10_000


class Index:
    """Which events of channels the file of the errors holds, in eight bytes each.

    Parameters
    ----------
    errors : Family
        The file of the errors, with its siblings.
    needles : tuple of str
        What the wanted events hold: others need no entry.
    """

    def __init__(self, errors: Family, needles: tuple[str, ...] = ()) -> None:
        self._errors = errors
        self._holding = Selection(needles=needles)
        self._files: Files | None = None
        self._handed_on = False
        self._hashes: dict[str, array[int]] = {}  # sorted, by the stamp of the file, "" for the live one

    def take_note(self) -> Files:
        """Take note of what the file of the errors holds now; the first time counts."""
        if self._files is None:
            self._files = files = self._errors.files()
            for one in files.rotated:
                scanner = self._errors.scanner(one, _ignore, self._holding)
                self._hashes[one.stamp] = _hashes(scanner.read() if scanner else ())
                files.ends[one.stamp] = scanner.offset if scanner else 0
            if files.live is not None:
                copy = os.fdopen(os.dup(files.live.fileno()), "rb", buffering=0)
                self._hashes[""] = _hashes(Scanner(self._errors.path, copy, _ignore, self._holding).read(files.end))
                files.live.seek(0)  # the copy shares the place
        return self._files

    def without_twins(self, portion: Portion) -> Portion:
        """Leave out the events that come from the file of the errors, too; none of a block does."""
        if isinstance(portion, Block):
            return portion
        return [one for one in portion if not _may_have_twin(one) or not self._has(_identity(one))]

    def errors(self, *, follow: bool) -> Iterator[Portion]:
        """Read the events of the file of the errors, exactly those that are in the index."""
        files = self.take_note()
        self._handed_on = True
        # Of a file that was deleted meanwhile the channels' own files speak.
        yield from self._errors.history(files, follow=follow, on_missing=self._hashes.pop)

    def close(self) -> None:
        """Close the file of the errors if nobody came to read it."""
        if self._files is not None and self._files.live is not None and not self._handed_on:
            self._files.live.close()

    def _has(self, identity: int) -> bool:
        for hashes in self._hashes.values():
            at = bisect_left(hashes, identity)
            if at < len(hashes) and hashes[at] == identity:
                return True
        return False


class Once:
    """Passes errors once that come from two files, a moment apart."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Event, int]] = {}
        self._shown: dict[int, None] = {}

    def remember(self, event: Event) -> None:
        """Take note that an event was shown."""
        if _may_have_twin(event):
            self._shown[_identity(event)] = None
            if len(self._shown) > _MAX_SHOWN:
                del self._shown[next(iter(self._shown))]

    def at_once(self, found: Iterable[tuple[Event, bool]]) -> Iterator[Event]:
        """Pass events that were all there at one moment, as `sift` takes them, without waiting for twins."""
        pairs = list(found)
        twins = {_identity(event) for event, from_errors in pairs if from_errors}
        for event, from_errors in pairs:
            identity = _identity(event)
            if identity not in self._shown and (from_errors or identity not in twins):
                self.remember(event)
                yield event

    def sift(self, found: Iterable[tuple[Event, bool]]) -> Iterator[Event]:
        """Pass events, but hold back what may have a twin until that is there, or doesn't come.

        Parameters
        ----------
        found : iterable of (Event, bool)
            The events since the last call, and whether each is from the file of the errors.
        """
        for event, from_errors in found:
            if not _may_have_twin(event):
                yield event
            elif (identity := _identity(event)) in self._shown:
                continue
            elif from_errors:
                self._waiting[identity] = (event, 0)
            else:
                self._waiting.setdefault(identity, (event, _WAIT_POLLS))
        for identity, (event, polls) in list(self._waiting.items()):
            if polls:
                self._waiting[identity] = (event, polls - 1)
            else:
                del self._waiting[identity]
                self.remember(event)
                yield event


def _hashes(portions: Iterable[Portion]) -> array[int]:
    events = events_of(portions)
    return array("q", sorted(array("q", (_identity(event) for event in events if _may_have_twin(event)))))


def _may_have_twin(event: Event) -> bool:
    is_error = event.level not in MILD or EXCEPTION in event.fields
    return is_error and event.channel is not None


def _identity(event: Event) -> int:
    return hash((event.time, event.level, event.channel, event.message, to_json(event.fields)))


def _ignore(*_: object) -> None:
    """Bad lines are told when the file is read for its events."""
