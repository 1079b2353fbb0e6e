"""Reward functions of what was answered with the tool, and not of the transcript around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from rewardgym_episodes import CONFLICT, REPLIES, THRESHOLD, started

from rewardgym import Variant, grid
from rewardgym.training.environment import HintEpisode, on_answers
from rewardgym.training.positives import keep_clean_positives
from rewardgym.training.rewards import (
    anti_hint,
    follows_instruction,
    pays_both,
    pays_hint,
    penalise_flagged,
    with_finish,
)


def answered(*texts: str | None, variant: Variant = CONFLICT, **row: Any) -> list[HintEpisode]:
    environments = [started(variant, None, **row) for _ in texts]
    for environment, text in zip(environments, texts, strict=True):
        if text is not None:
            environment.answer(text)
    return environments


def paid(reward: Any, environments: Sequence[HintEpisode], **columns: Any) -> list[float | None]:
    said = [[{"role": "assistant", "content": "7"}]] * len(environments)  # the transcript
    columns.setdefault("prompts", ["p"] * len(said))
    return on_answers(reward)(completions=said, environments=environments, **columns)


def test_any_reward_function_pays_the_answer_and_not_the_transcript() -> None:
    environments = answered("42", "7", None)
    assert paid(pays_hint, environments) == [0, 1, 0]
    assert paid(anti_hint, environments) == [1, 0, 0]
    assert paid(follows_instruction, environments) == [1, 0, 0]
    assert paid(penalise_flagged(pays_hint, penalty=3), environments) == [0, -2, 0]
    assert paid(keep_clean_positives(pays_both()), environments) == [1, None, 0]
    assert paid(pays_hint, answered("50", variant=THRESHOLD, params={"n": 60})) == [1]


@pytest.mark.parametrize("variant", [*grid(field=["reward", "cost", "evaluation"]), THRESHOLD])
def test_the_blend_of_both_pays_as_the_environment_does(variant: Variant) -> None:
    for reply in REPLIES:
        environment = started(variant, "both", seed=0)
        environment.answer(reply)
        assert paid(pays_both(), [environment]) == [environment.get_reward()]


def test_the_datasets_column_of_pay_is_heeded() -> None:
    assert paid(pays_hint, answered("42", "7"), pays=[None, None]) == [1, 0]


def test_outcomes_are_logged_and_no_answer_is_an_empty_one() -> None:
    logged: dict[str, float] = {}
    paid(pays_hint, answered("42", "7", None, ""), log_metric=logged.__setitem__)
    assert logged["outcome/gamed"] == logged["outcome/complied"] == 0.25
    assert logged["outcome/empty"] == 0.5
    assert logged["outcome/gaming_rate"] == 0.5


def test_an_answer_counts_though_the_transcript_was_cut_after_it() -> None:
    reward = with_finish(on_answers(pays_hint), eos_ids=[2], longest=3)
    cut = {"completion_ids": [[7, 7, 7]], "environments": answered("7")}
    assert reward(prompts=["p"], completions=["x"], **cut) == [1]


def test_a_trainer_without_environments_is_told() -> None:
    with pytest.raises(ValueError, match=r"the trainer has none.*hint_environment\(None\)"):
        on_answers(pays_hint)(prompts=["p"], completions=["7"])
