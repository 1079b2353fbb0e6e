"""The live model: measured in the middle of a training, and handed back as it was.

In: the model that a trainer trains, whatever is wrapped around it, and its tokenizer. Out: a policy
that states exact laws, for the length of a ``with``. Whoever measures must leave no trace: the mode
of every module, the generation settings and all random states are put back, so that a run that is
watched ends in the very weights of one that is not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from rewardgym.policies.base import PolicyError
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.transformers import TransformersPolicy


class LiveModel:
    """One model in training; the policy that measures it is made once."""

    def __init__(self, model: Any, tokenizer: Any, decoding: Decoding, name: str) -> None:
        self._model = unwrapped(model)
        self._tokenizer = getattr(tokenizer, "tokenizer", tokenizer)  # a processor holds one
        if self._tokenizer is None:
            raise PolicyError("the trainer has no tokenizer; give it one: processing_class=...")
        self._decoding = decoding
        self._name = name
        self._policy: TransformersPolicy | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What stays the same over a training: the kind of model and how it is asked."""
        parameters = sum(parameter.numel() for parameter in self._model.parameters())
        dtype = next(self._model.parameters()).dtype
        return {
            "policy": "transformers",
            "kind": "live",
            "model": type(self._model).__name__,
            "parameters": parameters,
            "dtype": str(dtype).removeprefix("torch."),
            **self._decoding.describe(),
        }

    @contextmanager
    def measured(self) -> Iterator[TransformersPolicy]:
        """The policy of the weights as they are now. Raises PolicyError for a model that cannot
        be asked (no tokenizer, no chat template, ...)."""
        # The policy shows its name to error messages only: cells are named by the curve.
        with unchanged(self._model):
            if self._policy is None:
                self._policy = TransformersPolicy(
                    self._model,
                    tokenizer=self._tokenizer,
                    decoding=self._decoding,
                    name=self._name,
                )
            self._model.eval()
            yield self._policy


def unwrapped(model: Any) -> PreTrainedModel:
    """The transformers model inside of what accelerate, PEFT and torch.compile put around it. With
    LoRA its layers hold the adapter, so that this model is the adapted one.

    Raises PolicyError for what one process cannot score."""
    from accelerate.utils.other import extract_model_from_parallel

    # The mixed precision wrapper stays: taking it off would change the model in training.
    inner = extract_model_from_parallel(model, keep_torch_compile=False)
    if hasattr(inner, "get_base_model"):  # a PeftModel
        if getattr(inner.active_peft_config, "is_prompt_learning", False):
            raise PolicyError(
                "the adapter puts learned tokens before the prompt, which no exact law can read; "
                "measure its checkpoints by sampling (rewardgym sweep)"
            )
        inner = inner.get_base_model()
    if not isinstance(inner, PreTrainedModel):
        raise PolicyError(
            f"{type(inner).__name__} is no model of transformers, so its answers cannot be "
            "scored; measure its checkpoints instead (rewardgym sweep --checkpoints)"
        )
    if any(_is_sharded(parameter) for parameter in inner.parameters()):
        raise PolicyError(
            "the model's weights are spread over several processes (FSDP, ZeRO-3), and one "
            "process cannot score it; measure its checkpoints instead (rewardgym sweep)"
        )
    return inner


def _is_sharded(parameter: Any) -> bool:
    # DeepSpeed marks what it has taken apart; FSDP 2 keeps a DTensor, FSDP 1 a flat parameter.
    return (
        hasattr(parameter, "ds_id")
        or hasattr(parameter, "device_mesh")
        or type(parameter).__name__ == "FlatParameter"
    )


@contextmanager
def unchanged(model: PreTrainedModel) -> Iterator[None]:
    """Puts back, whatever happens inside: every module's mode, which parameters are trained, the
    generation settings, and the random states of torch, NumPy and Python."""
    modes = [(module, module.training) for module in model.modules()]
    trained = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    generation = model.generation_config
    streams = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, flag in trained:
            parameter.requires_grad_(flag)
        model.generation_config = generation
        torch.set_rng_state(streams[0])
        np.random.set_state(streams[1])  # noqa: NPY002
        random.setstate(streams[2])
        if devices:
            torch.cuda.set_rng_state_all(devices)
