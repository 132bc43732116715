import math
from typing import Any

import numpy as np
import pytest

from sevenfold.drift.statistics import (
    benjamini_hochberg,
    chi2_sf,
    homogeneity,
    kolmogorov_sf,
    ks_distance,
    ks_p_value,
    places,
    pool_cells,
    population_stability_index,
    rank_sum,
    share_p_value,
)


def samples_with_ties_and_infinities(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return two samples of 1 or 2 to 300 values, most of them with ties, some with infinities."""
    sizes = rng.integers([1, 2], 300 if rng.random() < 0.7 else 6, endpoint=True)
    digits = int(rng.integers(0, 4))
    samples = [np.round(rng.normal(rng.choice([0.0, 0.3]), 1.0, size), digits) for size in sizes]
    if rng.random() < 0.3:
        for sample in samples:
            sample[rng.random(sample.size) < 0.1] = rng.choice([np.inf, -np.inf])
    return np.sort(samples[0]), np.sort(samples[1])


def distance_between(reference: np.ndarray, batch: np.ndarray) -> float:
    return ks_distance(*places(reference, batch), reference.size)


def test_the_ks_distance_by_hand() -> None:
    reference, batch = np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 2.5])
    assert [found.tolist() for found in places(reference, batch)] == [[1, 3], [3, 3]]
    assert distance_between(reference, batch) == 0.25  # below 2: 1/4 and 0; at 2: 3/4 and 1/2; at 2.5: 3/4 and 1
    assert distance_between(batch, reference) == 0.25
    assert distance_between(reference, np.array([4.0])) == 1.0


def test_the_rank_sum_by_hand() -> None:
    # Of the 8 pairs the batch is greater in 1 + 3, and 2 tie: (4 + 1) / 8 - 1/2.
    excess, p_value = rank_sum(*places(np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 2.5])), 4)
    assert excess == 0.125
    assert p_value == pytest.approx(math.erfc(0.125 / math.sqrt(2 * 7 / 96)))


@pytest.mark.whole("scipy")
def test_the_rank_sum_is_that_of_scipy(stats: Any) -> None:
    rng = np.random.default_rng(6)
    for shift in (0.0, 0.1, 0.5):
        reference, batch = np.sort(rng.normal(size=1000)), np.sort(rng.normal(shift, 1.0, 200))
        expected = stats.mannwhitneyu(batch, reference, use_continuity=False, method="asymptotic")
        excess, p_value = rank_sum(*places(reference, batch), 1000)
        assert excess == pytest.approx(expected.statistic / 200_000 - 0.5)
        assert p_value == pytest.approx(expected.pvalue)


@pytest.mark.whole("scipy")
def test_ks_is_that_of_scipy_with_ties_infinities_and_tiny_samples(stats: Any) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        reference, batch = samples_with_ties_and_infinities(rng)
        expected = stats.ks_2samp(reference, batch, method="asymp")
        distance = distance_between(reference, batch)
        assert distance == pytest.approx(expected.statistic, abs=1e-15)
        assert ks_p_value(distance, reference.size, batch.size) == pytest.approx(expected.pvalue, abs=4e-6)


def test_one_value_against_one_has_a_p_value() -> None:
    assert ks_p_value(1.0, 1, 1) == 0.0
    assert ks_p_value(0.0, 1, 1) == 1.0


@pytest.mark.whole("scipy")
@pytest.mark.parametrize("n", [1, 2, 3, 10, 49, 140, 141, 476, 5000])
def test_the_kolmogorov_distribution_is_that_of_scipy_on_both_sides_of_each_regime(stats: Any, n: int) -> None:
    distances = np.minimum(
        1.0, np.concatenate([np.linspace(0.4, 1.1, 30) / n, np.linspace(0.2, 4.0, 60) / math.sqrt(n)])
    )
    expected = stats.kstwo.sf(distances, n)
    ours = np.array([kolmogorov_sf(distance, n) for distance in distances.tolist()])
    # Above 140 both are expansions with an error of this order.
    assert ours == pytest.approx(expected, abs=5e-8 if n <= 140 else 5e-8 + 0.07 / n**2)
    tail = (expected < 0.02) & (expected > 1e-30)
    assert ours[tail] == pytest.approx(expected[tail], rel=1e-3)


@pytest.mark.whole("scipy")
@pytest.mark.parametrize("n", [141, 476, 5000])
def test_pelz_and_goods_expansion_is_that_of_scipy_to_the_last_term(stats: Any, n: int) -> None:
    for distance in (np.linspace(0.8, 1.48, 20) / math.sqrt(n)).tolist():
        assert kolmogorov_sf(distance, n) == pytest.approx(stats.kstwo.sf(distance, n), abs=1e-10)


def test_the_kolmogorov_distribution_of_one_value_by_hand() -> None:
    # The value lies at u, so the distance is the greater of u and 1 - u.
    assert [kolmogorov_sf(distance, 1) for distance in (0.5, 0.6, 0.9, 1.0)] == pytest.approx([1.0, 0.8, 0.2, 0.0])


def test_the_kolmogorov_probability_falls_as_the_distance_grows() -> None:
    for n in (30, 200):
        found = [kolmogorov_sf(distance, n) for distance in np.linspace(0.0, 1.0, 400).tolist()]
        assert found[0] == 1.0
        assert found[-1] == 0.0
        assert np.all(np.diff(found) < 1e-5)


def test_the_chi_squared_tail_by_hand() -> None:
    assert chi2_sf(0.0, 3) == 1.0
    assert chi2_sf(3.0, 2) == pytest.approx(math.exp(-1.5))
    assert chi2_sf(3.841458820694124, 1) == pytest.approx(0.05)


@pytest.mark.whole("scipy")
def test_the_chi_squared_tail_is_that_of_scipy(stats: Any) -> None:
    rng = np.random.default_rng(2)
    for df in [*range(1, 40), 99, 100, 2001]:
        for statistic in rng.chisquare(df, 10) * rng.choice([0.5, 1.0, 2.0, 4.0], 10):
            assert chi2_sf(float(statistic), df) == pytest.approx(stats.chi2.sf(statistic, df), rel=1e-10, abs=1e-300)


def test_cells_are_pooled_until_the_smaller_sample_expects_five_in_each() -> None:
    # The batch is a tenth of both together: a cell needs 50.
    cells, rest = pool_cells(np.array([[30, 30, 200, 590, 50], [0, 10, 60, 25, 5]]))
    assert cells.tolist() == [[60, 200, 590, 50], [10, 60, 25, 5]]
    assert rest.tolist() == [0, 0]
    cells, rest = pool_cells(np.array([[40, 850, 10], [9, 90, 1]]))
    assert cells.tolist() == [[890], [99]]
    assert rest.tolist() == [10, 1]


def test_cells_that_are_all_too_small_leave_only_a_rest() -> None:
    cells, rest = pool_cells(np.array([[100, 100], [2, 1]]))
    assert cells.shape == (2, 0)
    assert rest.tolist() == [200, 3]


def test_homogeneity_by_hand() -> None:
    # 15 expected in each of four cells, 5 off in each.
    statistic, p_value = homogeneity(np.array([[10, 20], [20, 10]]))
    assert statistic == pytest.approx(4 * 25 / 15)
    assert p_value == pytest.approx(math.erfc(math.sqrt(4 * 25 / 15 / 2)))


@pytest.mark.whole("scipy")
def test_homogeneity_is_the_chi_squared_test_of_a_two_row_table(stats: Any) -> None:
    counts = np.array([[30, 40, 50], [20, 50, 30]])
    statistic, p_value = homogeneity(counts)
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
    assert population_stability_index(np.array([[80, 20], [30, 70]])) == pytest.approx(expected)


def test_psi_of_equal_shares_is_nothing_and_an_empty_cell_does_not_matter() -> None:
    assert population_stability_index(np.array([[500, 500], [50, 50]])) == 0.0
    with_empty, without = np.array([[60, 0, 40], [10, 0, 30]]), np.array([[60, 40], [10, 30]])
    assert population_stability_index(with_empty) == population_stability_index(without)


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
