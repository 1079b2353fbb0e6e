"""The commands that judge a run: ``rewardgym trend``, ``factors`` and ``contrast``; and ``plan``.

In: a run folder and flags. Out: tables, or CSV and JSON of the same numbers. What is computed comes
from ``rewardgym.metrics`` alone, so that a notebook gets the very same numbers; here flags become
arguments. A CSV holds one table: where a command has several, ``--table`` names it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rewardgym.cli_factors import Seed
from rewardgym.cli_output import Form, Format, Level, Only, Shown, print_tables
from rewardgym.cli_plan import PLAN_HELP as PLAN_HELP
from rewardgym.cli_plan import plan as plan
from rewardgym.names import unknown

if TYPE_CHECKING:
    import pandas as pd

TREND_HELP = """How the rate, or its excess over the twins, changes over checkpoints, and from when.

\b
Examples:
  rewardgym trend runs/x --by field,encoding
  rewardgym trend runs/x --by field --value excess --onset 0.10 --cluster paraphrase
  rewardgym trend runs/x --by field --value excess --table onset --format csv
"""

FACTORS_HELP = """Which factor moves the rate, by how many points, and how much it explains.

\b
Examples:
  rewardgym factors runs/x
  rewardgym factors runs/x --factors field,encoding --interactions field:encoding
  rewardgym factors runs/x --cluster paraphrase --table shares --format csv
"""

CONTRAST_HELP = """Two parts of a run against each other, all else equal.

Several pairs, by repeating --a and --b, are corrected together (Holm).

\b
Examples:
  rewardgym contrast runs/x --a field=reward --b field=score
  rewardgym contrast runs/x --a step=120,encoding=plain --b step=0,encoding=plain
  rewardgym contrast runs/x --a field=reward --b field=cost --a encoding=hex --b encoding=plain
"""


RunFolder = Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")]
Method = Annotated[
    str | None, typer.Option(help="Only cells of this method: sampled, exact or chains.")
]
Where = Annotated[str, typer.Option(help="Only cells that have these values: key=value,key=value.")]
Cluster = Annotated[
    str | None,
    typer.Option(help="Column whose values vary together, such as paraphrase."),
]


def trend(
    run: RunFolder,
    by: Annotated[str, typer.Option(help="Columns to group by, such as field,encoding.")] = "",
    value: Annotated[str, typer.Option(help="rate, or excess over the twins.")] = "rate",
    onset: Annotated[
        float | None,
        typer.Option(help="Excess at which gaming sets in; 0.10 with --value excess."),
    ] = None,
    cluster: Cluster = None,
    where: Where = "",
    method: Method = None,
    level: Level = 0.95,
    seed: Seed = 0,
    only: Only = None,
    form: Form = Format.table,
) -> None:
    from rewardgym.metrics.coherence import polarity_contrast
    from rewardgym.metrics.onsets import onset as find_onset
    from rewardgym.metrics.trends import trend as find_trend
    from rewardgym.report import stats

    names = _listed(by)
    if onset is not None and not -1 < onset < 1:
        raise ValueError(f"--onset is {onset:g}; allowed: a share between -1 and 1, such as 0.10")
    cells = _cells(run, method, names, where)
    found = stats.with_q(find_trend(cells, names, value=value, cluster=cluster, level=level))
    tables: dict[str, Shown] = {"trend": (found, lambda: stats.trend_table(found, value, level))}
    if value == "excess" or onset is not None:
        wanted = 0.10 if onset is None else onset
        onsets = find_onset(cells, wanted, names, cluster=cluster, confidence=level, seed=seed)
        tables["onset"] = (stats.onset_frame(onsets), lambda: stats.onset_table(onsets, level))
    if _has_both_polarities(cells):
        kept = [name for name in names if name not in ("field", "arm", "favours", "variant")]
        contrast = polarity_contrast(cells, [*kept, "checkpoint"], level=level)
        if kept:  # each group's checkpoints one below the other
            contrast = contrast.sort_values(kept, key=lambda c: c.factorize()[0], kind="stable")
        tables["coherence"] = (contrast, lambda: stats.coherence_table(contrast, level))
    print_tables(tables, form, only)


def factors(
    run: RunFolder,
    chosen: Annotated[
        str | None,
        typer.Option(
            "--factors", help="Such as field,encoding; all that vary, with checkpoint, if left out."
        ),
    ] = None,
    interactions: Annotated[
        str, typer.Option(help="Pairs of factors, such as field:encoding.")
    ] = "",
    cluster: Cluster = None,
    where: Where = "",
    method: Method = None,
    level: Level = 0.95,
    only: Only = None,
    form: Form = Format.table,
) -> None:
    from rewardgym.metrics.factors import factor_effects
    from rewardgym.report import stats

    found = factor_effects(
        _cells(run, method, where=where),
        None if chosen is None else _listed(chosen),
        [_pair(text) for text in _listed(interactions)],
        cluster=cluster,
        level=level,
    )
    tables: dict[str, Shown] = {
        "effects": (found.effects, lambda: stats.effects_table(found, level)),
        "shares": (found.shares, lambda: stats.shares_table(found)),
    }
    print_tables(tables, form, only)


def contrast(
    run: RunFolder,
    a: Annotated[
        list[str] | None, typer.Option("--a", help="One part: key=value,key=value; repeatable.")
    ] = None,
    b: Annotated[list[str] | None, typer.Option("--b", help="The part it is held against.")] = None,
    a_name: Annotated[
        list[str] | None, typer.Option(help="What the first part is called in the table.")
    ] = None,
    b_name: Annotated[
        list[str] | None, typer.Option(help="What the second part is called in the table.")
    ] = None,
    cluster: Cluster = None,
    paired: Annotated[
        bool | None,
        typer.Option(help="Pair rollouts by index; chosen by what the prompts share if left out."),
    ] = None,
    test: Annotated[
        str, typer.Option(help="auto, fisher, boschloo or score, for independent samples.")
    ] = "auto",
    method: Method = None,
    level: Level = 0.95,
    form: Form = Format.table,
) -> None:
    from rewardgym.metrics.contrasts import contrasts
    from rewardgym.report import stats

    sides = _sides(a or [], b or [])
    cells = _cells(run, method)
    more = {} if method is None else {"method": method}
    filters = [tuple({**_filter(text, cells), **more} for text in side) for side in sides]
    labels = [
        (_label(a_name, place, one), _label(b_name, place, other))
        for place, (one, other) in enumerate(sides)
    ]
    table = contrasts(
        run,
        {str(place): (one, other) for place, (one, other) in enumerate(filters)},
        level=level,
        cluster=cluster,
        paired="auto" if paired is None else paired,
        test=test,
    )
    table = table.drop(columns="contrast")
    # What has no p-value was not tested, and so did not fail either.
    table["survives"] = table["survives"].astype(object).where(table["p_value"].notna(), None)
    table.insert(0, "a", [one for one, _ in labels])
    table.insert(1, "b", [other for _, other in labels])
    print_tables({"contrast": (table, lambda: stats.contrasts_table(table, level))}, form, None)
    if form is Format.table:
        for row in table.to_dict("records"):
            print(stats.contrast_words(row))


# What the commands share


def _cells(run: Path, method: str | None, by: Sequence[str] = (), where: str = "") -> pd.DataFrame:
    """The cells of one method that ``where`` leaves. Raises ValueError where there are several
    methods and none was named, and where no cell is left."""
    from rewardgym.metrics.rates import cell_table, of_method

    cells = of_method(cell_table(run), method)
    methods = list(cells["method"].unique())
    if len(methods) > 1 and "method" not in by:
        raise ValueError(
            f"{run} holds {' and '.join(methods)} rows of the same prompts, which are never added "
            f"up; choose one with --method {methods[0]}"
        )
    kept = cells
    for name, values in _filter(where, cells).items() if where else ():
        if name not in cells:
            raise unknown("column", name, cells.columns)
        missing = kept[name].isna() if None in values else False
        kept = kept[kept[name].isin([v for v in values if v is not None]) | missing]
    if where and kept.empty:
        raise ValueError(f"no cell has all of {where!r}; leave out one of its parts")
    return kept


def _has_both_polarities(cells: pd.DataFrame) -> bool:
    """Whether fields of both signs have a formula that pays the side that was not asked for."""
    from rewardgym.variants import Variant

    variants = [Variant.parse(text) for text in cells["variant"].unique()]
    return {1, -1} <= {v.polarity for v in variants if v.hint and v.high != v.ask}


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    parts = [part.strip() for part in text.split(":")]
    if len(parts) != 2 or not all(parts):
        raise ValueError(
            f"--interactions is {text!r}; expected two factors, such as field:encoding"
        )
    return parts[0], parts[1]


def _sides(a: list[str], b: list[str]) -> list[tuple[str, str]]:
    if not a or len(a) != len(b):
        raise ValueError(
            f"{len(a)} times --a and {len(b)} times --b; give one --b for each --a, such as "
            "--a field=reward --b field=score"
        )
    return list(zip(a, b, strict=True))


def _label(names: list[str] | None, place: int, text: str) -> str:
    return names[place] if names and place < len(names) else text


def _filter(text: str, cells: pd.DataFrame) -> dict[str, list[Any]]:
    """``field=reward,step=20`` as columns and values, typed as the run has them. A comma within a
    value stays: only one before another key separates."""
    found: dict[str, list[Any]] = {}
    for part in re.split(r",(?=\s*\w+\s*=)", text):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name:
            raise ValueError(
                f"{text!r} is no filter; expected key=value,key=value, such as field=reward"
            )
        found.setdefault(name, []).append(_typed(cells, name, value))
    return found


def _typed(cells: pd.DataFrame, name: str, text: str) -> Any:
    if name not in cells:
        return text  # contrast() names what is allowed
    values = cells[name].unique().tolist()
    there = {_spelled(value): value if value == value else None for value in values}
    for spelled in (text, text.lower()):
        if spelled in there:
            return there[spelled]
    raise unknown(f"{name} in this run:", text, there)


def _spelled(value: Any) -> str:
    """How a value is written: 20.0, which a column with gaps makes of step 20, as 20."""
    if value is None or value != value:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
