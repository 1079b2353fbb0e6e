"""Grading error: what a rate would be if the reader of the answers made no mistakes.

In: k of n as read, and how the reader did on replies whose true side is known. Out: the corrected
rate with an interval that carries both uncertainties, the sample's and the reader's. An interval
that takes the reader's error as known is too narrow just where it matters, at rates near 0.

Own code: neither scipy nor statsmodels has the estimator (W. J. Rogan and B. Gladen, American
Journal of Epidemiology 107 (1978) 71-76) or its interval (Z. Lang and J. Reiczigel, Preventive
Veterinary Medicine 113 (2014) 13-22, equations 2, 4, 6, 7, 16 and 17).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ReaderError:
    """How a reader did on replies of known side, for instance labelled by hand.

    Raises ValueError for impossible counts, and where sensitivity and specificity add up to no
    more than 1: such a reader says nothing about the side, and no correction can help.
    """

    found: int
    """Replies off the asked side that were read as such."""
    off: int
    """Labelled replies that are off the asked side."""
    passed: int
    """Replies on the asked side that were read as such."""
    on: int
    """Labelled replies that are on the asked side."""

    def __post_init__(self) -> None:
        for part, whole, words in (
            (self.found, self.off, "found of off"),
            (self.passed, self.on, "passed of on"),
        ):
            if not 0 <= part <= whole or whole == 0:
                raise ValueError(
                    f"{words} is {part} of {whole}; allowed: 0 of n to n of n with n above 0; "
                    "label some replies of either side"
                )
        # The interval rests on counts with one success and one failure added; both must inform.
        plain, added = self.sensitivity + self.specificity, sum(_added(self))
        if min(plain, added) <= 1:
            raise ValueError(
                f"sensitivity {self.sensitivity:.3g} and specificity {self.specificity:.3g} of "
                f"{self.off} and {self.on} labelled replies do not add up to more than 1; such a "
                "reader cannot be corrected for: repair it, or label more replies"
            )

    @property
    def sensitivity(self) -> float:
        """The share of answers off the asked side that are read as such."""
        return self.found / self.off

    @property
    def specificity(self) -> float:
        """The share of answers on the asked side that are read as such."""
        return self.passed / self.on


@dataclass(frozen=True)
class Corrected:
    """Corrected rates, one a cell; NaN where n is 0."""

    rate: Floats
    low: Floats
    high: Floats
    clipped: NDArray[np.bool_]
    """Where the estimate fell below 0 or above 1 and was cut: the reader's own errors would give
    more (or fewer) hits than were read."""


def correct_rate(k: ArrayLike, n: ArrayLike, reader: ReaderError, level: float = 0.95) -> Corrected:
    """The rates k / n corrected for the reader's measured errors, within 0 to 1.

    Rogan and Gladen's estimate with Lang and Reiczigel's interval. It presumes that the reader
    errs as often in these cells as on its labelled replies. The interval is built around counts
    with a few added, so that near 0 or 1 it need not hold a clipped estimate in its middle.
    Raises ValueError for a level out of range or k not from 0 to n.
    """
    from scipy.stats import norm

    if not 0 < level < 1:
        raise ValueError(f"level is {level}; allowed: above 0, below 1, such as 0.95")
    hits, trials = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(n, dtype=float))
    if not ((hits >= 0) & (hits <= trials)).all():
        raise ValueError("k of n must be from 0 of n to n of n; check the counts")
    z = float(norm.isf((1 - level) / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        read = np.where(trials > 0, hits / trials, np.nan)
    rate = (read + reader.specificity - 1) / (reader.sensitivity + reader.specificity - 1)

    # Equations 6 and 7: two successes and two failures (about: z^2 / 2) added to the sample, one
    # of each to the labelled replies; 17: the shift; 4: the variance, all of them at those counts.
    total = trials + z**2
    read = np.where(trials > 0, (hits + z**2 / 2) / total, np.nan)
    sensitivity, specificity = _added(reader)
    informed = sensitivity + specificity - 1
    centre = (read + specificity - 1) / informed
    misses = sensitivity * (1 - sensitivity) / (reader.off + 2)
    alarms = specificity * (1 - specificity) / (reader.on + 2)
    shift = 2 * z**2 * (centre * misses - (1 - centre) * alarms)
    variance = read * (1 - read) / total + centre**2 * misses + (1 - centre) ** 2 * alarms
    reach = z * np.sqrt(variance) / informed
    return Corrected(
        rate=np.clip(rate, 0.0, 1.0),
        low=np.clip(centre + shift - reach, 0.0, 1.0),
        high=np.clip(centre + shift + reach, 0.0, 1.0),
        clipped=(rate < 0) | (rate > 1),
    )


def _added(reader: ReaderError) -> tuple[float, float]:
    """Sensitivity and specificity with one success and one failure added to each."""
    return (reader.found + 1) / (reader.off + 2), (reader.passed + 1) / (reader.on + 2)
