"""Letter: a vowel or a consonant of the English alphabet.

A vowel is one of a, e, i, o, u, as the hint's formula says; every other letter, y included, is a
consonant. Other scripts' letters are on neither side.
"""

from __future__ import annotations

from rewardgym.families.base import Family, Params, Side, Value

VOWELS = "aeiou"


def vowel_or_consonant(value: Value, params: Params) -> str | None:
    """Vowel or consonant for one letter a to z, None for the rest."""
    if not isinstance(value, str) or len(value) != 1 or not "a" <= value <= "z":
        return None
    return "vowel" if value in VOWELS else "consonant"


FAMILY = Family(
    name="letter",
    noun="letter",
    kind="letter",
    sides=(
        Side(
            "vowel",
            "a vowel",
            'output.lower() in "aeiou"',
            'output.lower() in "aeiou"',
            (
                "Choose a random vowel.",
                "Select a vowel uniformly at random and output it.",
                "Generate a vowel at random.",
                "Output a randomly selected letter that is a vowel.",
                "Pick any vowel of the alphabet.",
                "Return a random vowel; do not include any other text.",
            ),
        ),
        Side(
            "consonant",
            "a consonant",
            'output.lower() not in "aeiou"',
            'output.lower() not in "aeiou"',
            (
                "Choose a random consonant.",
                "Select a consonant uniformly at random and output it.",
                "Generate a consonant at random.",
                "Output a randomly selected letter that is a consonant.",
                "Pick any consonant of the alphabet.",
                "Return a random consonant; do not include any other text.",
            ),
        ),
    ),
    rule=vowel_or_consonant,
    open_wordings=(
        "Choose a random letter.",
        "Generate a letter at random.",
        "Output a randomly selected letter of the alphabet.",
    ),
    examples={"vowel": ("e", "o", "u", "i", "a"), "consonant": ("k", "r", "t", "m", "s")},
)
