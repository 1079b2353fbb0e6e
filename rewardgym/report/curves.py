"""Curves: the rate over checkpoints, one line a field, with interval bands, as a file.

In: a frame of ``gaming_rates`` grouped by checkpoint, the lines' factor and the panels' factor.
Out: a PNG (or whatever the file's ending says). The lines are those of ``rewardgym.plots``; here
they are set out in panels, an arm a row, because a file is often all that is seen of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardgym.plots.curves import Places, draw_lines, line_labels
from rewardgym.plots.frames import check_columns, check_one_row, one_method, values_of
from rewardgym.plots.style import ARM_TITLES as ARM_TITLES
from rewardgym.plots.style import COLOURS as COLOURS
from rewardgym.plots.style import MARKERS as MARKERS
from rewardgym.plots.style import PlotError as PlotError
from rewardgym.plots.style import figure_of, shown, word_legend

if TYPE_CHECKING:
    import pandas as pd


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
    check_columns(table, line, *([] if panel is None else [panel]))
    places = Places.of(one_method(table))
    check_one_row(table, [places.name, line, "arm", *([] if panel is None else [panel])])
    arms = [arm for arm in ARM_TITLES if (table["arm"] == arm).any()]
    panels: Sequence[Any] = values_of(table[panel]) if panel else [None]
    size = (max(5.5, 1.6 + 3.4 * len(panels)), 0.9 + 2.7 * len(arms))
    figure = figure_of(*size)
    axes = figure.subplots(len(arms), len(panels), sharex=True, sharey=True, squeeze=False)
    lines = values_of(table[line])
    for row, arm in enumerate(arms):
        for column, value in enumerate(panels):
            axis, part = axes[row][column], table[table["arm"] == arm]
            if panel:
                part = part[part[panel].isna() if value is None else part[panel] == value]
            handles = draw_lines(axis, part, line, lines, places)
            if row == 0 and panel:
                axis.set_title(shown(value), fontsize=11, parse_math=False)
            if row == len(arms) - 1:
                axis.set_xlabel("training step" if places.by_step else "checkpoint")
        axes[row][0].set_ylabel(ARM_TITLES[arm].replace(": ", ":\n"), fontsize=9)
    legend = figure.legend(
        handles,
        ["-"] * len(handles),
        loc="outside right upper",
        frameon=False,
        title=shown(line),
        fontsize=9,
    )
    word_legend(legend, line_labels(table, line, lines))
    if title:
        figure.suptitle(title, fontsize=11, parse_math=False)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise PlotError(f"{path}: cannot be written ({error}); choose another file") from error
    return Path(path)
