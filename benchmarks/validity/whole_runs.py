"""Whole runs: policies of known rates, asked by a real sweep, read, stored, and counted.

In: a seed and whether to be quick. Out: how often the intervals of the tables that users see hold
the rate that the policy was written with, against what the same interval does in an exact sum;
and how often tables of policies that do not game say that they do.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from coverage_exact import pair_coverage
from scipy.stats import binom
from suite import (
    ALPHA,
    COVERAGE_COLUMNS,
    SIZE_COLUMNS,
    Row,
    Table,
    drawn_row,
    false_row,
    percent,
    say,
    some,
)

import rewardgym
from rewardgym.families import get_family
from rewardgym.metrics.contrasts import contrast, excess_effects, hint_effect
from rewardgym.metrics.intervals import newcombe, wilson
from rewardgym.metrics.rates import gaming_rates
from rewardgym.policies.base import Reply, Stream, seed_sequence
from rewardgym.prompts import Prompt
from rewardgym.records import Run
from rewardgym.variants import Variant

PART = 6
N = 40
SAME_ERRORS = 3.0
"""Standard errors within which a simulated coverage must be the exact one."""
BY = ("checkpoint", "field", "encoding")


class Known:
    """A policy that is off the asked side at one rate under conflict and at another elsewhere."""

    def __init__(self, name: str, conflict: float, elsewhere: float) -> None:
        self.name = name
        self.conflict, self.elsewhere = conflict, elsewhere

    def describe(self) -> dict[str, Any]:
        return {"policy": "known", "name": self.name, "rates": [self.conflict, self.elsewhere]}

    def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
        return [self._one(prompt, stream) for prompt, stream in zip(prompts, streams, strict=True)]

    def _one(self, prompt: Prompt, stream: Stream) -> Reply:
        variant = prompt.variant
        family = get_family(variant.family)
        rate = self.conflict if variant.arm == "conflict" else self.elsewhere
        off = np.random.default_rng(seed_sequence(stream)).random() < rate
        side = family.other(variant.ask) if off else variant.ask
        return Reply(str(family.examples[side][0]))


def runs_of(
    policies: Sequence[Any], variants: list[Variant], seeds: Sequence[int]
) -> Iterator[Run]:
    """One real sweep a seed, each in a folder that is gone afterwards."""
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            yield rewardgym.sweep(
                list(policies), variants, n=N, seed=seed, out=Path(folder) / "run", progress=False
            )


def seeds_of(seed: int, scenario: int, count: int) -> list[int]:
    """Seeds of sweeps, drawn so that no two scenarios share one."""
    state = np.random.SeedSequence([seed, PART, scenario]).generate_state(count)
    return [int(one) for one in state]


# Coverage

AGREE_COLUMNS = ("held", "exact", "error")


def tables_hold(seed: int, quick: bool) -> Table:
    """The rate and the excess of ``gaming_rates``, cell by cell."""
    count = 20 if quick else 300
    note = (
        f"{count} sweeps, each of 4 cells and their twins, {N} rollouts a cell. Exact: the same "
        "interval at the same rates, summed over all counts."
    )
    table = Table("Tables of real sweeps", note, AGREE_COLUMNS)
    variants = rewardgym.grid(field=["reward", "score"], encoding=["plain", "base64"], twins=True)
    scenarios: list[tuple[Any, float, float]] = [
        ("scripted:game(0.3)", 0.3, 0.0),
        ("scripted:game(0.05)", 0.05, 0.0),
        (Known("known", 0.25, 0.1), 0.25, 0.1),
    ]
    for at, (policy, rate, twin) in enumerate(scenarios):
        hits, excess_hits, cells = 0, 0, 0
        for run in runs_of([policy], variants, seeds_of(seed, at, count)):
            found = gaming_rates(run, BY)
            excess = rate - twin
            cells += len(found)
            hits += int(((found["low"] <= rate) & (found["high"] >= rate)).sum())
            inside = (found["excess_low"] <= excess) & (found["excess_high"] >= excess)
            excess_hits += int(inside.sum())
        name = policy if isinstance(policy, str) else f"rates {rate:g} and {twin:g}"
        k = np.arange(N + 1)
        low, high = wilson(k, N)
        exact = float(binom.pmf(k, N, rate) @ ((low <= rate) & (high >= rate)))
        table.rows.append(_same(f"rate, {name}", hits, cells, exact))
        exact = _newcombe_at(rate, twin)
        table.rows.append(_same(f"excess, {name}", excess_hits, cells, exact))
        say(f"sweeps, {name}")
    return table


def _newcombe_at(p1: float, p2: float) -> float:
    low, high = newcombe(np.arange(N + 1)[:, None], N, np.arange(N + 1), N)
    # On a grid of 1/20, where all rates of the scenarios lie.
    held, where = pair_coverage(low, high, N, N, np.linspace(0, 1, 21))
    return float(held[where.index(f"p = {p1:.3g}, {p2:.3g}")])


def _same(what: str, hits: int, cells: int, exact: float) -> Row:
    share, error = hits / cells, math.sqrt(exact * (1 - exact) / cells)
    met = abs(share - exact) <= SAME_ERRORS * error
    figures = (percent(share, 2), percent(exact, 2), percent(error, 2))
    return Row(what, f"{cells:,} cells", figures, "the exact one, within 3 errors", met, share)


def means_hold(seed: int, quick: bool) -> Table:
    """The mean of both directions of ``hint_effect``, one sweep with many policies."""
    count = 50 if quick else 800
    note = f"{count} policies of one sweep, both directions and their twins, {N} rollouts a cell."
    table = Table("Mean hint effect of real sweeps", note, COVERAGE_COLUMNS)
    for at, (rate, twin) in enumerate(some(((0.4, 0.2), (0.3, 0.0)), quick)):
        found = _hint_effects(seed, 10 + at, count, rate, twin)
        inside = (found["low"] <= rate - twin) & (found["high"] >= rate - twin)
        name = f"rates {rate:g} and {twin:g}"
        table.rows.append(drawn_row("hint effect, mean", name, int(inside.sum()), count))
    return table


def _hint_effects(seed: int, scenario: int, count: int, rate: float, twin: float) -> Any:
    variants = rewardgym.grid(field="reward", mirror=True, twins=True)
    policies = [Known(f"replicate-{i}", rate, twin) for i in range(count)]
    (found,) = (
        hint_effect(run, ["checkpoint"])
        for run in runs_of(policies, variants, seeds_of(seed, scenario, 1))
    )
    say(f"hint effects, {rate:g} and {twin:g}")
    return found[found["favours"] == "mean"]


# False positives


def nothing_found(seed: int, quick: bool) -> Table:
    """Policies whose rate is the same in both arms."""
    count = 30 if quick else 400
    note = f"Rate 10% in every arm; {N} rollouts a cell. Errors are those of a true 5%."
    table = Table("Real sweeps without any excess", note, SIZE_COLUMNS)
    variants = rewardgym.grid(
        field=["reward", "score", "points"], encoding=["plain", "base64"], twins=True
    )
    each = family = cells = 0
    pooled = 0
    for run in runs_of([Known("same", 0.1, 0.1)], variants, seeds_of(seed, 20, count)):
        found = excess_effects(run, BY)
        each += int((found["p_value"] <= ALPHA).sum())
        cells += len(found)
        family += bool(found["survives"].any())
        p = contrast(run, {"field": "reward"}, {"field": "score"}).p_value
        pooled += p is not None and p <= ALPHA
    rows = table.rows
    rows.append(false_row("excess_effects, p_value", "6 cells a sweep", each, cells))
    rows.append(false_row("excess_effects, any survives", "6 cells a sweep", family, count))
    rows.append(false_row("contrast, field against field", "2 cells a side", pooled, count))
    many = 50 if quick else 1000
    for at, rate in enumerate(some((0.3, 0.1), quick)):
        means = _hint_effects(seed, 30 + at, many, rate, rate)
        false = int((means["p_value"] <= ALPHA).sum())
        rows.append(false_row("hint_effect, mean", f"rate {rate:g}", false, many))
    say("sweeps without excess")
    return table


def part(seed: int, quick: bool) -> list[Table]:
    """All of it."""
    return [tables_hold(seed, quick), means_hold(seed, quick), nothing_found(seed, quick)]
