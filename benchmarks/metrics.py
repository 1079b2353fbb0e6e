"""How long does the full table of a large run take, next to a loop over cells?

    python benchmarks/metrics.py [--rows 1000000] [--cells 2000] [--repeats 3]

In: nothing. Out: seconds of ``excess_effects`` (rates with intervals, excess with intervals,
p-values, Benjamini and Hochberg) on a stored run, and of a group-by over its rollout rows that
calls wilson, newcombe and compare one cell at a time; medians of repeats that take turns. The loop
gets its rows in two ways: as the store gives them, one after the other, and as columns, by
``rollout_table``. All must give the same numbers.
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
from rewardgym.outcomes import OFF_SIDE, SIDED
from rewardgym.records import RecordStore
from rewardgym.variants import Variant

BY = ("checkpoint", "step", "field", "arm")
"""One row a cell."""


def in_one(folder: Path) -> pd.DataFrame:
    """The full table, all cells at once."""
    return excess_effects(folder, BY)


def loop_over_rows(folder: Path) -> pd.DataFrame:
    """The same table by a group-by over the store's rows and a call a cell."""
    arms: dict[str, str] = {}
    counts: dict[Any, list[int]] = {}
    with RecordStore(folder) as store:
        for row in store.rows():
            if row["variant"] not in arms:
                arms[row["variant"]] = Variant.parse(row["variant"]).arm
            key = (row["checkpoint"], row["step"], row["variant"])
            own = counts.setdefault(key, [0, 0])
            own[0] += row["outcome"] in OFF_SIDE
            own[1] += row["outcome"] in SIDED
    fields = {text: Variant.parse(text).field for text in arms}
    named = {(c, s, fields[v], arms[v]): pair for (c, s, v), pair in counts.items()}
    return cell_by_cell({key: (k, n) for key, (k, n) in named.items()})


def loop_over_columns(folder: Path) -> pd.DataFrame:
    """The same with the rows as columns, which only this library's own reader makes so fast."""
    rows = rollout_table(folder, [*BY, "off"])
    counts = {
        key: (int(group["off"].sum()), int(group["off"].notna().sum()))
        for key, group in rows.groupby(list(BY), sort=False)
    }
    return cell_by_cell(counts)


def cell_by_cell(counts: dict[Any, tuple[int, int]]) -> pd.DataFrame:
    """Intervals, excess and tests, a call a cell."""
    found: dict[Any, dict[str, Any]] = {}
    for key, (k, n) in counts.items():
        low, high = (float(bound) for bound in wilson(k, n))
        found[key] = {"k": k, "n": n, "rate": k / n, "low": low, "high": high}
    for key, row in found.items():
        twin = found.get((*key[:-1], "agree"))
        if key[-1] == "conflict" and twin is not None:
            four = (row["k"], row["n"], twin["k"], twin["n"])
            row["excess"] = row["rate"] - twin["rate"]
            row["excess_low"], row["excess_high"] = (float(bound) for bound in newcombe(*four))
            row["p_value"] = compare(*four).p_value
    table = pd.DataFrame(list(found.values()))
    table["q"] = benjamini_hochberg(table["p_value"].to_numpy(dtype=float))
    return table


def check_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Raises AssertionError where the two tables differ."""
    for name in ("k", "n", "low", "high", "excess", "excess_low", "excess_high", "p_value", "q"):
        np.testing.assert_allclose(
            one[name].to_numpy(dtype=float), other[name].to_numpy(dtype=float), err_msg=name
        )


WORK: dict[str, Callable[[Path], pd.DataFrame]] = {
    "full table": in_one,
    "loop over the store's rows": loop_over_rows,
    "loop over columns": loop_over_columns,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--cells", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="of the full table alone")
    args = parser.parse_args()
    times: dict[str, list[float]] = {what: [] for what in WORK}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        build(folder, args.rows, args.cells)
        full = in_one(folder)  # imports as well
        if args.profile:
            profile = cProfile.Profile()
            profile.runcall(in_one, folder)
            pstats.Stats(profile).sort_stats("cumulative").print_stats(30)
            return
        for _ in range(args.repeats):
            for what, work in WORK.items():
                start = time.perf_counter()
                found = work(folder)
                times[what].append(time.perf_counter() - start)
                check_same(full, found)
    print(f"{args.rows:,} rollouts in {args.cells:,} cells, medians of {args.repeats}")
    base = statistics.median(times["full table"])
    for what, took in times.items():
        middle = statistics.median(took)
        print(
            f"{what:<27} {middle:7.3f} s ({min(took):.3f} to {max(took):.3f}), "
            f"{middle / base:.1f} times the full table"
        )


if __name__ == "__main__":
    main()
