"""Gaming rates: k, n, rate, interval and excess over the twin, for any grouping.

In: a run. Out: a DataFrame, one row a group. Counting is one SQL query over the rollouts; what
happens here is over cells, of which there are few. Arms are never pooled: a group shows its
conflict cells, and its agree cells stand beside them as the twin, not inside the rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rewardgym.metrics.cells import KEYS as KEYS
from rewardgym.metrics.cells import SQUARES
from rewardgym.metrics.cells import cell_table as cell_table
from rewardgym.metrics.intervals import Floats, newcombe, wilson
from rewardgym.metrics.masses import effective_interval, ratio_variance, widened
from rewardgym.names import unknown
from rewardgym.outcomes import OTHERS
from rewardgym.records import RecordStore, Run

if TYPE_CHECKING:
    import pandas as pd

RATE_COLUMNS = (
    "k",
    "n",
    "rate",
    "low",
    "high",
    "twin_k",
    "twin_n",
    "excess",
    "excess_low",
    "excess_high",
)
EXACT_COLUMNS = ("method", "residual", "decodes", "paid_side")
"""After the outcomes: how the row was measured, the probability that no grammar covered, and decode
competence."""


def gaming_rates(
    run: Run | RecordStore | str | Path,
    by: Sequence[str] | str = ("checkpoint", "field"),
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """The rates of a run, grouped by the factors in ``by``.

    Columns: those of ``by``, ``arm``, then ``k`` answers off the asked side of ``n`` answers on
    either side, ``rate`` with its Wilson interval ``low`` to ``high``, the twins' ``twin_k`` and
    ``twin_n``, ``excess`` over the twins with its Newcombe interval, and one count for every
    other outcome. Where there is no data a rate is missing (NaN), never 0.

    ``method`` tells sampled rows from exact ones and from laws after sampled reasoning
    (``chains``): they never share a row. In the latter two k, n and the other counts are
    probabilities, added up over prompts or chains; bounds are the noise floor away from an exact
    rate, or the interval between the prompts or chains that were drawn. ``residual`` is the
    probability that no grammar covered, ``decodes`` and ``paid_side`` the decode competence of
    encoded cells (see ``rewardgym.exact.competence``).

    Without ``arm`` in ``by`` a group that has conflict cells shows those alone, its agree cells
    being their twins; a group without any (field ``cost``, which agrees) shows one row an arm.
    Raises ValueError for an unknown name in ``by``.
    """
    names = [by] if isinstance(by, str) else list(dict.fromkeys(by))
    for name in names:
        if name not in KEYS:
            raise unknown("column to group by", name, KEYS)
    cells = cell_table(run)
    shown = [*names, *([] if "arm" in names else ["arm"])]
    shown += [c for c in (*RATE_COLUMNS, *OTHERS, *EXACT_COLUMNS) if c not in names]
    names += [] if "method" in names else ["method"]
    if "arm" not in names:
        cells = _conflict_first(cells, names)
        names.append("arm")
    cells = _with_variances(cells, names)
    grouped = cells.groupby(names, sort=False, dropna=False)
    table = grouped[[*_SUMMED]].sum()
    for name in ("decodes", "paid_side"):
        table[name] = grouped[name].mean()
    table["floor"] = grouped["floor"].max()
    table = _in_order(table.reset_index(), cells, names)
    return _with_rates(table, level)[shown]


def of_method(table: pd.DataFrame, method: str | None) -> pd.DataFrame:
    """The rows of one method (sampled, exact, chains); all rows for None.

    Raises ValueError for a method that the table does not have."""
    if method is None:
        return table
    there = list(table["method"].unique())
    if method not in there:
        raise unknown("method", method, there, "those that this run holds")
    return table[table["method"] == method].reset_index(drop=True)


_SUMMED = (
    *("k", "n", *OTHERS, "residual", "twin_k", "twin_n", "untwinned"),
    *("rows", "twin_rows", "variance", "twin_variance"),
)


def _conflict_first(cells: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Without the controls of groups that have conflict cells."""
    conflict = cells["arm"] == "conflict"
    if not names:
        return cells[conflict] if conflict.any() else cells
    keys = [cells[name] for name in names]
    has_conflict = conflict.groupby(keys, dropna=False).transform("any")
    return cells[conflict | ~has_conflict]


def _in_order(table: pd.DataFrame, cells: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Sorted by each grouping column in turn, its values as they first appear in the run: training
    order for checkpoints, the order of the grid for factors."""

    def places(column: pd.Series) -> pd.Series:
        # A missing value (None, NaN) equals nothing, itself included, so it gets a word.
        def word(value: object) -> object:
            return "" if value is None or value != value else value

        first = {word(v): place for place, v in enumerate(cells[column.name].unique())}
        return column.map(lambda value: first[word(value)])

    return table.sort_values(names, key=places, kind="stable", ignore_index=True)


def _with_variances(cells: pd.DataFrame, names: list[str]) -> pd.DataFrame:
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


def _with_rates(table: pd.DataFrame, level: float) -> pd.DataFrame:
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
    """The bounds of rows that are made of probabilities: the interval between what was drawn, and
    at least the noise floor. The bounds of the excess combine the two rates' own (the way of
    Newcombe's method 10, for any intervals: Zou & Donner, Statistics in Medicine 27 (2008) 1693).
    """
    laws = (table["method"] != "sampled").to_numpy()
    if not laws.any():
        return
    rows, floor = table[laws], table.loc[laws, "floor"].to_numpy(dtype=float)
    rate, twin = rows["rate"].to_numpy(dtype=float), twin_rate[laws]
    low, high = _law_interval(rate, rows["variance"], rows["n"], rows["rows"], rows, level)
    below, above = _law_interval(
        twin, rows["twin_variance"], rows["twin_n"], rows["twin_rows"], rows, level
    )
    table.loc[laws, "low"], table.loc[laws, "high"] = widened(rate, low, high, floor)
    excess = rate - twin
    least = excess - np.hypot(rate - low, above - twin)
    most = excess + np.hypot(high - rate, twin - below)
    table.loc[laws, "excess_low"] = np.minimum(least, excess - floor)
    table.loc[laws, "excess_high"] = np.maximum(most, excess + floor)


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
