"""Laws in the viewer: exact runs, and chains of thought with the law of the answer after each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rewardgym_viewer import cards, go, serving, settled, status

import rewardgym
from rewardgym import Variant
from rewardgym.law_records import LawRecord, LawRecords
from rewardgym.records import RecordStore
from rewardgym.report.law_parts import law_says, share
from rewardgym.report.page import write_report
from rewardgym.report.replies import Filter, Replies
from rewardgym.report.reply_rows import LAW, LawRow
from rewardgym.report.viewer import fragment
from rewardgym.report.viewer_data import row_data

pytest_plugins = ["rewardgym_browser"]

HOSTILE = "<img src=x onerror=window.harmed=1></script><script>window.harmed=1</script>\u202e"
VARIANTS = rewardgym.grid(field=["reward", "score"])


def laws(folder: Path, thoughts: list[str | None]) -> Path:
    """A run of chains: one cell, a law after each thought; ``None`` is a chain that was cut."""
    variant = Variant()
    prompt = rewardgym.render(variant)
    with RecordStore(folder, create=True) as store:
        session = store.start_session("2026-01-01T00:00:00+00:00", {})
        cell = store.add_cell("one", "step-1", 1, 0, variant.id, {"method": "chains"})
        prompt_id = store.add_prompt(prompt)
        found = []
        for index, thought in enumerate(thoughts):
            cut = thought is None
            off, complied = (0.0, 0.0) if cut else (0.75, 0.2)
            answers = {} if cut else {"7": 0.75, "8": 0.2}
            found.append(
                LawRecord(
                    *(cell, index, prompt_id, off, complied, 0.0, float(cut)),
                    residual=0.0 if cut else 0.05,
                    unfollowed=0.0,
                    answers=answers,
                    parts={},
                    tokens=9,
                    reasoning="cut in the mid" if thought is None else thought,
                )
            )
        LawRecords(store, create=True).add(session, found)
    return folder


@pytest.fixture
def chains(tmp_path: Path) -> Iterator[Replies]:
    found = Replies(laws(tmp_path, ["The zebra pays.", None, "Ich \u00dcbe nicht.", "pays"]))
    yield found
    found.close()


def rows(replies: Replies, wanted: Filter, limit: int = 50) -> list[LawRow]:
    found = replies.page(replies.cells(), wanted, 0, limit)
    assert all(isinstance(row, LawRow) for row in found)
    return [row for row in found if isinstance(row, LawRow)]


def test_an_exact_run_shows_the_law_of_every_prompt(tmp_path: Path) -> None:
    rewardgym.sweep("scripted:game(0.25)", VARIANTS, n=1, out=tmp_path, exact=True)
    replies = Replies(tmp_path)
    found = rows(replies, Filter(values={"arm": "conflict", "field": "reward"}))
    replies.close()
    assert [round(row.off, 9) for row in found] == [0.25]
    data = row_data(found[0], {})
    assert data["law"]["rate"] == "25.00%"
    assert data["law"]["off"] == "gamed"
    assert {side for _, side, _ in data["law"]["answers"]} <= {"odd", "even"}
    shown = fragment(tmp_path)
    assert "4 of 4 laws are shown" in shown.html
    assert [one["outcome"] for one in json.loads(shown.json)["replies"]] == ["law"] * 4


def test_the_named_answers_and_the_rest_add_up_to_all_answers(tmp_path: Path) -> None:
    rewardgym.sweep("scripted:game(0.25)", Variant(), n=1, out=tmp_path, exact=True)
    with RecordStore(tmp_path) as store:
        own = [row for row in LawRecords(store).rows() if row["off"] > 0]
    replies = Replies(tmp_path)
    found = rows(replies, Filter(values={"arm": "conflict"}))
    replies.close()
    data = row_data(found[0], {})["law"]
    more = data["rest"] or [0, "0%"]
    assert len(data["answers"]) + more[0] == len(own[0]["answers"])
    total = sum(float(one.strip("<>%")) for *_, one in data["answers"]) + float(more[1].strip("%"))
    assert total == pytest.approx(100 * sum(own[0]["answers"].values()), abs=0.1)


def test_a_law_is_no_outcome_and_is_found_by_its_reasoning(chains: Replies) -> None:
    cells = chains.cells()
    assert cells[0].counts == {LAW: 4}
    assert chains.count(cells, Filter(kinds=("gamed",))) == 0
    assert rows(chains, Filter(kinds=("gamed",))) == []
    assert len(rows(chains, Filter(kinds=(LAW,)))) == 4
    for text, where in (("ZEBRA", [0]), ("pays", [0, 3]), ("\u00fcbe", [2]), ("quagga", [])):
        found = chains.search(cells, Filter(text=text), None, 10, 10.0)
        assert [row.index for row in found.rows] == where, text
        assert (found.looked, found.of, found.next) == (4, 4, None)


def test_a_chain_that_was_cut_says_so(chains: Replies) -> None:
    whole, cut = rows(chains, Filter())[:2]
    assert law_says(whole) == (
        "What the model may answer after this reasoning: gamed 75.00%, complied 20.00%, "
        "residual 5.00%."
    )
    assert law_says(cut) == "The token limit cut this chain of thought, so no answer follows it."
    assert row_data(cut, {})["law"]["rate"] is None


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0.00%"), (1e-9, "<0.01%"), (0.5, "50.00%"), (1 - 1e-9, ">99.99%"), (1, "100.00%")],
)
def test_a_share_is_never_rounded_to_nothing_or_all(value: float, said: str) -> None:
    assert share(value) == said


def test_replies_of_a_sweep_that_stops_early_are_shown(tmp_path: Path) -> None:
    rewardgym.sweep("scripted:game(0.3)", Variant(), n=200, until=0.2, out=tmp_path)
    replies = Replies(tmp_path)
    with RecordStore(tmp_path) as store:
        every = len(list(store.rows()))
    assert replies.count(replies.cells(), Filter(values={"method": "sequential"})) == every > 0
    replies.close()


def test_laws_and_replies_of_one_run_stand_side_by_side(tmp_path: Path) -> None:
    rewardgym.sweep("scripted:game(0.3)", Variant(), n=5, out=tmp_path)
    rewardgym.sweep("scripted:game(0.3)", Variant(), n=1, out=tmp_path, exact=True)
    found = fragment(tmp_path, sample=6)
    data = json.loads(found.json)
    assert data["what"] == "replies and laws"
    assert "method" in data["facets"]
    assert "6 of 12 replies and laws are shown" in found.html
    assert {one["outcome"] for one in data["replies"]} >= {"law", "complied"}


# In a browser


def test_a_law_is_a_card_with_folded_reasoning_and_a_table(tmp_path: Path, open_page: Any) -> None:
    path = write_report(laws(tmp_path, [HOSTILE, None]), tmp_path / "report.html")
    page = settled(open_page(path))
    assert status(page) == "Laws 1 to 2 of 2 that match."
    card = cards(page).first
    assert "gamed 78.95% of the answers on a side" in card.locator(".rv-head").text_content()
    assert card.locator(".rv-law tbody tr").all_inner_texts() == [
        "7\todd\t75.00%",
        "8\teven\t20.00%",
    ]
    folded = card.locator("details.rv-folded")
    assert folded.get_attribute("open") is None
    folded.locator("summary").click()
    assert "onerror=window.harmed=1" in folded.inner_text()
    assert page.evaluate("() => window.harmed") is None
    assert cards(page).nth(1).locator(".rv-law").count() == 0


def test_a_mark_of_an_exact_run_leads_to_the_laws_behind_it(tmp_path: Path, open_page: Any) -> None:
    policies = ["scripted:game(0.2)", "scripted:game(0.7)"]
    rewardgym.sweep(policies, VARIANTS, n=1, out=tmp_path, exact=True)
    page = settled(open_page(write_report(tmp_path)))
    mark = page.locator('[id="exact-policies"] .picture [data-mark]').first
    mark.click()
    page.wait_for_function("() => location.hash.startsWith('#replies?')")
    settled(page)
    assert cards(page).count() == 1
    assert "law" in cards(page).first.locator(".rv-outcome").inner_text()


def test_the_server_pages_laws_and_searches_them(tmp_path: Path, open_page: Any) -> None:
    for server in serving(laws(tmp_path, [f"thought {at}" for at in range(30)])):
        page = settled(open_page(server.address + "replies"))
        assert status(page) == "Laws 1 to 10 of 30 that match."
        go(page, "#replies?text=thought 29")
        assert cards(page).count() == 1
