"""The space of prompts and replies: any text.

In: at most a bound on the length. Out: a ``gymnasium.spaces.Text`` whose members are all strings.
Gymnasium's own ``Text`` lists its characters: blanks, newlines and ``""`` are outside by default,
and with all of Unicode as charset one copy of the space takes seconds. What a model says is not
drawn from a list, so membership asks for the length only.
"""

from __future__ import annotations

import string
import sys
from typing import Any

import numpy as np
from gymnasium.error import CustomSpaceError
from gymnasium.spaces import Text
from gymnasium.vector.utils import create_shared_memory

LONGEST_SAMPLE = 200
"""A sample's length where none is asked for is at most this much above the minimum: drawn from
all lengths, nearly every sample would be megabytes of noise."""


class AnyText(Text):
    """Any ``str`` within a length bound, the empty one included; ``sample`` is printable ASCII."""

    def __init__(
        self,
        max_length: int = sys.maxsize,
        *,
        min_length: int = 0,
        charset: str = string.printable,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        super().__init__(max_length, min_length=min_length, charset=charset, seed=seed)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A random text; ``mask`` and ``probability`` work as for ``gymnasium.spaces.Text``."""
        if mask is not None and mask[0] is None:
            mask = (self._draw_length(), mask[1])
        elif probability is not None and probability[0] is None:
            probability = (self._draw_length(), probability[1])
        elif mask is None and probability is None:
            mask = (self._draw_length(), None)
        return super().sample(mask, probability)

    def _draw_length(self) -> int:
        longest = min(self.max_length, self.min_length + LONGEST_SAMPLE)
        return int(self.np_random.integers(self.min_length, longest, endpoint=True))

    def contains(self, x: object) -> bool:
        """Whether ``x`` is a string of an allowed length."""
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length

    def __repr__(self) -> str:
        bound = "" if self.max_length == sys.maxsize else f", {self.max_length}"
        return f"AnyText({self.min_length}{bound})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, AnyText)
            and (self.min_length, self.max_length) == (other.min_length, other.max_length)
            and self.characters == other.characters
        )


@create_shared_memory.register(AnyText)
def _no_shared_memory(space: AnyText, n: int = 1, ctx: Any = None) -> Any:
    # Gymnasium's AsyncVectorEnv reads shared text once and then returns "000..." for ever, without
    # a word. Refusing makes it say: use shared_memory=False.
    raise CustomSpaceError(f"{space!r} has no fixed size, so it cannot stand in shared memory")
