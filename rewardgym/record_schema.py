"""The tables of a run's SQLite file.

In: nothing. Out: the statements that make the tables and write a row. They stand apart from the
store so that who wants to query a run by hand finds its layout in one place.
"""

from __future__ import annotations

from rewardgym.outcomes import OUTCOMES

FILE_NAME = "run.sqlite"
FORMAT = 1
"""Counted up when the tables change; a file of another format is refused, not misread."""

CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}
ERROR = CODES["error"]

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (id INTEGER PRIMARY KEY, started TEXT NOT NULL, versions TEXT NOT NULL);
CREATE TABLE cells (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    checkpoint TEXT NOT NULL,
    step INTEGER,
    position INTEGER NOT NULL,
    variant TEXT NOT NULL,
    policy TEXT NOT NULL
);
CREATE TABLE prompts (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    messages TEXT NOT NULL,
    params TEXT NOT NULL,
    hint TEXT
);
CREATE TABLE outcomes (code INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE rows (
    cell INTEGER NOT NULL REFERENCES cells (id),
    idx INTEGER NOT NULL,
    prompt INTEGER NOT NULL REFERENCES prompts (id),
    session INTEGER NOT NULL REFERENCES sessions (id),
    reply TEXT NOT NULL,
    finish TEXT NOT NULL,
    tokens INTEGER,
    answer TEXT,
    side TEXT,
    how TEXT,
    outcome INTEGER NOT NULL REFERENCES outcomes (code),
    PRIMARY KEY (cell, idx)
) WITHOUT ROWID;
CREATE INDEX rows_by_outcome ON rows (cell, outcome);
"""

# The first row of a key wins. Only an error row gives way: its request was never answered.
INSERT_ROW = f"""
INSERT INTO rows (cell, idx, prompt, session, reply, finish, tokens, answer, side, how, outcome)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (cell, idx) DO UPDATE SET
    prompt = excluded.prompt, session = excluded.session, reply = excluded.reply,
    finish = excluded.finish, tokens = excluded.tokens, answer = excluded.answer,
    side = excluded.side, how = excluded.how, outcome = excluded.outcome
WHERE rows.outcome = {ERROR}
"""  # noqa: S608 - the only thing put in is a constant of this file

LAW_SCHEMA = """
CREATE TABLE IF NOT EXISTS laws (
    cell INTEGER NOT NULL REFERENCES cells (id),
    idx INTEGER NOT NULL,
    prompt INTEGER NOT NULL REFERENCES prompts (id),
    session INTEGER NOT NULL REFERENCES sessions (id),
    off REAL NOT NULL,
    complied REAL NOT NULL,
    neither REAL NOT NULL,
    truncated REAL NOT NULL,
    residual REAL NOT NULL,
    unfollowed REAL NOT NULL,
    answers TEXT NOT NULL,
    parts TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    reasoning TEXT,
    PRIMARY KEY (cell, idx)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS competence (
    cell INTEGER PRIMARY KEY REFERENCES cells (id),
    decodes REAL,
    paid_side REAL
);
"""
"""What exact measurements add: probabilities instead of replies. Made where they are first needed,
so that runs without any stay as they are."""
