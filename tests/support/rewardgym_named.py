"""A policy with any name, for tests of what names look like elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rewardgym.policies import Reply


class Named:
    """Answers 7, 8 and with no number, in turn."""

    def __init__(self, name: str) -> None:
        self.name = name

    def describe(self) -> dict[str, Any]:
        return {"policy": "named", "name": self.name}

    def reply(self, prompts: Sequence[Any], streams: Any) -> list[Reply]:
        return [Reply(("7", "8", "?")[i % 3]) for i in range(len(prompts))]
