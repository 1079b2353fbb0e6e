"""The cell table: one row a cell, with its factors, its counts and its twin's.

In: a run. Out: a DataFrame that every metric starts from. Counting is one SQL query over the
rollouts and one over the laws; what happens after it is over cells, of which there are few.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardgym.law_records import NOISE, LawRecords, LawSums
from rewardgym.outcomes import OFF_SIDE, OUTCOMES, SIDED
from rewardgym.records import Cell, RecordStore, Run
from rewardgym.variants import FACTORS, Variant

if TYPE_CHECKING:
    import pandas as pd

KEYS = (
    *("checkpoint", "step", "arm", "favours", "variant", "method"),
    *(f for f in FACTORS if f != "high"),
)
"""What rates can be grouped by: everything but the factor ``high``, whose name the interval's upper
bound has; ``favours`` and ``arm`` say the same."""

SQUARES = ("off_off", "off_sided", "sided_sided")
"""Sums over a cell's laws that its variance needs; 0 for cells of replies."""

_TWIN = ("k", "n", "rows", "unfollowed", *SQUARES)

_OWN = ("k", "n", "rows", "residual", "unfollowed", "decodes", "paid_side", "floor", *SQUARES)
SUMS = (*OUTCOMES, *_OWN, *(f"twin_{name}" for name in _TWIN), "untwinned")
"""The columns of a cell table that are measured, not asked for: none to group by."""


def cell_table(run: Run | RecordStore | str | Path) -> pd.DataFrame:
    """One row a cell: all factors, arm, checkpoint, method, and the count of every outcome, with
    ``k`` and ``n`` of its own and of its twin. In rows of method ``exact`` or ``chains`` the counts
    are probabilities, added up over the cell's laws; ``rows`` says of how many."""

    if isinstance(run, RecordStore):
        return _table(run)
    with (run if isinstance(run, Run) else Run(run)).open() as store:
        return _table(store)


def _table(store: RecordStore) -> pd.DataFrame:
    import pandas as pd

    cells, counts = store.cells(), store.counts()
    laws = LawRecords(store)
    sums, competence = laws.sums(), laws.competence()
    noise = store.get_meta(NOISE)
    # A run has few variants and many cells of each: parsing is done once a variant.
    parsed = {name: Variant.parse(name) for name in dict.fromkeys(c.variant for c in cells)}
    factors = {name: variant.to_dict() for name, variant in parsed.items()}
    twins = {name: _twin_id(variant) for name, variant in parsed.items()}
    rows: list[dict[str, Any]] = []
    by_place: dict[tuple[str, str, str], dict[str, Any]] = {}
    for cell in cells:
        method = str(cell.policy.get("method", "sampled"))
        counted = counts.get(cell.id, {})
        found: dict[str, Any] = {outcome: counted.get(outcome, 0) for outcome in OUTCOMES}
        found["k"] = sum(found[outcome] for outcome in OFF_SIDE)
        found["n"] = sum(found[outcome] for outcome in SIDED)
        found |= {"rows": 0, "residual": 0.0, "unfollowed": 0.0, **dict.fromkeys(SQUARES, 0.0)}
        if method != "sampled":
            found |= _masses(sums.get(cell.id), parsed[cell.variant].arm)
        decodes, paid = competence.get(cell.id, (None, None))
        found |= {"decodes": _number(decodes), "paid_side": _number(paid)}
        found["floor"] = float(noise["floor"]) if noise and method == "exact" else 0.0
        by_place[cell.checkpoint, cell.variant, method] = found
        rows.append({**factors[cell.variant], **place_of(cell, parsed[cell.variant]), **found})
    for row in rows:
        control = by_place.get((row["checkpoint"], twins[row["variant"]], row["method"]))
        row |= {f"twin_{name}": control[name] if control else 0 for name in _TWIN}
        row["untwinned"] = int(control is None)
    return pd.DataFrame(rows, columns=[*KEYS, "position", *SUMS])


def _twin_id(variant: Variant) -> str:
    """The id of a conflict variant's twin; "" for other arms, which are compared with nothing."""
    twin = variant.twin() if variant.arm == "conflict" else None
    return twin.id if twin is not None else ""


def place_of(cell: Cell, variant: Variant) -> dict[str, Any]:
    """What a table says of a cell beside its variant's factors."""
    return {
        "checkpoint": cell.checkpoint,
        "step": cell.step,
        "position": cell.position,
        "variant": cell.variant,
        "arm": variant.arm,
        "favours": variant.favours,
        "method": str(cell.policy.get("method", "sampled")),
    }


def _masses(sums: LawSums | None, arm: str) -> dict[str, Any]:
    """A cell's laws in the columns of counts."""
    if sums is None:
        return {}
    off = "gamed" if arm == "conflict" else "violated"
    known = asdict(sums)
    return {
        off: sums.off,
        "complied": sums.sided - sums.off,
        "k": sums.off,
        "n": sums.sided,
        **{
            name: known[name]
            for name in ("rows", "neither", "truncated", "residual", "unfollowed", *SQUARES)
        },
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
