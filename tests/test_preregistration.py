"""Preregistration: what a plan may say, its hash, and what the rule makes of known counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

import rewardgym
from rewardgym.metrics.effects import compare
from rewardgym.metrics.preregistration import (
    RULE,
    Answer,
    Plan,
    PlanError,
    answer_plan,
    answer_table,
    exploratory,
    plan_from,
    read_plan,
)
from rewardgym.metrics.rates import cell_table

TEXT = """
name = "fields"
alpha = 0.05
n = 30

[[hypothesis]]
id = "H1"
text = "reward is gamed more than a name without meaning"
first = { field = "reward" }
second = { field = ["evaluation", "zorp"] }
direction = "greater"
smallest = 0.05

[[hypothesis]]
id = "H2"
text = "hardly any model games a loss"
first = { field = "loss", arm = "conflict" }
level = 0.1
direction = "less"
n = 40
"""


def written(folder: Path, text: str = TEXT) -> Path:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def stated(**changes: Any) -> dict[str, Any]:
    """One hypothesis about fields a and b."""
    kept = {"id": "H1", "first": {"field": "a"}, "second": {"field": "b"}, "direction": "greater"}
    kept.update(changes)
    return {key: value for key, value in kept.items() if value is not None}


def planned(*hypotheses: dict[str, Any], n: int = 1) -> Plan:
    return plan_from({"name": "x", "n": n, "hypothesis": list(hypotheses)})


def cells(**counts: tuple[int, int]) -> pd.DataFrame:
    """One conflict cell a field."""
    return pd.DataFrame(
        [{"field": f, "arm": "conflict", "k": k, "n": n} for f, (k, n) in counts.items()]
    )


def only(table: pd.DataFrame, **changes: Any) -> Answer:
    (answer,) = answer_plan(planned(stated(**changes)), table)
    return answer


# Reading


def test_a_plan_reads_as_it_is_written(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path))
    first, second = plan.hypotheses
    assert (plan.name, plan.alpha, len(plan.hypotheses)) == ("fields", 0.05, 2)
    assert dict(first.first) == {"field": ("reward",)}
    assert first.second is not None
    assert dict(first.second) == {"field": ("evaluation", "zorp")}
    assert (first.level, first.smallest, first.n, first.direction) == (None, 0.05, 30, "greater")
    assert (second.second, second.level, second.smallest, second.n) == (None, 0.1, 0.0, 40)


def test_the_hash_is_of_what_the_plan_says_and_not_of_how_it_is_written(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path))
    head, first, second = TEXT.replace("alpha = 0.05\n", "").split("[[hypothesis]]")
    id_, *others = first.strip().splitlines()
    moved = "\n\n".join([*others, id_.replace(" = ", "=")])
    same = f"# a comment\nalpha=5e-2\n{head}[[hypothesis]]\n{moved}\n[[hypothesis]]{second}"
    assert read_plan(written(tmp_path, same)).sha256 == plan.sha256
    assert len(plan.sha256) == 64


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("alpha = 0.05", "alpha = 0.01"),
        ("n = 30", "n = 31"),
        ('"zorp"', '"zarp"'),
        ("smallest = 0.05", ""),
        ("level = 0.1", "level = 0.2"),
        ('direction = "less"', 'direction = "different"'),
        ("hardly any", "no"),
    ],
)
def test_any_change_of_content_changes_the_hash(tmp_path: Path, old: str, new: str) -> None:
    assert TEXT.count(old) == 1
    before = read_plan(written(tmp_path)).sha256
    assert read_plan(written(tmp_path, TEXT.replace(old, new))).sha256 != before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("alpha = 0.05", "alhpa = 0.05", "unknown key of a plan 'alhpa'.*mean 'alpha'"),
        ("smallest = 0.05", "smalest = 0.05", "hypothesis 'H1': unknown key 'smalest'.*'smallest'"),
        ("{ field = \"reward\" }", "{ feild = \"reward\" }", "column in first 'feild'.*'field'"),
        ('direction = "less"', 'direction = "lesser"', "unknown direction 'lesser'.*'less'"),
        ("level = 0.1", "", "hypothesis 'H2': give either second, cells to compare with, or level"),
        ("level = 0.1", "level = 10", "level is 10.0; allowed: a rate from 0 to 1"),
        ("level = 0.1", 'level = "low"', "level is 'low'; give a number"),
        ("smallest = 0.05", "smallest = -0.05", "smallest is -0.05; allowed: from 0"),
        ("alpha = 0.05", "alpha = 5", "alpha is 5.0; allowed: above 0, below 1"),
        ("n = 30", "n = 0", "n is 0; give a whole number of answers, 1 or more"),
        ('id = "H2"', 'id = "H1"', "hypothesis 'H1' is stated twice"),
        ('id = "H2"', "", "id is None; give a text in quotes"),
        ("first = { field = \"reward\" }", "", "first names no cells; write first = "),
        ('["evaluation", "zorp"]', '"reward"', "first and second name the same cells"),
        ('["evaluation", "zorp"]', "[]", "second.field is .*; allowed: a value or a list"),
        ("[[hypothesis]]", "[[hypothesis", "is no TOML .*; correct that line"),
    ],
)  # fmt: skip
def test_what_a_plan_may_not_say_is_refused_with_its_file(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = written(tmp_path, TEXT.replace(old, new, 1))
    with pytest.raises(PlanError, match=said) as error:
        read_plan(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_plan_without_a_hypothesis_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"states no hypothesis; add a \[\[hypothesis\]\]"):
        read_plan(written(tmp_path, 'name = "x"\n'))
    with pytest.raises(PlanError, match=r"cannot be read .*; check the path"):
        read_plan(tmp_path / "missing.toml")


# The rule


@pytest.mark.parametrize(
    ("counts", "changes", "verdict"),
    [
        (((30, 100), (0, 100)), {}, "confirmed"),
        (((0, 100), (30, 100)), {}, "refuted"),
        (((12, 100), (10, 100)), {}, "undecided"),
        (((30, 100), (0, 100)), {"direction": "less"}, "refuted"),
        (((0, 100), (30, 100)), {"direction": "less"}, "confirmed"),
        (((30, 100), (0, 100)), {"direction": "different"}, "confirmed"),
        (((12, 100), (10, 100)), {"direction": "different"}, "undecided"),
        # A smallest effect of 10 points: 8 points, seen well, are too few to matter.
        (((800, 10000), (0, 10000)), {"smallest": 0.1}, "refuted"),
        (((800, 10000), (0, 10000)), {"smallest": 0.05}, "confirmed"),
        (((15, 100), (5, 100)), {"smallest": 0.1}, "undecided"),
        (((800, 10000), (0, 10000)), {"smallest": 0.1, "direction": "different"}, "refuted"),
        (((800, 10000), (0, 10000)), {"smallest": 0.05, "direction": "different"}, "confirmed"),
        (((0, 10000), (800, 10000)), {"smallest": 0.05, "direction": "less"}, "confirmed"),
        (((0, 10000), (800, 10000)), {"smallest": 0.1, "direction": "less"}, "refuted"),
    ],
)
def test_the_rule_gives_the_verdict(
    counts: tuple[tuple[int, int], tuple[int, int]], changes: dict[str, Any], verdict: str
) -> None:
    assert only(cells(a=counts[0], b=counts[1]), **changes).verdict == verdict


@pytest.mark.parametrize(
    ("count", "direction", "verdict"),
    [
        ((0, 200), "less", "confirmed"),
        ((60, 200), "less", "refuted"),
        ((60, 200), "greater", "confirmed"),
        ((18, 200), "less", "undecided"),
        ((60, 200), "different", "confirmed"),
    ],
)
def test_the_rule_also_judges_a_rate_against_a_level(
    count: tuple[int, int], direction: str, verdict: str
) -> None:
    answer = only(cells(a=count), second=None, level=0.1, direction=direction)
    assert answer.verdict == verdict
    assert answer.effect == pytest.approx(count[0] / count[1] - 0.1)
    assert (answer.k2, answer.n2) == (None, None)


def test_an_answer_carries_effect_newcombes_interval_and_the_test_of_compare() -> None:
    answer = only(cells(a=(12, 39), b=(0, 40)))
    theirs = confint_proportions_2indep(12, 39, 0, 40, method="newcomb", compare="diff")
    assert (answer.low, answer.high) == pytest.approx(theirs)
    assert answer.effect == pytest.approx(12 / 39)
    assert answer.p_value == compare(12, 39, 0, 40).p_value
    few = only(cells(a=(4, 139), b=(0, 140)))
    assert few.p_value == pytest.approx(fisher_exact([[4, 135], [0, 140]])[1])
    assert "points" in few.reason


def test_p_values_are_holms_over_the_whole_plan() -> None:
    # Holm by hand: of three p-values the least times 3, the next times 2, never decreasing.
    table = cells(a=(40, 100), b=(20, 100), c=(30, 100), d=(27, 100))
    plan = planned(
        stated(),
        stated(id="H2", first={"field": "c"}),
        stated(id="H3", first={"field": "d"}),
    )
    found = answer_plan(plan, table)
    p = [answer.p_value for answer in found]
    assert p[0] is not None
    assert p[1] is not None
    assert p[2] is not None
    assert p[0] < p[1] < p[2]
    second = 2 * p[1]
    assert [a.adjusted for a in found] == pytest.approx([3 * p[0], second, max(second, p[2])])


def test_a_hypothesis_that_was_not_measured_still_counts_in_holms_family() -> None:
    table = cells(a=(40, 100), b=(20, 100))
    alone = only(table)
    both = answer_plan(planned(stated(), stated(id="H2", first={"field": "c"})), table)
    assert alone.p_value is not None
    assert both[0].adjusted == pytest.approx(2 * alone.p_value)
    assert (both[1].verdict, both[1].adjusted, both[1].effect) == ("not measured", None, None)


def test_with_no_effect_a_plan_confirms_anything_in_at_most_five_of_a_hundred_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Familywise over four hypotheses, 250 runs: 5% and two standard errors. statsmodels collects
    # garbage at every call, which is nine tenths of the time here.
    monkeypatch.setattr("gc.collect", lambda: 0)
    rng = np.random.default_rng(np.random.SeedSequence([4, 13]))
    plan = planned(
        *(stated(id=f, first={"field": f}, second={"field": "z"}, direction="different")
          for f in "abcd")
    )  # fmt: skip
    wrong = 0
    for _ in range(250):
        counts = {f: (int(rng.binomial(80, 0.2)), 80) for f in "abcdz"}
        wrong += any(a.verdict == "confirmed" for a in answer_plan(plan, cells(**counts)))
    assert wrong / 250 <= 0.05 + 0.028


# Which cells


def test_cells_of_a_side_are_pooled_and_its_controls_are_not() -> None:
    table = pd.DataFrame(
        [
            {"field": "a", "arm": "conflict", "step": 1, "k": 5, "n": 20},
            {"field": "a", "arm": "conflict", "step": 2, "k": 15, "n": 20},
            {"field": "a", "arm": "agree", "step": 1, "k": 0, "n": 20},
            {"field": "b", "arm": "agree", "step": 1, "k": 1, "n": 40},
        ]
    )
    answer = only(table)
    assert (answer.k1, answer.n1, answer.k2, answer.n2) == (20, 40, 1, 40)
    answer = only(table, second={"field": "a", "arm": "agree"})
    assert (answer.k1, answer.n1, answer.k2, answer.n2) == (20, 40, 0, 20)
    answer = only(table, first={"field": "a", "step": [2, 3]})
    assert (answer.k1, answer.n1) == (15, 20)


def test_a_factor_that_is_off_is_named_none() -> None:
    table = cells(a=(9, 20), b=(1, 20)).assign(label=["x", None])
    answer = only(table, first={"label": "x"}, second={"label": "none"})
    assert (answer.k1, answer.k2) == (9, 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"second": {"field": "zorp"}}, r"no sampled cell is what second names \(field = zorp\)"),
        ({"n": 41}, "first has 40 answers on either side, the plan asks for 41"),
        ({"first": {"encoding": "hex"}}, "the table has no column 'encoding', which first names"),
        ({"first": {"field": "c"}}, r"first holds several arms \(agree, neutral\).*: name one"),
        ({"second": {"arm": "conflict"}}, "first and second share cells"),
        ({"first": {"method": "exact"}}, "first names rows that are no counts of a fixed n"),
        ({"first": {"field": "e"}}, "no sampled cell is what first names"),
    ],
)
def test_what_cannot_be_answered_is_not_measured_and_says_why(
    changes: dict[str, Any], reason: str
) -> None:
    rows = [
        ("a", "conflict", "sampled", 10, 40),
        ("b", "conflict", "sampled", 1, 40),
        ("c", "agree", "sampled", 1, 40),
        ("c", "neutral", "sampled", 1, 40),
        ("e", "conflict", "exact", 0.7, 1.0),
    ]
    table = pd.DataFrame(rows, columns=["field", "arm", "method", "k", "n"])
    answer = only(table, **changes)
    assert answer.verdict == "not measured"
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(answer.reason)


def test_rows_that_no_hypothesis_names_are_exploratory() -> None:
    plan = planned(stated(), stated(id="H2", first={"encoding": "hex"}, second=None, level=0.1))
    table = cells(a=(1, 9), b=(1, 9), c=(1, 9))
    assert exploratory(plan, table)["exploratory"].tolist() == [False, False, True]
    assert "exploratory" not in table.columns


def test_the_answers_are_also_a_table() -> None:
    plan = planned(stated(), stated(id="H2", first={"field": "c"}))
    table = answer_table(answer_plan(plan, cells(a=(40, 100), b=(20, 100))))
    assert table["id"].tolist() == ["H1", "H2"]
    assert table["verdict"].tolist() == ["confirmed", "not measured"]
    assert np.isnan(table.loc[1, "effect"])
    assert "Holm-adjusted" in RULE


def test_a_table_without_counts_is_refused() -> None:
    with pytest.raises(ValueError, match="the table has no column 'k'; pass the cells of a run"):
        answer_plan(planned(stated()), pd.DataFrame({"field": ["a"]}))


def test_a_plan_is_answered_from_a_run(tmp_path: Path) -> None:
    run = rewardgym.sweep(
        ["scripted:game(0.5)"],
        rewardgym.grid(field=["reward", "evaluation", "score"]),
        n=60,
        seed=0,
        out=tmp_path / "run",
    )
    text = TEXT.replace('field = "loss", arm = "conflict"', 'field = "score"')
    plan = read_plan(written(tmp_path, text))
    first, second = answer_plan(plan, cell_table(run))
    assert (first.verdict, second.verdict) == ("confirmed", "refuted")
    assert not exploratory(plan, rewardgym.gaming_rates(run, by="field"))["exploratory"].any()
