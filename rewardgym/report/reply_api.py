"""What the viewer's server answers: status, cells, pages of replies, one reply.

In: the parameters of a request. Out: plain values for JSON. It stands apart from HTTP so that what
is answered can be tried without a socket; counts are kept in memory and counted again only when
another process has written, so that a page of a million replies costs a page.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rewardgym.names import unknown
from rewardgym.records import StoreError
from rewardgym.report.replies import Filter, Replies
from rewardgym.report.reply_rows import KINDS, Kind, ReplyCell, Row
from rewardgym.report.viewer_data import cells_data, prompt_data, row_data

LONGEST_PART = 20_000
"""Characters of one part of a reply in a page; one request for the whole reply gives the rest."""
MOST_ROWS = 50
SEARCHING = 0.12
"""Seconds that one search request may take before it answers with what it has found so far."""
_RESTED = 10
"""Counting again takes at most a tenth of the time, however large the run."""

Query = Mapping[str, str]


class ReplyApi:
    """The answers about one run."""

    def __init__(self, replies: Replies) -> None:
        self.replies = replies
        self._lock = threading.Lock()
        self._watch = replies.connect()
        self._stamp, self._cells = self._written(), replies.cells()
        self._counter: threading.Thread | None = None
        self._due = 0.0

    @property
    def cells(self) -> list[ReplyCell]:
        """The cells with their counts, as they are now or were a moment ago."""
        return self._current()[1]

    @property
    def stamp(self) -> int:
        """A number that changes when what is counted has changed."""
        return self._current()[0]

    def _current(self) -> tuple[int, list[ReplyCell]]:
        """What was counted last; where more is written since, it is counted again meanwhile: no
        answer waits for that."""
        with self._lock:
            idle = self._counter is None and time.monotonic() >= self._due
            written = self._written() if idle else self._stamp
            if written != self._stamp:
                self._counter = threading.Thread(target=self._count, args=(written,), daemon=True)
                self._counter.start()
            return self._stamp, self._cells

    def _count(self, written: int) -> None:
        start, cells = time.monotonic(), None
        # A run that cannot be read for a moment is counted at the next look.
        with contextlib.suppress(StoreError):
            cells = self.replies.cells()
        with self._lock:
            if cells is not None:
                self._stamp, self._cells = written, cells
            self._due = time.monotonic() + _RESTED * (time.monotonic() - start)
            self._counter = None

    def _written(self) -> int:
        """SQLite's own count of what other connections have written: one word of shared memory.
        It is a connection's own count, so one connection is kept for it."""
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        counter = self._counter
        if counter is not None:
            counter.join()
        self._watch.close()
        self.replies.close()

    # Answers

    def status(self, query: Query) -> dict[str, Any]:
        """A cheap word on whether anything has changed."""
        stamp, cells = self._current()
        return {"stamp": stamp, "rows": sum(cell.count() for cell in cells)}

    def all_cells(self, query: Query) -> dict[str, Any]:
        """All cells with their counts."""
        cells = self.cells
        return {"total": sum(cell.count() for cell in cells), **cells_data(cells)}

    def page(self, query: Query) -> dict[str, Any]:
        """A page of the replies that a filter leaves; with a text, those found in a moment."""
        wanted = _filter(query)
        limit = _whole_number(query, "limit", 10, 1, MOST_ROWS)
        cells = self.cells
        if wanted.text:
            return self._search(cells, wanted, query, limit)
        start = _whole_number(query, "at", 0, 0, 10**12)
        rows = self.replies.page(cells, wanted, start, limit)
        total = self.replies.count(cells, wanted)
        end = start + len(rows)
        return {
            **self._rows(rows, LONGEST_PART),
            "start": start,
            "total": total,
            "next": str(end) if rows and end < total else None,
        }

    def _search(
        self, cells: Sequence[ReplyCell], wanted: Filter, query: Query, limit: int
    ) -> dict[str, Any]:
        after = _place(query["at"]) if "at" in query else None
        found = self.replies.search(cells, wanted, after, limit, SEARCHING)
        return {
            **self._rows(found.rows, LONGEST_PART),
            "start": 0,
            "total": None,
            "next": None if found.next is None else f"{found.next[0]}-{found.next[1]}",
            "looked": found.looked,
            "of": found.of,
        }

    def reply(self, query: Query) -> dict[str, Any]:
        """One reply by its id; with ``whole`` all of it, however long."""
        key, index = _place(query.get("id", ""))
        row = self.replies.one(self.cells, key, index)
        longest = None if "whole" in query else LONGEST_PART
        return self._rows([row] if row is not None else [], longest)

    def _rows(self, rows: Sequence[Row], longest: int | None) -> dict[str, Any]:
        prompts = self.replies.prompts([row.prompt for row in rows])
        return {
            "replies": [
                row_data(row, prompts[row.prompt]["params"], longest=longest) for row in rows
            ],
            "prompts": {key: prompt_data(prompt) for key, prompt in prompts.items()},
        }


def _filter(query: Query) -> Filter:
    outcome = query.get("outcome", "")
    if outcome and outcome not in KINDS:
        raise unknown("outcome", outcome, KINDS)
    kinds: tuple[Kind, ...] = tuple(name for name in KINDS if name == outcome)
    values = {name[3:]: value for name, value in query.items() if name.startswith("by.")}
    return Filter(values, kinds, query.get("text", ""), query.get("cell", ""))


def _whole_number(query: Query, name: str, default: int, low: int, high: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and low <= int(text[:20]) <= high):
        raise ValueError(f"{name} is {text[:40]!r}; allowed: {low} to {high}")
    return int(text)


def _place(text: str) -> tuple[str, int]:
    """``<cell>-<index>``, the id of a reply."""
    key, dash, index = text.partition("-")
    if not dash or not (index.isascii() and index.isdigit()) or len(index) > 18:
        raise ValueError(f"{text[:60]!r} is no id of a reply; one is a cell's key, '-', its index")
    return key, int(index)
