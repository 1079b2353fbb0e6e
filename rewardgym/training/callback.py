"""``GamingCallback``: the exact gaming curve of a model while it is trained.

In: a grid of variants, how often, a run folder. Out: for any trainer of transformers or TRL, at
step 0, every so many steps and at the end: rows in the folder, numbers in the trainer's log, a line
of a table. The measurement is of the weights as they are, and leaves no trace in the training.

    trainer = GRPOTrainer(..., callbacks=[GamingCallback(rewardgym.grid(field="score"), out="x")])

Of what can go wrong only what is known before the first step stops a training: a model that cannot
be scored, a folder of another grid. Later a measurement that fails (weights that are not numbers, a
full disk) is told in one line and left out, and the training goes on: it is worth more than a point
of its curve. With a full disk the numbers still reach the trainer's log.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from rewardgym.names import unknown
from rewardgym.plans import Exact
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.transformers import TransformersPolicy
from rewardgym.records import Run, StoreError
from rewardgym.training.curve import Curve, Measured
from rewardgym.training.live import LiveModel
from rewardgym.training.live_table import LiveTable
from rewardgym.training.step_numbers import numbers
from rewardgym.training.trainer_log import log_numbers
from rewardgym.variants import FACTORS, Variant

EVERY = 20
"""Steps between two measurements, unless told otherwise."""


def say_at_once(line: str) -> None:
    """Prints a line, also into a file that somebody follows."""
    print(line, flush=True)


class GamingCallback(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Measures ``variants``, with their twins, ``every`` so many steps into the run folder ``out``.

    ``policy_name`` tells several trainings in one folder apart; their checkpoints are then called
    ``<policy_name>/checkpoint-<step>``. ``by`` names the factors whose values have numbers of their
    own in the log (``gaming/<value>/rate``). ``n`` and ``seed`` draw the prompts of variants that
    leave something open. ``competence`` measures decode competence at every step as well, which
    may cost more than all the rest. ``say`` takes the lines of the live table; None for none.

    A training that is resumed goes on with its curve. Its rows of steps that are trained again
    give way to the new ones. Several processes: the first one measures, the others wait.

    Raises ValueError for arguments that cannot be; at the start of the training PolicyError for a
    model that cannot be scored, SweepError for a folder with another grid or training, StoreError
    for one that cannot be written.
    """

    def __init__(
        self,
        variants: Variant | Sequence[Variant],
        *,
        every: int = EVERY,
        out: str | Path,
        policy_name: str | None = None,
        seed: int = 0,
        n: int = 16,
        twins: bool = True,
        by: Sequence[str] = ("field",),
        decoding: Decoding | None = None,
        exact: Exact | None = None,
        competence: bool = False,
        say: Callable[[str], None] | None = say_at_once,
    ) -> None:
        if every < 1:
            raise ValueError(f"every is {every}; allowed: 1 or more steps")
        for name in by:
            if name not in FACTORS:
                raise unknown("factor", name, FACTORS)
        how = exact if exact is not None else Exact()
        if how.chains:
            raise ValueError("chains are sampled: too slow for a training; leave chains out")
        self.curve = Curve(
            variants,
            out,
            name=policy_name,
            n=n,
            seed=seed,
            twins=twins,
            exact=how,
            competence=competence,
        )
        self.every = every
        self.seconds = 0.0
        """What the measurements took, up to now."""
        self._by = list(by)
        self._decoding = decoding if decoding is not None else Decoding()
        self._say = say if say is not None else lambda line: None
        self._table = LiveTable(self._say)
        self._live: LiveModel | None = None
        self._identity: dict[str, Any] = {}
        self._measured: set[int] = set()
        self._started: float | None = None
        self._ended: float | None = None
        self._warned_of_loss = False

    @property
    def run(self) -> Run:
        """The run folder, for ``rewardgym.gaming_rates``."""
        return self.curve.run

    @property
    def overhead(self) -> float | None:
        """Seconds of measuring a second of training, up to now; None before the first step."""
        if self._started is None:
            return None
        spent = (self._ended or time.monotonic()) - self._started - self.seconds
        return self.seconds / spent if spent > 0 else None

    # Events

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._started, self._ended, self.seconds = time.monotonic(), None, 0.0
        self._measured, self._warned_of_loss = set(), False
        step = int(state.global_step)
        if state.is_world_process_zero:
            started = time.monotonic()
            tokenizer = kwargs.get("processing_class") or kwargs.get("tokenizer")
            name = self.curve.checkpoint(step)
            self._live = LiveModel(kwargs["model"], tokenizer, self._decoding, name)
            self._identity = self._live.identity
            stored = self.curve.begin(self._identity, step)
            self._measured = {old for old in stored if old <= step}
            if step % self.every == 0 and step not in self._measured:
                self._measure(args, state, control, first=True)
            elif stored:
                self._say(f"gaming: the curve goes on after step {step}; {self.curve.folder}")
            self.seconds += time.monotonic() - started
        _wait_for_all()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        step = int(state.global_step)
        # The trainer's own callback stands first, so at the last step the stop is known here.
        if step % self.every == 0 or control.should_training_stop:
            self._at(args, state, control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # A training that was stopped early: still the last step's weights, and an open log.
        if control.should_training_stop:
            self._at(args, state, control)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        loss = (kwargs.get("logs") or {}).get("loss")
        if isinstance(loss, float) and not math.isfinite(loss) and not self._warned_of_loss:
            self._warned_of_loss = True
            if state.is_world_process_zero:
                self._say(
                    f"gaming: the loss is {loss} at step {state.global_step}; what was measured "
                    "before is kept"
                )

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._ended = time.monotonic()
        if state.is_world_process_zero and self.overhead is not None:
            self._say(
                f"gaming: {self.seconds:.2f} s of measuring, {self.overhead:.2%} of the training's "
                f"time; {self.curve.folder}"
            )

    # Measuring

    def _at(self, args: Any, state: Any, control: Any) -> None:
        if state.is_world_process_zero and int(state.global_step) not in self._measured:
            started = time.monotonic()
            self._measure(args, state, control)
            self.seconds += time.monotonic() - started
        _wait_for_all()

    def _measure(self, args: Any, state: Any, control: Any, *, first: bool = False) -> None:
        """One step: measured, stored, logged, shown. ``first`` lets errors through."""
        assert self._live is not None
        step, started = int(state.global_step), time.monotonic()
        self._measured.add(step)
        try:
            with self._live.measured() as policy:
                found = self.curve.measure(policy, step)
                shown = numbers(self.curve.plan.variants, found.laws, self._by)
                self._store(found, policy, first)
        except RuntimeError as error:
            if first:
                raise
            self._table.warn(step, _one_line(error))
            return
        log_numbers(self, args, state, control, shown)
        self._table.row(step, shown, time.monotonic() - started)

    def _store(self, found: Measured, policy: TransformersPolicy, first: bool) -> None:
        try:
            self.curve.store(found, self._identity, policy)
        except StoreError as error:
            if first:
                raise
            self._say(f"gaming: step {found.step} is in the trainer's log only: {error}")


def _wait_for_all() -> None:
    """Lets the other processes of a distributed training wait for the one that measures."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


def _one_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
