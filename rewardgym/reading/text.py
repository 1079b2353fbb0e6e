"""One spelling for each character: lower case, ASCII digits, straight quotes, plain hyphens.

In: any text. Out: a text of the same length, so that offsets stay those of the reply.
Other scripts' digits become ASCII here, once, so that no later rule has to think of them.
"""

from __future__ import annotations

import unicodedata

_SPELLINGS = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d\u300e\u300f\u2033", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\ufe63", "-"),
    **dict.fromkeys("\u2014\u2015", "\u2014"),
    **dict.fromkeys("\u3002\uff61", "."),
    **dict.fromkeys("\u3001\u060c", ","),
    # Thousands separators stay apart from the plain space: "1 234" is one number only with them.
    **dict.fromkeys("\u00a0\u2007\u2008\u2009\u202f", "\u00a0"),
    # Invisible characters: a reply that holds nothing else is empty.
    **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\x00", " "),
    "\u066b": ".",
    "\u066c": ",",
    "\u2026": "\u2026",
    "\r": "\n",
}


def _spell(char: str) -> str:
    if char in _SPELLINGS:
        return _SPELLINGS[char]
    if unicodedata.category(char) == "Nd":
        return str(unicodedata.decimal(char))
    # Fullwidth and mathematical letters are the same letters; superscripts are not digits.
    if unicodedata.decomposition(char).startswith(("<wide>", "<narrow>", "<font>")):
        plain = unicodedata.normalize("NFKC", char)
        char = plain if len(plain) == 1 else char
    lower = char.lower()
    return lower if len(lower) == 1 else char


class _Canonical(dict[int, str]):
    """Spells a character when it is first met: a full table would slow every import."""

    def __missing__(self, code: int) -> str:
        spelled = self[code] = _spell(chr(code))
        return spelled


_CANONICAL = _Canonical()


def canonical(text: str) -> str:
    """``text`` in one spelling, character for character."""
    if text.isascii() and "\r" not in text and "\x00" not in text:
        return text.lower()
    return text.translate(_CANONICAL)


def blank(text: str, spans: list[tuple[int, int]], filler: str = " ") -> str:
    """``text`` with each span (ascending, not overlapping) overwritten by ``filler``."""
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += (text[at:start], filler * (end - start))
        at = end
    parts.append(text[at:])
    return "".join(parts)
