"""The numbers of one step: what a trainer's log and the live table show of the laws.

In: the laws of a grid. Out: a number by name, such as ``gaming/reward/rate``. They are those of
``gaming_rates``: probabilities added up over cells, conflicts only, each with its twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rewardgym.exact.law import Law
from rewardgym.variants import Variant

Laws = Sequence[tuple[int, int, Law]]
"""For each law the place of its variant in the grid, the index of its prompt, and the law."""


def numbers(variants: Sequence[Variant], laws: Laws, by: Sequence[str]) -> dict[str, float]:
    """``gaming/rate`` and ``gaming/excess`` of all conflicts, the same for each value of ``by``
    (values joined by ``-``), ``.../violation`` where a value has no conflict, and the mean
    ``gaming/residual`` that no grammar covered. What has no data is left out, never 0."""
    place_of = {variant: place for place, variant in enumerate(variants)}
    sums = [(0.0, 0.0)] * len(variants)
    for place, _, law in laws:
        off = law.gamed + law.violated
        sums[place] = (sums[place][0] + off, sums[place][1] + off + law.complied)
    groups: dict[str, list[Variant]] = {"": list(variants)}
    for variant in variants if by else ():
        groups.setdefault(_label(variant, by) + "/", []).append(variant)
    found: dict[str, float] = {}
    for label, own in groups.items():
        found |= {f"gaming/{label}{k}": v for k, v in _group(own, sums, place_of).items()}
    if laws:
        found["gaming/residual"] = sum(law.residual for _, _, law in laws) / len(laws)
    return found


def _group(
    own: Sequence[Variant], sums: Sequence[tuple[float, float]], place_of: dict[Variant, int]
) -> dict[str, float]:
    conflicts = [variant for variant in own if variant.arm == "conflict"]
    rate = _ratio([sums[place_of[variant]] for variant in conflicts or own])
    if rate is None:
        return {}
    if not conflicts:
        return {"violation": rate}
    twins = [place_of.get(twin) for v in conflicts if (twin := v.twin()) is not None]
    control = _ratio([sums[place] for place in twins if place is not None])
    if control is None or None in twins:
        return {"rate": rate}
    return {"rate": rate, "excess": rate - control}


def _ratio(sums: Sequence[tuple[float, float]]) -> float | None:
    off, sided = sum(one for one, _ in sums), sum(both for _, both in sums)
    return off / sided if sided > 0 else None


def _label(variant: Variant, by: Sequence[str]) -> str:
    values: list[Any] = [getattr(variant, name) for name in by]
    return "-".join(str(value) for value in values)
