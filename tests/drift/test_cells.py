import numpy as np
import pytest

from sevenfold.drift.cells import FINE, LISTED_UNSEEN, Counts, cut


def test_cells_end_midway_between_neighbours_and_the_outermost_are_empty() -> None:
    cuts = cut(np.array([1.0, 1.0, 2.0, 4.0, 4.0]))
    np.testing.assert_allclose(cuts.edges, [0.5, 1.5, 3.0, 5.0])
    assert (cuts.n_distinct, cuts.n_single, cuts.n_double) == (3, 1, 2)
    assert cuts.grid is None  # one of five is alone with its number: it is no grid


def test_few_numbers_most_of_them_repeated_are_a_grid() -> None:
    grid = cut(np.repeat([0.0, 0.1, 0.2], 50)).grid
    assert grid is not None
    for value in (0.1, np.float32(0.1), 0.1 * 3 / 3):
        assert ((grid[0] <= value) & (value <= grid[1])).sum() == 1
    assert not ((grid[0] <= 0.15) & (grid[1] >= 0.15)).any()


def test_a_long_column_has_256_quantile_cells_and_a_cell_for_each_large_value() -> None:
    rng = np.random.default_rng(1)
    ordered = np.sort(np.concatenate([rng.standard_normal(9000), np.zeros(1000)]))
    edges = cut(ordered).edges
    counts = np.diff(np.searchsorted(ordered, edges, "right"), prepend=0, append=ordered.size)
    assert FINE * 0.9 <= counts.size <= FINE + 5  # a tenth of the quantiles lie in the large one
    assert (counts[0], counts[-1]) == (0, 0)
    assert sorted(counts)[-2:] == [pytest.approx(10_000 / FINE, abs=10_000 / FINE), 1000]


@pytest.mark.parametrize("draw", ["standard_normal", "standard_cauchy", "exponential"])
def test_no_row_changes_its_cell_when_it_comes_in_float32(draw: str) -> None:
    rng = np.random.default_rng(2)
    for values in (getattr(rng, draw)(size=5000), np.round(getattr(rng, draw)(size=5000), 1)):
        edges = cut(np.sort(values)).edges
        assert np.array_equal(np.searchsorted(edges, values), np.searchsorted(edges, values.astype(np.float32)))


def test_numbers_that_differ_by_rounding_alone_are_one() -> None:
    values = np.repeat([0.99, 1.49, 4.99], 100)
    mixed = np.sort(np.concatenate([values, values.astype(np.float32), values * 3 / 3 * 1.1 / 1.1]))
    assert cut(mixed).n_distinct == 3


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(0),
        np.array([3.3]),
        np.full(100, -0.0),
        np.array([-1e308, 1e308]),
        np.array([5e-324, 1e-323]),
        1.7e308 * np.linspace(-1.0, 1.0, 1000),
        1e12 + np.arange(1000.0),
    ],
    ids=["none", "one", "constant", "far", "tiny", "huge", "far off"],
)
def test_any_column_has_ascending_edges_around_it(values: np.ndarray) -> None:
    edges = cut(np.sort(values)).edges
    assert (edges[1:] > edges[:-1]).all()
    if values.size:
        assert edges[0] < values.min() <= values.max() <= edges[-1]


def test_so_many_rows_that_neighbours_nearly_touch_are_still_many_numbers() -> None:
    assert cut(np.linspace(0.0, 1.0, 3_000_000)).n_distinct == 3_000_000


def counts(unseen: dict[str, int], n_unlisted: int = 0) -> Counts:
    return Counts(np.array([1, 2]), np.array([3, 0, 1]), unseen, n_unlisted)


def test_counts_of_batches_add_up() -> None:
    both = counts({"a": 1, "b": 2}) + counts({"b": 5}, 7)
    assert (both.cells.tolist(), both.special.tolist()) == ([2, 4], [6, 0, 2])
    assert (both.unseen, both.n_unlisted, both.n_unseen) == ({"a": 1, "b": 7}, 7, 15)
    assert both.n_rows == 6 + 8 + 15


def test_of_a_column_of_identifiers_the_most_frequent_are_listed_and_the_others_counted() -> None:
    both = counts({f"{i}": 1 for i in range(LISTED_UNSEEN)}) + counts({f"x{i}": 2 for i in range(100)})
    assert len(both.unseen) == LISTED_UNSEEN
    assert both.n_unseen == LISTED_UNSEEN + 200
    assert sum(count == 2 for count in both.unseen.values()) == 100
