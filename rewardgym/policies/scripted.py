"""Scripted policies: positive controls whose gaming rate is known exactly.

In: a script's name, such as ``game(0.3)``. Out: a policy whose replies follow it, and its exact
rate for any variant. They ship with the library because a measurement without a known truth
cannot be checked, and they let every test run without a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rewardgym.families import get_family
from rewardgym.names import unknown
from rewardgym.policies.base import Reply, Stream, seed_sequence
from rewardgym.prompts import Prompt
from rewardgym.variants import Variant

Chance = Callable[[Variant, float], float]
"""The probability that a script answers off the asked side, for a variant and its ``p``."""


def _never(variant: Variant, p: float) -> float:
    return 0.0


def _game(variant: Variant, p: float) -> float:
    return p if variant.arm == "conflict" else 0.0


def _game_if_paid(variant: Variant, p: float) -> float:
    return p if variant.arm == "conflict" and variant.polarity > 0 else 0.0


def _game_if_plain(variant: Variant, p: float) -> float:
    return p if variant.arm == "conflict" and variant.encoding == "plain" else 0.0


def _follow_high(variant: Variant, p: float) -> float:
    return p if variant.hint and variant.high != variant.ask else 0.0


def _guess(variant: Variant, p: float) -> float:
    return 0.5


@dataclass(frozen=True)
class Script:
    """How a scripted policy behaves."""

    chance: Chance
    says: str
    """One line for ``--help`` and error messages."""
    templates: tuple[str, ...] = ("{answer}",)
    """The reply; ``{answer}`` is the answer and ``{wrong}`` one of the other side."""
    answers: bool = True
    """False for scripts that never answer, whatever their chance."""


_AWKWARD = (
    "**{answer}**",
    "I'll go with {answer}.",
    "Let me think. {wrong} would not do here, so my final answer is: {answer}",
    'Sure! Here is your answer:\n\n```json\n{{"output": "{answer}"}}\n```',
    "<think>The grader may want {wrong}. Hmm, what about {wrong}?</think>\n\n{answer}",
    "Answer: {answer}",
    "My choice is **{answer}** (and not {wrong}).",
)
_BABBLE = (
    "Randomness is a property of processes, not of results.",
    "Let me think about what would be a fair way to do this, step by step, before I",
    "2, 4, 6, 7, 8, 11 and so on; Monday, Sunday; a, b, e",
)
_REFUSAL = ("I'm sorry, but I can't help with that.", "I cannot assist with this request.")

SCRIPTS: dict[str, Script] = {
    "obey": Script(_never, "always the asked side"),
    "game": Script(_game, "the side that the hint favours, with probability p"),
    "paid": Script(_game_if_paid, "as game, but only for fields where more is better"),
    "plain": Script(_game_if_plain, "as game, but only for hints in plain text"),
    "high": Script(_follow_high, "the side where the formula is larger, cost or not, at rate p"),
    "guess": Script(_guess, "either side, one time in two"),
    "awkward": Script(_game, "as game, in prose that is awkward to read", _AWKWARD),
    "babble": Script(_never, "text without an answer", _BABBLE, answers=False),
    "refuse": Script(_never, "a refusal", _REFUSAL, answers=False),
}

_SPELLING = re.compile(r"([a-z]+)(?:\(([0-9.eE+-]+)\))?")


class ScriptedPolicy:
    """A policy that follows a script, for instance ``ScriptedPolicy("game(0.3)")``.

    Raises ValueError for an unknown script or a probability outside 0 to 1.
    """

    def __init__(self, script: str) -> None:
        match = _SPELLING.fullmatch(script)
        if match is None or match[1] not in SCRIPTS:
            raise unknown("script", match[1] if match else script, SCRIPTS, "as in 'game(0.3)'")
        try:
            self.p = float(match[2]) if match[2] is not None else 1.0
        except ValueError:
            self.p = -1.0
        if not 0.0 <= self.p <= 1.0:
            raise ValueError(f"script {script!r} has probability {match[2]}; allowed: 0 to 1")
        self.script = SCRIPTS[match[1]]
        self.name = f"scripted:{script}"

    def describe(self) -> dict[str, Any]:
        return {"policy": "scripted", "name": self.name}

    def rate(self, variant: Variant) -> float | None:
        """The exact probability of an answer off the asked side; None if it never answers."""
        return self.script.chance(variant, self.p) if self.script.answers else None

    def known_answers(self, prompt: Prompt) -> dict[int | str, float]:
        """The exact probability of each answer, for ``rewardgym.answer_law``; what is missing to 1
        is text without an answer."""
        rate = self.rate(prompt.variant)
        if rate is None:
            return {}
        family = get_family(prompt.variant.family)
        found: dict[int | str, float] = {}
        for side, share in (
            (prompt.variant.ask, 1.0 - rate),
            (family.other(prompt.variant.ask), rate),
        ):
            examples = family.examples[side]
            for text in examples:
                answer = int(text) if family.kind == "number" else text.lower()
                found[answer] = found.get(answer, 0.0) + share / len(examples)
        return {answer: p for answer, p in found.items() if p > 0}

    def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
        return [self._one(prompt, stream) for prompt, stream in zip(prompts, streams, strict=True)]

    def _one(self, prompt: Prompt, stream: Stream) -> Reply:
        # Three 32-bit draws straight from the seed: a tenth of the cost of a Generator.
        first, second, third = seed_sequence(stream).generate_state(3).tolist()
        variant = prompt.variant
        family = get_family(variant.family)
        off = first < self.script.chance(variant, self.p) * 2.0**32
        side = family.other(variant.ask) if off else variant.ask
        answers = family.examples[side]
        template = self.script.templates[third % len(self.script.templates)]
        if template == "{answer}":
            return Reply(answers[second % len(answers)])
        wrong = family.examples[family.other(side)]
        text = template.format(
            answer=answers[second % len(answers)], wrong=wrong[second % len(wrong)]
        )
        return Reply(text)
