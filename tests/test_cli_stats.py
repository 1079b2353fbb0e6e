"""The commands that judge a run and plan one: what they print, in every form, and what is wrong."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

import rewardgym
from rewardgym import cli_stats
from rewardgym.metrics.contrasts import contrast
from rewardgym.metrics.factors import factor_effects
from rewardgym.metrics.intervals import newcombe
from rewardgym.metrics.onsets import onset
from rewardgym.metrics.planning import n_for_excess, n_for_power, n_for_precision, n_for_trend
from rewardgym.metrics.power import trend_power
from rewardgym.metrics.trends import trend
from rewardgym.prompts import render
from rewardgym.records import Record, RecordStore
from rewardgym.report.budgets import duration
from rewardgym.report.stats import contrast_words, p_text, points
from rewardgym.variants import Variant

Command = Callable[..., str]
STEPS = (0, 20, 40, 60)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """The commands in an app of their own; what is wrong comes out as it was raised."""
    app = typer.Typer(rich_markup_mode=None)
    for name in ("trend", "factors", "contrast", "plan"):
        app.command(help=getattr(cli_stats, f"{name.upper()}_HELP"))(getattr(cli_stats, name))

    def run(*arguments: str) -> str:
        capsys.readouterr()
        app(list(arguments), standalone_mode=False)
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over four steps: 5, 25, 45 and 65% where the hint is plain, 5% in base64."""
    folder = tmp_path_factory.mktemp("runs") / "x"
    variants = rewardgym.grid(
        field=["reward", "score", "cost", "loss"], encoding=["plain", "base64"], twins=True
    )
    rng = np.random.default_rng(np.random.SeedSequence(0))
    with RecordStore(folder, create=True) as store:
        session = store.start_session("2026-01-01T00:00:00+00:00", {})
        for place, step in enumerate(STEPS):
            for variant in variants:
                off = 0.05 + (0.01 * step if variant.encoding == "plain" else 0)
                k = rng.binomial(40, off if variant.arm == "conflict" else 0.05)
                key = f"{step} {variant.id}"
                name = f"checkpoint-{step}"
                cell = store.add_cell(key, name, step, place, variant.id, {})
                prompt = store.add_prompt(render(variant))
                store.add(session, made(cell, prompt, variant, k))
    return folder


def made(cell: int, prompt: int, variant: Variant, k: int) -> list[Record]:
    off: Any = "gamed" if variant.arm == "conflict" else "violated"
    return [
        Record(cell, i, prompt, "7", "stop", 4, "7", "odd", "bare", off if i < k else "complied")
        for i in range(40)
    ]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# Trend


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


def test_a_trend_can_be_of_some_cells_alone(command: Command, run: Path) -> None:
    common = ("trend", str(run), "--by", "encoding", "--table", "trend", "--format", "csv")
    every = rows_of(command(*common))
    (some,) = rows_of(command(*common, "--where", "encoding=base64"))
    assert (some["slope"], some["p"]) == (every[1]["slope"], every[1]["p"])
    early = rows_of(command(*common, "--where", "encoding=plain,step=0,step=20"))
    assert [row["checkpoints"] for row in early] == ["2"]


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


# Plan


def test_a_plan_counts_the_cells_of_a_grid_with_twins(command: Command) -> None:
    said = command(
        *("plan", "--field", "reward,score", "--encoding", "plain,base64", "--checkpoints", "8"),
        *("--half-width", "0.03"),
    )
    n = n_for_precision(0.03)
    assert "cells     64 = 8 variants (4 conflict, 4 agree) x 8 checkpoints" in said
    assert f"{n:,}" in said
    assert f"{64 * n:,}" in said
    without = command("plan", "--field", "reward,score", "--no-twins", "--half-width", "0.03")
    assert "cells     2 = 2 variants (2 conflict) x 1 checkpoint\n" in without


@pytest.mark.parametrize(
    ("arguments", "n"),
    [
        (["--rate", "0.1", "--half-width", "0.03"], lambda: n_for_precision(0.03, 0.1)),
        (["--rate", "0.1", "--against", "0.31"], lambda: n_for_power(0.1, 0.31)),
        (["--excess", "0.1", "--twin", "0.02"], lambda: n_for_excess(0.1, 0.02)),
        (
            ["--steps", "0,20,40", "--start", "0.02", "--end", "0.3", "--power", "0.9"],
            lambda: n_for_trend([0, 20, 40], 0.02, 0.3, 0.9),
        ),
    ],
)
def test_each_goal_has_the_n_that_planning_gives(
    command: Command, arguments: list[str], n: Callable[[], int]
) -> None:
    steps = 3 if "--steps" in arguments else 2
    cells = ["--cells", "12", *([] if steps == 3 else ["--checkpoints", "2"])]
    (row,) = json.loads(command("plan", *cells, *arguments, "--format", "json"))
    assert row["n"] == n()
    assert row["rollouts"] == 12 * steps * row["n"]
    assert (row["tokens"], row["seconds"]) == (None, None)


def test_a_budget_says_what_it_pays_for_and_sees(command: Command) -> None:
    common = ("plan", "--cells", "10", "--twin", "0.02", "--replies-per-second", "5")
    said = command(*common, "--budget-seconds", "400")
    assert "What n = 200 a cell sees (2,000 rollouts, 6.67 min)" in said
    rows = rows_of(command(*common, "--budget-seconds", "400", "--format", "csv"))
    low, high = newcombe(4, 200, 4, 200)
    (half,) = [row for row in rows if "no excess" in row["what"]]
    assert float(half["effect"]) == pytest.approx(float(high - low) / 2)
    assert {row["n"] for row in rows} == {"200"}


def test_what_a_budget_sees_is_what_planning_asks_for_it(command: Command) -> None:
    # The excess that n rollouts just see takes that n again.
    rows = rows_of(
        command("plan", "--cells", "2", "--n", "100", "--twin", "0.02", "--format", "csv")
    )
    # Wilson, 50 of 100: z sqrt(n / 4 + z^2 / 4) / (n + z^2), with z = 1.959964.
    assert float(rows[0]["effect"]) == pytest.approx(0.0961678, abs=1e-6)
    (least,) = [float(row["effect"]) for row in rows if row["what"].startswith("least excess")]
    assert n_for_excess(least, 0.02) <= 100 < n_for_excess(least - 0.01, 0.02)


def test_a_budget_says_the_least_trend_that_it_sees(command: Command) -> None:
    flags = ("--cells", "1", "--n", "50", "--steps", "0,10,20", "--start", "0.1", "--end", "0.5")
    rows = rows_of(command("plan", *flags, "--table", "seen", "--format", "csv"))
    (least,) = [float(row["effect"]) for row in rows if "over the checkpoints" in row["what"]]
    seen = [trend_power([0, 10, 20], 0.1, 0.1 + rise, 50) for rise in (least, least - 0.02)]
    assert seen[1] < 0.8 <= seen[0]


def test_the_smaller_of_two_budgets_decides(command: Command) -> None:
    said = command(
        *("plan", "--cells", "1", "--budget-tokens", "1000", "--tokens-per-reply", "10"),
        *("--budget-seconds", "3", "--replies-per-second", "20"),
    )
    assert "What n = 60 a cell sees (60 rollouts, 600 tokens, 3 s)" in said


def test_the_tokens_of_a_reply_are_read_from_a_run(command: Command, run: Path) -> None:
    said = command("plan", "--cells", "1", "--n", "100", "--measured", str(run))
    assert "4.0 tokens a reply" in said
    assert "400 tokens" in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (40.0, "40 s"), (600.0, "10 min"), (12600.0, "3.5 h"), (181440.0, "2.1 days")],
)
def test_times_are_for_people(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


# What is wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trend", "RUN", "--by", "feild"], "unknown column 'feild'.*Did you mean 'field'"),
        (["trend", "RUN", "--value", "exces"], "unknown value 'exces'.*'excess'"),
        (["trend", "RUN", "--table", "onset"], "unknown table 'onset'; allowed: trend, coherence"),
        (["trend", "RUN", "--level", "95"], "level is 95"),
        (["trend", "RUN", "--method", "exact"], "unknown method 'exact'; allowed: sampled"),
        (["trend", "RUN", "--onset", "10"], "--onset is 10; allowed: a share"),
        (["trend", "RUN", "--where", "field"], "'field' is no filter"),
        (["trend", "RUN", "--where", "feild=x"], "unknown column 'feild'.*'field'"),
        (["factors", "RUN", "--where", "field=loss,arm=conflict"], "no cell has all of 'field=lo"),
        (["trend", "RUN", "--by", "step"], "only step 0 has answers"),
        (["trend", "RUN", "--cluster", "paraphrase"], "1 cluster of 'paraphrase'"),
        (["factors", "RUN", "--factors", "feild"], "unknown factor 'feild'.*'field'"),
        (["factors", "RUN", "--factors", "layout"], "layout has no two levels"),
        (["factors", "RUN", "--interactions", "field"], "expected two factors, such as field:"),
        (["contrast", "RUN"], "0 times --a and 0 times --b"),
        (["contrast", "RUN", "--a", "field=cost"], "1 times --a and 0 times --b"),
        (["contrast", "RUN", "--a", "field", "--b", "field=cost"], "'field' is no filter"),
        (["contrast", "RUN", "--a", "", "--b", "field=cost"], "'' is no filter"),
        (["contrast", "RUN", "--a", "feild=x", "--b", "field=cost"], "column 'feild'.*'field'"),
        (
            ["contrast", "RUN", "--a", "field=scor", "--b", "field=loss"],
            "in this run: 'scor'",
        ),
        (["contrast", "RUN", "--a", "step=7", "--b", "step=0"], "step in this run: '7'; .* 0, 20"),
        (["plan"], "nothing to plan: give --half-width"),
        (["plan", "--n", "0"], "n is 0"),
        (["plan", "--cells", "0", "--n", "1"], "--cells is 0"),
        (["plan", "--checkpoints", "0", "--n", "1"], "--checkpoints is 0"),
        (["plan", "--cells", "2", "--field", "cost", "--n", "1"], "give one of the two"),
        (["plan", "--against", "0.3"], "--against 0.3 needs --rate"),
        (["plan", "--rate", "0.3", "--against", "0.3"], "both rates are 0.3"),
        (["plan", "--half-width", "3"], "half_width is 3"),
        (["plan", "--excess", "0.1", "--power", "80"], "power is 80"),
        (["plan", "--steps", "0,20"], "give both steps and end"),
        (["plan", "--steps", "0,x", "--end", "0.3"], "--steps is '0,x'"),
        (["plan", "--steps", "5,5", "--end", "0.3"], "two different ones"),
        (["plan", "--steps", "0,5", "--end", "0.3", "--checkpoints", "3"], "has 2 and --checkpo"),
        (["plan", "--budget-tokens", "9"], "needs --tokens-per-reply, or --measured RUN"),
        (["plan", "--budget-seconds", "9"], "needs --replies-per-second"),
        (["plan", "--n", "9", "--budget-tokens", "9"], "give one of them"),
        (
            ["plan", "--budget-tokens", "9", "--tokens-per-reply", "9"],
            "does not pay for one rollout in each of 2 cells",
        ),
        (["plan", "--n", "9", "--tokens-per-reply", "0"], "a measured rate is 0"),
        (["plan", "--field", "rewrd", "--n", "1"], "unknown field 'rewrd'"),
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_told_with_the_way_on(
    command: Command, run: Path, arguments: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as error:
        command(*(str(run) if part == "RUN" else part for part in arguments))
    assert len(str(error.value).splitlines()) == 1


def test_a_single_checkpoint_and_a_missing_step_are_told(command: Command, tmp_path: Path) -> None:
    variants = rewardgym.grid(field=["reward"])
    rewardgym.sweep(["scripted:game(0.5)"], variants, n=5, seed=0, out=tmp_path / "x")
    with pytest.raises(ValueError, match="no step for scripted:game"):
        command("trend", str(tmp_path / "x"))


def test_a_run_of_two_methods_asks_for_one(command: Command, run: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    both.mkdir()
    (both / "run.sqlite").write_bytes((run / "run.sqlite").read_bytes())
    with RecordStore(both) as store:
        variant = Variant()
        store.add_cell("exact", "checkpoint-0", 0, 0, variant.id, {"method": "exact"})
    for name in ("trend", "factors"):
        with pytest.raises(ValueError, match=r"sampled and exact rows .* --method sampled"):
            command(name, str(both))
    one = command("trend", str(both), "--method", "sampled", "--format", "csv")
    assert one == command("trend", str(run), "--format", "csv")


def test_a_run_without_replies_has_no_tokens_to_measure(command: Command, tmp_path: Path) -> None:
    RecordStore(tmp_path / "x", create=True).close()
    with pytest.raises(ValueError, match="no reply has its tokens counted; give --tokens-per"):
        command("plan", "--n", "1", "--measured", str(tmp_path / "x"))


def test_every_help_shows_examples() -> None:
    for name in ("TREND", "FACTORS", "CONTRAST", "PLAN"):
        text = getattr(cli_stats, f"{name}_HELP")
        assert f"\n  rewardgym {name.lower()} " in text
