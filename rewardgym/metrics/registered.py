"""The plan that a run was registered with: its text and hash, stored before the first row.

In: a run and a plan file. Out: what the run's store says about it. A hypothesis is only as good as
the proof that it came first, so the text goes into the run itself, and never changes there.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from rewardgym.metrics.plan_file import Plan, PlanError, read_plan
from rewardgym.records import RecordStore, Run

KEY = "preregistration"


@dataclass(frozen=True)
class Registered:
    """What a run says of its plan."""

    name: str
    sha256: str
    text: str
    """The plan's file, as it was."""
    when: str
    """UTC time of the registration."""
    first: bool
    """Whether nothing was measured by then."""


def register(store: RecordStore, path: str | Path) -> Registered:
    """Stores a plan with a run. The same plan again changes nothing; another one is refused with a
    PlanError, since a plan that can be exchanged proves nothing."""
    plan = read_plan(path)
    known = registered(store)
    if known is not None:
        if known.sha256 != plan.sha256:
            raise PlanError(
                f"{path}: is not the plan that this run was registered with ({known.name!r}, "
                f"{known.sha256[:12]}); take another folder for another plan"
            )
        return known
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    text = Path(path).read_text(encoding="utf-8")
    found = Registered(plan.name, plan.sha256, text, now, store.is_empty)
    store.set_meta(KEY, found.__dict__)
    return found


def registered(run: Run | RecordStore) -> Registered | None:
    """The plan of a run, None where it has none."""
    if isinstance(run, Run):
        with run.open() as store:
            return registered(store)
    found = run.get_meta(KEY)
    return Registered(**found) if found else None


def standing(run: Run, plan: Plan) -> str:
    """In one sentence, what a run's answers to ``plan`` are worth."""
    known = registered(run)
    if known is None:
        return (
            "This plan was not registered with the run (rewardgym sweep --plan): its answers are "
            "exploratory."
        )
    if known.sha256 != plan.sha256:
        return (
            f"This is not the plan that the run was registered with ({known.name!r}, "
            f"{known.sha256[:12]}): its answers are exploratory."
        )
    if not known.first:
        return f"Registered on {known.when}, after rows had been measured: exploratory in part."
    return f"Registered on {known.when}, before the first row; sha256 {known.sha256[:12]}."
