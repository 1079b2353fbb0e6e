"""What is known to miss its requirement, why, and how far it may.

In: nothing. Out: a reason for each name of a row. The page prints them below its list, and the
tests refuse any other miss, and any that is worse than stated here. No bound is weakened by it:
what stands here is still marked as missed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shortcoming:
    """One of them."""

    reason: str
    least: float = 0.0
    most: float = 1.0
    """The judged figure, as a share, lies between these two."""


_WIDE = (
    "Too wide, never too short on average: a mean of m values counts as no fewer than m single "
    "answers, so values that vary less than answers get an interval that holds too often."
)
_TIGHT_READER = (
    "Too wide: Lang and Reiczigel add one success and one failure to each kind of labelled reply, "
    "which at 20 of each costs a reader of 99% more than it errs."
)
_FEW_CLUSTERS = (
    "Too short where clusters are nearly all or nothing and the rate is near 0 or 1 (there the "
    "clusters at hand seldom show how much they vary), and too wide where few clusters do not vary "
    "at all. Where clusters vary and the rate is 30 to 70%, it holds about 95% of the time."
)

KNOWN = {
    "values near the mean": Shortcoming(_WIDE, least=0.95),
    "values nearly 0 or 1": Shortcoming(_WIDE, least=0.95),
    "values rarely high": Shortcoming(_WIDE, least=0.94),
    "rogan-gladen": Shortcoming(_TIGHT_READER, least=0.95),
    "clustered": Shortcoming(_FEW_CLUSTERS, least=0.88),
    "step of the onset": Shortcoming(
        "Too wide: its ends are measured steps, so of five checkpoints it can hold 95% no better "
        "than by holding more.",
        least=0.94,
    ),
    "cochran-armitage": Shortcoming(
        "The test is asymptotic and has no correction for the steps of a count: few checkpoints "
        "of few answers pass 5% by up to 0.7 points. The slope's own p-value does not.",
        most=0.06,
    ),
    "n_for_power": Shortcoming(
        "More power than asked for: it names the first n that has at least as much, and with some "
        "ten answers one more can add more than 3 points.",
        least=0.53,
        most=0.57,
    ),
    "columns, score": Shortcoming(
        "Only where it is asked for by name: auto takes Fisher's test for such small counts.",
        most=0.10,
    ),
    "mcnemar, mid_p (promises nothing)": Shortcoming(
        "A mid-p value gives no guarantee, and says so; p_value is the exact test.", most=0.065
    ),
}
