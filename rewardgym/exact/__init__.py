"""Exact gaming probabilities: a model's own law over its answers, without sampling.

``answer_law`` needs no torch by itself; what runs models is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rewardgym.exact.answers import answer_law
from rewardgym.exact.law import Law

if TYPE_CHECKING:
    from rewardgym.exact.chains import Chain, Chains, chain_laws
    from rewardgym.exact.commitment import commitment_curve, resample
    from rewardgym.exact.competence import competence_of
    from rewardgym.exact.noise import Noise, noise_floor

__all__ = [
    "Chain",
    "Chains",
    "Law",
    "Noise",
    "answer_law",
    "chain_laws",
    "commitment_curve",
    "competence_of",
    "noise_floor",
    "resample",
]

_HOMES = {
    "Chain": "chains",
    "Chains": "chains",
    "chain_laws": "chains",
    "commitment_curve": "commitment",
    "resample": "commitment",
    "competence_of": "competence",
    "Noise": "noise",
    "noise_floor": "noise",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rewardgym.exact' has no attribute {name!r}")
    return getattr(importlib.import_module(f"rewardgym.exact.{_HOMES[name]}"), name)
