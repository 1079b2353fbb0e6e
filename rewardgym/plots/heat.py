"""Heat map: a value over two factors, with the number, n and what the number leaves out.

In: a frame of ``gaming_rates`` grouped by the two factors. Out: an Axes. Each cell says its number
in words, so that the colour only guides the eye; a cell without data is hatched, for every colour
of the scale would be a claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewardgym.outcomes import OTHERS
from rewardgym.plots.frames import check_one_row, drawable, grouping, rows_with, values_of
from rewardgym.plots.marks import add_points, plain, point
from rewardgym.plots.style import ARM_TITLES, EXCESS, GREY, ON_COLOUR, axes_on, root_of, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WIDE, TALL = 1.05, 0.66
"""Inches of a cell in a figure of our own."""
_LABEL = 28


def heat_map(
    table: pd.DataFrame,
    *,
    rows: str = "field",
    columns: str = "encoding",
    value: str = "rate",
    ax: Axes | None = None,
) -> Axes:
    """The ``rate`` or the ``excess`` of each pair of values, the number and n in its cell; beneath
    it the share of unreadable replies and, where it was measured, decode competence.

    ``table``: ``gaming_rates(run, by=[rows, columns])`` of one checkpoint. A cell without data is
    hatched and says so. Raises PlotError for an empty table, mixed methods, and rows that share a
    cell; ValueError for a column that is not there.
    """
    part, arm = drawable(table, value, rows, columns)
    check_one_row(part, [rows, columns])
    down, across = values_of(part[rows]), values_of(part[columns])
    names = [[shown(v, _LABEL) for v in values] for values in (down, across)]
    slanted = any(len(name) > 11 for name in names[1])
    ax = axes_on(
        ax,
        max(3.6, 1.1 + 0.08 * max(map(len, names[0])) + WIDE * len(across)),
        1.0 + TALL * len(down) + (0.06 * max(map(len, names[1])) if slanted else 0),
    )
    _frame(ax, names, slanted, rows, columns)
    scale = _fit(ax, len(across), len(down))
    marks, texts = [], []
    for y, name in enumerate(down):
        for x, other in enumerate(across):
            cell = rows_with(rows_with(part, rows, name), columns, other).to_dict("records")
            row = cell[0] if cell else None
            marks.append(_square(ax, x, y, row, value))
            texts.append((x, y, row))
    _note(ax, marks, [row for _, _, row in texts], part, value, (rows, columns))
    for (x, y, row), mark in zip(texts, marks, strict=True):
        _write(ax, x, y, row, value, scale, _ink(mark))
    ax.set_title("gaming rate" if (value, arm) == ("rate", "conflict") else _title(value, arm))
    ax.title.set_fontsize(10)
    return ax


def _title(value: str, arm: str) -> str:
    return EXCESS if value == "excess" else ARM_TITLES[arm]


def _frame(ax: Axes, names: list[list[str]], slanted: bool, rows: str, columns: str) -> None:
    down, across = names
    ax.set_xlim(-0.5, len(across) - 0.5)
    ax.set_ylim(len(down) - 0.5, -0.5)
    ax.set_xticks(range(len(across)), across, parse_math=False)
    ax.set_yticks(range(len(down)), down, parse_math=False)
    if slanted:
        for text in ax.get_xticklabels():
            text.set(rotation=30, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel(shown(columns), parse_math=False)
    ax.set_ylabel(shown(rows), parse_math=False)


def _fit(ax: Axes, across: int, down: int) -> float:
    """By how much the texts shrink on axes of somebody else's size."""
    box, dpi = ax.get_window_extent(), root_of(ax).dpi
    wide, tall = box.width / dpi / across, box.height / dpi / down
    return float(max(0.35, min(1.0, wide / (WIDE * 0.8), tall / (TALL * 0.8))))


def _square(ax: Axes, x: int, y: int, row: dict[Any, Any] | None, value: str) -> Any:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    found = None if row is None else plain(row[value])
    square = Rectangle((x - 0.48, y - 0.47), 0.96, 0.94)
    if found is None:
        square.set(facecolor="none", edgecolor=GREY, hatch="///", alpha=0.35, linewidth=0.6)
    else:
        # Light to dark, or two hues from a pale middle: both are read in grey and by all eyes.
        scale = colormaps["Blues"] if value == "rate" else colormaps["PuOr_r"]
        square.set(facecolor=scale(0.85 * found if value == "rate" else 0.5 + 0.42 * found))
        square.set(edgecolor="none", linewidth=0)
    return ax.add_patch(square)


def _ink(mark: Any) -> str | None:
    """White on dark cells; None where the ground is the page's own."""
    if mark.get_hatch():
        return None
    red, green, blue, _ = mark.get_facecolor()
    return ON_COLOUR if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#ffffff"


def _write(
    ax: Axes,
    x: int,
    y: int,
    row: dict[Any, Any] | None,
    value: str,
    scale: float,
    ink: str | None,
) -> None:
    # Inside the axes, so the layout need not measure hundreds of them.
    style: dict[str, Any] = {"ha": "center", "va": "center", "in_layout": False}
    if ink is None:
        small = "" if row is None else _small(row)
        ax.text(x, y - (0.15 if small else 0), "no data", fontsize=9 * scale, **style)
        ax.text(x, y + 0.22, small, fontsize=6.5 * scale, linespacing=1.1, **style)
        return
    assert row is not None
    style["color"] = ink
    number = f"{100 * row[value]:.1f}%" if value == "rate" else f"{100 * row[value]:+.1f}"
    ax.text(x, y - 0.24, number, fontsize=11 * scale, weight="bold", **style)
    ax.text(x, y + 0.04, f"n = {_count(row['n'])}", fontsize=7.5 * scale, **style)
    ax.text(x, y + 0.29, _small(row), fontsize=6.5 * scale, linespacing=1.1, **style)


def _small(row: dict[Any, Any]) -> str:
    """The share of replies that could not be read, and decode competence where it is known."""
    said = []
    replies = row["n"] + sum(row[name] for name in OTHERS if name in row) + row.get("residual", 0)
    if replies > 0 and "unreadable" in row:
        left = "residual" if row.get("method", "sampled") == "exact" else "unreadable"
        said.append(f"{left} {100 * row.get(left, 0) / replies:.0f}%")
    if plain(row.get("decodes")) is not None:
        said.append(f"decodes {100 * row['decodes']:.0f}%")
    return "\n".join(said)


def _count(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}"


def _note(
    ax: Axes,
    marks: list[Any],
    rows: list[dict[Any, Any] | None],
    part: pd.DataFrame,
    value: str,
    by: tuple[str, str],
) -> None:
    """The cells with data, in the order in which they are drawn."""
    names = grouping(part)
    there = [
        (mark, point(row, ", ".join(shown(row[name], 80) for name in by), value, names))
        for mark, row in zip(marks, rows, strict=True)
        if row is not None and not mark.get_hatch()
    ]
    extra = ("unreadable", "residual", "decodes", "paid_side")
    found = [row for row, mark in zip(rows, marks, strict=True) if not mark.get_hatch()]
    for (_, one), row in zip(there, found, strict=True):
        assert row is not None
        one |= {name: plain(row[name]) for name in extra if name in row}
    first = add_points(ax, [one for _, one in there])
    for place, (mark, _) in enumerate(there):
        mark.set_gid(f"pt-{first + place}")
