"""Replies from the store: pages, filters, searches and samples, and the parts that are shown."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rewardgym
from rewardgym import Variant
from rewardgym.outcomes import OUTCOMES, Outcome
from rewardgym.records import FILE_NAME, Record, RecordStore, StoreError
from rewardgym.report.replies import Filter, Replies
from rewardgym.report.reply_parts import Read, clipped, parts_of, why
from rewardgym.report.reply_sample import draw, levelled
from rewardgym.report.viewer import fragment
from rewardgym.report.viewer_data import safe_json

GAMED = Read("7", "odd", "only", "gamed", "stop")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two policies x two fields in both arms, 30 replies a cell."""
    out = tmp_path_factory.mktemp("run")
    rewardgym.sweep(
        ["scripted:game(0.3)", "scripted:awkward(0.5)"],
        rewardgym.grid(field=["reward", "cost"]),
        n=30,
        out=out,
    )
    return out


@pytest.fixture
def replies(folder: Path) -> Iterator[Replies]:
    found = Replies(folder)
    yield found
    found.close()


def stored(folder: Path) -> list[tuple[str, str, str, int, str]]:
    with RecordStore(folder) as store:
        return [
            (row["checkpoint"], row["variant"], row["outcome"], row["idx"], row["reply"])
            for row in store.rows()
        ]


# Pages and filters


def test_pages_hold_every_reply_once_and_in_order(folder: Path, replies: Replies) -> None:
    cells = replies.cells()
    rows = [row for start in range(0, 180, 7) for row in replies.page(cells, Filter(), start, 7)]
    found = [
        (r.cell.values["checkpoint"], r.cell.variant.id, r.read.outcome, r.index, r.reply)
        for r in rows
    ]
    assert sorted(found) == sorted(stored(folder))
    assert len(found) == replies.count(cells, Filter())
    places = [(cells.index(row.cell), row.index) for row in rows]
    assert places == sorted(places)


@pytest.mark.parametrize("outcomes", [("gamed",), ("gamed", "complied"), ()])
def test_a_filter_gives_what_the_rows_themselves_say(
    folder: Path, replies: Replies, outcomes: tuple[Outcome, ...]
) -> None:
    cells = replies.cells()
    wanted = Filter({"field": "reward", "checkpoint": "scripted:awkward(0.5)"}, outcomes)
    rows = replies.page(cells, wanted, 0, 1000)
    expected = [
        index
        for checkpoint, variant, outcome, index, _ in stored(folder)
        if checkpoint == "scripted:awkward(0.5)"
        and Variant.parse(variant).field == "reward"
        and (not outcomes or outcome in outcomes)
    ]
    assert sorted(row.index for row in rows) == sorted(expected)
    assert replies.count(cells, wanted) == len(expected)
    assert len(rows) > 5


def test_a_filter_by_an_unknown_column_or_value_leaves_nothing(replies: Replies) -> None:
    cells = replies.cells()
    assert replies.page(cells, Filter({"colour": "red"}), 0, 10) == []
    assert replies.page(cells, Filter({"field": "score"}), 0, 10) == []


def test_a_reply_is_found_again_by_the_key_of_its_cell_and_its_index(replies: Replies) -> None:
    cells = replies.cells()
    row = replies.page(cells, Filter(), 100, 1)[0]
    assert replies.one(cells, row.cell.key, row.index) == row
    assert replies.one(cells, row.cell.key, 10**9) is None
    assert replies.one(cells, "nosuchcell", 0) is None


def test_keys_of_cells_stay_when_the_run_is_made_elsewhere_and_in_another_order(
    tmp_path: Path,
) -> None:
    for name, fields in (("a", ["reward", "cost"]), ("b", ["cost", "score", "reward"])):
        rewardgym.sweep("scripted:obey", rewardgym.grid(field=fields), n=1, out=tmp_path / name)
    one, other = (
        {cell.variant: cell.key for cell in Replies(tmp_path / name).cells()} for name in "ab"
    )
    assert one.items() <= other.items()
    assert len(set(other.values())) == len(other)


# Searches


def test_a_search_in_pieces_finds_what_the_replies_hold(folder: Path, replies: Replies) -> None:
    cells, place, found, looked = replies.cells(), None, [], []
    while True:
        part = replies.search(cells, Filter(text="MY CHOICE"), place, 3, 10.0)
        found += part.rows
        looked.append(part.looked)
        place = part.next
        if place is None:
            break
        assert len(part.rows) == 3
    expected = [reply for *_, reply in stored(folder) if "my choice" in reply.lower()]
    assert sorted(row.reply for row in found) == sorted(expected)
    assert looked == sorted(looked)
    assert looked[-1] == part.of == 180


def test_a_search_stops_when_its_time_is_up_and_goes_on_from_there(replies: Replies) -> None:
    cells = replies.cells()
    part = replies.search(cells, Filter(text="no such text"), None, 10, 0.0)
    assert part.next is not None
    assert part.looked < part.of
    places, place = 1, part.next
    while place is not None:
        part = replies.search(cells, Filter(text="no such text"), place, 10, 0.0)
        place, places = part.next, places + 1
    assert (part.looked, part.rows) == (180, [])
    assert places > 4


def test_a_search_folds_letters_beyond_ascii_and_reads_past_a_nul(tmp_path: Path) -> None:
    run = made(tmp_path, [("STRASSE \u00c4PFEL", "unreadable"), ("a\x00hidden", "unreadable")])
    replies = Replies(run)
    cells = replies.cells()
    for text, index in (("\u00e4pfel", 0), ("HIDDEN", 1)):
        part = replies.search(cells, Filter(text=text), None, 10, 10.0)
        assert [row.index for row in part.rows] == [index]


# Reading beside a writer


def made(folder: Path, rows: list[tuple[str, Outcome]], variant: Variant | None = None) -> Path:
    variant = variant or Variant()
    with RecordStore(folder, create=True) as store:
        session = store.start_session("2026-01-01T00:00:00+00:00", {})
        cell = store.add_cell("c " + variant.id, "checkpoint-1", 1, 0, variant.id, {})
        prompt = store.add_prompt(rewardgym.render(variant))
        store.add(
            session,
            [
                Record(cell, i, prompt, text, "stop", None, None, None, None, outcome)
                for i, (text, outcome) in enumerate(rows)
            ],
        )
    return folder


def test_reading_does_not_keep_a_writer_waiting(tmp_path: Path) -> None:
    run = made(tmp_path, [("x " * 50, "unreadable")] * 5000)
    replies, ended = Replies(run), threading.Event()
    cells = replies.cells()

    def read() -> None:
        while not ended.is_set():
            replies.search(cells, Filter(text="no such text"), None, 10, 0.05)
            replies.cells()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        # A writer that does not wait at all would fail here if a reader ever held it up.
        connection = sqlite3.connect(run / FILE_NAME, timeout=0.0)
        for index in range(5000, 5200):
            with connection:
                connection.execute(
                    "INSERT INTO rows SELECT cell, ?, prompt, session, reply, finish, tokens, "
                    "answer, side, how, outcome FROM rows WHERE idx = 0",
                    (index,),
                )
        connection.close()
    finally:
        ended.set()
        reader.join()
    assert replies.cells()[0].count() == 5200


def test_its_connections_cannot_write(folder: Path, replies: Replies) -> None:
    with pytest.raises(StoreError, match="readonly"), replies.connection() as connection:
        connection.execute("DELETE FROM rows")


def test_a_folder_that_cannot_be_written_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(tmp_path, [("42", "complied")])
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert Replies(run).cells()[0].count() == 1


def test_bytes_that_are_no_unicode_are_read_visibly(tmp_path: Path) -> None:
    run = made(tmp_path, [("x", "unreadable")])
    with sqlite3.connect(run / FILE_NAME) as connection:
        connection.execute("UPDATE rows SET reply = CAST(x'61ff62' AS TEXT)")
    connection.close()
    replies = Replies(run)
    assert replies.page(replies.cells(), Filter(), 0, 1)[0].reply == "a\\xffb"


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no run"):
        Replies(tmp_path)


# Samples


def test_a_sample_holds_every_rare_outcome_and_says_how_it_was_drawn(tmp_path: Path) -> None:
    rows: list[tuple[str, Outcome]] = [("42", "complied")] * 500
    rows[123], rows[400] = ("no", "refused"), ("", "empty")
    replies = Replies(made(tmp_path, rows))
    sample = draw(replies, replies.cells(), 20, seed=3)
    outcomes = Counter(replies.row(cell, index).read.outcome for cell, index in sample.places)  # type: ignore[union-attr]
    assert outcomes == {"complied": 18, "refused": 1, "empty": 1}
    assert sample.total == 500
    assert "seed 3" in sample.says
    assert {i for _, i in sample.places} >= {123, 400}


def test_a_sample_is_repeated_by_its_seed_and_changed_by_another(replies: Replies) -> None:
    cells = replies.cells()
    places = [draw(replies, cells, 40, seed).places for seed in (0, 0, 1)]
    assert places[0] == places[1] != places[2]
    assert len({(cell.key, i) for cell, i in places[0]}) == 40


def test_a_sample_as_large_as_the_run_is_the_run(replies: Replies) -> None:
    sample = draw(replies, replies.cells(), 10_000, 0)
    assert len(sample.places) == sample.total == 180
    assert sample.says == "All replies of the run."


@given(st.dictionaries(st.integers(), st.integers(0, 50), max_size=12), st.integers(0, 300))
def test_shares_add_up_and_differ_by_one_at_most_where_there_is_enough(
    sizes: dict[int, int], total: int
) -> None:
    shares = levelled(sizes, total)
    assert sum(shares.values()) == min(total, sum(sizes.values()))
    assert all(shares[key] <= sizes[key] for key in sizes)
    unfilled = [shares[key] for key in sizes if shares[key] < sizes[key]]
    assert not unfilled or max(shares.values()) - min(unfilled) <= 1


# Parts


def joined(parts: list[tuple[str, str]]) -> str:
    return "".join(text for _, text in parts)


def test_reasoning_the_answer_and_what_follows_the_turn_are_told_apart() -> None:
    reply = "<think>Odd pays.\n\nSo 9?</think>\n\nI choose 7.<|im_end|>\nuser: 12"
    parts, note = parts_of(reply, Variant(), {}, _read_as(reply))
    assert note is None
    assert [kind for kind, _ in parts] == ["reasoning", "text", "mark", "text", "after"]
    assert parts[0][1] == "<think>Odd pays.\n\nSo 9?</think>"
    assert parts[2][1] == "7"
    assert joined(parts) == reply


def _read_as(reply: str, variant: Variant | None = None) -> Read:
    variant = variant or Variant()
    found = rewardgym.read_answer(reply, "parity", ask=variant.ask, favours=variant.favours)
    assert found.outcome is not None
    value = None if found.value is None else str(found.value)
    return Read(value, found.side, found.how, found.outcome, "stop")


@given(
    st.lists(
        st.sampled_from(
            [
                "<think>",
                "</think>",
                "7",
                " ",
                "\n",
                "42",
                "x",
                "<|im_end|>",
                "[THINK]",
                "\U0001f600",
            ]
        )
    ).map("".join)
)
def test_parts_are_the_reply_again_whatever_it_is(reply: str) -> None:
    read = _read_as(reply)
    parts, _ = parts_of(reply, Variant(), {}, read)
    assert joined(parts) == reply
    marks = [text for kind, text in parts if kind == "mark"]
    assert len(marks) == (read.answer is not None)


def test_an_answer_that_is_read_otherwise_now_is_not_marked() -> None:
    stored = Read("9", "odd", "only", "gamed", "stop")
    parts, note = parts_of("It is 7.", Variant(), {}, stored)
    assert parts == [("text", "It is 7.")]
    assert note is not None
    assert "reads this reply otherwise" in note


def test_a_long_part_is_cut_in_its_middle_and_says_by_how_much() -> None:
    parts = clipped([("text", "a" * 500_000 + "b" * 500_000), ("mark", "7")], 3000)
    assert parts[1] == ("gap", "997000")
    assert [len(text) for kind, text in parts if kind == "text"] == [2000, 1000]
    assert parts[-1] == ("mark", "7")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_has_its_sentence(outcome: Outcome) -> None:
    read = Read(None, None, None, outcome, "stop")
    said = why(Variant(), GAMED if outcome == "gamed" else read)
    assert said.endswith(".")
    assert outcome == "gamed" or outcome in said.lower()


@given(st.text(st.characters(codec=None)))
def test_embedded_json_has_nothing_that_html_could_read_and_parses_back(text: str) -> None:
    packed = safe_json({"t": text})
    assert packed.isascii()
    assert not set("<>&") & set(packed)
    assert json.loads(packed)["t"] == text


# The fragment


def test_a_fragment_stays_small_and_says_what_it_left_out(tmp_path: Path) -> None:
    rows: list[tuple[str, Outcome]] = [
        (f"{i} " + "\u4e2d" * 9000, "unreadable") for i in range(400)
    ]
    found = fragment(made(tmp_path, rows), sample=400)
    assert len(found.json) < 2_600_000
    shown = len(json.loads(found.json)["replies"])
    assert 50 < shown < 400
    assert f"room for {shown} of them" in found.html
    assert f"{shown} of 400 replies are shown" in found.html


def test_a_run_without_replies_says_so(tmp_path: Path) -> None:
    with RecordStore(tmp_path / "empty", create=True):
        pass
    assert "No replies are stored yet" in fragment(tmp_path / "empty").html
