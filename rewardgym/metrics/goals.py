"""Goals: what one wants to know, and what a number of rollouts can tell.

In: the rates one expects and the precision or power one wants. Out: n a cell for each goal, or,
from an n that a budget pays for, the smallest effect that it sees. It stands over ``planning``,
which answers one question at a time, so that a command and a notebook put the same list of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardgym.metrics.intervals import newcombe, wilson
from rewardgym.metrics.planning import (
    n_for_difference_precision,
    n_for_excess,
    n_for_power,
    n_for_precision,
    n_for_trend,
    smallest_effect,
)
from rewardgym.metrics.power import line_of, trend_power


@dataclass(frozen=True, kw_only=True)
class Goals:
    """What one wants to know; None leaves a goal out."""

    rate: float = 0.5
    """The rate one expects. One half takes the most rollouts for a precision."""
    half_width: float | None = None
    """How far the interval may reach to either side: of the rate, and of the excess if given."""
    against: float | None = None
    """Another rate, to be told from the first."""
    excess: float | None = None
    """An excess to be seen over a twin of rate ``twin``."""
    twin: float = 0.0
    steps: Sequence[float] = ()
    """Steps over which a rate that goes from ``start`` to ``end`` is to show a trend."""
    start: float = 0.0
    end: float | None = None
    power: float = 0.8
    level: float = 0.95

    def __post_init__(self) -> None:
        if bool(self.steps) != (self.end is not None):
            raise ValueError(
                "a trend needs its steps and the rate at its end; give both steps and end"
            )

    @property
    def alpha(self) -> float:
        """The tests' level: what is left of that of the intervals."""
        return round(1 - self.level, 12)


@dataclass(frozen=True)
class Wanted:
    """A goal and the n a cell that it takes."""

    goal: str
    n: int


@dataclass(frozen=True)
class Seen:
    """What n rollouts a cell can tell: an effect as a share, None where even the largest possible
    effect is not seen."""

    what: str
    effect: float | None


def n_for_goals(goals: Goals) -> list[Wanted]:
    """The n a cell for each goal. Raises ValueError for a rate or a precision out of range."""
    power, alpha = goals.power, goals.alpha
    found = []
    if goals.half_width is not None:
        n = n_for_precision(goals.half_width, goals.rate, goals.level)
        found.append(Wanted(f"a rate of {_share(goals.rate)}, {_within(goals)}", n))
        if goals.excess is not None:
            rates = (goals.twin + goals.excess, goals.twin)
            n = n_for_difference_precision(goals.half_width, *rates, goals.level)
            found.append(Wanted(f"an excess of {_points(goals.excess)}, {_within(goals)}", n))
    if goals.against is not None:
        n = n_for_power(goals.rate, goals.against, power, alpha)
        said = f"{_share(goals.rate)} told from {_share(goals.against)}, {_power(goals)}"
        found.append(Wanted(said, n))
    if goals.excess is not None:
        n = n_for_excess(goals.excess, goals.twin, power, alpha)
        said = f"an excess of {_points(goals.excess)} over a twin at {_share(goals.twin)}"
        found.append(Wanted(f"{said}, {_power(goals)}", n))
    if goals.end is not None:
        n = n_for_trend(goals.steps, goals.start, goals.end, power, alpha)
        said = f"a trend from {_share(goals.start)} to {_share(goals.end)}, {_power(goals)}"
        found.append(Wanted(said, n))
    return found


def seen_with(n: int, goals: Goals) -> list[Seen]:
    """What n rollouts a cell tell: how far intervals reach, and the least effects that are seen
    with the goals' power. Raises ValueError for an n below 1."""
    if n < 1:
        raise ValueError(f"n is {n}; allowed: 1 or more rollouts a cell")
    power, alpha, level = goals.power, goals.alpha, goals.level
    low, high = wilson(goals.rate * n, n, level)
    reach = float(high - low) / 2
    found = [Seen(f"half the width of the interval of a rate of {_share(goals.rate)}", reach)]
    rate = smallest_effect(n, goals.rate, power, alpha)
    if rate is not None or goals.rate < 1:
        found.append(Seen(f"least rise above {_share(goals.rate)}, {_power(goals)}", rate))
    low, high = newcombe(goals.twin * n, n, goals.twin * n, n, level)
    said = f"half the width of the interval of no excess over a twin at {_share(goals.twin)}"
    found.append(Seen(said, float(high - low) / 2))
    excess = smallest_effect(n, goals.twin, power, alpha)
    said = f"least excess over a twin at {_share(goals.twin)}, {_power(goals)}"
    found.append(Seen(said, excess))
    if goals.steps:
        said = f"least rise from {_share(goals.start)} over the checkpoints, {_power(goals)}"
        found.append(Seen(said, _least_trend(n, goals)))
    return found


def _least_trend(n: int, goals: Goals) -> float | None:
    """The least rise over all steps that a trend test sees, to 0.001; None where none is seen."""
    line_of(goals.steps, goals.start, goals.start)

    def seen(rise: float) -> bool:
        end = min(goals.start + rise, 1.0)
        return trend_power(goals.steps, goals.start, end, n, alpha=goals.alpha) >= goals.power

    few, many = 0.0, 1 - goals.start
    if many <= 0 or not seen(many):
        return None
    while many - few > 1e-3:
        middle = (few + many) / 2
        few, many = (few, middle) if seen(middle) else (middle, many)
    return many


def _share(rate: float) -> str:
    return f"{100 * rate:.4g}%"


def _points(effect: float) -> str:
    return f"{100 * effect:.4g} points"


def _within(goals: Goals) -> str:
    half = goals.half_width
    return "" if half is None else f"to within {_points(half)}"


def _power(goals: Goals) -> str:
    return f"power {_share(goals.power)}"
