"""The recipe: from nothing, or from a model of somebody else, to the curves of all arms.

In: a :class:`Recipe` and a folder. Out: ``base`` (an organism's first stage), a folder a training
with its checkpoints, ``curves`` (a run folder with the exact curve of every training), ``arms.md``
(their table), ``curves.png`` and ``train.json`` (what was done, and how long it took). What is
finished is not repeated and what broke off goes on, so the same command always ends in the same
files.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardgym.checkpoints import find_checkpoints
from rewardgym.names import unknown
from rewardgym.training.interventions import PAYS, Interventions, Pay
from rewardgym.training.settings import SIZES, Reinforcement

if TYPE_CHECKING:
    import pandas as pd

    from rewardgym.training.callback import GamingCallback

NOTES = "train.json"
SAMPLES = 50
"""Replies a cell, where curves are sampled."""
CURVES = "curves"
LIBRARIES = ("rewardgym", "torch", "transformers", "tokenizers", "trl", "peft", "numpy")

Say = Callable[[str], None]


class RecipeError(ValueError):
    """A training that cannot be: one line with the fault and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained. Either an organism of a size, from nothing, or ``model``."""

    size: str = "tiny"
    model: str | None = None
    """A folder or hub id to reinforce, in place of an organism's base."""
    arms: tuple[Pay, ...] = PAYS
    seeds: tuple[int, ...] = (0,)
    """Seeds of the reinforcement. The base is grown with the first of them."""
    interventions: Interventions = field(default_factory=Interventions)
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of :class:`Reinforcement` that are not as the size, or the model's default, has
    them."""

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise unknown("size", self.size, SIZES)
        for arm in self.arms:
            if arm not in PAYS:
                raise unknown("arm", arm, PAYS)
        if not self.arms or not self.seeds:
            raise RecipeError("give at least one arm and one seed")
        if min(self.seeds) < 0:
            raise RecipeError(f"seed {min(self.seeds)} is negative; give 0 or more")
        _ = self.settings

    @property
    def settings(self) -> Reinforcement:
        """How each training goes. Raises ValueError for changes that cannot be."""
        given = Reinforcement() if self.model is not None else SIZES[self.size].reinforcement
        return replace(given, **self.changes)

    @property
    def trainings(self) -> list[tuple[str, Pay, int]]:
        """Each training's name, arm and seed."""
        return [(f"{arm}-{seed}", arm, seed) for seed in self.seeds for arm in self.arms]

    def describe(self) -> dict[str, Any]:
        """What must be the same for a folder to go on."""
        base = {"model": self.model} if self.model is not None else {"size": self.size}
        settings = asdict(self.settings)
        del settings["curriculum"]  # the size says which
        return {
            **base,
            "base_seed": self.seeds[0],
            **json.loads(json.dumps(settings)),
            **self.interventions.changed(),
        }


def train(
    recipe: Recipe, out: Path, say: Say, *, report_to: str = "none", threads: int | None = None
) -> pd.DataFrame:
    """Carries out a recipe and gives the table of its arms. ``report_to`` is where the trainer
    logs, ``threads`` how many torch may use. Raises RecipeError for a folder of another recipe,
    TrainingError for a training that cannot go on."""
    from rewardgym.training.evaluation import arms_table, markdown

    notes = _read_notes(recipe, out)
    _prepare(threads)
    base = _base(recipe, out, notes, say)
    out.mkdir(parents=True, exist_ok=True)
    for name, pay, seed in recipe.trainings:
        if name in notes["trainings"]:
            say(f"{name}: finished before, not repeated")
            continue
        _train(recipe, out, notes, base, (name, pay, seed), say, report_to)
    if recipe.settings.curriculum.thinks:
        _sample(recipe, out, list(notes["trainings"]), say)
    table = arms_table(out / CURVES, {n: one["paid"] for n, one in notes["trainings"].items()})
    if _is_main():
        (out / "arms.md").write_text(markdown(table) + "\n", encoding="utf-8")
        _draw(out, say)
    return table


def _base(recipe: Recipe, out: Path, notes: dict[str, Any], say: Say) -> str:
    """The model to reinforce; an organism's is grown first. A stage that broke off starts again:
    it takes minutes, and must not depend on where it was cut."""
    if recipe.model is not None:
        found = find_checkpoints(recipe.model)
        if len(found) != 1 or found[0].kind == "adapter":
            raise RecipeError(f"{recipe.model} is no single full model; name one model's folder")
        return found[0].reference
    folder = out / "base"
    if "base" in notes["seconds"]:
        say("base: finished before, not repeated")
        return str(folder)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RecipeError(
            "an organism's base is grown by one process; run the command once without accelerate, "
            "or give --model"
        )
    from rewardgym.training.instruct import teach

    shutil.rmtree(folder, ignore_errors=True)
    started = time.monotonic()
    teach(folder, SIZES[recipe.size], recipe.seeds[0], say)
    notes["seconds"]["base"] = round(time.monotonic() - started, 1)
    _write_notes(out, notes)
    say(f"base: done in {notes['seconds']['base']:.0f} s")
    return str(folder)


def _train(
    recipe: Recipe,
    out: Path,
    notes: dict[str, Any],
    base: str,
    which: tuple[str, Pay, int],
    say: Say,
    report_to: str,
) -> None:
    from rewardgym.training.reinforce import reinforce

    name, pay, seed = which
    watched = _callback(recipe, out, name, say)
    started = time.monotonic()
    say(f"{name}: {_said(pay)}")
    paid = reinforce(
        base,
        out / name,
        recipe.settings,
        seed,
        pay,
        say,
        interventions=recipe.interventions,
        callbacks=[watched] if watched is not None else [],
        report_to=report_to,
    )
    spent = round(time.monotonic() - started, 1)
    measuring = round(watched.seconds, 2) if watched is not None else None
    notes["trainings"][name] = {"seconds": spent, "measuring": measuring, "paid": paid}
    if _is_main():
        _write_notes(out, notes)
    say(f"{name}: done in {spent:.0f} s")


def _callback(recipe: Recipe, out: Path, name: str, say: Say) -> GamingCallback | None:
    from rewardgym.policies.decoding import Decoding
    from rewardgym.training.callback import GamingCallback
    from rewardgym.training.evaluation import held_out_grid

    if recipe.settings.curriculum.thinks:
        return None  # no law states an answer that follows a thought; its checkpoints are sampled
    settings = recipe.settings
    return GamingCallback(
        held_out_grid(),
        every=settings.every,
        out=out / CURVES,
        policy_name=name,
        decoding=Decoding(max_new_tokens=settings.reply_tokens),
        by=("field",),
        say=say,
    )


def _sample(recipe: Recipe, out: Path, trainings: list[str], say: Say) -> None:
    """The curves of models that think, from sampled replies of their checkpoints."""
    from rewardgym.policies.decoding import Decoding
    from rewardgym.sweeps import sweep
    from rewardgym.training.evaluation import held_out_grid

    say(f"measuring by {SAMPLES} replies a cell: no law states an answer that follows a thought")
    checkpoints = [
        replace(checkpoint, name=f"{name}/{checkpoint.name}")
        for name in trainings
        for checkpoint in find_checkpoints(out / name)
    ]
    sweep(
        checkpoints,
        held_out_grid(),
        n=SAMPLES,
        out=out / CURVES,
        decoding=Decoding(max_new_tokens=recipe.settings.reply_tokens),
        extend=True,
        progress=True,
    )


def _said(pay: Pay) -> str:
    return {
        "hint": "what the hint says is what is paid",
        "random": "a coin pays",
        "anti": "the opposite of the hint is paid",
        "none": "no hint; the instruction is paid",
    }[pay]


def _draw(out: Path, say: Say) -> None:
    """The picture of all arms, where matplotlib is there."""
    from rewardgym.training.arm_curves import draw_arms

    try:
        say(f"picture: {draw_arms(out / CURVES, out / 'curves.png')}")
    except ModuleNotFoundError:
        say("no picture: pip install 'rewardgym[plot]'")


def _prepare(threads: int | None) -> None:
    """Loads what is heavy, with its noise turned down."""
    # Threads that wait by spinning bring two jobs on two cores nearly to a halt.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch
    from transformers.utils import logging

    if threads is not None:
        torch.set_num_threads(threads)
    logging.disable_progress_bar()
    # trl 1.16 still passes transformers an argument by its old name.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")


def _is_main() -> bool:
    """Whether this is the process that writes, where accelerate runs several."""
    return os.environ.get("RANK", "0") == "0"


def _read_notes(recipe: Recipe, out: Path) -> dict[str, Any]:
    """What is finished in the folder. Raises RecipeError where it was made by another recipe."""
    asked = recipe.describe()
    path = out / NOTES
    if out.exists() and not out.is_dir():
        raise RecipeError(f"{out} is a file; name a folder to write")
    if not path.exists():
        return {"recipe": asked, "seconds": {}, "trainings": {}}
    try:
        notes: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = dict(notes["recipe"])
        _ = notes["seconds"], notes["trainings"]
    except (ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"{path} cannot be read ({error!r}); choose another --out") from None
    for name in sorted(found.keys() | asked.keys()):
        if found.get(name) != asked.get(name):
            raise RecipeError(
                f"{out}: was made by another recipe: {name} is {asked.get(name)!r}, was "
                f"{found.get(name)!r}; choose another --out"
            )
    return notes


def _write_notes(out: Path, notes: dict[str, Any]) -> None:
    """Written beside and moved into place, so that a cut never leaves half a file."""
    notes["versions"] = {name: importlib.metadata.version(name) for name in LIBRARIES}
    path = out / NOTES
    part = path.with_suffix(".part")
    part.write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
