"""Loading: from a checkpoint to a model and a tokenizer that can be measured.

In: a checkpoint, or a model in memory. Out: :class:`Loaded`. Safetensors only and no remote code,
so that measuring somebody's checkpoint never runs their code; a base model is loaded once and its
LoRA adapters are put on it in turn.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from rewardgym.checkpoints import Checkpoint, CheckpointError, tokenizer_folder
from rewardgym.names import unknown
from rewardgym.policies.base import PolicyError as PolicyError
from rewardgym.policies.decoding import Decoding
from rewardgym.prompts import Prompt

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Loaded:
    """A model in memory with what is needed to ask it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    dtype: torch.dtype
    eos_ids: frozenset[int]
    """Tokens that end a reply: the checkpoint's and the tokenizer's."""
    pad_id: int
    shares_cache: bool
    """Whether a prompt's cache can be handed to several rollouts: plain attention only."""
    base: str | None = None
    """For a model with adapters: the reference of the base, dtype and device included."""
    adapter: str | None = None
    """The adapter that this policy uses, on a model that others may share."""
    adapters: set[str] = field(default_factory=set)
    """The adapters on the model, shared between the policies that use it."""

    def encode(self, prompt: Prompt, decoding: Decoding) -> list[int]:
        """The prompt's tokens. What looks like a control token in its text is taken as text: a
        prompt must not be able to end the user's turn."""
        if decoding.template == "raw":
            ids = self.plain_ids(prompt.text, special=True)
        else:
            ids = list(
                self.tokenizer.apply_chat_template(
                    [dict(message) for message in prompt.messages],
                    add_generation_prompt=True,
                    tokenize=True,
                    return_dict=True,
                    sanitize_control_tokens=True,
                    **_thinking(decoding),
                )["input_ids"]
            )
        ids += self.plain_ids(decoding.prefill) if decoding.prefill else []
        self._check_length(ids, decoding)
        return ids

    def plain_ids(self, text: str, special: bool = False) -> list[int]:
        """The tokens of a text, taken as text throughout."""
        return list(
            self.tokenizer(text, add_special_tokens=special, split_special_tokens=True)["input_ids"]
        )

    def _check_length(self, ids: list[int], decoding: Decoding) -> None:
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if not ids:
            raise PolicyError("the prompt has no tokens; give it some text")
        if limit is not None and len(ids) >= limit:
            raise PolicyError(
                f"a prompt of {len(ids)} tokens does not fit into the model's context of {limit}; "
                "choose a shorter encoding or another model"
            )


def wrap(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, decoding: Decoding
) -> Loaded:
    """A model that is already in memory, for instance from a training loop."""
    if tokenizer is None:
        raise PolicyError("a model in memory needs its tokenizer: pass tokenizer=...")
    return _finished(model, tokenizer, decoding, name=type(model).__name__)


def load(
    checkpoint: Checkpoint,
    decoding: Decoding,
    device: str | None,
    dtype: str | None,
    share: Loaded | None,
) -> Loaded:
    """Loads a checkpoint. An adapter is put on ``share``'s model where its base is the same one."""
    place = _device(device)
    wanted = _dtype(dtype, place)
    reference = checkpoint.base if checkpoint.kind == "adapter" else checkpoint.reference
    assert reference is not None
    base = f"{reference}@{checkpoint.revision} {wanted} {place}"
    if share is not None and share.base == base and checkpoint.kind == "adapter":
        return _with_adapter(share, checkpoint)
    transformers_logging.disable_progress_bar()
    tokenizer = _tokenizer(checkpoint, reference)
    model = _model(checkpoint, reference, wanted, place)
    if checkpoint.kind == "adapter":
        model = _first_adapter(model, checkpoint)
    loaded = _finished(model, tokenizer, decoding, name=checkpoint.name)
    loaded.base = base
    if checkpoint.kind == "adapter":
        loaded.adapter = checkpoint.reference
        loaded.adapters = {checkpoint.reference}
        loaded.model.set_adapter(_adapter_name(checkpoint.reference))
        loaded.model.eval()
    return loaded


def use_adapter(loaded: Loaded) -> None:
    """Switches a shared model to this policy's adapter."""
    if loaded.adapter is not None:
        name = _adapter_name(loaded.adapter)
        if loaded.model.active_adapter != name:
            loaded.model.set_adapter(name)
            loaded.model.requires_grad_(False)


def _device(device: str | None) -> torch.device:
    if device is not None:
        try:
            place = torch.device(device)
            torch.empty(0, device=place)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise PolicyError(
                f"device {device!r} cannot be used ({_first_line(error)}); allowed here: "
                f"{'cuda, ' if torch.cuda.is_available() else ''}cpu"
            ) from None
        return place
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _dtype(dtype: str | None, device: torch.device) -> torch.dtype:
    if dtype is not None and dtype != "auto":
        if dtype not in DTYPES:
            raise unknown("dtype", dtype, [*DTYPES, "auto"])
        return DTYPES[dtype]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float32


def _tokenizer(checkpoint: Checkpoint, reference: str) -> PreTrainedTokenizerBase:
    source = reference
    if checkpoint.kind != "hub" and Path(reference).is_dir():
        own = tokenizer_folder(Path(checkpoint.reference)) or tokenizer_folder(Path(reference))
        source = str(own) if own is not None else reference
    try:
        return AutoTokenizer.from_pretrained(
            source, revision=checkpoint.revision, trust_remote_code=False
        )
    except Exception as error:  # any library error here means one thing to the user
        raise CheckpointError(
            f"{checkpoint.name}: its tokenizer cannot be loaded from {source} "
            f"({_first_line(error)}){_offline(checkpoint)}"
        ) from error


def _model(
    checkpoint: Checkpoint, reference: str, dtype: torch.dtype, device: torch.device
) -> PreTrainedModel:
    try:
        model = AutoModelForCausalLM.from_pretrained(
            reference,
            revision=checkpoint.revision if checkpoint.kind == "hub" else None,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
        )
        return model.to(device)
    except Exception as error:
        raise CheckpointError(
            f"{checkpoint.name}: the model cannot be loaded from {reference} "
            f"({_first_line(error)}){_offline(checkpoint)}"
        ) from error


def _offline(checkpoint: Checkpoint) -> str:
    if checkpoint.kind != "hub":
        return ""
    return "; check the id, the revision and the network, or name a local folder"


def _first_adapter(model: PreTrainedModel, checkpoint: Checkpoint) -> Any:
    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            # peft 0.21 asks transformers 5 for a setting by its old name.
            warnings.simplefilter("ignore", FutureWarning)
            return PeftModel.from_pretrained(
                model,
                checkpoint.reference,
                adapter_name=_adapter_name(checkpoint.reference),
                use_safetensors=True,
            )
    except Exception as error:
        raise CheckpointError(
            f"{checkpoint.name}: the adapter cannot be put on its base ({_first_line(error)})"
        ) from error


def _with_adapter(share: Loaded, checkpoint: Checkpoint) -> Loaded:
    """The same model with another adapter; the base is not loaded again."""
    if checkpoint.reference not in share.adapters:
        try:
            share.model.load_adapter(
                checkpoint.reference, adapter_name=_adapter_name(checkpoint.reference)
            )
        except Exception as error:
            raise CheckpointError(
                f"{checkpoint.name}: the adapter cannot be put on its base ({_first_line(error)})"
            ) from error
        share.adapters.add(checkpoint.reference)
        share.model.eval()
    shared = {name: getattr(share, name) for name in share.__dataclass_fields__}
    return Loaded(**{**shared, "adapter": checkpoint.reference})


def _adapter_name(reference: str) -> str:
    # PEFT makes module names of adapter names, so dots and slashes are out.
    return "".join(c if c.isalnum() else "_" for c in reference)


def _finished(
    model: Any, tokenizer: PreTrainedTokenizerBase, decoding: Decoding, name: str
) -> Loaded:
    """Checks template and tokens, and empties the checkpoint's own generation settings."""
    _check_template(tokenizer, decoding, name)
    ends = model.generation_config.eos_token_id if model.generation_config else None
    eos_ids = {ends} if isinstance(ends, int) else set(ends or ())
    if tokenizer.eos_token_id is not None:
        eos_ids.add(int(tokenizer.eos_token_id))
    if not eos_ids:
        raise PolicyError(f"{name}: has no end-of-text token, so no reply could be told to end")
    pad = tokenizer.pad_token_id
    model.generation_config = GenerationConfig()
    model.eval()
    parameter = next(model.parameters())
    return Loaded(
        model=model,
        tokenizer=tokenizer,
        device=parameter.device,
        dtype=parameter.dtype,
        eos_ids=frozenset(eos_ids),
        pad_id=int(pad) if pad is not None else min(eos_ids),
        shares_cache=_plain_attention(model),
    )


def _plain_attention(model: Any) -> bool:
    """Whether all layers keep an ordinary key-value cache, which can be copied row by row."""
    config = model.config.get_text_config()
    layers = getattr(config, "layer_types", None)
    if getattr(model, "_is_stateful", False) or getattr(config, "is_encoder_decoder", False):
        return False
    return layers is None or set(layers) == {"full_attention"}


_PROBE = [{"role": "user", "content": "1"}]


def _check_template(tokenizer: PreTrainedTokenizerBase, decoding: Decoding, name: str) -> None:
    if decoding.template == "raw":
        return
    if not tokenizer.chat_template:
        raise PolicyError(
            f"{name}: its tokenizer has no chat template; add one to the checkpoint, or measure a "
            "base model with template='raw' (--template raw)"
        )
    if decoding.thinking is not None:
        on, off = (
            tokenizer.apply_chat_template(
                _PROBE, tokenize=False, add_generation_prompt=True, enable_thinking=switch
            )
            for switch in (True, False)
        )
        if on == off:
            raise PolicyError(
                f"{name}: its chat template has no thinking switch, so thinking="
                f"{decoding.thinking} would do nothing; leave it out"
            )


def _thinking(decoding: Decoding) -> dict[str, bool]:
    return {} if decoding.thinking is None else {"enable_thinking": decoding.thinking}


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
