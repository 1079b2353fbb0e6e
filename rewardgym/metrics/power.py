"""Power: how often a test of two rates, or of a trend, sees an effect of a given size.

In: the true rates and the n. Out: the probability that the test rejects; with equal rates that is
its type-I error. Summed over all tables, not approximated: near 0, where gaming rates and their
controls lie, normal theory errs by 10 points and more, and a plan built on it breaks its promise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rewardgym.metrics.effects import p_values
from rewardgym.names import unknown

Floats = NDArray[np.float64]

TESTS = ("auto", "score", "fisher")
"""As in :func:`rewardgym.metrics.effects.compare_columns`: auto is Fisher's where a table expects
fewer than 5 in one of its places, else score. ``compare`` takes Boschloo's for small samples, which
rejects whenever Fisher's does: what is planned for Fisher's holds there too."""

_SERIES = 40_000
_NEGLIGIBLE = 1e-9
"""Tables in the tails beyond this probability are left out of an exact power."""
_TABLES = 4_000_000
"""More likely tables than this are not summed: normal theory is then right to 0.1 points."""


def exact_power(
    p1: float,
    p2: float,
    n1: int,
    n2: int | None = None,
    *,
    alpha: float = 0.05,
    test: str = "auto",
) -> float:
    """The probability that the two-sided ``test`` rejects at ``alpha``, summed over all tables of
    n1 and n2 (as many where left out) answers. At p1 = p2 it is the test's type-I error. With
    some hundred thousand answers an arm statsmodels' normal approximation stands in for the sum."""
    from scipy.stats import binom

    check_test(None, alpha, test)
    n2 = n1 if n2 is None else n2
    if min(n1, n2) < 1:
        raise ValueError(f"n is {min(n1, n2)}; allowed: 1 or more")
    k1, k2 = (_likely(p, n) for p, n in ((p1, n1), (p2, n2)))
    if k1.size * k2.size > _TABLES:
        return _normal_power(p1, p2, n1, n2, alpha)
    # A p-value that is alpha itself rejects, whatever rounding makes of it.
    rejects = p_values(k1[:, None], n1, k2[None, :], n2, test) <= alpha * (1 + 1e-9)
    chance: Floats = binom.pmf(k1, n1, p1)[:, None] * binom.pmf(k2, n2, p2)[None, :]
    return float(min((chance * rejects).sum(), 1.0))


def _normal_power(p1: float, p2: float, n1: int, n2: int, alpha: float) -> float:
    from statsmodels.stats.proportion import power_proportions_2indep

    found = power_proportions_2indep(
        p1 - p2, p2, n1, ratio=n2 / n1, alpha=alpha, return_results=False
    )
    return float(found)


def _likely(p: float, n: int) -> NDArray[np.int_]:
    from scipy.stats import binom

    low, high = int(binom.ppf(_NEGLIGIBLE, n, p)), int(binom.isf(_NEGLIGIBLE, n, p))
    return np.arange(max(low, 0), min(high, n) + 1)


def trend_power(
    steps: Sequence[float],
    start: float,
    end: float,
    n: int,
    *,
    alpha: float = 0.05,
    seed: int = 0,
) -> float:
    """The probability that the Cochran-Armitage test (with N - 1) rejects, with ``n`` answers a
    checkpoint: over 40,000 drawn series, so known to half a point. Start equal to end gives its
    type-I error."""
    from scipy.stats import norm

    x, p = line_of(steps, start, end)
    rng = np.random.default_rng(np.random.SeedSequence([seed, n]))
    k = rng.binomial(n, p, (_SERIES, x.size))
    pooled, total = k.mean(axis=1) / n, n * x.size
    variance = n * pooled * (1 - pooled) * (x**2).sum() * total / max(total - 1, 1)
    z = np.abs(k @ x) / np.sqrt(np.where(variance > 0, variance, np.inf))
    return float((z >= norm.isf(alpha / 2)).mean())


def line_of(steps: Sequence[float], start: float, end: float) -> tuple[Floats, Floats]:
    """Steps about their mean, and the rate at each."""
    check_rate("start", start)
    check_rate("end", end)
    x = np.asarray(steps, dtype=float)
    if not np.isfinite(x).all() or np.unique(x).size < 2:
        raise ValueError(f"the steps are {list(steps)}; a trend needs two different ones or more")
    p = start + (end - start) * (x - x.min()) / (x.max() - x.min())
    return x - x.mean(), p


def check_test(power: float | None, alpha: float, test: str) -> None:
    if test not in TESTS:
        raise unknown("test", test, TESTS)
    check_between("alpha", alpha, 0, 1)
    if power is not None:
        check_between("power", power, 0, 1)


def check_between(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise ValueError(f"{name} is {value}; allowed: above {low}, below {high}")


def check_rate(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; allowed: a rate from 0 to 1")
