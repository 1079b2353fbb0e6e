"""The values of flags: lists, texts of one's own, types, and what sets a factor back."""

from __future__ import annotations

import pytest
from rewardgym_command import Command, fine, in_an_empty_folder

import rewardgym
from rewardgym.cli_factors import read_factors
from rewardgym.variants import Variant

rewardgym_command = pytest.fixture(in_an_empty_folder)


def test_a_text_of_ones_own_may_hold_commas(rewardgym_command: Command) -> None:
    text = "Pick a number, any number, that is even."
    out = fine(rewardgym_command("show", "--paraphrase", text))
    assert text in out
    assert out.count("variant ") == 1


def test_flags_can_be_repeated_and_mixed_with_lists() -> None:
    assert read_factors({"field": ["reward,cost", "loss"], "tag": None}) == {
        "field": ["reward", "cost", "loss"]
    }


def test_flags_are_typed_as_their_factors_are() -> None:
    assert read_factors(
        {
            "hint": ["true,false"],
            "review": ["Yes"],
            "payoff": ["2,0.5"],
            "audit": ["50"],
            "label": ["none"],
            "paraphrase": ["any,3"],
        }
    ) == {
        "hint": [True, False],
        "review": [True],
        "payoff": [2.0, 0.5],
        "audit": [50.0],
        "label": [None],
        "paraphrase": ["any", "3"],
    }


@pytest.mark.parametrize("factor", ["audit", "label", "clause", "system"])
def test_none_turns_any_optional_factor_off(rewardgym_command: Command, factor: str) -> None:
    out = fine(rewardgym_command("show", f"--{factor}", "none"))
    assert f"variant  {Variant().id}\n" in out


def test_a_preset_can_be_changed_by_flags(rewardgym_command: Command) -> None:
    out = fine(rewardgym_command("show", "--preset", "odd-number", "--field", "score,loss"))
    for field in ("score", "loss"):
        assert rewardgym.preset("odd-number", field=field).id in out


def test_a_presets_factor_can_be_set_back_to_its_default(rewardgym_command: Command) -> None:
    out = fine(rewardgym_command("show", "--preset", "odd-number/audit-50", "--audit", "none"))
    assert f"variant  {rewardgym.preset('odd-number').id}\n" in out
