import math
from typing import Any

import numpy as np
import pytest

from sevenfold.drift.distributions import chi2_sf, f_sf, hypergeometric_sf, kolmogorov_sf, student, t_sf


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


def test_pelz_and_goods_sums_are_those_of_the_series_term_by_term() -> None:
    u, v = (np.pi * (np.arange(30) + 0.5)) ** 2, (np.pi * np.arange(1, 31)) ** 2
    for n in (141, 476, 5000):
        for z2 in np.linspace(0.05, 2.19, 40):
            halves, wholes = np.exp(-u / (2 * z2)), np.exp(-v / (2 * z2))
            k2 = 6 * z2**3 + 2 * z2**2 + u * (2 * z2**2 - 5 * z2) + u**2 * (1 - 2 * z2)
            k3 = u**3 * (5 - 30 * z2) + u**2 * (212 * z2**2 - 60 * z2) + u * (135 * z2**2 - 96 * z2**3)
            k3 = (k3 - 30 * z2**3 - 90 * z2**4) @ halves / 6480 + z2**2 * ((3 * v * z2 - v**2) @ wholes) / 216
            k2 = k2 @ halves / 72 - z2**2 * (v @ wholes) / 36
            terms = halves.sum(), (u - z2) @ halves / 6 / z2, k2 / z2**2, k3 / z2**3
            series = sum(term / math.sqrt(z2 * n) ** j for j, term in enumerate(terms))
            cdf = min(1.0, max(0.0, math.sqrt(2 * math.pi / z2) * series))
            assert kolmogorov_sf(math.sqrt(z2 / n), n) == pytest.approx(1.0 - cdf, abs=1e-12)


def test_the_kolmogorov_distribution_of_one_value_by_hand() -> None:
    # The value lies at u, so the distance is the greater of u and 1 - u.
    assert [kolmogorov_sf(distance, 1) for distance in (0.5, 0.6, 0.9, 1.0)] == pytest.approx([1.0, 0.8, 0.2, 0.0])


def test_the_kolmogorov_probability_falls_as_the_distance_grows() -> None:
    for n in (30, 200):
        found = [kolmogorov_sf(distance, n) for distance in np.linspace(0.0, 1.0, 400).tolist()]
        assert found[0] == 1.0
        assert found[-1] == 0.0
        assert np.all(np.diff(found) < 1e-5)


def test_the_kolmogorov_distribution_of_many_is_that_of_each_alone() -> None:
    rng = np.random.default_rng(1)
    n = rng.choice([1, 2, 7, 95, 95, 95, 140, 141, 476, 5000], 300)
    distances = np.append(rng.random(298) * 2.0 / np.sqrt(n[:298]), [0.0, 1.0])
    alone = [float(kolmogorov_sf(*one)) for one in zip(distances, n, strict=True)]
    assert kolmogorov_sf(distances, n).tolist() == pytest.approx(alone, rel=1e-12, abs=1e-15)
    assert kolmogorov_sf(distances.reshape(3, 100), n.reshape(3, 100)).shape == (3, 100)


def test_the_chi_squared_tail_by_hand() -> None:
    found = chi2_sf(np.array([0.0, 3.0, 3.841458820694124]), np.array([3, 2, 1]))
    assert found.tolist() == pytest.approx([1.0, math.exp(-1.5), 0.05])
    assert chi2_sf(np.array([]), np.array([], np.intp)).tolist() == []


@pytest.mark.whole("scipy")
def test_the_chi_squared_tail_is_that_of_scipy(stats: Any) -> None:
    rng = np.random.default_rng(2)
    dfs = np.repeat([*range(1, 40), 99, 100, 2001], 10)
    statistics = rng.chisquare(dfs) * rng.choice([0.5, 1.0, 2.0, 4.0], dfs.size)
    assert chi2_sf(statistics, dfs).tolist() == pytest.approx(stats.chi2.sf(statistics, dfs), rel=1e-10, abs=1e-300)


def test_students_and_fishers_tails_by_hand() -> None:
    # With 2 degrees of freedom P(|T| >= t) = 1 - t / sqrt(2 + t^2); with (2, 2) P(F >= f) = 1 / (1 + f).
    assert [t_sf(t, 2.0) for t in (0.0, 1.0, -3.0)] == pytest.approx(
        [1.0, 1 - 1 / math.sqrt(3), 1 - 3 / math.sqrt(11)], rel=1e-12
    )
    assert [f_sf(f, 2.0, 2.0) for f in (0.0, 0.5, 4.0)] == pytest.approx([1.0, 1 / 1.5, 0.2], rel=1e-12)


@pytest.mark.whole("scipy")
def test_students_and_fishers_tails_are_those_of_scipy_far_out(stats: Any) -> None:
    for df, below in ((1, 4), (5, 9), (11, 6), (20, 9980), (200, 9800)):
        for ratio in (0.2, 0.9, 1.1, 3.0, 30.0):
            assert f_sf(ratio, df, below) == pytest.approx(stats.f.sf(ratio, df, below), rel=1e-8, abs=1e-300)
    for df in (3, 97, 5000):
        for t in (0.1, 2.0, 6.0, 12.0):
            assert t_sf(t, df) == pytest.approx(2 * stats.t.sf(t, df), rel=1e-8)


def test_a_scale_of_few_days_makes_a_p_value_larger_and_of_many_leaves_it() -> None:
    assert student(0.001, 1e8) == pytest.approx(0.001, rel=1e-4)
    assert student(0.05, 4) == pytest.approx(t_sf(1.959963984540054, 4))
    assert [student(p, 4) for p in (1.0, 0.0)] == [1.0, pytest.approx(0.0, abs=1e-5)]
    assert student(1e-6, 4) > student(1e-6, 30) > 1e-6


def test_a_hypergeometric_tail_by_hand() -> None:
    # Two of four are marked, two are drawn: both with probability 1/6.
    assert hypergeometric_sf(2, 4, 2, 2) == pytest.approx(1 / 6)
