"""Training: what makes checkpoints to measure, and what measures them while they are made.

``python -m rewardgym.training.grow --help`` grows an organism. The names below are for trainers of
your own; they are loaded when first used, since they bring torch, TRL and datasets.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rewardgym.training.callback import GamingCallback
    from rewardgym.training.datasets import dataset
    from rewardgym.training.environment import hint_environment

__all__ = ["GamingCallback", "dataset", "hint_environment"]

_HOMES = {
    "GamingCallback": "callback",
    "dataset": "datasets",
    "hint_environment": "environment",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rewardgym.training' has no attribute {name!r}")
    return getattr(importlib.import_module(f"rewardgym.training.{_HOMES[name]}"), name)
