"""Candidates: every value in a text that could be an answer, before any is judged.

In: canonical text and a family. Out: candidates in order, each with its span and its key.
All later steps look at candidates and a bounded window around each, never at the whole text
again, which keeps a reply of a million characters linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rewardgym.families import Family
from rewardgym.reading.numerals import (
    LETTER,
    NUMBER,
    NUMBER_WORDS,
    WORDED_NUMBER,
    key_of_words,
    split_run,
    start_of,
)

MOST_CANDIDATES = 20_000
"""A reply with more is an endless loop or a table: no reader would find one answer in it."""


@dataclass(slots=True)
class Candidate:
    """One value in the text."""

    start: int
    end: int
    key: str
    """One spelling for each value, so that equal answers compare equal."""

    weak: bool = False
    """A number word, the article "a", "sat": an answer only where the text puts it forward."""

    live: bool = True
    """False once something shows that it cannot be the answer."""

    listed: bool = False
    """Stands in a list of different values, so no phrase before the list puts it forward."""

    alone: bool = False
    """All that its line says."""

    tier: int = 6
    """How it is put forward: one of the ranks in ``commitments``; the smaller, the stronger."""


# One letter on its own: not the "e" of "e.g.", the "t" of "don't", the "x" of "x-ray".
_LETTER = re.compile(
    r"(?<![^\W_])(?<![^\W_]['\u2019-])(?<![^\W_]\.)(?<!\\)[^\W\d_]"
    r"(?![^\W_])(?!['-][^\W_])(?!\.[^\W_])(?![\u0300-\u036f])"
)
_WORDS = re.compile(r"[a-z]+")
_MANY = NUMBER_WORDS - {"one"}


def find_candidates(text: str, family: Family) -> list[Candidate] | None:
    """All candidates in reading order, or None if there are more than any answer has."""
    if family.kind == "number":
        found = _numbers(text)
    elif family.kind == "letter":
        found = _letters(text)
    else:
        found = _vocabulary(text, family.vocabulary)
    candidates: list[Candidate] = []
    for candidate in found:
        candidates.append(candidate)
        if len(candidates) > MOST_CANDIDATES:
            return None
    if family.kind == "number" and _has_number_word(text, bool(candidates)):
        candidates += _worded_numbers(text)
        candidates.sort(key=lambda candidate: candidate.start)
    return candidates if len(candidates) <= MOST_CANDIDATES else None


def _has_number_word(text: str, has_digits: bool) -> bool:
    words = _WORDS.findall(text)
    # Beside digits, "one" is a pronoun: "here's one: 42".
    return not (_MANY if has_digits else NUMBER_WORDS).isdisjoint(words)


def _numbers(text: str) -> Iterator[Candidate]:
    for run in NUMBER.finditer(text):
        digits, end = run.span()
        start = start_of(text, digits) if digits else 0
        key = split_run(text[start:end])
        if isinstance(key, str):
            yield _signed(text, start, end, key)
        elif key:
            for piece_start, piece_end in key:
                piece = split_run(text[start + piece_start : start + piece_end])
                if isinstance(piece, str):
                    yield Candidate(start + piece_start, start + piece_end, piece)


def _signed(text: str, start: int, end: int, key: str) -> Candidate:
    """The number with a sign in words before it: "minus 7", "negative 7"."""
    for word in ("minus ", "negative "):
        if text.endswith(word, max(0, start - len(word)), start) and key[0] not in "-0":
            return Candidate(start - len(word), end, f"-{key}")
    return Candidate(start, end, key)


def _worded_numbers(text: str) -> Iterator[Candidate]:
    for run in WORDED_NUMBER.finditer(text):
        key = key_of_words(run[0])
        if key is not None:
            yield Candidate(run.start(), run.end(), key, weak=True)


def _letters(text: str) -> Iterator[Candidate]:
    for match in _LETTER.finditer(text):
        letter = match[0]
        # "A" and "I" are words, and a foreign letter is one too in most places.
        yield Candidate(match.start(), match.end(), letter, letter in "ai" or letter > "z")


def _vocabulary(text: str, vocabulary: Mapping[str, str]) -> Iterator[Candidate]:
    for match in _spellings(tuple(vocabulary)).finditer(text):
        spelling = match[1]
        # "sat" and "sun" are words of their own; "sunday" is always the day.
        yield Candidate(
            match.start(), match.end(), vocabulary[spelling], vocabulary[spelling] != spelling
        )


@lru_cache(maxsize=32)
def _spellings(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![0-9{LETTER}])({longest_first})s?(?![0-9{LETTER}])")
