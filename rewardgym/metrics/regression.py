"""A binomial regression over cells, robust to clusters: what slopes and factor effects share.

In: a design, k and n of each cell, codes of clusters. Out: a :class:`Fit`, with what an interval of
any contrast of fitted rates needs. The model is statsmodels' GLM; added is the one thing that it
lacks, a small-cluster covariance for cells of unequal n (its GEE has one for single rollouts, one
row each), so that a million rollouts are fitted as some thousand cells.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
