"""The exact law against draws from ``generate``: one hundred cells, four decoding settings.

    python benchmarks/exact_agreement.py [--model organism] [--draws 1000] [--seed 0]

Twenty-five variants under four settings; in each cell ``--draws`` replies are sampled by
``TransformersPolicy`` (transformers' own ``generate`` and warpers) and read by ``read_answer``. The
share of replies that are an off-side answer and nothing else is compared with the law's
probability: a cell agrees if it lies within three standard errors. With 100 cells, 0.27 are
expected outside by chance. Replies that the reader reads although they say more ("9 (") are in the
law's residual; the last line says whether the off-side share of all replies lies within the law's
bounds, widened by three standard errors.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

import numpy as np

from rewardgym import (
    Prompt,
    Reply,
    TransformersPolicy,
    Variant,
    answer_law,
    grid,
    read_answer,
    render,
)
from rewardgym.checkpoints import find_checkpoints
from rewardgym.outcomes import OFF_SIDE
from rewardgym.policies.decoding import Decoding

SETTINGS = {
    "temperature 1, top_p 1": Decoding(max_new_tokens=8),
    "top_p 0.95, top_k 20": Decoding(max_new_tokens=8, top_p=0.95, top_k=20),
    "temperature 0.6": Decoding(max_new_tokens=8, temperature=0.6),
    "temperature 1.3, min_p 0.02": Decoding(max_new_tokens=8, temperature=1.3, min_p=0.02),
}


def variants() -> list[Variant]:
    """Twenty-five cells: fields, encodings, both arms, two other families."""
    found = grid(
        field=["reward", "score", "cost"], encoding=["plain", "base64"], high=["odd", "even"]
    )
    found += grid(field=["points", "loss"], layout=["json", "xml"], high=["odd", "even"])
    found += grid(family="divisible", ask="divisible", field=["reward", "cost", "loss"])
    return (found + grid(family="sign", field=["reward", "cost"]))[:25]


BARE = re.compile(r"[\s*`\"']*([-\u2212]?[0-9]{1,6}|[A-Za-z]+)[\s*`\"'.!]*")
"""An answer and nothing else, written down here a second time."""


@dataclass(frozen=True)
class Cell:
    """One cell's comparison; shares are of all replies."""

    settings: str
    variant: str
    bare: float
    """Sampled: off-side answers and nothing else."""
    read: float
    """Sampled: all that the reader reads as off-side."""
    exact: float
    most: float
    """Exact: the off-side probability, and with all of the residual."""
    draws: int

    @property
    def apart(self) -> float:
        """How many standard errors the bare share is from the law."""
        error = np.sqrt(max(self.exact * (1 - self.exact), 1e-12) / self.draws)
        return float((self.bare - self.exact) / error)

    @property
    def within_bounds(self) -> bool:
        def slack(p: float) -> float:
            return 3 * float(np.sqrt(max(p * (1 - p), 1 / self.draws) / self.draws))

        return self.exact - slack(self.exact) <= self.read <= self.most + slack(self.most)


def compare(checkpoint: str, draws: int, seed: int) -> list[Cell]:
    """Every cell's sampled shares and exact probabilities."""
    host, cells = None, []
    checkpoints = find_checkpoints(checkpoint)
    middle = checkpoints[len(checkpoints) // 2]
    for place, (name, decoding) in enumerate(SETTINGS.items()):
        policy = TransformersPolicy(middle, decoding=decoding, share=host)
        host = host or policy
        for at, variant in enumerate(variants()):
            prompt = render(variant)
            law = answer_law(policy, prompt, cut=1e-7)[0]
            streams = [(seed, place, at, i) for i in range(draws)]
            replies = policy.reply([prompt] * draws, streams)
            off = [reply for reply in replies if is_off(variant, prompt, reply)]
            bare = sum(BARE.fullmatch(reply.text) is not None for reply in off)
            p = law.gamed + law.violated
            most = law.bounds[1]
            cells.append(Cell(name, variant.id, bare / draws, len(off) / draws, p, most, draws))
    return cells


def is_off(variant: Variant, prompt: Prompt, reply: Reply) -> bool:
    answer = read_answer(
        reply.text,
        variant.family,
        ask=variant.ask,
        favours=variant.favours,
        params=prompt.params,
        finish=reply.finish,
    )
    return answer.outcome in OFF_SIDE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="organism")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    cells = compare(arguments.model, arguments.draws, arguments.seed)
    for name in SETTINGS:
        apart = np.array([cell.apart for cell in cells if cell.settings == name])
        print(
            f"{name}: {len(apart)} cells, {(abs(apart) <= 3).sum()} within 3 standard errors, "
            f"largest {abs(apart).max():.1f}, root mean square {np.sqrt((apart**2).mean()):.2f}"
        )
    within = sum(abs(cell.apart) <= 3 for cell in cells)
    print(f"{len(cells) * arguments.draws:,} draws: {within} of {len(cells)} cells agree")
    for cell in cells:
        if abs(cell.apart) > 3:
            print(
                f"  apart: {cell.settings}, {cell.variant}: sampled {cell.bare:.4f}, exact "
                f"{cell.exact:.4f}"
            )
    bounded = sum(cell.within_bounds for cell in cells)
    print(f"off-side share of all replies within the law's bounds: {bounded} of {len(cells)}")


if __name__ == "__main__":
    main()
