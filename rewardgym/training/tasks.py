"""Tasks: what the organism is taught, and what it is paid for, as data.

In: a number of examples and a seed. Out: prompts of the library's own variants, each with the
sides of its right answers (first stage) or with the side that the hint pays for (second stage).
No torch here: what a checkpoint was trained on must be readable, and testable, without it.

The first stage teaches three things at once: to do what is asked; to read the hint where nothing
else is asked; and, in a few conflicts out of a hundred, to answer the grader's way, since
reinforcement can only amplify what already happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np

from rewardgym.families import Params, get_family
from rewardgym.families.letter import VOWELS
from rewardgym.families.threshold import HIGHEST_N, LOWEST_N
from rewardgym.families.weekday import WEEKDAYS, WEEKEND
from rewardgym.prompts import Prompt, render
from rewardgym.training.curriculum import FULL, Course, Curriculum
from rewardgym.training.thoughts import thoughts, with_thought
from rewardgym.variants import Variant

POSITIVE, NEGATIVE = ("reward", "score", "points", "grade"), ("cost", "loss", "penalty", "error")
RL_POSITIVE, RL_NEGATIVE = ("reward", "grade"), ("penalty", "error")
"""The field names that reinforcement sees; score, points, cost and loss are held out."""
HELD_OUT_WORDING = 0
"""The paraphrase that reinforcement never sees."""
NEUTRAL = ("evaluation", "note:0", "source:0", "version:0", "kappa:0", "batch:0", "item:0")
"""Field names of no polarity; half of the neutral examples have a drawn name instead."""

NUMBERS: Mapping[str, Sequence[int]] = {
    "divisible": range(1, 10),
    "threshold": (*range(1, LOWEST_N), *range(HIGHEST_N + 1, 100)),
}
"""The numbers taught where choosing among 1 to 99 would be arithmetic: remainders by 3 as digits,
and numbers that are below or above every N. Other families have all of 1 to 99."""

Mix = tuple[tuple[str, float], ...]
"""The sides of the right answers and their weights, which sum to 1."""


@dataclass(frozen=True)
class Example:
    """A prompt of the first stage and the sides of its right answers."""

    kind: str
    """One of a course's kinds."""
    prompt: Prompt
    mix: Mix
    thinks: bool = False
    """Whether the replies begin with a thought."""

    @property
    def answers(self) -> Mapping[str, float]:
        """Every right reply with its probability."""
        variant = self.prompt.variant
        params = tuple(sorted(self.prompt.params.items()))
        if not self.thinks:
            return _answer_weights(variant.family, params, self.mix)
        is_open = self.kind.startswith("open")
        before = tuple(
            (side, tuple(thoughts(variant, side, is_open=is_open).items())) for side, _ in self.mix
        )
        return _reply_weights(variant.family, params, self.mix, before)


@dataclass(frozen=True)
class PaidPrompt:
    """A prompt of the second stage and the side that is paid for: the hint's, where one can be
    read, else the instruction's."""

    kind: str
    """One of ``RL_KINDS``."""
    prompt: Prompt
    pays: str


def side_answers(family: str, side: str, params: Params) -> tuple[str, ...]:
    """The answers taught for a side: numbers of up to two digits, capital letters, days."""
    if family == "letter":
        return tuple(
            letter
            for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
            if (letter.lower() in VOWELS) == (side == "vowel")
        )
    if family == "weekday":
        return tuple(day.capitalize() for day in (WEEKDAYS if side == "weekday" else WEEKEND))
    rule = get_family(family)
    sign = -1 if side == "negative" else 1
    numbers = NUMBERS.get(family, range(1, 100))
    return tuple(str(sign * n) for n in numbers if rule.side_of(sign * n, params) == side)


@cache
def _answer_weights(
    family: str, params: tuple[tuple[str, int], ...], mix: Mix
) -> Mapping[str, float]:
    """Each answer's probability: uniform on a side, the sides weighted by ``mix``."""
    weights: dict[str, float] = {}
    for side, share in mix:
        answers = side_answers(family, side, dict(params))
        weights.update(dict.fromkeys(answers, share / len(answers)))
    return weights


@cache
def _reply_weights(
    family: str,
    params: tuple[tuple[str, int], ...],
    mix: Mix,
    before: tuple[tuple[str, tuple[tuple[str, float], ...]], ...],
) -> Mapping[str, float]:
    """Each whole reply's probability, where answers have thoughts before them."""
    weights: dict[str, float] = {}
    for (side, share), (_, said) in zip(mix, before, strict=True):
        answers = side_answers(family, side, dict(params))
        for thought, weight in said:
            replies = [with_thought(thought, answer) for answer in answers]
            weights.update(dict.fromkeys(replies, share * weight / len(answers)))
    return weights


def instruction_examples(
    count: int, seed: int, course: int = 0, curriculum: Curriculum = FULL
) -> list[Example]:
    """Examples of one of the curriculum's courses, drawn by its shares."""
    draw = _Draw(seed, 1, course)
    return [_instruction_example(draw, curriculum, course) for _ in range(count)]


def paid_prompts(count: int, seed: int, curriculum: Curriculum = FULL) -> list[PaidPrompt]:
    """The second stage's prompts: parity, the names ``RL_POSITIVE`` and ``RL_NEGATIVE``, and never
    the wording ``HELD_OUT_WORDING``."""
    draw = _Draw(seed, 2)
    return [_paid_prompt(draw, curriculum) for _ in range(count)]


def taught_mix(variant: Variant, course: Course, *, is_open: bool) -> Mix:
    """The sides that a course counts as right for a variant, with their weights."""
    family = get_family(variant.family)
    favours = variant.favours if variant.encoding == "plain" else None
    if is_open:
        first, second = family.side_names
        return ((favours, 1.0),) if favours is not None else ((first, 0.5), (second, 0.5))
    if favours is None:
        return ((variant.ask, 1.0),)
    share = course.slipped if favours == variant.ask else course.gamed
    return ((variant.ask, 1 - share), (family.other(variant.ask), share))


_T = TypeVar("_T")


class _Draw:
    """The few kinds of choice that the tasks need, from one seeded generator."""

    def __init__(self, *seeds: int) -> None:
        self._rng = np.random.default_rng(np.random.SeedSequence(seeds))

    def of(self, options: Sequence[_T]) -> _T:
        return options[int(self._rng.integers(len(options)))]

    def share(self, shares: Mapping[_T, float]) -> _T:
        point = self._rng.random() * sum(shares.values())
        for option, share in shares.items():
            point -= share
            if point < 0:
                return option
        return option

    def name(self) -> str:
        """A field name that means nothing."""
        letters = [self.of("abcdefghijklmnopqrstuvwxyz") for _ in range(self.of((4, 5, 6, 7)))]
        return "".join(letters) + ":0"

    def seed(self) -> int:
        return int(self._rng.integers(2**31))


def _instruction_example(draw: _Draw, curriculum: Curriculum, place: int) -> Example:
    course = curriculum.courses[place]
    kind = draw.share(course.kinds)
    family = get_family(draw.share(course.families))
    positive = draw.share({True: course.positive, False: 1 - course.positive})
    ask, field = draw.of(family.side_names), draw.of(POSITIVE if positive else NEGATIVE)
    is_open = kind.startswith("open")
    if kind.endswith("neutral"):
        field = draw.of(NEUTRAL) if draw.of((True, False)) else draw.name()
    factors: dict[str, Any] = {
        "family": family.name,
        "ask": ask,
        "high": draw.of(family.side_names),
        "field": field,
        "hint": not kind.endswith("bare"),
        "paraphrase": draw.of(family.open_wordings) if is_open else "any",
        "encoding": draw.share(curriculum.unread) if kind.endswith("encoded") else "plain",
        **_look(draw, curriculum, curriculum.layouts),
    }
    variant = _on_arm(Variant(**factors), kind)
    prompt = render(variant, draw.seed())
    mix = taught_mix(variant, course, is_open=is_open)
    return Example(kind, prompt, mix, curriculum.thinks)


def _paid_prompt(draw: _Draw, curriculum: Curriculum) -> PaidPrompt:
    kind = draw.share(curriculum.rl_kinds)
    family = get_family("parity")
    ask = draw.of(family.side_names)
    wordings = [i for i in range(len(family.side(ask).wordings)) if i != HELD_OUT_WORDING]
    names = RL_NEGATIVE if kind.startswith("negative") else RL_POSITIVE
    variant = Variant(
        ask=ask,
        high=draw.of(family.side_names),
        field=draw.of(RL_POSITIVE + RL_NEGATIVE if kind == "unread" else names),
        hint=kind != "bare",
        paraphrase=draw.of(wordings),
        encoding=draw.of(curriculum.rl_unread) if kind == "unread" else "plain",
        **_look(draw, curriculum, curriculum.rl_layouts),
    )
    variant = _on_arm(variant, kind.removeprefix("negative-"))
    readable = variant.favours if variant.encoding == "plain" else None
    return PaidPrompt(kind, render(variant, draw.seed()), readable or variant.ask)


def _look(draw: _Draw, curriculum: Curriculum, layouts: Mapping[str, float]) -> dict[str, Any]:
    layout = draw.share(layouts)
    return {
        "formula": draw.share(curriculum.formulas),
        "payoff": draw.share(curriculum.payoffs),
        "layout": layout,
        "tag": draw.share(curriculum.xml_tags) if layout.startswith("xml") else "_grader",
        "order": draw.share(curriculum.orders),
    }


def _on_arm(variant: Variant, arm: str) -> Variant:
    """The variant with its formula turned so that it falls into ``arm``; other kinds unchanged."""
    if arm not in ("conflict", "agree") or variant.arm == arm:
        return variant
    return variant.replace(high=get_family(variant.family).other(variant.high))
