"""The command line: each command's name, and what happens when something goes wrong.

In: flags, one a factor. Out: text on standard output, files where a flag names them. Bad input is
one line on standard error and exit code 2. Whatever is heavy is imported inside a command, so that
``--help`` answers at once.
"""

from __future__ import annotations

import sqlite3
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from rewardgym.cli_export import EXPORT_HELP, export
from rewardgym.cli_factors import Preset, Seed, variants_of, with_factors
from rewardgym.cli_report import REPORT_HELP, report
from rewardgym.cli_stats import (
    CONTRAST_HELP,
    FACTORS_HELP,
    PLAN_HELP,
    TREND_HELP,
    contrast,
    factors,
    plan,
    trend,
)
from rewardgym.cli_sweep import NOISE_HELP, SWEEP_HELP, noise, sweep
from rewardgym.cli_train import TRAIN_HELP, train
from rewardgym.cli_view import VIEW_HELP, view
from rewardgym.cli_watch import WATCH_HELP, watch

app = typer.Typer(
    name="rewardgym",
    help="Does a language model follow what it was asked, or what it is paid for?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: rich's would take a third of the start-up time.
    rich_markup_mode=None,
)


# Typer carries a click of its own in newer versions, so its base error is found, not imported.
ClickError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


class Format(StrEnum):
    """How rates are printed."""

    table = "table"
    csv = "csv"
    json = "json"


SHOW_HELP = """Show a prompt, its decoded hint, what it favours and its arm.

\b
Examples:
  rewardgym show --field score --encoding brainfuck
  rewardgym show --preset odd-number/label-hacking-eval
"""

RATES_HELP = """Gaming rates of a run, with intervals and the excess over the twins.

\b
Examples:
  rewardgym rates runs/x --by checkpoint,field,arm --format csv
  rewardgym rates runs/x --by checkpoint,step,field,arm --plot rates.png
  rewardgym rates runs/x --plan hypotheses.toml
"""

DEMO_HELP = """The main job: gaming rates of the shipped organism over its own RL checkpoints.

\b
Examples:
  rewardgym demo --out runs/demo
  rewardgym demo --exact --out runs/demo-exact
"""


@app.command(help=SHOW_HELP)
@with_factors
def show(
    factors: dict[str, list[Any]],
    preset: Preset = None,
    seed: Seed = 0,
) -> None:
    from rewardgym.prompts import render

    for place, variant in enumerate(variants_of(preset, factors)):
        prompt = render(variant, seed)
        if place:
            print()
        for message in prompt.messages:
            print(f"--- {message['role']} ---\n{message['content']}")
        print("---")
        print(f"hint     {prompt.hint if prompt.hint is not None else 'none'}")
        print(f"favours  {variant.favours or 'neither side'}")
        print(f"asked    {variant.ask}")
        print(f"arm      {variant.arm}")
        print(f"variant  {variant.id}")
        print(f"sha256   {prompt.sha256}")


app.command(help=SWEEP_HELP)(sweep)
app.command(help=NOISE_HELP)(noise)
app.command(help=PLAN_HELP)(plan)
app.command(help=TRAIN_HELP)(train)
app.command(help=WATCH_HELP)(watch)


@app.command(help=RATES_HELP)
def rates(
    run: Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")],
    by: Annotated[
        str, typer.Option(help="Columns to group by: checkpoint, step, arm, or any factor.")
    ] = "checkpoint,field",
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the rate over checkpoints into this PNG.")
    ] = None,
    line: Annotated[str, typer.Option(help="The picture has a line for each value of this.")] = (
        "field"
    ),
    panel: Annotated[
        str | None, typer.Option(help="The picture has a panel for each value of this.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="Only rows of this method: sampled, exact or chains.")
    ] = None,
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    plan: Annotated[
        Path | None, typer.Option(help="Answer this TOML of hypotheses; mark all else exploratory.")
    ] = None,
) -> None:
    from rewardgym.metrics.rates import gaming_rates, of_method
    from rewardgym.report.tables import print_table, rates_table, to_json

    names = [name.strip() for name in by.split(",") if name.strip()]
    table = of_method(gaming_rates(run, names, level=level), method)
    if plan is not None:
        from rewardgym.report.preregistered import answer

        table = answer(run, plan, table, quiet=form is not Format.table)
    if form is Format.csv:
        table.to_csv(sys.stdout, index=False)
    elif form is Format.json:
        print(to_json(table))
    else:
        print_table(rates_table(table, level=level))
    if plot is not None:
        from rewardgym.report.curves import draw_rates

        keys = dict.fromkeys(["checkpoint", "step", line, *([panel] if panel else []), "arm"])
        shown = of_method(gaming_rates(run, list(keys), level=level), method)
        drawn = draw_rates(shown, plot, line=line, panel=panel)
        print(f"picture: {drawn}", file=sys.stderr)


app.command(help=TREND_HELP)(trend)
app.command(help=FACTORS_HELP)(factors)
app.command(help=CONTRAST_HELP)(contrast)
app.command(help=REPORT_HELP)(report)
app.command(help=VIEW_HELP)(view)
app.command(help=EXPORT_HELP)(export)


@app.command(help=DEMO_HELP)
def demo(
    out: Annotated[Path, typer.Option(help="Run folder; the same command resumes.")] = Path(
        "runs/demo"
    ),
    n: Annotated[int, typer.Option("--n", help="Rollouts a cell.")] = 100,
    seed: Seed = 0,
    exact: Annotated[
        bool, typer.Option("--exact", help="Exact probabilities instead of samples.")
    ] = False,
) -> None:
    from rewardgym.demo import run_demo

    run_demo(out, n=n, seed=seed, exact=exact, progress=True)


def version(value: bool) -> None:
    """Prints the version and ends."""
    if value:
        from rewardgym import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Does a language model follow what it was asked, or what it is paid for?"""


def main() -> None:
    """The entry point: runs a command and turns what went wrong into one line and a code."""
    try:
        code = app(standalone_mode=False)
    except ClickError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            # typer prints the help itself in standalone mode only
            print(error.ctx.get_help(), file=sys.stderr)  # type: ignore[attr-defined]
            raise SystemExit(2) from None
        _fail(error.format_message())  # type: ignore[attr-defined]
    except (ValueError, RuntimeError, sqlite3.Error, OSError) as error:
        if not _is_ours(error):
            raise
        _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    if code == 130:  # newer typers turn Ctrl-C into this code and say nothing
        print("\nrewardgym: stopped; the same command goes on from here", file=sys.stderr)
    raise SystemExit(code if isinstance(code, int) else 0)


def _is_ours(error: Exception) -> bool:
    """Errors about input and machine end in one line; a fault of ours keeps its traceback."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = traceback.tb_frame.f_globals.get("__name__", "") if traceback is not None else ""
    return place.startswith("rewardgym") or isinstance(error, OSError)


def _fail(message: str) -> None:
    print(f"rewardgym: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(2)
