"""Coverage without simulation: the intervals of counts, summed over every outcome of the sample.

In: a seed (of the reader's own errors alone) and whether to be quick. Out: coverage at every rate
of a grid. There is no noise in these figures: a dip is the interval's, and the table says where.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import binom
from suite import COVERAGE_COLUMNS, Floats, Table, coverage_row, say, stream

from rewardgym.metrics.effects import compare, compare_columns, odds_columns
from rewardgym.metrics.grading_error import ReaderError, correct_rate
from rewardgym.metrics.intervals import METHODS, newcombe
from rewardgym.metrics.pairs import paired_interval
from rewardgym.metrics.sequences import confidence_sequence, difference_sequence

PART = 1
SIZES = (10, 20, 40, 50, 100, 200, 500, 1000)
QUICK = (10, 40, 200)
RATES = np.linspace(0, 1, 1001)
GUARANTEED = ("clopper-pearson",)


def law_of(n: int, rates: Floats) -> Floats:
    """The chance of each k of n: a row a k, a column a rate."""
    return np.asarray(binom.pmf(np.arange(n + 1)[:, None], n, rates), dtype=float)


def one_rate(quick: bool) -> Table:
    """Every interval of a proportion."""
    note = "Summed over all k; 1,001 rates from 0 to 1, both ends among them."
    table = Table("One rate", note, COVERAGE_COLUMNS)
    for n in QUICK if quick else SIZES:
        k = np.arange(n + 1)
        law = law_of(n, RATES)
        bounds = {name: method(k, n, 0.95) for name, method in METHODS.items()}
        bounds["confidence sequence, one look"] = confidence_sequence(k, n)
        for name, (low, high) in bounds.items():
            held = (law * ((low[:, None] <= RATES) & (high[:, None] >= RATES))).sum(axis=0)
            sure = name in GUARANTEED or "sequence" in name
            table.rows.append(coverage_row(name, f"n = {n}", held, RATES, guaranteed=sure))
    return table


def differences(quick: bool) -> Table:
    """Newcombe's interval of a difference, and that of a confidence sequence at one look."""
    note = "Summed over all pairs of k; every pair of rates of a grid from 0 to 1."
    table = Table("Difference of two independent rates", note, COVERAGE_COLUMNS)
    sizes = [(n, n) for n in (QUICK if quick else SIZES)] + [(20, 100)]
    sizes += [] if quick else [(50, 1000)]
    for n1, n2 in sizes:
        k1, k2 = np.arange(n1 + 1)[:, None], np.arange(n2 + 1)
        rates = np.linspace(0, 1, 21 if quick else 101 if n1 * n2 < 50_000 else 51)
        bounds = newcombe(k1, n1, k2, n2)
        held, where = pair_coverage(*bounds, n1, n2, rates)
        table.rows.append(coverage_row("newcombe", f"n = {n1}, {n2}", held, where))
        if n1 == 20:
            _same_as_compare(n1, n2)
        if max(n1, n2) <= 50 and not quick:
            low, high = difference_sequence(k1, n1, k2, n2)
            held, where = pair_coverage(low, high, n1, n2, rates)
            name = "difference sequence, one look"
            row = coverage_row(name, f"n = {n1}, {n2}", held, where, guaranteed=True)
            table.rows.append(row)
        say(f"newcombe {n1}, {n2}")
    return table


def pair_coverage(
    low: Floats, high: Floats, n1: int, n2: int, rates: Floats
) -> tuple[Floats, list[str]]:
    """The coverage of p1 - p2 at all pairs of ``rates``, one after the other, and their names.

    Whether an interval holds a pair depends on p1 - p2 alone, so one table of booleans serves all
    pairs with the same difference."""
    steps = len(rates) - 1
    first, second = law_of(n1, rates), law_of(n2, rates)
    held, where = [], []
    for gap in range(-steps, steps + 1):
        difference = gap / steps
        # A bound that is the difference itself but for rounding holds it.
        inside = (low <= difference + 1e-12) & (high >= difference - 1e-12)
        one = np.arange(max(0, gap), min(steps, steps + gap) + 1)
        held.append((first[:, one] * (inside @ second[:, one - gap])).sum(axis=0))
        where += [f"p = {rates[i]:.3g}, {rates[i - gap]:.3g}" for i in one]
    return np.concatenate(held), where


def _same_as_compare(n1: int, n2: int) -> None:
    """``compare`` and its columns must give the interval that is measured here."""
    for k1, k2 in ((0, 0), (3, 11), (n1, 0)):
        low, high = newcombe(k1, n1, k2, n2)
        one, many = compare(k1, n1, k2, n2), compare_columns(k1, n1, k2, n2)
        for bounds in ((one.low, one.high), (many["low"][0], many["high"][0])):
            if not np.allclose(np.array(bounds, dtype=float), (low, high)):
                raise AssertionError(f"compare gives {bounds}, newcombe {(low, high)}")


# Odds ratios


def odds_ratios(quick: bool) -> Table:
    """The corrected interval of columns, and the exact conditional one of ``compare``."""
    note = "Summed over all pairs of k; every pair of 19 rates from 5% to 95%."
    table = Table("Odds ratio of two independent rates", note, COVERAGE_COLUMNS)
    rates = np.linspace(0.05, 0.95, 19)
    sizes = ((20, 20), (40, 40)) if quick else ((10, 10), (20, 20), (40, 40), (100, 100), (20, 100))
    for n1, n2 in sizes:
        _, low, high = odds_columns(np.arange(n1 + 1)[:, None], n1, np.arange(n2 + 1), n2)
        shape = (n1 + 1, n2 + 1)
        held, where = _odds_coverage(low.reshape(shape), high.reshape(shape), n1, n2, rates)
        table.rows.append(coverage_row("corrected, of columns", f"n = {n1}, {n2}", held, where))
    for n in () if quick else (10, 20):
        low, high = np.empty((2, n + 1, n + 1))
        for i, j in np.ndindex(n + 1, n + 1):
            found = compare(i, n, j, n, test="fisher")
            low[i, j], high[i, j] = found.odds_low, found.odds_high
        held, where = _odds_coverage(low, high, n, n, rates)
        row = coverage_row("conditional, of compare", f"n = {n}, {n}", held, where, guaranteed=True)
        table.rows.append(row)
        say(f"conditional odds ratio {n}")
    return table


def _odds_coverage(
    low: Floats, high: Floats, n1: int, n2: int, rates: Floats
) -> tuple[list[float], list[str]]:
    first, second = law_of(n1, rates), law_of(n2, rates)
    held, where = [], []
    for i, p1 in enumerate(rates):
        for j, p2 in enumerate(rates):
            true = p1 / (1 - p1) * (1 - p2) / p2
            inside = (low <= true * (1 + 1e-12)) & (high >= true * (1 - 1e-12))
            held.append(float(first[:, i] @ inside @ second[:, j]))
            where.append(f"p = {p1:.3g}, {p2:.3g}")
    return held, where


# Pairs


def pairs(quick: bool) -> Table:
    """Newcombe's interval for pairs."""
    note = (
        "Summed over all four-fold tables; pairs of 11 rates from 2% to 98%, correlation 0, 0.3, "
        "0.6 and 0.9 where the rates allow it."
    )
    table = Table("Difference of two paired rates", note, COVERAGE_COLUMNS)
    laws, names, true = _paired_laws()
    for n in (10, 40) if quick else (10, 20, 40, 50, 100):
        b, c, both = (part.ravel() for part in np.indices((n + 1,) * 3))
        kept = b + c + both <= n
        counts = np.stack([b[kept], c[kept], both[kept], n - (b + c + both)[kept]])
        low, high = paired_interval(*counts)
        chance = _multinomial(counts, laws)
        inside = (low[:, None] <= true + 1e-12) & (high[:, None] >= true - 1e-12)
        held = (chance * inside).sum(axis=0)
        table.rows.append(coverage_row("newcombe, paired", f"n = {n}", held, names))
        say(f"newcombe, paired {n}")
    return table


def _paired_laws() -> tuple[Floats, list[str], Floats]:
    """Chances of (only the first, only the second, both, neither), their names, p1 - p2."""
    laws, names, true = [], [], []
    rates = [0.02, *np.round(np.arange(0.1, 0.95, 0.1), 1), 0.98]
    for p1 in rates:
        for p2 in rates:
            for phi in (0.0, 0.3, 0.6, 0.9):
                both = p1 * p2 + phi * math.sqrt(p1 * (1 - p1) * p2 * (1 - p2))
                law = np.array([p1 - both, p2 - both, both, 1 - p1 - p2 + both])
                if law.min() > 1e-9:
                    laws.append(law)
                    names.append(f"p = {p1:.3g}, {p2:.3g}, correlation {phi:g}")
                    true.append(p1 - p2)
    return np.array(laws), names, np.array(true)


def _multinomial(counts: Floats, laws: Floats) -> Floats:
    from scipy.special import gammaln

    size = gammaln(counts.sum(axis=0) + 1) - gammaln(counts + 1).sum(axis=0)
    return np.asarray(np.exp(size[:, None] + counts.T @ np.log(laws.T)), dtype=float)


# A reader that errs


def corrected(seed: int, quick: bool) -> Table:
    """Rogan and Gladen's rate: the sample summed over all k, the labelled replies drawn."""
    readers = 60 if quick else 400
    note = (
        f"Summed over all k for each of {readers} drawn sets of labelled replies, half of them off "
        "the asked side; 101 rates. The error is that of the mean over those sets."
    )
    table = Table("Rate corrected for the reader's errors", note, COVERAGE_COLUMNS)
    rates = np.linspace(0, 1, 101)
    for at, (se, sp, labelled) in enumerate(((0.95, 0.98, 100), (0.9, 0.9, 100), (0.99, 0.99, 40))):
        for n in (40,) if quick else (20, 40, 100, 1000):
            rng = stream(seed, PART, at, n)
            half = labelled // 2
            law = law_of(n, rates * se + (1 - rates) * (1 - sp))
            held = np.empty((readers, len(rates)))
            for i, (found, passed) in enumerate(rng.binomial(half, [se, sp], (readers, 2))):
                reader = ReaderError(int(found), half, int(passed), half)
                read = correct_rate(np.arange(n + 1), n, reader)
                inside = (read.low[:, None] <= rates) & (read.high[:, None] >= rates)
                held[i] = (law * inside).sum(axis=0)
            error = float(held.mean(axis=1).std(ddof=1) / math.sqrt(readers))
            setting = f"n = {n}, reader {se:g} and {sp:g} of {labelled}"
            mean = held.mean(axis=0)
            table.rows.append(coverage_row("rogan-gladen", setting, mean, rates, error=error))
    return table


def part(seed: int, quick: bool) -> list[Table]:
    """All of it."""
    tables = [one_rate(quick), differences(quick), odds_ratios(quick), pairs(quick)]
    return [*tables, corrected(seed, quick)]
