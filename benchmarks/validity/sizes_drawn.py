"""False positive rates by simulation: tests of clusters, factors, onsets, and corrections.

In: a seed and whether to be quick. Out: how often each test finds what is not there.
"""

from __future__ import annotations

import numpy as np
from coverage_drawn import factor_frame
from frames import STEPS, beta_binomial, rollouts, series
from suite import (
    ALPHA,
    SIZE_COLUMNS,
    Row,
    Table,
    false_row,
    percent,
    say,
    some,
    stream,
    without_old_garbage,
)

from rewardgym.metrics.clusters import clustered_difference
from rewardgym.metrics.confounds import at_equal_length
from rewardgym.metrics.corrections import benjamini_hochberg, holm, tied_groups
from rewardgym.metrics.effects import p_values
from rewardgym.metrics.factors import factor_effects
from rewardgym.metrics.onsets import onset
from rewardgym.metrics.trends import trend

PART = 3


def cluster_differences(seed: int, runs: int, few: bool) -> list[Row]:
    """Two samples of the same clusters, whose rates scatter and move apart by chance."""
    rows = []
    for count in some((5, 3, 12, 30), few):
        for mean, correlation in some(((0.3, 0.1), (0.05, 0.1), (0.3, 0.4)), few):
            rng = stream(seed, PART, 1, count, int(100 * mean), int(100 * correlation))
            false, size = 0, np.full(count, 20)
            for _ in range(runs):
                k1, k2 = beta_binomial(rng, 20, mean, correlation, (2, count))
                p = clustered_difference(k1, size, k2, size).p_value
                assert p is not None
                false += p <= ALPHA
            name = f"{count} clusters, rate {mean:g}, correlation {correlation:g}"
            rows.append(false_row("clustered difference", name, false, runs))
    say("clustered differences")
    return rows


def slopes(seed: int, runs: int, few: bool) -> list[Row]:
    """No slope: variants of one rate, and variants that differ and drift by chance."""
    rows = []
    settings = (
        *((8, 0.1, 0.3), (1, 0.0, 0.3), (1, 0.0, 0.03)),
        *((4, 0.1, 0.3), (8, 0.0, 0.05), (20, 0.1, 0.3)),
    )
    for variants, spread, rate in some(settings, few):
        for value in ("rate", "excess"):
            at = (variants, int(100 * spread), int(100 * rate), len(value))
            rng = stream(seed, PART, 2, *at)
            own = spread * rng.uniform(-1, 1, (runs, variants, 1))
            drift = spread * rng.uniform(-1, 1, (runs, variants, 1)) * (STEPS - 300) / 200
            frame = series(rng, np.clip(rate + own + drift, 0, 1), 40, twin=min(rate, 0.1))
            false = int((trend(frame, "replicate", value=value)["p"] <= ALPHA).sum())
            name = f"{variants} variants, rate {rate:g}, scatter {percent(spread, 0)}"
            rows.append(false_row(f"slope of the {value}", name, false, runs))
    say("slopes")
    return rows


def onsets(seed: int, runs: int, few: bool) -> list[Row]:
    """A flat excess, of 0 or just at the level: the hardest null."""
    rows = []
    for excess in some((0.1, 0.0), few):
        for variants, spread, n in some(((4, 0.1, 20), (1, 0.0, 40), (12, 0.1, 20)), few):
            rng = stream(seed, PART, 3, variants, int(100 * excess))
            own = 0.3 + excess + spread * rng.normal(size=(runs, variants, 1))
            rates = np.broadcast_to(np.clip(own, 0, 1), (runs, variants, len(STEPS)))
            frame = series(rng, rates, n, twin=0.3)
            found = onset(frame, level=0.1, by="replicate", samples=500, seed=seed)
            false = sum(one.step is not None for one in found)
            name = f"{variants} variants of {n}, excess {percent(excess, 0)}, level 10%"
            rows.append(false_row("onset", name, false, runs))
    say("onsets")
    return rows


def factors(seed: int, runs: int, few: bool) -> list[Row]:
    """Two factors without an effect beside one that has one: each, and any of them by Holm."""
    rows = []
    names = ["field", "encoding", "order"]
    for base, spread in some(((0.3, 0.1), (0.3, 0.0), (0.02, 0.0)), few):
        rng = stream(seed, PART, 4, int(100 * base), int(100 * spread))
        each, family = np.zeros(3, dtype=int), 0
        for _ in range(runs):
            effects = factor_effects(factor_frame(rng, base, 0.2, spread), names).effects
            null = effects[effects["factor"] != "field"]
            each += (null["p"] <= ALPHA).to_numpy(dtype=int)
            family += bool((null["p_holm"] <= ALPHA).any())
        name = f"rate {base:g}, scatter {percent(spread, 0)}"
        # The effects of one run depend on each other, so each has a row of its own.
        rows += [
            false_row(f"factor, {word}", name, int(one), runs)
            for word, one in zip(("hex", "base64", "order"), each, strict=True)
        ]
        rows.append(false_row("factors, any by Holm", name, family, runs))
    say("factors")
    return rows


def lengths(seed: int, runs: int, few: bool) -> list[Row]:
    """No effect but through length, with and without a shift of length between the groups."""
    rows = []
    for at, method in enumerate(("strata", "match")):
        each = runs if method == "strata" else max(runs // 4, 1)
        for shift in some((-1.0, 0.0), few):
            rng = stream(seed, PART, 5, at, int(-10 * shift))
            false = 0
            for _ in range(each):
                frame = rollouts(rng, 150, 0.0, shift, by_length=True)
                found = at_equal_length(
                    frame, "label", "tokens", "gamed", groups=(1, 0), method=method
                )
                false += found.p_value is not None and found.p_value <= ALPHA
            name = f"{method}, log length moved by {abs(shift):g}, 150 rollouts a group"
            rows.append(false_row("at equal length", name, false, each))
    say("equal length")
    return rows


# Many cells


def grids(seed: int, runs: int) -> list[Row]:
    """Any false finding among 30 pairs of cells without a difference, and the false share among
    findings where 6 of 30 differ."""
    rows = []
    for rate, n in ((0.3, 40), (0.03, 200)):
        rng = stream(seed, PART, 6, int(100 * rate))
        k1, k2 = rng.binomial(n, rate, (2, runs, 30))
        p = p_values(k1, n, k2, n)
        name = f"30 pairs of n = {n}, rate {rate:g}"
        for word, correct in (("holm", holm), ("benjamini-hochberg", benjamini_hochberg)):
            false = sum(bool((correct(row) <= ALPHA).any()) for row in p)
            rows.append(false_row(f"{word}, any finding", name, false, runs))
        false = sum(bool((row <= ALPHA).any()) for row in p)
        k1[:, :6] = rng.binomial(n, rate + 0.3, (runs, 6))
        share = 0.0
        for row in p_values(k1, n, k2, n):
            kept = benjamini_hochberg(row) <= ALPHA
            share += float(kept[6:].sum() / max(kept.sum(), 1))
        name += ", 6 of them differ"
        rows.append(false_row("benjamini-hochberg, false share", name, share, runs))
    rows.append(_letters(seed, max(runs // 4, 1)))
    say("grids")
    return rows


def _letters(seed: int, runs: int) -> Row:
    rng = stream(seed, PART, 7)
    k = rng.binomial(40, 0.3, (runs, 8))
    false = sum(len(set(tied_groups(row, 40))) > 1 for row in k)
    return false_row("tied groups, any two told apart", "8 rates of n = 40, all 0.3", false, runs)


@without_old_garbage()
def part(seed: int, quick: bool) -> list[Table]:
    """All of it."""
    note = "Errors are those of a true 5%. Drifts and scatters have mean 0 over variants."
    table = Table("Tests over clusters, checkpoints and grids", note, SIZE_COLUMNS)
    table.rows += cluster_differences(seed, 500 if quick else 2000, quick)
    table.rows += slopes(seed, 150 if quick else 1000, quick)
    table.rows += onsets(seed, 60 if quick else 400, quick)
    table.rows += factors(seed, 40 if quick else 500, quick)
    table.rows += lengths(seed, 150 if quick else 1000, quick)
    table.rows += grids(seed, 200 if quick else 4000)
    return [table]
