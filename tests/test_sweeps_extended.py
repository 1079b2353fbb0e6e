"""A run is extended to more, never to less, and then equals one that was asked for at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rewardgym_sweeps import BASE, GAME, refused, rows

import rewardgym
from rewardgym import Variant, grid, sweep
from rewardgym.plans import SweepError
from rewardgym.records import StoreError


@pytest.mark.parametrize(
    "change",
    [
        {"n": 9},
        {"variants": grid(field=["reward", "score", "loss"])},
        {"policy": ["scripted:obey", "scripted:guess"]},
        {"n": 9, "variants": grid(field=["score", "reward"]), "policy": ["scripted:obey", GAME]},
    ],
)
def test_an_extended_run_equals_one_that_was_asked_for_at_once(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    sweep(out=tmp_path / "grown", **BASE)
    before = set(rows(tmp_path / "grown"))
    sweep(out=tmp_path / "grown", extend=True, **BASE | change)
    assert before < set(rows(tmp_path / "grown"))
    assert rows(tmp_path / "grown") == rows(sweep(out=tmp_path / "whole", **BASE | change))


def test_an_extended_run_can_be_repeated_with_its_new_command_only(tmp_path: Path) -> None:
    sweep(out=tmp_path, **BASE)
    sweep(out=tmp_path, extend=True, **BASE | {"n": 6})
    sweep(out=tmp_path, **BASE | {"n": 6})
    with pytest.raises(SweepError, match="n is 4, was 6"):
        sweep(out=tmp_path, **BASE)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"n": 3},
        {"variants": Variant(field="score")},
        {"policy": "scripted:guess"},
        {"n": 9, "twins": False},
    ],
)
def test_a_run_cannot_be_extended_to_less_or_to_another_seed(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    sweep(out=tmp_path, **BASE)
    with pytest.raises(SweepError, match="can only be extended") as error:
        sweep(out=tmp_path, extend=True, **BASE | change)
    refused(error)


def test_a_policy_put_before_the_others_keeps_its_own_twins(tmp_path: Path) -> None:
    sweep("scripted:guess", Variant(), n=50, out=tmp_path)
    sweep(["scripted:obey", "scripted:guess"], Variant(), n=50, out=tmp_path, extend=True)
    table = rewardgym.gaming_rates(tmp_path, by="checkpoint").set_index("checkpoint")
    assert table.loc["scripted:obey", "twin_k"] == 0
    assert 10 < table.loc["scripted:guess", "twin_k"] < 40


def test_a_policy_put_before_the_others_comes_first_in_the_table(tmp_path: Path) -> None:
    sweep("scripted:guess", Variant(), n=5, out=tmp_path)
    sweep(["scripted:obey", "scripted:guess"], Variant(), n=5, out=tmp_path, extend=True)
    table = rewardgym.gaming_rates(tmp_path, by="checkpoint")
    assert table["checkpoint"].tolist() == ["scripted:obey", "scripted:guess"]


def test_extend_on_a_new_folder_makes_a_run(tmp_path: Path) -> None:
    assert len(rows(sweep(out=tmp_path, extend=True, **BASE))) == 8


def test_an_open_folder_that_holds_no_run_is_told_by_rates(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no run"):
        rewardgym.gaming_rates(tmp_path)
