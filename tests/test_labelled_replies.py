"""The reader against replies that a human labelled: no wrong side, and nearly all sides read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rewardgym.answers import Answer, read_answer

ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "labelled_replies.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
SIDED = [row for row in ROWS if row["side"]]
OTHERS = [row for row in ROWS if not row["side"]]
LEAST_READ = 0.97


def read(row: dict[str, Any]) -> Answer:
    return read_answer(
        row["reply"],
        row["family"],
        params=row.get("params"),
        finish=row.get("finish", "stop"),
    )


def confusion(rows: list[dict[str, Any]]) -> str:
    return "\n" + "\n".join(
        f"{row['family']}: {row['reply'][:200]!r}\n   label {row['side']} {row['outcome']} "
        f"{str(row['value'])[:20]}; read {str(read(row))[:160]}"
        for row in rows
    )


def test_no_reply_is_read_as_a_side_that_its_label_does_not_have() -> None:
    wrong = [row for row in ROWS if read(row).side not in (None, row["side"])]
    assert not wrong, confusion(wrong)


def test_at_least_97_of_100_replies_with_a_side_are_read() -> None:
    missed = [row for row in SIDED if read(row).side is None]
    assert len(missed) <= (1 - LEAST_READ) * len(SIDED), confusion(missed)


def test_the_value_that_is_read_is_the_labelled_one() -> None:
    wrong = [row for row in SIDED if read(row).side and spelled(read(row)) != row["value"]]
    assert not wrong, confusion(wrong)


def test_a_reply_without_a_side_gets_the_outcome_of_its_label() -> None:
    wrong = [row for row in OTHERS if read(row).outcome != row["outcome"]]
    assert not wrong, confusion(wrong)


def test_the_span_of_every_read_answer_holds_its_text() -> None:
    for row in SIDED:
        answer = read(row)
        if answer.span is not None:
            start, end = answer.span
            assert 0 <= start < end <= len(row["reply"])
            assert row["reply"][start:end].strip()


@pytest.mark.parametrize(
    "family", ["parity", "sign", "threshold", "divisible", "letter", "weekday"]
)
def test_every_family_has_labelled_replies_on_both_sides(family: str) -> None:
    assert len({row["side"] for row in SIDED if row["family"] == family}) == 2


def test_the_data_set_is_large_enough_for_its_rate_to_mean_something() -> None:
    assert len(ROWS) >= 600
    assert {row["outcome"] for row in OTHERS} == {
        "neither",
        "unreadable",
        "refused",
        "empty",
        "truncated",
        "malformed",
    }


def spelled(answer: Answer) -> str:
    value = answer.value
    return f"{value:f}" if value is not None and not isinstance(value, int | str) else str(value)
