"""The command line within the test's own process, and as it is installed.

In: the words after ``rewardgym``. Out: the exit code and what was printed, or the one line of a
refusal. ``caller_of`` calls single commands in an app of their own, where what is wrong comes out
as it was raised.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import typer

from rewardgym import cli

COMMAND = Path(sysconfig.get_path("scripts")) / "rewardgym"
GAME = "scripted:game(0.3)"


# The whole command line


@dataclass(frozen=True)
class Said:
    code: int | str | None
    out: str
    err: str


Command = Callable[..., Said]


def in_an_empty_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """The command within this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr("sys.argv", ["rewardgym", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        found = capsys.readouterr()
        return Said(end.value.code, found.out, found.err)

    return run


def fine(said: Said) -> str:
    assert said.code == 0, said.err
    return said.out


def cause(said: Said) -> str:
    """The one line that a refused command says."""
    assert said.code == 2, said
    assert said.out == "", said
    (line,) = said.err.splitlines()
    assert line.startswith("rewardgym: "), line
    return line.removeprefix("rewardgym: ")


# Single commands


Caller = Callable[..., tuple[str, str]]
"""Takes words; gives what was printed, and what was said on standard error."""


def caller_of(capsys: pytest.CaptureFixture[str], module: ModuleType, *names: str) -> Caller:
    """The named commands of a module. One alone is called without its name."""
    app = typer.Typer(rich_markup_mode=None)
    for name in names:
        app.command(help=getattr(module, f"{name.upper()}_HELP"))(getattr(module, name))

    def call(*arguments: object) -> tuple[str, str]:
        capsys.readouterr()
        app([str(one) for one in arguments], standalone_mode=False)
        found = capsys.readouterr()
        return found.out, found.err

    return call
