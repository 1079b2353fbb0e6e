"""Grammars: which replies state an answer and nothing else, character by character.

In: a family and where an answer may end. Out: a small automaton whose answers are those that
``rewardgym.read_answer`` reads from the same text. It knows nothing of tokens: ``vocabulary.py``
runs it over each token's characters, so that every way of cutting a number into tokens is one
walk through the same few states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from rewardgym.families import Family
from rewardgym.names import unknown

Close = Literal["end", "line", "any"]
"""Where an answer ends. ``end``: with the reply, so that the law is that of replies which state
the answer and nothing else; ``line``: also at the end of its line; ``any``: at the first character
that cannot belong to it, as published practice has it after a prefill."""
CLOSES: tuple[Close, ...] = ("end", "line", "any")

DEAD, CLOSED = -1, -2
"""Instead of a state: no answer can come of this text; the answer is complete."""

_LEAD = frozenset(" \t\n\r\u00a0*`\"'")
_TAIL = _LEAD | frozenset(".!")
_MINUS = frozenset("-\u2212")
_DIGITS = frozenset("0123456789")


@dataclass(frozen=True)
class State:
    """Where in an answer a text stands."""

    kind: Literal["lead", "sign", "core", "tail"]
    negative: bool = False
    """Numbers: whether a minus stands before the digits."""
    word: str | None = None
    """Letters and words: the value, where what was read spells one."""
    prefix: str = ""
    """Letters and words: what was read of the spelling."""
    complete: bool = False
    """Whether the reply may end here."""


@dataclass(frozen=True, eq=False)
class Grammar:
    """A family's answers as an automaton; state 0 is the start. One object a family and close, so
    that what is made for it can be kept by it."""

    family: Family
    close: Close
    states: tuple[State, ...]

    @property
    def numeric(self) -> bool:
        return self.family.kind == "number"

    @cached_property
    def alphabet(self) -> frozenset[str] | None:
        """All characters of a reply that is an answer and nothing else; None where an answer may
        be followed by anything."""
        if self.close != "end":
            return None
        if self.numeric:
            return _LEAD | _TAIL | _MINUS | _DIGITS
        letters = frozenset().union(*(state.prefix for state in self.states))
        return _LEAD | _TAIL | letters | {char.upper() for char in letters}

    def step(self, at: int, char: str) -> int:
        """The state after one more character, or DEAD, or CLOSED where the answer stood before it.
        The character itself is a digit of the answer where ``takes_digit`` says so."""
        state = self.states[at]
        if state.kind == "lead":
            if char in _LEAD:
                return at
            if self.numeric and char in _MINUS:
                return self._find("sign", True, "")
            return self._core(state, char)
        if state.kind == "sign":
            return self._core(state, char)
        if state.kind == "core":
            found = self._core(state, char)
            if found != DEAD or not state.complete:
                return found
        return self._after(state, char)

    def feed(self, at: int, text: str) -> tuple[int, int, str]:
        """Reads ``text`` from state ``at``: the state after it (or DEAD or CLOSED), the last state
        before the answer closed, and the digits read."""
        digits = ""
        for char in text:
            after = self.step(at, char)
            if after < 0:
                return after, at, digits
            digits += char if self.numeric and char in _DIGITS else ""
            at = after
        return at, at, digits

    def _core(self, state: State, char: str) -> int:
        if self.numeric:
            return self._find("core", state.negative, "") if char in _DIGITS else DEAD
        return self._find("core", False, state.prefix + char.lower(), missing=DEAD)

    def _after(self, state: State, char: str) -> int:
        """After a complete answer: what neither continues it nor takes it back."""
        if self.numeric and char in _DIGITS:
            return DEAD  # "42.5", "4 2"
        if self.close == "any" and not (self.numeric and char in ".," and state.kind == "core"):
            return CLOSED if self.numeric or not _continues(char) else DEAD
        if self.close == "line" and char == "\n":
            return CLOSED
        if char in _TAIL or (self.close == "any" and char == ","):
            return self._find("tail", state.negative, state.prefix)
        return DEAD

    def _find(self, kind: str, negative: bool, prefix: str, missing: int | None = None) -> int:
        found = self._places.get((kind, negative, prefix), missing)
        assert found is not None
        return found

    @cached_property
    def _places(self) -> dict[tuple[str, bool, str], int]:
        return {(s.kind, s.negative, s.prefix): place for place, s in enumerate(self.states)}


def _continues(char: str) -> bool:
    """Whether a character after a word makes another word of it: "sun" in "sunny"."""
    return char.isalnum() or char in "'\u2019-_"


def _spellings(family: Family) -> dict[str, str]:
    if family.kind == "letter":
        return {letter: letter for letter in "abcdefghijklmnopqrstuvwxyz"}
    return dict(family.vocabulary)


def make_grammar(family: Family, close: Close, *, keep: bool = True) -> Grammar:
    """The grammar of a family's answers; ``keep=False`` for a family that is used once.

    Raises ValueError for an unknown ``close`` and for a family without any answer to spell."""
    if close not in CLOSES:
        raise unknown("close", close, CLOSES)
    if not keep:
        return Grammar(family, close, _states(family))
    key = (id(family), close)
    if key not in _MADE:
        _MADE[key] = Grammar(family, close, _states(family))
    return _MADE[key]


_MADE: dict[tuple[int, str], Grammar] = {}
"""By the family's identity; the grammar holds the family, so that the identity stays its own."""


def _states(family: Family) -> tuple[State, ...]:
    if family.kind == "number":
        return _NUMBER_STATES
    spellings = _spellings(family)
    if not spellings:
        raise ValueError(
            f"family {family.name!r} has no answers to spell; give it a vocabulary, or measure it "
            "by sampling"
        )
    return _word_states(spellings)


_NUMBER_STATES = (
    State("lead"),
    State("sign", negative=True),
    State("core", complete=True),
    State("core", negative=True, complete=True),
    State("tail", complete=True),
    State("tail", negative=True, complete=True),
)


def _word_states(spellings: dict[str, str]) -> tuple[State, ...]:
    prefixes = {word[:end]: None for word in spellings for end in range(1, len(word) + 1)}
    cores = [
        State("core", word=spellings.get(p), prefix=p, complete=p in spellings) for p in prefixes
    ]
    tails = [State("tail", word=spellings[p], prefix=p, complete=True) for p in spellings]
    return (State("lead"), *cores, *tails)


def settled_side(
    family: Family, negative: bool, digits: str, limit: int, params: Mapping[str, int]
) -> str | None:
    """The one side that every number beginning with ``digits`` is on, if they have at most
    ``limit`` digits; None where more than one outcome is possible.

    Ends of ranges decide where the family is ``ordered``; else only a number that is full."""
    more = limit - len(digits)
    if more > 0 and not family.ordered:
        return None
    # "-0" is not written, so a minus alone stands for -1 and beyond.
    first = int(digits) if digits else 1
    ends = [first * 10**j for j in range(more + 1)]
    ends += [(first + 1) * 10**j - 1 for j in range(more + 1)] if digits else [10**more - 1]
    sides = {family.side_of(-end if negative else end, params) for end in ends}
    return sides.pop() if len(sides) == 1 else None
