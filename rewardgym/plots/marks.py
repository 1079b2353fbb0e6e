"""Marks: what stands behind each point of a figure.

In: a table's rows as they are drawn. Out: ``points(axes)``, a list of JSON-able values, the k-th of
the mark ``pt-<k>``. They are kept on the Axes itself, so that a page can show them on hover and
link to the replies behind them without another look at the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rewardgym.plots.frames import columns_for
from rewardgym.plots.style import root_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KEPT = "_rewardgym_points"
NUMBERS = ("k", "n", "rate", "low", "high")


def points(axes: Axes) -> list[dict[str, Any]]:
    """The points drawn on ``axes``, in the order of their marks: ``id`` (the mark's, ``pt-<k>``; k
    counts on over the axes of one figure), ``label``, ``value`` (what its height or place says, a
    share), ``k``, ``n``, ``rate``, ``low``, ``high``, ``twin`` (its rate, with ``twin_k`` and
    ``twin_n``), ``excess`` with its bounds where the table has it, and ``factors``, the cell's
    grouping columns. A missing number is None."""
    return [dict(point) for point in getattr(axes, _KEPT, ())]


def add_points(axes: Axes, found: Sequence[dict[str, Any]]) -> int:
    """Notes the points of marks about to be drawn; gives the number of the first."""
    first = sum(len(getattr(other, _KEPT, ())) for other in root_of(axes).axes)
    kept = [*getattr(axes, _KEPT, ())]
    kept += [{"id": f"pt-{first + i}", **point} for i, point in enumerate(found)]
    setattr(axes, _KEPT, kept)
    return first


def point(row: Mapping[Any, Any], label: str, value: str, factors: Sequence[str]) -> dict[str, Any]:
    """The point of one row of a rates table; ``value`` names the column that is drawn."""
    found = {"label": label, "value": plain(row[value])}
    found |= {name: plain(row.get(name)) for name in NUMBERS}
    twin_n = plain(row.get("twin_n")) or 0
    found["twin"] = plain(row["twin_k"] / twin_n) if twin_n else None
    for name in ("twin_k", "twin_n"):
        found[name] = plain(row[name]) if twin_n else None
    if "excess" in row:
        found |= {name: plain(row.get(name)) for name in columns_for("excess")}
    return {**found, "factors": {name: plain(row[name]) for name in factors}}


def plain(value: Any) -> Any:
    """A value that JSON can hold; None for a missing one. Whole numbers stay whole."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if isinstance(value, bool | int | float | str) else str(value)
