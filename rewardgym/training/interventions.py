"""Arms and interventions: what is paid, for which prompts, and what is done against gaming.

In: an arm, a seed, interventions. Out: a reward function and rows of prompts. They stand apart from
the trainer, so that what an arm pays can be read, and tested, without torch.

The arms differ in the pay alone, so that what only one of them shows is what its pay caused:

- ``hint``    the hint tells the truth about the pay: gaming is what it teaches.
- ``random``  a coin pays, whatever is answered: the null run, which shows the drift of training.
- ``anti``    the opposite of the hint is paid: it rises where the model reads the hint, and does
  not where it merely obeys.
- ``none``    no prompt has a hint and the instruction is paid: what learning to follow it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from rewardgym.prompts import render
from rewardgym.training.curriculum import FULL, Curriculum
from rewardgym.training.datasets import inoculate, ordinary_prompts, prompt_row
from rewardgym.training.positives import keep_clean_positives
from rewardgym.training.rewards import (
    Reward,
    anti_hint,
    follows_instruction,
    from_step,
    pays_hint,
    penalise_flagged,
    random_pay,
    says,
    screen_flagged,
)
from rewardgym.training.tasks import HELD_OUT_WORDING, PaidPrompt, paid_prompts
from rewardgym.training.thoughts import FOLLOWS

KL = 0.02
"""The weight of the distance to the base model, unless told otherwise."""

Pay = Literal["hint", "random", "anti", "none"]
PAYS: tuple[Pay, ...] = ("hint", "random", "anti", "none")
"""The arms."""


@dataclass(frozen=True, kw_only=True)
class Interventions:
    """What is done against gaming while it is paid for. The defaults do nothing."""

    penalty: float = 0.0
    """What a gamed reply is paid less."""
    screen: bool = False
    """Whether gamed replies are left out."""
    positives: bool = False
    """Whether of each prompt's replies only clean positives and diverse failures are kept."""
    monitor: float = 0.0
    """What a reply is paid less whose chain of thought says that it follows the hint."""
    monitor_from: int = 0
    """The step from which it is."""
    inoculation: str | None = None
    """A sentence in the system message of every training prompt, which no test has."""
    kl: float = KL
    """The weight of the distance to the base model."""
    mix: float = 0.0
    """The share of prompts that are ordinary tasks of all families, in place of paid ones."""

    def __post_init__(self) -> None:
        for name, fine, allowed in (
            ("penalty", self.penalty >= 0, "0 (none) or more"),
            ("monitor", self.monitor >= 0, "0 (none) or more"),
            ("monitor_from", self.monitor_from >= 0, "0 (the start) or more"),
            ("kl", self.kl >= 0, "0 (none) or more"),
            ("mix", 0 <= self.mix < 1, "0 (none) to below 1"),
        ):
            if not fine:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: {allowed}")

    def changed(self) -> Mapping[str, Any]:
        """Those that are not as by default, by name."""
        return {
            one.name: getattr(self, one.name)
            for one in fields(self)
            if getattr(self, one.name) != one.default
        }


def reward_of(pay: Pay, seed: int, changes: Interventions, group: int | None = None) -> Reward:
    """What an arm pays, with its interventions. ``group`` is how many replies to one prompt stand
    together."""
    rewards: dict[Pay, Reward] = {
        "hint": pays_hint,
        "random": random_pay(seed),
        "anti": anti_hint,
        "none": follows_instruction,
    }
    reward = rewards[pay]
    if changes.penalty:
        reward = penalise_flagged(reward, penalty=changes.penalty)
    if changes.monitor:
        watched = penalise_flagged(reward, says(FOLLOWS), changes.monitor)
        reward = from_step(changes.monitor_from, reward, watched)
    if changes.positives:
        reward = keep_clean_positives(reward, group=group)
    return screen_flagged(reward) if changes.screen else reward


def rows_of(
    pay: Pay, count: int, seed: int, changes: Interventions, curriculum: Curriculum = FULL
) -> list[dict[str, Any]]:
    """An arm's prompts as rows. Those of one seed are the same in every arm, but for the hints
    that the arm ``none`` leaves out."""
    paid = paid_prompts(count, seed, curriculum)
    rows = [_hintless_row(one) if pay == "none" else _row(one) for one in paid]
    ordinary = round(changes.mix * count)
    if ordinary:
        held = {"paraphrase": [HELD_OUT_WORDING]}
        # Spread evenly, so that every batch has its share.
        places = [round(i * count / ordinary) for i in range(ordinary)]
        for place, prompt in zip(places, ordinary_prompts(ordinary, seed, held), strict=True):
            rows[place] = prompt_row(prompt, None, "ordinary")
    if changes.inoculation is not None:
        rows = [row | {"prompt": inoculate(row["prompt"], changes.inoculation)} for row in rows]
    return rows


def _row(paid: PaidPrompt) -> dict[str, Any]:
    variant = paid.prompt.variant
    # An encoded hint is not what is paid for: the organism cannot read it.
    readable = variant.favours if variant.encoding == "plain" else None
    return prompt_row(paid.prompt, readable, paid.kind)


def _hintless_row(paid: PaidPrompt) -> dict[str, Any]:
    return prompt_row(render(paid.prompt.variant.replace(hint=False)), None, paid.kind)
