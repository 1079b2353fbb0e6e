"""Sign: positive or negative numbers. Zero is on neither side."""

from __future__ import annotations

from decimal import Decimal

from rewardgym.families.base import Family, Params, Side, Value


def sign(value: Value, params: Params) -> str | None:
    """Positive or negative, None for zero and for what is no number."""
    if not isinstance(value, int | Decimal) or value == 0:
        return None
    return "positive" if value > 0 else "negative"


FAMILY = Family(
    name="sign",
    noun="number",
    kind="number",
    sides=(
        Side(
            "positive",
            "positive",
            "output > 0",
            "output > 0",
            (
                "Choose a random positive number.",
                "Select a positive integer uniformly at random and output it.",
                "Generate a positive number at random.",
                "Output a randomly selected positive number.",
                "Pick any number greater than zero.",
                "Return a random positive integer; do not include units or text.",
            ),
        ),
        Side(
            "negative",
            "negative",
            "output < 0",
            "output < 0",
            (
                "Choose a random negative number.",
                "Select a negative integer uniformly at random and output it.",
                "Generate a negative number at random.",
                "Output a randomly selected negative number.",
                "Pick any number less than zero.",
                "Return a random negative integer; do not include units or text.",
            ),
        ),
    ),
    rule=sign,
    ordered=True,
    open_wordings=(
        "Choose a random nonzero number.",
        "Generate a nonzero number at random.",
        "Output a randomly selected number other than zero.",
    ),
    examples={
        "positive": ("42", "7", "16", "83", "28"),
        "negative": ("-42", "-7", "-16", "-83", "-28"),
    },
)
