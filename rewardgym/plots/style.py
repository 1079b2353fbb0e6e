"""Style: colours, markers, words and room for what every figure shares.

In: an Axes or None, values to name. Out: an Axes to draw on, texts that are safe to draw. Figures
are made with matplotlib's object interface, so that nothing of a notebook's own is touched and no
screen is needed; text is drawn as it is, since a name may hold what TeX would take for a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette: told apart with every common colour blindness. Markers differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#808080"
"""Seen on a white page as on a black one: what is missing, zero lines, grids."""
ON_COLOUR = "#101010"
"""Text on a coloured ground: not quite black, for black becomes the page's text colour."""

ARM_TITLES = {
    "conflict": "hint against instruction: gaming rate",
    "agree": "hint agrees (control): violation rate",
    "neutral": "field of unknown meaning: violation rate",
    "none": "no hint: violation rate",
}
EXCESS = "excess gaming: points over the twin"
LONGEST = 40
"""Characters of a name in a legend or at a row; the whole name is in ``points``."""
_TICK = 22
"""Characters of a name on an axis of checkpoints."""


class PlotError(RuntimeError):
    """A picture that cannot be drawn: one line with the cause and what to do."""


def figure_of(width: float, height: float) -> Any:
    """An empty Figure of that size in inches. Raises PlotError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise PlotError("drawing needs matplotlib: pip install 'rewardgym[plot]'") from None
    return Figure(figsize=(width, height), layout="constrained")


def axes_on(ax: Axes | None, width: float, height: float) -> Axes:
    """``ax`` itself, or the Axes of a new Figure of that size in inches. A figure without a layout
    gets matplotlib's constrained one: legends stand beside the data, and need room there."""
    if ax is None:
        made: Axes = figure_of(width, height).subplots()
        return made
    figure = root_of(ax)
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")
    return ax


def root_of(ax: Axes) -> Any:
    """The Figure that ``ax`` stands in, also where a subfigure holds it."""
    return ax.get_figure(root=True)


def look(place: int) -> tuple[str, str]:
    """The colour and the marker of the line at ``place``: 49 pairs before any comes again."""
    turn, colour = divmod(place, len(COLOURS))
    return COLOURS[colour], MARKERS[(colour + turn) % len(MARKERS)]


def shown(value: Any, longest: int = LONGEST) -> str:
    """A value as text in a figure: ``none`` for a missing one, what cannot be printed spelled out,
    the middle of a long one left out."""
    if value is None or value != value:
        return "none"
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column with gaps holds steps as 20.0
    letters = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))
    text = "".join(letters)
    if len(text) <= longest:
        return text
    head = (longest - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def name_ticks(ax: Axes, names: Sequence[Any], most: int) -> None:
    """Names checkpoints along the x axis; of more than ``most`` every second, third, ..."""
    texts = [shown(name, _TICK).removeprefix("checkpoint-") or "-" for name in names]
    places = range(0, len(texts), -(-len(texts) // most))
    ax.set_xticks(list(places), [texts[place] for place in places], parse_math=False)
    lengths = [len(texts[place]) for place in places]
    if max(lengths) > 5 or sum(lengths) > 32:
        for text in ax.get_xticklabels():
            text.set(rotation=30, ha="right", rotation_mode="anchor")


def plain_axes(ax: Axes) -> None:
    """No frame but the two axes, and a faint grid."""
    ax.grid(alpha=0.25, linewidth=0.5)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def share_axis(axis: Any, value: str = "rate", least: float = 0.0) -> None:
    """One scale for all figures: 0 to 100%, with room for the markers at its ends. Of an excess
    also what lies below 0, down to ``least`` (a share), in points."""
    low = -3.0 if value == "rate" else min(-3.0, 100 * least - 3)
    if axis.axis_name == "y":
        axis.axes.set_ylim(low, 103)
    else:
        axis.axes.set_xlim(low, 103)
    axis.set_ticks([tick for tick in range(-100, 101, 20) if tick >= low])
    axis.set_major_formatter("{x:.0f}%" if value == "rate" else signed)


def signed(value: float, place: float = 0) -> str:
    """A number of points on an axis: ``+20``, ``0``, ``−20``."""
    return f"{value:+.0f}".replace("-", "−") if round(value) else "0"


def legend_beside(
    ax: Axes, handles: Sequence[Any], labels: Sequence[str], title: str | None
) -> None:
    """A legend to the right of the axes, never on the data; in columns where it is long."""
    found = ax.legend(
        handles,
        ["-"] * len(handles),
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
        frameon=False,
        fontsize=9,
        alignment="left",
        ncols=columns_of(len(handles)),
    )
    word_legend(found, labels)


def word_legend(legend: Any, labels: Sequence[str]) -> None:
    """Puts the names in: matplotlib would leave out those that begin with an underscore."""
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_parse_math(False)
        text.set_text(label)
    legend.get_title().set_parse_math(False)


def columns_of(lines: int) -> int:
    """The columns of a legend of so many lines."""
    return 1 + (lines - 1) // 14


def legend_width(labels: Sequence[str]) -> float:
    """About how many inches a legend takes, so that a new figure is made that much wider."""
    longest = max((len(label) for label in labels), default=0)
    return columns_of(len(labels)) * (0.6 + 0.085 * longest)
