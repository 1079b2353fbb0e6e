"""Exact gaming probabilities: a model's own law over its answers, without sampling."""

from __future__ import annotations

from rewardgym.exact.answers import answer_law
from rewardgym.exact.law import Law

__all__ = ["Law", "answer_law"]
