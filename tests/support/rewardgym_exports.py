"""What the tests of exports share: runs to export, hostile replies, and a reader of every format.

In: a folder. Out: a run of known contents, or the rows of an exported file. A test module makes its
fixture of ``two_methods`` itself, so that no other module sees it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

import rewardgym
from rewardgym.export import read_csv
from rewardgym.export.columns import ROLLOUTS, Column
from rewardgym.records import Record, RecordStore, Run
from rewardgym.variants import Variant

FORMATS = ("parquet", "jsonl", "csv")
HOSTILE = (
    "",
    " ",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "'quoted",
    "json:",
    'json:"x"',
    '{"a": 1}',
    "null",
    "NaN",
    "None",
    "a,b;c\td",
    'say "no"',
    "one\ntwo\r\nthree\rfour\u2028five\x85six",
    "nul\0inside",
    "\ufeffbom",
    "\u202eevil\u202c",
    "<script>alert(1)</script>",
    "\\ud800",
    "tail\\",
    "é ß 漢字 🙂",
    "x" * 200_000,
)
ANY_TEXT = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(HOSTILE)


def two_methods(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two policies, sampled and exact, two fields and two encodings with twins."""
    folder = tmp_path_factory.mktemp("runs") / "x"
    variants = rewardgym.grid(field=["reward", "cost"], encoding=["plain", "base64"])
    policies = ["scripted:game(0.3)", "scripted:obey"]
    rewardgym.sweep(policies, variants, n=20, seed=0, out=folder)
    return rewardgym.sweep(policies, variants, n=20, seed=0, out=folder, exact=True)


def run_of(folder: Path, replies: tuple[str, ...] = HOSTILE, **policy: Any) -> Path:
    """A run of one cell with these replies."""
    variant = Variant(label='a, "label"\nof <your> own')
    with RecordStore(folder, create=True) as store:
        session = store.start_session("2026-01-01T00:00:00+00:00", {"rewardgym": "0.1.0"})
        cell = store.add_cell("key", "checkpoint-1", 1, 0, variant.id, policy)
        prompt = store.add_prompt(rewardgym.render(variant))
        rows = (
            Record(cell, i, prompt, text, "stop", None, None, None, None, "unreadable")
            for i, text in enumerate(replies)
        )
        store.add(session, rows)
    return folder


def rows_of(path: Path, columns: tuple[Column, ...] = ROLLOUTS) -> list[dict[str, Any]]:
    """The rows of a file of any format, JSON text parsed."""
    if path.suffix == ".csv":
        return list(read_csv(path, columns))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("ascii").splitlines()]
    import pyarrow.parquet as pq

    nested = {column.name for column in columns if column.kind == "json"}
    return [
        {k: json.loads(v) if k in nested and v is not None else v for k, v in row.items()}
        for row in pq.read_table(path).to_pylist()
    ]
