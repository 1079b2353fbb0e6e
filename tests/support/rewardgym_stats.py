"""The commands that judge a run, and a run that they have something to say about.

In: words. Out: what was printed. The run's rates rise by known amounts where the hint is plain.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rewardgym_command import caller_of

import rewardgym
from rewardgym import cli_stats
from rewardgym.prompts import render
from rewardgym.records import Record, RecordStore
from rewardgym.variants import Variant

Command = Callable[..., str]
STEPS = (0, 20, 40, 60)


def stats_command(capsys: pytest.CaptureFixture[str]) -> Command:
    """The commands in an app of their own; what is wrong comes out as it was raised."""
    call = caller_of(capsys, cli_stats, "trend", "factors", "contrast", "plan")
    return lambda *arguments: call(*arguments)[0]


def rising_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over four steps: 5, 25, 45 and 65% where the hint is plain, 5% in base64."""
    folder = tmp_path_factory.mktemp("runs") / "x"
    variants = rewardgym.grid(
        field=["reward", "score", "cost", "loss"], encoding=["plain", "base64"], twins=True
    )
    rng = np.random.default_rng(np.random.SeedSequence(0))
    with RecordStore(folder, create=True) as store:
        session = store.start_session("2026-01-01T00:00:00+00:00", {})
        for place, step in enumerate(STEPS):
            for variant in variants:
                off = 0.05 + (0.01 * step if variant.encoding == "plain" else 0)
                k = rng.binomial(40, off if variant.arm == "conflict" else 0.05)
                key = f"{step} {variant.id}"
                name = f"checkpoint-{step}"
                cell = store.add_cell(key, name, step, place, variant.id, {})
                prompt = store.add_prompt(render(variant))
                store.add(session, made(cell, prompt, variant, k))
    return folder


def made(cell: int, prompt: int, variant: Variant, k: int) -> list[Record]:
    off: Any = "gamed" if variant.arm == "conflict" else "violated"
    return [
        Record(cell, i, prompt, "7", "stop", 4, "7", "odd", "bare", off if i < k else "complied")
        for i in range(40)
    ]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))
