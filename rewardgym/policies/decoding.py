"""Decoding settings: all of them, always explicit.

In: keywords. Out: a frozen :class:`Decoding` that is stored with every cell. A plain ``generate``
silently cuts to top_k 50, or to whatever the checkpoint says; one published model reads 15% at
top_p 1 and 42.5% at top_p .95 and top_k 20, so a rate belongs to a model *and* its decoding. No
torch here, so that a plan can be made and compared without it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How tokens are drawn. The defaults are the model's own distribution, uncut."""

    max_new_tokens: int = 256
    """The token limit; a reply that reaches it is truncated, which is an outcome of its own."""
    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    """1 cuts nothing."""
    top_k: int = 0
    """0 cuts nothing."""
    min_p: float = 0.0
    """0 cuts nothing."""
    thinking: bool | None = None
    """The chat template's thinking switch: on, off, or None for the template's default."""
    prefill: str = ""
    """The start of the answer, put into the model's mouth; part of the stored reply."""
    template: str = "chat"
    """``chat``: the tokenizer's chat template; ``raw``: the prompt's text, for base models."""

    def __post_init__(self) -> None:
        for name, fine, wanted in (
            ("max_new_tokens", self.max_new_tokens >= 1, "1 or more"),
            ("temperature", self.temperature >= 0, "0 (greedy) or more"),
            ("top_p", 0 < self.top_p <= 1, "above 0, at most 1"),
            ("top_k", self.top_k >= 0, "0 (off) or more"),
            ("min_p", 0 <= self.min_p < 1, "0 (off) to below 1"),
            ("template", self.template in ("chat", "raw"), "chat or raw"),
        ):
            if not fine:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; allowed: {wanted}")

    def describe(self) -> dict[str, Any]:
        """All settings, JSON-able, with those that are fixed for every measurement of ours."""
        return dataclasses.asdict(self) | {
            "do_sample": self.temperature > 0,
            "typical_p": 1.0,
            "repetition_penalty": 1.0,
        }
