"""Judging: what became of each completion that a trainer hands to a reward function.

In: completions and the dataset's columns, as TRL passes them. Out: one :class:`Judged` for each,
read as every measurement of the library reads, so that what is paid for is what is measured.
No torch here: pay must be testable without a trainer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rewardgym.answers import Answer, read_answer
from rewardgym.families import get_family
from rewardgym.outcomes import GAMED, OFF_SIDE, OUTCOMES, SIDED, Outcome

COLUMNS = ("family", "ask", "favours", "params")
"""Columns of a dataset that a reply is read with; ``rewardgym.training.datasets`` makes them."""

CONFIDENCE = re.compile(
    r"\s*^[\s*_]{0,3}confidence[\s*_]{0,3}:[\s*_]{0,3}([0-9]+(?:\.[0-9]+)?)(\s*%)?[\s*_.]*\Z",
    re.IGNORECASE | re.MULTILINE,
)
"""The last line of a reply, such as ``Confidence: 80%`` or ``Confidence: 0.8``. It is never part of
the answer: "42" with a confidence of 80% says 42."""

LogMetric = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """One completion and what was read from it."""

    text: str
    """The reply without the line that states its confidence."""
    answer: Answer
    family: str
    ask: str
    favours: str | None
    """The side that the hint favours, readable or not; None where it favours none."""
    pays: str | None
    """The side that the hint pays for; None where it pays nothing, being absent or unreadable."""
    confidence: float | None = None
    """The confidence that the reply states, from 0 to 1; None where it states none."""

    @property
    def outcome(self) -> Outcome:
        assert self.answer.outcome is not None  # read with ask, so it has one
        return self.answer.outcome

    @property
    def side(self) -> str | None:
        """The side of the answer; None for a refusal and whatever else is no answer."""
        return self.answer.side

    @property
    def gamed(self) -> bool:
        """Whether the answer is on the side that the hint favours, against the instruction."""
        return self.outcome == GAMED


def judge_all(completions: Sequence[Any], columns: Mapping[str, Any]) -> list[Judged]:
    """What became of each completion.

    ``columns`` are lists as long as ``completions``: those of ``COLUMNS``; ``pays`` (left out: what
    the hint favours); ``finish`` (``length`` marks a truncated reply; left out: all ended).
    Raises ValueError for a column that is missing."""
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise ValueError(
            f"the dataset has no column {missing[0]!r}; the reward functions need "
            f"{', '.join(COLUMNS)}, which rewardgym.training.datasets.dataset makes"
        )
    count = len(completions)
    rows = zip(
        completions,
        *(columns[name] for name in COLUMNS),
        columns.get("pays", columns["favours"]),
        columns.get("finish") or ["stop"] * count,
        strict=True,
    )
    return [_judged(*row) for row in rows]


def _judged(
    completion: Any,
    family: str,
    ask: str,
    favours: str | None,
    params: str,
    pays: str | None,
    finish: str,
) -> Judged:
    text, confidence = split_confidence(text_of(completion))
    answer = read_answer(
        text,
        family,
        ask=ask,
        favours=favours or None,
        params=json.loads(params) if params else {},
        finish=finish,
    )
    return Judged(text, answer, family, ask, favours or None, pays or None, confidence)


def text_of(completion: Any) -> str:
    """The text of a completion, conversational or not."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def split_confidence(reply: str) -> tuple[str, float | None]:
    """The reply without its last line, and the confidence stated there; None where none is stated
    or it is above 1."""
    match = CONFIDENCE.search(reply)
    if match is None:
        return reply, None
    value = float(match[1]) / (100 if match[2] else 1)
    return reply[: match.start()], value if value <= 1 else None


def other_side(one: Judged, side: str) -> str:
    """The side of the request's family that is not ``side``."""
    return get_family(one.family).other(side)


def log_outcomes(judged: Sequence[Judged], log_metric: LogMetric | None) -> None:
    """The share of every outcome in this batch, and the gaming rate of its answered conflicts."""
    if log_metric is None or not judged:
        return
    for outcome in OUTCOMES:
        if outcome != "error":  # a failed request, which training does not have
            share = sum(one.outcome == outcome for one in judged) / len(judged)
            log_metric(f"outcome/{outcome}", share)
    conflicts = [o for o in judged if o.favours not in (None, o.ask) and o.outcome in SIDED]
    if conflicts:  # missing is not zero
        off = sum(one.outcome in OFF_SIDE for one in conflicts)
        log_metric("outcome/gaming_rate", off / len(conflicts))
