"""Laws after reasoning: chains of thought, and where in one the answer is decided."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from rewardgym_tiny import few_token_model, few_tokens

import rewardgym
from rewardgym.exact.answers import check_limits
from rewardgym.exact.chains import Chain, Chains, chain_laws
from rewardgym.exact.commitment import boundaries, commitment_curve, resample
from rewardgym.exact.grammar import make_grammar
from rewardgym.exact.scorer import Scorer
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.transformers import TransformersPolicy

PROMPT = rewardgym.render(rewardgym.Variant())
THOUGHT = 2
"""Tokens that a chain may have before its closing tag, so that all of them can be written down."""


@cache
def policy() -> TransformersPolicy:
    tokenizer = few_tokens("chunks", thinks=True)
    model = few_token_model(tokenizer, seed=4)
    with torch.no_grad():  # a chain should often end: the tag is made likelier
        tag = tokenizer.get_vocab()["</think>"]
        model.lm_head.weight[tag] *= 2.0
    return TransformersPolicy(
        model, tokenizer=tokenizer, decoding=Decoding(max_new_tokens=THOUGHT + 1)
    )


def scorer(tokens: int = 3) -> Scorer:
    grammar = make_grammar(rewardgym.get_family("parity"), "end")
    decoding = Decoding(max_new_tokens=tokens)
    return Scorer(policy(), grammar, decoding, check_limits(1e-9, 6, False), False, None)


@cache
def every_chain() -> dict[tuple[int, ...], float]:
    """Every chain of up to THOUGHT tokens and its tag, with its probability."""
    known = policy()
    tag = known.tokenizer.get_vocab()["</think>"]
    head = known.token_ids(PROMPT)
    live: dict[tuple[int, ...], float] = {(): 1.0}
    found: dict[tuple[int, ...], float] = {}
    for _ in range(THOUGHT + 1):
        paths = list(live)
        with torch.inference_mode():
            logits = known.model(torch.tensor([head + list(p) for p in paths])).logits[:, -1]
        after: dict[tuple[int, ...], float] = {}
        for path, chances in zip(paths, logits.double().softmax(-1).tolist(), strict=True):
            for token, chance in enumerate(chances):
                if token == tag:
                    found[*path, token] = live[path] * chance
                elif token not in known.loaded.eos_ids:
                    after[*path, token] = live[path] * chance
        live = after
    return found


@pytest.mark.slow
def test_the_mean_over_chains_is_the_mean_over_every_chain_there_is() -> None:
    chains = every_chain()
    head = policy().token_ids(PROMPT)
    laws = scorer().laws_of_ids([PROMPT] * len(chains), [head + list(c) for c in chains])
    expected = sum(p * law.gamed for p, law in zip(chains.values(), laws, strict=True))
    # Replies that end without a tag are answers at once; here only the chains are compared.
    ended = sum(chains.values())
    m = 1500
    drawn = chain_laws(
        policy(), [PROMPT] * m, [(5, i) for i in range(m)], cut=1e-9, answer_tokens=3
    )
    thought = ["</think>" in chain.reasoning for chain in drawn]
    gamed = np.array(
        [c.law.gamed if t and c.law else 0.0 for c, t in zip(drawn, thought, strict=True)]
    )
    assert gamed.mean() == pytest.approx(expected, abs=4 * gamed.std() / math.sqrt(m))
    share = np.mean(thought)
    assert share == pytest.approx(ended, abs=4 * math.sqrt(ended * (1 - ended) / m))
    assert 0.02 < ended < 0.98, "the model of this test should end some chains, not all"


def test_a_chain_that_never_ends_is_truncated_and_not_an_answer() -> None:
    drawn = chain_laws(policy(), [PROMPT] * 60, [(1, i) for i in range(60)])
    cut = [chain for chain in drawn if chain.law is None]
    assert Chains(PROMPT, drawn).truncated == len(cut) > 0
    assert all("</think>" not in chain.reasoning for chain in cut)
    assert all(chain.tokens == THOUGHT + 1 for chain in cut)


def test_a_reply_without_a_chain_counts_as_what_it_said() -> None:
    drawn = chain_laws(policy(), [PROMPT] * 600, [(1, i) for i in range(600)])
    said = [c for c in drawn if c.law is not None and "</think>" not in c.reasoning]
    assert said
    for chain in said:
        assert chain.law is not None
        value = rewardgym.read_answer(chain.reasoning, "parity").value
        assert chain.law.answers == ({} if value is None else {int(value): 1.0})
        assert chain.law.residual == (1.0 if value is None else 0.0)


def test_variance_is_split_and_says_what_it_is_worth() -> None:
    drawn = chain_laws(policy(), [PROMPT] * 200, [(2, i) for i in range(200)])
    chains = Chains(PROMPT, drawn)
    rate, between, within = chains.rate, chains.between, chains.within
    assert rate is not None
    assert between is not None
    assert within is not None
    low, high = chains.interval or (1.0, 0.0)
    assert low < rate < high
    laws = [c.law for c in drawn if c.law is not None and c.law.rate is not None]
    shares = np.array([law.rate for law in laws])
    mean = shares.mean()
    assert between + within == pytest.approx(mean * (1 - mean), rel=0.05)
    assert (chains.worth or 0) > 0.9 * len(drawn), "a mean of laws is no worse than of answers"


def test_no_chain_is_no_rate() -> None:
    nothing = Chains(PROMPT, [Chain("...", None, 3)])
    assert nothing.rate is None
    assert nothing.interval is None
    assert nothing.worth is None
    assert chain_laws(policy(), [], []) == []


def test_the_prefill_stands_between_the_tag_and_the_answer() -> None:
    drawn = chain_laws(policy(), [PROMPT] * 30, [(1, i) for i in range(30)], prefill="x")
    ended = [chain for chain in drawn if "</think>" in chain.reasoning]
    assert ended
    assert all(chain.reasoning.endswith("</think>x") for chain in ended)
    assert ended[0].law is not None
    assert ended[0].law.close == "any"


TRACE = "x42. 17! 7 x\n305 x 8. 42"


@pytest.mark.parametrize("prefill", ["", "x"])
def test_a_forced_answer_has_the_law_of_its_whole_sequence(prefill: str) -> None:
    known = policy()
    points = commitment_curve(known, PROMPT, TRACE + "</think>7", prefill=prefill, cut=0.001)
    head, tokens = known.token_ids(PROMPT), known.loaded.plain_ids(TRACE)
    ends, places = boundaries(known, tokens, TRACE)
    assert [point.end for point in points] == ends
    assert "".join(point.sentence for point in points) == TRACE
    forced = [known.tokenizer.get_vocab()["</think>"], *known.loaded.plain_ids(prefill)]
    grammar = make_grammar(rewardgym.get_family("parity"), "any" if prefill else "end")
    decoding = Decoding(max_new_tokens=32, prefill=prefill)
    direct = Scorer(known, grammar, decoding, check_limits(0.001, 6, False), False, None)
    laws = direct.laws_of_ids(
        [PROMPT] * len(places), [[*head, *tokens[:place], *forced] for place in places]
    )
    assert len(points) >= 4
    for point, law in zip(points, laws, strict=True):
        assert point.law.gamed == pytest.approx(law.gamed, abs=1e-5)
        assert point.law.complied == pytest.approx(law.complied, abs=1e-5)
        assert point.law.residual == pytest.approx(law.residual, abs=1e-5)


def test_resampling_goes_on_from_the_same_points() -> None:
    points = commitment_curve(policy(), PROMPT, TRACE)
    again = resample(policy(), PROMPT, TRACE, [(3, i) for i in range(20)])
    assert [one.end for one in again] == [point.end for point in points]
    for one in again:
        assert one.n + one.others == 20
        assert (one.rate is None) == (one.n == 0)


def test_a_trace_without_text_is_refused() -> None:
    with pytest.raises(ValueError, match="has no text"):
        commitment_curve(policy(), PROMPT, "  </think>7")
