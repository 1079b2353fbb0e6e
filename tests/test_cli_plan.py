"""The command that plans a run: how many rollouts a goal takes, and what a budget sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rewardgym_stats import Command, rising_run, rows_of, stats_command

from rewardgym.metrics.intervals import newcombe
from rewardgym.metrics.planning import n_for_excess, n_for_power, n_for_precision, n_for_trend
from rewardgym.metrics.power import trend_power
from rewardgym.report.budgets import duration

command = pytest.fixture(stats_command)
run = pytest.fixture(scope="module")(rising_run)


def test_a_plan_counts_the_cells_of_a_grid_with_twins(command: Command) -> None:
    said = command(
        *("plan", "--field", "reward,score", "--encoding", "plain,base64", "--checkpoints", "8"),
        *("--half-width", "0.03"),
    )
    n = n_for_precision(0.03)
    assert "cells     64 = 8 variants (4 conflict, 4 agree) x 8 checkpoints" in said
    assert f"{n:,}" in said
    assert f"{64 * n:,}" in said
    without = command("plan", "--field", "reward,score", "--no-twins", "--half-width", "0.03")
    assert "cells     2 = 2 variants (2 conflict) x 1 checkpoint\n" in without


@pytest.mark.parametrize(
    ("arguments", "n"),
    [
        (["--rate", "0.1", "--half-width", "0.03"], lambda: n_for_precision(0.03, 0.1)),
        (["--rate", "0.1", "--against", "0.31"], lambda: n_for_power(0.1, 0.31)),
        (["--excess", "0.1", "--twin", "0.02"], lambda: n_for_excess(0.1, 0.02)),
        (
            ["--steps", "0,20,40", "--start", "0.02", "--end", "0.3", "--power", "0.9"],
            lambda: n_for_trend([0, 20, 40], 0.02, 0.3, 0.9),
        ),
    ],
)
def test_each_goal_has_the_n_that_planning_gives(
    command: Command, arguments: list[str], n: Callable[[], int]
) -> None:
    steps = 3 if "--steps" in arguments else 2
    cells = ["--cells", "12", *([] if steps == 3 else ["--checkpoints", "2"])]
    (row,) = json.loads(command("plan", *cells, *arguments, "--format", "json"))
    assert row["n"] == n()
    assert row["rollouts"] == 12 * steps * row["n"]
    assert (row["tokens"], row["seconds"]) == (None, None)


def test_a_budget_says_what_it_pays_for_and_sees(command: Command) -> None:
    common = ("plan", "--cells", "10", "--twin", "0.02", "--replies-per-second", "5")
    said = command(*common, "--budget-seconds", "400")
    assert "What n = 200 a cell sees (2,000 rollouts, 6.67 min)" in said
    rows = rows_of(command(*common, "--budget-seconds", "400", "--format", "csv"))
    low, high = newcombe(4, 200, 4, 200)
    (half,) = [row for row in rows if "no excess" in row["what"]]
    assert float(half["effect"]) == pytest.approx(float(high - low) / 2)
    assert {row["n"] for row in rows} == {"200"}


def test_what_a_budget_sees_is_what_planning_asks_for_it(command: Command) -> None:
    # The excess that n rollouts just see takes that n again.
    rows = rows_of(
        command("plan", "--cells", "2", "--n", "100", "--twin", "0.02", "--format", "csv")
    )
    # Wilson, 50 of 100: z sqrt(n / 4 + z^2 / 4) / (n + z^2), with z = 1.959964.
    assert float(rows[0]["effect"]) == pytest.approx(0.0961678, abs=1e-6)
    (least,) = [float(row["effect"]) for row in rows if row["what"].startswith("least excess")]
    assert n_for_excess(least, 0.02) <= 100 < n_for_excess(least - 0.01, 0.02)


def test_a_budget_says_the_least_trend_that_it_sees(command: Command) -> None:
    flags = ("--cells", "1", "--n", "50", "--steps", "0,10,20", "--start", "0.1", "--end", "0.5")
    rows = rows_of(command("plan", *flags, "--table", "seen", "--format", "csv"))
    (least,) = [float(row["effect"]) for row in rows if "over the checkpoints" in row["what"]]
    seen = [trend_power([0, 10, 20], 0.1, 0.1 + rise, 50) for rise in (least, least - 0.02)]
    assert seen[1] < 0.8 <= seen[0]


def test_the_smaller_of_two_budgets_decides(command: Command) -> None:
    said = command(
        *("plan", "--cells", "1", "--budget-tokens", "1000", "--tokens-per-reply", "10"),
        *("--budget-seconds", "3", "--replies-per-second", "20"),
    )
    assert "What n = 60 a cell sees (60 rollouts, 600 tokens, 3 s)" in said


def test_the_tokens_of_a_reply_are_read_from_a_run(command: Command, run: Path) -> None:
    said = command("plan", "--cells", "1", "--n", "100", "--measured", str(run))
    assert "4.0 tokens a reply" in said
    assert "400 tokens" in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (40.0, "40 s"), (600.0, "10 min"), (12600.0, "3.5 h"), (181440.0, "2.1 days")],
)
def test_times_are_for_people(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said
