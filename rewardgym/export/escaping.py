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

_BLANKS = re.compile(r"(?<= ) ")
"""Blanks that TeX takes for one with the blank before."""

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
    marked = _BLANKS.sub("{ }", marked)
    # At the begin of a row these would belong to the line break before it: \\* and \\[1cm].
    guarded = "{" + marked[0] + "}" + marked[1:] if marked[:1] in ("[", "*") else marked
    return guarded.replace("\0", "{}")


LINE = 32
"""Characters of a name in one line of a cell."""
MOST = 8 * LINE
"""Characters of a name in a cell: of a longer one begin and end are shown."""


def latex_cell(text: str) -> str:
    """A name of any length for a cell that begins a row or follows ``&``."""
    lines = latex_lines(text)
    if len(lines) == 1:
        return latex_text(lines[0])
    inner = r" \\ ".join(map(latex_text, lines))
    return rf"\begin{{tabular}}[t]{{@{{}}l@{{}}}}{inner}\end{{tabular}}"


def latex_paragraph(text: str) -> str:
    """``text`` as a part of a caption; a word longer than a cell's line may be broken."""
    words = [re.findall(f".{{1,{LINE // 2}}}", word) for word in _latex_shown(text).split(" ")]
    marked = " ".join(r"\allowbreak ".join(map(latex_text, parts)) for parts in words)
    # A line without a blank in it cannot stretch: TeX would rather print into the margin.
    loose = r"\sloppy " if any(len(parts) > 1 for parts in words) else ""
    return loose + _BLANKS.sub("{ }", marked)


def latex_lines(text: str) -> list[str]:
    """A name in the lines of its cell, broken behind a blank or a sign where one is near."""
    shown = _latex_shown(text)
    if len(shown) > MOST:
        half = MOST // 2 - LINE
        shown = f"{shown[:half]} ... {len(shown) - 2 * half} characters ... {shown[-half:]}"
    lines = []
    while len(shown) > LINE:
        near = [found.end() for found in _BREAK.finditer(shown, LINE // 2, LINE)]
        end = near[-1] if near else LINE
        lines.append(shown[:end])
        shown = shown[end:]
    return [*lines, shown]


_BREAK = re.compile(r"[^A-Za-z0-9+]")


def _latex_shown(text: str) -> str:
    """``text`` as wide as LaTeX shows it: with code points for what has no glyph."""
    marked = visible(text)
    return "".join(
        c if c in _LATEX or not _latex_character(c).startswith("U+") else _code(c) for c in marked
    )


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


# What GitHub and GitLab make links or pictures of after Markdown was read, over the text that is
# shown: neither a backslash nor an entity (&#64;) keeps it from that, only a code span does. People
# and addresses, issues, commits, emoji by name; and sums of money, which are read as formulas.
_REFERENCE = re.compile(
    r"@|#\d|\bGH-\d|:[a-z0-9_+-]+:|\$|(?<![0-9a-z])(?=\d*[a-f])[0-9a-f]{7,40}(?![0-9a-z])",
    re.IGNORECASE,
)


def markdown_cell(text: str) -> str:
    """``text`` in a cell of a table: itself, and nothing that notifies anybody."""
    # Readers disagree about a bar in code within a table, so it stands between two pieces of code.
    return "\\|".join(map(_markdown_piece, visible(text).split("|")))


def _markdown_piece(shown: str) -> str:
    return markdown_code(shown) if _REFERENCE.search(shown) else markdown_text(shown)


def markdown_caption(text: str) -> str:
    """``text`` as a paragraph of its own, with the same care for each word."""
    first, *words = visible(text).strip().split(" ")
    begin = markdown_code(first) if _REFERENCE.search(first) else markdown_paragraph(first)
    return " ".join([begin, *map(_markdown_piece, words)])


def markdown_code(text: str) -> str:
    """``text`` as inline code, in which nothing is markup, outside of tables."""
    shown = visible(text)
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    # One blank on either side belongs to the fence; without it a backtick would.
    room = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{fence}{room}{shown}{room}{fence}" if shown.strip() else "` `"
