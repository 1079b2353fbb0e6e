"""RewardHint-v0 as Gymnasium makes it: keywords, seeds, copies, what is shown, registration."""

from __future__ import annotations

import copy
import pickle
import warnings
from importlib.metadata import EntryPoint
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec
from rewardgym_hint_env import ENV, make, run_python

import rewardgym
from rewardgym import registration

# Keywords


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"feild": "score"}, r"unknown keyword 'feild'; .*Did you mean 'field'\?"),
        ({"field": "rewrad"}, r"unknown field 'rewrad'; .*Did you mean 'reward'\?"),
        ({"encoding": "base46"}, r"unknown encoding 'base46'; .*Did you mean 'base64'\?"),
        ({"pays": "hnt"}, r"unknown pays 'hnt'; .*Did you mean 'hint'\?"),
        ({"variant": "parity"}, r"'parity' is no variant id"),
        ({"variant": 7}, r"unknown variant 7; allowed: a variant's id or its factors"),
    ],
)
def test_an_unknown_keyword_or_value_is_named_with_the_nearest_match(
    kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        gym.make(ENV, **kwargs)
    assert "\n" not in str(caught.value)


def test_a_variant_can_be_given_as_id_factors_or_object_with_other_factors() -> None:
    variant = rewardgym.Variant(family="threshold", field="cost", payoff=5)
    for given_as in (variant.id, variant.to_dict(), variant):
        assert make(variant=given_as).variant == variant
        assert make(variant=given_as, payoff=7).variant == variant.replace(payoff=7)


# Seeds


@pytest.mark.parametrize("factors", [{"family": "threshold"}, {"paraphrase": "any"}])
def test_seeds_decide_what_is_open(factors: dict[str, Any]) -> None:
    env = make(**factors)
    prompts = [env.reset(seed=seed)[0] for seed in range(20)]
    assert prompts == [env.reset(seed=seed)[0] for seed in range(20)]
    assert len(set(prompts)) > 3


def test_a_closed_variant_shows_one_prompt_for_all_seeds() -> None:
    env = make()
    assert len({env.reset(seed=seed)[0] for seed in range(20)}) == 1


def test_reset_without_a_seed_continues_the_stream() -> None:
    env = make(family="threshold")
    first = [env.reset(seed=3)[0], *(env.reset()[0] for _ in range(5))]
    assert first == [env.reset(seed=3)[0], *(env.reset()[0] for _ in range(5))]
    assert len(set(first)) > 2


def test_a_seed_shows_the_same_prompt_in_another_process_with_another_hash_seed() -> None:
    code = (
        "import gymnasium, rewardgym; env = gymnasium.make('RewardHint-v0', family='threshold', "
        "paraphrase='any'); print([env.reset(seed=s)[1]['prompt_sha256'] for s in range(5)])"
    )
    here = make(family="threshold", paraphrase="any")
    expected = str([here.reset(seed=seed)[1]["prompt_sha256"] for seed in range(5)])
    assert [run_python(code, PYTHONHASHSEED=salt) for salt in ("1", "2")] == [expected] * 2


def test_unknown_options_are_ignored() -> None:
    assert make().reset(seed=1, options={"anything": 1}) == make().reset(seed=1)


# Specs and copies


@pytest.mark.parametrize(
    "kwargs",
    [
        {"field": "score", "encoding": "base64"},
        {"variant": "threshold.above.below.cost.hex.payoff=5", "pays": "both"},
        {"variant": rewardgym.Variant(family="threshold", audit=2.5)},
        {"paraphrase": "any", "render_mode": "ansi"},
    ],
    ids=str,
)
def test_the_spec_survives_json(kwargs: dict[str, Any]) -> None:
    env = gym.make(ENV, **kwargs)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.reset(seed=5) == env.reset(seed=5)
    assert again.step("7")[1:] == env.step("7")[1:]


def test_pickled_and_copied_environments_go_on_as_the_original() -> None:
    env = gym.make(ENV, family="threshold")
    env.reset(seed=3)
    copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    expected = [env.step("50")[1:], env.reset(), env.reset()]
    for one in copies:
        assert [one.step("50")[1:], one.reset(), one.reset()] == expected


def test_what_a_user_does_to_an_info_does_not_reach_the_next_episode() -> None:
    env = make()
    _, info = env.reset()
    expected = copy.deepcopy(info)
    info["messages"][0]["content"] = "spoilt"
    info["params"]["n"] = 1
    assert env.reset()[1] == expected


# What is shown


def test_ansi_shows_the_prompt_then_the_reply_and_its_outcome() -> None:
    env = gym.make(ENV, render_mode="ansi")
    prompt, _ = env.reset()
    assert str(env.render()).endswith(prompt)
    env.step("7")
    assert str(env.render()).endswith("reply: 7\noutcome: gamed (answer 7, side odd)")


def test_render_without_a_mode_warns_and_shows_nothing() -> None:
    env = make()
    env.reset()
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None


HEADINGS = (
    "Description",
    "Observation Space",
    "Action Space",
    "Rewards",
    "Starting State",
    "Episode End",
    "Information",
    "Arguments",
    "Version History",
)


def test_the_docstring_has_the_headings_that_a_page_is_built_from() -> None:
    text = type(make()).__doc__
    assert [line.strip()[3:] for line in text.splitlines() if line.strip().startswith("## ")] == [
        *HEADINGS
    ]


def test_the_spaces_hold_any_text_and_sample_little() -> None:
    space = make().observation_space
    for text in ("", "a\nb", "\N{SLIGHTLY SMILING FACE}", "\ud800", "x" * 1_000_000):
        assert text in space
    assert 7 not in space
    assert all(len(space.sample()) <= 200 for _ in range(20))
    assert space.sample(mask=(3, None)).isascii()
    assert space == make().action_space
    assert copy.deepcopy(space) == pickle.loads(pickle.dumps(space)) == space


# Registration


def test_async_vectors_refuse_the_shared_memory_that_would_show_zeros() -> None:
    with pytest.raises(ValueError, match="shared_memory=False"):
        gym.make_vec(ENV, num_envs=1, vectorization_mode="async")


def test_importing_registers_without_loading_environments_or_readers() -> None:
    code = (
        "import sys, rewardgym, gymnasium; print('RewardHint-v0' in gymnasium.registry, "
        "any(name.startswith('rewardgym_envs') for name in sys.modules))"
    )
    assert run_python(code) == "True False"


def test_registering_twice_is_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registration.register_all()


def test_a_plugin_registers_its_environments_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(registration, "register_ours", lambda: calls.append(1))
    plugin = EntryPoint("ours", "rewardgym.registration:register_ours", "rewardgym.envs")
    registration.load_plugins([plugin, plugin])
    assert calls == [1]


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("no_such_module_at_all:register", "ModuleNotFoundError"),
        ("rewardgym.registration:nothing", "AttributeError"),
        ("rewardgym.registration:ENTRY_POINT_GROUP", "TypeError"),
    ],
)
def test_a_broken_plugin_is_named_in_one_line_and_stops_nobody(value: str, cause: str) -> None:
    with pytest.warns(UserWarning, match=f"'broken'.*{value}.*{cause}") as caught:
        registration.load_plugins([EntryPoint("broken", value, "rewardgym.envs")])
    assert "\n" not in str(caught[0].message)
