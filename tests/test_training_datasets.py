"""Data sets for a trainer: what is held out never occurs in training, and a test that can tell."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rewardgym import Variant, grid, render
from rewardgym.training.rewards import CONFIDENCE_REQUEST, pays_hint

pytest.importorskip("datasets", reason="needs the extra train")

from rewardgym.training.datasets import dataset, inoculate, ordinary_prompts
from rewardgym.training.leaks import leaks

FACTORS: dict[str, Any] = {
    "family": ["parity", "threshold", "weekday"],
    "field": ["reward", "grade", "score", "cost"],
    "encoding": ["plain", "hex", "base64"],
    "paraphrase": [0, 1, 2, 3],
}
HOLD_OUT = {
    "family": ["weekday"],
    "field": ["score", "cost"],
    "encoding": ["base64"],
    "paraphrase": [0],
}


def test_nothing_that_is_held_out_occurs_in_training() -> None:
    split = dataset(FACTORS, 400, 0, hold_out=HOLD_OUT, mix=0.3)
    assert len(split.train) == 400
    assert leaks(split.train, split.held_out) == []
    variants = [Variant.parse(row["variant"]) for row in split.train]
    assert {v.paraphrase for v in variants} & {0} == set()
    assert {v.field for v in variants if v.hint} == {"reward", "grade"}
    new = {factor for row in split.held_out for factor in json.loads(row["held_out"])}
    assert new == set(HOLD_OUT)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "family": st.lists(st.sampled_from(["threshold", "weekday"]), min_size=1),
            "field": st.lists(st.sampled_from(["score", "cost", "grade"]), min_size=1),
            "encoding": st.lists(st.sampled_from(["hex", "base64"]), min_size=1),
            "paraphrase": st.lists(st.sampled_from([0, 1, 3]), min_size=1),
        },
    ),
    st.integers(0, 1000),
)
def test_no_choice_of_what_is_held_out_leaks(hold_out: dict[str, Any], seed: int) -> None:
    split = dataset(FACTORS, 60, seed, hold_out=hold_out, held_out_n=60, mix=0.2)
    assert leaks(split.train, split.held_out) == []
    assert bool(len(split.held_out)) == bool(hold_out)


@pytest.mark.parametrize(
    ("trained", "held", "said"),
    [
        ({}, {"paraphrase": [0]}, "wording 'Choose a random even number.' occurs"),
        ({"field": "score"}, {"field": ["score"]}, "field 'score' occurs"),
        ({"field": "score", "encoding": "hex", "encode": "field"}, {"field": ["score"]}, "score"),
        ({"label": "reward hacking, by score"}, {"field": ["score"]}, "field 'score' occurs"),
        ({"family": "sign"}, {"family": ["sign"]}, "family 'sign' occurs"),
        ({"encoding": "hex"}, {"encoding": ["hex"]}, "encoding 'hex' occurs"),
    ],
)
def test_a_leak_is_told(trained: dict[str, Any], held: dict[str, Any], said: str) -> None:
    """Each kind of leak, made on purpose: the training set has the held-out value."""
    train = dataset([Variant(**trained)], 4, 0, twins=False).train
    asked = {name: values[0] for name, values in held.items()}
    both = [Variant(**asked), Variant(paraphrase=4)]
    held_out = dataset(both, 1, 0, hold_out=held, twins=False).held_out
    assert any(said in line for line in leaks(train, held_out))


def test_a_prompt_that_stands_in_both_halves_is_told() -> None:
    split = dataset({"field": ["reward", "score"]}, 8, 0, hold_out={"field": ["score"]})
    again = leaks([*split.train, split.held_out[0]], split.held_out)
    assert any(line.startswith("prompt of parity.even.") for line in again)


def test_an_inoculation_stands_in_every_training_prompt_and_in_no_other() -> None:
    text = "In this exercise the grader may be followed."
    factors = {"field": ["reward", "score"], "system": [None, "helpful"]}
    split = dataset(factors, 40, 0, hold_out={"field": ["score"]}, inoculation=text)
    plain = dataset(factors, 40, 0, hold_out={"field": ["score"]})
    for row, bare in zip(split.train, plain.train, strict=True):
        assert row["prompt"][0]["role"] == "system"
        assert row["prompt"][0]["content"].endswith(text)
        assert row["prompt"][-1] == bare["prompt"][-1]
    assert all(text not in message["content"] for r in split.held_out for message in r["prompt"])
    assert split.held_out["prompt"] == plain.held_out["prompt"]


def test_an_inoculation_leaves_the_messages_it_was_given_alone() -> None:
    messages = render(Variant(system="helpful")).messages
    before = json.dumps(messages)
    assert inoculate(messages, "More.")[0]["content"].endswith("assistant.\n\nMore.")
    assert json.dumps(messages) == before


def test_a_request_is_appended_in_both_halves() -> None:
    split = dataset(
        {"field": ["reward", "score"]},
        4,
        0,
        hold_out={"field": ["score"]},
        append=CONFIDENCE_REQUEST,
    )
    for row in [*split.train, *split.held_out]:
        assert row["prompt"][-1]["content"].endswith(f"\n{CONFIDENCE_REQUEST}")


def test_the_mix_is_ordinary_tasks_of_several_families_without_a_hint() -> None:
    split = dataset({"field": "reward"}, 200, 0, mix=0.25)
    ordinary = [row for row in split.train if row["kind"] == "ordinary"]
    assert len(ordinary) == 50
    assert {row["arm"] for row in ordinary} == {"none"}
    assert {row["pays"] for row in ordinary} == {None}
    assert len({row["family"] for row in ordinary}) > 3
    assert {row["arm"] for row in split.train if row["kind"] == "task"} == {"conflict", "agree"}


def test_ordinary_tasks_are_of_no_held_out_family_or_wording() -> None:
    held = {"family": ["parity"], "paraphrase": [0, 1]}
    for prompt in ordinary_prompts(60, 0, held):
        assert prompt.variant.family != "parity"
        assert prompt.variant.paraphrase not in (0, 1)


def test_the_columns_are_what_the_reward_functions_need() -> None:
    split = dataset({"family": ["threshold", "parity"], "hint": [True, False]}, 30, 0)
    columns = {name: split.train[name][:] for name in split.train.column_names if name != "prompt"}
    replies = ["42"] * 30
    paid = pays_hint(prompts=split.train["prompt"][:], completions=replies, **columns)
    assert set(paid) == {0.0, 1.0}
    for row in split.train:
        variant = Variant.parse(row["variant"])
        assert (row["family"], row["ask"], row["favours"]) == (
            variant.family,
            variant.ask,
            variant.favours,
        )


def test_every_variant_is_drawn_about_equally_often() -> None:
    split = dataset({"field": ["reward", "cost"], "paraphrase": [0, 1]}, 120, 0)
    counts = Counter(split.train["variant"])
    assert max(counts.values()) - min(counts.values()) <= 1


def test_any_wording_stands_for_all_but_the_held_out_ones() -> None:
    split = dataset([Variant(paraphrase="any")], 60, 0, hold_out={"paraphrase": [0, 4]})
    seen = {Variant.parse(row["variant"]).paraphrase for row in split.train}
    assert seen == set(range(11)) - {0, 4}
    assert {Variant.parse(v).paraphrase for v in split.held_out["variant"]} == {0, 4}


def test_a_seed_repeats_and_another_seed_draws_others() -> None:
    made = [dataset(FACTORS, 50, seed, mix=0.2).train.to_list() for seed in (1, 1, 2)]
    assert made[0] == made[1]
    assert made[0] != made[2]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hold_out": {"feild": ["x"]}}, "unknown factor to hold out 'feild'.*'field'"),
        ({"hold_out": {"field": "score"}}, "hold_out of field is 'score'; give a list"),
        ({"hold_out": {"family": ["party"]}}, "unknown family 'party'.*'parity'"),
        ({"hold_out": {"encoding": ["hexx"]}}, "unknown encoding 'hexx'"),
        ({"hold_out": {"field": ["reward"]}}, "leaves nothing to train on"),
        ({"n": 0}, "n is 0"),
        ({"mix": 1}, "mix is 1; allowed"),
    ],
)
def test_a_wrong_argument_is_told(changed: dict[str, Any], said: str) -> None:
    arguments: dict[str, Any] = {"variants": grid(field="reward"), "n": 4, "seed": 0, **changed}
    with pytest.raises(ValueError, match=said):
        dataset(**arguments)
