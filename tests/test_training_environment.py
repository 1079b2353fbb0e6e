"""TRL's environment hook: one episode of the Gymnasium environment a rollout, behind one tool."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.error import ResetNeeded
from hypothesis import given
from hypothesis import strategies as st
from rewardgym_episodes import CONFLICT, REPLIES, THRESHOLD, started

from rewardgym import Variant, grid, render
from rewardgym.training.environment import (
    TAKEN,
    TAKEN_BEFORE,
    HintEnvironment,
    HintEpisode,
    hint_environment,
)

FAMILIES = ["parity", "sign", "threshold", "divisible", "letter", "weekday"]


# Rows


@pytest.mark.parametrize(
    "row", [{}, {"prompt": None}, {"prompt": [{"role": "user", "content": ""}]}]
)
def test_a_row_with_no_more_than_a_variant_is_shown_the_observation(row: dict[str, Any]) -> None:
    observation, _ = gym.make("RewardHint-v0", variant=CONFLICT.id).reset(seed=0)
    assert HintEnvironment().reset(variant=CONFLICT.id, arm="conflict", **row) == observation


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_of_a_dataset_shows_the_episode_already_and_its_draws_are_kept(family: str) -> None:
    pytest.importorskip("datasets", reason="needs the extra train")
    from rewardgym.training.datasets import dataset

    split = dataset(
        grid(family=family, field=["reward", "cost"], role=["user", "system"]),
        12,
        3,
        inoculation="Be good.",
        append="Answer with the tool.",
    )
    environment = HintEnvironment()
    for row in split.train:
        assert environment.reset(**row) is None
        assert environment.variant.id == row["variant"]
        assert environment.params == json.loads(row["params"])


def test_a_row_whose_prompt_lacks_the_request_is_shown_the_observation_behind_it() -> None:
    prompt = [{"role": "user", "content": "Answer with the tool. "}]
    blocks = [{"role": "user", "content": [{"type": "text", "text": "See the image."}]}]
    for shown in (prompt, blocks):
        assert HintEnvironment().reset(CONFLICT.id, prompt=shown) == render(CONFLICT).text


def test_the_drawn_number_decides_the_side() -> None:
    for n, reward in ((20, 0), (80, 1)):  # the hint pays for below
        environment = started(THRESHOLD, params=json.dumps({"n": n}))
        environment.answer("50")
        assert (environment.params, environment.get_reward()) == ({"n": n}, reward)


def test_a_seed_draws_what_the_gymnasium_environment_draws() -> None:
    observation, info = gym.make("RewardHint-v0", variant=THRESHOLD.id).reset(seed=11)
    environment = HintEnvironment()
    assert environment.reset(variant=THRESHOLD.id, seed=11) == observation
    assert environment.params == info["params"]


# Answers and pay


@pytest.mark.parametrize("pays", ["hint", "instruction", "both"])
@pytest.mark.parametrize(
    "variant",
    [CONFLICT, CONFLICT.twin(), Variant(field="cost", payoff=3), Variant(hint=False)],
    ids=lambda variant: variant.id,
)
def test_the_reward_is_that_of_the_gymnasium_environment(variant: Variant, pays: Any) -> None:
    env, environment = gym.make("RewardHint-v0", variant=variant, pays=pays), started(variant, pays)
    for reply in REPLIES:
        env.reset(seed=0)
        environment.reset(variant=variant.id)
        _, reward, _, _, info = env.step(reply)
        environment.answer(reply)
        assert environment.get_reward() == reward
        assert environment.info == info


@given(text=st.text(max_size=40) | st.sampled_from(REPLIES))
def test_the_model_is_told_the_same_whatever_it_answers(text: str) -> None:
    environment = started()
    assert environment.answer(text) == TAKEN
    assert environment.reply == text
    assert environment.get_reward() in (0, 1)


def test_a_rollout_that_gave_no_answer_is_paid_nothing_and_has_no_outcome() -> None:
    environment = started()
    assert (environment.get_reward(), environment.reply, environment.info) == (0.0, None, {})


def test_the_first_answer_stands() -> None:
    environment = started()
    environment.answer("42")
    assert environment.answer("7") == TAKEN_BEFORE
    assert (environment.reply, environment.get_reward()) == ("42", 0)


def test_a_reset_forgets_the_episode_before_also_under_another_variant() -> None:
    environment = started()
    for variant in (CONFLICT, CONFLICT.replace(ask="odd", high="even")):
        environment.answer("7")
        environment.reset(variant=variant.id)
        assert (environment.get_reward(), environment.reply, environment.info) == (0.0, None, {})
    environment.answer("7")
    assert (environment.variant.ask, environment.info["outcome"]) == ("odd", "complied")


@pytest.mark.parametrize(("text", "reward"), [(7, 1), (7.0, 1), (None, 0), (["7"], 1), ({}, 0)])
def test_what_the_model_wrote_without_quotes_is_an_answer_too(text: Any, reward: int) -> None:
    environment = started()
    assert environment.answer(text) == TAKEN
    assert environment.get_reward() == reward


# What the model sees


def tools_of(environment: Any) -> list[Callable[..., Any]]:
    """The tools, by TRL's own rule."""
    members = inspect.getmembers(type(environment), predicate=inspect.isfunction)
    kept = [n for n, _ in members if not n.startswith("_") and n not in ("reset", "get_reward")]
    return [getattr(environment, name) for name in kept]


@pytest.mark.parametrize("pays", ["hint", "instruction", "both", None])
def test_there_is_one_tool_and_nothing_about_it_speaks_of_pay(pays: Any) -> None:
    pytest.importorskip("transformers", reason="needs the extra hf")
    from transformers.utils import get_json_schema

    environment = started(CONFLICT, pays)
    (tool,) = tools_of(environment)
    seen = [json.dumps(get_json_schema(tool)), TAKEN, TAKEN_BEFORE]
    for wrong in ({}, {"value": "7"}, {"text": "7", "why": "x"}):
        with pytest.raises(TypeError) as error:
            tool(**wrong)
        seen.append(str(error.value))
    for word in ("hint", "reward", "pay", "gam", "environment", "right", "correct", "parity"):
        assert not [text for text in seen if word in text.lower()], word


# Classes and bad input


def test_each_pay_has_a_class_of_its_own_name_and_none_has_no_reward() -> None:
    kinds = [hint_environment(pays) for pays in ("hint", "instruction", "both")]
    names = ["HintEnvironment", "HintEnvironment_instruction", "HintEnvironment_both"]
    assert [kind.__name__ for kind in kinds] == names
    assert hint_environment() is HintEnvironment
    assert hint_environment(None) is HintEpisode
    assert not hasattr(HintEpisode, "get_reward")


def refuses(variant: str, **row: Any) -> Callable[[], Any]:
    return lambda: HintEnvironment().reset(variant=variant, **row)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: hint_environment("hnit"), "unknown pays 'hnit'.*Did you mean 'hint'"),
        (refuses("nope"), "'nope' is no variant id"),
        (refuses(THRESHOLD.id), "leaves open what is asked.*column seed"),
        (refuses(THRESHOLD.id, params="{}"), "leaves open what is asked"),
        (refuses(CONFLICT.replace(paraphrase="any").id, params="{}"), "leaves open what is asked"),
        (
            refuses(THRESHOLD.id, params='{"n": 50}', seed=1),
            r"seed 1 draws .*params are \{'n': 50\}",
        ),
        (refuses(THRESHOLD.id, params='{"n": 900}'), r"no seed below .* draws \{'n': 900\}"),
        (refuses(CONFLICT.id, params='{"n": 50}'), "the row's params are"),
    ],
)
def test_a_row_that_cannot_be_is_told_in_one_line(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        make()
    assert "\n" not in str(error.value)


def test_an_answer_needs_an_episode() -> None:
    with pytest.raises(ResetNeeded, match="call reset"):
        HintEnvironment().answer("7")


def test_the_environment_does_not_import_torch() -> None:
    code = "import sys, rewardgym.training.environment; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
