"""The live table: one line a measurement, under a heading that is said once.

In: the numbers of a step. Out: lines of text. Lines rather than a redrawn table, so that a log file
and a terminal with a progress bar show the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

MOST_COLUMNS = 6
"""Columns beside the pooled rate; the log and the folder have all of them."""
_WIDTH = 10


class LiveTable:
    """Says lines about steps. ``columns`` are the names of the numbers to show; where none are
    given the first row's numbers choose them."""

    def __init__(self, say: Callable[[str], None], columns: Sequence[str] | None = None) -> None:
        self._say = say
        self._columns = list(columns) if columns is not None else None
        self._headed = False

    def row(self, step: int | str, numbers: Mapping[str, float], seconds: float) -> None:
        """One measurement; rates in percent, excess in points."""
        if self._columns is None:
            own = [n for n in numbers if n.count("/") == 2 and not n.endswith("/excess")]
            self._columns = ["gaming/rate", "gaming/excess", *own[:MOST_COLUMNS]]
            self._columns.append("gaming/residual")
        if not self._headed:
            self._headed = True
            names = [_short(name).rjust(_WIDTH) for name in self._columns]
            self._say(f"{'step':>8}{''.join(names)}{'seconds':>{_WIDTH}}   (percent)")
        cells = [_percent(numbers.get(name)).rjust(_WIDTH) for name in self._columns]
        self._say(f"{step:>8}{''.join(cells)}{seconds:>{_WIDTH}.2f}")

    def warn(self, step: int, cause: str) -> None:
        """A step without numbers, and why."""
        self._say(f"{step:>8}   not measured: {cause}")


def _short(name: str) -> str:
    parts = name.split("/")
    return (parts[1] if len(parts) == 3 else parts[-1])[: _WIDTH - 1]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"
