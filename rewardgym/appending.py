"""Appending: one checkpoint after the other, added to the run folder of their series.

In: a folder, and checkpoints as they become known. Out: the rows and the configuration that one
sweep of them all would have written, whatever the order and however many processes add. A folder
has one grid and one way of asking, and a name in it stands for one checkpoint.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rewardgym.arrivals import Arrival
from rewardgym.checkpoints import Checkpoint, CheckpointError
from rewardgym.plans import Entry, Plan, SweepError
from rewardgym.policies.base import Policy
from rewardgym.progress import Progress
from rewardgym.record_schema import FILE_NAME
from rewardgym.records import RecordStore, StoreError
from rewardgym.sweeps import difference, execute

_OWN = ("checkpoint", "kind", "revision", "fingerprint")
"""What differs between the checkpoints of one series; all else of their identity is how they are
asked, which must be the same throughout a folder."""


RACE = 5.0
"""Seconds for which the making of a run's file is tried again."""


class ReplacedError(SweepError):
    """A checkpoint under the name of another that was measured before."""


class DisturbedError(Exception):
    """The files of a checkpoint were written again while it was loaded."""


class Series:
    """A run folder to which checkpoints are added; ``make`` plans the sweep of one of them.

    Raises SweepError for the folder of another grid or other settings, StoreError for one that
    cannot be written.
    """

    def __init__(self, out: Path, make: Callable[[Checkpoint], Plan]) -> None:
        self.out = out
        self._make = make
        self._host: Policy | None = None
        self.loaded = False
        """Whether any model could be loaded."""
        self.steps: dict[str, int] = {}
        """For each training the last step that was stored before."""
        self.stored = 0
        """Checkpoints that were stored before."""
        # A hub id stands for any checkpoint: nothing of it is looked at here.
        self.plan = make(Checkpoint("any", None, "any/any", "hub"))
        if (out / FILE_NAME).exists():
            with open_store(out) as store:
                check_config(store, self.plan)
                self._read_stored(store)
        place = next((p for p in (out, *out.absolute().parents) if p.exists()), out)
        if not os.access(place, os.W_OK):
            raise StoreError(f"{out}: the folder cannot be written; choose another one with --out")

    def add(self, arrival: Arrival) -> bool:
        """Measures what is left of a checkpoint; False where nothing was, and no model loaded.

        Raises ReplacedError, DisturbedError, and what a sweep raises."""
        assert arrival.checkpoint is not None
        plan = self._make(arrival.checkpoint)
        (entry,) = plan.entries
        loaded: list[Policy] = []

        def load(_: Policy | None = None) -> Policy:
            if not loaded:
                loaded.append(self._load(entry, arrival))
            return loaded[0]

        with open_store(self.out) as store:
            if not check_config(store, plan):
                load()  # first, so that what cannot be loaded leaves no empty rows
                append_config(store, plan)
            lazy = replace(plan, entries=(replace(entry, load=load),))
            execute(store, lazy, Progress(plan.rollouts), by_step=True)
        if loaded:
            _forget_others(loaded[0])
        return bool(loaded)

    def _load(self, entry: Entry, arrival: Arrival) -> Policy:
        """The policy, on the base of the one before where both are adapters on it."""
        host, self._host = self._host, None  # after an error nothing half loaded is used again
        adapter = entry.identity.get("kind") == "adapter"
        if not adapter:
            host = None  # two full models at once may not fit
        try:
            policy = entry.load(host)
        except CheckpointError:
            if arrival.is_disturbed:
                raise DisturbedError from None
            raise
        if arrival.is_disturbed:
            raise DisturbedError
        self.loaded = True
        self._host = policy if adapter else None
        return policy

    def _read_stored(self, store: RecordStore) -> None:
        config = store.get_config(self.plan.method)
        self.stored = len(config["policies"]) if config is not None else 0
        for cell in store.cells():
            if cell.step is not None and cell.policy.get("method", "sampled") == self.plan.method:
                training = str(Path(cell.checkpoint).parent)
                self.steps[training] = max(cell.step, self.steps.get(training, 0))


def open_store(out: Path) -> RecordStore:
    """The folder's store, made where there is none. Two watchers that begin at the same moment both
    make its tables, and the later one finds them made, or locked without having waited."""
    begun = time.monotonic()
    while True:
        try:
            return RecordStore(out, create=True)
        except StoreError as error:
            raced = "already exists" in str(error) or "locked" in str(error)
            if not raced or time.monotonic() - begun > RACE:
                raise
            time.sleep(0.05)


def _forget_others(policy: Policy) -> None:
    """Takes the adapters of earlier checkpoints off a shared base: in a long series they would
    fill the memory."""
    loaded = getattr(policy, "loaded", None)
    if loaded is None or loaded.adapter is None:
        return
    for name in [*loaded.model.peft_config]:
        if name != loaded.model.active_adapter:
            loaded.model.delete_adapter(name)
    loaded.adapters.intersection_update({loaded.adapter})


# The configuration


def check_config(store: RecordStore, plan: Plan) -> bool:
    """Whether the folder knows the plan's one checkpoint already.

    Raises SweepError for a folder of another grid or other settings, ReplacedError for another
    checkpoint of that name."""
    old, new = store.get_config(plan.method), json.loads(json.dumps(plan.config()))
    if old is None:
        return False
    if any(old[name] != new[name] for name in ("seed", "n", "variants")):
        said = difference({**old, "policies": []}, {**new, "policies": []})
        raise SweepError(
            f"{store.folder}: was made with another configuration: {said}; choose another --out, "
            "or repeat the command that made it"
        )
    (own,) = new["policies"]
    for other in old["policies"]:
        _check_policy(store, other, own)
    return own in old["policies"]


def _check_policy(store: RecordStore, other: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    if other.get("policy") != own["policy"]:
        return  # a scripted control beside the models
    if (said := _different(own, other, _OWN)) is not None:
        raise SweepError(
            f"{store.folder}: holds checkpoints that were asked otherwise: {said}; choose another "
            "--out, or repeat the command that made it"
        )
    said = _different(own, other, ())
    if said is not None and other.get("checkpoint") == own["checkpoint"]:
        raise ReplacedError(
            f"it is another one than was measured under this name ({said}); measure it into "
            "another --out"
        )


def _different(
    now: Mapping[str, Any], was: Mapping[str, Any], besides: Sequence[str]
) -> str | None:
    """The first difference in words; None for none."""
    names = sorted((now.keys() | was.keys()) - set(besides))
    said = (f"{n} is {now.get(n)!r}, was {was.get(n)!r}" for n in names if now.get(n) != was.get(n))
    return next(said, None)


def append_config(store: RecordStore, plan: Plan) -> None:
    """Adds the plan's checkpoint to those of the folder, in the order of steps: that of a sweep."""
    new = json.loads(json.dumps(plan.config()))
    with store.transaction() as connection:
        # Another watcher may be adding too: nobody else writes between this look and the change.
        connection.execute("BEGIN IMMEDIATE")
        if check_config(store, plan):
            return
        old = store.get_config(plan.method)
        known, (own,) = old["policies"] if old is not None else [], new["policies"]
        at = next((i for i, one in enumerate(known) if _order(one) > _order(own)), len(known))
        store.set_config({**new, "policies": [*known[:at], own, *known[at:]]}, plan.method)


def _order(policy: Mapping[str, Any]) -> tuple[bool, int, str]:
    name = str(policy.get("checkpoint", ""))
    digits = name[len(name.rstrip("0123456789")) :]
    return (not digits, int(digits or 0), name)
