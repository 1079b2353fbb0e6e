"""Replies and laws from the store: filtered, in pages, searched, or a stated sample of them.

In: a run, perhaps one that is still written. Out: rows of replies and the counts of all of them.
It reads through connections of its own that cannot write and hold no transaction for longer than
one page, and it uses the store's own index alone, so that a sweep beside it is never kept waiting.
"""

from __future__ import annotations

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

from rewardgym.records import RecordStore, Run, told
from rewardgym.report.reply_rows import (
    Kind,
    ReplyCell,
    Row,
    count_before,
    hits,
    indices,
    read_cells,
    read_row,
)

_CHUNK = 32
"""Rows between two looks at the clock while searching."""


@dataclass(frozen=True)
class Filter:
    """Which replies are wanted; what is left out filters nothing."""

    values: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[Kind, ...] = ()
    text: str = ""
    """Found in the reply as it was written; capitals do not matter."""
    cell: str = ""
    """The key of one cell."""


@dataclass(frozen=True)
class Found:
    """What a search found until its time was up or its page full."""

    rows: list[Row]
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
        """All cells, in the order of the series, with their counts."""
        with self.connection() as connection:
            connection.execute("BEGIN")
            try:
                return read_cells(connection)
            finally:
                connection.execute("COMMIT")

    # Pages

    def page(
        self, cells: Sequence[ReplyCell], wanted: Filter, offset: int, limit: int
    ) -> list[Row]:
        """``limit`` replies from ``offset`` on, by cell and index; ``wanted.text`` is left to
        :meth:`search`. Which cell a page begins in is known from the counts of ``cells``."""
        rows: list[Row] = []
        with self.connection() as connection:
            for cell in chosen(cells, wanted):
                own = cell.count(wanted.kinds)
                if offset >= own:
                    offset -= own
                    continue
                own_indices = indices(connection, cell, wanted.kinds, limit - len(rows), offset)
                found = (read_row(connection, cell, index) for index in own_indices)
                rows += [row for row in found if row is not None]
                offset = 0
                if len(rows) >= limit:
                    break
        return rows

    @staticmethod
    def count(cells: Sequence[ReplyCell], wanted: Filter) -> int:
        """How many replies a filter leaves, its text aside."""
        return sum(cell.count(wanted.kinds) for cell in chosen(cells, wanted))

    def one(self, cells: Sequence[ReplyCell], key: str, index: int) -> Row | None:
        """The reply of a cell's key and an index; None where there is none."""
        cell = next((cell for cell in cells if cell.key == key), None)
        return None if cell is None else self.row(cell, index)

    def row(self, cell: ReplyCell, index: int) -> Row | None:
        """One reply of a cell; None where there is none with this index."""
        with self.connection() as connection:
            return read_row(connection, cell, index)

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
        of = sum(cell.count(wanted.kinds) for cell in places)
        keys = [cell.key for cell in places]
        first = keys.index(after[0]) if after and after[0] in keys else 0
        looked = sum(cell.count(wanted.kinds) for cell in places[:first])
        rows: list[Row] = []
        with self.connection() as connection:
            for cell in places[first:]:
                start = after[1] if after and cell.key == after[0] else -1
                looked += count_before(connection, cell, wanted.kinds, start)
                for index, hit in hits(connection, cell, wanted.kinds, wanted.text, start):
                    looked += 1
                    row = read_row(connection, cell, index) if hit else None
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
