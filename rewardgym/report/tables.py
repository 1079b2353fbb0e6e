"""Tables for the terminal, and CSV and JSON of the same numbers.

In: the frames of ``gaming_rates``. Out: text. A missing number is an empty cell, a dash or null,
never a zero.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rewardgym.metrics.corrections import tied_groups
from rewardgym.metrics.rates import EXACT_COLUMNS, RATE_COLUMNS, TEST_COLUMNS
from rewardgym.outcomes import OTHERS

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

DASH = "–"


def percent(value: float) -> str:
    """A rate for people: 0.085 is ``8.5%``; missing is a dash."""
    return f"{100 * value:.1f}%" if value == value else DASH


def with_interval(value: float, low: float, high: float, signed: bool = False) -> str:
    """A value with its interval in percent: ``0.0 [0.0, 8.8]``; missing is a dash. Where the
    interval is narrower than a tenth of a point the value alone says as much: ``99.36``."""
    if value != value:
        return DASH
    form = "+.1f" if signed else ".1f"
    if high - low < 0.001:
        return f"{100 * value:{'+' if signed else ''}.2f}"
    return f"{100 * value:{form}} [{100 * low:{form}}, {100 * high:{form}}]"


MOST_LETTERS = 60
"""Rows up to which a table shows which rates are tied: beyond, letters are read by nobody."""


def rates_table(table: pd.DataFrame, title: str = "", level: float = 0.95) -> Table:
    """Rates as a rich table: one row a group, the twin beside it, and every other outcome that
    occurs. Rates and excess are in percent, with their intervals; the method is named where any
    row is not sampled, and its bounds are then those of :func:`gaming_rates`. A star marks an
    excess that survives the correction for all rows; rows that share a letter are tied."""
    numbers = (*RATE_COLUMNS, *EXACT_COLUMNS, *TEST_COLUMNS, *OTHERS)
    keys = [name for name in table.columns if name not in (*numbers, "exploratory")]
    keys += ["method"] if (table["method"] != "sampled").any() else []
    shown = [name for name in OTHERS if table[name].sum() > 0]
    beside = [name for name in EXACT_COLUMNS[1:] if name in table and _says_something(table, name)]
    letters = _letters(table, level)
    bounds = f"[{100 * level:g}%]"
    heads = ("k/n", f"rate {bounds}", *(["tied"] if letters else []), "twin k/n")
    heads += (f"excess {bounds}", "", *shown, *beside)
    out = plain_table(title, keys, heads)
    out.caption, out.caption_justify = _legend(table, bool(letters), level), "left"
    for place, row in enumerate(table.to_dict("records")):
        counts = [count(row[name]) for name in shown]
        shares = [count(row[n]) if n == "residual" else percent(row[n]) for n in beside]
        own, rate, twin, excess = _numbers(row)
        tied = [letters[place]] if letters else []
        star = "*" if row["survives"] else ""
        star += " exploratory" if row.get("exploratory") else ""
        out.add_row(
            *[_text(row[name]) for name in keys], *(own, rate, *tied, twin, excess, star),
            *counts, *shares,
        )  # fmt: skip
    return out


def _letters(table: pd.DataFrame, level: float) -> list[str]:
    """Which sampled rows are tied; empty where that says nothing or there are too many."""
    sampled = (table["method"] == "sampled").to_numpy(dtype=bool)
    if not 2 <= sampled.sum() <= MOST_LETTERS or sampled.sum() < len(table):
        return []
    return tied_groups(table["k"].to_numpy(), table["n"].to_numpy(), level=level)


def _legend(table: pd.DataFrame, letters: bool, level: float) -> str | None:
    tested = int(table["q"].notna().sum())
    said = []
    if tested:
        said.append(
            f"* {int(table['survives'].sum())} of {tested} excesses survive Benjamini-Hochberg at "
            f"{100 * (1 - level):g}%"
        )
    elif table["survives"].any():
        said.append("* beyond the noise floor, or bounds that exclude 0")
    if (table["residual"] > table["n"]).any():
        said.append("where the residual is larger than n, the rate speaks for few of the replies")
    if letters:
        said.append("rows that share a letter are not told apart (Holm over all pairs)")
    return "; ".join(said) or None


def _says_something(table: pd.DataFrame, name: str) -> bool:
    return bool(table[name].sum() > 0 if name == "residual" else table[name].notna().any())


def count(value: float) -> str:
    """A count, or a sum of probabilities with two digits: ``7``, ``0.98``."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.2f}"


def series_table(table: pd.DataFrame, rows: list[str], title: str = "") -> Table:
    """Rates over checkpoints: one row a group of ``rows``, one column a checkpoint, then the last
    checkpoint's interval, its twin, its excess and its other outcomes."""
    if table["method"].nunique() > 1:  # sampled and exact rows of one cell are two rows
        rows = [*rows, "method"]
    checkpoints = list(table["checkpoint"].unique())
    heads = [str(name).removeprefix("checkpoint-") for name in checkpoints]
    out = plain_table(
        title, rows, (*heads, "k/n", "rate [95%]", "twin k/n", "excess [95%]", "other")
    )
    for key, group in table.groupby(rows, sort=False):
        found = {row["checkpoint"]: row for row in group.to_dict("records")}
        rates = [percent(found[c]["rate"]) if c in found else DASH for c in checkpoints]
        last = found.get(checkpoints[-1])
        numbers = _numbers(last) if last else [DASH] * 4
        others = count(sum(last[name] for name in (*OTHERS, "residual"))) if last else DASH
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


def plain_table(title: str, keys: list[str], numbers: tuple[str, ...]) -> Table:
    """An empty table: text columns, then columns of numbers."""
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
        f"{count(row['k'])}/{count(row['n'])}",
        with_interval(row["rate"], row["low"], row["high"]),
        f"{count(row['twin_k'])}/{count(row['twin_n'])}" if row["twin_n"] else DASH,
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
