"""The curve: exact laws of one grid at one training step after the other, in a run folder.

In: variants and a folder, then a policy a step. Out: the rows that an exact sweep of saved
checkpoints would write, so that ``rates``, ``trend`` and ``onset`` read them. The folder is opened
for each step anew, so that a training that is killed loses nothing and another process may read it
meanwhile.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewardgym.exact import answer_law
from rewardgym.exact.law import Law
from rewardgym.law_records import NOISE, LawRecords
from rewardgym.measuring import ExactLaws, Task, law_record
from rewardgym.plans import Exact, Plan, SweepError, make_plan
from rewardgym.policies.transformers import TransformersPolicy
from rewardgym.prompts import Prompt
from rewardgym.records import RecordStore, Run
from rewardgym.sweeps import versions
from rewardgym.training.step_numbers import Laws
from rewardgym.variants import Variant

NOISE_PROMPTS = 3
"""A training waits for the noise floor, so it is taken from fewer prompts than a sweep's."""


@dataclass(frozen=True)
class Measured:
    """The laws of one step."""

    step: int
    laws: Laws


class Curve:
    """One training's curve in a run folder. ``name`` tells several trainings in one folder apart.

    Raises SweepError for variants, n and seed that no sweep would take.
    """

    def __init__(
        self,
        variants: Variant | Sequence[Variant],
        out: str | Path,
        *,
        name: str | None,
        n: int,
        seed: int,
        twins: bool,
        exact: Exact,
        competence: bool,
    ) -> None:
        # The policy is not known yet; everything else of a plan is, and is checked here.
        self.plan: Plan = make_plan(
            "scripted:obey", variants, n=n, seed=seed, twins=twins, exact=exact
        )
        self.exact = exact
        self.folder = Path(out)
        self._name = name
        self._competence = competence
        self._versions: dict[str, str] | None = None
        self._session: int | None = None
        self._prompts = [
            (place, index, self.plan.prompt(variant, index))
            for place, variant in enumerate(self.plan.variants)
            for index in range(self.plan.count(variant))
        ]

    @property
    def prompts(self) -> list[Prompt]:
        """Every prompt of the grid."""
        return [prompt for _, _, prompt in self._prompts]

    @property
    def run(self) -> Run:
        """The folder, for ``gaming_rates``."""
        return Run(self.folder)

    def checkpoint(self, step: int) -> str:
        """A step's name in tables; that of the folder in which trainers save it."""
        return f"{self._name}/checkpoint-{step}" if self._name else f"checkpoint-{step}"

    # Measuring

    def measure(self, policy: TransformersPolicy, step: int) -> Measured:
        """The laws of the grid. Raises PolicyError for what cannot be scored."""
        found: list[tuple[int, int, Law]] = []
        families = dict.fromkeys(prompt.variant.family for prompt in self.prompts)
        for family in families:
            own = [one for one in self._prompts if one[2].variant.family == family]
            laws = answer_law(
                policy,
                [prompt for _, _, prompt in own],
                family,
                close=self.exact.close,  # type: ignore[arg-type]
                cut=self.exact.cut,
                digits=self.exact.digits,
                keep_logits=False,
            )
            found += [(place, i, law) for (place, i, _), law in zip(own, laws, strict=True)]
        return Measured(step, found)

    # Storing

    def begin(self, identity: Mapping[str, Any], step: int) -> list[int]:
        """The steps that are stored already, with the folder checked against this grid and model.

        Raises SweepError, one line, for the curve of another grid, model or training; StoreError
        for a folder that cannot be used."""
        with RecordStore(self.folder, create=True) as store:
            LawRecords(store, create=True)
            config = store.get_config(self.exact.method)
            if config is None:
                store.set_config(self._config([]), self.exact.method)
                return []
            self._check_grid(config)
            mine = [p for p in config["policies"] if p.get("run") == (self._name or "")]
            for old in mine:
                self._check_model(old, self._identity(identity, 0))
            steps = sorted(old["step"] for old in mine if "step" in old)
        if step == 0 and any(old > 0 for old in steps):
            raise SweepError(
                f"{self.folder}: holds the curve of another training, up to step {steps[-1]}; "
                "resume that training (resume_from_checkpoint), or choose another out or "
                "policy_name"
            )
        return steps

    def store(
        self, measured: Measured, identity: Mapping[str, Any], policy: TransformersPolicy
    ) -> None:
        """Writes a step. Rows of the same step, left by a part of the training that was thrown
        away when it was resumed, give way."""
        step = measured.step
        own = self._identity(identity, step)
        with RecordStore(self.folder, create=True) as store:
            records = LawRecords(store, create=True)
            cells = [self._cell(store, own, step, variant) for variant in self.plan.variants]
            tasks = [
                (Task(cells[place], index, store.add_prompt(law.prompt), law.prompt, ()), law)
                for place, index, law in measured.laws
            ]
            session = self._start_session(store, policy)
            with store.transaction() as connection:
                connection.executemany("DELETE FROM laws WHERE cell = ?", [(c,) for c in cells])
            records.add(session, [law_record(task, law) for task, law in tasks])
            self._controls(store, policy, dict(zip(cells, self.plan.variants, strict=True)))
            config = store.get_config(self.exact.method) or self._config([])
            if own not in config["policies"]:
                store.set_config(self._config([*config["policies"], own]), self.exact.method)

    def _controls(
        self, store: RecordStore, policy: TransformersPolicy, cells: dict[int, Variant]
    ) -> None:
        """The noise floor, once a run; decode competence where it was asked for."""
        if self._competence:
            ExactLaws(store, self.exact).finish(policy, self.plan, cells)
        elif store.get_meta(NOISE) is None:
            ExactLaws(store, self.exact).finish(policy, self.plan, {}, NOISE_PROMPTS)

    def _start_session(self, store: RecordStore, policy: TransformersPolicy) -> int:
        if self._session is None:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            self._session = store.start_session(now, versions(policy))
        return self._session

    def _cell(self, store: RecordStore, own: Mapping[str, Any], step: int, variant: Variant) -> int:
        key = json.dumps([variant.id, dict(own)], sort_keys=True)
        # The step as its place: a series stays in training order however it was resumed.
        return store.add_cell(key, self.checkpoint(step), step, step, variant.id, dict(own))

    def _identity(self, identity: Mapping[str, Any], step: int) -> dict[str, Any]:
        named = {"checkpoint": self.checkpoint(step), "step": step, "run": self._name or ""}
        found: dict[str, Any] = json.loads(
            json.dumps({**identity, **self.exact.describe(), **named})
        )
        return found

    def _config(self, policies: list[dict[str, Any]]) -> dict[str, Any]:
        return self.plan.config() | {"policies": policies}

    def _check_grid(self, old: Mapping[str, Any]) -> None:
        new = self.plan.config()
        said = [f"{k} is {new[k]}, was {old[k]}" for k in ("seed", "n") if old[k] != new[k]]
        more = [v for v in new["variants"] if v not in old["variants"]]
        gone = [v for v in old["variants"] if v not in new["variants"]]
        said += [f"variant {more[0]} is not in it"] if more else []
        said += [f"variant {gone[0]} is in it and not asked for now"] if gone else []
        if said:
            raise SweepError(
                f"{self.folder}: was made with another grid: {'; '.join(said)}; choose another "
                "out, or give the grid that made it"
            )

    def _check_model(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        for name in sorted((old.keys() | new.keys()) - {"checkpoint", "step"}):
            if old.get(name) != new.get(name):
                raise SweepError(
                    f"{self.folder}: holds the curve of another model or other settings: {name} "
                    f"is {new.get(name)!r}, was {old.get(name)!r}; choose another out or "
                    "policy_name"
                )
