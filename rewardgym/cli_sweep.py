"""The commands that ask models: ``rewardgym sweep`` and ``rewardgym noise``.

In: flags. Out: a run folder, or a few lines about the arithmetic's own noise. They stand apart from
``cli.py`` because they share what names a model and how it is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rewardgym.cli_factors import Preset, Seed, variants_of, with_factors

SWEEP_HELP = """Ask checkpoints or a policy every variant n times; resumable.

\b
Examples:
  rewardgym sweep --checkpoints 'runs/grpo/checkpoint-*' --field reward,cost --n 50 --out runs/x
  rewardgym sweep --policy 'scripted:game(0.3)' --encoding plain,base64 --out runs/y
  rewardgym sweep --checkpoints organism --preset odd-number --dry-run --out runs/z
  rewardgym sweep --checkpoints organism --exact --out runs/e
  rewardgym sweep --policy 'scripted:game(0.3)' --n 2000 --until 0.03 --out runs/u
"""

NOISE_HELP = """How far the exact law moves when only the arithmetic changes.

\b
Examples:
  rewardgym noise --checkpoints organism --field reward,cost --encoding plain,base64
  rewardgym noise --checkpoints runs/grpo/checkpoint-100 --out runs/x --dtypes bfloat16
"""

Checkpoints = Annotated[
    list[str] | None,
    typer.Option(help="Folder, glob in quotes, hub id@revision, or organism; repeatable."),
]
Prefill = Annotated[str, typer.Option(help="Start of the answer, such as 'Number:'.")]
Template = Annotated[str, typer.Option(help="chat, or raw for base models.")]
Device = Annotated[str | None, typer.Option(help="cuda, cpu, ...; chosen if left out.")]
Dtype = Annotated[str | None, typer.Option(help="bfloat16, float16, float32; chosen if left out.")]


@with_factors
def sweep(
    factors: dict[str, list[Any]],
    out: Annotated[Path, typer.Option(help="Run folder; the same command on it resumes.")],
    checkpoints: Checkpoints = None,
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
    prefill: Prefill = "",
    template: Template = "chat",
    device: Device = None,
    dtype: Dtype = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Exact probabilities instead of sampled replies.")
    ] = False,
    chains: Annotated[
        bool,
        typer.Option("--chains", help="Sample n chains of thought, take the exact law after each."),
    ] = False,
    plan_file: Annotated[
        Path | None,
        typer.Option("--plan", help="Register this TOML of hypotheses with the run, first of all."),
    ] = None,
    until: Annotated[
        float | None,
        typer.Option(
            help="Stop a cell when its rate is known to this, such as 0.03; n is the most."
        ),
    ] = None,
    until_excess: Annotated[
        float | None, typer.Option(help="The same for the excess over the twin.")
    ] = None,
    cut: Annotated[
        float, typer.Option(help="With --exact: follow no branch less likely than this.")
    ] = 1e-5,
    digits: Annotated[int, typer.Option(help="With --exact: the most digits of a number.")] = 6,
    close: Annotated[
        str | None, typer.Option(help="With --exact: an answer ends at the reply's end, line, any.")
    ] = None,
    extend: Annotated[bool, typer.Option(help="Add variants, policies or n to a run.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
) -> None:
    from rewardgym.early_stopping import savings
    from rewardgym.plans import Exact, Until, make_plan
    from rewardgym.policies.decoding import Decoding
    from rewardgym.report.plans import plan_text
    from rewardgym.sweeps import run_plan

    if until is not None and until_excess is not None:
        raise ValueError("--until and --until-excess are both given; choose one")
    early = Until(half_width=until) if until is not None else None
    if until_excess is not None:
        early = Until(half_width=until_excess, excess=True)
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
        exact=Exact(cut=cut, digits=digits, close=close, chains=chains)
        if exact or chains
        else False,
        until=early,
    )
    print(plan_text(plan))
    if dry_run:
        return
    run = run_plan(plan, out, extend=extend, progress=True, preregistration=plan_file)
    if early is not None:
        print(savings(run))
    print(f"done: {run.folder}; next: rewardgym rates {run.folder}")


def _known_policy(name: str) -> str:
    if name.startswith("scripted:"):
        return name
    raise ValueError(
        f"unknown policy {name!r}; allowed: scripted:NAME, such as 'scripted:game(0.3)'; a model "
        "goes under --checkpoints"
    )


@with_factors
def noise(
    factors: dict[str, list[Any]],
    checkpoints: Checkpoints = None,
    preset: Preset = None,
    seed: Seed = 0,
    prompts: Annotated[int, typer.Option(help="Prompts to compare.")] = 8,
    dtypes: Annotated[
        str, typer.Option(help="Also compare these dtypes, such as bfloat16,float16.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Store the floor with this run, for its comparisons.")
    ] = None,
    prefill: Prefill = "",
    template: Template = "chat",
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    from rewardgym.plans import make_plan
    from rewardgym.policies.decoding import Decoding
    from rewardgym.report.noise import noise_table
    from rewardgym.report.tables import print_table
    from rewardgym.sweeps import measure_noise

    if not checkpoints:
        raise ValueError("nothing to measure: give --checkpoints FOLDER, or --checkpoints organism")
    plan = make_plan(
        checkpoints,
        variants_of(preset, factors),
        n=1,
        seed=seed,
        decoding=Decoding(prefill=prefill, template=template),
        device=device,
        dtype=dtype,
        exact=True,
    )
    wanted = [name.strip() for name in dtypes.split(",") if name.strip()]
    found = measure_noise(plan, count=prompts, dtypes=wanted, out=out)
    print_table(noise_table(found))
    floor = max(one.floor for one in found.values())
    print(f"the smallest difference worth naming is {floor:.1e}")
    if out is not None:
        print(f"stored with {out}")
