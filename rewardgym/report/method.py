"""How a run was measured: models, decoding, versions, prompts, and the commands that repeat it.

In: a run's store. Out: :class:`Method`, plain values for a page. All of it is read from what is
stored with the run, never from the machine that writes the report, which may be another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rewardgym.law_records import NOISE, LawRecords
from rewardgym.records import RecordStore
from rewardgym.repeating import repeat_commands, table_commands
from rewardgym.report.results import METHODS
from rewardgym.variants import Variant

MOST_PROMPTS = 300
"""Variants whose prompts a page lists; the run holds all."""

OWN = ("reference", "base", "revision", "fingerprint", "kind", "checkpoint", "name", "run")
"""What is each model's own in a cell's description; the rest are its settings."""

EXPLAINED = {
    "sampled": "Replies were sampled and each was read by the library's reader. A rate is k "
    "answers off the asked side among n answers on either side, with its Wilson interval; an "
    "excess is the rate less that of the agreeing twin, with Newcombe's interval. The interval of "
    "a rate over several prompts or cells speaks for the prompts and cells that were asked, whose "
    "replies it takes as independent; it does not count how other prompts would differ.",
    "sequential": "Replies were sampled until a cell's confidence sequence was narrow enough. The "
    "bounds hold however often one looked.",
    "exact": "The probability of every answer was read from the model's logits, without sampling. "
    "Bounds are what branches below the cut could make of the rate, and the noise floor beyond. "
    "Replies that are no bare answer are the residual, never shared out.",
    "chains": "Chains of thought were sampled and the exact law taken after each. Intervals are "
    "between the prompts or chains that were drawn.",
}


@dataclass(frozen=True)
class Model:
    """A model as the run names it."""

    checkpoint: str
    step: int | None
    reference: str
    """Where it was loaded from, as given."""
    revision: str
    fingerprint: str
    """The hash of its weights; "" for what has none."""
    base: str


@dataclass(frozen=True)
class PromptLine:
    """One variant's prompt."""

    variant: str
    arm: str
    sha256: str
    """Of the first prompt; "" where none was asked yet."""
    drawn: bool
    """Whether the variant leaves something open, so that others of its prompts differ."""


@dataclass(frozen=True)
class Method:
    """How a run was measured."""

    models: tuple[Model, ...]
    settings: tuple[tuple[str, str], ...]
    """Decoding and measuring, name and value."""
    explained: tuple[tuple[str, str], ...]
    """Each method with what its numbers are."""
    sessions: tuple[tuple[str, str], ...]
    """When rows were written, and with which versions."""
    prompts: tuple[PromptLine, ...]
    prompt_count: int
    """All prompts in the run, by their hash."""
    variant_count: int
    commands: tuple[str, ...]
    """What repeats the run and its tables."""


def read_method(store: RecordStore, run: str) -> Method:
    """How the run in ``store``, called ``run`` in commands, was measured."""
    cells = store.cells()
    methods = list(dict.fromkeys(str(c.policy.get("method", "sampled")) for c in cells))
    models: dict[str, Model] = {}
    for cell in cells:
        models.setdefault(cell.checkpoint, _model(cell.checkpoint, cell.step, cell.policy))
    first = {cell.variant: cell.id for cell in reversed(cells)}
    shas = _first_prompts(store, list(first.values())[::-1][:MOST_PROMPTS])
    prompts = [
        _prompt_line(variant, shas.get(first[variant], ""))
        for variant in list(first)[::-1][:MOST_PROMPTS]
    ]
    return Method(
        tuple(models.values()),
        tuple(_settings(store, [cell.policy for cell in cells])),
        tuple((m, EXPLAINED.get(m, "")) for m in methods),
        tuple((one["started"], _versions(one["versions"])) for one in store.sessions()),
        tuple(prompts),
        int(store.query("SELECT COUNT(*) FROM prompts")[0][0]),
        len(first),
        (*repeat_commands(store, run), *table_commands(run)),
    )


def _model(checkpoint: str, step: int | None, policy: Mapping[str, Any]) -> Model:
    def text(name: str) -> str:
        return "" if policy.get(name) is None else str(policy[name])

    reference = text("reference") or text("name")
    return Model(checkpoint, step, reference, text("revision"), text("fingerprint"), text("base"))


def _settings(
    store: RecordStore, policies: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    for method in METHODS:
        config = store.get_config(method)
        if config is not None:
            yield f"{method}: n a cell, seed", f"{config['n']}, {config['seed']}"
    found: dict[str, dict[str, None]] = {}
    for policy in policies:
        for name, value in policy.items():
            if name not in OWN:
                found.setdefault(name, {})[json.dumps(value, ensure_ascii=False)] = None
    for name, values in found.items():
        yield name, ", ".join(values)
    noise = store.get_meta(NOISE)
    if noise:
        yield "noise floor", f"{noise['floor']:.1e}"


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in versions.items())


def _first_prompts(store: RecordStore, cells: Sequence[int]) -> dict[int, str]:
    """The hash of each cell's first prompt: one look-up a cell, since a run has many rows."""
    tables = ["rows", *(["laws"] if LawRecords(store).sums() else [])]
    found: dict[int, str] = {}
    for cell in cells:
        for table in tables:
            rows = store.query(
                f"SELECT prompts.sha256 FROM {table} JOIN prompts ON prompts.id = "  # noqa: S608
                f"{table}.prompt WHERE {table}.cell = ? ORDER BY {table}.idx LIMIT 1",
                (cell,),
            )
            if rows:
                found.setdefault(cell, str(rows[0][0]))
    return found


def _prompt_line(text: str, sha256: str) -> PromptLine:
    variant = Variant.parse(text)
    return PromptLine(text, variant.arm, sha256, variant.is_open)
