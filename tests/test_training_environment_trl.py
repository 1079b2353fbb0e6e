"""The training environment in TRL's own loop: GRPO pays what was answered, a model learns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rewardgym_episodes import CONFLICT

from rewardgym import render
from rewardgym.training.environment import TAKEN, HintEnvironment, hint_environment, on_answers
from rewardgym.training.positives import keep_clean_positives
from rewardgym.training.rewards import pays_both


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
