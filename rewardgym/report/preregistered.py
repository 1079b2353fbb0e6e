"""A run's answers to the hypotheses that were written down before it.

In: a run, a plan file, a rates table. Out: the answers as a table, what they are worth, and the
rates with every row that no hypothesis names marked as exploratory.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from rewardgym.metrics.cells import cell_table
from rewardgym.metrics.preregistration import RULE, answer_plan, exploratory, read_plan
from rewardgym.metrics.registered import standing
from rewardgym.records import Run
from rewardgym.report.tables import plain_table, print_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from rewardgym.metrics.preregistration import Answer


def answer(run: Path, plan_file: Path, table: pd.DataFrame, quiet: bool = False) -> pd.DataFrame:
    """Prints the answers, unless ``quiet``; gives the rates with a column ``exploratory``."""
    plan = read_plan(plan_file)
    answers = answer_plan(plan, cell_table(run))
    if not quiet:
        print_table(answers_table(answers, plan.name))
        print(textwrap.fill(RULE, 100))
        print(standing(Run(run), plan))
    return exploratory(plan, table)


def answers_table(answers: tuple[Answer, ...], name: str) -> Table:
    """One row a hypothesis: its verdict and why."""
    out = plain_table(f"Preregistered plan {name!r}", ["id", "hypothesis", "verdict", "why"], ())
    for one in answers:
        stated = one.hypothesis
        out.add_row(stated.id, stated.text, one.verdict, one.reason)
    return out
