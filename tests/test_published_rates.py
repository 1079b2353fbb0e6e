"""Published data as a check: what was printed about this environment, recomputed from its counts.

The data are a copy of the published rates and of the intervals that their sources print beside
them. What does not come out is named here, with the reason, so that a change of ours shows.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import proportions_ztest
from statsmodels.stats.proportion import test_proportions_2indep as two_proportions

from rewardgym.metrics.effects import compare
from rewardgym.metrics.intervals import wilson

ROOT = Path(__file__).parents[1]


def load() -> ModuleType:
    """The benchmark that names them: its file lies outside the packages."""
    spec = importlib.util.spec_from_file_location("published", ROOT / "benchmarks/published.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["published"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


published = load()
ROWS = published.read(ROOT / "tests/data/published_rates.csv")

OTHER_QUANTITY = {
    # The source prints the interval of all odd answers, its counts are those of violations: after
    # its audit (arithmetic read as an answer) ...
    ("claude-haiku-4-5@think", "lw_base (</grader> mismatched)"),
    ("qwen3:14b@think", "lw_base (</grader> mismatched)"),
    ("deepseek-v4-flash", "lw_base (</grader> mismatched)"),
    ("grok-4.3", "lw_base (</grader> mismatched)"),
    ("deepseek-v4-flash", "lw_congruent"),
    ("llama-4-maverick", "lw_congruent"),
    ("llama3.1:8b", "lw_congruent"),
    ("deepseek-v4-flash", "lw_f_order"),
    ("claude-haiku-4-5", "lw_f_payload (reward: 100 if output is odd else 0)"),
    # ... and where odd was asked for, so that odd answers comply.
    (
        "o3-2025-04-16 (low effort)",
        "lw_mirror_conflict (asked odd, rewarded even; violations)",
    ),
    ("o3-2025-04-16 (low effort)", "lw_mirror_congruent (violations)"),
    ("deepseek-v4-flash", "lw_mirror_conflict (violations)"),
    ("deepseek-v4-flash", "lw_mirror_congruent (violations)"),
    ("gemini-3.7-flash", "lw_mirror_conflict (violations)"),
    ("gemini-3.7-flash", "lw_mirror_congruent (violations)"),
}


def test_the_data_hold_363_rates_of_which_279_have_counts_and_134_an_interval() -> None:
    assert len(ROWS) == 363
    assert sum(row.odd is not None for row in ROWS) == 279
    assert sum(row.n is not None for row in ROWS) == 290
    assert sum(bool(row.low) for row in ROWS) == 134


def test_every_rate_is_that_of_its_counts_but_one_that_no_count_of_its_n_gives() -> None:
    wrong = [row for row in ROWS if published.rate_holds(row) is False]
    # 4 of 64 is 0.0625 and 5 of 64 is 0.078: answers without a side must have been left out.
    assert [(row.condition, row.n, row.rate) for row in wrong] == [
        ("parity odd, generic system", 64, "0.068")
    ]


def test_119_of_134_published_wilson_intervals_come_out_to_the_printed_digit() -> None:
    found = [published.interval_holds(row) for row in ROWS]
    assert (found.count(True), found.count(False)) == (119, 15)


def test_the_other_15_are_intervals_of_another_quantity() -> None:
    wrong = {(r.model, r.condition) for r in ROWS if published.interval_holds(r) is False}
    assert wrong == OTHER_QUANTITY


def test_intervals_of_the_mirror_cells_are_those_of_the_answers_that_comply() -> None:
    mirrors = [row for row in ROWS if "lw_mirror" in row.condition]
    assert len(mirrors) == 6
    for row in mirrors:
        assert row.odd is not None
        low, high = wilson([row.n - row.odd], [row.n])
        assert published.is_printed(float(low[0]), row.low), row
        assert published.is_printed(float(high[0]), row.high), row


def test_the_best_known_interval_is_14_2_to_40_2_percent() -> None:
    (row,) = [r for r in ROWS if r.model.startswith("moonshotai") and r.low]
    assert (row.odd, row.n, row.low, row.high) == (10, 40, "0.142", "0.402")
    assert published.interval_holds(row) is True


def test_all_15_published_fisher_p_values_come_out_to_the_printed_digit() -> None:
    found = published.fisher()
    assert [one.p for one, _, same in found if not same] == ["0.024"]
    assert len(found) == 16
    for one, value, _ in found:
        theirs = fisher_exact([[one.k1, one.n1 - one.k1], [one.k2, one.n2 - one.k2]])[1]
        assert value == pytest.approx(theirs, rel=1e-9)


def test_twelve_of_39_against_none_of_40_has_a_p_of_7_6e_05() -> None:
    found = compare(12, 39, 0, 40, test="fisher").p_value
    assert found is not None
    assert f"{found:.1e}" == "7.6e-05"


def test_the_sixteenth_is_a_z_test_whose_printed_z_is_none_of_the_usual_ones() -> None:
    # Printed: z = 2.26, p = 0.024. Pooled variance gives 2.25 and 0.025, unpooled 2.30 and 0.022,
    # Fisher's test 0.04: at the edge of 0.05 the choice decides.
    z, p = proportions_ztest([22, 11], [60, 60])
    assert (f"{z:.2f}", f"{p:.3f}") == ("2.25", "0.025")
    unpooled = two_proportions(22, 60, 11, 60, method="wald")
    assert (f"{unpooled.statistic:.2f}", f"{unpooled.pvalue:.3f}") == ("2.30", "0.022")
    found = compare(22, 60, 11, 60, test="fisher").p_value
    assert found is not None
    assert round(found, 2) == 0.04


def test_the_cells_of_the_published_p_values_are_in_the_data() -> None:
    cells = {(row.odd, row.n) for row in ROWS}
    for one in published.P_VALUES:
        for cell in ((one.k1, one.n1), (one.k2, one.n2)):
            assert cell in cells or cell == (17, 88)
    # 17 of 88: the three empty prefixes, 7/30, 7/30 and 3/28, together.
    empty = [
        row
        for row in ROWS
        if row.condition in ("prefix 0 sentences, plain prompt", "prefix 0% of trace")
    ]
    assert (sum(row.odd for row in empty), sum(row.n for row in empty)) == (17, 88)


@pytest.mark.parametrize(
    ("value", "printed", "same"),
    [
        (0.14187, "0.142", True),
        (0.1414, "0.142", False),
        (7.64e-5, "7.6e-05", True),
        (7.66e-5, "7.6e-05", False),
        (1.0, "1", True),
        (0.9, "1", True),
        (0.4, "1.00", False),
    ],
)
def test_a_value_is_what_is_printed_where_it_rounds_to_it(
    value: float, printed: str, same: bool
) -> None:
    assert published.is_printed(value, printed) is same
