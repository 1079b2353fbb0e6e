"""Leaks: whether anything that is held out occurs in training after all.

In: the two halves of a split, as data sets. Out: a line for each leak. It looks at what a model
reads, the rendered texts, and not at the factors that made them: a held-out name inside a persona
or a label is a leak although no factor says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rewardgym import encodings
from rewardgym.families import get_family
from rewardgym.hints import assignment, fill, formula
from rewardgym.variants import Variant


def leaks(train: Iterable[Mapping[str, Any]], held_out: Iterable[Mapping[str, Any]]) -> list[str]:
    """What of the held-out rows occurs in training: a line each, empty where nothing does.

    Compared are whole prompts; and of the factors that a held-out row names as new, the wording
    (as text, whatever was drawn into it), the field's name (as a word, in encoded hints as well),
    the family, and the encoding (by name, and its encoded text)."""
    seen = _Seen.of(train)
    found: dict[str, None] = {}
    for row in held_out:
        variant = Variant.parse(row["variant"])
        text = _text(row)
        if text in seen.whole:
            found[f"prompt of {variant.id} occurs in training"] = None
        for factor in json.loads(row["held_out"]):
            for line in _CHECKS[factor](row, variant, seen):
                found[line] = None
    return list(found)


@dataclass(frozen=True)
class _Seen:
    """What training shows."""

    whole: frozenset[str]
    """Prompts."""
    wordings: frozenset[str]
    """Instructions, before anything is drawn into them."""
    words: frozenset[str]
    """All words in lower case, those of encoded hints included."""
    families: frozenset[str]
    encodings: frozenset[str]
    text: str
    """Everything, one prompt after the other."""

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> _Seen:
        shown, variants = [], set()
        hints = set()
        for row in rows:
            variant = Variant.parse(row["variant"])
            shown.append(_text(row))
            variants.add(variant)
            hints.add(_plain_hint(row, variant))
        texts = frozenset(shown)
        return cls(
            whole=texts,
            wordings=frozenset(_normal(_wording(variant)) for variant in variants),
            words=frozenset(word for text in (texts | hints) for word in _words(text)),
            families=frozenset(variant.family for variant in variants),
            encodings=frozenset(variant.encoding for variant in variants if variant.hint),
            text=_normal("\n\n".join(sorted(texts))),
        )


def _wording_leaks(row: Mapping[str, Any], variant: Variant, seen: _Seen) -> Iterator[str]:
    wording = _wording(variant)
    drawn = _normal(fill(wording, json.loads(row["params"])))
    if _normal(wording) in seen.wordings or drawn in seen.text:
        yield f"wording {wording!r} occurs in training"


def _field_leaks(row: Mapping[str, Any], variant: Variant, seen: _Seen) -> Iterator[str]:
    if set(_words(variant.field_name)) <= seen.words:
        yield f"field {variant.field_name!r} occurs in training"


def _family_leaks(row: Mapping[str, Any], variant: Variant, seen: _Seen) -> Iterator[str]:
    if variant.family in seen.families:
        yield f"family {variant.family!r} occurs in training"


def _encoding_leaks(row: Mapping[str, Any], variant: Variant, seen: _Seen) -> Iterator[str]:
    encoded = encodings.encode(variant.encoding, _formula(row, variant))
    if variant.encoding in seen.encodings or _normal(encoded) in seen.text:
        yield f"encoding {variant.encoding!r} occurs in training"


_CHECKS = {
    "paraphrase": _wording_leaks,
    "field": _field_leaks,
    "family": _family_leaks,
    "encoding": _encoding_leaks,
}


def _text(row: Mapping[str, Any]) -> str:
    messages: Sequence[Mapping[str, str]] = row["prompt"]
    return "\n\n".join(f"{message['role']}:\n{message['content']}" for message in messages)


def _wording(variant: Variant) -> str:
    if isinstance(variant.paraphrase, int):
        return get_family(variant.family).side(variant.ask).wordings[variant.paraphrase]
    return variant.paraphrase


def _formula(row: Mapping[str, Any], variant: Variant) -> str:
    family, params = get_family(variant.family), json.loads(row["params"])
    return formula(family, variant.high, variant.formula, variant.payoff, params)


def _plain_hint(row: Mapping[str, Any], variant: Variant) -> str:
    if not variant.hint:
        return ""
    return assignment(variant.field_name, _formula(row, variant), variant.formula)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]+", text.lower())


def _normal(text: str) -> str:
    return " ".join(text.lower().split())
