"""The arms of recipes side by side: what the card and docs/training.md quote.

    python benchmarks/arms.py runs/tiny [runs/small ...]

For each folder that ``rewardgym train`` wrote: its table, and the curve of every arm with its band
over seeds (excess gaming under held-out names and the held-out wording, in points). Several folders
of one seed each, such as one an intervention, stand in one table more, a column a folder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from rewardgym.training.evaluation import arms_table, markdown
from rewardgym.training.recipe import CURVES, NOTES


def table_of(folder: Path) -> pd.DataFrame:
    """The table of a recipe's folder."""
    notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
    paid = {name: one["paid"] for name, one in notes["trainings"].items()}
    return arms_table(folder / CURVES, paid)


def bands(folder: Path) -> str:
    """Excess over steps: an arm a row, the lowest and the highest seed at each step."""
    from rewardgym.metrics.cells import cell_table
    from rewardgym.training.evaluation import HELD_OUT_POSITIVE

    cells = cell_table(folder / CURVES)
    cells = cells[
        cells["field"].isin(HELD_OUT_POSITIVE)
        & (cells["encoding"] == "plain")
        & (cells["arm"] == "conflict")
    ]
    training = cells["checkpoint"].str.rpartition("/")[0]
    sums = cells.groupby([training, cells["step"]])[["k", "n", "twin_k", "twin_n"]].sum()
    excess = 100 * (sums["k"] / sums["n"] - sums["twin_k"] / sums["twin_n"])
    table = excess.unstack("step")
    steps = [int(step) for step in table.columns]
    lines = ["| step | " + " | ".join(map(str, steps)) + " |", "|---" * (len(steps) + 1) + "|"]
    arms = [str(name).rpartition("-")[0] for name in table.index]
    for arm in dict.fromkeys(arms):
        rows = table[[one == arm for one in arms]]
        shown = [_band(rows[step]) for step in table.columns]
        lines.append(f"| {arm}, {len(rows)} seeds | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def _band(values: pd.Series) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:+.1f}" if len(values) == 1 else f"{low:+.1f} to {high:+.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path)
    folders: list[Path] = parser.parse_args().folders
    tables = {folder: table_of(folder) for folder in folders}
    for folder, table in tables.items():
        print(f"{folder.name}\n\n{markdown(table)}\n\n{bands(folder)}\n")
    if len(folders) > 1:
        rows = [
            table.assign(training=f"{folder.name} {name}")
            for folder, table in tables.items()
            for name, table in table.groupby("training", sort=False)
        ]
        print(markdown(pd.concat(rows)))


if __name__ == "__main__":
    main()
