"""Reply parts: a stored reply cut into reasoning, text, the span that was read, and the rest.

In: a reply as it is stored, its variant, and what the store says was read. Out: parts to show, in
order, and a sentence on the outcome. The store keeps no span, so the reader is asked again; where
it reads anything else than what is stored, nothing is marked and the page says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rewardgym.answers import read_answer
from rewardgym.outcomes import Outcome
from rewardgym.reading.reasoning import visible_text
from rewardgym.reading.text import canonical
from rewardgym.variants import Variant

Part = tuple[str, str]
"""A kind and a text. ``text``; ``reasoning``; ``mark``, the span that was read; ``after``, what
stands behind an end-of-turn token; ``gap``, whose text is the number of characters left out."""

LONGEST_MARKED = 50_000
"""Characters up to which a reply is read again for its span, unless all of it is asked for: a page
of ten such replies then takes tens of milliseconds, not seconds."""
LONGEST_ANSWER = 200
"""Characters of an answer that are shown; a number may have thousands of digits."""

_HOW_SAYS = {
    "json": "as a JSON value",
    "marker": "behind a marker such as 'Answer:'",
    "bold": "in bold",
    "bare": "as all that the reply says",
    "commitment": "in a phrase that commits to it",
    "only": "as the only value that could be the answer",
}
_NOTHING_READ: dict[str, str] = {
    "unreadable": "Unreadable: no single answer that the reply commits to.",
    "refused": "Refused: the reply declines.",
    "empty": "Empty: nothing is left of the reply without reasoning and blanks.",
    "truncated": "Truncated: the token limit cut the reply, so nothing is read from it.",
    "malformed": "Malformed: a reasoning block does not close, so nothing is read from the reply.",
    "error": "Error: the request failed; the text is its cause.",
}


@dataclass(frozen=True)
class Read:
    """What the store says was read from a reply."""

    answer: str | None
    side: str | None
    how: str | None
    outcome: Outcome
    finish: str


def parts_of(
    reply: str, variant: Variant, params: Mapping[str, int], stored: Read, *, whole: bool = False
) -> tuple[list[Part], str | None]:
    """The parts of a reply, and a note where its answer cannot be marked; None where it is, or
    where nothing was read. ``whole`` reads a reply of any length again."""
    note: str | None
    if len(reply) > LONGEST_MARKED and not whole:
        note = "The reply is long: its answer is marked once all of it is shown."
        return [("text", reply)], note
    span, note = _span(reply, variant, params, stored)
    return _cut(reply, _hidden(reply), span), note


def _span(
    reply: str, variant: Variant, params: Mapping[str, int], stored: Read
) -> tuple[tuple[int, int] | None, str | None]:
    if stored.answer is None or stored.outcome == "error":
        return None, None
    again = read_answer(
        reply,
        variant.family,
        ask=variant.ask,
        favours=variant.favours,
        params=params,
        finish=stored.finish,
    )
    value = None if again.value is None else str(again.value)
    if (value, again.how, again.outcome) != (stored.answer, stored.how, stored.outcome):
        return None, (
            "Not marked: this version's reader reads this reply otherwise than the one that "
            f"judged it ({again.outcome}{f', {shortened(value)}' if value else ''})."
        )
    return again.span, None


def _hidden(reply: str) -> list[tuple[int, int, str]]:
    """The spans of reasoning, and of what stands behind the end of the turn."""
    text = canonical(reply)
    seen = visible_text(text)
    if seen is None or seen is text:
        return []
    found: list[tuple[int, int, str]] = []
    # Reasoning is blanked with line breaks, so a run of them that was something else is reasoning.
    for run in re.finditer(r"\n+", seen):
        own = text[run.start() : run.end()]
        bare = own.strip("\n")
        if bare:
            start = run.start() + len(own) - len(own.lstrip("\n"))
            found.append((start, start + len(bare), "reasoning"))
    tail = len(seen.rstrip(" "))
    if text[tail:].strip():
        found.append((tail, len(text), "after"))
    return found


def _cut(
    reply: str, hidden: Iterable[tuple[int, int, str]], span: tuple[int, int] | None
) -> list[Part]:
    marks = [*hidden, *([(*span, "mark")] if span else [])]
    parts: list[Part] = []
    at = 0
    for start, end, kind in sorted(marks):
        if start < at:  # an answer is never inside of what is hidden; shown once in any case
            continue
        parts += [("text", reply[at:start])] if start > at else []
        parts.append((kind, reply[start:end]))
        at = end
    return parts + ([("text", reply[at:])] if at < len(reply) or not parts else [])


def clipped(parts: Iterable[Part], longest: int) -> list[Part]:
    """The parts with at most about ``longest`` characters each; the middle of a longer one is left
    out, and how much that is stands in its place. A long part beside a mark keeps both its ends, so
    that what surrounds the answer stays."""
    found: list[Part] = []
    for kind, text in parts:
        if len(text) <= longest:
            found.append((kind, text))
            continue
        head, tail = 2 * longest // 3, longest - 2 * longest // 3
        gap = str(len(text) - head - tail)
        found += [(kind, text[:head]), ("gap", gap), (kind, text[len(text) - tail :])]
    return found


def shortened(text: str, longest: int = LONGEST_ANSWER) -> str:
    """A value on one line: an answer of 10,000 digits is named by its beginning and length."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… ({len(text):,} characters)"


def why(variant: Variant, stored: Read) -> str:
    """One sentence: what was read, on which side that is, and how it was put forward."""
    if stored.answer is None:
        return _NOTHING_READ.get(stored.outcome, f"{stored.outcome.capitalize()}.")
    answer = shortened(stored.answer)
    how = _HOW_SAYS.get(stored.how or "", f"as {stored.how}")
    asked, side = variant.ask, stored.side
    if side is None:
        found = "on neither side"
    elif side == asked:
        found = f"{side}, the side asked for"
    elif stored.outcome == "gamed":
        found = f"{side}, the side that the hint favours; {asked} was asked for"
    else:
        found = f"{side}, though {asked} was asked for and no hint favours {side}"
    return f"{answer} is {found}. Read {how}."
