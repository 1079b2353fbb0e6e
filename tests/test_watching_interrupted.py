"""The watching command as a process: interrupted, killed, in twos, on a full disk; no row lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rewardgym_checkpoints import contents, in_pieces, save, stub_models
from rewardgym_watching import GRID, PROGRAM, end, laws_of, rates, start, wait_for_rows

import rewardgym
from rewardgym.records import Run

stub = pytest.fixture(stub_models)


@pytest.mark.slow
def test_a_second_command_loads_nothing_heavy_and_help_is_light(tmp_path: Path) -> None:
    save(tmp_path, 10)
    for _ in range(2):
        out, said = end(start(tmp_path, "--once"))
    assert "0 checkpoints measured, 0 not; next: rewardgym trend" in out
    assert out.endswith("loaded: []\n")
    assert said == ""
    assert "loaded: []" in end(start(tmp_path, "--help"))[0]


@pytest.mark.slow
def test_the_command_refuses_in_one_line_with_exit_code_2(tmp_path: Path) -> None:
    save(tmp_path, 10)
    for flags, said in (
        (("--every", "0"), "every is 0.0"),
        (("--variants", "parity.even"), "is no variant id"),
        (("--variants", "parity.even.odd.reward.plain", "--preset", "odd-number"), "choose one"),
        (("--close", "ned"), "unknown close 'ned'"),
    ):
        _, error = end(start(tmp_path, "--once", *flags), 2)
        assert said in error
        assert error.count("\n") == 1
    _, error = end(start(tmp_path / "no" / "run"), 2)
    assert error.count("\n") == 1
    assert not (tmp_path / "rewardgym").exists()
    end(start(tmp_path, "--once", "--variants", "parity.even.odd.reward.plain"))
    save(tmp_path, 10, 0.9)
    _, error = end(start(tmp_path, "--once", "--variants", "parity.even.odd.reward.plain"), 2)
    assert "checkpoint-10 not measured: it is another one" in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_a_watch_that_is_interrupted_and_killed_goes_on_to_the_table_of_a_sweep(
    stub: Any, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    writer = threading.Thread(target=write_series, args=(run, [10, 20, 30, 40, 50], 0.05))
    run.mkdir()
    process = start(run, STUB_SECONDS="0.1")
    writer.start()
    wait_for_rows(process, 1)
    process.send_signal(signal.SIGINT)
    _, said = end(process, 130)
    assert said.splitlines()[-1] == "rewardgym: stopped; the same command goes on from here"
    process = start(run, STUB_SECONDS="0.1")
    wait_for_rows(process, 1)
    time.sleep(0.2)
    process.kill()
    process.communicate()
    end(start(run, "--until-step", "50"))
    writer.join()
    swept = rewardgym.sweep(str(run), GRID, out=tmp_path / "swept", exact=True)
    assert laws_of(run / "rewardgym") == laws_of(swept.folder)
    assert rates(run / "rewardgym").equals(rates(swept))


def write_series(run: Path, steps: list[int], pause: float) -> None:
    for step in steps:
        in_pieces(run / f"checkpoint-{step}", contents(step / 100), pause)


def test_two_watchers_of_one_folder_write_no_row_twice_and_lose_no_checkpoint(
    stub: Any, tmp_path: Path
) -> None:
    run, steps = tmp_path / "run", [10, 20, 30, 40]
    run.mkdir()
    watchers = [start(run, "--until-step", "40", STUB_SECONDS="0.02") for _ in range(2)]
    write_series(run, steps, 0.03)
    for process in watchers:
        end(process)
    swept = rewardgym.sweep(str(run), GRID, out=tmp_path / "swept", exact=True)
    assert laws_of(run / "rewardgym") == laws_of(swept.folder)
    with Run(run / "rewardgym").open() as ours, swept.open() as theirs:
        assert ours.get_config("exact") == theirs.get_config("exact")
        assert len(ours.cells()) == len(theirs.cells())


@pytest.mark.slow
def test_a_full_disk_ends_the_watch_in_one_line_and_what_was_measured_stays(
    stub: Any, tmp_path: Path
) -> None:
    save(tmp_path, 10)
    end(start(tmp_path, "--once"))
    save(tmp_path, 20)
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
    code = limit + PROGRAM
    command = [sys.executable, "-c", code, "watch", str(tmp_path), "--field", "reward,score"]
    done = subprocess.run([*command, "--once"], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "the disk is full; free some space and run the same command again" in done.stderr
    assert done.stderr.count("\n") == 1
    assert set(rates(tmp_path / "rewardgym")["step"]) == {10}
    end(start(tmp_path, "--once"))
    assert set(rates(tmp_path / "rewardgym")["step"]) == {10, 20}
