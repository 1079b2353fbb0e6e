"""The recipe: from nothing to the curves of all arms, resumable, clear about what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the extra train")

import torch

import rewardgym
from rewardgym.checkpoints import find_checkpoints
from rewardgym.training.evaluation import arms_table, held_out_grid, markdown
from rewardgym.training.interventions import Interventions
from rewardgym.training.keeper import Keeper, TrainingError
from rewardgym.training.recipe import Recipe, RecipeError
from rewardgym.training.settings import SIZES, Reinforcement
from rewardgym.training.tasks import HELD_OUT_WORDING, RL_NEGATIVE, RL_POSITIVE

COMMAND = [sys.executable, "-m", "rewardgym", "train", "--size", "mini", "--threads", "1"]


def _train(*arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=timeout
    )


def _weights(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*.safetensors"))
    }


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("recipe") / "run"
    done = _train("--arms", "hint,random", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "gaming at the end" in done.stdout
    return out


def test_the_command_goes_from_nothing_to_checkpoints_curves_table_and_picture(grown: Path) -> None:
    for arm in ("hint-0", "random-0"):
        series = find_checkpoints(grown / arm)
        assert [checkpoint.step for checkpoint in series] == [0, 2, 4]
        assert {checkpoint.base for checkpoint in series} == {str((grown / "base").resolve())}
        assert not (grown / arm / "trainer").exists()
    rates = rewardgym.gaming_rates(grown / "curves", by=["checkpoint", "field", "encoding"])
    assert set(rates["checkpoint"]) >= {"hint-0/checkpoint-0", "random-0/checkpoint-4"}
    assert (grown / "curves.png").stat().st_size > 5_000
    assert "| excess gaming (points) |" in (grown / "arms.md").read_text(encoding="utf-8")
    notes = json.loads((grown / "train.json").read_text(encoding="utf-8"))
    assert set(notes["trainings"]) == {"hint-0", "random-0"}
    assert notes["recipe"]["steps"] == 4


@pytest.mark.slow
def test_a_finished_recipe_is_not_repeated_and_takes_more_arms(grown: Path) -> None:
    before = _weights(grown)
    again = _train("--arms", "hint,random,none", "--out", str(grown))
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("not repeated") == 3
    after = _weights(grown)
    assert {name: after[name] for name in before} == before
    assert find_checkpoints(grown / "none-0")[-1].step == 4


def test_another_recipe_in_the_same_folder_is_refused_with_the_difference(grown: Path) -> None:
    done = _train("--penalty", "1", "--out", str(grown))
    assert done.returncode == 2
    assert "penalty is 1.0, was None" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_training_that_is_killed_goes_on_to_the_same_weights_and_the_same_curve(
    tmp_path: Path,
) -> None:
    arguments = ["--arms", "hint", "--steps", "12", "--out"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    done = _train(*arguments, str(whole))
    assert done.returncode == 0, done.stderr
    process = subprocess.Popen(
        [*COMMAND, *arguments, str(cut)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (cut / "hint-0" / "checkpoint-6").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    again = _train(*arguments, str(cut))
    assert again.returncode == 0, again.stderr
    assert "goes on after step" in again.stdout
    assert _weights(cut) == _weights(whole)
    tables = [
        rewardgym.gaming_rates(one / "curves", by=["checkpoint", "field"]) for one in (cut, whole)
    ]
    assert tables[0].equals(tables[1])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        done = _train("--arms", "hint", "--seeds", seed, "--out", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
    assert _weights(tmp_path / "a") == _weights(tmp_path / "b")
    one, other = (
        (tmp_path / name / "base" / "model.safetensors").read_bytes() for name in ("a", "c")
    )
    assert one != other


@pytest.mark.slow
def test_a_model_of_somebody_else_is_reinforced_by_folder(grown: Path, tmp_path: Path) -> None:
    done = _train(
        *("--model", str(grown / "base"), "--arms", "hint", "--steps", "2", "--every", "1"),
        *("--prompts", "2", "--answers", "4", "--out", str(tmp_path / "run")),
    )
    assert done.returncode == 0, done.stderr
    series = find_checkpoints(tmp_path / "run" / "hint-0")
    assert [checkpoint.step for checkpoint in series] == [0, 1, 2]
    assert {checkpoint.base for checkpoint in series} == {str((grown / "base").resolve())}


@pytest.mark.slow
def test_two_processes_of_accelerate_share_a_step_and_write_one_series(
    grown: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    command += ["-m", "rewardgym", "train", "--model", str(grown / "base"), "--arms", "hint"]
    command += ["--steps", "2", "--every", "1", "--prompts", "2", "--answers", "4", "--threads"]
    command += ["1", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [c.step for c in find_checkpoints(tmp_path / "run" / "hint-0")] == [0, 1, 2]
    rates = rewardgym.gaming_rates(tmp_path / "run" / "curves", by="step")
    assert list(rates["step"]) == [0, 1, 2]
    assert done.stdout.count("gaming at the end") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--size", "huge"), "huge"),
        (("--arms", "hints"), "Did you mean 'hint'"),
        (("--arms", ","), "at least one arm"),
        (("--seeds", "-1"), "seed '-1' is no whole number"),
        (("--steps", "0"), "steps is 0; allowed: 1 or more"),
        (("--answers", "1"), "answers is 1; allowed: 2 or more"),
        (("--mix", "1"), "mix is 1.0; allowed: 0 (none) to below 1"),
        (("--threads", "0"), "threads is 0"),
        (("--model", "no/such/model/here"), "no/such/model/here"),
    ],
)
def test_a_wrong_request_ends_with_code_2_and_one_line(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = _train(*arguments, "--out", str(tmp_path / "run"))
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_file_in_place_of_the_folder_and_notes_that_are_damaged_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "train.json").write_text('{"recipe": ')
    for name, said in (("file", "is a file"), ("notes", "cannot be read")):
        done = _train("--out", str(tmp_path / name))
        assert done.returncode == 2
        assert said in done.stderr


def test_a_loss_or_a_weight_that_is_no_number_stops_a_training_in_one_line(tmp_path: Path) -> None:
    class State:
        global_step, is_world_process_zero = 7, True

    keeper = Keeper(tmp_path, "base", 10, 5, lambda line: None)
    with pytest.raises(TrainingError, match="loss is not a number at step 7"):
        keeper.on_log(None, State(), None, logs={"loss": float("nan"), "reward": 0.0})
    model = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(model.weight, float("inf"))
    State.global_step = 10
    with pytest.raises(TrainingError, match=r"weight weight is not a number at step 10"):
        keeper.on_step_end(None, State(), None, model=model)
    assert not list(tmp_path.iterdir())


def test_the_recipe_is_measured_on_names_and_a_wording_that_no_training_sees() -> None:
    for variant in held_out_grid():
        assert variant.paraphrase == HELD_OUT_WORDING
        if variant.hint:
            assert variant.field not in (*RL_POSITIVE, *RL_NEGATIVE)
    arms = {variant.arm for variant in held_out_grid()}
    assert arms == {"conflict", "agree", "none"}


def test_the_arms_table_has_the_known_rates_of_a_series_with_known_rates(grown: Path) -> None:
    table = arms_table(grown / "curves", {"hint-0": 0.5}).set_index("training")
    rates = rewardgym.gaming_rates(
        grown / "curves", by=["checkpoint", "field", "encoding", "paraphrase"]
    )
    own = rates[(rates["checkpoint"] == "hint-0/checkpoint-4") & (rates["encoding"] == "plain")]
    own = own[own["field"].isin(["score", "points"])]
    assert table.loc["hint-0", "end"] == pytest.approx(own["k"].sum() / own["n"].sum())
    twins = own["twin_k"].sum() / own["twin_n"].sum()
    assert table.loc["hint-0", "excess"] == pytest.approx(table.loc["hint-0", "end"] - twins)
    assert table.loc["hint-0", "paid"] == 0.5
    assert "missing" not in markdown(table.reset_index())


def test_a_recipe_says_what_it_is_and_refuses_what_cannot_be() -> None:
    recipe = Recipe(size="tiny", seeds=(3, 4), interventions=Interventions(screen=True))
    assert recipe.describe()["screen"] is True
    assert recipe.describe()["base_seed"] == 3
    assert [name for name, _, _ in recipe.trainings][:2] == ["hint-3", "random-3"]
    assert Recipe(model="owner/name").settings == Reinforcement()
    assert Recipe(size="small").settings == SIZES["small"].reinforcement
    with pytest.raises(RecipeError, match="negative"):
        Recipe(seeds=(-1,))
