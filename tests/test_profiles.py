import numpy as np
import pytest

from pipeline.profiles import compare, profile, read_columns


def text(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def counts(reference: np.ndarray, batch: np.ndarray) -> list[list[int]]:
    """Return the counts by cell that PSI is made of."""
    columns = [read_columns({"x": values}, ["x"])["x"] for values in (reference, batch)]
    cells: list[list[int]] = compare(profile(columns[0]), columns[1]).cells.tolist()
    return cells


@pytest.mark.parametrize(
    ("values", "kind", "present", "n_missing"),
    [
        (np.array([2.0, np.nan, -np.inf, 1.0]), "numbers", [-np.inf, 1.0, 2.0], 1),
        (np.array([3, 1], dtype=np.int8), "numbers", [1.0, 3.0], 0),
        (np.array([True, False]), "numbers", [0.0, 1.0], 0),
        (np.array([np.nan, np.nan], dtype=np.float32), "numbers", [], 2),
        (text("b", None, "a"), "text", ["b", "a"], 1),
        (np.array(["b", "a"]), "text", ["b", "a"], 0),
    ],
)
def test_a_column_is_numbers_or_text(values: np.ndarray, kind: str, present: list[object], n_missing: int) -> None:
    column = read_columns({"x": values}, ["x"])["x"]
    assert (column.kind, column.values.tolist(), column.n_missing) == (kind, present, n_missing)
    assert column.n_rows == len(values)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"x": np.zeros(2)}, "column 'y': expected in every batch, as the reference has it, got none"),
        ({"x": np.zeros(2), "y": np.zeros(3)}, "column 'y': expected 2 rows, as the first column has, got 3"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(2)}, "column 'x': expected 1 dimension, got 2"),
        (
            {"x": np.zeros(2), "y": np.array([1.5, "a"], dtype=object)},
            "column 'y': expected numbers, or text with None for missing, got float",
        ),
        (
            {"x": np.zeros(2), "y": np.array(["2026-01-01"] * 2, dtype="datetime64[D]")},
            "column 'y': expected numbers, or text with None for missing, got date",
        ),
    ],
)
def test_a_table_that_cannot_be_read_says_which_column_and_why(table: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        read_columns(table, ["x", "y"])


def test_numbers_are_counted_between_the_deciles_of_the_reference_and_missing_ones_behind_them() -> None:
    reference = np.arange(100.0)
    batch = np.array([-5.0, 9.0, 10.0, 95.0, np.inf, np.nan])
    assert counts(reference, batch) == [[10] * 10 + [0], [2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1]]


def test_a_number_with_a_large_share_is_a_cell_of_its_own() -> None:
    reference = np.repeat([0.0, 1.0], [60, 40])
    batch = np.array([-1.0, 0.0, 0.0, 0.5, 1.0, 2.0])
    assert counts(reference, batch) == [[0, 60, 0, 40, 0], [1, 2, 1, 1, 1]]


def test_levels_too_rare_for_chi_squared_are_one_cell_with_the_new_ones() -> None:
    reference = np.repeat(text("a", "b", "c"), [600, 390, 10])
    batch = np.repeat(text("b", "a", "new", "c"), [60, 30, 9, 1])
    # Ordered by both counts together; c and new are 20 of 1100 rows: too few for one of 100 rows to expect 5.
    assert counts(reference, batch) == [[600, 390, 10], [30, 60, 10]]
