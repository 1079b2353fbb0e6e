"""The watcher measures each checkpoint of a series once, by step, into the table of a sweep.

A scripted policy stands in the model's place, so that what is tested is the watching.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rewardgym_checkpoints import save, stub_models
from rewardgym_watching import GRID, Lines, laws_of, look, rates

import rewardgym
from rewardgym import gaming_rates, grid
from rewardgym.records import Run

stub = pytest.fixture(stub_models)


# What is there


def test_what_is_there_is_measured_by_step_and_is_the_table_of_a_sweep(
    stub: Any, tmp_path: Path
) -> None:
    for step in (100, 9, 20):
        save(tmp_path / "run", step)
    lines = Lines()
    watched = look(tmp_path / "run", lines)
    assert watched.measured == ("checkpoint-9", "checkpoint-20", "checkpoint-100")
    assert watched.run.folder == tmp_path / "run" / "rewardgym"
    swept = rewardgym.sweep(str(tmp_path / "run"), GRID, out=tmp_path / "swept", exact=True)
    assert rates(watched.run).equals(rates(swept))
    with watched.run.open() as ours, swept.open() as theirs:
        assert ours.get_config("exact") == theirs.get_config("exact")
    assert "exact laws; into" in lines[0]


def test_each_line_of_the_table_has_rate_bounds_twin_excess_and_seconds(
    stub: Any, tmp_path: Path
) -> None:
    save(tmp_path, 0)
    save(tmp_path, 30)
    lines = Lines()
    look(tmp_path, lines)
    heading, first, second = (line.split() for line in lines[1:4])
    wanted = ["step", "rate", "low", "high", "twin", "excess", "reward", "score", "residual"]
    assert heading == [*wanted, "seconds", "(percent)"]
    assert first[:6] == ["0", "0.0", "0.0", "0.0", "0.0", "0.0"]
    assert second[:9] == ["30", "30.0", "30.0", "30.0", "0.0", "30.0", "30.0", "30.0", "0.0"]


def test_a_grid_without_conflict_has_no_rate_to_show_rather_than_zero(
    stub: Any, tmp_path: Path
) -> None:
    save(tmp_path, 30)
    lines = Lines()
    look(tmp_path, lines, variants=grid(field="evaluation"))
    assert lines[2].split()[1:6] == ["-"] * 5


def test_replies_are_sampled_where_that_is_asked_for(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 30)
    lines = Lines()
    watched = look(tmp_path, lines, exact=False, n=40)
    (row,) = gaming_rates(watched.run, by=["checkpoint"]).to_dict("records")
    assert (row["method"], row["n"]) == ("sampled", 80)
    assert "40 replies each" in lines[0]
    assert lines[1].split()[8] == "other"


def test_a_second_watch_measures_nothing_and_loads_no_model(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10)
    save(tmp_path, 20)
    look(tmp_path)
    before, stub.loads[:] = laws_of(tmp_path / "rewardgym"), []
    lines = Lines()
    assert look(tmp_path, lines).measured == ()
    assert stub.loads == []
    assert laws_of(tmp_path / "rewardgym") == before
    assert "which has 2 checkpoints" in lines[0]
    save(tmp_path, 30)
    assert look(tmp_path).measured == ("checkpoint-30",)
    assert [name for name, _ in stub.loads] == ["checkpoint-30"]


def test_a_sweep_takes_a_watched_folder_for_its_own_and_the_other_way_round(
    stub: Any, tmp_path: Path
) -> None:
    for step in (10, 20):
        save(tmp_path / "run", step)
    out = tmp_path / "out"
    rewardgym.sweep(str(tmp_path / "run"), GRID, out=out, exact=True)
    save(tmp_path / "run", 30)
    assert look(tmp_path / "run", out=out).measured == ("checkpoint-30",)
    stub.loads[:] = []
    rewardgym.sweep(str(tmp_path / "run"), GRID, out=out, exact=True)
    assert stub.loads == []
    assert list(rates(out)["checkpoint"].unique()) == [f"checkpoint-{s}" for s in (10, 20, 30)]


def test_checkpoints_that_come_out_of_order_stand_in_order_of_their_steps(
    stub: Any, tmp_path: Path
) -> None:
    for step in (100, 9, 50):
        save(tmp_path / "run", step)
        look(tmp_path / "run")
    save(tmp_path / "run", "checkpoint-best", 0.5)
    look(tmp_path / "run")
    out = tmp_path / "run" / "rewardgym"
    wanted = ["checkpoint-9", "checkpoint-50", "checkpoint-100", "checkpoint-best"]
    assert list(rates(out)["checkpoint"].unique()) == wanted
    swept = rewardgym.sweep(str(tmp_path / "run"), GRID, out=tmp_path / "swept", exact=True)
    with Run(out).open() as ours, swept.open() as theirs:
        assert ours.get_config("exact") == theirs.get_config("exact")


# What is no checkpoint, and names


def test_only_the_series_is_measured_and_each_of_it_once(stub: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    save(run, "base", 0.5)
    save(run, "tmp-checkpoint-20", 0.5)
    save(tmp_path, "run", 0.5)  # the final model, saved into the training's own folder
    (run / "logs-1").mkdir()
    assert look(run).measured == ()
    (run / "checkpoint-last").symlink_to(save(run, 10))
    assert look(run).measured == ("checkpoint-10",)


def test_folders_with_other_names_are_found_by_their_steps_or_by_a_glob(
    stub: Any, tmp_path: Path
) -> None:
    for name, rate in (("step_20", 0.2), ("step_3", 0.3), ("base", 0.5)):
        save(tmp_path, name, rate)
    assert look(tmp_path).measured == ("step_3", "step_20")
    by_glob = look(f"{tmp_path}/step_*", out=tmp_path / "rewardgym-2")
    assert by_glob.measured == ("step_3", "step_20")


def test_a_glob_over_several_trainings_keeps_them_apart(stub: Any, tmp_path: Path) -> None:
    for run, step in (("a", 10), ("a", 20), ("b", 10)):
        save(tmp_path / run, step)
    lines = Lines()
    watched = look(f"{tmp_path}/*/checkpoint-*", lines)
    assert watched.run.folder == tmp_path / "rewardgym"
    assert watched.measured == ("a/checkpoint-10", "b/checkpoint-10", "a/checkpoint-20")
    lines.on("waiting", lambda: save(tmp_path / "b", 20))
    (tmp_path / "b" / "checkpoint-20").mkdir()
    again = look(f"{tmp_path}/*/checkpoint-*", lines, until_step=20)
    assert again.measured == ("b/checkpoint-20",)
