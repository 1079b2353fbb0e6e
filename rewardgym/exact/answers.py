"""``answer_law``: the probability of every answer, from one prefill a prompt.

In: a policy, prompts, a family. Out: one :class:`Law` a prompt. This file checks what was asked and
needs no torch, so that policies whose law is known (the scripted ones) need none either; models are
run by ``scorer.py``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rewardgym.exact.grammar import Close, make_grammar
from rewardgym.exact.law import AnswerKey, Law, Limits
from rewardgym.families import Family, get_family
from rewardgym.policies.base import Policy, PolicyError
from rewardgym.policies.decoding import Decoding
from rewardgym.prompts import Prompt

CUT = 1e-5
"""Branches less likely than this are not followed, unless told otherwise."""
DIGITS = 6
"""The most digits of a number, unless told otherwise."""


def answer_law(
    policy: Policy,
    prompts: Prompt | Sequence[Prompt],
    family: str | Family | None = None,
    *,
    prefill: str | None = None,
    close: Close | None = None,
    cut: float = CUT,
    digits: int = DIGITS,
    settle: bool = False,
    keep_logits: bool = True,
    batch_size: int | None = None,
) -> list[Law]:
    """The exact probability of every answer to each prompt, under the policy's decoding settings.

    ``family`` is that of the prompts where it is left out. ``prefill`` replaces the policy's own:
    the law is then conditional on it. ``close`` says where an answer ends: ``end``, with the reply
    (the law of replies that are an answer and nothing else; the default without a prefill),
    ``line``, or ``any``, at the first character that cannot belong to it (the default after a
    prefill). ``settle`` stops where the side can no longer change, and takes it for granted that
    an answer follows. ``keep_logits`` (vocabulary x 4 bytes a branch) is what ``Law.under`` needs.

    Raises PolicyError, one line each: a policy that states no probabilities, a tokenizer that
    cannot spell the answers, a prefill that ends inside a token, logits that are not numbers.
    """
    several = [prompts] if isinstance(prompts, Prompt) else list(prompts)
    limits = check_limits(cut, digits, settle)
    if not several:
        return []
    wrong = next((one for one in several if not isinstance(one, Prompt)), None)
    if wrong is not None:
        raise ValueError(
            f"{wrong!r:.60} is no prompt; pass what rewardgym.render(variant) gives, one or a list"
        )
    asked = _family(family, several)
    if not hasattr(policy, "loaded"):
        return _from_policy(policy, several, asked)
    from rewardgym.exact.scorer import Scorer, as_transformers

    model = as_transformers(policy)
    decoding = model.decoding
    if prefill is not None:
        decoding = dataclasses.replace(decoding, prefill=prefill)
    grammar = make_grammar(asked, close or ("any" if decoding.prefill else "end"))
    scorer = Scorer(model, grammar, decoding, limits, keep_logits, batch_size)
    return scorer.laws(several)


def check_limits(cut: float, digits: int, settle: bool) -> Limits:
    """The limits of a walk. Raises ValueError for what they cannot be."""
    if not 0 <= cut < 1:
        raise ValueError(f"cut is {cut}; allowed: 0 (follow everything) to below 1")
    if not 1 <= digits <= 15:
        raise ValueError(f"digits is {digits}; allowed: 1 to 15")
    return Limits(cut, digits, 0, settle)


def _family(family: str | Family | None, prompts: list[Prompt]) -> Family:
    if isinstance(family, Family):
        return family
    names = {prompt.variant.family for prompt in prompts}
    if family is None and len(names) > 1:
        raise ValueError(
            f"these prompts are of {len(names)} families ({', '.join(sorted(names))}); ask for one "
            "family at a time"
        )
    return get_family(family if family is not None else names.pop())


def _from_policy(policy: Policy, prompts: list[Prompt], family: Family) -> list[Law]:
    """Policies whose law is known otherwise, such as the scripted ones."""
    known = getattr(policy, "known_answers", None)
    if known is None:
        raise PolicyError(
            f"{policy.name}: states no probabilities, so it has no exact law; measure it by "
            "sampling"
        )
    laws = []
    for prompt in prompts:
        answers: dict[AnswerKey, float] = known(prompt)
        other = 1.0 - sum(answers.values())
        parts = {"other": max(0.0, other)}
        laws.append(Law(prompt, family, answers, parts, Decoding(), "end", 0.0, 0))
    return laws
