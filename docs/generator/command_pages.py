"""The command line's page, from what the commands themselves print.

In: the typer application. Out: one page with every command's ``--help``. Taken from the program and
not from a list, so that a new command is on the site when it is in the program.
"""

from __future__ import annotations

import typer
from site_page import Generated
from typer.testing import CliRunner

from rewardgym.cli import app

WIDTH = 88
"""Columns of the help texts, whatever the terminal in which the site is built."""


def command_names() -> list[str]:
    """Every command, in the order of the program."""
    group = typer.main.get_command(app)
    return list(getattr(group, "commands", {}))


def help_of(*command: str) -> str:
    """What ``rewardgym COMMAND --help`` prints. Raises RuntimeError where that fails."""
    found = CliRunner().invoke(
        app, [*command, "--help"], prog_name="rewardgym", terminal_width=WIDTH, color=False
    )
    if found.exit_code != 0:
        raise RuntimeError(f"rewardgym {' '.join(command)} --help ended with {found.exit_code}")
    return found.output.strip("\n")


def command_pages() -> list[Generated]:
    """The page of the command line."""
    lines = [
        "# Command line",
        "",
        "Every factor of a prompt is a flag, and a comma list makes a grid. Bad input is one line "
        "on standard error and exit code 2. A run folder can be asked again and again: the command "
        "that made it resumes it, all others only read it.",
        "",
        "```text",
        help_of(),
        "```",
    ]
    for name in command_names():
        lines += ["", f"## rewardgym {name}", "", "```text", help_of(name), "```"]
    return [Generated("commands.md", "Command line", "\n".join(lines) + "\n")]
