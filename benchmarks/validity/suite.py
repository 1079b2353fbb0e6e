"""What every part of the validity suite is made of: rows with a requirement, and tables of them.

In: measured shares. Out: rows that say what was required and whether it was met. A requirement is
judged here and nowhere else, so that no part can be lenient with itself.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Item = TypeVar("Item")

LEVEL = 0.95
ALPHA = 0.05
MEAN_BAND = (0.94, 0.97)
"""Coverage averaged over p of a nominal 95% interval."""
POWER_SLACK = 0.03
ERRORS = 2.0
"""Standard errors of a simulation that a bound is given; sums over all outcomes are given none."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Row:
    """One thing that was measured."""

    what: str
    setting: str
    figures: tuple[str, ...]
    """As printed, one a column of its table."""
    required: str
    met: bool
    share: float
    """The figure that was judged."""


@dataclass
class Table:
    """Rows with the same figures."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)


Part = Callable[[int, bool], list[Table]]
"""(seed, quick) to tables."""


def stream(seed: int, part: int, *more: int) -> np.random.Generator:
    """The random stream of one setting of one part."""
    return np.random.default_rng(np.random.SeedSequence([seed, part, *more]))


def percent(share: float, digits: int = 1) -> str:
    """A share as printed; a share that is missing is no zero."""
    return "-" if math.isnan(share) else f"{100 * share:.{digits}f}%"


def say(text: str) -> None:
    """A progress line, to standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@contextmanager
def without_old_garbage() -> Iterator[None]:
    """statsmodels' multipletests collects garbage at every call; what is there before is left out,
    since looking at it again would take most of the time."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def some(settings: Sequence[Item], few: bool) -> Sequence[Item]:
    """The first of some settings alone, where few are wanted."""
    return settings[:1] if few else settings


# Coverage

COVERAGE_COLUMNS = ("mean", "error", "lowest", "at", "share of rates below 94%")


def coverage_row(
    what: str,
    setting: str,
    held: ArrayLike,
    places: Floats | Sequence[str],
    *,
    guaranteed: bool = False,
    error: float = 0.0,
) -> Row:
    """The coverage at each of ``places`` (true rates, or their names).

    ``guaranteed``: at least 95% at every place is required, else a mean of 94 to 97%. ``error`` is
    the standard error of the mean, 0 for a sum over all outcomes."""
    found = np.asarray(held, dtype=float)
    worst = int(found.argmin())
    place = places[worst]
    at = place if isinstance(place, str) else f"p = {float(place):.3g}"
    mean, least = float(found.mean()), float(found[worst])
    slack = ERRORS * error + _ROUNDING
    if guaranteed:
        met, required = least >= LEVEL - slack, "at least 95% everywhere"
    else:
        low, high = MEAN_BAND
        met = low - slack <= mean <= high + slack
        required = "mean 94 to 97%" + (", within 2 errors" if error else "")
    below = percent(float((found < 0.94 - _ROUNDING).mean()))
    how = percent(error, 2) if error else "exact"
    figures = (percent(mean, 2), how, percent(least), at, below)
    return Row(what, setting, figures, required, met, least if guaranteed else mean)


def drawn_row(
    what: str, setting: str, hits: ArrayLike, runs: int, places: list[str] | None = None
) -> Row:
    """As :func:`coverage_row`, for intervals that held in ``hits`` of ``runs`` a place."""
    held = np.atleast_1d(np.asarray(hits, dtype=float)) / runs
    # That of a true 95%: 100 of 100 runs are no proof that an interval always holds.
    error = math.sqrt(ALPHA * (1 - ALPHA) / (runs * held.size))
    return coverage_row(what, setting, held, places or ["-"], error=error)


# Error rates and power

SIZE_COLUMNS = ("largest false positive rate", "error", "at")


def size_row(what: str, setting: str, size: ArrayLike, places: ArrayLike) -> Row:
    """A type-I error summed over all outcomes, at each of ``places``."""
    found = np.asarray(size, dtype=float)
    worst = int(found.argmax())
    at = f"p = {np.asarray(places).ravel()[worst]:.3g}"
    figures = (percent(float(found[worst]), 2), "exact", at)
    met = bool(found[worst] <= ALPHA + _ROUNDING)
    return Row(what, setting, figures, "at most 5%", met, float(found[worst]))


def false_row(what: str, setting: str, hits: float, runs: int) -> Row:
    """A type-I error counted in simulated runs; judged with 2 standard errors at 5%."""
    found = hits / runs
    error = math.sqrt(ALPHA * (1 - ALPHA) / runs)
    figures = (percent(found, 2), percent(error, 2), f"{runs:,} runs")
    met = found <= ALPHA + ERRORS * error + _ROUNDING
    return Row(what, setting, figures, "at most 5%, within 2 errors", met, found)


POWER_COLUMNS = ("n", "promised", "measured", "error")


def power_row(what: str, setting: str, n: int, promised: float, found: float, error: float) -> Row:
    """Power as planned, and as it came out."""
    figures = (str(n), percent(promised), percent(found, 2), percent(error, 2))
    met = abs(found - promised) <= POWER_SLACK + _ROUNDING
    return Row(what, setting, figures, "within 3 points", met, found)


def missed(tables: list[Table]) -> list[Row]:
    """The rows that do not meet their requirement."""
    return [row for table in tables for row in table.rows if not row.met]
