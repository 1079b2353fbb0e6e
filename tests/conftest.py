"""What several test files share: tiny models made on the spot, so that no test needs a network."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random 2-layer Qwen3 and a byte-level tokenizer with a chat template."""
    pytest.importorskip("transformers", reason="needs the extra hf")
    from rewardgym_tiny import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("models") / "checkpoint-10")
