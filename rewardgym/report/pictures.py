"""Pictures of a figure: for a phone as well as for a screen, and ids of their own.

In: what draws a figure, and its data. Out: markup. A figure is drawn twice because shrinking it to
a phone's width shrinks its letters too.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rewardgym.plots.style import figure_of, word_legend
from rewardgym.plots.svg import to_svg

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PHONE = 3.45
"""Inches of a figure for a phone: what 360 pixels leave, at 96 to the inch."""
LEAST_ROOM = 1.2
"""Inches between the axes below which a figure for a phone says less than one that scrolls."""
LONG_LABEL = 24
"""Characters of an axis label that a phone's axes have room for."""


def narrow_picture(draw: Callable[..., Axes], table: pd.DataFrame, wide: Axes, prefix: str) -> str:
    """The same figure as wide as a phone, its legend beneath instead of beside; "" where its names
    are too long for that."""
    legend = wide.get_legend()
    lines = 0 if legend is None else len(legend.get_texts())
    whole: Any = wide.get_figure(root=True)
    figure = figure_of(PHONE, whole.get_size_inches()[1] + 0.11 * lines)
    axes = draw(table, figure.subplots())
    legend = axes.get_legend()
    if legend is not None:
        handles, title = legend.legend_handles, legend.get_title().get_text()
        words = [text.get_text() for text in legend.get_texts()]
        legend.remove()
        style = {"ncols": 1 if max(map(len, words)) > 20 else 2, "title": title or None}
        style |= {"frameon": False, "fontsize": 9, "alignment": "left"}
        beneath = figure.legend(handles, ["-"] * lines, loc="outside lower left", **style)
        word_legend(beneath, words)
    if len(axes.get_xlabel()) > LONG_LABEL:  # centred on narrow axes it would leave the figure
        axes.xaxis.label.set(horizontalalignment="right", x=1.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        _clear_overlaps(figure, axes)
        svg = to_svg(figure, prefix=prefix)
    room = PHONE * axes.get_position().width
    return own_marks(svg, prefix) if room >= LEAST_ROOM else ""


def _clear_overlaps(figure: Any, axes: Axes) -> None:
    """Takes away the counts within the axes where they run into each other (marks say them too),
    and all but the ends of an axis whose numbers do."""
    figure.draw_without_rendering()
    if _overlap(axes.texts):
        for text in list(axes.texts):
            text.remove()
    labels = axes.get_xticklabels()
    if _overlap(labels) and all(_NUMBER.fullmatch(text.get_text()) for text in labels):
        low, high = axes.get_xlim()
        seen = [tick for tick in axes.get_xticks() if low <= tick <= high]
        axes.set_xticks(seen[:: len(seen) - 1] if len(seen) > 1 else seen)


_NUMBER = re.compile(r"[+\-\u2212]?[\d.]*%?")
"""A tick that stands for a place on a scale, not for a name."""


def _overlap(texts: Sequence[Any]) -> bool:
    boxes = [text.get_window_extent().padded(1) for text in texts if text.get_text()]
    return any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def own_marks(svg: str, prefix: str) -> str:
    """The markup with the marks' ids made this figure's own: a page holds several. Only tags are
    touched, so that a text keeps what it says."""
    return re.sub(r'<[^>]* id="pt-\d+"', lambda tag: tag[0].replace(' id="', f' id="{prefix}'), svg)
