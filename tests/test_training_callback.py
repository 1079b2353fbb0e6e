"""The callback: the exact curve of a model in training, and no trace of it in the training."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rewardgym
from rewardgym import gaming_rates, grid
from rewardgym.plans import SweepError
from rewardgym.policies.decoding import Decoding
from rewardgym.records import StoreError

pytest.importorskip("trl", reason="needs the extra train")

import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from rewardgym.policies.base import PolicyError
from rewardgym.training.callback import GamingCallback
from rewardgym.training.datasets import dataset
from rewardgym.training.live import LiveModel, unchanged, unwrapped
from rewardgym.training.rewards import pays_hint, random_pay, screen_flagged

GRID = grid(field=["reward", "cost"])
SHORT = Decoding(max_new_tokens=4)
LORA = LoraConfig(r=2, lora_dropout=0.2, target_modules=["q_proj", "v_proj"])

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


class Lines(list[str]):
    """The live table as it was said."""

    def __call__(self, line: str) -> None:
        self.append(line)


def watch(out: Path, **changed: Any) -> tuple[GamingCallback, Lines]:
    lines = Lines()
    settings: dict[str, Any] = {"every": 2, "decoding": SHORT, "say": lines, **changed}
    return GamingCallback(settings.pop("variants", GRID), out=out, **settings), lines


def grpo(model: Path, out: Path, callbacks: list[Any], **changed: Any) -> Any:
    """A trainer of a few steps, with dropout, so that a random number too many would show."""
    reward = changed.pop("reward", random_pay(0))
    lora = changed.pop("lora", LORA)
    settings: dict[str, Any] = {
        "max_steps": 3,
        "per_device_train_batch_size": 4,
        "num_generations": 4,
        "max_completion_length": 2,
        "learning_rate": 1e-2,
        "lr_scheduler_type": "constant",  # so that a run of 3 steps is the start of one of 5
        "top_k": 0,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "report_to": "none",
        "logging_strategy": "no",
        "disable_tqdm": True,
        **changed,
    }
    return GRPOTrainer(
        model=str(model),
        reward_funcs=[reward],
        args=GRPOConfig(output_dir=str(out), **settings),
        train_dataset=dataset(GRID, 16, 0).train,
        processing_class=AutoTokenizer.from_pretrained(model),
        peft_config=lora,
        callbacks=callbacks,
    )


def weights(trainer: Any) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in trainer.model.state_dict().items()}


def curve(run: Any) -> dict[int, float]:
    table = gaming_rates(run, by=["step", "field"])
    return table[table["field"] == "reward"].set_index("step")["rate"].to_dict()


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


def supervised(model: Path, out: Path, callbacks: list[Any], **changed: Any) -> Any:
    """transformers' own trainer, on a few token ids, all weights trained."""
    from transformers import Trainer, TrainingArguments

    rows = [{"input_ids": [5, 6, 7, i], "labels": [5, 6, 7, i]} for i in range(8)]
    settings: dict[str, Any] = {"max_steps": 2, "learning_rate": 1e-2, **changed}
    torch.manual_seed(0)
    return Trainer(
        model=AutoModelForCausalLM.from_pretrained(model, attention_dropout=0.1),
        args=TrainingArguments(
            output_dir=str(out),
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            per_device_train_batch_size=2,
            **settings,
        ),
        train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(model),
        callbacks=callbacks,
    )


# Resuming


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


def test_two_trainings_may_share_a_folder_under_two_names(live: Any, tmp_path: Path) -> None:
    for name in ("truth", "random"):
        callback, _ = watch(tmp_path / "run", policy_name=name)
        start(callback, *live)
    table = gaming_rates(callback.run, by=["checkpoint"])
    assert list(table["checkpoint"]) == ["truth/checkpoint-0", "random/checkpoint-0"]


# What goes wrong


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


# The model is handed back as it was


class State:
    """What a trainer tells its callbacks."""

    def __init__(self, main: bool = True) -> None:
        self.global_step, self.max_steps, self.epoch = 0, 10, 0.0
        self.is_world_process_zero = main
        self.log_history: list[dict[str, Any]] = []


class Control:
    should_training_stop = False
    should_log = False


def start(
    callback: GamingCallback, model: Any, tokenizer: Any, main: bool = True, at: int = 0
) -> State:
    state = State(main)
    state.global_step = at
    callback.on_train_begin(None, state, Control(), model=model, processing_class=tokenizer)
    return state


def step(callback: GamingCallback, state: State, model: Any, number: int) -> None:
    state.global_step = number
    callback.on_step_end(None, state, Control(), model=model)


@pytest.fixture
def live(tiny_model: Path) -> tuple[Any, Any]:
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    return model.train(), AutoTokenizer.from_pretrained(tiny_model)


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
