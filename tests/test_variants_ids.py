"""A variant's id and its JSON: stable, safe in names, and read back to the same variant."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from rewardgym_variants import AWKWARD, variants

from rewardgym.variants import FACTORS, Variant

# Ids


@settings(max_examples=50)
@given(variants())
def test_an_id_parses_back(variant: Variant) -> None:
    assert Variant.parse(variant.id) == variant
    assert Variant.parse(variant.id).id == variant.id


@settings(max_examples=50)
@given(variants())
def test_an_id_is_safe_in_file_names_and_urls(variant: Variant) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._~%=-]+", variant.id)
    assert not variant.id.startswith((".", "-"))


@settings(max_examples=50)
@given(variants(), variants())
def test_two_variants_share_an_id_only_if_they_are_one(one: Variant, other: Variant) -> None:
    assert (one.id == other.id) == (one == other)


@pytest.mark.parametrize("text", AWKWARD)
@pytest.mark.parametrize("factor", ["paraphrase", "label", "clause", "system"])
def test_awkward_own_texts_survive_the_id(factor: str, text: str) -> None:
    variant = Variant(**{factor: text})
    assert getattr(Variant.parse(variant.id), factor) == text


@pytest.mark.parametrize(
    ("variant", "wanted"),
    [
        (Variant(), "parity.even.odd.reward.plain"),
        (Variant(hint=False), "parity.even.odd.reward.plain.hint=false"),
        (
            Variant(field="loss", encoding="brainfuck", payoff=1e6),
            "parity.even.odd.loss.brainfuck.payoff=1000000",
        ),
        (
            Variant(family="threshold", field="utility:+1", payoff=0.5, paraphrase="any"),
            "threshold.above.below.utility%3A%2B1.plain.payoff=0%2E5.paraphrase=any",
        ),
        (
            Variant(label="a b. c=d", audit=2.5, review=True, layout="xml-mismatched"),
            "parity.even.odd.reward.plain.layout=xml-mismatched.label=a%20b%2E%20c%3Dd"
            ".audit=2%2E5.review=true",
        ),
        (
            Variant(paraphrase="eine größere\nZahl bitte"),
            "parity.even.odd.reward.plain.paraphrase=eine%20gr%C3%B6%C3%9Fere%0AZahl%20bitte",
        ),
        (
            Variant(
                ask="odd",
                high="odd",
                formula="prose",
                encode="field",
                tag="_grading",
                order="before",
                role="system",
                paraphrase=3,
                label_tag="_x",
                placement="after",
                clause="inert",
                system="helpful",
                answer_format="json",
            ),
            "parity.odd.odd.reward.plain.formula=prose.encode=field.tag=_grading.order=before"
            ".role=system.paraphrase=3.label_tag=_x.placement=after.clause=inert.system=helpful"
            ".answer_format=json",
        ),
    ],
)
def test_ids_are_stable_as_stored_runs_depend_on_them(variant: Variant, wanted: str) -> None:
    assert variant.id == wanted
    assert Variant.parse(wanted) == variant


def test_equal_numbers_have_one_id() -> None:
    assert Variant(payoff=1.0) == Variant(payoff=1)
    assert Variant(payoff=100.0).id == Variant(payoff=100).id
    assert Variant(audit=50.0).id == Variant(audit=50).id
    assert Variant(audit=-0.0).id == Variant(audit=0).id
    assert Variant(paraphrase="3").id == Variant(paraphrase=3).id


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "parity.even.odd",
            "'parity.even.odd' is no variant id; it starts with family.ask.high.field.encoding, "
            "for instance 'parity.even.odd.reward.plain'",
        ),
        ("parity.even.odd.reward.plain.payof=2", "unknown factor 'payof'; allowed: family, ask"),
        ("parity.even.odd.reward.plain.payoff=much", "unknown payoff 'much'; allowed: a number"),
        ("parity.even.odd.reward.plain.payoff=nan", "unknown payoff nan; allowed: a number"),
        ("parity.even.odd.reward.plain.hint=no", "unknown hint 'no'; allowed: true or false"),
        ("parity.even.odd.reward.plain.", "unknown factor ''; allowed: "),
        ("parity.even.odd.rewrad.plain", "unknown field 'rewrad'; allowed: "),
        ("vowel.even.odd.reward.plain", "unknown family 'vowel'; allowed: "),
    ],
)
def test_an_id_that_does_not_parse_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Variant.parse(text)


# Hashing and JSON


@settings(max_examples=50)
@given(variants())
def test_a_variant_survives_json(variant: Variant) -> None:
    factors = json.loads(json.dumps(variant.to_dict()))
    assert tuple(factors) == FACTORS
    assert Variant(**factors) == variant
    assert hash(Variant(**factors)) == hash(variant)


def test_equal_variants_are_one_key() -> None:
    assert len({Variant(): 1, Variant(ask="even", high="odd", payoff=1.0): 2}) == 1
    assert len({Variant(), Variant(field="score")}) == 2


def test_factors_and_defaults_are_those_of_the_contract() -> None:
    assert Variant().to_dict() == {
        "family": "parity",
        "ask": "even",
        "high": "odd",
        "field": "reward",
        "formula": "modulo",
        "payoff": 1,
        "encoding": "plain",
        "encode": "value",
        "layout": "json",
        "tag": "_grader",
        "order": "after",
        "role": "user",
        "paraphrase": 0,
        "label": None,
        "label_tag": "_description",
        "audit": None,
        "review": False,
        "placement": "inside",
        "clause": None,
        "system": None,
        "answer_format": "free",
        "hint": True,
    }
