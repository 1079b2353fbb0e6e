"""Law records: probabilities instead of replies, in the same file as the replies.

In: the laws of a cell's prompts, or of its chains of thought. Out: sums for the rates table, and
the laws themselves. They have a table of their own, so that a count can never mix a probability
with a reply.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from rewardgym.record_schema import LAW_SCHEMA
from rewardgym.records import RecordStore, storable

EXACT = "exact"
"""The method of cells whose rows are laws of a whole reply."""
CHAINS = "chains"
"""The method of cells whose rows are laws after a sampled chain of thought."""

NOISE = "noise"
"""Where the noise floor is stored among the run's values."""


@dataclass(frozen=True, slots=True)
class LawRecord:
    """One law, as it is stored."""

    cell: int
    index: int
    prompt: int
    """The prompt's id in the store."""
    off: float
    """The probability of an answer off the asked side."""
    complied: float
    neither: float
    truncated: float
    """1 for a chain of thought that the token limit cut."""
    residual: float
    """The probability that the grammar did not cover."""
    unfollowed: float
    """The part of the residual that may be answers: branches below the cut, numbers too long."""
    answers: dict[str, float]
    parts: dict[str, float]
    tokens: int
    reasoning: str | None = None
    """The chain of thought before the answer, None for a bare law."""


@dataclass(frozen=True, slots=True)
class LawSums:
    """A cell's laws, added up: all that a rate and its interval need."""

    rows: int
    off: float
    sided: float
    neither: float
    truncated: float
    residual: float
    unfollowed: float
    off_off: float
    off_sided: float
    sided_sided: float


class LawRecords:
    """The laws in a run's store; the tables are made when something is first written."""

    def __init__(self, store: RecordStore, *, create: bool = False) -> None:
        self._store = store
        if create:
            with store.transaction() as connection:
                for statement in LAW_SCHEMA.split(";"):
                    connection.execute(statement)
        self._there = bool(
            store.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'laws'")
        )

    def add(self, session: int, records: Iterable[LawRecord]) -> None:
        """Writes laws in one transaction; a key that is already there keeps its first row."""
        with self._store.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO laws VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        *(r.cell, r.index, r.prompt, session, r.off, r.complied, r.neither),
                        *(r.truncated, r.residual, r.unfollowed),
                        json.dumps(r.answers, ensure_ascii=False),
                        *(json.dumps(r.parts), r.tokens),
                        storable(r.reasoning) if r.reasoning is not None else None,
                    )
                    for r in records
                ),
            )

    def done(self, cell: int) -> set[int]:
        """The indices of a cell that are measured."""
        if not self._there:
            return set()
        return {i for (i,) in self._store.query("SELECT idx FROM laws WHERE cell = ?", (cell,))}

    def sums(self) -> dict[int, LawSums]:
        """Each cell's sums, added up by SQLite."""
        if not self._there:
            return {}
        rows = self._store.query(
            "SELECT cell, COUNT(*), SUM(off), SUM(off + complied), SUM(neither), SUM(truncated), "
            "SUM(residual), SUM(unfollowed), SUM(off * off), SUM(off * (off + complied)), "
            "SUM((off + complied) * (off + complied)) FROM laws GROUP BY cell"
        )
        return {cell: LawSums(*values) for cell, *values in rows}

    def rows(self, cell: int | None = None) -> Iterator[dict[str, Any]]:
        """The stored laws, with cell and prompt."""
        if not self._there:
            return
        where, arguments = ("WHERE laws.cell = ?", (cell,)) if cell is not None else ("", ())
        place = ("checkpoint", "step", "variant", "prompt_sha256", "messages", "params", "cell")
        names = place + tuple(f.name for f in fields(LawRecord) if f.name not in ("cell", "prompt"))
        for row in self._store.query(
            "SELECT cells.checkpoint, cells.step, cells.variant, prompts.sha256, "  # noqa: S608
            "prompts.messages, prompts.params, laws.cell, laws.idx, off, complied, neither, "
            "truncated, residual, unfollowed, answers, parts, tokens, reasoning FROM laws "
            "JOIN cells ON cells.id = laws.cell JOIN prompts ON prompts.id = laws.prompt "
            f"{where} ORDER BY laws.cell, laws.idx",
            arguments,
        ):
            found = dict(zip(names, row, strict=True))
            for name in ("messages", "params", "answers", "parts"):
                found[name] = json.loads(found[name])
            yield found

    # Decode competence

    def set_competence(self, found: dict[int, tuple[float | None, float | None]]) -> None:
        """For each cell: the probability of decoding the hint, and of picking the paid side."""
        with self._store.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO competence VALUES (?, ?, ?)",
                [(cell, decodes, paid) for cell, (decodes, paid) in found.items()],
            )

    def competence(self) -> dict[int, tuple[float | None, float | None]]:
        """What :meth:`set_competence` stored."""
        if not self._there:
            return {}
        rows = self._store.query("SELECT cell, decodes, paid_side FROM competence")
        return {cell: (decodes, paid) for cell, decodes, paid in rows}
