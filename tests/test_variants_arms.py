"""What follows from a variant's factors: the side it favours, its arm, its twin and its mirror."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import assume, given, settings
from rewardgym_variants import variants

from rewardgym.families import family_names, get_family
from rewardgym.variants import FACTORS, Variant

# Polarity and arms


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


# Twin, mirror, replace


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
