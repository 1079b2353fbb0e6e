"""The callback in a training: it measures the exact curve and leaves the training as it was."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rewardgym
from rewardgym import gaming_rates, grid
from rewardgym.plans import SweepError
from rewardgym.policies.decoding import Decoding

pytest.importorskip("trl", reason="needs the extra train")

import torch
from rewardgym_callback import (
    GRID,
    QUIET,
    SHORT,
    curve,
    grpo,
    live_model,
    start,
    supervised,
    watch,
    weights,
)
from transformers import TrainerCallback

from rewardgym.training.rewards import pays_hint, screen_flagged

pytestmark = QUIET
live = pytest.fixture(live_model)


# A watched training


@pytest.fixture(scope="module")
def watched(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One watched training of three steps, saved at step 2, and the same one unwatched."""
    folder = tmp_path_factory.mktemp("watched")
    callback, lines = watch(folder / "run")
    measure = callback.curve.measure

    def drawing(policy: Any, step: int) -> Any:
        """A measurement that draws random numbers, as an exact law does not: worse than any."""
        torch.rand(3), np.random.random(), random.random()  # noqa: NPY002
        return measure(policy, step)

    callback.curve.measure = drawing
    seen = Seen()
    trainer = grpo(
        tiny_model,
        folder / "trainer",
        [callback],
        save_strategy="steps",
        save_steps=2,
        logging_strategy="steps",
        logging_steps=2,
    )
    trainer.callback_handler.callbacks.insert(0, seen)  # where a trainer puts its reporters
    trainer.train()
    plain = grpo(tiny_model, folder / "plain", [])
    plain.train()
    return {"callback": callback, "lines": lines, "seen": seen, "trainer": trainer} | {
        "plain": plain,
        "folder": folder,
    }


class Seen(TrainerCallback):
    """A reporter: what it is given to log, by step."""

    def __init__(self) -> None:
        self.logs: list[tuple[int, dict[str, Any]]] = []

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.logs.append((state.global_step, dict(kwargs["logs"])))


def test_a_watched_training_ends_in_the_very_weights_of_an_unwatched_one(watched: Any) -> None:
    one, other = weights(watched["trainer"]), weights(watched["plain"])
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
    moved = [name for name, tensor in one.items() if "lora_B" in name and tensor.abs().sum() > 0]
    assert moved, "nothing was trained, so equality says nothing"


def test_it_measures_the_start_every_so_many_steps_and_the_end_once_each(watched: Any) -> None:
    table = gaming_rates(watched["callback"].run, by=["checkpoint", "step", "field"])
    rows = table[table["field"] == "reward"]
    assert list(rows["checkpoint"]) == [f"checkpoint-{step}" for step in (0, 2, 3)]
    assert list(rows["step"]) == [0, 2, 3]
    assert set(rows["method"]) == {"exact"}
    assert rows["rate"].nunique() == 3
    assert rows["excess"].notna().all()
    assert (rows["high"] > rows["low"]).all()  # the noise floor was measured


def test_the_curve_is_what_a_sweep_of_the_saved_checkpoint_finds(watched: Any) -> None:
    saved = watched["folder"] / "trainer" / "checkpoint-2"
    run = rewardgym.sweep(
        str(saved), GRID, out=watched["folder"] / "sweep", exact=True, decoding=SHORT
    )
    assert curve(watched["callback"].run)[2] == pytest.approx(curve(run)[2], abs=1e-5)


def test_the_numbers_stand_in_the_trainers_history_and_reach_its_reporters(watched: Any) -> None:
    history = watched["trainer"].state.log_history
    logged = {entry["step"]: entry for entry in history if "gaming/rate" in entry}
    reported = {step: logs for step, logs in watched["seen"].logs if "gaming/rate" in logs}
    assert set(logged) == set(reported) == {0, 2, 3}
    table = gaming_rates(watched["callback"].run, by=["step", "field"])
    for row in table.to_dict("records"):
        numbers = reported[row["step"]]
        if row["arm"] == "conflict":
            assert numbers[f"gaming/{row['field']}/rate"] == pytest.approx(row["rate"])
            assert numbers[f"gaming/{row['field']}/excess"] == pytest.approx(row["excess"])
        else:
            assert numbers[f"gaming/{row['field']}/violation"] == pytest.approx(row["rate"])
    assert all(0 < numbers["gaming/residual"] <= 1 for numbers in reported.values())


def test_the_trainers_own_log_is_not_lost_at_a_measured_step(watched: Any) -> None:
    assert [step for step, logs in watched["seen"].logs if "loss" in logs] == [2]


def test_the_live_table_has_a_heading_a_line_a_step_and_the_overhead(watched: Any) -> None:
    heading, *rows, last = watched["lines"]
    assert heading.split()[:4] == ["step", "rate", "excess", "reward"]
    assert [row.split()[0] for row in rows] == ["0", "2", "3"]
    assert watched["callback"].overhead > 0
    assert f"{watched['callback'].overhead:.2%} of the training's time" in last


def test_trends_and_onset_read_the_run(watched: Any) -> None:
    from rewardgym.metrics.onsets import onset
    from rewardgym.metrics.trends import trend

    assert onset(watched["callback"].run)[0].steps == (0, 2, 3)
    assert len(trend(watched["callback"].run)) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"variants": grid(field="score")}, "was made with another grid: variant parity.*score"),
        ({"seed": 1}, "another grid: seed is 1, was 0"),
        ({}, "holds the curve of another training, up to step 3; resume that training"),
        ({"decoding": Decoding(max_new_tokens=5)}, "max_new_tokens is 5, was 4"),
    ],
)
def test_a_folder_with_another_curve_is_refused_before_the_first_step(
    tiny_model: Path, watched: Any, changed: dict[str, Any], said: str
) -> None:
    run = watched["callback"].run
    before = curve(run)
    callback, _ = watch(run.folder, **changed)
    with pytest.raises(SweepError, match=said) as caught:
        start(callback, watched["trainer"].model, watched["trainer"].processing_class)
    assert "\n" not in str(caught.value)
    assert curve(run) == before


def test_another_model_on_the_same_folder_is_refused(live: Any, watched: Any) -> None:
    callback, _ = watch(watched["callback"].run.folder)
    with pytest.raises(SweepError, match=r"another model or other settings: parameters is"):
        start(callback, *live)


# Other trainers


def test_a_plain_trainer_is_watched_as_well(tiny_model: Path, tmp_path: Path) -> None:
    trainers = []
    for watching in (True, False):
        callback, _ = watch(tmp_path / "run", every=1)
        trainer = supervised(tiny_model, tmp_path / "trainer", [callback] if watching else [])
        trainer.train()
        trainers.append(trainer)
    one, other = map(weights, trainers)
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert set(curve(tmp_path / "run")) == {0, 1, 2}


class Stops(TrainerCallback):
    """Ends the training after a step, behind the callback's back."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_training_stop = state.global_step == 2


def test_a_training_that_is_stopped_early_is_measured_where_it_stopped(
    tiny_model: Path, tmp_path: Path
) -> None:
    callback, _ = watch(tmp_path / "run", every=5)
    trainer = supervised(tiny_model, tmp_path / "t", [callback, Stops()], max_steps=9)
    trainer.train()
    assert list(curve(tmp_path / "run")) == [0, 2]
    assert trainer.state.global_step == 2


def test_grpo_takes_the_reward_functions_logs_outcomes_and_leaves_screened_samples_out(
    tiny_model: Path, tmp_path: Path
) -> None:
    def flag(one: Any) -> bool:
        return one.side is None

    trainer = grpo(
        tiny_model,
        tmp_path / "t",
        [],
        max_steps=1,
        reward=screen_flagged(pays_hint, flag),
        logging_strategy="steps",
        logging_steps=1,
    )
    trainer.train()
    logged = trainer.state.log_history[0]
    assert "rewards/pays_hint_screened/mean" in logged
    assert sum(v for k, v in logged.items() if k.startswith("outcome/")) >= 1
    assert 0 <= logged["screened/flagged"] <= 1
