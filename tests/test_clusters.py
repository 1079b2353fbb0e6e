"""Clusters: closed forms, limits, and the coverage that Wilson's interval loses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t, ttest_1samp

from rewardgym.metrics.clusters import clustered_difference, clustered_interval
from rewardgym.metrics.intervals import wilson


def beta_binomial(
    random: np.random.Generator, clusters: int, size: int, mean: float, correlation: float
) -> np.ndarray:
    a = 1 / correlation - 1
    return random.binomial(size, random.beta(mean * a, (1 - mean) * a, clusters))


def test_the_design_effect_is_between_cluster_variance_over_binomial_variance() -> None:
    # Closed form for equal clusters: s^2 of the cluster rates / K over p (1 - p) / n.
    k, n = np.array([2, 5, 9, 4]), np.full(4, 10)
    found = clustered_interval(k, n)
    rates = k / n
    between = rates.var(ddof=1) / 4
    assert found.design_effect == pytest.approx(between / (0.5 * 0.5 / 40))
    shrink = (norm.isf(0.025) / t.isf(0.025, 3)) ** 2
    assert found.effective_n == pytest.approx(40 / found.design_effect * shrink)
    assert (found.low, found.high) == pytest.approx(
        [float(b) for b in wilson(0.5 * found.effective_n, found.effective_n)]
    )
    assert (found.rate, found.clusters, found.n) == (0.5, 4, 40.0)


def test_clusters_that_agree_are_worth_no_more_than_independent_answers() -> None:
    found = clustered_interval([5, 5, 5], [10, 10, 10])
    assert found.effective_n == 30
    assert (found.low, found.high) == pytest.approx([float(b) for b in wilson(15, 30)])


def test_where_all_answers_agree_the_design_effect_is_missing_and_the_interval_is_not_nought() -> (
    None
):
    found = clustered_interval([0] * 10, [40] * 10)
    assert found.design_effect is None
    assert found.low == 0.0
    assert found.high > float(wilson(0, 400)[1])


def test_clusters_without_answers_are_left_out() -> None:
    assert clustered_interval([1, 0, 3], [5, 0, 5]) == clustered_interval([1, 3], [5, 5])


@pytest.mark.parametrize(("k", "n"), [([3], [10]), ([3, 0], [10, 0]), ([], [])])
def test_one_cluster_is_refused_with_what_to_do(k: list[int], n: list[int]) -> None:
    with pytest.raises(ValueError, match=r"cluster with answers; at least 2 .* sweep more"):
        clustered_interval(k, n)


def test_a_count_outside_its_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="outside 0 to n"):
        clustered_interval([11, 2], [10, 10])


@given(
    st.lists(st.integers(0, 10), min_size=2, max_size=12),
    st.sampled_from([0.8, 0.95]),
)
def test_the_interval_holds_the_rate_and_is_never_shorter_than_wilsons(
    k: list[int], level: float
) -> None:
    found = clustered_interval(k, [10] * len(k), level)
    low, high = (float(b) for b in wilson(sum(k), 10 * len(k), level))
    assert 0 <= found.low <= found.rate <= found.high <= 1
    assert found.high - found.low >= high - low - 1e-9


@pytest.mark.parametrize("clusters", [5, 10, 30])
@pytest.mark.parametrize("correlation", [0.05, 0.3])
def test_coverage_is_near_95_percent_where_wilsons_is_not(
    clusters: int, correlation: float
) -> None:
    random = np.random.default_rng(np.random.SeedSequence([7, clusters, int(100 * correlation)]))
    size, mean, runs = 40, 0.4, 1500
    held = plain = 0
    for _ in range(runs):
        k = beta_binomial(random, clusters, size, mean, correlation)
        found = clustered_interval(k, np.full(clusters, size))
        held += found.low <= mean <= found.high
        low, high = wilson(k.sum(), clusters * size)
        plain += float(low) <= mean <= float(high)
    # One standard error of 1,500 runs is 0.6%.
    assert 0.93 < held / runs < 0.98
    assert plain / runs < 0.82


# Differences


def test_equal_clusters_have_students_paired_test() -> None:
    k1, k2, n = np.array([9, 4, 7, 6, 8]), np.array([3, 2, 6, 1, 4]), np.full(5, 10)
    found = clustered_difference(k1, n, k2, n)
    assert found.p_value == pytest.approx(ttest_1samp((k1 - k2) / n, 0).pvalue)
    assert found.difference == pytest.approx((k1 - k2).sum() / 50)
    assert (found.clusters, found.test) == (5, "clusters")


def test_clusters_that_differ_by_the_same_do_not_give_a_p_value_of_nought() -> None:
    # Of the 2^5 ways to exchange the samples within 5 clusters, 2 differ as much.
    n = [10] * 5
    assert clustered_difference(n, n, [0] * 5, n).p_value == pytest.approx(2 / 2**5)
    assert clustered_difference([3] * 5, n, [3] * 5, n).p_value == 1.0


def test_the_difference_changes_its_sign_with_the_order() -> None:
    one = clustered_difference([3, 5, 1], [9, 8, 7], [1, 2, 0], [9, 9, 9])
    other = clustered_difference([1, 2, 0], [9, 9, 9], [3, 5, 1], [9, 8, 7])
    assert one.low is not None
    assert other.high is not None
    assert (one.low, one.p_value) == pytest.approx((-other.high, other.p_value))


def test_a_cluster_must_have_answers_in_both_samples() -> None:
    with pytest.raises(ValueError, match="1 cluster with answers"):
        clustered_difference([1, 2], [4, 4], [1, 0], [4, 0])
    with pytest.raises(ValueError, match="differ in length"):
        clustered_difference([1, 2], [4, 4], [1], [4])


@pytest.mark.parametrize("clusters", [5, 12, 30])
def test_under_the_null_the_difference_keeps_its_level_and_the_interval_holds(
    clusters: int,
) -> None:
    random = np.random.default_rng(np.random.SeedSequence([8, clusters]))
    n, runs, false, held = np.full(clusters, 20), 1500, 0, 0
    for _ in range(runs):
        # Each cluster has a rate of its own, which both samples share in part.
        base = random.beta(1.2, 2.8, clusters)
        k1, k2 = (
            random.binomial(20, np.clip(base + random.normal(0, 0.05, clusters), 0, 1))
            for _ in range(2)
        )
        found = clustered_difference(k1, n, k2, n)
        assert found.p_value is not None
        assert found.low is not None
        assert found.high is not None
        false += found.p_value <= 0.05
        held += found.low <= 0 <= found.high
    assert false / runs < 0.05 + 3 * 0.0056
    assert held / runs > 0.95 - 3 * 0.0056
