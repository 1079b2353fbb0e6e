"""Pairs: two measurements of the same prompts, compared where they disagree.

In: how often only the first was off the asked side, only the second, both, neither. Out: an
:class:`~rewardgym.metrics.effects.Effect`. Only the pairs that disagree speak about the
difference, so what the two share, such as a hard prompt, costs no power.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from rewardgym.metrics.clusters import clustered_difference
from rewardgym.metrics.effects import Effect
from rewardgym.metrics.intervals import Floats, check_level, clopper_pearson, wilson
from rewardgym.metrics.rollouts import rollout_table
from rewardgym.records import RecordStore, Run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Pairs:
    """Counts of pairs by which of the two was off the asked side."""

    b: int
    """Only the first."""
    c: int
    """Only the second."""
    both: int
    neither: int
    unpaired: int = 0
    """Rollouts without a partner, or whose partner has no answer on a side; in no count above."""


def paired(b: int, c: int, both: int, neither: int, *, level: float = 0.95) -> Effect:
    """The first rate minus the second over pairs.

    ``p_value`` is McNemar's exact test (statsmodels), which keeps its level; ``mid_p`` is less
    conservative and recommended by M. W. Fagerland, S. Lydersen and P. Laake, BMC Medical Research
    Methodology 13 (2013) 91, but without a guarantee. The interval is :func:`paired_interval`. The
    odds ratio b / c has the exact interval of b of b + c. No pairs give None.
    """
    check_level(level)
    if min(b, c, both, neither) < 0:
        raise ValueError("a count of pairs is below 0; allowed: 0 or more")
    n = b + c + both + neither
    if n == 0:
        nothing = (None,) * 7
        return Effect(0, 0, 0, 0, *nothing, "mcnemar", level, pairs=0)
    from scipy.stats import binom
    from statsmodels.stats.contingency_tables import mcnemar

    low, high = paired_interval(b, c, both, neither, level)
    exact = min(1.0, float(mcnemar([[both, b], [c, neither]], exact=True).pvalue))
    # Half of the observed table's probability in each tail; at b = c the tails meet there.
    chance = float(binom.pmf(b, b + c, 0.5))
    mid = 1 - chance / 2 if b == c else exact - chance
    return Effect(
        *(both + b, n, both + c, n, (b - c) / n, float(low), float(high), *_odds(b, c, level)),
        *(exact, "mcnemar", level),
        mid_p=mid,
        pairs=n,
    )


def _odds(b: int, c: int, level: float) -> tuple[float | None, float, float]:
    low, high = (float(bound) for bound in clopper_pearson(b, b + c, level))
    if b + c == 0:
        return None, 0.0, float("inf")
    top = high / (1 - high) if high < 1 else float("inf")
    return (b / c if c else float("inf")), low / (1 - low), top


def paired_interval(
    b: ArrayLike, c: ArrayLike, both: ArrayLike, neither: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats]:
    """The interval of (b - c) / n for pairs: method 10 of R. G. Newcombe, Statistics in Medicine 17
    (1998) 2635-2650, the two Wilson intervals squared and added with the correlation of the pairs.
    Arrays in, arrays out; no pairs give NaN. statsmodels has no interval for pairs."""
    b, c, e, f = (np.asarray(part, dtype=float) for part in (b, c, both, neither))
    n = b + c + e + f
    low1, high1 = wilson(e + b, n, level)
    low2, high2 = wilson(e + c, n, level)
    margins = (e + b) * (c + f) * (e + c) * (b + f)
    cross = e * f - b * c
    # A positive correlation is corrected for continuity: it would make the interval shorter.
    cross = np.where(cross > 0, np.maximum(cross - n / 2, 0), cross)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = np.where(margins > 0, cross / np.sqrt(margins), 0.0)
        p1, p2 = (e + b) / n, (e + c) / n

    def reach(one: Floats, other: Floats) -> Floats:
        square = one**2 + other**2 - 2 * phi * one * other
        return np.asarray(np.sqrt(np.maximum(square, 0)), dtype=float)

    return p1 - p2 - reach(p1 - low1, high2 - p2), p1 - p2 + reach(high1 - p1, p2 - low2)


def pair_up(first: pd.DataFrame, second: pd.DataFrame, on: Sequence[str] | str = ("idx",)) -> Pairs:
    """Pairs the rows of two rollout tables that agree in ``on``: the index of a rollout, by which
    cells share their prompts, and whatever else tells the rows of a table apart.

    Rows without an answer on a side (``off`` is NaN) have no pair. Raises ValueError where ``on``
    does not tell the rows of a table apart, or a column is missing.
    """
    joined, total = joined_pairs(first, second, on)
    a, b = joined["off_first"].to_numpy() == 1, joined["off_second"].to_numpy() == 1
    return Pairs(
        b=int((a & ~b).sum()),
        c=int((~a & b).sum()),
        both=int((a & b).sum()),
        neither=int((~a & ~b).sum()),
        unpaired=total - 2 * len(joined),
    )


def joined_pairs(
    first: pd.DataFrame, second: pd.DataFrame, on: Sequence[str] | str
) -> tuple[pd.DataFrame, int]:
    """One row a pair: ``on``, ``off_first``, ``off_second``; and how many rows there were."""
    names = [on] if isinstance(on, str) else list(on)
    sided = []
    for frame in (first, second):
        missing = [name for name in (*names, "off") if name not in frame.columns]
        if missing:
            raise ValueError(f"no column {missing[0]!r} to pair by; make both with rollout_table")
        if frame.duplicated(names).any():
            raise ValueError(
                f"several rollouts of one table have the same {', '.join(names)}; filter to one "
                "cell each, or pair by more columns"
            )
        sided.append(frame.loc[frame["off"].notna(), [*names, "off"]])
    joined = sided[0].merge(sided[1], on=names, suffixes=("_first", "_second"))
    return joined, len(first) + len(second)


def paired_cells(
    run: Run | RecordStore | str | Path,
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    level: float = 0.95,
) -> Effect:
    """The rate over the cells of ``first`` minus that over ``second``, their rollouts paired by
    index: both are rows of a cell table with a column ``stratum``, the same for cells to be
    compared. With one stratum McNemar's test; with more, each index is a cluster, because one draw
    serves all strata. Raises ValueError where a stratum has two cells on a side."""
    opened = nullcontext(run) if isinstance(run, RecordStore) else _open(run)
    with opened as store:
        ids = {
            (cell.checkpoint, cell.variant): cell.id
            for cell in store.cells()
            if cell.policy.get("method", "sampled") == "sampled"
        }
        frames = []
        for side in (first, second):
            place = [ids[at] for at in zip(side["checkpoint"], side["variant"], strict=True)]
            strata = dict(zip(place, side["stratum"].tolist(), strict=True))
            rows = rollout_table(store, ["cell", "idx", "off"], cells=place)
            frames.append(rows.assign(stratum=rows["cell"].map(strata)))
    if first["stratum"].nunique() == 1:
        found = pair_up(frames[0], frames[1], on=("idx",))
        return paired(found.b, found.c, found.both, found.neither, level=level)
    joined, _ = joined_pairs(frames[0], frames[1], ("stratum", "idx"))
    sums = joined.groupby("idx")[["off_first", "off_second"]].agg(["sum", "count"])
    (k1, n1), (k2, n2) = (
        (sums[name, "sum"], sums[name, "count"]) for name in ("off_first", "off_second")
    )
    return clustered_difference(k1, n1, k2, n2, level)


def _open(run: Run | str | Path) -> RecordStore:
    return (run if isinstance(run, Run) else Run(run)).open()
