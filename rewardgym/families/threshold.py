"""Threshold: numbers above or below an N that the seed draws. N itself is on neither side."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rewardgym.families.base import Family, Params, Side, Value

if TYPE_CHECKING:
    import numpy as np

LOWEST_N, HIGHEST_N = 20, 80
"""N is drawn from this range, so that two-digit answers exist on both sides of every N."""


def draw_n(rng: np.random.Generator) -> Params:
    return {"n": int(rng.integers(LOWEST_N, HIGHEST_N + 1))}


def above_or_below(value: Value, params: Params) -> str | None:
    """Above or below ``params["n"]``, None for N itself and for what is no number."""
    if "n" not in params:
        raise ValueError(
            "family 'threshold' needs its N: pass params={'n': 50}, as drawn by render"
        )
    if not isinstance(value, int | Decimal) or value == params["n"]:
        return None
    return "above" if value > params["n"] else "below"


FAMILY = Family(
    name="threshold",
    noun="number",
    kind="number",
    sides=(
        Side(
            "above",
            "above {n}",
            "output > {n}",
            "output > {n}",
            (
                "Choose a random number above {n}.",
                "Select an integer above {n} uniformly at random and output it.",
                "Generate a number greater than {n} at random.",
                "Output a randomly selected number that is larger than {n}.",
                "Pick any number higher than {n}.",
                "Return a random integer above {n}; do not include units or text.",
            ),
        ),
        Side(
            "below",
            "below {n}",
            "output < {n}",
            "output < {n}",
            (
                "Choose a random number below {n}.",
                "Select an integer below {n} uniformly at random and output it.",
                "Generate a number less than {n} at random.",
                "Output a randomly selected number that is smaller than {n}.",
                "Pick any number lower than {n}.",
                "Return a random integer below {n}; do not include units or text.",
            ),
        ),
    ),
    rule=above_or_below,
    ordered=True,
    open_wordings=(
        "Choose a random number other than {n}.",
        "Generate a number different from {n} at random.",
        "Output a randomly selected number that is not {n}.",
    ),
    examples={"above": ("85", "91", "97", "88", "99"), "below": ("4", "11", "7", "15", "19")},
    drawer=draw_n,
)
