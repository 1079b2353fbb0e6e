"""Planning: published sample sizes, scipy's own p-values, and whether promised power is kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, fisher_exact
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import (
    power_proportions_2indep,
    proportion_effectsize,
)

from rewardgym.metrics.intervals import newcombe, wilson
from rewardgym.metrics.planning import (
    cost,
    n_for_difference_precision,
    n_for_excess,
    n_for_power,
    n_for_precision,
    n_for_trend,
    n_within,
    smallest_effect,
)
from rewardgym.metrics.power import TESTS, exact_power, trend_power

PAIRS = [(0.05, 0.0), (0.3, 0.1), (0.15, 0.31), (0.9, 0.7), (0.5, 0.35), (0.02, 0.0)]

# Precision


@pytest.mark.parametrize("p", [0.0, 0.02, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("half_width", [0.03, 0.1])
def test_n_for_precision_is_the_first_n_whose_interval_is_narrow_enough(
    p: float, half_width: float
) -> None:
    n = n_for_precision(half_width, p)
    widths = [high[0] - low[0] for low, high in (wilson([p * m], [m]) for m in (n, n - 1))]
    assert widths[0] <= 2 * half_width < widths[1]


def test_on_average_over_runs_the_interval_is_as_narrow_as_promised() -> None:
    for p in (0.05, 0.3, 0.5):
        n = n_for_precision(0.05, p)
        k = np.arange(n + 1)
        low, high = wilson(k, np.full(n + 1, n))
        assert 0.045 < (binom.pmf(k, n, p) * (high - low) / 2).sum() <= 0.05


def test_three_points_either_way_take_about_a_thousand_answers() -> None:
    # Closed form, Wilson at one half: z^2 / (4 w^2) - z^2 with w half the width.
    z = 1.959964
    assert n_for_precision(0.03) == int(np.ceil(z**2 / (4 * 0.03**2) - z**2))


def test_n_for_a_difference_is_the_first_n_whose_newcombe_interval_is_narrow_enough() -> None:
    n = n_for_difference_precision(0.05, 0.3, 0.02)
    widths = [
        float((high - low)[0])
        for low, high in (newcombe([0.3 * m], [m], [0.02 * m], [m]) for m in (n, n - 1))
    ]
    assert widths[0] <= 0.1 < widths[1]


# Power of two rates


def test_fifteen_against_thirty_one_percent_takes_about_110_an_arm() -> None:
    # As published by the replications: 25 to 40 a cell cannot tell 15% from 31%, about 110 can.
    found = {test: n_for_power(0.15, 0.31, test=test) for test in TESTS}
    assert all(abs(n - 110) <= 10 for n in found.values())
    arcsine = NormalIndPower().solve_power(proportion_effectsize(0.31, 0.15), power=0.8, alpha=0.05)
    assert abs(found["score"] - arcsine) <= 10
    assert exact_power(0.15, 0.31, 40) < 0.45


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize(("p1", "p2"), PAIRS)
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_promised_power_is_kept_within_three_points(
    p1: float, p2: float, power: float, test: str
) -> None:
    n = n_for_power(p1, p2, power, test=test)
    assert power <= exact_power(p1, p2, n, test=test) < power + 0.03
    later = [exact_power(p1, p2, n + more, test=test) for more in (1, 2, 3, 5, 10)]
    assert min(later) > power - 0.03


@pytest.mark.parametrize(("p1", "p2"), [(0.15, 0.31), (0.05, 0.0)])
def test_promised_power_is_what_scipy_finds_in_simulated_runs(p1: float, p2: float) -> None:
    rng = np.random.default_rng(np.random.SeedSequence([4, 6]))
    n = n_for_power(p1, p2, test="fisher")
    tables = np.column_stack([rng.binomial(n, p, 4000) for p in (p1, p2)])
    unique, counts = np.unique(tables, axis=0, return_counts=True)
    fisher = [fisher_exact([[a, n - a], [b, n - b]])[1] <= 0.05 for a, b in unique]
    assert np.average(fisher, weights=counts) == pytest.approx(0.8, abs=0.03)


@given(*[st.integers(1, 14)] * 2, *[st.integers(0, 50).map(lambda percent: percent / 50)] * 2)
@settings(max_examples=15, deadline=None)
def test_the_exact_power_of_fisher_is_the_sum_over_scipys_p_values(
    n1: int, n2: int, p1: float, p2: float
) -> None:
    total = sum(
        binom.pmf(a, n1, p1) * binom.pmf(b, n2, p2)
        for a in range(n1 + 1)
        for b in range(n2 + 1)
        if fisher_exact([[a, n1 - a], [b, n2 - b]])[1] <= 0.05 * (1 + 1e-9)
    )
    assert exact_power(p1, p2, n1, n2, test="fisher") == pytest.approx(total, abs=1e-6)


def test_fishers_type_one_error_is_at_most_its_level_and_scores_about_it() -> None:
    for p in (0.01, 0.1, 0.3, 0.5):
        for n in (20, 55, 200):
            assert exact_power(p, p, n, test="fisher") <= 0.05
            assert exact_power(p, p, n, test="auto") <= 0.052


def test_with_many_answers_the_exact_power_is_the_normal_one() -> None:
    theirs = power_proportions_2indep(0.03, 0.3, 3000, return_results=False)
    assert exact_power(0.33, 0.3, 3000, test="score") == pytest.approx(theirs, abs=0.005)
    assert n_for_power(0.501, 0.5) == pytest.approx(3_924_439, rel=0.001)


def test_an_excess_is_told_from_its_twin_as_two_rates_are() -> None:
    assert n_for_excess(0.05) == n_for_power(0.05, 0.0)
    assert n_for_excess(-0.1, 0.3) == n_for_power(0.2, 0.3)


# What a given n can see


@pytest.mark.parametrize(("n", "p0"), [(40, 0.0), (200, 0.02), (1000, 0.3)])
@pytest.mark.parametrize("direction", ["greater", "less"])
def test_the_smallest_effect_is_seen_and_a_smaller_one_is_not(
    n: int, p0: float, direction: str
) -> None:
    effect = smallest_effect(n, p0, direction=direction)
    if effect is None:
        assert direction == "less"
        assert exact_power(0.0, p0, n) < 0.8
        return
    sign = 1 if direction == "greater" else -1
    assert exact_power(p0 + sign * effect, p0, n) >= 0.8
    assert exact_power(p0 + sign * 0.97 * effect, p0, n) < 0.8
    assert n_for_power(p0 + sign * effect, p0) <= n


def test_an_n_that_sees_no_effect_at_all_says_none() -> None:
    assert smallest_effect(3, 0.5) is None
    assert smallest_effect(40, 1.0) is None


# Trends


@pytest.mark.parametrize(
    ("steps", "start", "end"),
    [
        ([0, 1, 2, 3, 4], 0.0, 0.1),
        ([0, 100, 200, 300], 0.1, 0.3),
        ([0, 10, 1000], 0.0, 0.05),
        ([1, 2, 3], 0.5, 0.2),
    ],
)
def test_the_promised_power_of_a_trend_is_kept_within_three_points(
    steps: list[float], start: float, end: float
) -> None:
    # The test written out, on series drawn here: z^2 = N-1 times the squared correlation of the
    # single answers with the steps (the score test of a logistic slope; Armitage 1955 has N).
    n = n_for_trend(steps, start, end)
    rng = np.random.default_rng(np.random.SeedSequence([4, 7]))
    rates = start + (end - start) * (np.array(steps) - steps[0]) / (steps[-1] - steps[0])
    k = rng.binomial(n, rates, (6000, len(steps)))
    x, total = np.repeat(steps, n).astype(float), n * len(steps)
    answers = (np.arange(n) < k[:, :, None]).reshape(6000, total)
    x = (x - x.mean()) / x.std()
    spread = answers.std(axis=1)
    r = (answers @ x) / total / np.where(spread > 0, spread, np.inf)
    found = ((total - 1) * r**2 >= 1.959964**2).mean()
    assert found == pytest.approx(0.8, abs=0.03)


def test_a_trend_over_two_checkpoints_is_the_z_test_of_two_rates() -> None:
    # Summed over all tables of 60 and 60 answers: z^2 (N - 1) / N with the pooled variance.
    k, n = np.arange(61), 60
    chance = binom.pmf(k, n, 0.1)[:, None] * binom.pmf(k, n, 0.3)[None, :]
    pooled = (k[:, None] + k[None, :]) / (2 * n)
    variance = np.maximum(pooled * (1 - pooled) * 2 / n, 1e-12) * (2 * n) / (2 * n - 1)
    z = np.abs(k[:, None] - k[None, :]) / n / np.sqrt(variance)
    exact = (chance * (z >= 1.959964)).sum()
    assert trend_power([0, 100], 0.1, 0.3, n) == pytest.approx(exact, abs=0.008)


def test_a_flat_series_is_called_a_trend_five_times_in_a_hundred() -> None:
    assert trend_power(range(6), 0.2, 0.2, 50) == pytest.approx(0.05, abs=0.005)


def test_a_trend_takes_the_same_n_whatever_the_unit_of_its_steps_and_the_seed_repeats() -> None:
    assert n_for_trend([0, 1, 2], 0.1, 0.3) == n_for_trend([0, 500, 1000], 0.1, 0.3)
    assert trend_power([0, 1], 0.1, 0.3, 30, seed=1) == trend_power([0, 1], 0.1, 0.3, 30, seed=1)
    assert trend_power([0, 1], 0.1, 0.3, 30, seed=1) != trend_power([0, 1], 0.1, 0.3, 30, seed=2)


# Cost


def test_a_cost_is_rollouts_times_what_was_measured() -> None:
    found = cost(200, 30, tokens_per_reply=150, replies_per_second=20)
    assert (found.rollouts, found.tokens, found.seconds) == (6000, 900_000, 300)


def test_what_was_not_measured_has_no_cost() -> None:
    found = cost(200, 30)
    assert (found.rollouts, found.tokens, found.seconds) == (6000, None, None)


def test_a_budget_buys_what_the_scarcer_part_of_it_pays_for() -> None:
    measured = {"tokens_per_reply": 150.0, "replies_per_second": 20.0}
    assert n_within(30, tokens=900_000, **measured) == 200
    assert n_within(30, seconds=60, **measured) == 40
    assert n_within(30, tokens=900_000, seconds=60, **measured) == 40
    assert n_within(30, tokens=100, **measured) == 0


# Bad input


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: n_for_power(0.2, 0.2), "both rates are 0.2; no n tells them apart"),
        (lambda: n_for_power(1.2, 0.2), "p1 is 1.2; allowed: a rate from 0 to 1"),
        (lambda: n_for_power(0.3, 0.2, 80), "power is 80; allowed: above 0, below 1"),
        (lambda: n_for_power(0.3, 0.2, alpha=0), "alpha is 0; allowed: above 0, below 1"),
        (lambda: n_for_power(0.3, 0.2, test="fischer"), "unknown test 'fischer'.*mean 'fisher'"),
        (lambda: n_for_excess(0.9, 0.2), "twin plus excess is 1.1"),
        (lambda: n_for_precision(0.0), "half_width is 0.0; allowed: above 0, below 0.5"),
        (lambda: n_for_precision(1e-5), "more than 10000000 rollouts a cell; ask for less"),
        (lambda: n_for_trend([5, 5], 0.1, 0.3), "a trend needs two different ones or more"),
        (lambda: n_for_trend([0, float("nan")], 0.1, 0.3), "two different ones or more"),
        (lambda: n_for_trend([0, 1], 0.1, 0.1), "the rate is 0.1 throughout"),
        (lambda: smallest_effect(40, 0.1, direction="up"), "unknown direction 'up'; allowed"),
        (lambda: exact_power(0.1, 0.2, 0), "n is 0; allowed: 1 or more"),
        (lambda: cost(1, 1, tokens_per_reply=0), "a measured rate is 0; allowed: above 0"),
        (lambda: n_within(3, tokens=5), "needs tokens_per_reply"),
        (lambda: n_within(0, tokens=5, tokens_per_reply=1), "cells is 0; allowed: 1 or more"),
        (lambda: n_within(3), "needs tokens_per_reply"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_one_line(call: object, said: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=said) as error:
        call()
    assert "\n" not in str(error.value)
