"""The gaming curve: a line a field with band and twin, gaps without data, and what points say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rewardgym_figures import FIGURES, made, run_folder, silenced, texts, with_rates

from rewardgym import plots
from rewardgym.metrics.rates import gaming_rates

pytest.importorskip("matplotlib")
folder = pytest.fixture(scope="module")(run_folder)


# The curve


def test_a_curve_has_a_line_a_field_at_its_steps_with_band_and_twin() -> None:
    table = made()
    axes = plots.gaming_curve(table)
    solid = [line for line in axes.get_lines() if line.get_linestyle() == "-"]
    dashed = [line for line in axes.get_lines() if line.get_linestyle() == "--"]
    assert [line.get_label() for line in solid] == ["reward", "cost"]
    for lines, column in ((solid, table["rate"]), (dashed, table["twin_k"] / table["twin_n"])):
        for line, field in zip(lines, ("reward", "cost"), strict=True):
            wanted = 100 * column[table["field"] == field]
            assert line.get_ydata().tolist() == pytest.approx(wanted.tolist())
            assert line.get_xdata().tolist() == [0, 10, 20]
    assert [a.get_color() for a in solid] == [b.get_color() for b in dashed]
    assert axes.get_xlabel() == "RL step"
    assert axes.get_ylabel() == "gaming rate"
    assert axes.get_ylim() == (-3, 103)


def test_twins_are_left_out_where_they_are_not_wanted_or_not_there() -> None:
    for table, wanted in ((made(), False), (with_rates(made().assign(twin_n=0)), True)):
        axes = plots.gaming_curve(table, twins=wanted)
        assert len(axes.get_lines()) == 2
        assert "twin (hint agrees)" not in texts(axes)


def test_an_excess_is_drawn_in_points_with_its_own_bounds_and_no_twins() -> None:
    table = made()
    axes = plots.gaming_curve(table, value="excess")
    line = axes.get_lines()[0]
    wanted = table[table["field"] == "reward"]
    assert line.get_ydata().tolist() == pytest.approx((100 * wanted["excess"]).tolist())
    assert axes.get_ylim()[0] == pytest.approx(100 * table["excess_low"].min() - 3)
    assert "twin (hint agrees)" not in texts(axes)


def test_without_steps_or_with_shared_ones_checkpoints_stand_in_a_row() -> None:
    for table in (
        made().drop(columns="step"),
        made().assign(step=[None, None, 10, 10, 20, 20]),
        made().assign(step=[0, 0, 0, 0, 20, 20]),
    ):
        axes = plots.gaming_curve(table)
        assert axes.get_lines()[0].get_xdata().tolist() == [0, 1, 2]
        assert axes.get_xlabel() == "checkpoint"
        assert [t.get_text() for t in axes.get_xticklabels()] == ["0", "10", "20"]


def test_of_200_checkpoints_a_dozen_are_named() -> None:
    axes = plots.gaming_curve(made(200, ["reward"]).drop(columns="step"))
    assert 8 <= len(axes.get_xticklabels()) <= 12


def test_a_line_breaks_where_a_checkpoint_gave_no_answer_and_is_never_drawn_at_nought() -> None:
    table = made(5, ["reward"], k=10)
    axes = plots.gaming_curve(silenced(table, table["step"].isin([0, 20])))
    line = axes.get_lines()[0]
    assert line.get_xdata().tolist() == [10, 20, 30, 40]
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False, False]
    assert [p["factors"]["step"] for p in plots.points(axes)] == [10, 30, 40]
    # The point between two gaps has no band, so it has a bar.
    bars = [c for c in axes.collections if type(c).__name__ == "LineCollection"]
    assert len(bars) == 1
    assert [s[0][0] for s in bars[0].get_segments()] == [10]


def test_one_checkpoint_shows_its_fields_side_by_side_each_with_its_interval() -> None:
    table = made(1, ["a", "b", "c"])
    axes = plots.gaming_curve(table)
    places = [line.get_xdata()[0] for line in axes.get_lines() if line.get_marker() != "_"]
    assert len(set(places)) == 3
    segments = [c.get_segments()[0] for c in axes.collections if hasattr(c, "get_segments")]
    ends = [s[:, 1].tolist() for s in segments if len(s) == 2]
    wanted = (100 * table[["low", "high"]]).to_numpy().tolist()
    assert ends == [pytest.approx(one) for one in wanted]


def test_a_field_without_answers_is_named_as_such() -> None:
    table = made()
    axes = plots.gaming_curve(silenced(table, table["field"] == "cost"))
    assert "cost (no data)" in texts(axes)
    assert len(plots.points(axes)) == 3


def test_conflict_rows_are_drawn_and_their_controls_are_not(folder: Path) -> None:
    table = gaming_rates(folder, by=["checkpoint", "field", "arm"])
    assert {"conflict", "agree"} <= set(table["arm"])
    found = plots.points(plots.gaming_curve(table))
    assert {p["factors"]["arm"] for p in found} == {"conflict"}


def test_controls_alone_are_drawn_under_their_own_name_and_two_arms_are_never_pooled() -> None:
    axes = plots.gaming_curve(made(arm="agree"))
    assert axes.get_ylabel() == "hint agrees (control):\nviolation rate"
    table = pd.concat([made(arm="agree"), made(arm="neutral")])
    with pytest.raises(plots.PlotError, match="arms agree, neutral, which are never pooled"):
        plots.gaming_curve(table)


def test_rows_that_share_a_place_are_refused_with_what_tells_them_apart() -> None:
    table = pd.concat([made(encoding="plain"), made(encoding="hex")])
    with pytest.raises(plots.PlotError, match=r"share one step and field: .* differ in encoding"):
        plots.gaming_curve(table)
    with pytest.raises(plots.PlotError, match=r"share one field and encoding: .* checkpoint, step"):
        plots.heat_map(table)


def test_a_line_of_a_missing_value_is_a_line_like_any_other() -> None:
    table = made(fields=(None, "terse")).rename(columns={"field": "clause"})
    axes = plots.gaming_curve(table, line="clause")
    assert len(plots.points(axes)) == 6
    assert {"none", "terse"} <= set(texts(axes))


def test_names_that_begin_with_an_underscore_are_in_the_legend() -> None:
    found = texts(plots.gaming_curve(made(fields=("_x", "$a_1$"))))
    assert {"_x", "$a_1$"} <= set(found)


def test_without_twins_there_is_no_excess_and_that_is_said() -> None:
    table = with_rates(made().assign(twin_n=0, twin_k=0))
    for draw in (FIGURES["excess"], FIGURES["forest"]):
        with pytest.raises(plots.PlotError, match="no row has a twin with answers"):
            draw(table)


def test_an_unknown_value_is_named() -> None:
    with pytest.raises(ValueError, match="unknown value to draw 'exces'; allowed: rate, excess"):
        plots.gaming_curve(made(), value="exces")


# Points


def test_points_say_what_stands_behind_each_mark() -> None:
    table = made()
    found = plots.points(plots.gaming_curve(table))
    assert [p["id"] for p in found] == [f"pt-{i}" for i in range(6)]
    row = table[(table["field"] == "cost") & (table["step"] == 10)].iloc[0]
    point = found[4]
    assert point["label"] == "cost, step 10"
    assert (point["k"], point["n"]) == (row["k"], row["n"])
    assert (point["rate"], point["low"], point["high"]) == (row["rate"], row["low"], row["high"])
    assert point["value"] == row["rate"]
    assert (point["twin"], point["twin_k"], point["twin_n"]) == (0.05, 1, 20)
    assert point["factors"] == {
        "checkpoint": "checkpoint-10",
        "step": 10,
        "field": "cost",
        "arm": "conflict",
    }


def test_what_is_missing_in_a_point_is_none() -> None:
    (point,) = plots.points(plots.gaming_curve(with_rates(made(1, ["a"]).assign(twin_n=0))))
    assert (point["twin"], point["twin_k"], point["excess"]) == (None, None, None)


def test_points_are_a_copy_and_count_on_over_the_axes_of_one_figure() -> None:
    from matplotlib.figure import Figure

    left, right = Figure().subplots(1, 2)
    plots.gaming_curve(made(), ax=left)
    plots.gaming_curve(made(), ax=right)
    plots.points(left)[0]["k"] = 99
    assert plots.points(left)[0]["k"] == 0
    assert [p["id"] for p in plots.points(right)] == [f"pt-{i}" for i in range(6, 12)]
    assert plots.points(Figure().subplots()) == []
