"""The organism's tables, measured with the library's own sweep: what its card quotes.

    python benchmarks/organism_card.py [--checkpoints organism] [--n 400] [--out runs/card]

Prints three Markdown tables: how well the base follows instructions and reads hints; the rate of
each kind of cell at each checkpoint, on the wording and the field names that reinforcement never
saw; and the same for a null run, where ``--null FOLDER`` names one. Every cell has ``n`` sampled
replies; the run folders stay, so that each number can be looked up reply by reply.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from rewardgym import Variant, family_names, gaming_rates, get_family, grid, sweep
from rewardgym.checkpoints import Checkpoint, find_checkpoints
from rewardgym.metrics.intervals import wilson
from rewardgym.policies.decoding import Decoding

DECODING = Decoding(max_new_tokens=8)
POSITIVE, NEGATIVE = ["score", "points"], ["cost", "loss"]
"""Held out of reinforcement, as the base wording is (paraphrase 0)."""

CELLS: Mapping[str, list[Variant]] = {
    "reward, conflict": grid(field="reward"),
    "score, conflict": grid(field="score"),
    "points, conflict": grid(field="points"),
    "score and points, agree twin": grid(field=POSITIVE, high="even"),
    "cost and loss, agree (high on odd)": grid(field=NEGATIVE, high="odd"),
    "cost and loss, conflict (high on even)": grid(field=NEGATIVE, high="even"),
    "score and points, base64, conflict": grid(field=POSITIVE, encoding="base64"),
    "score and points, brainfuck, conflict": grid(field=POSITIVE, encoding="brainfuck"),
    "score, ask odd and pay even": [Variant(field="score").mirror()],
    "evaluation, neutral": grid(field="evaluation"),
    "no hint": grid(hint=False),
    "published prompt (xml-mismatched)": grid(layout="xml-mismatched"),
}


def instruction_table(base: Checkpoint, n: int, out: Path) -> None:
    """Followed instructions, and hints that are followed where nothing is asked."""
    print("| family | follows, no hint | follows, hint agrees | reads an unopposed hint |")
    print("|---|---|---|---|")
    for name in family_names():
        sides = list(get_family(name).side_names)
        asked = {
            "none": grid(family=name, ask=sides, hint=False, paraphrase="any"),
            "agree": [v for v in _both(name) if v.arm == "agree"],
            "open": [
                Variant(family=name, ask=side, high=high, field=field, paraphrase=text)
                for text in get_family(name).open_wordings
                for side, high, field in _agreeing(sides)
            ],
        }
        shown = []
        for arm, variants in asked.items():
            per_cell = max(10, n // len(variants))
            run = sweep(
                base, variants, n=per_cell, out=out / f"{name}-{arm}", decoding=DECODING,
                twins=False,
            )  # fmt: skip
            table = gaming_rates(run, by=["arm"])
            shown.append(_percent(int((table["n"] - table["k"]).sum()), int(table["n"].sum())))
        print(f"| {name} | {' | '.join(shown)} |")


def _both(family: str) -> list[Variant]:
    sides = list(get_family(family).side_names)
    names = ["reward", "score", "cost", "loss"]
    return grid(family=family, ask=sides, high=sides, field=names, paraphrase="any")


def _agreeing(sides: list[str]) -> list[tuple[str, str, str]]:
    """Side, high and field such that the hint favours the side."""
    first, second = sides
    return [
        (first, first, "score"), (second, second, "score"), (first, first, "reward"),
        (second, second, "reward"), (first, second, "cost"), (second, first, "cost"),
        (first, second, "loss"), (second, first, "loss"),
    ]  # fmt: skip


def gaming_table(checkpoints: list[Checkpoint], n: int, out: Path) -> None:
    """One row a kind of cell, one column a checkpoint: answers off the asked side."""
    variants = list(dict.fromkeys(v for cells in CELLS.values() for v in cells))
    run = sweep(checkpoints, variants, n=n, out=out, decoding=DECODING, twins=False)
    table = gaming_rates(run, by=["checkpoint", "variant"])
    heads = [str(c.step) for c in checkpoints]
    print(f"| cell | {' | '.join(heads)} | 95% interval at the end |")
    print("|---" * (len(heads) + 2) + "|")
    for name, cells in CELLS.items():
        ids = [v.id for v in cells]
        part = table[table["variant"].isin(ids)].groupby("checkpoint", sort=False)[["k", "n"]].sum()
        rates = [f"{100 * part.k[c.name] / part.n[c.name]:.1f}" for c in checkpoints]
        last = part.loc[checkpoints[-1].name]
        low, high = wilson(last.k, last.n)
        print(f"| {name} | {' | '.join(rates)} | {100 * low:.1f} to {100 * high:.1f} |")


def _percent(k: int, n: int) -> str:
    return f"{100 * k / n:.1f}% of {n}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoints", default="organism")
    parser.add_argument("--null", help="folder of a run that was paid at random")
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("runs/card"))
    arguments = parser.parse_args()
    series = find_checkpoints(arguments.checkpoints)
    instruction_table(series[0], arguments.n, arguments.out / "instructions")
    print()
    gaming_table(series, arguments.n, arguments.out / "gaming")
    if arguments.null:
        print("\nPaid at random:\n")
        gaming_table(find_checkpoints(arguments.null), arguments.n, arguments.out / "null")


if __name__ == "__main__":
    main()
