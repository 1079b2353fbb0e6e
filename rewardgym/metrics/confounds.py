"""Confounds: is it the factor, or what came with it?

In: counts with their non-answers, or one row a rollout. Out: bounds of a rate over all that the
missing answers might have been, and the difference of two groups at equal reasoning length. Both
have undone published effects: labels that only shortened the reasoning, and rates that only
dropped the conflict cells' truncated replies.

The Mantel-Haenszel risk difference and its permutation test stand here because statsmodels'
``StratifiedTable`` pools odds and risk ratios only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rewardgym.metrics.intervals import wilson
from rewardgym.names import unknown

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int_]

NON_ANSWERS = ("unreadable", "refused", "empty", "truncated", "malformed")
"""Replies that hide which side they would have been on. ``neither`` is a plain answer, and an
``error`` no reply at all: it is to be asked again."""
METHODS = ("strata", "match")
ROWS_A_STRATUM = 20
CALIPER = 0.1
"""Matched rollouts differ by at most this many standard deviations of log length."""


# Non-answers


def worst_case_bounds(table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """A table of rates with and without its non-answers.

    ``table`` has k, n and a column for each of NON_ANSWERS (a rates or a cell table). Added are
    ``missing``, their number; ``worst_low`` and ``worst_high``, the rate had none or all of them
    been gamed (J. L. Horowitz and C. F. Manski, Journal of the American Statistical Association
    95 (2000) 77-84); ``worst_low_low`` and ``worst_high_high``, Wilson's lower bound of the one
    and upper bound of the other, which hold the true rate whatever the missing answers were.
    NaN where there were no replies at all, these two also for exact rows: Wilson's is not theirs.
    Raises ValueError where a column is missing.
    """
    for name in ("k", "n", *NON_ANSWERS):
        if name not in table.columns:
            raise ValueError(f"the table has no column {name!r}; pass a table of gaming_rates")
    found = table.copy()
    k, n = (found[name].to_numpy(dtype=float) for name in ("k", "n"))
    missing = found[list(NON_ANSWERS)].sum(axis=1).to_numpy()
    total = n + missing
    safe = np.where(total > 0, total, np.nan)
    found["missing"] = missing
    found["worst_low"], found["worst_high"] = k / safe, (k + missing) / safe
    found["worst_low_low"] = wilson(k, total, level)[0]
    found["worst_high_high"] = wilson(k + missing, total, level)[1]
    if "method" in found.columns:
        exact = found["method"] == "exact"
        found.loc[exact, ["worst_low_low", "worst_high_high"]] = np.nan
    return found


def worst_case_difference(
    k1: ArrayLike, n1: ArrayLike, missing1: ArrayLike,
    k2: ArrayLike, n2: ArrayLike, missing2: ArrayLike,
) -> tuple[Floats, Floats]:  # fmt: skip
    """The least and the largest k1/n1 - k2/n2 that the non-answers of both sides leave possible,
    for instance of an excess over the twin. Bounds of the sample: no sampling error is in them."""
    ends = []
    for k, n, missing in ((k1, n1, missing1), (k2, n2, missing2)):
        hits, lost = np.asarray(k, dtype=float), np.asarray(missing, dtype=float)
        total = np.asarray(n, dtype=float) + lost
        total = np.where(total > 0, total, np.nan)
        ends.append((hits / total, (hits + lost) / total))
    return ends[0][0] - ends[1][1], ends[0][1] - ends[1][0]


# Equal length


@dataclass(frozen=True)
class EqualLength:
    """The difference of two groups' rates at equal reasoning length."""

    groups: tuple[Any, Any]
    raw: float | None
    """The difference first minus second over all usable rollouts, lengths left as they are."""
    difference: float | None
    """The same at equal length; None where the groups share no length."""
    low: float | None
    high: float | None
    p_value: float | None
    """Of no difference at any length: all permutations of the groups within the strata."""
    strata: int
    """Strata, or pairs, that hold both groups."""
    used: int
    """Rollouts in those."""
    unmatched: int
    """Rollouts left out because the other group has none of their length."""
    missing: int
    """Rollouts left out because their length or outcome is not known."""
    support: tuple[float, float] | None
    """The lengths that both groups reach."""


def at_equal_length(
    frame: pd.DataFrame,
    group_column: str,
    length_column: str,
    outcome_column: str,
    *,
    groups: tuple[Any, Any] | None = None,
    method: str = "strata",
    strata: int | None = None,
    level: float = 0.95,
) -> EqualLength:
    """Two groups' rates of an outcome (0 or 1, NaN not known), compared at equal length.

    ``frame`` has one row a rollout (:func:`rewardgym.metrics.rollouts.rollout_table` gives
    ``reasoning_chars`` and ``off``); a factor that is off is the group "none". Method ``strata``
    cuts the pooled lengths at their quantiles, into ``strata`` parts (by default about 20 rollouts
    each); ``match`` pairs each rollout of the smaller group with the nearest of the other. The
    difference is Mantel and Haenszel's with T. Sato's variance (Biometrics 45 (1989) 1323-1324):
    that of S. Greenland and J. M. Robins (Biometrics 41 (1985) 55-68) is too small in small strata,
    and 0 in pairs. The p-value is of all permutations within the strata, summed rather than drawn.
    Raises ValueError for an unknown column or method, an outcome but 0 and 1, and other than two
    groups.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    first, length, outcome, names, missing = _columns(
        frame, group_column, length_column, outcome_column, groups
    )
    place = _pairs(first, length) if method == "match" else _quantiles(length, strata)
    counts = _tables(place, first, outcome)
    used = int(counts[:, 1].sum() + counts[:, 3].sum())
    difference, low, high = _mantel_haenszel(counts, level)
    raw, support = _overlap(first, length, outcome)
    return EqualLength(
        groups=names,
        raw=raw,
        difference=difference,
        low=low,
        high=high,
        p_value=_permutation(counts) if len(counts) else None,
        strata=len(counts),
        used=used,
        unmatched=int(length.size - used),
        missing=missing,
        support=support,
    )


def _columns(
    frame: pd.DataFrame, group: str, length: str, outcome: str, groups: tuple[Any, Any] | None
) -> tuple[NDArray[np.bool_], Floats, Floats, tuple[Any, Any], int]:
    """Who is in the first group, lengths, outcomes, the groups' names, and the rows left out."""
    for name in (group, length, outcome):
        if name not in frame.columns:
            raise unknown("column", name, frame.columns)
    # A factor that is off (None) is a group like any other.
    column = frame[group].astype(object).where(frame[group].notna(), "none")
    named: Sequence[Any] = groups or column.unique().tolist()
    if len(named) != 2:
        raise ValueError(
            f"column {group!r} holds {len(named)} groups; name the two to compare with groups"
        )
    for name in named:
        if not (column == name).any():
            raise unknown(f"group of {group!r}", name, column.unique())
    chosen = column.isin(list(named))
    column = column[chosen]
    values = frame.loc[chosen, [length, outcome]].to_numpy(dtype=float)
    known = np.isfinite(values).all(axis=1)
    lengths, outcomes = values[known, 0], values[known, 1]
    if not np.isin(outcomes, (0, 1)).all():
        raise ValueError(f"column {outcome!r} must hold 0, 1 or nothing; count an outcome as 1")
    if (lengths < 0).any():
        raise ValueError(f"column {length!r} holds lengths below 0; check what it counts")
    first = (column == named[0]).to_numpy()[known]
    return first, lengths, outcomes, (named[0], named[1]), int((~known).sum())


def _quantiles(length: Floats, strata: int | None) -> Ints:
    """The stratum of each rollout, by quantiles of all lengths; equal lengths stay together."""
    if strata is not None and strata < 1:
        raise ValueError(f"strata is {strata}; allowed: 1 or more")
    parts = strata or max(5, length.size // ROWS_A_STRATUM)
    cuts = np.arange(1, parts) / parts
    edges = np.unique(np.quantile(length, cuts)) if length.size else length
    return np.asarray(np.searchsorted(edges, length, side="left"), dtype=int)


def _pairs(first: NDArray[np.bool_], length: Floats) -> Ints:
    """The pair of each rollout, -1 where it has none: each of the smaller group, shortest first,
    with the nearest free one of the other within the caliper, on the log of length."""
    logs = np.log1p(length)
    place = np.full(length.size, -1)
    few, many = sorted((np.flatnonzero(first), np.flatnonzero(~first)), key=len)
    free = many[np.argsort(logs[many], kind="stable")].tolist()
    keys = logs[free].tolist()
    reach = CALIPER * float(logs.std()) if length.size else 0.0
    for pair, one in enumerate(few[np.argsort(logs[few], kind="stable")].tolist()):
        at = bisect_left(keys, logs[one])
        near = [i for i in (at - 1, at) if 0 <= i < len(keys)]
        best = min(near, key=lambda i: abs(keys[i] - logs[one]), default=None)
        if best is not None and abs(keys[best] - logs[one]) <= reach:
            place[[one, free.pop(best)]] = pair
            keys.pop(best)
    return place


def _tables(place: Ints, first: NDArray[np.bool_], outcome: Floats) -> Floats:
    """k and n of the first group, k and n of the second, a row a stratum that has both."""
    kept = place >= 0
    size = int(place.max(initial=-1)) + 1
    columns = [
        np.bincount(place[kept & side], weights=weight[kept & side], minlength=size)
        for side in (first, ~first)
        for weight in (outcome, np.ones_like(outcome))
    ]
    counts = np.column_stack(columns)
    return np.asarray(counts[(counts[:, 1] > 0) & (counts[:, 3] > 0)], dtype=float)


def _mantel_haenszel(
    counts: Floats, level: float
) -> tuple[float, float, float] | tuple[None, None, None]:
    """The pooled risk difference with its interval, within -1 to 1."""
    from scipy.stats import norm

    if not 0 < level < 1:
        raise ValueError(f"level is {level}; allowed: above 0, below 1, such as 0.95")
    if not len(counts):
        return None, None, None
    a, n1, b, n2 = counts.T
    n = n1 + n2
    weight = (n1 * n2 / n).sum()
    difference = float(((a * n2 - b * n1) / n).sum() / weight)
    p = ((n1**2 * b - n2**2 * a + n1 * n2 * (n2 - n1) / 2) / n**2).sum()
    q = ((a * (n2 - b) + b * (n1 - a)) / (2 * n)).sum()
    reach = float(norm.isf((1 - level) / 2) * np.sqrt(max(difference * p + q, 0.0)) / weight)
    return difference, max(difference - reach, -1.0), min(difference + reach, 1.0)


def _permutation(counts: Floats) -> float:
    """The share of all permutations within strata whose first group has hits at least as far from
    what is expected: each stratum's hits are hypergeometric, their sum the convolution of those."""
    from scipy.stats import hypergeom

    law, start, expected = np.ones(1), 0, 0.0
    for k1, n1, k2, n2 in counts.astype(int):
        low, high = max(0, k1 + k2 - n2), min(k1 + k2, n1)
        law = np.convolve(law, hypergeom.pmf(np.arange(low, high + 1), n1 + n2, k1 + k2, n1))
        start, expected = start + low, expected + (k1 + k2) * n1 / (n1 + n2)
    distance = np.abs(start + np.arange(law.size) - expected)
    observed = abs(counts[:, 0].sum() - expected)
    return float(min(law[distance >= observed - 1e-9].sum(), 1.0))


def _overlap(
    first: NDArray[np.bool_], length: Floats, outcome: Floats
) -> tuple[float | None, tuple[float, float] | None]:
    """The raw difference, and the lengths that both groups reach."""
    if not first.any() or first.all():
        return None, None
    a, b = length[first], length[~first]
    low, high = float(max(a.min(), b.min())), float(min(a.max(), b.max()))
    raw = float(outcome[first].mean() - outcome[~first].mean())
    return raw, (low, high) if low <= high else None
