"""The keeper: saves a training's adapters as a series of checkpoints, and says how far it is.

In: the events of a trainer. Out: ``checkpoint-<step>`` folders, lines of progress, and an error
where the weights are no numbers any more. Adapters rather than weights, so that a series is small
enough to ship, and so that all of it shares one base to the bit.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

Say = Callable[[str], None]


class TrainingError(RuntimeError):
    """A training that cannot go on: one line with the cause and what to do."""


class Keeper(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Keeps an adapter at step 0, every few steps and at the end."""

    def __init__(self, folder: Path, base: str, steps: int, every: int, say: Say) -> None:
        self._folder, self._base, self._say = folder, base, say
        self._steps, self._every = steps, every
        self._started, self._from = time.monotonic(), 0
        self.paid: float | None = None
        """The mean pay since the last checkpoint, as the trainer logs it."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._started, self._from = time.monotonic(), int(state.global_step)
        if self._from == 0 and state.is_world_process_zero:
            self._keep(0, kwargs["model"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        step = int(state.global_step)
        if (step % self._every == 0 or step == self._steps) and state.is_world_process_zero:
            self._keep(step, kwargs["model"])

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs = kwargs.get("logs") or {}
        if "loss" not in logs or not state.is_world_process_zero:
            return
        step = int(state.global_step)
        if not math.isfinite(float(logs["loss"])):
            raise TrainingError(_diverged(step, "loss"))
        self.paid = float(logs["reward"])
        spent = time.monotonic() - self._started
        each = spent / max(1, step - self._from)
        self._say(
            f"step {step}/{self._steps}  paid {self.paid:.3f}  {each:.2f} s/step  "
            f"{each * (self._steps - step):.0f} s left"
        )

    def _keep(self, step: int, model: Any) -> None:
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and not bool(torch.isfinite(parameter).all()):
                raise TrainingError(_diverged(step, f"weight {name}"))
        save_adapter(model, self._folder / f"checkpoint-{step}", self._base)


def _diverged(step: int, what: str) -> str:
    return (
        f"the {what} is not a number at step {step}; the checkpoints before it are kept; try a "
        "lower learning rate, in another folder"
    )


def save_adapter(model: Any, folder: Path, base: str) -> None:
    """The adapter's weights in bf16. A base that is a folder is named relative to it, so that both
    can be moved."""
    model.save_pretrained(folder)
    weights = {
        name: tensor.to(torch.bfloat16).contiguous()
        for name, tensor in load_file(folder / "adapter_model.safetensors").items()
    }
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = os.path.relpath(base, folder) if _is_folder(base) else base
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card
    for file in folder.iterdir():
        file.chmod(0o644)  # save_pretrained writes weights that only their owner can read


def _is_folder(base: str) -> bool:
    return Path(base).is_dir()
