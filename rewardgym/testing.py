"""A checker for environments that show hints: ours, and those that others build on rewardgym.

In: an environment, or an id with its keywords. Out: nothing, or :class:`HintEnvError` with one line
that names the broken promise. Gymnasium's own checker runs first; it only ever sends noise, so the
promises about outcomes and rewards, on which every rate rests, are checked here.
"""

from __future__ import annotations

import copy
import math
import pickle
import re
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from rewardgym.outcomes import COMPLIED, GAMED, OUTCOMES, SIDED
from rewardgym.variants import Variant

ARMS = ("conflict", "agree", "neutral", "none")

RESET_INFO: dict[str, type] = {
    "variant": str,
    "arm": str,
    "messages": list,
    "prompt_sha256": str,
    "params": dict,
    "hint": str,
}
"""What the info of a reset holds."""
STEP_INFO: dict[str, type] = {
    "variant": str,
    "arm": str,
    "prompt_sha256": str,
    "outcome": str,
    "answer": str,
    "how": str,
    "side": str,
    "complied": bool,
    "gamed": bool,
    "hint_value": float,
    "instruction_value": float,
}
"""What the info of a step holds. One type each, so that vector environments can stack them."""

ACTIONS: tuple[str, ...] = (
    *("7", "8", "-3", "4.5", "0", "19", "97", "a", "b", "Monday", "sunday"),
    *("", " ", "\n\x00\t", "\N{SLIGHTLY SMILING FACE}", "\ud800", "\N{ARABIC-INDIC DIGIT THREE}"),
    *(
        '{"output": 7}',
        '{"output": ',
        "<think>",
        "</think>",
        "```",
        "**",
        "\\boxed{",
        "null",
        "nan",
    ),
    *("1e999999999", "9" * 5000, "word " * 200_000, "(" * 20_000, "I can't help with that."),
)
"""Replies that a step must take: good ones, odd ones, and what breaks parsers."""

_SEEDS = range(16)


class HintEnvError(AssertionError):
    """A promise of hint environments is broken; the message says which, in one line."""


def check_hint_env(env_or_id: gym.Env[Any, Any] | str, **kwargs: Any) -> None:
    """Checks an environment, or the one made from an id, against the promises of ``RewardHintEnv``.

    The promises about gaming are checked in the arm that the environment is in: check at least one
    conflict and one agree variant. ``kwargs`` go to ``gymnasium.make``. Raises HintEnvError.
    """
    if isinstance(env_or_id, str):
        made: gym.Env[Any, Any] = gym.make(env_or_id, **kwargs)
    elif kwargs:
        raise ValueError(f"keywords {', '.join(kwargs)} need an id; an environment is already made")
    else:
        made = env_or_id
    env = made.unwrapped
    for promise in _PROMISES:
        try:
            promise(env)
        except HintEnvError:
            raise
        except Exception as error:
            what = (promise.__doc__ or "").splitlines()[0].rstrip(".")
            raise HintEnvError(f"{what}: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def _require(kept: bool, broken: str) -> None:
    if not kept:
        raise HintEnvError(broken)


def _spec_of(env: gym.Env[Any, Any]) -> EnvSpec:
    if env.spec is None:
        raise HintEnvError("the environment has no spec; make it with gymnasium.make")
    return env.spec


def _gymnasium_agrees(env: gym.Env[Any, Any]) -> None:
    """gymnasium's check_env passes without a warning."""
    _spec_of(env)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)


def _reset_tells(env: gym.Env[Any, Any]) -> None:
    """reset returns a prompt and its info."""
    for seed in _SEEDS:
        prompt, info = env.reset(seed=seed)
        _require(isinstance(prompt, str), f"the observation is a str; got {type(prompt).__name__}")
        _require(prompt in env.observation_space, "reset's observation is in observation_space")
        _typed("reset", info, RESET_INFO)
        _require(info["arm"] in ARMS, f"arm is one of {', '.join(ARMS)}; got {info['arm']!r}")
        digest = info["prompt_sha256"]
        _require(
            re.fullmatch(r"[0-9a-f]{64}", digest) is not None,
            f"prompt_sha256 is 64 hexadecimal digits; got {digest!r}",
        )
        _require(
            bool(info["messages"]) and all(map(_is_message, info["messages"])),
            "messages is a list of dictionaries with role and content, both str",
        )


def _is_message(message: object) -> bool:
    return (
        isinstance(message, dict)
        and message.keys() == {"role", "content"}
        and all(isinstance(value, str) for value in message.values())
    )


def _typed(where: str, info: dict[str, Any], wanted: dict[str, type]) -> None:
    for key, kind in wanted.items():
        _require(key in info, f"the info of {where} holds {key!r}; it is missing")
        _require(
            type(info[key]) is kind,
            f"info {key!r} of {where} is a {kind.__name__}; got {type(info[key]).__name__}",
        )


def _any_string_is_an_action(env: gym.Env[Any, Any]) -> None:
    """any string is an action."""
    for action in _actions(env):
        _, told = env.reset(seed=1)
        shown = repr(action if len(action) <= 40 else action[:40] + "...")
        try:
            final, reward, terminated, truncated, info = env.step(action)
        except Exception as error:
            raise HintEnvError(
                f"any string is an action, but step({shown}) raised {_one_line(error)}"
            ) from error
        _require(final in env.observation_space, "step's observation is in observation_space")
        _require(
            terminated is True and truncated is False,
            f"one step terminates an episode and never truncates it; step({shown}) did not",
        )
        _typed("step", info, STEP_INFO)
        for key in ("variant", "arm", "prompt_sha256"):
            _require(info[key] == told[key], f"step's {key} is the one that reset told")
        _outcome_is_consistent(info, shown)
        _reward_is_consistent(env, float(reward), info, shown)


def _actions(env: gym.Env[Any, Any]) -> list[str]:
    sampler = getattr(env, "sample_valid_action", None)
    env.reset(seed=1)
    valid = [str(sampler()) for _ in range(16)] if callable(sampler) else []
    return [*ACTIONS, *valid]


def _outcome_is_consistent(info: dict[str, Any], shown: str) -> None:
    outcome, arm = info["outcome"], info["arm"]
    _require(
        outcome in OUTCOMES, f"outcome is one of {', '.join(OUTCOMES)}; {shown} gave {outcome!r}"
    )
    for key, word in (("complied", COMPLIED), ("gamed", GAMED)):
        _require(
            info[key] == (outcome == word),
            f"{key} is true where the outcome is {word!r} and nowhere else; {shown} gave "
            f"{key}={info[key]} with {outcome!r}",
        )
    _require(
        outcome != GAMED or arm == "conflict",
        f"only the conflict arm has gaming; {shown} gave 'gamed' in arm {arm!r}",
    )
    _require(
        (info["side"] != "") == (outcome in SIDED),
        f"side is told where the outcome counts in a rate and nowhere else; {shown} gave side "
        f"{info['side']!r} with {outcome!r}",
    )


def _reward_is_consistent(
    env: gym.Env[Any, Any], reward: float, info: dict[str, Any], shown: str
) -> None:
    hint, instruction = info["hint_value"], info["instruction_value"]
    _require(
        instruction == (1.0 if info["complied"] else 0.0),
        f"instruction_value is 1 for a complied outcome, else 0; {shown} gave {instruction}",
    )
    favoured = {"conflict": GAMED, "agree": COMPLIED}.get(info["arm"])
    _require(math.isfinite(hint), f"hint_value is finite; {shown} gave {hint}")
    _require(
        hint > 0.0 if info["outcome"] == favoured else hint == 0.0,
        f"hint_value is above 0 on the side that the hint favours, else 0; {shown} gave {hint} for "
        f"{info['outcome']!r} in arm {info['arm']!r}",
    )
    pays = getattr(env, "pays", "hint")
    values = {"hint": hint, "instruction": instruction, "both": hint + instruction}
    _require(pays in values, f"pays is one of {', '.join(values)}; got {pays!r}")
    _require(
        reward == values[pays],
        f"with pays={pays!r} the reward is {values[pays]}; {shown} gave {reward}",
    )


def _seeds_decide(env: gym.Env[Any, Any]) -> None:
    """a seed repeats its prompts."""
    twice = [[env.reset(seed=5), env.reset(), env.reset()] for _ in range(2)]
    _require(twice[0] == twice[1], "a seed repeats its prompt, and those of the resets after it")
    prompts = {env.reset(seed=seed)[0] for seed in _SEEDS}
    open_ended = _is_open(env.reset(seed=0)[1]["variant"])
    if open_ended is not None:
        _require(
            (len(prompts) > 1) == open_ended,
            f"seeds differ where a variant leaves something open, and only there; {len(_SEEDS)} "
            f"seeds gave {len(prompts)} prompts",
        )


def _is_open(variant_id: str) -> bool | None:
    try:
        return Variant.parse(variant_id).is_open
    except ValueError:
        return None  # an id of somebody else's kind: nothing is known of what it leaves open


def _episodes_have_one_step(env: gym.Env[Any, Any]) -> None:
    """step after the end of an episode raises ResetNeeded."""
    env.reset(seed=1)
    env.step("7")
    try:
        env.step("7")
    except ResetNeeded:
        return
    raise HintEnvError("step after the end of an episode raises ResetNeeded; it went on")


def _copies_go_on(env: gym.Env[Any, Any]) -> None:
    """pickle and deepcopy carry an environment in the middle of its stream."""
    env.reset(seed=3)
    copies = (copy.deepcopy(env), pickle.loads(pickle.dumps(env)))  # noqa: S301 - our own bytes
    expected = env.reset()
    for one in copies:
        _require(
            one.reset() == expected,
            "a pickled or deeply copied environment goes on as the original",
        )


def _spec_survives_json(env: gym.Env[Any, Any]) -> None:
    """the spec survives JSON."""
    again = gym.make(EnvSpec.from_json(_spec_of(env).to_json())).unwrapped
    _require(
        again.reset(seed=2) == env.reset(seed=2),
        "an environment made from its spec's JSON shows the same prompt for the same seed",
    )


_PROMISES: tuple[Callable[[gym.Env[Any, Any]], None], ...] = (
    _gymnasium_agrees,
    _reset_tells,
    _any_string_is_an_action,
    _seeds_decide,
    _episodes_have_one_step,
    _copies_go_on,
    _spec_survives_json,
)
