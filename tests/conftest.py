"""What several test files share: tiny models made on the spot, so that no test needs a network."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest


def pytest_configure() -> None:
    """Started in the background by a shell, a process ignores Ctrl-C, and so would all that tests
    start to interrupt."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random 2-layer Qwen3 and a byte-level tokenizer with a chat template."""
    pytest.importorskip("transformers", reason="needs the extra hf")
    from rewardgym_tiny import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("models") / "checkpoint-10")
