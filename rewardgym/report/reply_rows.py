"""What the viewer shows, as it is stored: cells with their counts, replies, and laws.

In: a connection to a run. Out: values, and which indices of a cell are wanted. Two tables of the
store hold what can be looked at: replies, each with one outcome, and laws, the probabilities of all
answers to a prompt or after a chain of thought. The viewer counts a law as what it is, never under
an outcome.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rewardgym.law_records import CHAINS, EXACT
from rewardgym.outcomes import OUTCOMES, Outcome
from rewardgym.record_schema import CODES
from rewardgym.report.reply_parts import Read
from rewardgym.variants import FACTORS, Variant

COLUMNS = ("checkpoint", "step", "arm", "favours", "method", *(f for f in FACTORS if f != "high"))
"""What replies can be filtered by, beside outcome and text: the columns of a rates table."""

Kind = Outcome | Literal["law"]
"""What an entry is counted as: a reply's outcome, or a law."""
LAW: Literal["law"] = "law"
KINDS: tuple[Kind, ...] = (*OUTCOMES, LAW)
LAW_METHODS = (EXACT, CHAINS)
"""Methods whose cells hold laws; the others' hold replies."""


@dataclass(frozen=True)
class ReplyCell:
    """One cell: where it stands, and how many entries of each kind there are."""

    id: int
    key: str
    """Short and stable: a hash of variant and checkpoint, the same on every machine."""
    variant: Variant
    values: Mapping[str, str]
    """The cell's ``COLUMNS`` as text: none, true, 1.5."""
    policy: str
    """The policy's description, as JSON."""
    counts: Mapping[Kind, int]

    @property
    def holds_laws(self) -> bool:
        return self.values["method"] in LAW_METHODS

    def count(self, kinds: Sequence[Kind] = ()) -> int:
        """The number of entries of ``kinds``, of all where that is empty."""
        return sum(self.counts.get(kind, 0) for kind in kinds or KINDS)


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
class LawRow:
    """One stored law; all shares are of all that the model may say, and add up to 1."""

    cell: ReplyCell
    index: int
    prompt: int
    reasoning: str | None
    """The chain of thought before the answer, None for the law of a whole reply."""
    off: float
    complied: float
    neither: float
    truncated: float
    residual: float
    answers: Mapping[str, float]
    """Each answer's probability, the likeliest first."""
    tokens: int


Row = ReplyRow | LawRow


def what(cells: Sequence[ReplyCell]) -> str:
    """What the cells hold, in a word or three."""
    laws = sum(cell.count((LAW,)) for cell in cells)
    replies = sum(cell.count() for cell in cells) - laws
    if not laws and not replies:
        laws = sum(cell.holds_laws for cell in cells)
        replies = len(cells) - laws
    if laws and replies:
        return "replies and laws"
    return "laws" if laws else "replies"


def spelled(value: object) -> str:
    """A factor's value as text, one spelling each: none, true, 1, 1.5."""
    if value is None or value != value:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_cells(connection: sqlite3.Connection) -> list[ReplyCell]:
    """All cells, in the order of the series, with their counts."""
    counts = _counts(connection)
    parsed: dict[str, Variant] = {}
    found = []
    for id_, key, checkpoint, step, name, policy in connection.execute(
        "SELECT id, key, checkpoint, step, variant, policy FROM cells ORDER BY position, id"
    ):
        variant = parsed.setdefault(name, Variant.parse(name))
        values = {
            **{name: spelled(value) for name, value in variant.to_dict().items() if name != "high"},
            "checkpoint": checkpoint,
            "step": spelled(step),
            "arm": variant.arm,
            "favours": spelled(variant.favours),
            "method": str(json.loads(policy).get("method", "sampled")),
        }
        short = hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:12]
        found.append(ReplyCell(id_, short, variant, values, policy, counts.get(id_, {})))
    return found


def _counts(connection: sqlite3.Connection) -> dict[int, dict[Kind, int]]:
    found: dict[int, dict[Kind, int]] = {}
    for cell, code, count in connection.execute(
        "SELECT cell, outcome, COUNT(*) FROM rows GROUP BY cell, outcome"
    ):
        found.setdefault(cell, {})[OUTCOMES[code]] = count
    # The table of laws is made with the first of them.
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'laws'").fetchone():
        for cell, count in connection.execute("SELECT cell, COUNT(*) FROM laws GROUP BY cell"):
            found.setdefault(cell, {})[LAW] = count
    return found


# Which indices of a cell


def indices(
    connection: sqlite3.Connection,
    cell: ReplyCell,
    kinds: Sequence[Kind] = (),
    limit: int = -1,
    offset: int = 0,
) -> list[int]:
    """``limit`` indices from ``offset`` on, in order; all where it is negative."""
    # The index alone is walked: skipping a million rows of the table would read every reply.
    found = connection.execute(
        f"SELECT idx FROM {_source(cell, kinds)} ORDER BY idx LIMIT ? OFFSET ?",  # noqa: S608
        (cell.id, limit, offset),
    )
    return [index for (index,) in found]


def count_before(
    connection: sqlite3.Connection, cell: ReplyCell, kinds: Sequence[Kind], index: int
) -> int:
    """How many entries of a cell have this index or a smaller one."""
    if index < 0:
        return 0
    found = connection.execute(
        f"SELECT COUNT(*) FROM {_source(cell, kinds)} AND idx <= ?",  # noqa: S608
        (cell.id, index),
    )
    return int(found.fetchone()[0])


def hits(
    connection: sqlite3.Connection,
    cell: ReplyCell,
    kinds: Sequence[Kind],
    text: str,
    after: int,
) -> Iterator[tuple[int, int]]:
    """Each index of a cell behind ``after`` with whether its text holds ``text``; capitals do not
    matter. A law's text is its chain of thought."""
    column = "coalesce(reasoning, '')" if cell.holds_laws else "reply"
    test, needle = f"instr(lower({column}), ?) > 0", text.lower()
    if not needle.isascii():
        # SQLite folds ASCII letters alone; others are folded here, at a third of the speed.
        test, needle = f"found_in({column}, ?)", text.casefold()
        connection.create_function(
            "found_in", 2, lambda reply, part: part in reply.casefold(), deterministic=True
        )
    return connection.execute(
        f"SELECT idx, {test} FROM {_source(cell, kinds, of_index=False)} "  # noqa: S608
        "AND idx > ? ORDER BY idx",
        (needle, cell.id, after),
    )


def _source(cell: ReplyCell, kinds: Sequence[Kind], *, of_index: bool = True) -> str:
    """Table and condition for one cell's entries; the cell's id is the first parameter. The codes
    are put in as numbers: each is a constant of the schema."""
    if cell.holds_laws:
        return f"laws WHERE cell = ?{'' if not kinds or LAW in kinds else ' AND 0'}"
    codes = ", ".join(str(CODES[kind]) for kind in kinds or OUTCOMES if kind != LAW)
    through = " INDEXED BY rows_by_outcome" if of_index else ""
    return f"rows{through} WHERE cell = ? AND outcome IN ({codes})"


# One entry


def read_row(connection: sqlite3.Connection, cell: ReplyCell, index: int) -> Row | None:
    """One entry of a cell; None where there is none with this index."""
    return (_law_row if cell.holds_laws else _reply_row)(connection, cell, index)


def _reply_row(connection: sqlite3.Connection, cell: ReplyCell, index: int) -> ReplyRow | None:
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


def _law_row(connection: sqlite3.Connection, cell: ReplyCell, index: int) -> LawRow | None:
    found = connection.execute(
        "SELECT prompt, reasoning, off, complied, neither, truncated, residual, answers, tokens "
        "FROM laws WHERE cell = ? AND idx = ?",
        (cell.id, index),
    ).fetchone()
    if found is None:
        return None
    prompt, reasoning, off, complied, neither, truncated, residual, answers, tokens = found
    return LawRow(
        *(cell, index, prompt, reasoning, off, complied, neither, truncated, residual),
        answers=json.loads(answers),
        tokens=tokens,
    )
