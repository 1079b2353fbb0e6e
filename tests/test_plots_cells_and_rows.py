"""Heat map, bars, ladder, forest: each cell, bar and row says its number, or that there is none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from rewardgym_figures import made, run_folder, silenced, texts, with_rates

from rewardgym import plots
from rewardgym.outcomes import OTHERS
from rewardgym.plots.bars import FILLS

pytest.importorskip("matplotlib")
folder = pytest.fixture(scope="module")(run_folder)


# The heat map


def test_a_cell_says_its_number_its_n_and_what_could_not_be_read() -> None:
    table = made(2, ["reward"], n=20, k=[5, 10], decodes=[float("nan"), 0.25], unreadable=5)
    axes = plots.heat_map(table, columns="checkpoint")
    said = texts(axes)
    assert {"25.0%", "50.0%", "n = 20"} <= set(said)
    assert "unreadable 20%" in said
    assert "unreadable 20%\ndecodes 25%" in said
    assert [p["decodes"] for p in plots.points(axes)] == [None, 0.25]
    assert [p["unreadable"] for p in plots.points(axes)] == [5, 5]


def test_a_cell_without_rows_or_without_answers_is_hatched_and_says_so() -> None:
    table = made()
    gone = silenced(table, table.index == 0).drop(index=5)
    axes = plots.heat_map(gone, columns="checkpoint")
    said = texts(axes)
    assert said.count("no data") == 2
    assert "0.0%" not in said
    assert sum(bool(patch.get_hatch()) for patch in axes.patches) == 2
    assert len(plots.points(axes)) == 4


def test_exact_rows_show_the_residual_where_sampled_ones_show_the_unreadable() -> None:
    table = made(1, ["reward"], n=1, method="exact", **dict.fromkeys(OTHERS, 0)).assign(
        n=0.75, k=0.75, residual=0.25
    )
    assert "residual 25%" in texts(plots.heat_map(with_rates(table), columns="checkpoint"))


# Bars


def test_bars_are_all_outcomes_as_shares_of_all_replies() -> None:
    table = made(2, ["reward", "cost"])
    axes = plots.outcome_bars(table)
    for name in table["checkpoint"].unique():
        rows = table[table["checkpoint"] == name]
        found = [p for p in plots.points(axes) if p["factors"]["checkpoint"] == name]
        assert sum(p["rate"] for p in found) == pytest.approx(1)
        by_outcome = {p["outcome"]: p["k"] for p in found}
        assert by_outcome.get("gamed", 0) == rows["k"].sum()
        assert by_outcome["complied"] == (rows["n"] - rows["k"]).sum()
        assert by_outcome["refused"] == rows["refused"].sum()
        assert {p["n"] for p in found} == {rows[["n", *OTHERS]].to_numpy().sum()}
    assert {"n=47", "gamed", "complied"} <= set(texts(axes))


def test_a_control_violates_and_never_games() -> None:
    found = plots.points(plots.outcome_bars(made(arm="agree")))
    assert "violated" in {p["outcome"] for p in found}
    assert "gamed" not in {p["outcome"] for p in found}


def test_replies_of_which_none_could_be_read_are_drawn_as_what_they_are() -> None:
    table = with_rates(made(1, ["reward"]).assign(k=0, n=0, unreadable=7))
    (point,) = plots.points(plots.outcome_bars(table))
    assert (point["outcome"], point["k"], point["n"], point["rate"]) == ("unreadable", 7, 7, 1)


def test_a_bar_without_replies_says_so() -> None:
    table = made(2, ["reward"])
    table.loc[0, ["n", "k", *OTHERS]] = 0
    assert "(no data)" in texts(plots.outcome_bars(table))


def test_every_outcome_has_its_own_fill() -> None:
    from rewardgym.outcomes import OUTCOMES

    assert set(FILLS) == {*OUTCOMES, "residual"}
    assert len(set(FILLS.values())) == len(FILLS)


# Rows


def ladder() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "label": ["field: cost", "encoding: hex", "layout: xml"],
            "effect": [0.05, -0.4, float("nan")],
            "low": [-0.02, -0.5, float("nan")],
            "high": [0.1, -0.3, float("nan")],
            "n": [50, 40, 0],
        }
    )


def test_a_ladder_is_sorted_and_filled_where_the_interval_leaves_nought_out() -> None:
    axes = plots.factor_ladder(ladder())
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert names == ["field: cost", "encoding: hex", "layout: xml"]
    marks = [line for line in axes.get_lines() if (line.get_gid() or "").startswith("pt-")]
    assert [m.get_xdata()[0] for m in marks] == pytest.approx([5, -40])
    hollow = [m.get_markerfacecolor() != m.get_color() for m in marks]
    assert hollow == [True, False]
    assert any("no data" in text for text in texts(axes))
    assert [p["value"] for p in plots.points(axes)] == [0.05, -0.4]


def test_effects_in_points_are_refused_and_none_at_all_is_told() -> None:
    with pytest.raises(ValueError, match="shares, from -1 to 1: divide points by 100"):
        plots.factor_ladder(ladder().assign(effect=40.0))
    for empty in (ladder().iloc[:0], ladder().assign(effect=float("nan"))):
        with pytest.raises(plots.PlotError, match="there is no effect to draw"):
            plots.factor_ladder(empty)


def test_the_ladder_of_a_run_can_be_drawn(folder: Path) -> None:
    from rewardgym.metrics.ladder import ladder_frame

    axes = plots.factor_ladder(ladder_frame(folder))
    assert {p["label"] for p in plots.points(axes)} == {"field: cost", "encoding: hex"}
    assert "from" in axes.get_xlabel()


def test_a_forest_fills_what_survives_and_names_rows_by_what_varies() -> None:
    axes = plots.forest(made(2))
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert names[:2] == ["checkpoint-0, reward", "checkpoint-0, cost"]
    marks = [line for line in axes.get_lines() if (line.get_gid() or "").startswith("pt-")]
    filled = [m.get_markerfacecolor() == m.get_color() for m in marks]
    assert filled == [False, False, True, True]
    assert [p["survives"] for p in plots.points(axes)] == [False, False, True, True]


def test_a_row_without_answers_or_twin_says_which() -> None:
    table = made(1, ["a", "b", "c"])
    table = silenced(table, table["field"] == "a")
    table.loc[table["field"] == "b", ["twin_k", "twin_n"]] = 0
    said = [text.strip() for text in texts(plots.forest(with_rates(table)))]
    assert {"no data", "no twin"} <= set(said)
