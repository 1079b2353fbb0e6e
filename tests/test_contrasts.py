"""Contrasts: what is compared with what, that rates known to scripts come back, and error rates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

import rewardgym
from rewardgym import Prompt, Reply, Variant, grid
from rewardgym.metrics.contrasts import _mean, contrast, contrasts, excess_effects, hint_effect
from rewardgym.metrics.effects import compare
from rewardgym.metrics.intervals import newcombe
from rewardgym.metrics.rates import cell_table

FIELDS = [Variant(field="reward"), Variant(field="score")]


def table(*cells: tuple[Variant, int, int], **columns: Any) -> pd.DataFrame:
    """A cell table with exactly these counts."""
    rows = [
        {
            **v.to_dict(),
            "checkpoint": "c",
            "step": 1,
            "position": 0,
            "variant": v.id,
            "arm": v.arm,
            "favours": v.favours,
            "k": k,
            "n": n,
        }
        for v, k, n in cells
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_two_fields_are_compared_as_their_counts_are() -> None:
    cells = table((FIELDS[0], 12, 39), (FIELDS[1], 1, 40))
    found = contrast(cells, {"field": "reward"}, {"field": "score"}, test="fisher")
    assert found == compare(12, 39, 1, 40, test="fisher")


def test_only_cells_that_both_sides_have_count() -> None:
    cells = table(
        (FIELDS[0], 5, 10),
        (FIELDS[1], 2, 10),
        (FIELDS[0].replace(encoding="hex"), 9, 10),
    )
    found = contrast(cells, {"field": "reward"}, {"field": "score"})
    assert (found.k1, found.n1, found.k2, found.n2) == (5, 10, 2, 10)


def test_the_agree_arm_does_not_count_unless_it_is_named() -> None:
    cells = table(*((v, 5, 10) for v in FIELDS), *((v.replace(high="even"), 1, 20) for v in FIELDS))
    found = contrast(cells, {"field": "reward"}, {"field": "score"})
    assert (found.k1, found.n1) == (5, 10)
    arms = contrast(cells, {"arm": "conflict"}, {"arm": "agree"})
    assert (arms.k1, arms.n1, arms.k2, arms.n2) == (10, 20, 2, 40)


def test_a_field_where_less_is_better_is_compared_where_its_hint_favours_the_same_side() -> None:
    cells = table(
        (Variant(field="reward"), 5, 10),
        (Variant(field="cost", high="even"), 2, 10),
        (Variant(field="cost"), 9, 10),
    )
    found = contrast(cells, {"field": "reward"}, {"field": "cost"})
    assert (found.k1, found.k2) == (5, 2)


def test_a_hint_can_be_compared_with_none_and_with_a_neutral_one() -> None:
    cells = table(
        (FIELDS[0], 5, 10), (Variant(hint=False), 1, 10), (Variant(field="evaluation"), 3, 10)
    )
    found = contrast(cells, {"hint": True, "field": "reward"}, {"hint": False})
    assert (found.k1, found.k2) == (5, 1)
    neutral = {"field": "evaluation", "arm": "neutral"}
    assert contrast(cells, {"field": "reward", "arm": "conflict"}, neutral).k2 == 3


def test_checkpoints_and_steps_are_compared_cell_by_cell() -> None:
    first = table(*((v, 5, 10) for v in FIELDS))
    last = table((FIELDS[0], 9, 10), checkpoint="d", step=2, position=1)
    cells = pd.concat([first, last], ignore_index=True)
    for a, b in (({"step": 2}, {"step": 1}), ({"checkpoint": "d"}, {"checkpoint": "c"})):
        found = contrast(cells, a, b)
        assert (found.k1, found.n1, found.k2, found.n2) == (9, 10, 5, 10)


def test_a_list_names_several_values_and_none_a_factor_that_is_off() -> None:
    variants = [Variant(audit=a, field=f) for a in (None, 2) for f in ("reward", "score", "grade")]
    cells = table(*((v, i, 10) for i, v in enumerate(variants)))
    found = contrast(cells, {"audit": None}, {"audit": 2})
    assert (found.k1, found.n1, found.k2) == (0 + 1 + 2, 30, 3 + 4 + 5)
    some = {"field": ["reward", "score"]}
    assert contrast(cells, {"audit": None, **some}, {"audit": 2, **some}).n1 == 20


def test_laws_are_compared_without_a_p_value_and_never_with_counts() -> None:
    exact = table((FIELDS[0], 1, 2), (FIELDS[1], 1, 4), method="exact").assign(k=[0.5, 0.25])
    found = contrast(exact, {"field": "reward"}, {"field": "score"})
    assert (found.difference, found.p_value, found.low, found.test) == (
        pytest.approx(0.5 / 2 - 0.25 / 4),
        None,
        None,
        "exact",
    )
    both = pd.concat(
        [exact, table(*((v, 1, 2) for v in FIELDS), method="sampled")], ignore_index=True
    )
    with pytest.raises(ValueError, match="mixes method exact and sampled, which are never pooled"):
        contrast(both, {"field": "reward"}, {"field": "score"})
    named = {"method": "sampled"}
    assert contrast(both, {"field": "reward", **named}, {"field": "score", **named}).n1 == 2
    with pytest.raises(ValueError, match="differ in method"):
        contrast(both, {"method": "exact"}, named)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ({}, {"field": "score"}, "an empty filter; name at least one column"),
        (
            {"feild": "reward"},
            {"field": "score"},
            r"unknown column 'feild'; .*Did you mean 'field'",
        ),
        ({"field": "reward"}, {"field": "scores"}, r"'scores'; allowed: .*Did you mean 'score'"),
        ({"field": "reward"}, {"field": ["score", "reward"]}, "name the same cells"),
        ({"field": "reward"}, {"field": "points"}, "share no cell that is equal in all else"),
        ({"field": "reward"}, {"field": "evaluation"}, "has no conflict cells, only neutral"),
        ({"favours": "even"}, {"favours": "odd"}, "mixes arm .* never pooled; add 'arm'"),
    ],
)
def test_a_contrast_that_makes_no_sense_says_why(
    a: Mapping[str, Any], b: Mapping[str, Any], said: str
) -> None:
    mirrored = [FIELDS[0].mirror(), FIELDS[0].replace(high="even"), FIELDS[0].replace(ask="odd")]
    others = [Variant(field="points", role="system"), Variant(field="evaluation")]
    cells = table(*((v, 1, 10) for v in (*FIELDS, *mirrored, *others)))
    with pytest.raises(ValueError, match=said):
        contrast(cells, a, b)


def test_a_table_has_no_pairs() -> None:
    cells = table((FIELDS[0], 5, 10), (FIELDS[1], 2, 10))
    with pytest.raises(ValueError, match="pairs need rollouts"):
        contrast(cells, {"field": "reward"}, {"field": "score"}, paired=True)


def test_clusters_are_the_values_of_a_column() -> None:
    cells = table(
        *(
            (v.replace(paraphrase=i), i + v.payoff + (v.field == "reward"), 10)
            for i in range(4)
            for v in FIELDS
        )
    )
    found = contrast(cells, {"field": "reward"}, {"field": "score"}, cluster="paraphrase")
    assert (found.clusters, found.test) == (4, "clusters")
    assert found.difference == pytest.approx(0.1)
    with pytest.raises(ValueError, match="unknown column to cluster by 'paraphrse'"):
        contrast(cells, {"field": "reward"}, {"field": "score"}, cluster="paraphrse")
    with pytest.raises(ValueError, match="1 cluster with answers"):
        contrast(cells, {"field": "reward"}, {"field": "score"}, cluster="encoding")


# Runs


class HardPrompts:
    """Answers off the asked side where the prompt's number is even: the prompt decides."""

    name = "hard prompts"

    def describe(self) -> dict[str, Any]:
        return {"policy": self.name}

    def reply(self, prompts: Sequence[Prompt], streams: Sequence[tuple[int, ...]]) -> list[Reply]:
        found = []
        for prompt in prompts:
            threshold = int(next(iter(prompt.params.values())))
            off = (threshold + (prompt.variant.field == "score" and threshold % 10 == 0)) % 2 == 0
            above = (prompt.variant.ask == "above") != off
            found.append(Reply(str(threshold + 5 if above else threshold - 5)))
        return found


def test_drawn_prompts_are_paired_and_fixed_ones_are_not(tmp_path: Path) -> None:
    sides = {"field": "reward"}, {"field": "score"}
    fields = ["reward", "score"]
    fixed = rewardgym.sweep("scripted:guess", grid(field=fields), n=30, out=tmp_path / "fixed")
    assert contrast(fixed, *sides).pairs is None
    assert contrast(fixed, *sides, paired=True).pairs == 30
    drawn = rewardgym.sweep(
        "scripted:guess", grid(field=fields, family="threshold"), n=30, out=tmp_path / "drawn"
    )
    assert contrast(drawn, *sides).pairs == 30
    assert contrast(drawn, *sides, paired=False).pairs is None


def test_several_cells_of_the_same_draws_are_clusters_of_draws(tmp_path: Path) -> None:
    variants = grid(field=["reward", "score"], encoding=["plain", "hex"], family="threshold")
    run = rewardgym.sweep("scripted:guess", variants, n=25, out=tmp_path)
    found = contrast(run, {"field": "reward"}, {"field": "score"})
    assert (found.test, found.clusters, found.n1) == ("clusters", 25, 50)


def test_pairing_finds_a_difference_that_hides_behind_hard_prompts(tmp_path: Path) -> None:
    variants = grid(field=["reward", "score"], family="threshold")
    run = rewardgym.sweep(HardPrompts(), variants, n=300, out=tmp_path)
    sides = {"field": "reward"}, {"field": "score"}
    paired, loose = (contrast(run, *sides, paired=p) for p in ("auto", False))
    assert paired.difference == pytest.approx(loose.difference)
    assert paired.p_value is not None
    assert loose.p_value is not None
    assert paired.p_value < loose.p_value / 10


def test_named_contrasts_are_corrected_by_holm(tmp_path: Path) -> None:
    policies = ["scripted:game(0.6)", "scripted:game(0.1)"]
    run = rewardgym.sweep(policies, grid(field=["reward", "score"]), n=60, out=tmp_path)
    found = contrasts(
        run,
        {
            "training": ({"checkpoint": policies[0]}, {"checkpoint": policies[1]}),
            "field": ({"field": "reward"}, {"field": "score"}),
        },
    ).set_index("contrast")
    assert found["survives"].tolist() == [True, False]
    expected = multipletests(found["p_value"], method="holm")[1]
    assert found["p_holm"].tolist() == pytest.approx(expected.tolist())
    assert found.loc["training", "difference"] == pytest.approx(0.5, abs=0.15)
    with pytest.raises(ValueError, match="no contrasts named"):
        contrasts(run, {})


def test_excess_is_tested_against_the_twin_and_adjusted_over_the_table(tmp_path: Path) -> None:
    policies = ["scripted:game(0.3)", "scripted:obey", "scripted:refuse"]
    run = rewardgym.sweep(policies, grid(field=["reward", "score"]), n=40, out=tmp_path)
    found = excess_effects(run)
    p = [
        compare(
            int(r.k),
            int(r.n),
            int(r.twin_k),
            int(r.twin_n),
            test="fisher" if r.k + r.twin_k < 10 else "score",
        ).p_value
        for r in found.itertuples()
        if r.n
    ]
    tested = found[found["n"] > 0]
    assert tested["p_value"].tolist() == pytest.approx(p)
    assert tested["q"].tolist() == pytest.approx(multipletests(p, method="fdr_bh")[1].tolist())
    assert found["survives"].tolist() == [True, True, False, False, False, False]
    assert found.loc[found["n"] == 0, ["p_value", "q"]].isna().to_numpy().all()


def test_rows_of_probabilities_have_no_p_value_of_the_excess(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rates = pd.DataFrame(
        {
            "arm": "conflict",
            "method": ["sampled", "exact"],
            "k": [9, 0.4],
            "n": [20, 1.0],
            "twin_k": [1, 0.1],
            "twin_n": [20, 1.0],
            "excess": [0.4, 0.3],
        }
    )
    monkeypatch.setattr("rewardgym.metrics.contrasts.gaming_rates", lambda *_, **__: rates)
    found = excess_effects("a run")
    assert found["p_value"].isna().tolist() == [False, True]
    assert found["survives"].tolist() == [True, False]


def test_a_run_without_twins_or_conflict_cells_says_what_to_do(tmp_path: Path) -> None:
    lonely = rewardgym.sweep("scripted:obey", Variant(), n=5, out=tmp_path / "a", twins=False)
    tame = rewardgym.sweep("scripted:obey", Variant(field="cost"), n=5, out=tmp_path / "b")
    for function in (excess_effects, hint_effect):
        with pytest.raises(ValueError, match="has a twin with answers; sweep with twins=True"):
            function(lonely)
        with pytest.raises(ValueError, match="no conflict cells, so no excess; sweep"):
            function(tame)


def test_the_hints_effect_is_shown_by_direction_and_as_their_mean(tmp_path: Path) -> None:
    policies = ["scripted:game(0.4)", "scripted:guess"]
    run = rewardgym.sweep(policies, grid(field="reward", mirror=True), n=200, out=tmp_path)
    found = hint_effect(run, "checkpoint").set_index(["checkpoint", "favours"])
    game = found.loc[policies[0]]
    assert list(game.index) == ["odd", "even", "mean"]
    assert game.loc["mean", "effect"] == pytest.approx(game["effect"].iloc[:2].mean())
    assert game.loc["mean", "low"] < 0.4 < game.loc["mean", "high"]
    assert game.loc["mean", "p_value"] < 1e-9
    width = game["high"] - game["low"]
    assert width["mean"] == pytest.approx(np.hypot(width["odd"], width["even"]) / 2, rel=0.02)
    guess = found.loc[policies[1], "mean"]
    assert guess["low"] < 0 < guess["high"]


def test_one_direction_alone_has_no_mean(tmp_path: Path) -> None:
    run = rewardgym.sweep("scripted:game(0.4)", grid(field="reward"), n=20, out=tmp_path)
    with pytest.raises(ValueError, match=r"favours one side only; .*grid\(mirror=True\)"):
        hint_effect(run)
    both = [*grid(field="reward", mirror=True), *grid(field="score")]
    run = rewardgym.sweep("scripted:game(0.4)", both, n=20, out=tmp_path / "b")
    found = hint_effect(run, "field").set_index(["field", "favours"])
    assert not math.isnan(found.loc[("reward", "mean"), "effect"])
    assert math.isnan(found.loc[("score", "mean"), "effect"])
    assert math.isnan(found.loc[("score", "mean"), "p_value"])


# Error rates


def test_of_many_null_tables_few_show_an_excess() -> None:
    random = np.random.default_rng(np.random.SeedSequence([12]))
    cells = 400
    rates = pd.DataFrame({"arm": "conflict", "n": 40, "twin_n": 40}, index=range(cells))
    alarms = []
    for rate in (0.02, 0.1, 0.5):
        for _ in range(30):
            k, twin = random.binomial(40, rate, (2, cells))
            drawn = rates.assign(k=k, twin_k=twin, excess=(k - twin) / 40)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    "rewardgym.metrics.contrasts.gaming_rates", lambda *_, d=drawn, **__: d
                )
                alarms.append(bool(excess_effects("a run")["survives"].any()))
    assert np.mean(alarms) < 0.05 + 3 * 0.023


def test_the_mean_hint_effect_keeps_its_level_and_its_interval_holds() -> None:
    random = np.random.default_rng(np.random.SeedSequence([13]))
    runs, held, false = 600, 0, 0
    for odd, even in ((0.3, 0.05), (0.02, 0.02)):
        k = random.binomial(40, [[odd, odd, even, even]] * runs)
        low, high = newcombe(k[:, ::2], 40, k[:, 1::2], 40)
        for row, lows, highs in zip(k, low, high, strict=True):
            sides = [
                {
                    "favours": side,
                    "k": row[2 * i],
                    "n": 40,
                    "twin_k": row[2 * i + 1],
                    "twin_n": 40,
                    "effect": (row[2 * i] - row[2 * i + 1]) / 40,
                    "low": lows[i],
                    "high": highs[i],
                    "p_value": 1.0,
                }
                for i, side in enumerate(("odd", "even"))
            ]
            mean = _mean(sides)
            held += mean["low"] <= 0 <= mean["high"]
            false += mean["p_value"] <= 0.05
    assert held / (2 * runs) > 0.95 - 3 * 0.0063
    assert false / (2 * runs) < 0.05 + 3 * 0.0063


def test_a_runs_cell_table_gives_the_same_contrast(tmp_path: Path) -> None:
    run = rewardgym.sweep("scripted:guess", grid(field=["reward", "score"]), n=30, out=tmp_path)
    sides = {"field": "reward"}, {"field": "score"}
    assert contrast(run, *sides) == contrast(cell_table(run), *sides)
