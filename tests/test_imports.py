"""Importing the library, asking for help and planning are light: nothing heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "torch",
    "transformers",
    "pandas",
    "scipy.stats",
    "statsmodels",
    "matplotlib",
    "peft",
    "trl",
)

_HELP = """
import sys
sys.argv = ["rewardgym", *{arguments!r}]
from rewardgym.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
"""


def loaded_by(code: str, cwd: Path | None = None) -> set[str]:
    """The heavy modules that are loaded after ``code`` has run in a fresh process."""
    after = f"\nimport json, sys\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code + after], capture_output=True, text=True, cwd=cwd
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_library_loads_nothing_heavy_and_says_nothing() -> None:
    assert loaded_by("import rewardgym") == set()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import rewardgym"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_check_above_sees_every_module_that_it_looks_for() -> None:
    code = f"import sys, types\nfor m in {HEAVY!r}: sys.modules[m] = types.ModuleType(m)"
    assert loaded_by(code) == set(HEAVY)


def test_the_check_above_sees_a_real_import() -> None:
    assert "pandas" in loaded_by("import rewardgym, pandas")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["sweep", "--help"],
        ["rates", "--help"],
        ["show", "--field", "score", "--encoding", "brainfuck"],
        ["sweep", "--policy", "scripted:obey", "--n", "5", "--out", "x", "--dry-run"],
        ["sweep", "--policy", "scripted:obey", "--n", "5", "--out", "x"],
    ],
    ids=" ".join,
)
def test_a_command_that_needs_no_table_loads_nothing_heavy(
    arguments: list[str], tmp_path: Path
) -> None:
    assert loaded_by(_HELP.format(arguments=arguments), tmp_path) == set()


def test_help_does_not_even_load_gymnasium_or_numpy() -> None:
    code = _HELP.format(arguments=["--help"])
    after = "\nprint([m for m in ('gymnasium', 'numpy', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + after], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_rates_load_pandas_but_no_model_and_no_plot(tmp_path: Path) -> None:
    code = (
        "import rewardgym\n"
        "run = rewardgym.sweep('scripted:obey', rewardgym.Variant(), n=3, out='x')\n"
        "rewardgym.gaming_rates(run)"
    )
    found = loaded_by(code, tmp_path)
    assert "pandas" in found
    assert not found & {"torch", "transformers", "matplotlib", "peft", "trl"}


def test_every_public_name_can_be_reached_and_is_listed() -> None:
    import rewardgym

    for name in rewardgym.__all__:
        if name != "TransformersPolicy":  # brings torch
            assert getattr(rewardgym, name) is not None
        assert name in dir(rewardgym)
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        rewardgym.swep  # noqa: B018


def test_the_function_sweep_is_not_hidden_by_a_module(tmp_path: Path) -> None:
    code = "import rewardgym, rewardgym.sweeps, rewardgym.cli; assert callable(rewardgym.sweep)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
