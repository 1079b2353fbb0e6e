"""What a generator gives to the site: a path, a title and a content.

In: nothing. Out: :class:`Generated`. Plain data, so that the generators know nothing of mkdocs and
a test can look at a page without building the site.
"""

from __future__ import annotations

from dataclasses import dataclass

NO_SEARCH = "---\nsearch:\n  exclude: true\n---\n\n"
"""Front matter of pages whose text (hundreds of prompts) would drown every search."""


@dataclass(frozen=True)
class Generated:
    """One generated file of the site."""

    path: str
    """Where it stands among the sources, for instance ``factors/field.md``."""
    title: str | None
    """Its name in the navigation; None for what is no page, such as a picture."""
    content: str | bytes
    """Markdown, or the bytes of a file."""
