"""A report's section of the registered plan: what was stated, what the run says, and safely so."""

from __future__ import annotations

import json
import sqlite3
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import rewardgym
from rewardgym.metrics.cells import cell_table
from rewardgym.metrics.preregistration import RULE, answer_plan, read_plan
from rewardgym.metrics.rates import gaming_rates
from rewardgym.metrics.registered import KEY, standing
from rewardgym.records import RecordStore, Run
from rewardgym.report.page import render_report
from rewardgym.report.page_tables import rates_grid
from rewardgym.report.plan_section import PlanSection, read_plan_section, with_exploratory

pytest.importorskip("matplotlib", reason="needs the extra report")
pytest.importorskip("jinja2", reason="needs the extra report")

TEXT = """
name = "plain first"
alpha = 0.01
n = 30

[[hypothesis]]
id = "H1"
text = "a plain hint is gamed more than one in hex"
first = { encoding = "plain" }
second = { encoding = "hex" }
direction = "greater"
smallest = 0.1

[[hypothesis]]
id = "H2"
first = { encoding = "plain", family = "parity" }
level = 0.9
direction = "greater"

[[hypothesis]]
id = "H3"
text = "nobody asked this"
first = { field = "grade" }
second = { encoding = "plain" }
direction = "different"
"""

HOSTILE = r"""
name = "</b><script>alert(1)</script> \u202Ecod\u2066"
[[hypothesis]]
id = "<img src=x onerror=alert(1)>"
text = "</ul></section> {{ 7 * 7 }} \u200B\u200B &amp; '><svg onload=alert(1)> ]]>"
first = { field = "<b>\uFEFF" }
second = { encoding = "plain" }
direction = "greater"
"""


class Text(HTMLParser):
    """The text and the tags of a page, outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._quiet = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._quiet += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


def page(run: Run, monkeypatch: pytest.MonkeyPatch) -> Text:
    """Without figures, which take most of the time and say nothing here."""
    monkeypatch.setattr("rewardgym.report.page.draw_figures", lambda results, prefix: [])
    return Text(render_report(run, sample=5))


def written(folder: Path, text: str = TEXT) -> Path:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def swept(folder: Path, text: str | None = TEXT, **more: Any) -> Run:
    """A run of three encodings; the plan is registered first unless ``text`` is None."""
    plan = None if text is None else written(folder, text)
    variants = rewardgym.grid(encoding=["plain", "hex", "rot13"])
    settings = {"n": 50, "seed": 0, "progress": False, "extend": True, **more}
    return rewardgym.sweep(
        "scripted:plain(0.5)", variants, out=folder / "run", preregistration=plan, **settings
    )


def section_of(run: Run) -> PlanSection:
    with run.open() as store:
        found = read_plan_section(store, str(run.folder))
    assert found is not None
    return found


# What it says


def test_each_hypothesis_stands_with_its_verdict_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = swept(tmp_path)
    said = page(run, monkeypatch).text
    plan = read_plan(tmp_path / "plan.toml")
    answers = answer_plan(plan, cell_table(run))
    assert [one.verdict for one in answers] == ["confirmed", "refuted", "not measured"]
    assert "What was written down before Plan plain first . " in said
    assert standing(run, plan) in said
    assert "3 hypotheses at alpha = 0.01: 1 confirmed, 1 refuted, 1 not measured." in said
    assert RULE in said
    for one in answers:
        assert f"{one.hypothesis.id} {one.verdict} {one.hypothesis.text}" in said
        assert one.reason in said
    k, n = answers[0].k1, answers[0].n1
    assert f"Found: {k}/{n} against 0/{answers[0].n2}; {answers[0].reason}" in said
    assert (
        "Stated: encoding = plain, against encoding = hex: greater by 10 points or more; at least "
        "30 answers a side" in said
    )
    assert "encoding = plain, family = parity, against a rate of 90%: greater" in said
    assert 'text = "nobody asked this"' in said  # the file itself, folded


def test_the_plan_stands_right_after_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = page(swept(tmp_path), monkeypatch)
    sections = [attributes.get("id") for tag, attributes in found.tags if tag == "section"]
    assert sections[:2] == ["answer", "plan"]
    assert "#plan" in [attributes.get("href") for tag, attributes in found.tags if tag == "a"]


def test_a_run_without_a_plan_has_no_such_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = swept(tmp_path, None)
    with run.open() as store:
        assert read_plan_section(store, "x") is None
    found = page(run, monkeypatch)
    assert "plan" not in [attributes.get("id") for _, attributes in found.tags]
    assert "written down" not in found.text
    assert "xploratory" not in found.text


def test_a_plan_that_came_after_rows_was_not_written_down_before(tmp_path: Path) -> None:
    swept(tmp_path, None)
    found = section_of(swept(tmp_path, n=60))
    assert found.title == "What was written down"
    assert "after rows had been measured: exploratory in part" in found.standing


def test_an_unfinished_run_says_that_verdicts_can_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = swept(tmp_path)
    with sqlite3.connect(run.folder / "run.sqlite") as connection:
        connection.execute("DELETE FROM rows WHERE idx >= 40")
    assert "not finished, so these verdicts can still change" in page(run, monkeypatch).text


def test_a_run_with_a_plan_and_no_cell_is_answered_as_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rewardgym.metrics.registered import register

    with RecordStore(tmp_path / "run", create=True) as store:
        register(store, written(tmp_path))
    said = page(Run(tmp_path / "run"), monkeypatch).text
    assert "3 hypotheses at alpha = 0.01: 3 not measured." in said


def test_a_long_plan_is_cut_and_says_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = '[[hypothesis]]\nid = "H{}"\nfirst = {{ field = "reward" }}\nlevel = 0.5\n'
    one += 'direction = "greater"\n'
    text = 'name = "long"\n' + "".join(one.format(place) for place in range(103))
    said = page(swept(tmp_path, f"{text}# {'x' * 20_000}"), monkeypatch).text
    assert "103 hypotheses at alpha = 0.05: 103 " in said
    assert "3 more hypotheses are answered by rewardgym rates with --plan." in said
    assert "more characters are in the run." in said


# Plans that cannot be answered here


def changed(run: Run, **new: Any) -> Run:
    """The run with another text in the place of its plan's."""
    with sqlite3.connect(run.folder / "run.sqlite") as connection:
        with run.open() as store:
            known = store.get_meta(KEY)
        text = json.dumps({**known, **new})
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (text, KEY))
    return run


@pytest.mark.parametrize("text", ["no toml [", 'name = "of a later version"\nkind = 2', ""])
def test_a_plan_that_cannot_be_read_is_named_by_its_hash_and_date(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = changed(swept(tmp_path), text=text)
    found = section_of(run)
    hash_of_it = read_plan(tmp_path / "plan.toml").sha256[:12]
    assert f"A plan with the sha256 {hash_of_it} was registered on 2" in found.standing
    assert "Its text cannot be answered here (" in found.said
    assert f"rewardgym rates {run.folder} --plan FILE does." in found.said
    assert found.said in page(run, monkeypatch).text


def test_a_text_that_is_not_the_registered_one_is_exploratory(tmp_path: Path) -> None:
    run = changed(swept(tmp_path), text=TEXT.replace("smallest = 0.1", "smallest = 0.01"))
    assert "This is not the plan that the run was registered with" in section_of(run).standing


def test_a_registration_of_another_form_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = changed(swept(tmp_path), signature="of a later version")
    assert "in a form that this version does not know" in page(run, monkeypatch).text


# Tables of rates


def test_rates_that_no_hypothesis_names_are_marked_as_exploratory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = swept(tmp_path)
    table = gaming_rates(run, ["encoding"])
    grid = rates_grid(table, ["encoding"], "Rates")
    marked = with_exploratory(grid, table, cell_table(run), read_plan(tmp_path / "plan.toml"))
    assert marked.heads == (*grid.heads, "exploratory")
    assert [(row[0], row[-1]) for row in marked.rows] == [
        *(("plain", "no"), ("hex", "no"), ("rot13", "yes")),
    ]
    assert (
        "has a star. Exploratory is what no hypothesis of the plan names."
        in page(run, monkeypatch).text
    )


def test_a_factor_with_one_value_need_not_be_a_column_to_be_named(tmp_path: Path) -> None:
    only = TEXT[: TEXT.index('[[hypothesis]]\nid = "H1"')]
    only += '[[hypothesis]]\nid = "H"\nfirst = { encoding = "plain", family = "parity" }\n'
    only += 'level = 0.9\ndirection = "greater"\n'
    run = swept(tmp_path, only)
    table = gaming_rates(run, ["encoding"])
    grid = rates_grid(table, ["encoding"], "Rates", most=2)
    marked = with_exploratory(grid, table, cell_table(run), read_plan(tmp_path / "plan.toml"))
    assert [row[-1] for row in marked.rows] == ["no", "yes"]


# Hostile texts


def test_a_hostile_plan_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = page(swept(tmp_path, HOSTILE), monkeypatch)
    assert "</b><script>alert(1)</script> [U+202E]cod[U+2066]" in found.text
    assert "<img src=x onerror=alert(1)> not measured" in found.text
    assert "</ul></section> {{ 7 * 7 }} [U+200B×2] &amp; '><svg onload=alert(1)> ]]>" in found.text
    assert "field = <b>[U+FEFF]" in found.text
    assert not {"img", "svg"} & {tag for tag, _ in found.tags}
    assert [a for tag, a in found.tags if tag == "script" and a.get("type") is None] == [{}, {}]
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
