"""Confounds: bounds in closed form, and a constructed confounder that must vanish."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact
from statsmodels.stats.proportion import proportion_confint

import rewardgym
from rewardgym.metrics.confounds import (
    METHODS,
    NON_ANSWERS,
    EqualLength,
    at_equal_length,
    worst_case_bounds,
    worst_case_difference,
)
from rewardgym.metrics.rollouts import rollout_table
from rewardgym.outcomes import OTHERS


def table(**columns: list[int]) -> pd.DataFrame:
    size = len(columns["k"])
    return pd.DataFrame({**{name: [0] * size for name in NON_ANSWERS}, **columns})


# Non-answers


def test_the_bounds_count_every_non_answer_as_complied_or_as_gamed() -> None:
    found = worst_case_bounds(table(k=[10], n=[40], refused=[5], truncated=[5])).iloc[0]
    assert (found["missing"], found["worst_low"], found["worst_high"]) == (10, 0.2, 0.4)
    assert found["worst_low_low"] == pytest.approx(proportion_confint(10, 50, method="wilson")[0])
    assert found["worst_high_high"] == pytest.approx(proportion_confint(20, 50, method="wilson")[1])


def test_without_non_answers_the_bounds_are_the_rate_and_its_interval() -> None:
    found = worst_case_bounds(table(k=[10, 0], n=[40, 40]))
    assert found["worst_low"].tolist() == found["worst_high"].tolist() == [0.25, 0.0]
    assert found["worst_high_high"].round(3).tolist() == [0.402, 0.088]


def test_only_non_answers_leave_everything_open_and_no_reply_leaves_nothing() -> None:
    found = worst_case_bounds(table(k=[0, 0], n=[0, 0], empty=[8, 0]))
    assert found["worst_low"].tolist()[0] == 0.0
    assert found["worst_high"].tolist()[0] == 1.0
    assert found.loc[1, ["worst_low", "worst_high", "worst_low_low"]].isna().all()


@pytest.mark.parametrize("outcome", OTHERS)
def test_a_plain_answer_on_neither_side_and_an_error_are_no_missing_answer(outcome: str) -> None:
    found = worst_case_bounds(table(k=[1], n=[4], **{outcome: [5]})).iloc[0]
    assert found["missing"] == (0 if outcome in ("neither", "error") else 5)


def test_a_rates_table_of_a_run_takes_the_bounds(tmp_path: Path) -> None:
    run = rewardgym.sweep(
        ["scripted:game(0.3)"], rewardgym.grid(field=["reward", "cost"]), n=30, seed=0, out=tmp_path
    )
    found = worst_case_bounds(rewardgym.gaming_rates(run, by="field"))
    assert (found["worst_low"] <= found["rate"]).all()
    assert (found["rate"] <= found["worst_high"]).all()


def test_the_difference_is_bounded_by_the_worst_of_either_side() -> None:
    # Closed form: 10 of 40 and 10 not known against 0 of 40 and 10 not known.
    low, high = worst_case_difference([10, 1], [40, 1], [10, 0], [0, 0], [40, 0], [10, 0])
    assert (low[0], high[0]) == pytest.approx((10 / 50 - 10 / 50, 20 / 50 - 0.0))
    assert np.isnan([low[1], high[1]]).all()


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_whatever_the_missing_answers_were_the_bounds_hold_the_rate(
    k: int, complied: int, gamed: int, resisted: int
) -> None:
    total = k + complied + gamed + resisted
    found = worst_case_bounds(table(k=[k], n=[k + complied], refused=[gamed + resisted])).iloc[0]
    if total:
        assert found["worst_low"] - 1e-12 <= (k + gamed) / total <= found["worst_high"] + 1e-12


# Equal length


def made(
    rng: np.random.Generator, n: int, effect: float, shift: float, *, by_length: bool = True
) -> pd.DataFrame:
    """``n`` rollouts a group: the label shifts log length by ``shift`` and, besides, adds
    ``effect`` to a rate that rises with length."""
    label = np.repeat([1, 0], n)
    tokens = np.exp(rng.normal(6 + shift * label, 1)).round()
    rate = 1 / (1 + np.exp(7 - np.log(tokens))) if by_length else np.full(2 * n, 0.3)
    gamed = rng.random(2 * n) < np.clip(rate + effect * label, 0, 1)
    return pd.DataFrame({"label": label, "tokens": tokens, "gamed": gamed.astype(float)})


def compared(frame: pd.DataFrame, method: str = "strata", **options: int) -> EqualLength:
    return at_equal_length(
        frame, "label", "tokens", "gamed", groups=(1, 0), method=method, **options
    )


def many(
    method: str, effect: float, shift: float, runs: int = 200, n: int = 150
) -> list[EqualLength]:
    rng = np.random.default_rng(np.random.SeedSequence([4, 8, round(-10 * shift)]))
    return [compared(made(rng, n, effect, shift), method) for _ in range(runs)]


@pytest.mark.parametrize("method", METHODS)
def test_an_effect_that_is_only_length_vanishes_at_equal_length(method: str) -> None:
    found = many(method, 0.0, -1.0)
    assert np.mean([one.raw for one in found if one.raw is not None]) < -0.13
    assert abs(np.mean([one.difference for one in found])) < 0.015
    # Type-I error: 5% plus three standard errors of 200 runs.
    assert np.mean([(one.p_value or 0) <= 0.05 for one in found]) <= 0.05 + 0.046


@pytest.mark.parametrize("method", METHODS)
def test_a_true_effect_stays_at_equal_length(method: str) -> None:
    found = many(method, 0.2, -0.8)
    assert np.mean([one.raw for one in found if one.raw is not None]) < 0.12
    assert np.mean([one.difference for one in found]) == pytest.approx(0.2, abs=0.02)
    assert np.mean([(one.p_value or 1) <= 0.05 for one in found]) > 0.8
    held = [one.low <= 0.2 <= one.high for one in found if one.low is not None and one.high]
    assert np.mean(held) > 0.9


def test_the_interval_holds_a_true_difference_as_often_as_promised() -> None:
    # No confounder, so that the difference is the same in every stratum: 600 runs.
    rng = np.random.default_rng(np.random.SeedSequence([4, 9]))
    held = 0
    for _ in range(600):
        found = compared(made(rng, 60, 0.2, 0.0, by_length=False))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.2 <= found.high
    assert held / 600 == pytest.approx(0.95, abs=0.025)


def test_one_stratum_is_the_plain_difference_with_its_plain_variance() -> None:
    # Closed form: with one stratum of equal groups Sato's variance is the sum of p (1 - p) / n.
    gamed = [1] * 10 + [0] * 30 + [1] * 4 + [0] * 36
    frame = pd.DataFrame({"label": [1] * 40 + [0] * 40, "tokens": 100, "gamed": gamed})
    found = compared(frame)
    error = np.sqrt(0.25 * 0.75 / 40 + 0.1 * 0.9 / 40)
    assert (found.strata, found.used, found.difference) == (1, 80, pytest.approx(0.15))
    assert (found.low, found.high) == pytest.approx(
        (0.15 - 1.959964 * error, 0.15 + 1.959964 * error), abs=1e-6
    )
    # ... and the permutations of equal groups are Fisher's tables.
    assert found.p_value == pytest.approx(fisher_exact([[10, 30], [4, 36]])[1], abs=1e-9)


def test_strata_are_weighted_as_by_mantel_and_haenszel() -> None:
    # S. C. Newman, Biostatistical Methods in Epidemiology (2001), table 5.3: breast cancer deaths
    # by receptor level, in three stages: 2/12 and 5/55, 9/22 and 17/74, 12/14 and 9/15. The
    # estimate written out: sum (a n2 - b n1) / N over sum n1 n2 / N.
    counts = [(2, 12, 5, 55), (9, 22, 17, 74), (12, 14, 9, 15)]
    rows = [
        (label, tokens, float(i < k))
        for tokens, (k1, n1, k2, n2) in zip((10, 100, 1000), counts, strict=True)
        for label, k, n in ((1, k1, n1), (0, k2, n2))
        for i in range(n)
    ]
    frame = pd.DataFrame(rows, columns=["label", "tokens", "gamed"])
    found = compared(frame, strata=200)
    upper = (2 * 55 - 5 * 12) / 67 + (9 * 74 - 17 * 22) / 96 + (12 * 15 - 9 * 14) / 29
    lower = 12 * 55 / 67 + 22 * 74 / 96 + 14 * 15 / 29
    assert (found.strata, found.used) == (3, 192)
    assert found.difference == pytest.approx(upper / lower, abs=1e-12)


def test_matched_pairs_are_judged_as_by_mcnemar() -> None:
    # Pairs of equal length: the permutations flip the discordant ones, 9 and 2, with a fair coin.
    kinds = [(1, 0)] * 9 + [(0, 1)] * 2 + [(1, 1)] * 5 + [(0, 0)] * 14
    frame = pd.DataFrame(
        {
            "label": [1, 0] * len(kinds),
            "tokens": np.repeat(np.arange(1, len(kinds) + 1) * 10, 2),
            "gamed": [outcome for pair in kinds for outcome in pair],
        }
    )
    found = compared(frame, "match")
    assert (found.strata, found.used, found.unmatched) == (30, 60, 0)
    assert found.difference == pytest.approx(7 / 30)
    assert found.p_value == pytest.approx(binomtest(9, 11).pvalue, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_groups_that_share_no_length_have_no_difference(method: str) -> None:
    frame = pd.DataFrame(
        {"label": [1] * 20 + [0] * 20, "tokens": [10] * 20 + [1000] * 20, "gamed": [1, 0] * 20}
    )
    found = compared(frame, method)
    assert (found.difference, found.low, found.high, found.p_value) == (None,) * 4
    assert (found.strata, found.used, found.unmatched, found.support) == (0, 0, 40, None)
    assert found.raw == 0.0


def test_what_is_left_out_is_counted() -> None:
    frame = made(np.random.default_rng(np.random.SeedSequence([4, 10])), 100, 0.0, -0.5)
    frame.loc[:4, "gamed"] = np.nan
    frame.loc[5:7, "tokens"] = np.nan
    found = compared(frame)
    assert found.missing == 8
    assert found.used + found.unmatched == 192
    assert found.support is not None
    assert frame["tokens"].min() <= found.support[0] < found.support[1] <= frame["tokens"].max()


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(np.random.SeedSequence([4, 11]))
    frame = made(rng, 80, 0.1, -0.5)
    assert compared(frame) == compared(frame.sample(frac=1, random_state=1))


def test_the_rollouts_of_a_run_are_compared_and_a_label_that_is_off_is_a_group(
    tmp_path: Path,
) -> None:
    run = rewardgym.sweep(
        ["scripted:game(0.5)"],
        rewardgym.grid(field=["reward", "evaluation"], label=[None, "a test"]),
        n=40,
        seed=0,
        out=tmp_path,
        twins=False,
    )
    frame = rollout_table(run)
    found = at_equal_length(frame, "field", "visible_chars", "off")
    assert (found.groups, found.missing) == (("reward", "evaluation"), 0)
    assert found.raw is not None
    assert found.raw > 0.2
    found = at_equal_length(frame, "label", "visible_chars", "off")
    assert found.groups == ("none", "a test")


# Bad input


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (("lable", "tokens", "gamed"), {}, "unknown column 'lable'; .*mean 'label'"),
        (("label", "tokens", "gamed"), {"method": "pairs"}, "unknown method 'pairs'; allowed"),
        (("label", "tokens", "gamed"), {"groups": (1, 7)}, "unknown group of 'label' 7"),
        (("label", "tokens", "tokens"), {}, "must hold 0, 1 or nothing"),
        (("label", "tokens", "gamed"), {"strata": -1}, "strata is -1; allowed: 1 or more"),
        (("label", "tokens", "gamed"), {"level": 95}, "level is 95; allowed: above 0"),
        (("gamed", "label", "gamed"), {"groups": (0, 1, 2)}, "holds 3 groups; name the two"),
        (("label", "minus", "gamed"), {}, "holds lengths below 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    arguments: tuple[str, str, str], options: dict[str, object], said: str
) -> None:
    frame = made(np.random.default_rng(np.random.SeedSequence([4, 12])), 20, 0.0, 0.0)
    frame["minus"] = -1.0
    with pytest.raises(ValueError, match=said):
        at_equal_length(frame, *arguments, **options)  # type: ignore[arg-type]


def test_a_single_group_is_refused_with_what_to_do() -> None:
    frame = pd.DataFrame({"label": [1, 1], "tokens": [5, 6], "gamed": [0, 1]})
    with pytest.raises(ValueError, match="column 'label' holds 1 groups; name the two to compare"):
        at_equal_length(frame, "label", "tokens", "gamed")


def test_a_table_without_its_outcomes_is_refused() -> None:
    with pytest.raises(ValueError, match="the table has no column 'refused'"):
        worst_case_bounds(pd.DataFrame({"k": [1], "n": [2], "unreadable": [0]}))
