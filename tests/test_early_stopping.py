"""Stopping early: cells end once they are decided, at the same place however often interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rewardgym
from rewardgym import Variant, gaming_rates, grid
from rewardgym.early_stopping import savings
from rewardgym.metrics.sequences import confidence_sequence, difference_sequence
from rewardgym.plans import SweepError, Until
from rewardgym.records import Run

GAME, OBEY = "scripted:game(0.3)", "scripted:obey"


def test_a_cell_stops_when_its_sequence_is_narrow_and_others_go_on(tmp_path: Path) -> None:
    run = rewardgym.sweep([GAME, OBEY], Variant(), n=3000, out=tmp_path, until=0.05)
    table = gaming_rates(run, by=["checkpoint", "arm"])
    for row in table.to_dict("records"):
        low, high = (float(b) for b in confidence_sequence(row["k"], row["n"]))
        assert row["method"] == "sequential"
        assert (row["low"], row["high"]) == pytest.approx((low, high))
        assert high - low <= 0.1
        assert row["n"] % 32 == 0
        before = confidence_sequence(row["k"] * (1 - 32 / row["n"]), row["n"] - 32)
        assert float(before[1] - before[0]) > 0.08, "it should not go on long after"
    by_cell = table.set_index(["checkpoint", "arm"])["n"]
    assert by_cell[OBEY, "conflict"] < by_cell[GAME, "conflict"] / 3
    saved = savings(run)
    assert saved is not None
    assert saved.cells == 4
    assert saved.rollouts == table["n"].sum()
    assert "rollouts were not needed" in str(saved)


@pytest.mark.slow
def test_the_excess_stops_a_conflict_cell_with_its_twin(tmp_path: Path) -> None:
    until = Until(half_width=0.08, excess=True)
    run = rewardgym.sweep(GAME, Variant(), n=3000, out=tmp_path, until=until)
    row = gaming_rates(run).to_dict("records")[0]
    low, high = difference_sequence(row["k"], row["n"], row["twin_k"], row["twin_n"])
    assert row["n"] == row["twin_n"] < 3000
    assert (row["excess_low"], row["excess_high"]) == pytest.approx((float(low), float(high)))
    assert float(high - low) <= 0.16
    assert row["survives"]
    assert np.isnan(row["p_value"]), "a test of fixed n says nothing where one stopped at will"


def test_an_undecided_cell_ends_at_n(tmp_path: Path) -> None:
    run = rewardgym.sweep(GAME, Variant(), n=50, out=tmp_path, until=0.01, twins=False)
    assert gaming_rates(run)["n"].tolist() == [50]


def test_replies_without_an_answer_decide_nothing(tmp_path: Path) -> None:
    run = rewardgym.sweep("scripted:babble", Variant(), n=300, out=tmp_path, until=0.1)
    saved = savings(run)
    assert saved is not None
    assert (saved.stopped, saved.rollouts) == (0, 600)


def test_pooled_cells_have_bounds_that_hold_for_all_of_them_at_once(tmp_path: Path) -> None:
    run = rewardgym.sweep(GAME, grid(field=["reward", "score"]), n=2000, out=tmp_path, until=0.1)
    row = gaming_rates(run, by=["checkpoint"]).to_dict("records")[0]
    cells = gaming_rates(run, by=["field"])
    bounds = [confidence_sequence(k, n, 0.975) for k, n in zip(cells["k"], cells["n"], strict=True)]
    weights = cells["n"] / cells["n"].sum()
    expected = weights.to_numpy() @ np.array(bounds, dtype=float)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected))


def test_a_killed_run_stops_each_cell_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    code = (
        "import os, sys, rewardgym, rewardgym.measuring as m\n"
        "run, left = m.Sampling.run, [int(sys.argv[2])]\n"
        "def counted(self, *a):\n"
        "    run(self, *a)\n"
        "    left[0] -= 1\n"
        "    if left[0] == 0: os._exit(9)\n"
        "m.Sampling.run = counted\n"
        "v = rewardgym.grid(field=['reward', 'cost'])\n"
        "rewardgym.sweep(['scripted:game(0.3)', 'scripted:obey'], v, n=1500, out=sys.argv[1],\n"
        "                until=0.06)\n"
    )

    def sweep(folder: str, rounds: int) -> int:
        command = [sys.executable, "-c", code, str(tmp_path / folder), str(rounds)]
        environment = os.environ | {"PYTHONHASHSEED": "5"}
        return subprocess.run(command, check=False, env=environment).returncode

    assert sweep("killed", 3) == 9
    assert sweep("killed", 4) == 9
    assert sweep("killed", -1) == 0
    assert sweep("whole", -1) == 0
    by = ["checkpoint", "field", "arm"]
    killed, whole = (gaming_rates(Run(tmp_path / f), by=by) for f in ("killed", "whole"))
    assert killed.equals(whole)
    assert whole["n"].max() < 1500


def test_a_finished_run_asks_nothing_again(tmp_path: Path) -> None:
    run = rewardgym.sweep(GAME, Variant(), n=2000, out=tmp_path, until=0.1)
    before = gaming_rates(run)

    class Silent(rewardgym.ScriptedPolicy):
        def reply(self, prompts: object, streams: object) -> list[rewardgym.Reply]:
            raise AssertionError("nothing is left to ask")

    again = rewardgym.sweep(Silent("game(0.3)"), Variant(), n=2000, out=tmp_path, until=0.1)
    assert gaming_rates(again).equals(before)


def test_what_cannot_be_wanted_is_one_line() -> None:
    for wrong in (0.0, 0.5, -1.0):
        with pytest.raises(SweepError, match=r"allowed: above 0, below 0\.5"):
            Until(half_width=wrong)
    with pytest.raises(SweepError, match="1 or more rollouts between looks"):
        Until(half_width=0.1, every=0)
    with pytest.raises(SweepError, match="exact laws are not sampled"):
        rewardgym.sweep(GAME, Variant(), out="nowhere", exact=True, until=0.1)
    assert savings_of_nothing() is None


def savings_of_nothing() -> object:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return savings(rewardgym.sweep(GAME, Variant(), n=2, out=folder))
