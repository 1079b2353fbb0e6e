"""Frames as tables of a page: headings, rows of text, and which columns hold numbers.

In: frames of rates, or any other. Out: :class:`Grid`. It is text already, so that a page without
scripts shows the same numbers as the terminal does; a missing number is a dash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewardgym.outcomes import OTHERS
from rewardgym.report.stats import p_text
from rewardgym.report.tables import DASH, count, percent, with_interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Grid:
    """A table of texts."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int
    """How many columns, from the left, are names; the others are numbers."""
    left_out: int = 0
    """Rows that a page has no room for."""


def rates_grid(
    table: pd.DataFrame, keys: Sequence[str], caption: str, most: int | None = None
) -> Grid:
    """Rates as in the terminal: k/n, rate and excess with intervals in percent, q, a star for what
    survives, and every other outcome that occurs."""
    level = "[bounds]" if (table["method"] == "exact").all() else "[95%]"
    heads = [*keys, "k/n", f"rate % {level}", "twin k/n", f"excess {level}"]
    tested, known = bool(table["q"].notna().any()), bool(table["decodes"].notna().any())
    others = [name for name in (*OTHERS, "residual") if table[name].sum() > 0]
    heads += [*(["q"] if tested else []), "survives", *others, *(["decodes"] if known else [])]
    shown = table if most is None else table.head(most)
    rows = []
    for row in shown.to_dict("records"):
        beside = [p_text(row["q"])] if tested else []
        beside += [_verdict(row), *(count(row[name]) for name in others)]
        beside += [percent(row["decodes"])] if known else []
        rows.append((*(name_text(row[key]) for key in keys), *_numbers(row), *beside))
    return Grid(caption, tuple(heads), tuple(rows), len(keys), len(table) - len(shown))


def ladder_grid(table: pd.DataFrame, caption: str) -> Grid:
    """A ladder's edits: what changes from what to what, both k/n, and the effect in points."""
    heads = ("edit", "against", "k/n", "against k/n", "effect [interval], points")
    rows = tuple(
        (
            str(row["label"]),
            name_text(row["against"]),
            _of(row["k"], row["n"]),
            _of(row["base_k"], row["base_n"]),
            with_interval(row["effect"], row["low"], row["high"], signed=True),
        )
        for row in table.to_dict("records")
    )
    return Grid(caption, heads, rows, 2)


def name_text(value: Any) -> str:
    """A factor's value: a dash for none, a step without decimals."""
    if value is None or value != value:
        return DASH
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def _numbers(row: Mapping[Any, Any]) -> list[str]:
    return [
        _of(row["k"], row["n"]),
        with_interval(row["rate"], row["low"], row["high"]),
        _of(row["twin_k"], row["twin_n"]) if row["twin_n"] else DASH,
        with_interval(row["excess"], row["excess_low"], row["excess_high"], signed=True),
    ]


def _of(k: float, n: float) -> str:
    return f"{count(k)}/{count(n)}" if n else "no data"


def _verdict(row: Mapping[Any, Any]) -> str:
    if row["excess"] != row["excess"]:
        return DASH
    return "yes *" if row["survives"] else "no"
