"""Rates of probabilities: the interval of a rate whose rows are laws instead of replies.

In: sums over laws, one entry a cell. Out: rate, its variance, bounds. A law of one closed prompt
has no sampling error. Where prompts or chains of thought were drawn, the variance is that of a
ratio between drawn rows within a cell, and the interval is Wilson's at the effective number of
samples, as for complex surveys (Korn & Graubard, Survey Methodology 24 (1998) 193-201; Dean &
Pagano, Journal of Survey Statistics and Methodology 3 (2015) 484-503, for Wilson's form).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rewardgym.metrics.intervals import Floats, wilson


def ratio_variance(
    rate: ArrayLike,
    rows: ArrayLike,
    off: ArrayLike,
    sided: ArrayLike,
    off_off: ArrayLike,
    off_sided: ArrayLike,
    sided_sided: ArrayLike,
) -> Floats:
    """Each cell's share of the variance of a pooled rate's numerator: m s^2, with s^2 the variance
    of ``off - rate * sided`` between the cell's m rows. 0 for a cell of one row. Divide the sum
    over cells by the squared sum of ``sided`` for the variance of the rate."""
    r, m = np.asarray(rate, dtype=float), np.asarray(rows, dtype=float)
    total = np.asarray(off, dtype=float) - r * np.asarray(sided, dtype=float)
    squares = (
        np.asarray(off_off, dtype=float)
        - 2 * r * np.asarray(off_sided, dtype=float)
        + r**2 * np.asarray(sided_sided, dtype=float)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        found = m / (m - 1) * (squares - total**2 / m)
    return np.where(m > 1, np.clip(found, 0.0, None), 0.0)


def effective_interval(
    rate: ArrayLike, variance: ArrayLike, rows: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Wilson's interval at the effective sample size of ``rate``, never less than ``rows``.

    ``variance`` is that of the rate, over ``rows`` drawn prompts or chains. The effective size is
    taken with one more row, half at 0 and half at 1, and shrunk by the squared ratio of the normal
    to the t quantile, as in ``intervals.mean_interval``, which says why and is what this gives for
    rows of equal weight. One row gives the interval of one sample; NaN stays NaN."""
    from scipy.special import ndtri, stdtrit

    p, m = np.asarray(rate, dtype=float), np.asarray(rows, dtype=float)
    tail = 0.5 + level / 2
    squares = np.asarray(variance, dtype=float) * m * (m - 1) + m * p**2
    centre = (m * p + 0.5) / (m + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (squares + 0.5 - (m + 1) * centre**2) / m
        shrink = (ndtri(tail) / stdtrit(np.maximum(m - 1, 1), tail)) ** 2
        size = np.fmax(m, np.where(m > 1, m * centre * (1 - centre) / spread * shrink, m))
    size = np.where(np.isnan(p), 0.0, size)
    return wilson(np.nan_to_num(p) * size, size, level)


def widened(
    rate: ArrayLike, low: ArrayLike, high: ArrayLike, floor: ArrayLike
) -> tuple[Floats, Floats]:
    """Bounds at least ``floor`` away from the rate, within 0 and 1."""
    p, f = np.asarray(rate, dtype=float), np.asarray(floor, dtype=float)
    below = np.clip(np.minimum(np.asarray(low, dtype=float), p - f), 0.0, 1.0)
    above = np.clip(np.maximum(np.asarray(high, dtype=float), p + f), 0.0, 1.0)
    return below, above
