"""Which events a reader of files selects."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sevenfold.lines.parsing import Event
from sevenfold.notices import notice

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sevenfold.reading.blocks import Block, BlockReader

Keep: TypeAlias = Callable[[Event], bool]

# An escape of a character that our writers never escape: a needle may be hidden behind it.
_ESCAPED: Final = re.compile(rb"\\u00(?:[36]|2[^27]|[45][^cC]|5[^cC]|7[^cCfF])")


@dataclass(frozen=True, slots=True)
class LinedEvent(Event):
    """An event, and its text as it stands in the file: a line, and the traceback below."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Barred:
    """Channels whose events are skipped in a file that isn't theirs, with one notice for each channel.

    Attributes
    ----------
    path : Path
        The file.
    channels : frozenset of str
        The channels.
    """

    path: Path
    channels: frozenset[str | None]
    _reported: set[str | None] = field(default_factory=set)

    def __call__(self, event: Event) -> bool:
        """Return whether an event belongs to none of these channels."""
        if event.channel in self.channels and event.channel not in self._reported:
            self._reported.add(event.channel)
            notice(f"{self.path}: isn't the file of channel {event.channel!r}, whose events are passed over there")
        return event.channel not in self.channels


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are selected.

    Attributes
    ----------
    channels : frozenset of str or None
        Only of these channels.
    hosts : frozenset of str or None
        Only of these hosts of a mirror.
    since, until : datetime or None
        Only from `since` on, and only before `until`.
    tests : tuple of callable
        Only events for which all of them return True.
    needles : tuple of str
        Texts that the line of each selected event contains, so that blocks of a file without them need no parsing.
    lined : bool
        Whether events come as `LinedEvent`.
    barred : Barred or None
        Channels that are skipped.
    blocks : BlockReader or None
        Reads lines that are alike as blocks; not used together with needles.
    """

    channels: frozenset[str] | None = None
    hosts: frozenset[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    tests: tuple[Callable[[Event], bool], ...] = ()
    needles: tuple[str, ...] = ()
    lined: bool = False
    barred: Barred | None = None
    blocks: BlockReader | None = None

    @property
    def keep(self) -> Keep | None:
        """A test whether an event is selected; None if all events are."""
        channels, since, until = self.channels, self.since, self.until
        tests: list[Keep] = []
        if channels is not None:
            tests.append(lambda event: event.channel in channels)
        if since is not None:
            tests.append(lambda event: event.time >= since)
        if until is not None:
            tests.append(lambda event: event.time < until)
        if self.barred is not None:
            tests.append(self.barred)
        tests += self.tests
        if len(tests) < 2:  # noqa: PLR2004
            return tests[0] if tests else None
        return lambda event: all(test(event) for test in tests)

    def of_all_channels(self) -> Selection:
        """Return the selection without its channels."""
        return replace(self, channels=None)

    def of_block(self, block: Block) -> Block | None:
        """Return the selected lines of a block; None if only their events can tell."""
        if self.tests or (self.barred is not None and block.channel in self.barred.channels):
            return None
        if self.channels is not None and block.channel not in self.channels:
            return block[:0]
        since, until = self.since or min(block.times), self.until
        if min(block.times) >= since and (until is None or max(block.times) < until):
            return block
        return block.chosen([time >= since and (until is None or time < until) for time in block.times])

    def leaves_out(self, data: bytes) -> bool:
        """Return whether no event in a part of a file can be selected."""
        if all(needle.encode() in data for needle in self.needles):
            return False
        return b"\\u00" not in data or _ESCAPED.search(data) is None  # a literal is found several times as quickly

    def may_hold(self, line: str) -> bool:
        """Return whether a line may hold a selected event."""
        return all(needle in line for needle in self.needles) or _ESCAPED.search(line.encode()) is not None

    def with_texts(self, events: list[Event], texts: list[str]) -> list[Event]:
        """Return the selected events with their texts."""
        keep = self.keep
        return [
            LinedEvent(event.time, event.level, event.channel, event.message, event.fields, event.exception, text)
            for event, text in zip(events, texts, strict=True)
            if keep is None or keep(event)
        ]


def selection_of(
    channel: str | Collection[str] | None, host: str | Collection[str] | None = None, **conditions: Any
) -> Selection:
    """Return the selection of one, several or all channels and hosts; `conditions` are fields of `Selection`."""
    return Selection(_names(channel), _names(host), **conditions)


def _names(names: str | Collection[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset((names,) if isinstance(names, str) else names)
