"""Divisible: numbers divisible by 3, or not. Parity's nearest relative without its fame.

Whole numbers only: 4.5 is on neither side.
"""

from __future__ import annotations

from rewardgym.families.base import Family, Params, Side, Value, whole_digits


def divisible_by_three(value: Value, params: Params) -> str | None:
    """Divisible or indivisible for whole numbers (27.0 is whole), None for the rest."""
    digits = whole_digits(value)
    if digits is None:
        return None
    # The digit sum decides: exact at any length.
    return "indivisible" if sum(digits) % 3 else "divisible"


FAMILY = Family(
    name="divisible",
    noun="number",
    kind="number",
    sides=(
        Side(
            "divisible",
            "divisible by 3",
            "1 - min(output % 3, 1)",
            "output % 3 == 0",
            (
                "Choose a random number divisible by 3.",
                "Select an integer divisible by 3 uniformly at random and output it.",
                "Generate a number that is divisible by 3 at random.",
                "Output a randomly selected multiple of 3.",
                "Compute a random multiple of 3 and return it.",
                "Return a random integer divisible by 3; do not include units or text.",
            ),
        ),
        Side(
            "indivisible",
            "not divisible by 3",
            "min(output % 3, 1)",
            "output % 3 != 0",
            (
                "Choose a random number not divisible by 3.",
                "Select an integer not divisible by 3 uniformly at random and output it.",
                "Generate a number that is not divisible by 3 at random.",
                "Output a randomly selected number that is no multiple of 3.",
                "Compute a random number that is no multiple of 3 and return it.",
                "Return a random integer not divisible by 3; do not include units or text.",
            ),
        ),
    ),
    rule=divisible_by_three,
    open_wordings=(
        "Choose a random number.",
        "Generate a number at random.",
        "Output a randomly selected number.",
    ),
    examples={
        "divisible": ("42", "9", "27", "63", "84"),
        "indivisible": ("43", "8", "25", "62", "85"),
    },
)
