"""Tail probabilities of the distributions that the tests of drift need, without SciPy.

References
----------
Durbin, "Distribution theory for tests based on the sample distribution function", 1973; in the form of
    Marsaglia, Tsang and Wang, "Evaluating Kolmogorov's distribution", J. Stat. Software 8(18), 2003.
Pelz and Good, "Approximating the lower tail-areas of the Kolmogorov-Smirnov one-sample statistic", JRSS B 38, 1976.
Simard and L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov distribution", J. Stat. Software 39(11), 2011.
NIST Digital Library of Mathematical Functions, 8.17 (the incomplete beta function).
"""

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

EXACT_UP_TO = 140  # Simard and L'Ecuyer's bound: Pelz and Good's expansion has its five digits above it
TAIL_FROM = 2.2  # n D^2 from which both one-sided events at once have a probability below 5e-8
HALVES: Floats = np.array(
    [(math.pi * (k + 0.5)) ** 2 for k in range(6)]
)  # more would add less than 1e-29 where n D^2 < TAIL_FROM
WHOLES: Floats = np.array([(math.pi * k) ** 2 for k in range(1, 7)])
CONVERGED = 1e-14
LEAST_P = 1e-300  # below it a p-value has no normal quantile


def kolmogorov_sf(distance: ArrayLike, n: ArrayLike) -> Floats:
    """Return P(D_n >= distance) of the two-sided one-sample Kolmogorov-Smirnov statistic, within 4e-6.

    `distance` and `n`, the rows, have one shape, or one of them is a number.

    Notes
    -----
    Three of the regimes of Simard and L'Ecuyer (2011): twice the one-sided tail, Durbin's matrix, and Pelz and Good's
    expansion.
    """
    arguments = np.broadcast_arrays(np.asarray(distance, dtype=np.float64), np.asarray(n, dtype=np.intp))
    x, rows = (np.ravel(one) for one in arguments)
    survival_values = (x <= 0.5 / rows).astype(np.float64)
    open_ = (x > 0.5 / rows) & (x < 1.0)
    tail = open_ & (rows * x**2 >= TAIL_FROM)
    for regime, survival in (
        (tail, _tail_sf),
        (open_ & ~tail & (rows <= EXACT_UP_TO), _durbin_sf),
        (open_ & ~tail & (rows > EXACT_UP_TO), _pelz_good_sf),
    ):
        if regime.any():
            survival_values[regime] = survival(x[regime], rows[regime])
    return np.clip(survival_values, 0.0, 1.0).reshape(arguments[0].shape)


def _tail_sf(x: Floats, n: Ints) -> Floats:
    return np.array([2.0 * _one_sided_sf(*one) for one in zip(x.tolist(), n.tolist(), strict=True)])


def _one_sided_sf(x: float, n: int) -> float:
    """Return P(D_n+ >= x): x sum_j C(n, j) (x + j/n)^(j-1) (1 - x - j/n)^(n-j), over j < n (1 - x)."""
    log_factorials = _log_factorials(n)
    j = np.arange(math.ceil(n * (1.0 - x)))
    j = j[x + j / n < 1.0]
    up = x + j / n
    log_choose = log_factorials[n] - log_factorials[j] - log_factorials[n - j]
    return x * float(np.sum(np.exp(log_choose + (j - 1) * np.log(up) + (n - j) * np.log1p(-up))))


@lru_cache(maxsize=16)
def _log_factorials(n: int) -> Floats:
    found: Floats = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    return found


def _durbin_sf(x: Floats, n: Ints) -> Floats:
    """Return P(D_n >= x), computed together where the matrices have one order and power."""
    found, orders = np.empty(x.size), np.floor(n * x).astype(np.intp) + 1
    for size, order in set(zip(n.tolist(), orders.tolist(), strict=True)):
        alike = (n == size) & (orders == order)
        found[alike] = 1.0 - _durbin_cdf(x[alike], size)
    return found


def _durbin_cdf(x: Floats, n: int) -> Floats:
    """Return P(D_n < x) by the n-th powers of matrices of one order, 2 ceil(n x) - 1; no overflow for n <= 140."""
    k = math.floor(n * float(x[0])) + 1
    h = (k - n * x)[:, None]
    order = 2 * k - 1
    matrix, reciprocals = _durbin_matrix(order)
    matrix = np.repeat(matrix[None], x.size, axis=0)
    edge = (1.0 - h ** np.arange(1, order + 1)) * reciprocals
    matrix[:, :, 0], matrix[:, -1] = edge, edge[:, ::-1]
    corner = 1.0 - 2.0 * h**order + np.maximum(0.0, 2.0 * h - 1.0) ** order
    matrix[:, -1, 0] = corner[:, 0] * reciprocals[-1]
    column, left = np.repeat(np.eye(order)[None, :, k - 1 : k], x.size, axis=0), n  # the power's only needed column
    while left:
        if left % 2:
            column = matrix @ column
        left //= 2
        matrix = matrix @ matrix if left else matrix
    found: Floats = math.exp(math.lgamma(n + 1) - n * math.log(n)) * column[:, k - 1, 0]
    return found


@lru_cache(maxsize=64)
def _durbin_matrix(order: int) -> tuple[Floats, Floats]:
    """Return the matrix but for its first column and last row, and 1 / j! for j from 1 to the order."""
    factorials = np.cumprod(np.concatenate([[1.0], np.arange(1.0, order + 1)]))
    powers = np.subtract.outer(np.arange(order), np.arange(order)) + 1
    return np.where(powers < 0, 0.0, 1.0 / factorials[np.maximum(powers, 0)]), 1.0 / factorials[1:]


def _pelz_good_sf(x: Floats, n: Ints) -> Floats:
    return 1.0 - _pelz_good_cdf(x, n)


def _pelz_good_cdf(x: Floats, n: Ints) -> Floats:
    """Return P(D_n < x) up to O(n^-2): K0(z) + K1(z) n^-1/2 + K2(z) n^-1 + K3(z) n^-3/2 with z = x sqrt(n)."""
    z2 = n * x * x
    z4, z6, z8 = z2**2, z2**3, z2**4
    h0, h1, h2, h3 = _moments(HALVES, z2)
    _, w1, w2, _ = _moments(WHOLES, z2)
    k1 = (h1 - z2 * h0) / 6.0
    k2 = ((6 * z6 + 2 * z4) * h0 + (2 * z4 - 5 * z2) * h1 + (1 - 2 * z2) * h2) / 72.0 - z4 * w1 / 36.0
    k3 = (5 - 30 * z2) * h3 + (212 * z4 - 60 * z2) * h2 + (135 * z4 - 96 * z6) * h1 - (30 * z6 + 90 * z8) * h0
    k3 = k3 / 6480.0 + z4 * (3 * z2 * w1 - w2) / 216.0
    t = 1.0 / (x * n)  # 1 / (z sqrt(n))
    series = h0 + t * (k1 / z2 + t * (k2 / z4 + t * k3 / z6))
    found: Floats = np.sqrt(2.0 * math.pi / z2) * series
    return found


def _moments(values: Floats, z2: Floats) -> Floats:
    """Return the sums of u^j exp(-u / 2 z^2) for j from 0 to 3, shape (4, k)."""
    moments: Floats = values ** np.arange(4)[:, None] @ np.exp(values[:, None] / (-2.0 * z2))
    return moments


def chi2_sf(statistics: Floats, dfs: Ints) -> Floats:
    """Return P(X >= statistic) of chi-squared distributions with whole numbers of degrees of freedom, at least 1.

    All have the shape (k,).

    Notes
    -----
    The regularised upper incomplete gamma function Q(df/2, x/2), a finite sum at half-integers: Q(1/2, h) =
    erfc(sqrt h), Q(1, h) = exp(-h), and Q(a + 1, h) = Q(a, h) + h^a exp(-h) / Gamma(a + 1). Its terms are positive and
    come from logs: nothing cancels or overflows.
    """
    half, odd, n_terms = np.maximum(statistics / 2.0, LEAST_P), dfs % 2, dfs // 2  # so that the logs are finite
    steps = np.arange(n_terms.max(initial=0))
    gammas = np.array([math.lgamma(1.0 + twice / 2.0) for twice in range(2 * steps.size)])
    twice = odd[:, None] + 2 * steps
    terms = np.exp(twice / 2.0 * np.log(half)[:, None] - half[:, None] - gammas[twice])
    tails = np.where(steps < n_terms[:, None], terms, 0.0).sum(axis=1)
    found: Floats = tails + odd * np.array([math.erfc(root) for root in np.sqrt(half).tolist()])
    return np.minimum(1.0, found)


def hypergeometric_sf(found: int, total: int, marked: int, drawn: int) -> float:
    """Return P(X >= found) for the marked items among those drawn of a total; `found` must be at least the mean."""
    k = np.arange(found, min(marked, drawn), dtype=np.float64)
    ratios = (marked - k) * (drawn - k) / ((k + 1.0) * (total - marked - drawn + k + 1.0))
    log_first = _log_choose(marked, found) + _log_choose(total - marked, drawn - found) - _log_choose(total, drawn)
    return math.exp(log_first) * (1.0 + float(np.sum(np.cumprod(ratios))))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def f_sf(ratio: float, df: float, df_below: float) -> float:
    """Return P(F >= ratio) of Fisher's F distribution with `df` and `df_below` degrees of freedom, both above 0.

    Examples
    --------
    >>> round(f_sf(4.0, 1, 10), 4)
    0.0734
    """
    return _beta_cdf(df_below / (df_below + df * ratio), df_below / 2.0, df / 2.0) if ratio > 0.0 else 1.0


def t_sf(t: float, df: float) -> float:
    """Return P(|T| >= |t|), both tails, of Student's distribution with `df` degrees of freedom."""
    return f_sf(t * t, 1.0, df)


def student(p_value: float, df: float) -> float:
    """Return the p-value of a test whose scale was estimated with `df` degrees of freedom.

    The two-sided normal quantile of the p-value is looked up in Student's distribution: exact for a normal statistic.
    """
    if p_value >= 1.0:
        return 1.0
    return t_sf(NormalDist().inv_cdf(max(LEAST_P, p_value) / 2.0), df)


def _beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22)."""
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta_cdf(1.0 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a * _beta_fraction(x, a, b)


def _beta_fraction(x: float, a: float, b: float) -> float:
    """Evaluate the fraction from the front (Lentz 1976), in some sqrt(max(a, b)) steps where x is below the mean."""
    numerator, denominator = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    value = denominator
    for j in range(1, 10_000):
        even = j * (b - j) * x / ((a + 2 * j - 1) * (a + 2 * j))
        odd = -(a + j) * (a + b + j) * x / ((a + 2 * j) * (a + 2 * j + 1))
        for term in (even, odd):
            denominator = 1.0 / (1.0 + term * denominator)
            numerator = 1.0 + term / numerator
            value *= numerator * denominator
        if abs(numerator * denominator - 1.0) < CONVERGED:
            break
    return value
