"""Grids of variants: products in the order given, with twins and mirrors, and nothing twice."""

from __future__ import annotations

import pytest

from rewardgym.families import family_names
from rewardgym.variants import FACTORS, Variant, grid


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


def test_a_set_of_values_is_refused_since_it_has_no_order() -> None:
    with pytest.raises(ValueError, match="a set, which has no order; give a list"):
        grid(field={"reward", "loss"})


def test_an_unknown_factor_of_a_grid_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown factor") as caught:
        grid(feild=["reward"])
    assert str(caught.value) == (
        f"unknown factor 'feild'; allowed: {', '.join(FACTORS)}. Did you mean 'field'?"
    )


def test_an_unknown_value_anywhere_in_a_grid_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown encoding 'bas64'"):
        grid(field=["reward", "loss"], encoding=["plain", "bas64"])
