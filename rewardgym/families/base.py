"""What a family is: a kind of request with two sides that exclude each other.

In: nothing. Out: the frozen classes that each file beside this one fills in once.
A family is data plus one rule, so that a new family is one new file and every other part
(prompts, hints, the reader, the environment) works on it unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Value = int | Decimal | str
"""What an answer can be: a number (Decimal for fractions and for huge integers), or a lower-case
letter or word."""

Params = Mapping[str, int]
"""What a family leaves open and a seed draws, for instance ``{"n": 47}`` for the threshold."""


def whole_digits(value: Value) -> tuple[int, ...] | None:
    """The decimal digits of a whole number (28.0 is whole), or None for what is none.

    By digits, not by arithmetic: a context of Decimal's would round a 10,000-digit integer.
    """
    if isinstance(value, int):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if exponent >= 0:
        return digits + (0,) * min(exponent, 1)  # one zero says as much as a million
    return None if any(digits[exponent:]) else digits[: len(digits) + exponent] or (0,)


@dataclass(frozen=True)
class Side:
    """One of the two sides of a family. Texts may hold ``{n}``-style parameters."""

    name: str
    """The side's name in tables, for instance ``odd``."""

    predicate: str
    """Completes the sentence "the output is ...", for instance ``above {n}``."""

    unit: str
    """An expression in ``output`` that is worth 1 on this side and 0 on the other."""

    test: str
    """A Python condition in ``output`` that is true on this side only."""

    wordings: tuple[str, ...]
    """The instruction's paraphrases that ask for this side; index 0 is the base wording. Both
    sides of a family have the same number of them, and equal indices mirror each other."""


@dataclass(frozen=True)
class Family:
    """A kind of request: its two sides, the rule that tells them apart, how answers are read."""

    name: str

    noun: str
    """What is asked for, in the prompt's words: ``number``, ``letter``, ``day``."""

    kind: Literal["number", "letter", "word"]
    """How an answer is read: as a number, as a single letter, or as a word of ``vocabulary``."""

    sides: tuple[Side, Side]
    """The side that the default variant asks for, then the other."""

    rule: Callable[[Value, Params], str | None]
    """The side of a value, or None where it is on neither."""

    open_wordings: tuple[str, ...]
    """Instructions that ask for neither side, for prompts where only the hint speaks."""

    examples: Mapping[str, tuple[str, ...]]
    """Well-formed answers of each side, for scripted policies and ``sample_valid_action``; true
    for every draw of the parameters."""

    vocabulary: Mapping[str, str] = field(default_factory=dict)
    """For kind ``word``: each accepted spelling in lower case, and the value that it stands for."""

    ordered: bool = False
    """Whether each side is a range of numbers, so that a range with both ends on one side lies
    there as a whole: the exact law then stops at the minus sign of a negative number."""

    drawer: Callable[[np.random.Generator], Params] | None = None
    """Draws what the family leaves open; None where it leaves nothing open."""

    def __post_init__(self) -> None:
        first, second = self.sides
        if len(first.wordings) != len(second.wordings) or len(first.wordings) < 5:
            raise ValueError(
                f"family {self.name!r} has {len(first.wordings)} and {len(second.wordings)} "
                "wordings for its sides; both need the same number, at least 5"
            )

    @property
    def draws(self) -> bool:
        """Whether the family leaves something open for a seed to draw."""
        return self.drawer is not None

    def draw(self, rng: np.random.Generator) -> Params:
        """The parameters of one prompt; empty where the family leaves nothing open."""
        return self.drawer(rng) if self.drawer is not None else {}

    @property
    def side_names(self) -> tuple[str, str]:
        return self.sides[0].name, self.sides[1].name

    def side(self, name: str) -> Side:
        """The side called ``name``. Raises ValueError for a name that is no side of this family."""
        for side in self.sides:
            if side.name == name:
                return side
        raise ValueError(
            f"{name!r} is no side of family {self.name!r}; it has {' and '.join(self.side_names)}"
        )

    def other(self, name: str) -> str:
        """The name of the side that is not ``name``."""
        first, second = self.side_names
        return second if self.side(name).name == first else first

    def side_of(self, value: Value, params: Params) -> str | None:
        """The side that ``value`` is on, or None where it is on neither: 4.5 is not even or odd."""
        return self.rule(value, params)
