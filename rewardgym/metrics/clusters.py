"""Clusters: rates whose answers come in groups that vary together, such as paraphrases or seeds.

In: k and n of each cluster. Out: the rate, or the difference of two, with an interval that counts
the variation between clusters. Wilson's interval takes all answers as independent; with 10
paraphrases of 40 answers and a correlation of 0.3 within them it holds the truth 40% of the time.
Own code because statsmodels has no score interval for clusters and its sandwich needs many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rewardgym.metrics.effects import Effect
from rewardgym.metrics.intervals import Floats, check_level, wilson


@dataclass(frozen=True)
class ClusteredRate:
    """A rate over clusters."""

    rate: float
    low: float
    high: float
    level: float
    clusters: int
    """Clusters with answers."""
    n: float
    """Answers in all clusters."""
    design_effect: float | None
    """The variance over that of n independent answers; None where the rate is 0 or 1."""
    effective_n: float
    """The number of independent answers with an interval as wide."""


def clustered_interval(k: ArrayLike, n: ArrayLike, level: float = 0.95) -> ClusteredRate:
    """The rate over all clusters with its interval; ``k`` and ``n`` have one entry a cluster.

    The rate is the ratio of the sums, its variance the linearised one between clusters. Wilson's
    interval is taken at n over the design effect, times (z / t of K - 1 degrees)^2 because few
    clusters tell little of their variance, and never above n: E. L. Korn and B. I. Graubard,
    Survey Methodology 24 (1998) 193-201; with Wilson's interval N. Dean and M. Pagano, Journal of
    Survey Statistics and Methodology 3 (2015) 484-503.

    Where the rate is 0 or 1 the design effect cannot be estimated and answers count as independent.
    For rates below about 5% with clusters all or nothing the interval is therefore too short (10
    clusters of 40, rate 2%, correlation 0.3: it holds the truth 63% of the time).
    Raises ValueError for one cluster: it says nothing about others.
    """
    check_level(level)
    hits, trials = _clusters(k, n)
    size = float(trials.sum())
    rate, design, effective = _effective(hits, trials, level)
    low, high = wilson(rate * effective, effective, level)
    return ClusteredRate(
        *(rate, float(low), float(high), level, len(trials), size, design, effective)
    )


def clustered_difference(
    k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, level: float = 0.95
) -> Effect:
    """The first rate minus the second where both are measured on the same clusters: entry i of all
    four is one paraphrase, seed or prompt.

    The test is Student's with K - 1 degrees of freedom on the linearised differences of the
    clusters. The interval squares and adds the two clustered intervals with the correlation of the
    clusters' deviations (G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008) 1693-1702), so
    that it keeps its width where a rate is 0 or 1. The odds ratio is left out. Clusters without
    answers in both samples are left out; ValueError for fewer than two.
    """
    check_level(level)
    parts = [np.atleast_1d(np.asarray(part, dtype=float)) for part in (k1, n1, k2, n2)]
    if len({part.shape for part in parts}) > 1:
        raise ValueError("k1, n1, k2 and n2 differ in length; entry i of each is one cluster")
    both = (parts[1] > 0) & (parts[3] > 0)
    (a, m), (b, l_) = (_clusters(parts[i][both], parts[i + 1][both]) for i in (0, 2))
    p1, _, size1 = _effective(a, m, level)
    p2, _, size2 = _effective(b, l_, level)
    away1, away2 = (a - p1 * m) / m.sum(), (b - p2 * l_) / l_.sum()
    spread = float(np.sqrt((away1**2).sum() * (away2**2).sum()))
    shared = float((away1 * away2).sum()) / spread if spread > 0 else 0.0
    low, high = _square_and_add((p1, size1), (p2, size2), shared, level)
    return Effect(
        *(float(a.sum()), float(m.sum()), float(b.sum()), float(l_.sum()), p1 - p2, low, high),
        *(None, None, None, _student(p1 - p2, away1 - away2), "clusters", level),
        clusters=len(m),
    )


def _clusters(k: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """k and n of the clusters that have answers. Raises ValueError for fewer than two."""
    hits, trials = np.broadcast_arrays(
        np.atleast_1d(np.asarray(k, dtype=float)), np.asarray(n, dtype=float)
    )
    if ((hits < 0) | (hits > trials)).any():
        raise ValueError("a k lies outside 0 to n; k counts some of the n answers of its cluster")
    kept = trials > 0
    if kept.sum() < 2:
        raise ValueError(
            f"{kept.sum()} cluster with answers; at least 2 are needed to see how they vary: "
            "sweep more paraphrases or seeds, or take the interval of independent answers"
        )
    return hits[kept], trials[kept]


def _effective(k: Floats, n: Floats, level: float) -> tuple[float, float | None, float]:
    """Rate, design effect and effective sample size."""
    from scipy.special import ndtri, stdtrit

    size, count = float(n.sum()), len(n)
    rate = float(k.sum()) / size
    tail = 0.5 + level / 2
    shrink = float(ndtri(tail) / stdtrit(count - 1, tail)) ** 2
    variance = count / (count - 1) * float(((k - rate * n) ** 2).sum()) / size**2
    single = rate * (1 - rate) / size
    if single == 0:
        return rate, None, size * shrink
    design = variance / single
    # Clusters that happen to agree do not make answers worth more than independent ones.
    return rate, design, size * min(1.0, shrink / design) if design > 0 else size


def _square_and_add(
    first: tuple[float, float], second: tuple[float, float], shared: float, level: float
) -> tuple[float, float]:
    (p1, size1), (p2, size2) = first, second
    low1, high1 = (float(b) for b in wilson(p1 * size1, size1, level))
    low2, high2 = (float(b) for b in wilson(p2 * size2, size2, level))

    def reach(one: float, other: float) -> float:
        return float(np.sqrt(max(one**2 + other**2 - 2 * shared * one * other, 0.0)))

    return p1 - p2 - reach(p1 - low1, high2 - p2), p1 - p2 + reach(high1 - p1, p2 - low2)


def _student(difference: float, away: Floats) -> float:
    from scipy.special import stdtr

    count = len(away)
    error = float(np.sqrt(count / (count - 1) * (away**2).sum()))
    if error > 1e-12:
        return float(2 * stdtr(count - 1, -abs(difference) / error))
    # All clusters differ by the same: exchanging samples within clusters gives no smaller value.
    return 1.0 if difference == 0 else float(2.0 ** (1 - count))
