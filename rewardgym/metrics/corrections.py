"""Corrections: what is left of many p-values, and which of many rates are tied.

In: columns of p-values, or of k and n. Out: adjusted p-values in the same order, and letters. A
missing p-value stays missing and does not count as a test: it makes no other harder to pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rewardgym.metrics.effects import p_values
from rewardgym.metrics.intervals import Floats, check_level
from rewardgym.names import unknown

MOST_TIED = 300
"""Rows that letters are given to: beyond, they are read by nobody and take minutes."""


def holm(p: ArrayLike) -> Floats:
    """Holm's adjusted p-values (S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70): for
    contrasts named beforehand. At level a the chance of any false one among those below a is at
    most a, whatever their dependence. Same shape as ``p``; NaN stays NaN."""
    from statsmodels.stats.multitest import multipletests

    return _adjusted(p, lambda tested: multipletests(tested, method="holm")[1])


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Benjamini and Hochberg's adjusted p-values, also called q (Journal of the Royal Statistical
    Society B 57 (1995) 289-300): for a grid. Of those below a, a share of at most a is false on
    average, if tests are independent or positively dependent. NaN stays NaN."""
    from statsmodels.stats.multitest import fdrcorrection

    return _adjusted(p, lambda tested: fdrcorrection(tested)[1])


CORRECTIONS: dict[str, Callable[[ArrayLike], Floats]] = {
    "holm": holm,
    "benjamini-hochberg": benjamini_hochberg,
}


def _adjusted(p: ArrayLike, correct: Callable[[Floats], Floats]) -> Floats:
    found = np.array(p, dtype=float)
    tested = ~np.isnan(found)
    if ((found[tested] < 0) | (found[tested] > 1)).any():
        raise ValueError("a p-value lies outside 0 to 1")
    if tested.any():
        found[tested] = correct(found[tested])
    return found


def tied_groups(
    k: ArrayLike, n: ArrayLike, *, level: float = 0.95, correction: str = "holm"
) -> list[str]:
    """A letter display of rates: rows that share a letter are statistically tied.

    All pairs are tested (``effects.p_values``), corrected, and the pairs that differ at 1 - level
    turned into letters by inserting and absorbing (H.-P. Piepho, Journal of Computational and
    Graphical Statistics 13 (2004) 456-466). "a" stands with the highest rate; "" marks a row
    without answers. Tied means not told apart, not equal: with few answers all are tied.
    Raises ValueError for an unknown correction or more than ``MOST_TIED`` rows.
    """
    check_level(level)
    if correction not in CORRECTIONS:
        raise unknown("correction", correction, CORRECTIONS)
    hits, trials = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(n, dtype=float))
    rows = np.flatnonzero(trials > 0)
    if len(rows) > MOST_TIED:
        raise ValueError(
            f"{len(rows)} rows; allowed: up to {MOST_TIED}. Group by fewer columns, or filter"
        )
    rows = rows[np.argsort(-hits[rows] / trials[rows], kind="stable")]
    first, second = np.triu_indices(len(rows), 1)
    a, b = rows[first], rows[second]
    p = CORRECTIONS[correction](p_values(hits[a], trials[a], hits[b], trials[b]))
    differ = p <= 1 - level
    found = [""] * len(trials)
    columns = _insert_and_absorb(len(rows), first[differ], second[differ])
    for name, column in zip(_letters(), columns, strict=False):
        for row in rows[column]:
            found[row] += name
    return found


def _insert_and_absorb(
    size: int, first: NDArray[np.intp], second: NDArray[np.intp]
) -> list[NDArray[np.bool_]]:
    """The groups of rows, highest first: each pair that differs splits every group that holds both,
    and a group inside another is dropped."""
    groups = np.ones((min(size, 1), size), dtype=bool)
    for i, j in zip(first, second, strict=True):
        both = groups[:, i] & groups[:, j]
        if not both.any():
            continue
        kept, one, other = groups[~both], groups[both].copy(), groups[both].copy()
        one[:, i], other[:, j] = False, False
        for new in (*one, *other):
            if not (kept[:, new].all(axis=1)).any():
                kept = np.vstack([kept[~(~kept[:, ~new]).all(axis=1)], new])
        groups = kept
    return sorted(groups, key=lambda group: cast("tuple[int, ...]", tuple(np.flatnonzero(group))))


def _letters() -> itertools.chain[str]:
    """a, b, ... z, aa, ab, ..."""
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    return itertools.chain.from_iterable(
        ("".join(parts) for parts in itertools.product(alphabet, repeat=length))
        for length in itertools.count(1)
    )
