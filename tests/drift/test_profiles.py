from typing import Any

import numpy as np
import pytest

from sevenfold.drift.profiles import Comparison, compare, profile, read_columns


def text(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def compared(reference: np.ndarray, batch: np.ndarray) -> Comparison:
    columns = [read_columns({"x": values}, ["x"])["x"] for values in (reference, batch)]
    return compare(profile(columns[0]), columns[1])


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
    assert compared(reference, batch).cells.tolist() == [[10] * 10 + [0], [2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1]]


def test_a_number_with_a_large_share_is_a_cell_of_its_own() -> None:
    reference = np.repeat([0.0, 1.0], [60, 40])
    batch = np.array([-1.0, 0.0, 0.0, 0.5, 1.0, 2.0])
    assert compared(reference, batch).cells.tolist() == [[0, 60, 0, 40, 0], [1, 2, 1, 1, 1]]


def test_levels_too_rare_for_chi_squared_are_one_cell_with_the_new_ones() -> None:
    reference = np.repeat(text("a", "b", "c"), [600, 390, 10])
    batch = np.repeat(text("b", "a", "new", "c"), [60, 30, 9, 1])
    # Ordered by both counts together; c and new are 20 of 1100 rows: too few for one of 100 rows to expect 5.
    assert compared(reference, batch).cells.tolist() == [[600, 390, 10], [30, 60, 10]]


@pytest.mark.parametrize("n_rows", [30, 50, 150, 300])
def test_a_batch_of_nothing_but_new_levels_is_told_apart(n_rows: int) -> None:
    found = compared(np.repeat(text("a", "b"), [3000, 3000]), np.repeat(text("new"), n_rows))
    assert found.unseen == ("new",)
    assert min(finding.p_value for finding in found.findings) < 1e-20


@pytest.mark.whole("scipy")
def test_the_tests_of_numbers_are_those_of_scipy(stats: Any) -> None:
    reference, batch = np.arange(1000.0), np.append(np.arange(0.0, 750.0, 25.0), np.full(10, 990.0))
    # A cell needs 130 rows of both tables, for one of 40 rows to expect 5; the last takes what is left of the tail.
    cells = [[200, 150, 150, 150, 150, 200], [8, 6, 6, 6, 4, 10]]
    ks = stats.ks_2samp(reference, batch, method="asymp")
    chi2 = stats.chi2_contingency(cells, correction=False)
    findings = {finding.method: finding for finding in compared(reference, batch).findings}
    assert list(findings) == ["kolmogorov_smirnov", "rank_sum", "chi_squared"]
    assert findings["kolmogorov_smirnov"][1:] == pytest.approx((ks.statistic, ks.pvalue))
    assert findings["chi_squared"][1:] == pytest.approx((chi2.statistic, chi2.pvalue))


@pytest.mark.whole("scipy")
def test_the_tests_of_levels_are_those_of_scipy(stats: Any) -> None:
    reference = np.repeat(text("a", "b", "c", None), [600, 300, 5, 95])
    batch = np.repeat(text("b", "a", "new", None), [40, 45, 5, 10])
    chi2 = stats.chi2_contingency([[600, 300], [45, 40]], correction=False)
    # Of the rows with a level, 10 are rare: 5 of 90 in the batch; of all rows, 105 are missing: 10 of 100 in the batch.
    rare, missing = stats.hypergeom(995, 10, 90), stats.hypergeom(1100, 105, 100)
    assert [finding.p_value for finding in compared(reference, batch).findings] == pytest.approx(
        [chi2.pvalue, 2 * rare.sf(4), min(1.0, 2 * missing.sf(9))]
    )
