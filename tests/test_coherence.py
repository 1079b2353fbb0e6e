"""Coherence: scripted truths, what is compared with what, and that the interval holds the truth."""

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
from scipy.stats import ttest_ind

import rewardgym
from rewardgym import Variant
from rewardgym.metrics.coherence import COHERENCE_COLUMNS, polarity_contrast
from rewardgym.metrics.intervals import newcombe

FIELDS = ["reward", "score", "cost", "loss"]


def cells(*counts: tuple[str, float, float], **factors: Any) -> pd.DataFrame:
    """One cell a (field, k, n), with the formula on the side not asked for."""
    rows = []
    for field, k, n in counts:
        variant = Variant(field=field, **factors)
        place = {"checkpoint": "checkpoint-1", "variant": variant.id, "arm": variant.arm}
        rows.append({**variant.to_dict(), **place, "k": k, "n": n})
    return pd.DataFrame(rows)


def only(table: pd.DataFrame) -> pd.Series:
    assert len(table) == 1
    return table.iloc[0]


# Scripted truths


@pytest.mark.parametrize(
    ("policy", "truth"), [("high(0.9)", 0.0), ("paid(0.9)", 0.9), ("game(0.9)", 0.9), ("obey", 0.0)]
)
def test_a_script_has_the_coherence_it_was_written_with(
    policy: str, truth: float, tmp_path: Path
) -> None:
    variants = rewardgym.grid(field=FIELDS, high=["odd", "even"])
    run = rewardgym.sweep([f"scripted:{policy}"], variants, n=200, seed=0, out=tmp_path)
    row = only(polarity_contrast(run))
    assert row["coherence"] == pytest.approx(truth, abs=0.06)
    assert row["coherence_low"] <= truth <= row["coherence_high"]
    assert row["coherence_how"] == "clustered by field"
    assert math.isnan(row["over_unknown"])


def test_a_run_can_be_compared_by_checkpoint(tmp_path: Path) -> None:
    policies = ["scripted:high(0.9)", "scripted:game(0.9)"]
    run = rewardgym.sweep(policies, rewardgym.grid(field=FIELDS), n=100, seed=0, out=tmp_path)
    table = polarity_contrast(run, by="checkpoint")
    assert list(table.columns) == ["checkpoint", *COHERENCE_COLUMNS]
    assert table["coherence"].tolist() == pytest.approx([0.0, 0.9], abs=0.09)


# What is compared with what


def test_one_field_a_side_has_newcombes_interval() -> None:
    row = only(polarity_contrast(cells(("reward", 36, 40), ("cost", 4, 50))))
    assert (row["more_k"], row["more_n"], row["less_k"], row["less_n"]) == (36, 40, 4, 50)
    assert row["coherence"] == pytest.approx(36 / 40 - 4 / 50)
    low, high = newcombe(36, 40, 4, 50)
    assert [row["coherence_low"], row["coherence_high"]] == pytest.approx([float(low), float(high)])
    assert row["coherence_how"] == "independent"


def test_several_fields_a_side_have_welchs_interval_over_fields() -> None:
    row = only(
        polarity_contrast(
            cells(("reward", 30, 40), ("score", 20, 40), ("cost", 4, 40), ("loss", 8, 40))
        )
    )
    theirs = ttest_ind([0.75, 0.5], [0.1, 0.2], equal_var=False).confidence_interval()
    assert row["coherence"] == pytest.approx(50 / 80 - 12 / 80)
    assert row["coherence_low"] == pytest.approx(theirs.low)
    assert row["coherence_high"] == pytest.approx(min(theirs.high, 1.0))


def test_fields_that_agree_keep_the_sampling_error() -> None:
    counts = [(field, 40 if field in ("reward", "score") else 0, 40) for field in FIELDS]
    row = only(polarity_contrast(cells(*counts)))
    assert row["coherence"] == 1.0
    assert row["coherence_low"] == pytest.approx(float(newcombe(80, 80, 0, 80)[0]))


def test_fields_of_unknown_polarity_are_the_second_number() -> None:
    row = only(
        polarity_contrast(cells(("reward", 36, 40), ("cost", 4, 40), ("evaluation", 20, 40)))
    )
    assert (row["unknown_k"], row["unknown_n"]) == (20, 40)
    assert row["over_unknown"] == pytest.approx(0.4)
    assert row["coherence"] == pytest.approx(0.8)


def test_a_formula_that_pays_the_asked_side_is_left_out() -> None:
    base = cells(("reward", 36, 40), ("cost", 4, 40))
    other = cells(("reward", 0, 40), ("cost", 40, 40), high="even")
    both = pd.concat([base, other])
    assert only(polarity_contrast(both)).tolist() == pytest.approx(
        only(polarity_contrast(base)).tolist(), nan_ok=True
    )


def test_only_cells_that_differ_in_nothing_but_the_field_are_compared() -> None:
    base = cells(("reward", 36, 40), ("cost", 4, 40))
    alone = cells(("reward", 0, 40), encoding="base64")
    elsewhere = cells(("cost", 40, 40)).assign(checkpoint="checkpoint-2")
    row = only(polarity_contrast(pd.concat([base, alone, elsewhere])))
    assert row["coherence"] == pytest.approx(0.8)
    assert row["unmatched"] == 2


def test_a_cell_without_answers_is_no_data() -> None:
    frame = pd.concat(
        [
            cells(("reward", 36, 40), ("cost", 0, 0)),
            cells(("reward", 36, 40), ("cost", 4, 40), encoding="hex"),
        ]
    )
    table = polarity_contrast(frame, by="encoding")
    assert math.isnan(table["coherence"][0])
    assert table["coherence_how"].tolist() == ["no data", "independent"]
    assert table["coherence"][1] == pytest.approx(0.8)


def test_exact_rates_of_one_field_a_side_have_no_interval() -> None:
    row = only(
        polarity_contrast(cells(("reward", 0.9, 1.0), ("cost", 0.1, 1.0)).assign(method="exact"))
    )
    assert row["coherence"] == pytest.approx(0.8)
    assert math.isnan(row["coherence_low"])


def test_a_declared_polarity_counts() -> None:
    row = only(polarity_contrast(cells(("utility:+1", 36, 40), ("utility:-1", 4, 40))))
    assert row["coherence"] == pytest.approx(0.8)


# Bad input


def test_fields_of_one_sign_are_refused_with_what_to_add() -> None:
    with pytest.raises(
        ValueError, match=r"\+1: reward; -1: none; sweep, for instance, field=\['reward', 'cost'\]"
    ):
        polarity_contrast(cells(("reward", 1, 2), ("evaluation", 1, 2)))


@pytest.mark.parametrize("name", ["field", "arm", "variant"])
def test_the_contrast_cannot_be_grouped_by_what_it_compares(name: str) -> None:
    with pytest.raises(ValueError, match=f"between fields, so it cannot be grouped by '{name}'"):
        polarity_contrast(cells(("reward", 1, 2), ("cost", 1, 2)), by=name)


def test_an_empty_filter_is_refused() -> None:
    with pytest.raises(ValueError, match="no cells to look at"):
        polarity_contrast(cells(("reward", 1, 2)).iloc[:0])


# Error rates


@pytest.mark.parametrize(
    ("fields", "spread"),
    [(2, 0.1), *(pytest.param(f, s, marks=pytest.mark.slow) for f, s in ((1, 0.0), (4, 0.1)))],
)
def test_the_interval_holds_the_truth(fields: int, spread: float) -> None:
    # 150 runs: at a true 95% fewer than 89.3% come up three times in 1,000.
    rng = np.random.default_rng(np.random.SeedSequence([3, fields]))
    more, less = ["reward", "score", "points", "grade"], ["cost", "loss", "penalty", "error"]
    names = [*more[:fields], *less[:fields]]
    rates = np.repeat([0.6, 0.3], fields)
    frame = cells(*((name, 0, 40) for name in names))
    held = 0
    for _ in range(150):
        own = np.clip(rates + spread * rng.normal(size=len(names)), 0, 1)
        row = only(polarity_contrast(frame.assign(k=rng.binomial(40, own))))
        held += row["coherence_low"] <= 0.3 <= row["coherence_high"]
    assert held / 150 >= 0.893


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=4, max_size=4))
def test_any_counts_give_a_number_inside_its_interval_and_no_warning(k: list[int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = only(polarity_contrast(cells(*((f, c, 20) for f, c in zip(FIELDS, k, strict=True)))))
    assert -1 <= row["coherence_low"] <= row["coherence"] <= row["coherence_high"] <= 1
    assert row["coherence_low"] < row["coherence_high"]
