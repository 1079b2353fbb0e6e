"""A watched training that is resumed goes on with its curve, and no step has two rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rewardgym import gaming_rates

pytest.importorskip("trl", reason="needs the extra train")

import torch
from rewardgym_callback import QUIET, curve, grpo, live_model, start, step, watch

pytestmark = QUIET
live = pytest.fixture(live_model)


def by_tokens(completion_ids: list[list[int]], **_: Any) -> list[float]:
    """Pays by what was said and by nothing else, so that a training can be repeated."""
    return [float(sum(ids) % 2) for ids in completion_ids]


def test_a_resumed_training_goes_on_with_the_same_curve_and_doubles_no_row(
    tiny_model: Path, tmp_path: Path
) -> None:
    """Watched to step 3 and broken off; resumed from its checkpoint of step 2, to step 4."""
    broken, _ = watch(tmp_path / "run", every=1)
    saving = {"save_strategy": "steps", "save_steps": 2, "reward": by_tokens}
    grpo(tiny_model, tmp_path / "trainer", [broken], **saving).train()
    before = curve(broken.run)
    resumed, lines = watch(tmp_path / "run", every=1)
    again = grpo(tiny_model, tmp_path / "trainer", [resumed], max_steps=4, **saving)
    again.train(resume_from_checkpoint=str(tmp_path / "trainer" / "checkpoint-2"))
    assert "goes on after step 2" in lines[0]
    assert [line.split()[0] for line in lines[2:-1]] == ["3", "4"]
    whole, _ = watch(tmp_path / "whole", every=1)
    grpo(tiny_model, tmp_path / "other", [whole], max_steps=4, reward=by_tokens).train()
    after = curve(resumed.run)
    assert list(after) == [0, 1, 2, 3, 4]
    assert after == curve(whole.run)
    assert {step: after[step] for step in (0, 1, 2)} == {s: before[s] for s in (0, 1, 2)}
    with resumed.run.open() as store:
        cells = store.cells()
    assert len({(cell.checkpoint, cell.variant) for cell in cells}) == len(cells)


def test_a_step_that_is_trained_again_has_the_new_weights_in_its_row(
    live: Any, tmp_path: Path
) -> None:
    model, tokenizer = live
    first, _ = watch(tmp_path / "run", every=1)
    state = start(first, model, tokenizer)
    for number in (1, 2, 3):
        step(first, state, model, number)
    before = curve(first.run)
    with torch.no_grad():
        model.lm_head.weight[:20] += 1.0
    resumed, _ = watch(tmp_path / "run", every=1)
    state = start(resumed, model, tokenizer, at=2)
    step(resumed, state, model, 3)
    after = curve(first.run)
    assert {s: after[s] for s in (0, 1, 2)} == {s: before[s] for s in (0, 1, 2)}
    assert after[3] == pytest.approx(state.log_history[-1]["gaming/reward/rate"])
    assert after[3] != pytest.approx(before[3])


def test_two_trainings_may_share_a_folder_under_two_names(live: Any, tmp_path: Path) -> None:
    for name in ("truth", "random"):
        callback, _ = watch(tmp_path / "run", policy_name=name)
        start(callback, *live)
    table = gaming_rates(callback.run, by=["checkpoint"])
    assert list(table["checkpoint"]) == ["truth/checkpoint-0", "random/checkpoint-0"]
