"""The arms' picture: gaming over steps under a name and a wording that no training saw.

In: the run folder of a recipe's curves. Out: a picture file. One line a training, its twin dashed,
so that an arm that answers against every instruction is not taken for one that games.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def arm_rates(run: str | Path, field: str = "score") -> pd.DataFrame:
    """The rates of a recipe's curves by ``training`` and ``step``: plain hints under ``field``."""
    from rewardgym.metrics.rates import gaming_rates

    table = gaming_rates(run, by=["checkpoint", "step", "field", "encoding"])
    table = table[(table["field"] == field) & (table["encoding"] == "plain")].copy()
    table.insert(0, "training", table["checkpoint"].str.rpartition("/")[0])
    return table.drop(columns=["checkpoint", "field", "encoding"])


def draw_arms(run: str | Path, path: str | Path, field: str = "score") -> Path:
    """Draws ``arm_rates`` to ``path``. Raises PlotError where there is nothing to draw."""
    from rewardgym.plots import gaming_curve

    axes = gaming_curve(arm_rates(run, field), line="training")
    axes.set_title(f"`{field}`, a name and a wording that no training saw", fontsize="medium")
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=150, bbox_inches="tight")
    return Path(path)
