"""Markdown tables as readers render them: every name is its own text, and nothing in it is a link,
a picture, HTML, a list, or a call of somebody's name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rewardgym_named import Named

import rewardgym
from rewardgym.export import export_dataset, markdown_table
from rewardgym.export.escaping import markdown_caption, markdown_cell, markdown_code, visible
from rewardgym.export.tables import plain_markdown

HOSTILE = (
    "@octocat and @org/team",
    "a.b@example.com",
    "mailto:a@example.com xmpp:a@example.com/b",
    "see #123, GH-12, owner/repo#7 and a5c3785ed8d6a35868bc169f07e40e889087fd2e",
    "[a](http://b.co) ![c](http://d.co/e.png) [f][g] [^1]",
    "[g]: http://b.co",
    "<b onclick=x>y</b><script>z</script><!-- w --> <http://b.co> <a@b.co>",
    "http://b.co https://b.co www.b.co ftp://b.co",
    "a | b \\| c \\\\| d",
    "`code` ``two`` ```three```",
    "**b** _i_ ~~s~~ ~t~ ***x*** __y__",
    "# head",
    "- item",
    "+ item",
    "1. one",
    "12) twelve",
    "- [ ] task",
    "> quote",
    "---",
    "===",
    "***",
    "~~~",
    "```",
    "    indented",
    ":tada: :+1: :not an emoji:",
    "$x^2$ and $`y`$ for 5$",
    "&lt;b&gt; &#64;octocat &commat;octocat &amp;",
    "`@octocat` | `#1` |",
    "` @a",
    "@a `",
    "@\\|`|``",
    "\\@octocat \\#1",
    "ends with \\",
    "@ends with \\",
    "one\ntwo\r\n\n# three\0\t",
    "\u202e@evil\u202c \u200b",
    "漢字 🙂 אבג",
    "|",
    "\\",
    "x" * 3000,
)
PIECES = (
    *("@", "#1", "GH-1", "`", "``", "|", "\\", "\\|", "[", "](", "](x)", "![", "<", ">", "<b>"),
    *("http://b.co", "www.b.co", "a@b.co", ":tada:", "$", "*", "_", "~", "~~", "&#64;", " "),
    *("-", "#", "1.", "[^1]", "\n", "deadbeef1"),
)
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=10).map("".join)

AFTERWARDS = re.compile(
    r"(?<![\w/])@[a-z\d]|[\w.+-]+@[\w-]+\.\w|#\d|\bGH-\d|:[a-z0-9_+-]+:|\b[0-9a-f]{40}\b|"
    r"\$[^$]+\$",
    re.IGNORECASE,
)
"""What GitHub makes something of in the text that was rendered: people, addresses, issues, emoji,
commits, formulas."""


class Shown(HTMLParser):
    """A rendered page: the text of its cells and paragraphs, its tags, and the text in which GitHub
    looks for references afterwards: all but that in code, each run of it by itself."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self.tags: list[str] = []
        self.loose: list[str] = []
        self._code = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag in ("td", "th", "p"):
            self.blocks.append("")
        self._code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if self.blocks:
            self.blocks[-1] += data
        if not self._code:
            self.loose.append(data)


ALLOWED = {"table", "thead", "tbody", "tr", "th", "td", "p", "code"}


def markdown_it(source: str) -> str:
    from markdown_it import MarkdownIt

    rendered: str = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(source)
    return rendered


def mistune(source: str) -> str:
    module = pytest.importorskip("mistune", reason="needs the extra docs")
    plugins = ["table", "strikethrough", "url", "footnotes", "task_lists"]
    rendered: str = module.create_markdown(escape=False, plugins=plugins)(source)
    return rendered


READERS = pytest.mark.parametrize("read", [markdown_it, mistune])


def page(names: Sequence[str]) -> str:
    """Names in the head of a table, in its rows, and below it."""
    heads = [f"h{place}" for place in range(len(names))]
    table = plain_markdown(heads, [list(names), list(names)], texts=len(names))
    return f"{table}\n\n{markdown_caption(names[0])}\n"


def check(read: Any, names: Sequence[str]) -> None:
    """Every name is shown as itself, and as nothing else."""
    found = Shown(read(page(names)))
    assert set(found.tags) <= ALLOWED, found.tags
    # HTML shows several blanks as one, and none at the ends.
    wanted = [" ".join(visible(name).split()) for name in names]
    got = [" ".join(text.split()) for text in found.blocks][len(names) :]
    assert got[: 2 * len(names)] == wanted * 2
    assert got[2 * len(names) :] == ([wanted[0]] if wanted[0] else [])
    assert [text for text in found.loose if AFTERWARDS.search(text)] == []


@READERS
@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:20])
def test_a_hostile_name_is_shown_as_itself(read: Any, name: str) -> None:
    check(read, [name])


@READERS
def test_all_hostile_names_in_one_row_are_shown_as_themselves(read: Any) -> None:
    check(read, HOSTILE)


@example(["@\\|`|``", "\\"])
@example(["|@\\", "a"])
@given(st.lists(TEXT, min_size=1, max_size=4))
@settings(deadline=None, max_examples=300)
@READERS
def test_any_names_are_shown_as_themselves(read: Any, names: list[str]) -> None:
    check(read, names)


def test_who_is_named_in_a_table_is_not_notified() -> None:
    """GitHub looks for mentions in the text that was rendered, and leaves code out. An entity or a
    backslash is gone by then (github/cmark-gfm issue 181, github/markup issue 1168), and a blank
    without width would be copied with the name."""
    assert markdown_cell("@octocat") == "`@octocat`"
    for kept in ("&#64;octocat", "\\@octocat"):
        assert Shown(markdown_it(kept)).loose[0] == "@octocat"
    assert markdown_caption("Thanks to @octocat, see #12 now") == (
        "Thanks to `@octocat,` see `#12` now"
    )


def test_a_plain_name_is_not_code() -> None:
    for name in ("checkpoint-120", "step 1000000", "reward", "scripted:game(0.3)", "org/model"):
        assert "`" not in markdown_cell(name)
    assert markdown_cell("reward_x") == "reward\\_x"


@example("`")
@example("` a")
@example("a``b`")
@given(TEXT)
@settings(deadline=None)
def test_inline_code_is_the_text(text: str) -> None:
    from markdown_it import MarkdownIt

    [_, inline, _] = MarkdownIt("commonmark").parse(f"x {markdown_code(text)} y")
    [_, code, _] = inline.children or []
    assert code.type == "code_inline"
    assert code.content == (visible(text) if visible(text).strip() else " ")


# Whole files


def test_the_table_of_a_run_has_the_names_of_its_policies(tmp_path: Path) -> None:
    run = rewardgym.sweep([Named(name) for name in HOSTILE], rewardgym.Variant(), n=1, out=tmp_path)
    rates = rewardgym.gaming_rates(run, ["checkpoint", "field"])
    found = Shown(markdown_it(markdown_table(rates, caption="- by @me: **all** of #1")))
    assert set(found.tags) <= ALLOWED
    columns = found.tags.count("th")
    rows = [found.blocks[i : i + columns] for i in range(columns, len(found.blocks) - 1, columns)]
    assert [" ".join(row[0].split()) for row in rows] == [
        " ".join(visible(name).split()) for name in HOSTILE
    ]
    assert found.blocks[-1].startswith("- by @me: **all** of #1 Gaming rates in percent")
    assert [text for text in found.loose if AFTERWARDS.search(text)] == []


def test_the_card_s_commands_are_blocks_of_code_that_no_text_ends(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra data")
    from markdown_it import MarkdownIt

    from rewardgym.records import RecordStore
    from rewardgym.repeating import repeats

    clause = "one\n```\n# two\n````\n</script> ~~~"
    own = [rewardgym.Variant(clause=clause), rewardgym.Variant(clause=f"{clause} \u202e")]
    for place, variant in enumerate(own):
        run = rewardgym.sweep("scripted:obey", variant, n=1, out=tmp_path / f"run{place}")
        export_dataset(run, tmp_path / f"data{place}")
        text = (tmp_path / f"data{place}" / "README.md").read_text(encoding="utf-8")
        fences = [one for one in MarkdownIt("commonmark").parse(text) if one.type == "fence"]
        with RecordStore(tmp_path / f"run{place}") as store:
            [wanted] = repeats(store)
        assert [(f.info, f.content) for f in fences][-1] == (wanted.language, f"{wanted.text}\n")
