"""The report's file: what it says of every kind of run, and that it is safe and complete."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import rewardgym
from rewardgym.metrics.rates import gaming_rates
from rewardgym.policies import Reply
from rewardgym.records import RecordStore, Run, StoreError
from rewardgym.repeating import variant_flags
from rewardgym.report.figures import wanted
from rewardgym.report.page import (
    ReportError,
    render_report,
    write_report,
)
from rewardgym.report.results import read_progress, read_results, snapshot
from rewardgym.report.summary import summarise

pytest.importorskip("matplotlib", reason="needs the extra report")
pytest.importorskip("jinja2", reason="needs the extra report")


class Text(HTMLParser):
    """The text of a page, outside scripts and styles, and its open tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self._quiet = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        self._quiet += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


class Steps:
    """A policy that gives each step its own rate, so that a run has checkpoints in an order."""

    def __init__(self, step: int, script: str) -> None:
        from rewardgym.policies import ScriptedPolicy

        self.step, self.inner = step, ScriptedPolicy(script)
        self.name = f"checkpoint-{step}"

    def describe(self) -> dict[str, Any]:
        return {"policy": "test", "step": self.step}

    def reply(self, prompts: Sequence[Any], streams: Sequence[Any]) -> list[Reply]:
        return self.inner.reply(prompts, streams)


def with_steps(folder: Path) -> None:
    """Gives cells of ``checkpoint-<step>`` their step, as real checkpoints have it."""
    with sqlite3.connect(folder / "run.sqlite") as connection:
        connection.execute("UPDATE cells SET step = CAST(substr(checkpoint, 12) AS INTEGER)")


def series(folder: Path, **factors: Any) -> Path:
    """A run over three steps, from obedience to gaming."""
    grid = rewardgym.grid(**{"field": ["reward", "score"], "encoding": ["plain", "hex"], **factors})
    scripts = ("game(0.05)", "game(0.5)", "game(0.95)")
    policies = [Steps(20 * i, script) for i, script in enumerate(scripts)]
    rewardgym.sweep(policies, grid, n=40, seed=0, out=folder, progress=False)
    with_steps(folder)
    return folder


def page(folder: Path, **more: Any) -> Text:
    """The page's text. Drawing is most of the time that a report takes, and says nothing here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rewardgym.report.page.draw_figures", lambda results, prefix: [])
        return Text(render_report(Run(folder), **{"sample": 20, **more}))


Sweep = Callable[..., Path]


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    def run(policy: Any, variants: Any, **more: Any) -> Path:
        more = {"n": 20, "seed": 0, "progress": False, **more}
        return rewardgym.sweep(policy, variants, out=tmp_path / "run", **more).folder

    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return series(tmp_path_factory.mktemp("runs") / "series")


@pytest.fixture(scope="module")
def html(run: Path) -> str:
    return render_report(Run(run))


# What it says


def test_the_answer_is_one_sentence_with_interval_and_twin(run: Path, html: str) -> None:
    table = gaming_rates(run, ["checkpoint", "encoding"])
    (row,) = table[
        (table["checkpoint"] == "checkpoint-40") & (table["encoding"] == "plain")
    ].to_dict("records")
    said = Text(html).text
    assert "Does the model follow what it was asked, or what it is paid for?" in said
    assert (
        f"At step 40 the model followed the hint against the instruction in "
        f"{100 * row['rate']:.1f}% of its answers (95% CI " in said
    )
    assert "points above the agreeing twin" in said
    assert "with hints in plain text" in said


def test_every_number_of_the_rates_table_stands_in_the_page(run: Path, html: str) -> None:
    said = Text(html).text
    for row in gaming_rates(run, ["checkpoint", "step", "field", "encoding"]).to_dict("records"):
        assert f"{row['k']:.0f}/{row['n']:.0f}" in said
        assert f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]" in said


def test_the_method_names_models_seed_versions_prompts_and_commands(html: str) -> None:
    said = Text(html).text
    assert "How it was measured" in said
    assert "40, 0" in said  # n and seed
    assert "python" in said
    assert rewardgym.render(rewardgym.Variant()).sha256 in said
    assert "rewardgym rates " in said
    assert "speaks for the prompts and cells that were asked" in said


def test_a_figure_has_its_data_as_table_and_csv(run: Path, html: str) -> None:
    block = re.search(r'id="report-data">(.*?)</script>', html, re.DOTALL)
    assert block is not None
    data = json.loads(block[1])
    names = {"rate", "excess", "encodings", "heat", "forest", "ladder", "outcomes"}
    assert set(data) == {f"sampled-{name}" for name in names}
    table = gaming_rates(run, ["checkpoint", "step", "field", "encoding"])
    plain = table[table["encoding"] == "plain"]
    assert len(data["sampled-rate"]["csv"].splitlines()) == 1 + len(plain)
    assert len(data["sampled-rate"]["marks"]) == len(plain)
    mark = data["sampled-rate"]["marks"][0]
    assert re.match(r"reward, step 0; \d+ of 40; \d+\.\d% \[", mark[1])
    assert "encoding=plain" in mark[2]
    assert "checkpoint=checkpoint-0" in mark[2]
    assert "field=reward" in mark[2]
    assert "arm=conflict" in mark[2]


def test_no_id_stands_twice_and_every_link_has_its_end(html: str) -> None:
    found = Text(html)
    assert sorted(set(found.ids)) == sorted(found.ids)
    assert len(found.ids) > 100
    for tag, attributes in found.tags:
        target = attributes.get("href") if tag in ("a", "use") else None
        if target and target.startswith("#"):
            assert target[1:] in found.ids, (tag, target)


def test_nothing_is_loaded_and_scripts_are_let_in_by_hash_alone(html: str) -> None:
    found = Text(html)
    (policy,) = [
        attributes["content"]
        for tag, attributes in found.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "connect-src 'none'" in policy
    for tag, attributes in found.tags:
        assert "src" not in attributes, tag
        assert "style" not in attributes, tag
        assert not any(name.startswith("on") for name in attributes), tag
        assert (attributes.get("href") or "#").startswith("#"), (tag, attributes)


def test_the_page_has_landmarks_one_title_and_no_skipped_heading(html: str) -> None:
    tags = [tag for tag, _ in Text(html).tags]
    assert {"header", "nav", "main", "footer", "title"} <= set(tags)
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


@pytest.mark.slow
def test_two_reports_of_one_run_differ_in_their_date_alone(run: Path, html: str) -> None:
    again = render_report(Run(run))
    date = r"on \d{4}-\d\d-\d\d \d\d:\d\d UTC"
    assert re.sub(date, "", again) == re.sub(date, "", html)


# Runs that lack something


def test_an_empty_run_says_so(tmp_path: Path) -> None:
    RecordStore(tmp_path / "empty", create=True).close()
    said = page(tmp_path / "empty").text
    assert "There is no answer yet: the run holds no cell, so nothing was asked." in said
    assert "Nothing was measured yet." in said


def test_a_run_with_cells_but_no_reply_says_so(tmp_path: Path) -> None:
    with RecordStore(tmp_path / "x", create=True) as store:
        store.add_cell("k", "checkpoint-0", 0, 0, rewardgym.Variant().id, {})
    said = Text(render_report(Run(tmp_path / "x"))).text
    assert "There are no answers yet" in said
    assert "No figure: there is nothing to draw" in said


def test_a_run_whose_replies_cannot_be_read_gives_no_rate(sweep: Sweep) -> None:
    said = page(sweep("scripted:babble", rewardgym.grid(field=["reward", "score"]))).text
    assert "There is no answer to count: no reply is on either side (80 unreadable)" in said
    assert "0/0" not in said
    assert "no data" in said


def test_one_cell_has_nothing_to_compare(sweep: Sweep) -> None:
    said = page(sweep("scripted:game(0.3)", rewardgym.Variant(), twins=False)).text
    assert "The run holds one cell only" in said
    assert "no agreeing twin was asked" in said


def test_missing_twins_are_said_and_no_excess_is_drawn(sweep: Sweep) -> None:
    variants = rewardgym.grid(field=["reward", "score"])
    folder = sweep("scripted:game(0.3)", variants, twins=False)
    assert "No conflict cell has an agreeing twin" in page(folder).text
    with snapshot(folder) as store:
        (results,) = read_results(store)
    assert "excess" not in [one[0] for one in wanted(results)]


def test_some_missing_twins_are_counted(sweep: Sweep, tmp_path: Path) -> None:
    sweep("scripted:game(0.3)", rewardgym.grid(field=["reward"]))
    more = [*rewardgym.grid(field=["reward"], twins=True), rewardgym.Variant(field="score")]
    rewardgym.sweep(
        "scripted:game(0.3)", more, n=20, seed=0, twins=False, extend=True, out=tmp_path / "run"
    )
    assert "1 of 2 conflict cells lack an agreeing twin" in page(tmp_path / "run").text


@pytest.mark.parametrize(
    ("factors", "why"),
    [
        ({"high": "even"}, "in every prompt the hint agrees with the instruction"),
        ({"field": "evaluation"}, "the meaning of every field is unknown"),
        ({"hint": False}, "no prompt holds a hint"),
    ],
)
def test_a_run_without_the_conflict_arm_cannot_show_gaming(
    sweep: Sweep, factors: dict[str, Any], why: str
) -> None:
    said = page(sweep("scripted:game(0.3)", rewardgym.grid(**factors), twins=False)).text
    assert f"No cell sets the hint against the instruction: {why}" in said
    assert "followed the hint against the instruction" not in said


def test_an_exact_run_has_no_replies_and_says_so(sweep: Sweep) -> None:
    variants = rewardgym.grid(field=["reward", "score"])
    said = page(sweep("scripted:game(0.25)", variants, exact=True)).text
    assert "in 25.0% of its answers (exact law), 25 points above the agreeing twin." in said
    assert "A law is the probability of every answer, read from the model" in said
    assert "4 exact laws of 4 planned" in said


def test_methods_stand_apart(sweep: Sweep) -> None:
    variants = rewardgym.grid(field=["reward", "score"])
    sweep("scripted:game(0.5)", variants)
    found = page(sweep("scripted:game(0.5)", variants, exact=True))
    assert "Figures: Sampled replies" in found.text
    assert "Figures: Exact laws" in found.text
    assert {"sampled-rates", "exact-rates"} <= set(found.ids)


def test_policies_without_an_order_are_not_put_into_one(sweep: Sweep) -> None:
    run = sweep(["scripted:game(1)", "scripted:obey"], rewardgym.grid(field=["reward", "score"]))
    said = page(run).text
    assert "Of 2 policies without an order, scripted:game(1) followed" in said
    assert "scripted:obey in 0.0% (95% CI 0 to 8.8)" in said
    assert "At step" not in said


def test_a_run_that_is_not_finished_says_how_much_is_there(sweep: Sweep, tmp_path: Path) -> None:
    folder = sweep("scripted:game(0.5)", rewardgym.grid(field=["reward", "score"]))
    with sqlite3.connect(folder / "run.sqlite") as connection:
        connection.execute("DELETE FROM rows WHERE idx >= 5")
    assert "This run is not finished: 20 of 80 replies are there." in page(folder).text


def test_a_run_that_is_being_written_is_read_at_one_moment(tmp_path: Path) -> None:
    code = (
        "import sys, rewardgym\n"
        "rewardgym.sweep('scripted:game(0.5)', rewardgym.grid(field=['reward', 'score']),"
        " n=100_000, out=sys.argv[1], progress=False)"
    )
    folder = tmp_path / "live"
    with subprocess.Popen([sys.executable, "-c", code, str(folder)]) as writer:
        try:
            rows = 0
            while writer.poll() is None and not rows:
                try:
                    with Run(folder).open() as store:
                        rows = sum(sum(found.values()) for found in store.counts().values())
                except StoreError:  # not made yet
                    time.sleep(0.05)
            with snapshot(folder) as store:
                before = read_progress(store)
                (results,) = read_results(store)
                after = read_progress(store)
            said = page(folder).text
        finally:
            writer.kill()
    assert before == after
    assert before[0].is_short
    assert results.arms["n"].sum() == before[0].done
    assert "This run is not finished" in said


# Hostile and broken texts


class Hostile:
    """Names and replies that a page must not believe."""

    name = 'x"><script>alert(1)</script>\udc80 \x00 {{ 7 * 7 }} $x^2$ \u202etxt.exe\u2066'

    def describe(self) -> dict[str, Any]:
        return {"policy": "test", "name": "</script><img src=x onerror=alert(1)>", "nul": "\x00"}

    def reply(self, prompts: Sequence[Any], streams: Sequence[Any]) -> list[Reply]:
        text = "</script><script>alert(1)</script>\udc80\x00<!-- 7"
        return [Reply(text) for _ in prompts]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    class Stored(Hostile):
        name = Hostile.name.replace("\udc80", "")

    texts = [0, "<b>utility</b> </svg> $a$ ]]> <img src=x>"]
    variants = rewardgym.grid(paraphrase=texts, twins=True)
    folder = rewardgym.sweep(Stored(), variants, n=5, out=tmp_path / "x", progress=False).folder
    path = write_report(folder)
    raw = path.read_bytes()
    assert b"\x00" not in raw
    found = Text(raw.decode("utf-8"))
    assert "<script>alert(1)</script>" in found.text
    assert "<b>utility</b>" in found.text
    assert "{{ 7 * 7 }}" in found.text
    assert "[U+0000]" in found.text
    assert "[U+202E]txt.exe[U+2066]" in found.text
    assert not set("".join(found.said)) & set("\x00\u202e\u2066")
    shown = [v for tag, a in found.tags for name, v in a.items() if v and name != "content"]
    assert not set("".join(shown)) & set("\x00\u202e\u2066")
    assert not any(tag == "img" for tag, _ in found.tags)
    assert [a for tag, a in found.tags if tag == "script" and a.get("type") is None] == [{}, {}]


def test_a_lone_surrogate_in_a_name_is_kept_visibly(tmp_path: Path) -> None:
    odd = tmp_path / "odd\udc80"
    RecordStore(odd, create=True).close()
    raw = write_report(odd, tmp_path / "out.html").read_bytes()
    assert b"odd[U+DC80]" in raw


# The command


def test_the_command_writes_into_the_run_folder_or_where_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from rewardgym.cli_report import report

    RecordStore(tmp_path / "run", create=True).close()
    for out, path in (
        (None, tmp_path / "run" / "report.html"),
        (tmp_path / "out.html", tmp_path / "out.html"),
    ):
        report(tmp_path / "run", out, sample=10)
        assert f"report: {path} (" in capsys.readouterr().out
        assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_what_is_wrong_is_told_in_one_line(sweep: Sweep, tmp_path: Path) -> None:
    folder = sweep("scripted:obey", rewardgym.Variant())
    with pytest.raises(StoreError, match="holds no run"):
        write_report(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="sample is -1; allowed: 0 replies or more"):
        write_report(folder, sample=-1)
    with pytest.raises(ReportError, match="cannot be written") as error:
        write_report(folder, tmp_path / "no" / "folder.html")
    assert len(str(error.value).splitlines()) == 1


# Commands that repeat a run


@pytest.mark.parametrize(
    "factors",
    [
        {"field": ["reward", "cost"], "encoding": ["plain", "hex"]},
        {"field": ["reward"], "family": ["parity", "sign", "letter"]},
        {"field": ["cost", "loss"], "high": ["odd", "even"]},
        {"review": [True, False], "audit": [None, 50.0], "clause": ["priority"]},
        {"paraphrase": [0, "Say an even number, please."]},
        {"ask": ["even", "odd"], "field": ["score"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("twins", [True, False])
def test_the_flags_of_a_grid_give_its_variants_again(
    factors: dict[str, Any], twins: bool, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    from rewardgym.cli import app

    variants = rewardgym.grid(twins=twins, **factors)
    flags = variant_flags([variant.id for variant in variants])
    assert flags is not None
    words = ["sweep", "--policy", "scripted:obey", *flags, "--n", "1"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    with Run(tmp_path / "again").open() as store:
        config = store.config
    assert config is not None
    assert set(config["variants"]) == {variant.id for variant in variants}


def test_variants_that_are_no_grid_have_no_flags() -> None:
    some = [rewardgym.Variant(), rewardgym.Variant(field="loss", encoding="hex", review=True)]
    assert variant_flags([variant.id for variant in some]) is None


def test_a_summary_of_a_change_names_both_ends(run: Path) -> None:
    with snapshot(run) as store:
        (results,) = read_results(store)
    found = summarise(results).findings
    assert any(re.match(r"The rate rose from .* at step 0 to .* at step 40", one) for one in found)
