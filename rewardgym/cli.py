"""The command line: ``rewardgym show``, ``sweep``, ``rates``, ``demo``.

In: flags, one a factor. Out: text on standard output, files where a flag names them. Bad input is
one line on standard error and exit code 2. Whatever is heavy is imported inside a command, so that
``--help`` answers at once.
"""

from __future__ import annotations

import sqlite3
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rewardgym.cli_factors import with_factors

if TYPE_CHECKING:
    from rewardgym.variants import Variant

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

SWEEP_HELP = """Ask checkpoints or a policy every variant n times; resumable.

\b
Examples:
  rewardgym sweep --checkpoints 'runs/grpo/checkpoint-*' --field reward,cost --n 50 --out runs/x
  rewardgym sweep --policy 'scripted:game(0.3)' --encoding plain,base64 --out runs/y
  rewardgym sweep --checkpoints organism --preset odd-number --dry-run --out runs/z
"""

RATES_HELP = """Gaming rates of a run, with intervals and the excess over the twins.

\b
Examples:
  rewardgym rates runs/x --by checkpoint,field,arm --format csv
  rewardgym rates runs/x --by checkpoint,step,field,arm --plot rates.png
"""

DEMO_HELP = """The main job: gaming rates of the shipped organism over its own RL checkpoints.

\b
Example:
  rewardgym demo --out runs/demo
"""

Preset = Annotated[
    str | None, typer.Option(help="Start from a published prompt, such as odd-number.")
]
Seed = Annotated[int, typer.Option(help="Seed of every random stream.")]


def variants_of(preset: str | None, factors: dict[str, Any], mirror: bool = False) -> list[Variant]:
    """The grid of the factors' flags, on top of a preset where one is named."""
    from rewardgym.presets import preset as find_preset
    from rewardgym.variants import FACTORS, Variant, grid

    if preset is None:
        return grid(mirror=mirror, **factors)
    base = find_preset(preset)
    fixed: dict[str, Any] = {
        name: [getattr(base, name)]
        for name in FACTORS
        if name not in factors and getattr(base, name) != getattr(Variant(), name)
    }
    return grid(mirror=mirror, **fixed, **factors)


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


@app.command(help=SWEEP_HELP)
@with_factors
def sweep(
    factors: dict[str, list[Any]],
    out: Annotated[Path, typer.Option(help="Run folder; the same command on it resumes.")],
    checkpoints: Annotated[
        list[str] | None,
        typer.Option(help="Folder, glob in quotes, hub id@revision, or organism; repeatable."),
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(help="A policy by name, such as 'scripted:game(0.3)'.")
    ] = None,
    preset: Preset = None,
    n: Annotated[int, typer.Option("--n", help="Rollouts a cell.")] = 50,
    seed: Seed = 0,
    twins: Annotated[bool, typer.Option(help="Ask each conflict prompt's agree twin.")] = True,
    mirror: Annotated[bool, typer.Option(help="Also ask with both sides exchanged.")] = False,
    max_new_tokens: Annotated[int, typer.Option(help="Token limit of a reply.")] = 256,
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 1.0,
    top_p: Annotated[float, typer.Option(help="1 cuts nothing.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="0 cuts nothing.")] = 0,
    min_p: Annotated[float, typer.Option(help="0 cuts nothing.")] = 0.0,
    thinking: Annotated[
        bool | None, typer.Option(help="The chat template's thinking switch.")
    ] = None,
    prefill: Annotated[str, typer.Option(help="Start of the answer, such as 'Number:'.")] = "",
    template: Annotated[str, typer.Option(help="chat, or raw for base models.")] = "chat",
    device: Annotated[str | None, typer.Option(help="cuda, cpu, ...; chosen if left out.")] = None,
    dtype: Annotated[
        str | None, typer.Option(help="bfloat16, float16, float32; chosen if left out.")
    ] = None,
    extend: Annotated[bool, typer.Option(help="Add variants, policies or n to a run.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
) -> None:
    from rewardgym.plans import make_plan
    from rewardgym.policies.decoding import Decoding
    from rewardgym.report.plans import plan_text
    from rewardgym.sweeps import run_plan

    sources = [*(checkpoints or []), *(policy or [])]
    if not sources:
        raise ValueError(
            "nothing to ask: give --checkpoints FOLDER or --policy 'scripted:game(0.3)'"
        )
    plan = make_plan(
        [_known_policy(name) if name in (policy or []) else name for name in sources],
        variants_of(preset, factors, mirror=mirror),
        n=n,
        seed=seed,
        twins=twins,
        decoding=Decoding(
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            min_p=min_p,
            thinking=thinking,
            prefill=prefill,
            template=template,
        ),
        device=device,
        dtype=dtype,
    )
    print(plan_text(plan))
    if dry_run:
        return
    run = run_plan(plan, out, extend=extend, progress=True)
    print(f"done: {run.folder}; next: rewardgym rates {run.folder}")


def _known_policy(name: str) -> str:
    if name.startswith("scripted:"):
        return name
    raise ValueError(
        f"unknown policy {name!r}; allowed: scripted:NAME, such as 'scripted:game(0.3)'; a model "
        "goes under --checkpoints"
    )


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
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
) -> None:
    from rewardgym.metrics.rates import gaming_rates
    from rewardgym.report.tables import print_table, rates_table, to_json

    table = gaming_rates(run, [name.strip() for name in by.split(",") if name.strip()], level=level)
    if form is Format.csv:
        table.to_csv(sys.stdout, index=False)
    elif form is Format.json:
        print(to_json(table))
    else:
        print_table(rates_table(table, level=level))
    if plot is not None:
        from rewardgym.report.curves import draw_rates

        keys = dict.fromkeys(["checkpoint", "step", line, *([panel] if panel else []), "arm"])
        drawn = draw_rates(gaming_rates(run, list(keys), level=level), plot, line=line, panel=panel)
        print(f"picture: {drawn}", file=sys.stderr)


@app.command(help=DEMO_HELP)
def demo(
    out: Annotated[Path, typer.Option(help="Run folder; the same command resumes.")] = Path(
        "runs/demo"
    ),
    n: Annotated[int, typer.Option("--n", help="Rollouts a cell.")] = 100,
    seed: Seed = 0,
) -> None:
    from rewardgym.demo import run_demo

    run_demo(out, n=n, seed=seed, progress=True)


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
