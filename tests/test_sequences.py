"""Confidence sequences: closed forms, a brute-force region, and how often they are ever wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, xlog1py, xlogy

from rewardgym.metrics.intervals import clopper_pearson, wilson
from rewardgym.metrics.sequences import (
    confidence_sequence,
    decided,
    decided_difference,
    difference_sequence,
    n_until,
    running,
)

LOOKS = 10_000


def log_martingale(k: np.ndarray, n: np.ndarray, p: np.ndarray | float) -> np.ndarray:
    """The beta-binomial mixture over the likelihood of p, written out: B(k + 1/2, n - k + 1/2) /
    B(1/2, 1/2) / (p^k (1 - p)^(n - k)), as in Howard et al. (2021), section 3."""
    mixture = betaln(0.5 + k, 0.5 + n - k) - betaln(0.5, 0.5)
    return mixture - xlogy(k, p) - xlog1py(n - k, -np.asarray(p))


# One proportion


def test_none_of_n_has_a_closed_form() -> None:
    # With k = 0 the set is (1 - p)^-n B(1/2, n + 1/2) / B(1/2, 1/2) < 20, and for whole n the
    # ratio of betas is the central binomial coefficient over 4^n.
    n = 40
    ratio = math.comb(2 * n, n) / 4**n
    low, high = confidence_sequence(0, n)
    assert float(low) == 0.0
    assert float(high) == pytest.approx(1 - (ratio / 20) ** (1 / n), abs=1e-12)


def test_one_answer_excludes_little_and_no_answer_nothing() -> None:
    # Closed form: one hit of one has ratio 1/2 of betas, so the set is p > 1/40.
    low, high = confidence_sequence([1, 0], [1, 0])
    assert (low[0], high[0]) == pytest.approx((1 / 40, 1.0), abs=1e-12)
    assert np.isnan([low[1], high[1]]).all()


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_both_bounds_lie_where_the_martingale_reaches_one_over_alpha(level: float) -> None:
    k = np.arange(1, 40)
    n = np.full(39, 40)
    for bound in confidence_sequence(k, n, level):
        np.testing.assert_allclose(log_martingale(k, n, bound), -np.log(1 - level), atol=1e-9)


def test_the_mirror_of_the_counts_gives_the_mirror_of_the_bounds() -> None:
    k = np.arange(31)
    low, high = confidence_sequence(k, 30)
    np.testing.assert_allclose(low, 1 - high[::-1], atol=1e-12)


@given(st.integers(1, 3000), st.floats(0, 1), st.floats(0.5, 0.999))
@settings(max_examples=40, deadline=None)
def test_the_bounds_hold_the_rate_and_are_never_narrower_than_exact_ones_of_fixed_n(
    n: int, share: float, level: float
) -> None:
    k = round(share * n)
    low, high = (float(x) for x in confidence_sequence(k, n, level))
    assert 0 <= low <= k / n <= high <= 1
    assert low < high
    # Clopper and Pearson's: Wilson's is no exact interval, and wider than this one at k = 0.
    fixed_low, fixed_high = (float(x[0]) for x in clopper_pearson([k], [n], level))
    assert high - low > (1 - 1e-9) * (fixed_high - fixed_low)


def ever_wrong(p: float, looks: int) -> tuple[float, float]:
    """The probability that the sequence leaves p out at any of the looks, exactly: the law of k
    among the runs not yet wrong, one answer at a time. Also the largest disagreement between the
    bounds of the library and the k at which the martingale of this file leaves p out."""
    alive = np.array([1.0])  # the law of k given that no look was wrong, from k = first
    first, wrong = 0, 0.0
    edges: list[tuple[int, int, bool]] = []
    for n in range(1, looks + 1):
        alive = np.append(alive * (1 - p), 0.0) + np.append(0.0, alive * p)
        k = first + np.arange(alive.size)
        fits = log_martingale(k, np.full(k.size, n), p) < math.log(20)
        wrong += float(alive[~fits].sum())
        inside = np.flatnonzero(fits)
        edges += [(int(k[i]), n, bool(fits[i])) for i in {0, inside[0], inside[-1], k.size - 1}]
        alive, first = alive[inside[0] : inside[-1] + 1], int(k[inside[0]])
    found_k, found_n, held = (np.array(part) for part in zip(*edges, strict=True))
    low, high = confidence_sequence(found_k, found_n)
    return wrong, float(np.mean(((low <= p) & (p <= high)) != held))


@pytest.mark.parametrize("p", [0.01, 0.1, 0.3, 0.5])
def test_over_ten_thousand_looks_it_is_ever_wrong_at_most_five_times_in_a_hundred(p: float) -> None:
    wrong, disagreement = ever_wrong(p, LOOKS)
    assert disagreement == 0
    assert 0.005 < wrong <= 0.05


def test_wilsons_interval_looked_at_as_often_is_wrong_far_more_often() -> None:
    # Why the sequence exists: the same thousand looks with a fixed-n interval.
    rng = np.random.default_rng(np.random.SeedSequence([4, 1]))
    k = np.cumsum(rng.random((400, 1000)) < 0.3, axis=1)
    low, high = wilson(k, np.broadcast_to(np.arange(1, 1001), k.shape))
    ever = ((low > 0.3) | (high < 0.3))[:, 20:].any(axis=1).mean()
    assert ever > 0.25


def test_the_running_intersection_never_widens() -> None:
    rng = np.random.default_rng(np.random.SeedSequence([4, 2]))
    k = np.cumsum(rng.random((20, 300)) < 0.2, axis=1)
    low, high = running(*confidence_sequence(k, np.arange(1, 301)))
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) <= 0).all()


# Two proportions


def region(k1: int, n1: int, k2: int, n2: int) -> tuple[float, float]:
    """The least and largest difference over a fine grid of pairs below 1 / alpha."""
    p = np.linspace(0, 1, 2001)
    first = log_martingale(np.float64(k1), np.float64(n1), p)
    second = log_martingale(np.float64(k2), np.float64(n2), p)
    fits = first[:, None] + second[None, :] < math.log(20)
    difference = (p[:, None] - p[None, :])[fits]
    return float(difference.min()), float(difference.max())


@pytest.mark.parametrize(
    "counts",
    [(10, 40, 2, 40), (0, 40, 0, 40), (40, 40, 0, 30), (3, 10, 100, 400), (1, 2, 0, 1)],
)
def test_the_difference_is_the_shadow_of_the_joint_region(
    counts: tuple[int, int, int, int],
) -> None:
    found = tuple(float(x) for x in difference_sequence(*counts))
    brute = region(*counts)
    assert found == pytest.approx(brute, abs=1.1e-3)
    assert found[0] <= brute[0] + 1e-9
    assert found[1] >= brute[1] - 1e-9


def test_an_excess_is_seen_sooner_than_by_two_sequences() -> None:
    k1, n1, k2 = np.array([10, 12, 20, 100]), np.array([40, 39, 200, 1000]), [2, 0, 2, 10]
    low, high = difference_sequence(k1, n1, k2, n1)
    low1, high1 = confidence_sequence(k1, n1, 0.975)
    low2, high2 = confidence_sequence(k2, n1, 0.975)
    assert (low > low1 - high2).all()
    assert (high - low < (high1 - low2) - (low1 - high2)).all()


def test_the_difference_changes_its_sign_with_the_order() -> None:
    low, high = difference_sequence(5, 40, 20, 50)
    other_low, other_high = difference_sequence(20, 50, 5, 40)
    assert (low, high) == pytest.approx((-other_high, -other_low), abs=1e-9)


@pytest.mark.parametrize(("p1", "p2"), [(0.3, 0.3), (0.05, 0.0), (0.5, 0.2)])
def test_the_difference_is_ever_wrong_at_most_five_times_in_a_hundred(p1: float, p2: float) -> None:
    # Only where the true pair itself is left out can its difference be: the bounds are computed
    # at those looks alone, out of all 10,000.
    rng = np.random.default_rng(np.random.SeedSequence([4, 3, int(100 * p1)]))
    n = np.arange(1, LOOKS + 1)
    wrong, paths = 0, 250
    for _ in range(paths):
        k1 = np.cumsum(rng.random(LOOKS) < p1)
        k2 = np.cumsum(rng.random(LOOKS) < p2)
        out = log_martingale(k1, n, p1) + log_martingale(k2, n, p2) >= math.log(20)
        if out.any():
            low, high = difference_sequence(k1[out], n[out], k2[out], n[out])
            wrong += bool(((low > p1 - p2) | (high < p1 - p2)).any())
    assert wrong / paths <= 0.05


# Whether a cell is decided


def test_a_cell_is_decided_by_its_width_or_by_its_side() -> None:
    k, n = [0, 10, 100, 0], [95, 40, 4093, 0]
    assert decided(k, n, half_width=0.03).tolist() == [True, False, True, False]
    assert decided(k, n, threshold=0.05).tolist() == [False, True, True, False]
    assert decided(k, n, half_width=0.03, threshold=0.05).tolist() == [True, True, True, False]


def test_an_excess_is_decided_once_its_bounds_leave_nought() -> None:
    found = decided_difference([12, 2, 0], [39, 39, 0], 0, 40, threshold=0.0)
    assert found.tolist() == [True, False, False]


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5])
def test_n_until_is_the_first_n_that_decides(p: float) -> None:
    n = n_until(0.05, p)
    assert decided(p * n, n, half_width=0.05).all()
    assert not decided(p * (n - 1), n - 1, half_width=0.05).any()
    assert n <= n_until(0.05)


# Bad input


def test_what_cannot_be_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="level is 95; allowed: above 0, below 1"):
        confidence_sequence(1, 2, 95)
    with pytest.raises(ValueError, match="prior is 0; allowed: above 0"):
        confidence_sequence(1, 2, prior=0)
    with pytest.raises(ValueError, match="k of n must be from 0 of n to n of n"):
        difference_sequence(3, 2, 0, 2)
    with pytest.raises(ValueError, match="give half_width or threshold"):
        decided(1, 2)
    with pytest.raises(ValueError, match="half_width is 3; allowed"):
        n_until(3)
    with pytest.raises(ValueError, match="p is 2; allowed"):
        n_until(0.03, 2)
