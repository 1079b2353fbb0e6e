"""A sweep that is killed, anywhere and often, ends in the same run as one that was left alone."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest

import rewardgym
from rewardgym import record_file
from rewardgym.records import FILE_NAME, RecordStore

COMMAND = Path(sysconfig.get_path("scripts")) / "rewardgym"
KILLS = 20
"""Of these the first three come at any time after the start, when even the file may not be
there yet; the others while rows are being written."""
TOTAL = 2 * 3 * 3500

Row = tuple[Any, ...]


def arguments(out: Path) -> list[str]:
    return [
        *(str(COMMAND), "sweep", "--policy", "scripted:game(0.3)", "--policy", "scripted:guess"),
        *("--field", "score,loss", "--n", "3500", "--seed", "3", "--out", str(out)),
    ]


def rows_of(folder: Path) -> list[Row]:
    """Every row under its cell's key, without the session that wrote it."""
    connection = sqlite3.connect(folder / FILE_NAME)
    found = connection.execute(
        "SELECT cells.key, idx, reply, finish, tokens, answer, side, how, outcome, prompts.sha256 "
        "FROM rows JOIN cells ON cells.id = cell JOIN prompts ON prompts.id = prompt "
        "ORDER BY cells.key, idx"
    ).fetchall()
    connection.close()
    return found


def count(folder: Path) -> int:
    if not (folder / FILE_NAME).exists():
        return 0
    connection = sqlite3.connect(folder / FILE_NAME)
    try:
        return int(connection.execute("SELECT COUNT(*) FROM rows").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # killed before the tables were made
    finally:
        connection.close()


def start(out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        arguments(out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def wait_for_first_policy(process: subprocess.Popen[str]) -> None:
    """Until the command says that it begins to ask: one line on standard error a policy."""
    assert process.stderr is not None
    assert "rollouts" in process.stderr.readline()


@pytest.mark.slow
def test_a_sweep_killed_dozens_of_times_equals_an_undisturbed_one(tmp_path: Path) -> None:
    began = time.monotonic()
    whole = start(tmp_path / "whole")
    wait_for_first_policy(whole)
    asking = time.monotonic()
    whole.communicate()
    assert whole.returncode == 0
    ended = time.monotonic()
    expected = rows_of(tmp_path / "whole")
    assert len(expected) == TOTAL

    rng, kills, stored = random.Random(20260325), 0, {tmp_path / "killed-0": [0]}
    while kills < KILLS:
        out = [*stored][-1]
        process = start(out)
        if kills < 3:
            time.sleep(rng.uniform(0.3, 1.1) * (asking - began))
        else:
            wait_for_first_policy(process)
            # Every third is killed after it has stored rows, the others wherever it is.
            while kills % 3 == 0 and process.poll() is None and count(out) <= stored[out][-1]:
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 1.5) * (ended - asking) / KILLS)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        stored[out].append(count(out))
        kills += process.returncode == -signal.SIGKILL
        if process.returncode == 0:  # quicker than the kill: go on killing another one
            stored[tmp_path / f"killed-{len(stored)}"] = [0]
    for counts in stored.values():
        assert counts == sorted(counts), "a kill lost rows that were stored"
    between = {c for counts in stored.values() for c in counts if 0 < c < TOTAL}
    assert len(between) >= 3, f"too few kills fell in between: {stored}"

    by = ["checkpoint", "field", "arm"]
    table = rewardgym.gaming_rates(tmp_path / "whole", by)
    for out in stored:
        subprocess.run(arguments(out), check=True, capture_output=True)
        assert rows_of(out) == expected
        assert rewardgym.gaming_rates(out, by).equals(table)


class _Killer:
    """Stands for the sqlite3 module in the child: kills the process at its nth statement."""

    Error = sqlite3.Error
    OperationalError = sqlite3.OperationalError
    Connection = sqlite3.Connection

    def __init__(self, statement: int) -> None:
        self.left = statement

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = sqlite3.connect(*args, **kwargs)
        connection.set_trace_callback(self.count)
        return connection

    def count(self, statement: str) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Small(rewardgym.ScriptedPolicy):
    """Written in transactions of five rows, so that there are many places to die at."""

    chunk = 5


def small_sweep(out: Path) -> None:
    variants = rewardgym.grid(field=["reward", "cost"], family="threshold")
    rewardgym.sweep(Small("game(0.5)"), variants, n=4, seed=1, out=out, progress=False)


def lives_through(out: Path, statement: int) -> bool:
    """Whether a sweep in a process of its own ends before the statement at which it is killed."""
    child = os.fork()
    if child == 0:
        record_file.sqlite3 = _Killer(statement)  # type: ignore[attr-defined]
        try:
            small_sweep(out)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


def test_a_new_sweep_killed_at_any_statement_can_be_run_to_its_end(tmp_path: Path) -> None:
    small_sweep(tmp_path / "whole")
    expected, statement = rows_of(tmp_path / "whole"), 1
    # The first statements make the tables, one by one; later ones are more of the same kinds.
    while not lives_through(tmp_path / f"{statement}", statement):
        small_sweep(tmp_path / f"{statement}")
        assert rows_of(tmp_path / f"{statement}") == expected, f"killed at {statement}"
        statement += 1 if statement < 24 else 7
    assert statement > 24


def test_one_sweep_killed_again_and_again_at_later_statements_comes_to_its_end(
    tmp_path: Path,
) -> None:
    small_sweep(tmp_path / "whole")
    statement = 2
    while not lives_through(tmp_path / "killed", statement):
        statement += 5
    assert rows_of(tmp_path / "killed") == rows_of(tmp_path / "whole")


def test_two_commands_on_one_folder_at_once_make_one_run(tmp_path: Path) -> None:
    first = start(tmp_path / "run")
    wait_for_first_policy(first)
    second = start(tmp_path / "run")
    _, said = second.communicate()
    first.communicate()
    assert (first.returncode, second.returncode) == (0, 0), said
    found = rows_of(tmp_path / "run")
    assert len(found) == len({(row[0], row[1]) for row in found}) == TOTAL


def test_a_new_run_killed_before_its_tables_were_made_can_be_begun_again(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    small_sweep(tmp_path)
    with RecordStore(tmp_path) as store:
        assert sum(sum(c.values()) for c in store.counts().values()) == 3 * 4
