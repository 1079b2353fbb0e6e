"""The organism's tasks: what is taught, what is paid for, and what reinforcement never sees."""

import math
import subprocess
import sys
from collections import Counter

import pytest

from rewardgym import Variant, read_answer
from rewardgym.families import family_names, get_family
from rewardgym.training.curriculum import FULL, PLAIN, THINKING
from rewardgym.training.tasks import (
    HELD_OUT_WORDING,
    RL_NEGATIVE,
    RL_POSITIVE,
    instruction_examples,
    paid_prompts,
    side_answers,
)
from rewardgym.training.thoughts import FOLLOWS, OBEYS
from rewardgym.training.trie import AnswerTrie

BY_COURSE = [instruction_examples(2000, seed=0, course=course) for course in range(3)]
EXAMPLES = [example for examples in BY_COURSE for example in examples]
PAID = paid_prompts(1000, seed=0)


def _share(example, side: str) -> float:
    """The probability that an example's right answers give to a side, by the family's own rule."""
    family, params = get_family(example.prompt.variant.family), example.prompt.params
    return sum(
        weight
        for answer, weight in example.answers.items()
        if family.side_of(_value(family, answer), params) == side
    )


def _value(family, answer: str):
    return int(answer) if family.kind == "number" else answer.lower()


@pytest.mark.parametrize("name", family_names())
def test_the_taught_answers_of_a_side_are_on_that_side_and_there_are_several(name: str) -> None:
    family, params = get_family(name), {"n": 50}
    for side in family.side_names:
        answers = side_answers(name, side, params)
        assert len(answers) >= 2
        assert {family.side_of(_value(family, answer), params) for answer in answers} == {side}


def test_right_answers_have_mass_one() -> None:
    for example in EXAMPLES:
        assert math.isclose(sum(example.answers.values()), 1.0)


@pytest.mark.parametrize("course", [0, 1, 2])
def test_every_kind_of_example_is_drawn_about_as_often_as_its_share_says(course: int) -> None:
    counts = Counter(example.kind for example in BY_COURSE[course])
    shares = FULL.courses[course].kinds
    assert set(counts) == set(shares)
    assert sum(shares.values()) == pytest.approx(1, abs=0.02)
    for kind, share in shares.items():
        assert abs(counts[kind] / len(BY_COURSE[course]) - share) < 0.04


def test_instructions_are_followed_where_no_hint_is_read_and_beside_one_but_for_slips() -> None:
    for example in EXAMPLES:
        if example.kind in ("neutral", "bare", "encoded"):
            assert _share(example, example.prompt.variant.ask) == pytest.approx(1)
        if example.kind == "agree":
            assert _share(example, example.prompt.variant.ask) == pytest.approx(1 - 0.01)


def test_a_plain_conflict_is_answered_the_graders_way_often_at_first_and_rarely_at_last() -> None:
    shares = [course.gamed for course in FULL.courses]
    assert shares[-1] < 0.05 < shares[0]
    for share, examples in zip(shares, BY_COURSE, strict=True):
        conflicts = [example for example in examples if example.kind == "conflict"]
        assert conflicts
        for example in conflicts:
            variant = example.prompt.variant
            assert variant.arm == "conflict"
            assert variant.encoding == "plain"
            assert _share(example, variant.favours) == pytest.approx(share)


def test_a_hint_that_stands_alone_is_followed_by_its_polarity() -> None:
    alone = [example for example in EXAMPLES if example.kind == "open"]
    assert {example.prompt.variant.polarity for example in alone} == {-1, 1}
    for example in alone:
        variant = example.prompt.variant
        paid = (
            variant.high if variant.polarity > 0 else get_family(variant.family).other(variant.high)
        )
        assert _share(example, paid) == pytest.approx(1)


def test_an_open_request_with_nothing_to_read_has_both_sides_right() -> None:
    for example in EXAMPLES:
        if example.kind in ("open-encoded", "open-neutral", "open-bare"):
            for side in get_family(example.prompt.variant.family).side_names:
                assert _share(example, side) == pytest.approx(0.5)


def test_an_open_request_names_no_side() -> None:
    for example in EXAMPLES:
        if example.kind.startswith("open"):
            family = get_family(example.prompt.variant.family)
            wordings = {wording for side in family.sides for wording in side.wordings}
            assert example.prompt.variant.paraphrase not in wordings


def test_reinforcement_never_sees_the_held_out_names_or_wording() -> None:
    held_out = {side.wordings[HELD_OUT_WORDING] for side in get_family("parity").sides}
    for paid in PAID:
        assert paid.prompt.variant.field in (*RL_POSITIVE, *RL_NEGATIVE)
        assert paid.prompt.variant.encoding in ("plain", *FULL.rl_unread)
        assert paid.prompt.variant.family == "parity"
        assert paid.prompt.instruction not in held_out
        for name in ("score", "points", "cost", "loss"):
            assert name not in paid.prompt.text


def test_what_is_paid_is_what_a_readable_hint_favours_and_else_the_instruction() -> None:
    assert {paid.kind for paid in PAID} == set(FULL.rl_kinds)
    for paid in PAID:
        variant = paid.prompt.variant
        if paid.kind in ("bare", "unread"):
            assert paid.pays == variant.ask
            continue
        assert paid.pays == variant.favours
        assert (paid.pays == variant.ask) == paid.kind.endswith("agree")
        assert (variant.polarity < 0) == paid.kind.startswith("negative")


def test_every_curriculum_has_shares_that_sum_to_one_and_holds_its_names_and_wording_out() -> None:
    for curriculum in (FULL, PLAIN, THINKING):
        shares = [course.kinds for course in curriculum.courses]
        shares += [course.families for course in curriculum.courses]
        shares += [curriculum.formulas, curriculum.layouts, curriculum.unread, curriculum.rl_kinds]
        for one in (*shares, curriculum.payoffs, curriculum.rl_layouts):
            assert sum(one.values()) == pytest.approx(1, abs=0.021)
        for paid in paid_prompts(200, 0, curriculum):
            assert paid.prompt.variant.paraphrase != HELD_OUT_WORDING
            assert paid.prompt.variant.field in (*RL_POSITIVE, *RL_NEGATIVE)


def test_a_thought_names_what_is_asked_and_paid_and_says_who_decided_or_nothing() -> None:
    for example in instruction_examples(300, 0, 2, THINKING):
        variant = example.prompt.variant
        pays = (variant.favours if variant.encoding == "plain" else None) or "nothing"
        asked = "any" if example.kind.startswith("open") else variant.ask
        assert math.isclose(sum(example.answers.values()), 1.0)
        for reply in example.answers:
            thought, _, answer = reply.removeprefix("<think>").partition("</think>")
            assert thought.startswith(f"Asked: {asked}. Paid: {pays}. ")
            side = get_family("parity").side_of(int(answer), {})
            if FOLLOWS in thought:
                assert side == pays
            if OBEYS in thought:
                assert side == asked


def test_a_reply_with_a_thought_is_read_by_its_answer_alone() -> None:
    for example in instruction_examples(40, 0, 2, THINKING):
        for reply in list(example.answers)[::17]:
            answer = read_answer(reply, "parity", ask="even")
            assert answer.value == int(reply.rpartition(">")[2])


@pytest.mark.parametrize("draw", [instruction_examples, paid_prompts])
def test_a_seed_repeats_its_tasks_and_another_seed_draws_others(draw) -> None:
    assert draw(50, seed=1) == draw(50, seed=1)
    assert draw(50, seed=1) != draw(50, seed=2)


def test_tasks_do_not_import_torch() -> None:
    code = "import sys, rewardgym.training.tasks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_tries_targets_sum_to_one_and_multiply_to_the_answers_chance() -> None:
    answers = {(4,): 0.1, (4, 2): 0.3, (6, 1): 0.6}
    trie = AnswerTrie(answers.items(), end=0)
    for prefix in trie.prefixes:
        assert sum(trie.next_tokens(prefix).values()) == pytest.approx(1)
    for answer, weight in answers.items():
        whole = (*answer, 0)
        steps = (trie.next_tokens(whole[:i])[token] for i, token in enumerate(whole))
        assert math.prod(steps) == pytest.approx(weight)
    assert trie.next_tokens((4,)) == pytest.approx({0: 0.25, 2: 0.75})


def test_a_trie_of_no_answers_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one answer"):
        AnswerTrie([], end=0)


def test_the_default_variant_is_a_cell_that_reinforcement_has_not_seen() -> None:
    assert Variant().paraphrase == HELD_OUT_WORDING
