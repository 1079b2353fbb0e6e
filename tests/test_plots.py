"""Figures: what is drawn, what each mark stands for, and SVG as text that a page can own."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rewardgym
from rewardgym import plots
from rewardgym.metrics.intervals import newcombe, wilson
from rewardgym.metrics.rates import gaming_rates
from rewardgym.outcomes import OTHERS
from rewardgym.plots.bars import FILLS
from rewardgym.plots.style import look, shown

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    variants = rewardgym.grid(field=["reward", "cost"], encoding=["plain", "hex"], twins=True)
    variants = [v if v.arm == "conflict" else v.twin() or v for v in variants]
    variants += rewardgym.grid(field="cost", high="even", encoding=["plain", "hex"], twins=True)
    rewardgym.sweep(
        ["scripted:obey", "scripted:game(0.5)", "scripted:awkward(0.3)"],
        list(dict.fromkeys(variants)),
        n=12,
        seed=0,
        out=out,
    )
    return out


def made(
    checkpoints: int = 3, fields: Any = ("reward", "cost"), n: int = 20, **columns: Any
) -> pd.DataFrame:
    """A rates table with counts that are known."""
    rows = [
        {"checkpoint": f"checkpoint-{10 * c}", "step": 10 * c, "field": field, "arm": "conflict"}
        | {"k": (3 * c + i) % (n + 1), "n": n, "twin_k": i % 2, "twin_n": n, "method": "sampled"}
        | dict.fromkeys(OTHERS, i)
        | {"residual": 0.0, "decodes": float("nan"), "survives": c > 0, "q": 0.01}
        for c in range(checkpoints)
        for i, field in enumerate(fields)
    ]
    table = pd.DataFrame(rows).assign(**columns)
    return with_rates(table)


def with_rates(table: pd.DataFrame) -> pd.DataFrame:
    k, n, twin_k, twin_n = (table[c].to_numpy(dtype=float) for c in ("k", "n", "twin_k", "twin_n"))
    with np.errstate(divide="ignore", invalid="ignore"):
        rate, twin = k / n, twin_k / twin_n
    low, high = wilson(k, n)
    below, above = newcombe(k, n, twin_k, twin_n)
    return table.assign(
        rate=rate, low=low, high=high, excess=rate - twin, excess_low=below, excess_high=above
    )


def silenced(table: pd.DataFrame, where: Any) -> pd.DataFrame:
    """The same with no answers in some rows."""
    table = table.copy()
    table.loc[where, ["k", "n"]] = 0
    return with_rates(table)


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


FIGURES = {
    "gaming_curve": lambda t, **k: plots.gaming_curve(t, **k),
    "excess": lambda t, **k: plots.gaming_curve(t, value="excess", **k),
    "heat_map": lambda t, **k: plots.heat_map(t, rows="field", columns="checkpoint", **k),
    "outcome_bars": lambda t, **k: plots.outcome_bars(t, **k),
    "lying bars": lambda t, **k: plots.outcome_bars(t, by="field", **k),
    "forest": lambda t, **k: plots.forest(t, **k),
    "forest of rates": lambda t, **k: plots.forest(t, value="rate", label="field", **k),
}
"""Every figure that is drawn from a rates table."""
each_figure = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


def texts(axes: Any) -> list[str]:
    """All words of a figure, in no order."""
    import matplotlib.text

    return [t.get_text() for t in axes.figure.findobj(matplotlib.text.Text) if t.get_text()]


def laid_out(figure: Any) -> Any:
    """Draws the figure, so that everything has its place; gives what measures texts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def overlaps(axes: Any) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes overlap, and texts that leave the figure."""
    import matplotlib.text

    renderer = laid_out(axes.figure)
    all_texts = axes.findobj(matplotlib.text.Text)
    found = [t for t in all_texts if t.get_text().strip() and t.get_visible()]
    # Ticks beyond the limits are kept by matplotlib and not drawn.
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        gone = [t.label1 for t in axis.get_major_ticks() if not low <= t.get_loc() <= high]
        found = [t for t in found if t not in gone]
    level = [t for t in found if t.get_rotation() in (0, 90)]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in level]
    bad = []
    for i, (text, box) in enumerate(boxes):
        if box.x0 < -1 or box.y0 < -1 or box.x1 > axes.figure.bbox.x1 + 1:
            bad.append((text, "outside"))
        if box.y1 > axes.figure.bbox.y1 + 1:
            bad.append((text, "above"))
        for other, second in boxes[i + 1 :]:
            wide = min(box.x1, second.x1) - max(box.x0, second.x0)
            tall = min(box.y1, second.y1) - max(box.y0, second.y0)
            if wide > 1 and tall > 2:
                bad.append((text, other))
    return bad


# What every figure keeps to


@each_figure
def test_a_figure_gives_its_axes_without_a_screen_or_global_state(draw: Any) -> None:
    before = "matplotlib.pyplot" in sys.modules
    axes = draw(made())
    assert axes.figure.axes == [axes]
    assert ("matplotlib.pyplot" in sys.modules) == before


@each_figure
def test_a_figure_is_drawn_on_the_axes_that_are_given(draw: Any) -> None:
    from matplotlib.figure import Figure

    left, right = Figure(figsize=(12, 4)).subplots(1, 2)
    assert draw(made(), ax=right) is right
    assert not left.has_data()
    assert plots.points(left) == []
    assert plots.points(right)
    assert overlaps(right) == []


@each_figure
def test_the_frames_of_a_run_can_be_drawn(draw: Any, folder: Path) -> None:
    axes = draw(gaming_rates(folder, by=["checkpoint", "field"]))
    found = plots.points(axes)
    assert found
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert all(
        {"label", "k", "n", "rate", "low", "high", "twin", "factors"} <= set(p) for p in found
    )


@each_figure
def test_a_table_without_rows_or_replies_is_told_in_one_line(draw: Any) -> None:
    nothing = made().assign(n=0, k=0, twin_n=0, twin_k=0, **dict.fromkeys(OTHERS, 0))
    for table in (made().iloc[:0], with_rates(nothing)):
        with pytest.raises(plots.PlotError) as error:
            draw(table)
        assert "nothing to draw" in str(error.value)
        assert "\n" not in str(error.value)


@each_figure
def test_rows_of_two_methods_share_no_figure(draw: Any) -> None:
    table = pd.concat([made(), made().assign(method="exact")])
    with pytest.raises(plots.PlotError, match=r"2 methods \(sampled, exact\), which share no line"):
        draw(table)


@each_figure
def test_a_missing_column_is_named_with_what_is_there(draw: Any) -> None:
    with pytest.raises(ValueError, match="unknown column to draw 'k'; allowed: checkpoint, step"):
        draw(made().drop(columns="k"))


@each_figure
@pytest.mark.parametrize(("checkpoints", "fields"), [(1, 1), (5, 12), (30, 1)])
def test_no_text_overlaps_another_or_leaves_the_figure(
    draw: Any, checkpoints: int, fields: int
) -> None:
    names = ["a very long field name that somebody gave to metadata of their own", "_x", "$a$"]
    names = [*names, *(f"field{i}" for i in range(9))][:fields]
    assert overlaps(draw(made(checkpoints, names).drop(columns="step"))) == []


@pytest.mark.parametrize("name", ["gaming_curve", "outcome_bars", "lying bars", "forest"])
def test_the_legend_never_covers_the_data(name: str) -> None:
    axes = FIGURES[name](made(3, [f"field{i}" for i in range(9)]))
    laid_out(axes.figure)
    box, data = axes.get_legend().get_window_extent(), axes.get_window_extent()
    assert box.x0 >= data.x1 - 1 or box.y0 >= data.y1 - 1


def test_every_one_of_49_lines_has_a_look_of_its_own() -> None:
    assert len({look(place) for place in range(49)}) == 49


def test_a_name_is_drawn_as_it_is_and_what_cannot_be_printed_is_spelled_out() -> None:
    assert shown("$x_1$") == "$x_1$"
    assert shown("a\u202eb\x00\ud800") == "a\\u202eb\\x00\\ud800"
    assert shown(None) == shown(float("nan")) == "none"
    assert shown(20.0) == "20"
    assert len(shown("x" * 100)) == 40


@given(st.text(max_size=60))
@settings(max_examples=8, deadline=None)
def test_any_field_name_gives_a_figure_whose_svg_parses(name: str) -> None:
    svg = plots.to_svg(plots.gaming_curve(made(2, [name])).figure)
    if name.strip():
        assert shown(name) in _words(svg)


def _words(svg: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


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


# SVG


@each_figure
def test_an_svg_is_the_same_every_time_and_has_every_point_once(draw: Any) -> None:
    table = made(3, ["reward", "cost", "loss"])
    axes = draw(table)
    svg = plots.to_svg(axes.figure)
    assert svg == plots.to_svg(draw(table).figure)
    ids = [e.get("id") for e in ET.fromstring(svg).iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    marks = sorted((i for i in ids if i.startswith("pt-")), key=lambda i: int(i[3:]))
    assert marks == [p["id"] for p in plots.points(axes)]


@each_figure
def test_an_svg_takes_the_pages_colours_and_keeps_its_text(draw: Any) -> None:
    svg = plots.to_svg(draw(made(fields=("reward", "a & <b>"))).figure)
    root = ET.fromstring(svg)
    assert root.get("fill") == "currentColor"
    assert "#000000" not in svg
    assert "style=" not in svg
    assert "<style" not in svg
    assert "metadata" not in svg
    assert not re.search(r"(?:href|src)=\"(?!#)", svg)
    wanted = {"gaming rate", "share of all replies", "excess gaming: points over the twin"}
    assert {*_words(svg)} & {*wanted, "reward"}


def test_points_of_lines_stand_where_they_are_drawn_also_beyond_a_gap() -> None:
    table = made(5, ["reward"], k=[2, 4, 6, 8, 10])
    axes = plots.gaming_curve(silenced(table, table["step"] == 20), twins=False)
    root = ET.fromstring(plots.to_svg(axes.figure))
    ys = {
        e.get("id"): float(e.get("y") or "nan") for e in root.iter() if e.get("id", "")[:3] == "pt-"
    }
    found = [(ys[p["id"]], p["rate"]) for p in plots.points(axes)]
    slopes = {round((b[0] - a[0]) / (b[1] - a[1])) for a, b in itertools.pairwise(found)}
    assert len(found) == 4
    assert len(slopes) == 1


def test_a_label_that_looks_like_markup_changes_nothing_but_itself() -> None:
    name = 'x" id="pt-0" style="fill: #000000'
    svg = plots.to_svg(plots.gaming_curve(made(2, [name])).figure)
    assert shown(name) in _words(svg)


def test_a_theme_brings_its_own_ground_and_an_unknown_one_is_named() -> None:
    figure = plots.gaming_curve(made()).figure
    assert 'color="#e8e8e8"' in plots.to_svg(figure, theme="dark")
    assert 'fill="#ffffff"/>' in plots.to_svg(figure, theme="light")
    with pytest.raises(ValueError, match="unknown theme 'drak'; allowed: auto, light, dark"):
        plots.to_svg(figure, theme="drak")


def test_a_prefix_keeps_two_figures_of_one_page_apart() -> None:
    svg = plots.to_svg(plots.gaming_curve(made()).figure, prefix="fig1-")
    root = ET.fromstring(svg)
    ids = {e.get("id") for e in root.iter() if e.get("id")}
    assert all(i.startswith(("fig1-", "pt-")) for i in ids)
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', svg)) <= ids


def test_2400_points_make_an_svg_that_a_page_can_carry() -> None:
    axes = plots.gaming_curve(made(200, [f"field{i}" for i in range(12)]))
    svg = plots.to_svg(axes.figure)
    assert len(re.findall(r'id="pt-\d+"', svg)) == 2400
    assert len(svg) < 400_000


# The package


def test_importing_the_package_loads_no_matplotlib_or_pandas() -> None:
    code = (
        "import sys, rewardgym.plots as p; p.PlotError; p.gaming_curve\n"
        "print([m for m in ('matplotlib', 'pandas', 'statsmodels') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_every_public_name_is_there_and_a_typo_is_not() -> None:
    for name in plots.__all__:
        assert callable(getattr(plots, name))
    with pytest.raises(AttributeError, match="no attribute 'heatmap'"):
        plots.heatmap  # noqa: B018


def test_without_matplotlib_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(plots.PlotError, match=r"pip install 'rewardgym\[plot\]'"):
        plots.gaming_curve(made())
