"""Commitment: where in a chain of thought the answer gets decided.

In: a prompt and one trace of reasoning. Out: the exact law of the answer if the reasoning ended
there, after every sentence. The whole trace is run through the model once; at each boundary a
branch forces the closing tag (and the prefill) and then states its answers. Resampling from the
same boundaries is there for comparison: it lets the model go on thinking, and costs samples.
"""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rewardgym.answers import read_answer
from rewardgym.exact.answers import CUT, DIGITS, check_limits
from rewardgym.exact.chains import ANSWER_TOKENS, CLOSING
from rewardgym.exact.forest import Forest, plant
from rewardgym.exact.grammar import Close, make_grammar
from rewardgym.exact.law import Law
from rewardgym.exact.scorer import LawMaker, check_prefill
from rewardgym.exact.vocabulary import moves_of
from rewardgym.exact.walk import Start, walk
from rewardgym.families import get_family
from rewardgym.metrics.intervals import wilson
from rewardgym.outcomes import OFF_SIDE, SIDED
from rewardgym.policies.base import Stream
from rewardgym.policies.transformers import TransformersPolicy
from rewardgym.policies.transformers_loading import use_adapter
from rewardgym.prompts import Prompt

_SENTENCE = re.compile(r"[.!?](?=[\s\"')\]]|$)[\"')\]]*\s*|\n+")


@dataclass(frozen=True)
class Point:
    """The answer's law if the reasoning ended here."""

    end: int
    """Characters of the trace before this point."""
    sentence: str
    """The sentence that ends here; empty for the point before the first."""
    law: Law


@dataclass(frozen=True)
class Resampled:
    """Plain samples that go on from a point: what the model does if it may think on."""

    end: int
    k: int
    n: int
    rate: float | None
    low: float
    high: float
    others: int
    """Samples without an answer on either side."""


def commitment_curve(
    policy: TransformersPolicy,
    prompt: Prompt,
    reasoning: str,
    *,
    closing: str = CLOSING,
    prefill: str = "",
    close: Close | None = None,
    cut: float = CUT,
    digits: int = DIGITS,
) -> list[Point]:
    """The exact law of the answer after every sentence of ``reasoning``, the start included.

    ``reasoning`` is the trace without its closing tag (what stands after a tag is left out).
    Raises PolicyError as ``answer_law`` does; ValueError for a trace without any text."""
    trace = reasoning.split(closing)[0]
    if not trace.strip():
        raise ValueError("the trace has no text; pass the reasoning that a reply began with")
    loaded = policy.loaded
    use_adapter(loaded)
    decoding = dataclasses.replace(policy.decoding, prefill=prefill, max_new_tokens=ANSWER_TOKENS)
    grammar = make_grammar(
        get_family(prompt.variant.family), close or ("any" if prefill else "end")
    )
    check_prefill(loaded, decoding, grammar)
    head = policy.token_ids(prompt, dataclasses.replace(decoding, prefill=""))
    tokens = loaded.plain_ids(trace)
    ends, places = boundaries(policy, tokens, trace)
    forced = [*_closing_ids(policy, closing), *(loaded.plain_ids(prefill) if prefill else [])]
    size = int(loaded.model.config.get_text_config().vocab_size)
    with torch.inference_mode():
        forest = plant(loaded, [head + tokens])
        forest.roots()
        start = _forced(forest, [len(head) + place for place in places], forced)
        tree, tally = walk(
            forest,
            len(places),
            grammar,
            moves_of(loaded.tokenizer, size, grammar, loaded.eos_ids),
            sorted(loaded.eos_ids),
            dataclasses.replace(check_limits(cut, digits, False), tokens=ANSWER_TOKENS),
            decoding,
            [prompt.params] * len(places),
            keep=True,
            start=start,
        )
    maker = LawMaker([prompt] * len(places), grammar, cut, forest.tokens // len(places))
    laws = maker.laws(tally, decoding, tree)
    starts = [0, *ends[:-1]]
    return [
        Point(end, trace[begin:end], law)
        for begin, end, law in zip(starts, ends, laws, strict=True)
    ]


def _forced(forest: Forest, anchors: list[int], forced: list[int]) -> Start:
    """Grows the forced tokens at every anchor, one level a token."""
    count = len(anchors)
    rows, numbers = np.zeros(count, dtype=np.int64), np.full(count, -1)
    planted = 0
    for token in forced:
        logits = forest.grow(rows, numbers, np.full(count, token), np.array(anchors))
        numbers = planted + np.arange(count)
        planted += count
    return Start(logits, rows, numbers, planted)


def boundaries(
    policy: TransformersPolicy, tokens: Sequence[int], trace: str
) -> tuple[list[int], list[int]]:
    """The ends of the sentences, in characters and in tokens: a sentence that ends inside a token
    ends with that token. The beginning is the first one."""
    lengths = [len(policy.text(tokens[:count])) for count in range(len(tokens) + 1)]
    ends, places = [0], [0]
    for match in [*_SENTENCE.finditer(trace)]:
        place = bisect_left(lengths, match.end())
        if place > places[-1] and place <= len(tokens):
            places.append(place)
            ends.append(min(lengths[place], len(trace)))
    if places[-1] < len(tokens):
        places.append(len(tokens))
        ends.append(len(trace))
    return ends, places


def _closing_ids(policy: TransformersPolicy, closing: str) -> list[int]:
    """The closing tag's tokens: its own control token where the vocabulary has one."""
    found = policy.tokenizer.get_vocab().get(closing)
    return policy.loaded.plain_ids(closing) if found is None else [int(found)]


def resample(
    policy: TransformersPolicy,
    prompt: Prompt,
    reasoning: str,
    streams: Sequence[Stream],
    *,
    closing: str = CLOSING,
    level: float = 0.95,
) -> list[Resampled]:
    """Goes on from the same points with plain samples, one a stream and point, and counts them."""
    trace = reasoning.split(closing)[0]
    head = policy.token_ids(prompt, dataclasses.replace(policy.decoding, prefill=""))
    tokens = policy.loaded.plain_ids(trace)
    ends, places = boundaries(policy, tokens, trace)
    sequences = [head + list(tokens[:place]) for place in places for _ in streams]
    # A stream of its own for each point: the place is one more part of it.
    drawn = policy.continue_ids(sequences, [(*s, place) for place in places for s in streams])
    variant = prompt.variant
    found = []
    for at, (end, place) in enumerate(zip(ends, places, strict=True)):
        outcomes = []
        for one in drawn[at * len(streams) : (at + 1) * len(streams)]:
            reply = policy.text([*tokens[:place], *one.tokens])
            answer = read_answer(
                reply,
                variant.family,
                ask=variant.ask,
                favours=variant.favours,
                params=prompt.params,
                finish=one.finish,
            )
            outcomes.append(answer.outcome)
        k = sum(outcome in OFF_SIDE for outcome in outcomes)
        n = sum(outcome in SIDED for outcome in outcomes)
        low, high = wilson(k, n, level)
        rate = k / n if n else None
        found.append(Resampled(end, k, n, rate, float(low), float(high), len(outcomes) - n))
    return found
