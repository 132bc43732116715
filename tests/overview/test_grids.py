"""Buckets widen, and have the same counts as with their last width from the beginning."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.overview.chunks import EPOCH, Numbers, Times
from sevenfold.overview.grids import MILLIONTHS, ORDER, TIMES, Grid, Means

POSITIONS = st.lists(st.tuples(st.integers(-(2**60), 2**60), st.integers(0, 5)), min_size=1, max_size=60)


def test_each_width_of_a_ladder_is_a_multiple_of_the_one_before() -> None:
    for ladder in (TIMES, ORDER, MILLIONTHS):
        assert all(wide % narrow == 0 for narrow, wide in pairwise(ladder))


@given(POSITIONS, st.integers(1, 7))
def test_a_grid_counts_as_if_it_had_begun_with_its_last_width(found: list[tuple[int, int]], size: int) -> None:
    grid = Grid(TIMES, most=10)
    for start in range(0, len(found), size):
        positions, codes = zip(*found[start : start + size], strict=True)
        grid.add(Numbers(np.array(positions)), np.array(codes))
    expected: dict[int, Counter[int]] = {}
    for position, code in found:
        expected.setdefault(position // grid.width, Counter())[code] += 1
    assert grid.cells == expected
    assert len(grid.buckets) <= 10
    assert set(grid.cells) <= set(grid.buckets)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=100), st.integers(1, 9))
def test_means_are_those_of_so_many_events_each(numbers: list[float], size: int) -> None:
    means = Means(1, most=8)
    for start in range(0, len(numbers), size):
        part = np.array(numbers[start : start + size])
        means.add(part[:, None])
    expected = [np.mean(numbers[i : i + means.width]) for i in range(0, len(numbers), means.width)]
    np.testing.assert_allclose(means.values[:, 0], expected, rtol=1e-9, atol=1e-6)
    assert len(means.values) <= 8


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=200), st.sampled_from(TIMES[:10]), st.booleans())
def test_times_have_the_buckets_of_their_microseconds(times: list[int], width: int, in_order: bool) -> None:
    times = sorted(times) if in_order else times
    found = Times([EPOCH + timedelta(microseconds=time) for time in times])
    assert (found.low, found.high) == (min(times), max(times))
    assert found.buckets(width).tolist() == [time // width for time in times]
