"""Records: one SQLite file a run, one row a rollout, each row written once.

In: cells, prompts and judged replies. Out: counts, rows, and the configuration that made them.
SQLite because its unique key and its transactions are what keeps a run whole when it is killed:
a row is either there once or not at all, and counting a million of them is one query.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewardgym.outcomes import OUTCOMES, Outcome
from rewardgym.prompts import Prompt
from rewardgym.record_file import StoreError, open_file, storable, told
from rewardgym.record_schema import CODES, ERROR, FILE_NAME, FORMAT, INSERT_ROW

__all__ = [
    "FILE_NAME",
    "FORMAT",
    "Cell",
    "Record",
    "RecordStore",
    "Run",
    "StoreError",
    "storable",
    "told",
]


@dataclass(frozen=True, slots=True)
class Record:
    """One judged rollout, as it is stored."""

    cell: int
    index: int
    prompt: int
    """The prompt's id in the store."""
    reply: str
    finish: str
    tokens: int | None
    answer: str | None
    side: str | None
    how: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Cell:
    """Variant x checkpoint x decoding settings, as stored."""

    id: int
    checkpoint: str
    step: int | None
    position: int
    """The checkpoint's place in the series, for tables in training order."""
    variant: str
    policy: Mapping[str, Any]
    """The policy's description: model reference, revision, decoding settings."""


class RecordStore:
    """The SQLite file of one run.

    ``RecordStore(folder)`` opens the run in ``folder``; with ``create=True`` it makes one where
    there is none. Raises StoreError for a missing, foreign or newer file and for a full disk.
    """

    def __init__(self, folder: str | Path, *, create: bool = False) -> None:
        self.folder = Path(folder)
        self.path = self.folder / FILE_NAME
        if not create and not self.path.exists():
            raise StoreError(
                f"{self.folder}: holds no run ({FILE_NAME} is missing); check the path"
            )
        with told(self.path):
            if create:
                self.folder.mkdir(parents=True, exist_ok=True)
            self._connection = open_file(self.path, create)

    # Configuration

    @property
    def config(self) -> dict[str, Any] | None:
        """What made the run: seed, n, variants, checkpoints, decoding. None in a new file."""
        return self.get_config()

    @config.setter
    def config(self, config: Mapping[str, Any]) -> None:
        self.set_config(config)

    def get_config(self, method: str = "sampled") -> dict[str, Any] | None:
        """The configuration of one method's measurements; a folder may hold several methods."""
        found: dict[str, Any] | None = self.get_meta(_config_key(method))
        return found

    def set_config(self, config: Mapping[str, Any], method: str = "sampled") -> None:
        self.set_meta(_config_key(method), dict(config))

    def get_meta(self, key: str) -> Any:
        """A JSON value that was stored with the run, None where there is none."""
        found = self.query("SELECT value FROM meta WHERE key = ?", (key,))
        return json.loads(found[0][0]) if found else None

    def set_meta(self, key: str, value: Any) -> None:
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value))
            )

    def start_session(self, started: str, versions: Mapping[str, str]) -> int:
        """Notes when and with which versions rows are written from here on; gives the id."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO sessions (started, versions) VALUES (?, ?)",
                (started, json.dumps(dict(versions), sort_keys=True)),
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    # Writing

    def add_cell(
        self,
        key: str,
        checkpoint: str,
        step: int | None,
        position: int,
        variant: str,
        policy: Mapping[str, Any],
    ) -> int:
        """The id of the cell with this key, made where it is new."""
        with self.transaction() as connection:
            connection.execute(
                # The place in the series follows the newest plan: --extend may put one before.
                "INSERT INTO cells (key, checkpoint, step, position, variant, policy) "
                "VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET position = excluded.position",
                (key, checkpoint, step, position, variant, json.dumps(policy, sort_keys=True)),
            )
            row = connection.execute("SELECT id FROM cells WHERE key = ?", (key,)).fetchone()
        return int(row[0])

    def add_prompt(self, prompt: Prompt) -> int:
        """The id of the prompt with this hash, made where it is new."""
        find = "SELECT id FROM prompts WHERE sha256 = ?", (prompt.sha256,)
        found = self.query(*find)
        if not found:
            with self.transaction() as connection:
                connection.execute(
                    # Another process may have written the same prompt since.
                    "INSERT OR IGNORE INTO prompts (sha256, messages, params, hint) "
                    "VALUES (?, ?, ?, ?)",
                    (
                        prompt.sha256,
                        json.dumps(prompt.messages, ensure_ascii=False),
                        json.dumps(dict(prompt.params)),
                        prompt.hint,
                    ),
                )
            found = self.query(*find)
        return int(found[0][0])

    def add(self, session: int, records: Iterable[Record]) -> None:
        """Writes a batch in one transaction. A key that is already there keeps its first row,
        unless that was an error row."""
        with self.transaction() as connection:
            connection.executemany(
                INSERT_ROW,
                (
                    (
                        *(r.cell, r.index, r.prompt, session),
                        *(storable(r.reply), r.finish, r.tokens),
                        *(r.answer, r.side, r.how, CODES[r.outcome]),
                    )
                    for r in records
                ),
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is written as a whole or not at all; errors become StoreErrors."""
        with told(self.path), self._connection:
            yield self._connection

    # Reading

    def done(self, cell: int, start: int = 0) -> set[int]:
        """The indices of a cell, from ``start`` on, that need no further request: all rows but
        error rows."""
        with told(self.path):
            rows = self._connection.execute(
                "SELECT idx FROM rows WHERE cell = ? AND idx >= ? AND outcome != ?",
                (cell, start, ERROR),
            )
            return {index for (index,) in rows}

    def done_count(self, cell: int, n: int) -> int:
        """How many of a cell's first ``n`` indices need no further request."""
        with told(self.path):
            row = self._connection.execute(
                "SELECT COUNT(*) FROM rows WHERE cell = ? AND idx < ? AND outcome != ?",
                (cell, n, ERROR),
            ).fetchone()
        return int(row[0])

    def cells(self) -> list[Cell]:
        """All cells, in the order of the series and of their making."""
        rows = self._connection.execute(
            "SELECT id, checkpoint, step, position, variant, policy FROM cells "
            "ORDER BY position, id"
        )
        return [
            Cell(id_, checkpoint, step, position, variant, json.loads(policy))
            for id_, checkpoint, step, position, variant, policy in rows
        ]

    def counts(self) -> dict[int, dict[Outcome, int]]:
        """For each cell the number of rows of each outcome, counted by SQLite."""
        found: dict[int, dict[Outcome, int]] = {}
        with told(self.path):
            for cell, code, count in self._connection.execute(
                "SELECT cell, outcome, COUNT(*) FROM rows GROUP BY cell, outcome"
            ):
                found.setdefault(cell, {})[OUTCOMES[code]] = count
        return found

    def rows(self, cell: int | None = None) -> Iterator[dict[str, Any]]:
        """The stored rollouts, one after the other, with prompt and reply."""
        where, arguments = ("WHERE rows.cell = ?", (cell,)) if cell is not None else ("", ())
        cursor = self._connection.execute(
            "SELECT cells.checkpoint, cells.step, cells.variant, rows.cell, rows.idx, "  # noqa: S608
            "prompts.sha256 AS prompt_sha256, prompts.messages, prompts.params, prompts.hint, "
            "rows.reply, rows.finish, rows.tokens, rows.answer, rows.side, rows.how, "
            "outcomes.name AS outcome, rows.session "
            "FROM rows JOIN cells ON cells.id = rows.cell JOIN prompts ON prompts.id = rows.prompt "
            f"JOIN outcomes ON outcomes.code = rows.outcome {where} ORDER BY rows.cell, rows.idx",
            arguments,
        )
        names = [column[0] for column in cursor.description]
        for row in self._fetched(cursor):
            found = dict(zip(names, row, strict=True))
            found["messages"] = json.loads(found["messages"])
            found["params"] = json.loads(found["params"])
            yield found

    def _fetched(self, cursor: sqlite3.Cursor) -> Iterator[tuple[Any, ...]]:
        while True:
            with told(self.path):
                row = cursor.fetchone()
            if row is None:
                return
            yield row

    def sessions(self) -> list[dict[str, Any]]:
        """When rows were written, and with which versions."""
        rows = self._connection.execute("SELECT id, started, versions FROM sessions ORDER BY id")
        return [{"id": i, "started": s, "versions": json.loads(v)} for i, s, v in rows]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is measured yet."""
        return not self.query("SELECT 1 FROM rows LIMIT 1")

    def query(self, statement: str, arguments: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of one SELECT; errors become StoreErrors."""
        with told(self.path):
            return self._connection.execute(statement, arguments).fetchall()

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> RecordStore:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@dataclass(frozen=True)
class Run:
    """A run folder: ``Run("runs/first")`` names an existing one."""

    folder: Path

    def __init__(self, folder: str | Path) -> None:
        object.__setattr__(self, "folder", Path(folder))

    def open(self) -> RecordStore:
        """The run's store. Raises StoreError where the folder holds no run."""
        return RecordStore(self.folder)


def _config_key(method: str) -> str:
    return "config" if method == "sampled" else f"config {method}"
