"""RewardHint-v0 for the tests: made without its wrappers, or asked in a process of its own.

In: factors, or code. Out: the environment, or what the code printed.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import gymnasium as gym

ENV = "RewardHint-v0"


def make(**kwargs: Any) -> Any:
    return gym.make(ENV, **kwargs).unwrapped


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.strip()
