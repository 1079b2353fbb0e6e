"""Grading error: closed forms, limits that statsmodels knows, and coverage with both errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from rewardgym.metrics.grading_error import ReaderError, correct_rate

GOOD = ReaderError(found=190, off=200, passed=198, on=200)


def test_the_corrected_rate_is_rogan_and_gladens() -> None:
    # Closed form: (apparent + specificity - 1) / (sensitivity + specificity - 1), here with
    # 0.95 and 0.99: (10/40 - 0.01) / 0.94.
    found = correct_rate(10, 40, GOOD)
    assert float(found.rate) == pytest.approx(0.24 / 0.94, abs=1e-12)
    assert not found.clipped


def test_a_rate_below_the_false_alarms_is_clipped_and_says_so() -> None:
    found = correct_rate([0, 40, 10, 0], [40, 40, 40, 0], GOOD)
    assert found.rate[:2].tolist() == [0.0, 1.0]
    assert found.clipped.tolist() == [True, True, False, False]


def test_no_data_gives_no_rate_and_no_interval() -> None:
    found = correct_rate([0], [0], GOOD)
    assert np.isnan([found.rate[0], found.low[0], found.high[0]]).all()


def test_a_reader_known_to_be_perfect_leaves_agresti_and_coulls_interval() -> None:
    # The limit of the method: no error and endless labelled replies; statsmodels' own interval.
    perfect = ReaderError(10**9, 10**9, 10**9, 10**9)
    k = np.arange(5, 36)
    found = correct_rate(k, 40, perfect)
    theirs = proportion_confint(k, np.full(k.size, 40), method="agresti_coull")
    np.testing.assert_allclose((found.low, found.high), theirs, atol=1e-6)
    np.testing.assert_allclose(found.rate, k / 40, atol=1e-12)


def test_a_reader_known_exactly_stretches_that_interval_by_its_information() -> None:
    # With known sensitivity and specificity the estimate is linear in the apparent rate, so that
    # the interval is Agresti and Coull's, moved by the same line (here 0.9 + 0.8 - 1 = 0.7).
    known = ReaderError(9 * 10**9, 10**10, 8 * 10**9, 10**10)
    found = correct_rate(20, 40, known)
    low, high = proportion_confint(20, 40, method="agresti_coull")
    assert float(found.low) == pytest.approx((low - 0.2) / 0.7, abs=1e-6)
    assert float(found.high) == pytest.approx((high - 0.2) / 0.7, abs=1e-6)


def test_fewer_labelled_replies_give_a_wider_interval() -> None:
    widths = []
    for n in (20, 100, 1000):
        found = correct_rate(30, 100, ReaderError(n * 9 // 10, n, n * 9 // 10, n))
        widths.append(float(found.high - found.low))
    assert widths == sorted(widths, reverse=True)


@given(st.integers(1, 500), st.floats(0, 1), st.integers(20, 500), st.floats(0.7, 1))
@settings(max_examples=100, deadline=None)
def test_the_bounds_stay_in_range_and_in_order(
    n: int, share: float, labelled: int, skill: float
) -> None:
    right = round(skill * labelled)
    assume(2 * right > labelled)
    found = correct_rate(round(share * n), n, ReaderError(right, labelled, right, labelled))
    assert 0 <= found.low <= found.high <= 1
    assert 0 <= found.rate <= 1


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "labelled"), [(0.95, 0.99, 100), (0.9, 0.9, 60)]
)
@pytest.mark.parametrize("p", [0.02, 0.2, 0.5, 0.9])
def test_it_holds_the_true_rate_as_often_as_promised(
    p: float, sensitivity: float, specificity: float, labelled: int
) -> None:
    # Both the sample and the labelled replies are drawn anew each time: 100 answers, 3000 runs.
    rng = np.random.default_rng(np.random.SeedSequence([4, 4, int(100 * p), labelled]))
    runs, n = 3000, 100
    k = rng.binomial(n, p * sensitivity + (1 - p) * (1 - specificity), runs)
    found = rng.binomial(labelled, sensitivity, runs)
    passed = rng.binomial(labelled, specificity, runs)
    held = 0
    for one in range(runs):
        reader = ReaderError(int(found[one]), labelled, int(passed[one]), labelled)
        corrected = correct_rate(k[one], n, reader)
        held += bool(corrected.low <= p <= corrected.high)
    assert held / runs > 0.94


def test_as_if_the_reader_were_perfect_holds_the_truth_far_less_often() -> None:
    # Why the correction exists: with 10% of errors and a rate of 2%, Wilson's interval of what
    # was read nearly never holds the true rate.
    rng = np.random.default_rng(np.random.SeedSequence([4, 5]))
    k = rng.binomial(200, 0.02 * 0.9 + 0.98 * 0.1, 2000)
    low, high = proportion_confint(k, np.full(2000, 200), method="wilson")
    assert ((low <= 0.02) & (high >= 0.02)).mean() < 0.2


def test_a_reader_that_tells_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"do not add up to more than 1; such a reader cannot be"):
        ReaderError(50, 100, 50, 100)
    with pytest.raises(ValueError, match="label more replies"):
        ReaderError(10, 100, 80, 100)


@pytest.mark.parametrize("counts", [(3, 2, 1, 1), (0, 0, 1, 1), (1, 1, -1, 1), (1, 1, 0, 0)])
def test_impossible_counts_of_a_reader_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="label some replies of either side"):
        ReaderError(*counts)


def test_impossible_counts_and_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="k of n must be from 0 of n to n of n"):
        correct_rate(3, 2, GOOD)
    with pytest.raises(ValueError, match="level is 95; allowed: above 0, below 1"):
        correct_rate(1, 2, GOOD, 95)
