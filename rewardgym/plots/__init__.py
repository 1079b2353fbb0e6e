"""Plots: figures for papers, drawn from the frames of ``gaming_rates``.

In: a frame, and an Axes to draw on where there is one. Out: the Axes; ``ax.figure`` shows it in a
notebook, :func:`to_svg` puts it on a page, :func:`points` says what stands behind each mark. The
report, the command line, the README and the notebooks draw with these functions alone, so that one
number never looks like two. Names are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rewardgym.plots.bars import outcome_bars as outcome_bars
    from rewardgym.plots.curves import gaming_curve as gaming_curve
    from rewardgym.plots.dots import factor_ladder as factor_ladder
    from rewardgym.plots.dots import forest as forest
    from rewardgym.plots.heat import heat_map as heat_map
    from rewardgym.plots.marks import points as points
    from rewardgym.plots.style import PlotError as PlotError
    from rewardgym.plots.svg import to_svg as to_svg

# No file is called as a function in it: a submodule would hide the function of its name.
_HOMES = {
    "bars": ("outcome_bars",),
    "curves": ("gaming_curve",),
    "dots": ("factor_ladder", "forest"),
    "heat": ("heat_map",),
    "marks": ("points",),
    "style": ("PlotError",),
    "svg": ("to_svg",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'rewardgym.plots' has no attribute {name!r}")
    return getattr(importlib.import_module(f"rewardgym.plots.{_HOME_OF[name]}"), name)
