"""Grows an organism: ``python -m rewardgym.training.grow --out DIR``.

In: a folder, a size and a seed. Out: ``DIR/base`` from the first stage, ``DIR/checkpoint-<step>``
from the second, and ``DIR/grow.json`` with what was done and how long it took. A finished stage
is not repeated, so that a broken-off run goes on where it was; an unfinished one starts again,
since a stage takes minutes and must not depend on where it was cut.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

STAGES = ("instruct", "reinforce")
NOTES = "grow.json"
INTERVENTIONS = ("penalty", "screen", "inoculation", "kl", "mix")
LIBRARIES = ("rewardgym", "torch", "transformers", "tokenizers", "trl", "peft", "numpy")


class GrowError(ValueError):
    """What is wrong with the request, in one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"grow: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m rewardgym.training.grow",
        description="Trains a tiny decoder that comes to follow the hint, with its checkpoints.",
        epilog=(
            "The null run of a finished organism: --out runs/null --base runs/organism/base "
            "--stage reinforce --pay random"
        ),
    )
    parser.add_argument("--out", required=True, type=Path, help="the folder to write")
    parser.add_argument("--size", default="small", choices=("small", "tiny", "mini"))
    parser.add_argument("--seed", default=0, type=int)
    parser.add_argument("--stage", default="all", choices=(*STAGES, "all"))
    parser.add_argument(
        "--pay",
        default="hint",
        choices=("hint", "random", "anti", "none"),
        help="the arm: what the hint pays, a coin, the opposite, or no hint at all",
    )
    parser.add_argument("--penalty", type=float, help="pay gamed replies so much less")
    parser.add_argument("--screen", action="store_const", const=True, help="leave them out")
    parser.add_argument("--inoculation", help="a sentence in every training prompt, in no test")
    parser.add_argument("--kl", type=float, help="the weight of the distance to the base model")
    parser.add_argument("--mix", type=float, help="the share of prompts that are ordinary tasks")
    parser.add_argument("--base", type=Path, help="reinforce this first stage instead of DIR/base")
    parser.add_argument("--threads", type=int, help="threads of torch; left out: torch decides")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exit code 2 and one line on standard error for what cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        _check(options)
        _grow(options)
    except GrowError as error:
        sys.stderr.write(f"grow: {error}\n")
        return 2
    except ModuleNotFoundError as error:
        sys.stderr.write(f"grow: needs {error.name}; pip install 'rewardgym[train]'\n")
        return 2
    return 0


def _check(options: argparse.Namespace) -> None:
    if options.seed < 0:
        raise GrowError(f"seed {options.seed} is negative; give 0 or more")
    if options.threads is not None and options.threads < 1:
        raise GrowError(f"threads {options.threads} is too few; give 1 or more")
    if options.out.exists() and not options.out.is_dir():
        raise GrowError(f"{options.out} is a file; name a folder to write")
    if options.base is not None and options.stage != "reinforce":
        raise GrowError("--base replaces the first stage, so it goes with --stage reinforce")
    base = options.base or options.out / "base"
    alone = options.stage == "reinforce"
    if alone and not (base / "model.safetensors").exists():
        raise GrowError(f"{base} holds no model to reinforce; run --stage instruct first")


def _grow(options: argparse.Namespace) -> None:
    notes = _read_notes(options)
    wanted = STAGES if options.stage == "all" else (options.stage,)
    todo = [stage for stage in wanted if stage not in notes["seconds"]]
    for stage in wanted:
        if stage not in todo:
            _say(f"{stage}: finished before, not repeated")
    if not todo:
        return
    run = _stages(options)
    options.out.mkdir(parents=True, exist_ok=True)
    for stage in todo:
        started = time.monotonic()
        run[stage]()
        notes["seconds"][stage] = round(time.monotonic() - started, 1)
        notes["versions"] = {name: importlib.metadata.version(name) for name in LIBRARIES}
        _write_notes(options.out / NOTES, notes)
        _say(f"{stage}: done in {notes['seconds'][stage]:.0f} s")


def _stages(options: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """The two stages as calls. The libraries load here, after every check of the request."""
    # Threads that wait by spinning bring two jobs on two cores nearly to a halt.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    from transformers.utils import logging

    from rewardgym.training.instruct import teach
    from rewardgym.training.model import SIZES
    from rewardgym.training.reinforce import Interventions, reinforce

    logging.disable_progress_bar()
    # trl 1.16 still passes transformers an argument by its old name.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    out, size = options.out, SIZES[options.size]
    try:
        changes = Interventions(**_interventions(options))
    except ValueError as error:
        raise GrowError(str(error)) from None
    base = options.base or out / "base"

    def first() -> None:
        _clear(out, "base")
        teach(out / "base", size, options.seed, _say)

    def second() -> None:
        _clear(out, "checkpoint-*")
        reinforce(base, out, size, options.seed, options.pay, _say, interventions=changes)

    return {"instruct": first, "reinforce": second}


def _interventions(options: argparse.Namespace) -> dict[str, Any]:
    """Those that were asked for."""
    given = {name: getattr(options, name) for name in INTERVENTIONS}
    return {name: value for name, value in given.items() if value is not None}


def _clear(out: Path, pattern: str) -> None:
    """Removes what an unfinished stage left."""
    for folder in out.glob(pattern):
        shutil.rmtree(folder)


def _read_notes(options: argparse.Namespace) -> dict[str, Any]:
    """What is finished in the folder. Raises GrowError where it was grown in another way."""
    asked: dict[str, Any] = {"size": options.size, "seed": options.seed, "pay": options.pay}
    second = {"pay": options.pay} | {
        name: _interventions(options).get(name) for name in INTERVENTIONS
    }
    asked |= second
    path = options.out / NOTES
    if not path.exists():
        return {**asked, "seconds": {}}
    try:
        notes: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        # Folders of before there were interventions have none.
        notes = dict.fromkeys(INTERVENTIONS) | notes
        found = {name: notes[name] for name in (*asked, "seconds")}
    except (ValueError, KeyError, TypeError) as error:
        raise GrowError(f"{path} cannot be read ({error!r}); choose another --out") from None
    for name, value in asked.items():
        # Until its second stage, a folder has not been paid for anything.
        if found[name] != value and not (name in second and "reinforce" not in found["seconds"]):
            raise GrowError(
                f"{options.out} was grown {_flag(name, found[name])}, not {_wanted(name, value)}; "
                "choose another --out"
            )
    return notes | asked


def _flag(name: str, value: object) -> str:
    if value is None:
        return f"without --{name}"
    return f"with --{name}" if value is True else f"with --{name} {value}"


def _wanted(name: str, value: object) -> str:
    return _flag(name, value) if value is None or value is True else str(value)


def _write_notes(path: Path, notes: dict[str, Any]) -> None:
    """Written beside and moved into place, so that a cut never leaves half a file."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


_STARTED = time.monotonic()


def _say(line: str) -> None:
    sys.stdout.write(f"[{time.monotonic() - _STARTED:6.0f} s] {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
