"""The command ``rewardgym plan``: how many rollouts a question takes, before a model is asked.

In: a grid (flags, one a factor) or a number of cells, goals or a budget, a measured speed. Out: n a
cell, rollouts, tokens and time, and the smallest effect that the budget sees. It needs no run, but
reads one for the tokens of a reply where it is told to: a guessed cost is no cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rewardgym.cli_factors import Preset, variants_of, with_factors
from rewardgym.cli_output import Form, Format, Level, Only, Shown, print_tables

if TYPE_CHECKING:
    from rewardgym.report.budgets import Size, Speed
    from rewardgym.variants import Variant

PLAN_HELP = """How many rollouts a cell it takes to know, and what a budget can see.

\b
Examples:
  rewardgym plan --field reward,cost --encoding plain,base64 --checkpoints 8 --half-width 0.03
  rewardgym plan --cells 12 --checkpoints 8 --rate 0.1 --against 0.31 --power 0.8
  rewardgym plan --cells 2 --excess 0.1 --twin 0.02 --measured runs/x --replies-per-second 40
  rewardgym plan --cells 2 --steps 0,20,40,60,80 --start 0.02 --end 0.3
  rewardgym plan --cells 24 --budget-seconds 3600 --replies-per-second 40 --twin 0.02
"""


@with_factors
def plan(
    factors: dict[str, list[Any]],
    cells: Annotated[
        int | None, typer.Option(help="Variants, twins included, instead of a grid's flags.")
    ] = None,
    checkpoints: Annotated[int | None, typer.Option(help="Checkpoints; one if left out.")] = None,
    preset: Preset = None,
    twins: Annotated[bool, typer.Option(help="Ask each conflict prompt's agree twin.")] = True,
    mirror: Annotated[bool, typer.Option(help="Also ask with both sides exchanged.")] = False,
    rate: Annotated[
        float | None, typer.Option(help="Rate one expects; 0.5, which takes most, if left out.")
    ] = None,
    half_width: Annotated[
        float | None, typer.Option(help="How far an interval may reach to either side.")
    ] = None,
    against: Annotated[
        float | None, typer.Option(help="Rate to be told from the one of --rate.")
    ] = None,
    excess: Annotated[float | None, typer.Option(help="Excess over the twin to be seen.")] = None,
    twin: Annotated[float, typer.Option(help="Rate of the twin.")] = 0.0,
    steps: Annotated[str, typer.Option(help="Steps of a trend, such as 0,20,40.")] = "",
    start: Annotated[float, typer.Option(help="Rate at the first of the steps.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Rate at the last of the steps.")] = None,
    power: Annotated[float, typer.Option(help="Chance of seeing what is there.")] = 0.8,
    level: Level = 0.95,
    n: Annotated[int | None, typer.Option("--n", help="Rollouts a cell: what do they see?")] = None,
    budget_tokens: Annotated[
        float | None, typer.Option(help="Generated tokens to spend: what do they see?")
    ] = None,
    budget_seconds: Annotated[
        float | None, typer.Option(help="Seconds to spend: what do they see?")
    ] = None,
    tokens_per_reply: Annotated[float | None, typer.Option(help="As measured.")] = None,
    replies_per_second: Annotated[float | None, typer.Option(help="As measured.")] = None,
    measured: Annotated[
        Path | None, typer.Option(help="Run whose replies' mean tokens are taken.", metavar="RUN")
    ] = None,
    only: Only = None,
    form: Form = Format.table,
) -> None:
    from rewardgym.metrics.goals import Goals, n_for_goals, seen_with
    from rewardgym.report import budgets

    if against is not None and rate is None:
        raise ValueError(f"--against {against:g} needs --rate, the rate that it is told from")
    goals = Goals(
        rate=0.5 if rate is None else rate,
        half_width=half_width,
        against=against,
        excess=excess,
        twin=twin,
        steps=_numbers(steps),
        start=start,
        end=end,
        power=power,
        level=level,
    )
    counts = _checkpoints(checkpoints, goals.steps)
    if cells is not None and (factors or preset or mirror):
        raise ValueError("--cells counts what the grid's flags would make; give one of the two")
    if cells is None:
        size = _grid_size(variants_of(preset, factors, mirror), twins, counts)
    else:
        size = budgets.Size(_positive("cells", cells), counts)
    speed = budgets.Speed(_tokens(tokens_per_reply, measured), replies_per_second)
    n = _paid(n, size, speed, budget_tokens, budget_seconds)
    wanted = n_for_goals(goals)
    if not wanted and n is None:
        raise ValueError(
            "nothing to plan: give --half-width, --against, --excess, --steps with --end, or what "
            "there is to spend: --n, --budget-tokens, --budget-seconds"
        )
    tables: dict[str, Shown] = {}
    if wanted:
        frame = budgets.goals_frame(wanted, size, speed)
        tables["goals"] = (frame, lambda: budgets.goals_table(frame))
    if n is not None:
        seen = budgets.seen_frame(seen_with(n, goals), n)
        tables["seen"] = (seen, lambda: budgets.seen_table(seen, size, speed))
    if form is Format.table:
        print(budgets.size_text(size, speed))
    print_tables(tables, form, only)


def _checkpoints(checkpoints: int | None, steps: Sequence[float]) -> int:
    if steps and checkpoints not in (None, len(steps)):
        raise ValueError(f"--steps has {len(steps)} and --checkpoints says {checkpoints}; give one")
    return len(steps) or (1 if checkpoints is None else _positive("checkpoints", checkpoints))


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"--{name} is {value}; allowed: 1 or more")
    return value


def _grid_size(variants: list[Variant], twins: bool, checkpoints: int) -> Size:
    """The cells of the grid as a sweep would ask it, twins included."""
    from rewardgym.plans import make_plan
    from rewardgym.report.budgets import Size

    asked = make_plan("scripted:obey", variants, n=1, twins=twins).variants
    return Size(len(asked), checkpoints, dict(Counter(variant.arm for variant in asked)))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(f"--steps is {text!r}; expected numbers, such as 0,20,40") from None


def _tokens(given: float | None, measured: Path | None) -> float | None:
    """Tokens a reply, as given or as a run has them on average."""
    if measured is None or given is not None:
        return given
    from rewardgym.records import RecordStore

    with RecordStore(measured) as store:
        ((mean,),) = store.query("SELECT AVG(tokens) FROM rows WHERE finish != 'error'")
    if mean is None:
        raise ValueError(
            f"{measured}: no reply has its tokens counted; give --tokens-per-reply instead"
        )
    return float(mean)


def _paid(
    n: int | None, size: Size, speed: Speed, tokens: float | None, seconds: float | None
) -> int | None:
    """The n a cell that there is to spend; None where no budget is named."""
    from rewardgym.metrics.planning import n_within

    if tokens is None and seconds is None:
        return n
    if n is not None:
        raise ValueError("--n and a budget both say what there is to spend; give one of them")
    if tokens is not None and speed.tokens is None:
        raise ValueError("--budget-tokens needs --tokens-per-reply, or --measured RUN")
    if seconds is not None and speed.replies is None:
        raise ValueError(
            "--budget-seconds needs --replies-per-second, which no run stores; a small sweep's "
            "progress bar shows it"
        )
    paid = n_within(
        size.cells,
        tokens=tokens,
        seconds=seconds,
        tokens_per_reply=speed.tokens,
        replies_per_second=speed.replies,
    )
    if paid < 1:
        raise ValueError(
            f"the budget does not pay for one rollout in each of {size.cells:,} cells; raise it, "
            "or plan fewer variants or checkpoints"
        )
    return paid
