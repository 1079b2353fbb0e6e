"""Plans: what a sweep is going to do, known before anything is loaded.

In: policies or checkpoints, variants, n and a seed. Out: a :class:`Plan`, with every argument and
every checkpoint checked. A plan knows each rollout's prompt and random stream, so that a run can
be priced, refused or resumed without a model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rewardgym.checkpoints import Checkpoint, find_checkpoints, fingerprint
from rewardgym.exact.answers import check_limits
from rewardgym.exact.grammar import CLOSES
from rewardgym.names import unknown
from rewardgym.policies.base import Policy
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.scripted import ScriptedPolicy
from rewardgym.prompts import Prompt, render
from rewardgym.variants import Variant

_PROMPT_DRAW = 0x70726F6D
"""Keeps the streams that draw prompts apart from those that draw replies."""

PolicySource = str | Path | Policy | Checkpoint


class SweepError(ValueError):
    """A sweep that cannot be run as asked: one line with the cause and what to do."""


@dataclass(frozen=True, kw_only=True)
class Exact:
    """How a sweep measures exact laws instead of sampling replies."""

    cut: float = 1e-5
    """Branches less likely than this are not followed, and counted into the residual."""
    digits: int = 6
    """The most digits of a number."""
    close: str | None = None
    """Where an answer ends: end, line or any; None is ``end`` without a prefill, else ``any``."""
    chains: bool = False
    """Whether a chain of thought is sampled first, and the law taken after it: n chains a cell."""

    def __post_init__(self) -> None:
        check_limits(self.cut, self.digits, False)
        if self.close is not None and self.close not in CLOSES:
            raise unknown("close", self.close, CLOSES)

    @property
    def method(self) -> str:
        return "chains" if self.chains else "exact"

    def describe(self) -> dict[str, Any]:
        """All settings, JSON-able, as stored with every cell."""
        own: dict[str, Any] = {"method": self.method, "cut": self.cut, "digits": self.digits}
        return own | {"close": self.close or "auto"}


@dataclass(frozen=True, kw_only=True)
class Until:
    """When a cell of sampled replies may stop before n: its confidence sequence is decided."""

    half_width: float
    """The wanted half-width of the sequence, such as 0.03 for 3 points."""
    excess: bool = False
    """Whether the excess over the twin is to be that narrow, instead of each rate: a conflict cell
    and its twin then stop together."""
    every: int = 32
    """Rollouts of a cell between two looks. The looks stand at fixed numbers of rollouts, so that
    an interrupted run stops where an undisturbed one does."""

    def __post_init__(self) -> None:
        if not 0 < self.half_width < 0.5:
            raise SweepError(
                f"until is {self.half_width}; allowed: above 0, below 0.5, such as 0.03 for 3 "
                "points"
            )
        if self.every < 1:
            raise SweepError(f"every is {self.every}; allowed: 1 or more rollouts between looks")

    def describe(self) -> dict[str, Any]:
        """All settings, JSON-able, as stored with every cell."""
        return {
            "method": "sequential",
            "until": self.half_width,
            "until_of": "excess" if self.excess else "rate",
            "look_every": self.every,
        }


@dataclass(frozen=True)
class Entry:
    """One policy of a plan, not loaded yet."""

    name: str
    step: int | None
    description: Mapping[str, Any]
    """Stored with every cell: model reference and all decoding settings."""
    identity: Mapping[str, Any]
    """The part of the description that stays the same where the files are moved."""
    load: Callable[[Policy | None], Policy]
    """Makes the policy; gets an earlier one whose base model it may share."""


@dataclass(frozen=True)
class Plan:
    """What a sweep is going to do."""

    entries: tuple[Entry, ...]
    variants: tuple[Variant, ...]
    n: int
    seed: int
    exact: Exact | None = None
    """How laws are measured; None for a sweep that samples replies."""
    until: Until | None = None
    """When a cell may stop before n; None for never."""

    @property
    def method(self) -> str:
        """How rates are come by: sampled, sequential, exact or chains."""
        if self.exact is not None:
            return self.exact.method
        return "sequential" if self.until is not None else "sampled"

    def count(self, variant: Variant) -> int:
        """How often a variant is asked: the law of a prompt that leaves nothing open is one."""
        return 1 if self.method == "exact" and not variant.is_open else self.n

    @property
    def rollouts(self) -> int:
        """Rows in all: rollouts, or laws."""
        return len(self.entries) * sum(self.count(variant) for variant in self.variants)

    def config(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        return {
            "seed": self.seed,
            "n": self.n,
            "variants": [variant.id for variant in self.variants],
            "policies": [dict(entry.identity) for entry in self.entries],
        }

    def prompt(self, variant: Variant, index: int) -> Prompt:
        """The prompt of a rollout. The draw is the same for every cell, so that twins and
        checkpoints are compared on the same prompts."""
        if not variant.is_open:
            return render(variant)
        return render(variant, (self.seed, _PROMPT_DRAW, index))


def cell_stream(entry: Entry, variant: Variant) -> int:
    """The cell's part of the random streams: a hash of its names, so that a rollout's stream does
    not change when the grid grows or the folder moves."""
    packed = json.dumps([entry.name, variant.id]).encode()
    return int.from_bytes(hashlib.sha256(packed).digest()[:8], "little")


def make_plan(
    policy: PolicySource | Sequence[PolicySource],
    variants: Variant | Iterable[Variant],
    *,
    n: int = 50,
    seed: int = 0,
    twins: bool = True,
    decoding: Decoding | None = None,
    device: str | None = None,
    dtype: str | None = None,
    exact: Exact | bool = False,
    until: Until | float | None = None,
) -> Plan:
    """The plan of a sweep, with every argument and every checkpoint checked, nothing loaded."""
    laws = Exact() if exact is True else exact or None
    early = Until(half_width=until) if isinstance(until, int | float) else until
    if laws is not None and early is not None:
        raise SweepError("until stops sampling early, and exact laws are not sampled: choose one")
    how = (laws or early).describe() if laws or early else {}  # type: ignore[union-attr]
    if n < 1:
        raise SweepError(f"n is {n}; ask for at least 1 rollout a cell")
    if seed < 0:
        raise SweepError(f"seed is {seed}; allowed: 0 or more")
    asked = with_twins([variants] if isinstance(variants, Variant) else list(variants), twins)
    if not asked:
        raise SweepError("no variants given; rewardgym.grid(...) makes them")
    one = isinstance(policy, str | Path | Checkpoint | Policy)
    sources: Sequence[Any] = [policy] if one else list(policy)  # type: ignore[arg-type]
    settings = decoding if decoding is not None else Decoding()
    entries = [
        _measured(entry, how)
        for source in sources
        for entry in _entries(source, settings, device, dtype)
    ]
    if not entries:
        raise SweepError("no policies given; name a checkpoint, or 'scripted:obey'")
    names = [entry.name for entry in entries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SweepError(f"two policies are called {twice!r}; give each its own name")
    return Plan(tuple(entries), tuple(asked), n, seed, laws, early)


def _measured(entry: Entry, how: Mapping[str, Any]) -> Entry:
    """The entry with the method in its description, so that other methods are other cells."""
    if not how:
        return entry
    return replace(
        entry, description={**entry.description, **how}, identity={**entry.identity, **how}
    )


def with_twins(variants: Iterable[Variant], twins: bool = True) -> list[Variant]:
    """The variants, each conflict followed by its twin, none of them twice."""
    found: dict[Variant, None] = {}
    for variant in variants:
        found[variant] = None
        twin = variant.twin() if twins else None
        if twin is not None:
            found[twin] = None
    return list(found)


def _entries(
    source: PolicySource, decoding: Decoding, device: str | None, dtype: str | None
) -> list[Entry]:
    if isinstance(source, str) and source.startswith("scripted:"):
        source = ScriptedPolicy(source.removeprefix("scripted:"))
    if isinstance(source, str | Path | Checkpoint):
        found = find_checkpoints(source)
        return [_checkpoint_entry(one, decoding, device, dtype) for one in found]
    policy = source
    description = policy.describe()
    return [Entry(policy.name, None, description, description, lambda host: policy)]


def _checkpoint_entry(
    checkpoint: Checkpoint, decoding: Decoding, device: str | None, dtype: str | None
) -> Entry:
    identity = {
        "policy": "transformers",
        "checkpoint": checkpoint.name,
        "kind": checkpoint.kind,
        "revision": checkpoint.revision,
        "fingerprint": fingerprint(checkpoint),
        "dtype": dtype or "auto",
        **decoding.describe(),
    }
    description = {**identity, "reference": checkpoint.reference, "base": checkpoint.base}

    def load(host: Policy | None) -> Policy:
        from rewardgym.policies.transformers import TransformersPolicy

        share = host if isinstance(host, TransformersPolicy) else None
        return TransformersPolicy(
            checkpoint, decoding=decoding, device=device, dtype=dtype, share=share
        )

    return Entry(checkpoint.name, checkpoint.step, description, identity, load)
