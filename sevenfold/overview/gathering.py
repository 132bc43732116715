"""One pass over events: each goes to what gathers its kind, in chunks, and nothing that is kept grows with them."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from sevenfold.files.channel_list import listed_channels
from sevenfold.lines.parsing import Event
from sevenfold.overview import drift
from sevenfold.overview.chunks import Chunk, by_channel
from sevenfold.overview.figures import Figure, Overview, Table
from sevenfold.overview.folds import Fold, folds_of
from sevenfold.overview.incidents import Channels, Entries, Errors
from sevenfold.overview.panels import PANELS, Panel, checked
from sevenfold.reading.folder import read

_CHUNK_EVENTS: Final = 4096
_ALARMS: Final[dict[str | None, str]] = {"drift": "monitor", "monitoring": "performance_alarm"}


class Gathering:
    """What is gathered of events so far.

    Parameters
    ----------
    panels : iterable of Panel
        What is gathered for charts and tables.
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
        self._folds = folds_of(self._panels)
        self._drift, self._errors, self._channels = drift.Drift(), Errors(), Channels()
        self._alarms, self._audit = Entries(), Entries()
        self._sealed = frozenset(sealed)

    def add(self, events: Sequence[Event]) -> None:
        """Take events; a few thousand at a time are best."""
        if not events:
            return
        for channel, chunk in by_channel(events):
            self._channels.add(channel, chunk)
            self._errors.add(chunk)
            for fold, (panel, *_) in self._folds:
                if panel.channel == channel:
                    _add(fold, panel, chunk)
            if channel == drift.CHANNEL:
                self._drift.add(chunk)
            if channel in _ALARMS and (alarms := chunk.saying(_ALARMS[channel])):
                self._alarms.add([one for one in alarms.events if one.fields.get("alarm") is True])
            if channel in self._sealed:
                self._audit.add(chunk.events)

    def overview(self) -> Overview:
        """Return what was found so far."""
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
        figures = {panel: fold.figure(panel) for fold, panels in self._folds for panel in panels}
        return tuple(figure for panel in self._panels if (figure := figures[panel]) is not None)


def gather(
    folder: str | Path,
    *,
    panels: Iterable[Panel] = PANELS,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Overview:
    """Return what is found in one pass over the events of a log folder.

    Parameters
    ----------
    folder : str or Path
        The log folder.
    panels : iterable of Panel
        What is shown: ``(*PANELS, Panel(...))`` adds one.
    since, until : datetime, optional
        Only the events from this time on, and only those before that one; both must have a time zone.

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
    events = read(folder, since=since, until=until, on_bad=lambda path, *_: unreadable.update([path.name]))
    while chunk := list(islice(events, _CHUNK_EVENTS)):
        gathering.add(chunk)
    return replace(gathering.overview(), unreadable=tuple(sorted(unreadable.items())))


def _add(fold: Fold, panel: Panel, chunk: Chunk) -> None:
    part = chunk.saying(panel.message)
    if part is not None and panel.where:
        part = part.where(panel.where)
    if part is not None:
        fold.add(part)
