"""Second stage: GRPO pays for what an arm says, and a model comes to do what pays.

In: a model by folder or hub id, a seed, an arm and interventions. Out: one LoRA adapter per kept
step, from step 0 on. The trainer is TRL's; what is ours is the pay, the prompts and what is kept.
A training that broke off goes on from its last kept step, to the very weights of one that did not.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import AutoTokenizer, PrinterCallback, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from rewardgym.training.datasets import as_dataset
from rewardgym.training.interventions import Interventions, Pay, reward_of, rows_of
from rewardgym.training.keeper import Keeper, TrainingError
from rewardgym.training.rewards import with_finish
from rewardgym.training.settings import Reinforcement

Say = Callable[[str], None]


def reinforce(
    base: str | Path,
    folder: Path,
    settings: Reinforcement,
    seed: int,
    pay: Pay,
    say: Say,
    *,
    interventions: Interventions | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    report_to: str = "none",
) -> float | None:
    """Trains from ``base``, keeps ``folder/checkpoint-<step>`` every ``settings.every`` steps, and
    gives the mean pay at the end, as far as it is known.

    ``callbacks`` go along with the training, such as a ``GamingCallback``. ``folder/trainer`` holds
    what a training that broke off goes on with; it is removed at the end. Raises TrainingError
    where the loss is no number, and where a checkpoint cannot be written."""
    changes = interventions if interventions is not None else Interventions()
    state = folder / "trainer"
    keeper = Keeper(folder, str(base), settings.steps, settings.every, say)
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    reward = reward_of(pay, seed, changes, settings.answers)
    count = settings.prompts * settings.steps
    trainer = GRPOTrainer(
        model=str(base),
        reward_funcs=[
            with_finish(reward, eos_ids=[tokenizer.eos_token_id], longest=settings.reply_tokens)
        ],
        args=_config(state, settings, seed, changes.kl, report_to),
        train_dataset=as_dataset(rows_of(pay, count, seed, changes, settings.curriculum)),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=settings.rank,
            lora_alpha=2 * settings.rank,
            target_modules=_modules(settings.modules),
            task_type="CAUSAL_LM",
        ),
        callbacks=[keeper, *callbacks],
    )
    trainer.remove_callback(PrinterCallback)  # the keeper says what it would
    last = _last_state(state)
    if last is not None:
        say(f"goes on after step {last.name.removeprefix('checkpoint-')}")
    with _without_screening_warnings(), _told(folder):
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
    if trainer.is_world_process_zero():
        shutil.rmtree(state, ignore_errors=True)
    return keeper.paid


def _modules(modules: tuple[str, ...] | str) -> str | list[str]:
    return modules if isinstance(modules, str) else list(modules)


def _config(folder: Path, settings: Reinforcement, seed: int, kl: float, report_to: str) -> Any:
    on_gpu = torch.cuda.is_available()
    return GRPOConfig(
        output_dir=str(folder),
        max_steps=settings.steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant",
        per_device_train_batch_size=_a_device(settings),
        num_generations=settings.answers,
        max_completion_length=settings.reply_tokens,
        # A model that thinks by default would need its thoughts within reply_tokens.
        chat_template_kwargs={"enable_thinking": False},
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        beta=kl,
        loss_type="grpo",
        scale_rewards="group",
        use_cpu=not on_gpu,
        # Left out, a model named by a string is loaded in float32 whatever it was saved in.
        model_init_kwargs={"dtype": "bfloat16"} if on_gpu else None,
        bf16=on_gpu,
        gradient_checkpointing=on_gpu,
        save_strategy="steps",
        save_steps=settings.every,
        # The last may be half written when a machine stops.
        save_total_limit=2,
        logging_strategy="steps",
        logging_steps=settings.every,
        logging_nan_inf_filter=False,
        report_to=report_to,
        disable_tqdm=True,
        seed=seed,
    )


def _a_device(settings: Reinforcement) -> int:
    """Replies a device, so that a step is the same however many devices share it."""
    from accelerate import PartialState

    devices = int(PartialState().num_processes)
    replies = settings.prompts * settings.answers
    if replies % devices:
        raise TrainingError(
            f"{settings.prompts} prompts x {settings.answers} answers cannot be shared by "
            f"{devices} processes; choose prompts x answers as a multiple of {devices}"
        )
    return replies // devices


def _last_state(folder: Path) -> Path | None:
    """The newest state that is whole: the trainer writes ``trainer_state.json`` last."""
    for state in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        try:
            json.loads((state / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(state)
            continue
        return state
    return None


def _step(folder: Path) -> int:
    return int(folder.name.split("-")[1])


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Says in one line what a full disk is to a training."""
    try:
        yield
    except Exception as error:
        # Rust's file errors come without a type of their own.
        if isinstance(error, OSError) or "os error" in str(error):
            cause = str(error).splitlines()[0]
            raise TrainingError(
                f"{folder}: a checkpoint cannot be written ({cause}); make room and run the same "
                "command: it goes on from the last whole one"
            ) from error
        raise


class _Silent(logging.Filter):
    """Drops TRL's warning, with a whole prompt in it, that a sample was left out on purpose."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "All reward functions returned None" not in record.getMessage()


@contextmanager
def _without_screening_warnings() -> Iterator[None]:
    logger = logging.getLogger("trl.trainer.grpo_trainer")
    silent = _Silent()
    logger.addFilter(silent)
    try:
        yield
    finally:
        logger.removeFilter(silent)
