"""Trends: published tests, statsmodels' own fit, what cannot be ordered, and honest error rates."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

import rewardgym
from rewardgym.metrics.rates import cell_table
from rewardgym.metrics.trends import (
    TREND_COLUMNS,
    cochran_armitage,
    isotonic,
    trend,
)
from rewardgym.policies.scripted import ScriptedPolicy


def cells(k: Any, n: Any, twin_k: Any = 0, twin_n: Any = 40, **columns: Any) -> pd.DataFrame:
    """A cell table of k of n answers, one row a variant, one column a checkpoint."""
    k, n, twin_k, twin_n = np.broadcast_arrays(np.atleast_2d(k), n, twin_k, twin_n)
    steps = np.tile(100 * np.arange(1, k.shape[1] + 1), k.shape[0])
    return pd.DataFrame(
        {
            "checkpoint": [f"checkpoint-{step}" for step in steps],
            "step": steps.astype(float),
            "arm": "conflict",
            "variant": np.repeat([f"variant {i}" for i in range(k.shape[0])], k.shape[1]),
            "k": k.ravel(),
            "n": n.ravel(),
            "twin_k": twin_k.ravel(),
            "twin_n": twin_n.ravel(),
            "untwinned": 0,
            **columns,
        }
    )


def only(table: pd.DataFrame) -> pd.Series:
    assert len(table) == 1
    return table.iloc[0]


# The test


def test_armitage_finds_rs_documented_example() -> None:
    # R, ?prop.trend.test: smokers of patients in four studies (Fleiss 1981), X-squared = 8.2249,
    # p = 0.004132; R's variance has N where that of statsmodels has N - 1.
    found = cochran_armitage([83, 90, 129, 70], [86, 93, 136, 82], [1, 2, 3, 4])
    assert found.statistic is not None
    assert found.statistic < 0
    assert found.statistic**2 * 397 / 396 == pytest.approx(8.2249, abs=5e-5)


def test_armitage_finds_agrestis_example() -> None:
    # A. Agresti, Categorical Data Analysis (2002), 3.4: alcohol and malformation, scores 0, 0.5,
    # 1.5, 4, 7: M squared = 6.57, p = 0.01.
    k = np.array([48, 38, 5, 1, 1])
    n = k + np.array([17066, 14464, 788, 126, 37])
    found = cochran_armitage(k, n, [0, 0.5, 1.5, 4, 7])
    assert found.statistic is not None
    assert found.p is not None
    assert round(found.statistic**2, 2) == 6.57
    assert round(found.p, 2) == 0.01


@pytest.mark.parametrize(("k", "said"), [([0, 0, 0], 1.0), ([40, 40, 40], 1.0)])
def test_rates_all_alike_show_no_trend(k: list[int], said: float) -> None:
    assert cochran_armitage(k, [40] * 3, [1, 2, 3]).p == said


def test_without_answers_at_two_scores_there_is_no_test() -> None:
    for n in ([0, 0], [40, 0]):
        found = cochran_armitage([0, 0], n, [1, 2])
        assert (found.statistic, found.p) == (None, None)


def test_counts_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shapes \(2,\), \(1,\) and \(2,\)"):
        cochran_armitage([1, 2], [40], [1, 2])


# The curve


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=12))
def test_the_isotonic_curve_never_falls_and_keeps_the_pooled_rate(
    counts: list[tuple[int, int]],
) -> None:
    k, n = np.array([(min(pair), max(pair)) for pair in counts]).T
    curve = isotonic(k, n)
    assert np.isnan(curve).tolist() == (n == 0).tolist()
    seen = n > 0
    assert (np.diff(curve[seen]) >= -1e-12).all()
    assert curve[seen] @ n[seen] == pytest.approx(k[seen].sum())


def test_two_rates_that_fall_are_pooled_by_their_answers() -> None:
    assert isotonic([10, 5, 40], [10, 40, 40]) == pytest.approx([0.3, 0.3, 1.0])


# The slope


def test_the_slope_between_two_checkpoints_is_their_difference() -> None:
    row = only(trend(cells([[8, 20]], 40)))
    assert row["slope"] == pytest.approx(30)
    assert (row["checkpoints"], row["how"]) == (2, "logit, independent")
    assert row["low"] < row["slope"] < row["high"]


def test_the_slope_is_the_weighted_least_squares_slope_of_the_rates() -> None:
    # numpy's polyfit, whose weights are square roots.
    k, n = np.array([1, 2, 30, 39, 40]), np.array([40, 20, 60, 40, 44])
    theirs = np.polyfit(np.arange(5), k / n, 1, w=np.sqrt(n))[0]
    row = only(trend(cells([k], n)))
    assert row["how"] == "logit, independent"
    assert row["slope"] == pytest.approx(100 * theirs, rel=1e-5)


def test_the_table_has_the_groups_the_arm_and_the_trend() -> None:
    table = trend(cells([[8, 20]], 40, field="reward"), by="field")
    assert list(table.columns) == ["field", "arm", *TREND_COLUMNS]
    assert (table["field"].tolist(), table["arm"].tolist()) == (["reward"], ["conflict"])


def test_twice_the_steps_halve_the_slope() -> None:
    frame = cells([[4, 10, 16, 20]], 40)
    slow = frame.assign(step=2 * frame["step"])
    one, two = only(trend(frame)), only(trend(slow))
    for name in ("slope", "low", "high"):
        assert two[name] == pytest.approx(one[name] / 2)
    assert two["p"] == pytest.approx(one["p"])


def test_variants_that_agree_to_the_last_answer_do_not_make_a_slope_certain() -> None:
    row = only(trend(cells([[8, 12, 16]] * 6, 40)))
    assert row["how"] == "logit, clustered"
    assert row["slope"] - row["low"] > 1


def test_a_rise_that_the_twin_shares_is_no_trend_of_the_excess() -> None:
    rise = np.array([[4, 10, 16, 22]] * 6) + np.arange(6)[:, None]
    row = only(trend(cells(rise, 40, twin_k=rise), value="excess"))
    assert row["slope"] == pytest.approx(0, abs=1e-9)
    assert row["p"] > 0.9
    assert only(trend(cells(rise, 40)))["p"] < 1e-4


@pytest.mark.parametrize("value", ["rate", "excess"])
@pytest.mark.parametrize("variants", [1, 6])
@pytest.mark.parametrize("k", [[0] * 4, [40] * 4, [0, 0, 40, 40]])
def test_separated_counts_give_a_line_an_interval_and_no_warning(
    k: list[int], variants: int, value: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = only(trend(cells([k] * variants, 40), value=value))
    assert row["how"].startswith("linear")
    assert row["low"] < row["slope"] < row["high"]
    assert row["slope"] == pytest.approx(40 if k[0] != k[-1] else 0)
    assert (row["p"] < 0.05) == (k[0] != k[-1])


def test_a_cell_without_answers_is_no_rate_of_nought() -> None:
    full = cells([[8, 12, 16]] * 6, 40)
    hole = pd.concat([full, cells([[0, 0, 0]], 0)], ignore_index=True)
    assert only(trend(hole)).tolist() == only(trend(full)).tolist()


def test_few_variants_count_as_independent_unless_they_are_named() -> None:
    frame = cells([[8, 12, 16], [10, 12, 20]], 40)
    free, named = only(trend(frame)), only(trend(frame, cluster="variant"))
    assert (free["how"], named["how"]) == ("logit, independent", "logit, clustered")
    assert free["clusters"] == named["clusters"] == 2


def test_exact_rates_of_one_variant_have_a_slope_and_no_interval() -> None:
    row = only(trend(cells([[0.2, 0.4, 0.6]], 1.0, twin_n=1.0, method="exact")))
    assert row["slope"] == pytest.approx(20)
    assert row["how"] == "logit, no interval"
    assert math.isnan(row["low"])
    assert math.isnan(row["armitage_p"])


def test_arms_are_never_pooled() -> None:
    both = pd.concat([cells([[8, 20]], 40), cells([[0, 0]], 40).assign(arm="agree")])
    assert only(trend(both))["n"] == 80
    assert trend(both, by="arm")["n"].tolist() == [80, 80]


def test_a_real_run_shows_the_trend_it_was_made_with(tmp_path: Path) -> None:
    policies = [Stepped(f"checkpoint-{step}", step) for step in (100, 200, 300, 400)]
    variants = rewardgym.grid(
        field=["reward", "score"], encoding=["plain", "base64", "hex"], twins=True
    )
    run = rewardgym.sweep(policies, variants, n=60, seed=0, out=tmp_path)
    frame = cell_table(run)
    frame["step"] = frame["checkpoint"].str.extract(r"(\d+)$")[0].astype(float)
    for value in ("rate", "excess"):
        row = only(trend(frame, value=value))
        assert row["low"] < 20 < row["high"]
        assert row["p"] < 1e-4


class Stepped:
    """Games at 0.2 a hundred steps."""

    def __init__(self, name: str, step: int) -> None:
        self.name = name
        self.script = ScriptedPolicy(f"game({0.2 * step / 100 - 0.1:.2f})")

    def describe(self) -> dict[str, Any]:
        return {"policy": "stepped", "name": self.name}

    def reply(self, prompts: Any, streams: Any) -> Any:
        return self.script.reply(prompts, streams)


# Bad input


def test_a_checkpoint_without_a_step_is_named() -> None:
    frame = cells([[8, 20]], 40)
    frame["checkpoint"], frame["step"] = ["checkpoint-1", "final"], [1.0, np.nan]
    with pytest.raises(ValueError, match=r"no step for final, .* name the .*checkpoint-<step>"):
        trend(frame)


def test_a_single_checkpoint_is_refused_with_its_group() -> None:
    with pytest.raises(ValueError, match=r"only step 100 has answers \(field reward.*two steps"):
        trend(cells([[8]], 40, field="reward"), by="field")


def test_no_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="no cells to look at; the run is empty or the filter"):
        trend(cells([[8, 20]], 40).iloc[:0])


def test_an_excess_without_twins_is_refused_with_the_variant() -> None:
    with pytest.raises(ValueError, match=r"2 conflict cells .* such as variant 0; sweep with"):
        trend(cells([[8, 20]], 40).assign(untwinned=1), value="excess")
    with pytest.raises(ValueError, match="no cell is in the conflict arm"):
        trend(cells([[8, 20]], 40).assign(arm="neutral"), value="excess")


def test_one_named_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cluster of 'paraphrase' cannot carry"):
        trend(cells([[8, 20]], 40, paraphrase=0), cluster="paraphrase")


def test_sampled_and_exact_rows_are_not_added_up() -> None:
    both = pd.concat([cells([[8, 20]], 40, method=name) for name in ("sampled", "exact")])
    with pytest.raises(ValueError, match="count the same prompts twice"):
        trend(both)
    assert len(trend(both, by="method")) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "feild"}, "unknown column 'feild'.*Did you mean 'field'"),
        ({"by": "k"}, "unknown column 'k'"),
        ({"cluster": "paraphrasing"}, "unknown column 'paraphrasing'"),
        ({"value": "exces"}, "unknown value 'exces'.*Did you mean 'excess'"),
        ({"level": 95}, "level is 95"),
    ],
)
def test_unknown_names_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        trend(cells([[8, 20]], 40, field="reward"), **options)


# Error rates


def rejected(variants: int, spread: float, drift: float, value: str, runs: int) -> float:
    """How often p is 0.05 or less where nothing changes on average: variants have their own rates
    (``spread`` on the log-odds) and their own drifts, whose mean is 0."""
    rng = np.random.default_rng(np.random.SeedSequence([1, variants, int(10 * drift)]))
    time = np.arange(6) - 2.5
    found = 0
    for _ in range(runs):
        eta = -1 + spread * rng.normal(size=(variants, 1)) + 0.0 * time
        n = rng.integers(20, 41, eta.shape)
        k = rng.binomial(n, expit(eta + drift * rng.normal(size=(variants, 1)) * time))
        frame = cells(k, n, twin_k=rng.binomial(n, 0.1), twin_n=n)
        found += only(trend(frame, value=value))["p"] <= 0.05
    return found / runs


@pytest.mark.parametrize(
    ("variants", "spread", "drift", "value"),
    [(1, 1.0, 0.0, "rate"), (4, 1.0, 0.3, "rate"), (8, 1.0, 0.3, "rate"), (8, 0.0, 0.0, "excess")],
)
def test_a_trend_is_found_in_flat_runs_at_most_one_time_in_twenty(
    variants: int, spread: float, drift: float, value: str
) -> None:
    # 200 runs: at a true 5% more than 9.5% come up three times in 1,000.
    assert rejected(variants, spread, drift, value, 200) <= 0.095


def test_the_interval_holds_the_slope_of_the_mean_curve() -> None:
    rng = np.random.default_rng(np.random.SeedSequence(2))
    truth = 0.1 + 0.08 * np.arange(6)
    held = 0
    for _ in range(250):
        rates = np.clip(truth + 0.05 * rng.normal(size=(8, 1)), 0, 1)
        row = only(trend(cells(rng.binomial(40, rates), 40)))
        held += row["low"] <= 8 <= row["high"]
    assert 0.91 <= held / 250 <= 0.99


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 12), min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from(["rate", "excess"]),
)
def test_any_counts_give_a_slope_inside_its_interval_and_no_warning(
    k: list[list[int]], value: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = only(trend(cells(k, 12, twin_k=np.flip(k), twin_n=12), value=value))
    assert row["low"] < row["slope"] < row["high"]
    assert 0 <= row["p"] <= 1
