"""Text in LaTeX and Markdown: every character shows as itself and does nothing.

In: text from anywhere, model output and wordings of one's own included. Out: markup. pandas' Styler
escapes ten characters for LaTeX; a cell that begins with ``[`` (the argument of the line break
before it), ``--``, ``<`` in the default font and any letter that pdfLaTeX has no glyph for pass
through it, so this is done here.
"""

from __future__ import annotations

import re
import unicodedata

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"{\char34}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
}
_JOINING = re.compile(r"(?<=-)-|(?<=,),|(?<=')'")
"""Signs that TeX draws as another one where two stand together."""

# What pdfLaTeX shows in every font encoding: a Latin letter with one of these over or under it.
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0308": '"',
    "\u030c": "v",
    "\u0327": "c",
}


def visible(text: str) -> str:
    """``text`` with whatever cannot be seen, or reorders what can, as its code point: a control
    character, a bidi mark or a lone surrogate is ``U+202E``. A blank is a blank."""
    return "".join(_code(c) if c != " " and _hidden(c) else c for c in text)


def _hidden(character: str) -> bool:
    # Cc control, Cf format, Cs surrogate, Co private, Cn unassigned; Zs, Zl, Zp blanks.
    return unicodedata.category(character)[0] in "CZ"


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"


def latex_text(text: str) -> str:
    """``text`` for a cell of a LaTeX table. A character that pdfLaTeX may have no glyph for is its
    code point, so that the document compiles with any engine."""
    apart = _JOINING.sub(lambda found: "\0" + found[0], visible(text))
    marked = "".join(_LATEX.get(c) or _latex_character(c) for c in apart)
    # At the begin of a row these would belong to the line break before it: \\* and \\[1cm].
    guarded = "{" + marked[0] + "}" + marked[1:] if marked[:1] in ("[", "*") else marked
    return guarded.replace("\0", "{}")


def _latex_character(character: str) -> str:
    if character.isascii():
        return character
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        base = {"i": r"\i", "j": r"\j"}.get(parts[0], parts[0])
        return f"\\{_ACCENTS[parts[1]]}{{{base}}}"
    return _code(character)


_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~$&]|:(?=//)|(?<=www)\.|:(?=[^\s:]*:)", re.IGNORECASE)
"""Markup, links that write themselves, and emoji by name (``:tada:``)."""
_BLOCK = re.compile(r"(#|[-+=](?=[-+= ]|$)|(?<=\d)[.)](?= |$))")


def markdown_text(text: str) -> str:
    """``text`` within a Markdown line, such as a cell: no markup, no link, no HTML."""
    return _MARKDOWN.sub(lambda found: "\\" + found[0], visible(text))


def markdown_paragraph(text: str) -> str:
    """``text`` as a paragraph of its own: no heading and no list either."""
    first, blank, rest = markdown_text(text).strip().partition(" ")
    return _BLOCK.sub(r"\\\1", first + blank) + rest
