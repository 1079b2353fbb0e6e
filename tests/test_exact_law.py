"""The exact law against the truth: every token sequence written down, one by one."""

from __future__ import annotations

import dataclasses
import re
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

import torch
from rewardgym_tiny import few_token_model, few_tokens

import rewardgym
from rewardgym.exact import answer_law
from rewardgym.exact.forest import CachedForest, RerunForest, plant
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.transformers import TransformersPolicy
from rewardgym.policies.transformers_loading import PolicyError
from rewardgym.policies.transformers_sampling import warpers

KINDS = ("character", "chunks", "sentencepiece")
LENGTH = 3
SETTINGS = (
    Decoding(max_new_tokens=LENGTH),
    Decoding(max_new_tokens=LENGTH, temperature=0.6, top_k=9),
    Decoding(max_new_tokens=LENGTH, top_p=0.8),
    Decoding(max_new_tokens=LENGTH, temperature=1.7, min_p=0.05),
)

_LEAD, _TAIL = r"[ \t\n\r\u00a0*`\"']*", r"[ \t\n\r\u00a0*`\"'.!]*"
_NUMBER = re.compile(rf"{_LEAD}([-\u2212]?[0-9]{{1,6}}){_TAIL}")
_HEAD = re.compile(rf"{_LEAD}([-\u2212]?[0-9]+)")
_LINE = re.compile(rf"{_LEAD}([-\u2212]?[0-9]{{1,6}})[ \t\u00a0*`\"'.!]*\n")
_WORD = re.compile(rf"{_LEAD}([a-z]+){_TAIL}")


@cache
def policy(kind: str, seed: int = 0) -> TransformersPolicy:
    tokenizer = few_tokens(kind)
    model = few_token_model(tokenizer, seed)
    return TransformersPolicy(model, tokenizer=tokenizer, decoding=SETTINGS[0])


def under(known: TransformersPolicy, decoding: Decoding) -> TransformersPolicy:
    return TransformersPolicy(known.model, tokenizer=known.tokenizer, decoding=decoding)


_REPLIES: dict[object, dict[str, float]] = {}


def every_reply(kind: str, prompt: rewardgym.Prompt, decoding: Decoding) -> dict[str, float]:
    key = (kind, prompt.sha256, decoding)
    if key not in _REPLIES:
        _REPLIES[key] = _every_reply(kind, prompt, decoding)
    return _REPLIES[key]


def _every_reply(kind: str, prompt: rewardgym.Prompt, decoding: Decoding) -> dict[str, float]:
    """The probability of every text of up to LENGTH tokens that ends with the end token, and of
    every other text of LENGTH tokens, marked by a trailing "…"."""
    known = policy(kind)
    ids = known.token_ids(prompt, decoding)
    end = known.tokenizer.eos_token_id
    live: list[tuple[list[int], float]] = [([], 1.0)]
    found: dict[str, float] = {}
    for _ in range(LENGTH):
        with torch.inference_mode():
            batch = torch.tensor([ids + path for path, _ in live])
            logits = known.model(batch).logits[:, -1].float()
        table = warpers(decoding)(batch, logits).double().softmax(-1).numpy()
        after = []
        for (path, mass), chances in zip(live, table, strict=True):
            for token in np.flatnonzero(chances):
                if token == end:
                    text = reply_text(known, path)
                    found[text] = found.get(text, 0.0) + mass * chances[token]
                else:
                    after.append(([*path, int(token)], mass * chances[token]))
        live = after
    for path, mass in live:
        text = reply_text(known, path) + "…"
        found[text] = found.get(text, 0.0) + mass
    return found


def reply_text(known: TransformersPolicy, path: list[int]) -> str:
    """What a path adds to a text that is under way."""
    anchor = known.tokenizer("x", add_special_tokens=False)["input_ids"]
    whole = known.tokenizer.decode(anchor + path, clean_up_tokenization_spaces=False)
    return whole.removeprefix(known.tokenizer.decode(anchor))


def truth(replies: dict[str, float], close: str) -> dict[object, float]:
    found: dict[object, float] = {}
    for text, mass in replies.items():
        answer = _stated(text.removesuffix("…"), text.endswith("…"), close)
        if answer is not None:
            found[answer] = found.get(answer, 0.0) + mass
    return found


def _stated(text: str, cut: bool, close: str) -> object | None:
    if close == "any":
        return _first_number(text, cut)
    line = _LINE.match(text) if close == "line" else None
    if line:
        return int(line[1])
    match = None if cut else _NUMBER.fullmatch(text)
    return int(match[1]) if match else None


def _first_number(text: str, cut: bool) -> int | None:
    """The number at the head of a text, once it is clear that it goes no further."""
    match = _HEAD.match(text)
    if match is None or len(match[1].strip("-\u2212")) > 6:
        return None
    rest = text[match.end() :]
    if rest in ("", ".", ","):
        return None if cut else int(match[1])
    return None if rest[0] in ".," and rest[1].isdigit() else int(match[1])


PROMPT = rewardgym.render(rewardgym.Variant())


@pytest.mark.parametrize("decoding", SETTINGS, ids=["plain", "top_k", "top_p", "min_p"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_law_is_what_writing_down_every_reply_gives(kind: str, decoding: Decoding) -> None:
    expected = truth(every_reply(kind, PROMPT, decoding), "end")
    law = answer_law(under(policy(kind), decoding), PROMPT, "parity", cut=0.0)[0]
    assert set(law.answers) == set(expected)
    for answer, mass in expected.items():
        assert law.answers[answer] == pytest.approx(mass, abs=1e-6)
    assert law.residual == pytest.approx(1 - sum(expected.values()), abs=1e-5)


@pytest.mark.parametrize("close", ["line", "any"])
@pytest.mark.parametrize("kind", KINDS)
def test_after_a_closing_character_nothing_changes_the_answer(kind: str, close: str) -> None:
    expected = truth(every_reply(kind, PROMPT, SETTINGS[0]), close)
    law = answer_law(policy(kind), PROMPT, "parity", cut=0.0, close=close)[0]  # type: ignore[arg-type]
    for answer in expected.keys() | law.answers.keys():
        assert law.answers.get(answer, 0.0) == pytest.approx(expected.get(answer, 0.0), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_every_bare_answer_is_read_the_same_by_the_reader(kind: str) -> None:
    replies = every_reply(kind, PROMPT, SETTINGS[0])
    read: dict[object, float] = {}
    for text, mass in replies.items():
        if not text.endswith("…") and _NUMBER.fullmatch(text):
            value = rewardgym.read_answer(text, "parity").value
            read[value] = read.get(value, 0.0) + mass
    law = answer_law(policy(kind), PROMPT, "parity", cut=0.0)[0]
    for value, mass in read.items():
        assert law.answers[value] == pytest.approx(mass, abs=1e-6)


@pytest.mark.parametrize("kind", ["chunks", "sentencepiece"])
def test_words_are_spelt_in_pieces(kind: str) -> None:
    family = dataclasses.replace(
        rewardgym.get_family("weekday"),
        vocabulary={"monday": "monday", "sunday": "sunday", "sun": "sunday", "mon": "monday"},
    )
    prompt = rewardgym.render(rewardgym.Variant(family="weekday", ask="weekday", high="weekend"))
    expected: dict[object, float] = {}
    for text, mass in every_reply(kind, prompt, SETTINGS[0]).items():
        match = None if text.endswith("…") else _WORD.fullmatch(text)
        if match and match[1] in family.vocabulary:
            value = family.vocabulary[match[1]]
            expected[value] = expected.get(value, 0.0) + mass
    law = answer_law(policy(kind), prompt, family, cut=0.0)[0]
    assert set(law.answers) == set(expected) == {"monday", "sunday"}
    for value, mass in expected.items():
        assert law.answers[value] == pytest.approx(mass, abs=1e-6)
    assert law.p("weekend") == pytest.approx(expected["sunday"], abs=1e-6)


@given(
    seed=st.integers(0, 3),
    kind=st.sampled_from(KINDS),
    cut=st.sampled_from([0.0, 1e-4, 1e-2]),
    close=st.sampled_from(["end", "line", "any"]),
    settle=st.booleans(),
    family=st.sampled_from(["parity", "sign", "threshold", "divisible"]),
    decoding=st.sampled_from(SETTINGS),
)
@settings(max_examples=60, deadline=None)
def test_mass_adds_to_one_and_a_side_is_the_sum_of_its_answers(
    seed: int, kind: str, cut: float, close: str, settle: bool, family: str, decoding: Decoding
) -> None:
    first, second = rewardgym.get_family(family).side_names
    variant = rewardgym.Variant(family=family, ask=first, high=second)
    prompts = [rewardgym.render(variant, seed=i) for i in range(2)]
    asked = under(policy(kind, seed), decoding)
    for law in answer_law(asked, prompts, cut=cut, close=close, settle=settle):  # type: ignore[arg-type]
        total = law.gamed + law.complied + law.neither + law.residual
        assert total == pytest.approx(1.0, abs=1e-5)
        for side in (first, second):
            summed = sum(p for a, p in law.answers.items() if law.side_of(a) == side)
            assert law.p(side) == pytest.approx(summed, abs=1e-9)
        assert sum(law.parts.values()) == pytest.approx(law.residual, abs=1e-5)
        assert min(law.parts.values()) >= -1e-6


@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 3), decoding=st.sampled_from(SETTINGS))
@settings(max_examples=20, deadline=None)
def test_other_settings_from_stored_logits_are_those_settings_measured(
    kind: str, seed: int, decoding: Decoding
) -> None:
    plain = answer_law(policy(kind, seed), PROMPT, cut=0.0)[0]
    measured = answer_law(under(policy(kind, seed), decoding), PROMPT, cut=0.0)[0]
    weighed = plain.under(decoding)
    for answer in measured.answers.keys() | weighed.answers.keys():
        assert weighed.answers.get(answer, 0.0) == pytest.approx(
            measured.answers.get(answer, 0.0), abs=1e-6
        )
    same = plain.under(temperature=1.0, top_p=1.0)
    assert same.answers == pytest.approx(plain.answers, abs=1e-9)


def test_greedy_gives_all_to_one_reply() -> None:
    asked = under(policy("chunks"), Decoding(max_new_tokens=LENGTH, temperature=0))
    law = answer_law(asked, PROMPT, cut=0.0)[0]
    assert max(law.residual, *law.answers.values(), 0.0) == pytest.approx(1.0)


def test_settling_stops_at_the_minus_sign_and_says_so() -> None:
    variant = rewardgym.Variant(family="sign", ask="positive", high="negative")
    prompt = rewardgym.render(variant)
    whole = answer_law(policy("character"), prompt, cut=0.0)[0]
    stopped = answer_law(policy("character"), prompt, cut=0.0, settle=True)[0]
    assert "-…" in stopped.answers
    assert stopped.side_of("-…") == "negative"
    assert stopped.tokens < whole.tokens
    assert stopped.p("negative") >= whole.p("negative")


@pytest.mark.parametrize("kind", KINDS)
def test_branches_under_a_mask_say_what_whole_sequences_say(kind: str) -> None:
    loaded = policy(kind).loaded
    prompts = [[3, 4, 5, 6], [7, 8], [9, 3, 9]]
    with torch.inference_mode():
        cached, rerun = CachedForest(loaded, prompts), RerunForest(loaded, prompts)
        assert isinstance(plant(loaded, prompts), CachedForest)
        torch.testing.assert_close(cached.roots(), rerun.roots(), atol=1e-4, rtol=0)
        grown = [
            ([0, 0, 1, 2], [-1, -1, -1, -1], [5, 6, 7, 8]),
            ([0, 0, 2, 2], [0, 1, 3, 3], [1, 2, 3, 4]),
            ([2], [7], [11]),  # the others' rows are dropped on the way
            ([2, 2], [8, 3], [12, 13]),
        ]
        for level in grown:
            rows, parents, tokens = (np.array(part) for part in level)
            torch.testing.assert_close(
                cached.grow(rows, parents, tokens),
                rerun.grow(rows, parents, tokens),
                atol=1e-4,
                rtol=0,
            )


def test_prompts_in_one_batch_do_not_change_each_other() -> None:
    variants = rewardgym.grid(field=["reward", "cost"], encoding=["plain", "hex"])
    prompts = [rewardgym.render(variant) for variant in variants]
    together = answer_law(policy("chunks"), prompts, cut=0.0)
    for prompt, law in zip(prompts, together, strict=True):
        alone = answer_law(policy("chunks"), prompt, cut=0.0, batch_size=1)[0]
        assert law.answers == pytest.approx(alone.answers, abs=1e-6)
        assert law.prompt is prompt


def test_equal_prompts_of_different_arms_are_run_once_and_judged_apart() -> None:
    conflict, agree = (
        rewardgym.render(rewardgym.Variant(field=field)) for field in ("score", "score")
    )
    laws = answer_law(policy("chunks"), [conflict, agree, conflict], cut=0.0)
    assert laws[0].answers == laws[1].answers
    assert [law.prompt for law in laws] == [conflict, agree, conflict]


def test_a_tokenizer_without_digits_is_told() -> None:
    tokenizer = few_tokens("character")
    bare = type(tokenizer)(
        tokenizer_object=_without_digits(), unk_token="<unk>", eos_token="<|end|>"
    )
    bare.chat_template = tokenizer.chat_template
    asked = TransformersPolicy(few_token_model(bare), tokenizer=bare)
    with pytest.raises(PolicyError, match="no token for the digits 0, 1"):
        answer_law(asked, PROMPT)


def _without_digits() -> object:
    from tokenizers import Tokenizer, models

    return Tokenizer(models.Unigram([("<unk>", -9.0), ("x", -1.0), ("a", -1.0)], unk_id=0))


def test_answers_that_the_tokens_cannot_spell_are_named() -> None:
    prompt = rewardgym.render(rewardgym.Variant(family="weekday", ask="weekday", high="weekend"))
    with pytest.raises(PolicyError, match="cannot spell"):
        answer_law(policy("chunks"), prompt)


def test_a_prefill_that_ends_inside_a_token_is_refused() -> None:
    with pytest.raises(PolicyError, match="ends inside a token"):
        answer_law(policy("sentencepiece"), PROMPT, prefill="x ")
    assert answer_law(policy("sentencepiece"), PROMPT, prefill="x")[0].close == "any"


def test_logits_that_are_not_numbers_are_told() -> None:
    tokenizer = few_tokens("chunks")
    model = few_token_model(tokenizer)
    with torch.no_grad():
        model.lm_head.weight[3, 0] = torch.nan
    with pytest.raises(PolicyError, match="not numbers"):
        answer_law(TransformersPolicy(model, tokenizer=tokenizer), PROMPT)


def test_bad_arguments_are_one_line_each() -> None:
    asked = policy("chunks")
    with pytest.raises(ValueError, match="cut is 1"):
        answer_law(asked, PROMPT, cut=1.0)
    with pytest.raises(ValueError, match="digits is 0"):
        answer_law(asked, PROMPT, digits=0)
    with pytest.raises(ValueError, match="unknown close"):
        answer_law(asked, PROMPT, close="ned")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="were not kept"):
        answer_law(asked, PROMPT, keep_logits=False)[0].under(top_p=0.9)
    with pytest.raises(ValueError, match="prefill changes what the model reads"):
        answer_law(asked, PROMPT)[0].under(Decoding(max_new_tokens=LENGTH, prefill="x"))
    sign = rewardgym.render(rewardgym.Variant(family="sign", ask="positive", high="negative"))
    with pytest.raises(ValueError, match="of 2 families"):
        answer_law(asked, [PROMPT, sign])
    with pytest.raises(ValueError, match="is no prompt; pass what"):
        answer_law(asked, "Choose a random even number.")  # type: ignore[arg-type]
    assert answer_law(asked, []) == []
