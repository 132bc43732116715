"""Merge portions, each a list of events or a block of lines, by time; runs of one stream stay as long as possible."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from heapq import heapify, heappop, heapreplace
from itertools import islice
from operator import attrgetter, le
from typing import TYPE_CHECKING, TypeAlias

from sevenfold.lines.parsing import Event
from sevenfold.reading.blocks import Block

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

Portion: TypeAlias = list[Event] | Block

_TIME = attrgetter("time")


def times_of(portion: Portion) -> list[datetime]:
    """Return the time of each event."""
    return portion.times if isinstance(portion, Block) else list(map(_TIME, portion))


def events_of(portions: Iterable[Portion]) -> Iterator[Event]:
    """Yield the events of portions one by one."""
    for portion in portions:
        yield from portion.events() if isinstance(portion, Block) else portion


def merged(streams: Iterable[Iterable[Portion]], *, n_apart: int = 0) -> Iterator[tuple[int, Portion]]:
    """Merge streams by time, as `heapq.merge` merges events: the order within a stream stays.

    Parameters
    ----------
    streams : iterable of iterable of Portion
        The streams; of events at the same time, the earlier stream's come first.
    n_apart : int
        How many of the first streams needn't be in order among each other: none of them splits another's portions.

    Yields
    ------
    tuple of int and Portion
        The number of a stream, and its events up to the next one of another stream.
    """
    iterators = map(iter, streams)
    heads = [_Head(order, rest, n_apart) for order, rest in enumerate(iterators)]
    heap = [(head.time, head.order, head) for head in heads if head.move_on()]
    heapify(heap)
    while len(heap) > 1:
        head = heap[0][2]
        yield head.order, head.taken(heap)
        if head.is_open or head.move_on():
            heapreplace(heap, (head.time, head.order, head))
        else:
            heappop(heap)
    for _, order, head in heap:
        yield order, head.left()
        yield from ((order, portion) for portion in head.rest)


class _Head:
    """The portion of a stream that is being merged, and the place in it."""

    __slots__ = ("_is_sorted", "_n_apart", "_place", "_portion", "_times", "order", "rest")

    def __init__(self, order: int, rest: Iterator[Portion], n_apart: int) -> None:
        self.order, self.rest, self._n_apart = order, rest, n_apart

    @property
    def time(self) -> datetime:
        return self._times[self._place]

    @property
    def is_open(self) -> bool:
        return self._place < len(self._times)

    def move_on(self) -> bool:
        """Take the next portion; False where there is none."""
        portion = next(filter(len, self.rest), None)
        if portion is None:
            return False
        self._portion, self._times, self._place = portion, times_of(portion), 0
        self._is_sorted = all(map(le, self._times, islice(self._times, 1, None)))
        return True

    def taken(self, heap: list[tuple[datetime, int, _Head]]) -> Portion:
        """Return the events up to the next one of another stream."""
        others = heap[1:3] if self.order >= self._n_apart else [one for one in heap if one[1] >= self._n_apart]
        start, self._place = self._place, self._reach(min(others)[:2]) if others else len(self._times)
        return self._portion[start : self._place]

    def left(self) -> Portion:
        return self._portion[self._place :]

    def _reach(self, limit: tuple[datetime, int]) -> int:
        time, order = limit
        if self._is_sorted:
            return (bisect_right if self.order < order else bisect_left)(self._times, time, self._place)
        ours = range(self._place + 1, len(self._times))
        return next((at for at in ours if (self._times[at], self.order) > limit), len(self._times))
