"""A prompt as HTML: escaped, and with what differs from another prompt marked.

In: one prompt, or two. Out: HTML. Differences are found between words, never inside them, and runs
of a few equal characters between two changes count as changed: a reader wants to see which part is
another one, not which letters happen to be the same.
"""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterator

from rewardgym import Prompt

_TOKENS = re.compile(r"\w+|\s+|[^\w\s]")
_SHORT = 3
"""Equal runs up to this many characters between two changes are part of the change."""

Change = tuple[str, str]
"""What the old text has at a place, and what the new one has; equal where nothing changed."""


def changes(old: str, new: str) -> list[Change]:
    """The new text in runs, each beside what the old one has there."""
    a, b = _TOKENS.findall(old), _TOKENS.findall(new)
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    found: list[Change] = []
    opcodes = matcher.get_opcodes()
    for place, (kind, i, j, k, m) in enumerate(opcodes):
        pair = ("".join(a[i:j]), "".join(b[k:m]))
        inner = 0 < place < len(opcodes) - 1
        changed = kind != "equal" or (inner and len(pair[1]) <= _SHORT)
        if found and changed and found[-1][0] != found[-1][1]:
            pair = (found[-1][0] + pair[0], found[-1][1] + pair[1])
            found.pop()
        elif changed and kind == "equal":
            changed = False
        found.append(pair)
    return [pair for pair in found if pair != ("", "")]


def marked(old: str, new: str) -> str:
    """The new text as HTML, what is new in ``<ins>``, what is gone in ``<del>``."""

    def pieces() -> Iterator[str]:
        for before, after in changes(old, new):
            if before == after:
                yield html.escape(after)
                continue
            yield f"<del>{html.escape(before)}</del>" if before else ""
            yield f"<ins>{html.escape(after)}</ins>" if after else ""

    return "".join(pieces())


def prompt_block(prompt: Prompt, base: Prompt | None = None) -> str:
    """All messages of a prompt; with ``base``, what differs from it is marked."""
    old = {m["role"]: m["content"] for m in base.messages} if base is not None else None
    blocks = []
    for message in prompt.messages:
        role, text = message["role"], message["content"]
        shown = html.escape(text) if old is None else marked(old.get(role, ""), text)
        label = f'<div class="role">{html.escape(role)}</div>' if len(prompt.messages) > 1 else ""
        blocks.append(f'{label}<pre class="prompt">{shown}</pre>')
    return "".join(blocks)


def folded(summary: str, body: str, *, anchor: str, is_open: bool) -> str:
    """A foldable block. The anchor is inside, so that a link to it opens the block."""
    state = " open" if is_open else ""
    return (
        f'<details class="prompt"{state}><summary>{summary}</summary>'
        f'<div id="{html.escape(anchor)}">{body}</div></details>'
    )
