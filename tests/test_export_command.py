"""The command that exports: each format under its flag, bad flags in one line, and its cost."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rewardgym_command import Caller, caller_of
from rewardgym_exports import two_methods

import rewardgym
from rewardgym import cli_export
from rewardgym.export import export_tables
from rewardgym.records import Run

run = pytest.fixture(scope="module")(two_methods)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Caller:
    return caller_of(capsys, cli_export, "export")


# The command


def test_the_command_writes_each_format(run: Run, tmp_path: Path, command: Caller) -> None:
    for form, files in (
        ("parquet", ["laws.parquet", "rates.parquet", "rollouts.parquet"]),
        ("jsonl", ["laws.jsonl", "rates.jsonl", "rollouts.jsonl"]),
        ("csv", ["laws.csv", "rates.csv", "rollouts.csv"]),
        ("dataset", ["README.md", "data"]),
    ):
        out, err = command(run.folder, "--format", form, "--out", tmp_path / form)
        assert out == f"written: {tmp_path / form} (240 rollouts, 12 laws, 24 rates)\n"
        assert ("hostile" in err) == (form == "csv")
        assert sorted(file.name for file in (tmp_path / form).iterdir()) == files
    for form in ("latex", "markdown"):
        out, _ = command(run.folder, "--format", form, "--out", tmp_path / f"x.{form}")
        assert out == f"written: {tmp_path / f'x.{form}'} (8 rates)\n"
    assert (tmp_path / "x.latex").read_text().startswith("\\begin{table}")


def test_the_command_writes_one_file_by_its_ending(
    run: Run, tmp_path: Path, command: Caller
) -> None:
    command(run.folder, "--format", "jsonl", "--out", tmp_path / "x.jsonl.gz")
    assert len(gzip.decompress((tmp_path / "x.jsonl.gz").read_bytes()).splitlines()) == 240
    flags = ("--format", "csv", "--table", "rates", "--by", "field, arm")
    out, err = command(run.folder, *flags, "--out", tmp_path / "rates.csv")
    assert ("rates" in out, err) == (True, "")
    assert (tmp_path / "rates.csv").read_text().startswith("field,arm,k,n,rate")
    command(run.folder, "--format", "csv", "--spreadsheet", "--out", tmp_path / "s.csv")


def test_the_command_keeps_to_one_method_where_asked(
    run: Run, tmp_path: Path, command: Caller
) -> None:
    command(run.folder, "--format", "latex", "--method", "exact", "--out", tmp_path / "x.tex")
    assert "sampled" not in (tmp_path / "x.tex").read_text()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--format", "csv", "--out", "x.jsonl"), "--out is .*x.jsonl, but --format is csv"),
        (("--format", "csv", "--method", "exact", "--out", "x"), "--method is for --format latex"),
        (("--format", "latex", "--table", "laws", "--out", "x"), "--table is for --format parq"),
        (("--format", "jsonl", "--spreadsheet", "--out", "x"), "--spreadsheet is for --format c"),
        (("--format", "csv", "--by", "feld", "--out", "x"), "unknown column to group by 'feld'"),
        (("--format", "latex", "--out", "."), "is a folder; name a file"),
    ],
)
def test_bad_flags_are_one_line_and_write_nothing(
    run: Run, tmp_path: Path, command: Caller, flags: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as error:
        command(run.folder, *flags[:-1], tmp_path / flags[-1])
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


# What it costs


def test_importing_the_package_and_the_command_loads_nothing_heavy() -> None:
    code = (
        "import sys, rewardgym.cli_export, rewardgym.export\n"
        "print([m for m in ('pandas', 'pyarrow', 'numpy', 'datasets') if m in sys.modules])"
    )
    start = "import sys; sys.argv = ['rewardgym']\n"  # as the command line: no Gymnasium
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_many_replies_are_exported_in_no_time(tmp_path: Path) -> None:
    """A guard against parsing or converting once a row what is the same for all; the numbers are
    in ``benchmarks/export.py``."""
    variants = rewardgym.grid(field=["reward", "score", "points"])
    run = rewardgym.sweep("scripted:obey", variants, n=1000, out=tmp_path / "run")
    start = time.process_time()
    export_tables(run, tmp_path / "out", "parquet")
    assert time.process_time() - start < 5
