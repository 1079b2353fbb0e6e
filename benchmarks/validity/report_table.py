"""The committed page: what was measured, by which command, and what was missed.

In: the tables of each part. Out: Markdown, the same bytes for the same seed and versions.
"""

from __future__ import annotations

from collections.abc import Mapping

from shortcomings import KNOWN
from suite import Row, Table, missed, percent

INTRODUCTION = """\
Every interval at 95%, every test at 5%. "Exact" figures are sums over all outcomes of the sample;
the others are simulated, and their error is one standard error. Requirements: coverage averaged
over rates within 94 to 97%, guaranteed intervals at least 95% at every rate; false positives at
most 5%; power within 3 points of the plan; sequences ever wrong in at most 5% of runs. A simulated
figure is judged with 2 standard errors. A row that misses its requirement says **missed**; the
lowest coverage and where it occurs is printed for every interval, required or not.
"""


def page(parts: Mapping[str, list[Table]], command: str, versions: str) -> str:
    """The whole page."""
    rows = sum(len(table.rows) for tables in parts.values() for table in tables)
    lost = [(name, row) for name, tables in parts.items() for row in missed(tables)]
    lines = [
        "# Do the error rates hold?",
        "",
        f"Written by `{command}` ({versions}).",
        f"Parts: {', '.join(parts)}.",
        "",
        INTRODUCTION,
        f"## Missed: {len(lost)} of {rows}",
        "",
        *([said(name, row) for name, row in lost] or ["None."]),
        *_reasons([row.what for _, row in lost]),
    ]
    for name, tables in parts.items():
        lines += ["", f"## {name}"]
        for table in tables:
            lines += ["", f"### {table.title}", "", table.note, "", *_markdown(table)]
    return "\n".join(lines) + "\n"


def said(part: str, row: Row) -> str:
    """One missed row in a line, with the figure that was judged."""
    found = percent(row.share, 2)
    return f"- {part}: {row.what}, {row.setting}: {found}; required: {row.required}"


def _reasons(names: list[str]) -> list[str]:
    """Why, as far as it is known."""
    unique = list(dict.fromkeys(names))
    return [
        "",
        *(
            f"- *{name}*: {KNOWN[name].reason if name in KNOWN else 'not known.'}"
            for name in unique
        ),
    ]


def _markdown(table: Table) -> list[str]:
    head = ["what", "setting", *table.columns, "required", "met"]
    rows = [
        [row.what, row.setting, *row.figures, row.required, "yes" if row.met else "**missed**"]
        for row in table.rows
    ]
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
