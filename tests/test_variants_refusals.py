"""What no variant may be: each factor's bad values, with what is allowed and what was meant."""

from __future__ import annotations

from typing import Any

import pytest

from rewardgym.variants import FACTORS, Variant


def _message(**factors: Any) -> str:
    with pytest.raises(ValueError, match=r"^unknown ") as caught:
        Variant(**factors)
    return str(caught.value)


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
