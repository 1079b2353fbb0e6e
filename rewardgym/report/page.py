"""The report of a run as one HTML file that opens from disk and asks the network for nothing.

In: a run. Out: the file's path. Counts, figures and tables are of the whole run; the replies in it
are a stated sample. The page forbids itself all loading by a content security policy, and its few
scripts are let in by their hashes, so that nothing that a model wrote can run in it.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rewardgym.records import RecordStore, Run, told
from rewardgym.report.figures import Figure, draw_figures
from rewardgym.report.method import read_method
from rewardgym.report.page_tables import Grid, ladder_grid, rates_grid
from rewardgym.report.plan_section import PlanSection, read_plan_section, with_exploratory
from rewardgym.report.results import Results, read_progress, read_results, snapshot
from rewardgym.report.summary import QUESTION, progress_notes, summarise
from rewardgym.report.unseen import visible_text
from rewardgym.report.viewer_data import safe_json

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment

SAMPLE = 2000
"""Replies that a page holds, unless told otherwise."""
FILE_NAME = "report.html"

MOST_ROWS = 1500
"""Rows of one table in a page: more are left to ``rewardgym rates --format csv``."""
MOST_FIGURE_ROWS = 400
"""Rows of the table under a figure, whose CSV holds all of them."""


class ReportError(RuntimeError):
    """A report that cannot be made: one line with the cause and what to do."""


class Fragment(Protocol):
    """What a part of the page brings: markup, style, script, and its data as JSON."""

    @property
    def html(self) -> str: ...
    @property
    def css(self) -> str: ...
    @property
    def js(self) -> str: ...
    @property
    def json(self) -> str: ...


def write_report(
    run: Run | str | Path, out: str | Path | None = None, *, sample: int = SAMPLE, seed: int = 0
) -> Path:
    """Writes the report of ``run`` to ``out``, ``report.html`` in its folder if left out, with at
    most ``sample`` replies, drawn with ``seed``; gives the file's path.

    Raises StoreError where there is no run, ReportError where jinja2 is missing or the file cannot
    be written, ValueError for a negative sample.
    """
    if sample < 0:
        raise ValueError(f"sample is {sample}; allowed: 0 replies or more")
    run = run if isinstance(run, Run) else Run(run)
    path = Path(out) if out is not None else run.folder / FILE_NAME
    text = render_report(run, sample=sample, seed=seed)
    try:
        # Names can hold what is no Unicode: a file name's stray bytes. They are kept visibly.
        path.write_bytes(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise ReportError(f"{path}: cannot be written ({error}); choose another --out") from error
    return path


def render_report(
    run: Run,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    fragment: Fragment | None = None,
    connect: bool = False,
) -> str:
    """The report as HTML. ``fragment``: the viewer to show instead of that of a sample; with
    ``connect`` the page may ask the server it came from, and no other."""
    environment = _environment()
    with snapshot(run) as store, told(store.path):
        if fragment is None:
            fragment = _viewer(store, sample, seed)
        parts = read_results(store)
        progress = read_progress(store)
        method = read_method(store, str(run.folder))
        plan = read_plan_section(store, str(run.folder))
    sections = [_section(part, len(parts), plan) for part in parts]
    figures = [figure for section in sections for figure in section["figures"]]
    scripts = [_source("page.js"), *([fragment.js] if fragment else [])]
    styles = [_source("page.css"), *([fragment.css] if fragment else [])]
    return environment.get_template("page.html.jinja").render(
        name=run.folder.resolve().name or str(run.folder),
        question=QUESTION,
        notes=progress_notes(progress),
        progress=progress,
        plan=plan,
        sections=sections,
        method=method,
        fragment=fragment,
        data=safe_json(_figure_data(figures)),
        scripts=scripts,
        style="\n".join(styles),
        policy=_policy(scripts, "\n".join(styles), connect),
        version=_version(),
        made=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _viewer(store: RecordStore, sample: int, seed: int) -> Fragment:
    from rewardgym.report.viewer import fragment

    return fragment(store, sample=sample, seed=seed)


# One method's part of the page


def _section(results: Results, methods: int, plan: PlanSection | None) -> dict[str, Any]:
    """What the template shows of one method."""
    prefix = f"{results.method}-"
    keys = (*(["checkpoint"] if results.cells["checkpoint"].nunique() > 1 else []),)
    every = (*keys, *results.table_keys, "arm")
    title = "All checkpoints" if keys else "All cells"
    grids = []
    if keys and results.focus is not None:
        last = results.at_focus(results.table)
        grids.append(_rates(results, last, every[1:], f"At {results.focus}", plan))
    grids.append(_rates(results, results.table, every, title, plan))
    return {
        "method": results.method,
        "title": {"sampled": "Sampled replies", "exact": "Exact laws"}.get(
            results.method, results.method.capitalize()
        ),
        "prefix": prefix,
        "several": methods > 1,
        "summary": summarise(results),
        "figures": draw_figures(results, prefix),
        "grids": grids,
        "tested": bool(results.table["q"].notna().any()),
        "level": results.level,
    }


def _rates(
    results: Results,
    table: pd.DataFrame,
    keys: Sequence[str],
    caption: str,
    section: PlanSection | None,
) -> Grid:
    """A table of rates; where a plan was registered, with what it does not name marked."""
    grid = rates_grid(table, keys, caption, MOST_ROWS)
    plan = section.plan if section is not None else None
    # A plan is answered from sampled replies alone, so it marks no row of another method.
    if plan is None or results.method != "sampled":
        return grid
    return with_exploratory(grid, table, results.cells, plan)


def figure_grid(figure: Figure) -> Grid:
    """A figure's data as a table."""
    table = figure.table
    if "effect" in table:
        return ladder_grid(table, "Data of this figure")
    keys = [name for name in table.columns[: list(table.columns).index("k")] if name != "method"]
    return rates_grid(table, keys, "Data of this figure", MOST_FIGURE_ROWS)


def _figure_data(figures: list[Figure]) -> dict[str, Any]:
    """What the page's script needs: the text and the cells of each mark, and the CSV, or which
    figure has the same."""
    first: dict[int, str] = {}
    found: dict[str, Any] = {}
    for figure in figures:
        other = first.setdefault(id(figure.table), figure.id)
        csv = figure.table.to_csv(index=False) if other == figure.id else None
        # What is read is shown as the rest of the page; what filters replies has to stay as it is.
        marks = [[mark.id, visible(mark.text), mark.query] for mark in figure.marks]
        found[figure.id] = {"marks": marks, "csv": csv, "csv_of": other}
    return found


# Safety


def _policy(scripts: list[str], style: str, connect: bool) -> str:
    """The content security policy: nothing is loaded, and only these scripts and this style
    are let in. Pictures have attributes in the place of styles."""
    own = "'self'" if connect else "'none'"
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'sha256-{_sha256(style)}'; "
        f"connect-src {own}; base-uri 'none'; form-action 'none'"
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def visible(value: Any) -> Any:
    """Text with whatever is not seen in it as its code: a NUL has no place in HTML, and a name
    with bidi marks would turn the words beside it around. The rest as it is: markup is ours."""
    return visible_text(value) if type(value) is str else value


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FunctionLoader
    except ModuleNotFoundError:
        raise ReportError("a report needs jinja2: pip install 'rewardgym[report]'") from None
    found = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["figure_grid"] = figure_grid
    found.filters["visible"] = visible_text
    return found


def _source(name: str) -> str:
    folder = importlib.resources.files("rewardgym.report") / "templates"
    return (folder / name).read_text(encoding="utf-8")


def _version() -> str:
    from rewardgym import __version__

    return __version__
