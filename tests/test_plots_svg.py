"""Figures as SVG: the same text every time, points in their places, colours that a page can own."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from rewardgym_figures import each_figure, made, silenced, words

from rewardgym import plots
from rewardgym.plots.style import shown

pytest.importorskip("matplotlib")


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
    assert {*words(svg)} & {*wanted, "reward"}


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
    assert shown(name) in words(svg)


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
