from collections.abc import Iterator

import numpy as np
import pytest

from sevenfold.drift.joint import ROWS_A_COLUMN, Joint


def scores(n_columns: int, n_rows: int = 1000) -> np.ndarray:
    rng = np.random.default_rng(1)
    found = rng.uniform(-1.0, 1.0, (n_rows, n_columns))
    found[:, 3] = 0.0  # a constant
    found[:, 5] = np.where(rng.random(n_rows) < 0.01, 1.0, -0.01)  # a heavy tail
    return found


def test_a_reference_that_is_taken_in_parts_is_the_whole_one() -> None:
    whole, rng = scores(20), np.random.default_rng(2)
    one, parts = Joint.of([whole]), Joint.of(np.split(whole, [1, 6, 13], axis=1))
    assert one is not None
    assert parts is not None
    assert one.used.tolist() == parts.used.tolist() == [i for i in range(20) if i not in {3, 5}]
    batch = rng.uniform(-1.0, 1.0, (200, 20)) + 0.1
    for expected, found in zip(one.compare(one.sums(batch), 200), parts.compare(parts.sums(batch), 200), strict=True):
        assert found.method == expected.method
        assert found.p_value == pytest.approx(expected.p_value, rel=1e-12)


def test_of_more_columns_than_the_rows_can_carry_no_more_are_looked_at() -> None:
    n_seen = 0

    def parts() -> Iterator[np.ndarray]:
        nonlocal n_seen
        for _ in range(100):
            n_seen += 20
            yield scores(20)

    assert Joint.of(parts()) is None
    assert n_seen == 120  # of which 108 can be used, and 100 were too many
    assert 1000 // ROWS_A_COLUMN == 100


def test_few_rows_or_a_single_column_that_varies_cannot_be_compared_together() -> None:
    assert Joint.of([scores(20)[:199]]) is None
    assert Joint.of([scores(20)[:, [1, 3, 5]]]) is None
    assert Joint.of([]) is None
