"""How tokens are drawn: every setting explicit, one random stream a rollout.

In: logits, decoding settings, streams. Out: one token a row. ``generate`` has one global random
stream, so that a row's reply depends on the rows beside it. Here each rollout draws one uniform
number a token from its own stream, before anything runs, and inverts the distribution that
transformers' own warpers leave; ``generate`` is then told to take the largest, which is the one
drawn. The numbers come from NumPy, so they are the same on every device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from rewardgym.policies.base import Stream, seed_sequence
from rewardgym.policies.decoding import Decoding

if TYPE_CHECKING:
    from rewardgym.policies.transformers_loading import Loaded

BLOCK = 64
"""Uniform numbers are drawn as they are needed, in blocks of this many tokens."""


class Uniforms:
    """For each rollout a row of uniform numbers in [0, 1), one a token."""

    def __init__(self, streams: Sequence[Stream], limit: int) -> None:
        self._generators = [
            np.random.Generator(np.random.PCG64(seed_sequence(stream))) for stream in streams
        ]
        self._limit = limit
        self._block = -1
        self._drawn: NDArray[np.float64] = np.empty((len(streams), 0))

    def column(self, step: int) -> NDArray[np.float64]:
        """The numbers of token ``step``, shape (rollouts,). Steps are asked for in order."""
        if step // BLOCK != self._block:
            self._block = step // BLOCK
            width = min(BLOCK, self._limit)
            self._drawn = np.stack([g.random(width) for g in self._generators])
        column: NDArray[np.float64] = self._drawn[:, step % BLOCK]
        return column


def uniforms(streams: Sequence[Stream], limit: int) -> Uniforms:
    """The uniform numbers of a batch, for up to ``limit`` tokens a rollout."""
    return Uniforms(streams, limit)


class DrawFromStreams(LogitsProcessor):  # type: ignore[misc]
    """Leaves one token a row: the one at which the row's uniform number falls in the cumulative
    distribution."""

    def __init__(self, drawn: Uniforms, prompt_length: int, device: torch.device) -> None:
        self._drawn = drawn
        self._prompt_length = prompt_length
        # Half precision would round the tail of the cumulative sum away.
        self._dtype = torch.float32 if device.type == "mps" else torch.float64

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        column = self._drawn.column(input_ids.shape[1] - self._prompt_length)
        number = torch.as_tensor(column.copy(), dtype=self._dtype, device=scores.device)[:, None]
        cumulative = scores.to(self._dtype).softmax(-1).cumsum(-1)
        # right=True: a token of probability 0 is never drawn, not even at 0.0.
        token = torch.searchsorted(cumulative, number * cumulative[:, -1:], right=True)
        token = token.clamp(max=scores.shape[1] - 1)
        return torch.full_like(scores, -torch.inf).scatter(1, token, 0.0)


def processors(
    decoding: Decoding, drawn: Uniforms, prompt_length: int, device: torch.device
) -> LogitsProcessorList:
    """What stands between logits and token: the warpers, then the draw. Empty for temperature 0,
    where generate's largest logit is the answer."""
    if decoding.temperature == 0:
        return LogitsProcessorList()
    drawing = DrawFromStreams(drawn, prompt_length, device)
    return LogitsProcessorList([*warpers(decoding), drawing])


def warpers(decoding: Decoding) -> LogitsProcessorList:
    """Transformers' own warpers, in generate's own order; none that would change nothing."""
    found = LogitsProcessorList()
    if decoding.temperature != 1.0:
        found.append(TemperatureLogitsWarper(decoding.temperature))
    if decoding.top_k:
        found.append(TopKLogitsWarper(decoding.top_k))
    if decoding.top_p < 1.0:
        found.append(TopPLogitsWarper(decoding.top_p))
    if decoding.min_p:
        found.append(MinPLogitsWarper(decoding.min_p))
    return found


def generation(
    loaded: Loaded, decoding: Decoding, stop: frozenset[int] = frozenset()
) -> GenerationConfig:
    """What generate is told. Loading has emptied the checkpoint's own generation settings, so
    nothing that is left out here is filled in from there."""
    return GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        eos_token_id=sorted(loaded.eos_ids | stop),
        pad_token_id=loaded.pad_id,
        use_cache=True,
    )
