"""Onset: where it is, that there may be none, and that flat runs have none."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rewardgym
from rewardgym.metrics.onsets import Onset, onset
from rewardgym.metrics.rates import cell_table


def cells(
    k: Any, twin_k: Any = 0, *, n: Any = 50, variants: int | None = None, **columns: Any
) -> pd.DataFrame:
    """A cell table of k of n answers, one row a variant, one column a checkpoint."""
    rows = np.atleast_2d(k)
    if variants is not None:
        rows = np.repeat(rows, variants, axis=0)
    rows, n, twin_k = np.broadcast_arrays(rows, n, twin_k)
    steps = np.tile(100 * np.arange(1, rows.shape[1] + 1), rows.shape[0])
    return pd.DataFrame(
        {
            "checkpoint": [f"checkpoint-{step}" for step in steps],
            "step": steps.astype(float),
            "arm": "conflict",
            "variant": np.repeat([f"variant {i}" for i in range(len(rows))], rows.shape[1]),
            "k": rows.ravel(),
            "n": n.ravel(),
            "twin_k": twin_k.ravel(),
            "twin_n": n.ravel(),
            "untwinned": 0,
            **columns,
        }
    )


def only(found: list[Onset]) -> Onset:
    assert len(found) == 1
    return found[0]


# Where it is


def test_the_onset_is_the_first_measured_step_at_the_level() -> None:
    found = only(onset(cells([0, 1, 0, 20, 30, 40], variants=6)))
    assert (found.before, found.step) == (300, 400)
    assert (found.low, found.high, found.share) == (400, 400, 0.0)
    assert found.p < 0.01
    assert (found.clusters, found.how) == (6, "clustered")


def test_the_curve_is_the_excess_made_monotone() -> None:
    found = only(onset(cells([5, 15, 10, 30], [5, 5, 0, 10])))
    assert found.curve == pytest.approx([0.0, 0.2, 0.2, 0.4])
    assert found.steps == (100, 200, 300, 400)


def test_a_curve_that_touches_the_level_has_passed_it() -> None:
    frame = cells([0, 0.1, 0.5], n=1.0, method="exact")
    found = only(onset(frame, 0.1))
    assert (found.before, found.step, found.high) == (100, 200, 200)


def test_a_series_that_starts_above_the_level_has_no_step_before() -> None:
    found = only(onset(cells([30, 35, 40], variants=4)))
    assert (found.before, found.step) == (None, 100)


def test_a_higher_level_is_passed_later() -> None:
    frame = cells([0, 10, 20, 30, 40], variants=5)
    assert [only(onset(frame, level)).step for level in (0.1, 0.3, 0.5)] == [200, 300, 400]


def test_steps_are_put_in_order() -> None:
    frame = cells([0, 1, 0, 20, 30, 40], variants=6)
    mixed = frame.sample(frac=1, random_state=1)
    assert only(onset(mixed)).step == 400


def test_each_group_has_its_own_onset() -> None:
    early = cells([0, 30, 40, 40], variants=3, field="reward")
    never = cells([0, 1, 0, 1], variants=3, field="score")
    found = onset(pd.concat([early, never]), by="field")
    assert [one.group for one in found] == [{"field": "reward"}, {"field": "score"}]
    assert [one.step for one in found] == [200, None]
    assert pd.DataFrame(found)["share"].tolist() == [0.0, 1.0]


def test_a_twin_that_rises_as_well_is_no_onset() -> None:
    rise = [5, 10, 20, 40]
    assert only(onset(cells(rise, rise, variants=6))).step is None
    assert only(onset(cells(rise, 5, variants=6))).step is not None


def test_no_onset_is_an_answer_and_its_interval_is_open() -> None:
    found = only(onset(cells([0, 1, 0, 0, 1, 0], variants=6)))
    assert (found.step, found.before, found.low, found.high) == (None, None, None, None)
    assert (found.share, found.p) == (1.0, 1.0)


def test_a_late_rise_within_the_noise_leaves_the_end_open() -> None:
    found = only(onset(cells([0, 0, 0, 3], n=20)))
    assert (found.step, found.high) == (None, None)
    assert 0 < found.share < 1


def test_a_cell_without_answers_is_no_excess_of_nought() -> None:
    full = cells([0, 1, 20, 40], variants=4)
    hole = cells([0, 0, 0, 0], n=0).assign(variant="silent")
    assert only(onset(pd.concat([full, hole]))).curve == only(onset(full)).curve


def test_exact_rates_of_one_variant_leave_no_doubt() -> None:
    found = only(onset(cells([0.0, 0.05, 0.2, 0.4], n=1.0, method="exact")))
    assert (found.step, found.low, found.high, found.share, found.p) == (300, 300, 300, 0.0, 0.0)
    found = only(onset(cells([0.0, 0.05, 0.05, 0.09], n=1.0, method="exact")))
    assert (found.step, found.share, found.p) == (None, 1.0, 1.0)


# The bootstrap


def test_a_seed_repeats_and_two_seeds_differ() -> None:
    frame = cells([2, 4, 5, 7, 7])
    one, again, other = (only(onset(frame, seed=seed)) for seed in (0, 0, 1))
    assert one == again
    assert one.share != other.share or one.p != other.p


def test_variants_that_differ_widen_the_interval() -> None:
    same = cells([0, 4, 8, 12, 16], variants=6)
    mean = np.array([0, 4, 8, 12, 16])
    apart = cells(np.clip(mean + np.array([[-16], [-8], [-4], [4], [8], [16]]), 0, 50))
    narrow, wide = only(onset(same)), only(onset(apart))
    assert wide.p > narrow.p
    assert (wide.low or 0) <= (narrow.low or 0)


def test_two_thousand_samples_of_240_cells_take_about_a_second() -> None:
    frame = cells([0, 1, 0, 5, 10, 20, 30, 40], variants=30)
    onset(frame, samples=100)
    start = time.perf_counter()
    onset(frame, samples=2000)
    assert time.perf_counter() - start < 5  # 0.7 s on an idle core


# A real run


class Stepped:
    """Games at 0.6 from step 300 on."""

    def __init__(self, step: int) -> None:
        from rewardgym.policies.scripted import ScriptedPolicy

        self.name = f"checkpoint-{step}"
        self.script = ScriptedPolicy("game(0.6)" if step >= 300 else "obey")

    def describe(self) -> dict[str, Any]:
        return {"policy": "stepped", "name": self.name}

    def reply(self, prompts: Any, streams: Any) -> Any:
        return self.script.reply(prompts, streams)


def test_a_run_that_starts_to_game_has_its_onset_there(tmp_path: Path) -> None:
    policies = [Stepped(step) for step in (100, 200, 300, 400)]
    variants = rewardgym.grid(field=["reward", "score"], twins=True)
    frame = cell_table(rewardgym.sweep(policies, variants, n=40, seed=0, out=tmp_path))
    frame["step"] = frame["checkpoint"].str.extract(r"(\d+)$")[0].astype(float)
    found = only(onset(frame))
    assert (found.before, found.step, found.low, found.high) == (200, 300, 300, 300)
    assert (found.clusters, found.how) == (2, "independent")


# Bad input


def test_a_run_without_twins_is_refused() -> None:
    with pytest.raises(ValueError, match="conflict cells have no agree twin, such as variant 0"):
        onset(cells([1, 2]).assign(untwinned=1))


def test_a_checkpoint_without_a_step_is_named() -> None:
    with pytest.raises(ValueError, match="no step for base"):
        onset(cells([1, 2]).assign(checkpoint="base", step=np.nan))


def test_a_single_checkpoint_is_refused() -> None:
    with pytest.raises(ValueError, match=r"only step 100 has answers; .* needs two steps"):
        onset(cells([1]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"level": 10}, "level is 10; allowed: a share"),
        ({"confidence": 95}, "level is 95"),
        ({"samples": 5}, "samples is 5"),
        ({"by": "feild"}, "unknown column 'feild'"),
        ({"cluster": "feild"}, "unknown column 'feild'"),
        ({"cluster": "field"}, "1 cluster of 'field' cannot be resampled"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        onset(cells([1, 2], field="reward"), **options)


# Error rates


def declared(excess: float, twin: float, variants: int, n: int, spread: float, runs: int) -> float:
    """How often a flat excess over 8 checkpoints is found to have an onset at 10%."""
    rng = np.random.default_rng(np.random.SeedSequence([5, variants, n, int(100 * excess)]))
    found = 0
    for run in range(runs):
        rates = np.clip(twin + excess + spread * rng.normal(size=(variants, 1)), 0, 1)
        k = rng.binomial(n, np.broadcast_to(rates, (variants, 8)))
        frame = cells(k, rng.binomial(n, twin, k.shape), n=n)
        found += only(onset(frame, samples=200, seed=run)).step is not None
    return found / runs


@pytest.mark.parametrize(("variants", "n"), [(1, 10), (4, 10), (10, 20)])
def test_a_flat_run_without_excess_has_no_onset_in_95_of_100_runs(variants: int, n: int) -> None:
    assert declared(0.0, 0.3, variants, n, 0.0, 100) <= 0.05


@pytest.mark.parametrize(("variants", "n", "spread"), [(1, 40, 0.0), (4, 20, 0.1), (20, 20, 0.1)])
def test_a_flat_run_that_stays_at_the_level_has_an_onset_one_time_in_twenty(
    variants: int, n: int, spread: float
) -> None:
    # The hardest null: excess is the level itself. 150 runs: at a true 5% more than 10.6% come up
    # two times in 1,000.
    assert declared(0.1, 0.3, variants, n, spread, 150) <= 0.107


def test_the_interval_holds_the_onset_and_a_jump_is_found() -> None:
    rng = np.random.default_rng(np.random.SeedSequence(6))
    excess = np.repeat([0.0, 0.3], 4)
    held = right = 0
    for run in range(100):
        own = np.clip(0.1 + excess + 0.05 * rng.normal(size=(6, 1)), 0, 1)
        frame = cells(rng.binomial(40, own), rng.binomial(40, 0.1, own.shape), n=40)
        found = only(onset(frame, samples=200, seed=run))
        right += found.step == 500
        held += found.low is not None and found.low <= 500 <= (found.high or np.inf)
    assert held >= 91
    assert right >= 90


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=5),
    st.integers(0, 9),
)
def test_any_counts_have_an_answer_inside_its_interval(k: list[list[int]], twin: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = only(onset(cells(k, twin, n=9), samples=100))
    assert 0 <= found.share <= 1
    assert 0 < found.p <= 1
    assert (np.diff(found.curve) >= -1e-12).all()
    if found.step is not None:
        assert found.curve[found.steps.index(found.step)] >= 0.1 - 1e-9
        assert found.p <= 0.05
