"""Registration: makes the environments known to Gymnasium, ours and those of other packages.

In: nothing. Out: ids in ``gymnasium.registry``. Entry points are strings, so that an ``EnvSpec``
survives JSON and ``import rewardgym`` loads no environment. The old ``gymnasium.envs`` plugin group
is gone from Gymnasium, so packages that build on rewardgym have a group of their own here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

import gymnasium as gym

ENTRY_POINT_GROUP = "rewardgym.envs"
"""A package adds its environments with an entry point of this group: a callable without arguments
that calls ``gymnasium.register``."""

_plugins_loaded: set[tuple[str, str]] = set()


def register_all() -> None:
    """Registers our environments, then those of installed packages. Doing it twice is harmless."""
    register_ours()
    load_plugins(entry_points(group=ENTRY_POINT_GROUP))


def register_ours() -> None:
    """Registers the environments of this package."""
    # No max_episode_steps: a TimeLimit of one step would call every episode truncated as well.
    # Guarded, because Gymnasium warns when an id is registered over.
    if "RewardHint-v0" not in gym.registry:
        gym.register(
            id="RewardHint-v0",
            entry_point="rewardgym_envs.reward_hint:RewardHintEnv",
            vector_entry_point="rewardgym_envs.reward_hint_vector:RewardHintVectorEnv",
        )


def load_plugins(plugins: Iterable[EntryPoint]) -> None:
    """Calls each entry point once per process.

    A broken one gives a warning of one line: somebody else's package must not keep ours from being
    imported.
    """
    for plugin in plugins:
        key = (plugin.name, plugin.value)
        if key in _plugins_loaded:
            continue
        _plugins_loaded.add(key)
        try:
            plugin.load()()
        except Exception as error:
            cause = " ".join(f"{type(error).__name__}: {error}".split())
            warnings.warn(
                f"rewardgym: entry point {plugin.name!r} ({plugin.value}) of group "
                f"{ENTRY_POINT_GROUP!r} registered nothing: {cause}",
                stacklevel=2,
            )
