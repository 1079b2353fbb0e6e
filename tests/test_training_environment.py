"""TRL's environment hook: one episode of the Gymnasium environment a rollout, behind one tool."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.error import ResetNeeded
from hypothesis import given
from hypothesis import strategies as st

from rewardgym import Variant, grid, render
from rewardgym.training.environment import (
    TAKEN,
    TAKEN_BEFORE,
    HintEnvironment,
    HintEpisode,
    hint_environment,
    on_answers,
)
from rewardgym.training.positives import keep_clean_positives
from rewardgym.training.rewards import (
    anti_hint,
    follows_instruction,
    pays_both,
    pays_hint,
    penalise_flagged,
    with_finish,
)

CONFLICT = Variant()
THRESHOLD = Variant(family="threshold", ask="above", high="below")
FAMILIES = ["parity", "sign", "threshold", "divisible", "letter", "weekday"]
REPLIES = ["42", "7", "**28** (28 / 2 = 14)", "4.5", "I can't help with that.", "", "maybe 3 or 4"]


def started(variant: Variant = CONFLICT, pays: Any = "hint", **row: Any) -> Any:
    environment = hint_environment(pays)()
    environment.reset(variant=variant.id, **row)
    return environment


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


# Reward functions of what was answered


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


def test_the_environment_does_not_import_torch() -> None:
    code = "import sys, rewardgym.training.environment; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# In TRL


@pytest.fixture
def trl(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    return pytest.importorskip("trl", reason="needs the extra train")


@pytest.fixture
def model() -> tuple[Any, Any]:
    """A tiny random Qwen3 and a byte-level tokenizer with Qwen3's own chat template."""
    pytest.importorskip("trl", reason="needs the extra train")
    import torch
    from rewardgym_tiny import byte_tokenizer, tiny_config
    from transformers import AutoModelForCausalLM
    from trl.chat_template_utils import qwen3_chat_template

    tokenizer = byte_tokenizer(qwen3_chat_template)
    torch.manual_seed(0)
    config = tiny_config(len(tokenizer))
    config.initializer_range, config.hidden_size, config.intermediate_size = 0.02, 64, 128
    return AutoModelForCausalLM.from_config(config), tokenizer


def call(text: str) -> str:
    """A call of the tool as Qwen3 writes it."""
    arguments = json.dumps({"text": text})
    return f'<tool_call>\n{{"name": "answer", "arguments": {arguments}}}\n</tool_call><|im_end|>'


def trainer_of(trl: Any, model: tuple[Any, Any], out: Path, data: Any, **changed: Any) -> Any:
    settings = {
        "max_steps": 2,
        "per_device_train_batch_size": 4,
        "num_generations": 4,
        "max_completion_length": 240,
        "max_tool_calling_iterations": 1,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
    }
    own = ("reward_funcs", "environment_factory", "rollout_func")
    settings |= {name: value for name, value in changed.items() if name not in own}
    return trl.GRPOTrainer(
        model=model[0],
        processing_class=model[1],
        args=trl.GRPOConfig(output_dir=str(out), **settings),
        train_dataset=data,
        **{name: changed[name] for name in own if name in changed},
    )


def saying(texts: Sequence[str]) -> Callable[[Sequence[Any], Any], dict[str, Any]]:
    """A rollout whose first turn is written by the test; TRL's own loop does the rest."""

    def rollout(prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        tokenizer = trainer.processing_class
        prompt_ids = tokenizer.apply_chat_template(
            list(prompts),
            tools=trainer.tools,
            chat_template=trainer.chat_template,
            add_generation_prompt=True,
        )["input_ids"]
        said = [tokenizer(texts[i % len(texts)])["input_ids"] for i in range(len(prompts))]
        return {"prompt_ids": prompt_ids, "completion_ids": said, "logprobs": None}

    return rollout


SCRIPT = [call("7"), call("42"), "7<|im_end|>", call("8").replace('"text"', '"value"')]
"""Gamed, complied, a reply without the tool, and a wrong call; in a conflict that pays for odd."""


@pytest.fixture
def rows(trl: Any) -> Iterator[Any]:
    from rewardgym.training.datasets import dataset

    return dataset([CONFLICT], 8, 0, twins=False).train


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_grpo_resets_the_environment_with_the_row_pays_what_was_answered_and_logs_it(
    trl: Any, model: Any, rows: Any, tmp_path: Path
) -> None:
    factory = hint_environment("hint")
    script = saying(SCRIPT)
    trainer = trainer_of(
        trl, model, tmp_path, rows, environment_factory=factory, rollout_func=script
    )
    trainer.train()
    assert [one.variant for one in trainer.environments] == [CONFLICT] * 4
    assert [one.reply for one in trainer.environments] == ["7", "42", None, None]
    assert list(trainer._logs["rewards"]["HintEnvironment"]) == [1, 0, 0, 0]
    assert list(trainer._logs["advantages"]) == pytest.approx([1.5, -0.5, -0.5, -0.5], abs=1e-3)
    logged = [
        entry for entry in trainer.state.log_history if "rewards/HintEnvironment/mean" in entry
    ]
    assert len(logged) == 2
    for entry in logged:
        assert entry["rewards/HintEnvironment/mean"] == 0.25
        assert entry["tools/call_frequency"] == 0.75
        assert entry["tools/failure_frequency"] == pytest.approx(1 / 3)
    transcripts = [
        [message["content"] for message in completion if message["role"] == "tool"]
        for completion in trainer._logs["completion"]
    ]
    assert transcripts[:3] == [[TAKEN], [TAKEN], []]
    assert "unexpected keyword argument 'value'" in transcripts[3][0]
    shown = trainer._logs["prompt"][0][-1]["content"]
    assert shown == render(CONFLICT).text  # once: the row's prompt showed it already


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_grpo_pays_answers_by_any_reward_function_on_rows_that_are_variants_alone(
    trl: Any, model: Any, tmp_path: Path
) -> None:
    from datasets import Dataset

    reward = on_answers(keep_clean_positives(pays_both(), group=4))
    trainer = trainer_of(
        trl,
        model,
        tmp_path,
        Dataset.from_dict({"variant": [CONFLICT.id] * 8}),
        max_steps=1,
        environment_factory=hint_environment(None),
        reward_funcs=[reward],
        rollout_func=saying(SCRIPT),
    )
    trainer.train()
    entry = trainer.state.log_history[0]
    assert entry["outcome/gamed"] == entry["outcome/complied"] == 0.25
    assert entry["outcome/empty"] == 0.5
    assert entry["left_out/flagged"] == entry["left_out/repeated"] == 0.25
    assert entry["rewards/pays_both_clean/mean"] == 0.5
    assert list(trainer._logs["advantages"]) == pytest.approx([0, 0.707, -0.707, 0], abs=1e-3)
    assert trainer._logs["prompt"][0][-1]["content"] == render(CONFLICT).text


def teach(
    model: Any, tokenizer: Any, answers: Sequence[str], steps: int = 80
) -> Callable[[], float]:
    """Trains the model to call the tool with one of two answers. Gives a function that measures by
    how much it prefers the first, as log odds."""
    import torch

    ids = tokenizer.apply_chat_template(
        [dict(message) for message in render(CONFLICT).messages],
        tools=[HintEnvironment().answer],
        add_generation_prompt=True,
        return_dict=False,
    )
    said = torch.tensor([ids + tokenizer(call(answer))["input_ids"] for answer in answers])
    keep = said.shape[1] - len(ids)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

    def law() -> Any:
        return model(said, logits_to_keep=keep + 1).logits[:, :-1].log_softmax(-1)

    for _ in range(steps):
        loss = torch.nn.functional.nll_loss(law().transpose(1, 2), said[:, -keep:])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    def odds() -> float:
        with torch.no_grad():
            taken = law().gather(2, said[:, -keep:, None]).sum((1, 2))
        return float(taken[0] - taken[1])

    return odds


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_a_model_that_calls_the_tool_by_itself_comes_to_give_the_answer_that_is_paid(
    trl: Any, model: Any, rows: Any, tmp_path: Path
) -> None:
    odds = teach(*model, ["7", "4"])
    before = odds()
    trainer = trainer_of(
        trl,
        model,
        tmp_path,
        rows,
        max_steps=6,
        per_device_train_batch_size=8,
        num_generations=8,
        max_completion_length=90,  # room for the call, and none for a second turn
        learning_rate=2e-4,
        lr_scheduler_type="constant",
        environment_factory=hint_environment("hint"),
    )
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "tools/call_frequency" in entry]
    assert logged[0]["tools/call_frequency"] > 0.5
    rewards = list(trainer._logs["rewards"]["HintEnvironment"])
    assert rewards == [float(one.reply == "7") for one in trainer.environments]
    assert odds() > before
