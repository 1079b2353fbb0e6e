"""What a policy is: prompts in, replies out, with one random stream a rollout.

In: prompts and streams. Out: replies. The protocol is small so that a model behind an API, a model
on many GPUs and a three-line script are the same thing to a sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from rewardgym.prompts import Prompt

Stream = tuple[int, ...]
"""The entropy of one rollout's random stream, ``(seed, cell, index)``: the argument of
``numpy.random.SeedSequence``. A rollout's reply may depend on it and on the prompt, and on nothing
else: not on the rollouts beside it in a batch."""


def seed_sequence(stream: Stream) -> np.random.SeedSequence:
    """``SeedSequence(stream)``, made in half the time: the same 32-bit words, handed over as an
    array instead of being taken apart by NumPy."""
    words = []
    for number in stream:
        words.append(number & 0xFFFFFFFF)
        while number := number >> 32:
            words.append(number & 0xFFFFFFFF)
    return np.random.SeedSequence(np.array(words, dtype=np.uint32))


Finish = Literal["stop", "length", "error"]
"""``stop``: the policy ended its reply; ``length``: the token limit cut it; ``error``: the request
failed, and is to be repeated when the run is resumed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one prompt."""

    text: str
    """The raw reply, reasoning included; for ``error`` the cause in one line."""
    finish: Finish = "stop"
    tokens: int | None = None
    """Tokens generated, or None where the policy does not count them."""


class PolicyError(RuntimeError):
    """A policy that cannot be loaded or asked: one line with its name, the cause, what to do."""


@runtime_checkable
class Policy(Protocol):
    """Anything that answers prompts."""

    @property
    def name(self) -> str:
        """The policy's name in tables."""

    def describe(self) -> dict[str, Any]:
        """What identifies the policy and all its decoding settings, JSON-able. Two policies with
        equal descriptions are the same cell, so whatever moves a rate belongs in here."""

    def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
        """One reply a prompt, in order. ``prompts`` may be of any length; batching is the
        policy's affair."""
