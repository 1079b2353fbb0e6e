"""The command that tells a trend: slopes, onsets and coherence, as a table, CSV and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rewardgym_stats import STEPS, Command, rising_run, rows_of, stats_command

from rewardgym.metrics.onsets import onset
from rewardgym.metrics.trends import trend

command = pytest.fixture(stats_command)
run = pytest.fixture(scope="module")(rising_run)


def test_trend_prints_slopes_p_values_and_their_correction(command: Command, run: Path) -> None:
    said = command("trend", str(run), "--by", "encoding")
    table = trend(run, "encoding")
    for row in table.to_dict("records"):
        assert f"{row['slope']:+.1f} [{row['low']:+.1f}, {row['high']:+.1f}]" in said
        assert f"{row['k']:.0f}/{row['n']:.0f}" in said
    assert "points per 100 steps [95%]" in said
    assert " q " in said
    assert "Onset" not in said


def test_a_trend_of_one_group_has_nothing_to_correct(command: Command, run: Path) -> None:
    assert " q " not in command("trend", str(run))


def test_the_excess_comes_with_onsets_in_words(command: Command, run: Path) -> None:
    said = command("trend", str(run), "--by", "encoding", "--value", "excess", "--onset", "0.15")
    plain, base64 = onset(run, 0.15, "encoding")
    assert plain.step is not None
    assert base64.step is None
    assert f"step {plain.step:g}" in said
    assert "no onset" in said
    assert "after 60" in said
    assert "excess gaming is 15.0% or more" in said


def test_an_onset_can_be_asked_for_beside_the_rate(command: Command, run: Path) -> None:
    assert "Onset" in command("trend", str(run), "--onset", "0.2")


def test_coherence_stands_below_where_fields_of_both_signs_are(command: Command, run: Path) -> None:
    said = command("trend", str(run), "--by", "field")
    assert "Semantic coherence" in said
    assert said.count("clustered by field") == len(STEPS)
    assert "Semantic" not in command("trend", str(run), "--by", "field", "--table", "trend")


def test_each_table_of_a_trend_can_be_had_as_csv(command: Command, run: Path) -> None:
    common = ("trend", str(run), "--by", "encoding", "--value", "excess", "--format", "csv")
    trends = rows_of(command(*common))
    onsets = rows_of(command(*common, "--table", "onset"))
    coherence = rows_of(command(*common, "--table", "coherence"))
    assert [row["encoding"] for row in trends] == ["plain", "base64"]
    assert float(trends[0]["slope"]) == pytest.approx(
        trend(run, "encoding", value="excess")["slope"][0]
    )
    assert [row["step"] for row in onsets][1] == ""
    assert len(coherence) == 2 * len(STEPS)
    assert [row["encoding"] for row in coherence] == ["plain"] * 4 + ["base64"] * 4


def test_json_holds_all_tables_and_null_for_what_is_missing(command: Command, run: Path) -> None:
    said = json.loads(
        command("trend", str(run), "--by", "encoding", "--value", "excess", "--format", "json")
    )
    assert list(said) == ["trend", "onset", "coherence"]
    assert said["onset"][1]["step"] is None
    assert said["trend"][0]["armitage_p"] is None


def test_a_trend_can_be_of_some_cells_alone(command: Command, run: Path) -> None:
    common = ("trend", str(run), "--by", "encoding", "--table", "trend", "--format", "csv")
    every = rows_of(command(*common))
    (some,) = rows_of(command(*common, "--where", "encoding=base64"))
    assert (some["slope"], some["p"]) == (every[1]["slope"], every[1]["p"])
    early = rows_of(command(*common, "--where", "encoding=plain,step=0,step=20"))
    assert [row["checkpoints"] for row in early] == ["2"]
