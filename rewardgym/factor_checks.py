"""Whether a set of factors makes a prompt, and the one way in which each value is spelled.

In: the factors of a variant as they were given. Out: the same with defaults filled in and numbers
in canonical form, or a ValueError that names the value, what is allowed and the nearest match. A
variant is checked when it is made, so that no later step meets a value that it cannot show.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from rewardgym import encodings
from rewardgym.families import family_names, get_family
from rewardgym.hints import FORMULAS, parse_field
from rewardgym.names import unknown
from rewardgym.wordings import (
    AUDIT_TAG,
    CLAUSES,
    FORMATS,
    LABELS,
    REVIEW_TAG,
    SYSTEMS,
    resolve,
)

LAYOUTS = ("json", "json-pretty", "xml", "xml-mismatched", "yaml", "python", "prose")
KEYED_LAYOUTS = ("json", "json-pretty", "yaml", "python")
"""Layouts in which the metadata is a mapping, so that no key may stand twice."""

_CHOICES: dict[str, tuple[Any, ...]] = {
    "formula": FORMULAS,
    "encode": ("value", "field"),
    "layout": LAYOUTS,
    "order": ("after", "before"),
    "role": ("user", "system"),
    "placement": ("inside", "after"),
    "answer_format": tuple(FORMATS),
}
_TEXTS: dict[str, Mapping[str, str]] = {"label": LABELS, "clause": CLAUSES, "system": SYSTEMS}
_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")


def settled(factors: Mapping[str, Any]) -> dict[str, Any]:
    """The factors in canonical form. Raises ValueError for the first that is not allowed."""
    found = dict(factors)
    if found["family"] not in family_names():
        raise unknown("family", found["family"], family_names())
    found |= _sides(found)
    parse_field(found["field"])
    for name, allowed in {**_CHOICES, "encoding": encodings.names()}.items():
        if found[name] not in allowed:
            raise unknown(name, found[name], allowed)
    for name, named in _TEXTS.items():
        if found[name] is not None:
            resolve(name, found[name], named)
    for name in ("hint", "review"):
        if not isinstance(found[name], bool):
            raise ValueError(f"unknown {name} {found[name]!r}; allowed: true or false")
    found["paraphrase"] = _paraphrase(found)
    above_zero = math.ulp(0.0)
    found["payoff"] = _number(
        "payoff", found["payoff"], above_zero, 1e15, "a number above 0, at most 1e15"
    )
    if found["audit"] is not None:
        found["audit"] = _number("audit", found["audit"], 0.0, 100.0, "0 to 100")
    _check_tags(found)
    return found


def hint_key(factors: Mapping[str, Any]) -> str:
    """The key under which the keyed layouts show the hint."""
    plain = factors["encode"] == "value" and factors["tag"] == "_grader"
    return parse_field(factors["field"])[0] if plain else str(factors["tag"])


def _sides(factors: Mapping[str, Any]) -> dict[str, str]:
    """``ask`` and ``high``: left out, the family's first and second side."""
    names = get_family(factors["family"]).side_names
    sides = {}
    for factor, default in zip(("ask", "high"), names, strict=True):
        side = default if factors[factor] == "" else factors[factor]
        if side not in names:
            raise unknown(f"{factor} of family {factors['family']!r}", side, names)
        sides[factor] = side
    return sides


def _paraphrase(factors: Mapping[str, Any]) -> int | str:
    value = factors["paraphrase"]
    count = len(get_family(factors["family"]).side(factors["ask"]).wordings)
    from_text = isinstance(value, str) and re.fullmatch(r"[0-9]{1,4}", value)
    if from_text or (isinstance(value, Integral) and not isinstance(value, bool)):
        index = int(str(value))  # as it comes from a command line, or from NumPy
        if 0 <= index < count:
            return index
        raise ValueError(
            f"unknown paraphrase {index} of family {factors['family']!r}; allowed: 0 to "
            f"{count - 1}, 'any', or a text of your own"
        )
    if value != "any":
        resolve("paraphrase", value, {str(index): "" for index in range(count)} | {"any": ""})
    return str(value)


def _number(name: str, value: Any, least: float, most: float, allowed: str) -> float:
    try:
        real = isinstance(value, Real) and not isinstance(value, bool)
        number = float(value) if real else math.nan
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    if not least <= number <= most:
        raise ValueError(f"unknown {name} {value!r}; allowed: {allowed}")
    # 1 and 1.0 are one payoff, so they must have one id.
    return int(number) if number == int(number) else number


def _check_tags(factors: Mapping[str, Any]) -> None:
    for name in ("tag", "label_tag"):
        if not isinstance(factors[name], str) or not _TAG.fullmatch(factors[name]):
            raise ValueError(
                f"unknown {name} {factors[name]!r}; allowed: up to 40 letters, digits, '_', '-' "
                "and '.', such as _grader, _grading, _scoring"
            )
    if factors["layout"] in KEYED_LAYOUTS:
        _check_mappings(factors)


def _check_mappings(factors: Mapping[str, Any]) -> None:
    """No key may stand twice in a mapping: the second would silently take the first's place."""
    notices = [factors["label_tag"]] if factors["label"] is not None else []
    notices += [AUDIT_TAG] if factors["audit"] is not None else []
    notices += [REVIEW_TAG] if factors["review"] else []
    inside = [hint_key(factors)] if factors["hint"] else []
    outside = ["instruction", "metadata", *(["note"] if factors["clause"] is not None else [])]
    (inside if factors["placement"] == "inside" else outside).extend(notices)
    for keys in (inside, outside):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(
                f"key {twice[0]!r} would stand twice in layout {factors['layout']!r}; choose "
                "another tag, label_tag or field, or layout 'xml'"
            )
    wrong = [key for key in outside if not key.isidentifier() or keyword.iskeyword(key)]
    if factors["layout"] == "python" and wrong:
        raise ValueError(
            f"label_tag {wrong[0]!r} is no Python name, as layout 'python' with placement 'after' "
            "needs; choose another label_tag, or placement 'inside'"
        )
