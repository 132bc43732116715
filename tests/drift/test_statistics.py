import math
from typing import Any

import numpy as np
import pytest

from sevenfold.drift.cells import pool_cells
from sevenfold.drift.distributions import f_sf
from sevenfold.drift.statistics import (
    Clustering,
    Finding,
    Findings,
    all_in_batch,
    benjamini_hochberg,
    chi_squared,
    clustering,
    compare_shares,
    homogeneity,
    kolmogorov_smirnov,
    outside_share,
    population_stability_index,
    rank_sum,
    share_p_value,
    unseen_share,
)


def counted(reference: np.ndarray, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count two samples by value: a cell each."""
    values = np.union1d(reference, batch)
    return tuple((sample[:, None] == values).sum(axis=0)[None] for sample in (reference, batch))


def one(found: Findings) -> Finding:
    (finding,) = found.of(0)
    return finding


def samples_with_ties(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return two samples of 1 or 2 to 300 values, most of them with ties."""
    sizes = rng.integers([1, 2], 300 if rng.random() < 0.7 else 6, endpoint=True)
    digits = int(rng.integers(0, 4))
    first, second = (np.round(rng.normal(rng.choice([0.0, 0.3]), 1.0, size), digits) for size in sizes)
    return first, second


def test_the_ks_distance_by_hand() -> None:
    reference, batch = counted(np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 2.5]))
    # At 1: 1/4 and 0; at 2: 3/4 and 1/2; at 2.5: 3/4 and 1.
    assert one(kolmogorov_smirnov(reference, batch)).statistic == 0.25
    assert one(kolmogorov_smirnov(batch, reference)).statistic == 0.25
    assert one(kolmogorov_smirnov(np.array([[1, 0]]), np.array([[0, 1]]))).p_value == 0.0
    assert one(kolmogorov_smirnov(np.array([[1]]), np.array([[1]]))).p_value == 1.0


def test_the_rank_sum_by_hand() -> None:
    # Of the 8 pairs the batch is greater in 1 + 3, and 2 tie: (4 + 1) / 8 - 1/2. Three rows tie: 24 / (6 * 5) off 7.
    _, excess, p_value = one(rank_sum(*counted(np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 2.5]))))
    assert excess == 0.125
    assert p_value == pytest.approx(math.erfc(0.125 / math.sqrt(2 * (7 - 24 / 30) / 96)))


@pytest.mark.whole("scipy")
def test_the_rank_sum_and_ks_are_those_of_scipy_with_ties_and_tiny_samples(stats: Any) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        samples = samples_with_ties(rng)
        table = counted(*samples)
        ks = stats.ks_2samp(*samples, method="asymp")
        _, distance, p_value = one(kolmogorov_smirnov(*table))
        assert distance == pytest.approx(ks.statistic, abs=1e-15)
        assert p_value == pytest.approx(ks.pvalue, abs=4e-6)
        if np.unique(np.concatenate(samples)).size > 1:
            expected = stats.mannwhitneyu(*samples[::-1], use_continuity=False, method="asymptotic")
            _, excess, p_value = one(rank_sum(*table))
            assert excess == pytest.approx(expected.statistic / samples[0].size / samples[1].size - 0.5)
            assert p_value == pytest.approx(expected.pvalue)


def test_rows_that_count_half_say_half_as_much() -> None:
    table = np.array([[300.0, 700.0], [50.0, 50.0]])
    whole, quarter = ((sample[None] for sample in (table[0] / by, table[1] / by)) for by in (1, 4))
    (r, b), (r_quarter, b_quarter) = whole, quarter
    assert one(kolmogorov_smirnov(r_quarter, b_quarter)).p_value > one(kolmogorov_smirnov(r, b)).p_value
    assert one(rank_sum(r_quarter, b_quarter)).p_value > one(rank_sum(r, b)).p_value
    of_whole, of_quarter = one(chi_squared(table[None])), one(chi_squared(table[None] / 4))
    assert of_quarter.statistic == pytest.approx(of_whole.statistic / 4)


def test_chi_squared_over_an_estimated_scale_has_fishers_tail() -> None:
    table = np.array([[50, 50, 50], [20, 50, 80]])
    scaled = chi_squared(np.array([table, table]), [6, None])
    assert scaled.p_value[0] == f_sf(scaled.statistic[0] / 2, 2, 6)
    assert scaled.of(1) == chi_squared(table[None]).of(0)


def test_a_column_in_which_nothing_can_be_compared_has_no_finding_beside_one_that_has() -> None:
    found = chi_squared(np.array([[[5, 0, 5], [5, 0, 4]], [[9, 0, 0], [7, 0, 0]], [[9, 9, 9], [0, 0, 0]]]))
    assert [len(found.of(i)) for i in range(3)] == [1, 0, 0]
    assert found.of(0) == chi_squared(np.array([[[5, 5], [5, 4]]])).of(0)


def test_cells_are_pooled_until_the_smaller_sample_expects_five_in_each() -> None:
    # The batch is a tenth of both together: a cell needs 50.
    tables = [[[30, 30, 200, 590, 50], [0, 10, 60, 25, 5]], [[40, 850, 10, 0, 0], [9, 90, 1, 0, 0]]]
    cells, rest = pool_cells(np.array(tables))
    assert cells[0].tolist() == [[60, 200, 590, 50, 0], [10, 60, 25, 5, 0]]
    assert cells[1].tolist() == [[890, 0, 0, 0, 0], [99, 0, 0, 0, 0]]
    assert rest.tolist() == [[0, 0], [10, 1]]


def test_cells_that_are_all_too_small_leave_only_a_rest() -> None:
    cells, rest = pool_cells(np.array([[[100, 100], [2, 1]]]))
    assert not cells.any()
    assert rest.tolist() == [[200, 3]]


def tables(n: int = 300) -> list[np.ndarray]:
    """Return counts of two samples by cell: few and many cells, empty ones, counts that are fractions."""
    rng = np.random.default_rng(4)
    drawn = [rng.poisson(rng.exponential(rng.choice([2, 40]), (2, rng.integers(2, 60)))) for _ in range(n)]
    return [(table + 1) / rng.choice([1.0, 1.0, 3.7]) for table in drawn]


def test_what_is_computed_cell_by_cell_is_what_the_formulas_say_of_whole_tables() -> None:
    for r, b in tables():
        m, n, k = r.sum(), b.sum(), r.size
        gaps = b * np.sqrt(m / n) - r * np.sqrt(n / m)
        assert homogeneity(np.array([[r, b]])) == pytest.approx((gaps**2 / (r + b)).sum(), rel=1e-12)
        p, q = (r + 0.5) / (m + 0.5 * k), (b + 0.5) / (n + 0.5 * k)
        psi = max(0.0, ((q - p) * np.log(q / p)).sum() - (k - 1) * (1 / n + 1 / m))
        assert population_stability_index(np.array([[r, b]])) == pytest.approx(psi, rel=1e-12, abs=1e-14)


def test_pooled_cells_and_their_rest_are_sums_of_neighbours_each_as_short_as_can_be() -> None:
    for counts in tables():
        (joined,), (rest,) = pool_cells(counts[None])
        cells = joined[:, joined.any(axis=0)]
        assert not joined[:, cells.shape[1] :].any()
        needed = 5.0 * counts.sum() / counts.sum(axis=1).min()
        upto = counts.cumsum(axis=1)
        ends = [int(np.argmin(np.abs(upto[0] + upto[1] - end))) for end in cells.sum(axis=0).cumsum()]
        assert cells.cumsum(axis=1) == pytest.approx(upto[:, ends], rel=1e-12)
        assert rest == pytest.approx(upto[:, -1] - cells.sum(axis=1), abs=1e-9)
        assert (cells.sum(axis=0) >= needed).all()
        assert (cells.sum(axis=0) - counts.sum(axis=0)[ends] < needed).all()
        assert rest.sum() < needed


def test_homogeneity_by_hand() -> None:
    # 15 expected in each of four cells, 5 off in each.
    _, statistic, p_value = one(chi_squared(np.array([[[10, 20], [20, 10]]])))
    assert statistic == pytest.approx(4 * 25 / 15)
    assert p_value == pytest.approx(math.erfc(math.sqrt(4 * 25 / 15 / 2)))


@pytest.mark.whole("scipy")
def test_homogeneity_is_the_chi_squared_test_of_a_two_row_table(stats: Any) -> None:
    counts = np.array([[30, 40, 50], [20, 50, 30]])
    _, statistic, p_value = one(chi_squared(counts[None]))
    expected = stats.chi2_contingency(counts, correction=False)
    assert statistic == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue)


def test_two_shares_by_hand() -> None:
    # One hit among 4 rows, and it is in the batch of 1: probability 1/4, doubled.
    assert share_p_value(0, 3, 1, 1) == pytest.approx(0.5)
    assert share_p_value(5, 10, 5, 10) == 1.0


@pytest.mark.whole("scipy")
def test_two_shares_are_compared_by_the_smaller_tail_of_scipys_hypergeometric_distribution(stats: Any) -> None:
    rng = np.random.default_rng(3)
    for _ in range(300):
        m, n = rng.integers(1, [100_000, 5000]).tolist()
        rate = rng.random() ** 4
        a, b = int(rng.binomial(m, rate)), int(rng.binomial(n, min(1.0, rate * rng.choice([0.5, 1.0, 1.3]))))
        both = stats.hypergeom(m + n, a + b, n)
        assert share_p_value(a, m, b, n) == pytest.approx(min(1.0, 2.0 * min(both.sf(b - 1), both.cdf(b))), abs=1e-8)


def test_psi_by_hand() -> None:
    # Half a count in each of two cells: p = (80.5, 20.5) / 101, q = (30.5, 70.5) / 101; one cell too many: 2 / 100.
    p, q = np.array([80.5, 20.5]) / 101, np.array([30.5, 70.5]) / 101
    expected = (q[0] - p[0]) * math.log(q[0] / p[0]) + (q[1] - p[1]) * math.log(q[1] / p[1]) - 0.02
    assert population_stability_index(np.array([[[80, 20], [30, 70]]])) == pytest.approx(expected)


def test_psi_of_equal_shares_is_nothing_and_an_empty_cell_does_not_matter() -> None:
    tables = [[[500, 500, 0], [50, 50, 0]], [[60, 0, 40], [10, 0, 30]], [[60, 40, 0], [10, 30, 0]]]
    none, with_empty, without = population_stability_index(np.array(tables))
    assert none == 0.0
    assert with_empty == without


def test_psi_without_drift_has_the_mean_that_is_taken_off() -> None:
    rng = np.random.default_rng(4)
    reference = np.full(10, 0.1)
    p = rng.multinomial(10_000, reference, 2000) + 0.5
    for n in (100, 500):
        q = (rng.multinomial(n, reference, 2000) + 0.5) / (n + 5)
        raw = np.sum((q - p / 10_005) * np.log(q / (p / 10_005)), axis=1)
        assert np.mean(raw) == pytest.approx(9 * (1 / n + 1 / 10_000), rel=0.06)


def test_benjamini_hochberg_by_hand() -> None:
    # .01 * 4/1 = .04; .04 * 4/3 = .0533; .03 * 4/2 = .06, lowered to what the next rank has; .5 * 4/4.
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert benjamini_hochberg([]).tolist() == []


@pytest.mark.whole("scipy")
def test_benjamini_hochberg_is_that_of_scipy(stats: Any) -> None:
    rng = np.random.default_rng(5)
    for size in (1, 2, 7, 50):
        p_values = np.round(rng.random(size) ** 3, 3)
        assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values))


def test_k_rows_are_all_the_batchs_by_hand() -> None:
    # Of 3 and 2 rows: the largest is the batch's in 2 of 5 cases, both largest in 2/5 * 1/4.
    assert [all_in_batch(k, 3, 2) for k in (0, 1, 2)] == pytest.approx([1.0, 0.4, 0.1])


def test_rows_beyond_the_extremes_are_a_matter_of_chance_alone() -> None:
    assert outside_share(0, 2, 3, 2)[1:] == pytest.approx((1.0, 0.2))
    assert outside_share(0, 0, 3, 2).p_value == 1.0
    rng = np.random.default_rng(9)
    p_values = []
    for _ in range(2000):
        reference, batch = rng.standard_cauchy(200), rng.standard_cauchy(50)
        below, above = int((batch < reference.min()).sum()), int((batch > reference.max()).sum())
        p_values.append(outside_share(below, above, 200, 50).p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05


def test_unseen_values_are_expected_as_often_as_single_ones() -> None:
    assert unseen_share(100, 50, 1000, 10, 100) == []
    (found,) = unseen_share(100, 0, 1000, 30, 100)
    assert found.p_value == pytest.approx(share_p_value(100, 1000, 30, 100))
    assert unseen_share(100, 100, 1000, 30, 100)[0].p_value > found.p_value


def test_a_share_that_is_0_or_1_in_both_is_nothing_to_test() -> None:
    sizes = (100, 10)
    assert compare_shares("x", (0, 0), sizes) == compare_shares("x", sizes, sizes) == []
    assert compare_shares("x", (0, 5), sizes)[0].statistic == 0.5


def test_groups_that_are_alike_make_the_variance_larger() -> None:
    alike = Clustering(0.1, 100.0, 9)
    assert alike.design_effect(1000, 50, 1.0) == pytest.approx((10.9 / 1000 + 1 / 50) / (1 / 1000 + 1 / 50))
    assert Clustering(0.0, 100.0, 9).design_effect(1000, 50, 50.0) == 1.0


def test_the_correlation_within_groups_is_found_from_their_counts() -> None:
    rng = np.random.default_rng(3)
    found = []
    for wobble in (0.0, 0.5):
        values = rng.standard_normal((200, 50)) + wobble * rng.standard_normal((200, 1))
        cells = np.clip(np.round(2 * values).astype(int) + 4, 0, 8)
        table = np.array([np.bincount(day, minlength=9) for day in cells])
        found.append(clustering(table, np.arange(9.0)).correlation)
    assert found == pytest.approx([0.0, 0.2], abs=0.03)  # .25 / 1.25 of the variance lies between the days
    assert tuple(clustering(np.array([[5, 0], [7, 0]]))) == pytest.approx((0.0, 74 / 12, 1))
