"""The command line: every documented command does what the documents say."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rewardgym_command import GAME, Command, fine, in_an_empty_folder

import rewardgym
from rewardgym.cli_factors import HELP
from rewardgym.outcomes import OTHERS
from rewardgym.records import RecordStore
from rewardgym.variants import FACTORS, Variant

rewardgym_command = pytest.fixture(in_an_empty_folder)


def test_show_prints_the_prompt_the_hint_what_it_favours_and_the_arm(
    rewardgym_command: Command,
) -> None:
    out = fine(rewardgym_command("show", "--field", "score", "--encoding", "brainfuck"))
    prompt = rewardgym.render(Variant(field="score", encoding="brainfuck"))
    assert prompt.text in out
    assert "hint     score = output % 2\n" in out
    assert "favours  odd\n" in out
    assert "asked    even\n" in out
    assert "arm      conflict\n" in out
    assert f"sha256   {prompt.sha256}\n" in out


def test_show_prints_every_variant_of_a_comma_list(rewardgym_command: Command) -> None:
    out = fine(rewardgym_command("show", "--field", "score,cost", "--encoding", "plain,hex"))
    shown = [line.split()[1] for line in out.splitlines() if line.startswith("variant")]
    assert shown == [
        v.id for v in rewardgym.grid(field=["score", "cost"], encoding=["plain", "hex"])
    ]


def test_show_prints_what_is_published(rewardgym_command: Command) -> None:
    out = fine(rewardgym_command("show", "--preset", "odd-number/label-hacking-eval"))
    assert rewardgym.render(rewardgym.preset("odd-number/label-hacking-eval")).text in out


def test_show_says_what_there_is_to_say_without_a_hint(rewardgym_command: Command) -> None:
    out = fine(rewardgym_command("show", "--hint", "false"))
    assert "hint     none\nfavours  neither side\n" in out
    assert "arm      none" in out


def test_a_seed_draws_what_a_variant_leaves_open(rewardgym_command: Command) -> None:
    outs = [
        fine(rewardgym_command("show", "--family", "threshold", "--seed", seed))
        for seed in ("1", "1", "2")
    ]
    assert outs[0] == outs[1] != outs[2]


def test_sweep_and_rates_do_the_documented_job(rewardgym_command: Command) -> None:
    out = fine(
        rewardgym_command(
            *("sweep", "--policy", GAME, "--field", "reward,cost", "--encoding", "plain,base64"),
            *("--n", "50", "--seed", "0", "--out", "runs/x"),
        )
    )
    assert "rollouts  300 = 1 x 6 x 50, seed 0" in out
    assert "next: rewardgym rates runs/x" in out
    text = fine(rewardgym_command("rates", "runs/x", "--by", "checkpoint,field,arm"))
    table = rewardgym.gaming_rates("runs/x", ["checkpoint", "field", "arm"])
    for row in table.to_dict("records"):
        assert f"{row['k']}/{row['n']}" in text
    assert "scripted:game(0.3)" in text
    assert "conflict" in text
    assert "agree" in text


def test_two_policies_are_asked_in_one_sweep(rewardgym_command: Command) -> None:
    fine(rewardgym_command("sweep", "--policy", GAME, "--policy", "scripted:obey", "--out", "x"))
    assert (
        len(
            fine(
                rewardgym_command("rates", "x", "--by", "checkpoint", "--format", "csv")
            ).splitlines()
        )
        == 3
    )


def test_a_repeated_sweep_says_done_and_asks_nothing(rewardgym_command: Command) -> None:
    arguments = ("sweep", "--policy", GAME, "--n", "5", "--out", "x")
    assert fine(rewardgym_command(*arguments)) == fine(rewardgym_command(*arguments))
    with RecordStore("x") as store:
        assert len(store.sessions()) == 1


def test_a_run_is_extended_only_when_told_to(rewardgym_command: Command) -> None:
    sweep = ("sweep", "--policy", GAME, "--out", "x", "--n")
    fine(rewardgym_command(*sweep, "5"))
    said = rewardgym_command(*sweep, "8")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert "n is 8, was 5" in said.err
    fine(rewardgym_command(*sweep, "8", "--extend"))
    assert ",8," in fine(rewardgym_command("rates", "x", "--format", "csv"))


def test_twins_can_be_left_out_and_sides_mirrored(rewardgym_command: Command) -> None:
    common = ("sweep", "--policy", GAME, "--n", "1", "--dry-run")
    assert "variants  1: 1 conflict" in fine(rewardgym_command(*common, "--no-twins", "--out", "a"))
    out = fine(rewardgym_command(*common, "--mirror", "--out", "b"))
    assert "variants  4: 2 conflict, 2 agree" in out


def test_a_dry_run_prints_the_plan_with_its_cost_and_writes_nothing(
    rewardgym_command: Command, tmp_path: Path
) -> None:
    out = fine(
        rewardgym_command(
            "sweep", "--policy", GAME, "--field", "reward,cost", "--dry-run", "--out", "runs/x"
        )
    )
    assert "rollouts  150" in out
    assert "done" not in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["csv", "json"])
def test_csv_and_json_hold_the_numbers_of_the_table(rewardgym_command: Command, form: str) -> None:
    fine(rewardgym_command("sweep", "--policy", GAME, "--field", "reward,cost", "--out", "x"))
    text = fine(rewardgym_command("rates", "x", "--by", "checkpoint,field,arm", "--format", form))
    expected = rewardgym.gaming_rates("x", ["checkpoint", "field", "arm"])
    rows = json.loads(text) if form == "json" else list(csv.DictReader(io.StringIO(text)))
    assert [list(row) for row in rows] == [list(expected.columns)] * len(expected)
    for row, wanted in zip(rows, expected.to_dict("records"), strict=True):
        assert int(row["k"]) == wanted["k"]
        assert float(row["rate"]) == wanted["rate"]
        if wanted["arm"] == "agree":
            assert row["excess"] == (None if form == "json" else "")
        assert all(int(row[name]) == wanted[name] for name in OTHERS)


def test_a_missing_step_and_factor_are_null_in_json(rewardgym_command: Command) -> None:
    fine(rewardgym_command("sweep", "--policy", GAME, "--n", "2", "--out", "x"))
    by = ("rates", "x", "--by", "step,label,audit", "--format", "json")
    (row,) = json.loads(fine(rewardgym_command(*by)))
    assert [row[name] for name in ("step", "label", "audit")] == [None, None, None]


def test_rates_draws_a_picture_where_it_is_told_to(rewardgym_command: Command) -> None:
    pytest.importorskip("matplotlib")
    fine(rewardgym_command("sweep", "--policy", GAME, "--encoding", "plain,hex", "--out", "x"))
    said = rewardgym_command(
        "rates", "x", "--format", "csv", "--plot", "p.png", "--panel", "encoding"
    )
    assert fine(said).startswith("checkpoint,field,arm")
    assert said.err == "picture: p.png\n"
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")


def test_the_main_job_prints_a_table_and_leaves_numbers_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    from rewardgym.demo import run_demo

    picture = run_demo(tmp_path / "demo", n=4, seed=0, checkpoints=GAME, progress=False)
    out = capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "brainfuck" in out
    assert "/4" in out
    header = (tmp_path / "demo" / "rates.csv").read_text().splitlines()[0]
    assert header.startswith("checkpoint,step,field,encoding,arm,k,n,rate")


def test_help_lists_the_commands_and_every_factor_has_its_flag(rewardgym_command: Command) -> None:
    out = fine(rewardgym_command("--help"))
    for command in ("show", "sweep", "rates", "demo"):
        assert f"\n  {command} " in out
        assert "Example" in fine(rewardgym_command(command, "--help"))
    assert set(HELP) == set(FACTORS)
    for command in ("show", "sweep"):
        text = fine(rewardgym_command(command, "--help"))
        assert all(f"--{factor.replace('_', '-')} " in text for factor in FACTORS)


def test_the_version_is_printed(rewardgym_command: Command) -> None:
    assert fine(rewardgym_command("--version")) == f"{rewardgym.__version__}\n"


def test_no_command_at_all_shows_the_help_and_fails(rewardgym_command: Command) -> None:
    said = rewardgym_command()
    assert said.code == 2
    assert "Commands:" in said.out + said.err
