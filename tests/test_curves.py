"""Pictures and tables of the rates: what is drawn, and what is said where nothing can be."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import rewardgym
from rewardgym.report.curves import ARM_TITLES, COLOURS, MARKERS, PlotError, draw_rates
from rewardgym.report.tables import percent, rates_table, series_table, to_json, with_interval

matplotlib_figure = pytest.importorskip("matplotlib.figure")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that are written, to count what stands in them."""
    found: list[Any] = []
    original = matplotlib_figure.Figure.savefig

    def savefig(figure: Any, *arguments: Any, **keywords: Any) -> None:
        found.append(figure)
        original(figure, *arguments, **keywords)

    monkeypatch.setattr(matplotlib_figure.Figure, "savefig", savefig)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    variants = rewardgym.grid(field=["reward", "cost"], encoding=["plain", "hex"])
    rewardgym.sweep(["scripted:obey", "scripted:game(0.5)"], variants, n=12, out=out)
    return out


def frame(folder: Path, *by: str) -> pd.DataFrame:
    return rewardgym.gaming_rates(folder, ["checkpoint", *by, "arm"])


def drawn(figure: Any) -> list[list[list[Any]]]:
    """The lines of each axis, in a grid of rows and columns."""
    rows, columns = figure.axes[0].get_gridspec().get_geometry()
    axes = [axis.get_lines() for axis in figure.axes]
    return [axes[row * columns : (row + 1) * columns] for row in range(rows)]


def test_a_picture_is_written(folder: Path, tmp_path: Path) -> None:
    path = draw_rates(frame(folder, "field"), tmp_path / "rates.png")
    assert path == tmp_path / "rates.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_there_is_a_row_of_panels_an_arm_and_a_line_a_field(
    folder: Path, tmp_path: Path, figures: list[Any]
) -> None:
    draw_rates(frame(folder, "field"), tmp_path / "p.png")
    grid = drawn(figures[0])
    assert [[len(lines) for lines in row] for row in grid] == [[1], [2]]  # cost agrees only
    assert [line.get_label() for line in grid[1][0]] == ["reward", "cost"]


def test_there_is_a_panel_a_value_and_its_title_says_which(
    folder: Path, tmp_path: Path, figures: list[Any]
) -> None:
    draw_rates(frame(folder, "field", "encoding"), tmp_path / "p.png", panel="encoding", title="T")
    grid = drawn(figures[0])
    assert (len(grid), len(grid[0])) == (2, 2)
    assert [axis.get_title() for axis in figures[0].axes[:2]] == ["plain", "hex"]
    assert figures[0].get_suptitle() == "T"


def test_points_are_the_tables_rates_with_their_bands(
    folder: Path, tmp_path: Path, figures: list[Any]
) -> None:
    table = frame(folder, "field")
    draw_rates(table, tmp_path / "p.png")
    axis = figures[0].axes[0]
    wanted = table[table["arm"] == "conflict"]
    assert axis.get_lines()[0].get_ydata().tolist() == pytest.approx(
        (100 * wanted["rate"]).tolist()
    )
    assert axis.get_lines()[0].get_xdata().tolist() == [0, 1]
    (band,) = axis.collections
    ys = band.get_paths()[0].vertices[:, 1]
    assert ys.max() == pytest.approx(100 * wanted["high"].max())
    assert ys.min() == pytest.approx(100 * wanted["low"].min())


def test_checkpoints_with_steps_stand_at_their_steps(
    folder: Path, tmp_path: Path, figures: list[Any]
) -> None:
    table = frame(folder, "field")
    table["step"] = table["checkpoint"].map({"scripted:obey": 0, "scripted:game(0.5)": 250})
    draw_rates(table, tmp_path / "p.png")
    assert figures[0].axes[0].get_lines()[0].get_xdata().tolist() == [0, 250]
    assert figures[0].axes[-1].get_xlabel() == "training step"


def test_a_point_without_answers_is_left_out_and_never_drawn_at_nought(
    folder: Path, tmp_path: Path, figures: list[Any]
) -> None:
    table = frame(folder, "field")
    missing = (table["checkpoint"] == "scripted:obey") & (table["arm"] == "conflict")
    table.loc[missing, ["k", "n"]] = 0
    table.loc[missing, ["rate", "low", "high"]] = float("nan")
    draw_rates(table, tmp_path / "p.png")
    assert figures[0].axes[0].get_lines()[0].get_xdata().tolist() == [1]


def test_the_legend_names_each_line_once(folder: Path, tmp_path: Path, figures: list[Any]) -> None:
    draw_rates(frame(folder, "field", "encoding"), tmp_path / "p.png", panel="encoding")
    (legend,) = figures[0].legends
    assert sorted(text.get_text() for text in legend.get_texts()) == ["cost", "reward"]


def test_every_line_looks_different_by_colour_and_marker() -> None:
    assert len(set(COLOURS)) == len(COLOURS) == len(set(MARKERS)) == len(MARKERS)


def test_every_arm_has_its_title() -> None:
    from typing import get_args

    from rewardgym.variants import Arm

    assert set(ARM_TITLES) == set(get_args(Arm))


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_files_ending_says_the_format(folder: Path, tmp_path: Path, ending: str) -> None:
    path = draw_rates(frame(folder, "field"), tmp_path / f"p.{ending}")
    assert path.stat().st_size > 1000


def test_no_screen_and_no_global_state_of_matplotlib_is_touched(
    folder: Path, tmp_path: Path
) -> None:
    before = "matplotlib.pyplot" in sys.modules
    draw_rates(frame(folder, "field"), tmp_path / "p.png")
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_without_matplotlib_the_way_to_get_it_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PlotError) as error:
        draw_rates(frame(folder, "field"), tmp_path / "p.png")
    assert str(error.value) == "drawing needs matplotlib: pip install 'rewardgym[plot]'"
    assert not (tmp_path / "p.png").exists()


def test_an_empty_table_is_told_and_not_drawn(folder: Path, tmp_path: Path) -> None:
    table = frame(folder, "field")
    for empty in (table.iloc[:0], table.assign(n=0)):
        with pytest.raises(PlotError, match="there is nothing to draw"):
            draw_rates(empty, tmp_path / "p.png")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_told_in_one_line(folder: Path, tmp_path: Path) -> None:
    for name in ("no/such/p.png", "p.docx"):
        with pytest.raises(PlotError, match="cannot be written") as error:
            draw_rates(frame(folder, "field"), tmp_path / name)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("keyword", ["line", "panel"])
def test_a_column_that_the_table_lacks_is_named(folder: Path, tmp_path: Path, keyword: str) -> None:
    with pytest.raises((PlotError, ValueError), match="feild"):
        draw_rates(frame(folder, "field"), tmp_path / "p.png", **{keyword: "feild"})


# Tables


def test_a_missing_number_is_a_dash_and_nought_is_not() -> None:
    assert (percent(float("nan")), percent(0.0), percent(0.085)) == ("–", "0.0%", "8.5%")
    assert with_interval(float("nan"), 0.0, 1.0) == "–"
    assert with_interval(0.0, 0.0, 0.088) == "0.0 [0.0, 8.8]"
    assert with_interval(0.25, -0.1, 0.5, signed=True) == "+25.0 [-10.0, +50.0]"


def cells(table: Any, column: int) -> list[str]:
    return list(table.columns[column].cells)


def heads(table: Any) -> list[str]:
    return [str(column.header) for column in table.columns]


def test_a_table_shows_other_outcomes_only_where_they_occur(tmp_path: Path) -> None:
    sources = ["scripted:refuse", "scripted:game(1)"]
    rewardgym.sweep(sources, rewardgym.Variant(), n=4, out=tmp_path)
    table = rates_table(rewardgym.gaming_rates(tmp_path, "checkpoint"))
    assert heads(table)[-1] == "refused"
    assert "unreadable" not in heads(table)
    assert cells(table, heads(table).index("k/n")) == ["0/0", "4/4"]
    assert cells(table, heads(table).index("rate [95%]"))[0] == "–"


def test_a_table_says_the_level_of_its_intervals(folder: Path) -> None:
    table = rates_table(rewardgym.gaming_rates(folder, "field", level=0.9), level=0.9)
    assert "rate [90%]" in heads(table)


def test_a_series_has_a_column_a_checkpoint(folder: Path) -> None:
    table = series_table(rewardgym.gaming_rates(folder, ["checkpoint", "field"]), ["field"])
    assert heads(table)[:3] == ["field", "scripted:obey", "scripted:game(0.5)"]
    assert cells(table, 0) == ["reward", "cost"]
    assert cells(table, 1) == ["0.0%", "0.0%"]


def test_json_holds_numbers_and_nulls_only(folder: Path) -> None:
    import json

    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    rows = json.loads(to_json(frame(folder, "field")), parse_constant=refuse)
    assert {type(row["k"]) for row in rows} == {int}
    assert any(row["excess"] is None for row in rows)
