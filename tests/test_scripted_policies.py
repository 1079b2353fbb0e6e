"""Scripted policies: what they say, through the real reader, is what they are known to do."""

from __future__ import annotations

import itertools
import math
import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from rewardgym import Variant, family_names, grid, read_answer, render
from rewardgym.families import get_family
from rewardgym.policies import SCRIPTS, Policy, ScriptedPolicy
from rewardgym.policies.base import Reply
from rewardgym.policies.scripted import _BABBLE

N = 1500
VARIANTS = [
    *grid(field=["reward", "cost", "evaluation"], encoding=["plain", "hex"], high=["odd", "even"]),
    Variant(hint=False),
]


def outcomes(policy: ScriptedPolicy, variant: Variant, n: int, seed: int = 5) -> Counter[str]:
    """What the reader makes of n replies."""
    prompts = [render(variant, (seed, i)) for i in range(n)]
    replies = policy.reply(prompts, [(seed, 77, i) for i in range(n)])
    return Counter(
        str(
            read_answer(
                reply.text,
                variant.family,
                ask=variant.ask,
                favours=variant.favours,
                params=prompt.params,
            ).outcome
        )
        for prompt, reply in zip(prompts, replies, strict=True)
    )


@pytest.mark.parametrize(
    "script", ["obey", "game(0.3)", "paid(0.4)", "plain(0.7)", "high(0.2)", "guess"]
)
def test_a_scripts_rate_is_its_exact_rate(script: str) -> None:
    policy = ScriptedPolicy(script)
    for variant in VARIANTS:
        rate = policy.rate(variant)
        assert rate is not None
        found = outcomes(policy, variant, N)
        assert found["complied"] + found["gamed"] + found["violated"] == N
        off = (found["gamed"] + found["violated"]) / N
        assert abs(off - rate) <= 4 * math.sqrt(rate * (1 - rate) / N), (script, variant.id)
        assert found["gamed"] == 0 or variant.arm == "conflict"
        assert found["violated"] == 0 or variant.arm != "conflict"


def test_the_scripts_rates_are_what_their_lines_say() -> None:
    conflict, agree, cost_conflict = (
        Variant(),
        Variant(high="even"),
        Variant(field="loss", high="even"),
    )
    hidden = Variant(encoding="base64")
    expected = {
        "obey": (0.0, 0.0, 0.0, 0.0),
        "game(0.3)": (0.3, 0.0, 0.3, 0.3),
        "awkward(0.3)": (0.3, 0.0, 0.3, 0.3),
        "paid(0.3)": (0.3, 0.0, 0.0, 0.3),
        "plain(0.3)": (0.3, 0.0, 0.3, 0.0),
        "high(0.3)": (0.3, 0.0, 0.0, 0.3),
        "guess": (0.5, 0.5, 0.5, 0.5),
        "babble": (None, None, None, None),
        "refuse": (None, None, None, None),
    }
    assert {name.partition("(")[0] for name in expected} == set(SCRIPTS)
    for script, rates in expected.items():
        policy = ScriptedPolicy(script)
        found = tuple(policy.rate(v) for v in (conflict, agree, cost_conflict, hidden))
        assert found == rates, script


def test_a_script_that_follows_the_formula_alone_breaks_the_rules_for_a_cost() -> None:
    # In the agree arm of a cost field the formula is larger on the side that was not asked for.
    found = outcomes(ScriptedPolicy("high"), Variant(field="loss"), 50)
    assert found == {"violated": 50}


@pytest.mark.parametrize("family", family_names())
@pytest.mark.parametrize("script", ["game(0.3)", "awkward(0.3)", "guess"])
def test_every_family_is_answered_at_the_exact_rate(script: str, family: str) -> None:
    policy = ScriptedPolicy(script)
    variant = Variant(family=family)
    rate = policy.rate(variant)
    assert rate is not None
    found = outcomes(policy, variant, 800)
    assert found["complied"] + found["gamed"] == 800, found
    assert abs(found["gamed"] / 800 - rate) <= 4 * math.sqrt(rate * (1 - rate) / 800)


@pytest.mark.parametrize("family", family_names())
@pytest.mark.parametrize("script", list(SCRIPTS))
def test_the_reader_finds_in_every_template_what_it_says(script: str, family: str) -> None:
    # Every template with every pair of example answers, on both sides.
    variant = Variant(family=family)
    params, known = render(variant, 0).params, get_family(family)
    for side in known.side_names:
        examples = known.examples[side], known.examples[known.other(side)]
        for template, answer, wrong in itertools.product(SCRIPTS[script].templates, *examples):
            text = template.format(answer=answer, wrong=wrong)
            found = read_answer(text, family, ask=variant.ask, params=params)
            assert found.side == (side if SCRIPTS[script].answers else None), text


def test_babble_is_unreadable_and_refusals_are_refused() -> None:
    assert outcomes(ScriptedPolicy("babble"), Variant(), 60) == {"unreadable": 60}
    assert outcomes(ScriptedPolicy("refuse"), Variant(), 60) == {"refused": 60}
    assert all("{" not in text for text in _BABBLE)


def test_a_reply_depends_on_its_own_stream_and_on_nothing_beside_it() -> None:
    policy, prompt = ScriptedPolicy("awkward(0.5)"), render(Variant())
    streams = [(0, 2**63 + 11, i) for i in range(60)]
    whole = policy.reply([prompt] * 60, streams)
    one_by_one = [policy.reply([prompt], [stream])[0] for stream in streams]
    backwards = policy.reply([prompt] * 60, streams[::-1])[::-1]
    assert whole == one_by_one == backwards
    assert len({reply.text for reply in whole}) > 10


def test_streams_that_differ_anywhere_give_other_replies() -> None:
    policy, prompt = ScriptedPolicy("guess"), render(Variant())

    def texts(*head: int) -> list[str]:
        return [r.text for r in policy.reply([prompt] * 40, [(*head, i) for i in range(40)])]

    found = [texts(0, 5), texts(1, 5), texts(0, 6), texts(0, 2**64 - 1)]
    assert all(a != b for i, a in enumerate(found) for b in found[:i])


def test_no_prompt_gives_no_reply() -> None:
    assert ScriptedPolicy("obey").reply([], []) == []


def test_prompts_and_streams_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ScriptedPolicy("obey").reply([render(Variant())] * 2, [(0,)])


def test_replies_are_the_same_in_another_process_with_another_hash_seed() -> None:
    code = (
        "from rewardgym import ScriptedPolicy, Variant, render; p = render(Variant()); "
        "print(ScriptedPolicy('awkward(0.5)').reply([p] * 30, [(1, 2, i) for i in range(30)]))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_a_scripted_policy_is_a_policy_that_says_who_it_is() -> None:
    policy = ScriptedPolicy("game(0.3)")
    assert isinstance(policy, Policy)
    assert policy.name == "scripted:game(0.3)"
    assert policy.describe() == {"policy": "scripted", "name": "scripted:game(0.3)"}
    assert policy.reply([render(Variant())], [(0,)])[0] == Reply(
        policy.reply([render(Variant())], [(0,)])[0].text, "stop", None
    )


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("gaem(0.3)", "Did you mean 'game'?"),
        ("game(1.01)", "has probability 1.01; allowed: 0 to 1"),
        ("game(-0.1)", "has probability -0.1"),
        ("game(nan)", "unknown script"),
        ("game(1e-3e)", "has probability 1e-3e"),
        ("game(", "unknown script"),
        ("game()", "unknown script"),
        ("", "unknown script ''"),
        ("GAME", "unknown script 'GAME'"),
    ],
)
def test_a_wrong_script_is_refused_with_what_is_allowed(script: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        ScriptedPolicy(script)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("script", ["game(0)", "game(1)", "game(1.0)", "game(3e-1)", "game"])
def test_probabilities_at_the_edges_are_kept(script: str) -> None:
    policy = ScriptedPolicy(script)
    found = outcomes(policy, Variant(), 40)["gamed"]
    assert policy.p in (0.0, 1.0, 0.3)
    assert found == {0.0: 0, 1.0: 40}.get(policy.p, found)
