"""A run in blocks: rows of one cell, with what they share kept once.

In: an open store. Out: blocks of rollouts, of laws, and of a rates table. Blocks are bounded in
rows and in characters, so that a million replies, or a few of a megabyte each, need little memory;
they are read within one snapshot, so that a sweep that goes on meanwhile changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewardgym.export.columns import CELL, MODEL, SETTINGS, Column, Kind
from rewardgym.families import get_family
from rewardgym.law_records import LawRecords
from rewardgym.metrics.cells import place_of
from rewardgym.records import Cell, RecordStore
from rewardgym.variants import Variant

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 4096
MOST_CHARACTERS = 8_000_000
"""A block ends at whichever of the two it reaches first."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that share the values in ``shared``; the columns of both together are a whole row. In
    all blocks of a table the same columns are shared."""

    shared: Mapping[str, Any]
    rows: list[dict[str, Any]]
    characters: int = 0
    """The characters of the rows' long texts: replies, or reasoning."""


@contextmanager
def snapshot(store: RecordStore) -> Iterator[None]:
    """Everything read inside is as it was at the first read, whatever is written meanwhile."""
    store.query("BEGIN")
    try:
        yield
    finally:
        store.query("ROLLBACK")  # nothing was written


def rollout_blocks(store: RecordStore) -> Iterator[Block]:
    """The stored replies, cells in the order of the series."""
    sessions = _sessions(store)
    replied = store.counts()
    for cell in store.cells():
        if cell.id not in replied:
            continue
        shared = _shared(cell, Variant.parse(cell.variant))
        rows = (_rollout(row, sessions) for row in store.rows(cell.id))
        yield from _blocks(shared, rows, "reply")


def law_blocks(store: RecordStore) -> Iterator[Block]:
    """The stored laws, cells in the order of the series."""
    sessions, laws = _sessions(store), LawRecords(store)
    for cell in store.cells():
        variant = Variant.parse(cell.variant)
        sides = (variant.ask, get_family(variant.family).other(variant.ask))
        # The records' own reader leaves out who wrote them.
        written = _law_sessions(store, cell) if laws.done(cell.id) else {}
        rows = (
            {
                **row,
                "idx": row["index"],
                "sides": dict(zip(sides, (row["complied"], row["off"]), strict=True)),
                **_session(written[row["index"]], sessions),
            }
            for row in (laws.rows(cell.id) if written else ())
        )
        yield from _blocks(_shared(cell, variant), rows, "reasoning")


def rate_columns(rates: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of a rates table, by the types of its frame."""
    kinds: dict[str, Kind] = {"i": "integer", "u": "integer", "f": "number", "b": "flag"}
    return tuple(
        Column(str(name), _whole(rates[name]) or kinds.get(rates[name].dtype.kind, "text"))
        for name in rates.columns
    )


def rate_blocks(rates: pd.DataFrame) -> Iterator[Block]:
    """A rates table as blocks; a missing number is None."""
    rows = [
        {str(name): _plain(value) for name, value in row.items()}
        for row in rates.astype(object).to_dict("records")
    ]
    for start in range(0, len(rows), MOST_ROWS):
        yield Block({}, rows[start : start + MOST_ROWS])


def _whole(column: pd.Series) -> Kind | None:
    """Steps are whole numbers, though a column with gaps holds them as fractions."""
    return "integer" if column.name == "step" and column.dtype.kind == "f" else None


def _plain(value: Any) -> Any:
    if value is None or value != value:
        return None
    return value.item() if hasattr(value, "item") else value


def _shared(cell: Cell, variant: Variant) -> dict[str, Any]:
    policy = cell.policy
    known = {**variant.to_dict(), **place_of(cell, variant), "cell": cell.id, "policy": policy}
    known |= {name: policy.get(name) for name in (*MODEL, *SETTINGS)}
    known["model"] = policy.get("reference") or policy.get("name") or cell.checkpoint
    return {column.name: _fitting(known[column.name], column.kind) for column in CELL}


def _fitting(value: Any, kind: Kind) -> Any:
    """The value as its column's kind: wordings may be numbers or text, and a policy of one's own
    may mean something else by a setting's name, which then stands in ``policy`` alone."""
    if value is None or kind == "json":
        return _strict(value)
    if kind == "text":
        return str(value)
    if kind == "flag":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if kind == "number":
        return float(value)
    return int(value) if float(value).is_integer() else None


def _strict(value: Any) -> Any:
    """A JSON value without what only Python takes for JSON: NaN and infinities become words."""
    if isinstance(value, Mapping):
        return {str(key): _strict(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _rollout(row: dict[str, Any], sessions: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    # ``hint`` is a factor as well: whether there is one.
    return {**row, "hint_text": row["hint"], **_session(row["session"], sessions)}


def _sessions(store: RecordStore) -> dict[int, dict[str, Any]]:
    return {one["id"]: one for one in store.sessions()}


def _session(id_: int, sessions: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    found = sessions[id_]
    return {"session": id_, "session_started": found["started"], "versions": found["versions"]}


def _law_sessions(store: RecordStore, cell: Cell) -> dict[int, int]:
    return dict(store.query("SELECT idx, session FROM laws WHERE cell = ?", (cell.id,)))


def _blocks(shared: dict[str, Any], rows: Iterable[dict[str, Any]], long: str) -> Iterator[Block]:
    """The rows in blocks; ``long`` names the column whose text may be long."""
    found: list[dict[str, Any]] = []
    characters = 0
    for row in rows:
        found.append(row)
        characters += len(row[long] or "")
        if len(found) >= MOST_ROWS or characters >= MOST_CHARACTERS:
            yield Block(shared, found, characters)
            found, characters = [], 0
    if found:
        yield Block(shared, found, characters)
