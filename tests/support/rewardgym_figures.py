"""Tables to draw, every figure that draws one, and readers of what was drawn.

In: how many checkpoints and fields. Out: a rates table with known counts; the words of a figure or
of its SVG. ``rewardgym.plots`` loads matplotlib when it draws, so that this module needs none.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rewardgym
from rewardgym import plots
from rewardgym.metrics.intervals import newcombe, wilson
from rewardgym.outcomes import OTHERS

# Tables


def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fixture: three scripts over conflicts, their twins, and a cost that agrees."""
    out = tmp_path_factory.mktemp("run")
    variants = rewardgym.grid(field=["reward", "cost"], encoding=["plain", "hex"], twins=True)
    variants = [v if v.arm == "conflict" else v.twin() or v for v in variants]
    variants += rewardgym.grid(field="cost", high="even", encoding=["plain", "hex"], twins=True)
    rewardgym.sweep(
        ["scripted:obey", "scripted:game(0.5)", "scripted:awkward(0.3)"],
        list(dict.fromkeys(variants)),
        n=12,
        seed=0,
        out=out,
    )
    return out


def made(
    checkpoints: int = 3, fields: Any = ("reward", "cost"), n: int = 20, **columns: Any
) -> pd.DataFrame:
    """A rates table with counts that are known."""
    rows = [
        {"checkpoint": f"checkpoint-{10 * c}", "step": 10 * c, "field": field, "arm": "conflict"}
        | {"k": (3 * c + i) % (n + 1), "n": n, "twin_k": i % 2, "twin_n": n, "method": "sampled"}
        | dict.fromkeys(OTHERS, i)
        | {"residual": 0.0, "decodes": float("nan"), "survives": c > 0, "q": 0.01}
        for c in range(checkpoints)
        for i, field in enumerate(fields)
    ]
    table = pd.DataFrame(rows).assign(**columns)
    return with_rates(table)


def with_rates(table: pd.DataFrame) -> pd.DataFrame:
    k, n, twin_k, twin_n = (table[c].to_numpy(dtype=float) for c in ("k", "n", "twin_k", "twin_n"))
    with np.errstate(divide="ignore", invalid="ignore"):
        rate, twin = k / n, twin_k / twin_n
    low, high = wilson(k, n)
    below, above = newcombe(k, n, twin_k, twin_n)
    return table.assign(
        rate=rate, low=low, high=high, excess=rate - twin, excess_low=below, excess_high=above
    )


def silenced(table: pd.DataFrame, where: Any) -> pd.DataFrame:
    """The same with no answers in some rows."""
    table = table.copy()
    table.loc[where, ["k", "n"]] = 0
    return with_rates(table)


# Figures


FIGURES = {
    "gaming_curve": lambda t, **k: plots.gaming_curve(t, **k),
    "excess": lambda t, **k: plots.gaming_curve(t, value="excess", **k),
    "heat_map": lambda t, **k: plots.heat_map(t, rows="field", columns="checkpoint", **k),
    "outcome_bars": lambda t, **k: plots.outcome_bars(t, **k),
    "lying bars": lambda t, **k: plots.outcome_bars(t, by="field", **k),
    "forest": lambda t, **k: plots.forest(t, **k),
    "forest of rates": lambda t, **k: plots.forest(t, value="rate", label="field", **k),
}
"""Every figure that is drawn from a rates table."""
each_figure = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


def texts(axes: Any) -> list[str]:
    """All words of a figure, in no order."""
    import matplotlib.text

    return [t.get_text() for t in axes.figure.findobj(matplotlib.text.Text) if t.get_text()]


def laid_out(figure: Any) -> Any:
    """Draws the figure, so that everything has its place; gives what measures texts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def words(svg: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
