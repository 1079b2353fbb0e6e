"""What the viewer's script is given: cells, prompts and replies as JSON.

In: cells and rows of a run. Out: plain values, and their text, safe inside a script block. The
file and the server give the script the same values, so that there is one viewer and not two.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rewardgym.report.law_parts import law_data, law_says
from rewardgym.report.reply_parts import Part, clipped, parts_of, shortened, why
from rewardgym.report.reply_rows import COLUMNS, KINDS, LAW, LawRow, ReplyCell, ReplyRow, Row, what

FACETS = tuple(name for name in COLUMNS if name not in ("step", "favours"))
"""What has a list to choose from where it varies; the others can be filtered by from a link."""
LONGEST_PROMPT = 100_000
"""Characters of one message that are shown."""

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def safe_json(value: object) -> str:
    """JSON that is text and nothing else wherever it stands, in a script block above all: ASCII,
    without the three characters that HTML could read."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for char, escape in _ESCAPES.items():
        text = text.replace(char, escape)
    return text


def cells_data(cells: Sequence[ReplyCell]) -> dict[str, Any]:
    """All cells with their counts: columns that vary once a cell, the others once."""
    seen = {name: {cell.values[name]: None for cell in cells} for name in COLUMNS}
    varying = [name for name in COLUMNS if len(seen[name]) > 1]
    policies = list(dict.fromkeys(cell.policy for cell in cells))
    place = {policy: at for at, policy in enumerate(policies)}
    twins = _twins(cells)
    return {
        "what": what(cells),
        "outcomes": list(KINDS),
        "columns": varying,
        "facets": [name for name in FACETS if name in varying],
        "fixed": {name: next(iter(seen[name])) for name in COLUMNS if len(seen[name]) == 1},
        "policies": policies,
        "cells": [
            {
                "key": cell.key,
                "values": [cell.values[name] for name in varying],
                "counts": [cell.counts.get(kind, 0) for kind in KINDS],
                "variant": cell.variant.id,
                "asked": cell.variant.ask,
                "favours": cell.variant.favours,
                "arm": cell.variant.arm,
                "policy": place[cell.policy],
                "twin": twins.get(cell.key),
            }
            for cell in cells
        ],
    }


def _twins(cells: Sequence[ReplyCell]) -> dict[str, str]:
    """The key of each cell's twin, and of the cell that an agree cell is the twin of."""
    places = {(cell.values["checkpoint"], cell.variant.id, cell.policy): cell for cell in cells}
    found: dict[str, str] = {}
    for cell in cells:
        twin = cell.variant.twin() if cell.variant.arm == "conflict" else None
        if twin is None:
            continue
        other = places.get((cell.values["checkpoint"], twin.id, cell.policy))
        if other is not None:
            found[cell.key] = other.key
            found[other.key] = cell.key
    return found


def prompt_data(prompt: dict[str, Any]) -> dict[str, Any]:
    """One prompt: its messages by role, the hint in plain text, what the seed drew."""
    return {
        "messages": [
            [str(one.get("role", "")), clipped([("text", str(one["content"]))], LONGEST_PROMPT)]
            for one in prompt["messages"]
        ],
        "hint": prompt["hint"],
        "params": prompt["params"],
        "sha256": prompt["sha256"],
    }


def row_data(row: Row, params: dict[str, int], *, longest: int | None = None) -> dict[str, Any]:
    """One reply or law: its parts, of at most ``longest`` characters each, and what was read. With
    None it is whole, however long."""
    found = _law(row, params) if isinstance(row, LawRow) else _reply(row, params, longest)
    parts: list[Part] = found["parts"]
    shown = parts if longest is None else clipped(parts, longest)
    cut = found.pop("unmarked") or any(kind == "gap" for kind, _ in shown)
    return {
        "c": row.cell.key,
        "i": row.index,
        "p": row.prompt,
        **found,
        "parts": shown,
        "cut": cut,
        "tokens": row.tokens,
    }


def _reply(row: ReplyRow, params: dict[str, int], longest: int | None) -> dict[str, Any]:
    parts, note = parts_of(row.reply, row.cell.variant, params, row.read, whole=longest is None)
    answer = row.read.answer
    return {
        "parts": parts,
        "unmarked": note is not None and longest is not None,
        "length": len(row.reply),
        "note": note,
        "outcome": row.read.outcome,
        "answer": None if answer is None else shortened(answer),
        "side": row.read.side,
        "why": why(row.cell.variant, row.read),
        "finish": row.read.finish,
    }


def _law(row: LawRow, params: dict[str, int]) -> dict[str, Any]:
    return {
        "parts": [] if row.reasoning is None else [("reasoning", row.reasoning)],
        "unmarked": False,
        "length": len(row.reasoning or ""),
        "note": None,
        "outcome": LAW,
        "law": law_data(row, params),
        "why": law_says(row),
    }
