"""The command ``rewardgym view``: a run's replies in a browser, from this machine alone.

In: a run folder. Out: an address on the loopback interface, served until Ctrl-C. All of it is in
``rewardgym.report.serve``, which is imported when the command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

VIEW_HELP = """All replies of a run, with their prompts, in a browser; also while it is written.

\b
Examples:
  rewardgym view runs/x
  rewardgym view runs/x --port 8123 --no-browser
"""


def view(
    run: Annotated[Path, typer.Argument(help="Run folder.", metavar="RUN")],
    port: Annotated[int, typer.Option(help="Port on this machine; 0 takes a free one.")] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open it in a browser.")
    ] = True,
) -> None:
    from rewardgym.report.serve import serve

    serve(run, port=port, open_browser=browser)
