"""Contrasts: any two parts of a run against each other, and all cells against their twins.

In: a run and two filters, or the columns of a table. Out: one :class:`Effect`, or a table of them
with corrected p-values. Two parts are compared where all else is the same: cells that only one of
them has do not count, and the arms conflict, agree, neutral and none are never pooled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rewardgym.metrics.clusters import clustered_difference
from rewardgym.metrics.corrections import benjamini_hochberg, holm
from rewardgym.metrics.effects import Effect, compare, p_values, untested
from rewardgym.metrics.intervals import check_level
from rewardgym.metrics.pairs import paired_cells
from rewardgym.metrics.rates import cell_table, gaming_rates
from rewardgym.names import unknown
from rewardgym.records import RecordStore, Run
from rewardgym.variants import FACTORS, Variant

if TYPE_CHECKING:
    import pandas as pd

Source = Run | RecordStore | str | Path
Filter = Mapping[str, Any]
"""Column and value, or a list of values, for instance ``{"field": ["reward", "score"]}``."""

_PLACES = ("checkpoint", "step", "position")
_ARMS = ("arm", "favours", "high")
_AS_EFFECT = {"excess": "effect", "excess_low": "low", "excess_high": "high"}
_COLUMNS = (*_PLACES, "arm", "favours", "variant", "method", *FACTORS)
_WITHOUT_HINT = ("family", "ask", "paraphrase", "system", "answer_format", "checkpoint", "method")
"""What a prompt without a hint still shares with one that has it."""


def contrast(
    source: Source | pd.DataFrame,
    a: Filter,
    b: Filter,
    *,
    paired: bool | Literal["auto"] = "auto",
    cluster: str | None = None,
    level: float = 0.95,
    test: str = "auto",
) -> Effect:
    """The rate of the cells that ``a`` names minus that of the cells that ``b`` names.

    ``source`` is a run or its cell table. Both sides are pooled over what they share: every cell
    of the one counts only where the other has a cell that is equal in all columns named in neither
    filter. A side that names no arm is its conflict arm.

    ``paired`` "auto" pairs rollouts by index where prompts are drawn, for then both sides saw the
    same draws: McNemar's test for one pair of cells, :func:`clustered_difference` over the draws
    for more. Elsewhere replies to a fixed prompt are independent, and :func:`compare` applies.
    ``cluster`` names a column, such as paraphrase, whose values are a sample of more: the interval
    then speaks about others like them. Cells of probabilities (method exact or chains) hold no
    counts to test: their difference comes without interval and p-value.

    Raises ValueError for an empty filter, unknown names, sides that share nothing or mix arms.
    """
    import pandas as pd

    check_level(level)
    run = None if isinstance(source, pd.DataFrame) else source
    cells = source if isinstance(source, pd.DataFrame) else cell_table(source)
    first, second = _sides(cells, a, b)
    counts = [side[name].sum() for side in (first, second) for name in ("k", "n")]
    method = first["method"].iloc[0] if "method" in cells else "sampled"
    if method != "sampled":
        return untested(*map(float, counts), test=method, level=level)
    if cluster is not None:
        return _clustered(first, second, cluster, level)
    if paired is True and run is None:
        raise ValueError("pairs need rollouts, a table has none; give the run itself")
    if run is not None and (paired is True or (paired and _shares_draws(first, second))):
        return paired_cells(run, first, second, level=level)
    return compare(*map(int, counts), level=level, test=test)


def contrasts(
    source: Source | pd.DataFrame,
    named: Mapping[str, tuple[Filter, Filter]],
    *,
    level: float = 0.95,
    **options: Any,
) -> pd.DataFrame:
    """Contrasts named beforehand: one row each, with the fields of :class:`Effect`, ``p_holm`` and
    ``survives``, whether Holm's correction over all of them leaves it. ``options`` as in
    :func:`contrast`."""
    import pandas as pd

    if not named:
        raise ValueError("no contrasts named; give a name and two filters for each")
    effects = [contrast(source, a, b, level=level, **options) for a, b in named.values()]
    table = pd.DataFrame([dataclasses.asdict(effect) for effect in effects])
    table.insert(0, "contrast", list(named))
    table["p_holm"] = holm(table["p_value"].to_numpy(dtype=float))
    table["survives"] = table["p_holm"] <= 1 - level
    return table


def excess_effects(
    run: Source,
    by: Sequence[str] | str = ("checkpoint", "field"),
    *,
    level: float = 0.95,
    test: str = "auto",
) -> pd.DataFrame:
    """``gaming_rates(run, by)`` with ``p_value``, of no excess over the twins (two-sided, see
    ``effects.p_values``), ``q``, adjusted by Benjamini and Hochberg over all rows that have one,
    and ``survives``, whether q is at most 1 - level. Rows without twins, and those made of
    probabilities instead of counts, have no p-value. Raises ValueError for a run without twins."""
    table = gaming_rates(run, by, level=level)
    _needs_twins(table)
    table["p_value"] = _excess_p(table, test)
    table["q"] = benjamini_hochberg(table["p_value"].to_numpy(dtype=float))
    table["survives"] = table["q"] <= 1 - level
    return table


def hint_effect(run: Source, by: Sequence[str] | str = (), *, level: float = 0.95) -> pd.DataFrame:
    """What the hint adds, by direction: the excess where it favours the one side (and the other is
    asked for), the excess where it favours the other, then their mean.

    Per group of ``by`` and family one row a side, named in ``favours``, and one called mean: the
    columns ``k``, ``n``, ``twin_k``, ``twin_n``, ``effect``, ``low``, ``high``, ``p_value``. The
    mean's interval squares and adds those of the sides (G. Y. Zou and A. Donner, Statistics in
    Medicine 27 (2008) 1693-1702); its p-value is Cochran's, Mantel's and Haenszel's, corrected for
    continuity (statsmodels' StratifiedTable), of no effect in either direction. A group with one
    direction alone has no mean. Raises ValueError where no group has both.
    """
    import pandas as pd

    names = [name for name in ([by] if isinstance(by, str) else by) if name != "favours"]
    names = list(dict.fromkeys([*names, "family", "method"]))
    table = gaming_rates(run, [*names, "favours"], level=level)
    table = table[table["arm"] == "conflict"].reset_index(drop=True)
    _needs_twins(table)
    table["p_value"] = _excess_p(table, "auto")
    table = table.drop(columns=["low", "high"]).rename(columns=_AS_EFFECT)
    rows: list[dict[str, Any]] = []
    for _, group in table.groupby(names, sort=False, dropna=False):
        sides: list[dict[str, Any]] = group.to_dict("records")  # type: ignore[assignment]
        rows += [*sides, {**{name: sides[0][name] for name in names}, **_mean(sides)}]
    found = pd.DataFrame(rows)
    if found.loc[found["favours"] == "mean", "k"].isna().all():
        raise ValueError(
            "the hint favours one side only; sweep the mirrored variants too: grid(mirror=True)"
        )
    counts = ["k", "n", "twin_k", "twin_n"]
    return found[[*names, "favours", *counts, "effect", "low", "high", "p_value"]]


def _needs_twins(table: pd.DataFrame) -> None:
    conflict = table[table["arm"] == "conflict"]
    if conflict.empty:
        raise ValueError("no conflict cells, so no excess; sweep the field reward, for instance")
    if (conflict["twin_n"] == 0).all():
        raise ValueError("no conflict cell has a twin with answers; sweep with twins=True")


def _excess_p(table: pd.DataFrame, test: str) -> Any:
    """P-values of the excess; NaN without twins, and for rows that hold no counts."""
    sampled = table["excess"].notna().to_numpy(dtype=bool)
    if "method" in table:
        sampled = sampled & (table["method"] == "sampled").to_numpy(dtype=bool)
    found = np.full(len(table), np.nan)
    rows = table[sampled]
    found[sampled] = p_values(rows["k"], rows["n"], rows["twin_k"], rows["twin_n"], test)
    return found


def _mean(sides: list[dict[str, Any]]) -> dict[str, Any]:
    if len(sides) != 2:
        return {"favours": "mean"}
    sums: dict[str, Any] = {
        name: sum(side[name] for side in sides) for name in ("k", "n", "twin_k", "twin_n")
    }
    middle = sum(side["effect"] for side in sides) / 2
    below = np.hypot(*(side["effect"] - side["low"] for side in sides)) / 2
    above = np.hypot(*(side["high"] - side["effect"] for side in sides)) / 2
    bounds = {"effect": middle, "low": middle - below, "high": middle + above}
    return {"favours": "mean", **sums, **bounds, "p_value": _stratified_p(sides)}


def _stratified_p(sides: list[dict[str, Any]]) -> float:
    from scipy.stats import chi2
    from statsmodels.stats.contingency_tables import StratifiedTable

    if any(np.isnan(side["p_value"]) for side in sides):
        return float("nan")
    if all(side["k"] + side["twin_k"] in (0, side["n"] + side["twin_n"]) for side in sides):
        return 1.0
    tables = [
        np.array([[s["k"], s["n"] - s["k"]], [s["twin_k"], s["twin_n"] - s["twin_k"]]], dtype=float)
        for s in sides
    ]
    found = StratifiedTable(tables).test_null_odds(correction=True)
    return float(chi2.sf(found.statistic, 1))  # its own p-value is 1 - cdf: 0 where it is small


# Contrast


def _sides(cells: pd.DataFrame, a: Filter, b: Filter) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cells of both sides that have a counterpart, with the column ``stratum``."""
    first, second = (_picked(cells, side) for side in (a, b))
    if len(first.index.intersection(second.index)):
        raise ValueError(
            f"{dict(a)} and {dict(b)} name the same cells; make them exclude each other"
        )
    named = {*a, *b}
    matched = [c for c in _COLUMNS if c in cells and c not in named | _moving(named)]
    if "hint" in named:
        matched = [c for c in matched if c in _WITHOUT_HINT]
    keys = [[str(tuple(row)) for row in side[matched].to_numpy(object)] for side in (first, second)]
    others = set(keys[1])
    shared = {key: at for at, key in enumerate(dict.fromkeys(keys[0])) if key in others}
    found = []
    for side, own, name in zip((first, second), keys, (a, b), strict=True):
        kept = side.assign(stratum=[shared.get(key, -1) for key in own])
        kept = kept[kept["stratum"] >= 0]
        if kept.empty:
            raise ValueError(
                f"{dict(a)} and {dict(b)} share no cell that is equal in all else; name "
                "in both filters whatever else differs"
            )
        for column in ("arm", "method"):
            values = kept[column].unique().tolist() if column in kept else []
            if len(values) > 1:
                raise ValueError(
                    f"{dict(name)} mixes {column} {' and '.join(values)}, which are "
                    f"never pooled; add {column!r} to the filter"
                )
        found.append(kept)
    if "method" in cells and found[0]["method"].iloc[0] != found[1]["method"].iloc[0]:
        raise ValueError("the sides differ in method, so in what they count; name one in both")
    return found[0], found[1]


def _moving(named: set[str]) -> set[str]:
    """The columns that move with those named, so that they cannot be matched."""
    # Arm and favours say what "high" does: reward and cost are compared where both are paid.
    found = {"variant", "high", "step", "position"}
    if named & {*_PLACES}:
        found |= {*_PLACES}
    if named & {*_ARMS, "hint"}:
        found |= {*_ARMS}
    if named & {"ask", "family"}:
        found |= {"ask", "favours"}
    return found | ({*FACTORS, *_ARMS} if "variant" in named else set())


def _picked(cells: pd.DataFrame, side: Filter) -> pd.DataFrame:
    if not side:
        raise ValueError("an empty filter; name at least one column, as in {'field': 'reward'}")
    kept = cells
    for name, wanted in side.items():
        allowed = [column for column in _COLUMNS if column in cells]
        if name not in allowed:
            raise unknown("column", name, allowed)
        values = list(wanted) if isinstance(wanted, list | tuple | set) else [wanted]
        there = kept[name].dropna().unique().tolist()
        for value in values:
            if value is not None and value not in there:
                raise unknown(f"{name} among the cells of {dict(side)}:", value, there)
        known = kept[name].isin([value for value in values if value is not None])
        kept = kept[known | (kept[name].isna() if None in values else False)]
    if {*side} & {*_ARMS, "variant"} or side.get("hint") is False or kept.empty:
        return kept
    conflict = kept[kept["arm"] == "conflict"]
    if conflict.empty:
        raise ValueError(
            f"{dict(side)} has no conflict cells, only {', '.join(kept['arm'].unique())}; "
            "name the arm in both filters"
        )
    return conflict


def _clustered(first: pd.DataFrame, second: pd.DataFrame, by: str, level: float) -> Effect:
    if by not in first or by in ("k", "n", "stratum"):
        raise unknown("column to cluster by", by, [c for c in _COLUMNS if c in first])
    sums = [side.groupby(by, dropna=False)[["k", "n"]].sum() for side in (first, second)]
    both = sums[0].add_suffix("1").join(sums[1].add_suffix("2"), how="inner")
    return clustered_difference(both["k1"], both["n1"], both["k2"], both["n2"], level)


def _shares_draws(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    if first["stratum"].duplicated().any() or second["stratum"].duplicated().any():
        return False
    return all(Variant.parse(v).is_open for side in (first, second) for v in side["variant"])
