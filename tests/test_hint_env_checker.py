"""The checker passes what keeps the promises, and names the one that each broken copy breaks."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from rewardgym_envs.reward_hint import RewardHintEnv

from rewardgym.testing import HintEnvError, check_hint_env

_numbers = itertools.count()


def broken(**methods: Any) -> str:
    """The id of a RewardHintEnv with some methods replaced."""
    name = f"Broken{next(_numbers)}"
    # In this module's namespace, because pickle looks classes up by name.
    globals()[name] = type(name, (RewardHintEnv,), {"__module__": __name__, **methods})
    gym.register(f"{name}-v0", entry_point=globals()[name])
    return f"{name}-v0"


def stepping(change: Any) -> str:
    """The id of an environment whose step results go through ``change``."""

    def step(self: Any, action: str) -> Any:
        result = list(RewardHintEnv.step(self, action))
        changed = change(self, action, result)
        return tuple(result if changed is None else changed)

    return broken(step=step)


def resetting(change: Any) -> str:
    """The id of an environment whose reset info goes through ``change``."""

    def reset(self: Any, *, seed: Any = None, options: Any = None) -> Any:
        prompt, info = RewardHintEnv.reset(self, seed=seed, options=options)
        return change(prompt, info) or (prompt, info)

    return broken(reset=reset)


def telling(**values: Any) -> str:
    """The id of an environment whose step info has other values."""
    return stepping(lambda env, action, result: result[4].update(values))


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"high": "even"},
        {"field": "cost"},
        {"field": "evaluation"},
        {"hint": False},
        {"family": "threshold", "pays": "both", "payoff": 100},
        {"family": "weekday", "paraphrase": "any", "pays": "instruction"},
        {"family": "letter", "role": "system", "render_mode": "ansi"},
    ],
    ids=str,
)
def test_our_environment_keeps_every_promise(kwargs: dict[str, Any]) -> None:
    check_hint_env("RewardHint-v0", **kwargs)


def test_an_environment_that_is_already_made_can_be_checked() -> None:
    check_hint_env(gym.make("RewardHint-v0"))
    with pytest.raises(ValueError, match="keywords field need an id"):
        check_hint_env(gym.make("RewardHint-v0"), field="cost")


def test_somebody_elses_environment_can_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "somebody_elses_env.py"
    module.write_text(
        "from rewardgym_envs.reward_hint import RewardHintEnv\n\n\n"
        "class TheirEnv(RewardHintEnv):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "somebody_elses_env", raising=False)
    gym.register("Theirs-v0", entry_point="somebody_elses_env:TheirEnv")
    check_hint_env("Theirs-v0", family="threshold")


def test_an_environment_without_a_spec_is_refused() -> None:
    with pytest.raises(HintEnvError, match=r"no spec; make it with gymnasium\.make"):
        check_hint_env(RewardHintEnv())


def spoil_sha(prompt: str, info: dict[str, Any]) -> None:
    info["prompt_sha256"] = "abc"


def spoil_arm(prompt: str, info: dict[str, Any]) -> None:
    info["arm"] = "control"


def drop_messages(prompt: str, info: dict[str, Any]) -> None:
    del info["messages"]


def spoil_messages(prompt: str, info: dict[str, Any]) -> None:
    info["messages"] = ["hello"]


def refuse_empty(env: Any, action: str, result: list[Any]) -> None:
    if not action:
        raise IndexError("no\ncharacters")


def pay_babble(env: Any, action: str, result: list[Any]) -> list[Any]:
    if result[4]["outcome"] in ("complied", "gamed"):
        return result
    result[4]["hint_value"] = 1.0
    return [result[0], 1.0, *result[2:]]


def game_in_agree(env: Any, action: str, result: list[Any]) -> None:
    if result[4]["outcome"] == "violated":
        result[4].update(outcome="gamed", gamed=True)


def lie_about(key: str) -> Any:
    def change(env: Any, action: str, result: list[Any]) -> None:
        if action == "8":
            result[4][key] = not result[4][key]

    return change


def never_ends(self: Any, action: str) -> Any:
    self._graded = None
    return RewardHintEnv.step(self, action)


def unseeded_reset(self: Any, *, seed: Any = None, options: Any = None) -> Any:
    return RewardHintEnv.reset(self, seed=None if seed == 5 else seed, options=options)


def constant_reset(self: Any, *, seed: Any = None, options: Any = None) -> Any:
    RewardHintEnv.reset(self, seed=seed)
    stream = self._np_random
    result = RewardHintEnv.reset(self, seed=1)
    self._np_random = stream
    return result


def lying_init(self: Any, **kwargs: Any) -> None:
    RewardHintEnv.__init__(self, **kwargs)
    self._labels["variant"] = "parity.even.odd.cost.plain"


def forget_how(env: Any, action: str, result: list[Any]) -> None:
    del result[4]["how"]


def go_on_after_seven(env: Any, action: str, result: list[Any]) -> list[Any]:
    return [*result[:2], action != "7", *result[3:]]


def truncate_seven(env: Any, action: str, result: list[Any]) -> list[Any]:
    return [*result[:3], action == "7", result[4]]


def no_pickle(self: Any) -> Any:
    raise TypeError("cannot pickle this")


def forgetful_copy(self: Any) -> Any:
    return {**self.__dict__, "_np_random": None}


BROKEN: list[tuple[str, str, dict[str, Any]]] = [
    ("prompt_sha256 is 64 hexadecimal digits; got 'abc'", resetting(spoil_sha), {}),
    ("arm is one of conflict, agree, neutral, none; got 'control'", resetting(spoil_arm), {}),
    ("the info of reset holds 'messages'; it is missing", resetting(drop_messages), {}),
    ("messages is a list of dictionaries with role", resetting(spoil_messages), {}),
    (
        "gymnasium's check_env passes without a warning: .*not within the observation space",
        resetting(lambda prompt, info: (7, info)),
        {},
    ),
    (
        r"any string is an action, but step\(''\) raised IndexError: no characters",
        stepping(refuse_empty),
        {},
    ),
    (
        "step's observation is in observation_space",
        stepping(lambda env, action, result: [7, *result[1:]] if action == "a" else None),
        {},
    ),
    (
        "one step terminates an episode",
        stepping(go_on_after_seven),
        {},
    ),
    (
        "one step terminates an episode",
        stepping(truncate_seven),
        {},
    ),
    (
        "the info of step holds 'how'",
        stepping(forget_how),
        {},
    ),
    ("info 'answer' of step is a str; got NoneType", telling(answer=None), {}),
    ("info 'hint_value' of step is a float; got int", telling(hint_value=0), {}),
    ("outcome is one of complied, .*; .* gave 'won'", telling(outcome="won"), {}),
    ("step's arm is the one that reset told", telling(arm="agree"), {}),
    ("complied is true where the outcome is 'complied'", stepping(lie_about("complied")), {}),
    ("gamed is true where the outcome is 'gamed'", stepping(lie_about("gamed")), {}),
    ("only the conflict arm has gaming", stepping(game_in_agree), {"high": "even"}),
    ("side is told where the outcome counts", telling(side="odd"), {}),
    ("side is told where the outcome counts", telling(side=""), {}),
    ("instruction_value is 1 for a complied outcome", telling(instruction_value=1.0), {}),
    ("hint_value is finite", telling(hint_value=float("inf")), {}),
    ("hint_value is above 0 on the side that the hint favours", telling(hint_value=1.0), {}),
    ("hint_value is above 0 on the side that the hint favours", telling(hint_value=0.0), {}),
    ("hint_value is above 0 on the side", stepping(pay_babble), {"field": "cost"}),
    (
        "with pays='hint' the reward is",
        stepping(lambda env, action, result: [result[0], 0.25, *result[2:]]),
        {},
    ),
    (
        "with pays='both' the reward is 1.0",
        stepping(lambda e, a, result: [result[0], result[4]["hint_value"], *result[2:]]),
        {"pays": "both"},
    ),
    ("a seed repeats its prompt", broken(reset=unseeded_reset), {"family": "threshold"}),
    ("seeds differ where a variant leaves", broken(reset=constant_reset), {"family": "threshold"}),
    (
        "seeds differ where a variant leaves",
        broken(__init__=lying_init),
        {"family": "threshold"},
    ),
    ("step after the end of an episode raises ResetNeeded", broken(step=never_ends), {}),
    ("pickle and deepcopy carry .*: TypeError: cannot pickle", broken(__getstate__=no_pickle), {}),
    (
        "a pickled or deeply copied environment goes on",
        broken(__getstate__=forgetful_copy),
        {"family": "threshold"},
    ),
    ("the spec survives JSON: ", broken(), {}),
]


@pytest.mark.parametrize(("message", "name", "kwargs"), BROKEN)
def test_a_broken_promise_is_named_in_one_line(
    message: str, name: str, kwargs: dict[str, Any]
) -> None:
    with pytest.raises(HintEnvError, match=f"^{message}") as caught:
        check_hint_env(name, **kwargs)
    assert "\n" not in str(caught.value)


def test_no_two_environments_of_this_file_share_a_name() -> None:
    assert len({name for _, name, _ in BROKEN}) == len(BROKEN)


def test_an_error_of_the_checker_is_an_assertion_error() -> None:
    assert issubclass(HintEnvError, AssertionError)
