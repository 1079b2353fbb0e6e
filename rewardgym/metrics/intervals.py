"""Intervals of a proportion and of a difference of two, over whole columns.

In: arrays of k and n. Out: arrays of bounds, NaN where n is 0. Wilson comes from statsmodels;
Newcombe's difference is spelled out here because statsmodels' takes one pair of samples at a time
(``confint_proportions_2indep``), and the tests hold it against that function.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def wilson(k: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson's score interval of k / n. 0 of 40 gives [0, 8.8%]; n = 0 gives NaN, never [0, 0]."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; allowed: above 0, below 1, such as 0.95")
    from statsmodels.stats.proportion import proportion_confint

    hits, trials = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    safe = np.where(trials > 0, trials, np.nan)
    low, high = proportion_confint(hits, safe, alpha=1 - level, method="wilson")
    # Rounding can leave 1e-17 where the exact bound is 0 or 1.
    low = np.where(hits == 0, np.where(trials > 0, 0.0, np.nan), low)
    high = np.where(hits == trials, np.where(trials > 0, 1.0, np.nan), high)
    return np.asarray(low, dtype=float), np.asarray(high, dtype=float)


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
