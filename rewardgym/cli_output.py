"""What commands that print numbers share: the format, and printing one table or several in it.

In: frames, each with a way to make its table for people. Out: text on standard output. A CSV holds
one table, the first; JSON holds all of them under their names. No number is changed on its way.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from rewardgym.names import unknown

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


class Format(StrEnum):
    """How numbers are printed."""

    table = "table"
    csv = "csv"
    json = "json"


Form = Annotated[Format, typer.Option("--format", help="How to print.")]
Only = Annotated[str | None, typer.Option("--table", help="Print this one of the tables alone.")]
Level = Annotated[float, typer.Option(help="Level of the intervals; tests have the rest.")]

Shown = tuple["pd.DataFrame", Callable[[], "Table"]]
"""The numbers, and their table for people, made only where it is printed."""


def print_tables(tables: Mapping[str, Shown], form: Format, only: str | None = None) -> None:
    """Prints the tables, or the one named ``only``. Raises ValueError where there is none such."""
    from rewardgym.report.tables import print_table, to_json

    if only is not None and only not in tables:
        raise unknown("table", only, tables, "those that this run and these flags give")
    chosen = dict(tables) if only is None else {only: tables[only]}
    frames = {name: frame for name, (frame, _) in chosen.items()}
    if form is Format.csv:
        next(iter(frames.values())).to_csv(sys.stdout, index=False)
    elif form is Format.json and (only is not None or len(tables) == 1):
        print(to_json(_finite(next(iter(frames.values())))))
    elif form is Format.json:
        parts = {name: json.loads(to_json(_finite(frame))) for name, frame in frames.items()}
        print(json.dumps(parts, indent=2, ensure_ascii=False))
    else:
        for _, table in chosen.values():
            print_table(table())


def _finite(frame: pd.DataFrame) -> pd.DataFrame:
    """JSON has no infinity (an odds ratio's bound): a word stands for it, as null is no data."""
    return frame.astype(object).map(lambda value: "inf" if value == float("inf") else value)
