"""The command line: every documented command, one line for what is wrong, and exit codes."""

from __future__ import annotations

import csv
import io
import json
import signal
import sqlite3
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import rewardgym
from rewardgym import cli
from rewardgym.cli_factors import HELP, read_factors
from rewardgym.outcomes import OTHERS
from rewardgym.records import FILE_NAME, RecordStore
from rewardgym.variants import FACTORS, Variant

COMMAND = Path(sysconfig.get_path("scripts")) / "rewardgym"
GAME = "scripted:game(0.3)"


@dataclass(frozen=True)
class Said:
    code: int | str | None
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def rewardgym_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """The command within this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr("sys.argv", ["rewardgym", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        found = capsys.readouterr()
        return Said(end.value.code, found.out, found.err)

    return run


def fine(said: Said) -> str:
    assert said.code == 0, said.err
    return said.out


def cause(said: Said) -> str:
    """The one line that a refused command says."""
    assert said.code == 2, said
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("rewardgym: ")
    return line.removeprefix("rewardgym: ")


# Commands of the architecture's list


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


# What is wrong


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["sweeep"], ["No such command 'sweeep'", "sweep"]),
        (["show", "--feild", "x"], ["--feild", "--field"]),
        (["show", "--field", "scroe"], ["unknown field 'scroe'", "Did you mean 'score'?"]),
        (["show", "--encoding", "bas64"], ["unknown encoding 'bas64'", "Did you mean 'base64'?"]),
        (["show", "--encoding", "plain,bas64"], ["Did you mean 'base64'?"]),
        (["show", "--layout", "jsn"], ["unknown layout 'jsn'", "Did you mean 'json'?"]),
        (["show", "--family", "partiy"], ["unknown family 'partiy'", "Did you mean 'parity'?"]),
        (["show", "--ask", "evne"], ["unknown ask of family 'parity' 'evne'", "'even'"]),
        (["show", "--hint", "maybe"], ["--hint is 'maybe'; allowed: true or false"]),
        (["show", "--audit", "many"], ["--audit is 'many'; expected a number"]),
        (["show", "--audit", "200"], ["unknown audit 200", "0 to 100"]),
        (["show", "--payoff", "nan"], ["unknown payoff nan"]),
        (["show", "--payoff", "0"], ["unknown payoff 0"]),
        (["show", "--paraphrase", "99"], ["unknown paraphrase 99", "0 to 10"]),
        (["show", "--preset", "od-number"], ["unknown preset 'od-number'", "'odd-number'"]),
        (["show", "--seed", "-1", "--family", "threshold"], ["seed"]),
        (["show", "--seed", "x"], ["'--seed'", "valid integer"]),
        (["show", "--field", "reward,"], ["field ''"]),
        (["sweep", "--out", "x"], ["nothing to ask: give --checkpoints FOLDER or --policy"]),
        (["sweep", "--policy", GAME], ["Missing option '--out'"]),
        (["sweep", "--policy", "gpt-5", "--out", "x"], ["unknown policy 'gpt-5'", "scripted:NAME"]),
        (["sweep", "--policy", "scripted:gaem", "--out", "x"], ["Did you mean 'game'?"]),
        (["sweep", "--policy", GAME, "--n", "0", "--out", "x"], ["n is 0"]),
        (["sweep", "--policy", GAME, "--seed", "-1", "--out", "x"], ["seed is -1"]),
        (["sweep", "--policy", GAME, "--top-p", "2", "--out", "x"], ["top_p 2.0", "at most 1"]),
        (
            ["sweep", "--policy", GAME, "--template", "cht", "--out", "x"],
            ["template 'cht'", "chat"],
        ),
        (["sweep", "--checkpoints", "nowhere", "--out", "x"], ["nowhere: no such folder"]),
        (["sweep", "--checkpoints", "a/checkpoint-*", "--out", "x"], ["no folder matches"]),
        (["sweep", "--policy", GAME, "--out", "x", "--dryrun"], ["--dryrun", "--dry-run"]),
        (["rates"], ["Missing argument 'RUN'"]),
        (["rates", "nowhere"], ["nowhere: holds no run (run.sqlite is missing)"]),
        (["rates", "nowhere", "--format", "cvs"], ["'cvs' is not one of", "csv"]),
        (["demo", "--n", "x"], ["valid integer"]),
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_one_line_with_the_way_on_and_exit_code_2(
    rewardgym_command: Command, tmp_path: Path, arguments: list[str], parts: list[str]
) -> None:
    line = cause(rewardgym_command(*arguments))
    for part in parts:
        assert part in line
    assert list(tmp_path.iterdir()) == [], "a refused command left something behind"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--by", "feild"], ["unknown column to group by 'feild'", "Did you mean 'field'?"]),
        (["--by", "field,,k"], ["unknown column to group by 'k'"]),
        (["--level", "95"], ["level"]),
        (["--level", "1"], ["level"]),
    ],
    ids=" ".join,
)
def test_what_is_wrong_with_a_table_is_one_line(
    rewardgym_command: Command, arguments: list[str], parts: list[str]
) -> None:
    fine(rewardgym_command("sweep", "--policy", GAME, "--n", "2", "--out", "x"))
    line = cause(rewardgym_command("rates", "x", *arguments))
    assert all(part in line for part in parts)


@pytest.mark.parametrize("flag", ["--line", "--panel"])
def test_what_is_wrong_with_a_picture_is_told(rewardgym_command: Command, flag: str) -> None:
    fine(rewardgym_command("sweep", "--policy", GAME, "--n", "2", "--out", "x"))
    said = rewardgym_command("rates", "x", "--plot", "p.png", flag, "feild")
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert "Did you mean 'field'?" in said.err
    assert not Path("p.png").exists()


def test_a_picture_that_cannot_be_written_is_told_in_one_line(rewardgym_command: Command) -> None:
    pytest.importorskip("matplotlib")
    fine(rewardgym_command("sweep", "--policy", GAME, "--n", "2", "--out", "x"))
    for name in ("no/such/folder/p.png", "p.docx"):
        said = rewardgym_command("rates", "x", "--plot", name)
        assert (said.code, len(said.err.splitlines())) == (2, 1)
        assert f"{name}: cannot be written" in said.err


def test_a_folder_that_is_a_file_is_told(rewardgym_command: Command, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    said = rewardgym_command("sweep", "--policy", GAME, "--out", "x")
    assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert (tmp_path / "x").read_text() == "mine"


def test_a_fault_of_ours_keeps_its_traceback(
    rewardgym_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **keywords: object) -> None:
        int("no number")  # raised in here, which is not rewardgym's own code

    monkeypatch.setattr("rewardgym.prompts.render", broken)
    with pytest.raises(ValueError, match="invalid literal"):
        rewardgym_command("show")


# Values of flags


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


# Interrupted


def test_ctrl_c_is_one_line_and_code_130_and_the_same_command_goes_on(tmp_path: Path) -> None:
    arguments = [
        *(str(COMMAND), "sweep", "--policy", "scripted:awkward(0.3)", "--n", "6000"),
        *("--out", str(tmp_path)),
    ]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "rollouts" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert [line for line in err.splitlines() if line] == [
        "rewardgym: stopped; the same command goes on from here"
    ]
    subprocess.run(arguments, check=True, capture_output=True)
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    assert connection.execute("SELECT COUNT(*), COUNT(DISTINCT idx) FROM rows").fetchone() == (
        12_000,
        6_000,
    )
    connection.close()


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    fields = ",".join(["reward", "score", "points", "grade", "cost", "loss", "penalty"])
    done = subprocess.run(
        f"'{COMMAND}' show --field {fields} --encoding plain,base64,hex,rot13,brainfuck "
        "--layout json,xml,yaml,python,prose --paraphrase 0,1,2,3 | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stdout == "--- user ---\n"
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1
