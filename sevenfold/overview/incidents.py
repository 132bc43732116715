"""Events that are shown one by one or by kind: errors, alarms, audit events, and the activity of channels."""

import re
from collections import Counter, deque
from collections.abc import Collection
from datetime import timedelta
from itertools import repeat
from operator import attrgetter, contains
from typing import Final

from sevenfold.lines.grammar import key_text, value_text
from sevenfold.lines.parsing import Event
from sevenfold.lines.shapes import EXCEPTION, MILD
from sevenfold.overview.chunks import EPOCH, Batch, Columns, Part
from sevenfold.overview.figures import ChannelCount, Entry, ErrorGroup
from sevenfold.overview.grids import FAR, OTHERS, TIMES, Grid, text_of

_MILD: Final = frozenset(MILD)
_MOST_GROUPS, SHOWN_ENTRIES, _MOST_CHANNELS = 200, 50, 100
_LONGEST_TRACEBACK, _LONGEST_TEXT = 6000, 400
_ACTIVITY_BARS = 60
_CHUNK_EVENTS: Final = 4096
_SHOWN_ELSEWHERE: Final = frozenset({"event", "outcome"})
_LEVEL = attrgetter("level")
_LOOKED_AT: Final = 20_000  # characters at the end of a traceback
_OTHERS_CODE: Final = re.compile(r"site-packages|dist-packages|[/\\](?:lib|Lib)[/\\](?:python3|[a-z_]+\.py)|^<")
_PLACE: Final = re.compile(r'File "([^"\n]+)", line (\d+)(?:, in ([^\n]+))?')


class Errors:
    """Groups errors by type and the place where they were raised."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], ErrorGroup] = {}
        self.n_errors = 0

    def add(self, batch: Batch) -> None:
        """Add the errors among the events."""
        if set(map(_LEVEL, batch.events)) <= _MILD and not any(map(contains, batch.fields, repeat(EXCEPTION))):
            return
        for event in batch.events:
            if event.level not in _MILD or EXCEPTION in event.fields:
                self._put(event)

    def _put(self, event: Event) -> None:
        self.n_errors += 1
        key = (text_of(event.fields.get(EXCEPTION, event.level)), _place(event))
        if key not in self._groups and len(self._groups) >= _MOST_GROUPS:
            key = (OTHERS, "")
        before = self._groups.get(key)
        count, first = (1, event.time) if before is None else (before.count + 1, before.first)
        message = event.fields.get("exception_message", event.message)
        self._groups[key] = ErrorGroup(
            *key,
            event.channel,
            count,
            min(first, event.time),
            event.time,
            text_of(message),
            _shortened(event.exception),
        )

    def groups(self) -> tuple[ErrorGroup, ...]:
        """Return the groups, the most frequent first."""
        return tuple(sorted(self._groups.values(), key=lambda group: (-group.count, group.type, group.place)))


class Entries:
    """Keeps the newest events as they are, and counts all."""

    def __init__(self) -> None:
        self._newest: deque[Event] = deque(maxlen=SHOWN_ENTRIES)
        self.n_events = 0

    def add(self, events: Collection[Event]) -> None:
        """Add events."""
        self._newest.extend(events)
        self.n_events += len(events)

    def entries(self) -> tuple[Entry, ...]:
        """Return the newest, oldest first."""
        return tuple(map(_entry, self._newest))


class Channels:
    """Counts the events of each channel, over time."""

    def __init__(self) -> None:
        self._channels: dict[str | None, _Channel] = {}

    def add(self, name: str | None, part: Part) -> None:
        """Count events of a channel."""
        if name not in self._channels and len(self._channels) >= _MOST_CHANNELS:
            name = OTHERS
        channel = self._channels.setdefault(name, _Channel())
        channel.columns.add(part)
        if len(channel.columns) >= _CHUNK_EVENTS:
            channel.flush()

    def counts(self) -> tuple[ChannelCount, ...]:
        """Return the counts of each channel, in the order of their first events."""
        for channel in self._channels.values():
            channel.flush()
        order = sorted(self._channels.items(), key=lambda item: item[1].first)
        return tuple(_channel_count(name, channel) for name, channel in order)


class _Channel:
    def __init__(self) -> None:
        self.columns, self.grid = Columns(()), Grid(TIMES, _ACTIVITY_BARS)
        self.first, self.last = FAR, -FAR

    def flush(self) -> None:
        if self.columns:
            times = self.columns.take().times
            self.grid.add(times)
            self.first, self.last = min(self.first, times.low), max(self.last, times.high)


def _channel_count(name: str | None, channel: _Channel) -> ChannelCount:
    activity = tuple(channel.grid.cells.get(bucket, Counter()).total() for bucket in channel.grid.buckets)
    first, last = (EPOCH + timedelta(microseconds=one) for one in (channel.first, channel.last))
    return ChannelCount(name, sum(activity), first, last, activity)


def _entry(event: Event) -> Entry:
    fields = {key: value for key, value in event.fields.items() if key not in _SHOWN_ELSEWHERE}
    text = " ".join(f"{key_text(key)}={value_text(value)}" for key, value in fields.items())
    outcome = text_of(event.fields["outcome"]) if "outcome" in event.fields else ""
    return Entry(event.time, event.channel or "-", text_of(event.message), outcome, _cut(text, _LONGEST_TEXT))


def _place(event: Event) -> str:
    """Return where an error was raised: the last line of its traceback in the user's own code, if there is one."""
    places = _PLACE.findall((event.exception or "")[-_LOOKED_AT:])
    if not places:
        return text_of(event.message)
    own = [place for place in places if _OTHERS_CODE.search(place[0]) is None]
    path, line, function = (own or places)[-1]
    short = "/".join(path.replace("\\", "/").split("/")[-2:])
    return text_of(f"{short}:{line}" + (f" in {function}" if function else ""))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _shortened(traceback: str | None) -> str | None:
    """Keep the end of a traceback, where the error was raised."""
    if traceback is None or len(traceback) <= _LONGEST_TRACEBACK:
        return traceback
    return f"…\n{traceback[-_LONGEST_TRACEBACK:]}"
