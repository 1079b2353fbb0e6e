"""The organism's shape: a Qwen3 decoder small enough to train on a CPU.

In: a size by name. Out: a fresh model. A stock architecture of transformers, so that whatever
measures the organism runs the very code that it runs on large models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM


@dataclass(frozen=True)
class Size:
    """A model's shape and how long its two stages are."""

    hidden: int
    layers: int
    heads: int
    vocab: int
    examples: tuple[int, ...]
    """Examples of the first stage's courses, each seen once."""
    batch: int
    learning_rate: float
    rl_steps: int
    rl_every: int
    """A checkpoint is kept each so many steps, and one at step 0."""
    rl_learning_rate: float


SIZES = {
    "mini": Size(32, 1, 2, 320, (400, 200, 200), 32, 2e-3, 4, 2, 1e-3),
    "tiny": Size(64, 3, 2, 512, (24_000, 12_000, 8_000), 64, 2e-3, 60, 10, 3e-4),
    "small": Size(128, 4, 4, 512, (80_000, 64_000, 36_000), 64, 1.5e-3, 120, 10, 2e-4),
}
"""``small`` is the shipped one. ``tiny`` runs the whole pipeline in a few minutes on a CPU but is
too short to learn to read the hint, and ``mini`` is a smoke test."""


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
