"""The callback hands the model back as it was: modes, gradients, settings and random states."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rewardgym import gaming_rates, grid

pytest.importorskip("trl", reason="needs the extra train")

import torch
from peft import get_peft_model
from rewardgym_callback import LORA, QUIET, SHORT, Control, live_model, start, step, watch

from rewardgym.training.live import LiveModel, unchanged, unwrapped

pytestmark = QUIET
live = pytest.fixture(live_model)


def test_modes_settings_gradients_and_random_states_are_as_before(
    live: Any, tmp_path: Path
) -> None:
    model, tokenizer = live
    model.model.layers[0].eval()  # a part that is frozen on purpose
    model.lm_head.weight.requires_grad_(False)
    generation, top_k = model.generation_config, model.generation_config.top_k
    modes = [module.training for module in model.modules()]
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    callback, _ = watch(tmp_path / "run", variants=grid(field="reward", encoding="hex"))
    start(callback, model, tokenizer)
    assert [module.training for module in model.modules()] == modes
    assert not model.lm_head.weight.requires_grad
    assert model.model.embed_tokens.weight.requires_grad
    assert model.generation_config is generation
    assert model.generation_config.top_k == top_k == 2
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002
    assert random.getstate() == states[2]
    assert all(parameter.grad is None for parameter in model.parameters())


def test_it_is_handed_back_after_an_error_too(live: Any) -> None:
    model, tokenizer = live
    generation = model.generation_config
    before = torch.get_rng_state()

    def fail() -> None:
        with LiveModel(model, tokenizer, SHORT, "x").measured() as policy:
            assert not policy.model.training
            torch.rand(3)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert model.training
    assert model.generation_config is generation
    assert torch.equal(torch.get_rng_state(), before)


def test_unchanged_would_notice(live: Any) -> None:
    """The test of the test: without it all of this does change."""
    model, tokenizer = live
    from rewardgym.policies.transformers import TransformersPolicy

    generation = model.generation_config
    TransformersPolicy(model, tokenizer=tokenizer)
    assert not model.training
    assert model.generation_config is not generation
    model.train()
    with unchanged(model):
        model.eval()
    assert model.training


def test_a_lora_model_is_scored_with_its_adapter(live: Any) -> None:
    model, _ = live
    adapted = get_peft_model(model, LORA)
    assert unwrapped(adapted) is model
    assert any("lora" in name for name, _ in unwrapped(adapted).named_parameters())


def test_only_the_first_process_measures(live: Any, tmp_path: Path) -> None:
    callback, lines = watch(tmp_path / "run", every=1)
    state = start(callback, *live, main=False)
    step(callback, state, live[0], 1)
    callback.on_train_end(None, state, Control())
    assert lines == []
    assert state.log_history == []
    assert not (tmp_path / "run").exists()


def test_open_variants_are_measured_on_the_same_prompts_at_every_step(
    live: Any, tmp_path: Path
) -> None:
    variants = grid(family=["threshold", "parity"], field="reward")
    callback, _ = watch(tmp_path / "run", variants=variants, every=1, n=3, by=["family"])
    state = start(callback, *live)
    step(callback, state, live[0], 1)
    table = gaming_rates(callback.run, by=["step", "family"]).set_index(["step", "family"])
    for family in ("threshold", "parity"):
        assert table.loc[(0, family), "rate"] == table.loc[(1, family), "rate"]
        logged = state.log_history[0][f"gaming/{family}/rate"]
        assert logged == pytest.approx(table.loc[(0, family), "rate"])
