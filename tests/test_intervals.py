"""Intervals: published numbers, closed forms, statsmodels' own, and what coverage they keep."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm, t
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from rewardgym.metrics.intervals import (
    METHODS,
    clopper_pearson,
    interval,
    jeffreys,
    mean_interval,
    newcombe,
    wilson,
)

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


# Clopper-Pearson and Jeffreys


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    # R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 5.
    [
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_newcombes_own_examples_of_the_clopper_pearson_interval(
    k: int, n: int, low: float, high: float
) -> None:
    assert [float(b) for b in clopper_pearson(k, n)] == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_clopper_pearson_of_none_has_a_closed_form(level: float) -> None:
    n = np.array([1, 10, 1000])
    low, high = clopper_pearson(0, n, level)
    assert low.tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(high, 1 - ((1 - level) / 2) ** (1 / n), rtol=1e-10)


@pytest.mark.parametrize(("ours", "name"), [(clopper_pearson, "beta"), (jeffreys, "jeffreys")])
def test_inside_the_range_both_are_statsmodels_own(ours: object, name: str) -> None:
    k, n = np.arange(1, 40), np.full(39, 40)
    theirs = proportion_confint(k, n, alpha=0.1, method=name)
    np.testing.assert_allclose(ours(k, n, 0.9), theirs, atol=1e-12)  # type: ignore[operator]


def test_jeffreys_bounds_are_exact_at_the_ends() -> None:
    low, high = jeffreys([0, 40], [40, 40])
    assert (low[0], high[1]) == (0.0, 1.0)
    # Brown, Cai & DasGupta (2001): the other bound stays the prior's quantile, so it is two-sided.
    assert high[0] == pytest.approx(proportion_confint(0, 40, method="jeffreys")[1])


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_no_interval_without_data(method: str) -> None:
    low, high = interval([0, 0], [0, 40], method=method)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False]
    assert low[1] == 0.0


@given(st.sampled_from(list(METHODS)), st.integers(1, 60), st.data())
def test_every_method_holds_the_rate_and_mirrors(method: str, n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    low, high = (float(b) for b in interval(k, n, method=method))
    assert 0 <= low <= k / n <= high <= 1
    assert low < high
    other = [float(b) for b in interval(n - k, n, method=method)]
    assert other == pytest.approx([1 - high, 1 - low], abs=1e-9)


@pytest.mark.parametrize("n", [10, 40])
def test_clopper_pearson_keeps_its_level_for_every_rate(n: int) -> None:
    k = np.arange(n + 1)
    low, high = clopper_pearson(k, n)
    p = np.linspace(0.001, 0.999, 999)[:, None]
    coverage = (binom.pmf(k, n, p) * ((low <= p) & (p <= high))).sum(axis=1)
    assert coverage.min() >= 0.95


def test_jeffreys_coverage_is_95_percent_on_average() -> None:
    k = np.arange(51)
    low, high = jeffreys(k, 50)
    p = np.linspace(0.005, 0.995, 397)[:, None]
    assert 0.94 < (binom.pmf(k, 50, p) * ((low <= p) & (p <= high))).sum(axis=1).mean() < 0.97


def test_an_unknown_method_is_refused_with_the_nearest_match() -> None:
    with pytest.raises(
        ValueError, match=r"unknown interval method 'wilsn'; .*Did you mean 'wilson'"
    ):
        interval(1, 2, method="wilsn")


@pytest.mark.parametrize("method", [clopper_pearson, jeffreys])
def test_a_k_above_n_is_refused(method: object) -> None:
    with pytest.raises(ValueError, match="outside 0 to n"):
        method(5, 4)  # type: ignore[operator]


# Means of probabilities


def test_a_mean_of_noughts_and_ones_has_wilsons_interval() -> None:
    values = np.repeat([1.0, 0.0], [10, 30])
    np.testing.assert_allclose(mean_interval(values), wilson(10, 40), atol=1e-12)


def test_equal_values_get_what_their_number_supports_and_no_more() -> None:
    low, high = (float(b) for b in mean_interval(np.full(10, 0.001)))
    wide = [float(b) for b in wilson(0.01, 10)]
    assert high > 0.25
    assert (low, high) == pytest.approx(wide, abs=1e-3)


def test_a_single_value_is_one_sample() -> None:
    np.testing.assert_allclose(mean_interval([0.3]), wilson(0.3, 1), atol=1e-12)


def test_no_values_give_no_interval_and_missing_ones_do_not_count() -> None:
    assert np.isnan(mean_interval(np.empty((2, 0)))).all()
    assert np.isnan(mean_interval([np.nan])).all()
    given_ = mean_interval([[0.2, np.nan, 0.4, 0.9]])
    np.testing.assert_allclose(given_, mean_interval([[0.2, 0.4, 0.9]]))


def test_a_value_that_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        mean_interval([0.5, 1.2])


def test_values_that_vary_little_give_a_shorter_interval_than_answers() -> None:
    values = np.random.default_rng(3).beta(6, 14, 200)
    low, high = (float(b) for b in mean_interval(values))
    rough_low, rough_high = (float(b) for b in wilson(values.sum(), 200))
    assert high - low < (rough_high - rough_low) / 3


@pytest.mark.parametrize("m", [5, 10, 40, 200])
def test_the_coverage_of_a_mean_is_no_less_than_wilsons(m: int) -> None:
    # Concentration 0.02 is nearly all 0 or 1, 20 nearly constant; 4,000 runs: one error 0.35%.
    random = np.random.default_rng(np.random.SeedSequence([4, m]))
    found = []
    for total in (0.02, 0.1, 0.5, 2.0, 20.0):
        for mean in (0.1, 0.3, 0.5):
            values = random.beta(mean * total, (1 - mean) * total, (4000, m))
            low, high = mean_interval(values)
            found.append(float(((low <= mean) & (mean <= high)).mean()))
    assert min(found) > 0.905  # Wilson's own at m = 5 and a rate of 10% is 91.9%
    assert np.mean(found) > 0.95


@pytest.mark.parametrize(("m", "p"), [(20, 0.3), (100, 0.1)])
def test_the_coverage_of_a_mean_of_noughts_and_ones_is_wilsons(m: int, p: float) -> None:
    random = np.random.default_rng(np.random.SeedSequence([5, m]))
    low, high = mean_interval(random.random((20_000, m)) < p)
    k = np.arange(m + 1)
    exact_low, exact_high = wilson(k, m)
    exact = float((binom.pmf(k, m, p) * ((exact_low <= p) & (p <= exact_high))).sum())
    assert float(((low <= p) & (p <= high)).mean()) == pytest.approx(exact, abs=0.007)


def test_the_effective_size_counts_half_a_value_at_each_end() -> None:
    # Closed form: weighted mean and variance with weight 1/2 at 0 and at 1, m degrees of freedom.
    values = np.random.default_rng(6).beta(3, 4, 50)
    weights = np.r_[np.ones(50), 0.5, 0.5]
    centre = np.average(np.r_[values, 0, 1], weights=weights)
    variance = (weights * (np.r_[values, 0, 1] - centre) ** 2).sum() / 50
    size = centre * (1 - centre) / (variance / 50) * (norm.ppf(0.975) / t.ppf(0.975, 49)) ** 2
    expected = wilson(values.mean() * size, size)
    np.testing.assert_allclose(mean_interval(values), expected, atol=1e-12)
