"""Tables for papers: rates as LaTeX or Markdown.

In: a frame of ``gaming_rates``. Out: text to put into a document. Numbers are worded by the same
functions as in the terminal's table, so that a paper and a screen cannot differ; what the bounds
are, and what was corrected for what, stands in the caption, where a reader of the table finds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewardgym.export.escaping import (
    latex_cell,
    latex_lines,
    latex_paragraph,
    latex_text,
    markdown_caption,
    markdown_cell,
)
from rewardgym.metrics.rates import EXACT_COLUMNS, RATE_COLUMNS, TEST_COLUMNS
from rewardgym.names import unknown
from rewardgym.outcomes import OTHERS
from rewardgym.report.stats import word
from rewardgym.report.tables import DASH, count, percent, with_interval

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = (*RATE_COLUMNS, *EXACT_COLUMNS, *TEST_COLUMNS, *OTHERS, "exploratory")

BOUNDS = {
    "sampled": "{level} intervals are Wilson's for rates and Newcombe's for excesses",
    "sequential": "bounds of sequential rows are {level} confidence sequences",
    "exact": "rows of method exact are probabilities; their bounds hold what the branches below "
    "the cut and the noise floor could change",
    "chains": "rows of method chains are probabilities after sampled reasoning, with {level} "
    "intervals between chains",
}
"""What the bounds of a row are, by its method."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A table in plain words, before it is any markup."""

    keys: tuple[str, ...]
    heads: tuple[str, ...]
    """The heads of the number columns, which follow the keys."""
    rows: tuple[tuple[str, ...], ...]
    caption: str
    """The caption's own words, of which nothing came from outside."""
    before: str
    """The user's words, put before it."""


def latex_table(
    table: pd.DataFrame,
    by: Sequence[str] | str | None = None,
    *,
    level: float = 0.95,
    caption: str | None = None,
    label: str | None = None,
) -> str:
    """A ``table`` environment for a document that loads booktabs and graphicx.

    Rates and excesses are in percent and points, with their intervals; a star marks an excess that
    survives; an en dash is no data, and its n is 0. ``by`` names the columns that tell the rows
    apart (all of them where left out); ``level`` is the one given to ``gaming_rates``; ``caption``
    is put before what the caption says of level, method and correction. A table wider than the
    line is made smaller, a long name stands in several lines, and more rows than a page holds
    become several tables with ``\\clearpage`` between them. The text is ASCII, for any engine.
    Raises ValueError for an empty table, for an unknown name in ``by``, and where rows would look
    the same.
    """
    cells = _cells(table, by, level, caption)
    own = len(cells.keys)
    head = " & ".join([*map(latex_text, cells.keys), *map(_latex_number, cells.heads)])
    columns = "l" * own + "r" * len(cells.heads)
    said = " ".join(filter(None, (latex_paragraph(cells.before), _latex_number(cells.caption))))
    title = [
        rf"\caption{{{said}}}",
        *([rf"\label{{{_label(label)}}}"] if label is not None else []),
    ]
    found = []
    for part in _parts(cells.rows, own):
        body = [[*map(latex_cell, row[:own]), *map(_latex_number, row[own:])] for row in part]
        found.append(_latex_float(title, columns, head, [" & ".join(row) for row in body]))
        title = [r"\tablename~\thetable{} (continued)\par"]
    return "\\clearpage\n".join(found)


_FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""As wide as it is, or as the line: nothing stands in the margin."""


def _latex_float(title: Sequence[str], columns: str, head: str, body: Sequence[str]) -> str:
    lines = [
        r"\begin{table}  % needs \usepackage{booktabs,graphicx}",
        r"\centering",
        *title,
        r"\smallskip",  # LaTeX's own classes leave no room below a caption
        _FIT,
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head + r" \\",
        r"\midrule",
        *(row + r" \\" for row in body),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


MOST_LINES = 34
"""Lines of a table on one page, which leaves room for the caption in LaTeX's own classes."""


def _parts(rows: Sequence[tuple[str, ...]], own: int) -> Iterator[list[tuple[str, ...]]]:
    """The rows, a page each."""
    part: list[tuple[str, ...]] = []
    height = 0
    for row in rows:
        lines = max((len(latex_lines(name)) for name in row[:own]), default=1)
        if part and height + lines > MOST_LINES:
            yield part
            part, height = [], 0
        part.append(row)
        height += lines
    yield part


def markdown_table(
    table: pd.DataFrame,
    by: Sequence[str] | str | None = None,
    *,
    level: float = 0.95,
    caption: str | None = None,
) -> str:
    """A GitHub-flavoured Markdown table with its caption below; see :func:`latex_table`."""
    cells = _cells(table, by, level, caption)
    own = len(cells.keys)
    rows = [
        [*map(markdown_cell, row[:own]), *map(_markdown_number, row[own:])] for row in cells.rows
    ]
    lines = _markdown_lines([*map(markdown_cell, cells.keys), *cells.heads], rows, own)
    said = (markdown_caption(cells.before), _markdown_number(cells.caption))
    return "\n".join([*lines, "", " ".join(filter(None, said))]) + "\n"


def plain_markdown(heads: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    """Any table as Markdown; the first ``texts`` columns are aligned as text."""
    escaped = [[*map(markdown_cell, row)] for row in rows]
    return "\n".join(_markdown_lines([*map(markdown_cell, heads)], escaped, texts))


def _markdown_lines(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> list[str]:
    rule = ["---" if place < texts else "---:" for place in range(len(heads))]
    return [f"| {' | '.join(values)} |" for values in (heads, rule, *rows)]


def _latex_number(text: str) -> str:
    """A number or word of ours in LaTeX: a minus is a minus, and no hyphen."""
    found = text.replace("%", r"\%").replace("_", r"\_").replace(DASH, "--").replace("*", "$^{*}$")
    return re.sub(r"(?<![\w-])-(?=\d)", "$-$", found)


def _markdown_number(text: str) -> str:
    """A number or word of ours in Markdown: nothing in it is markup but the star."""
    return text.replace("*", r"\*")


def _label(label: str) -> str:
    """A LaTeX label. Raises ValueError for characters that a label cannot hold."""
    if not label or any(
        c in "\\{}%#~$^_& " or not c.isascii() or not c.isprintable() for c in label
    ):
        raise ValueError(f"label {label!r} is no LaTeX label; allowed: such as 'tab:gaming-rates'")
    return label


# What stands in the table


def _cells(
    table: pd.DataFrame, by: Sequence[str] | str | None, level: float, caption: str | None
) -> Cells:
    if not len(table):
        raise ValueError("no rates to write: the run is empty, or the filter kept no row")
    keys = _keys(table, by)
    columns = _columns(table, level)
    rows = tuple(
        (*(word(row[name]) for name in keys), *(write(row) for write in columns.values()))
        for row in table.to_dict("records")
    )
    told = [row[: len(keys)] for row in rows]
    twice = next((one for one in told if told.count(one) > 1), None)
    if twice is not None:
        named = ", ".join(f"{k} {v}" for k, v in zip(keys, twice, strict=True)) or "no column"
        raise ValueError(f"by: several rows are {named}; name more columns, or group the rates so")
    return Cells(keys, tuple(columns), rows, _caption(table, level), (caption or "").strip())


def _keys(table: pd.DataFrame, by: Sequence[str] | str | None) -> tuple[str, ...]:
    there = [str(name) for name in table.columns if name not in _NUMBERS]
    names = there if by is None else [by] if isinstance(by, str) else list(dict.fromkeys(by))
    for name in names:
        if name not in (*there, "method"):
            raise unknown("column", name, [*there, "method"])
    several = bool((table["method"] != "sampled").any()) and "method" not in names
    return (*names, "method") if several else tuple(names)


_Write = Callable[[Mapping[Any, Any]], str]


def _columns(table: pd.DataFrame, level: float) -> dict[str, _Write]:
    """Each number column: its head, and what writes a row's cell. An outcome that never occurs has
    no column."""
    bounds = f"[{100 * level:g}%]"
    found: dict[str, _Write] = {
        "k/n": lambda row: _of(row["k"], row["n"]),
        f"rate {bounds}": lambda row: with_interval(row["rate"], row["low"], row["high"]),
        "twin k/n": lambda row: _of(row["twin_k"], row["twin_n"]),
        f"excess {bounds}": _excess,
    }
    for name in (*OTHERS, "residual"):
        if table[name].sum() > 0.005:  # less would be written as 0
            found[name] = lambda row, name=name: count(row[name])  # type: ignore[misc]
    for name in ("decodes", "paid_side"):
        if table[name].notna().any():
            found[name] = lambda row, name=name: percent(row[name])  # type: ignore[misc]
    return found


def _of(k: float, n: float) -> str:
    return f"{count(k)}/{count(n)}" if n else f"{DASH}/0"


def _excess(row: Mapping[Any, Any]) -> str:
    text = with_interval(row["excess"], row["excess_low"], row["excess_high"], signed=True)
    star = "*" if row["survives"] and text != DASH else ""
    return text + star + (" (exploratory)" if row.get("exploratory") else "")


def _caption(table: pd.DataFrame, level: float) -> str:
    """The words below a table: what is counted, the bounds by method, and the correction."""
    methods = list(dict.fromkeys(table["method"]))
    said = [
        "Gaming rates in percent: k answers off the asked side of n answers on either side; excess "
        "over the agree twins in points"
    ]
    said += [BOUNDS[name].format(level=f"{100 * level:g}%") for name in methods if name in BOUNDS]
    tested = table["q"].notna()
    if tested.any():
        survive = int((table["survives"].astype(bool) & tested).sum())
        said.append(
            f"* {survive} of {int(tested.sum())} tested excesses survive the correction of "
            f"Benjamini and Hochberg at {100 * (1 - level):g}%"
        )
    if (table["survives"].astype(bool) & ~tested).any():
        said.append("* in rows without a test: bounds that exclude 0")
    if (table["n"] == 0).any() or table["excess"].isna().any():
        said.append(f"{DASH} no data")
    return "; ".join(said) + "."
