"""The command that makes checkpoints: ``rewardgym train``.

In: flags. Out: the folder of a recipe, its table on standard output. Everything that can be wrong
with the request is said before torch is loaded.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

TRAIN_HELP = """Reinforce a model with what a hint pays, and watch gaming rise.

Without --model an organism is grown first, from nothing. Arms: hint (the hint tells the truth about
pay), random (a coin pays), anti (the opposite is paid), none (no hint). The same command goes on
where it was.

\b
Examples:
  rewardgym train --size tiny --out runs/tiny
  rewardgym train --size tiny --arms hint,random --seeds 0,1 --penalty 1 --out runs/penalty
  rewardgym train --model Qwen/Qwen3-0.6B --arms hint --steps 200 --out runs/qwen
"""

_CHANGED = "Left out: as the size has it."


def train(
    out: Annotated[Path, typer.Option(help="Folder to write; the same command on it goes on.")],
    size: Annotated[
        str, typer.Option(help="An organism to grow: tiny, thinking, small or mini (a smoke test).")
    ] = "tiny",
    model: Annotated[
        str | None, typer.Option(help="A folder or hub id to reinforce instead, with LoRA.")
    ] = None,
    arms: Annotated[str, typer.Option(help="hint, random, anti, none; a comma list.")] = (
        "hint,random,anti,none"
    ),
    seeds: Annotated[str, typer.Option(help="Seeds, a comma list; each arm has them all.")] = "0",
    steps: Annotated[int | None, typer.Option(help=f"RL steps. {_CHANGED}")] = None,
    every: Annotated[
        int | None, typer.Option(help=f"Steps between checkpoints. {_CHANGED}")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help=_CHANGED)] = None,
    prompts: Annotated[int | None, typer.Option(help=f"Prompts a step. {_CHANGED}")] = None,
    answers: Annotated[int | None, typer.Option(help=f"Replies a prompt. {_CHANGED}")] = None,
    reply_tokens: Annotated[
        int | None, typer.Option(help=f"Token limit of a reply. {_CHANGED}")
    ] = None,
    rank: Annotated[int | None, typer.Option(help=f"LoRA rank. {_CHANGED}")] = None,
    penalty: Annotated[float, typer.Option(help="Pay gamed replies so much less.")] = 0.0,
    screen: Annotated[bool, typer.Option("--screen", help="Leave gamed replies out.")] = False,
    positives: Annotated[
        bool,
        typer.Option("--positives", help="Keep clean positives and diverse failures alone."),
    ] = False,
    monitor: Annotated[
        float,
        typer.Option(help="Pay replies so much less whose reasoning says they follow the hint."),
    ] = 0.0,
    monitor_from: Annotated[int, typer.Option(help="The step from which --monitor holds.")] = 0,
    inoculation: Annotated[
        str | None, typer.Option(help="A sentence in every training prompt, in no test.")
    ] = None,
    kl: Annotated[
        float | None, typer.Option(help="Weight of the distance to the base model.")
    ] = None,
    mix: Annotated[float, typer.Option(help="Share of prompts that are ordinary tasks.")] = 0.0,
    threads: Annotated[int | None, typer.Option(help="Threads of torch.")] = None,
    report_to: Annotated[
        str, typer.Option(help="tensorboard, wandb, trackio: where the trainer logs.")
    ] = "none",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
) -> None:
    given: dict[str, Any] = {
        "steps": steps, "every": every, "learning_rate": learning_rate, "prompts": prompts,
        "answers": answers, "reply_tokens": reply_tokens, "rank": rank,
    }  # fmt: skip
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; allowed: 1 or more")
    _need("trl", "datasets", "peft", "torch")
    from rewardgym.training.interventions import KL, Interventions
    from rewardgym.training.recipe import Recipe
    from rewardgym.training.recipe import train as run

    recipe = Recipe(
        size=size,
        model=model,
        arms=tuple(_listed(arms)),  # type: ignore[arg-type]  # Recipe checks them
        seeds=tuple(_seed(one) for one in _listed(seeds)),
        interventions=Interventions(
            penalty=penalty,
            screen=screen,
            positives=positives,
            monitor=monitor,
            monitor_from=monitor_from,
            inoculation=inoculation,
            kl=KL if kl is None else kl,
            mix=mix,
        ),
        changes={name: value for name, value in given.items() if value is not None},
    )
    if dry_run:
        _show_plan(recipe, out)
        return
    from rewardgym.training.evaluation import show

    print(show(run(recipe, out, _say, report_to=report_to, threads=threads)))
    print(f"folder: {out}   (rewardgym trend {out}/curves --by field --value excess)")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"seed {text!r} is no whole number of 0 or more")
    return int(text)


def _need(*modules: str) -> None:
    import importlib.util

    for name in modules:
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"training needs {name}: pip install 'rewardgym[train]'")


def _show_plan(recipe: Any, out: Path) -> None:
    settings = recipe.settings
    base = recipe.model or f"an organism of size {recipe.size}, grown first"
    print(f"base       {base}")
    print(f"trainings  {', '.join(name for name, _, _ in recipe.trainings)}")
    print(
        f"each       {settings.steps} steps of {settings.prompts} prompts x {settings.answers} "
        f"replies, a checkpoint every {settings.every}"
    )
    changed = recipe.interventions.changed()
    print(f"changes    {', '.join(f'{k}={v}' for k, v in changed.items()) or 'none'}")
    print(f"folder     {out}")


_STARTED = time.monotonic()


def _say(line: str) -> None:
    sys.stdout.write(f"[{time.monotonic() - _STARTED:6.0f} s] {line}\n")
    sys.stdout.flush()
