"""Second stage: GRPO pays for what an arm says, and the organism comes to do what pays.

In: the first stage's folder, a seed, an arm and interventions. Out: one LoRA adapter per kept step,
from step 0 on, each in a folder of its own beside the base. Adapters rather than weights, so that
a series of checkpoints is small enough to ship, and so that all of them share one base to the bit.

The arms differ in the pay alone, so that what only one of them shows is what its pay caused:

- ``hint``    the hint tells the truth about the pay: gaming is what it teaches.
- ``random``  a coin pays, whatever is answered: the null run, which shows the drift of training.
- ``anti``    the opposite of the hint is paid: it rises where the model reads the hint, and does
  not where it merely obeys.
- ``none``    no prompt has a hint and the instruction is paid: what learning to follow it does.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from rewardgym.prompts import render
from rewardgym.training.datasets import as_dataset, inoculate, ordinary_prompts, prompt_row
from rewardgym.training.model import Size
from rewardgym.training.rewards import (
    Reward,
    anti_hint,
    follows_instruction,
    pays_hint,
    penalise_flagged,
    random_pay,
    screen_flagged,
)
from rewardgym.training.tasks import HELD_OUT_WORDING, PaidPrompt, paid_prompts

PROMPTS, ANSWERS = 16, 8
"""A step: so many prompts, and so many sampled answers to each."""
KL = 0.02
"""The weight of the distance to the base model, unless told otherwise."""
RANK = 8
"""The adapters' rank."""
LONGEST_ANSWER = 6
"""Tokens that an answer may have: a sign, two digits and the end token, with room to spare."""

Pay = Literal["hint", "random", "anti", "none"]
PAYS: tuple[Pay, ...] = ("hint", "random", "anti", "none")
"""The arms."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Interventions:
    """What is done against gaming while it is paid for. The defaults do nothing."""

    penalty: float = 0.0
    """What a gamed reply is paid less."""
    screen: bool = False
    """Whether gamed replies are left out."""
    inoculation: str | None = None
    """A sentence in the system message of every training prompt, which no test has."""
    kl: float = KL
    """The weight of the distance to the base model."""
    mix: float = 0.0
    """The share of prompts that are ordinary tasks of all families, in place of paid ones."""

    def __post_init__(self) -> None:
        for name, fine, allowed in (
            ("penalty", self.penalty >= 0, "0 (none) or more"),
            ("kl", self.kl >= 0, "0 (none) or more"),
            ("mix", 0 <= self.mix < 1, "0 (none) to below 1"),
        ):
            if not fine:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: {allowed}")


def reinforce(
    base: Path,
    folder: Path,
    size: Size,
    seed: int,
    pay: Pay,
    say: Say,
    *,
    interventions: Interventions | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> None:
    """Trains from ``base`` and keeps ``folder/checkpoint-<step>`` every ``size.rl_every`` steps.
    ``callbacks`` go along with the training, such as a ``GamingCallback``."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    changes = interventions if interventions is not None else Interventions()
    keeper = _Keeper(folder, base, size.rl_steps, size.rl_every, say)
    trainer = GRPOTrainer(
        model=str(base),
        reward_funcs=[reward_of(pay, seed, changes)],
        args=_settings(folder / "trainer", size, seed, changes.kl),
        train_dataset=as_dataset(rows_of(pay, PROMPTS * size.rl_steps, seed, changes)),
        processing_class=AutoTokenizer.from_pretrained(base),
        peft_config=LoraConfig(
            r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[keeper, *callbacks],
    )
    with _without_screening_warnings():
        trainer.train()


def reward_of(pay: Pay, seed: int, changes: Interventions) -> Reward:
    """What an arm pays, with its interventions."""
    rewards: dict[Pay, Reward] = {
        "hint": pays_hint,
        "random": random_pay(seed),
        "anti": anti_hint,
        "none": follows_instruction,
    }
    reward = rewards[pay]
    if changes.penalty:
        reward = penalise_flagged(reward, penalty=changes.penalty)
    return screen_flagged(reward) if changes.screen else reward


def rows_of(pay: Pay, count: int, seed: int, changes: Interventions) -> list[dict[str, Any]]:
    """An arm's prompts as rows. Those of one seed are the same in every arm, but for the hints
    that the arm ``none`` leaves out."""
    paid = paid_prompts(count, seed)
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


def _settings(folder: Path, size: Size, seed: int, kl: float) -> Any:
    return GRPOConfig(
        output_dir=str(folder),
        max_steps=size.rl_steps,
        learning_rate=size.rl_learning_rate,
        lr_scheduler_type="constant",
        per_device_train_batch_size=PROMPTS * ANSWERS,
        num_generations=ANSWERS,
        max_completion_length=LONGEST_ANSWER,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        beta=kl,
        loss_type="grpo",
        scale_rewards="group",
        use_cpu=not torch.cuda.is_available(),
        bf16=False,
        gradient_checkpointing=False,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=seed,
    )


class _Silent(logging.Filter):
    """Drops TRL's warning, with a whole prompt in it, that a sample was left out on purpose."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("All reward functions returned None")


@contextmanager
def _without_screening_warnings() -> Iterator[None]:
    logger = logging.getLogger("trl.trainer.grpo_trainer")
    silent = _Silent()
    logger.addFilter(silent)
    try:
        yield
    finally:
        logger.removeFilter(silent)


class _Keeper(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Keeps an adapter at step 0, every few steps and at the end, and says how far it is."""

    def __init__(self, folder: Path, base: Path, steps: int, every: int, say: Say) -> None:
        self._folder, self._base, self._say = folder, base, say
        self._steps, self._every = steps, every
        self._started = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._started = time.monotonic()
        self._keep(0, kwargs["model"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        step = int(state.global_step)
        if step % self._every == 0 or step == self._steps:
            spent = time.monotonic() - self._started
            left = spent * (self._steps / step - 1)
            self._say(f"step {step}/{self._steps}  {spent / step:.2f} s/step  {left:.0f} s left")
            self._keep(step, kwargs["model"])

    def _keep(self, step: int, model: Any) -> None:
        save_adapter(model, self._folder / f"checkpoint-{step}", self._base)


def save_adapter(model: Any, folder: Path, base: Path) -> None:
    """The adapter's weights in bf16, its base named relative to it, so that both can be moved."""
    model.save_pretrained(folder)
    weights = {
        name: tensor.to(torch.bfloat16).contiguous()
        for name, tensor in load_file(folder / "adapter_model.safetensors").items()
    }
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = os.path.relpath(base, folder)
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card
    for file in folder.iterdir():
        file.chmod(0o644)  # save_pretrained writes weights that only their owner can read
