"""False positive rates without simulation: tests of counts, summed over every outcome.

In: whether to be quick. Out: the largest false positive rate of each test over a grid of true
rates, and the rate at which it occurs. No random numbers.
"""

from __future__ import annotations

import numpy as np
from coverage_exact import law_of
from scipy.special import comb
from scipy.stats import binom
from suite import ALPHA, SIZE_COLUMNS, Floats, Table, say, size_row

from rewardgym.metrics.effects import BOSCHLOO_MOST, FEW, compare, p_values
from rewardgym.metrics.pairs import paired
from rewardgym.metrics.trends import cochran_armitage

RATES = np.linspace(0, 1, 1001)
SIZES = ((10, 10), (20, 20), (40, 40), (50, 50), (100, 100), (200, 200), (500, 500), (1000, 1000))
UNEQUAL = ((10, 100), (20, 40), (40, 39), (50, 400), (100, 300), (30, 1000))


def two_rates(quick: bool) -> Table:
    """The tests of a whole column, and those of ``compare``."""
    note = "Two independent samples of one rate, summed over all pairs of k; 1,001 rates."
    table = Table("Two rates that are equal", note, SIZE_COLUMNS)
    for n1, n2 in ((10, 10), (40, 40), (20, 40)) if quick else (*SIZES, *UNEQUAL):
        for test in ("auto", "fisher", "score"):
            p = p_values(np.arange(n1 + 1)[:, None], n1, np.arange(n2 + 1), n2, test)
            size = _size(p <= ALPHA, n1, n2)
            table.rows.append(size_row(f"columns, {test}", f"n = {n1}, {n2}", size, RATES))
        say(f"two rates {n1}, {n2}")
    for n1, n2 in ((8, 8),) if quick else ((10, 10), (20, 20), (10, 20), (30, 30)):
        p = compared(n1, n2, "boschloo")
        size = _size(p <= ALPHA, n1, n2)
        table.rows.append(size_row("compare, boschloo", f"n = {n1}, {n2}", size, RATES))
        say(f"boschloo {n1}, {n2}")
    for n1, n2 in ((12, 12),) if quick else ((10, 10), (20, 20), (40, 40), (10, 20), (20, 60)):
        size = _size(compared(n1, n2, "auto") <= ALPHA, n1, n2)
        table.rows.append(size_row("compare, auto", f"n = {n1}, {n2}", size, RATES))
        say(f"compare, auto {n1}, {n2}")
    return table


def compared(n1: int, n2: int, test: str) -> Floats:
    """``compare``'s p-value of every table; tables that mirror each other are asked once. Where
    it takes the score test the columns' value stands in, which is the same function."""
    found = np.full((n1 + 1, n2 + 1), np.nan)
    score = p_values(np.arange(n1 + 1)[:, None], n1, np.arange(n2 + 1), n2, "score")
    for i, j in np.ndindex(found.shape):
        total = i + j
        few = min(total, n1 + n2 - total) * min(n1, n2) / (n1 + n2) < FEW
        if test == "auto" and not few:
            found[i, j] = score[i, j]
        elif np.isnan(found[i, j]):
            value = compare(i, n1, j, n2, test=test).p_value
            assert value is not None
            found[i, j] = found[n1 - i, n2 - j] = value
            if n1 == n2:
                found[j, i] = found[n1 - j, n2 - i] = value
    assert n1 + n2 <= BOSCHLOO_MOST
    return found


def _size(rejects: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], n1: int, n2: int) -> Floats:
    first, second = law_of(n1, RATES), law_of(n2, RATES)
    return np.asarray((first * (rejects.astype(float) @ second)).sum(axis=0), dtype=float)


def pairs(quick: bool) -> Table:
    """McNemar's exact test."""
    note = "Pairs without a difference, summed over all counts; p: the share of pairs that differ."
    table = Table("Two paired rates that are equal", note, SIZE_COLUMNS)
    for n in (20,) if quick else (10, 20, 50, 100, 200):
        differ = law_of(n, RATES)
        exact, middle = np.zeros(n + 1), np.zeros(n + 1)
        for m in range(1, n + 1):
            b = np.arange(m + 1)
            found = [paired(int(i), m - int(i), 0, n - m) for i in b[: m // 2 + 1]]
            p = np.array([[one.p_value, one.mid_p] for one in found], dtype=float)
            chance = binom.pmf(b, m, 0.5)
            both = p[np.minimum(b, m - b)] <= ALPHA
            exact[m], middle[m] = chance @ both[:, 0], chance @ both[:, 1]
        size = exact @ differ
        table.rows.append(size_row("mcnemar, p_value", f"{n} pairs", size, RATES))
        size = middle @ differ
        table.rows.append(size_row("mcnemar, mid_p (promises nothing)", f"{n} pairs", size, RATES))
        say(f"mcnemar {n}")
    return table


def trends(quick: bool) -> Table:
    """Cochran and Armitage's test: its p-value depends on all hits and their mean step alone, so
    each such pair of sums is asked once."""
    note = "One rate at all steps, summed over all outcomes; 1,001 rates."
    table = Table("A rate that does not move with the step", note, SIZE_COLUMNS)
    sizes = ((5, 10),) if quick else ((2, 20), (3, 10), (3, 40), (5, 10), (5, 20), (5, 40))
    for steps, n in sizes:
        ways, example = _sums(steps, n)
        hits, scores = np.nonzero(ways)
        weight = np.zeros(steps * n + 1)
        for s, w in zip(hits.tolist(), scores.tolist(), strict=True):
            p = cochran_armitage(example[s, w], np.full(steps, n), np.arange(steps)).p
            assert p is not None
            weight[s] += ways[s, w] if p <= ALPHA else 0.0
        # The share of the outcomes with s hits that reject, whatever the rate.
        share = weight / ways.sum(axis=1)
        size = share @ law_of(steps * n, RATES)
        table.rows.append(size_row("cochran-armitage", f"{steps} steps, n = {n}", size, RATES))
        say(f"cochran-armitage {steps}, {n}")
    return table


def _sums(steps: int, n: int) -> tuple[Floats, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """In how many ways all hits and the sum of their steps come about, and one such outcome."""
    shape = (steps * n + 1, n * steps * (steps - 1) // 2 + 1)
    ways = np.zeros(shape)
    example = np.zeros((*shape, steps), dtype=np.int64)
    ways[0, 0] = 1
    for x in range(steps):
        more, known = np.zeros(shape), np.zeros_like(example)
        for k in range(n + 1):
            rows, columns = shape[0] - k, shape[1] - k * x
            if columns <= 0:
                break
            old = ways[:rows, :columns]
            new = (old > 0) & (more[k:, k * x :] == 0)
            known[k:, k * x :][new] = example[:rows, :columns][new]
            known[k:, k * x :, x][new] = k
            more[k:, k * x :] += old * comb(n, k)
        ways, example = more, known
    return ways, example


def part(seed: int, quick: bool) -> list[Table]:
    """All of it."""
    return [two_rates(quick), pairs(quick), trends(quick)]
