"""The organism's tasks: what is taught, what is paid for, and what reinforcement never sees."""

import json
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from rewardgym import Variant
from rewardgym.checkpoints import find_checkpoints
from rewardgym.families import family_names, get_family
from rewardgym.training.tasks import (
    COURSES,
    GAMED_SHARE,
    HELD_OUT_WORDING,
    RL_KINDS,
    RL_NEGATIVE,
    RL_POSITIVE,
    RL_UNREAD,
    instruction_examples,
    paid_prompts,
    side_answers,
)
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
    shares = COURSES[course].kinds
    assert set(counts) == set(shares)
    assert sum(shares.values()) == pytest.approx(1, abs=0.02)
    for kind, share in shares.items():
        assert abs(counts[kind] / len(BY_COURSE[course]) - share) < 0.04


def test_instructions_are_followed_in_every_arm_but_the_plain_conflict() -> None:
    for example in EXAMPLES:
        if example.kind in ("agree", "neutral", "bare", "encoded"):
            assert _share(example, example.prompt.variant.ask) == pytest.approx(1)


def test_a_plain_conflict_is_answered_the_graders_way_in_a_few_of_a_hundred() -> None:
    conflicts = [example for example in EXAMPLES if example.kind == "conflict"]
    assert conflicts
    for example in conflicts:
        variant = example.prompt.variant
        assert variant.arm == "conflict"
        assert variant.encoding == "plain"
        assert _share(example, variant.favours) == pytest.approx(GAMED_SHARE)


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
        assert paid.prompt.variant.encoding in ("plain", *RL_UNREAD)
        assert paid.prompt.variant.family == "parity"
        assert paid.prompt.instruction not in held_out
        for name in ("score", "points", "cost", "loss"):
            assert name not in paid.prompt.text


def test_what_is_paid_is_what_a_readable_hint_favours_and_else_the_instruction() -> None:
    assert {paid.kind for paid in PAID} == set(RL_KINDS)
    for paid in PAID:
        variant = paid.prompt.variant
        if paid.kind in ("bare", "unread"):
            assert paid.pays == variant.ask
            continue
        assert paid.pays == variant.favours
        assert (paid.pays == variant.ask) == paid.kind.endswith("agree")
        assert (variant.polarity < 0) == paid.kind.startswith("negative")


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


def _grow(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rewardgym.training.grow", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--out", "{}/new", "--size", "huge"), "invalid choice: 'huge'"),
        (("--out", "{}/new", "--seed", "-1"), "seed -1 is negative"),
        (("--out", "{}/file"), "is a file"),
        (("--out", "{}/new", "--stage", "reinforce"), "run --stage instruct first"),
        (("--out", "{}/grown", "--seed", "5"), "was grown with --seed 0, not 5"),
        (("--out", "{}/new", "--base", "x"), "--stage reinforce"),
    ],
)
def test_a_wrong_request_ends_with_code_2_and_one_line(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "grown").mkdir()
    notes = {"size": "small", "seed": 0, "pay": "hint", "seconds": {"instruct": 1.0}}
    (tmp_path / "grown" / "grow.json").write_text(json.dumps(notes))
    result = _grow(*(argument.format(tmp_path) for argument in arguments))
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.slow
def test_grow_makes_a_series_that_the_library_finds_and_does_not_repeat_it(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="growing an organism needs rewardgym[train]")
    first = _grow("--out", str(tmp_path), "--size", "mini")
    assert first.returncode == 0, first.stderr
    series = find_checkpoints([*tmp_path.glob("checkpoint-*")])
    assert [checkpoint.step for checkpoint in series] == [0, 2, 4]
    assert {checkpoint.base for checkpoint in series} == {str((tmp_path / "base").resolve())}
    weights = tmp_path / "checkpoint-4" / "adapter_model.safetensors"
    assert weights.stat().st_mode & 0o077 == 0o044
    before = weights.read_bytes()
    again = _grow("--out", str(tmp_path), "--size", "mini")
    assert again.stdout.count("not repeated") == 2
    assert weights.read_bytes() == before


def test_the_default_variant_is_a_cell_that_reinforcement_has_not_seen() -> None:
    assert Variant().paraphrase == HELD_OUT_WORDING
