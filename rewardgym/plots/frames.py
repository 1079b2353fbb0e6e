"""Frames: what a figure asks of a table before it draws, and the sentence where it cannot.

In: a frame of ``gaming_rates``. Out: the rows to draw, in the order of the run. Nothing is pooled
here: a figure that had to add up rows of different methods, arms or factors would show a number
that stands in no table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rewardgym.metrics.rates import EXACT_COLUMNS, RATE_COLUMNS, TEST_COLUMNS
from rewardgym.names import unknown
from rewardgym.outcomes import OTHERS
from rewardgym.plots.style import PlotError, shown

if TYPE_CHECKING:
    import pandas as pd

MEASURED = {*RATE_COLUMNS, *OTHERS, *EXACT_COLUMNS, *TEST_COLUMNS, "exploratory"}
"""The columns that a table measures; all others say what it is grouped by."""
VALUES = {
    "rate": ("rate", "low", "high"),
    "excess": ("excess", "excess_low", "excess_high"),
}
_PLACES = {"checkpoint", "step"}
NOTHING = "there is nothing to draw: the run holds no readable answer yet"


def columns_for(value: str) -> tuple[str, str, str]:
    """The columns of a value and of its two bounds. Raises ValueError for an unknown value."""
    if value not in VALUES:
        raise unknown("value to draw", value, VALUES)
    return VALUES[value]


def check_columns(table: pd.DataFrame, *names: str) -> None:
    """Raises ValueError for the first name that is no column of ``table``."""
    for name in names:
        if name not in table.columns:
            raise unknown("column to draw", name, table.columns)


def one_method(table: pd.DataFrame) -> pd.DataFrame:
    """The table. Raises PlotError where it mixes methods, or holds no answer at all."""
    if table.empty or not table["n"].sum() > 0:
        raise PlotError(NOTHING)
    methods = [str(m) for m in table["method"].unique()] if "method" in table else []
    if len(methods) > 1:
        raise PlotError(
            f"the run holds rows of {len(methods)} methods ({', '.join(methods)}), which share no "
            "line; choose one with --method, or rewardgym.metrics.rates.of_method"
        )
    return table


def one_arm(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The conflict rows, whose twins stand beside them, or those of the only arm; and the arm."""
    if "arm" not in table:
        return table, "conflict"
    arms = [str(arm) for arm in table["arm"].unique()]
    arm = "conflict" if "conflict" in arms else arms[0]
    if arm != "conflict" and len(arms) > 1:
        raise PlotError(
            f"the table holds the arms {', '.join(arms)}, which are never pooled; "
            "filter it to one, as in table[table['arm'] == 'agree']"
        )
    return table[table["arm"] == arm], arm


def drawable(table: pd.DataFrame, value: str, *columns: str) -> tuple[pd.DataFrame, str]:
    """The rows of one method and arm that a figure of ``value`` shows, and the arm. Raises
    PlotError where none has it, ValueError for columns that are not there."""
    check_columns(table, "k", "n", *columns_for(value), *columns)
    table, arm = one_arm(one_method(table))
    if not table["n"].sum() > 0:
        raise PlotError(NOTHING)
    if not table[value].notna().any():
        raise PlotError(
            "there is no excess to draw: no row has a twin with answers; sweep with twins=True"
        )
    return table, arm


def check_one_row(table: pd.DataFrame, keys: Sequence[str]) -> None:
    """Raises PlotError where several rows would fall on one place of the figure."""
    if not table.duplicated(list(keys)).any():
        return
    told = {*keys, *(_PLACES if _PLACES & {*keys} else ())}
    others = [name for name in grouping(table) if name not in told and varies(table[name])]
    raise PlotError(
        f"several rows share one {' and '.join(dict.fromkeys(keys))}: they also differ in "
        f"{', '.join(others) or 'nothing'}; filter the table to one value, or group it by less"
    )


def grouping(table: pd.DataFrame) -> list[str]:
    """The columns that say what a row is of."""
    return [str(name) for name in table.columns if name not in MEASURED]


def varies(column: pd.Series) -> bool:
    return column.nunique(dropna=False) > 1


def values_of(column: pd.Series) -> list[Any]:
    """The values of a column as they first appear, None for a missing one."""
    return list(dict.fromkeys(None if v is None or v != v else v for v in column))


def rows_with(table: pd.DataFrame, name: str, value: Any) -> pd.DataFrame:
    """The rows that have this value in the column, where a missing value is one like any other."""
    return table[table[name].isna() if value is None else table[name] == value]


def row_label(row: dict[Any, Any], names: Sequence[str]) -> str:
    """What a row is of, in words: ``reward, base64``."""
    return ", ".join(shown(row[name], 80) for name in names)
