"""Tests of whether two samples come from one distribution, on their counts by cell, and how far apart they are.

Each takes the reference first and the batch second; its p-value holds for two finite samples: neither is the truth.
Counts may be fractions, where rows come in groups that are alike and each counts for less (Rao and Scott 1992).

References
----------
Mann and Whitney, "On a test of whether one of two random variables is stochastically larger", 1947; with ties as in
    Lehmann, "Nonparametrics", 1975.
Wilks, "Statistical prediction with special reference to the problem of tolerance limits", 1942 (the exceedances).
Good, "The population frequencies of species and the estimation of population parameters", Biometrika 40, 1953.
Kruskal and Wallis, "Use of ranks in one-criterion variance analysis", JASA 47, 1952.
Kish, "Survey Sampling", 1965 (the design effect).
Rao and Scott, "A simple method for the analysis of clustered binary data", Biometrics 48, 1992.
Siddiqi, "Credit Risk Scorecards", 2006 (the population stability index).
Benjamini and Hochberg, "Controlling the false discovery rate", JRSS B 57, 1995.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sevenfold.drift.distributions import chi2_sf, f_sf, hypergeometric_sf, kolmogorov_sf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from sevenfold.drift.distributions import Floats

    Counted = NDArray[Any]  # whole numbers, or fractions where rows come in groups

LEAST_EXPECTED = 5.0  # below this count per cell Pearson's statistic isn't chi-squared (Cochran 1954)


class Finding(NamedTuple):
    """One test's name, statistic and p-value."""

    method: str
    statistic: float
    p_value: float


class Findings(NamedTuple):
    """One test's name, and its statistics and p-values of k columns, shape (k,): infinite where nothing is tested."""

    method: str
    statistic: Floats
    p_value: Floats

    def of(self, column: int) -> list[Finding]:
        """Return the finding of one column; none if it wasn't tested."""
        p_value = float(self.p_value[column])
        return [Finding(self.method, float(self.statistic[column]), p_value)] if p_value <= 1.0 else []


def kolmogorov_smirnov(reference: Counted, batch: Counted) -> Findings:
    """Compare the distribution functions of two samples, shape (k, c) each, at the ends of their cells.

    The statistic is the largest gap, in [0, 1]. Ties, and cells with many numbers, make the p-value too large, never
    too small.

    Notes
    -----
    The one-sample distribution at the effective size m n / (m + n), rounded, as SciPy's ``method="asymp"`` has it.

    Examples
    --------
    >>> kolmogorov_smirnov(np.array([[50, 50]]), np.array([[75, 25]])).statistic
    array([0.25])
    """
    upto, batch_upto = reference.cumsum(axis=1), batch.cumsum(axis=1)
    m, n = upto[:, -1:].astype(np.float64), batch_upto[:, -1:].astype(np.float64)
    gaps = np.abs(upto / m - batch_upto / n).max(axis=1)
    sizes = np.maximum(1, np.rint(m * n / (m + n))).astype(np.intp)
    return Findings("kolmogorov_smirnov", gaps, kolmogorov_sf(gaps, sizes[:, 0]))


def rank_sum(reference: Counted, batch: Counted) -> Findings:
    """Compare the ranks of two samples, given by cell, shape (k, c) each; rows of one cell are tied.

    The statistic is by how much P(batch > reference) exceeds one half, ties counting half, in [-0.5, 0.5].

    Notes
    -----
    Mann and Whitney's test in the normal approximation, its variance corrected for ties.
    """
    upto, together = reference.cumsum(axis=1), np.add(reference, batch, dtype=np.float64)
    m, n = upto[:, -1].astype(np.float64), batch.sum(axis=1).astype(np.float64)
    excess = (batch * (upto - 0.5 * reference)).sum(axis=1) / (m * n) - 0.5
    ties = (together * (together * together - 1.0)).sum(axis=1) / ((m + n) * (m + n - 1.0))
    variance = (m + n + 1.0 - ties) / (12.0 * m * n)
    scaled = np.abs(excess) / np.sqrt(2.0 * np.where(variance > 0.0, variance, np.inf))
    return Findings("rank_sum", excess, np.array([math.erfc(one) for one in scaled.tolist()]))


def chi_squared(tables: Counted, df_scale: Sequence[int | None] | None = None) -> Findings:
    """Compare the shares of two samples' cells, shape (k, 2, c); nothing where there is nothing to compare.

    If a column's counts were scaled by a design effect, `df_scale` has the degrees of freedom of its estimate: then the
    statistic over its own degrees of freedom is looked up in Fisher's F distribution.
    """
    statistic, p_value = np.zeros(len(tables)), np.full(len(tables), np.inf)
    dfs = (tables.sum(axis=1) > 0).sum(axis=1) - 1
    tested = np.flatnonzero((dfs > 0) & (tables.sum(axis=2) > 0).all(axis=1))
    statistic[tested] = homogeneity(tables[tested])
    p_value[tested] = chi2_sf(statistic[tested], dfs[tested])
    for i, below in enumerate(df_scale or ()):
        if below is not None and p_value[i] <= 1.0:  # if it was compared
            p_value[i] = f_sf(float(statistic[i] / dfs[i]), int(dfs[i]), below)
    return Findings("chi_squared", statistic, p_value)


def homogeneity(tables: Counted) -> Floats:
    """Return Pearson's chi-squared statistics of two samples' counts by cell, shape (k, 2, c), neither of them empty.

    A cell that is empty in both counts for nothing.

    Notes
    -----
    sum (b sqrt(m/n) - r sqrt(n/m))^2 / (r + b), whose expected counts come from both samples. Taking the reference's
    shares for the truth would raise the statistic by the factor 1 + n/m. That the cells' edges may be the reference's
    quantiles makes no difference to this order: the population's share between order statistics varies as a
    multinomial share does.

    Examples
    --------
    >>> homogeneity(np.array([[[10, 20], [20, 10]]])).round(3)
    array([6.667])
    """
    m, n = tables.sum(axis=2, dtype=np.float64).T[:, :, None]
    up, down = np.sqrt(m / n), np.sqrt(n / m)
    r, b = tables[:, 0], tables[:, 1]
    statistics: Floats = ((b * up - r * down) ** 2 / np.where(r + b > 0, r + b, np.inf)).sum(axis=1)
    return statistics


def share_p_value(hits: int, size: int, batch_hits: int, batch_size: int) -> float:
    """Return the p-value of the reference's share and the batch's: Fisher's exact test, twice its smaller tail."""
    total, drawn, found = size + batch_size, batch_size, batch_hits
    marked = hits + batch_hits
    if batch_hits * total < marked * batch_size:  # fewer than expected: count the misses, whose tail is the upper one
        marked, found = total - marked, batch_size - batch_hits
    return min(1.0, 2.0 * hypergeometric_sf(found, total, marked, drawn))


def compare_shares(method: str, hits: Sequence[float], sizes: Sequence[float]) -> list[Finding]:
    """Compare two shares, `hits` of `sizes`, the reference's first; nothing where both are 0 or both are 1.

    The statistic is the batch's share less the reference's, in [-1, 1].
    """
    (a, b), (m, n) = hits, sizes
    if a + b in {0.0, m + n}:
        return []
    return [Finding(method, b / n - a / m, share_p_value(round(a), round(m), round(b), round(n)))]


def outside_share(below: float, above: float, m: float, n: float) -> Finding:
    """Compare the rows of a batch beyond the reference's least and greatest number with what chance puts there.

    The statistic is their share of the batch, in [0, 1]; the p-value is exact for any continuous distribution, and too
    large with ties (Wilks 1942).
    """
    p_value = min(1.0, 2.0 * min(all_in_batch(round(below), m, n), all_in_batch(round(above), m, n)))
    return Finding("outside_share", (below + above) / n, p_value)


@lru_cache(maxsize=4096)
def all_in_batch(k: int, m: float, n: float) -> float:
    """Return P(k rows picked at random from both tables are all the batch's): the product of (n - i) / (m + n - i)."""
    i = np.arange(min(k, int(n)))
    return math.exp(min(0.0, float(np.log((n - i) / (m + n - i)).sum())))


def unseen_share(n_single: float, n_double: float, m: float, unseen: float, n: float) -> list[Finding]:
    """Compare the rows whose value the reference lacks with its rows that are alone with theirs (Good 1953).

    The other rows lack the value of such a row, as they may lack a new one's. The variance of their number is
    n_single + 2 n_double, not n_single, so the reference counts for fewer rows. One-sided: fewer is no finding.
    """
    if unseen * m <= n_single * n:
        return []
    shrink = (n_single + 1) / (n_single + 2 * n_double + 1)
    m_effective = max(1, round(m * shrink))
    hits = min(m_effective, round(n_single * shrink)), unseen
    return compare_shares("unseen_share", hits, (m_effective, n))


class Clustering(NamedTuple):
    """How much alike the rows of a group of the reference are, such as those of a day.

    Attributes
    ----------
    correlation
        Of two rows of one group, at least 0.
    size
        Rows of a group, as a row sees it: the mean, each row counting its own group.
    df
        Degrees of freedom of the estimate: the groups but one.
    """

    correlation: float
    size: float
    df: int

    def design_effect(self, m: float, n: float, batch_size: float) -> float:
        """Return by how much the variance of a difference is larger than m and n independent rows would have it.

        `batch_size` is the size of a batch, itself a group, as a row sees it, where n rows come in several batches.
        """
        of_reference = 1.0 + self.correlation * max(0.0, self.size - 1.0)
        of_batch = 1.0 + self.correlation * max(0.0, batch_size - 1.0)
        return (of_reference / m + of_batch / n) / (1.0 / m + 1.0 / n)


def clustering(table: Counted, scores: Floats | None = None) -> Clustering:
    """Measure how much alike the rows of a group are, from counts by group and cell, shape (g, c).

    The larger of two design effects counts: of the cells' shares (Pearson's statistic over its degrees of freedom),
    and of the mean of `scores`, shape (c,), where there are any (Kruskal and Wallis's).
    """
    sizes = table.sum(axis=1)
    table, sizes = table[sizes > 0], sizes[sizes > 0].astype(np.float64)
    n, df = float(sizes.sum()), max(1, sizes.size - 1)
    as_seen = float((sizes**2).sum()) / max(1.0, n)
    mean_size = (n - as_seen) / df
    shares = table.sum(axis=0) / max(1.0, n)
    used = np.flatnonzero(shares * n >= LEAST_EXPECTED)
    if used.size <= 1 or sizes.size <= 1 or mean_size <= 1.0:
        return Clustering(0.0, as_seen, df)
    expected = sizes[:, None] * shares[used]
    effects = [float(((table[:, used] - expected) ** 2 / expected).sum()) / (df * (used.size - 1))]
    if scores is not None and np.ptp(scores[used]) > 0.0:
        means, mean = table @ scores / sizes, float(shares @ scores)
        variance = float(shares @ (scores - mean) ** 2)
        effects.append(float((sizes * (means - mean) ** 2).sum()) / variance / df)
    return Clustering(max(0.0, max(effects) - 1.0) / (mean_size - 1.0), as_seen, df)


def population_stability_index(tables: Counted) -> Floats:
    """Return PSI of two samples' counts by cell, shape (k, 2, c), less its mean where nothing has drifted; at least 0.

    Notes
    -----
    sum (q - p) ln(q / p) over the B cells that either sample fills, each with half a count added. To leading order it
    is a chi-squared distance, so that sampling alone gives it the mean (B - 1) (1/n + 1/m).
    """
    filled = tables.sum(axis=1) > 0
    n_filled, sizes = filled.sum(axis=1), tables.sum(axis=2, dtype=np.float64)
    p, q = ((tables + 0.5) / (sizes + 0.5 * n_filled[:, None])[:, :, None]).transpose(1, 0, 2)
    by_chance = (n_filled - 1) * (1.0 / sizes).sum(axis=1)
    excess: Floats = np.where(filled, (q - p) * np.log(q / p), 0.0).sum(axis=1) - by_chance
    return np.maximum(0.0, excess)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted for their number, shape (k,): rejecting those <= alpha has that false discovery rate."""
    p = np.asarray(p_values, dtype=np.float64)
    falling = np.argsort(p)[::-1]
    ranks = np.arange(p.size, 0, -1)
    adjusted = np.empty_like(p)
    adjusted[falling] = np.minimum(1.0, np.minimum.accumulate(p[falling] * p.size / ranks))
    return adjusted
