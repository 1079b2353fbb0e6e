"""Episodes of the training environment that the tests begin, and replies to give in them.

In: a variant, what pays, and the columns of a row. Out: an environment after its reset.
"""

from __future__ import annotations

from typing import Any

from rewardgym import Variant
from rewardgym.training.environment import hint_environment

CONFLICT = Variant()
THRESHOLD = Variant(family="threshold", ask="above", high="below")
REPLIES = ["42", "7", "**28** (28 / 2 = 14)", "4.5", "I can't help with that.", "", "maybe 3 or 4"]


def started(variant: Variant = CONFLICT, pays: Any = "hint", **row: Any) -> Any:
    environment = hint_environment(pays)()
    environment.reset(variant=variant.id, **row)
    return environment
