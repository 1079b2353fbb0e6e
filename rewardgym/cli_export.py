"""The command ``rewardgym export``: a run as files, a dataset folder, or a table for a paper.

In: a run folder and flags. Out: files, whole or not at all, and a line that says what was written.
What is written is made by ``rewardgym.export``; here flags become arguments.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rewardgym.cli_output import Level

EXPORT_HELP = """Export a run: rows for other programs, a dataset folder, a table for a paper.

A path that ends in .parquet, .jsonl, .csv (or .jsonl.gz, .csv.gz) becomes one file, of the table
that --table names; any other becomes a folder with rollouts, laws and rates. A LaTeX table needs
\\usepackage{booktabs,graphicx}.

\b
Examples:
  rewardgym export runs/x --format parquet --out exports/x
  rewardgym export runs/x --format jsonl --out replies.jsonl.gz
  rewardgym export runs/x --format csv --table rates --by checkpoint,field --out rates.csv
  rewardgym export runs/x --format dataset --out exports/x-dataset
  rewardgym export runs/x --format latex --by checkpoint,field --out rates.tex
"""


class ExportFormat(StrEnum):
    """What a run is written as."""

    parquet = "parquet"
    jsonl = "jsonl"
    csv = "csv"
    dataset = "dataset"
    latex = "latex"
    markdown = "markdown"


def export(
    run: Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")],
    out: Annotated[Path, typer.Option(help="File or folder to write.")],
    form: Annotated[
        ExportFormat, typer.Option("--format", help="What to write.")
    ] = ExportFormat.parquet,
    table: Annotated[
        str | None, typer.Option(help="For one file: rollouts, laws or rates.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Columns that the rates are grouped by; every cell if left out, and "
            "checkpoint,field in a table for a paper."
        ),
    ] = None,
    level: Level = 0.95,
    method: Annotated[
        str | None,
        typer.Option(help="For latex and markdown: only rows of this method."),
    ] = None,
    caption: Annotated[
        str | None, typer.Option(help="For latex and markdown: words before the caption's own.")
    ] = None,
    spreadsheet: Annotated[
        bool,
        typer.Option(
            "--spreadsheet", help="For csv: an apostrophe before what could be a formula."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    names = None if by is None else [name.strip() for name in by.split(",") if name.strip()]
    _check_flags(form, table, method, caption, spreadsheet)
    if form in (ExportFormat.latex, ExportFormat.markdown):
        _write_paper_table(run, out, form, names, level, method, caption, force)
        return
    written = _write_rows(run, out, form, table, names, level, spreadsheet, force)
    said = ", ".join(f"{rows:,} {name}" for name, rows in written.items())
    print(f"written: {out} ({said})")
    if form is ExportFormat.csv and not spreadsheet and "rates" not in (table,):
        print(
            "note: replies are hostile text; for a spreadsheet export with --spreadsheet",
            file=sys.stderr,
        )


def _check_flags(
    form: ExportFormat,
    table: str | None,
    method: str | None,
    caption: str | None,
    spreadsheet: bool,
) -> None:
    """Raises ValueError for a flag that the format would not heed."""
    paper = form in (ExportFormat.latex, ExportFormat.markdown)
    for flag, given, heeded, allowed in (
        ("--method", method is not None, paper, "latex and markdown"),
        ("--caption", caption is not None, paper, "latex and markdown"),
        ("--spreadsheet", spreadsheet, form is ExportFormat.csv, "csv"),
        (
            "--table",
            table is not None,
            not paper and form is not ExportFormat.dataset,
            "parquet, jsonl and csv",
        ),
    ):
        if given and not heeded:
            raise ValueError(f"{flag} is for --format {allowed}, not for {form.value}")


def _write_rows(
    run: Path,
    out: Path,
    form: ExportFormat,
    table: str | None,
    names: list[str] | None,
    level: float,
    spreadsheet: bool,
    force: bool,
) -> dict[str, int]:
    from rewardgym.export.dataset_folder import export_dataset
    from rewardgym.export.files import export_table, export_tables, form_of

    if form is ExportFormat.dataset:
        return export_dataset(run, out, by=names, level=level, force=force)
    ending = form_of(out)
    if ending is not None and ending != form.value:
        raise ValueError(f"--out is {out}, but --format is {form.value}; make them agree")
    if ending is None and table is None:
        return export_tables(
            run, out, form.value, by=names, level=level, force=force, quoted=spreadsheet
        )
    chosen = table or "rollouts"
    rows = export_table(
        run, out, chosen, form.value, by=names, level=level, force=force, quoted=spreadsheet
    )
    return {chosen: rows}


def _write_paper_table(
    run: Path,
    out: Path,
    form: ExportFormat,
    names: list[str] | None,
    level: float,
    method: str | None,
    caption: str | None,
    force: bool,
) -> None:
    from rewardgym.export.places import new_file
    from rewardgym.export.tables import latex_table, markdown_table
    from rewardgym.metrics.rates import gaming_rates, of_method

    keys = ["checkpoint", "field"] if names is None else names
    rates = of_method(gaming_rates(run, keys, level=level), method)
    write = latex_table if form is ExportFormat.latex else markdown_table
    with new_file(out, force) as made:
        made.write_text(write(rates, level=level, caption=caption), encoding="utf-8", newline="\n")
    print(f"written: {out} ({len(rates):,} rates)")
