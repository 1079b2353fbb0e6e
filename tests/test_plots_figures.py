"""What every figure keeps to: its own axes, texts that do not overlap, and names as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewardgym_figures import FIGURES, each_figure, laid_out, made, run_folder, with_rates, words

from rewardgym import plots
from rewardgym.metrics.rates import gaming_rates
from rewardgym.outcomes import OTHERS
from rewardgym.plots.style import look, shown

pytest.importorskip("matplotlib")
folder = pytest.fixture(scope="module")(run_folder)


# Every figure


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
        assert shown(name) in words(svg)


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
