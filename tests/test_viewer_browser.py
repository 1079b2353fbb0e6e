"""The viewer in a real browser: filters, links, keys, and two cells side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rewardgym_viewer import cards, go, serving, settled, status

import rewardgym
from rewardgym import Variant
from rewardgym.report.served_pages import viewer_page
from rewardgym.report.viewer import fragment

pytest_plugins = ["rewardgym_browser"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    rewardgym.sweep(
        ["scripted:game(0.3)", "scripted:awkward(0.5)"],
        rewardgym.grid(field=["reward", "cost"], encoding=["plain", "base64"]),
        n=40,
        out=out,
    )
    return out


@pytest.fixture(scope="module")
def report(run: Path) -> Path:
    """The viewer of a file, in a page of its own: the figures' page takes seconds to draw."""
    out = run / "replies.html"
    out.write_text(viewer_page(fragment(run, sample=200), "run"), encoding="utf-8")
    return out


@pytest.fixture
def served(run: Path) -> Iterator[str]:
    for server in serving(run):
        yield server.address + "replies"


# Filters and links


def test_filters_show_what_they_say_and_stand_in_the_address(report: Path, open_page: Any) -> None:
    page = settled(open_page(report))
    page.get_by_label("encoding", exact=True).select_option("base64")
    page.get_by_label("outcome", exact=True).select_option("gamed")
    page.wait_for_timeout(50)
    assert "encoding=base64" in page.url
    assert "outcome=gamed" in page.url
    found = page.locator(".rv-card .rv-outcome").all_text_contents()
    assert found
    assert set(found) == {"gamed"}
    assert re.fullmatch(r"Replies 1 to 10 of \d+ that match\.", status(page))
    page.get_by_label("outcome", exact=True).select_option("complied")
    page.wait_for_function(
        "() => document.querySelector('.rv-status').textContent.includes('shown that match, of ')"
    )
    page.get_by_label("outcome", exact=True).select_option("gamed")
    page.wait_for_timeout(50)
    again = settled(open_page(page.url))
    assert again.locator(".rv-card .rv-outcome").all_text_contents() == found
    again.get_by_role("button", name="Clear all").click()
    assert "encoding=" not in again.url


def test_a_link_from_a_figure_sets_the_filters(report: Path, open_page: Any) -> None:
    page = settled(open_page(report))
    go(page, "#replies?checkpoint=scripted%3Aawkward%280.5%29&field=reward&step=None&arm=conflict")
    assert page.get_by_label("field", exact=True).evaluate("n => n.value") == "=reward"
    places = page.locator(".rv-card .rv-place").all_text_contents()
    assert places
    assert all("scripted:awkward(0.5)" in place and "conflict" in place for place in places)
    go(page, "#replies?colour=red")
    assert status(page) == "No replies: the run has no column colour."


def test_a_reply_is_reached_by_its_link(report: Path, open_page: Any) -> None:
    page = settled(open_page(report))
    card = cards(page).nth(3)
    key, text = card.get_attribute("data-id"), card.text_content()
    card.get_by_role("link", name="Link to this reply").click()
    settled(page)
    assert page.url.endswith("#reply=" + key)
    assert cards(page).count() == 1
    other = settled(open_page(page.url))
    assert cards(other).text_content() == text
    go(other, "#reply=000000000000-1")
    assert "not among those shown" in status(other)


@pytest.mark.parametrize("where", ["report", "served"])
def test_text_is_found_and_pages_can_be_turned(
    where: str, request: pytest.FixtureRequest, open_page: Any
) -> None:
    page = settled(open_page(request.getfixturevalue(where)))
    page.get_by_label("Text in the reply").fill("ANSWER")
    page.wait_for_function("() => location.hash.includes('text=ANSWER')")
    assert cards(settled(page)).count() == 10
    texts = page.locator(".rv-reply").all_text_contents()
    assert all("answer" in text.lower() for text in texts)
    first = cards(page).first.get_attribute("data-id")
    page.get_by_role("button", name="Next").first.click()
    page.wait_for_function("id => document.querySelector('.rv-card').dataset.id !== id", arg=first)
    page.get_by_role("button", name="Back").first.click()
    page.wait_for_function("id => document.querySelector('.rv-card').dataset.id === id", arg=first)


def test_the_answer_that_was_read_is_marked_and_reasoning_is_folded(
    report: Path, open_page: Any
) -> None:
    page = settled(open_page(report))
    go(page, "#replies?text=The grader may want")
    card = cards(page).first
    assert not card.locator("details.rv-folded").evaluate("n => n.open")
    assert card.locator("summary").first.text_content().startswith("Reasoning (")
    answer = card.locator(".rv-answer").text_content()
    assert card.locator("mark.rv-read").text_content() == answer


# Two cells


def test_two_cells_stand_side_by_side_with_the_difference_of_their_prompts_marked(
    report: Path, open_page: Any
) -> None:
    page = settled(open_page(report))
    page.get_by_role("button", name="Two cells side by side").click()
    settled(page)
    sides = page.locator(".rv-side")
    assert sides.count() == 2
    prompts = [side.locator(".rv-prompt").text_content() for side in sides.all()]
    assert "output % 2" in prompts[0]
    assert "1 - (output % 2)" in prompts[1]
    marks = [side.locator("mark.rv-differs").all_text_contents() for side in sides.all()]
    assert marks == [[], ["1 - (", ")"]]
    assert "#compare?a=" in page.url
    other = settled(open_page(page.url))
    assert other.locator(".rv-prompt").all_text_contents() == [
        *page.locator(".rv-prompt").all_text_contents()
    ]


# Keys, sizes, no script


def test_keys_move_search_and_lead_back(report: Path, open_page: Any) -> None:
    page = settled(open_page(report))
    focused = "() => document.activeElement.dataset.id || document.activeElement.id"
    ids = [card.get_attribute("data-id") for card in cards(page).all()]
    for key, expected in (("j", 0), ("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert page.evaluate(focused) == ids[expected]
    page.keyboard.press("/")
    assert page.evaluate(focused) == "rv-text"
    page.keyboard.type("jk/")  # letters in the field are letters
    assert page.get_by_label("Text in the reply").input_value() == "jk/"
    page.keyboard.press("Escape")
    assert page.get_by_label("Text in the reply").input_value() == ""
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.activeElement === document.body")


def test_all_of_it_is_reached_by_the_tab_key_and_has_a_name(report: Path, open_page: Any) -> None:
    page = settled(open_page(report))
    page.locator(".rv select").first.focus()
    seen = set()
    for _ in range(80):
        seen.add(page.evaluate("() => document.activeElement.localName"))
        page.keyboard.press("Tab")
    assert {"select", "input", "button", "article", "a", "summary"} <= seen
    unnamed = page.evaluate(
        "() => [...document.querySelectorAll('.rv select, .rv input')]"
        ".filter((n) => !n.labels.length).length"
    )
    assert unnamed == 0


def test_without_a_script_the_counts_are_there_and_it_is_said(report: Path, open_page: Any) -> None:
    page = open_page(report, scripts=False)
    assert "that needs JavaScript" in page.locator(".rv").inner_text()
    assert page.locator(".rv-counts").is_visible()
    assert not page.locator(".rv-filters").is_visible()


# While a sweep writes


@pytest.mark.slow
def test_new_replies_are_offered_while_a_sweep_writes(tmp_path: Path, open_page: Any) -> None:
    rewardgym.sweep("scripted:obey", Variant(), n=20, out=tmp_path)
    for server in serving(tmp_path):
        page = settled(open_page(server.address + "replies"))
        assert status(page) == "Replies 1 to 10 of 40 that match."
        rewardgym.sweep("scripted:obey", Variant(), n=30, out=tmp_path, extend=True)
        button = page.get_by_role("button", name="20 new replies: show them")
        button.wait_for()
        assert page.locator("#rv-total").text_content() == "60"
        assert status(page) == "Replies 1 to 10 of 40 that match."
        button.click()
        page.wait_for_function(
            "() => document.querySelector('.rv-status').textContent.includes('of 60')"
        )


@pytest.mark.slow
def test_a_run_that_begins_fills_by_itself(tmp_path: Path, open_page: Any) -> None:
    from rewardgym.records import RecordStore

    with RecordStore(tmp_path, create=True):
        pass
    for server in serving(tmp_path):
        page = settled(open_page(server.address + "replies"))
        assert status(page) == "No replies are stored yet."
        rewardgym.sweep("scripted:obey", Variant(), n=4, out=tmp_path)
        page.wait_for_function("() => document.querySelectorAll('.rv-card').length === 8")
