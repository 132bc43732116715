"""One pass over events: each goes to the collector of its kind, in chunks, with memory that doesn't grow with them."""

import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sevenfold.files.channel_list import listed_channels
from sevenfold.lines.parsing import Event
from sevenfold.overview import drift
from sevenfold.overview.chunks import by_channel
from sevenfold.overview.figures import Figure, Overview, Table
from sevenfold.overview.folds import Feed
from sevenfold.overview.incidents import Channels, Entries, Errors
from sevenfold.overview.panels import PANELS, Panel, checked
from sevenfold.reading.blocks import Block, BlockReader
from sevenfold.reading.folder import portions
from sevenfold.reading.portions import Portion
from sevenfold.reading.selection import Selection

_BATCH_EVENTS: Final = 256
_YOUNG: Final = 50_000  # objects
_ALARMS: Final[dict[str | None, str]] = {"drift": "monitor", "monitoring": "performance_alarm"}


class Gathering:
    """Gathers the figures of an overview from events.

    Parameters
    ----------
    panels : iterable of Panel
        The charts and tables.
    sealed : collection of str
        The channels whose events are shown one by one.

    Raises
    ------
    ValueError
        If one of the panels is no `Panel`.

    Examples
    --------
    >>> from sevenfold import parse
    >>> gathering = Gathering()
    >>> gathering.add([parse("2026-11-25T08:36:11.096123Z | INFO     | predictions | prediction | decision=approve")])
    >>> gathering.overview().charts[0].series
    (Series(name='approve', values=(1,)),)
    """

    def __init__(self, panels: Iterable[Panel] = PANELS, *, sealed: Collection[str] = ()) -> None:
        self._panels = checked(panels)
        self._feeds = _feeds_of(self._panels)
        self._drift, self._errors, self._channels = drift.Drift(), Errors(), Channels()
        self._alarms, self._audit = Entries(), Entries()
        self._sealed = frozenset(sealed)

    def add(self, events: Sequence[Event]) -> None:
        """Add events; a few hundred at a time are best."""
        if not events:
            return
        for channel, batch in by_channel(events):
            self._channels.add(channel, batch)
            self._errors.add(batch)
            for feed in self._feeds.get(channel, ()):
                feed.add(batch)
            if channel == drift.CHANNEL:
                self._drift.add(batch)
            if channel in _ALARMS and (alarms := batch.saying(_ALARMS[channel])):
                self._alarms.add([one for one in alarms.events if one.fields.get("alarm") is True])
            if channel in self._sealed:
                self._audit.add(batch.events)

    def add_block(self, block: Block) -> None:
        """Add lines of a channel for which `fields_of` gives the fields."""
        self._channels.add(block.channel, block)
        for feed in self._feeds.get(block.channel, ()):
            feed.add_block(block)

    def fields_of(self, channel: str) -> frozenset[str] | None:
        """Return the fields needed of a channel's lines without errors; None if it needs whole events."""
        feeds = self._feeds.get(channel, [])
        if channel in self._sealed or channel in _ALARMS or any(feed.needs_events for feed in feeds):
            return None
        return frozenset[str]().union(*(feed.fields for feed in feeds))

    def overview(self) -> Overview:
        """Return the results so far."""
        return Overview(
            channels=self._channels.counts(),
            charts=self._charts(),
            drift=self._drift.figure(),
            alarms=self._alarms.entries(),
            n_alarms=self._alarms.n_events,
            errors=self._errors.groups(),
            n_errors=self._errors.n_errors,
            audit=self._audit.entries(),
            n_audit=self._audit.n_events,
        )

    def _charts(self) -> tuple[Figure | Table, ...]:
        feeds = [feed for feeds in self._feeds.values() for feed in feeds]
        for feed in feeds:
            feed.flush()
        figures = {panel: fold.figure(panel) for feed in feeds for fold, panels in feed.folds for panel in panels}
        return tuple(figure for panel in self._panels if (figure := figures[panel]) is not None)


def gather(
    folder: str | Path,
    *,
    panels: Iterable[Panel] = PANELS,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Overview:
    """Return the overview of a log folder, in one pass over its events.

    Parameters
    ----------
    folder : str or Path
        The log folder.
    panels : iterable of Panel
        The charts and tables: ``(*PANELS, Panel(...))`` adds one.
    since, until : datetime, optional
        Only the events from `since` on and before `until`; both must have a time zone.

    Returns
    -------
    Overview
        Nothing is verified: ``chains`` is empty.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If one of the panels is no `Panel`.
    """
    sealed = {channel.name for channel in listed_channels(Path(folder)) if channel.sealed}
    gathering = Gathering(panels, sealed=sealed)
    unreadable = Counter[str]()
    selection = Selection(since=since, until=until, blocks=BlockReader(gathering.fields_of))
    with _collected_seldom():
        for portion in _larger(portions(Path(folder), selection, lambda path, *_: unreadable.update([path.name]))):
            if isinstance(portion, Block):
                gathering.add_block(portion)
            else:
                gathering.add(portion)
    return replace(gathering.overview(), unreadable=tuple(sorted(unreadable.items())))


def _larger(small: Iterable[Portion]) -> Iterator[Portion]:
    """Join small portions of events."""
    events: list[Event] = []
    for portion in small:
        if not isinstance(portion, Block):
            events += portion
        if events and (isinstance(portion, Block) or len(events) >= _BATCH_EVENTS):
            yield events
            events = []
        if isinstance(portion, Block):
            yield portion
    if events:
        yield events


@contextmanager
def _collected_seldom() -> Iterator[None]:
    """Collect cyclic garbage seldom: events have no cycles, and searching them costs a quarter of reading them."""
    young, *older = gc.get_threshold()
    gc.set_threshold(max(young, _YOUNG) if young else 0, *older)
    try:
        yield
    finally:
        gc.set_threshold(young, *older)


def _feeds_of(panels: Iterable[Panel]) -> dict[str | None, list[Feed]]:
    """Return the feeds by channel; panels about the same events share a feed."""
    alike: dict[tuple[Any, ...], list[Panel]] = {}
    for panel in panels:
        alike.setdefault((panel.channel, panel.message, panel.where), []).append(panel)
    feeds: dict[str | None, list[Feed]] = {}
    for (channel, *_), panels_alike in alike.items():
        feeds.setdefault(channel, []).append(Feed(panels_alike))
    return feeds
