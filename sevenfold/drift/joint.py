"""What single columns don't show: many small shifts together, and columns that no longer go with each other.

Each row's values become ranks among the reference's, in [-1, 1], so that no column has a tail; only sums are kept of a
batch, which add up over batches.

References
----------
Hotelling, "The generalization of Student's ratio", 1931.
Cai, Liu and Xia, "Two-sample covariance matrix testing and support recovery", JASA 108, 2013 (the largest change).
Fisher, "On the probable error of a coefficient of correlation", 1921.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sevenfold.drift.distributions import f_sf, t_sf
from sevenfold.drift.statistics import Clustering

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import NDArray

    from sevenfold.drift.distributions import Floats, Ints

KURTOSIS = 10.0  # a column with more, such as a yes in 1 of 13 rows, is left out: its correlations have heavy tails
LEAST_ROWS, ROWS_A_COLUMN = 200, 10  # of the reference, for a joint test
LARGEST_R = 0.999
CONSTANT = 1e-9  # a variance of ranks below it counts as none
ALIKE = 1e-6  # a direction is left out if its variance is at most this part of the largest
N_TESTS = 2


@dataclass(frozen=True, slots=True)
class Sums:
    """A batch's rows, and the sums (k,) and sums of products (k, k) of its scores less the reference's mean."""

    n: int
    first: Floats
    second: Floats

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.n + other.n, self.first + other.first, self.second + other.second)


class JointFinding(NamedTuple):
    """One joint test's name, statistic, p-value, how far apart the samples are (like PSI), and the columns it names."""

    method: str
    statistic: float
    p_value: float
    effect: float
    pair: tuple[int, ...] = ()


class Joint:
    """The reference's ranks, of which means, covariances and the variances of its correlations are kept.

    Parameters
    ----------
    used
        Shape (k,): which columns of the scores are compared.
    m
        Rows of the reference.
    mean, covariance, correlation_variance
        Shapes (k,), (k, k), (k, k); the last has the variances of Fisher's transform of each correlation, times m.
    groups, pair_groups
        How much alike the rows of a group are, in their means and in their correlations; None without groups.
    """

    def __init__(  # noqa: PLR0917 - five of them are what the reference leaves
        self,
        used: Ints,
        m: int,
        mean: Floats,
        covariance: Floats,
        correlation_variance: Floats,
        groups: Clustering | None = None,
        pair_groups: Clustering | None = None,
    ) -> None:
        self.used, self.m, self.mean, self.covariance = used, m, mean, covariance
        self.correlation_variance, self.groups, self.pair_groups = correlation_variance, groups, pair_groups

    @classmethod
    def of(cls, parts: Iterable[Floats], groups: NDArray[Any] | None = None) -> Joint | None:
        """Take the reference's scores, some columns at a time, shape (m, columns) each.

        None where there are too few rows or columns to compare, which may show before all columns were seen.
        """
        kept, used, n_seen, m = [], [np.zeros(0, dtype=np.intp)], 0, 0
        for scores in parts:
            m = scores.shape[0]
            chosen = _usable(scores)
            kept.append(scores[:, chosen])
            used.append(n_seen + chosen)
            n_seen += scores.shape[1]
            if m < max(LEAST_ROWS, ROWS_A_COLUMN * sum(one.size for one in used)):
                return None
        every = np.concatenate(used)
        if every.size <= 1:
            return None
        mean = np.concatenate([part.mean(axis=0) for part in kept])
        centred = np.concatenate(kept, axis=1) - mean
        found = cls(every, m, mean, centred.T @ centred / (m - 1), _fisher_variance(centred))
        if groups is not None:
            found.groups, found.pair_groups = found._clusterings(centred, groups)
        return found

    def sums(self, scores: Floats) -> Sums:
        """Return the sums of a batch's scores, shape (n, columns)."""
        centred = scores[:, self.used] - self.mean
        return Sums(centred.shape[0], centred.sum(axis=0), centred.T @ centred)

    def compare(self, sums: Sums, batch_size: float) -> list[JointFinding]:
        """Compare a batch's sums with the reference's; `batch_size` is as for `Clustering.design_effect`."""
        mean = sums.first / sums.n
        found = [self._mean_shift(sums.n, mean, batch_size)]
        covariance = sums.second / sums.n - np.outer(mean, mean)
        if (np.diag(covariance) > CONSTANT).all():
            found.append(self._correlation(sums.n, _fisher(covariance), batch_size))
        return found

    @cached_property
    def _whitening(self) -> Floats:
        variances, directions = np.linalg.eigh(self.covariance)
        kept = variances > ALIKE * variances[-1]
        whitening: Floats = directions[:, kept] / np.sqrt(variances[kept])
        return whitening

    @cached_property
    def _z(self) -> Floats:
        return _fisher(self.covariance)

    @cached_property
    def _pairs(self) -> tuple[Ints, Ints]:
        first, second = np.triu_indices(self.used.size, 1)
        return first, second

    def _mean_shift(self, n: int, mean: Floats, batch_size: float) -> JointFinding:
        """Return Hotelling's T2 of the means: many small shifts, along directions of little variance above all."""
        shift = mean @ self._whitening
        distance, chance, k = float(shift @ shift), 1.0 / n + 1.0 / self.m, shift.size
        scaled, df = distance / chance, float(self.m - k)
        if self.groups is not None:
            scaled /= self.groups.design_effect(self.m, n, batch_size)
            df = self.groups.df
        ratio = scaled * (self.m - k) / (k * (self.m - 1.0))
        return JointFinding("mean_shift", scaled, f_sf(ratio, k, df), max(0.0, distance - k * chance))

    def _correlation(self, n: int, z: Floats, batch_size: float) -> JointFinding:
        """Return the largest change of a rank correlation over all pairs, in standard errors."""
        chance, df = 1.0 / n + 1.0 / self.m, float(max(3, n - 3))
        if self.pair_groups is not None:
            chance *= self.pair_groups.design_effect(self.m, n, batch_size)
            df = min(df, self.pair_groups.df)
        changes = np.abs(z - self._z)[self._pairs]
        errors = np.sqrt(self.correlation_variance[self._pairs] * chance)
        at = int((changes / errors).argmax())
        statistic = float(changes[at] / errors[at])
        pair = tuple(int(self.used[side[at]]) for side in self._pairs)
        effect = max(0.0, float(changes[at] ** 2 - errors[at] ** 2))
        return JointFinding("correlation", statistic, min(1.0, changes.size * t_sf(statistic, df)), effect, pair)

    def _clusterings(self, centred: Floats, groups: NDArray[Any]) -> tuple[Clustering, Clustering]:
        """Measure how much the groups' means, and their correlations, differ beyond chance."""
        parts = [centred[groups == group] for group in np.unique(groups)]
        parts = [part for part in parts if len(part) > 1]
        sizes = np.array([len(part) for part in parts], dtype=np.float64)
        means = np.stack([part.mean(axis=0) for part in parts]) @ self._whitening
        shift = float((sizes[:, None] * means**2).sum()) / means.shape[1]
        z = np.stack([_fisher(np.cov(part.T, bias=True))[self._pairs] for part in parts])
        gaps = (sizes[:, None] * (z - self._z[self._pairs]) ** 2 / self.correlation_variance[self._pairs]).mean()
        return _alike(sizes, shift), _alike(sizes, float(gaps) * len(parts))


def _usable(scores: Floats) -> Ints:
    """Return which columns vary, and have no heavy tails."""
    centred = scores - scores.mean(axis=0)
    spread = np.maximum((centred**2).mean(axis=0), np.finfo(np.float64).tiny)
    usable: Ints = np.flatnonzero((spread > CONSTANT) & ((centred**4).mean(axis=0) < KURTOSIS * spread**2))
    return usable


def _alike(sizes: Floats, total: float) -> Clustering:
    """Turn a sum over groups, each of which has the mean 1 where groups don't differ, into a correlation of rows."""
    n, df = float(sizes.sum()), max(1, sizes.size - 1)
    as_seen = float((sizes**2).sum()) / n
    between = max(1.0, (n - as_seen) / df - 1.0)
    return Clustering(max(0.0, total / df - 1.0) / between, as_seen, df)


def _fisher(covariance: Floats) -> Floats:
    """Return Fisher's transform of each correlation, shape (k, k)."""
    sd = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    z: Floats = np.arctanh(np.clip(covariance / np.outer(sd, sd), -LARGEST_R, LARGEST_R))
    return z


def _fisher_variance(centred: Floats) -> Floats:
    """Return the variance of Fisher's transform of each correlation, times the rows, shape (k, k).

    From the influence function of a correlation, z_i z_j - r (z_i^2 + z_j^2) / 2: no distribution is assumed.
    """
    z = centred / centred.std(axis=0)
    n, squares = z.shape[0], z * z
    r = np.clip(z.T @ z / n, -LARGEST_R, LARGEST_R)
    m22, m31, m4 = squares.T @ squares / n, (squares * z).T @ z / n, (squares * squares).mean(axis=0)
    variance = m22 - r * (m31 + m31.T) + r * r / 4.0 * (m4[:, None] + m4[None, :] + 2.0 * m22)
    bounded: Floats = np.maximum(variance, 1e-4) / (1.0 - r * r) ** 2
    return bounded
