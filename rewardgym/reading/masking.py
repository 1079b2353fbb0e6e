"""Masks: candidates that cannot be the answer because of what stands right beside them.

In: text and its candidates. Out: the same candidates, some no longer live, some marked as listed.
Neighbours are judged in pairs over the short gap between them: what makes "1" and "100" a range,
a sum or a list is always the gap.
"""

from __future__ import annotations

import re
from itertools import pairwise

from rewardgym.reading.candidates import Candidate

_LONGEST_GAP = 24
_MARKUP = " \t*_`$\"'\\{}()"
_RANGES = frozenset({"-", "to", "through", "thru", "..", "until", "up to", "till", "\u2192", "->"})
_LISTS = frozenset(
    {",", "or", "and", ", and", ", or", "/", "&", "|", ";", "and/or", "then", ", then", "vs", "vs."}
)
_OPERATION = re.compile(
    r"[\s*_`$(){}\\]*?(?:[+/\u00d7\u00f7%^<>\u2264\u2265\u2260\u2261=\u00b7\u22c5\u2219x*-]"
    r"|//|\*\*|[=!<>]=|mod(?:ulo)?|div|times|plus|minus|over|divided by|multiplied by"
    r"|(?:\\|\\b|\\p)?(?:times|div|cdot|bmod|pmod|mod|equiv|neq?|leq?|geq?))[\s*_`$(){}\\-]*"
)
_AFTER = re.compile(
    r"(?: \* [\w(]|\*(?:[a-z]\b|\()|[*_`)\]}$\"']*+[ \t]?(?:"
    r"%|percent\b"
    r"|(?:[+/\u00d7\u00f7^\u2264\u2265\u2260\u2261\u00b7]|[<>](?!-))[ \t]?[\w(\\$-]"
    r"|={1,2}(?!>)[ \t]*[-(\d\\$]"
    r"|(?:mod|modulo|div|times|plus|minus)\b[ \t]*[\w(\\]|divided by|multiplied by"
    r"|\\(?:times|div|cdot|bmod|pmod|mod|equiv|%)))"
)
_EQUALS_AFTER = re.compile(r"[*_`]+[ \t]?=[ \t]?\d")
_OPERATORS = "+/\u00d7\u00f7%^<>\u2264\u2265\u2260\u2261\u00b7\u221a\u22c5"
_STAR_BEFORE = re.compile(r"[\w)] \* \(?$")
_SEPARATES = re.compile(r"[\w.!?:;(]")
_OPENERS = " \t*_`\"'([{$"


def mask_neighbours(text: str, candidates: list[Candidate]) -> None:
    """Marks ranges, arithmetic, lists and digits in a row among consecutive candidates."""
    for first, second in pairwise(candidates):
        if second.start - first.end <= _LONGEST_GAP:
            _judge_gap(text, first, second)
    _mask_enumeration(text, candidates)


def _judge_gap(text: str, first: Candidate, second: Candidate) -> None:
    gap = text[first.end : second.start]
    core = gap.strip(_MARKUP)
    if core in _LISTS and not (core == "/" and text[first.end - 1].isdigit()):
        if core in ("and", "&") and "between" in text[max(0, first.start - 24) : first.start]:
            first.live = second.live = False
        elif first.key != second.key and not _is_article(text, second):
            first.listed = second.listed = True
    elif "\n" in gap:
        return
    elif _is_range(first, core) or _is_row(first, second, gap) or _operates(text, first, gap):
        # "**28** = 2 x 14" names its subject first: the bold value may still be the answer.
        first.live = first.live and _is_subject(text, first)
        second.live = False
    elif _is_bare_pair(text, first, second, gap):
        first.listed = second.listed = True


def _is_range(first: Candidate, core: str) -> bool:
    # "A - the first vowel" is no range; "Mon-Fri" is one.
    return core in _RANGES and not (first.key in ("a", "i") and core in ("-", "->", "\u2192"))


def _is_row(first: Candidate, second: Candidate, gap: str) -> bool:
    """Digits in a row, "4 2", are no number; "a B" in prose is no row."""
    return not (first.weak or second.weak) and not gap.strip(" \t") and bool(gap)


def _operates(text: str, first: Candidate, gap: str) -> bool:
    if gap == ":":
        return True
    if not gap.strip(_MARKUP) and gap.strip() != "*":
        return False
    return not text[first.start].isalpha() and _OPERATION.fullmatch(gap) is not None


def _is_bare_pair(text: str, first: Candidate, second: Candidate, gap: str) -> bool:
    """Two values with a dash or a stroke between them: a list without a comma."""
    if first.key == second.key or not gap.strip() or _SEPARATES.search(gap):
        return False
    return not _is_article(text, second)


def _is_subject(text: str, first: Candidate) -> bool:
    """Whether the candidate is bold, followed by an equals sign and not part of a longer sum."""
    before = text[max(0, first.start - 24) : first.start].rpartition("\n")[2]
    return _EQUALS_AFTER.match(text, first.end) is not None and _ends_stressed(before)


def _is_article(text: str, candidate: Candidate) -> bool:
    """The "a" of "T, a consonant", unlike that of "a, e, i"."""
    after = text[candidate.end : candidate.end + 2]
    return candidate.weak and candidate.key in "ai" and after[:1] == " " and after[1:].isalpha()


def _mask_enumeration(text: str, candidates: list[Candidate]) -> None:
    """Masks list markers, "1." and "2)" at the start of lines."""
    markers = [candidate for candidate in candidates if _could_be_marker(text, candidate)]
    keys = {candidate.key for candidate in markers}
    for candidate in markers:
        number = int(candidate.key)
        if number == 1 or str(number - 1) in keys or str(number + 1) in keys:
            candidate.live = False


def _could_be_marker(text: str, candidate: Candidate) -> bool:
    if candidate.end - candidate.start > 2 or text[candidate.end : candidate.end + 1] not in (
        ".",
        ")",
    ):
        return False
    if not candidate.key.isdigit() or candidate.weak:
        return False
    after = text[candidate.end + 1 : candidate.end + 12].lstrip(" \t*_")
    before = text[max(0, candidate.start - 8) : candidate.start].rpartition("\n")[2]
    line_starts = candidate.start <= 8 or "\n" in text[candidate.start - 8 : candidate.start]
    return line_starts and not before.strip(" \t>*_-(") and bool(after.strip())


def in_formula(text: str, candidate: Candidate, before: str) -> bool:
    """Whether an operator ties the candidate to a name or a number on either side."""
    if _AFTER.match(text, candidate.end):
        return not _is_subject(text, candidate)
    core = before.rstrip(_OPENERS)
    if core[-1:] in _OPERATORS and core:
        if core[-1] == ">" and core[-2:-1] in ("=", "-", "<", ""):
            return core[-2:-1] == "<"
        operand = core[:-1].rstrip()
        return core[-1] == "\u221a" or operand[-1:].isalnum() or operand[-1:] == ")"
    return bool(_STAR_BEFORE.search(before[-8:]))


def _ends_stressed(before: str) -> bool:
    """Bold right before it and no operator before that: "**28** = 2 x 14" names its subject."""
    if not before.endswith(("*", "_", "`")):
        return False
    core = before.rstrip(_OPENERS)
    return not core or core[-1] not in f"{_OPERATORS}="
