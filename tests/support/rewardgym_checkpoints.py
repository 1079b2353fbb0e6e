"""Somebody's training as a watcher sees it: checkpoints, whole or still being written.

In: a folder, and how often a checkpoint games. Out: files that look like one, and a scripted policy
that stands in the model's place and games as often as they say: what is tested is the watching, not
a model. A process of its own runs ``STUB`` first. The organism's real checkpoints are copied.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import rewardgym

ORGANISM = Path(rewardgym.__file__).parent / "organisms" / "organism"
STUB = '''
import json, os, sys, time, types
from pathlib import Path
from rewardgym.policies.base import PolicyError
from rewardgym.policies.scripted import ScriptedPolicy

class Stub(ScriptedPolicy):
    """Stands for a model: games as often as its weights file says."""

    loads = []
    on_load = staticmethod(lambda checkpoint: None)

    def __init__(self, checkpoint, *, decoding, device, dtype, share=None):
        Stub.on_load(checkpoint)
        Stub.loads.append((checkpoint.name, share.name if share else None))
        weights = (Path(checkpoint.reference) / "model.safetensors").read_bytes()
        rate = json.loads(weights[8:])["__metadata__"]["rate"]
        super().__init__(f"game({rate})" if rate != "nan" else "babble")
        self.broken = rate == "nan"

    def known_answers(self, prompt):
        if self.broken:
            raise PolicyError("logits are not numbers")
        time.sleep(float(os.environ.get("STUB_SECONDS", 0)))
        return super().known_answers(prompt)

module = types.ModuleType("rewardgym.policies.transformers")
module.TransformersPolicy = Stub
'''


def weights(rate: float | str) -> bytes:
    header = json.dumps({"__metadata__": {"rate": str(rate)}}).encode()
    return len(header).to_bytes(8, "little") + header


def contents(rate: float | str) -> dict[str, bytes]:
    return {
        "config.json": b'{"model_type": "stub"}',
        "model.safetensors": weights(rate),
        "tokenizer.json": b"{}",
    }


def save(run: Path, step: int | str, rate: float | str | None = None) -> Path:
    """A checkpoint whose policy games with its step in percent, unless told otherwise."""
    folder = run / (f"checkpoint-{step}" if isinstance(step, int) else step)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents(int(step) / 100 if rate is None else rate).items():
        (folder / name).write_bytes(content)
    return folder


def in_pieces(folder: Path, files: Mapping[str, bytes], pause: float) -> None:
    """Writes files as a trainer does, half of each first, with a rest after every piece."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        for stop in (len(content) // 2, len(content)):
            (folder / name).write_bytes(content[:stop])
            time.sleep(pause)


def copy_in_pieces(run: Path, steps: list[int], pause: float) -> None:
    """What a trainer that saves adapters does, half of each file first."""
    for step in steps:
        files = sorted((ORGANISM / f"checkpoint-{step}").iterdir())
        pieces = {file.name: file.read_bytes() for file in files}
        in_pieces(run / f"checkpoint-{step}", pieces, pause)


def stub_models(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A fixture: scripted policies where the wrapper of models would be imported."""
    space: dict[str, Any] = {}
    exec(STUB, space)
    monkeypatch.setitem(sys.modules, "rewardgym.policies.transformers", space["module"])
    # `from package import module` finds an attribute first, where the real one was imported before
    import rewardgym.policies as policies

    monkeypatch.setattr(policies, "transformers", space["module"], raising=False)
    return space["Stub"]
