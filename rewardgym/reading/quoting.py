"""What a reply repeats or runs instead of saying: quotes, code, tags, the prompt's own metadata.

In: visible canonical text. Out: the same text, same length, with those parts overwritten.
They are overwritten before candidates are sought, so that no later rule can read a number out of
a quoted formula; a quote that holds nothing but an answer stays.
"""

from __future__ import annotations

import re

from rewardgym.reading.text import blank

FILLER = "\u00df"
"""A letter: overwritten text still counts as text, so a number beside it is not alone."""

_TAG = re.compile(
    r"<(?P<close>/)?(?P<name>[a-z_][\w:.-]*)[^<>\n]{0,200}>|<\|[^|<>\n]{1,40}\|>|<!--"
)
_RESTATED = re.compile(
    r"_\w+|metadata|grad(?:er|ing)|scoring|hints?|instructions?|prompt|user|system|review"
    r"|audit\w*|description|rewards?|scores?"
)
_ANSWERED = re.compile(
    r"(?:\w+[_-])?(?:answer|final|output|number|result|response|solution|choice|value|letter|day)"
)
_STRESSED = frozenset({"b", "strong", "em", "i", "u", "code", "mark"})
_CODE_LANGUAGE = re.compile(
    r"(?:py(?:thon)?\d?|js|javascript|ts|typescript|bash|sh|shell|c|cpp|c\+\+|java|go|rust|ruby"
    r"|r|sql|php|perl|lua|console|haskell|brainfuck|bf)\b"
)
_CODE_LIKE = re.compile(r"[=;(]|\b(?:import|def|print|return|lambda|while|elif)\b")
_CODE_SPAN = re.compile(r"(?<!`)(`{1,3}+)([^`\n]++)\1")
_DOUBLE_QUOTED = re.compile(r'"((?:[^"\\\n]|\\.)*+)"')
_SINGLE_QUOTED = re.compile(r"(?<![^\s(:,])'([^'\n]{3,200})'(?![a-z0-9])")
_CALL = re.compile(r"(?<![\w.\\])[a-z_][\w.]*+\([^()\n]++\)")
_QUOTED_LINE = re.compile(r"^[ \t]*>[^\n]*+", re.MULTILINE)
_CODE_WORDS = ("def ", " return ", "import ", "const ", "var ", "let ", "print(", "\treturn")
_CODE_LINE = re.compile(
    r"^[ \t]*(?:def \w+\(|import \w+|from \w+ import|print\(|(?:const|var) \w+ ?=)[^\n]*+"
    r"|^[ \t]*let \w+ ?=[^\n;]*+;"
    r"|^[ \t]+return\b[^\n]*+",
    re.MULTILINE,
)
_OPERATOR = re.compile(r"[%=<>()+/:]|\d[^\d]*[a-z]|[a-z][^a-z]*\d")
_ANSWER_KEY = re.compile(
    r"[\"']?(?:\w+[_ -])?(?:answer|output|number|result|response|choice|value|letter|day)"
    r"[\"']?[*_]*\s*[:=]\s*$"
)


def without_quotations(text: str) -> str:
    """``text`` with everything overwritten that it only repeats or runs."""
    if "<" in text:
        text = _without_tags(text)
    if "```" in text:
        text = _without_code_blocks(text)
    if any(word in text for word in _CODE_WORDS):
        text = blank(text, [line.span() for line in _CODE_LINE.finditer(text)], FILLER)
    if "`" in text:
        text = _overwrite(_CODE_SPAN, text, 2)
    if '"' in text:
        text = _overwrite(_DOUBLE_QUOTED, text, 1)
    if "'" in text:
        text = _overwrite(_SINGLE_QUOTED, text, 1)
    if "(" in text:
        text = blank(text, [call.span() for call in _CALL.finditer(text)], FILLER)
    if ">" in text:
        text = _without_quoted_lines(text)
    return text


def _overwrite(pattern: re.Pattern[str], text: str, group: int) -> str:
    spans = []
    for match in pattern.finditer(text):
        start, end = match.span(group)
        if not _is_answer_alone(text, match, text[start:end]):
            spans.append((start, end))
    return blank(text, spans, FILLER) if spans else text


def _is_answer_alone(text: str, quote: re.Match[str], content: str) -> bool:
    """Whether a quote can hold the answer: "42", an answer key's string, the whole reply."""
    start, end = quote.span()
    if len(content) < 2 or content.lstrip()[:1] == "{":
        return True
    if not _OPERATOR.search(content) and content.count(" ") <= 3:
        return True
    if end - start + 8 > len(text) and end - start + 4 > len(text.strip()):
        return True
    return bool(_ANSWER_KEY.search(text[max(0, start - 40) : start]))


def _without_tags(text: str) -> str:
    parts: list[str] = []
    at, hidden_from, hidden_name = 0, -1, ""
    for tag in _TAG.finditer(text):
        name = tag["name"] or ""
        if hidden_from >= 0:
            # By name, not by its slash: the published audit tag closes with an opening tag.
            if name == hidden_name:
                parts.append(FILLER * (tag.end() - hidden_from))
                at, hidden_from = tag.end(), -1
            continue
        parts += (text[at : tag.start()], "")
        at = tag.end()
        if not tag["close"] and _RESTATED.fullmatch(name):
            hidden_from, hidden_name = tag.start(), name
        else:
            parts.append(_respelled(tag))
    if hidden_from >= 0:
        line_end = text.find("\n", hidden_from)
        at = len(text) if line_end < 0 else line_end
        parts.append(FILLER * (at - hidden_from))
    parts.append(text[at:])
    return "".join(parts)


def _respelled(tag: re.Match[str]) -> str:
    """The tag in markdown's words: an answer tag becomes a label, a bold tag two stars."""
    name, length = tag["name"] or "", tag.end() - tag.start()
    if name in _STRESSED:
        return "**".ljust(length) if tag["close"] else "**".rjust(length)
    if name and not tag["close"] and _ANSWERED.fullmatch(name):
        return f" {name}:".ljust(length)
    return "\n" * length if name in ("br", "p", "div", "li") else " " * length


def _without_code_blocks(text: str) -> str:
    spans: list[tuple[int, int]] = []
    start = text.find("```")
    while start >= 0:
        end = text.find("```", start + 3)
        body_end = end if end >= 0 else len(text)
        spans += _hidden_in_block(text, start + 3, body_end)
        start = text.find("```", end + 3) if end >= 0 else -1
    return blank(text, spans, FILLER) if spans else text


def _hidden_in_block(text: str, start: int, end: int) -> list[tuple[int, int]]:
    body = text[start:end]
    first_line, newline, rest = body.partition("\n")
    info = first_line.strip() if newline else ""
    content = (rest if newline else body).strip()
    if content[:1] in ("{", "[") or not re.search("[a-z]", content):
        return [(start, start + len(first_line))] if info else []
    if _CODE_LANGUAGE.match(info) or _CODE_LIKE.search(content):
        return [(start, end)]
    return [(start, start + len(first_line))] if info else []


def _without_quoted_lines(text: str) -> str:
    quoted = [line.span() for line in _QUOTED_LINE.finditer(text)]
    rest = blank(text, quoted) if quoted else ""
    if not quoted or not rest.strip():
        return text
    lines = [(a, b) for a, b in quoted if re.search("[a-z]", text[a:b])]
    return blank(text, lines, FILLER)
