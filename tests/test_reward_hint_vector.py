"""RewardHint-v0 in batches: the same episodes, laid out as Gymnasium lays them out."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics
from hypothesis import given, settings
from hypothesis import strategies as st

import rewardgym
from rewardgym.outcomes import OUTCOMES

ENV = "RewardHint-v0"
REPLIES = ("7", "8", "", "4.5", "no", "**19**", "85", "4")


def make(num_envs: int = 4, **kwargs: Any) -> Any:
    return gym.make_vec(ENV, num_envs=num_envs, **kwargs)


def make_sync(num_envs: int = 4, **kwargs: Any) -> Any:
    return gym.make_vec(
        ENV,
        num_envs=num_envs,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        **kwargs,
    )


def assert_same_layout(ours: Any, theirs: Any, path: str = "info") -> None:
    """Equal keys in equal order, equal types, dtypes and contents."""
    assert type(ours) is type(theirs), path
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), path
        for key, value in theirs.items():
            assert_same_layout(ours[key], value, f"{path}.{key}")
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype, path
        assert ours.shape == theirs.shape, path
        assert [*map(type, ours.tolist())] == [*map(type, theirs.tolist())], path
        assert ours.tolist() == theirs.tolist(), path
    else:
        assert ours == theirs, path


def test_make_vec_gives_the_native_environment() -> None:
    envs = make(64, field="score")
    assert type(envs.unwrapped).__name__ == "RewardHintVectorEnv"
    assert envs.num_envs == 64
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


@pytest.mark.parametrize(
    "kwargs",
    [
        {"field": "score"},
        {"field": "cost", "pays": "both", "payoff": 5},
        {"family": "threshold", "pays": "instruction"},
        {"paraphrase": "any", "role": "system"},
        {"hint": False},
        {"variant": "letter.vowel.consonant.loss.hex"},
    ],
    ids=str,
)
def test_it_returns_what_a_sync_vector_of_single_environments_returns(
    kwargs: dict[str, Any],
) -> None:
    ours, theirs = make(8, **kwargs), make_sync(8, **kwargs)
    seeds = [11, 5, 7, 11, 0, 3, 2, 1]
    observation, info = ours.reset(seed=seeds)
    expected, expected_info = theirs.reset(seed=seeds)
    assert observation == expected
    assert_same_layout(info, expected_info)
    for shift in range(3):
        replies = REPLIES[shift:] + REPLIES[:shift]
        one, other = ours.step(replies), theirs.step(replies)
        assert one[0] == other[0]
        for mine, sync in zip(one[1:4], other[1:4], strict=True):
            assert_same_layout(mine, sync)
        assert_same_layout(one[4], other[4])


def test_mixed_variants_show_what_single_environments_show() -> None:
    variants = [{"family": "threshold"}, "parity.even.odd.cost.plain", rewardgym.Variant()]
    envs = make(6, variants=variants)
    observation, info = envs.reset(seed=list(range(6)))
    singles = [
        gym.make(ENV, **one)
        for one in ({"family": "threshold"}, {"field": "cost"}, {}, {"family": "threshold"})
    ]
    for i, single in enumerate(singles):
        expected, expected_info = single.reset(seed=i)
        assert observation[i] == expected
        assert info["variant"][i] == expected_info["variant"]
    assert info["params"]["_n"].tolist() == [True, False, False] * 2
    assert info["params"]["n"][0] == singles[0].reset(seed=0)[1]["params"]["n"]


def test_factors_apply_to_all_variants() -> None:
    envs = make(2, variants=[{"family": "parity"}, "parity.even.odd.cost.plain"], encoding="hex")
    assert [one.encoding for one in envs.unwrapped.variants] == ["hex", "hex"]


def test_each_step_ends_an_episode_and_starts_the_next() -> None:
    envs = make(2, family="threshold")
    first, told = envs.reset(seed=1)
    second, rewards, terminated, truncated, info = envs.step(("99", "4"))
    assert tuple(info["final_obs"]) == first
    assert (
        info["final_info"]["prompt_sha256"].tolist()
        == told["prompt_sha256"].tolist()
        != info["prompt_sha256"].tolist()
    )
    assert second != first
    assert (terminated.tolist(), truncated.tolist()) == ([True, True], [False, False])
    assert (rewards.dtype, rewards.tolist()) == (np.float64, [0.0, 1.0])
    assert info["final_info"]["outcome"].tolist() == ["complied", "gamed"]


def test_seeds_share_no_stream() -> None:
    envs = make(32, family="threshold")
    drawn = [envs.reset(seed=seed)[1]["params"]["n"] for seed in (0, 1)]
    again = envs.reset(seed=0)[1]["params"]["n"]
    assert drawn[0].tolist() == again.tolist()
    # With seed + i, 31 of these 32 would be equal; by chance 1 in 61 is.
    assert (drawn[0][1:] == drawn[1][:-1]).sum() < 8
    assert (drawn[0] == drawn[1]).sum() < 8


def test_a_sub_environments_stream_does_not_depend_on_how_many_there_are() -> None:
    few, many = make(2, family="threshold"), make(16, family="threshold")
    assert many.reset(seed=9)[0][:2] == few.reset(seed=9)[0]


def test_reset_without_a_seed_continues_the_streams() -> None:
    envs = make(8, family="threshold")
    runs = [[envs.reset(seed=3)[0], envs.reset()[0], envs.step(["1"] * 8)[0]] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 3


def test_a_seed_of_none_in_the_list_continues_that_stream_alone() -> None:
    envs, other = make(2, family="threshold"), make(2, family="threshold")
    envs.reset(seed=[1, 2])
    other.reset(seed=[1, 2])
    partly, expected = envs.reset(seed=[None, 2])[0], other.reset()[0]
    assert partly[0] == expected[0]
    assert partly[1] == gym.make(ENV, family="threshold").reset(seed=2)[0]


def test_a_reset_mask_resets_those_alone() -> None:
    ours, theirs = make(3, family="threshold"), make_sync(3, family="threshold")
    for envs in (ours, theirs):
        envs.reset(seed=[1, 2, 3])
    mask = np.array([True, False, True])
    one = ours.reset(seed=[7, 8, 9], options={"reset_mask": mask.copy()})
    other = theirs.reset(seed=[7, 8, 9], options={"reset_mask": mask.copy()})
    assert one[0] == other[0]
    assert_same_layout(one[1], other[1])
    assert ours.reset()[0] == theirs.reset()[0]  # and the others' streams go on
    with pytest.raises(ValueError, match=r"^reset_mask is an array of 3 booleans; got int64"):
        ours.reset(options={"reset_mask": np.array([1, 0, 1])})


@pytest.mark.parametrize("batch", [tuple, list, np.array, iter])
def test_replies_come_as_tuple_list_array_or_iterator(batch: Any) -> None:
    envs = make(2)
    envs.reset(seed=1)
    assert envs.step(batch(["7", "8"]))[1].tolist() == [1.0, 0.0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=())), min_size=3, max_size=3))
def test_any_strings_are_actions(replies: list[str]) -> None:
    envs = make(3, variants=[{"field": "cost"}, {"family": "threshold"}, {"family": "weekday"}])
    observation, _ = envs.reset(seed=1)
    assert observation in envs.observation_space
    observation, rewards, _, _, info = envs.step(replies)
    assert observation in envs.observation_space
    assert np.isfinite(rewards).all()
    assert set(info["final_info"]["outcome"]) <= set(OUTCOMES)


@pytest.mark.parametrize(
    ("actions", "error", "message"),
    [
        ("77", ValueError, "a step needs 2 replies, one a sub-environment; got one str"),
        (["7"], ValueError, "a step needs 2 replies, one a sub-environment; got 1"),
        (["7", 8], TypeError, "an action is a reply, a str; got int for sub-environment 1"),
    ],
)
def test_a_wrong_batch_is_refused_in_one_line(
    actions: Any, error: type[Exception], message: str
) -> None:
    envs = make(2)
    envs.reset()
    with pytest.raises(error, match=f"^{message}$"):
        envs.step(actions)


def test_a_step_before_the_first_reset_says_what_to_do() -> None:
    with pytest.raises(ResetNeeded, match=r"call reset\(\) first$"):
        make(1).step(["7"])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"feild": "x"}, "unknown keyword 'feild'.*Did you mean 'field'"),
        ({"pays": "hnt"}, "unknown pays 'hnt'.*Did you mean 'hint'"),
        ({"num_envs": 0}, "num_envs is a whole number of 1 or more; got 0"),
        ({"variants": []}, "variants is a list of at least one variant"),
        ({"variants": "parity.even.odd.cost.plain"}, "variants is a list"),
        ({"variants": [{}] * 5}, "5 variants in 4 sub-environments would leave some out"),
        ({"variants": [{}], "variant": {}}, "give variant or variants, not both"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        make(**{"num_envs": 4, **kwargs})
    assert "\n" not in str(caught.value)


def test_a_wrong_number_of_seeds_is_refused() -> None:
    with pytest.raises(ValueError, match="a list of seeds needs one a sub-environment: 4; got 2"):
        make(4).reset(seed=[1, 2])


def test_a_forwarded_max_episode_steps_changes_nothing() -> None:
    envs = make(2, max_episode_steps=1)
    envs.reset(seed=1)
    assert not envs.step(("7", "8"))[3].any()


def test_record_episode_statistics_counts_every_step_as_an_episode() -> None:
    envs = RecordEpisodeStatistics(make(2))
    envs.reset(seed=1)
    for _ in range(3):
        info = envs.step(("7", "8"))[4]
    assert info["episode"]["r"].tolist() == [1.0, 0.0]
    assert info["episode"]["l"].tolist() == [1, 1]
    assert envs.episode_count == 6


def test_dict_info_to_list_gives_back_the_single_infos() -> None:
    envs = DictInfoToList(make(2, variants=[{"family": "threshold"}, {}]))
    infos = envs.reset(seed=[4, 5])[1]
    single = gym.make(ENV, family="threshold")
    assert infos[0] == single.reset(seed=4)[1]
    stepped = envs.step(("99", "8"))[4]
    assert stepped[0]["final_info"] == single.step("99")[4]
    assert stepped[1]["final_info"]["outcome"] == "complied"


def test_returned_data_is_the_users_own() -> None:
    envs = make(2)
    _, info = envs.reset(seed=1)
    expected = copy.deepcopy(info)
    info["messages"][0][0]["content"] = "spoilt"
    info["variant"][0] = info["hint"][0] = "spoilt"
    info["_variant"][0] = False
    assert info["_arm"].all()
    stepped = envs.step(("7", "8"))
    assert_same_layout({key: stepped[4][key] for key in expected}, expected)
    stepped[1][:] = 9
    assert stepped[4]["final_info"]["hint_value"].tolist() == [1.0, 0.0]


def test_sampled_valid_actions_are_on_the_side_asked_for() -> None:
    envs = make(8, high="even")
    envs.reset(seed=1)
    for side in ("even", "odd"):
        replies = envs.unwrapped.sample_valid_action(side)
        assert set(envs.step(replies)[4]["final_info"]["side"]) == {side}


def test_ansi_shows_the_episodes_just_ended() -> None:
    envs = make(2, render_mode="ansi")
    assert make(1).render() is None
    prompts, _ = envs.reset()
    assert all(text.endswith(prompt) for text, prompt in zip(envs.render(), prompts, strict=True))
    envs.step(("7", "8"))
    assert envs.render()[1].endswith("outcome: complied (answer 8, side even)")


def test_pickled_and_copied_vectors_go_on_as_the_original() -> None:
    envs = make(3, family="threshold")
    envs.reset(seed=2)
    copies = [copy.deepcopy(envs), pickle.loads(pickle.dumps(envs))]
    expected = envs.step(("1", "2", "3"))[0]
    assert [one.step(("1", "2", "3"))[0] for one in copies] == [expected] * 2
