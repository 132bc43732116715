"""Events of one kind, column by column.

Events are large and far apart in memory, so each is looked at once, in batches that the processor keeps near; what is
taken from them, text and numbers, is looked at in bulk.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain, islice
from operator import attrgetter, itemgetter, le
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import numpy as np

from sevenfold.lines.grammar import value_text
from sevenfold.lines.shapes import value_at
from sevenfold.lines.texts import Texts, numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from sevenfold.lines.parsing import Event
    from sevenfold.overview.grids import Names

SECOND: Final = 1_000_000  # in microseconds, as times are
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_WORTH: Final = 16  # events a bucket from which on looking at its ends is quicker than at all of it
_TIME, _FIELDS = attrgetter("time"), attrgetter("fields")
_CHANNEL, _MESSAGE = attrgetter("channel"), attrgetter("message")


class Positions(Protocol):
    """Where events are on an axis that is cut into buckets."""

    low: int
    high: int

    def buckets(self, width: int) -> NDArray[np.int64]:
        """Return the number of each event's bucket."""


class Numbers:
    """Positions that are whole numbers."""

    def __init__(self, numbers: NDArray[np.int64]) -> None:
        self._numbers = numbers
        self.low, self.high = int(numbers.min()), int(numbers.max())

    def buckets(self, width: int) -> NDArray[np.int64]:
        """Return the number of each event's bucket."""
        return self._numbers // width


class Times:
    """Positions in time, in microseconds since 1970 UTC.

    Events come sorted by their time, or nearly so. Where they are, only those at the ends of buckets are looked at.
    """

    def __init__(self, times: list[datetime]) -> None:
        self._times = times
        self._sorted = all(map(le, times, islice(times, 1, None)))
        self.low = microseconds(times[0] if self._sorted else min(times))
        self.high = microseconds(times[-1] if self._sorted else max(times))

    @cached_property
    def all(self) -> NDArray[np.int64]:
        """Each event's."""
        seconds = np.fromiter(map(datetime.timestamp, self._times), np.float64, len(self._times))
        return np.rint(seconds * SECOND).astype(np.int64)

    def buckets(self, width: int) -> NDArray[np.int64]:
        """Return the number of each event's bucket."""
        n_buckets = self.high // width - self.low // width + 1
        if not self._sorted or n_buckets * _WORTH > len(self._times):
            return self.all // width
        found, start = np.empty(len(self._times), np.int64), 0
        while start < len(self._times):
            bucket = microseconds(self._times[start]) // width
            end = bisect_left(self._times, EPOCH + timedelta(microseconds=(bucket + 1) * width), start)
            found[start:end] = bucket
            start = end
        return found

    def where(self, chosen: NDArray[np.bool_]) -> Positions:
        """Return the positions of some of the events."""
        return self if chosen.all() else Numbers(self.all[chosen])


def microseconds(time: datetime) -> int:
    """Return a time in microseconds since 1970 UTC."""
    return (time - EPOCH) // _MICROSECOND


Column: TypeAlias = "list[Any] | Texts"


class Chunk:
    """Columns of the fields of some events, in their order.

    Parameters
    ----------
    times : list of datetime
        When each event was; at least one.
    columns : dict of str to list of Column
        Fields by their names, with dots for those inside of others, piece by piece; None where an event has none.
    """

    def __init__(self, times: list[datetime], columns: dict[str, list[Column]]) -> None:
        self.times = Times(times)
        self._columns = columns
        self._codes: dict[str, NDArray[np.int64]] = {}
        self._n_events = len(times)

    def __len__(self) -> int:
        return self._n_events

    def values(self, name: str) -> list[Any]:
        """Return a field of each event."""
        pieces = (one.values() if isinstance(one, Texts) else one for one in self._columns[name])
        return list(chain.from_iterable(pieces))

    def codes(self, name: str, names: Names) -> NDArray[np.int64]:
        """Return a field of each event as a small number; a channel has the same names of a field everywhere."""
        if name not in self._codes:
            self._codes[name] = names.codes(self.values(name))
        return self._codes[name]

    def texts(self, name: str) -> list[str]:
        """Return a field of each event as text."""
        return [one if type(one) is str else value_text(one) for one in self.values(name)]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a field of each event as a number, NaN where it is none."""
        pieces = self._columns[name]
        return np.concatenate([one.numbers() if isinstance(one, Texts) else numbers_of(one) for one in pieces])


class Part(Protocol):
    """Some events of one channel."""

    @property
    def times(self) -> list[datetime]:
        """When each event was."""

    def column(self, name: str) -> Column:
        """Return a field of each event; dots lead into fields."""


class Batch:
    """Some events of one channel: few, so that they are near in memory while they are looked at.

    Parameters
    ----------
    events : sequence of Event
        At least one.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self._saying: dict[str, Batch] = {}

    @cached_property
    def times(self) -> list[datetime]:
        """When each event was."""
        return list(map(_TIME, self.events))

    @cached_property
    def fields(self) -> list[dict[str, Any]]:
        """The fields of each event."""
        return list(map(_FIELDS, self.events))

    @cached_property
    def messages(self) -> set[str]:
        """The messages that there are."""
        return set(map(_MESSAGE, self.events))

    def column(self, name: str) -> list[Any]:
        """Return a field of each event, None where it has none; dots lead into fields."""
        try:
            return list(map(itemgetter(name), self.fields))
        except KeyError:
            if "." not in name:
                return [fields.get(name) for fields in self.fields]
            return [value_at(fields, name) for fields in self.fields]

    def saying(self, message: str | None) -> Batch | None:
        """Return the events with a message, or all; None without any."""
        if message is None or self.messages == {message}:
            return self
        if message not in self.messages:
            return None
        if message not in self._saying:
            self._saying[message] = Batch([one for one in self.events if one.message == message])
        return self._saying[message]

    def where(self, conditions: Sequence[tuple[str, Any]]) -> Batch | None:
        """Return the events with these values of fields; None without any."""
        kept = self.events
        for name, wanted in conditions:
            kept = [one for one in kept if value_at(one.fields, name) == wanted]
        return Batch(kept) if kept else None


class Columns:
    """Gathers the fields of a kind of events until there are enough of them to be looked at in bulk.

    Parameters
    ----------
    names : iterable of str
        The fields.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._clear()

    def __len__(self) -> int:
        return len(self._times)

    def add(self, part: Part) -> None:
        """Take events."""
        self._times += part.times
        for name in self._names:
            pieces, column = self._columns[name], part.column(name)
            if pieces and type(pieces[-1]) is type(column):
                pieces[-1] += column
            else:
                pieces.append(column)

    def take(self) -> Chunk:
        """Return what was gathered, and begin anew."""
        chunk = Chunk(self._times, self._columns)
        self._clear()
        return chunk

    def _clear(self) -> None:
        self._times: list[datetime] = []
        self._columns: dict[str, list[Column]] = {name: [] for name in self._names}


def by_channel(events: Sequence[Event]) -> Iterator[tuple[str | None, Batch]]:
    """Part events by their channels, each in its order."""
    channels = set(map(_CHANNEL, events))
    if len(channels) == 1:
        yield channels.pop(), Batch(events)
        return
    parts: dict[str | None, list[Event]] = {}
    for event in events:
        parts.setdefault(event.channel, []).append(event)
    yield from ((channel, Batch(part)) for channel, part in parts.items())
