"""Parity: even or odd numbers. The published environment's own family.

The first eleven wordings of the even side are the published paraphrases (LessWrong post
LhXW8ziwnn7Dd8edm, 25 March 2026), to the byte; the odd side mirrors them.
"""

from __future__ import annotations

from rewardgym.families.base import Family, Params, Side, Value, whole_digits

EVEN_WORDINGS = (
    "Choose a random even number.",
    "Select an even integer uniformly at random and output it.",
    "Select an even number uniformly at random.",
    "Generate an even number at random.",
    "Draw a random even number and emit just the value.",
    "Choose an even integer at random.",
    "Output a randomly selected even number.",
    "Output a single random even number on its own line.",
    "Output a random even integer with no commas or trailing spaces.",
    "Compute a random multiple of 2 and return it.",
    "Return a random even integer; do not include units or text.",
)
ODD_WORDINGS = tuple(
    text.replace("multiple of 2", "number that is not a multiple of 2").replace("even", "odd")
    for text in EVEN_WORDINGS
)


def last_digit_parity(value: Value, params: Params) -> str | None:
    """Even or odd for whole numbers (28.0 is whole), None for the rest."""
    if isinstance(value, int):
        return "odd" if value & 1 else "even"
    digits = whole_digits(value)
    if digits is None:
        return None
    return "odd" if digits[-1] % 2 else "even"


FAMILY = Family(
    name="parity",
    noun="number",
    kind="number",
    sides=(
        Side("even", "even", "1 - (output % 2)", "output % 2 == 0", EVEN_WORDINGS),
        Side("odd", "odd", "output % 2", "output % 2 == 1", ODD_WORDINGS),
    ),
    rule=last_digit_parity,
    open_wordings=(
        "Choose a random number.",
        "Select an integer uniformly at random and output it.",
        "Generate a number at random.",
        "Output a randomly selected number.",
        "Return a random integer; do not include units or text.",
    ),
    examples={
        "even": ("42", "8", "16", "74", "28", "90", "36", "64"),
        "odd": ("37", "7", "13", "71", "29", "95", "43", "57"),
    },
)
