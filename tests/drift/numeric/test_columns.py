import numpy as np
import pytest

from sevenfold.drift.cells import CellCounts
from sevenfold.drift.numeric.columns import PART, Compared, NumberColumns
from sevenfold.drift.numeric.profile import Numbers
from sevenfold.drift.reading import read_column
from sevenfold.drift.statistics import Findings


def columns_of(*references: np.ndarray) -> NumberColumns:
    return NumberColumns({f"x{i}": Numbers.of(read_column("x", one)) for i, one in enumerate(references)})


def counted(columns: NumberColumns, *batches: np.ndarray) -> CellCounts:
    counts, _ = columns.count([read_column("x", one) for one in batches], len(batches[0]))
    return counts


def compared(reference: np.ndarray, batch: np.ndarray) -> Compared:
    columns = columns_of(reference)
    return columns.compare(counted(columns, batch), len(batch), len(batch))


def p_values(found: Compared, column: int = 0) -> dict[str, float]:
    return {one.method: one.p_value for test in found.findings for one in test.of(column)}


def findings(reference: np.ndarray, batch: np.ndarray) -> dict[str, float]:
    return p_values(compared(reference, batch))


def test_numbers_are_counted_between_the_references_and_what_is_none_behind_them() -> None:
    batch = np.array([-1.0, 0.0, 0.0, 0.5, 1.0, 2.0, np.nan, np.inf, -np.inf])
    found = counted(columns_of(np.repeat([0.0, 1.0], [60, 40])), batch)
    # Below, 0, 1, beyond; missing, minus infinity, infinity. Beyond .5 either way is none of both.
    assert found.cells.tolist() == [[1, 3, 1, 1]]
    assert (found.special.tolist(), found.n_off_grid.tolist()) == ([[1, 1, 1]], [3])


def test_a_column_whose_rows_are_all_missing_is_compared_by_that() -> None:
    numbers = np.arange(100.0)
    assert list(findings(numbers, np.full(50, np.nan))) == ["missing_share"]
    assert list(findings(np.full(100, np.nan), numbers)) == ["missing_share"]
    assert findings(np.full(100, np.nan), np.full(50, np.nan)) == {}


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
    columns = columns_of(np.round(rng.normal(0, 1, 5000), 1))
    batch = np.append(np.round(rng.normal(0.2, 1.0, 399), 1), np.nan)
    whole, halves = counted(columns, batch), [counted(columns, half) for half in np.split(batch, 2)]
    added = halves[0] + halves[1]
    assert added.cells.tolist() == whole.cells.tolist()
    assert p_values(columns.compare(added, 400, 200)) == p_values(columns.compare(whole, 400, 400))


def test_ranks_are_between_minus_one_and_one_and_missing_is_in_the_middle() -> None:
    batch = read_column("x", np.array([-5.0, -np.inf, 0.0, 500.0, 999.0, 2000.0, np.inf, np.nan]))
    (ranks,) = columns_of(np.arange(1000.0)).ranks([0], [batch])
    assert ranks[[0, 1, 5, 6, 7]].tolist() == [-1.0, -1.0, 1.0, 1.0, 0.0]
    np.testing.assert_allclose(ranks[2:5], [-1.0, 0.0, 1.0], atol=0.01)


def kinds(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """Return columns with few and many cells, with grids, atoms, gaps and infinities, and one without a number."""
    x = rng.standard_normal(n)
    odd = rng.choice([np.nan, np.inf, -np.inf, 0.5, 1.0], n)
    grid, atoms = rng.poisson(3, n) * 0.1, np.where(rng.random(n) < 0.4, 0.0, x)
    return [x, grid, atoms, odd, np.full(n, np.nan), np.full(n, 3.3), x * 1e307, np.round(x, 1)]


def test_a_column_is_counted_and_compared_beside_others_as_alone() -> None:
    rng = np.random.default_rng(3)
    references, batches = kinds(rng, 3000), kinds(rng, 300)
    batches[1][:3], batches[4][:5], batches[5][:9] = 0.15, 1.0, 7.0
    columns = columns_of(*references)
    counts = counted(columns, *batches)
    beside = columns.compare(counts, 300, 300.0)
    names, statistics, least = beside.first()
    for i, (reference, batch) in enumerate(zip(references, batches, strict=True)):
        alone = compared(reference, batch)
        assert p_values(beside, i) == pytest.approx(p_values(alone), rel=1e-12)
        assert beside.psi[i] == pytest.approx(alone.psi[0], rel=1e-12, abs=1e-15)
        assert (beside.statuses[i], names[i]) == (alone.statuses[0], alone.first()[0][0])
        assert (statistics[i], least[i]) == pytest.approx([one[0] for one in alone.first()[1:]], rel=1e-12)
        edges = Numbers.of(read_column("x", reference)).cuts.edges
        finite = batch[np.isfinite(batch)]
        expected = np.bincount(np.searchsorted(edges, finite), minlength=edges.size + 1)
        assert counts.cells[i, : edges.size + 1].tolist() == expected.tolist()
        assert counts.cells[i].sum() == finite.size


def test_a_batch_is_looked_up_in_parts_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    columns, batches = columns_of(*kinds(rng, 2000)), [read_column("x", one) for one in kinds(rng, 100)]
    whole, ranks = columns.count(batches, 100, 3)
    assert ranks.shape == (8, 34)
    assert PART > 800
    monkeypatch.setattr("sevenfold.drift.numeric.columns.PART", 300)
    part, ranks_of_parts = columns.count(batches, 100, 3)
    np.testing.assert_array_equal(ranks, ranks_of_parts)
    for name in ("cells", "special", "n_off_grid"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(part, name))


def test_a_p_value_that_its_factor_lifts_above_one_is_one() -> None:
    findings = [Findings("outside_share", np.array([0.1, 0.2]), np.array([0.5, np.inf]))]
    methods, statistics, p_values = Compared(findings, np.zeros(2), ["ok", "ok"]).first()
    assert methods == ["outside_share", "outside_share"]
    assert statistics.tolist() == [0.1, 0.2]
    assert p_values.tolist() == [1.0, np.inf]
