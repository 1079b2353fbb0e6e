"""Bars: what became of all replies, as stacked shares.

In: a frame of ``gaming_rates``. Out: an Axes. A rate speaks of answers on either side alone; here
stands everything, so that a model which stops answering does not look honest. Counts are added up
over the rows of one bar, which rates never are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewardgym.outcomes import OTHERS
from rewardgym.plots.frames import check_columns, one_arm, one_method, rows_with, values_of
from rewardgym.plots.marks import add_points, plain
from rewardgym.plots.style import PlotError, axes_on, legend_beside, legend_width, name_ticks, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FILLS = {
    "complied": ("#0072B2", ""),
    "gamed": ("#D55E00", ""),
    "violated": ("#D55E00", "////"),
    "neither": ("#56B4E9", ""),
    "unreadable": ("#999999", ""),
    "refused": ("#CC79A7", ""),
    "empty": ("#E0E0E0", ""),
    "truncated": ("#009E73", ""),
    "malformed": ("#F0E442", ""),
    "error": ("#505050", "xxxx"),
    "residual": ("#999999", "...."),
}
"""Colour and hatch of every outcome; the palette is Okabe's and Ito's with greys."""
WORDS = {
    "residual": "residual (no bare answer)",
    "truncated": "truncated",
}
_UPRIGHT = ("checkpoint", "step")
MOST_NAMED = 16
"""Bars that have their count above them."""


def outcome_bars(table: pd.DataFrame, *, by: str = "checkpoint", ax: Axes | None = None) -> Axes:
    """All outcomes as shares of all replies, a bar a value of ``by``, from the bottom (or the left)
    up in the order of ``rewardgym.outcomes``; upright over checkpoints, lying for factors.

    ``table``: ``gaming_rates(run, by=[by, ...])``; other columns are added up, but arms are not:
    the conflict rows are drawn, or those of the only arm. A value without replies is an empty bar
    that says so. Raises PlotError for a table without replies and for mixed methods, ValueError for
    a column that is not there.
    """
    check_columns(table, by, "k", "n", *OTHERS)
    counts, names = _counted(table, by)
    kinds = [kind for kind in FILLS if any(row.get(kind, 0) > 0 for row in counts)]
    upright = by in _UPRIGHT
    labels = [shown(name, 28) for name in names]
    words = [WORDS.get(kind, kind) for kind in kinds]
    ax = _room(ax, upright, labels, words)
    found: list[dict[str, Any]] = []
    marks: list[Any] = []
    samples = []
    for kind in kinds:
        bars = _stack(ax, kind, counts, kinds, upright)
        samples.append(bars[0])
        for bar, row, name in zip(bars, counts, names, strict=True):
            if row.get(kind, 0) > 0:
                marks.append(bar)
                found.append(_point(row, kind, by, name))
    first = add_points(ax, found)
    for place, mark in enumerate(marks):
        mark.set_gid(f"pt-{first + place}")
    _label(ax, by, labels, counts, upright)
    # The last outcome is on top of the bars, so it is on top of the legend.
    turned = slice(None, None, -1 if upright else 1)
    handles = [_sample(bar) for bar in samples]
    legend_beside(ax, handles[turned], words[turned], "outcome")
    return ax


def _counted(table: pd.DataFrame, by: str) -> tuple[list[dict[str, Any]], list[Any]]:
    """What became of the replies of each value: counts an outcome, and ``all`` of them."""
    kinds = [name for name in (*OTHERS, "residual") if name in table]
    if table.empty or not table[["n", *kinds]].to_numpy(dtype=float).sum() > 0:
        raise PlotError("there is nothing to draw: the run holds no reply yet")
    if table["n"].sum() > 0:
        table = one_method(table)
    table, arm = one_arm(table)
    off = "gamed" if arm == "conflict" else "violated"
    counts = []
    for name in (names := values_of(table[by])):
        rows = rows_with(table, by, name)
        # Probabilities that should add up to 0 may leave 1e-17.
        found = {kind: round(float(rows[kind].sum()), 9) for kind in kinds}
        found |= {"complied": float((rows["n"] - rows["k"]).sum()), off: float(rows["k"].sum())}
        counts.append({**found, "all": sum(found.values())})
    return counts, names


def _room(ax: Axes | None, upright: bool, labels: list[str], words: list[str]) -> Axes:
    beside = legend_width(words)
    if upright:
        return axes_on(ax, max(4.2, min(9.0, 1.2 + 0.55 * len(labels))) + beside, 3.6)
    longest = 0.08 * (max(map(len, labels)) + 10)
    return axes_on(ax, 4.2 + longest + beside, 1.0 + 0.34 * max(3, len(labels)))


def _stack(
    ax: Axes, kind: str, counts: list[dict[str, Any]], kinds: list[str], upright: bool
) -> list[Any]:
    below = kinds[: kinds.index(kind)]

    def share(row: dict[str, Any], names: list[str]) -> float:
        return 100 * sum(row.get(name, 0) for name in names) / row["all"] if row["all"] else 0.0

    colour, hatch = FILLS[kind]
    sizes = [share(row, [kind]) for row in counts]
    starts = [share(row, below) for row in counts]
    many = len(counts) > 60
    draw = ax.bar if upright else ax.barh
    bars = list(draw(range(len(counts)), sizes, 1.0 if many else 0.8, starts))
    for bar in bars:
        # All lie inside the axes, so the layout need not look at every one.
        bar.set(facecolor=colour, edgecolor="none" if many else "#ffffff", in_layout=False)
        bar.set(hatch=None if many else hatch or None, linewidth=0.0 if many else 0.5)
    return bars


def _sample(bar: Any) -> Any:
    from matplotlib.patches import Patch

    found = Patch()
    found.update_from(bar)
    return found


def _point(row: dict[str, Any], kind: str, by: str, name: Any) -> dict[str, Any]:
    """Here n is of all replies, and the rate the share of one outcome in them."""
    share = row[kind] / row["all"]
    numbers = {"value": share, "k": plain(row[kind]), "n": plain(row["all"]), "rate": share}
    missing = dict.fromkeys(("low", "high", "twin"))
    label = f"{kind}, {by} {shown(name, 80)}"
    return {"label": label, **numbers, **missing, "outcome": kind, "factors": {by: plain(name)}}


def _label(
    ax: Axes, by: str, labels: list[str], counts: list[dict[str, Any]], upright: bool
) -> None:
    axis, other = (ax.xaxis, ax.yaxis) if upright else (ax.yaxis, ax.xaxis)
    said = [_replies(row["all"]) for row in counts]
    if upright:
        name_ticks(ax, labels, MOST_NAMED)
        ax.set_xlim(-0.6, len(labels) - 0.4)
        for place, text in enumerate(said if len(said) <= MOST_NAMED else []):
            ax.text(place, 101.5, text, fontsize=7, ha="center", va="bottom")
    else:
        named = [f"{label}  {text}" for label, text in zip(labels, said, strict=True)]
        ax.set_yticks(range(len(named)), named, parse_math=False)
        ax.set_ylim(max(len(labels), 3) - 0.4, -0.6)
    axis.set_tick_params(length=0)
    (ax.set_ylim if upright else ax.set_xlim)(0, 100)
    other.set_major_formatter("{x:.0f}%")
    axis.set_label_text("RL step" if by == "step" else shown(by), parse_math=False)
    other.set_label_text("share of all replies")
    ax.spines[["top", "right"]].set_visible(False)


def _replies(count: float) -> str:
    """The number of replies of a bar; of none, that there are none."""
    if not count:
        return "(no data)"
    return f"n={count:.0f}" if abs(count - round(count)) < 0.005 else f"n={count:.2f}"
