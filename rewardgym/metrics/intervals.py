"""Intervals of a proportion, of a mean of probabilities, and of a difference of two proportions.

In: arrays of k and n, or of values from 0 to 1. Out: arrays of bounds, NaN where there is no data.
The laws come from statsmodels and scipy. Newcombe's difference is spelled out here because
statsmodels' takes one pair of samples at a time (``confint_proportions_2indep``), and the tests
hold it against that function; a mean of probabilities has no interval there at all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rewardgym.names import unknown

Floats = NDArray[np.float64]


def check_level(level: float) -> float:
    """``level`` itself. Raises ValueError where it is no probability between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; allowed: above 0, below 1, such as 0.95")
    return float(level)


def wilson(k: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson's score interval of k / n. 0 of 40 gives [0, 8.8%]; n = 0 gives NaN, never [0, 0]."""
    check_level(level)
    from statsmodels.stats.proportion import proportion_confint

    hits, trials = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    safe = np.where(trials > 0, trials, np.nan)
    low, high = proportion_confint(hits, safe, alpha=1 - level, method="wilson")
    # Rounding can leave 1e-17 where the exact bound is 0 or 1.
    return _ends(hits, trials, low, high)


def clopper_pearson(k: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """The exact interval of C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404-413: it
    holds the true rate at least ``level`` of the time for every rate and n, so it is wide. Counts
    may be fractions; n = 0 gives NaN."""
    check_level(level)
    from scipy.stats import beta

    hits, trials = _counts(k, n)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = beta.ppf(tail, hits, trials - hits + 1)
        high = beta.isf(tail, hits + 1, trials - hits)
    return _ends(hits, trials, low, high)


def jeffreys(k: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """The equal-tailed interval under Jeffreys' prior, its bound 0 at k = 0 and 1 at k = n, as
    L. D. Brown, T. T. Cai and A. DasGupta, Statistical Science 16 (2001) 101-133, section 4.1.2,
    recommend: without that its coverage falls to 0 as the rate goes to 0. n = 0 gives NaN."""
    check_level(level)
    from scipy.stats import beta

    hits, trials = _counts(k, n)
    tail = (1 - level) / 2
    law = beta(hits + 0.5, trials - hits + 0.5)
    return _ends(hits, trials, law.ppf(tail), law.isf(tail))


METHODS: dict[str, Callable[[ArrayLike, ArrayLike, float], tuple[Floats, Floats]]] = {
    "wilson": wilson,
    "clopper-pearson": clopper_pearson,
    "jeffreys": jeffreys,
}


def interval(
    k: ArrayLike, n: ArrayLike, level: float = 0.95, method: str = "wilson"
) -> tuple[Floats, Floats]:
    """The interval of k / n by a name of ``METHODS``. Arrays in, arrays out; n = 0 gives NaN.
    Raises ValueError for an unknown method."""
    if method not in METHODS:
        raise unknown("interval method", method, METHODS)
    return METHODS[method](k, n, level)


def newcombe(
    k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Newcombe's interval of k1/n1 - k2/n2 for independent samples: method 10 of R. G. Newcombe,
    Statistics in Medicine 17 (1998) 873-890, built from the two Wilson intervals."""
    low1, high1 = wilson(k1, n1, level)
    low2, high2 = wilson(k2, n2, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        p1 = np.asarray(k1, dtype=float) / np.asarray(n1, dtype=float)
        p2 = np.asarray(k2, dtype=float) / np.asarray(n2, dtype=float)
    difference = p1 - p2
    low = difference - np.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    high = difference + np.sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return low, high


def mean_interval(values: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """The interval of a mean of values in 0 to 1, each the probability of an answer off the asked
    side after one chain of thought (a Rao-Blackwell row).

    ``values`` has shape (..., m); NaN is a missing value. Wilson's interval at the effective
    sample size p (1 - p) / (s^2 / m), times (z / t of m - 1 degrees)^2, as for a survey: E. L. Korn
    and B. I. Graubard, Survey Methodology 24 (1998) 193-201; N. Dean and M. Pagano, Journal of
    Survey Statistics and Methodology 3 (2015) 484-503. It never falls below m: no mean of values
    in 0 to 1 varies more than that of m single answers with its rate.

    The variance is taken with one more value, half of it at 0 and half at 1, as in Jeffreys'
    prior. Without it a few values near 0 that happen to agree give an interval of no width, though
    a rare value near 1 carries the mean: the coverage of 5 such values was 7%. So equal values,
    and a single one, get no more than what their number supports. No values give NaN.
    """
    check_level(level)
    from scipy.stats import norm, t

    found = np.atleast_1d(np.asarray(values, dtype=float))
    known = ~np.isnan(found)
    if ((found < 0) | (found > 1)).any():
        raise ValueError("values lie outside 0 to 1; a Rao-Blackwell value is a probability")
    m = known.sum(axis=-1).astype(float)
    filled = np.where(known, found, 0.0)
    total = filled.sum(axis=-1)
    centre = (total + 0.5) / (m + 1)
    # m + 1 values less one: m degrees of freedom.
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = ((filled**2).sum(axis=-1) + 0.5 - (m + 1) * centre**2) / m
        half = (1 - level) / 2
        shrink = (norm.isf(half) / t.isf(half, m - 1)) ** 2
        size = np.fmax(m, m * centre * (1 - centre) / variance * shrink)
        rate = total / m
    return wilson(np.where(m > 0, rate * size, 0.0), np.where(m > 0, size, 0.0), level)


def _counts(k: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """k and n of one shape. Raises ValueError where a k is below 0 or above its n."""
    hits, trials = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(n, dtype=float))
    if ((hits < 0) | (hits > trials)).any():
        raise ValueError("a k lies outside 0 to n; k counts some of the n answers")
    return hits, trials


def _ends(hits: Floats, trials: Floats, low: ArrayLike, high: ArrayLike) -> tuple[Floats, Floats]:
    """Bounds that are exactly 0 at k = 0 and 1 at k = n, and missing without data."""
    data = trials > 0
    low = np.where(data, np.where(hits == 0, 0.0, np.asarray(low, dtype=float)), np.nan)
    high = np.where(data, np.where(hits == trials, 1.0, np.asarray(high, dtype=float)), np.nan)
    return low, high
