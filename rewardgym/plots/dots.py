"""Dots: rows of a value with its interval, one above the other: the ladder and the forest.

In: rows of effects or of a rates table. Out: an Axes. Both are read in the same way, so they are
drawn by one function: a filled mark holds, a hollow one does not, and a row without a number says
so in words at the place of its mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewardgym.plots.frames import (
    NOTHING,
    VALUES,
    check_columns,
    columns_for,
    grouping,
    one_method,
    row_label,
    varies,
)
from rewardgym.plots.marks import add_points, plain, point
from rewardgym.plots.style import (
    COLOURS,
    EXCESS,
    GREY,
    PlotError,
    axes_on,
    plain_axes,
    share_axis,
    shown,
    signed,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_LABEL = 48
ROW = 0.24
"""Inches of a row in a figure of our own."""


def factor_ladder(effects: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """One edit of the prompt at a time: by how many points it moves the gaming rate, the largest
    first, with intervals; filled where the interval leaves 0 out.

    ``effects``: a frame with ``label``, ``effect``, ``low``, ``high`` (shares, from -1 to 1) and
    ``n``, as ``rewardgym.metrics.ladder.ladder_frame`` gives. Raises PlotError where no row has an
    effect, ValueError for a missing column and for effects in points.
    """
    check_columns(effects, "label", "effect", "low", "high", "n")
    if not effects["effect"].notna().any():
        raise PlotError(
            "there is no effect to draw: no two measured variants differ by one factor alone"
        )
    if effects["effect"].abs().max() > 1:
        raise ValueError(
            f"effects reach {effects['effect'].abs().max():g}; allowed: shares, from -1 to 1: "
            "divide points by 100"
        )
    ranked = effects.sort_values("effect", ascending=False, kind="stable", na_position="last")
    rows = [_rung(row) for row in ranked.to_dict("records")]
    ax = _drawn(rows, ax, points=True)
    ax.set_xlabel("change of the gaming rate (points)" + _base(ranked), parse_math=False)
    return ax


def forest(
    table: pd.DataFrame,
    *,
    label: str | Sequence[str] | None = None,
    value: str = "excess",
    ax: Axes | None = None,
) -> Axes:
    """Every row of a rates table with its interval, in the table's order; filled is what survives
    the correction over the table (for a rate: of its excess).

    ``label`` names the columns that say what a row is; left out, all that vary. Of the arms the
    conflict rows are drawn for an excess, all for a rate. Raises PlotError for an empty table,
    mixed methods, and where no row has the value; ValueError for a column that is not there.
    """
    columns = columns_for(value)
    check_columns(table, "k", "n", *columns)
    table = one_method(table)
    if value == "excess" and "arm" in table and (table["arm"] == "conflict").any():
        table = table[table["arm"] == "conflict"]
    if not table[value].notna().any():
        raise PlotError(NOTHING if value == "rate" else _NO_TWIN)
    if label is None:
        names = [name for name in grouping(table) if varies(table[name])] or grouping(table)[:1]
        if "checkpoint" in names and "step" in names:  # one says the other
            names.remove("step")
    else:
        names = [label] if isinstance(label, str) else list(label)
    check_columns(table, *names)
    keys = grouping(table)
    rows = [_forest_row(row, names, keys, value) for row in table.to_dict("records")]
    ax = _drawn(rows, ax, points=value == "excess")
    ax.set_xlabel(EXCESS if value == "excess" else "gaming rate" if _gaming(table) else "rate")
    if any(row.filled for row in rows):
        _key(ax)
    return ax


def _base(effects: pd.DataFrame) -> str:
    """Where the ladder stands, if the frame says it: from which rate, at which checkpoint."""
    known = {"base_k", "base_n", "base_rate", "checkpoint"} <= set(effects.columns)
    row = effects.iloc[0]
    if not known or not row["base_n"] > 0:
        return ""
    counts = f"{_count(row['base_k'])}/{_count(row['base_n'])}"
    return f"\nfrom {100 * row['base_rate']:.1f}% ({counts}) at {shown(row['checkpoint'])}"


_NO_TWIN = "there is no excess to draw: no row has a twin with answers; sweep with twins=True"


def _gaming(table: pd.DataFrame) -> bool:
    return "arm" not in table or bool((table["arm"] == "conflict").all())


@dataclass(frozen=True)
class _Row:
    label: str
    middle: float | None
    low: float | None
    high: float | None
    filled: bool
    beside: str
    """What stands to the right: the counts."""
    missing: str
    """What is said where there is no number."""
    point: dict[str, Any]


def _rung(row: dict[Any, Any]) -> _Row:
    middle, low, high = (plain(row[name]) for name in ("effect", "low", "high"))
    filled = low is not None and high is not None and (low > 0 or high < 0)
    known = {str(name): plain(value) for name, value in row.items()}
    names = ("checkpoint", "variant", "factor", "value", "against")
    numbers = {"value": middle} | {name: known.get(name) for name in ("k", "n", "rate")}
    numbers |= {"low": low, "high": high, "twin": None, "effect": middle}
    numbers |= {name: known[name] for name in ("base_k", "base_n", "base_rate") if name in known}
    factors = {name: known[name] for name in names if name in known}
    found = {"label": shown(row["label"], 80), **numbers, "factors": factors}
    n = plain(row["n"])
    beside = "" if n is None else f"n = {_count(n)}"
    label = shown(row["label"], _LABEL)
    return _Row(label, middle, low, high, filled, beside, "no data", found)


def _forest_row(row: dict[Any, Any], names: list[str], keys: list[str], value: str) -> _Row:
    middle, low, high = (plain(row[name]) for name in VALUES[value])
    found = point(row, row_label(row, names), value, keys)
    survives = plain(row.get("survives"))
    found |= {"survives": survives, "q": plain(row.get("q"))}
    beside = f"{_count(row['k'])}/{_count(row['n'])}"
    missing = "no data" if value == "rate" or not row["n"] > 0 else "no twin"
    text = shown(row_label(row, names), _LABEL)
    return _Row(text, middle, low, high, bool(survives), beside, missing, found)


def _drawn(rows: list[_Row], ax: Axes | None, *, points: bool) -> Axes:
    """Rows from the top down, their labels to the left and their counts to the right."""
    wide = max(len(row.label) for row in rows)
    ax = axes_on(ax, 5.0 + 0.075 * wide, 0.9 + ROW * max(len(rows), 3))
    first = add_points(ax, [row.point for row in rows if row.middle is not None])
    there = [row for row in rows if row.middle is not None]
    for y, row in enumerate(rows):
        if row.middle is None:
            ax.text(0, y, f" {row.missing} ", color=GREY, fontsize=8, va="center", ha="left")
        else:
            _mark(ax, y, row, f"pt-{first + there.index(row)}")
        across = ax.get_yaxis_transform()
        ax.text(1.02, y, row.beside, transform=across, fontsize=8, va="center", ha="left")
    ax.set_yticks(range(len(rows)), [row.label for row in rows], parse_math=False, fontsize=9)
    ax.set_ylim(max(len(rows), 3) - 0.4, -0.6)
    plain_axes(ax)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
    _limits(ax, there, points)
    return ax


def _mark(ax: Axes, y: int, row: _Row, gid: str) -> None:
    assert row.middle is not None
    if row.low is not None and row.high is not None:
        ax.plot([100 * row.low, 100 * row.high], [y, y], color=COLOURS[0], linewidth=1.4)
    (mark,) = ax.plot([100 * row.middle], [y], **_style(row.filled), zorder=3)
    mark.set_gid(gid)


def _style(filled: bool) -> dict[str, Any]:
    # Hollow marks are filled with white and not with nothing: the interval would run through them.
    face = COLOURS[0] if filled else "#ffffff"
    return {
        "marker": "o",
        "markersize": 5.5,
        "color": COLOURS[0],
        "linestyle": "none",
        "markerfacecolor": face,
        "markeredgewidth": 1.3,
    }


def _limits(ax: Axes, rows: list[_Row], points: bool) -> None:
    if not points:
        share_axis(ax.xaxis)
        return
    ends = [100 * end for row in rows for end in (row.low, row.middle, row.high) if end is not None]
    low, high = min(0.0, *ends), max(0.0, *ends)
    room = 0.06 * max(high - low, 10.0)
    ax.set_xlim(low - room, high + room)
    ax.xaxis.set_major_formatter(signed)
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=1)


def _key(ax: Axes) -> None:
    """What filled and hollow mean, above the rows and never among them."""
    from matplotlib.lines import Line2D

    ax.legend(
        [Line2D([], [], **_style(True)), Line2D([], [], **_style(False))],
        ["survives the correction", "does not"],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=2,
        frameon=False,
        fontsize=8,
        borderaxespad=0.2,
    )


def _count(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}"
