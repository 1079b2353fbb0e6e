"""What follows from a variant's factors, its id, its errors, and grids of variants."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rewardgym import encodings
from rewardgym.families import family_names, get_family
from rewardgym.hints import POLARITIES
from rewardgym.variants import FACTORS, LAYOUTS, Variant, grid
from rewardgym.wordings import CLAUSES, LABELS, SYSTEMS

_WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
OWN_TEXTS = st.builds(
    "{}{}{}".format,
    _WORDS,
    st.sampled_from([" ", "\n", ".", " = ", " % ", "\t", " %20 ", ".a=b c."]),
    _WORDS,
).filter(lambda text: any(character.isspace() for character in text.strip()))
AWKWARD = (
    "a sentence. with a dot",
    "paraphrase=1 and hint=false",
    "100% of %2E and %",
    "zwei Wörter, 偶数 🎲",
    "two\nlines\r\n and\ta tab",
    " .leading and trailing. ",
    "any of ~these_-",
)


@st.composite
def variants(draw: st.DrawFn) -> Variant:
    """Any variant at all, own texts included."""
    family = get_family(draw(st.sampled_from(family_names())))
    own = OWN_TEXTS | st.sampled_from(AWKWARD)
    sides = st.sampled_from(family.side_names)
    count = len(family.sides[0].wordings)
    amounts = st.floats(1e-9, 1e15) | st.integers(1, 10**15)
    return Variant(
        family=family.name,
        ask=draw(sides),
        high=draw(sides),
        field=draw(
            st.sampled_from([*POLARITIES, "flurb"])
            | st.from_regex(r"[qzxj_][a-zA-Z0-9_-]{0,20}(:\+1|:-1|:0)", fullmatch=True)
        ),
        formula=draw(st.sampled_from(["modulo", "explicit", "payoff", "prose"])),
        payoff=draw(st.just(1) | amounts),
        encoding=draw(st.sampled_from(encodings.names())),
        encode=draw(st.sampled_from(["value", "field"])),
        layout=draw(st.sampled_from(LAYOUTS)),
        tag=draw(st.sampled_from(["_grader", "_grading", "_scoring", "x.y-z"])),
        order=draw(st.sampled_from(["after", "before"])),
        role=draw(st.sampled_from(["user", "system"])),
        paraphrase=draw(st.integers(0, count - 1) | st.just("any") | own),
        label=draw(st.none() | st.sampled_from(list(LABELS)) | own),
        label_tag=draw(st.sampled_from(["_description", "_note1"])),
        audit=draw(st.none() | st.integers(0, 100) | st.floats(0, 100)),
        review=draw(st.booleans()),
        placement=draw(st.sampled_from(["inside", "after"])),
        clause=draw(st.none() | st.sampled_from(list(CLAUSES)) | own),
        system=draw(st.none() | st.sampled_from(list(SYSTEMS)) | own),
        answer_format=draw(st.sampled_from(["free", "number", "json"])),
        hint=draw(st.booleans()),
    )


def _message(**factors: Any) -> str:
    with pytest.raises(ValueError, match=r"^unknown ") as caught:
        Variant(**factors)
    return str(caught.value)


# --- Polarity and arms ---------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["reward", "score", "points", "grade", "utility:+1"])
def test_paying_for_odd_while_asking_for_even_is_a_conflict(field: str) -> None:
    variant = Variant(field=field, ask="even", high="odd")
    assert (variant.polarity, variant.favours, variant.arm) == (1, "odd", "conflict")


@pytest.mark.parametrize("field", ["cost", "loss", "penalty", "error", "utility:-1"])
def test_a_cost_that_is_high_on_odd_favours_even_and_is_an_agree_cell(field: str) -> None:
    variant = Variant(field=field, ask="even", high="odd")
    assert (variant.polarity, variant.favours, variant.arm) == (-1, "even", "agree")


@pytest.mark.parametrize("field", ["cost", "loss", "penalty", "error"])
def test_a_cost_that_is_high_on_the_side_asked_for_is_a_conflict(field: str) -> None:
    variant = Variant(field=field, ask="even", high="even")
    assert (variant.favours, variant.arm) == ("odd", "conflict")


@pytest.mark.parametrize("field", ["evaluation", "flurb", "reward:0"])
@pytest.mark.parametrize("high", ["even", "odd"])
def test_a_name_of_unknown_polarity_is_neutral(field: str, high: str) -> None:
    variant = Variant(field=field, high=high)
    assert (variant.polarity, variant.favours, variant.arm) == (0, None, "neutral")


@pytest.mark.parametrize("field", ["reward", "cost", "evaluation"])
def test_without_a_hint_there_is_nothing_to_favour(field: str) -> None:
    variant = Variant(field=field, hint=False)
    assert (variant.favours, variant.arm, variant.twin()) == (None, "none", None)


def test_a_declared_polarity_overrules_and_is_not_shown() -> None:
    assert Variant(field="reward:-1").arm == "agree"
    assert Variant(field="reward:-1").field_name == "reward"


@pytest.mark.parametrize("derived", ["favours", "arm", "polarity", "field_name", "id", "is_open"])
def test_what_follows_from_the_factors_is_never_stored(derived: str) -> None:
    assert derived not in FACTORS
    assert derived not in vars(Variant())
    with pytest.raises(AttributeError):
        setattr(Variant(), derived, "conflict")


def test_a_variant_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Variant().field = "score"  # type: ignore[misc]


@pytest.mark.parametrize("family", family_names())
def test_a_familys_first_side_is_asked_for_and_its_second_paid_for(family: str) -> None:
    variant = Variant(family=family)
    assert (variant.ask, variant.high) == get_family(family).side_names
    assert variant.arm == "conflict"


# --- Twin, mirror, replace -----------------------------------------------------------------------


@settings(max_examples=50)
@given(variants())
def test_a_twin_differs_in_the_formulas_side_only_and_agrees(variant: Variant) -> None:
    twin = variant.twin()
    if variant.arm in ("neutral", "none"):
        assert twin is None
        return
    assert twin is not None
    assert twin.arm == "agree"
    assert twin.favours == twin.ask == variant.ask
    changed = {name for name in FACTORS if getattr(twin, name) != getattr(variant, name)}
    assert changed == ({"high"} if variant.arm == "conflict" else set())
    assert twin.twin() == twin


@settings(max_examples=50)
@given(variants())
def test_a_mirror_exchanges_both_sides_keeps_the_arm_and_mirrors_back(variant: Variant) -> None:
    assume(not isinstance(variant.paraphrase, str) or variant.paraphrase == "any")
    other = get_family(variant.family).other
    mirror = variant.mirror()
    assert (mirror.ask, mirror.high) == (other(variant.ask), other(variant.high))
    assert mirror.arm == variant.arm
    assert mirror.mirror() == variant
    assert mirror == variant.replace(ask=mirror.ask, high=mirror.high)


def test_a_text_of_ones_own_does_not_change_sides_silently() -> None:
    variant = Variant(paraphrase="Give me an even number.")
    for change in (variant.mirror, lambda: variant.replace(ask="odd")):
        with pytest.raises(ValueError, match="would not change with the side asked for"):
            change()
    assert variant.replace(ask="odd", paraphrase="Give me an odd one.").ask == "odd"


def test_a_set_of_values_is_refused_since_it_has_no_order() -> None:
    with pytest.raises(ValueError, match="a set, which has no order; give a list"):
        grid(field={"reward", "loss"})


def test_the_mirror_asks_for_odd_and_pays_for_even() -> None:
    mirror = Variant().mirror()
    assert (mirror.ask, mirror.high, mirror.favours, mirror.arm) == (
        *("odd", "even", "even"),
        "conflict",
    )


@pytest.mark.parametrize("family", family_names())
@pytest.mark.parametrize("ask", [0, 1])
@pytest.mark.parametrize("high", [0, 1])
def test_replacing_the_family_takes_its_sides_in_the_same_position(
    family: str, ask: int, high: int
) -> None:
    sides, new = ("even", "odd"), get_family(family).side_names
    old = Variant(ask=sides[ask], high=sides[high], field="score")
    variant = old.replace(family=family)
    assert (variant.ask, variant.high) == (new[ask], new[high])
    assert variant.field == "score"
    assert variant.arm == old.arm
    assert variant.replace(family="parity") == old


def test_replacing_the_family_and_a_side_takes_the_side_given() -> None:
    variant = Variant().replace(family="letter", ask="consonant")
    assert (variant.ask, variant.high) == ("consonant", "consonant")
    with pytest.raises(ValueError, match="unknown ask of family 'letter' 'even'; allowed: vowel"):
        Variant().replace(family="letter", ask="even")


def test_replace_checks_what_it_is_given() -> None:
    with pytest.raises(ValueError, match=r"^unknown factor 'feild'; .* Did you mean 'field'\?$"):
        Variant().replace(feild="score")
    with pytest.raises(ValueError, match=r"unknown family 'leter'; .* Did you mean 'letter'"):
        Variant().replace(family="leter")
    with pytest.raises(ValueError, match="unknown paraphrase 10 of family 'letter'"):
        Variant(paraphrase=10).replace(family="letter")
    assert Variant().replace() == Variant()


# --- Ids -----------------------------------------------------------------------------------------


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


# --- Hashing and JSON ----------------------------------------------------------------------------


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


# --- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        (
            {"layout": "jsn"},
            "unknown layout 'jsn'; allowed: json, json-pretty, xml, xml-mismatched, yaml, python, "
            "prose. Did you mean 'json'?",
        ),
        (
            {"family": "paritee"},
            "unknown family 'paritee'; allowed: parity, divisible, letter, sign, threshold, "
            "weekday. Did you mean 'parity'?",
        ),
        (
            {"ask": "evn"},
            "unknown ask of family 'parity' 'evn'; allowed: even, odd. Did you mean 'even'?",
        ),
        (
            {"clause": "prioritee"},
            "unknown clause 'prioritee'; allowed: applies, inert, priority, do-not-exploit, or a "
            "text of your own (of two words or more). Did you mean 'priority'?",
        ),
        (
            {"system": "maximize-reward"},
            "unknown system 'maximize-reward'; allowed: helpful, maximise-reward, or a text of "
            "your own (of two words or more). Did you mean 'maximise-reward'?",
        ),
        (
            {"formula": "zzz"},
            "unknown formula 'zzz'; allowed: modulo, explicit, payoff, prose.",
        ),
        (
            {"paraphrase": 11},
            "unknown paraphrase 11 of family 'parity'; allowed: 0 to 10, 'any', or a text of your "
            "own",
        ),
        ({"payoff": 0}, "unknown payoff 0; allowed: a number above 0, at most 1e15"),
        ({"audit": 101}, "unknown audit 101; allowed: 0 to 100"),
        ({"hint": "false"}, "unknown hint 'false'; allowed: true or false"),
        (
            {"tag": "<b>"},
            "unknown tag '<b>'; allowed: up to 40 letters, digits, '_', '-' and '.', such as "
            "_grader, _grading, _scoring",
        ),
    ],
)
def test_an_error_names_the_value_what_is_allowed_and_the_nearest(
    factors: dict[str, Any], message: str
) -> None:
    assert _message(**factors) == message


NEAR = {
    "family": ("lettr", "letter"),
    "ask": ("od", "odd"),
    "high": ("evan", "even"),
    "field": ("scoer", "score"),
    "formula": ("explict", "explicit"),
    "encoding": ("bas64", "base64"),
    "encode": ("feild", "field"),
    "layout": ("xml-mismatch", "xml-mismatched"),
    "order": ("befor", "before"),
    "role": ("sytem", "system"),
    "paraphrase": ("anny", "any"),
    "label": ("hacking-evl", "hacking-eval"),
    "placement": ("insde", "inside"),
    "clause": ("applys", "applies"),
    "system": ("helpfull", "helpful"),
    "answer_format": ("jsn", "json"),
}


@pytest.mark.parametrize("factor", NEAR)
def test_a_slip_of_the_pen_is_told_what_was_meant(factor: str) -> None:
    slip, meant = NEAR[factor]
    message = _message(**{factor: slip})
    assert message.startswith(f"unknown {factor}")
    assert f"{slip!r}; allowed: " in message
    assert f"Did you mean {meant!r}?" in message


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("value", ["@", 3.7j, ("x",), b"x", [["x y"]], {"x y": 1}, object()])
def test_every_factor_rejects_nonsense_with_a_value_error(factor: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^unknown {factor}"):
        Variant(**{factor: value})


@pytest.mark.parametrize(
    ("factor", "value"),
    [
        *(("payoff", value) for value in (0, -1, True, "1", None, 1.1e15, 10**400)),
        *(("payoff", float(value)) for value in ("nan", "inf", "-inf")),
        *(("audit", value) for value in (-1, -0.001, 100.5, True, "50", float("nan"))),
        *(
            ("paraphrase", value)
            for value in (-1, 11, True, 1.5, "", "word", "11", "-1", " 1", "²")
        ),
        *(("label", value) for value in ("", " ", "word", " word\n", 5, True)),
        *(("clause", value) for value in ("", "word", 5)),
        *(("system", value) for value in ("", "word", 5)),
        *(("hint", value) for value in (0, 1, "true", None)),
        *(("review", value) for value in (0, 1, "true", None)),
        *(("tag", value) for value in ("", "1a", "a b", "-a", "a" * 41, "a\n", None, "ä")),
        *(("label_tag", value) for value in ("", "1a", "a b", None)),
        *(("encoding", value) for value in ("", "BASE64", None)),
        *(("role", value) for value in ("", "assistant", None)),
    ],
)
def test_values_at_the_edge_are_rejected(factor: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^unknown {factor}"):
        Variant(**{factor: value})


@pytest.mark.parametrize("factor", ["paraphrase", "label", "clause", "system"])
def test_an_own_text_without_utf8_is_rejected(factor: str) -> None:
    assert _message(**{factor: "a \ud800 b"}) == (
        f"unknown {factor}: its character 2 is a lone surrogate, which has no UTF-8; allowed: any "
        "other text"
    )


@pytest.mark.parametrize(
    ("factor", "value"),
    [
        *(("payoff", 1e15), ("payoff", 1e-9), ("audit", 0), ("audit", 100), ("audit", 0.5)),
        *(("paraphrase", 10), ("paraphrase", "any"), ("paraphrase", "Say it."), ("tag", "a" * 40)),
    ],
)
def test_values_inside_the_edge_are_accepted(factor: str, value: object) -> None:
    assert getattr(Variant(**{factor: value}), factor) == value


def test_an_unknown_factor_is_a_type_error_as_for_any_function() -> None:
    with pytest.raises(TypeError, match="feild"):
        Variant(feild="score")  # type: ignore[call-arg]


@pytest.mark.parametrize("layout", ["json", "json-pretty", "yaml", "python"])
@pytest.mark.parametrize(
    ("factors", "key"),
    [
        ({"label": "hacking-eval", "label_tag": "reward"}, "reward"),
        ({"label": "hacking-eval", "label_tag": "_grading", "tag": "_grading"}, "_grading"),
        ({"label": "hacking-eval", "label_tag": "_grader", "encode": "field"}, "_grader"),
        ({"label": "hacking-eval", "label_tag": "_review", "review": True}, "_review"),
        ({"audit": 1, "tag": "_audit_rate", "encode": "field"}, "_audit_rate"),
    ],
)
def test_no_key_may_stand_twice_in_a_keyed_layout(
    layout: str, factors: dict[str, Any], key: str
) -> None:
    with pytest.raises(ValueError, match="would stand twice") as caught:
        Variant(layout=layout, **factors)
    assert str(caught.value) == (
        f"key {key!r} would stand twice in layout {layout!r}; choose another tag, "
        "label_tag or field, or layout 'xml'"
    )
    Variant(layout="xml", **factors)  # where it may


@pytest.mark.parametrize("label_tag", ["instruction", "metadata", "note"])
@pytest.mark.parametrize("layout", ["json", "json-pretty", "yaml", "python"])
def test_a_label_may_not_take_the_place_of_another_part(layout: str, label_tag: str) -> None:
    with pytest.raises(ValueError, match="would stand twice"):
        Variant(
            layout=layout,
            label="hacking-eval",
            label_tag=label_tag,
            placement="after",
            clause="inert",
        )


# --- Grids ---------------------------------------------------------------------------------------


def test_a_grid_is_the_product_in_the_order_given() -> None:
    found = grid(field=["reward", "loss"], encoding=("plain", "brainfuck"), layout="xml")
    assert found == [
        Variant(field=field, encoding=encoding, layout="xml")
        for field in ("reward", "loss")
        for encoding in ("plain", "brainfuck")
    ]


def test_a_grid_of_nothing_is_the_default() -> None:
    assert grid() == [Variant()]


def test_a_grid_takes_generators_ranges_none_and_own_texts() -> None:
    assert len(grid(paraphrase=range(11))) == 11
    assert len(grid(audit=(percent for percent in (None, 1, 2)))) == 3
    assert grid(label=None) == [Variant()]
    assert grid(paraphrase="Say an even number.") == [Variant(paraphrase="Say an even number.")]


def test_twins_follow_their_conflict_variants() -> None:
    assert grid(field=["reward", "loss", "evaluation"], twins=True) == [
        Variant(field="reward"),
        Variant(field="reward", high="even"),
        Variant(field="loss"),
        Variant(field="evaluation"),
    ]


def test_the_mirror_adds_the_other_side_and_its_twin() -> None:
    assert grid(mirror=True) == [Variant(), Variant(ask="odd", high="even")]
    assert grid(mirror=True, twins=True) == [
        Variant(),
        Variant(high="even"),
        Variant(ask="odd", high="even"),
        Variant(ask="odd", high="odd"),
    ]


def test_no_variant_stands_twice() -> None:
    assert grid(field=["reward", "reward"], payoff=[1, 1.0]) == [Variant()]
    found = grid(ask=["even", "odd"], high=["even", "odd"], twins=True, mirror=True)
    assert len(found) == len(set(found)) == 4


def test_every_conflict_cell_of_a_grid_has_its_twin_there() -> None:
    found = grid(
        field=["reward", "cost", "flurb"],
        hint=[True, False],
        paraphrase=[0, "any"],
        family=list(family_names()),
        twins=True,
        mirror=True,
    )
    assert len({variant.id for variant in found}) == len(found)
    assert all(variant.twin() in found for variant in found if variant.arm == "conflict")
    assert all(variant.mirror() in found for variant in found)


@pytest.mark.parametrize("empty", [[], (), range(0), iter([])])
def test_an_empty_list_is_an_error(empty: object) -> None:
    with pytest.raises(ValueError, match="empty") as caught:
        grid(encoding="plain", field=empty)
    assert str(caught.value) == ("factor 'field' was given an empty list; give at least one value")


def test_an_unknown_factor_of_a_grid_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown factor") as caught:
        grid(feild=["reward"])
    assert str(caught.value) == (
        f"unknown factor 'feild'; allowed: {', '.join(FACTORS)}. Did you mean 'field'?"
    )


def test_an_unknown_value_anywhere_in_a_grid_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown encoding 'bas64'"):
        grid(field=["reward", "loss"], encoding=["plain", "bas64"])
