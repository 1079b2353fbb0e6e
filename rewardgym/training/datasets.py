"""Data sets for a trainer: prompts by factor, with what is held out kept apart by construction.

In: variants or lists of factors, a size, a seed, what to hold out. Out: a :class:`Split` of two
``datasets.Dataset`` in TRL's conversational format, with the columns that the reward functions
read. A prompt with any held-out value is never trained on, whatever its other factors are, so that
"it carries over to new names" cannot mean that the names were seen beside another wording.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rewardgym.families import family_names, get_family
from rewardgym.hints import parse_field
from rewardgym.names import unknown
from rewardgym.plans import with_twins
from rewardgym.prompts import Message, Prompt, render
from rewardgym.training.tasks import instruction_examples
from rewardgym.variants import Variant, grid

if TYPE_CHECKING:
    from datasets import Dataset

HOLDABLE = ("paraphrase", "field", "family", "encoding")
"""The factors of which values can be held out."""

_TRAIN, _HELD_OUT, _MIX = 1, 2, 3
"""Keep the streams apart that order training prompts, held-out prompts and ordinary tasks."""
_PROMPT = 0x64617461
"""Keeps the draws of prompts apart from those of sweeps."""

HoldOut = Mapping[str, Sequence[Any]]
"""Values by factor, such as ``{"field": ["score"], "paraphrase": [0]}``."""


@dataclass(frozen=True)
class Split:
    """Prompts to train on, and prompts whose values training never shows."""

    train: Dataset
    held_out: Dataset
    """As ``train``; its column ``held_out`` says which factors of a row are new, as JSON."""


def dataset(
    variants: Iterable[Variant] | Mapping[str, Any],
    n: int,
    seed: int,
    *,
    hold_out: HoldOut | None = None,
    held_out_n: int | None = None,
    twins: bool = True,
    inoculation: str | None = None,
    append: str | None = None,
    mix: float = 0.0,
) -> Split:
    """``n`` training prompts of ``variants``, and ``held_out_n`` (left out: one a variant) of those
    that hold_out keeps apart.

    ``variants`` are variants or the factors of a grid. With ``twins`` each conflict's agreeing twin
    is among them. A wording that is ``any`` stands for every one of its side's. ``hold_out`` gives
    values of the factors in ``HOLDABLE``; a wording's index is held out on both sides.

    ``inoculation`` is a sentence that stands in the system message of every training prompt and of
    no held-out one. ``append`` is a sentence at the end of every prompt of either set, such as a
    request for a confidence. ``mix`` is the share of training prompts that are ordinary tasks
    without a hint, of every family that is not held out, paid for the instruction.

    Columns: prompt, family, ask, favours, pays, params (JSON), variant (its id), arm, kind,
    held_out. Raises ValueError for unknown factors and values, and where nothing is left to train.
    """
    _check_counts(n, held_out_n, mix)
    asked = grid(**variants) if isinstance(variants, Mapping) else list(variants)
    every = [one for variant in with_twins(asked, twins) for one in _closed(variant)]
    held = _checked(hold_out or {})
    seen = [variant for variant in every if not _new(variant, held)]
    new = [variant for variant in every if _new(variant, held)]
    if not seen:
        raise ValueError(
            "hold_out leaves nothing to train on; add values that are not held out, or hold out "
            "fewer"
        )
    ordinary = round(mix * n)
    rows = [_row(p, "task") for p in _prompts(seen, n - ordinary, (seed, _TRAIN))]
    rows += [_row(p, "ordinary") for p in ordinary_prompts(ordinary, seed, held)]
    order = np.random.default_rng(np.random.SeedSequence([seed, _TRAIN, 1])).permutation(len(rows))
    train = [_changed(rows[place], inoculation, append) for place in order]
    count = len(new) if held_out_n is None else held_out_n
    tests = [
        _row(p, "task", _new(p.variant, held)) for p in _prompts(new, count, (seed, _HELD_OUT))
    ]
    return Split(as_dataset(train), as_dataset([_changed(row, None, append) for row in tests]))


def ordinary_prompts(count: int, seed: int, hold_out: HoldOut | None = None) -> list[Prompt]:
    """Prompts without a hint, of all families and wordings that are not held out, drawn by the
    shares of ``rewardgym.training.tasks``."""
    held = _checked(hold_out or {})
    draw = np.random.default_rng(np.random.SeedSequence([seed, _MIX]))
    found: list[Prompt] = []
    part = 0
    while len(found) < count:
        part += 1
        if part > 50:
            raise ValueError("hold_out leaves no ordinary task; hold out fewer families")
        for example in instruction_examples(8 * count + 64, int(draw.integers(2**31)), course=0):
            variant = example.prompt.variant
            if example.kind == "bare" and variant.family not in held.get("family", ()):
                left = [one for one in _closed(variant) if not _new(one, held)]
                if left:
                    found.append(render(left[int(draw.integers(len(left)))], _seed(draw)))
    return found[:count]


def as_dataset(rows: Sequence[Mapping[str, Any]]) -> Dataset:
    """The rows as a ``datasets.Dataset``; one without rows has the columns all the same."""
    from datasets import Dataset, Features, List, Value

    text = Value("string")
    message = {"role": text, "content": text}
    names = ("family", "ask", "favours", "pays", "params", "variant", "arm", "kind", "held_out")
    features = Features({"prompt": List(message), **dict.fromkeys(names, text)})
    columns = {name: [row[name] for row in rows] for name in features}
    return Dataset.from_dict(columns, features=features)


def prompt_row(prompt: Prompt, pays: str | None, kind: str = "task") -> dict[str, Any]:
    """One row: the messages, and what the reward functions read a reply with."""
    variant = prompt.variant
    return {
        "prompt": [dict(message) for message in prompt.messages],
        "family": variant.family,
        "ask": variant.ask,
        "favours": variant.favours,
        "pays": pays,
        # As text: a column of mappings would give every row every key.
        "params": json.dumps(dict(prompt.params)),
        "variant": variant.id,
        "arm": variant.arm,
        "kind": kind,
        "held_out": "[]",
    }


def inoculate(messages: Sequence[Message], text: str) -> list[dict[str, str]]:
    """The messages with ``text`` in the system message, which is made where there is none."""
    changed = [dict(message) for message in messages]
    if changed[0]["role"] == "system":
        changed[0]["content"] += f"\n\n{text}"
        return changed
    return [{"role": "system", "content": text}, *changed]


def _row(prompt: Prompt, kind: str, new: Sequence[str] = ()) -> dict[str, Any]:
    return prompt_row(prompt, prompt.variant.favours, kind) | {"held_out": json.dumps(list(new))}


def _changed(row: dict[str, Any], inoculation: str | None, append: str | None) -> dict[str, Any]:
    messages = row["prompt"]
    if append is not None:
        last = {**messages[-1], "content": f"{messages[-1]['content']}\n{append}"}
        messages = [*messages[:-1], last]
    return row | {"prompt": inoculate(messages, inoculation) if inoculation else messages}


def _prompts(variants: Sequence[Variant], count: int, seeds: tuple[int, int]) -> list[Prompt]:
    """``count`` prompts, each variant about equally often."""
    rng = np.random.default_rng(np.random.SeedSequence(seeds))
    order: list[int] = []
    while variants and len(order) < count:
        order += rng.permutation(len(variants)).tolist()
    return [
        render(variants[place], (*seeds, _PROMPT, index))
        for index, place in enumerate(order[:count])
    ]


def _closed(variant: Variant) -> list[Variant]:
    """The variant with its wording settled: one variant a wording where any may be drawn."""
    if variant.paraphrase != "any":
        return [variant]
    count = len(get_family(variant.family).side(variant.ask).wordings)
    return [variant.replace(paraphrase=index) for index in range(count)]


def _new(variant: Variant, held: HoldOut) -> list[str]:
    """The factors of which the variant has a held-out value. Without a hint it shows neither a
    name nor an encoding."""
    found = {"paraphrase": variant.paraphrase, "family": variant.family}
    if variant.hint:
        found |= {"field": variant.field_name, "encoding": variant.encoding}
    return [name for name in HOLDABLE if name in found and found[name] in held.get(name, ())]


def _checked(hold_out: HoldOut) -> dict[str, tuple[Any, ...]]:
    held: dict[str, tuple[Any, ...]] = {}
    for name, values in hold_out.items():
        if name not in HOLDABLE:
            raise unknown("factor to hold out", name, HOLDABLE)
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ValueError(f"hold_out of {name} is {values!r}; give a list of values")
        held[name] = tuple(values)
    for family in held.get("family", ()):
        if family not in family_names():
            raise unknown("family", family, family_names())
    for encoding in held.get("encoding", ()):
        Variant(encoding=encoding)
    held["field"] = tuple(parse_field(field)[0] for field in held.get("field", ()))
    return held


def _check_counts(n: int, held_out_n: int | None, mix: float) -> None:
    if n < 1 or (held_out_n is not None and held_out_n < 0):
        raise ValueError(f"n is {n} and held_out_n {held_out_n}; allowed: 1 or more, 0 or more")
    if not 0 <= mix < 1:
        raise ValueError(f"mix is {mix}; allowed: 0 to below 1, the share of ordinary tasks")


def _seed(draw: np.random.Generator) -> int:
    return int(draw.integers(2**31))
