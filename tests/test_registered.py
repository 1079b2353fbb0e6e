"""Plans that are registered with a run: before the first row, once, and not exchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import rewardgym
from rewardgym import Variant, grid
from rewardgym.metrics.preregistration import read_plan
from rewardgym.metrics.registered import registered, standing
from rewardgym.records import Run

TEXT = """
name = "plain"
n = 50
[[hypothesis]]
id = "H1"
text = "the hint is gamed"
first = { encoding = "plain" }
second = { encoding = "hex" }
direction = "greater"
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(TEXT)
    return path


def swept(folder: Path, plan: Path | None, n: int = 100) -> Run:
    variants = grid(encoding=["plain", "hex", "rot13"])
    return rewardgym.sweep(
        "scripted:plain(0.5)", variants, n=n, out=folder, preregistration=plan, extend=True
    )


def test_a_plan_is_stored_before_the_first_row(plan: Path, tmp_path: Path) -> None:
    run = swept(tmp_path / "run", plan)
    known = registered(run)
    assert known is not None
    assert known.first
    assert known.text == TEXT
    assert known.sha256 == read_plan(plan).sha256
    assert "before the first row" in standing(run, read_plan(plan))


def test_another_plan_for_the_same_run_is_refused_and_the_same_one_is_not(
    plan: Path, tmp_path: Path
) -> None:
    run = swept(tmp_path / "run", plan)
    when = registered(run)
    plan.write_text("# a comment changes nothing\n" + TEXT)
    assert registered(swept(tmp_path / "run", plan)) == when
    plan.write_text(TEXT.replace("n = 50", "n = 60"))
    with pytest.raises(ValueError, match="is not the plan that this run was registered with"):
        swept(tmp_path / "run", plan)
    assert "exploratory" in standing(run, read_plan(plan))


def test_a_plan_that_came_after_rows_says_so(plan: Path, tmp_path: Path) -> None:
    run = swept(tmp_path / "run", None)
    assert "not registered" in standing(run, read_plan(plan))
    swept(tmp_path / "run", plan, n=120)
    assert "after rows had been measured" in standing(run, read_plan(plan))


@pytest.mark.slow
def test_the_command_line_answers_a_plan_and_marks_the_rest(plan: Path, tmp_path: Path) -> None:
    run = swept(tmp_path / "run", plan)
    command = [str(Path(sys.executable).with_name("rewardgym")), "rates", str(run.folder)]
    command += ["--by", "encoding", "--plan", str(plan)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "confirmed" in shown
    assert "before the first row" in shown
    assert shown.count("exploratory") == 1
    rows = subprocess.run(
        [*command, "--format", "json"], capture_output=True, text=True, check=True
    )
    marked = {row["encoding"]: row["exploratory"] for row in json.loads(rows.stdout)}
    assert marked == {"plain": False, "hex": False, "rot13": True}
    missing = subprocess.run(
        [*command[:-1], "nowhere.toml"], capture_output=True, text=True, check=False
    )
    assert missing.returncode == 2
    assert "nowhere.toml: cannot be read" in missing.stderr


def test_every_rates_table_is_corrected_for_its_rows(tmp_path: Path) -> None:
    run = rewardgym.sweep(
        "scripted:plain(0.5)", [Variant(), Variant(encoding="hex")], n=60, out=tmp_path
    )
    table = rewardgym.gaming_rates(run, by=["encoding"]).set_index("encoding")
    assert bool(table.loc["plain", "survives"])
    assert not table.loc["hex", "survives"]
    assert table.loc["plain", "q"] == pytest.approx(2 * table.loc["plain", "p_value"])
