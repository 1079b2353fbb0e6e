"""The report in a real browser: drawn, hovered, saved, read on a phone and without scripts."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

import rewardgym
from rewardgym.metrics.rates import gaming_rates
from rewardgym.policies import ScriptedPolicy
from rewardgym.report.page import write_report

pytest_plugins = ["rewardgym_browser"]
pytestmark = pytest.mark.slow

pytest.importorskip("matplotlib", reason="needs the extra report")
pytest.importorskip("jinja2", reason="needs the extra report")

OpenPage = Callable[..., Any]


class AtStep(ScriptedPolicy):
    """A scripted policy that is named like a checkpoint."""

    def __init__(self, step: int, script: str) -> None:
        super().__init__(script)
        self.name = f"checkpoint-{step}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "series"
    policies = [AtStep(0, "game(0.1)"), AtStep(20, "game(0.5)"), AtStep(40, "game(0.9)")]
    variants = rewardgym.grid(field=["reward", "score"], encoding=["plain", "hex"])
    rewardgym.sweep(policies, variants, n=30, seed=0, out=folder, progress=False)
    with sqlite3.connect(folder / "run.sqlite") as connection:
        connection.execute("UPDATE cells SET step = CAST(substr(checkpoint, 12) AS INTEGER)")
    return folder


@pytest.fixture(scope="module")
def report(run: Path) -> Path:
    return write_report(run)


def marks(page: Any, figure: str) -> Any:
    return page.locator(f'[id="sampled-{figure}"] .picture.wide [data-mark]')


def test_every_figure_is_drawn_and_the_page_asks_for_nothing(
    open_page: OpenPage, report: Path, watch: Any
) -> None:
    page = open_page(report)
    pictures = page.locator(".picture:visible svg")
    assert pictures.count() == 7
    for place in range(7):
        box = pictures.nth(place).bounding_box()
        assert box["width"] > 250
        assert box["height"] > 100
    assert watch.requests == [report.as_uri()]


def test_a_mark_says_k_n_and_interval_to_pointer_and_keyboard(
    open_page: OpenPage, run: Path, report: Path
) -> None:
    page = open_page(report)
    table = gaming_rates(run, ["checkpoint", "step", "field", "encoding"])
    row = table[(table["encoding"] == "plain") & (table["field"] == "reward")].iloc[0]
    expected = f"{row['k']} of {row['n']}"
    first = marks(page, "rate").first
    first.scroll_into_view_if_needed()
    box = first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    said = page.inner_text("#tip")
    assert page.is_visible("#tip")
    assert re.search(r"\d+ of \d+", said)
    assert re.search(r"\d% \[\d+\.\d, \d+\.\d\]", said)
    page.mouse.move(0, 0)
    assert page.is_hidden("#tip")
    first.focus()
    assert "reward, step 0" in page.inner_text("#tip")
    assert expected in page.inner_text("#tip")
    page.keyboard.press("ArrowRight")
    assert "reward, step 20" in page.inner_text("#tip")
    page.keyboard.press("Escape")
    assert page.is_hidden("#tip")
    assert "go to its replies" in first.get_attribute("aria-label")


def test_one_tab_stop_a_figure(open_page: OpenPage, report: Path) -> None:
    page = open_page(report)
    stops = page.evaluate(
        "[...document.querySelectorAll('.picture')].filter((p) => p.offsetParent)"
        ".map((p) => p.querySelectorAll('[data-mark][tabindex=\"0\"]').length)"
    )
    assert stops == [1] * 7


def test_a_mark_leads_to_its_replies(open_page: OpenPage, report: Path) -> None:
    page = open_page(report)
    marks(page, "rate").first.focus()
    page.keyboard.press("Enter")
    address, _, query = page.evaluate("location.hash").partition("?")
    assert address == "#replies"
    assert parse_qs(query) == {
        "checkpoint": ["checkpoint-0"],
        "field": ["reward"],
        "arm": ["conflict"],
        "encoding": ["plain"],
        "method": ["sampled"],
    }
    page.wait_for_function("document.getElementById('replies').getBoundingClientRect().top < 500")


def test_a_figure_is_saved_as_svg_and_its_data_as_csv(
    open_page: OpenPage, run: Path, report: Path
) -> None:
    page = open_page(report)
    with page.expect_download() as saved:
        page.click('[data-save="svg"][data-figure="sampled-rate"]')
    assert saved.value.suggested_filename == "sampled-rate.svg"
    root = ET.fromstring(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("color") == "#000000"
    assert "RL step" in "".join(root.itertext())
    with page.expect_download() as saved:
        page.click('[data-save="csv"][data-figure="sampled-rate"]')
    rows = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text(encoding="utf-8"))))
    table = gaming_rates(run, ["checkpoint", "step", "field", "encoding"])
    plain = table[table["encoding"] == "plain"]
    assert [float(row["rate"]) for row in rows] == plain["rate"].tolist()
    assert [int(row["k"]) for row in rows] == plain["k"].tolist()


def test_without_scripts_text_and_tables_are_there_and_no_dead_button(
    open_page: OpenPage, report: Path
) -> None:
    page = open_page(report, scripts=False)
    said = page.inner_text("main")
    assert "followed the hint against the instruction" in said
    assert "How it was measured" in said
    assert page.locator("#sampled-rates table:visible tbody tr").count() == 4
    assert page.locator("button[data-save]:visible").count() == 0
    assert page.is_hidden("#theme")
    page.locator('[id="sampled-rate"] summary').click()
    assert page.locator('[id="sampled-rate"] table:visible tbody tr').count() == 6


@pytest.mark.parametrize("width", [1280, 768, 360])
def test_nothing_is_wider_than_the_window(open_page: OpenPage, report: Path, width: int) -> None:
    page = open_page(report, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator(".picture:visible").count() == 7
    too_wide = page.evaluate(
        "[...document.querySelectorAll('.narrow svg')].filter((s) => s.getBoundingClientRect()"
        ".right > innerWidth).length"
    )
    assert too_wide == 0


def test_the_theme_is_the_systems_until_one_is_chosen(open_page: OpenPage, report: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert open_page(report).evaluate(ground) == "rgb(255, 255, 255)"
    page = open_page(report, dark=True)
    assert page.evaluate(ground) == "rgb(21, 24, 28)"
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: light"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.reload()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.click("#theme")
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: system"
    assert page.evaluate(ground) == "rgb(21, 24, 28)"


def test_text_stands_out_from_its_ground_in_both_themes(open_page: OpenPage, report: Path) -> None:
    # WCAG 2.1, 1.4.3: at least 4.5 to 1.
    script = """
      const light = (c) => {
        const [r, g, b] = c.match(/[\\d.]+/g).map((v) => v / 255)
          .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = light(getComputedStyle(document.body).backgroundColor);
      return [...document.querySelectorAll('p, a, figcaption, td, th, button, summary, dt')]
        .map((e) => light(getComputedStyle(e).color))
        .map((l) => (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05))
        .reduce((a, b) => Math.min(a, b));
    """
    for dark in (False, True):
        page = open_page(report, dark=dark)
        assert page.evaluate(f"(() => {{ {script} }})()") >= 4.5


def test_the_keyboard_can_skip_to_the_content_and_sees_where_it_is(
    open_page: OpenPage, report: Path
) -> None:
    page = open_page(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
