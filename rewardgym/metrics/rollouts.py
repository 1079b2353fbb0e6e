"""Rollouts as a table: one row a stored rollout, with its cell's factors.

In: a run. Out: a DataFrame. What all rollouts of a cell share is parsed once a cell, and replies
stay in the database unless one may hold reasoning: a million rows take seconds, not minutes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rewardgym.metrics.cells import place_of
from rewardgym.names import unknown
from rewardgym.outcomes import COMPLIED, OFF_SIDE, OUTCOMES
from rewardgym.reading.reasoning import visible_text
from rewardgym.reading.text import canonical
from rewardgym.records import Cell, RecordStore, Run
from rewardgym.variants import FACTORS, Variant

if TYPE_CHECKING:
    import pandas as pd

LENGTHS = ("visible_chars", "reasoning_chars")
"""Characters of the reply without reasoning and outer blanks, and of its reasoning blocks with
their tags: 0 where there is no block, NaN where a block never closes or the request failed."""

CELL_COLUMNS = ("checkpoint", "step", "position", "variant", "arm", "favours", *FACTORS)
ROW_COLUMNS = ("cell", "idx", "prompt_sha256", "outcome", "off", "tokens", *LENGTHS)
ROLLOUT_COLUMNS = (*CELL_COLUMNS, *ROW_COLUMNS)
"""``off`` is 1.0 for an answer off the asked side, 0.0 for one on it, NaN for no answer on either
side; ``tokens`` is NaN where the policy does not count them."""

_OFF = np.array([1.0 if o in OFF_SIDE else 0.0 if o == COMPLIED else np.nan for o in OUTCOMES])
_BLANKS = " \t\n\r"
# Only a reply with one of these can hold reasoning (see reading.reasoning.visible_text); SQLite
# counts characters up to a NUL, so such a reply is counted in Python as well.
_MARKS = ("<", "[", "◁", "＜", "［")
_LOOKED_AT = (
    "(" + " OR ".join(f"instr(reply, '{mark}')" for mark in _MARKS) + " OR instr(reply, char(0))"
    " OR lower(substr(reply, 1, 8)) = 'analysis')"
)
_LENGTH = (
    f"CASE WHEN finish = 'error' THEN -2 WHEN {_LOOKED_AT} THEN -1 "
    "ELSE length(trim(reply, char(32, 9, 10, 13))) END"
)


def rollout_table(
    run: Run | RecordStore | str | Path,
    columns: Iterable[str] | None = None,
    *,
    cells: Iterable[int] | None = None,
) -> pd.DataFrame:
    """One row a stored rollout, by cell and index, with ``columns`` of ``ROLLOUT_COLUMNS`` (all of
    them where left out). ``cells`` keeps the cells with these ids. Raises ValueError for an
    unknown column."""
    names = list(ROLLOUT_COLUMNS if columns is None else dict.fromkeys(columns))
    for name in names:
        if name not in ROLLOUT_COLUMNS:
            raise unknown("column of rollouts", name, ROLLOUT_COLUMNS)
    if isinstance(run, RecordStore):
        return _table(run, names, cells)
    with (run if isinstance(run, Run) else Run(run)).open() as store:
        return _table(store, names, cells)


def _table(store: RecordStore, names: list[str], cells: Iterable[int] | None) -> pd.DataFrame:
    # One read transaction: a sweep that writes meanwhile cannot change the rows between queries.
    with store.transaction() as connection:
        connection.execute("BEGIN")
        return _read(store, connection, names, cells)


def _read(
    store: RecordStore,
    connection: sqlite3.Connection,
    names: list[str],
    cells: Iterable[int] | None,
) -> pd.DataFrame:
    import pandas as pd

    wanted = None if cells is None else set(cells)
    known = [cell for cell in store.cells() if wanted is None or cell.id in wanted]
    where = "" if wanted is None else f"WHERE cell IN ({','.join(str(c.id) for c in known)})"
    lengths = any(name in LENGTHS for name in names)
    rows = _query(
        connection,
        "SELECT cell, idx, prompt, outcome, coalesce(tokens, -1), "  # noqa: S608 - constants and ids
        f"{_LENGTH if lengths else 0} FROM rows {where} ORDER BY cell, idx",
    )
    place = {cell.id: at for at, cell in enumerate(known)}
    shared = _cell_frame(known, [name for name in CELL_COLUMNS if name in names])
    at = np.array([place[cell] for cell in np.unique(rows[:, 0])], dtype=np.intp)
    own = at[np.unique(rows[:, 0], return_inverse=True)[1]]
    found = shared.iloc[own].reset_index(drop=True)
    parts = _row_columns(connection, rows, names)
    if lengths:
        parts |= dict(zip(LENGTHS, _lengths(connection, rows[:, 5], where), strict=True))
    more = pd.DataFrame({name: parts[name] for name in names if name in parts})
    return pd.concat([found, more], axis=1)[names]


def _query(connection: sqlite3.Connection, sql: str) -> NDArray[np.int64]:
    """The six columns of numbers, without a list of all rows between; the store's ``rows`` parses
    the prompt's JSON again for every row."""
    return np.fromiter(connection.execute(sql), dtype=np.dtype((np.int64, 6)))


def _cell_frame(cells: list[Cell], names: list[str]) -> pd.DataFrame:
    import pandas as pd

    parsed = {cell.variant: Variant.parse(cell.variant) for cell in cells}
    rows: list[dict[str, Any]] = []
    for cell in cells:
        variant = parsed[cell.variant]
        rows.append({**variant.to_dict(), **place_of(cell, variant)})
    return pd.DataFrame(rows, columns=names)


def _row_columns(
    connection: sqlite3.Connection, rows: NDArray[np.int64], names: list[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {"cell": rows[:, 0], "idx": rows[:, 1], "off": _OFF[rows[:, 3]]}
    found["tokens"] = np.where(rows[:, 4] < 0, np.nan, rows[:, 4])
    if "outcome" in names:
        found["outcome"] = np.array(OUTCOMES, dtype=object)[rows[:, 3]]
    if "prompt_sha256" in names:
        hashes = dict(connection.execute("SELECT id, sha256 FROM prompts"))
        ids, own = np.unique(rows[:, 2], return_inverse=True)
        found["prompt_sha256"] = np.array([hashes[i] for i in ids.tolist()], dtype=object)[own]
    return found


def _lengths(
    connection: sqlite3.Connection, counted: NDArray[np.int64], where: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Visible and reasoning characters; ``counted`` holds SQLite's count, -1 for a reply that has
    to be looked at, -2 for a failed request."""
    visible = np.where(counted < 0, np.nan, counted)
    reasoning = np.where(counted < 0, np.nan, 0.0)
    clause = f"{where or 'WHERE 1'} AND finish != 'error' AND {_LOOKED_AT}"
    query = f"SELECT reply FROM rows {clause} ORDER BY cell, idx"  # noqa: S608 - as above
    replies = connection.execute(query)
    for at, (reply,) in zip(np.flatnonzero(counted == -1), replies, strict=True):
        visible[at], reasoning[at] = reply_lengths(reply)
    return visible, reasoning


def reply_lengths(reply: str) -> tuple[float, float]:
    """Visible and reasoning characters of one reply; both NaN where a block never closes."""
    # With its own line breaks spelled otherwise, a line break in the result is blanked reasoning.
    text = visible_text(canonical(reply).replace("\n", "\r"))
    if text is None:
        return float("nan"), float("nan")
    return float(len(text.replace("\n", "").strip(_BLANKS))), float(text.count("\n"))
