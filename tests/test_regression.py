"""The regression over cells: statsmodels' own fits of the same rollouts."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit

from rewardgym.metrics.regression import fit_cells


def test_the_covariance_is_statsmodels_own_on_single_rollouts() -> None:
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(6), 8)
    n = rng.integers(5, 60, 48)
    design = np.column_stack([np.ones(48), np.tile(np.arange(8.0), 6)])
    k = rng.binomial(n, expit(-2 + 0.3 * design[:, 1] + rng.normal(0, 0.7, 6)[codes]))
    answers = np.concatenate([np.repeat([1, 0], [a, b - a]) for a, b in zip(k, n, strict=True)])
    theirs = sm.GEE(
        answers,
        np.repeat(design, n, axis=0),
        groups=np.repeat(codes, n),
        family=sm.families.Binomial(),
    ).fit(cov_type="bias_reduced")
    ours = fit_cells(design, k.astype(float), n.astype(float), codes, np.ones(48, dtype=bool))
    assert ours.how == "logit, clustered"
    assert ours.df == 5  # every cluster has every step, so only the level differs between them
    assert ours.params == pytest.approx(theirs.params, rel=1e-4)
    assert ours.covariances[0] == pytest.approx(theirs.cov_params(), rel=1e-3)


def test_independent_rollouts_have_statsmodels_own_errors() -> None:
    n, k = np.full(5, 40.0), np.array([3.0, 8, 10, 20, 22])
    design = np.column_stack([np.ones(5), np.arange(5.0)])
    theirs = sm.GLM(np.column_stack([k, n - k]), design, family=sm.families.Binomial()).fit()
    ours = fit_cells(design, k, n, None, np.ones(5, dtype=bool))
    assert ours.covariances[0] == pytest.approx(theirs.cov_params(), rel=1e-6)
    low, high, p = ours.interval(ours.params[1], np.array([0.0, 1.0]), 0.95)
    assert [low, high] == pytest.approx(list(theirs.conf_int()[1]), rel=1e-6)
    assert p == pytest.approx(theirs.pvalues[1], rel=1e-6)
