"""Power: does a study of the planned size find what the plan promised?

In: a seed and whether to be quick. Out: the promised and the simulated power of each plan, and the
half-width that an interval of the planned n really has. The studies are judged by the functions
that users call, not by the ones that the plans were made with.
"""

from __future__ import annotations

import math

import numpy as np
from frames import STEPS
from scipy.stats import binom
from suite import ALPHA, POWER_COLUMNS, Row, Table, percent, power_row, say, stream

from rewardgym.metrics.effects import compare_columns
from rewardgym.metrics.intervals import newcombe, wilson
from rewardgym.metrics.planning import (
    n_for_difference_precision,
    n_for_excess,
    n_for_power,
    n_for_precision,
    n_for_trend,
    smallest_effect,
)
from rewardgym.metrics.sequences import decided, n_until
from rewardgym.metrics.trends import cochran_armitage

PART = 4


def two_rates(seed: int, quick: bool) -> Table:
    """Two rates, an excess over a twin, and the smallest effect of a given n."""
    runs = 4000 if quick else 40_000
    table = Table("Power of two rates", f"{runs:,} studies each.", POWER_COLUMNS)
    pairs = [(0.31, 0.15), (0.1, 0.02), (0.05, 0.0), (0.5, 0.45), (0.95, 0.8), (0.6, 0.1)]
    for at, (p1, p2) in enumerate(pairs[:3] if quick else pairs):
        for power in (0.8,) if quick else (0.5, 0.8, 0.95):
            rng = stream(seed, PART, 1, at, int(100 * power))
            n = n_for_power(p1, p2, power)
            row = _power("n_for_power", f"{p1:g} against {p2:g}", n, p1, p2, power, runs, rng)
            table.rows.append(row)
    for at, (excess, twin) in enumerate(((0.1, 0.0), (0.1, 0.02), (0.05, 0.1), (0.2, 0.5))):
        rng = stream(seed, PART, 2, at)
        n, name = n_for_excess(excess, twin), f"excess {excess:g} over {twin:g}"
        row = _power("n_for_excess", name, n, twin + excess, twin, 0.8, runs, rng)
        table.rows.append(row)
    for at, (n, p0) in enumerate(((40, 0.0), (100, 0.1), (400, 0.3))):
        rng = stream(seed, PART, 3, at)
        effect = smallest_effect(n, p0)
        assert effect is not None
        name = f"{percent(effect)} above {p0:g}"
        table.rows.append(_power("smallest_effect", name, n, p0 + effect, p0, 0.8, runs, rng))
    say("power of two rates")
    return table


def _power(
    what: str,
    setting: str,
    n: int,
    p1: float,
    p2: float,
    power: float,
    runs: int,
    rng: np.random.Generator,
) -> Row:
    found = compare_columns(rng.binomial(n, p1, runs), n, rng.binomial(n, p2, runs), n)
    share = float((found["p_value"] <= ALPHA).mean())
    return power_row(what, setting, n, power, share, math.sqrt(share * (1 - share) / runs))


def trends(seed: int, quick: bool) -> Table:
    """Studies of a rate that goes in a straight line over checkpoints."""
    runs = 1000 if quick else 8000
    table = Table("Power of a trend", f"{runs:,} studies each, 5 checkpoints.", POWER_COLUMNS)
    lines = [(0.1, 0.3), (0.0, 0.1), (0.02, 0.08), (0.5, 0.4), (0.9, 0.97)]
    for at, (start, end) in enumerate(lines[:2] if quick else lines):
        for power in (0.8,) if quick else (0.5, 0.8, 0.95):
            rng = stream(seed, PART, 4, at, int(100 * power))
            n = n_for_trend(STEPS.tolist(), start, end, power)
            k = rng.binomial(n, np.linspace(start, end, len(STEPS)), (runs, len(STEPS)))
            seen = 0
            for row in k:
                p = cochran_armitage(row, np.full(len(STEPS), n), STEPS).p
                assert p is not None
                seen += p <= ALPHA
            share = seen / runs
            error = math.sqrt(share * (1 - share) / runs)
            name = f"{start:g} to {end:g}"
            table.rows.append(power_row("n_for_trend", name, n, power, share, error))
    say("power of trends")
    return table


WIDTH_COLUMNS = ("n", "wanted", "mean half-width", "with one answer less")


def widths(quick: bool) -> Table:
    """The mean half-width of the intervals, summed over all outcomes; it must be reached, and one
    answer less must not do at the planned rate itself."""
    note = "Half the mean width over all outcomes of the planned n. No random numbers."
    table = Table("Precision", note, WIDTH_COLUMNS)
    for wanted in (0.1,) if quick else (0.03, 0.05, 0.1):
        for p in (0.02, 0.1, 0.3, 0.5):
            n = n_for_precision(wanted, p)
            means = [_width(size, p) for size in (n, n - 1)]
            table.rows.append(_width_row("n_for_precision", f"p = {p:g}", n, wanted, means))
        for p1, p2 in ((0.3, 0.1), (0.1, 0.02), (0.5, 0.5)):
            n = n_for_difference_precision(wanted, p1, p2)
            means = [_difference_width(size, p1, p2) for size in (n, n - 1)]
            name = f"p = {p1:g}, {p2:g}"
            row = _width_row("n_for_difference_precision", name, n, wanted, means)
            table.rows.append(row)
    for wanted in (0.05, 0.1):
        n = n_until(wanted)
        # n_until promises that a cell of n answers is decided whatever its k.
        met = bool(decided(np.arange(n + 1), n, half_width=wanted).all())
        figures = (str(n), percent(wanted), "every k is decided" if met else "not every k", "-")
        table.rows.append(Row("n_until", "any p", figures, "every k", met, float(met)))
    say("precision")
    return table


def _width(n: int, p: float) -> float:
    k = np.arange(n + 1)
    low, high = wilson(k, n)
    return float(binom.pmf(k, n, p) @ (high - low)) / 2


def _difference_width(n: int, p1: float, p2: float) -> float:
    # Outcomes that are less likely than one in a billion add nothing.
    k1, k2 = (np.arange(binom.ppf(1e-9, n, p), binom.isf(1e-9, n, p) + 1) for p in (p1, p2))
    low, high = newcombe(k1[:, None], n, k2, n)
    return float(binom.pmf(k1, n, p1) @ (high - low) @ binom.pmf(k2, n, p2)) / 2


def _width_row(what: str, setting: str, n: int, wanted: float, means: list[float]) -> Row:
    figures = (str(n), percent(wanted), percent(means[0], 3), percent(means[1], 3))
    met = means[0] <= wanted + 1e-6
    return Row(what, setting, figures, "no wider than wanted", met, means[0])


def part(seed: int, quick: bool) -> list[Table]:
    """All of it."""
    return [two_rates(seed, quick), trends(seed, quick), widths(quick)]
