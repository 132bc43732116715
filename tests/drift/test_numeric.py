import numpy as np

from sevenfold.drift.cells import Counts
from sevenfold.drift.numeric import Comparison, Numbers
from sevenfold.drift.reading import read_column


def compared(reference: np.ndarray, batch: np.ndarray) -> Comparison:
    numbers = Numbers.of(read_column("x", reference))
    return numbers.compare(numbers.count(read_column("x", batch)))


def findings(reference: np.ndarray, batch: np.ndarray) -> dict[str, float]:
    return {one.method: one.p_value for one in compared(reference, batch).findings}


def test_numbers_are_counted_between_the_references_and_what_is_none_behind_them() -> None:
    batch = np.array([-1.0, 0.0, 0.0, 0.5, 1.0, 2.0, np.nan, np.inf, -np.inf])
    found = compared(np.repeat([0.0, 1.0], [60, 40]), batch)
    # Below, 0, 1, beyond; missing, minus infinity, infinity. Beyond .5 either way is none of both.
    assert found.tables[0].tolist() == [[0, 60, 40, 0, 0, 0, 0], [1, 3, 1, 1, 1, 1, 1]]
    assert found.tables[1].tolist() == [[100, 0], [3, 3]]


def test_a_column_whose_rows_are_all_missing_is_compared_by_that() -> None:
    numbers = np.arange(100.0)
    assert list(findings(numbers, np.full(50, np.nan))) == ["missing_share"]
    assert list(findings(np.full(100, np.nan), numbers)) == ["missing_share"]
    assert compared(np.full(100, np.nan), np.full(50, np.nan)).findings == []


def test_each_test_is_blind_to_what_another_finds() -> None:
    rng = np.random.default_rng(1)
    reference, batch = rng.standard_normal(10_000), rng.standard_normal(500)
    moved = {
        "rank_sum": batch + 0.3,
        "chi_squared": 1.4 * batch,
        "outside_share": np.where(np.arange(500) < 5, -9999.0, batch),
        "infinite_share": np.where(np.arange(500) < 5, np.inf, batch),
        "missing_share": np.where(np.arange(500) < 5, np.nan, batch),
    }
    for method, changed in moved.items():
        found = findings(reference, changed)
        assert min(found, key=found.__getitem__) == method
        assert found[method] < 1e-4


def test_counts_of_two_halves_say_what_the_whole_says() -> None:
    rng = np.random.default_rng(2)
    numbers = Numbers.of(read_column("x", np.round(rng.normal(0, 1, 5000), 1)))
    batch = np.append(np.round(rng.normal(0.2, 1.0, 399), 1), np.nan)
    whole = numbers.count(read_column("x", batch))
    halves = [numbers.count(read_column("x", half)) for half in np.split(batch, 2)]
    added: Counts = halves[0] + halves[1]
    assert added.cells.tolist() == whole.cells.tolist()
    assert numbers.compare(added).findings == numbers.compare(whole).findings


def test_ranks_are_between_minus_one_and_one_and_missing_is_in_the_middle() -> None:
    numbers = Numbers.of(read_column("x", np.arange(1000.0)))
    scores = numbers.scores(read_column("x", np.array([-5.0, -np.inf, 0.0, 500.0, 999.0, 2000.0, np.inf, np.nan])))
    assert scores[[0, 1, 5, 6, 7]].tolist() == [-1.0, -1.0, 1.0, 1.0, 0.0]
    np.testing.assert_allclose(scores[2:5], [-1.0, 0.0, 1.0], atol=0.01)
