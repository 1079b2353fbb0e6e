"""Texts of the repository that pages include: the README, the card, the changelog.

In: a page's Markdown with lines such as ``<!-- include: README.md -->``. Out: the same with the
file's text in place of each, its links turned to the site's pages. Included, not copied, so that
the site and the repository never say two things.
"""

from __future__ import annotations

import re
from pathlib import Path

PAGE_OF = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "rewardgym/organisms/CARD.md": "organism.md",
}
"""Where the site shows a file of the repository; files under ``docs/`` keep their place."""

_INCLUDE = re.compile(r"^<!-- include: (\S+) -->$", re.MULTILINE)
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def with_included_texts(markdown: str, root: Path) -> str:
    """``markdown`` with every included file's text. Raises ValueError for a file that is not there
    or leaves the repository."""

    def text_of(found: re.Match[str]) -> str:
        path = (root / found[1]).resolve()
        if root.resolve() not in path.parents or not path.is_file():
            raise ValueError(f"a page includes {found[1]!r}, which is no file of the repository")
        return with_site_links(path.read_text(encoding="utf-8"), Path(found[1]).parent)

    return _INCLUDE.sub(text_of, markdown)


def with_site_links(text: str, folder: Path) -> str:
    """``text``, which stands in ``folder`` of the repository, with its links turned to pages.

    A link to what is no part of the site is left as it is, for mkdocs to complain about."""

    def turned(found: re.Match[str]) -> str:
        target = found[2]
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        path = (folder / target).as_posix()
        return found[1] + PAGE_OF.get(path, path.removeprefix("docs/")) + found[3]

    return _LINK.sub(turned, text)
