"""The file of a run: made once, opened by many, and its faults told in one line.

In: a path. Out: a connection to a run of this version. Several processes may make or write one run
at the same moment, so that making it is one transaction, and who comes second waits.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rewardgym.record_schema import CODES, FORMAT, SCHEMA

PATIENCE = 60.0
"""Seconds to wait for another process that writes to the same run."""


class StoreError(RuntimeError):
    """A run folder that cannot be read or written: one line with path, fault and the way on."""


def open_file(path: Path, create: bool) -> sqlite3.Connection:
    """A connection to the run at ``path``, made there with ``create`` where there is none. Raises
    StoreError for a foreign or newer file."""
    connection = _connect(path, create)
    try:
        _check(path, connection, create)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, create: bool) -> sqlite3.Connection:
    if create or os.access(path.parent, os.W_OK):
        return sqlite3.connect(path, timeout=PATIENCE)
    # Someone else's results, or a mount that cannot be written: read without a lock file.
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True)


def _check(path: Path, connection: sqlite3.Connection, create: bool) -> None:
    tables = _tables(connection)
    if tables and "meta" not in tables:
        raise StoreError(f"{path}: is another program's database; choose another folder")
    if create:
        _log_ahead(connection)
        _make(connection)
    found = _format(connection) if tables or create else None
    if found != FORMAT:
        raise StoreError(
            f"{path}: is no run of this version of rewardgym (format {found}, expected "
            f"{FORMAT}); choose another folder"
        )


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def _format(connection: sqlite3.Connection) -> object:
    row = connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    return json.loads(row[0]) if row else None


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Sets the journal that lets others read while rows are written."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself for this lock, which another one that makes the same
            # run holds for a moment.
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous = NORMAL")


def _make(connection: sqlite3.Connection) -> None:
    """Makes the tables, whole or not at all, where there are none."""
    with connection:
        # Of two that make the same run at one moment the second waits, and finds it made.
        connection.execute("BEGIN IMMEDIATE")
        if _tables(connection):
            return
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        connection.executemany(
            "INSERT INTO outcomes VALUES (?, ?)", [(code, name) for name, code in CODES.items()]
        )
        connection.execute("INSERT INTO meta VALUES ('format', ?)", (json.dumps(FORMAT),))


def storable(text: str) -> str:
    """The text as SQLite can keep it."""
    # A lone surrogate cannot be stored as UTF-8; it is kept visibly rather than lost.
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns SQLite's and the system's errors into one line that says what to do."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        text = str(error).lower()
        if "full" in text or "no space" in text or "disk i/o" in text:
            advice = "the disk is full; free some space and run the same command again to go on"
        elif "locked" in text:
            advice = "another process is writing to this run; wait for it to end"
        elif "not a database" in text or "malformed" in text:
            advice = "the file is no SQLite database or is damaged; choose another folder"
        elif "readonly" in text or "permission" in text or "unable to open" in text:
            advice = "the folder cannot be written; choose another one with --out"
        else:
            advice = "nothing stored before was changed"
        raise StoreError(f"{path}: {error}; {advice}") from error
