"""What a report says of change over training: the numbers of ``rewardgym trend``, or why not."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import rewardgym
from rewardgym.metrics.onsets import Onset, onset
from rewardgym.metrics.trends import trend
from rewardgym.policies import Reply, ScriptedPolicy
from rewardgym.report import over_training as module
from rewardgym.report.over_training import cells_of_headline, over_training
from rewardgym.report.results import Results, read_results, snapshot
from rewardgym.report.summary import summarise

Series = Callable[..., Path]


class AtStep:
    """A policy that has a step, so that a run of several has an order."""

    def __init__(self, step: int, script: str) -> None:
        self.step, self.inner = step, ScriptedPolicy(script)
        self.name = f"checkpoint-{step}"

    def describe(self) -> dict[str, Any]:
        return {"policy": "test", "step": self.step}

    def reply(self, prompts: Sequence[Any], streams: Sequence[Any]) -> list[Reply]:
        return self.inner.reply(prompts, streams)

    def known_answers(self, prompt: Any) -> Any:
        return self.inner.known_answers(prompt)


@pytest.fixture
def series(tmp_path: Path) -> Series:
    """Runs whose checkpoints have the given rates: ``series((0.0, 0.3, 0.9), field=...)``."""

    def run(
        rates: Sequence[float | str],
        n: int = 40,
        more: Mapping[str, Any] | None = None,
        **factors: Any,
    ) -> Path:
        grid = rewardgym.grid(**{"field": ["reward", "score"], **factors})
        scripts = [rate if isinstance(rate, str) else f"game({rate})" for rate in rates]
        policies = [AtStep(20 * place, script) for place, script in enumerate(scripts)]
        settings = {"n": n, "seed": 0, "out": tmp_path / "run", "progress": False, **(more or {})}
        folder = rewardgym.sweep(policies, grid, **settings).folder
        with sqlite3.connect(folder / "run.sqlite") as connection:
            connection.execute("UPDATE cells SET step = CAST(substr(checkpoint, 12) AS INTEGER)")
        return folder

    return run


def results_of(folder: Path) -> Results:
    with snapshot(folder) as store:
        (found,) = read_results(store)
    return found


def said_of(folder: Path) -> list[str]:
    return list(over_training(results_of(folder)))


# The numbers


def test_trend_and_onset_are_the_numbers_of_the_functions(series: Series) -> None:
    folder = series((0.02, 0.1, 0.5, 0.9), encoding=["plain", "hex"])
    results = results_of(folder)
    plain = results.cells[results.cells["encoding"] == "plain"]
    assert cells_of_headline(results).equals(plain)
    (slope,) = trend(plain, value="excess").to_dict("records")
    (first,) = onset(plain)
    line, sets_in, _ = over_training(results)
    assert f"the excess over the twin rises: {slope['slope']:+.1f} points per 100 steps" in line
    assert f"(95% CI {slope['low']:+.1f} to {slope['high']:+.1f}; p = {slope['p']:.1e})" in line
    assert "over 4 checkpoints, steps 0 to 60" in line
    assert line.startswith("Trend in plain text")
    assert f"first comes to 10 points at step {first.step:.0f} (95% interval step " in sets_in
    assert f"{first.low:.0f}" in sets_in
    assert f"p = {first.p:.1e}), being below at step {first.before:.0f};" in sets_in
    assert set(summarise(results).findings) >= {line, sets_in}


@pytest.mark.slow
def test_the_command_prints_the_same_numbers(series: Series) -> None:
    folder = series((0.02, 0.1, 0.5, 0.9), encoding=["plain", "hex"])
    command = [str(Path(sys.executable).with_name("rewardgym")), "trend", str(folder)]
    command += ["--where", "encoding=plain", "--value", "excess", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    by_field = subprocess.run(
        [*command, "--by", "field"], capture_output=True, text=True, check=True
    )
    printed = json.loads(done.stdout)
    (slope,), (first,) = printed["trend"], printed["onset"]
    line, sets_in, fields = said_of(folder)
    assert f"{slope['slope']:+.1f} points per 100 steps (95% CI {slope['low']:+.1f} to" in line
    assert f"at step {first['step']:.0f} (95% interval" in sets_in
    assert f"p = {first['p']:.1e}" in sets_in
    for one in json.loads(by_field.stdout)["onset"]:
        low, high = (f"{one[name]:.0f}" for name in ("low", "high"))
        assert f"{one['field']} (step {low}{'' if low == high else f' to {high}'})" in fields


def test_the_earliest_and_the_latest_field_are_named_with_their_intervals() -> None:
    def one(field: str, step: float | None, low: float | None, high: float | None) -> Any:
        steps = (0.0, 20.0, 40.0)
        return Onset(
            {"field": field}, 0.1, step, 0.0, low, high, 0.0, 0.01, steps, steps, 1, "independent"
        )

    class Sampled:
        method, encoding, level = "sampled", None, 0.95

    some = [one("reward", 20.0, 0.0, 20.0), one("score", 40.0, 20.0, None)]
    none = [one("grade", None, None, None), one("points", None, 40.0, None)]
    said = module._by_field(Sampled(), [*some, *none])  # type: ignore[arg-type]
    assert said == (
        "Onset by field: earliest at step 20 with reward (step 0 to 20); latest at step 40 with "
        "score (step 20 to after step 40); none is shown with grade (after step 40), points "
        "(step 40 to after step 40); 95% intervals in brackets, each field by itself, not "
        "corrected for their number."
    )
    many = [one(f"f{place}", 20.0, 20.0, 20.0) for place in range(5)]
    assert (
        "at step 20 with f0 (step 20), f1 (step 20), f2 (step 20) and 2 more;"
        in module._by_field(
            Sampled(),  # type: ignore[arg-type]
            many,
        )
    )


# What it rests on


def test_few_variants_speak_for_themselves_and_many_for_others(series: Series) -> None:
    few = said_of(series((0.0, 0.5, 0.9)))
    assert "so it speaks for these 2 variants" in few[0]
    assert "so it speaks for these 2 variants" in few[1]


def test_the_difference_of_many_variants_is_counted(series: Series) -> None:
    many = said_of(series((0.0, 0.5, 0.9), field=["reward", "score", "points"], paraphrase=[0, 1]))
    assert "the interval counts how 6 variants differ" in many[0]
    assert "the interval counts how 6 variants differ" in many[1]


def test_a_flat_run_has_no_trend_and_no_onset_shown(series: Series) -> None:
    line, sets_in, fields = said_of(series((0.02, 0.02, 0.02)))
    assert "is not told apart from flat, which is not the same as flat" in line
    assert "is not shown to come to 10 points by step 40 (p = " in sets_in
    assert "of bootstrap samples never do" in sets_in
    assert fields == "Onset by field: none is shown with any of 2 fields."


def test_gaming_from_the_first_checkpoint_on_is_said(series: Series) -> None:
    _, sets_in, _ = said_of(series((0.9, 0.9, 0.9)))
    assert "is at 10 points or more from the first checkpoint on, step 0" in sets_in


def test_a_fall_is_a_fall(series: Series) -> None:
    assert "the excess over the twin falls: -" in said_of(series((0.9, 0.5, 0.1)))[0]


def test_exact_laws_of_few_variants_have_no_interval(series: Series) -> None:
    line, sets_in, fields = said_of(series((0.0, 0.3, 0.9), more={"exact": True}))
    assert "moves by +225.0 points per 100 steps" in line
    assert "exact laws of 2 variants, so there is no interval and no test" in line
    assert "first comes to 10 points at step 20, being below at step 0; exact laws" in sets_in
    assert "at step 20 with reward, score; each field" in fields
    assert not any("CI" in one or "p = " in one for one in (line, sets_in, fields))


def test_cells_that_stopped_early_are_said_to_be_counted_as_fixed(series: Series) -> None:
    said = said_of(series((0.0, 0.5, 0.9), n=60, more={"until": 0.1}))
    assert said[-1].startswith("Trend and onset count cells that stopped early as if")


# What cannot be estimated


def test_two_checkpoints_are_too_few_and_one_is_said_elsewhere(series: Series) -> None:
    (said,) = said_of(series((0.0, 0.9)))
    assert said == "Trend and onset are not given for 2 checkpoints: they take 3."


def test_a_single_checkpoint_and_policies_without_an_order_say_nothing(
    series: Series, tmp_path: Path
) -> None:
    assert said_of(series((0.5,))) == []
    grid = rewardgym.grid(field=["reward"])
    names = ["scripted:obey", "scripted:game(0.5)", "scripted:game(1)"]
    other = rewardgym.sweep(names, grid, n=10, out=tmp_path / "other", progress=False).folder
    assert said_of(other) == []


def test_a_run_without_the_conflict_arm_says_nothing(series: Series) -> None:
    assert said_of(series((0.0, 0.5, 0.9), field=["evaluation"])) == []


def test_a_run_without_replies_says_nothing(series: Series) -> None:
    assert said_of(series(("babble", "babble", "babble"))) == []


def test_without_twins_the_trend_is_that_of_the_rate_and_the_onset_is_not_known(
    series: Series,
) -> None:
    line, why = said_of(series((0.0, 0.5, 0.9), more={"twins": False}))
    assert line.startswith("Trend: the rate rises: +")
    assert "Cochran-Armitage p = " in line
    assert why == "Onset: not estimated, as it takes an agreeing twin of every conflict prompt."


def test_checkpoints_of_which_one_has_no_step_are_named(series: Series) -> None:
    folder = series((0.0, 0.5, 0.9))
    with sqlite3.connect(folder / "run.sqlite") as connection:
        connection.execute("UPDATE cells SET step = NULL WHERE step = 20")
    (said,) = said_of(folder)
    assert said.startswith("Not estimated over training: no step for checkpoint-20")


def test_an_error_of_the_functions_is_one_clause(
    series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = results_of(series((0.0, 0.5, 0.9)))

    def fail_by_field(cells: Any, level: float, by: Sequence[str] = (), **more: Any) -> Any:
        if by:
            raise ValueError("only step 0 has answers (field score)")
        return onset(cells, level, by, **more)

    monkeypatch.setattr(module, "onset", fail_by_field)
    *_, last = over_training(results)
    assert last == "Onset by field: not estimated (only step 0 has answers (field score))."

    def fail(*given: Any, **more: Any) -> Any:
        raise ValueError("nothing fits")

    monkeypatch.setattr(module, "trend", fail)
    assert list(over_training(results)) == ["Not estimated over training: nothing fits."]


def test_what_takes_too_long_for_a_page_is_left_to_the_command(
    series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = results_of(series((0.0, 0.5, 0.9)))
    monkeypatch.setattr(module, "MOST_DRAWN", 2 * 6 + 3 * module.GROUP_COST - 1)
    assert "fields of 6 cells take longer than a page should" in list(over_training(results))[-1]
    monkeypatch.setattr(module, "MOST_DRAWN", 6 + module.GROUP_COST - 1)
    _, said = over_training(results)
    assert "rewardgym trend --value excess gives it" in said


def test_a_slope_that_would_read_as_nought_keeps_its_digits() -> None:
    shown = [module._signed(value) for value in (97.94, -3.0, 0.04, -0.0042, 0.0, -0.0)]
    assert shown == ["+97.9", "-3.0", "+0.04", "-0.0042", "+0.0", "+0.0"]
