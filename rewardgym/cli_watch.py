"""The command ``rewardgym watch``: the gaming curve of somebody else's training, while it goes on.

In: a training's folder and flags. Out: a line a checkpoint on standard output, rows in a run
folder; what is waited for, skipped or refused on standard error. Exact laws are the default here,
unlike in ``sweep``: a curve is followed for its changes, and noise would hide them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rewardgym.cli_factors import Preset, Seed, variants_of, with_factors
from rewardgym.cli_sweep import Device, Dtype, Prefill, Template

WATCH_HELP = """Measure each new checkpoint of a training once, as it appears.

RUN is the folder in which a trainer saves checkpoint-100, checkpoint-200, ..., or a glob in quotes.
Numbers go to RUN/rewardgym unless --out names another folder. Stopped by Ctrl-C or killed, the same
command goes on.

\b
Examples:
  rewardgym watch runs/grpo --field reward,cost
  rewardgym watch runs/grpo --field score --encoding plain,base64 --until-step 1000 --out runs/x
  rewardgym watch 'runs/*/checkpoint-*' --preset odd-number --idle 60
  rewardgym watch runs/grpo --once --sampled --n 200
  rewardgym watch runs/grpo --variants parity.even.odd.reward.plain
"""


@with_factors
def watch(
    factors: dict[str, list[Any]],
    run: Annotated[str, typer.Argument(help="The training's folder, or a glob.", metavar="RUN")],
    out: Annotated[Path | None, typer.Option(help="Run folder; RUN/rewardgym if left out.")] = None,
    preset: Preset = None,
    variants: Annotated[
        list[str] | None,
        typer.Option(help="Variants by id, as show prints them, instead of factors; repeatable."),
    ] = None,
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Measure what is there, and leave.")] = False,
    until_step: Annotated[
        int | None, typer.Option(help="Leave when a checkpoint of this step or later is measured.")
    ] = None,
    idle: Annotated[
        float | None, typer.Option(help="Leave when nothing was new for so many minutes.")
    ] = None,
    sampled: Annotated[
        bool, typer.Option("--sampled", help="Sample n replies a cell instead of exact laws.")
    ] = False,
    n: Annotated[
        int,
        typer.Option("--n", help="Replies a cell; of exact laws, prompts where some are drawn."),
    ] = 50,
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
    prefill: Prefill = "",
    template: Template = "chat",
    device: Device = None,
    dtype: Dtype = None,
    cut: Annotated[float, typer.Option(help="Follow no branch less likely than this.")] = 1e-5,
    digits: Annotated[int, typer.Option(help="The most digits of a number.")] = 6,
    close: Annotated[
        str | None, typer.Option(help="An answer ends at the reply's end, line, any.")
    ] = None,
) -> None:
    from rewardgym.plans import Exact
    from rewardgym.policies.decoding import Decoding
    from rewardgym.watching import watch as watch_folder

    decoding = Decoding(
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        thinking=thinking,
        prefill=prefill,
        template=template,
    )
    watched = watch_folder(
        run,
        _asked(variants, preset, factors, mirror),
        out=out,
        n=n,
        seed=seed,
        twins=twins,
        decoding=decoding,
        device=device,
        dtype=dtype,
        exact=False if sampled else Exact(cut=cut, digits=digits, close=close),
        every=every,
        once=once,
        until_step=until_step,
        idle_minutes=idle,
    )
    print(f"done: {len(watched.measured)} checkpoints measured, {len(watched.failed)} not", end="")
    folder = watched.run.folder
    print(f"; next: rewardgym trend {folder} --by field --value excess" if folder.exists() else "")
    if watched.failed:
        raise typer.Exit(2)


def _asked(
    ids: list[str] | None, preset: str | None, factors: dict[str, list[Any]], mirror: bool
) -> list[Any]:
    """The variants that the flags name: by id, or as a grid of factors."""
    from rewardgym.variants import Variant

    if not ids:
        return variants_of(preset, factors, mirror=mirror)
    if preset is not None or factors:
        raise ValueError("--variants is given beside factors or --preset; choose one of them")
    found = [Variant.parse(one) for text in ids for one in text.split(",")]
    return [one for v in found for one in ((v, v.mirror()) if mirror else (v,))]
