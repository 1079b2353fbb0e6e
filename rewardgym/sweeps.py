"""Sweeps: checkpoints x variants x n, planned, run and resumed.

In: policies or checkpoints, variants, n and a seed. Out: a :class:`Run`, a folder with one SQLite
file. A plan knows each rollout's key and random stream before anything is loaded, so a run that
was killed goes on where it stopped and ends in the same table as one that was not.
(The file is not called sweep.py because ``rewardgym.sweep`` is the function: a module of that
name would take its place in the package as soon as somebody imports it.)
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rewardgym.answers import read_answer
from rewardgym.checkpoints import Checkpoint, find_checkpoints, fingerprint
from rewardgym.outcomes import Outcome
from rewardgym.policies.base import Policy, Reply, Stream
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.scripted import ScriptedPolicy
from rewardgym.progress import Progress, make_progress
from rewardgym.prompts import Prompt, render
from rewardgym.records import Record, RecordStore, Run
from rewardgym.variants import Variant

CHUNK = 2048
"""Rollouts a transaction, unless the policy asks for another number with an attribute ``chunk``."""

_PROMPT_DRAW = 0x70726F6D
"""Keeps the streams that draw prompts apart from those that draw replies."""

PolicySource = str | Path | Policy | Checkpoint


class SweepError(ValueError):
    """A sweep that cannot be run as asked: one line with the cause and what to do."""


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
    _prompts: dict[tuple[Variant, int], Prompt] = field(default_factory=dict, repr=False)

    @property
    def rollouts(self) -> int:
        return len(self.entries) * len(self.variants) * self.n

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


def sweep(
    policy: PolicySource | Sequence[PolicySource],
    variants: Variant | Iterable[Variant],
    *,
    n: int = 50,
    seed: int = 0,
    out: str | Path,
    twins: bool = True,
    decoding: Decoding | None = None,
    device: str | None = None,
    dtype: str | None = None,
    extend: bool = False,
    progress: bool | None = None,
) -> Run:
    """Asks every policy every variant ``n`` times and stores each rollout in ``out``.

    ``policy`` is a Policy, a name such as ``scripted:game(0.3)``, checkpoints (a folder, a glob, a
    hub id, ``organism``), or a list of these. With ``twins`` each conflict variant's agree twin is
    asked as well. The same call on a folder that is not finished goes on where it stopped; with
    ``extend`` it may add variants, policies or n. ``progress`` None shows a bar on a terminal.

    Raises SweepError for a folder made with another configuration, CheckpointError for a
    checkpoint that cannot be used, StoreError for a full disk; what was collected stays.
    """
    plan = make_plan(
        policy, variants, n=n, seed=seed, twins=twins, decoding=decoding, device=device, dtype=dtype
    )
    return run_plan(plan, out, extend=extend, progress=progress)


def run_plan(
    plan: Plan, out: str | Path, *, extend: bool = False, progress: bool | None = None
) -> Run:
    """Carries out a plan, or what is left of it; see :func:`sweep`."""
    with RecordStore(out, create=True) as store:
        _agree_on_config(store, plan, extend)
        with make_progress(progress, plan.rollouts) as bar:
            _execute(store, plan, bar)
    return Run(out)


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
) -> Plan:
    """The plan of a sweep, with every argument and every checkpoint checked, nothing loaded."""
    if n < 1:
        raise SweepError(f"n is {n}; ask for at least 1 rollout a cell")
    if seed < 0:
        raise SweepError(f"seed is {seed}; allowed: 0 or more")
    asked = _with_twins([variants] if isinstance(variants, Variant) else list(variants), twins)
    if not asked:
        raise SweepError("no variants given; rewardgym.grid(...) makes them")
    one = isinstance(policy, str | Path | Checkpoint | Policy)
    sources: Sequence[Any] = [policy] if one else list(policy)  # type: ignore[arg-type]
    settings = decoding if decoding is not None else Decoding()
    entries = [e for source in sources for e in _entries(source, settings, device, dtype)]
    if not entries:
        raise SweepError("no policies given; name a checkpoint, or 'scripted:obey'")
    names = [entry.name for entry in entries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SweepError(f"two policies are called {twice!r}; give each its own name")
    return Plan(tuple(entries), tuple(asked), n, seed)


def _with_twins(variants: list[Variant], twins: bool) -> list[Variant]:
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


# Resuming


def _agree_on_config(store: RecordStore, plan: Plan, extend: bool) -> None:
    """Writes the plan's configuration into a new run, or refuses one that differs."""
    old, new = store.config, json.loads(json.dumps(plan.config()))
    if old is None or old == new:
        store.config = new
        return
    if not extend:
        raise SweepError(
            f"{store.folder}: was made with another configuration: {_difference(old, new)}; "
            "choose another --out, or repeat the command that made it"
        )
    shrunk = [k for k in ("variants", "policies") if any(x not in new[k] for x in old[k])]
    if old["seed"] != new["seed"] or new["n"] < old["n"] or shrunk:
        raise SweepError(
            f"{store.folder}: can only be extended, with the same seed, all its variants and "
            f"policies and at least its n: {_difference(old, new)}"
        )
    store.config = new


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What differs, in words: ``n is 20, was 10``."""
    said = [f"{k} is {new[k]}, was {old[k]}" for k in ("seed", "n") if old[k] != new[k]]
    gone = [v for v in old["variants"] if v not in new["variants"]]
    added = [v for v in new["variants"] if v not in old["variants"]]
    for what, ids in (("not asked for now", gone), ("not in it", added)):
        if ids:
            more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
            said.append(f"variant {ids[0]}{more} {what}")
    return "; ".join(said + _policy_differences(old["policies"], new["policies"])) or (
        "the order of its variants or policies"
    )


def _policy_differences(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[str]:
    def by_name(policies: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {str(p.get("checkpoint") or p.get("name") or p): p for p in policies}

    before, now = by_name(old), by_name(new)
    said = [f"policy {name} not asked for now" for name in before if name not in now][:1]
    said += [f"policy {name} not in it" for name in now if name not in before][:1]
    for name in before.keys() & now.keys():
        for key in sorted(before[name].keys() | now[name].keys()):
            if before[name].get(key) != now[name].get(key):
                said.append(
                    f"{key} of {name} is {now[name].get(key)!r}, was {before[name].get(key)!r}"
                )
                return said
    return said


# Running


@dataclass(frozen=True, slots=True)
class _Task:
    """One rollout that is still to be done."""

    cell: int
    index: int
    prompt_id: int
    prompt: Prompt
    stream: Stream


def _execute(store: RecordStore, plan: Plan, bar: Progress) -> None:
    session: int | None = None
    host: Policy | None = None
    for position, entry in enumerate(plan.entries):
        cells = [_cell(store, entry, position, variant) for variant in plan.variants]
        skipped = sum(store.done_count(cell, plan.n) for cell in cells)
        bar.start(entry.name, len(cells) * plan.n, skipped)
        if skipped == len(cells) * plan.n:
            continue
        policy = entry.load(host)
        if session is None:
            session = store.start_session(_now(), versions(policy))
        tasks = _tasks(store, plan, entry, cells)
        for chunk in _chunks(tasks, getattr(policy, "chunk", CHUNK)):
            _run_chunk(store, session, policy, chunk)
            bar.advance(len(chunk))
        # Only an adapter's base is worth keeping: two full models at once may not fit.
        host = policy if entry.identity.get("kind") == "adapter" else None
        del policy


def _cell(store: RecordStore, entry: Entry, position: int, variant: Variant) -> int:
    key = json.dumps([variant.id, dict(entry.identity)], sort_keys=True)
    return store.add_cell(
        key, entry.name, entry.step, position, variant.id, dict(entry.description)
    )


def cell_stream(entry: Entry, variant: Variant) -> int:
    """The cell's part of the random streams: a hash of its names, so that a rollout's stream does
    not change when the grid grows or the folder moves."""
    packed = json.dumps([entry.name, variant.id]).encode()
    return int.from_bytes(hashlib.sha256(packed).digest()[:8], "little")


def _tasks(
    store: RecordStore,
    plan: Plan,
    entry: Entry,
    cells: list[int],
) -> Iterator[_Task]:
    for variant, cell in zip(plan.variants, cells, strict=True):
        done = store.done(cell)
        stream = cell_stream(entry, variant)
        known: dict[str, int] = {}
        for index in range(plan.n):
            if index in done:
                continue
            prompt = plan.prompt(variant, index)
            prompt_id = known.get(prompt.sha256)
            if prompt_id is None:
                prompt_id = known[prompt.sha256] = store.add_prompt(prompt)
            yield _Task(cell, index, prompt_id, prompt, (plan.seed, stream, index))


def _chunks(tasks: Iterator[_Task], size: int) -> Iterator[list[_Task]]:
    chunk: list[_Task] = []
    for task in tasks:
        chunk.append(task)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _run_chunk(store: RecordStore, session: int, policy: Policy, chunk: list[_Task]) -> None:
    replies = policy.reply([task.prompt for task in chunk], [task.stream for task in chunk])
    if len(replies) != len(chunk):
        raise SweepError(
            f"policy {policy.name!r} gave {len(replies)} replies to {len(chunk)} prompts; it must "
            "give one each, in order"
        )
    store.add(session, [_judge(task, reply) for task, reply in zip(chunk, replies, strict=True)])


def _judge(task: _Task, reply: Reply) -> Record:
    """The record of one rollout: the reply as it is, and what was read from it."""
    head = (task.cell, task.index, task.prompt_id, reply.text, reply.finish, reply.tokens)
    if reply.finish == "error":
        return Record(*head, answer=None, side=None, how=None, outcome="error")
    variant = task.prompt.variant
    answer = read_answer(
        reply.text,
        variant.family,
        ask=variant.ask,
        favours=variant.favours,
        params=task.prompt.params,
        finish=reply.finish,
    )
    value = str(answer.value) if answer.value is not None else None
    return Record(*head, value, answer.side, answer.how, _given(answer.outcome))


def _given(outcome: Outcome | None) -> Outcome:
    if outcome is None:
        raise AssertionError("the reader gives an outcome whenever it is told what was asked")
    return outcome


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def versions(policy: Policy) -> dict[str, str]:
    """The versions that rows are written with, and the device where the policy names one."""
    found = {"python": platform.python_version()}
    for package in ("rewardgym", "numpy", "torch", "transformers", "peft"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    device = getattr(policy, "device_name", None)
    return found | ({"device": str(device)} if device is not None else {})
