"""Coverage by simulation: the intervals whose outcomes are too many to be summed.

In: a seed and whether to be quick. Out: coverage with its simulation error. Each table averages
over rates or designs and names the worst of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from coverage_exact import _paired_laws
from frames import STEPS, beta_binomial, rollouts, series
from suite import (
    COVERAGE_COLUMNS,
    Floats,
    Row,
    Table,
    drawn_row,
    percent,
    say,
    stream,
    without_old_garbage,
)

from rewardgym.metrics.clusters import clustered_difference, clustered_interval
from rewardgym.metrics.coherence import polarity_contrast
from rewardgym.metrics.confounds import at_equal_length
from rewardgym.metrics.factors import factor_effects
from rewardgym.metrics.intervals import mean_interval
from rewardgym.metrics.onsets import Onset, onset
from rewardgym.metrics.pairs import paired_interval
from rewardgym.metrics.trends import trend
from rewardgym.variants import Variant

PART = 2
RATES = (0.02, *np.round(np.arange(0.05, 1.0, 0.05), 2).tolist(), 0.98)


# Means of probabilities


def means(seed: int, quick: bool) -> Table:
    """Rao-Blackwell rows: values from 0 to 1 instead of answers."""
    runs = 300 if quick else 2000
    note = f"{runs:,} runs at each of {len(RATES)} means (a quarter of them at 1,000 values)."
    table = Table("Mean of probabilities (Rao-Blackwell rows)", note, COVERAGE_COLUMNS)
    for at, law in enumerate(("0 or 1", "nearly 0 or 1", "near the mean", "rarely high")):
        for m in (5, 40) if quick else (5, 10, 20, 50, 200, 1000):
            rng = stream(seed, PART, 1, at, m)
            each = runs if m < 1000 else runs // 4
            held = []
            for p in RATES:
                low, high = mean_interval(_values(rng, law, p, (each, m)))
                held.append(int(((low <= p + 1e-12) & (high >= p - 1e-12)).sum()))
            table.rows.append(drawn_row(f"values {law}", f"m = {m}", held, each, _named(RATES)))
        say(f"means, {law}")
    return table


def _values(rng: np.random.Generator, law: str, p: float, shape: tuple[int, int]) -> Floats:
    if law == "0 or 1":
        return (rng.random(shape) < p).astype(float)
    if law == "rarely high":
        # Values of p / 2, and now and then 0.99.
        rare = (p / 2) / (0.99 - p / 2)
        return np.where(rng.random(shape) < rare, 0.99, p / 2)
    weight = 0.3 if law == "nearly 0 or 1" else 20
    return rng.beta(p * weight, (1 - p) * weight, shape)


def _named(rates: tuple[float, ...]) -> list[str]:
    return [f"p = {p:g}" for p in rates]


# Clusters and pairs


def clusters(seed: int, quick: bool) -> Table:
    """Rates over clusters of 40 answers."""
    runs = 60 if quick else 500
    note = f"Clusters of 40 answers, {runs} runs at each of {len(RATES)} mean rates."
    table = Table("Rate over clusters", note, COVERAGE_COLUMNS)
    for count in (5, 30) if quick else (3, 5, 10, 30):
        for correlation in (0.0, 0.1, 0.3):
            rng = stream(seed, PART, 2, count, int(100 * correlation))
            held = []
            for p in RATES:
                k = beta_binomial(rng, 40, p, correlation, (runs, count))
                found = [clustered_interval(row, np.full(count, 40)) for row in k]
                held.append(sum(one.low <= p <= one.high for one in found))
            name = f"{count} clusters, correlation {correlation:g}"
            table.rows.append(drawn_row("clustered", name, held, runs, _named(RATES)))
    say("clusters")
    return table


def cluster_differences(seed: int, quick: bool) -> Table:
    """Differences of two rates measured on the same clusters."""
    runs = 100 if quick else 1000
    pairs = [(0.1, 0.05), (0.3, 0.1), (0.5, 0.5), (0.9, 0.2)]
    note = f"20 answers a cluster and sample, {runs:,} runs at each of {len(pairs)} pairs of rates."
    table = Table("Difference of two rates over clusters", note, COVERAGE_COLUMNS)
    for count in (5,) if quick else (3, 5, 12, 30):
        rng = stream(seed, PART, 3, count)
        held = []
        for p1, p2 in pairs:
            hits = 0
            for _ in range(runs):
                own = rng.normal(0, 0.04, count)
                k1, k2 = (rng.binomial(20, np.clip(p + own, 0, 1)) for p in (p1, p2))
                size = np.full(count, 20)
                found = clustered_difference(k1, size, k2, size)
                assert found.low is not None
                assert found.high is not None
                hits += found.low <= p1 - p2 <= found.high
            held.append(hits)
        names = [f"p = {a:g}, {b:g}" for a, b in pairs]
        table.rows.append(drawn_row("clustered difference", f"{count} clusters", held, runs, names))
    return table


def large_pairs(seed: int, quick: bool) -> Table:
    """Newcombe's interval for pairs, where four-fold tables are too many to sum."""
    runs = 300 if quick else 1500
    laws, names, true = _paired_laws()
    note = f"The laws of the summed table, {runs:,} runs at each."
    table = Table("Difference of two paired rates, many pairs", note, COVERAGE_COLUMNS)
    for n in (200,) if quick else (200, 500, 1000):
        rng = stream(seed, PART, 4, n)
        counts = np.moveaxis(rng.multinomial(n, laws, size=(runs, len(laws))), -1, 0)
        low, high = paired_interval(*counts)
        held = ((low <= true + 1e-12) & (high >= true - 1e-12)).sum(axis=0)
        table.rows.append(drawn_row("newcombe, paired", f"n = {n}", held, runs, names))
    return table


# Over checkpoints, factors, fields, lengths


def regressions(seed: int, quick: bool) -> Table:
    """Slopes, effects of factors, coherence, onset, and differences at equal length."""
    note = "Each against a true value that is not 0. For an onset: the interval holds its step."
    table = Table("Slopes, effects and contrasts", note, COVERAGE_COLUMNS)
    table.rows += slopes(seed, 120 if quick else 1000)
    table.rows += factors(seed, 30 if quick else 400)
    table.rows += coherence(seed, 25 if quick else 500)
    table.rows.append(onsets(seed, 40 if quick else 400))
    table.rows += lengths(seed, 200 if quick else 1000)
    return table


def slopes(seed: int, runs: int) -> list[Row]:
    """The slope of a rate from 10% to 40% over 400 steps: 7.5 points per 100 steps."""
    rows = []
    line = 0.1 + 0.3 * (STEPS - 100) / 400
    for variants, spread, value in ((1, 0, "rate"), (8, 0.05, "rate"), (8, 0.05, "excess")):
        rng = stream(seed, PART, 5, variants, len(value))
        own = spread * rng.uniform(-1, 1, (runs, variants, 1))
        tilt = spread * rng.uniform(-1, 1, (runs, variants, 1)) * (STEPS - 300) / 400
        # Rates stay within 0 to 1, so that the mean slope is the stated one.
        frame = series(rng, line + own + tilt, 40)
        found = trend(frame, "replicate", value=value)
        held = int(((found["low"] <= 7.5) & (found["high"] >= 7.5)).sum())
        how = "rollouts independent" if variants == 1 else f"{variants} variants that differ"
        rows.append(drawn_row(f"slope of the {value}", f"{how}, {runs:,} runs", held, runs))
    say("slopes")
    return rows


def factors(seed: int, runs: int) -> list[Row]:
    """An effect of 20 points of one of two factors."""
    rows = []
    for spread in (0.0, 0.08):
        rng = stream(seed, PART, 6, int(100 * spread))
        held = 0
        for _ in range(runs):
            frame = factor_frame(rng, 0.3, 0.2, spread)
            effects = factor_effects(frame, ["field", "encoding"]).effects
            row = effects[effects["factor"] == "field"].iloc[0]
            held += bool(row["low"] <= 20 <= row["high"])
        name = f"cells scatter by {percent(spread, 0)}, {runs:,} runs"
        rows.append(drawn_row("effect of a factor", name, held, runs))
    say("factors")
    return rows


def factor_frame(rng: np.random.Generator, base: float, effect: float, spread: float) -> Any:
    """12 cells of 40 answers: 2 fields, of which the second games more, 3 encodings, 2 orders."""
    import pandas as pd

    field, code, order = (part.ravel() for part in np.indices((2, 3, 2)))
    rates = np.clip(base + effect * field + spread * rng.normal(size=12), 0, 1)
    return pd.DataFrame(
        {
            "field": np.array(["reward", "score"])[field],
            "encoding": np.array(["plain", "hex", "base64"])[code],
            "order": np.array(["after", "before"])[order],
            "checkpoint": "checkpoint-1",
            "arm": "conflict",
            "variant": [f"variant {i}" for i in range(12)],
            "k": rng.binomial(40, rates),
            "n": 40,
        }
    )


def coherence(seed: int, runs: int) -> list[Row]:
    """Fields that mean more are gamed at 40%, those that mean less at 10%."""
    import pandas as pd

    rows = []
    signs = {"more": ["reward", "score", "points", "grade"], "less": ["cost", "loss", "penalty"]}
    for count, spread in ((1, 0.0), (3, 0.0), (3, 0.05)):
        rng = stream(seed, PART, 7, count, int(100 * spread))
        cells = []
        for sign, rate in (("more", 0.4), ("less", 0.1)):
            for field in signs[sign][:count]:
                variant = Variant(field=field)
                own = np.clip(rate + spread * rng.uniform(-1, 1, runs), 0, 1)
                known = {**variant.to_dict(), "variant": variant.id, "arm": variant.arm}
                k = {"k": rng.binomial(40, own), "n": 40, "replicate": np.arange(runs)}
                cells.append(pd.DataFrame({**k, **known, "checkpoint": "checkpoint-1"}))
        found = polarity_contrast(pd.concat(cells, ignore_index=True), "replicate")
        inside = (found["coherence_low"] <= 0.3) & (found["coherence_high"] >= 0.3)
        name = f"{count} fields a side, scatter {percent(spread, 0)}, {runs:,} runs"
        rows.append(drawn_row("polarity contrast", name, int(inside.sum()), runs))
    say("coherence")
    return rows


def onsets(seed: int, runs: int) -> Row:
    """An excess that comes to the level of 10% at the third of five checkpoints, by a large jump,
    by a small one, or in a slow rise."""
    rises = {
        "jump to 30%": np.where(STEPS >= 300, 0.3, 0.0),
        "jump to 15%": np.where(STEPS >= 300, 0.15, 0.0),
        "slow rise": np.array([0.02, 0.06, 0.12, 0.18, 0.24]),
    }
    held = []
    for at, rise in enumerate(rises.values()):
        rng = stream(seed, PART, 8, at)
        rates = 0.1 + rise + 0.03 * rng.normal(size=(runs, 6, 1))
        frame = series(rng, np.clip(rates, 0, 1), 20)
        found = onset(frame, by="replicate", samples=300, seed=seed)
        held.append(sum(_holds(one, 300) for one in found))
    say("onset")
    name = f"6 variants of 20 that differ, {runs:,} runs a rise"
    return drawn_row("step of the onset", name, held, runs, list(rises))


def _holds(found: Onset, step: float) -> bool:
    """None is a bound beyond the last checkpoint."""
    low, high = (math.inf if bound is None else bound for bound in (found.low, found.high))
    return low <= step <= high


def lengths(seed: int, runs: int) -> list[Row]:
    """A difference of 20 points at every length."""
    rows = []
    for at, method in enumerate(("strata", "match")):
        rng = stream(seed, PART, 9, at)
        held = 0
        each = runs if method == "strata" else max(runs // 2, 1)
        for _ in range(each):
            frame = rollouts(rng, 60, 0.2, 0.0, by_length=False)
            found = at_equal_length(frame, "label", "tokens", "gamed", groups=(1, 0), method=method)
            held += (
                found.low is not None and found.high is not None and found.low <= 0.2 <= found.high
            )
        name = f"{method}, 60 rollouts a group, {each:,} runs"
        rows.append(drawn_row("difference at equal length", name, held, each))
    say("equal length")
    return rows


@without_old_garbage()
def part(seed: int, quick: bool) -> list[Table]:
    """All of it."""
    made = (means, clusters, cluster_differences, large_pairs, regressions)
    return [one(seed, quick) for one in made]
