"""Tables for papers: LaTeX and Markdown say what the terminal says, and no text leaves its cell."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rewardgym_exports import ANY_TEXT, two_methods

import rewardgym
from rewardgym.export import latex_table, markdown_table
from rewardgym.export.escaping import latex_text, markdown_paragraph, markdown_text
from rewardgym.records import RecordStore, Run
from rewardgym.report.tables import rates_table

GOLDEN = Path(__file__).parent / "golden"
run = pytest.fixture(scope="module")(two_methods)


# Tables


def a_table() -> pd.DataFrame:
    """Rates with every kind of cell: sampled, exact, without a twin, without any answer."""
    rows = [
        ("checkpoint-0", "reward_x", 0, 40, 0, 40, "sampled", 0),
        ("checkpoint-120", "reward_x", 38, 40, 1, 40, "sampled", 3),
        ("checkpoint-120", "50% & more", 0, 0, 0, 0, "sampled", 12),
        ("checkpoint-120", "cost", 7, 20, 0, 0, "sampled", 0),
    ]
    table = pd.DataFrame(
        rows,
        columns=["checkpoint", "field", "k", "n", "twin_k", "twin_n", "method", "unreadable"],
    )
    from rewardgym.metrics.rate_intervals import with_rates, with_tests
    from rewardgym.outcomes import OTHERS

    for name in ("untwinned", "rows", "twin_rows", "variance", "twin_variance", "floor"):
        table[name] = 0
    table.loc[3, "untwinned"] = 1
    for name in (*(o for o in OTHERS if o not in table), "residual"):
        table[name] = 0
    table["decodes"] = table["paid_side"] = float("nan")
    return with_tests(with_rates(table, 0.95), 0.95).drop(
        columns=["untwinned", "rows", "twin_rows", "variance", "twin_variance", "floor"]
    )


@pytest.mark.parametrize(("write", "ending"), [(latex_table, "tex"), (markdown_table, "md")])
def test_tables_are_what_was_looked_at(write: Callable[..., str], ending: str) -> None:
    found = write(a_table(), caption="Gaming in 50% of_all runs.")
    assert found == (GOLDEN / f"rates.{ending}").read_text(encoding="utf-8")


def test_a_missing_number_is_a_dash_with_n_0() -> None:
    found = markdown_table(a_table())
    assert "| checkpoint-120 | 50% \\& more | –/0 | – | –/0 | – | 12 |" in found
    assert "| checkpoint-120 | cost | 7/20 | 35.0 [18.1, 56.7] | –/0 | – | 0 |" in found


def test_the_caption_says_level_method_and_correction(run: Run) -> None:
    said = markdown_table(rewardgym.gaming_rates(run, level=0.9), level=0.9)
    assert "90% intervals are Wilson's for rates and Newcombe's for excesses" in said
    assert "rows of method exact are probabilities" in said
    assert "tested excesses survive the correction of Benjamini and Hochberg at 10%" in said
    assert "rate [90%]" in said


def test_the_numbers_are_worded_as_in_the_terminal(run: Run) -> None:
    from rich.console import Console

    rates = rewardgym.gaming_rates(run, ["checkpoint", "field", "encoding"])
    stream = io.StringIO()
    Console(file=stream, width=400).print(rates_table(rates))
    for line in markdown_table(rates).splitlines()[2:]:
        if line.startswith("|"):
            cells = line.replace("\\*", "").split(" | ")
            assert cells[6] in stream.getvalue()
            assert cells[8].removesuffix(" |") in stream.getvalue()


def test_rows_that_would_look_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match="by: several rows are checkpoint checkpoint-120; name"):
        latex_table(a_table(), by="checkpoint")
    with pytest.raises(ValueError, match=r"unknown column 'feld'.*Did you mean 'field'\?"):
        latex_table(a_table(), by=["checkpoint", "feld"])
    assert latex_table(a_table(), by=["field", "checkpoint"]).count("field & checkpoint") == 1


def test_no_rates_are_no_table(tmp_path: Path) -> None:
    with RecordStore(tmp_path, create=True) as store, pytest.raises(ValueError, match="no rates"):
        markdown_table(rewardgym.gaming_rates(store))


def test_a_label_that_latex_cannot_hold_is_refused() -> None:
    assert r"\label{tab:x}" in latex_table(a_table(), label="tab:x")
    with pytest.raises(ValueError, match="is no LaTeX label; allowed: such as 'tab:gaming-rates'"):
        latex_table(a_table(), label="tab}\\input{x}")


# Escaping


@pytest.mark.parametrize(
    ("text", "written_as"),
    [
        ("a_b%c&d#e$f", r"a\_b\%c\&d\#e\$f"),
        ("{x}", r"\{x\}"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("^~", r"\textasciicircum{}\textasciitilde{}"),
        ("[1cm] x", "{[}1cm] x"),
        ("* x", "{*} x"),
        ("a--b,,''", "a-{}-b,{},'{}'"),
        ("1–2 …", r"1--2 \ldots{}"),
        ("é ï ç", r"\'{e} \"{\i} \c{c}"),
        ("漢\u202e\n\0", "U+6F22U+202EU+000AU+0000"),
        ('"', r"{\char34}"),
    ],
)
def test_latex_shows_text_as_it_is(text: str, written_as: str) -> None:
    assert latex_text(text) == written_as


@given(ANY_TEXT)
@settings(deadline=None)
def test_no_text_can_hold_a_latex_command_of_its_own(text: str) -> None:
    import re

    found = latex_text(text)
    assert found.isascii()
    assert found.isprintable()
    ours = r"\\(?:text[a-z]+\{\}|ldots\{\}|char34|[_%&#$]|[`'^~\"vc]\{(?:\\[ij]|[A-Za-z])\})"
    left = re.sub(ours, "", found.replace(r"\{", "").replace(r"\}", ""))
    assert not set(left) & set("\\%&#$^~_"), left


@example(["&lt;b&gt; &#64;", "[a](http://b) ![c](d)", "<b onclick=x>"])
@example(["# head", "**b** _i_ ~~s~~ `c`", "a | b \\| c"])
@example(["- item"])
@example(["12) item"])
@example(["> quote"])
@given(st.lists(ANY_TEXT.filter(lambda t: len(t) < 1000), min_size=1, max_size=3))
@settings(deadline=None)
def test_a_markdown_reader_finds_the_text_and_no_markup(texts: list[str]) -> None:
    from markdown_it import MarkdownIt

    from rewardgym.export.escaping import visible

    line = "| " + " | ".join(map(markdown_text, texts)) + " |"
    source = f"{line}\n|{' --- |' * len(texts)}\n{line}\n\n{markdown_paragraph(texts[0])}\n"
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    inline = [one for one in reader.parse(source) if one.type == "inline"]
    shown = [[child.content for child in one.children or []] for one in inline]
    kinds = {child.type for one in inline for child in one.children or []}
    assert kinds <= {"text", "text_special"}
    expected = [visible(text).strip() for text in texts]
    got = ["".join(parts).strip() for parts in shown[: 2 * len(texts)]]
    assert got == expected * 2
    assert "".join(shown[-1]).strip() == expected[0] or not expected[0]
