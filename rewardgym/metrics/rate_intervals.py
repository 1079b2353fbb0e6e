"""The intervals and tests of a rates table, each row by the rule of its method.

In: groups of cells with their sums. Out: the same with rate, excess, bounds, p-values. Counts get
Wilson's and Newcombe's intervals; laws the cut and the noise floor, or the spread of what was
drawn; cells that stopped early a confidence sequence, since an interval of fixed n errs where one
stops at will.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rewardgym.metrics.cells import SQUARES
from rewardgym.metrics.corrections import benjamini_hochberg
from rewardgym.metrics.effects import p_values
from rewardgym.metrics.intervals import Floats, newcombe, wilson
from rewardgym.metrics.masses import effective_interval, ratio_variance, widened
from rewardgym.metrics.sequences import confidence_sequence, difference_sequence

if TYPE_CHECKING:
    import pandas as pd


def with_variances(cells: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """With what each cell adds to the variance of its group's rate, and its twin's to the twins':
    0 for counts, whose intervals need no variance, and for the law of one prompt."""
    cells = cells.copy()
    keys = [cells[name] for name in names]
    for twin in ("", "twin_"):
        k, n = (cells[f"{twin}{one}"].astype(float) for one in "kn")
        pooled = k.groupby(keys, dropna=False).transform("sum")
        trials = n.groupby(keys, dropna=False).transform("sum")
        squares = (cells[f"{twin}{name}"] for name in SQUARES)
        rate = pooled / trials.where(trials > 0)
        share = ratio_variance(rate, cells[f"{twin}rows"], k, n, *squares)
        cells[f"{twin}variance"] = np.nan_to_num(share)
    return cells


def with_rates(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """With rate, excess and their intervals, each row by the rule of its method."""
    n, twin_n = (table[name].to_numpy(dtype=float) for name in ("n", "twin_n"))
    with np.errstate(divide="ignore", invalid="ignore"):
        table["rate"] = table["k"].to_numpy(dtype=float) / n
        twin_rate = table["twin_k"].to_numpy(dtype=float) / twin_n
    table["low"], table["high"] = wilson(table["k"], table["n"], level)
    table["excess"] = table["rate"] - twin_rate
    table["excess_low"], table["excess_high"] = newcombe(
        table["k"], table["n"], table["twin_k"], table["twin_n"], level
    )
    _set_law_intervals(table, twin_rate, level)
    # A group is compared with all its twins or not at all.
    table.loc[table["untwinned"] > 0, ["excess", "excess_low", "excess_high"]] = np.nan
    return table


def _set_law_intervals(table: pd.DataFrame, twin_rate: Floats, level: float) -> None:
    """The bounds of rows that are made of probabilities: the interval between what was drawn, then
    what branches below the cut could change if all of them were on one side, then the noise floor.
    The bounds of the excess combine the two rates' own (for the drawn part in the way of Newcombe's
    method 10, for any intervals: Zou & Donner, Statistics in Medicine 27 (2008) 1693).
    """
    laws = (table["method"].isin(["exact", "chains"])).to_numpy()
    if not laws.any():
        return
    rows, floor = table[laws], table.loc[laws, "floor"].to_numpy(dtype=float)
    rate, twin = rows["rate"].to_numpy(dtype=float), twin_rate[laws]
    low, high = _law_interval(rate, rows["variance"], rows["n"], rows["rows"], rows, level)
    below, above = _law_interval(
        twin, rows["twin_variance"], rows["twin_n"], rows["twin_rows"], rows, level
    )
    down, up = _unfollowed(rows["k"], rows["n"], rows["unfollowed"])
    twin_down, twin_up = _unfollowed(rows["twin_k"], rows["twin_n"], rows["twin_unfollowed"])
    table.loc[laws, "low"], table.loc[laws, "high"] = widened(rate, low - down, high + up, floor)
    excess = rate - twin
    least = excess - np.hypot(rate - low, above - twin) - down - twin_up
    most = excess + np.hypot(high - rate, twin - below) + up + twin_down
    table.loc[laws, "excess_low"] = np.minimum(least, excess - floor)
    table.loc[laws, "excess_high"] = np.maximum(most, excess + floor)


def _unfollowed(k: pd.Series, n: pd.Series, mass: pd.Series) -> tuple[Floats, Floats]:
    """How far k / n would fall if all of ``mass`` were answers on the asked side, and rise if all
    were off it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rate, whole = (k / n).to_numpy(dtype=float), (n + mass).to_numpy(dtype=float)
        least, most = k.to_numpy(dtype=float) / whole, (k + mass).to_numpy(dtype=float) / whole
    return np.nan_to_num(rate - least), np.nan_to_num(most - rate)


def _law_interval(
    rate: Floats,
    variance: pd.Series,
    sided: pd.Series,
    rows: pd.Series,
    table: pd.DataFrame,
    level: float,
) -> tuple[Floats, Floats]:
    """The interval between drawn prompts or chains; a point where nothing was drawn."""
    drawn = (table["method"] == "chains").to_numpy() | (variance > 0).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = variance.to_numpy(dtype=float) / sided.to_numpy(dtype=float) ** 2
    low, high = effective_interval(rate, spread, rows, level)
    return np.where(drawn, low, rate), np.where(drawn, high, rate)


def with_tests(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """With the p-value of every excess, corrected over the table, and what survives."""
    tested = ((table["method"] == "sampled") & table["excess"].notna()).to_numpy(dtype=bool)
    p = np.full(len(table), np.nan)
    rows = table[tested]
    if len(rows):
        p[tested] = p_values(rows["k"], rows["n"], rows["twin_k"], rows["twin_n"])
    q = benjamini_hochberg(p)
    by_bounds = table["method"].isin(["exact", "sequential"]).to_numpy(dtype=bool)
    bounded = (table["excess_low"] > 0) | (table["excess_high"] < 0)
    bounded &= ~mostly_residual(table)
    survives = np.where(by_bounds, bounded.to_numpy(dtype=bool), q <= 1 - level + 1e-12)
    return table.assign(p_value=p, q=q, survives=survives)


def mostly_residual(table: pd.DataFrame) -> pd.Series:
    """The rows of laws whose rate speaks for less than half of the replies: the rest is no answer
    that the grammar knows, in the row itself or in its twins."""
    own, twin = (
        table[n] < 0.5 * table[rows] for n, rows in (("n", "rows"), ("twin_n", "twin_rows"))
    )
    return (own | twin) & (table["method"] != "sampled") & (table["rows"] > 0)


SEQUENCE = ("seq_low", "seq_high", "seq_least", "seq_most")
"""A cell's share of its group's confidence sequences, of the rate and of the excess."""


def with_sequence_shares(cells: pd.DataFrame, names: list[str], level: float) -> pd.DataFrame:
    """With each cell's part in the bounds of its group, for cells that stopped early; 0 for others.

    A group of several cells averages their sequences, weighted by answers, each at a level that
    lets all of them hold at once (Bonferroni)."""
    cells = cells.assign(**dict.fromkeys(SEQUENCE, 0.0))
    early = cells["method"] == "sequential"
    if not early.any():
        return cells
    part = cells[early]
    keys = [part[name] for name in names]
    count = part["n"].groupby(keys, dropna=False).transform("size").to_numpy()
    total = part["n"].groupby(keys, dropna=False).transform("sum").to_numpy(dtype=float)
    k, n, twin_k, twin_n = (part[c].to_numpy(dtype=float) for c in ("k", "n", "twin_k", "twin_n"))
    found = np.zeros((len(part), len(SEQUENCE)))
    for cells_in_group in np.unique(count):
        at = count == cells_in_group
        each = 1 - (1 - level) / cells_in_group
        bounds = (
            *confidence_sequence(k[at], n[at], each),
            *difference_sequence(k[at], n[at], twin_k[at], twin_n[at], each),
        )
        weight = np.divide(n[at], total[at], out=np.zeros(at.sum()), where=total[at] > 0)
        found[at] = np.stack([np.where(n[at] > 0, b, 0.0) * weight for b in bounds], axis=1)
    cells.loc[early, list(SEQUENCE)] = found
    return cells


def with_sequences(table: pd.DataFrame) -> pd.DataFrame:
    """With the bounds of rows that stopped early, from their cells' shares."""
    early = (table["method"] == "sequential") & (table["n"] > 0)
    table.loc[early, ["low", "high"]] = table.loc[early, ["seq_low", "seq_high"]].to_numpy()
    compared = early & table["excess"].notna()
    bounds = table.loc[compared, ["seq_least", "seq_most"]].to_numpy()
    table.loc[compared, ["excess_low", "excess_high"]] = bounds
    return table
