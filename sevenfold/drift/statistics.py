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


def kolmogorov_smirnov(reference: Counted, batch: Counted) -> Finding:
    """Compare the distribution functions of two samples, shape (c,) each, at the ends of their cells.

    The statistic is the largest gap, in [0, 1]. Ties, and cells with many numbers, make the p-value too large, never
    too small.

    Notes
    -----
    The one-sample distribution at the effective size m n / (m + n), rounded, as SciPy's ``method="asymp"`` has it.

    Examples
    --------
    >>> kolmogorov_smirnov(np.array([50, 50]), np.array([75, 25])).statistic
    0.25
    """
    upto, batch_upto = reference.cumsum(), batch.cumsum()
    m, n = float(upto[-1]), float(batch_upto[-1])
    gap = float(np.abs(upto / m - batch_upto / n).max())
    return Finding("kolmogorov_smirnov", gap, kolmogorov_sf(gap, max(1, round(m * n / (m + n)))))


def rank_sum(reference: Counted, batch: Counted) -> Finding:
    """Compare the ranks of two samples, given by cell, shape (c,) each; rows of one cell are tied.

    The statistic is by how much P(batch > reference) exceeds one half, ties counting half, in [-0.5, 0.5].

    Notes
    -----
    Mann and Whitney's test in the normal approximation, its variance corrected for ties.
    """
    upto, together = reference.cumsum(), np.add(reference, batch, dtype=np.float64)
    m, n = float(upto[-1]), float(batch.sum())
    excess = float(batch @ (upto - 0.5 * reference)) / (m * n) - 0.5
    ties = float(together @ (together * together - 1.0)) / ((m + n) * (m + n - 1.0))
    variance = (m + n + 1.0 - ties) / (12.0 * m * n)
    p_value = math.erfc(abs(excess) / math.sqrt(2.0 * variance)) if variance > 0.0 else 1.0
    return Finding("rank_sum", excess, p_value)


def chi_squared(cells: Counted, df_scale: int | None = None) -> list[Finding]:
    """Compare the shares of two samples' cells, shape (2, c), or return nothing where there is nothing to compare.

    Where the counts were scaled by a design effect that `df_scale` degrees of freedom estimate, the statistic over its
    own is looked up in Fisher's F distribution.
    """
    df, sizes = cells.shape[1] - 1, cells.sum(axis=1).tolist()
    if df < 1 or 0 in sizes:
        return []
    statistic = homogeneity(cells, sizes)
    p_value = chi2_sf(statistic, df) if df_scale is None else f_sf(statistic / df, df, df_scale)
    return [Finding("chi_squared", statistic, p_value)]


def homogeneity(counts: Counted, sizes: Sequence[float]) -> float:
    """Return Pearson's chi-squared statistic of two samples' counts by cell, shape (2, c), none of them empty.

    `sizes` are the samples' sums.

    Notes
    -----
    sum (b sqrt(m/n) - r sqrt(n/m))^2 / (r + b), whose expected counts come from both samples. Taking the reference's
    shares for the truth would raise the statistic by the factor 1 + n/m. That the cells' edges may be the reference's
    quantiles makes no difference to this order: the population's share between order statistics varies as a
    multinomial share does.

    Examples
    --------
    >>> round(homogeneity(np.array([[10, 20], [20, 10]]), [30, 30]), 3)
    6.667
    """
    m, n = sizes
    up, down = math.sqrt(m / n), math.sqrt(n / m)
    statistic: float = sum((b * up - r * down) ** 2 / (r + b) for r, b in zip(*counts.tolist(), strict=True))
    return statistic


def pool_cells(counts: Counted) -> tuple[Counted, Counted]:
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
    r, b = counts
    together = r + b
    needed = LEAST_EXPECTED * float(together.sum()) / min(counts.sum(axis=1).tolist())
    cells, held, held_r, held_b = [], 0.0, 0.0, 0.0
    for of_reference, of_batch, both in zip(r.tolist(), b.tolist(), together.tolist(), strict=True):
        held, held_r, held_b = held + both, held_r + of_reference, held_b + of_batch
        if held >= needed:
            cells.append((held_r, held_b))
            held, held_r, held_b = 0.0, 0.0, 0.0
    return np.array(cells).reshape(-1, 2).T, np.array([held_r, held_b])


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


def all_in_batch(k: int, m: float, n: float) -> float:
    """Return P(k rows picked at random from both tables are all the batch's): the product of (n - i) / (m + n - i)."""
    i = np.arange(min(k, int(n)))
    return math.exp(min(0.0, float(np.log((n - i) / (m + n - i)).sum())))


def unseen_share(n_single: int, n_double: int, m: float, unseen: float, n: float) -> list[Finding]:
    """Compare the rows whose value the reference lacks with its rows that are alone with theirs (Good 1953).

    Such a row is unseen by the others, as a new row may be. The variance of their number is n_single + 2 n_double, not
    n_single: the reference counts for so many rows fewer. One-sided: fewer is no finding.
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


def population_stability_index(counts: Counted) -> float:
    """Return PSI of two samples' counts by cell, shape (2, k), less its mean where nothing has drifted; at least 0.

    Notes
    -----
    sum (q - p) ln(q / p) over the B cells that either sample fills, each with half a count added. To leading order it
    is a chi-squared distance, so that sampling alone gives it the mean (B - 1) (1/n + 1/m).
    """
    m, n = counts.sum(axis=1).tolist()
    filled = [(r, b) for r, b in zip(*counts.tolist(), strict=True) if r + b > 0]
    m_half, n_half = m + 0.5 * len(filled), n + 0.5 * len(filled)
    shares = [((r + 0.5) / m_half, (b + 0.5) / n_half) for r, b in filled]
    by_chance = (len(filled) - 1) * (1.0 / n + 1.0 / m)
    excess: float = sum((q - p) * math.log(q / p) for p, q in shares) - by_chance
    return max(0.0, excess)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Return p-values adjusted for their number, shape (k,): rejecting those <= alpha has that false discovery rate."""
    p = np.asarray(p_values, dtype=np.float64)
    falling = np.argsort(p)[::-1]
    ranks = np.arange(p.size, 0, -1)
    adjusted = np.empty_like(p)
    adjusted[falling] = np.minimum(1.0, np.minimum.accumulate(p[falling] * p.size / ranks))
    return adjusted
