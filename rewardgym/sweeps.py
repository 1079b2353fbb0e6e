"""Sweeps: a plan carried out, or what is left of it.

In: a plan and a folder. Out: a :class:`Run`, a folder with one SQLite file. A run that was killed
goes on where it stopped and ends in the same table as one that was not; a plan that differs from
the one that made the run is refused, with the difference named.
(The file is not called sweep.py because ``rewardgym.sweep`` is the function: a module of that
name would take its place in the package as soon as somebody imports it.)
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardgym.early_stopping import EarlyStop
from rewardgym.law_records import NOISE
from rewardgym.measuring import Measure, Task, make_measure
from rewardgym.metrics.registered import register
from rewardgym.plans import (
    Entry,
    Exact,
    Plan,
    PolicySource,
    SweepError,
    Until,
    cell_stream,
    make_plan,
)
from rewardgym.policies.base import Policy
from rewardgym.policies.decoding import Decoding
from rewardgym.progress import Progress, make_progress
from rewardgym.records import RecordStore, Run
from rewardgym.variants import Variant

if TYPE_CHECKING:
    from rewardgym.exact.noise import Noise

CHUNK = 2048
"""Rollouts a transaction, unless the policy asks for another number with an attribute ``chunk``."""
LAST = 1 << 53
"""The place of a checkpoint without a step, in a series that is ordered by steps."""


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
    exact: Exact | bool = False,
    until: Until | float | None = None,
    extend: bool = False,
    progress: bool | None = None,
    preregistration: str | Path | None = None,
) -> Run:
    """Asks every policy every variant ``n`` times and stores each rollout in ``out``.

    ``policy`` is a Policy, a name such as ``scripted:game(0.3)``, checkpoints (a folder, a glob, a
    hub id, ``organism``), or a list of these. With ``twins`` each conflict variant's agree twin is
    asked as well. The same call on a folder that is not finished goes on where it stopped; with
    ``extend`` it may add variants, policies or n. ``progress`` None shows a bar on a terminal.

    ``exact`` measures the law of every prompt instead of sampling replies. Such rows stand beside
    sampled ones and are never pooled with them. ``n`` is then the number of prompts of a variant
    that leaves something open, or the chains of thought a cell with ``Exact(chains=True)``.

    ``until`` lets a cell stop before ``n``, once its confidence sequence (which holds however often
    one looks) is that narrow to either side; ``Until(half_width, excess=True)`` asks this of the
    excess over the twin instead. ``preregistration`` is a TOML of hypotheses, stored with the run
    before anything is measured; see ``rewardgym.metrics.preregistration``.

    Raises SweepError for a folder made with another configuration, CheckpointError for a
    checkpoint that cannot be used, StoreError for a full disk; what was collected stays.
    """
    plan = make_plan(
        policy,
        variants,
        n=n,
        seed=seed,
        twins=twins,
        decoding=decoding,
        device=device,
        dtype=dtype,
        exact=exact,
        until=until,
    )
    return run_plan(plan, out, extend=extend, progress=progress, preregistration=preregistration)


def run_plan(
    plan: Plan,
    out: str | Path,
    *,
    extend: bool = False,
    progress: bool | None = None,
    preregistration: str | Path | None = None,
) -> Run:
    """Carries out a plan, or what is left of it; see :func:`sweep`. ``preregistration`` is a TOML
    of hypotheses that is stored with the run before anything is measured."""
    with RecordStore(out, create=True) as store:
        if preregistration is not None:
            register(store, preregistration)
        _agree_on_config(store, plan, extend)
        with make_progress(progress, plan.rollouts) as bar:
            execute(store, plan, bar)
    return Run(out)


# Resuming


def _agree_on_config(store: RecordStore, plan: Plan, extend: bool) -> None:
    """Writes the plan's configuration into a new run, or refuses one that differs."""
    old, new = store.get_config(plan.method), json.loads(json.dumps(plan.config()))
    if old is None or old == new:
        store.set_config(new, plan.method)
        return
    if not extend:
        raise SweepError(
            f"{store.folder}: was made with another configuration: {difference(old, new)}; "
            "choose another --out, or repeat the command that made it"
        )
    shrunk = [k for k in ("variants", "policies") if any(x not in new[k] for x in old[k])]
    if old["seed"] != new["seed"] or new["n"] < old["n"] or shrunk:
        raise SweepError(
            f"{store.folder}: can only be extended, with the same seed, all its variants and "
            f"policies and at least its n: {difference(old, new)}"
        )
    store.set_config(new, plan.method)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
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


def execute(store: RecordStore, plan: Plan, bar: Progress, *, by_step: bool = False) -> None:
    """Measures what is left of a plan. A plan that is a part of a longer series stands ``by_step``:
    its cells take their step as their place."""
    measure = make_measure(store, plan)
    session: int | None = None
    host: Policy | None = None
    for position, entry in enumerate(plan.entries):
        if by_step:
            position = LAST if entry.step is None else entry.step
        cells = [_cell(store, entry, position, variant) for variant in plan.variants]
        counts = [plan.count(variant) for variant in plan.variants]
        skipped = sum(map(measure.done_count, cells, counts))
        bar.start(entry.name, sum(counts), skipped)
        variant_of = dict(zip(cells, plan.variants, strict=True))
        stop = EarlyStop(store, plan.until, plan.n, variant_of) if plan.until else None
        left = bool(stop.open) if stop else skipped < sum(counts)
        if not left and measure.finished(variant_of):
            continue
        policy = entry.load(host)
        if session is None:
            session = store.start_session(_now(), versions(policy))
        for wanted in _rounds(plan, variant_of, stop):
            tasks = _tasks(store, plan, measure, entry, variant_of, wanted)
            for chunk in _chunks(tasks, getattr(policy, "chunk", CHUNK)):
                measure.run(session, policy, chunk)
                bar.advance(len(chunk))
        measure.finish(policy, plan, variant_of)
        # Only an adapter's base is worth keeping: two full models at once may not fit.
        host = policy if entry.identity.get("kind") == "adapter" else None
        del policy


def _cell(store: RecordStore, entry: Entry, position: int, variant: Variant) -> int:
    key = json.dumps([variant.id, dict(entry.identity)], sort_keys=True)
    return store.add_cell(
        key, entry.name, entry.step, position, variant.id, dict(entry.description)
    )


def _rounds(
    plan: Plan, cells: Mapping[int, Variant], stop: EarlyStop | None
) -> Iterator[dict[int, range]]:
    """The indices that each cell needs: all at once, or round by round where cells may stop."""
    if stop is None:
        yield {cell: range(plan.count(variant)) for cell, variant in cells.items()}
        return
    while wanted := stop.open:
        yield wanted
        stop.look()


def _tasks(
    store: RecordStore,
    plan: Plan,
    measure: Measure,
    entry: Entry,
    cells: Mapping[int, Variant],
    wanted: Mapping[int, range],
) -> Iterator[Task]:
    for cell, indices in wanted.items():
        variant = cells[cell]
        done = measure.done(cell, indices.start)
        stream = cell_stream(entry, variant)
        known: dict[str, int] = {}
        for index in indices:
            if index in done:
                continue
            prompt = plan.prompt(variant, index)
            prompt_id = known.get(prompt.sha256)
            if prompt_id is None:
                prompt_id = known[prompt.sha256] = store.add_prompt(prompt)
            yield Task(cell, index, prompt_id, prompt, (plan.seed, stream, index))


def _chunks(tasks: Iterator[Task], size: int) -> Iterator[list[Task]]:
    """Tasks in transactions; none holds two families, which have two grammars."""
    chunk: list[Task] = []
    for task in tasks:
        if chunk and task.prompt.variant.family != chunk[0].prompt.variant.family:
            yield chunk
            chunk = []
        chunk.append(task)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


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


def measure_noise(
    plan: Plan, *, count: int, dtypes: Sequence[str] = (), out: Path | None = None
) -> dict[str, Noise]:
    """The noise floor of every policy of a plan, by name; with ``out`` the largest is stored with
    that run, whose comparisons then use it."""
    from rewardgym.exact.noise import noise_floor

    prompts = [plan.prompt(variant, 0) for variant in plan.variants]
    found: dict[str, Noise] = {}
    host: Policy | None = None
    for entry in plan.entries:
        policy = entry.load(host)
        found[entry.name] = noise_floor(policy, prompts, count=count, dtypes=dtypes)
        host = policy if entry.identity.get("kind") == "adapter" else None
        del policy
    if out is not None:
        with RecordStore(out) as store:
            store.set_meta(NOISE, max(found.values(), key=lambda one: one.floor).to_dict())
    return found
