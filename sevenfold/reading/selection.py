"""Which events are wanted: what a reader of files is told."""

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

# An escape of a character that no writer of ours escapes: what is looked for may hide behind one.
_ESCAPED: Final = re.compile(rb"\\u00(?:[36]|2[^27]|[45][^cC]|5[^cC]|7[^cCfF])")


@dataclass(frozen=True, slots=True)
class LinedEvent(Event):
    """An event, and its text as it stands in the file: a line, and the traceback below."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Barred:
    """Channels whose events a file may not speak of: they are passed over, and each channel is told once.

    Attributes
    ----------
    path : Path
        The file.
    channels : frozenset of str
        The channels.
    """

    path: Path
    channels: frozenset[str | None]
    _told: set[str | None] = field(default_factory=set)

    def __call__(self, event: Event) -> bool:
        """Return whether an event is none of theirs."""
        if event.channel in self.channels and event.channel not in self._told:
            self._told.add(event.channel)
            notice(f"{self.path}: isn't the file of channel {event.channel!r}, whose events are passed over there")
        return event.channel not in self.channels


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are wanted.

    Attributes
    ----------
    channels : frozenset of str or None
        Only of these channels.
    hosts : frozenset of str or None
        Only of these hosts of a mirror.
    since, until : datetime or None
        Only from this time on, and only before that one.
    tests : tuple of callable
        Only what meets all of them.
    needles : tuple of str
        What the text of a wanted event holds, so that blocks of a file without it need not be parsed.
    lined : bool
        Whether events come as `LinedEvent`.
    barred : Barred or None
        Channels of which nothing is wanted.
    blocks : BlockReader or None
        What reads lines that are alike as blocks; nothing does where texts are looked for.
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
        """What says whether an event is wanted; None if all are."""
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
        """Return the lines of a block that are wanted; None where that can't be told without their events."""
        if self.tests or (self.barred is not None and block.channel in self.barred.channels):
            return None
        if self.channels is not None and block.channel not in self.channels:
            return block[:0]
        since, until = self.since or min(block.times), self.until
        if min(block.times) >= since and (until is None or max(block.times) < until):
            return block
        return block.chosen([time >= since and (until is None or time < until) for time in block.times])

    def leaves_out(self, data: bytes) -> bool:
        """Return whether no event in a part of a file can be wanted."""
        if all(needle.encode() in data for needle in self.needles):
            return False
        return b"\\u00" not in data or _ESCAPED.search(data) is None  # a literal is found several times as quickly

    def may_hold(self, line: str) -> bool:
        """Return whether a line may hold a wanted event."""
        return all(needle in line for needle in self.needles) or _ESCAPED.search(line.encode()) is not None

    def with_texts(self, events: list[Event], texts: list[str]) -> list[Event]:
        """Put the texts of events on those that are wanted."""
        keep = self.keep
        return [
            LinedEvent(event.time, event.level, event.channel, event.message, event.fields, event.exception, text)
            for event, text in zip(events, texts, strict=True)
            if keep is None or keep(event)
        ]


def selection(
    channel: str | Collection[str] | None, host: str | Collection[str] | None = None, **others: Any
) -> Selection:
    """Return the selection of one channel, several or all, and of hosts likewise."""
    return Selection(_names(channel), _names(host), **others)


def _names(said: str | Collection[str] | None) -> frozenset[str] | None:
    return None if said is None else frozenset((said,) if isinstance(said, str) else said)
