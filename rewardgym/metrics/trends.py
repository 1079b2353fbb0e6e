"""Trends over checkpoints: does gaming, or its excess over the twin, rise with training?

In: a run or its cell table. Out: a table of slopes, a test, a monotone curve. The head of the file
is the regression that slopes and factor effects share: a binomial model of statsmodels over cells
plus the one thing it lacks, a small-cluster covariance for cells of unequal n (its GEE has one for
single rollouts, one row each), so that a million rollouts are fitted as some thousand cells.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rewardgym.metrics.coherence import (
    cells_of,
    check_column,
    check_level,
    check_steps,
    check_two_steps,
    cluster_codes,
    conflict_first,
    groups,
    is_sampled,
    with_twins,
)
from rewardgym.names import unknown
from rewardgym.records import RecordStore, Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

MIN_DF = 3
"""Fewer degrees of freedom between clusters say next to nothing (t of one is 12.7): below this the
rollouts count as independent, unless the caller named the clusters."""
_SEPARATED = 15.0
"""A linear predictor beyond this is a rate under 1 in 3 million: the logit runs to infinity."""


@dataclass(frozen=True)
class Fit:
    """A regression of rates on a design, with what an interval of any contrast needs."""

    params: Floats
    link: Literal["logit", "linear"]
    covariances: tuple[Floats, ...]
    """The largest variance that these give a contrast counts; none where nothing varies."""
    df: float
    """Of Student's t; infinite where rollouts count as independent."""
    clusters: int

    @property
    def how(self) -> str:
        """``logit`` or ``linear``, then ``clustered``, ``independent`` or ``no interval``."""
        if not self.covariances:
            return f"{self.link}, no interval"
        return f"{self.link}, {'clustered' if math.isfinite(self.df) else 'independent'}"

    def rates(self, design: Floats) -> Floats:
        """The fitted rate of each row of a design."""
        from scipy.special import expit

        eta = design @ self.params
        return np.asarray(expit(eta) if self.link == "logit" else eta, dtype=float)

    def slopes(self, design: Floats) -> Floats:
        """The derivative of each fitted rate by its linear predictor."""
        rate = self.rates(design)
        return rate * (1 - rate) if self.link == "logit" else np.ones_like(rate)

    def interval(
        self, estimate: float, gradient: Floats, level: float
    ) -> tuple[float, float, float]:
        """low, high and p of a contrast, by the delta method; NaN where nothing varies."""
        from scipy.stats import t

        if not self.covariances:
            return math.nan, math.nan, math.nan
        variance = max(float(gradient @ c @ gradient) for c in self.covariances)
        error = math.sqrt(max(variance, 0.0))
        if error == 0:
            return estimate, estimate, 1.0 if estimate == 0 else 0.0
        reach = float(t.isf((1 - level) / 2, self.df)) * error
        return estimate - reach, estimate + reach, float(2 * t.sf(abs(estimate) / error, self.df))


def fit_cells(
    design: Floats,
    k: Floats,
    n: Floats,
    clusters: NDArray[np.intp] | None,
    sampled: NDArray[np.bool_],
    *,
    named: str | None = None,
) -> Fit:
    """A binomial regression over cells, robust to clusters, that always has an answer.

    ``design`` is (cells, terms) of full rank, ``k`` of ``n`` (above 0) the counts, ``clusters`` a
    code a cell, ``sampled`` False for exact rows, which carry no binomial error. Where the logit
    separates (a level of all 0 or all 1) the fit is linear in the rate, and its variance no less
    than that of (k + 1/2) / (n + 1), so that 0 of 40 never has an interval of width 0.

    The covariance is that of L. A. Mancl and T. A. DeRouen, Biometrics 57 (2001) 126-134, which is
    ``cov_type="bias_reduced"`` of statsmodels' GEE on single rollouts, and never under a quarter of
    the binomial one; t with the clusters less the rank of their means. ``named``: the caller's own
    choice of clusters, to be kept or refused.
    """
    link: Literal["logit", "linear"] = "logit"
    params = logit_glm(design, k, n)[0]
    if np.abs(design @ params).max() > _SEPARATED:
        link = "linear"
        params = np.asarray(np.linalg.solve(design.T @ (n[:, None] * design), design.T @ k))
    raw = Fit(params, link, (), math.inf, 0)
    rate = raw.rates(design)
    weight = n * raw.slopes(design)
    bread: Floats = np.linalg.inv(design.T @ (weight[:, None] * design)).astype(float)
    smooth = rate if link == "logit" else (k + 0.5) / (n + 1)
    noise = np.where(sampled, n * smooth * (1 - smooth), 0.0)
    binomial = bread @ (design.T @ (noise[:, None] * design)) @ bread
    count, df = _cluster_df(design, clusters)
    if named is not None and df < 1:
        raise ValueError(
            f"{count} cluster{'s' * (count != 1)} of {named!r} cannot carry {design.shape[1]} "
            "terms; name a column with more values, or leave cluster out"
        )
    if clusters is None or (named is None and df < MIN_DF):
        return Fit(params, link, (binomial,) if sampled.any() else (), math.inf, count)
    robust, singular = _mancl_derouen(design, weight, k - n * rate, clusters, bread)
    # A level that only one cluster has leaves no residual to judge it by: keep its sampling error.
    # And clusters that happen to agree to the last answer do not make a slope certain: half of the
    # sampling error stays, too little to bind where clusters scatter as rollouts must.
    floor = binomial if link == "linear" or singular else binomial / 4
    return Fit(params, link, (robust, floor), df, count)


def logit_glm(design: Floats, k: Floats, n: Floats) -> tuple[Floats, float]:
    """Statsmodels' binomial GLM: coefficients, and the deviance, which has come to its limit even
    where the logit separates."""
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = GLM(np.column_stack([k, n - k]), design, family=Binomial()).fit()
        return np.asarray(found.params, dtype=float), float(found.deviance)


def _cluster_df(design: Floats, clusters: NDArray[np.intp] | None) -> tuple[int, float]:
    """How many clusters, and what they leave to judge the terms that differ between them."""
    if clusters is None:
        return 0, math.inf
    count = int(clusters.max()) + 1
    sums = np.zeros((count, design.shape[1]))
    np.add.at(sums, clusters, design)
    means = sums / np.bincount(clusters)[:, None]
    return count, count - int(np.linalg.matrix_rank(means))


def _mancl_derouen(
    design: Floats, weight: Floats, residual: Floats, clusters: NDArray[np.intp], bread: Floats
) -> tuple[Floats, bool]:
    # (I - H)^-1 over a cluster's rollouts, pushed through to the terms: few by few, not n by n.
    identity = np.eye(design.shape[1])
    meat, singular = np.zeros_like(identity), False
    order = np.argsort(clusters, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1):
        x = design[rows]
        left = identity - x.T @ (weight[rows, None] * x) @ bread
        score = x.T @ residual[rows]
        one = np.linalg.cond(left) > 1e10
        singular |= bool(one)
        kept = np.linalg.pinv(left, rcond=1e-8) @ score if one else np.linalg.solve(left, score)
        meat += np.outer(kept, kept)
    return bread @ meat @ bread, singular


# Trends

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
    has N - 1 where Armitage's has N. It takes all rollouts as independent."""
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
