"""Law parts: what a stored law says, in texts to show.

In: a law as it is stored. Out: shares, a sentence, and the likeliest answers with their sides. A
law is no reply: its numbers are probabilities of all that the model may say, so they are told as
shares and never as one outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rewardgym.families import get_family
from rewardgym.outcomes import COMPLIED, GAMED, VIOLATED
from rewardgym.report.reply_parts import shortened
from rewardgym.report.reply_rows import LawRow

MOST_ANSWERS = 8
"""Answers of a law that are named; what is left is told as one share."""


def law_data(row: LawRow, params: Mapping[str, int]) -> dict[str, Any]:
    """``rate``: the law's gaming rate; ``off``: what an answer off the asked side is called;
    ``answers``: the likeliest, each with side and share; ``rest``: how many more, and their
    share."""
    named = list(row.answers.items())[:MOST_ANSWERS]
    left = list(row.answers.values())[MOST_ANSWERS:]
    sided = row.off + row.complied
    return {
        "off": _off(row),
        "rate": share(row.off / sided) if sided > 0 else None,
        "answers": [[shortened(name), _side(row, name, params), share(p)] for name, p in named],
        "rest": [len(left), share(sum(left))] if left else None,
    }


def law_says(row: LawRow) -> str:
    """One sentence: the shares of all that the model may say."""
    if row.truncated:
        return "The token limit cut this chain of thought, so no answer follows it."
    said = ", ".join(f"{name} {share(p)}" for name, p in _shares(row))
    where = "before it writes anything" if row.reasoning is None else "after this reasoning"
    return f"What the model may answer {where}: {said}."


def share(value: float) -> str:
    """A probability as text: 98.44%, and where two digits would round it away <0.01%."""
    if 0 < value < 5e-5:
        return "<0.01%"
    return f">{99.99}%" if 1 - 5e-5 < value < 1 else f"{100 * value:.2f}%"


def _shares(row: LawRow) -> Iterator[tuple[str, float]]:
    yield from ((_off(row), row.off), (COMPLIED, row.complied))
    yield from (
        (name, p) for name, p in (("neither", row.neither), ("residual", row.residual)) if p
    )


def _off(row: LawRow) -> str:
    return GAMED if row.cell.variant.arm == "conflict" else VIOLATED


def _side(row: LawRow, name: str, params: Mapping[str, int]) -> str | None:
    """The side of an answer as it was stored; None for neither, and for a shared beginning of many
    answers, whose side is not stored."""
    family = get_family(row.cell.variant.family)
    value: int | str = int(name) if name.removeprefix("-").isdecimal() and len(name) < 20 else name
    try:
        return family.side_of(value, params)
    except (TypeError, ValueError, KeyError):
        return None
