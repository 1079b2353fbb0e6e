"""LaTeX tables in a document: whatever the names are, it compiles, nothing stands in the margin or
below the page, and every row is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rewardgym_named import Named
from typer.testing import CliRunner

import rewardgym
from rewardgym.cli import app
from rewardgym.export import latex_table
from rewardgym.export.escaping import LINE, MOST, latex_cell, latex_lines, latex_text, visible
from rewardgym.export.tables import MOST_LINES

HOSTILE = (
    "a%b_c&d#e$f^g~h\\i{j}k",
    "new\nline\0nul\r\x85\u2028",
    "🙂 family 👨‍👩‍👧",
    "right \u202eto left\u202c \u200f אבג",
    "漢字かな交じり文",
    "x" * 5000,
    "a-b/" * 300,
    "word " * 60,
    "漢" * 300,
    "[1cm] x",
    "* y",
    " ",
    "  two  blanks  ",
    "é ß ø Å ł ñ ï ĳ e\u0301",
    "?`!` ``'' ,, << >> -- --- | fi ffi",
    "\\input{/etc/passwd}",
    "\\end{tabular}\\end{document}",
    "$x^2$ \\write18{id} ^^5cinput",
    "%" * 60,
    "\\" * 60,
    "~" * 60,
    "{" * 50,
    "}" * 50,
    "\t",
    "&",
    "\\\\[1cm]",
    'say "no"',
)


def table_of(names: Iterable[str], out: Path, **how: Any) -> str:
    """The table of a run by policies of these names."""
    run = rewardgym.sweep([Named(name) for name in names], rewardgym.Variant(), n=3, out=out)
    return latex_table(rewardgym.gaming_rates(run, ["checkpoint", "field"]), **how)


# Without LaTeX


def test_a_short_name_stands_as_it_is_and_a_long_one_in_lines() -> None:
    assert latex_cell("checkpoint_1") == r"checkpoint\_1"
    name = "runs/grpo-2024/seed_1/checkpoint-100-merged"
    assert latex_lines(name) == ["runs/grpo-2024/seed_1/", "checkpoint-100-merged"]
    assert latex_cell(name) == (
        r"\begin{tabular}[t]{@{}l@{}}runs/grpo-2024/seed\_1/ \\ checkpoint-100-merged\end{tabular}"
    )


def test_a_line_of_a_name_cannot_be_the_line_break_s_argument() -> None:
    assert r"\\ {[}1cm]" in latex_cell("x" * LINE + "[1cm]")
    assert r"\\ {*}y" in latex_cell("x" * LINE + "*y")


def test_of_a_name_that_fills_a_page_begin_and_end_are_shown() -> None:
    lines = latex_lines("begin" + "x" * 5000 + "end")
    assert len("".join(lines)) <= MOST
    assert "".join(lines).startswith("begin")
    assert "".join(lines).endswith("xend")
    assert re.search(r" \.\.\. 4816 characters \.\.\. ", "".join(lines))


@example("  two  blanks  ")
@given(st.text(st.characters(codec=None), max_size=60))
@settings(deadline=None)
def test_the_lines_of_a_name_are_the_name(text: str) -> None:
    lines = latex_lines(text)
    assert all(len(line) <= LINE for line in lines)
    if len(lines) < MOST // LINE:
        shown = "".join(lines)
        # What has no glyph is its code point, one way or the other.
        assert latex_text(shown) == latex_text(visible(text))


def test_blanks_beside_each_other_are_all_shown() -> None:
    assert latex_text("a   b") == "a { }{ }b"


def test_rows_beyond_a_page_are_several_tables_with_one_number(tmp_path: Path) -> None:
    text = table_of([f"checkpoint-{i}" for i in range(2 * MOST_LINES + 1)], tmp_path, label="t:x")
    assert text.count(r"\begin{table}") == text.count(r"\midrule") == 3
    assert text.count(r"\clearpage") == 2
    assert text.count(r"\caption") == text.count(r"\label") == 1
    assert text.count(r"\tablename~\thetable{} (continued)") == 2
    for i in range(2 * MOST_LINES + 1):
        assert text.count(f"checkpoint-{i} &") == 1


# With LaTeX


def missing() -> str | None:
    """What is missing to compile a table; None for nothing."""
    for program in ("pdflatex", "kpsewhich"):
        if shutil.which(program) is None:
            return program
    for package in ("booktabs.sty", "graphicx.sty"):
        if subprocess.run(["kpsewhich", package], capture_output=True).returncode:
            return package
    return None


MISSING = missing()
needs_latex = pytest.mark.skipif(
    MISSING is not None,
    reason=f"needs {MISSING}: apt-get install texlive-latex-base texlive-latex-recommended",
)
WRONG = re.compile(r"^!|Overfull|too large|Missing character|LaTeX Warning", re.MULTILINE)
"""What a log says of text that is lost, outside of the margins or below the page."""


def compile_tables(
    folder: Path, tables: Sequence[str], options: str = "", preamble: str = ""
) -> str:
    """The log of a document that reads these tables; the PDF lies beside it."""
    folder.mkdir(exist_ok=True)
    for place, table in enumerate(tables):
        (folder / f"table-{place}.tex").write_text(table, encoding="utf-8")
    inputs = "\n".join(rf"Before. \input{{table-{place}}} After." for place in range(len(tables)))
    (folder / "paper.tex").write_text(
        rf"\documentclass[{options}]{{article}}\usepackage{{booktabs,graphicx}}{preamble}"
        f"\n\\begin{{document}}\n{inputs}\n\\end{{document}}\n",
        encoding="utf-8",
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    done = subprocess.run(
        [*command, "paper.tex"], cwd=folder, capture_output=True, timeout=60, check=False
    )
    log = (folder / "paper.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-3000:]
    assert "Output written on paper.pdf" in log
    return log


@needs_latex
@pytest.mark.parametrize("options", ["", "12pt,a4paper", "twocolumn"])
def test_a_document_with_hostile_names_compiles_and_fits(tmp_path: Path, options: str) -> None:
    hostile = table_of(HOSTILE, tmp_path / "hostile", caption="".join(HOSTILE[:5]))
    many = table_of([f"checkpoint-{i}" for i in range(100)], tmp_path / "many")
    log = compile_tables(tmp_path / "paper", [hostile, many], options)
    assert WRONG.findall(log) == []


@needs_latex
def test_what_the_command_exports_compiles(tmp_path: Path) -> None:
    variants = rewardgym.grid(field=["reward", "my_field:+1"], encoding=["plain", "hex"])
    policies = ["scripted:game(0.3)", "scripted:babble"]
    rewardgym.sweep(policies, variants, n=20, out=tmp_path / "run")
    rewardgym.sweep(policies[:1], variants, out=tmp_path / "run", exact=True)
    tables: list[str] = []
    for by in ("checkpoint,field", "field,encoding,arm", "checkpoint,field,encoding,layout,clause"):
        out = tmp_path / f"{len(tables)}.tex"
        words = ["export", str(tmp_path / "run"), "--format", "latex", "--by", by]
        words += ["--caption", "50% of_all & 'more'.", "--out", str(out)]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        tables.append(out.read_text(encoding="utf-8"))
        assert r"needs \usepackage{booktabs,graphicx}" in tables[-1].splitlines()[0]
    assert WRONG.findall(compile_tables(tmp_path / "paper", tables)) == []


@needs_latex
@given(st.lists(st.text(max_size=80), min_size=20, max_size=40, unique=True))
@settings(
    deadline=None, max_examples=4, suppress_health_check=[HealthCheck.too_slow], database=None
)
def test_any_names_compile(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("paper")
    body = "".join(f"{latex_cell(name)} & 1 \\\\\n{latex_cell(name)} & 2 \\\\\n" for name in names)
    log = compile_tables(folder, [f"\\begin{{tabular}}{{lr}}\n{body}\\end{{tabular}}"])
    assert [one for one in WRONG.findall(log) if one != "Overfull"] == []


@needs_latex
def test_the_check_sees_a_table_in_the_margin(tmp_path: Path) -> None:
    wide = r"\begin{tabular}{l}" + "x" * 200 + r"\end{tabular}"
    assert "Overfull" in WRONG.findall(compile_tables(tmp_path, [wide]))


@needs_latex
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext: poppler-utils")
def test_every_row_is_on_a_page_and_reads_as_it_was_named(tmp_path: Path) -> None:
    names = [f"checkpoint-{i}" for i in range(100)]
    shown = ["a%b_c&d#e$f", "{x}[y]*z", "<tag>|", "50\\n", "U+0007", "a--b,,c"]
    text = table_of([*names, *shown[:4], "\a", shown[5]], tmp_path / "run")
    # The encoding in which every ASCII sign has a glyph of its own.
    t1 = r"\usepackage[T1]{fontenc}\pdfgentounicode=1\input{glyphtounicode}"
    compile_tables(tmp_path / "paper", [text], preamble=t1)
    command = ["pdftotext", "-layout", str(tmp_path / "paper" / "paper.pdf"), "-"]
    read = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {line.split()[0] for line in read.splitlines() if line.split()}
    assert found >= {*names, *shown}
