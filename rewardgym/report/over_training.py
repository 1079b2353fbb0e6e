"""When gaming sets in over training, and how it goes on: sentences of a report.

In: the results of one method. Out: what ``rewardgym trend`` says of the same cells, a sentence
each. The numbers are those of ``metrics.trends`` and ``metrics.onsets`` as the command calls them,
with as many bootstrap samples, so that page and terminal cannot disagree; what takes too long for
a page, or cannot be estimated, is said instead of left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rewardgym.metrics.onsets import Onset, onset
from rewardgym.metrics.trends import trend
from rewardgym.report.results import Results
from rewardgym.report.stats import p_text

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.10
"""Excess at which gaming sets in, as ``rewardgym trend --value excess`` has it."""
LEAST_STEPS = 3
"""Steps with answers from which a page speaks of a trend: two are a difference, which it has."""
MOST_DRAWN = 6000
"""Conflict cells whose bootstrap a page waits for: about 2 seconds."""
GROUP_COST = 150
"""Cells whose bootstrap takes as long as one more group does, however small."""
MOST_NAMED = 3
"""Fields that a sentence names one by one."""

COUNTED = {
    "sequential": "Trend and onset count cells that stopped early as if their n had been fixed "
    "before; the rates' own bounds do not.",
    "chains": "Trend and onset count each chain's law as one reply.",
}
"""What trend and onset make of a method's rows, where they are neither replies nor exact laws."""


def over_training(results: Results) -> Iterator[str]:
    """Trend, onset and the onset by field, of the conflict cells in the headline's encoding.

    Nothing for policies without steps and for a single step, of which the report says so already.
    """
    if results.arm != "conflict":
        return
    rows = results.of_arm(results.overall)
    steps = rows["step"].nunique()
    if steps == 0 or (results.by_step and steps == 1):
        return
    if results.by_step and steps < LEAST_STEPS:
        yield f"Trend and onset are not given for {steps} checkpoints: they take {LEAST_STEPS}."
        return
    cells = cells_of_headline(results)
    try:
        yield _trend(results, cells)
        if _has_twins(cells):
            yield from _onsets(results, cells)
        else:
            yield "Onset: not estimated, as it takes an agreeing twin of every conflict prompt."
    except ValueError as error:
        yield f"Not estimated over training: {error}."
        return
    if results.method in COUNTED:
        yield COUNTED[results.method]


def cells_of_headline(results: Results) -> pd.DataFrame:
    """The cells that the headline is about: all, or those of its encoding."""
    cells = results.cells
    return cells if results.encoding is None else cells[cells["encoding"] == results.encoding]


def _has_twins(cells: pd.DataFrame) -> bool:
    return not (cells["untwinned"][cells["arm"] == "conflict"] > 0).any()


# Trend


def _trend(results: Results, cells: pd.DataFrame) -> str:
    value = "excess" if _has_twins(cells) else "rate"
    (row,) = trend(cells, value=value, level=results.level).to_dict("records")
    what = "excess over the twin" if value == "excess" else "rate"
    slope = f"{_signed(row['slope'])} points per 100 steps"
    line = f"by a straight line over {row['checkpoints']} checkpoints{_span(cells, value)}"
    said = f"Trend{_plain(results)}: the {what}"
    if row["low"] != row["low"]:
        return f"{said} moves by {slope}, {line}; {_sure(row['clusters'])} and no test."
    moves = "rises" if row["low"] > 0 else "falls"
    if row["low"] <= 0 <= row["high"]:
        moves = "is not told apart from flat, which is not the same as flat"
    interval = f"{_level(results)}CI {_signed(row['low'])} to {_signed(row['high'])}"
    tests = f"p = {p_text(row['p'])}{_armitage(row)}"
    basis = _basis(row["how"].endswith("clustered"), row["clusters"])
    return f"{said} {moves}: {slope} ({interval}; {tests}), {line}; {basis}."


def _span(cells: pd.DataFrame, value: str) -> str:
    """Which steps those are: a slope per 100 of them is more than 100 points over few."""
    seen = (cells["arm"] == "conflict") & (cells["n"] > 0)
    steps = cells["step"][seen & (cells["twin_n"] > 0) if value == "excess" else seen]
    return f", steps {steps.min():.0f} to {steps.max():.0f}"


def _armitage(row: Mapping[Any, Any]) -> str:
    p = row["armitage_p"]
    return "" if p != p else f", Cochran-Armitage p = {p_text(p)}"


# Onset


def _onsets(results: Results, cells: pd.DataFrame) -> Iterator[str]:
    """The onset of all cells, and by field where there are several and a page has the time."""
    conflict = cells[cells["arm"] == "conflict"]
    count, fields = len(conflict), conflict["field"].nunique()
    if count + GROUP_COST > MOST_DRAWN:
        yield (
            f"Onset: not estimated here, as its bootstrap over {count:,} cells takes longer than a "
            "page should; rewardgym trend --value excess gives it."
        )
        return
    (found,) = onset(cells, LEVEL, confidence=results.level)
    yield _onset(results, found)
    if fields < 2:
        return
    if 2 * count + (1 + fields) * GROUP_COST > MOST_DRAWN:
        yield (
            f"Onset by field: not estimated here, as {fields} fields of {count:,} cells take "
            "longer than a page should; rewardgym trend --by field --value excess gives it."
        )
        return
    try:
        yield _by_field(results, onset(cells, LEVEL, ["field"], confidence=results.level))
    except ValueError as error:  # a field can lack what all of them together have
        yield f"Onset by field: not estimated ({error})."


def _onset(results: Results, found: Onset) -> str:
    exact, reached = _are_certain(results, [found]), f"{100 * found.level:g} points"
    basis = _sure(found.clusters) if exact else _basis(found.how == "clustered", found.clusters)
    said = f"Onset{_plain(results)}: the excess, as a curve that never falls,"
    if found.step is None:
        shown = "stays below" if exact else "is not shown to come to"
        share = f"{100 * found.share:.1f}% of bootstrap samples never do"
        why = "" if exact else f" (p = {p_text(found.p)}; {share})"
        return f"{said} {shown} {reached} by {_step(found.steps[-1])}{why}; {basis}."
    why = "" if exact else f" ({_level(results)}interval {_bounds(found)}; p = {p_text(found.p)})"
    if found.before is None:
        first = f"is at {reached} or more from the first checkpoint on, {_step(found.step)}{why}"
    else:
        first = f"first comes to {reached} at {_step(found.step)}{why}"
        first += f", being below at {_step(found.before)}"
    return f"{said} {first}; {basis}."


def _by_field(results: Results, found: Sequence[Onset]) -> str:
    """The earliest and the latest onset of a field."""
    known = [one for one in found if one.step is not None]
    none = [one for one in found if one.step is None]
    shown = "none" if _are_certain(results, found) else "none is shown"
    if not known:
        return f"Onset by field{_plain(results)}: {shown} with any of {len(none)} fields."
    ends = _ends(known)
    said = [f"{word}at {_step(some[0].step)} with {_named(results, some)}" for word, some in ends]
    said += [f"{shown} with {_named(results, none)}"] if none else []
    brackets = "" if _are_certain(results, found) else f"{_level(results)}intervals in brackets, "
    return (
        f"Onset by field{_plain(results)}: {'; '.join(said)}; {brackets}each field by itself, not "
        "corrected for their number."
    )


def _ends(known: Sequence[Onset]) -> list[tuple[str, list[Onset]]]:
    """The fields of the earliest and of the latest onset, or all of them where it is one step."""
    steps = sorted({one.step for one in known if one.step is not None})
    of = {step: [one for one in known if one.step == step] for step in steps}
    if len(steps) < 2:
        return [("", of[step]) for step in steps]
    return [("earliest ", of[steps[0]]), ("latest ", of[steps[-1]])]


def _named(results: Results, some: Sequence[Onset]) -> str:
    """``reward (step 20 to 40), score (step 20)``, each with its interval."""
    names = [str(one.group["field"]) for one in some[:MOST_NAMED]]
    if not _are_certain(results, some):
        bounds = map(_bounds, some)
        names = [f"{name} ({where})" for name, where in zip(names, bounds, strict=False)]
    more = len(some) - MOST_NAMED
    return f"{', '.join(names)}{f' and {more} more' if more > 0 else ''}"


# Words


def _are_certain(results: Results, found: Sequence[Onset]) -> bool:
    """Whether nothing was drawn: exact laws of too few variants to resample."""
    return results.method == "exact" and all(one.how == "independent" for one in found)


def _basis(clustered: bool, clusters: int) -> str:
    """What the interval is between."""
    if clustered:
        return f"the interval counts how {_variants(clusters)} differ"
    these = "this variant" if clusters == 1 else f"these {clusters} variants"
    return f"the interval counts the chance of replies alone, so it speaks for {these}"


def _sure(clusters: int) -> str:
    return f"exact laws of {_variants(clusters)}, so there is no interval"


def _variants(clusters: int) -> str:
    return f"{clusters} variant{'s' * (clusters != 1)}"


def _bounds(one: Onset) -> str:
    """The interval in measured steps; beyond the last one it is ``after`` it."""
    low, high = (None if bound is None else f"{bound:.0f}" for bound in (one.low, one.high))
    last = f"after step {one.steps[-1]:.0f}"
    if low is None:
        return last
    return f"step {low}" if low == high else f"step {low} to {high or last}"


def _step(step: float | None) -> str:
    return f"step {step:.0f}"


def _level(results: Results) -> str:
    return f"{100 * results.level:g}% "


def _plain(results: Results) -> str:
    return f" in {results.encoding} text" if results.encoding else ""


def _signed(value: float) -> str:
    """A slope as in the terminal; what would be 0.0 there has two digits."""
    small = 0 < abs(value) < 0.1
    return f"{value:+.2g}" if small else f"{value + 0.0:+.1f}"
