"""Numbers as text: digits with separators, decimals, exponents, number words.

In: a piece of canonical text. Out: a key, the number's one plain spelling ("-1234.5"), and from a
key its value. Keys are strings so that a million digits are compared and carried in linear time;
``int()`` on them would be refused by Python or take quadratic time.
"""

from __future__ import annotations

import re
from decimal import Decimal

LONGEST_INT = 4000
"""Whole numbers with more digits become a Decimal: Python prints an int only up to 4300."""

# Letters that make a digit part of a word. CJK is left out: it writes no spaces around numbers.
LETTER = "a-z\u00b5\u00c0-\u024f\u0370-\u03ff\u0400-\u052f"
_RAISED = "\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2099"
_SEPARATOR = "[.,'_\u00a0]"

NUMBER = re.compile(
    # The digit comes first and is looked back over: a pattern that starts with a plain class is
    # scanned several times faster. The last two: no run that was refused is scanned again, and a
    # keycap digit beside another one is half of a number that is not spelled as text.
    rf"[0-9](?<![0-9{LETTER}].)(?<![{LETTER}]-.)(?<![0-9]{_SEPARATOR}.)(?<!\u20e3.)"
    rf"(?:(?<=0)(?:x[0-9a-f]{{1,12}}+|b[01]{{1,48}}+)|[0-9]*+(?:{_SEPARATOR}[0-9]++)*+)"
    r"(?:e[-+]?[0-9]{1,4}+)?"
    rf"(?![0-9{LETTER}{_RAISED}])(?!\ufe0f?\u20e3[0-9])"
)
"""One run of digits with all its separators: a possessive run, so that no reply is slow to scan.
Whether the separators make one number, or a list of several, is told by :func:`split_run`; what
stands before it (a sign, the point of ".5") by :func:`start_of`."""


def start_of(text: str, digits: int) -> int:
    """Where the number starts whose first digit is at ``digits``: its sign, or its bare point."""
    start = digits
    if text[start - 1 : start] == "." and not _joins(text, start - 2, "."):
        start -= 1
    if text[start - 1 : start] in ("-", "+", "\u2212") and not _joins(text, start - 2, ")]%-+"):
        return start - 1
    if text[max(0, start - 2) : start] == "\u2212 " and not _joins(text, start - 3, ")]%"):
        return start - 2
    return start


def _joins(text: str, at: int, joiners: str) -> bool:
    """Whether the character at ``at`` ties what follows it to what precedes it: "1-100"."""
    return at >= 0 and (text[at].isalnum() or text[at] in joiners)


_PLAIN = re.compile(r"[0-9]*+(?:\.[0-9]++)?")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:([,'_\u00a0])[0-9]{3}(?:\1[0-9]{3})*+)(?:\.[0-9]++)?")
_LAKHS = re.compile(r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}")
_DOTTED = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})++,[0-9]++|[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}+")
_PIECE = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def split_run(run: str) -> str | list[tuple[int, int]] | None:
    """The key of a run that is one number, else its numbers' spans, or None if it is no number.

    "1,234" is one number, "2,4,6" are three, "4,5" is a decimal comma or a list and so two,
    "1.2.3" is no number.
    """
    body = run.lstrip("+-\u2212 ")
    negative = run[0] in "-\u2212"
    if body.isdigit():
        digits = body.lstrip("0") or "0"
        return f"-{digits}" if negative and digits != "0" else digits
    if body[:2] in ("0x", "0b"):
        return f"{'-' if negative else ''}{int(body, 0)}"
    mantissa, _, exponent = body.partition("e")
    plain = _ungrouped(mantissa)
    if plain is None:
        return _pieces(run) if not exponent and not set(run) & set("'_\u00a0") else None
    return _key(plain, exponent, negative)


def _ungrouped(mantissa: str) -> str | None:
    if _PLAIN.fullmatch(mantissa):
        return mantissa
    if _GROUPED.fullmatch(mantissa) or _LAKHS.fullmatch(mantissa):
        return re.sub(r"[,'_\u00a0]", "", mantissa)
    if _DOTTED.fullmatch(mantissa):
        return mantissa.replace(".", "").replace(",", ".")
    return None


def _pieces(run: str) -> list[tuple[int, int]] | None:
    spans = []
    at = 0
    for piece in run.split(","):
        if not _PIECE.fullmatch(piece.lstrip("+-\u2212 ")):
            return None
        spans.append((at, at + len(piece)))
        at += len(piece) + 1
    return spans


def _key(plain: str, exponent: str, negative: bool) -> str:
    whole, _, fraction = plain.partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    if exponent:
        shifted = format(Decimal(f"{whole}.{fraction or 0}e{exponent}"), "f")
        whole, _, fraction = shifted.partition(".")
        whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return f"-{number}" if negative and number != "0" else number


def value_of(key: str) -> int | Decimal:
    """The number that a key spells: an int where Python can print it, else an exact Decimal."""
    if "." not in key and len(key) <= LONGEST_INT:
        return int(key)
    # The constructor is exact at any length; arithmetic would round to the context's precision.
    return Decimal(key)


def _numbered(words: str) -> dict[str, int]:
    return {word: value for value, word in enumerate(words.split())}


_SMALL = _numbered(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = _numbered("_ _ twenty thirty forty fifty sixty seventy eighty ninety")
_UNITS = _SMALL | {word: 10 * value for word, value in _TENS.items() if word != "_"}
_UNITS["fourty"] = 40
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
NUMBER_WORDS = frozenset(_UNITS) | frozenset(_SCALES) | {"hundred"}
_WORD = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
WORDED_NUMBER = re.compile(
    rf"(?<![{LETTER}0-9'])(?<![{LETTER}]-)(?:(?:minus|negative)[ -])?"
    r"(?:an?[ -](?=hundred|thousand|million))?"
    rf"(?:{_WORD})(?:(?: and |,? |-|\u00a0)(?:{_WORD})(?![{LETTER}0-9]))*+"
    rf"(?![{LETTER}0-9])(?!-[{LETTER}])"
)


def key_of_words(words: str) -> str | None:
    """The key of "one hundred and seven", or None where the words make no number."""
    parts = re.findall(r"[a-z]+", words)
    negative = parts[0] in ("minus", "negative")
    parts = [part for part in parts[negative:] if part != "and"]
    if parts[0] in ("a", "an"):
        parts[0] = "one"
    total = _sum_of(parts)
    if total is None:
        return None
    return f"-{total}" if negative and total else str(total)


def _sum_of(parts: list[str]) -> int | None:
    total, below, last_scale = 0, -1, 10**15
    for part in parts:
        if part in _SCALES:
            if _SCALES[part] >= last_scale:
                return None
            last_scale = _SCALES[part]
            total, below = total + abs(below) * last_scale, -1
        elif part == "hundred":
            if below == 0 or below > 99:
                return None
            below = abs(below) * 100
        else:
            joined = _joined(below, _UNITS[part])
            if joined is None:
                return None
            below = joined
    return total + max(below, 0)


def _joined(below: int, unit: int) -> int | None:
    """``unit`` said after ``below``: "forty" "two" is 42, "two" "four" is no number."""
    if below < 0:
        return unit
    room = 100 if below % 100 == 0 else 10 if below % 10 == 0 and below % 100 >= 20 else 0
    return below + unit if below and 0 < unit < room else None
