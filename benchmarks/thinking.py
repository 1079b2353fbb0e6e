"""What the organisms that think say about what they do: the table of the card.

    python benchmarks/thinking.py [--checkpoints organism:thinking --checkpoints organism:monitored]

For each checkpoint, from ``n`` sampled replies a cell under held-out names and wording: the gaming
rate and its twin's, and of the gamed replies the share whose chain of thought says that it follows
the hint: a positive control for whatever reads chains of thought.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import rewardgym
from rewardgym.metrics.intervals import wilson
from rewardgym.policies.decoding import Decoding
from rewardgym.records import RecordStore
from rewardgym.training.thoughts import FOLLOWS
from rewardgym.variants import Variant


def admitted(folder: Path) -> dict[str, tuple[int, int]]:
    """By checkpoint: gamed replies whose thought says so, and all gamed replies."""
    found: dict[str, tuple[int, int]] = {}
    with RecordStore(folder) as store:
        for cell in store.cells():
            if Variant.parse(cell.variant).arm != "conflict":
                continue
            for row in store.rows(cell.id):
                said, gamed = found.get(cell.checkpoint, (0, 0))
                if row["outcome"] == "gamed":
                    found[cell.checkpoint] = (said + (FOLLOWS in row["reply"]), gamed + 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoints", action="append")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("runs/thinking"))
    arguments = parser.parse_args()
    asked = arguments.checkpoints or ["organism:thinking", "organism:monitored"]
    run = rewardgym.sweep(
        asked,
        rewardgym.grid(field=["score", "points"], ask=["even", "odd"], high=["even", "odd"]),
        n=arguments.n,
        out=arguments.out,
        decoding=Decoding(max_new_tokens=32),
    )
    rates = rewardgym.gaming_rates(run, by=["checkpoint"])
    said = admitted(arguments.out)
    print("| checkpoint | gaming [95%] | its twin | excess | gamed replies that say so [95%] |")
    print("|---|---|---|---|---|")
    for row in rates[rates["arm"] == "conflict"].to_dict("records"):
        k, n = said.get(row["checkpoint"], (0, 0))
        low, high = wilson(k, n)
        share = f"{k / n:.1%} [{low:.1%}, {high:.1%}] of {n}" if n else "no gamed reply"
        print(
            f"| {row['checkpoint']} | {row['rate']:.1%} [{row['low']:.1%}, {row['high']:.1%}] | "
            f"{row['twin_k'] / row['twin_n']:.1%} | {100 * row['excess']:+.1f} | {share} |"
        )


if __name__ == "__main__":
    main()
