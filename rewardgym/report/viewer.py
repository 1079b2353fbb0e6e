"""The viewer: replies with their prompts, to look through in a browser.

In: a run. Out: markup, style, script and data, to be put into the report's page or served alone.
The data is JSON that the script writes into the page as text and in no other way: model output is
hostile, and text nodes are the one place of a page where it can do nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardgym.report.replies import Replies
from rewardgym.report.reply_rows import KINDS, ReplyCell
from rewardgym.report.reply_sample import draw
from rewardgym.report.viewer_data import cells_data, prompt_data, row_data, safe_json

if TYPE_CHECKING:
    from rewardgym.records import RecordStore, Run

SAMPLE = 2_000
"""Replies that a file shows, unless told otherwise."""
LONGEST_PART = 4_000
"""Characters of one part of a reply in a file; how many are left out stands in their place."""
MOST_BYTES = 2_500_000
"""Of replies and prompts in a file, so that the whole page stays below 5 MB."""

TEMPLATES = Path(__file__).parent / "templates"
_SCRIPTS = (
    "viewer_text.js",
    "viewer_source.js",
    "viewer_cards.js",
    "viewer_filters.js",
    "viewer.js",
    "viewer_live.js",
)


@dataclass(frozen=True)
class Fragment:
    """The viewer's parts of a page."""

    html: str
    """Static markup."""
    css: str
    js: str
    json: str
    """For a ``<script type="application/json">``; the script finds it by its first key."""


def fragment(
    run: Run | RecordStore | str | Path, *, sample: int = SAMPLE, seed: int = 0
) -> Fragment:
    """The viewer of a file: ``sample`` replies, drawn as the page says, with complete counts.

    Raises StoreError for a folder that holds no run, ValueError for a negative sample.
    """
    replies = Replies(run)
    try:
        cells = replies.cells()
        data = _sampled(replies, cells, sample, seed)
        return _fragment(data, cells)
    finally:
        replies.close()


def served_fragment(replies: Replies, cells: list[ReplyCell]) -> Fragment:
    """The viewer of a server: no reply inside, the script asks for pages of all of them."""
    data = {"total": sum(cell.count() for cell in cells), "served": True, **cells_data(cells)}
    return _fragment(data, cells)


def _fragment(data: dict[str, Any], cells: list[ReplyCell]) -> Fragment:
    try:
        import jinja2
    except ModuleNotFoundError:
        raise ValueError("the viewer needs jinja2: pip install 'rewardgym[report]'") from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    counts = [(name, sum(cell.count((name,)) for cell in cells)) for name in KINDS]
    html = environment.get_template("viewer.html.jinja").render(
        total=data["total"],
        what=data["what"],
        shown=len(data.get("replies", ())),
        says=data.get("says", ""),
        served=data.get("served", False),
        counts=[(name, count) for name, count in counts if count],
    )
    # The script knows its data by this first key, whatever else the page holds.
    return Fragment(
        html, _text("viewer.css"), script(), safe_json({"rewardgym_replies": 1, **data})
    )


def script() -> str:
    """All of the script, as one that keeps its names to itself."""
    return "(() => {\n'use strict';\n" + "\n".join(map(_text, _SCRIPTS)) + "\n})();\n"


@lru_cache(maxsize=8)
def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _sampled(replies: Replies, cells: list[ReplyCell], size: int, seed: int) -> dict[str, Any]:
    sample = draw(replies, cells, size, seed)
    prompts: dict[int, dict[str, Any]] = {}
    shown: list[tuple[int, int, dict[str, Any]]] = []
    order = {cell.key: place for place, cell in enumerate(cells)}
    room = MOST_BYTES
    for cell, index in sample.places:
        row = replies.row(cell, index)
        if row is None:
            continue
        new = {} if row.prompt in prompts else replies.prompts([row.prompt])
        params = (new or prompts)[row.prompt]["params"]
        item = row_data(row, params, longest=LONGEST_PART)
        added = {prompt: prompt_data(one) for prompt, one in new.items()}
        room -= len(safe_json(item)) + len(safe_json(added))
        if room < 0:
            break
        prompts |= added
        shown.append((order[cell.key], index, item))
    shown.sort(key=lambda one: one[:2])
    says = sample.says
    if len(shown) < len(sample.places):
        says += f" {len(sample.places):,} were drawn; the file has room for {len(shown):,} of them."
    return {
        "total": sample.total,
        "says": says,
        **cells_data(cells),
        "prompts": prompts,
        "replies": [item for _, _, item in shown],
    }
