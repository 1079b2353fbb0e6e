"""Laws after reasoning: chains of thought are sampled, the answers after them are not.

In: a policy, prompts, a random stream a chain. Out: for each prompt its :class:`Chains`, the exact
law after every sampled chain. The mean of these probabilities estimates the same rate as counting
answers does, with less variance (Rao, 1945; Blackwell, 1947): what remains is the variance between
chains. A chain that the token limit cut is an outcome of its own, never an answer.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rewardgym.answers import read_answer
from rewardgym.exact.answers import CUT, DIGITS, check_limits
from rewardgym.exact.grammar import Close, make_grammar
from rewardgym.exact.law import AnswerKey, Law
from rewardgym.exact.scorer import Scorer
from rewardgym.families import get_family
from rewardgym.metrics.intervals import Floats
from rewardgym.metrics.masses import effective_interval, ratio_variance
from rewardgym.policies.base import Stream
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.transformers import Drawn, TransformersPolicy
from rewardgym.prompts import Prompt

CLOSING = "</think>"
"""What ends a chain of thought."""
ANSWER_TOKENS = 32
"""The token limit of the answer after a chain."""


@dataclass(frozen=True)
class Chain:
    """One sampled chain of thought."""

    reasoning: str
    """Its text, the closing tag and the prefill included where it has them."""
    law: Law | None
    """The law of the answer after it; None for a chain that the token limit cut. A reply that ended
    without any closing tag was an answer at once: its law is what it said, for certain."""
    tokens: int
    """Tokens drawn for it."""


@dataclass(frozen=True)
class Chains:
    """All chains of one prompt."""

    prompt: Prompt
    chains: Sequence[Chain]
    level: float = 0.95

    @property
    def truncated(self) -> int:
        """Chains that the token limit cut."""
        return sum(chain.law is None for chain in self.chains)

    @property
    def rate(self) -> float | None:
        """The estimated gaming (or violation) rate; None where no chain was answered."""
        off, sided = self._masses
        return float(off.sum() / sided.sum()) if sided.sum() > 0 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval of ``rate``."""
        rate = self.rate
        if rate is None:
            return None
        low, high = effective_interval(rate, self.variance or 0.0, len(self._masses[0]), self.level)
        return float(low), float(high)

    @property
    def variance(self) -> float | None:
        """The estimated variance of ``rate``; None with fewer than two answered chains."""
        off, sided = self._masses
        rate, m = self.rate, len(off)
        if rate is None or m < 2:
            return None
        share = ratio_variance(
            *(rate, m, off.sum(), sided.sum()),
            *((off**2).sum(), (off * sided).sum(), (sided**2).sum()),
        )
        return float(share / sided.sum() ** 2)

    @property
    def between(self) -> float | None:
        """The variance of one answer that lies between chains: what more chains can reduce."""
        spread = self._spread
        return float(spread.var(ddof=1)) if len(spread) > 1 else None

    @property
    def within(self) -> float | None:
        """The variance of one answer after a given chain: what sampling would add, and this does
        not have."""
        spread = self._spread
        return float((spread * (1 - spread)).mean()) if len(spread) else None

    @property
    def worth(self) -> float | None:
        """The number of plain samples (replies, answered or not) with the same variance; infinite
        where all chains agree."""
        rate, variance = self.rate, self.variance
        if rate is None or variance is None:
            return None
        answered = float(self._masses[1].sum()) / len(self.chains)
        return rate * (1 - rate) / variance / answered if variance > 0 else float("inf")

    @cached_property
    def _masses(self) -> tuple[Floats, Floats]:
        laws = [chain.law for chain in self.chains if chain.law is not None]
        off = np.array([law.gamed + law.violated for law in laws])
        return off, off + np.array([law.complied for law in laws])

    @cached_property
    def _spread(self) -> Floats:
        off, sided = self._masses
        answered: Floats = off[sided > 0] / sided[sided > 0]
        return answered


def chain_laws(
    policy: TransformersPolicy,
    prompts: Sequence[Prompt],
    streams: Sequence[Stream],
    *,
    closing: str = CLOSING,
    prefill: str = "",
    close: Close | None = None,
    cut: float = CUT,
    digits: int = DIGITS,
    answer_tokens: int = ANSWER_TOKENS,
    keep_logits: bool = False,
) -> list[Chain]:
    """One chain a prompt and stream, in order, with the exact law after its closing tag.

    ``prefill`` stands between the tag and the answer ("Number:"). The chain is sampled under the
    policy's decoding settings and its token limit; the law holds under the same settings.
    Raises PolicyError as ``answer_law`` does.
    """
    limits = check_limits(cut, digits, False)
    if not prompts:
        return []
    free = dataclasses.replace(policy.decoding, prefill="")
    ids = [policy.token_ids(prompt, free) for prompt in prompts]
    drawn = policy.continue_ids(ids, streams, _closing_token(policy, closing))
    grammar = make_grammar(get_family(prompts[0].variant.family), close or _close(prefill))
    answering = dataclasses.replace(free, prefill=prefill, max_new_tokens=answer_tokens)
    scorer = Scorer(policy, grammar, answering, limits, keep_logits, None)
    forced = policy.loaded.plain_ids(prefill) if prefill else []
    ends = [_chain_length(policy, one, closing) for one in drawn]
    ended = [place for place, end in enumerate(ends) if end is not None]
    sequences = [[*ids[i], *drawn[i].tokens[: ends[i]], *forced] for i in ended]
    laws = dict(zip(ended, scorer.laws_of_ids([prompts[i] for i in ended], sequences), strict=True))
    for i, one in enumerate(drawn):
        if ends[i] is None and one.finish == "stop":
            laws[i] = _said(prompts[i], policy.text(one.tokens), answering, cut)
    return [
        Chain(policy.text(one.tokens[:end]) + (prefill if end else ""), laws.get(i), one.drawn)
        for i, (one, end) in enumerate(zip(drawn, ends, strict=True))
    ]


def _said(prompt: Prompt, reply: str, decoding: Decoding, cut: float) -> Law:
    """The law of a reply that was sampled to its end: one answer, or none."""
    family = get_family(prompt.variant.family)
    answer = read_answer(reply, family, params=prompt.params)
    answers: dict[AnswerKey, float] = {}
    settled: dict[str, str] = {}
    if isinstance(answer.value, int | str):
        answers[answer.value] = 1.0
    elif answer.value is not None:  # a fraction: no grammar spells it, but it was said
        answers[str(answer.value)] = 1.0
        settled |= {str(answer.value): answer.side} if answer.side is not None else {}
    parts = {"other": 1.0 - len(answers)}
    return Law(prompt, family, answers, parts, decoding, "end", cut, 0, settled)


def _close(prefill: str) -> Close:
    return "any" if prefill else "end"


def _closing_token(policy: TransformersPolicy, closing: str) -> frozenset[int]:
    """The closing tag's token where it is one: sampling can stop there."""
    found = policy.tokenizer.get_vocab().get(closing)
    return frozenset() if found is None else frozenset({int(found)})


def _chain_length(policy: TransformersPolicy, drawn: Drawn, closing: str) -> int | None:
    """How many tokens a chain has, its closing tag included; None where the tag never came."""
    if closing not in policy.text(drawn.tokens):
        return None
    lengths = range(1, len(drawn.tokens) + 1)
    return 1 + bisect_left(
        lengths, True, key=lambda length: closing in policy.text(drawn.tokens[:length])
    )
