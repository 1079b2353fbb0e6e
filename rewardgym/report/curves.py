"""Curves: the rate over checkpoints, one line a field, with interval bands.

In: a frame of ``gaming_rates`` grouped by checkpoint, the lines' factor and the panels' factor.
Out: a PNG (or whatever the file's ending says). Drawn with matplotlib's object interface, so that
nothing of a notebook's own figures is touched and no screen is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardgym.names import unknown

if TYPE_CHECKING:
    import pandas as pd

# Okabe and Ito's palette: told apart with every common colour blindness. Markers differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

ARM_TITLES = {
    "conflict": "hint against instruction: gaming rate",
    "agree": "hint agrees (control): violation rate",
    "neutral": "field of unknown meaning: violation rate",
    "none": "no hint: violation rate",
}


class PlotError(RuntimeError):
    """A picture that cannot be drawn: one line with the cause and what to do."""


def draw_rates(
    table: pd.DataFrame,
    path: str | Path,
    *,
    line: str = "field",
    panel: str | None = None,
    title: str = "",
) -> Path:
    """Draws ``table`` to ``path``: a row of panels an arm, a panel a value of ``panel``, a line a
    value of ``line``, the band being the interval. Raises PlotError without matplotlib, for an
    empty table and for a file that cannot be written."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise PlotError("drawing needs matplotlib: pip install 'rewardgym[plot]'") from None
    for name in (line, panel):
        if name is not None and name not in table.columns:
            raise unknown("column to draw", name, table.columns)
    if table.empty or not table["n"].sum():
        raise PlotError("there is nothing to draw: the run holds no readable answer yet")
    if table["method"].nunique() > 1:
        raise PlotError(
            f"the run holds rows of {table['method'].nunique()} methods "
            f"({', '.join(table['method'].unique())}), which share no line; choose one with "
            "--method, or rewardgym.metrics.rates.of_method"
        )
    arms = [arm for arm in ARM_TITLES if (table["arm"] == arm).any()]
    panels: Sequence[Any] = list(table[panel].unique()) if panel else [None]
    figure = Figure(
        figsize=(max(5.5, 1.6 + 3.4 * len(panels)), 0.9 + 2.7 * len(arms)), layout="constrained"
    )
    axes = figure.subplots(len(arms), len(panels), sharex=True, sharey=True, squeeze=False)
    lines = list(table[line].unique())
    for row, arm in enumerate(arms):
        for column, value in enumerate(panels):
            axis = axes[row][column]
            part = table[(table["arm"] == arm) & (True if panel is None else table[panel] == value)]
            _draw_panel(axis, part, table, line, lines)
            if row == 0 and value is not None:
                axis.set_title(str(value), fontsize=11)
            if row == len(arms) - 1:
                axis.set_xlabel("training step" if _by_step(table) else "checkpoint")
        axes[row][0].set_ylabel(ARM_TITLES[arm].replace(": ", ":\n"), fontsize=9)
    handles, labels = _legend(axes)
    figure.legend(handles, labels, loc="outside right upper", frameon=False, title=line, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise PlotError(f"{path}: cannot be written ({error}); choose another file") from error
    return Path(path)


def _by_step(table: pd.DataFrame) -> bool:
    return "step" in table and bool(table["step"].notna().all())


def _draw_panel(
    axis: Any, part: pd.DataFrame, table: pd.DataFrame, line: str, lines: list[Any]
) -> None:
    checkpoints = list(table["checkpoint"].unique())
    for place, name in enumerate(lines):
        points = part[(part[line] == name) & (part["n"] > 0)]
        if points.empty:
            continue
        if _by_step(table):
            x = points["step"].to_numpy(dtype=float)
        else:
            x = points["checkpoint"].map(checkpoints.index).to_numpy(dtype=float)
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        low, high = (100 * points[bound].to_numpy(dtype=float) for bound in ("low", "high"))
        axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        rate = 100 * points["rate"].to_numpy(dtype=float)
        axis.plot(x, rate, color=colour, marker=marker, markersize=4, label=str(name))
    if not _by_step(table):
        axis.set_xticks(range(len(checkpoints)), [str(c) for c in checkpoints], rotation=30)
    axis.set_ylim(-3, 103)
    axis.yaxis.set_major_formatter("{x:.0f}%")
    axis.grid(alpha=0.25, linewidth=0.5)
    axis.spines[["top", "right"]].set_visible(False)


def _legend(axes: Any) -> tuple[list[Any], list[str]]:
    """Each line once, wherever it is drawn first."""
    found: dict[str, Any] = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)
