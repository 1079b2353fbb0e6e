"""Replies from the store: filtered, in pages, searched, or a stated sample of them.

In: a run, perhaps one that is still written. Out: rows of replies and the counts of all of them.
It reads through connections of its own that cannot write and hold no transaction for longer than
one page, and it uses the store's own index alone, so that a sweep beside it is never kept waiting.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rewardgym.law_records import LawRecords
from rewardgym.outcomes import OUTCOMES, Outcome
from rewardgym.record_schema import CODES
from rewardgym.records import RecordStore, Run, StoreError, told
from rewardgym.report.reply_parts import Read
from rewardgym.variants import FACTORS, Variant

COLUMNS = ("checkpoint", "step", "arm", "favours", "method", *(f for f in FACTORS if f != "high"))
"""What replies can be filtered by, beside outcome and text: the columns of a rates table."""
_CHUNK = 32
"""Rows between two looks at the clock while searching."""


@dataclass(frozen=True)
class ReplyCell:
    """One cell with replies: where it stands, and how many of each outcome there are."""

    id: int
    key: str
    """Short and stable: a hash of variant and checkpoint, the same on every machine."""
    variant: Variant
    values: Mapping[str, str]
    """The cell's ``COLUMNS`` as text: none, true, 1.5."""
    policy: str
    """The policy's description, as JSON."""
    counts: Mapping[Outcome, int]

    def count(self, outcomes: Sequence[Outcome] = ()) -> int:
        """The number of rows with one of ``outcomes``, of all rows where that is empty."""
        return sum(self.counts.get(outcome, 0) for outcome in outcomes or OUTCOMES)


@dataclass(frozen=True)
class Filter:
    """Which replies are wanted; what is left out filters nothing."""

    values: Mapping[str, str] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    text: str = ""
    """Found in the reply as it was written; capitals do not matter."""
    cell: str = ""
    """The key of one cell."""


@dataclass(frozen=True)
class ReplyRow:
    """One stored reply."""

    cell: ReplyCell
    index: int
    prompt: int
    reply: str
    read: Read
    tokens: int | None


@dataclass(frozen=True)
class Found:
    """What a search found until its time was up or its page full."""

    rows: list[ReplyRow]
    next: tuple[str, int] | None
    """Where to go on: a cell's key and the last index looked at; None at the end."""
    looked: int
    of: int


class Replies:
    """The replies of a run. Raises StoreError for a folder that holds no run."""

    def __init__(self, run: Run | RecordStore | str | Path) -> None:
        folder = run.folder if isinstance(run, Run | RecordStore) else Path(run)
        with RecordStore(folder) as store:  # says what is wrong with a folder that is no run
            self.path = store.path
            self.laws = sum(sums.rows for sums in LawRecords(store).sums().values())
        self._pool: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()

    # Connections

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection that cannot write; one a thread at a time."""
        with told(self.path):
            try:
                found = self._pool.get_nowait()
            except queue.Empty:
                found = self.connect()
            try:
                yield found
            finally:
                self._pool.put(found)

    def connect(self) -> sqlite3.Connection:
        """A new connection that cannot write."""
        # Where nothing can be written, SQLite cannot make its lock file: see RecordStore.
        mode = "ro" if os.access(self.path.parent, os.W_OK) else "ro&immutable=1"
        uri = f"{self.path.resolve().as_uri()}?mode={mode}"
        found = sqlite3.connect(uri, uri=True, timeout=10.0, check_same_thread=False)
        found.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
        found.execute("PRAGMA query_only = ON")
        found.isolation_level = None
        return found

    def close(self) -> None:
        while not self._pool.empty():
            self._pool.get_nowait().close()

    # Cells and counts

    def cells(self) -> list[ReplyCell]:
        """All cells that are asked for replies, in the order of the series, with their counts."""
        with self.connection() as connection:
            connection.execute("BEGIN")
            try:
                return _cells(connection)
            finally:
                connection.execute("COMMIT")

    # Pages

    def page(
        self, cells: Sequence[ReplyCell], wanted: Filter, offset: int, limit: int
    ) -> list[ReplyRow]:
        """``limit`` replies from ``offset`` on, by cell and index; ``wanted.text`` is left to
        :meth:`search`. Which cell a page begins in is known from the counts of ``cells``."""
        rows: list[ReplyRow] = []
        with self.connection() as connection:
            for cell in chosen(cells, wanted):
                own = cell.count(wanted.outcomes)
                if offset >= own:
                    offset -= own
                    continue
                indices = _indices(connection, cell, wanted.outcomes, limit - len(rows), offset)
                rows += [row for i in indices if (row := _row(connection, cell, i)) is not None]
                offset = 0
                if len(rows) >= limit:
                    break
        return rows

    @staticmethod
    def count(cells: Sequence[ReplyCell], wanted: Filter) -> int:
        """How many replies a filter leaves, its text aside."""
        return sum(cell.count(wanted.outcomes) for cell in chosen(cells, wanted))

    def one(self, cells: Sequence[ReplyCell], key: str, index: int) -> ReplyRow | None:
        """The reply of a cell's key and an index; None where there is none."""
        cell = next((cell for cell in cells if cell.key == key), None)
        return None if cell is None else self.row(cell, index)

    def row(self, cell: ReplyCell, index: int) -> ReplyRow | None:
        """One reply of a cell; None where there is none with this index."""
        with self.connection() as connection:
            return _row(connection, cell, index)

    def search(
        self,
        cells: Sequence[ReplyCell],
        wanted: Filter,
        after: tuple[str, int] | None,
        limit: int,
        seconds: float,
    ) -> Found:
        """The next ``limit`` replies that hold ``wanted.text``, or what is found in ``seconds``."""
        end = time.perf_counter() + seconds
        places = chosen(cells, wanted)
        of = sum(cell.count(wanted.outcomes) for cell in places)
        keys = [cell.key for cell in places]
        first = keys.index(after[0]) if after and after[0] in keys else 0
        looked = sum(cell.count(wanted.outcomes) for cell in places[:first])
        rows: list[ReplyRow] = []
        with self.connection() as connection:
            for cell in places[first:]:
                start = after[1] if after and cell.key == after[0] else -1
                looked += _before(connection, cell, wanted.outcomes, start)
                for index, hit in _hits(connection, cell, wanted, start):
                    looked += 1
                    row = _row(connection, cell, index) if hit else None
                    rows += [row] if row is not None else []
                    late = looked % _CHUNK == 0 and time.perf_counter() > end
                    if len(rows) >= limit or late:
                        return Found(rows, (cell.key, index), looked, of)
        return Found(rows, None, looked, of)

    def prompts(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Prompts by id: sha256, messages, params and hint."""
        found = {}
        with self.connection() as connection:
            for prompt in dict.fromkeys(ids):
                sha256, messages, params, hint = connection.execute(
                    "SELECT sha256, messages, params, hint FROM prompts WHERE id = ?", (prompt,)
                ).fetchone()
                found[prompt] = {
                    "sha256": sha256,
                    "messages": json.loads(messages),
                    "params": json.loads(params),
                    "hint": hint,
                }
        return found


def chosen(cells: Sequence[ReplyCell], wanted: Filter) -> list[ReplyCell]:
    """The cells that a filter leaves; a column that does not exist leaves none."""
    return [
        cell
        for cell in cells
        if (not wanted.cell or cell.key == wanted.cell)
        and all(cell.values.get(name) == value for name, value in wanted.values.items())
    ]


def spelled(value: object) -> str:
    """A factor's value as text, one spelling each: none, true, 1, 1.5."""
    if value is None or value != value:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cells(connection: sqlite3.Connection) -> list[ReplyCell]:
    counts: dict[int, dict[Outcome, int]] = {}
    for cell, code, count in connection.execute(
        "SELECT cell, outcome, COUNT(*) FROM rows GROUP BY cell, outcome"
    ):
        counts.setdefault(cell, {})[OUTCOMES[code]] = count
    parsed: dict[str, Variant] = {}
    found = []
    for id_, key, checkpoint, step, name, policy in connection.execute(
        "SELECT id, key, checkpoint, step, variant, policy FROM cells ORDER BY position, id"
    ):
        method = str(json.loads(policy).get("method", "sampled"))
        if method != "sampled":
            continue
        variant = parsed.setdefault(name, Variant.parse(name))
        values = {
            **{name: spelled(value) for name, value in variant.to_dict().items() if name != "high"},
            "checkpoint": checkpoint,
            "step": spelled(step),
            "arm": variant.arm,
            "favours": spelled(variant.favours),
            "method": method,
        }
        short = hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:12]
        found.append(ReplyCell(id_, short, variant, values, policy, counts.get(id_, {})))
    return found


def _where(outcomes: Sequence[Outcome]) -> str:
    """The codes, put in as numbers: each is a constant of the schema."""
    return ", ".join(str(CODES[outcome]) for outcome in outcomes or OUTCOMES)


def _indices(
    connection: sqlite3.Connection,
    cell: ReplyCell,
    outcomes: Sequence[Outcome],
    limit: int,
    offset: int,
) -> list[int]:
    # The index alone is walked: skipping a million rows of the table would read every reply.
    found = connection.execute(
        "SELECT idx FROM rows INDEXED BY rows_by_outcome WHERE cell = ? "  # noqa: S608
        f"AND outcome IN ({_where(outcomes)}) ORDER BY idx LIMIT ? OFFSET ?",
        (cell.id, limit, offset),
    )
    return [index for (index,) in found]


def _before(
    connection: sqlite3.Connection, cell: ReplyCell, outcomes: Sequence[Outcome], index: int
) -> int:
    if index < 0:
        return 0
    found = connection.execute(
        "SELECT COUNT(*) FROM rows INDEXED BY rows_by_outcome WHERE cell = ? "  # noqa: S608
        f"AND outcome IN ({_where(outcomes)}) AND idx <= ?",
        (cell.id, index),
    )
    return int(found.fetchone()[0])


def _row(connection: sqlite3.Connection, cell: ReplyCell, index: int) -> ReplyRow | None:
    found = connection.execute(
        "SELECT prompt, reply, answer, side, how, outcome, finish, tokens FROM rows "
        "WHERE cell = ? AND idx = ?",
        (cell.id, index),
    ).fetchone()
    if found is None:
        return None
    prompt, reply, answer, side, how, code, finish, tokens = found
    return ReplyRow(
        cell, index, prompt, reply, Read(answer, side, how, OUTCOMES[code], finish), tokens
    )


def _hits(
    connection: sqlite3.Connection, cell: ReplyCell, wanted: Filter, after: int
) -> Iterator[tuple[int, int]]:
    """Each index of a cell with whether its reply holds the text."""
    test, text = "instr(lower(reply), ?) > 0", wanted.text.lower()
    if not text.isascii():
        # SQLite folds ASCII letters alone; others are folded here, at a third of the speed.
        test = "found_in(reply, ?)"
        connection.create_function(
            "found_in", 2, lambda reply, part: part in reply.casefold(), deterministic=True
        )
        text = wanted.text.casefold()
    return connection.execute(
        f"SELECT idx, {test} FROM rows WHERE cell = ? AND idx > ? "  # noqa: S608
        f"AND outcome IN ({_where(wanted.outcomes)}) ORDER BY idx",
        (text, cell.id, after),
    )


__all__ = ["COLUMNS", "Filter", "Found", "Replies", "ReplyCell", "ReplyRow", "StoreError"]
