"""Preregistration: what a run says to each hypothesis that was written down before it.

In: a plan and the cells of a run. Out: for each hypothesis confirmed, refuted or undecided, or not
measured with the reason; and which rows no hypothesis named. The verdict is a rule of this file,
not of whoever reads the table: of 29 cells that are looked at, one is below 0.05 by chance alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from rewardgym.metrics.effects import compare
from rewardgym.metrics.intervals import wilson
from rewardgym.metrics.plan_file import Filter, Hypothesis, Plan, PlanError, plan_from, read_plan

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "RULE",
    "Answer",
    "Hypothesis",
    "Plan",
    "PlanError",
    "answer_plan",
    "answer_table",
    "exploratory",
    "plan_from",
    "read_plan",
]

Verdict = Literal["confirmed", "refuted", "undecided", "not measured"]
Bools = NDArray[np.bool_]

RULE = (
    "Confirmed: the two-sided test, Holm-adjusted over all hypotheses of the plan, rejects at its "
    "alpha, and the interval (level 1 - alpha, not adjusted) lies wholly beyond the smallest "
    "effect in the stated direction. Refuted: the interval lies wholly on the other side of the "
    "smallest effect, or of 0 where none was stated; for 'different': wholly within it. Undecided: "
    "neither. Not measured: cells are missing, or have fewer answers than the plan asked for."
)


@dataclass(frozen=True)
class Answer:
    """What a run says to one hypothesis; numbers are None where they were not measured."""

    hypothesis: Hypothesis
    verdict: Verdict
    reason: str
    k1: int | None = None
    n1: int | None = None
    k2: int | None = None
    """k2 and n2 are None where the first cells are compared with a level."""
    n2: int | None = None
    effect: float | None = None
    """The rate of the first cells minus that of the second, or minus the level."""
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    adjusted: float | None = None
    """The p-value after Holm's step-down over the whole plan; what was not measured counts as 1,
    so that a plan does not get easier by leaving cells out."""


def answer_plan(plan: Plan, table: pd.DataFrame) -> tuple[Answer, ...]:
    """The answer to each hypothesis of a plan, by RULE.

    ``table`` has one row a cell: k, n and the columns that the plan names (``cell_table`` of a
    run). Cells of a side are pooled, its conflict cells only where the filter names no arm, and
    sampled rows only. Two rates are tested by :func:`rewardgym.metrics.effects.compare`, a rate
    against a level by the exact binomial test.
    Raises ValueError for a table without k and n.
    """
    from statsmodels.stats.multitest import multipletests

    for name in ("k", "n"):
        if name not in table.columns:
            raise ValueError(f"the table has no column {name!r}; pass the cells of a run")
    found = [_measure(hypothesis, table, plan.alpha) for hypothesis in plan.hypotheses]
    p = [1.0 if answer.p_value is None else answer.p_value for answer in found]
    adjusted = multipletests(p, alpha=plan.alpha, method="holm")[1]
    return tuple(
        _judged(answer, float(value), plan.alpha)
        for answer, value in zip(found, adjusted, strict=True)
    )


def answer_table(answers: Sequence[Answer]) -> pd.DataFrame:
    """The answers as a table, one row a hypothesis; NaN where a number was not measured."""
    import pandas as pd

    names = ("k1", "n1", "k2", "n2", "effect", "low", "high", "p_value", "adjusted")
    rows: list[dict[str, Any]] = [
        {
            "id": answer.hypothesis.id,
            "text": answer.hypothesis.text,
            "verdict": answer.verdict,
            **{name: getattr(answer, name) for name in names},
            "reason": answer.reason,
        }
        for answer in answers
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(names, float))


def exploratory(plan: Plan, table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column ``exploratory``: True for every row that no hypothesis names. A row
    of a table without one of a filter's columns is not named by that filter."""
    named = np.zeros(len(table), dtype=bool)
    for hypothesis in plan.hypotheses:
        for cells in (hypothesis.first, hypothesis.second):
            if cells is not None and all(column in table.columns for column in cells):
                named |= _rows(table, cells)
    return table.assign(exploratory=~named)


# Which cells


def _rows(table: pd.DataFrame, cells: Filter) -> Bools:
    """The rows that a filter means: where it names no arm, the conflict rows if it has any."""
    found = np.ones(len(table), dtype=bool)
    for column, wanted in cells.items():
        found &= np.array([_word(value) in wanted for value in table[column]], dtype=bool)
    if "arm" not in cells and "arm" in table.columns:
        conflict = found & (table["arm"] == "conflict").to_numpy(dtype=bool)
        found = conflict if conflict.any() else found
    if "method" not in cells and "method" in table.columns:
        found &= (table["method"] == "sampled").to_numpy(dtype=bool)
    return found


def _word(value: object) -> object:
    """A missing value reads "none", as in a plan: TOML has no word for it."""
    return "none" if value is None or value != value else value


def _counts(
    table: pd.DataFrame, cells: Filter, side: str, least: int
) -> tuple[Bools, int, int] | str:
    """The rows of one side with their k and n, or why it is not measured."""
    for column in cells:
        if column not in table.columns:
            return f"the table has no column {column!r}, which {side} names"
    rows = _rows(table, cells)
    if not rows.any():
        return f"no sampled cell is what {side} names ({_spelled(cells)})"
    chosen = table[rows]
    if "method" in cells and (chosen["method"] != "sampled").any():
        return f"{side} names rows that are no counts of a fixed n, which these tests are for"
    arms = chosen["arm"].unique().tolist() if "arm" in table.columns else []
    if "arm" not in cells and len(arms) > 1:
        return f"{side} holds several arms ({', '.join(arms)}), which are not pooled: name one"
    k, n = int(chosen["k"].sum()), int(chosen["n"].sum())
    if n < least:
        return f"{side} has {n} answers on either side, the plan asks for {least}"
    return rows, k, n


def _spelled(cells: Filter) -> str:
    return ", ".join(f"{name} = {' or '.join(map(str, v))}" for name, v in cells.items())


# What they say


def _measure(hypothesis: Hypothesis, table: pd.DataFrame, alpha: float) -> Answer:
    """The effect, its interval and its p-value; the verdict is still open."""

    def unmeasured(reason: str) -> Answer:
        return Answer(hypothesis, "not measured", reason)

    first = _counts(table, hypothesis.first, "first", hypothesis.n)
    if isinstance(first, str):
        return unmeasured(first)
    rows1, k1, n1 = first
    if hypothesis.second is None:
        assert hypothesis.level is not None
        return _against_level(hypothesis, k1, n1, hypothesis.level, alpha)
    second = _counts(table, hypothesis.second, "second", hypothesis.n)
    if isinstance(second, str):
        return unmeasured(second)
    rows2, k2, n2 = second
    if (rows1 & rows2).any():
        return unmeasured("first and second share cells; name two sides that exclude each other")
    effect = compare(k1, n1, k2, n2, level=1 - alpha)
    return Answer(
        hypothesis, "undecided", "", k1, n1, k2, n2,
        effect=effect.difference,
        low=effect.low,
        high=effect.high,
        p_value=effect.p_value,
    )  # fmt: skip


def _against_level(hypothesis: Hypothesis, k: int, n: int, level: float, alpha: float) -> Answer:
    from scipy.stats import binomtest

    low, high = wilson([k], [n], 1 - alpha)
    return Answer(
        hypothesis, "undecided", "", k, n,
        effect=k / n - level,
        low=float(low[0]) - level,
        high=float(high[0]) - level,
        p_value=float(binomtest(k, n, level).pvalue),
    )  # fmt: skip


def _judged(answer: Answer, adjusted: float, alpha: float) -> Answer:
    """The answer with its verdict, by RULE."""
    if answer.effect is None or answer.low is None or answer.high is None:
        return answer
    stated = answer.hypothesis
    sign = -1 if stated.direction == "less" else 1
    low, high = sorted((sign * answer.low, sign * answer.high))
    if stated.direction == "different":
        beyond = low > stated.smallest or high < -stated.smallest
        against = -stated.smallest < low and high < stated.smallest
    else:
        beyond, against = low > stated.smallest, high < stated.smallest
    verdict: Verdict = "undecided"
    if beyond and adjusted <= alpha:
        verdict = "confirmed"
    elif against:
        verdict = "refuted"
    reason = (
        f"{100 * answer.effect:+.1f} points [{100 * answer.low:+.1f}, {100 * answer.high:+.1f}], "
        f"Holm p = {adjusted:.2g}; stated: {stated.direction}"
        + (f" by {100 * stated.smallest:.1f} points" if stated.smallest else "")
    )
    return replace(answer, verdict=verdict, reason=reason, adjusted=adjusted)
