"""Docstrings for the site: references of the form :class:`Name` are shown as code.

In: a docstring as griffe collected it. Out: the same as Markdown. The docstrings are plain prose
but for these references, so that a whole parser of reStructuredText would have nothing else to do;
they are no links, since many name private parts that no page shows.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`~?\.?([\w.]+)`")


def as_markdown(text: str) -> str:
    """``text`` with each reference as code."""
    return _ROLE.sub(r"`\1`", text)


class Roles(griffe.Extension):
    """Rewrites every docstring once it is collected."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called by griffe for every object that it has found."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
