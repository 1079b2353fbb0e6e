"""Intervals: published numbers, closed forms, statsmodels' own, and what coverage they keep."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binom, norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from rewardgym.metrics.intervals import newcombe, wilson

COUNTS = (0, 1, 3, 10, 39, 40)


def bounds(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    low, high = wilson([k], [n], level)
    return float(low[0]), float(high[0])


def test_none_of_forty_is_nought_to_8_8_percent() -> None:
    # Closed form: with k = 0 the upper bound is z^2 / (n + z^2).
    z = norm.ppf(0.975)
    low, high = bounds(0, 40)
    assert low == 0.0
    assert high == pytest.approx(z**2 / (40 + z**2), abs=1e-12)
    assert round(100 * high, 1) == 8.8


def test_all_of_forty_mirrors_none_of_forty() -> None:
    low, high = bounds(40, 40)
    assert high == 1.0
    assert low == pytest.approx(1 - bounds(0, 40)[1], abs=1e-12)


def test_ten_of_forty_is_the_published_interval() -> None:
    # As published with the odd-number post: 10/40, 14.2 to 40.2%.
    low, high = bounds(10, 40)
    assert (round(100 * low, 1), round(100 * high, 1)) == (14.2, 40.2)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    # R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_newcombes_own_examples_of_the_wilson_interval(
    k: int, n: int, low: float, high: float
) -> None:
    assert bounds(k, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_is_the_root_of_its_score_equation(level: float) -> None:
    # Both bounds p solve (k/n - p)^2 = z^2 p (1 - p) / n.
    z = norm.isf((1 - level) / 2)
    for k in range(41):
        for p in bounds(k, 40, level):
            assert (k / 40 - p) ** 2 == pytest.approx(z**2 * p * (1 - p) / 40, abs=1e-12)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_is_statsmodels_own(level: float) -> None:
    k, n = np.arange(1, 40), np.full(39, 40)
    ours = wilson(k, n, level)
    theirs = proportion_confint(k, n, alpha=1 - level, method="wilson")
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-15)


def test_no_data_gives_no_interval() -> None:
    low, high = wilson([0, 0, 5], [0, 40, 5])
    assert np.isnan(low).tolist() == [True, False, False]
    assert np.isnan(high).tolist() == [True, False, False]
    for bound in newcombe([0, 3], [0, 10], [3, 0], [10, 0]):
        assert np.isnan(bound).all()


def test_bounds_hold_the_rate_and_stay_in_range() -> None:
    k, n = np.array([(k, n) for n in (1, 2, 3, 40, 10**6) for k in {0, 1, n // 2, n}]).T
    low, high = wilson(k, n)
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low <= k / n).all()
    assert (k / n <= high).all()
    assert (low < high).all()


def test_newcombes_own_examples_of_the_difference() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10:
    # 56/70 - 48/80, 9/10 - 3/10, 5/56 - 0/29, 0/10 - 0/20.
    low, high = newcombe([56, 9, 5, 0], [70, 10, 56, 10], [48, 3, 0, 0], [80, 10, 29, 20])
    np.testing.assert_allclose(low, [0.0524, 0.1705, -0.0381, -0.1611], atol=5e-5)
    np.testing.assert_allclose(high, [0.3339, 0.8090, 0.1926, 0.2775], atol=5e-5)


def test_newcombe_is_statsmodels_own_over_a_grid() -> None:
    for (k1, k2), n1, n2 in itertools.product(
        itertools.product(COUNTS, COUNTS), (40, 55), (40, 200)
    ):
        low, high = newcombe([k1], [n1], [k2], [n2])
        theirs = confint_proportions_2indep(k1, n1, k2, n2, method="newcomb", compare="diff")
        assert (float(low[0]), float(high[0])) == pytest.approx(theirs, abs=1e-12)


def test_the_difference_changes_its_sign_with_the_order() -> None:
    low, high = newcombe([5], [40], [20], [50])
    other_low, other_high = newcombe([20], [50], [5], [40])
    assert (low[0], high[0]) == pytest.approx((-other_high[0], -other_low[0]))


@pytest.mark.parametrize("n", [40, 50, 100])
def test_wilsons_coverage_is_95_percent_on_average(n: int) -> None:
    # Exact: the probability, summed over k, that the interval holds p; no random numbers.
    k = np.arange(n + 1)
    low, high = wilson(k, np.full(n + 1, n))
    p = np.linspace(0.005, 0.995, 397)[:, None]
    coverage = (binom.pmf(k, n, p) * ((low <= p) & (p <= high))).sum(axis=1)
    assert 0.94 < coverage.mean() < 0.97
    assert coverage.min() > 0.83  # near 0 and 1 a discrete interval cannot keep its level


def test_newcombes_coverage_is_95_percent_on_average() -> None:
    n = 40
    k1, k2 = (part.ravel() for part in np.meshgrid(range(n + 1), range(n + 1)))
    low, high = newcombe(k1, np.full_like(k1, n), k2, np.full_like(k2, n))
    found = [
        float(
            (binom.pmf(k1, n, p) * binom.pmf(k2, n, q) * ((low <= p - q) & (p - q <= high))).sum()
        )
        for p, q in itertools.product(np.linspace(0.02, 0.98, 13), repeat=2)
    ]
    assert 0.94 < np.mean(found) < 0.97
    assert min(found) > 0.90


@pytest.mark.parametrize("level", [0.0, 1.0, 95, -0.5, float("nan")])
def test_a_level_that_is_no_probability_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        wilson([10], [40], level)
