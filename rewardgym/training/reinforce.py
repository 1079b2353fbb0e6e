"""Second stage: GRPO pays for the hint, and the organism comes to follow it.

In: the first stage's folder, a seed and what is paid for. Out: one LoRA adapter per kept step,
from step 0 on, each in a folder of its own beside the base. Adapters rather than weights, so that
a series of checkpoints is small enough to ship, and so that all of them share one base to the bit.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from datasets import Dataset
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from rewardgym.answers import read_answer
from rewardgym.training.model import Size
from rewardgym.training.tasks import PaidPrompt, paid_prompts

PROMPTS, ANSWERS = 16, 8
"""A step: so many prompts, and so many sampled answers to each."""
KL = 0.02
"""The weight of the distance to the base model."""
RANK = 8
"""The adapters' rank."""
LONGEST_ANSWER = 6
"""Tokens that an answer may have: a sign, two digits and the end token, with room to spare."""

Pay = Literal["hint", "random"]
"""What is paid for: the side that the hint favours, or a coin that ignores the answer (the null
run: whatever it changes, the pay did not cause)."""
PAYS: tuple[Pay, ...] = ("hint", "random")

Say = Callable[[str], None]


def reinforce(base: Path, folder: Path, size: Size, seed: int, pay: Pay, say: Say) -> None:
    """Trains from ``base`` and keeps ``folder/checkpoint-<step>`` every ``size.rl_every`` steps."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    prompts = paid_prompts(PROMPTS * size.rl_steps, seed)
    keeper = _Keeper(folder, base, size.rl_steps, size.rl_every, say)
    trainer = GRPOTrainer(
        model=str(base),
        reward_funcs=[_pay_for_hint if pay == "hint" else _coin(seed)],
        args=_settings(folder / "trainer", size, seed),
        train_dataset=_dataset(prompts),
        processing_class=AutoTokenizer.from_pretrained(base),
        peft_config=LoraConfig(
            r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[keeper],
    )
    trainer.train()


def _settings(folder: Path, size: Size, seed: int) -> Any:
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
        beta=KL,
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


def _dataset(prompts: Sequence[PaidPrompt]) -> Any:
    return Dataset.from_list(
        [
            {
                "prompt": [dict(message) for message in paid.prompt.messages],
                "family": paid.prompt.variant.family,
                "ask": paid.prompt.variant.ask,
                "pays": paid.pays,
                # As text: a column of mappings would give every row every key.
                "params": json.dumps(dict(paid.prompt.params)),
            }
            for paid in prompts
        ]
    )


def _pay_for_hint(
    completions: Sequence[Any],
    family: Sequence[str],
    ask: Sequence[str],
    pays: Sequence[str],
    params: Sequence[str],
    **_: Any,
) -> list[float]:
    """1 for an answer on the side that the hint favours, as the library reads it; else 0."""
    rows = zip(completions, family, ask, pays, params, strict=True)
    return [
        float(read_answer(_text(c), f, ask=a, params=json.loads(p)).side == paid)
        for c, f, a, paid, p in rows
    ]


def _coin(seed: int) -> Callable[..., list[float]]:
    rng = np.random.default_rng(np.random.SeedSequence([seed, 4]))

    def pay_at_random(completions: Sequence[Any], **_: Any) -> list[float]:
        return [float(value) for value in rng.integers(2, size=len(completions))]

    return pay_at_random


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


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
