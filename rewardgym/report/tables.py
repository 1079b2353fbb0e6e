"""Tables for the terminal, and CSV and JSON of the same numbers.

In: the frames of ``gaming_rates``. Out: text. A missing number is an empty cell, a dash or null,
never a zero.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rewardgym.metrics.rates import RATE_COLUMNS
from rewardgym.outcomes import OTHERS

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

DASH = "–"


def percent(value: float) -> str:
    """A rate for people: 0.085 is ``8.5%``; missing is a dash."""
    return f"{100 * value:.1f}%" if value == value else DASH


def with_interval(value: float, low: float, high: float, signed: bool = False) -> str:
    """A value with its interval in percent: ``0.0 [0.0, 8.8]``; missing is a dash."""
    if value != value:
        return DASH
    form = "+.1f" if signed else ".1f"
    return f"{100 * value:{form}} [{100 * low:{form}}, {100 * high:{form}}]"


def rates_table(table: pd.DataFrame, title: str = "", level: float = 0.95) -> Table:
    """Rates as a rich table: one row a group, the twin beside it, and every other outcome that
    occurs. Rates and excess are in percent, with their intervals."""
    keys = [name for name in table.columns if name not in (*RATE_COLUMNS, *OTHERS)]
    shown = [name for name in OTHERS if table[name].sum() > 0]
    bounds = f"[{100 * level:g}%]"
    numbers = ("k/n", f"rate {bounds}", "twin k/n", f"excess {bounds}", *shown)
    out = _table(title, keys, numbers)
    for row in table.to_dict("records"):
        counts = [str(row[name]) for name in shown]
        out.add_row(*[_text(row[name]) for name in keys], *_numbers(row), *counts)
    return out


def series_table(table: pd.DataFrame, rows: list[str], title: str = "") -> Table:
    """Rates over checkpoints: one row a group of ``rows``, one column a checkpoint, then the last
    checkpoint's interval, its twin, its excess and its other outcomes."""
    checkpoints = list(table["checkpoint"].unique())
    heads = [str(name).removeprefix("checkpoint-") for name in checkpoints]
    out = _table(title, rows, (*heads, "k/n", "rate [95%]", "twin k/n", "excess [95%]", "other"))
    for key, group in table.groupby(rows, sort=False):
        found = {row["checkpoint"]: row for row in group.to_dict("records")}
        rates = [percent(found[c]["rate"]) if c in found else DASH for c in checkpoints]
        last = found.get(checkpoints[-1])
        numbers = _numbers(last) if last else [DASH] * 4
        others = str(sum(last[name] for name in OTHERS)) if last else DASH
        out.add_row(*[_text(part) for part in key], *rates, *numbers, others)
    return out


def print_table(table: Table) -> None:
    """Prints a table at its full width: a number that is cut off is a wrong number."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(highlight=False)
    needed = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    console.width = max(console.width, needed)
    console.print(table)


def _table(title: str, keys: list[str], numbers: tuple[str, ...]) -> Table:
    from rich import box
    from rich.table import Table

    out = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in keys:
        out.add_column(name, no_wrap=True)
    for name in numbers:
        out.add_column(name, justify="right", no_wrap=True)
    return out


def _numbers(row: Mapping[Any, Any]) -> list[str]:
    return [
        f"{row['k']}/{row['n']}",
        with_interval(row["rate"], row["low"], row["high"]),
        f"{row['twin_k']}/{row['twin_n']}" if row["twin_n"] else DASH,
        with_interval(row["excess"], row["excess_low"], row["excess_high"], signed=True),
    ]


def _text(value: Any) -> str:
    return DASH if value is None or value != value else str(value)


def to_json(table: pd.DataFrame) -> str:
    """The rates as a JSON list of rows; a missing number is null."""
    rows = [
        {name: None if value != value else value for name, value in row.items()}
        for row in table.astype(object).to_dict("records")
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
