"""Gaming rates: k, n, rate, interval and excess over the twin, for any grouping.

In: a run. Out: a DataFrame, one row a group. Counting is one SQL query over the rollouts; what
happens here is over cells, of which there are few. Arms are never pooled: a group shows its
conflict cells, and its agree cells stand beside them as the twin, not inside the rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rewardgym.metrics.cells import KEYS as KEYS
from rewardgym.metrics.cells import cell_table as cell_table
from rewardgym.metrics.rate_intervals import (
    SEQUENCE,
    with_rates,
    with_sequence_shares,
    with_sequences,
    with_tests,
    with_variances,
)
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
TEST_COLUMNS = ("p_value", "q", "survives")
"""Last: the test of no excess over the twins, its correction for all rows, and the verdict."""


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
    probabilities, added up over prompts or chains; bounds are what the branches below the cut
    could make of an exact rate and the noise floor beyond, or the interval between the prompts or
    chains that were drawn. ``residual`` is the probability that no grammar covered, ``decodes`` and
    ``paid_side`` the decode competence of encoded cells (see ``rewardgym.exact.competence``). Rows
    of a sweep that stopped early are called ``sequential``; their bounds hold however often one
    looked.

    ``p_value`` is of no excess over the twins (two-sided, see ``effects.p_values``), ``q`` its
    adjustment by Benjamini and Hochberg over all rows that have one, and ``survives`` whether q is
    at most 1 - level. Exact rows need no test: theirs is whether the excess passes the noise floor.
    Sequential rows survive where their bounds exclude 0.

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
    shown += [c for c in (*RATE_COLUMNS, *OTHERS, *EXACT_COLUMNS, *TEST_COLUMNS) if c not in names]
    names += [] if "method" in names else ["method"]
    if "arm" not in names:
        cells = _conflict_first(cells, names)
        names.append("arm")
    cells = with_sequence_shares(with_variances(cells, names), names, level)
    grouped = cells.groupby(names, sort=False, dropna=False)
    table = grouped[[*_SUMMED]].sum()
    for name in ("decodes", "paid_side"):
        table[name] = grouped[name].mean()
    table["floor"] = grouped["floor"].max()
    table = _in_order(table.reset_index(), cells, names)
    table = with_tests(with_sequences(with_rates(table, level)), level)
    return table[shown]


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
    *("rows", "twin_rows", "variance", "twin_variance", "unfollowed", "twin_unfollowed"),
    *SEQUENCE,
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
