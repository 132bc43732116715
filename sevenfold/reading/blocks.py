"""Read lines of one channel as columns of texts, for callers that count many lines and need few of their fields."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import compress, groupby
from operator import itemgetter
from typing import Final, TypeAlias

from sevenfold.lines.parsing import Event, parse_all
from sevenfold.lines.shapes import EXCEPTION, MILD, Row, Shape, channel_of, shape_of, text_of_value, value_at
from sevenfold.lines.texts import Texts

# Returns which fields of a channel's plain lines are wanted as texts; None if whole events are.
FieldsOf: TypeAlias = Callable[[str], Collection[str] | None]

_WORTH: Final = 64  # lines that are worth making an expression for
_MOST_TRIED: Final = 24  # lines of a channel
_RARE: Final = 8  # a shape that fits fewer than one line in so many isn't worth trying on each


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one channel, none of them an error, in their order.

    Attributes
    ----------
    channel : str
        The channel of the lines.
    names : tuple of str
        The fields that were wanted.
    lines : list of str
        The lines.
    times : list of datetime
        The time of each line.
    messages : list of str
        The message of each line.
    rows : list of tuple of str
        The texts of each line's time and fields, as a shape gives them.
    """

    channel: str
    names: tuple[str, ...]
    lines: list[str]
    times: list[datetime]
    messages: list[str]
    rows: list[Row]

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, part: slice) -> Block:
        parts = (self.lines[part], self.times[part], self.messages[part], self.rows[part])
        return Block(self.channel, self.names, *parts)

    def column(self, name: str) -> Texts:
        """Return the text of a field in each line."""
        return Texts(map(itemgetter(self.names.index(name) + 1), self.rows))

    def saying(self, message: str | None) -> Block | None:
        """Return the lines with this message, all lines if it is None; None if there are no such lines."""
        n = len(self) if message is None else self.messages.count(message)
        if n in (0, len(self)):
            return self if n else None
        return self.chosen([own == message for own in self.messages])

    def chosen(self, which: list[bool]) -> Block:
        """Return the lines whose item in `which` is true."""
        lines, times = list(compress(self.lines, which)), list(compress(self.times, which))
        messages, rows = list(compress(self.messages, which)), list(compress(self.rows, which))
        return Block(self.channel, self.names, lines, times, messages, rows)

    def events(self) -> list[Event]:
        """Return the lines as events."""
        return parse_all(self.lines)


class BlockReader:
    """Finds similar lines, and reads them as blocks.

    Parameters
    ----------
    fields_of : callable
        Returns which fields of a channel's lines are wanted.
    """

    def __init__(self, fields_of: FieldsOf) -> None:
        self._fields_of = fields_of
        self._shapes: dict[str, _Shapes] = {}

    def parts(self, lines: list[str]) -> Iterator[tuple[int, int, Block | None]]:
        """Part lines into blocks and other lines; yield where each part starts and ends, and its block or None."""
        channel = channel_of(lines[0])
        names = None if channel is None else self._fields_of(channel)
        if channel is None or names is None:
            yield 0, len(lines), None
            return
        if channel not in self._shapes:
            self._shapes[channel] = _Shapes(tuple(names))
        shapes = self._shapes[channel]
        block = Block(channel, shapes.names, lines, [], *shapes.read(channel, lines))
        for start, end in _runs(block.rows):
            part = block if end - start == len(lines) else block[start:end]
            times = _times(part.rows) if part.rows[0] else None
            yield start, end, None if times is None else replace(part, times=times)


def _runs(rows: list[Row]) -> Iterator[tuple[int, int]]:
    """Yield where each run of lines that were read, or weren't, starts and ends."""
    if all(rows):
        yield 0, len(rows)
        return
    start = 0
    for _, run in groupby(rows, key=bool):
        end = start + sum(1 for _ in run)
        yield start, end
        start = end


def _times(rows: list[Row]) -> list[datetime] | None:
    try:
        return list(map(datetime.fromisoformat, map(itemgetter(0), rows)))
    except ValueError:
        return None


class _Shapes:
    """The shapes of a channel's lines, the most frequent first."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._known: list[Shape] = []
        self._n_tried = 0

    def read(self, channel: str, lines: list[str]) -> tuple[list[str], list[Row]]:
        """Return the message and the texts of each line, empty for an error's line and for one that can't be read."""
        rows: list[Row] = [()] * len(lines)
        messages = [""] * len(lines)
        left: Sequence[int] = range(len(lines))
        number = 0
        while left and (shape := self._shape(number, lines, left)):
            matches = list(map(shape.match, map(lines.__getitem__, left)))
            if len(left) == len(lines) and all(matches):
                return [shape.message] * len(lines), list(map(shape.texts, filter(None, matches)))
            for place, match in zip(left, matches, strict=True):
                if match is not None:
                    rows[place], messages[place] = shape.texts(match), shape.message
            n_before, left = len(left), [place for place, match in zip(left, matches, strict=True) if match is None]
            number = self._ranked(number, n_before - len(left), len(lines))
        if 0 < len(left) < len(lines):
            self._read_odd(channel, lines, left, messages, rows)
        return messages, rows

    def _ranked(self, number: int, n_found: int, n_lines: int) -> int:
        """Move a shape that fits most lines to the front, forget one that fits few; return the number of the next."""
        if n_found * _RARE < n_lines:
            del self._known[number]
            return number
        if 2 * n_found > n_lines:
            self._known.insert(0, self._known.pop(number))
        return number + 1

    def _read_odd(
        self, channel: str, lines: list[str], places: Sequence[int], messages: list[str], rows: list[Row]
    ) -> None:
        """Read lines without a shape as events, and put their texts among the others', so that a block isn't split."""
        try:
            events = parse_all([lines[place] for place in places])
        except ValueError:
            return
        for place, event in zip(places, events, strict=True):
            if event.level in MILD and EXCEPTION not in event.fields and event.channel == channel:
                texts = (text_of_value(value_at(event.fields, name)) for name in self.names)
                rows[place], messages[place] = (lines[place].partition(" | ")[0], *texts), event.message

    def _shape(self, number: int, lines: list[str], left: Sequence[int]) -> Shape | None:
        """Return the known shape of a number; beyond these make one of the lines that are left, if they are enough."""
        if number < len(self._known):
            return self._known[number]
        if len(left) < _WORTH or self._n_tried >= _MOST_TRIED:
            return None
        self._n_tried += 1
        shape = shape_of(lines[left[len(left) // 2]], self.names)
        if shape is not None:
            self._known.append(shape)
        return shape
