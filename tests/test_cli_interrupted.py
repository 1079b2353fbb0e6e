"""The installed command, interrupted: Ctrl-C and a closed pipe leave no traceback."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from pathlib import Path

from rewardgym_command import COMMAND

from rewardgym.records import FILE_NAME


def test_ctrl_c_is_one_line_and_code_130_and_the_same_command_goes_on(tmp_path: Path) -> None:
    arguments = [
        *(str(COMMAND), "sweep", "--policy", "scripted:awkward(0.3)", "--n", "6000"),
        *("--out", str(tmp_path)),
    ]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "rollouts" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert [line for line in err.splitlines() if line] == [
        "rewardgym: stopped; the same command goes on from here"
    ]
    subprocess.run(arguments, check=True, capture_output=True)
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    assert connection.execute("SELECT COUNT(*), COUNT(DISTINCT idx) FROM rows").fetchone() == (
        12_000,
        6_000,
    )
    connection.close()


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    fields = ",".join(["reward", "score", "points", "grade", "cost", "loss", "penalty"])
    done = subprocess.run(
        f"'{COMMAND}' show --field {fields} --encoding plain,base64,hex,rot13,brainfuck "
        "--layout json,xml,yaml,python,prose --paraphrase 0,1,2,3 | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stdout == "--- user ---\n"
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1
