"""Portions are merged into the same order as their events one by one."""

import heapq
from datetime import timedelta
from itertools import chain
from operator import attrgetter

from hypothesis import given
from hypothesis import strategies as st

from sevenfold.lines.parsing import Event
from sevenfold.reading.portions import events_of, merged
from tests.support.made_logs import START

STREAM = st.lists(st.lists(st.integers(0, 30), max_size=5), max_size=5)


def made(streams: list[list[list[int]]], *, ordered: bool) -> list[list[list[Event]]]:
    made = []
    for order, stream in enumerate(streams):
        seconds = iter(sorted(chain.from_iterable(stream)))
        made.append([[_event(next(seconds) if ordered else second, order) for second in portion] for portion in stream])
    return made


def _event(second: int, order: int) -> Event:
    return Event(START + timedelta(seconds=second), "INFO", str(order), "m", {})


@given(st.lists(STREAM, max_size=4), st.booleans())
def test_runs_come_as_their_events_would_one_by_one(seconds: list[list[list[int]]], ordered: bool) -> None:
    streams = made(seconds, ordered=ordered)
    expected = list(heapq.merge(*map(chain.from_iterable, streams), key=attrgetter("time")))
    runs = [(order, list(events_of([run]))) for order, run in merged(streams)]
    assert [event for _, run in runs for event in run] == expected
    assert all(event.channel == str(order) for order, run in runs for event in run)


@given(st.lists(STREAM, min_size=1, max_size=3), STREAM)
def test_streams_apart_are_in_order_with_the_others_alone(
    seconds: list[list[list[int]]], last: list[list[int]]
) -> None:
    streams = made([*seconds, last], ordered=True)
    found = list(events_of(run for _, run in merged(streams, n_apart=len(seconds))))
    for order in range(len(seconds)):
        two = [streams[order], streams[-1]]
        expected = heapq.merge(*map(chain.from_iterable, two), key=attrgetter("time"))
        assert [one for one in found if one.channel in {str(order), str(len(seconds))}] == list(expected)


def test_a_portion_apart_stays_whole_until_another_stream_speaks() -> None:
    streams = made([[[0, 2, 4]], [[1, 3, 5]], [[4]]], ordered=True)
    lengths = [(order, len(run)) for order, run in merged(streams, n_apart=2)]
    assert lengths == [(0, 3), (1, 2), (2, 1), (1, 1)]
