"""How long does the full table of a large run take, next to a loop over cells?

    python benchmarks/metrics.py [--rows 1000000] [--cells 2000] [--repeats 5]

In: nothing. Out: seconds of ``excess_effects`` (rates with intervals, excess with intervals,
p-values, Benjamini and Hochberg) on a stored run, of a group-by over the rollout rows that calls
wilson, newcombe and compare one cell at a time, and their ratio: medians of repeats that take
turns. The loop's own reading of the rows is timed apart. Both must give the same numbers.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rates import build

from rewardgym.metrics.contrasts import excess_effects
from rewardgym.metrics.corrections import benjamini_hochberg
from rewardgym.metrics.effects import compare
from rewardgym.metrics.intervals import newcombe, wilson
from rewardgym.metrics.rollouts import rollout_table

BY = ("checkpoint", "step", "field")


def in_one(folder: Path) -> pd.DataFrame:
    """The full table, all cells at once."""
    return excess_effects(folder, BY)


def read(folder: Path) -> pd.DataFrame:
    """The rollout rows that the loop groups."""
    return rollout_table(folder, [*BY, "arm", "off"])


def one_by_one(rows: pd.DataFrame) -> pd.DataFrame:
    """The same table by a group-by over rollouts and a call a cell."""
    found: list[dict[str, Any]] = []
    for key, group in rows.groupby(list(BY), sort=False):
        counts = {
            arm: (int(part["off"].sum()), int(part["off"].notna().sum()))
            for arm, part in group.groupby("arm")
        }
        arm = "conflict" if "conflict" in counts else "agree"
        k, n = counts[arm]
        row: dict[str, Any] = {**dict(zip(BY, key, strict=True)), "arm": arm, "k": k, "n": n}
        row["low"], row["high"] = (float(bound) for bound in wilson(k, n))
        if arm == "conflict":
            twin_k, twin_n = counts["agree"]
            row["excess"] = k / n - twin_k / twin_n
            bounds = newcombe(k, n, twin_k, twin_n)
            row["excess_low"], row["excess_high"] = (float(bound) for bound in bounds)
            row["p_value"] = compare(k, n, twin_k, twin_n).p_value
        found.append(row)
    table = pd.DataFrame(found)
    table["q"] = benjamini_hochberg(table["p_value"].to_numpy(dtype=float))
    return table


def check_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Raises AssertionError where the two tables differ."""
    for name in ("k", "n", "low", "high", "excess", "excess_low", "excess_high", "p_value", "q"):
        np.testing.assert_allclose(
            one[name].to_numpy(dtype=float), other[name].to_numpy(dtype=float), err_msg=name
        )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--cells", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="of the full table alone")
    args = parser.parse_args()
    times: dict[str, list[float]] = {"full table": [], "loop: reading": [], "loop: cells": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        build(folder, args.rows, args.cells)
        check_same(in_one(folder), one_by_one(read(folder)))  # imports as well
        if args.profile:
            profile = cProfile.Profile()
            profile.runcall(in_one, folder)
            pstats.Stats(profile).sort_stats("cumulative").print_stats(30)
            return
        for _ in range(args.repeats):
            times["full table"].append(timed(lambda: in_one(folder))[0])
            seconds, rows = timed(lambda: read(folder))
            times["loop: reading"].append(seconds)
            times["loop: cells"].append(timed(lambda: one_by_one(rows))[0])  # noqa: B023 - at once
    print(f"{args.rows:,} rollouts in {args.cells:,} cells, {args.repeats} repeats")
    middle = {what: statistics.median(found) for what, found in times.items()}
    for what, found in times.items():
        print(f"{what:<14} {middle[what]:7.3f} s ({min(found):.3f} to {max(found):.3f})")
    loop = middle["loop: reading"] + middle["loop: cells"]
    print(f"the loop takes {loop / middle['full table']:.1f} times as long, without its reading ")
    print(f"of the rows {middle['loop: cells'] / middle['full table']:.1f} times")


if __name__ == "__main__":
    main()
