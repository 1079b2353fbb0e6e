"""The command that writes a run's report: ``rewardgym report``.

In: a run folder and flags. Out: one HTML file, and its path on standard output. All of the work is
in ``rewardgym.report.page``, so that a notebook writes the very same file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rewardgym.cli_factors import Seed

REPORT_HELP = """Write a run's report: one HTML file that opens from disk and loads nothing.

\b
Examples:
  rewardgym report runs/x
  rewardgym report runs/x --out report.html
  rewardgym report runs/x --sample 500 --seed 1
"""


def report(
    run: Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")],
    out: Annotated[
        Path | None, typer.Option(help="The file; report.html in the run folder if left out.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(help="Replies in the file at most; all numbers are of the whole run."),
    ] = None,
    seed: Seed = 0,
) -> None:
    from rewardgym.report.page import write_report

    given: dict[str, Any] = {} if sample is None else {"sample": sample}
    path = write_report(run, out, seed=seed, **given)
    print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB); open it in a browser")
