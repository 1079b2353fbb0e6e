"""Effects: published tests and intervals, scipy's own, and the exact size of every test."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chi2, fisher_exact

from rewardgym.metrics.effects import (
    BOSCHLOO_MOST,
    TESTS,
    Effect,
    compare,
    compare_columns,
    odds_columns,
    p_values,
)
from rewardgym.metrics.intervals import newcombe

tables = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)


def test_the_published_fisher_value_of_12_of_39_against_none_of_40() -> None:
    # Published with the odd-number post: p = 7.6e-05.
    found = compare(12, 39, 0, 40, test="fisher")
    assert found.p_value == pytest.approx(7.6e-05, abs=5e-07)
    assert found.test == "fisher"


@pytest.mark.parametrize(
    ("k1", "n1", "k2", "n2", "p"),
    # R's fisher.test: its tea-tasting example; and contingencytables (Fagerland, Lydersen & Laake,
    # Statistical Analysis of Contingency Tables, 2017, chapter 4: CHRNA4 and XFS).
    [(3, 4, 1, 4, 0.4857), (0, 16, 15, 72, 0.06287)],
)
def test_fishers_test_gives_rs_values(k1: int, n1: int, k2: int, n2: int, p: float) -> None:
    assert compare(k1, n1, k2, n2, test="fisher").p_value == pytest.approx(p, abs=5e-5)


def test_boschloos_test_gives_scipys_documented_example() -> None:
    # scipy's documentation of boschloo_exact: one-sided 0.0356; two-sided is twice that.
    found = compare(74, 117, 31, 63, test="boschloo")
    assert found.p_value == pytest.approx(2 * 0.0356, abs=2e-4)


@pytest.mark.parametrize(("k1", "n1", "k2", "n2"), [(20, 50, 10, 50), (30, 90, 9, 40)])
def test_the_score_test_is_chi_square_less_half_a_step(k1: int, n1: int, k2: int, n2: int) -> None:
    # Closed form: N (|ad - bc| - min(n1, n2) / 2)^2 over the product of the margins.
    a, b, c, d = k1, n1 - k1, k2, n2 - k2
    cross = max(abs(a * d - b * c) - min(n1, n2) / 2, 0)
    statistic = (n1 + n2) * cross**2 / (n1 * n2 * (a + c) * (b + d))
    found = compare(k1, n1, k2, n2, test="score").p_value
    assert found == pytest.approx(chi2.sf(statistic, 1), rel=1e-12)


def test_the_difference_has_newcombes_interval() -> None:
    # contingencytables' documented example, 7 of 34 against 1 of 34: 0.0189 to 0.3404.
    found = compare(7, 34, 1, 34)
    assert (found.difference, found.low, found.high) == pytest.approx(
        (0.1765, 0.0189, 0.3404), abs=5e-5
    )


def test_an_exact_test_comes_with_the_exact_conditional_odds_ratio() -> None:
    # Closed form for 3 of 4 against 1 of 4: given 4 in all, x of the first has the odds 1, 16, 36,
    # 16, 1 times the ratio to the x, and each bound leaves 2.5% at or beyond 3.
    found = compare(3, 4, 1, 4, test="fisher")
    assert found.odds_low is not None
    assert found.odds_high is not None
    for ratio, beyond in ((found.odds_low, slice(3, 5)), (found.odds_high, slice(0, 4))):
        law = np.array([1, 16, 36, 16, 1]) * ratio ** np.arange(5)
        assert law[beyond].sum() / law.sum() == pytest.approx(0.025, rel=1e-6)
    assert found.odds_low == pytest.approx(0.2117329, rel=1e-4)  # R's fisher.test, tea-tasting
    assert found.odds_ratio == pytest.approx(9.0)


def test_the_haldane_corrected_odds_ratio_is_garts() -> None:
    # contingencytables' documented example of Gart's interval: 0 of 16 against 15 of 72 gives
    # 0.0064 to 1.9804; the lower bound of a ratio of 0 is 0.
    ratio, low, high = (float(part[0]) for part in odds_columns(0, 16, 15, 72))
    assert (ratio, low) == (0.0, 0.0)
    assert high == pytest.approx(1.9804, abs=5e-5)


def test_auto_is_exact_where_an_expected_count_is_below_five() -> None:
    assert compare(2, 40, 3, 40).test == "boschloo"
    assert compare(5, 40, 5, 40).test == "score"
    assert compare(2, 40, 3, BOSCHLOO_MOST).test == "fisher"


def test_no_answers_give_no_effect() -> None:
    found = compare(0, 0, 3, 40)
    assert found == Effect(0, 0, 3, 40, *([None] * 7), "auto", 0.95)  # type: ignore[arg-type]
    table = compare_columns([0, 1], [0, 40], [3, 3], [40, 40])
    assert table.isna().all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize("test", TESTS)
def test_where_both_rates_are_at_an_end_nothing_speaks_against_their_equality(test: str) -> None:
    for k1, k2 in ((0, 0), (20, 30)):
        found = compare(k1, 20, k2, 30, test=test)
        assert found.p_value == 1.0
        assert found.odds_ratio is None
        assert (found.odds_low, found.odds_high) == (0.0, math.inf)


@given(tables)
def test_the_fisher_column_is_scipys_own(counts: tuple[int, int, int, int]) -> None:
    k1, n1, k2, n2 = counts
    theirs = fisher_exact([[k1, k2], [n1 - k1, n2 - k2]]).pvalue
    assert float(p_values(k1, n1, k2, n2, "fisher")) == pytest.approx(theirs, rel=1e-9)


def test_small_p_values_keep_their_digits_among_many() -> None:
    n = np.full(3000, 300)
    k1, k2 = np.arange(3000) % 301, np.zeros(3000)
    found = p_values(k1, n, k2, n, "fisher")
    assert (found > 0).all()
    theirs = fisher_exact([[300, 0], [0, 300]]).pvalue
    assert found[300] == pytest.approx(theirs, rel=1e-6)


@given(tables, st.sampled_from(["auto", "fisher", "score"]))
def test_the_order_of_the_samples_turns_the_effect_round(
    counts: tuple[int, int, int, int], test: str
) -> None:
    k1, n1, k2, n2 = counts
    one = compare_columns(k1, n1, k2, n2, test=test).iloc[0]
    other = compare_columns(k2, n2, k1, n1, test=test).iloc[0]
    assert 0 <= one["p_value"] <= 1
    assert one["p_value"] == pytest.approx(other["p_value"])
    assert (one["low"], one["high"]) == pytest.approx((-other["high"], -other["low"]))


def test_a_column_is_row_for_row_what_compare_gives() -> None:
    random = np.random.default_rng(2)
    n1, n2 = random.integers(150, 400, (2, 30))
    k1, k2 = random.binomial(n1, 0.3), random.binomial(n2, 0.2)
    table = compare_columns(k1, n1, k2, n2)
    for i in range(30):
        one = compare(int(k1[i]), int(n1[i]), int(k2[i]), int(n2[i]))
        for name in table.columns:
            assert table[name][i] == pytest.approx(getattr(one, name)), name


def test_p_values_broadcast() -> None:
    assert p_values(np.arange(3)[:, None], 10, np.arange(4), 12).shape == (3, 4)


SIZES = [(10, 10), (20, 20), (40, 40), (50, 50), (75, 75), (100, 100), (200, 200)]
SIZES += [(20, 40), (10, 100), (40, 39), (50, 47), (50, 400), (100, 300), (30, 1000)]


@pytest.mark.parametrize(("n1", "n2"), SIZES)
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_the_exact_size_of_auto_is_at_most_its_level(n1: int, n2: int, level: float) -> None:
    # Summed over all tables; no random numbers. Without its correction the score test has 5.7%
    # for 50 against 50.
    rejected = p_values(np.arange(n1 + 1)[:, None], n1, np.arange(n2 + 1), n2) <= level
    p = np.linspace(0.002, 0.5, 120)
    first = binom.pmf(np.arange(n1 + 1)[:, None], n1, p)
    second = binom.pmf(np.arange(n2 + 1)[:, None], n2, p)
    size = (first * (rejected @ second)).sum(axis=0)
    assert size.max() <= level + 1e-9


def test_boschloo_keeps_its_level_and_beats_fisher() -> None:
    n, p = 8, np.linspace(0.02, 0.5, 25)
    exact = np.array(
        [
            [compare(a, n, b, n, test="boschloo").p_value for b in range(n + 1)]
            for a in range(n + 1)
        ],
        dtype=float,
    )
    fisher = p_values(np.arange(n + 1)[:, None], n, np.arange(n + 1), n, "fisher")
    law = binom.pmf(np.arange(n + 1)[:, None], n, p)
    sizes = [(law * ((found <= 0.05) @ law)).sum(axis=0).max() for found in (exact, fisher)]
    assert sizes[1] < sizes[0] <= 0.05 + 1e-9


def test_thousands_of_pairs_are_one_call() -> None:
    random = np.random.default_rng(5)
    n1, n2 = random.integers(300, 500, (2, 5000))
    k1, k2 = random.binomial(n1, 0.01), random.binomial(n2, 0.01)
    table = compare_columns(k1, n1, k2, n2)
    low, high = newcombe(k1, n1, k2, n2)
    assert (table["low"].to_numpy() == low).all()
    assert (table["high"].to_numpy() == high).all()
    assert (table["p_value"] <= 0.05).mean() < 0.05


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((5, 4, 1, 9), "outside 0 to n"),
        ((-1, 4, 1, 9), "outside 0 to n"),
        ((1.5, 4, 1, 9), "no whole number"),
        ((math.nan, 4, 1, 9), "outside 0 to n"),
    ],
)
def test_counts_that_are_none_are_refused(counts: tuple[float, ...], said: str) -> None:
    for function in (compare, compare_columns, p_values):
        with pytest.raises(ValueError, match=said):
            function(*counts)  # type: ignore[operator]


def test_an_unknown_test_is_refused_with_what_is_allowed() -> None:
    for function, test in itertools.product((compare, compare_columns), ("fischer",)):
        with pytest.raises(ValueError, match=r"unknown test 'fischer'; .*Did you mean 'fisher'"):
            function(1, 4, 1, 4, test=test)
    with pytest.raises(ValueError, match="unknown test 'boschloo'"):
        compare_columns(1, 4, 1, 4, test="boschloo")
