"""Curves: a value over checkpoints, one line a field, with interval bands and the twins.

In: a frame of ``gaming_rates`` grouped by checkpoint and the lines' factor. Out: an Axes. A line
breaks where a checkpoint was measured and gave no answer: a stroke across the gap would be read as
data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rewardgym.metrics.intervals import Floats
from rewardgym.plots.frames import (
    check_columns,
    check_one_row,
    columns_for,
    drawable,
    grouping,
    rows_with,
    values_of,
)
from rewardgym.plots.marks import add_points, point
from rewardgym.plots.style import (
    ARM_TITLES,
    EXCESS,
    GREY,
    axes_on,
    legend_beside,
    legend_width,
    look,
    name_ticks,
    plain_axes,
    share_axis,
    shown,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_TICKS = 12
"""Names of checkpoints on the axis; of more, every second, third, ... is named."""
_MANY = 40
"""Checkpoints beyond which markers and lines are drawn finer."""
_DASHED = (0, (4, 2))


def gaming_curve(
    table: pd.DataFrame,
    *,
    line: str = "field",
    value: str = "rate",
    twins: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """The ``rate`` or the ``excess`` over checkpoints: a line a value of ``line``, its band the
    interval, and beneath a rate, dashed, the twins' rate.

    ``table``: ``gaming_rates(run, by=["checkpoint", "step", line])``. Where every checkpoint has a
    step of its own the step is the x axis, else the checkpoint's place in the run. Conflict rows
    are drawn, or those of the only arm. Raises PlotError for an empty table, mixed methods, and
    rows that share a place; ValueError for a column that is not there.
    """
    place_by = "checkpoint" if "checkpoint" in table.columns else "step"
    part, arm = drawable(table, value, line, place_by)
    places = Places.of(part)
    check_one_row(part, [places.name, line])
    lines = values_of(part[line])
    labels = line_labels(part, line, lines)
    twins = twins and value == "rate" and "twin_n" in part and bool((part["twin_n"] > 0).any())
    beside = [*labels, *(["twin (hint agrees)"] if twins else [])]
    ax = axes_on(ax, 4.9 + legend_width(beside), 3.6)
    handles = draw_lines(ax, part, line, lines, places, value=value, twins=twins)
    ax.set_xlabel("RL step" if places.by_step else "checkpoint")
    ax.set_ylabel(EXCESS.replace(": ", ":\n") if value == "excess" else _words(arm))
    legend_beside(ax, handles, beside, line)
    return ax


def line_labels(table: pd.DataFrame, line: str, lines: list[Any]) -> list[str]:
    """The lines' names for a legend; one without any answer says so."""
    answered = [rows_with(table, line, name)["n"].sum() > 0 for name in lines]
    return [
        shown(name) + ("" if there else " (no data)")
        for name, there in zip(lines, answered, strict=True)
    ]


def _words(arm: str) -> str:
    return "gaming rate" if arm == "conflict" else ARM_TITLES[arm].replace(": ", ":\n")


@dataclass(frozen=True)
class Places:
    """Where the checkpoints of a table stand on the x axis."""

    name: str
    """The column that tells them apart: step or checkpoint."""
    names: list[Any]
    """Its values in the order of the run."""

    @classmethod
    def of(cls, table: pd.DataFrame) -> Places:
        """By step where all have one and no two checkpoints share it, else by place."""
        by_step = "step" in table and bool(table["step"].notna().all())
        if by_step and "checkpoint" in table:
            by_step = table.groupby("step")["checkpoint"].nunique().max() == 1
        name = "step" if by_step else "checkpoint"
        check_columns(table, name)
        return cls(name, values_of(table[name]))

    @property
    def by_step(self) -> bool:
        return self.name == "step"

    def x(self, table: pd.DataFrame) -> Floats:
        """The place of every row. Shape (rows,)."""
        column = table[self.name]
        return (column if self.by_step else column.map(self.names.index)).to_numpy(dtype=float)

    def label(self, ax: Axes) -> None:
        """Ticks and limits, where the numbers alone do not say enough."""
        if len(self.names) == 1:
            x = float(self.names[0]) if self.by_step else 0.0
            ax.set_xlim(x - 1, x + 1)
            ax.set_xticks([x], [shown(self.names[0])], parse_math=False)
        elif not self.by_step:
            name_ticks(ax, self.names, MOST_TICKS)


def draw_lines(
    ax: Axes,
    part: pd.DataFrame,
    line: str,
    lines: list[Any],
    places: Places,
    *,
    value: str = "rate",
    twins: bool = False,
) -> list[Any]:
    """Draws the rows of ``part`` on ``ax``, each of ``lines`` in its own colour whether it is there
    or not; gives the handles for a legend of all of them."""
    handles = []
    for place, name in enumerate(lines):
        rows = rows_with(part, line, name)
        curve = _Curve.of(rows, places, value, _aside(place, len(lines), places))
        if not np.isfinite(curve.y).any():
            handles.append(_sample(place))
            continue
        drawn = _draw(ax, curve, shown(name), place, len(places.names), len(lines))
        found = _points(curve, line, value, places)
        drawn.set_gid(f"pts-{add_points(ax, found)}-{len(found)}")
        handles.append(_sample(place) if len(places.names) > _MANY else drawn)
        if twins:
            with np.errstate(invalid="ignore", divide="ignore"):
                twin = (curve.rows["twin_k"] / curve.rows["twin_n"]).to_numpy(dtype=float)
            (dashed,) = ax.plot(curve.x, 100 * twin, color=look(place)[0], alpha=0.85, zorder=1.8)
            dashed.set(linestyle=_DASHED, linewidth=1.1, marker="_" if len(twin) == 1 else "")
    if twins:
        handles.append(_sample(None))
    if value == "excess":
        ax.axhline(0, color=GREY, linewidth=0.8, zorder=1)
    places.label(ax)
    least = part[columns_for(value)[1]].min()
    share_axis(ax.yaxis, value, 0.0 if least != least else float(least))
    plain_axes(ax)
    return handles


def _aside(place: int, lines: int, places: Places) -> float:
    """How far a line stands from its checkpoint: apart from the others where there is only one."""
    return 0.0 if len(places.names) > 1 or lines == 1 else -0.6 + 1.2 * place / (lines - 1)


@dataclass(frozen=True)
class _Curve:
    """One line: its rows from left to right, and what is drawn of them in percent. NaN is a gap."""

    rows: pd.DataFrame
    x: Floats
    y: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, rows: pd.DataFrame, places: Places, value: str, aside: float) -> _Curve:
        x = places.x(rows)
        order = np.argsort(x, kind="stable")
        there = np.flatnonzero((rows["n"] > 0).to_numpy()[order])
        kept = order[there[0] : there[-1] + 1] if len(there) else order[:0]
        rows = rows.iloc[kept]
        drawn = (100 * rows[name].to_numpy(dtype=float) for name in columns_for(value))
        return cls(rows, x[kept] + aside, *drawn)

    @property
    def alone(self) -> Any:
        """The points without a neighbour, whose interval no band shows."""
        gap = np.concatenate([[True], ~np.isfinite(self.y), [True]])
        return np.isfinite(self.y) & gap[:-2] & gap[2:]


def _draw(ax: Axes, curve: _Curve, label: str, place: int, width: int, lines: int) -> Any:
    colour, marker = look(place)
    faint = 0.15 if lines <= 6 else 0.08
    ax.fill_between(
        curve.x, curve.low, curve.high, color=colour, alpha=faint, linewidth=0, zorder=1
    )
    if curve.alone.any():
        at = curve.alone
        ax.vlines(curve.x[at], curve.low[at], curve.high[at], color=colour, linewidth=1.2)
    size = 4.0 if width <= _MANY else 2.5 if width <= 100 else 1.8
    (drawn,) = ax.plot(curve.x, curve.y, color=colour, marker=marker, markersize=size, label=label)
    drawn.set_linewidth(1.5 if width <= _MANY else 1.0)
    return drawn


def _sample(place: int | None) -> Any:
    """A line for the legend alone; None is the twins'."""
    from matplotlib.lines import Line2D

    if place is None:
        return Line2D([], [], color=GREY, linestyle=_DASHED, linewidth=1.1)
    colour, marker = look(place)
    return Line2D([], [], color=colour, marker=marker, markersize=4)


def _points(curve: _Curve, line: str, value: str, places: Places) -> list[dict[str, Any]]:
    names = grouping(curve.rows)
    return [
        point(row, f"{shown(row[line], 80)}, {_where(row, places)}", value, names)
        for row, y in zip(curve.rows.to_dict("records"), curve.y, strict=True)
        if y == y
    ]


def _where(row: dict[Any, Any], places: Places) -> str:
    return f"step {shown(row['step'])}" if places.by_step else shown(row["checkpoint"], 80)
