"""What is wrong on the command line is one line with the way on, and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from rewardgym_command import GAME, Command, cause, fine, in_an_empty_folder

rewardgym_command = pytest.fixture(in_an_empty_folder)


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
