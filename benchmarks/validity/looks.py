"""Confidence sequences: how often is one ever wrong, looked at after every answer?

In: a seed and whether to be quick. Out: the share of runs in which any of 10,000 looks leaves the
truth out. For one rate that is no simulation: the law of k among the runs that were never wrong
is followed from answer to answer.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, xlog1py, xlogy
from suite import ALPHA, ERRORS, Floats, Row, Table, percent, say, stream

from rewardgym.metrics.sequences import PRIOR, confidence_sequence, difference_sequence

PART = 5
COLUMNS = ("looks", "ever wrong", "error")
RATES = (0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 0.97, 0.99, 0.999)
PAIRS = ((0.0, 0.0), (0.01, 0.01), (0.1, 0.1), (0.3, 0.3), (0.5, 0.5), (0.3, 0.1), (0.9, 0.2))


def one_rate(quick: bool) -> Table:
    """Every look of a cell of a stated rate."""
    looks = 1000 if quick else 10_000
    note = "Summed over all runs; no random numbers."
    table = Table("One rate, looked at after every answer", note, COLUMNS)
    for p in (0.03, 0.3) if quick else RATES:
        wrong = _ever_wrong(p, looks)
        figures = (f"{looks:,}", percent(wrong, 2), "exact")
        row = Row("confidence sequence", f"p = {p:g}", figures, "at most 5%", wrong <= ALPHA, wrong)
        table.rows.append(row)
        say(f"looks at {p:g}")
    return table


def _ever_wrong(p: float, looks: int) -> float:
    least, most = _kept(p, looks)
    alive, first, wrong = np.array([1.0]), 0, 0.0
    for n in range(1, looks + 1):
        alive = np.append(alive * (1 - p), 0.0) + np.append(0.0, alive * p)
        start, end = max(least[n - 1] - first, 0), most[n - 1] - first + 1
        wrong += float(alive[:start].sum() + alive[max(end, start) :].sum())
        alive, first = alive[start:end], first + int(start)
    return wrong


def _kept(p: float, looks: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the largest k of each n whose sequence holds ``p``, by halving: both bounds
    rise with k."""
    n = np.arange(1, looks + 1)
    ends = []
    for side in (0, 1):
        # From -1 (never) to n: the first k with high >= p, or the first with low > p.
        few, many = np.full(looks, -1), n + 1
        while (many - few > 1).any():
            middle = (few + many) // 2
            bound = confidence_sequence(np.clip(middle, 0, n), n)[1 - side]
            after = bound >= p if side == 0 else bound > p
            move = many - few > 1
            few = np.where(move & ~after, middle, few)
            many = np.where(move & after, middle, many)
        ends.append(many)
    return ends[0], ends[1] - 1


def differences(seed: int, quick: bool) -> Table:
    """Two cells that grow together.

    The sequence of the difference can only leave out p1 - p2 where the pair of true rates itself
    lies outside the joint region, which is quick to see; at all those looks, and only there, the
    bounds are taken. A sample of the other looks checks that they hold."""
    runs, looks = (100, 1000) if quick else (3000, 10_000)
    note = f"{runs:,} runs each; bounds are taken wherever they can be wrong."
    table = Table("Difference of two rates, looked at after every pair of answers", note, COLUMNS)
    for at, (p1, p2) in enumerate(PAIRS[2:3] if quick else PAIRS):
        rng = stream(seed, PART, 1, at)
        wrong = sum(
            _wrong_runs(rng, p1, p2, min(200, runs - start), looks) for start in range(0, runs, 200)
        )
        share, error = wrong / runs, math.sqrt(ALPHA * (1 - ALPHA) / runs)
        figures = (f"{looks:,}", percent(share, 2), percent(error, 2))
        met = share <= ALPHA + ERRORS * error
        name = f"p = {p1:g}, {p2:g}"
        row = Row("difference sequence", name, figures, "at most 5%, within 2 errors", met, share)
        table.rows.append(row)
        say(f"looks at {p1:g}, {p2:g}")
    return table


def _wrong_runs(rng: np.random.Generator, p1: float, p2: float, runs: int, looks: int) -> int:
    n = np.arange(1, looks + 1)
    k1, k2 = (np.cumsum(rng.random((runs, looks)) < p, axis=1) for p in (p1, p2))
    against = _log_martingale(k1, n, p1) + _log_martingale(k2, n, p2)
    outside = against >= math.log(1 / ALPHA) - 1e-9
    run, look = np.nonzero(outside)
    low, high = difference_sequence(k1[run, look], n[look], k2[run, look], n[look])
    left = (low > p1 - p2 + 1e-12) | (high < p1 - p2 - 1e-12)
    other = tuple(part[:: max(1, part.size // 200)] for part in np.nonzero(~outside))
    low, high = difference_sequence(k1[other], n[other[1]], k2[other], n[other[1]])
    if ((low > p1 - p2 + 1e-9) | (high < p1 - p2 - 1e-9)).any():
        raise AssertionError("a sequence leaves the difference out where the joint region holds it")
    return len(set(run[left].tolist()))


def _log_martingale(k: NDArray[Any], n: NDArray[np.int64], p: float) -> Floats:
    """How much better the mixture explains k of n than ``p`` does, in nats."""
    mixture = betaln(PRIOR + k, PRIOR + n - k) - betaln(PRIOR, PRIOR)
    return np.asarray(mixture - xlogy(k, p) - xlog1py(n - k, -p), dtype=float)


def part(seed: int, quick: bool) -> list[Table]:
    """All of it."""
    return [one_rate(quick), differences(seed, quick)]
