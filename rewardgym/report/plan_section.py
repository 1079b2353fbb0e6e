"""What was written down before a run: its registered plan, and what the run says to it.

In: a run's store. Out: :class:`PlanSection`, plain values for a page, or None where no plan was
registered. It reads the text that the run itself keeps, never a file beside it, which could have
been written after the answers.
"""

from __future__ import annotations

import shlex
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rewardgym.metrics.cells import cell_table
from rewardgym.metrics.plan_file import Filter
from rewardgym.metrics.preregistration import (
    RULE,
    Answer,
    Hypothesis,
    Plan,
    answer_plan,
    exploratory,
    plan_from,
)
from rewardgym.metrics.registered import Registered, registered, standing
from rewardgym.records import RecordStore, Run
from rewardgym.report.page_tables import Grid
from rewardgym.report.tables import count

if TYPE_CHECKING:
    import pandas as pd

MOST_HYPOTHESES = 100
"""Hypotheses that a page shows; all of them are answered and counted."""
LONGEST_TEXT = 20_000
"""Characters of a plan's file in a page; the run keeps all."""


@dataclass(frozen=True)
class AnsweredLine:
    """One hypothesis as a page shows it."""

    id: str
    text: str
    """As its author wrote it; "" where there is none."""
    stated: str
    """Cells, direction and size, in words."""
    verdict: str
    why: str


@dataclass(frozen=True)
class PlanSection:
    """A run's plan, and the run's answers to it."""

    title: str
    name: str
    standing: str
    """What the answers are worth, in a sentence."""
    said: str
    """How many hypotheses got which verdict; or why none is answered, and what does it."""
    lines: tuple[AnsweredLine, ...] = ()
    left_out: int = 0
    """Hypotheses that a page has no room for."""
    rule: str = ""
    text: str = ""
    """The plan's file, as it was registered."""
    text_left_out: int = 0
    """Characters of it that a page has no room for."""
    plan: Plan | None = None
    """None where the text cannot be read."""


def read_plan_section(store: RecordStore, run: str) -> PlanSection | None:
    """The plan that the run in ``store``, called ``run`` in commands, was registered with; None
    where there is none."""
    try:
        known = registered(store)
    except TypeError:  # written by a version that keeps other things
        return PlanSection(
            *("What was written down", ""),
            "A plan is registered with this run, in a form that this version does not know.",
            f"It is not answered here; {_command(run)} answers one.",
        )
    if known is None:
        return None
    title = f"What was written down{' before' if known.first else ''}"
    section = PlanSection(
        *(title, known.name, "", ""),
        text=known.text[:LONGEST_TEXT],
        text_left_out=max(len(known.text) - LONGEST_TEXT, 0),
    )
    try:
        plan = plan_from(tomllib.loads(known.text))
        answers = answer_plan(plan, cell_table(store))
    except ValueError as error:
        return replace(
            section,
            standing=_registered(known),
            said=f"Its text cannot be answered here ({error}); {_command(run)} does.",
        )
    return replace(
        section,
        standing=standing(Run(store.folder), plan),
        said=_tally(answers, plan),
        lines=tuple(_lines(answers[:MOST_HYPOTHESES])),
        left_out=max(len(answers) - MOST_HYPOTHESES, 0),
        rule=RULE,
        plan=plan,
    )


def _command(run: str) -> str:
    return f"rewardgym rates {shlex.quote(run)} --plan FILE"


def _registered(known: Registered) -> str:
    when = "before the first row" if known.first else "after rows had been measured"
    return f"A plan with the sha256 {known.sha256[:12]} was registered on {known.when}, {when}."


def _tally(answers: Sequence[Answer], plan: Plan) -> str:
    counts = Counter(answer.verdict for answer in answers)
    many = f"{len(answers)} hypothes{'e' if len(answers) > 1 else 'i'}s at alpha = {plan.alpha:g}"
    return f"{many}: {', '.join(f'{number} {verdict}' for verdict, number in counts.items())}."


def _lines(answers: Sequence[Answer]) -> Iterator[AnsweredLine]:
    for one in answers:
        known = one.hypothesis
        yield AnsweredLine(known.id, known.text, _stated(known), one.verdict, _why(one))


def _stated(known: Hypothesis) -> str:
    """``field = reward, against field = cost: greater by 5 points or more; ...``."""
    other = f"a rate of {100 * (known.level or 0):g}%" if known.second is None else ""
    against = other or _cells(known.second or {})
    size = f" by {100 * known.smallest:g} points or more" if known.smallest else ""
    least = f"; at least {known.n:,} answers a side" if known.n > 1 else ""
    return f"{_cells(known.first)}, against {against}: {known.direction}{size}{least}"


def _cells(cells: Filter) -> str:
    return ", ".join(f"{name} = {' or '.join(map(str, v))}" for name, v in cells.items())


def _why(one: Answer) -> str:
    """The reason, after the counts that it is about."""
    if one.n1 is None or one.k1 is None:
        return one.reason
    counts = f"{count(one.k1)}/{count(one.n1)}"
    if one.n2 is not None and one.k2 is not None:
        counts += f" against {count(one.k2)}/{count(one.n2)}"
    return f"{counts}; {one.reason}"


# Tables of rates


def with_exploratory(grid: Grid, table: pd.DataFrame, cells: pd.DataFrame, plan: Plan) -> Grid:
    """The grid of the rates ``table`` with a last column: yes for what no hypothesis names.

    A column that a hypothesis names and the table lacks is taken from ``cells``, those of the same
    method, where it has one value in all of them: a table does not repeat it in every row."""
    shown = table.head(len(grid.rows))
    for name in dict.fromkeys(key for one in plan.hypotheses for key in _named(one)):
        if name not in shown and name in cells and cells[name].nunique(dropna=False) == 1:
            shown = shown.assign(**{name: [cells[name].iloc[0]] * len(shown)})
    marks = exploratory(plan, shown)["exploratory"]
    rows = tuple(
        (*row, "yes" if mark else "no") for row, mark in zip(grid.rows, marks, strict=True)
    )
    return replace(grid, heads=(*grid.heads, "exploratory"), rows=rows)


def _named(known: Hypothesis) -> list[str]:
    return [*known.first, *(known.second or ())]
