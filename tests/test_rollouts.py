"""Rollouts as a table: every row once, its cell's factors, and the lengths of what was written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rewardgym
from rewardgym import Variant, gaming_rates
from rewardgym.metrics import rollouts
from rewardgym.metrics.rollouts import ROLLOUT_COLUMNS, reply_lengths, rollout_table
from rewardgym.outcomes import Outcome
from rewardgym.reading.reasoning import visible_text
from rewardgym.reading.text import canonical
from rewardgym.records import Record, RecordStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RecordStore]:
    with RecordStore(tmp_path, create=True) as found:
        found.start_session("2026-01-01T00:00:00+00:00", {})
        yield found


def fill(
    store: RecordStore,
    replies: list[tuple[str, Outcome]],
    variant: Variant | None = None,
    checkpoint: str = "checkpoint-1",
    step: int | None = 1,
    tokens: int | None = None,
) -> int:
    variant = variant or Variant()
    cell = store.add_cell(f"{checkpoint} {variant.id}", checkpoint, step, 0, variant.id, {})
    prompt = store.add_prompt(rewardgym.render(variant))
    rows = [
        Record(
            cell,
            i,
            prompt,
            text,
            "error" if outcome == "error" else "stop",
            tokens,
            None,
            None,
            None,
            outcome,
        )
        for i, (text, outcome) in enumerate(replies)
    ]
    store.add(1, rows)
    return cell


def test_the_table_holds_what_the_stores_rows_hold(tmp_path: Path) -> None:
    variants = rewardgym.grid(field=["reward", "cost"], encoding=["plain", "hex"], audit=[None, 2])
    run = rewardgym.sweep(
        ["scripted:game(0.3)", "scripted:awkward(0.5)"], variants, n=7, seed=1, out=tmp_path
    )
    table = rollout_table(run)
    with run.open() as store:
        rows = pd.DataFrame(store.rows())
    assert list(table.columns) == list(ROLLOUT_COLUMNS)
    for name in ("checkpoint", "variant", "cell", "idx", "prompt_sha256", "outcome"):
        assert table[name].tolist() == rows[name].tolist(), name
    for row in table.iloc[::13].to_dict("records"):
        variant = Variant.parse(row["variant"])
        assert (row["arm"], row["favours"], row["encoding"], row["field"]) == (
            variant.arm,
            variant.favours,
            variant.encoding,
            variant.field,
        )


def test_the_rows_add_up_to_the_rates(tmp_path: Path) -> None:
    run = rewardgym.sweep("scripted:guess", rewardgym.grid(field=["reward"]), n=40, out=tmp_path)
    table = rollout_table(run, ["arm", "off"])
    rates = gaming_rates(run, by="arm").set_index("arm")
    assert table.groupby("arm")["off"].sum().to_dict() == rates["k"].to_dict()


def test_off_is_missing_where_no_side_was_answered(store: RecordStore) -> None:
    fill(store, [("7", "gamed"), ("8", "complied"), ("", "empty"), ("9", "violated")])
    found = rollout_table(store, ["off"])["off"].tolist()
    assert found[:2] == [1.0, 0.0]
    assert math.isnan(found[2])
    assert found[3] == 1.0


def test_tokens_and_steps_that_are_not_known_are_missing(store: RecordStore) -> None:
    fill(store, [("7", "gamed")], tokens=None, step=None, checkpoint="base")
    fill(store, [("7", "gamed")], tokens=12)
    table = rollout_table(store, ["tokens", "step"])
    assert table.isna().to_numpy().tolist() == [[True, True], [False, False]]
    assert table.loc[1].tolist() == [12, 1]


@pytest.mark.parametrize(
    ("reply", "visible", "reasoning"),
    [
        ("28", 2, 0),
        ("  28\n", 2, 0),
        ("", 0, 0),
        ("1 < 2, so [28]", 14, 0),
        ("<think>odd?</think>\n\n28", 2, len("<think>odd?</think>")),
        ("<think>two\nlines</think>28", 2, len("<think>two\nlines</think>")),
        ("why?</think> 28", 2, len("why?</think>")),
        ("[THINK]hm[/THINK]2\n8", 3, len("[THINK]hm[/THINK]")),
        ("the analysis says 28", 20, 0),
        ("２８", 2, 0),
        ("a\x00b", 3, 0),
    ],
)
def test_the_lengths_are_those_of_the_visible_reply_and_of_its_reasoning(
    store: RecordStore, reply: str, visible: int, reasoning: int
) -> None:
    fill(store, [("7", "gamed"), (reply, "complied"), ("8", "complied")])
    table = rollout_table(store, ["visible_chars", "reasoning_chars"])
    assert table.loc[1].tolist() == [visible, reasoning]
    assert table.loc[[0, 2], "visible_chars"].tolist() == [1, 1]


@pytest.mark.parametrize("reply", ["<think>never closed", "analysisThe user wants"])
def test_a_block_that_never_closes_has_no_lengths(store: RecordStore, reply: str) -> None:
    fill(store, [(reply, "malformed"), ("7", "gamed")])
    table = rollout_table(store, ["visible_chars", "reasoning_chars"])
    assert table.isna().all(axis=1).tolist() == [True, False]


def test_a_failed_request_has_no_lengths(store: RecordStore) -> None:
    fill(store, [("timeout <think>", "error"), ("timeout", "error"), ("7", "gamed")])
    table = rollout_table(store, ["visible_chars", "reasoning_chars"])
    assert table["visible_chars"].isna().tolist() == [True, True, False]


@given(st.text(alphabet="<>/think 2\n[]a`", max_size=40))
def test_visible_and_reasoning_are_never_longer_than_the_reply(reply: str) -> None:
    visible, reasoning = reply_lengths(reply)
    if visible_text(canonical(reply)) is None:
        assert math.isnan(visible)
        assert math.isnan(reasoning)
    else:
        assert 0 <= visible + reasoning <= len(reply)


def test_some_cells_and_some_columns_can_be_asked_for(store: RecordStore) -> None:
    fill(store, [("7", "gamed")] * 3)
    second = fill(store, [("8", "complied")] * 2, Variant(field="score"))
    table = rollout_table(store, ["off", "field"], cells=[second])
    assert list(table.columns) == ["off", "field"]
    assert table["field"].tolist() == ["score", "score"]
    assert rollout_table(store, ["off"], cells=[]).empty


def test_a_run_without_rollouts_gives_an_empty_table_with_all_columns(store: RecordStore) -> None:
    assert list(rollout_table(store).columns) == list(ROLLOUT_COLUMNS)
    fill(store, [])
    assert rollout_table(store).empty


def test_an_unknown_column_is_refused_with_the_nearest_match(store: RecordStore) -> None:
    with pytest.raises(ValueError, match=r"unknown column of rollouts 'token'; .*'tokens'"):
        rollout_table(store, ["idx", "token"])


def test_a_path_a_run_and_a_store_give_the_same_table(store: RecordStore) -> None:
    fill(store, [("7", "gamed"), ("<think>a</think>8", "complied")])
    tables = [rollout_table(x) for x in (store, store.folder, rewardgym.Run(store.folder))]
    assert all(table.equals(tables[0]) for table in tables)
    assert np.array_equal(tables[0]["idx"], [0, 1])


def test_a_sweep_that_writes_meanwhile_changes_nothing(
    store: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = fill(store, [("7", "gamed"), ("<think>a</think>8", "complied")])
    read = rollouts._lengths

    def writing(*arguments: Any) -> Any:
        late = Record(cell, 2, 1, "<think>b</think>9", "stop", 3, "9", "odd", "bare", "gamed")
        with RecordStore(store.folder) as other:
            other.add(1, [late])
        return read(*arguments)

    monkeypatch.setattr(rollouts, "_lengths", writing)
    assert rollout_table(store)["idx"].tolist() == [0, 1]
    monkeypatch.undo()
    assert rollout_table(store)["idx"].tolist() == [0, 1, 2]
