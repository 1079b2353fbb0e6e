"""Cells in groups: what every statistic over cells does before it counts.

In: a run or its cell table, and the names to group by. Out: the cells of each group, the codes of
their clusters, and the errors for what cannot be answered. It stands alone so that trends, onsets,
factors and the polarity contrast read a run in one and the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rewardgym.metrics.cells import SUMS
from rewardgym.metrics.rates import cell_table
from rewardgym.names import unknown
from rewardgym.records import RecordStore, Run

if TYPE_CHECKING:
    import pandas as pd


def cells_of(
    run: Run | RecordStore | str | Path | pd.DataFrame, by: Sequence[str] | str = ()
) -> tuple[pd.DataFrame, list[str]]:
    """The cells of a run, or the given ones, and the names in ``by`` as a list.

    Raises ValueError for no cells, for an unknown name, and where sampled and exact rows of the
    same prompts would be added up.
    """
    import pandas as pd

    frame = run if isinstance(run, pd.DataFrame) else cell_table(run)
    names = [by] if isinstance(by, str) else list(dict.fromkeys(by))
    for name in names:
        check_column(frame, name)
    if frame.empty:
        raise ValueError("no cells to look at; the run is empty or the filter kept none of them")
    if "method" in frame and "method" not in names and frame["method"].nunique() > 1:
        raise ValueError(
            "sampled and exact rows count the same prompts twice; filter the cell table to one "
            "method, or group by 'method'"
        )
    return frame.reset_index(drop=True), names


def check_column(frame: pd.DataFrame, name: str | None) -> None:
    """Raises ValueError where ``name`` is no column to group or cluster by."""
    allowed = [column for column in frame.columns if column not in SUMS]
    if name is not None and name not in allowed:
        raise unknown("column", name, allowed)


def conflict_first(cells: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """As ``gaming_rates`` does it: a group shows its conflict cells alone where it has any, and
    arms are never pooled, so that ``arm`` is always among the names."""
    if "arm" in names:
        return cells, list(names)
    conflict = cells["arm"] == "conflict"
    keys = [cells[name] for name in names] or [conflict.map(lambda _: 0)]
    has_conflict = conflict.groupby(keys, dropna=False).transform("any")
    return cells[conflict | ~has_conflict], [*names, "arm"]


def groups(
    cells: pd.DataFrame, names: Sequence[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Each group's values and cells, in the order in which the groups first appear."""
    if not names:
        yield {}, cells
        return
    for key, part in cells.groupby(list(names), sort=False, dropna=False):
        yield dict(zip(names, key, strict=True)), part


def cluster_codes(cells: pd.DataFrame, cluster: str | None) -> NDArray[np.intp]:
    """A code a cell: its value of the column ``cluster``, its variant where that is None."""
    import pandas as pd

    found = pd.factorize(cells[cluster or "variant"], use_na_sentinel=False)[0]
    return np.asarray(found, dtype=np.intp)


def is_sampled(cells: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether a cell's counts are rollouts, with binomial scatter, or exact masses without."""
    if "method" not in cells:
        return np.ones(len(cells), dtype=bool)
    return np.asarray(cells["method"] != "exact", dtype=bool)


def with_twins(cells: pd.DataFrame) -> pd.DataFrame:
    """The conflict cells. Raises ValueError where there are none, or one has no twin."""
    kept = cells[cells["arm"] == "conflict"]
    if kept.empty:
        raise ValueError("no cell is in the conflict arm, so there is no excess; use the rate")
    alone = kept["untwinned"] > 0 if "untwinned" in kept else kept["twin_n"] <= 0
    if alone.any():
        raise ValueError(
            f"{int(alone.sum())} conflict cells have no agree twin, such as "
            f"{kept['variant'][alone].iloc[0]}; sweep with twins, or filter them out"
        )
    return kept


def check_steps(cells: pd.DataFrame) -> None:
    """Raises ValueError for checkpoints that have no step to be ordered by."""
    lost = list(dict.fromkeys(cells["checkpoint"][cells["step"].isna()]))
    if lost:
        raise ValueError(
            f"no step for {', '.join(map(str, lost))}, which cannot be put in order; name the "
            "checkpoints checkpoint-<step>, or filter the cell table to those with a step"
        )


def check_two_steps(steps: NDArray[np.float64], group: dict[str, Any]) -> None:
    """Raises ValueError where all answers of a group are from one step, or there are none."""
    if len(set(steps)) < 2:
        where = ", ".join(f"{name} {chosen}" for name, chosen in group.items())
        found = f"only step {steps[0]:g} has answers" if len(steps) else "no answers"
        raise ValueError(
            f"{found}{f' ({where})' if where else ''}; what changes over checkpoints needs two "
            "steps: sweep more checkpoints, or use gaming_rates"
        )
