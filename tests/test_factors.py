"""Factors: closed forms, statsmodels' own margins, separation, collinearity, honest error rates."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

import rewardgym
from rewardgym.metrics.factors import SHAPLEY_FACTORS, FactorEffects, factor_effects

LEVELS = {"field": ["reward", "score"], "encoding": ["plain", "hex", "base64"], "role": ["a", "b"]}


def cells(k: Any, *, n: int = 40, copies: int = 1, **levels: Any) -> pd.DataFrame:
    """One cell a combination of levels (and copy, a paraphrase); ``k`` counts or a function."""
    levels = levels or LEVELS
    rows = []
    for place, values in enumerate(itertools.product(*levels.values(), range(copies))):
        chosen = dict(zip([*levels, "paraphrase"], values, strict=True))
        hits = k(chosen) if callable(k) else np.ravel(k)[place]
        counts = {"k": hits, "n": n, "arm": "conflict", "checkpoint": "checkpoint-1"}
        rows.append({**chosen, **counts, "variant": f"variant {place}"})
    return pd.DataFrame(rows)


def effect(found: FactorEffects, factor: str, level: Any) -> pd.Series:
    table = found.effects
    chosen = table[(table["factor"] == factor) & (table["level"].map(lambda v: v == level))]
    assert len(chosen) == 1
    return chosen.iloc[0]


def share(found: FactorEffects, factor: str) -> float:
    return float(found.shares.set_index("factor")["share"][factor])


def by_field(reward: int, score: int) -> Callable[[dict[str, Any]], int]:
    return lambda chosen: {"reward": reward, "score": score}[chosen["field"]]


# Effects


def test_the_effect_of_one_factor_is_the_difference_of_its_rates() -> None:
    # Closed form: the logit with one dummy is saturated; the error is Wald's of two proportions.
    found = factor_effects(cells([10, 22], field=["reward", "score"]))
    row = effect(found, "field", "score")
    assert (row["reference"], row["n"], found.how) == ("reward", 40, "logit, independent")
    assert row["effect"] == pytest.approx(30.0)
    error = 100 * np.sqrt((0.25 * 0.75 + 0.55 * 0.45) / 40)
    assert [row["low"], row["high"]] == pytest.approx(
        [30 - 1.959964 * error, 30 + 1.959964 * error]
    )


def test_marginal_effects_are_statsmodels_own() -> None:
    rng = np.random.default_rng(0)
    frame = cells(rng.integers(5, 35, 4), field=["reward", "score"], role=["user", "system"])
    design = pd.DataFrame({"const": 1.0, "role": [0.0, 1, 0, 1], "field": [0.0, 0, 1, 1]})
    answers = np.concatenate([np.repeat([1.0, 0.0], [k, 40 - k]) for k in frame["k"]])
    rolled = design.loc[np.repeat(np.arange(4), 40)].reset_index(drop=True)
    margins = sm.Logit(answers, rolled).fit(disp=0).get_margeff(dummy=True)
    found = factor_effects(frame)
    assert found.how == "logit, independent"
    for place, (factor, level) in enumerate([("role", "system"), ("field", "score")]):
        row = effect(found, factor, level)
        assert row["effect"] == pytest.approx(100 * margins.margeff[place], rel=1e-5)
        low, high = 100 * margins.conf_int()[place]
        assert [row["low"], row["high"]] == pytest.approx([low, high], rel=1e-5)
        assert row["p"] == pytest.approx(margins.pvalues[place], rel=1e-4)


def test_p_values_are_holms_over_all_rows() -> None:
    table = factor_effects(cells(np.arange(12) + 8)).effects
    assert table["p_holm"].tolist() == pytest.approx(multipletests(table["p"], method="holm")[1])


def test_an_interaction_is_a_difference_of_differences() -> None:
    # 5/40, 10/40, 15/40, 36/40: (36 - 15) - (10 - 5) = 16 of 40.
    frame = cells([5, 10, 15, 36], field=["reward", "score"], role=["user", "system"])
    found = factor_effects(frame, interactions=[("field", "role")])
    row = effect(found, "field:role", ("score", "system"))
    assert row["reference"] == ("reward", "user")
    assert row["effect"] == pytest.approx(40.0)
    assert share(found, "field:role") > 0


def test_variants_are_clusters_where_there_are_enough_of_them() -> None:
    found = factor_effects(cells(np.arange(12) + 8))
    assert (found.how, found.clusters) == ("logit, clustered", 12)


def test_a_named_cluster_is_no_factor() -> None:
    rng = np.random.default_rng(1)
    frame = cells(rng.integers(5, 35, 24), copies=6, field=["reward", "score"], role=["a", "b"])
    found = factor_effects(frame, cluster="paraphrase")
    assert (found.how, found.clusters) == ("logit, clustered", 6)
    assert set(found.effects["factor"]) == {"field", "role"}
    assert "paraphrase" in set(factor_effects(frame).effects["factor"])


def test_checkpoints_are_a_factor() -> None:
    first = cells([8, 10], field=["reward", "score"])
    later = first.assign(k=[28, 30], checkpoint="checkpoint-2")
    found = factor_effects(pd.concat([first, later]))
    assert effect(found, "checkpoint", "checkpoint-2")["effect"] == pytest.approx(50, abs=0.1)


def test_a_missing_value_is_a_level() -> None:
    frame = cells([10, 20, 30], audit=[None, 2.0, 50.0])
    found = factor_effects(frame)
    assert found.effects["reference"].tolist() == [None, None]
    assert found.effects["effect"].tolist() == pytest.approx([25.0, 50.0])


def test_a_level_without_answers_has_no_effect_and_not_nought() -> None:
    frame = cells([10, 20, 0], encoding=["plain", "hex", "base64"])
    frame.loc[2, "n"] = 0
    found = factor_effects(frame)
    row = effect(found, "encoding", "base64")
    assert row["n"] == 0
    assert row[["effect", "low", "high", "p", "p_holm"]].isna().all()
    assert effect(found, "encoding", "hex")["effect"] == pytest.approx(25)


def test_only_the_conflict_arm_counts() -> None:
    frame = cells([10, 22], field=["reward", "score"])
    both = pd.concat([frame, frame.assign(arm="agree", k=40)])
    assert factor_effects(both).effects.equals(factor_effects(frame).effects)


# Separation


@pytest.mark.parametrize("copies", [1, 6])
@pytest.mark.parametrize(("reward", "score"), [(0, 0), (0, 40), (40, 40), (0, 13), (27, 40)])
def test_a_level_of_all_or_none_gives_an_interval_and_no_warning(
    reward: int, score: int, copies: int
) -> None:
    frame = cells(by_field(reward, score), copies=copies)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = factor_effects(frame, cluster="paraphrase" if copies > 1 else None)
    row = effect(found, "field", "score")
    assert found.how.startswith("linear")
    assert row["effect"] == pytest.approx(100 * (score - reward) / 40)
    assert row["low"] < row["effect"] < row["high"]
    assert (row["p"] < 0.05) == (score != reward)


# Shares


def test_a_factor_that_does_everything_has_the_whole_share() -> None:
    found = factor_effects(cells(by_field(4, 30)))
    assert share(found, "field") == pytest.approx(1.0)
    assert share(found, "encoding") == pytest.approx(0.0, abs=1e-9)
    assert found.shares_by == "shapley"


def test_shares_add_to_one_and_ignore_the_order_of_factors() -> None:
    frame = cells(np.random.default_rng(2).integers(2, 38, 12))
    one = factor_effects(frame, ["field", "encoding", "role"])
    two = factor_effects(frame, ["role", "encoding", "field"])
    assert one.shares["share"].sum() == pytest.approx(1.0)
    assert (one.shares["share"] >= 0).all()
    for name in ("field", "encoding", "role"):
        assert share(one, name) == pytest.approx(share(two, name), rel=1e-6)


def test_the_share_of_one_factor_is_its_deviance() -> None:
    # Closed form: one factor of two, its deviance over that of the constant rate.
    frame = cells([6, 10, 20, 26], field=["reward", "score"], role=["a", "b"])
    found = factor_effects(frame, ["field"])

    def deviance(rates: list[float]) -> float:
        p, q = frame["k"] / 40, np.array(rates)
        return float(80 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum())

    none, whole = deviance([62 / 160] * 4), deviance([0.2, 0.2, 0.575, 0.575])
    assert share(found, "field") == pytest.approx(1 - whole / none)


def test_shared_credit_is_halved_between_two_factors() -> None:
    # Shapley's value of two: the mean of the gain when entered first and when entered last, over
    # statsmodels' own deviances; uneven n make the factors overlap.
    frame = cells([6, 20, 12, 30], field=["reward", "score"], role=["a", "b"])
    frame = frame.assign(k=[6, 5, 3, 60], n=[60, 10, 10, 90])
    field, role = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])

    def deviance(*columns: Any) -> float:
        design = np.column_stack([np.ones(4), *columns])
        answers = frame[["k"]].assign(rest=frame["n"] - frame["k"])
        return float(sm.GLM(answers, design, family=sm.families.Binomial()).fit().deviance)

    none, both = deviance(), deviance(field, role)
    first, last = none - deviance(field), deviance(role) - both
    assert first > 1.2 * last
    assert share(factor_effects(frame), "field") == pytest.approx((first + last) / 2 / none)


def test_many_factors_are_left_out_one_by_one() -> None:
    names = [*("encode", "layout", "tag", "order", "role", "formula", "clause")]
    assert len(names) > SHAPLEY_FACTORS
    levels: dict[str, Any] = {name: [0, 1] for name in names}
    frame = cells(lambda c: 20 if c["tag"] else 10, **levels)
    found = factor_effects(frame)
    assert found.shares_by == "type III"
    assert share(found, "tag") == pytest.approx(1.0)


def test_without_variation_no_factor_has_a_share() -> None:
    assert factor_effects(cells(by_field(0, 0))).shares["share"].isna().all()


# Bad input


def test_collinear_factors_are_named() -> None:
    frame = cells(np.arange(12))
    frame["layout"] = frame["field"].map({"reward": "json", "score": "xml"})
    with pytest.raises(ValueError, match=r"^field, layout cannot be told apart"):
        factor_effects(frame)


def test_an_interaction_with_a_missing_combination_is_named() -> None:
    frame = cells([5, 10, 15, 36], field=["reward", "score"], role=["a", "b"]).iloc[:3]
    with pytest.raises(ValueError, match="field:role cannot be told apart"):
        factor_effects(frame, interactions=[("field", "role")])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"factors": ["feild"]}, "unknown factor 'feild'.*Did you mean 'field'"),
        ({"interactions": [("field", "rule")]}, "unknown factor 'rule'"),
        ({"factors": ["paraphrase"]}, "^paraphrase has no two levels"),
        ({"cluster": "variants"}, "unknown column 'variants'"),
        ({"cluster": "checkpoint"}, "1 cluster of 'checkpoint' cannot carry"),
        ({"level": 95}, "level is 95"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        factor_effects(cells(np.arange(12)), **options)


def test_a_run_in_which_nothing_varies_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^no factor has two levels"):
        factor_effects(cells([5], field=["reward"]))
    with pytest.raises(ValueError, match="no cells"):
        factor_effects(cells([5], field=["reward"]).iloc[:0])


def test_arms_are_never_pooled() -> None:
    frame = cells([5, 6], field=["cost", "evaluation"]).assign(arm=["agree", "neutral"])
    with pytest.raises(ValueError, match="never pooled: agree, neutral; filter"):
        factor_effects(frame)


# A real run and error rates


def test_a_script_that_reads_plain_text_only_is_found_out(tmp_path: Path) -> None:
    variants = rewardgym.grid(
        field=["reward", "score"], encoding=["plain", "hex"], order=["after", "before"], twins=True
    )
    run = rewardgym.sweep(["scripted:plain(0.6)"], variants, n=100, seed=0, out=tmp_path)
    found = factor_effects(run)
    row = effect(found, "encoding", "hex")
    assert row["low"] < -60 < row["high"] < 0
    assert share(found, "encoding") > 0.9
    assert (found.effects[found.effects["factor"] != "encoding"]["p_holm"] > 0.05).all()


@pytest.mark.parametrize(
    ("base", "spread"),
    [(0.3, 0.1), *(pytest.param(p, 0.0, marks=pytest.mark.slow) for p in (0.3, 0.02))],
)
def test_what_moves_nothing_is_found_at_most_one_time_in_twenty(
    base: float, spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # multipletests collects garbage at every call, which is most of the time spent here.
    monkeypatch.setattr("gc.collect", lambda: 0)
    # 100 runs of three null effects each. By Holm, any of them in at most 5% of the runs: more than
    # 12 come up two times in 1,000.
    rng = np.random.default_rng(np.random.SeedSequence([4, int(100 * base), int(10 * spread)]))
    frame = cells(np.zeros(12))
    rates = base + 0.2 * (frame["field"] == "score").to_numpy()
    family = held = 0
    for _ in range(100):
        own = np.clip(rates + spread * rng.normal(size=12), 0, 1)
        found = factor_effects(frame.assign(k=rng.binomial(40, own)))
        null = found.effects[found.effects["factor"] != "field"]
        family += bool((null["p_holm"] <= 0.05).any())
        row = effect(found, "field", "score")
        held += row["low"] <= 20 <= row["high"]
    assert family <= 12
    assert held >= 88


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=12, max_size=12))
@pytest.mark.slow
def test_any_counts_give_effects_inside_their_intervals_and_no_warning(k: list[int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = factor_effects(cells(k, n=8))
    table = found.effects
    assert ((table["low"] < table["effect"]) & (table["effect"] < table["high"])).all()
    assert table["p"].between(0, 1).all()
