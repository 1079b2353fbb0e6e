"""Pairs: McNemar's test and Newcombe's interval against published examples, and who is paired."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, multinomial

from rewardgym.metrics.pairs import Pairs, pair_up, paired, paired_interval

counts = st.integers(0, 30)


def rows(off: list[float], **columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"idx": range(len(off)), "off": off} | columns)


def test_the_published_example_of_the_exact_and_the_mid_p_test() -> None:
    # Fagerland, Lydersen & Laake, BMC Medical Research Methodology 13 (2013) 91, table 1: airway
    # hyper-responsiveness, 1, 1, 7, 12; exact p = 0.070, mid-p = 0.039.
    found = paired(1, 7, 1, 12)
    assert found.p_value == pytest.approx(0.0703, abs=5e-5)
    assert found.mid_p == pytest.approx(0.0391, abs=5e-5)
    assert found.pairs == 21


def test_the_published_example_of_the_odds_ratio() -> None:
    # StatsDirect's manual, after Armitage and Berry (1994) p. 127: 20, 12, 2, 16.
    found = paired(12, 2, 20, 16)
    assert found.p_value == pytest.approx(0.0129, abs=5e-5)
    assert (found.odds_ratio, found.odds_low, found.odds_high) == pytest.approx(
        (6.0, 1.335744, 55.197091), abs=5e-6
    )


def test_the_documented_example_of_newcombes_interval() -> None:
    # R's contingencytables 3.1 (Fagerland, Lydersen & Laake 2017, chapter 8), complete response
    # before and after therapy, 59, 6, 16, 80: -0.0621, -0.1186 to -0.0046.
    found = paired(6, 16, 59, 80)
    assert (found.difference, found.low, found.high) == pytest.approx(
        (-0.0621, -0.1186, -0.0046), abs=5e-5
    )


@given(counts, counts, counts, counts)
def test_the_exact_test_is_the_binomial_test_of_the_pairs_that_disagree(
    b: int, c: int, both: int, neither: int
) -> None:
    if b + c == 0:
        return
    found = paired(b, c, both, neither)
    assert found.p_value == pytest.approx(binomtest(b, b + c).pvalue)
    assert found.mid_p is not None
    assert found.p_value is not None
    assert 0 < found.mid_p <= found.p_value


@given(counts, counts, counts, counts)
def test_the_order_turns_the_effect_round_and_the_interval_holds_it(
    b: int, c: int, both: int, neither: int
) -> None:
    if b + c + both + neither == 0:
        return
    one, other = paired(b, c, both, neither), paired(c, b, both, neither)
    assert one.difference is not None
    assert one.low is not None
    assert one.high is not None
    assert other.low is not None
    assert -1 <= one.low <= one.difference <= one.high <= 1
    assert one.low < one.high
    assert one.high == pytest.approx(-other.low)
    assert one.mid_p == pytest.approx(other.mid_p)


def test_no_pair_that_disagrees_is_no_evidence() -> None:
    found = paired(0, 0, 5, 35)
    assert (found.p_value, found.difference, found.odds_ratio) == (1.0, 0.0, None)
    assert (found.odds_low, found.odds_high) == (0.0, math.inf)
    assert paired(3, 0, 0, 0).odds_high == math.inf


def test_no_pairs_give_no_effect() -> None:
    found = paired(0, 0, 0, 0)
    assert (found.difference, found.low, found.p_value, found.mid_p) == (None,) * 4
    assert found.pairs == 0
    assert np.isnan(paired_interval([0], [0], [0], [0])).all()


def test_a_count_below_nought_is_refused() -> None:
    with pytest.raises(ValueError, match="below 0"):
        paired(-1, 2, 3, 4)


@pytest.mark.parametrize(
    "law", [(0.1, 0.1, 0.2, 0.6), (0.25, 0.05, 0.3, 0.4), (0.05, 0.05, 0, 0.9)]
)
def test_coverage_is_near_95_percent_and_the_tests_keep_their_level(
    law: tuple[float, ...],
) -> None:
    random = np.random.default_rng(np.random.SeedSequence([9, int(100 * law[0])]))
    drawn = multinomial.rvs(40, law, size=20_000, random_state=random)
    low, high = paired_interval(*drawn.T)
    held = float(((low <= law[0] - law[1]) & (law[0] - law[1] <= high)).mean())
    assert 0.94 < held < 0.99
    if law[0] == law[1]:
        kinds, often = np.unique(drawn, axis=0, return_counts=True)
        p = [paired(*(int(x) for x in kind)) for kind in kinds]
        for name in ("p_value", "mid_p"):
            small = np.array([getattr(one, name) <= 0.05 for one in p])
            assert (small * often).sum() / often.sum() < 0.05 + 3 * 0.0016


# Pairing


def test_rows_are_paired_by_index_whatever_their_order() -> None:
    first = rows([1, 0, 1, 0, 1])
    second = rows([0, 0, 1, 1, 1]).sample(frac=1, random_state=1)
    assert pair_up(first, second) == Pairs(b=1, c=1, both=2, neither=1)


def test_a_rollout_without_an_answer_on_a_side_has_no_pair() -> None:
    found = pair_up(rows([1, math.nan, 0]), rows([1, 1, math.nan, 0]))
    assert found == Pairs(b=0, c=0, both=1, neither=0, unpaired=5)


def test_what_tells_rows_apart_must_be_named() -> None:
    first = rows([1, 0], field=["reward", "score"]).assign(idx=0)
    with pytest.raises(ValueError, match="several rollouts of one table have the same idx"):
        pair_up(first, first)
    assert pair_up(first, first, on=["idx", "field"]).both == 1


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'idx' to pair by"):
        pair_up(pd.DataFrame({"off": [1.0]}), rows([1.0]))
