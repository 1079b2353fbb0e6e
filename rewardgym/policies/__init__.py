"""Policies: the protocol, the scripted controls, and the wrapper for Hugging Face models.

``TransformersPolicy`` is loaded when it is first used, since it brings torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewardgym.policies.base import Finish, Policy, Reply, Stream
from rewardgym.policies.scripted import SCRIPTS, ScriptedPolicy

if TYPE_CHECKING:
    from rewardgym.policies.transformers import TransformersPolicy

__all__ = [
    "SCRIPTS",
    "Finish",
    "Policy",
    "Reply",
    "ScriptedPolicy",
    "Stream",
    "TransformersPolicy",
]


def __getattr__(name: str) -> Any:
    if name == "TransformersPolicy":
        from rewardgym.policies.transformers import TransformersPolicy

        return TransformersPolicy
    raise AttributeError(f"module 'rewardgym.policies' has no attribute {name!r}")
