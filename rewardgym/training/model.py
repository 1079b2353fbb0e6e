"""The organism's shape: a Qwen3 decoder small enough to train on a CPU.

In: a size by name. Out: a fresh model. A stock architecture of transformers, so that whatever
measures the organism runs the very code that it runs on large models.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from rewardgym.training.settings import Size


def new_model(size: Size, tokenizer: Any, seed: int) -> Any:
    """A freshly initialised decoder for the tokenizer's vocabulary."""
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden,
        intermediate_size=3 * size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        head_dim=size.hidden // size.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        use_cache=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    return Qwen3ForCausalLM(config)
