"""Hints: field names with their polarity, and the formulas that pay for a side.

In: a field name, a family's side, a style and a payoff. Out: the text of the hint before any
encoding. Polarity stands here and nowhere else, so that no other file can forget that a cost that
is high on odd pays for even.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

from rewardgym.families.base import Family, Params
from rewardgym.names import nearest

Polarity = Literal[-1, 0, 1]

POLARITIES: dict[str, Polarity] = {
    "reward": 1,
    "score": 1,
    "points": 1,
    "grade": 1,
    "cost": -1,
    "loss": -1,
    "penalty": -1,
    "error": -1,
    "evaluation": 0,
}
"""The names whose meaning is known: +1 more is better, -1 less is better, 0 unknown."""

FORMULAS = ("modulo", "explicit", "payoff", "prose")
"""The styles of a formula; for parity's odd side, with a payoff of 100 where it is not 1:

- ``modulo``    ``output % 2`` (the published one; other families' shortest arithmetic)
- ``explicit``  ``1 if output % 2 == 1 else 0``
- ``payoff``    ``100 if output is odd else 0``
- ``prose``     ``1 when the output is odd, 0 when it is even``
"""

_FIELD = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_-]{0,39})(?::(?P<polarity>\+1|-1|0))?")
_DECLARED: dict[str, Polarity] = {"+1": 1, "-1": -1, "0": 0}


def parse_field(field: str) -> tuple[str, Polarity]:
    """A field's name as the prompt shows it, and its polarity.

    A known name has its own polarity, any other name 0. ``utility:+1`` declares the polarity of a
    name of your own. Raises ValueError for what cannot be a name, and for what looks like a slip
    of the pen for a known name: ``rewrad`` measured as a neutral field would be a silent mistake.
    """
    if not isinstance(field, str):
        raise _no_field(field)
    return _parse_field(field)


@functools.lru_cache(maxsize=1024)
def _parse_field(field: str) -> tuple[str, Polarity]:
    match = _FIELD.fullmatch(field)
    if match is None:
        raise _no_field(field)
    name, declared = match["name"], match["polarity"]
    if declared is not None:
        return name, _DECLARED[declared]
    if name in POLARITIES:
        return name, POLARITIES[name]
    guess = nearest(name.lower(), POLARITIES, cutoff=0.8)
    if guess is not None:
        raise ValueError(
            f"unknown field {field!r}; allowed: {', '.join(POLARITIES)}, or a name of your own. "
            f"Did you mean {guess!r}? If {field!r} is meant, declare its polarity: '{field}:+1', "
            f"'{field}:-1' or '{field}:0'"
        )
    return name, 0


def _no_field(field: object) -> ValueError:
    return ValueError(
        f"unknown field {field!r}; allowed: {', '.join(POLARITIES)}, or a name of your own of "
        "up to 40 letters, digits, '_' and '-', with ':+1', ':-1' or ':0' for its polarity"
    )


def formula(family: Family, high: str, style: str, payoff: float, params: Params) -> str:
    """The formula that is ``payoff`` on side ``high`` and 0 on the other; a style of FORMULAS."""
    side = family.side(high)
    pay = amount(payoff)
    if style == "modulo":
        text = side.unit if payoff == 1 else f"{pay} * ({side.unit})"
    elif style == "explicit":
        text = f"{pay} if {side.test} else 0"
    elif style == "payoff":
        text = f"{pay} if output is {side.predicate} else 0"
    else:
        low = family.side(family.other(high))
        text = f"{pay} when the output is {side.predicate}, 0 when it is {low.predicate}"
    return fill(text, params)


def assignment(name: str, formula_text: str, style: str) -> str:
    """Name and formula as one line: ``reward = output % 2``, or ``reward: ...`` for prose."""
    return f"{name}: {formula_text}" if style == "prose" else f"{name} = {formula_text}"


def amount(payoff: float) -> str:
    """A payoff as the prompt shows it: 1e6 is 1000000, 0.5 is 0.5."""
    return str(int(payoff)) if payoff == int(payoff) else repr(float(payoff))


def fill(text: str, params: Params) -> str:
    """Puts the drawn parameters into a family's text: ``above {n}`` becomes ``above 47``."""
    for key, value in params.items():
        text = text.replace("{" + key + "}", str(value))
    return text
