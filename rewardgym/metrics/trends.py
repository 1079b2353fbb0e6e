"""Trends over checkpoints: does gaming, or its excess over the twin, rise with training?

In: a run or its cell table. Out: a table of slopes, a test, a monotone curve. Slopes are in
percentage points a hundred steps, because a log-odds ratio cannot be read beside a table of rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from rewardgym.metrics.cell_groups import (
    cells_of,
    check_column,
    check_steps,
    check_two_steps,
    cluster_codes,
    conflict_first,
    groups,
    is_sampled,
    with_twins,
)
from rewardgym.metrics.intervals import Floats, check_level
from rewardgym.metrics.regression import Fit, fit_cells
from rewardgym.names import unknown
from rewardgym.records import RecordStore, Run

if TYPE_CHECKING:
    import pandas as pd

TREND_COLUMNS = (
    *("k", "n", "checkpoints", "clusters", "slope", "low", "high", "p", "armitage_p", "how"),
)
VALUES = ("rate", "excess")


@dataclass(frozen=True)
class TrendTest:
    """What :func:`cochran_armitage` found; both None without answers at two scores at least."""

    statistic: float | None
    """Standard normal without a trend; above 0 where the rate rises with the score."""
    p: float | None
    """Two-sided."""


def cochran_armitage(k: ArrayLike, n: ArrayLike, scores: ArrayLike) -> TrendTest:
    """The test of P. Armitage, Biometrics 11 (1955) 375-386, for a trend of k / n with ``scores``,
    as statsmodels has it: the linear-by-linear association of a 2-column table, whose variance
    has N - 1 where Armitage's has N. It takes all rollouts as independent. It is asymptotic: at 5%
    a flat rate of 1/2 is called a trend up to 5.7% of the time (3 checkpoints of 40 answers)."""
    from statsmodels.stats.contingency_tables import Table

    hits, trials, at = (np.asarray(a, dtype=float) for a in (k, n, scores))
    if not hits.shape == trials.shape == at.shape or hits.ndim != 1:
        raise ValueError(
            f"k, n and scores have shapes {hits.shape}, {trials.shape} and {at.shape}; "
            "give one row of equal length each"
        )
    if len(set(at[trials > 0])) < 2:
        return TrendTest(None, None)
    if hits.sum() in (0, trials.sum()):  # all alike: data, and no sign of a trend in them
        return TrendTest(0.0, 1.0)
    table = Table(np.column_stack([trials - hits, hits]), shift_zeros=False)
    found = table.test_ordinal_association(row_scores=at, col_scores=np.array([0.0, 1.0]))
    return TrendTest(float(found.zscore), float(found.pvalue))


def isotonic(k: ArrayLike, n: ArrayLike) -> Floats:
    """The never-falling curve nearest to k / n, weighted by n, in the order given (training order);
    NaN where n is 0. scipy's pool-adjacent-violators."""
    from scipy.optimize import isotonic_regression

    hits, trials = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    curve = np.full(hits.shape, np.nan)
    seen = trials > 0
    if seen.any():
        curve[seen] = isotonic_regression(hits[seen] / trials[seen], weights=trials[seen]).x
    return curve


def trend(
    run: Run | RecordStore | str | Path | pd.DataFrame,
    by: Sequence[str] | str = (),
    *,
    value: str = "rate",
    cluster: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """The slope over checkpoints, in percentage points per 100 steps: one row a group.

    ``value``: ``rate`` the gaming rate, ``excess`` the same less its twin's. The slope is the
    least-squares slope of the rates, weighted by answers; its error is that of a binomial GEE
    (independence) with the step as score, robust to clusters: the values of ``cluster``, or
    variants, each with its twin. With too few variants rollouts count as independent, and where
    the logit separates the fit is a line; ``how`` says which (see :attr:`Fit.how`). ``p`` is
    of slope 0; ``armitage_p`` that of :func:`cochran_armitage`, for sampled rates only (NaN
    otherwise).

    Arms are not pooled: see ``gaming_rates``; groups without conflict cells have no excess and are
    left out. Columns: those of ``by``, ``arm``, then
    :data:`TREND_COLUMNS`. Raises ValueError for checkpoints without a step, for a single one and,
    of an excess, for cells without twins.
    """
    import pandas as pd

    check_level(level)
    if value not in VALUES:
        raise unknown("value", value, VALUES)
    cells, names = conflict_first(*cells_of(run, by))
    check_column(cells, cluster)
    if value == "excess":
        cells = with_twins(cells)
    check_steps(cells)
    rows = [
        {**group, **_one_trend(part, group, value, cluster, level)}
        for group, part in groups(cells, names)
    ]
    return pd.DataFrame(rows, columns=[*names, *TREND_COLUMNS])


def _one_trend(
    part: pd.DataFrame, group: dict[str, Any], value: str, cluster: str | None, level: float
) -> dict[str, Any]:
    seen = part["n"] > 0 if value == "rate" else (part["n"] > 0) & (part["twin_n"] > 0)
    part = part[seen]
    steps, k, n = (part[name].to_numpy(dtype=float) for name in ("step", "k", "n"))
    check_two_steps(steps, group)
    codes, sampled = cluster_codes(part, cluster), is_sampled(part)
    test = cochran_armitage(k, n, steps) if value == "rate" and sampled.all() else None
    found = {"k": k.sum(), "n": n.sum(), "checkpoints": len(set(steps))}
    line = np.column_stack([np.ones(len(steps)), (steps - steps.mean()) / 100])
    if value == "excess":
        nothing = np.zeros_like(line)
        line = np.block([[line, nothing], [nothing, line]])
        k = np.concatenate([k, part["twin_k"].to_numpy(dtype=float)])
        n = np.concatenate([n, part["twin_n"].to_numpy(dtype=float)])
        codes, sampled = np.tile(codes, 2), np.tile(sampled, 2)
    fit = fit_cells(line, k, n, codes, sampled, named=cluster)
    slope, gradient = _slope(fit, line, n)
    low, high, p = fit.interval(slope, gradient, level)
    numbers = {"slope": 100 * slope, "low": 100 * low, "high": 100 * high, "p": p}
    armitage = math.nan if test is None or test.p is None else test.p
    return {
        **found,
        "clusters": fit.clusters,
        **numbers,
        "armitage_p": armitage,
        "how": fit.how,
    }


def _slope(fit: Fit, line: Floats, n: Floats) -> tuple[float, Floats]:
    """The least-squares slope of the conflict arm's fitted rates less that of its twin's, if it is
    there; and its gradient by the coefficients. By the score equations it is, with either link, the
    slope of the rates as they were counted."""
    weight = np.zeros(len(n))
    for at, sign in zip(range(0, line.shape[1], 2), (1, -1), strict=False):
        own = n * line[:, at]
        away = line[:, at + 1] - (own @ line[:, at + 1]) / own.sum()
        weight += sign * own * away / (own @ away**2)
    return float(weight @ fit.rates(line)), (weight * fit.slopes(line)) @ line
