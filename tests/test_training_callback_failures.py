"""What goes wrong in a watched training: told before it begins, or told while it goes on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import rewardgym
from rewardgym.policies.base import PolicyError
from rewardgym.records import StoreError

pytest.importorskip("trl", reason="needs the extra train")

import torch
from peft import PromptTuningConfig, get_peft_model
from rewardgym_callback import QUIET, curve, live_model, start, step, supervised, watch
from transformers import TrainerCallback

pytestmark = QUIET
live = pytest.fixture(live_model)


class Breaks(TrainerCallback):
    """Puts something that is no number into the weights after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            with torch.no_grad():
                kwargs["model"].lm_head.weight[5, 0] = math.nan


def test_weights_that_are_no_numbers_are_told_and_all_before_them_is_kept(
    tiny_model: Path, tmp_path: Path
) -> None:
    callback, lines = watch(tmp_path / "run", every=1)
    trainer = supervised(
        tiny_model,
        tmp_path / "t",
        [Breaks(2), callback],
        max_steps=3,
        logging_nan_inf_filter=False,
    )
    trainer.train()
    assert set(curve(tmp_path / "run")) == {0, 1}
    warned = [line for line in lines if "not measured" in line]
    assert [line.split()[0] for line in warned] == ["2", "3"]
    assert all("the model's logits are not numbers" in line for line in warned)
    assert sum("the loss is nan at step 3" in line for line in lines) == 1


def test_a_model_that_gives_no_numbers_at_the_start_stops_the_training(
    live: Any, tmp_path: Path
) -> None:
    model, tokenizer = live
    with torch.no_grad():
        model.lm_head.weight[5, 0] = math.nan
    callback, _ = watch(tmp_path / "run")
    with pytest.raises(PolicyError, match="not numbers"):
        start(callback, model, tokenizer)


def test_a_full_disk_is_told_and_the_training_and_its_log_go_on(
    live: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback, lines = watch(tmp_path / "run", every=1)
    state = start(callback, *live)

    def full(*arguments: Any) -> None:
        raise StoreError("run.sqlite: database or disk is full; free some space")

    with monkeypatch.context() as patch:
        patch.setattr(callback.curve, "store", full)
        step(callback, state, live[0], 1)
    assert "step 1 is in the trainer's log only: run.sqlite: database or disk is full" in lines[-2]
    step(callback, state, live[0], 2)
    assert set(curve(callback.run)) == {0, 2}
    assert [entry["step"] for entry in state.log_history] == [0, 1, 2]


def test_a_folder_that_cannot_be_written_stops_the_training_before_it_begins(
    live: Any, tmp_path: Path
) -> None:
    (tmp_path / "run").write_text("")
    callback, _ = watch(tmp_path / "run")
    with pytest.raises(StoreError):
        start(callback, *live)


def test_adapters_and_models_that_cannot_be_scored_are_refused(live: Any, tmp_path: Path) -> None:
    model, tokenizer = live
    callback, _ = watch(tmp_path / "run")
    with pytest.raises(PolicyError, match="Linear is no model of transformers"):
        start(callback, torch.nn.Linear(2, 2), tokenizer)
    with pytest.raises(PolicyError, match=r"no tokenizer; give it one: processing_class"):
        start(callback, model, None)
    virtual = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    with pytest.raises(PolicyError, match="learned tokens before the prompt"):
        start(callback, get_peft_model(model, virtual), tokenizer)
    model.lm_head.weight.ds_id = 0  # as DeepSpeed marks a weight that it spread out
    with pytest.raises(PolicyError, match="spread over several processes"):
        start(callback, model, tokenizer)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"every": 0}, "every is 0; allowed: 1 or more"),
        ({"by": ["feild"]}, "unknown factor 'feild'.*'field'"),
        ({"variants": []}, "no variants given"),
        ({"seed": -1}, "seed is -1"),
        ({"exact": rewardgym.plans.Exact(chains=True)}, "leave chains out"),
    ],
)
def test_a_wrong_argument_is_told_at_once(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        watch(tmp_path / "run", **changed)
    assert not (tmp_path / "run").exists()
