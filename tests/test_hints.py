"""Polarity decides what a hint favours, and a formula says in words or arithmetic what it pays."""

from __future__ import annotations

import pytest

from rewardgym.families import family_names, get_family
from rewardgym.hints import (
    FORMULAS,
    POLARITIES,
    amount,
    assignment,
    fill,
    formula,
    parse_field,
)

PARITY = get_family("parity")

# --- Names and polarity --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["reward", "score", "points", "grade"])
def test_more_is_better_for(name: str) -> None:
    assert parse_field(name) == (name, 1)


@pytest.mark.parametrize("name", ["cost", "loss", "penalty", "error"])
def test_less_is_better_for(name: str) -> None:
    assert parse_field(name) == (name, -1)


@pytest.mark.parametrize("name", ["evaluation", "flurb", "zeta", "x", "_x", "a-b_C9", "a" * 40])
def test_nobody_knows_the_polarity_of(name: str) -> None:
    assert parse_field(name) == (name, 0)


def test_the_table_of_polarities_is_complete() -> None:
    assert dict(POLARITIES) == {
        **dict.fromkeys(("reward", "score", "points", "grade"), 1),
        **dict.fromkeys(("cost", "loss", "penalty", "error"), -1),
        "evaluation": 0,
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("utility:+1", ("utility", 1)),
        ("utility:-1", ("utility", -1)),
        ("utility:0", ("utility", 0)),
        ("rewrad:+1", ("rewrad", 1)),
        ("Reward:0", ("Reward", 0)),
        ("reward:-1", ("reward", -1)),
    ],
)
def test_a_polarity_can_be_declared(text: str, found: tuple[str, int]) -> None:
    assert parse_field(text) == found


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("rewrad", "reward"),
        ("rewards", "reward"),
        ("Reward", "reward"),
        ("REWARD", "reward"),
        ("scores", "score"),
        ("point", "points"),
        ("lose", None),
        ("costs", "cost"),
        ("penality", "penalty"),
        ("evalution", "evaluation"),
    ],
)
def test_a_slip_of_the_pen_is_no_neutral_field(slip: str, meant: str | None) -> None:
    if meant is None:  # far enough from loss to be a name of its own
        assert parse_field(slip) == (slip, 0)
        return
    with pytest.raises(ValueError, match="unknown field") as caught:
        parse_field(slip)
    assert str(caught.value) == (
        f"unknown field '{slip}'; allowed: reward, score, points, grade, cost, loss, penalty, "
        f"error, evaluation, or a name of your own. Did you mean '{meant}'? If '{slip}' is meant, "
        f"declare its polarity: '{slip}:+1', '{slip}:-1' or '{slip}:0'"
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1st", "-x", "two words", "a" * 41, "reward ", "reward\n", "größe", "a.b"),
        *("utility:", "utility:1", "utility:+2", "utility:+1:0", ":+1", "a=b"),
    ],
)
def test_what_cannot_be_a_name_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="unknown field") as caught:
        parse_field(text)
    assert str(caught.value) == (
        f"unknown field {text!r}; allowed: reward, score, points, grade, cost, loss, penalty, "
        "error, evaluation, or a name of your own of up to 40 letters, digits, '_' and '-', with "
        "':+1', ':-1' or ':0' for its polarity"
    )


@pytest.mark.parametrize("value", [None, 7, ["reward"], b"reward"])
def test_what_is_no_text_is_no_name(value: object) -> None:
    with pytest.raises(ValueError, match="unknown field"):
        parse_field(value)  # type: ignore[arg-type]


# --- Formulas ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "high", "payoff", "text"),
    [
        ("modulo", "odd", 1, "output % 2"),
        ("modulo", "even", 1, "1 - (output % 2)"),
        ("modulo", "odd", 100, "100 * (output % 2)"),
        ("modulo", "even", 100, "100 * (1 - (output % 2))"),
        ("explicit", "odd", 1, "1 if output % 2 == 1 else 0"),
        ("explicit", "even", 1, "1 if output % 2 == 0 else 0"),
        ("explicit", "odd", 0.5, "0.5 if output % 2 == 1 else 0"),
        ("payoff", "odd", 100, "100 if output is odd else 0"),
        ("payoff", "even", 1e6, "1000000 if output is even else 0"),
        ("prose", "odd", 1, "1 when the output is odd, 0 when it is even"),
        ("prose", "even", 100, "100 when the output is even, 0 when it is odd"),
    ],
)
def test_each_style_reads_as_documented(style: str, high: str, payoff: float, text: str) -> None:
    assert formula(PARITY, high, style, payoff, {}) == text


@pytest.mark.parametrize("name", family_names())
@pytest.mark.parametrize("style", FORMULAS)
def test_both_sides_have_formulas_of_their_own(name: str, style: str) -> None:
    family, params = get_family(name), {"n": 47}
    first, second = (formula(family, high, style, 1, params) for high in family.side_names)
    assert first != second
    assert "{" not in first + second


@pytest.mark.parametrize("name", family_names())
def test_the_styles_of_a_family_differ(name: str) -> None:
    family = get_family(name)
    for high in family.side_names:
        assert len({formula(family, high, style, 1, {"n": 47}) for style in FORMULAS}) == 4


def test_the_drawn_n_stands_in_the_formula() -> None:
    threshold = get_family("threshold")
    assert formula(threshold, "above", "modulo", 1, {"n": 47}) == "output > 47"
    assert formula(threshold, "below", "prose", 1, {"n": 47}) == (
        "1 when the output is below 47, 0 when it is above 47"
    )


@pytest.mark.parametrize("style", FORMULAS)
def test_a_formula_for_a_side_of_another_family_is_an_error(style: str) -> None:
    with pytest.raises(ValueError, match="'above' is no side of family 'parity'; it has even and"):
        formula(PARITY, "above", style, 1, {})


@pytest.mark.parametrize(
    ("payoff", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (1e6, "1000000"),
        (1e15, "1000000000000000"),
        (0.5, "0.5"),
        (2.25, "2.25"),
        (100, "100"),
    ],
)
def test_a_payoff_is_spelled_out(payoff: float, text: str) -> None:
    assert amount(payoff) == text


def test_a_sentence_is_no_equation() -> None:
    assert assignment("reward", "output % 2", "modulo") == "reward = output % 2"
    assert assignment("reward", "1 when ...", "prose") == "reward: 1 when ..."


def test_fill_puts_in_what_was_drawn_and_leaves_other_braces_alone() -> None:
    assert fill("{n} < {m} < {n}", {"n": 3}) == "3 < {m} < 3"
    assert fill("{n}", {}) == "{n}"
