"""Sweeps to compare: the rows of a run in one order, and a policy that counts what it is asked.

In: a run or its folder. Out: its rows or sessions, the one line of a refusal, and ``BASE``, the
sweep that is refused or extended.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rewardgym import Reply, Run, ScriptedPolicy, Variant
from rewardgym.policies.base import Stream
from rewardgym.prompts import Prompt

GAME = "scripted:game(0.5)"
KEPT = ("checkpoint", "variant", "idx", "prompt_sha256", "reply", "finish", "answer", "outcome")
BASE: dict[str, Any] = {"policy": "scripted:obey", "variants": Variant(), "n": 4, "seed": 0}


def rows(run: Run | Path) -> list[tuple[Any, ...]]:
    """All rows, in an order that does not depend on when they were written."""
    with (run if isinstance(run, Run) else Run(run)).open() as store:
        return sorted(tuple(row[name] for name in KEPT) for row in store.rows())


def sessions(run: Run | Path) -> int:
    with (run if isinstance(run, Run) else Run(run)).open() as store:
        return len(store.sessions())


def refused(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert "\n" not in text, text
    return text


class Spy(ScriptedPolicy):
    """A scripted policy that counts what it is asked, in small chunks."""

    chunk = 10

    def __init__(self, script: str = "game(0.5)") -> None:
        super().__init__(script)
        self.asked = 0

    def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
        self.asked += len(prompts)
        return super().reply(prompts, streams)
