import numpy as np
import pytest

from sevenfold.drift.levels import MANY_LEVELS, Comparison, Levels
from sevenfold.drift.reading import read_column


def text(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def compared(reference: np.ndarray, batch: np.ndarray) -> Comparison:
    levels = Levels.of(read_column("x", reference))
    return levels.compare(levels.count(read_column("x", batch)), len(batch), len(batch))


def p_values(found: Comparison) -> dict[str, float]:
    return {one.method: one.p_value for one in found.findings}


def test_levels_too_rare_for_chi_squared_are_one_cell_with_the_new_ones() -> None:
    reference = np.repeat(text("a", "b", "c"), [600, 390, 10])
    batch = np.repeat(text("b", "a", "new", "c"), [60, 30, 9, 1])
    # Ordered by both counts together; c and new are 20 of 1100 rows: too few for one of 100 rows to expect 5.
    found = compared(reference, batch)
    assert found.tables[0].tolist() == [[600, 390, 10, 0], [30, 60, 10, 0]]
    assert found.tables[2].tolist() == [[1000, 0], [91, 9]]
    assert list(p_values(found)) == ["chi_squared", "rare_share", "unseen_share", "new_level"]


@pytest.mark.parametrize("n_rows", [30, 50, 150, 300])
def test_a_batch_of_nothing_but_new_levels_is_told_apart(n_rows: int) -> None:
    found = compared(np.repeat(text("a", "b"), [3000, 3000]), np.repeat(text("new"), n_rows))
    assert found.unseen == ("new",)
    assert min(p_values(found).values()) < 1e-20


def test_new_levels_are_expected_where_the_reference_has_many_that_come_once() -> None:
    ids = [f"id {i}" for i in range(1000)]
    assert min(p_values(compared(text(*ids[:900]), text(*ids[900:]))).values()) > 0.5
    one = compared(text(*ids[:900]), np.repeat(text("new"), 100))
    assert p_values(one)["new_level"] < 1e-9


def test_the_scores_of_levels_depend_on_their_names_alone() -> None:
    few, many = (Levels.of(read_column("x", np.repeat(text("a", "b"), sizes))) for sizes in ([5, 1], [1, 50]))
    column = read_column("x", text("b", "new", None, "a"))
    np.testing.assert_array_equal(few.scores(column), many.scores(column))
    assert few.scores(column)[2] == 0.0
    assert len(set(few.scores(column).tolist())) == 4


def test_of_very_many_levels_some_rows_are_kept() -> None:
    ids = np.array([f"{i}" for i in range(3 * MANY_LEVELS)], dtype=object)
    levels = Levels.of(read_column("x", ids))
    assert (len(levels.names), levels.scored) == (MANY_LEVELS, False)
    few = Levels.of(read_column("x", np.array(["a", "b"] * (2 * MANY_LEVELS))))
    assert few.counts.cells.tolist() == [2 * MANY_LEVELS] * 2
