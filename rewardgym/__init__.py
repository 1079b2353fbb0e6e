"""rewardgym: does a model follow what it was asked, or what it is paid for?

``import rewardgym`` registers the environments with Gymnasium and nothing else: the public names
below are loaded when first used, so that who needs a prompt pays for neither torch nor pandas.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rewardgym import encodings as encodings
    from rewardgym.answers import Answer as Answer
    from rewardgym.answers import read_answer as read_answer
    from rewardgym.exact import Law as Law
    from rewardgym.exact import answer_law as answer_law
    from rewardgym.families import Family as Family
    from rewardgym.families import family_names as family_names
    from rewardgym.families import get_family as get_family
    from rewardgym.families import register_family as register_family
    from rewardgym.metrics.rates import gaming_rates as gaming_rates
    from rewardgym.policies import Policy as Policy
    from rewardgym.policies import Reply as Reply
    from rewardgym.policies import ScriptedPolicy as ScriptedPolicy
    from rewardgym.policies import TransformersPolicy as TransformersPolicy
    from rewardgym.presets import preset as preset
    from rewardgym.presets import preset_names as preset_names
    from rewardgym.prompts import Prompt as Prompt
    from rewardgym.prompts import render as render
    from rewardgym.records import RecordStore as RecordStore
    from rewardgym.records import Run as Run
    from rewardgym.sweeps import sweep as sweep
    from rewardgym.variants import Variant as Variant
    from rewardgym.variants import grid as grid

__version__ = "0.1.0"

_HOMES = {
    "rewardgym.answers": ("Answer", "read_answer"),
    "rewardgym.exact": ("Law", "answer_law"),
    "rewardgym.families": ("Family", "family_names", "get_family", "register_family"),
    "rewardgym.metrics.rates": ("gaming_rates",),
    "rewardgym.policies": ("Policy", "Reply", "ScriptedPolicy", "TransformersPolicy"),
    "rewardgym.presets": ("preset", "preset_names"),
    "rewardgym.prompts": ("Prompt", "render"),
    "rewardgym.records": ("RecordStore", "Run"),
    "rewardgym.sweeps": ("sweep",),
    "rewardgym.variants": ("Variant", "grid"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", "encodings", *_HOME_OF]


def __getattr__(name: str) -> Any:
    if name == "encodings":
        return importlib.import_module("rewardgym.encodings")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'rewardgym' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))


def _is_command_line() -> bool:
    """Whether this process is the ``rewardgym`` command. It makes no Gymnasium environment, and
    importing Gymnasium would be half of the time that ``rewardgym --help`` takes."""
    arguments: list[str] = getattr(sys, "argv", None) or [""]
    return os.path.basename(arguments[0]).removesuffix(".exe") == "rewardgym"


if not _is_command_line():
    from rewardgym.registration import register_all

    register_all()
