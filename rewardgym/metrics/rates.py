"""Gaming rates: k, n, rate, interval and excess over the twin, for any grouping.

In: a run. Out: a DataFrame, one row a group. Counting is one SQL query over the rollouts; what
happens here is over cells, of which there are few. Arms are never pooled: a group shows its
conflict cells, and its agree cells stand beside them as the twin, not inside the rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rewardgym.metrics.intervals import newcombe, wilson
from rewardgym.names import unknown
from rewardgym.outcomes import OFF_SIDE, OTHERS, OUTCOMES, SIDED
from rewardgym.records import RecordStore, Run
from rewardgym.variants import FACTORS, Variant

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("checkpoint", "step", "arm", "favours", "variant", *(f for f in FACTORS if f != "high"))
"""What rates can be grouped by: everything but the factor ``high``, whose name the interval's upper
bound has; ``favours`` and ``arm`` say the same."""

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

    Without ``arm`` in ``by`` a group that has conflict cells shows those alone, its agree cells
    being their twins; a group without any (field ``cost``, which agrees) shows one row an arm.
    Raises ValueError for an unknown name in ``by``.
    """
    names = [by] if isinstance(by, str) else list(dict.fromkeys(by))
    for name in names:
        if name not in KEYS:
            raise unknown("column to group by", name, KEYS)
    cells = cell_table(run)
    if "arm" not in names:
        cells = _conflict_first(cells, names)
        names = [*names, "arm"]
    grouped = cells.groupby(names, sort=False, dropna=False)
    table = grouped[[*_COUNTS, "twin_k", "twin_n", "untwinned"]].sum()
    table = _in_order(table.reset_index(), cells, names)
    return _with_rates(table, level)[[*names, *RATE_COLUMNS, *OTHERS]]


_COUNTS = ("k", "n", *OTHERS)


def cell_table(run: Run | RecordStore | str | Path) -> pd.DataFrame:
    """One row a cell: all factors, arm, checkpoint, and the count of every outcome."""
    import pandas as pd

    if isinstance(run, RecordStore):
        cells, counts = run.cells(), run.counts()
    else:
        with (run if isinstance(run, Run) else Run(run)).open() as store:
            cells, counts = store.cells(), store.counts()
    parsed = {cell.variant: Variant.parse(cell.variant) for cell in cells}
    rows: list[dict[str, Any]] = []
    by_place: dict[tuple[str, str], dict[str, int]] = {}
    for cell in cells:
        variant = parsed[cell.variant]
        found: dict[str, int] = {o: counts.get(cell.id, {}).get(o, 0) for o in OUTCOMES}
        found["k"] = sum(found[outcome] for outcome in OFF_SIDE)
        found["n"] = sum(found[outcome] for outcome in SIDED)
        by_place[cell.checkpoint, cell.variant] = found
        place = {
            "checkpoint": cell.checkpoint,
            "step": cell.step,
            "position": cell.position,
            "variant": cell.variant,
            "arm": variant.arm,
            "favours": variant.favours,
        }
        rows.append({**variant.to_dict(), **place, **found})
    for row in rows:
        twin = parsed[row["variant"]].twin() if row["arm"] == "conflict" else None
        control = by_place.get((row["checkpoint"], twin.id)) if twin is not None else None
        row["twin_k"] = control["k"] if control else 0
        row["twin_n"] = control["n"] if control else 0
        row["untwinned"] = int(control is None)
    columns = [*KEYS, "position", *OUTCOMES, "k", "n", "twin_k", "twin_n", "untwinned"]
    return pd.DataFrame(rows, columns=columns)


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


def _with_rates(table: pd.DataFrame, level: float) -> pd.DataFrame:
    n = table["n"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        table["rate"] = table["k"].to_numpy(dtype=float) / n
        twin_rate = table["twin_k"].to_numpy(dtype=float) / table["twin_n"].to_numpy(dtype=float)
    table["low"], table["high"] = wilson(table["k"], table["n"], level)
    table["excess"] = table["rate"] - twin_rate
    table["excess_low"], table["excess_high"] = newcombe(
        table["k"], table["n"], table["twin_k"], table["twin_n"], level
    )
    # A group is compared with all its twins or not at all.
    table.loc[table["untwinned"] > 0, ["excess", "excess_low", "excess_high"]] = np.nan
    return table
