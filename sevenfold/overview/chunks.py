"""Events of one kind, column by column.

Events are large and far apart in memory, so each is read once, in batches that fit the processor's cache; the texts and
numbers taken from them are processed in bulk.
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
_WORTH: Final = 16  # events a bucket from which on searching its ends is quicker than reading all its times
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

    Events come sorted by time, or nearly so. If they are sorted, only the times at the ends of buckets are read.
    """

    def __init__(self, times: list[datetime]) -> None:
        self._times = times
        self._sorted = all(map(le, times, islice(times, 1, None)))
        self.low = microseconds(times[0] if self._sorted else min(times))
        self.high = microseconds(times[-1] if self._sorted else max(times))

    @cached_property
    def all(self) -> NDArray[np.int64]:
        """The position of each event."""
        seconds = np.fromiter(map(datetime.timestamp, self._times), np.float64, len(self._times))
        return np.rint(seconds * SECOND).astype(np.int64)

    def buckets(self, width: int) -> NDArray[np.int64]:
        """Return the number of each event's bucket."""
        n_buckets = self.high // width - self.low // width + 1
        if not self._sorted or n_buckets * _WORTH > len(self._times):
            return self.all // width
        numbers, start = np.empty(len(self._times), np.int64), 0
        while start < len(self._times):
            bucket = microseconds(self._times[start]) // width
            end = bisect_left(self._times, EPOCH + timedelta(microseconds=(bucket + 1) * width), start)
            numbers[start:end] = bucket
            start = end
        return numbers

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
        Fields by name, with dots for nested ones, each in pieces; None where an event lacks it.
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
        """Return a field of each event as a number, NaN if it is no number."""
        pieces = self._columns[name]
        return np.concatenate([one.numbers() if isinstance(one, Texts) else numbers_of(one) for one in pieces])


class Part(Protocol):
    """Some events of one channel."""

    @property
    def times(self) -> list[datetime]:
        """When each event was."""

    def column(self, name: str) -> Column:
        """Return a field of each event; dots separate nested names."""


class Batch:
    """A few events of one channel, so that they stay in the processor's cache.

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
        """The distinct messages."""
        return set(map(_MESSAGE, self.events))

    def column(self, name: str) -> list[Any]:
        """Return a field of each event, None if it lacks it; dots separate nested names."""
        try:
            return list(map(itemgetter(name), self.fields))
        except KeyError:
            if "." not in name:
                return [fields.get(name) for fields in self.fields]
            return [value_at(fields, name) for fields in self.fields]

    def saying(self, message: str | None) -> Batch | None:
        """Return the events with a message, all if `message` is None; None if there are none."""
        if message is None or self.messages == {message}:
            return self
        if message not in self.messages:
            return None
        if message not in self._saying:
            self._saying[message] = Batch([event for event in self.events if event.message == message])
        return self._saying[message]

    def where(self, conditions: Sequence[tuple[str, Any]]) -> Batch | None:
        """Return the events whose fields have these values; None if there are none."""
        events = self.events
        for name, value in conditions:
            events = [event for event in events if value_at(event.fields, name) == value]
        return Batch(events) if events else None


class Columns:
    """Gathers fields of events until there are enough to process in bulk.

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
        """Add events."""
        self._times += part.times
        for name in self._names:
            pieces, column = self._columns[name], part.column(name)
            if pieces and type(pieces[-1]) is type(column):
                pieces[-1] += column
            else:
                pieces.append(column)

    def take(self) -> Chunk:
        """Return the gathered events, and begin anew."""
        chunk = Chunk(self._times, self._columns)
        self._clear()
        return chunk

    def _clear(self) -> None:
        self._times: list[datetime] = []
        self._columns: dict[str, list[Column]] = {name: [] for name in self._names}


def by_channel(events: Sequence[Event]) -> Iterator[tuple[str | None, Batch]]:
    """Split events by channel, in order."""
    channels = set(map(_CHANNEL, events))
    if len(channels) == 1:
        yield channels.pop(), Batch(events)
        return
    parts: dict[str | None, list[Event]] = {}
    for event in events:
        parts.setdefault(event.channel, []).append(event)
    yield from ((channel, Batch(part)) for channel, part in parts.items())
