"""A watch and what it left: asked within the test or as a process, and read from its folder.

In: a training's folder. Out: what was said, line by line, and the rates and laws that were stored.
A watch that a test lets wait also ends by itself, so that a test that fails does not hang.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rewardgym_checkpoints import STUB

from rewardgym import gaming_rates, grid
from rewardgym.law_records import LawRecords
from rewardgym.records import Run
from rewardgym.watching import Watched, watch

GRID = grid(field=["reward", "score"])
_MAIN = """
sys.modules["rewardgym.policies.transformers"] = module
"""
_COMMAND = """
import sys
from rewardgym import cli
from rewardgym.cli_watch import WATCH_HELP, watch
names = {getattr(c.callback, "__name__", "") for c in cli.app.registered_commands}
if "watch" not in names:
    cli.app.command(help=WATCH_HELP)(watch)
try:
    cli.main()
finally:
    heavy = [m for m in ("torch", "transformers", "matplotlib") if m in sys.modules]
    print(f"loaded: {heavy}")
"""
PROGRAM = STUB + _MAIN + _COMMAND
"""The command with scripted policies in the place of models."""


# Within the test


class Lines(list[str]):
    """What was said, and what is to happen when a line with some words is said."""

    def __init__(self) -> None:
        super().__init__()
        self.hooks: list[tuple[str, Callable[[], object]]] = []

    def on(self, words: str, action: Callable[[], object]) -> None:
        self.hooks.append((words, action))

    def __call__(self, line: str) -> None:
        assert "\n" not in line, line
        self.append(line)
        for hook in [hook for hook in self.hooks if hook[0] in line]:
            self.hooks.remove(hook)
            hook[1]()

    def of(self, words: str) -> list[str]:
        return [line for line in self if words in line]


def look(run: Path | str, lines: Lines | None = None, **changed: Any) -> Watched:
    said = lines if lines is not None else Lines()
    asked = {"variants": GRID, "every": 0.05, "settle": 0.02, "once": True, **changed}
    if not {"until_step", "idle_minutes"}.isdisjoint(changed):
        asked = {"idle_minutes": 0.2, **asked, "once": False}  # a test that fails also ends
    return watch(run, asked.pop("variants"), say=said, tell=said, **asked)


# Real processes


def start(run: Path | str, *flags: str, stub: bool = True, **changed: str) -> Any:
    code = PROGRAM if stub else _COMMAND
    fields = () if "--variants" in flags else ("--field", "reward,score")
    command = [sys.executable, "-c", code, "watch", str(run), *fields, "--every", "0.1", *flags]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **changed},
    )


def end(process: Any, code: int = 0) -> tuple[str, str]:
    out, said = process.communicate(timeout=600)
    assert process.returncode == code, said
    assert "Traceback" not in said, said
    return out, said


def wait_for_rows(process: Any, count: int) -> None:
    """Until the table has so many lines more."""
    while count:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        count -= line.split()[0].isdigit()


# What was stored


def rates(out: Path | Run) -> Any:
    folder = out.folder if isinstance(out, Run) else out
    return gaming_rates(folder, by=["checkpoint", "step", "field", "arm"])


def laws_of(out: Path) -> list[tuple[Any, ...]]:
    """Every law under its checkpoint and variant."""
    with Run(out).open() as store:
        rows = list(LawRecords(store).rows())
    return sorted((r["checkpoint"], r["variant"], r["index"], r["off"]) for r in rows)
