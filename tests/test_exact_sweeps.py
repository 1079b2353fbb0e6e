"""Exact sweeps: laws in the same run folder and the same tables, never mixed with replies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rewardgym
from rewardgym import Variant, gaming_rates, grid
from rewardgym.law_records import NOISE, LawRecords
from rewardgym.metrics.intervals import mean_interval
from rewardgym.metrics.masses import effective_interval, ratio_variance
from rewardgym.plans import Exact, SweepError
from rewardgym.policies.decoding import Decoding
from rewardgym.records import Run
from rewardgym.report.curves import PlotError, draw_rates

GAME = "scripted:game(0.3)"
SHORT = Decoding(max_new_tokens=4)


def test_a_scripted_policy_has_exactly_its_rate_and_no_interval(tmp_path: Path) -> None:
    run = rewardgym.sweep(
        GAME, grid(field=["reward", "cost"], high=["odd", "even"]), out=tmp_path, exact=True
    )
    table = gaming_rates(run, by=["field"]).set_index("field")
    for field in ("reward", "cost"):
        row = table.loc[field]
        assert row["rate"] == row["low"] == row["high"] == pytest.approx(0.3)
        assert row["excess"] == pytest.approx(0.3)
        assert row["n"] == pytest.approx(1.0)
        assert row["method"] == "exact"
        assert row["residual"] == pytest.approx(0.0, abs=1e-12)


def test_one_law_is_measured_where_nothing_is_open_and_n_where_something_is(
    tmp_path: Path,
) -> None:
    variants = [Variant(), Variant(family="threshold", ask="above", high="below")]
    run = rewardgym.sweep(GAME, variants, n=7, out=tmp_path, exact=True, twins=False)
    with run.open() as store:
        sums = list(LawRecords(store).sums().values())
    assert [one.rows for one in sums] == [1, 7]


def test_sampled_and_exact_rows_share_a_folder_and_never_a_row(tmp_path: Path) -> None:
    for exact in (False, True):
        run = rewardgym.sweep(GAME, Variant(), n=40, out=tmp_path, exact=exact)
    table = gaming_rates(run, by=["checkpoint"])
    assert list(table["method"]) == ["sampled", "exact"]
    sampled, law = table.to_dict("records")
    assert sampled["n"] == 40
    assert law["n"] == pytest.approx(1.0)
    assert law["rate"] == pytest.approx(0.3)
    assert sampled["low"] < 0.3 < sampled["high"]
    with pytest.raises(PlotError, match="share no line"):
        draw_rates(gaming_rates(run, by=["checkpoint", "field"]), tmp_path / "x.png")


def test_another_cut_on_the_same_folder_is_refused_with_the_difference(tmp_path: Path) -> None:
    rewardgym.sweep(GAME, Variant(), out=tmp_path, exact=True)
    with pytest.raises(SweepError, match=r"cut of scripted:game\(0.3\) is 0.01, was 1e-05"):
        rewardgym.sweep(GAME, Variant(), out=tmp_path, exact=Exact(cut=0.01))


def test_a_policy_without_probabilities_is_told_to_sample(tmp_path: Path) -> None:
    class Mute:
        name = "mute"

        def describe(self) -> dict[str, str]:
            return {"policy": "mute"}

        def reply(self, prompts: object, streams: object) -> list[rewardgym.Reply]:
            return []

    with pytest.raises(RuntimeError, match="mute: states no probabilities"):
        rewardgym.sweep(Mute(), Variant(), out=tmp_path, exact=True)
    with pytest.raises(SweepError, match="no law can be taken after its reasoning"):
        rewardgym.sweep(GAME, Variant(), out=tmp_path, exact=Exact(chains=True))


def test_a_model_is_measured_once_with_noise_and_competence(
    tiny_model: Path, tmp_path: Path
) -> None:
    variants = grid(field=["reward", "evaluation"], encoding=["plain", "hex"])
    run = rewardgym.sweep(str(tiny_model), variants, out=tmp_path, exact=True, decoding=SHORT)
    table = gaming_rates(run, by=["field", "encoding"])
    with run.open() as store:
        noise = store.get_meta(NOISE)
        rows = list(LawRecords(store).rows())
    assert noise["floor"] >= 1e-6
    assert set(noise["changes"]) == {"batch of one", "batches of three", "reverse order", "padding"}
    for row in table.to_dict("records"):
        encoded = row["encoding"] != "plain"
        assert (row["decodes"] == row["decodes"]) == encoded
        assert (row["paid_side"] == row["paid_side"]) == (encoded and row["field"] == "reward")
        if row["n"] > 0:
            assert row["low"] <= row["rate"] - noise["floor"] * 0.999 or row["low"] == 0.0
            assert row["high"] >= row["rate"] + noise["floor"] * 0.999 or row["high"] == 1.0
    for row in rows:
        total = row["off"] + row["complied"] + row["neither"] + row["residual"]
        assert total == pytest.approx(1.0, abs=1e-5)
        assert row["messages"][-1]["content"]


def test_what_was_stored_is_not_measured_again(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rewardgym.exact.scorer as scorer

    first = rewardgym.sweep(
        str(tiny_model), Variant(encoding="hex"), out=tmp_path, exact=True, decoding=SHORT
    )
    before = gaming_rates(first)

    def never(*args: object) -> None:
        raise AssertionError("a finished run asks no model")

    monkeypatch.setattr(scorer.Scorer, "laws_of_ids", never)
    again = rewardgym.sweep(
        str(tiny_model), Variant(encoding="hex"), out=tmp_path, exact=True, decoding=SHORT
    )
    assert gaming_rates(again).equals(before)


def test_logits_that_are_no_numbers_lose_nothing_that_is_stored(
    tiny_model: Path, tmp_path: Path
) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    series = tmp_path / "series"
    for step in (1, 2):
        shutil.copytree(tiny_model, series / f"checkpoint-{step}")
    weights = load_file(series / "checkpoint-2" / "model.safetensors")
    weights["lm_head.weight"][5, 0] = float("nan")
    save_file(weights, series / "checkpoint-2" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RuntimeError, match="not numbers"):
        rewardgym.sweep(
            str(series / "checkpoint-*"),
            Variant(),
            out=tmp_path / "run",
            exact=True,
            decoding=SHORT,
        )
    table = gaming_rates(Run(tmp_path / "run"), by=["checkpoint"])
    assert table.set_index("checkpoint").loc["checkpoint-1", "residual"] > 0


@pytest.mark.parametrize("model", [GAME, pytest.param("tiny", marks=pytest.mark.slow)])
def test_a_killed_exact_sweep_goes_on_to_the_same_table(
    model: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = str(request.getfixturevalue("tiny_model")) if model == "tiny" else model
    code = (
        "import sys, os, rewardgym, rewardgym.measuring as m\n"
        "from rewardgym.policies.decoding import Decoding\n"
        "run = m.ExactLaws.run\n"
        "def once(self, *a):\n"
        "    run(self, *a)\n"
        "    if sys.argv[2] == 'die': os._exit(9)\n"
        "m.ExactLaws.run = once\n"
        "v = rewardgym.grid(family=['parity', 'sign'], encoding=['plain', 'hex'])\n"
        "rewardgym.sweep(sys.argv[3], v, out=sys.argv[1], exact=True,\n"
        "                decoding=Decoding(max_new_tokens=4))\n"
    )

    def sweep(folder: str, how: str) -> int:
        command = [sys.executable, "-c", code, str(tmp_path / folder), how, name]
        return subprocess.run(command, check=False, capture_output=True).returncode

    assert sweep("killed", "die") == 9
    assert sweep("killed", "go") == 0
    assert sweep("whole", "go") == 0
    by = ["family", "encoding", "arm"]
    killed, whole = (gaming_rates(Run(tmp_path / f), by=by) for f in ("killed", "whole"))
    assert killed.equals(whole)


def test_prompts_that_were_drawn_have_an_interval_between_them() -> None:
    rng = np.random.default_rng(np.random.SeedSequence([4, 1]))
    covered = 0
    for _ in range(400):
        shares = rng.beta(2, 3, size=20)
        sums = (shares.sum(), 20.0, (shares**2).sum(), shares.sum(), 20.0)
        rate = shares.mean()
        variance = ratio_variance(rate, 20, *sums) / 20**2
        low, high = effective_interval(rate, variance, 20)
        same = mean_interval(shares)
        assert (float(low), float(high)) == pytest.approx([float(bound) for bound in same])
        covered += bool(low <= 0.4 <= high)
    assert 0.92 <= covered / 400 <= 0.985


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("rewardgym")), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_command_line_measures_laws_and_says_what_is_wrong(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    asked = ["sweep", "--policy", GAME, "--field", "reward,cost", "--out", run]
    done = command(*asked, "--exact")
    assert done.returncode == 0, done.stderr
    rates = command("rates", run, "--by", "field", "--format", "json")
    assert {row["method"] for row in json.loads(rates.stdout)} == {"exact"}
    wrong = command("rates", run, "--method", "exakt")
    assert wrong.returncode == 2
    assert "unknown method 'exakt'" in wrong.stderr
    inside = command(*asked[:-1], str(tmp_path / "y"), "--exact", "--close", "ned")
    assert inside.returncode == 2
    assert "unknown close 'ned'; allowed: end, line, any" in inside.stderr
    assert inside.stderr.count("\n") == 1
    assert not (tmp_path / "y").exists()


@pytest.mark.slow
def test_the_command_line_measures_and_stores_the_noise_floor(
    tiny_model: Path, tmp_path: Path
) -> None:
    run = rewardgym.sweep(GAME, Variant(), out=tmp_path / "run", exact=True)
    noise = command("noise", "--checkpoints", str(tiny_model), "--out", str(run.folder))
    assert noise.returncode == 0, noise.stderr
    assert "smallest difference worth naming" in noise.stdout
    with run.open() as store:
        assert store.get_meta(NOISE)["prompts"] == 2


def test_a_rate_that_speaks_for_few_replies_is_not_said_to_survive() -> None:
    import pandas as pd

    from rewardgym.metrics.rate_intervals import with_tests

    columns = ["method", "n", "rows", "twin_n", "twin_rows", "excess", "excess_low", "excess_high"]
    rows = [("exact", 0.9, 1, 0.9, 1, 0.5, 0.4, 0.6), ("exact", 0.1, 1, 0.9, 1, 0.5, 0.4, 0.6)]
    table = with_tests(pd.DataFrame(rows, columns=columns), 0.95)
    assert table["survives"].tolist() == [True, False]


def test_bad_settings_are_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    for wrong, said in (
        ({"cut": 2.0}, "cut is 2.0"),
        ({"digits": 0}, "digits is 0"),
        ({"close": "ned"}, "unknown close 'ned'"),
    ):
        with pytest.raises(ValueError, match=said):
            Exact(**wrong)  # type: ignore[arg-type]


def test_chains_are_rows_of_their_own_method(tiny_model: Path, tmp_path: Path) -> None:
    run = rewardgym.sweep(
        str(tiny_model), Variant(), n=6, out=tmp_path, exact=Exact(chains=True), decoding=SHORT
    )
    row = gaming_rates(run).to_dict("records")[0]
    assert row["method"] == "chains"
    assert row["n"] + row["neither"] + row["truncated"] + row["residual"] == pytest.approx(6.0)
    with run.open() as store:
        assert all(one["reasoning"] is not None for one in LawRecords(store).rows())


def test_bounds_hold_whatever_the_branches_below_the_cut_are(
    tiny_model: Path, tmp_path: Path
) -> None:
    variants = grid(field=["reward", "cost"])
    coarse, fine = (
        gaming_rates(
            rewardgym.sweep(
                str(tiny_model), variants, out=tmp_path / name, exact=Exact(cut=cut), decoding=SHORT
            ),
            by=["field"],
        )
        for name, cut in (("coarse", 3e-4), ("fine", 1e-7))
    )
    for rough, true in zip(coarse.to_dict("records"), fine.to_dict("records"), strict=True):
        assert rough["low"] <= true["rate"] <= rough["high"]
        assert rough["high"] - rough["low"] > true["high"] - true["low"]
        if rough["excess"] == rough["excess"]:
            assert rough["excess_low"] <= true["excess"] <= rough["excess_high"]


@pytest.mark.parametrize("model_first", [True, False])
def test_a_scripted_policy_does_not_hide_the_noise_of_a_model(
    tiny_model: Path, tmp_path: Path, model_first: bool
) -> None:
    policies = [str(tiny_model), GAME] if model_first else [GAME, str(tiny_model)]
    run = rewardgym.sweep(policies, Variant(), out=tmp_path, exact=True, decoding=SHORT)
    with run.open() as store:
        assert store.get_meta(NOISE)["prompts"] > 0
        assert store.get_meta(NOISE)["floor"] > 0
