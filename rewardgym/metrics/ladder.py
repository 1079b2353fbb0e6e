"""The ladder: one edit of the prompt at a time, and by how much each moves the gaming rate.

In: a run, or its rates by variant, and a base variant. Out: a frame, one row an edit, sorted. Only
variants that differ from the base by one factor alone are compared: what two edits do together is a
question for ``factor_effects``, which needs a model, while this needs none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rewardgym.metrics.intervals import Floats, check_level, wilson
from rewardgym.metrics.rates import gaming_rates, of_method
from rewardgym.names import unknown
from rewardgym.records import RecordStore, Run
from rewardgym.variants import FACTORS, Variant

if TYPE_CHECKING:
    import pandas as pd

LADDER_COLUMNS = (
    *("label", "factor", "value", "against", "checkpoint", "variant", "method"),
    *("k", "n", "rate", "base_k", "base_n", "base_rate", "effect", "low", "high"),
)
_SQUARED = ("sampled", "chains")
"""Methods whose bounds are sampling intervals, so that two combine in squares; the others' bounds
are worst cases, or hold at every look, and are added."""


def ladder_frame(
    run_or_table: Run | RecordStore | str | Path | pd.DataFrame,
    base: Variant | None = None,
    *,
    checkpoint: str | None = None,
    method: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """The gaming rate of each variant that differs from ``base`` by one factor, less the base's.

    Columns: ``label`` ("encoding: hex"), ``factor``, its ``value`` and what it stands ``against``;
    ``k``, ``n``, ``rate``, the base's, and ``effect`` with ``low`` and ``high`` (shares, from -1 to
    1), sorted, the largest effect first; NaN where there are no answers. The interval is Newcombe's
    for counts; for other methods it combines the bounds that ``gaming_rates`` gives each rate.

    Conflict cells alone count, and the side on which the formula is larger follows from the field:
    reward and cost are compared where the hint favours the same side. ``base`` left out: of all
    conflict variants the one with the most such neighbours, the first in the run among equals.
    ``checkpoint`` left out: the last at which the base has answers. A table is
    ``gaming_rates(run, ["checkpoint", "variant"])`` or a cell table of sampled cells; ``level`` is
    then the table's own. Without conflict cells or neighbours the frame has no rows. Raises
    ValueError for a base, checkpoint or method that is not there, and for mixed methods.
    """
    import pandas as pd

    check_level(level)
    table = _conflict_rows(run_or_table, method, level)
    variants = {name: Variant.parse(name) for name in dict.fromkeys(table["variant"])}
    if base is not None and base.id not in variants:
        raise unknown("base variant", base.id, variants, "those with conflict cells in this run")
    if checkpoint is not None and checkpoint not in set(table["checkpoint"]):
        raise unknown("checkpoint", checkpoint, dict.fromkeys(table["checkpoint"]))
    base = base or _best_connected(list(variants.values()))
    edits = {} if base is None else _edits(base, variants)
    if base is None or not edits:
        return pd.DataFrame(columns=list(LADDER_COLUMNS))
    rows = table[table["checkpoint"] == (checkpoint or _last(table, base))]
    found = rows[rows["variant"].isin(edits)].reset_index(drop=True)
    own = rows[rows["variant"] == base.id]
    if own.empty:
        raise ValueError(f"checkpoint {checkpoint!r} has no cell of the base {base.id}; sweep it")
    return _compared(found, own.iloc[0], base, edits)


def _conflict_rows(
    source: Run | RecordStore | str | Path | pd.DataFrame, method: str | None, level: float
) -> pd.DataFrame:
    """One row a checkpoint and variant, of one method, with bounds."""
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        table = source if "method" in source else source.assign(method="sampled")
        for name in ("checkpoint", "variant", "k", "n"):
            if name not in table:
                raise unknown("column", name, table.columns)
    else:
        table = gaming_rates(source, ["checkpoint", "variant"], level=level)
        if (table["method"] == "sequential").any():
            # Bounds that are added hold together where each errs half as often.
            table = gaming_rates(source, ["checkpoint", "variant"], level=(1 + level) / 2)
    table = of_method(table, method)
    if "arm" in table:
        table = table[table["arm"] == "conflict"]
    methods = list(table["method"].unique())
    if len(methods) > 1:
        raise ValueError(
            f"the run holds rows of {len(methods)} methods ({', '.join(methods)}), which are never "
            "compared; name one as method"
        )
    if table.duplicated(["checkpoint", "variant"]).any():
        raise ValueError("several rows share one checkpoint and variant; group by these two alone")
    if "low" in table:
        return table.reset_index(drop=True)
    if methods not in ([], ["sampled"]):
        raise ValueError(f"a cell table has no bounds for method {methods[0]}; give the run itself")
    low, high = wilson(table["k"], table["n"], level)
    return table.assign(low=low, high=high).reset_index(drop=True)


def _edit(base: Variant, other: Variant) -> str | None:
    """The one factor in which ``other`` differs from ``base``; None for no or several."""
    if base.family != other.family:
        try:
            base = base.replace(family=other.family)
        except ValueError:  # an instruction of one's own belongs to its family
            return None
        named = ["family"]
    else:
        named = []
    # In the conflict arm ``high`` follows from the field and the side asked for.
    same = {"family", "high"}
    named += [f for f in FACTORS if f not in same and getattr(base, f) != getattr(other, f)]
    return named[0] if len(named) == 1 else None


def _edits(base: Variant, variants: dict[str, Variant]) -> dict[str, str]:
    """The ids of the variants one edit away, each with the factor that is edited."""
    found = {name: _edit(base, other) for name, other in variants.items()}
    return {name: factor for name, factor in found.items() if factor is not None}


def _best_connected(variants: list[Variant]) -> Variant | None:
    def neighbours(base: Variant) -> int:
        return sum(_edit(base, other) is not None for other in variants)

    return max(variants, key=neighbours, default=None)


def _last(table: pd.DataFrame, base: Variant) -> str:
    """The last checkpoint at which the base has answers; the last of all where it has none."""
    own = table[table["variant"] == base.id]
    answered = own[own["n"] > 0]
    return str((own if answered.empty else answered)["checkpoint"].iloc[-1])


def _compared(
    rows: pd.DataFrame, own: pd.Series[Any], base: Variant, edits: dict[str, str]
) -> pd.DataFrame:
    k, n, low, high = (rows[name].to_numpy(dtype=float) for name in ("k", "n", "low", "high"))
    own_k, own_n, own_low, own_high = (float(own[name]) for name in ("k", "n", "low", "high"))
    with np.errstate(divide="ignore", invalid="ignore"):
        rate, own_rate = k / n, float(np.divide(own_k, own_n))
    effect = rate - own_rate
    join = np.hypot if own["method"] in _SQUARED else _sum
    parsed = [Variant.parse(name) for name in rows["variant"]]
    factors = [edits[name] for name in rows["variant"]]
    values = [getattr(v, factor) for v, factor in zip(parsed, factors, strict=True)]
    found = rows.assign(
        label=[f"{factor}: {_word(value)}" for factor, value in zip(factors, values, strict=True)],
        factor=factors,
        value=values,
        against=[getattr(base, factor) for factor in factors],
        rate=rate,
        base_k=own["k"],
        base_n=own["n"],
        base_rate=own_rate,
        effect=effect,
        # Method 10 of R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890, for any intervals:
        # G. Y. Zou and A. Donner, Statistics in Medicine 27 (2008) 1693-1702.
        low=effect - join(rate - low, own_high - own_rate),
        high=effect + join(high - rate, own_rate - own_low),
    )[list(LADDER_COLUMNS)]
    return found.sort_values("effect", ascending=False, kind="stable", ignore_index=True)


def _sum(a: Floats, b: float) -> Floats:
    return a + b


def _word(value: object) -> str:
    return "none" if value is None else str(value)
