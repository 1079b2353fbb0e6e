"""What a plan costs and what a budget sees, as tables.

In: the cells, a measured speed, and what ``metrics.goals`` found. Out: frames, rich tables and a
few lines. A cost that was not measured is a dash: a guessed one would be believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rewardgym.metrics.planning import cost
from rewardgym.report.tables import DASH, plain_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from rewardgym.metrics.goals import Seen, Wanted


@dataclass(frozen=True)
class Size:
    """How many cells a sweep has."""

    variants: int
    """Twins included."""
    checkpoints: int
    arms: Mapping[str, int] = field(default_factory=dict)
    """Variants of each arm, where the grid is known."""

    @property
    def cells(self) -> int:
        """Variants times checkpoints."""
        return self.variants * self.checkpoints


@dataclass(frozen=True)
class Speed:
    """What was measured; None for what was not."""

    tokens: float | None
    """Generated tokens a reply."""
    replies: float | None
    """Replies a second."""


def goals_frame(wanted: Sequence[Wanted], size: Size, speed: Speed) -> pd.DataFrame:
    """One row a goal: ``goal``, ``n`` a cell, ``rollouts``, ``tokens`` and ``seconds`` (missing
    where no speed was measured)."""
    import pandas as pd

    rows = []
    for one in wanted:
        paid = _cost(one.n, size, speed)
        rows.append((one.goal, one.n, *paid))
    return pd.DataFrame(rows, columns=["goal", "n", "rollouts", "tokens", "seconds"])


def seen_frame(seen: Sequence[Seen], n: int) -> pd.DataFrame:
    """One row an effect: ``what``, ``n`` a cell, ``effect`` as a share (missing: none is seen)."""
    import pandas as pd

    return pd.DataFrame(
        {"what": [s.what for s in seen], "n": n, "effect": [s.effect for s in seen]}
    )


def goals_table(frame: pd.DataFrame) -> Table:
    """What each goal takes."""
    heads = ("n a cell", "rollouts", "tokens", "time")
    out = plain_table("What it takes to know", ["goal"], heads)
    for row in frame.to_dict("records"):
        counts = [_number(row[name]) for name in ("n", "rollouts", "tokens")]
        out.add_row(row["goal"], *counts, duration(row["seconds"]))
    return out


def seen_table(frame: pd.DataFrame, size: Size, speed: Speed) -> Table:
    """What an n sees, and what it costs."""
    n = int(frame["n"].iloc[0])
    rollouts, tokens, seconds = _cost(n, size, speed)
    paid = [f"{rollouts:,} rollouts"]
    paid += [] if tokens is None else [f"{_number(tokens)} tokens"]
    paid += [] if seconds is None else [duration(seconds)]
    title = f"What n = {n:,} a cell sees ({', '.join(paid)})"
    out = plain_table(title, [""], ("points",))
    for row in frame.to_dict("records"):
        effect = row["effect"]
        known = effect is not None and effect == effect
        out.add_row(row["what"], f"{100 * effect:.1f}" if known else "none is seen")
    return out


def size_text(size: Size, speed: Speed) -> str:
    """The cells and the measured speed, in lines."""
    arms = ", ".join(f"{count} {arm}" for arm, count in size.arms.items())
    lines = [
        f"cells     {size.cells:,} = {size.variants:,} variants{f' ({arms})' if arms else ''} "
        f"x {size.checkpoints:,} checkpoint{'s' * (size.checkpoints > 1)}"
    ]
    tokens = "--tokens-per-reply or --measured RUN shows the tokens"
    known = tokens if speed.tokens is None else f"{speed.tokens:,.1f} tokens a reply"
    seconds = "--replies-per-second shows the time"
    known += f"; {seconds if speed.replies is None else f'{speed.replies:,.1f} replies a second'}"
    return "\n".join([*lines, f"measured  {known}"])


def duration(seconds: float | None) -> str:
    """A time for people: ``40 s``, ``12 min``, ``3.5 h``, ``2.1 days``; missing is a dash."""
    if seconds is None or seconds != seconds:
        return DASH
    for unit, most, size in (("s", 90, 1), ("min", 90 * 60, 60), ("h", 48 * 3600, 3600)):
        if seconds < most:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86400:,.1f} days"


def _cost(n: int, size: Size, speed: Speed) -> tuple[int, float | None, float | None]:
    found = cost(n, size.cells, tokens_per_reply=speed.tokens, replies_per_second=speed.replies)
    return found.rollouts, found.tokens, found.seconds


def _number(value: float | None) -> str:
    return DASH if value is None or value != value else f"{value:,.0f}"
