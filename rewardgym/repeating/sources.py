"""The policies of a run, by what names them again.

In: a method's stored configuration and cells. Out: a :class:`Source` each: a word for a flag where
one gives the same policy under the same name, and always an expression in Python. An object of the
user's own has no name outside; it is asked for under the name that the run knows it by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rewardgym.checkpoints import (
    SHIPPED,
    Checkpoint,
    CheckpointError,
    find_checkpoints,
    fingerprint,
)
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.scripted import ScriptedPolicy
from rewardgym.records import Cell


@dataclass(frozen=True)
class Source:
    """One policy of a run."""

    name: str
    """Its name in the run."""
    code: str | None
    """An expression in Python; None for a checkpoint whose place the run does not know yet."""
    policy: Mapping[str, Any]
    """Its description, as stored."""
    flag: tuple[str, str] | None = None
    """The flag that names it and its word; None where no flag does."""
    own: bool = False
    """Whether it is an object of the user's own."""

    @property
    def is_checkpoint(self) -> bool:
        """Whether the sweep itself loads it, with the sweep's decoding."""
        return _is_checkpoint(self.policy)


def find_sources(config: Mapping[str, Any], cells: Sequence[Cell]) -> list[Source]:
    """The planned policies, in their order; ``cells`` are the method's."""
    first = {json.dumps(dict(c.policy), sort_keys=True) + c.checkpoint: c for c in reversed(cells)}
    measured = list(first.values())
    found = []
    for identity in config["policies"]:
        cell = next((c for c in measured if identity.items() <= c.policy.items()), None)
        name = identity.get("checkpoint") or identity.get("name") or "policy"
        found.append(
            _source(cell.checkpoint, cell.step, cell.policy)
            if cell is not None
            else _source(str(name), None, identity)
        )
    return found


def source_flags(sources: Sequence[Source]) -> list[str] | None:
    """The flags that name all of them; None where one has no flag."""
    checkpoints = [one for one in sources if one.is_checkpoint]
    series = shipped(checkpoints)
    flags = [("--checkpoints", series)] if series is not None else []
    for one in sources:
        if series is not None and one.is_checkpoint:
            continue
        if one.flag is None:
            return None
        flags.append(one.flag)
    return [word for pair in flags for word in pair]


def source_codes(sources: Sequence[Source]) -> list[str]:
    """The expressions that give all of them, a shipped series as one."""
    series = shipped([one for one in sources if one.is_checkpoint])
    if series is None:
        return [one.code for one in sources if one.code is not None]
    others = [one.code for one in sources if one.code is not None and not one.is_checkpoint]
    return [repr(series), *others]


def shipped(checkpoints: Sequence[Source]) -> str | None:
    """The name of the shipped series that these checkpoints are, wherever it was installed."""
    wanted = {(one.name, one.policy.get("fingerprint")) for one in checkpoints}
    names = {one.name for one in checkpoints}
    for series in SHIPPED if checkpoints else ():
        try:
            found = find_checkpoints(series)
        except CheckpointError:  # left out of this installation
            continue
        # The names first: only what is called alike is worth reading.
        if {c.name for c in found} == names and {(c.name, fingerprint(c)) for c in found} == wanted:
            return series
    return None


def _source(name: str, step: int | None, policy: Mapping[str, Any]) -> Source:
    if _is_script(name, policy):
        return Source(name, repr(name), policy, ("--policy", name))
    if _is_checkpoint(policy):
        return _checkpoint(name, step, policy)
    if policy.get("reference") and policy.get("policy") == "transformers" and _is_saved(policy):
        return Source(name, _transformers(name, policy), policy)
    return Source(name, f"policies[{name!r}]", policy, own=True)


def _is_script(name: str, policy: Mapping[str, Any]) -> bool:
    """Whether the name gives this script again: an object of one's own may only be called so."""
    if policy.get("policy") != "scripted" or not name.startswith("scripted:"):
        return False
    try:
        described = ScriptedPolicy(name.removeprefix("scripted:")).describe()
    except ValueError:
        return False
    return described.items() <= policy.items()


def _is_checkpoint(policy: Mapping[str, Any]) -> bool:
    return (
        policy.get("policy") == "transformers"
        and policy.get("kind") in ("full", "adapter", "hub")
        and "checkpoint" in policy
        and _is_saved(policy)
    )


def _is_saved(policy: Mapping[str, Any]) -> bool:
    # A training's own curve has ``run``: those weights may never have been saved.
    return "run" not in policy


def _checkpoint(name: str, step: int | None, policy: Mapping[str, Any]) -> Source:
    hub, revision = policy["kind"] == "hub", policy.get("revision")
    reference = policy.get("reference")
    if reference is None:  # planned, and not begun
        return Source(name, repr(name) if hub else None, policy, _named(name) if hub else None)
    word = f"{reference}@{revision}" if hub and revision else str(reference)
    if name == (word if hub else Path(word).name):
        return Source(name, repr(word), policy, _named(word))
    # Two runs' checkpoint-100 have their folders in their names, which one path alone lacks.
    exact = Checkpoint(name, step, str(reference), policy["kind"], revision, policy.get("base"))
    return Source(name, repr(exact), policy)


def _named(word: str) -> tuple[str, str]:
    return ("--checkpoints", word)


def _transformers(name: str, policy: Mapping[str, Any]) -> str:
    """A model that was loaded by the user and given as an object."""
    word = str(policy["reference"])
    if policy.get("kind") == "hub" and policy.get("revision"):
        word += f"@{policy['revision']}"
    more = [f"name={name!r}", f"dtype={str(policy['dtype']).removeprefix('torch.')!r}"]
    decoding = decoding_code(policy)
    more += [f"decoding={decoding}"] if decoding else []
    return f"rewardgym.TransformersPolicy({word!r}, {', '.join(more)})"


def changed_decoding(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The decoding settings that are not what a plain sweep has."""
    usual = asdict(Decoding())
    return {name: policy[name] for name in usual if policy.get(name, usual[name]) != usual[name]}


def decoding_code(policy: Mapping[str, Any]) -> str | None:
    """These settings in Python; None where nothing is changed."""
    changed = ", ".join(f"{name}={value!r}" for name, value in changed_decoding(policy).items())
    return f"Decoding({changed})" if changed else None
