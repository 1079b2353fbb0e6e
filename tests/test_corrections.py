"""Corrections: published examples, missing p-values, false alarms, and letters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardgym.metrics.corrections import MOST_TIED, benjamini_hochberg, holm, tied_groups
from rewardgym.metrics.effects import p_values


@pytest.fixture(autouse=True, scope="module")
def _no_collection() -> Iterator[None]:
    # statsmodels' multipletests collects garbage at every call, 50 ms in a full test process.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.collect", lambda *_: 0)
        yield


# Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57 (1995) 289-300,
# section 4.1: 15 hypotheses about thrombolysis.
EXAMPLE = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
]


def test_the_published_example_leaves_four_by_benjamini_hochberg_and_three_by_holm() -> None:
    assert (benjamini_hochberg(EXAMPLE) <= 0.05).sum() == 4
    assert (holm(EXAMPLE) <= 0.05).sum() == 3


def test_holm_has_its_closed_form() -> None:
    # The i-th smallest of m is multiplied by m - i + 1, never below the one before, at most 1.
    assert holm([0.04, 0.01, 0.03, 0.5]).tolist() == pytest.approx([0.09, 0.04, 0.09, 0.5])


def test_a_missing_p_value_stays_missing_and_is_no_test() -> None:
    for correct in (holm, benjamini_hochberg):
        found = correct([0.01, np.nan, 0.04])
        assert np.isnan(found).tolist() == [False, True, False]
        assert found[[0, 2]].tolist() == correct([0.01, 0.04]).tolist()
        assert np.isnan(correct([np.nan])).all()
        assert correct([]).size == 0


def test_a_p_value_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        holm([0.1, 1.2])


def test_what_is_given_is_not_changed() -> None:
    p = np.array([0.01, 0.02])
    holm(p)
    assert p.tolist() == [0.01, 0.02]


def test_under_the_null_hardly_a_run_has_a_false_alarm() -> None:
    random = np.random.default_rng(np.random.SeedSequence([10]))
    p = random.random((2000, 30))
    for correct in (holm, benjamini_hochberg):
        alarms = np.mean([(correct(row) <= 0.05).any() for row in p])
        assert alarms < 0.05 + 3 * 0.0049


# Letters


def test_rates_far_apart_have_letters_of_their_own() -> None:
    assert tied_groups([90, 50, 10], [100, 100, 100]) == ["a", "b", "c"]


def test_a_rate_between_two_groups_has_both_letters() -> None:
    # 30 is told apart from 55, and 42 from neither.
    assert tied_groups([55, 42, 30], [100, 100, 100]) == ["a", "ab", "b"]


def test_letters_stand_with_their_rows_and_a_is_the_highest() -> None:
    assert tied_groups([10, 90, 12], [100, 100, 100]) == ["b", "a", "b"]


def test_a_row_without_answers_has_no_letter() -> None:
    assert tied_groups([0, 5, 0], [0, 10, 10])[0] == ""
    assert tied_groups([0], [0]) == [""]
    assert tied_groups([3], [10]) == ["a"]
    assert tied_groups([], []) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=2, max_size=12),
    st.sampled_from(["holm", "benjamini-hochberg"]),
)
def test_two_rows_share_a_letter_exactly_where_they_are_not_told_apart(
    k: list[int], correction: str
) -> None:
    found = tied_groups(k, [60] * len(k), correction=correction)
    pairs = list(itertools.combinations(range(len(k)), 2))
    raw = [float(p_values(k[i], 60, k[j], 60)) for i, j in pairs]
    correct = {"holm": holm, "benjamini-hochberg": benjamini_hochberg}[correction]
    for (i, j), p in zip(pairs, correct(raw), strict=True):
        assert bool(set(found[i]) & set(found[j])) == (p > 0.05)
    # No letter is superfluous: none stands only where another does too.
    members = {
        letter: {i for i, own in enumerate(found) if letter in own} for letter in "".join(found)
    }
    for one, other in itertools.permutations(members, 2):
        assert not members[one] <= members[other]


def test_equal_rates_are_hardly_ever_told_apart() -> None:
    random = np.random.default_rng(np.random.SeedSequence([11]))
    runs = 400
    split = sum(set(tied_groups(k, [50] * 8)) != {"a"} for k in random.binomial(50, 0.3, (runs, 8)))
    assert split / runs < 0.05 + 3 * 0.011


def test_a_long_table_has_letters_in_time_and_a_longer_one_is_refused() -> None:
    k = np.random.default_rng(1).integers(0, 201, 60)
    assert all(tied_groups(k, np.full(60, 200)))
    with pytest.raises(ValueError, match=f"allowed: up to {MOST_TIED}"):
        tied_groups(np.ones(MOST_TIED + 1), np.full(MOST_TIED + 1, 9))


def test_an_unknown_correction_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown correction 'Holm'; .*Did you mean 'holm'"):
        tied_groups([1, 2], [9, 9], correction="Holm")
