"""Tests of whether two samples come from one distribution, and a measure of how far apart they are.

Each takes the reference first and the batch second; its p-value holds for two finite samples: neither is the truth.

References
----------
Durbin, "Distribution theory for tests based on the sample distribution function", 1973; in the form of
    Marsaglia, Tsang and Wang, "Evaluating Kolmogorov's distribution", J. Stat. Software 8(18), 2003.
Pelz and Good, "Approximating the lower tail-areas of the Kolmogorov-Smirnov one-sample statistic", JRSS B 38, 1976.
Simard and L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov distribution", J. Stat. Software 39(11), 2011.
Mann and Whitney, "On a test of whether one of two random variables is stochastically larger", 1947.
Siddiqi, "Credit Risk Scorecards", 2006 (the population stability index).
Benjamini and Hochberg, "Controlling the false discovery rate", JRSS B 57, 1995.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

LEAST_EXPECTED = 5.0  # below this count per cell Pearson's statistic isn't chi-squared (Cochran 1954)
EXACT_UP_TO = 140  # Simard and L'Ecuyer's bound: Pelz and Good's expansion has its five digits above it
TAIL_FROM = 2.2  # n D^2 from which both one-sided events at once have a probability below 5e-8
HALVES = (np.pi * (np.arange(6) + 0.5)) ** 2  # six terms leave out less than 1e-29 where n D^2 < TAIL_FROM
WHOLES = (np.pi * np.arange(1, 7)) ** 2


def places(reference: Floats, batch: Floats) -> tuple[Ints, Ints]:
    """Return how many reference values lie below each batch value, and how many below or at it: shape (n,) each.

    Both samples are sorted, not empty and without NaN. Ties and infinities are welcome.
    """
    upto = np.searchsorted(reference, batch, "right")
    # Where upto is 0, the last value is looked at: it is greater than the batch's, so no tie.
    tied = reference[upto - 1] == batch
    below = upto.copy()
    below[tied] = np.searchsorted(reference, batch[tied], "left")
    return below, upto


def ks_distance(below: Ints, upto: Ints, n_reference: int) -> float:
    """Return the largest gap between two samples' distribution functions, in [0, 1], from the batch's `places`.

    Notes
    -----
    Between two batch points the batch's function is flat and the reference's rises, so that the gap is largest at a
    batch point or just before one.
    """
    steps = np.arange(upto.size + 1) / upto.size
    return float(max((steps[1:] - upto / n_reference).max(), (below / n_reference - steps[:-1]).max()))


def ks_p_value(distance: float, n_reference: int, n_batch: int) -> float:
    """Return the probability of a KS distance at least as large between two samples of one continuous distribution.

    Ties make it too large, never too small.

    Notes
    -----
    The one-sample distribution at the effective size m n / (m + n), rounded, as SciPy's ``method="asymp"`` has it.
    """
    return kolmogorov_sf(distance, max(1, round(n_reference * n_batch / (n_reference + n_batch))))


def kolmogorov_sf(distance: float, n: int) -> float:
    """Return P(D_n >= distance) of the two-sided one-sample Kolmogorov-Smirnov statistic, within 4e-6.

    Notes
    -----
    Three of the regimes of Simard and L'Ecuyer (2011): twice the one-sided tail, Durbin's matrix, and Pelz and Good's
    expansion.
    """
    if distance <= 0.5 / n:
        return 1.0
    if distance >= 1.0:
        return 0.0
    if n * distance**2 >= TAIL_FROM:
        return min(1.0, 2.0 * _one_sided_sf(distance, n))
    cdf = _durbin_cdf(distance, n) if n <= EXACT_UP_TO else _pelz_good_cdf(distance, n)
    return min(1.0, max(0.0, 1.0 - cdf))


def _one_sided_sf(x: float, n: int) -> float:
    """Return P(D_n+ >= x): x sum_j C(n, j) (x + j/n)^(j-1) (1 - x - j/n)^(n-j), over j < n (1 - x)."""
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    j = np.arange(math.ceil(n * (1.0 - x)))
    j = j[x + j / n < 1.0]
    up = x + j / n
    log_choose = log_factorials[n] - log_factorials[j] - log_factorials[n - j]
    return x * float(np.sum(np.exp(log_choose + (j - 1) * np.log(up) + (n - j) * np.log1p(-up))))


def _durbin_cdf(x: float, n: int) -> float:
    """Return P(D_n < x) by the n-th power of a matrix of order 2 ceil(n x) - 1; no overflow for n <= 140."""
    k = math.floor(n * x) + 1
    h = k - n * x
    order = 2 * k - 1
    factorials = np.cumprod(np.concatenate([[1.0], np.arange(1.0, order + 1)]))
    powers = np.subtract.outer(np.arange(order), np.arange(order)) + 1
    matrix = np.where(powers < 0, 0.0, 1.0 / factorials[np.maximum(powers, 0)])
    edge = (1.0 - h ** np.arange(1, order + 1)) / factorials[1:]
    matrix[:, 0], matrix[-1] = edge, edge[::-1]
    matrix[-1, 0] = (1.0 - 2.0 * h**order + max(0.0, 2.0 * h - 1.0) ** order) / factorials[order]
    return math.exp(math.lgamma(n + 1) - n * math.log(n)) * float(np.linalg.matrix_power(matrix, n)[k - 1, k - 1])


def _pelz_good_cdf(x: float, n: int) -> float:
    """Return P(D_n < x) up to O(n^-2): K0(z) + K1(z) n^-1/2 + K2(z) n^-1 + K3(z) n^-3/2 with z = x sqrt(n)."""
    z2 = n * x * x
    z4, z6, z8 = z2**2, z2**3, z2**4
    u, v = HALVES, WHOLES
    at_halves, at_wholes = np.exp(-u / (2.0 * z2)), np.exp(-v / (2.0 * z2))
    k1 = (u - z2) @ at_halves / 6.0
    k2 = (6 * z6 + 2 * z4 + u * (2 * z4 - 5 * z2) + u**2 * (1 - 2 * z2)) @ at_halves / 72.0 - z4 * (
        v @ at_wholes
    ) / 36.0
    k3 = u**3 * (5 - 30 * z2) + u**2 * (212 * z4 - 60 * z2) + u * (135 * z4 - 96 * z6) - (30 * z6 + 90 * z8)
    k3 = k3 @ at_halves / 6480.0 + z4 * ((3 * v * z2 - v**2) @ at_wholes) / 216.0
    t = 1.0 / (x * n)  # 1 / (z sqrt(n))
    series = np.sum(at_halves) + t * (k1 / z2 + t * (k2 / z4 + t * k3 / z6))
    return float(math.sqrt(2.0 * math.pi / z2) * series)


def rank_sum(below: Ints, upto: Ints, n_reference: int) -> tuple[float, float]:
    """Return by how much P(batch > reference) exceeds one half, ties counting half, in [-0.5, 0.5], and its p-value.

    Notes
    -----
    Mann and Whitney's test in the normal approximation, from the batch's `places`. The variance is that without ties:
    with ties the p-value is too large, never too small.
    """
    n = upto.size
    excess = float((below + upto).sum()) / (2.0 * n * n_reference) - 0.5
    variance = (n + n_reference + 1) / (12.0 * n * n_reference)
    return excess, math.erfc(abs(excess) / math.sqrt(2.0 * variance))


def chi2_sf(statistic: float, df: int) -> float:
    """Return P(X >= statistic) of the chi-squared distribution with a whole number of degrees of freedom, at least 1.

    Notes
    -----
    The regularised upper incomplete gamma function Q(df/2, x/2), a finite sum at half-integers: Q(1/2, h) =
    erfc(sqrt h), Q(1, h) = exp(-h), and Q(a + 1, h) = Q(a, h) + h^a exp(-h) / Gamma(a + 1). Its terms are positive and
    come from logs: nothing cancels or overflows.
    """
    half = statistic / 2.0
    if half <= 0.0:
        return 1.0
    log_half, odd = math.log(half), df % 2
    powers = (odd / 2 + j for j in range(df // 2))
    tail = sum(math.exp(a * log_half - half - math.lgamma(a + 1.0)) for a in powers)
    return min(1.0, tail + odd * math.erfc(math.sqrt(half)))


def pool_cells(counts: Ints) -> tuple[Ints, Ints]:
    """Join neighbouring cells until each expects at least 5 counts in the smaller of two samples.

    Parameters
    ----------
    counts
        Shape (2, k): the reference's counts by cell, and the batch's.

    Returns
    -------
    cells
        Shape (2, c), c <= k.
    rest
        Shape (2,): the counts behind the last cell, too few for another.

    Notes
    -----
    What a cell expects comes from both samples together. Given their sum, its split between them is hypergeometric
    where nothing has drifted, so that cells chosen by it favour no result; cells chosen by one sample's counts would.
    """
    total = counts.sum(axis=0)
    needed = LEAST_EXPECTED * total.sum() / counts.sum(axis=1).min()
    starts, held = [0], 0
    for cell, count in enumerate(total.tolist(), start=1):
        held += count
        if held >= needed:
            starts.append(cell)
            held = 0
    upto = np.concatenate([np.zeros((2, 1), dtype=np.intp), counts.cumsum(axis=1)], axis=1)
    return np.diff(upto[:, starts]), upto[:, -1] - upto[:, starts[-1]]


def homogeneity(counts: Ints) -> tuple[float, float]:
    """Return Pearson's chi-squared statistic of two samples' counts by cell, shape (2, c) with c >= 2, and its p-value.

    Notes
    -----
    sum (b sqrt(m/n) - r sqrt(n/m))^2 / (r + b), whose expected counts come from both samples. Taking the reference's
    shares for the truth would raise the statistic by the factor 1 + n/m. That the cells' edges may be the reference's
    quantiles makes no difference to this order: the population's share between order statistics varies as a
    multinomial share does.
    """
    m, n = counts.sum(axis=1).tolist()
    gaps = counts[1] * math.sqrt(m / n) - counts[0] * math.sqrt(n / m)
    statistic = float((gaps**2 / counts.sum(axis=0)).sum())
    return statistic, chi2_sf(statistic, counts.shape[1] - 1)


def share_p_value(hits: int, size: int, batch_hits: int, batch_size: int) -> float:
    """Return the p-value of the reference's share and the batch's: Fisher's exact test, twice its smaller tail."""
    total, drawn, found = size + batch_size, batch_size, batch_hits
    marked = hits + batch_hits
    if batch_hits * total < marked * batch_size:  # fewer than expected: count the misses, whose tail is the upper one
        marked, found = total - marked, batch_size - batch_hits
    return min(1.0, 2.0 * _hypergeometric_sf(found, total, marked, drawn))


def _hypergeometric_sf(found: int, total: int, marked: int, drawn: int) -> float:
    """Return P(X >= found), where found is at least the mean, among drawn items of a total of which some are marked."""
    k = np.arange(found, min(marked, drawn), dtype=np.float64)
    ratios = (marked - k) * (drawn - k) / ((k + 1.0) * (total - marked - drawn + k + 1.0))
    log_first = _log_choose(marked, found) + _log_choose(total - marked, drawn - found) - _log_choose(total, drawn)
    return math.exp(log_first) * (1.0 + float(np.sum(np.cumprod(ratios))))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def population_stability_index(counts: Ints) -> float:
    """Return PSI of two samples' counts by cell, shape (2, k), less its mean where nothing has drifted; at least 0.

    Notes
    -----
    sum (q - p) ln(q / p) over the B cells that either sample fills, each with half a count added. To leading order it
    is a chi-squared distance, so that sampling alone gives it the mean (B - 1) (1/n + 1/m).
    """
    filled = counts[:, counts.any(axis=0)]
    n_cells = filled.shape[1]
    m, n = filled.sum(axis=1).tolist()
    p, q = (filled[0] + 0.5) / (m + 0.5 * n_cells), (filled[1] + 0.5) / (n + 0.5 * n_cells)
    by_chance: float = (n_cells - 1) * (1.0 / n + 1.0 / m)
    return max(0.0, float(((q - p) * np.log(q / p)).sum()) - by_chance)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted for their number, shape (k,): rejecting those <= alpha has that false discovery rate."""
    p = np.asarray(p_values, dtype=np.float64)
    falling = np.argsort(p)[::-1]
    ranks = np.arange(p.size, 0, -1)
    adjusted = np.empty_like(p)
    adjusted[falling] = np.minimum(1.0, np.minimum.accumulate(p[falling] * p.size / ranks))
    return adjusted
