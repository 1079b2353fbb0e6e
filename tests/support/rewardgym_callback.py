"""Trainings of a few steps to watch, and a trainer's part played by the test.

In: the tiny model's folder. Out: a trainer with the callback in it, or ``start`` and ``step``,
which call the callback as a trainer would. It imports torch and TRL: a test module without them
skips itself before it imports this one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from rewardgym import gaming_rates, grid
from rewardgym.policies.decoding import Decoding
from rewardgym.training.callback import GamingCallback
from rewardgym.training.datasets import dataset
from rewardgym.training.rewards import random_pay

GRID = grid(field=["reward", "cost"])
SHORT = Decoding(max_new_tokens=4)
LORA = LoraConfig(r=2, lora_dropout=0.2, target_modules=["q_proj", "v_proj"])
QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
"""What the libraries below warn about themselves."""


# Real trainers


def watch(out: Path, **changed: Any) -> tuple[GamingCallback, list[str]]:
    """A callback, and the lines of its live table as they are said."""
    lines: list[str] = []
    settings: dict[str, Any] = {"every": 2, "decoding": SHORT, "say": lines.append, **changed}
    return GamingCallback(settings.pop("variants", GRID), out=out, **settings), lines


def grpo(model: Path, out: Path, callbacks: list[Any], **changed: Any) -> Any:
    """A trainer of a few steps, with dropout, so that a random number too many would show."""
    reward = changed.pop("reward", random_pay(0))
    lora = changed.pop("lora", LORA)
    settings: dict[str, Any] = {
        "max_steps": 3,
        "per_device_train_batch_size": 4,
        "num_generations": 4,
        "max_completion_length": 2,
        "learning_rate": 1e-2,
        "lr_scheduler_type": "constant",  # so that a run of 3 steps is the start of one of 5
        "top_k": 0,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "report_to": "none",
        "logging_strategy": "no",
        "disable_tqdm": True,
        **changed,
    }
    return GRPOTrainer(
        model=str(model),
        reward_funcs=[reward],
        args=GRPOConfig(output_dir=str(out), **settings),
        train_dataset=dataset(GRID, 16, 0).train,
        processing_class=AutoTokenizer.from_pretrained(model),
        peft_config=lora,
        callbacks=callbacks,
    )


def supervised(model: Path, out: Path, callbacks: list[Any], **changed: Any) -> Any:
    """transformers' own trainer, on a few token ids, all weights trained."""
    from transformers import Trainer, TrainingArguments

    rows = [{"input_ids": [5, 6, 7, i], "labels": [5, 6, 7, i]} for i in range(8)]
    settings: dict[str, Any] = {"max_steps": 2, "learning_rate": 1e-2, **changed}
    torch.manual_seed(0)
    return Trainer(
        model=AutoModelForCausalLM.from_pretrained(model, attention_dropout=0.1),
        args=TrainingArguments(
            output_dir=str(out),
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            per_device_train_batch_size=2,
            **settings,
        ),
        train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(model),
        callbacks=callbacks,
    )


def weights(trainer: Any) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in trainer.model.state_dict().items()}


def curve(run: Any) -> dict[int, float]:
    table = gaming_rates(run, by=["step", "field"])
    return table[table["field"] == "reward"].set_index("step")["rate"].to_dict()


# The trainer's part, played


class State:
    """What a trainer tells its callbacks."""

    def __init__(self, main: bool = True) -> None:
        self.global_step, self.max_steps, self.epoch = 0, 10, 0.0
        self.is_world_process_zero = main
        self.log_history: list[dict[str, Any]] = []


class Control:
    should_training_stop = False
    should_log = False


def start(
    callback: GamingCallback, model: Any, tokenizer: Any, main: bool = True, at: int = 0
) -> State:
    state = State(main)
    state.global_step = at
    callback.on_train_begin(None, state, Control(), model=model, processing_class=tokenizer)
    return state


def step(callback: GamingCallback, state: State, model: Any, number: int) -> None:
    state.global_step = number
    callback.on_step_end(None, state, Control(), model=model)


def live_model(tiny_model: Path) -> tuple[Any, Any]:
    """A fixture: the tiny model in training mode, and its tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    return model.train(), AutoTokenizer.from_pretrained(tiny_model)
