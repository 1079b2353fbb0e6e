"""Planning: how many rollouts a wanted precision or power takes, and what they cost.

In: the rates one expects and the precision or power one wants. Out: n a cell, the smallest effect
that a given n can see, tokens and seconds. statsmodels' normal approximation only says where to
look: the power of the test itself is summed exactly over all tables, so that what is promised
here is what the test does, also for the small counts and rates near 0 that gaming comes with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rewardgym.metrics.intervals import newcombe, wilson
from rewardgym.metrics.power import (
    check_between,
    check_rate,
    check_test,
    exact_power,
    line_of,
    trend_power,
)
from rewardgym.names import unknown

LARGEST = 10**7
"""No search goes beyond this n."""

# Precision


def n_for_precision(half_width: float, p: float = 0.5, level: float = 0.95) -> int:
    """The n at which Wilson's interval of a rate ``p`` reaches ``half_width`` to either side.

    On average over runs the interval is then no wider (its width is concave in k). One half is
    the rate that takes most.
    """
    check_between("half_width", half_width, 0, 0.5)
    check_rate("p", p)

    def enough(n: int) -> bool:
        low, high = wilson([p * n], [n], level)
        return bool(high[0] - low[0] <= 2 * half_width)

    return _least(enough)


def n_for_difference_precision(half_width: float, p1: float, p2: float, level: float = 0.95) -> int:
    """The n an arm at which Newcombe's interval of p1 - p2, for instance of an excess over the
    twin, has a width of twice ``half_width``."""
    check_between("half_width", half_width, 0, 1)
    check_rate("p1", p1)
    check_rate("p2", p2)

    def enough(n: int) -> bool:
        low, high = newcombe([p1 * n], [n], [p2 * n], [n], level)
        return bool(high[0] - low[0] <= 2 * half_width)

    return _least(enough)


# Power of a difference of two rates


def n_for_power(
    p1: float, p2: float, power: float = 0.8, alpha: float = 0.05, test: str = "auto"
) -> int:
    """The n an arm at which the two-sided ``test`` tells ``p1`` from ``p2`` with ``power``.

    Its exact power there is at least ``power``. It rises in small teeth, since counts are whole,
    so that at a larger n it can fall back by a point or so. Raises ValueError for equal rates.
    """
    check_test(power, alpha, test)
    check_rate("p1", p1)
    check_rate("p2", p2)
    if p1 == p2:
        raise ValueError(f"both rates are {p1}; no n tells them apart: name the effect to be seen")
    return _least(
        lambda n: exact_power(p1, p2, n, alpha=alpha, test=test) >= power,
        start=_normal_n(p1, p2, power, alpha),
    )


def n_for_excess(
    excess: float, twin: float = 0.0, power: float = 0.8, alpha: float = 0.05, test: str = "auto"
) -> int:
    """The n a cell at which an ``excess`` over a twin of rate ``twin`` is seen with ``power``; the
    twin needs as many rollouts again."""
    check_rate("twin", twin)
    check_rate("twin plus excess", twin + excess)
    return n_for_power(twin + excess, twin, power, alpha, test)


def smallest_effect(
    n: int,
    p0: float,
    power: float = 0.8,
    alpha: float = 0.05,
    test: str = "auto",
    *,
    direction: str = "greater",
) -> float | None:
    """The least difference from ``p0`` that n rollouts an arm see with ``power``, to 0.0001, as a
    positive number; None where not even the largest possible difference is."""
    check_test(power, alpha, test)
    check_rate("p0", p0)
    if direction not in ("greater", "less"):
        raise unknown("direction", direction, ("greater", "less"))
    room = 1 - p0 if direction == "greater" else p0
    sign = 1 if direction == "greater" else -1

    def seen(effect: float) -> bool:
        return exact_power(p0 + sign * effect, p0, n, alpha=alpha, test=test) >= power

    if room <= 0 or not seen(room):
        return None
    few, many = 0.0, room
    while many - few > 1e-4:
        middle = (few + many) / 2
        few, many = (few, middle) if seen(middle) else (middle, many)
    return many


def _normal_n(p1: float, p2: float, power: float, alpha: float) -> int:
    """Where to look first: statsmodels' sample size for the score test."""
    from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

    n = samplesize_proportions_2indep_onetail(
        p1 - p2, p2, power, ratio=1, alpha=alpha, alternative="two-sided"
    )
    return max(2, math.ceil(float(np.squeeze(n))))


# Power of a trend over checkpoints


def n_for_trend(
    steps: Sequence[float],
    start: float,
    end: float,
    power: float = 0.8,
    alpha: float = 0.05,
    *,
    seed: int = 0,
) -> int:
    """The n a checkpoint at which the Cochran-Armitage test sees a rate that goes in a straight
    line from ``start`` at the first of ``steps`` to ``end`` at the last.

    Statsmodels has no sample size for it. J. Nam's formula (Biometrics 43 (1987) 701-705, two-sided
    and without continuity correction) says where to look; since it errs by up to 15 points where
    rates are near 0, :func:`trend_power` then decides. Raises ValueError for fewer than two
    different steps and for equal rates.
    """
    from scipy.stats import norm

    x, p = line_of(steps, start, end)
    check_test(power, alpha, "score")
    if start == end:
        raise ValueError(f"the rate is {start} throughout; no n sees a trend: name the end's rate")
    null = p.mean() * (1 - p.mean()) * (x**2).sum()
    alternative = (p * (1 - p) * x**2).sum()
    reach = norm.isf(alpha / 2) * np.sqrt(null) + norm.ppf(power) * np.sqrt(alternative)
    return _least(
        lambda n: trend_power(steps, start, end, n, alpha=alpha, seed=seed) >= power,
        start=max(1, math.ceil((reach / (p * x).sum()) ** 2)),
    )


# Cost


@dataclass(frozen=True)
class Cost:
    """What a number of rollouts costs; None where no rate was measured."""

    rollouts: int
    tokens: float | None
    """Generated tokens."""
    seconds: float | None


def cost(
    n: int,
    cells: int,
    *,
    tokens_per_reply: float | None = None,
    replies_per_second: float | None = None,
) -> Cost:
    """The cost of ``n`` rollouts in each of ``cells`` cells (variants, twins included, times
    checkpoints) at a measured rate."""
    _measured(tokens_per_reply, replies_per_second)
    rollouts = n * cells
    return Cost(
        rollouts,
        None if tokens_per_reply is None else rollouts * tokens_per_reply,
        None if replies_per_second is None else rollouts / replies_per_second,
    )


def n_within(
    cells: int,
    *,
    tokens: float | None = None,
    seconds: float | None = None,
    tokens_per_reply: float | None = None,
    replies_per_second: float | None = None,
) -> int:
    """The n a cell that a budget in tokens, in seconds, or in both pays for; 0 where it pays for
    none. Raises ValueError for a budget without its measured rate."""
    _measured(tokens_per_reply, replies_per_second)
    if cells < 1:
        raise ValueError(f"cells is {cells}; allowed: 1 or more")
    limits = []
    if tokens is not None and tokens_per_reply is not None:
        limits.append(tokens / tokens_per_reply)
    if seconds is not None and replies_per_second is not None:
        limits.append(seconds * replies_per_second)
    if len(limits) < (tokens is not None) + (seconds is not None) or not limits:
        raise ValueError(
            "a budget of tokens needs tokens_per_reply, one of seconds replies_per_second; "
            "measure them with a small sweep"
        )
    return int(min(limits) // cells)


# Search and arguments


def _least(enough: Callable[[int], bool], start: int = 1) -> int:
    """The n where ``enough`` turns true, sought from ``start`` outwards, then by halving."""
    few, many = start - 1, start
    while not enough(many):
        few, many = many, 2 * many
        if many > LARGEST:
            raise ValueError(f"this takes more than {LARGEST} rollouts a cell; ask for less")
    while few >= 1 and enough(few):
        few, many = few // 2, few
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def _measured(*rates: float | None) -> None:
    for rate in rates:
        if rate is not None and not rate > 0:
            raise ValueError(f"a measured rate is {rate}; allowed: above 0")
