"""SVG: a figure as a piece of a page, the same bytes every time.

In: a Figure. Out: the text of one <svg> element. Text stays text, so that it can be searched and
read aloud; black becomes ``currentColor``, so that a page's dark mode reaches it; styles become
attributes, so that a page may forbid inline styles; every point is ``id="pt-<k>"``.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

from rewardgym.names import unknown
from rewardgym.plots.style import PlotError

THEMES = {"auto": None, "light": ("#000000", "#ffffff"), "dark": ("#e8e8e8", "#16181d")}
"""Ink and ground; with auto both are the page's."""
FONTS = ["DejaVu Sans", "Verdana", "Arial"]
"""The first is what matplotlib lays out with; the others are as wide, so nothing overlaps."""

_TAG = re.compile(r"<[^>]*>")
_STYLE = re.compile(r' style="([^"]*)"')
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'(?:href="|url\()#([^")]+)')
_SERIES = re.compile(r'<g id="pts-(\d+)-(\d+)">')
_LEVEL = re.compile(r' transform="rotate\(-0 [^"]*"')
_DIGITS = re.compile(r"(\d\.\d\d)\d+")
"""A hundredth of a point is finer than any screen."""
_PAINT = re.compile(r' (?:fill|stroke)[a-z-]*="[^"]*"')
_ROOM = re.compile(r"\n\s*")


def to_svg(figure: Any, *, theme: str = "auto", prefix: str = "") -> str:
    """The figure as an <svg> element that needs nothing but itself, equal for equal figures.

    ``theme``: auto (the page's colours), light or dark (with a ground of their own). ``prefix``
    stands before every id but the points', for several figures on one page. Raises ValueError for
    an unknown theme, PlotError without matplotlib.
    """
    if theme not in THEMES:
        raise unknown("theme", theme, THEMES)
    tags = _TAG.split(text := _written(figure)), _TAG.findall(text)
    tags[1][:] = _numbered([_plain(tag) for tag in tags[1]])
    used = set(_REFERENCE.findall("".join(tags[1])))
    ready = [_named(tag, used, prefix) for tag in tags[1]]
    ready[0] = _root(ready[0], THEMES[theme])
    between = [_ROOM.sub("\n", part) for part in tags[0]]
    return "".join(a + b for a, b in zip(between, [*ready, ""], strict=True)).strip() + "\n"


def _written(figure: Any) -> str:
    """What matplotlib writes, without date, random names, prologue, metadata and style sheet."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        raise PlotError("drawing needs matplotlib: pip install 'rewardgym[plot]'") from None
    settings = {"svg.fonttype": "none", "svg.hashsalt": "rewardgym", "font.sans-serif": FONTS}
    out = io.StringIO()
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # The page draws the letters; that matplotlib's own font lacks one says nothing.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, count=1, flags=re.DOTALL)
    return re.sub(r"\s*<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)


def _plain(tag: str) -> str:
    """A tag with attributes in the place of its style, and the page's ink in that of black."""
    tag = _DIGITS.sub(r"\1", _LEVEL.sub("", tag.replace(" xlink:href=", " href=")))
    return _STYLE.sub(lambda found: _attributes(found.group(1)), tag)


def _attributes(style: str) -> str:
    found = []
    for part in style.split(";"):
        name, _, value = (piece.strip() for piece in part.partition(":"))
        if name in ("", "font-family"):  # the root has it for all
            continue
        value = "currentColor" if value == "#000000" else value
        found.append(f' {name}="{value}"')
    return "".join(found)


def _numbered(tags: list[str]) -> list[str]:
    """With the id of every point of a line: matplotlib names lines, not their markers."""
    left, number, group = 0, 0, 0
    found: list[str] = []
    for tag in tags:
        if series := _SERIES.match(tag):
            number, left = int(series.group(1)), int(series.group(2))
        elif left and tag.startswith("<g"):
            group = len(found)
        elif left and tag.startswith("<use "):
            # All markers of a line look the same: said once, in the group around them.
            look = "".join(_PAINT.findall(tag))
            if look not in found[group]:
                found[group] = f"{found[group][:-1]}{look}>"
            tag = f'<use id="pt-{number}" {_PAINT.sub("", tag)[5:]}'
            number, left = number + 1, left - 1
        found.append(tag)
    return found


def _named(tag: str, used: set[str], prefix: str) -> str:
    """Without the ids that nothing refers to, which a second figure on the page would repeat."""

    def kept(found: re.Match[str]) -> str:
        name = found.group(1)
        if name in used:
            return f' id="{prefix}{name}"'
        return found.group(0) if re.fullmatch(r"pt-\d+", name) else ""

    tag = _ID.sub(kept, tag)
    return tag.replace('href="#', f'href="#{prefix}').replace("url(#", f"url(#{prefix}")


def _root(tag: str, colours: tuple[str, str] | None) -> str:
    """What every part inherits. Without a fill SVG's own black would stay black in the dark."""
    fonts = ", ".join([*FONTS, "sans-serif"])
    more = f' fill="currentColor" font-family="{fonts}"'
    more += ' stroke-linejoin="round" stroke-linecap="butt"'
    tag = re.sub(r' xmlns:xlink="[^"]*"| version="[^"]*"', "", tag)
    if colours is None:
        return f"{tag[:-1]}{more}>"
    ink, ground = colours
    return f'{tag[:-1]}{more} color="{ink}">\n<rect width="100%" height="100%" fill="{ground}"/>'
