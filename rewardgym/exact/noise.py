"""The noise floor: how far the same law moves when nothing but the arithmetic changes.

In: a policy and prompts. Out: the largest change of any outcome's probability under other batch
sizes, orders and paddings, and (on request) under another dtype. A difference between two cells
below the floor is not worth naming, however exact the numbers look.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rewardgym.exact.answers import answer_law
from rewardgym.exact.law import Law
from rewardgym.policies.base import Policy
from rewardgym.policies.transformers import TransformersPolicy
from rewardgym.policies.transformers_loading import DTYPES
from rewardgym.prompts import Prompt

SMALLEST = 1e-6
"""No floor is below this: single precision sums of a vocabulary do not agree further."""
PROMPTS = 8
"""Prompts looked at, unless told otherwise: the shortest, the longest, and some between."""

Laws = Callable[[list[Prompt]], list[Law]]


@dataclass(frozen=True)
class Noise:
    """The largest changes of an outcome's probability, by cause."""

    changes: dict[str, float]
    """Batch size, order, padding: what a batch may do to a prompt."""
    dtypes: dict[str, float]
    """Other dtypes of the same weights: another model, strictly, so not part of the floor."""
    prompts: int
    """Prompts that were compared."""

    @property
    def floor(self) -> float:
        """The smallest difference worth naming."""
        return max(SMALLEST, *self.changes.values())

    def to_dict(self) -> dict[str, object]:
        """JSON-able, the floor included."""
        return {**dataclasses.asdict(self), "floor": self.floor}


def noise_floor(
    policy: Policy, prompts: Sequence[Prompt], *, count: int = PROMPTS, dtypes: Sequence[str] = ()
) -> Noise:
    """Measures the laws of ``count`` of the prompts again: one at a time, in the reverse order, and
    beside a prompt that pads them; with ``dtypes`` also under each of these.

    Raises ValueError for an unknown dtype and where there are no prompts."""
    if not prompts:
        raise ValueError("no prompts to compare; name at least one variant")
    if not isinstance(policy, TransformersPolicy):
        return Noise({"batch": 0.0}, {}, 0)
    chosen = _spread_out(list({p.sha256: p for p in prompts}.values()), count)

    def laws(asked: list[Prompt], size: int | None = None) -> list[Law]:
        found: dict[str, Law] = {}
        for family in {prompt.variant.family for prompt in asked}:
            own = [prompt for prompt in asked if prompt.variant.family == family]
            for law in answer_law(policy, own, batch_size=size, keep_logits=False):
                found[law.prompt.sha256] = law
        return [found[prompt.sha256] for prompt in asked]

    together = laws(chosen)
    changes = {
        "batch of one": _largest(together, laws(chosen, 1)),
        "batches of three": _largest(together, laws(chosen, 3)),
        "reverse order": _largest(together, laws(chosen[::-1], 5)[::-1]),
        "padding": _largest(together, _padded(laws, chosen)),
    }
    other = {}
    for name in dtypes:
        with _as_dtype(policy, name):
            other[name] = _largest(together, laws(chosen))
    return Noise(changes, other, len(chosen))


def _spread_out(prompts: list[Prompt], count: int) -> list[Prompt]:
    ordered = sorted(prompts, key=lambda prompt: len(prompt.text))
    if len(ordered) <= count:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (count - 1))] for i in range(count)]


def _padded(laws: Callable[..., list[Law]], chosen: list[Prompt]) -> list[Law]:
    """Each prompt beside the longest, which pads it."""
    longest = max(chosen, key=lambda prompt: len(prompt.text))
    return [laws([prompt, longest])[0] for prompt in chosen]


def _largest(one: list[Law], other: list[Law]) -> float:
    return max(
        abs(float(getattr(a, name)) - float(getattr(b, name)))
        for a, b in zip(one, other, strict=True)
        for name in ("gamed", "violated", "complied", "neither", "residual")
    )


@contextmanager
def _as_dtype(policy: TransformersPolicy, name: str) -> Iterator[None]:
    """The same weights in another dtype, and back: a copy keeps what rounding would lose."""
    if name not in DTYPES:
        raise ValueError(f"unknown dtype {name!r}; allowed: {', '.join(DTYPES)}")
    loaded = policy.loaded
    before = {key: value.clone() for key, value in loaded.model.state_dict().items()}
    dtype = loaded.dtype
    loaded.model.to(DTYPES[name])
    loaded.dtype = DTYPES[name]
    try:
        yield
    finally:
        loaded.model.to(dtype)
        loaded.model.load_state_dict(before)
        loaded.dtype = dtype
