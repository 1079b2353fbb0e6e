"""The commands that compare: effects of factors, contrasts of two sides, and their wording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rewardgym_stats import Command, rising_run, rows_of, stats_command

import rewardgym
from rewardgym.metrics.contrasts import contrast
from rewardgym.metrics.factors import factor_effects
from rewardgym.report.stats import contrast_words, p_text, points

command = pytest.fixture(stats_command)
run = pytest.fixture(scope="module")(rising_run)


# Factors


def test_factors_prints_effects_in_points_and_shares_with_bars(command: Command, run: Path) -> None:
    said = command("factors", str(run), "--factors", "field,encoding")
    found = factor_effects(run, ["field", "encoding"])
    (row,) = [row for row in found.effects.to_dict("records") if row["level"] == "base64"]
    assert f"{row['effect']:+.1f} [{row['low']:+.1f}, {row['high']:+.1f}]" in said
    assert "holds at 5%" in said
    share = dict(zip(found.shares["factor"], found.shares["share"], strict=True))["encoding"]
    (line,) = [line for line in said.splitlines() if line.startswith(" encoding  ") and "█" in line]
    assert f"{100 * share:.1f}%" in line
    assert line.count("█") == round(20 * share)


def test_interactions_are_pairs_of_levels(command: Command, run: Path) -> None:
    said = command(
        *("factors", str(run), "--factors", "field,encoding"),
        *("--interactions", "field:encoding"),
    )
    assert "score / base64" in said
    assert "field:encoding" in said


def test_the_shares_can_be_had_as_csv(command: Command, run: Path) -> None:
    rows = rows_of(
        command("factors", str(run), "--table", "shares", "--format", "csv", "--factors", "field")
    )
    assert [row["factor"] for row in rows] == ["field", "(unexplained)"]
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)


# Contrast


def test_a_contrast_is_said_in_words_and_numbers(command: Command, run: Path) -> None:
    said = command("contrast", str(run), "--a", "encoding=plain", "--b", "encoding=base64")
    found = contrast(run, {"encoding": "plain"}, {"encoding": "base64"})
    assert found.difference is not None
    assert f"({found.k1}/{found.n1})" in said
    assert f"({found.k2}/{found.n2})" in said
    assert f"{100 * found.difference:+.1f} [" in said
    assert "score test, p = " in said
    assert "told apart at 5%." in said
    assert "Holm" not in said


def test_a_contrast_that_shows_nothing_is_not_called_equal(command: Command, run: Path) -> None:
    said = command("contrast", str(run), "--a", "field=reward", "--b", "field=score")
    assert "not told apart at 5%, which is not the same as equal." in said


def test_several_contrasts_are_corrected_and_can_be_named(command: Command, run: Path) -> None:
    said = command(
        *("contrast", str(run), "--a", "step=60,encoding=plain", "--b", "step=0,encoding=plain"),
        *("--a", "field=reward", "--b", "field=score", "--a-name", "end", "--b-name", "begin"),
    )
    assert "Holm p" in said
    assert "end " in said
    assert "field=reward" in said


def test_a_filter_can_list_values_and_types_them(command: Command, run: Path) -> None:
    said = command(
        *("contrast", str(run), "--a", "step=40, step=60", "--b", "step=0,step=20"),
        *("--format", "json"),
    )
    (row,) = json.loads(said)
    found = contrast(run, {"step": [40, 60]}, {"step": [0, 20]})
    assert (row["k1"], row["n1"], row["k2"]) == (found.k1, found.n1, found.k2)


def test_an_infinite_odds_ratio_is_valid_json(command: Command, tmp_path: Path) -> None:
    rewardgym.sweep(
        ["scripted:game(1)"], rewardgym.grid(field=["reward"]), n=20, seed=0, out=tmp_path / "x"
    )
    said = command(
        *("contrast", str(tmp_path / "x"), "--a", "arm=conflict", "--b", "arm=agree"),
        *("--format", "json"),
    )
    (row,) = json.loads(said, parse_constant=lambda name: pytest.fail(name))
    assert (row["odds_ratio"], row["odds_high"]) == ("inf", "inf")


def test_flags_and_their_absence_are_values(command: Command, tmp_path: Path) -> None:
    variants = rewardgym.grid(field=["reward"], review=[False, True], audit=[None, 50.0])
    rewardgym.sweep(["scripted:game(0.5)"], variants, n=10, seed=0, out=tmp_path / "x")
    for a, b in (("review=true", "review=False"), ("audit=50", "audit=none")):
        (row,) = rows_of(
            command("contrast", str(tmp_path / "x"), "--a", a, "--b", b, "--format", "csv")
        )
        assert (row["n1"], row["n2"]) == ("20", "20")


def test_a_value_may_hold_commas(command: Command, tmp_path: Path) -> None:
    text = "Pick a number, any number, that is even."
    variants = rewardgym.grid(field=["reward", "score"], paraphrase=[0, text])
    rewardgym.sweep(["scripted:game(0.5)"], variants, n=10, seed=0, out=tmp_path / "x")
    said = command(
        *("contrast", str(tmp_path / "x"), "--a", f"paraphrase={text},field=reward"),
        *("--b", "paraphrase=0,field=reward", "--format", "csv"),
    )
    assert rows_of(said)[0]["n1"] == "10"


# The shown numbers


def test_p_values_are_short_and_never_a_false_nought() -> None:
    assert [p_text(p) for p in (0.0312, 7.64e-05, 1.0, None, float("nan"))] == [
        "0.031",
        "7.6e-05",
        "1.000",
        "–",
        "–",
    ]


def test_points_without_an_interval_stand_alone() -> None:
    nan = float("nan")
    assert points(0.1, 0.05, 0.15) == "+10.0 [+5.0, +15.0]"
    assert points(0.1, nan, nan) == points(0.1, None, None) == "+10.0"
    assert points(nan, nan, nan) == points(None, None, None) == "–"


def test_a_side_without_answers_is_no_comparison() -> None:
    row = dict.fromkeys(("difference", "low", "high", "p_value"), None)
    said = contrast_words({**row, "a": "x", "b": "y", "k1": 0, "n1": 0, "k2": 1, "n2": 4})
    assert said == "x – against y 25.0% (1/4): no answers on one side, so nothing to compare."
