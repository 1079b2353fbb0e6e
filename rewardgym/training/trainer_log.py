"""The trainer's log: numbers of a callback where TensorBoard, wandb and trackio show them.

In: numbers by name, inside of a callback's event. Out: an entry in ``state.log_history`` and a call
of ``on_log`` of every callback of the trainer, as ``Trainer.log`` does it.
A trainer hands its callbacks everything but itself, and those that report stand before a user's
own, so that numbers put into ``logs`` come too late for them. Reporters of our own would open a
second run beside the trainer's. So the handler that called us is taken from the call stack.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import CallbackHandler


def log_numbers(
    callback: TrainerCallback, args: Any, state: Any, control: Any, numbers: Mapping[str, float]
) -> None:
    """Logs numbers at the present step. Where no handler called us, to the history alone."""
    logs: dict[str, Any] = dict(numbers)
    if state.epoch is not None:
        logs["epoch"] = state.epoch
    state.log_history.append({**logs, "step": state.global_step})
    handler = _handler_of(callback)
    if handler is not None:
        wanted = control.should_log  # on_log resets it, and the trainer's own turn may be due
        handler.on_log(args, state, control, logs)
        control.should_log = wanted


def _handler_of(callback: TrainerCallback) -> CallbackHandler | None:
    """The handler whose event is running, found on the stack."""
    frame = inspect.currentframe()
    try:
        while frame is not None:
            owner = frame.f_locals.get("self")
            if isinstance(owner, CallbackHandler) and callback in owner.callbacks:
                return owner
            frame = frame.f_back
        return None
    finally:
        del frame  # a frame that holds itself would live until the next collection
