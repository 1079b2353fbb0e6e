"""Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere.

In: counts. Out: text on standard error. Behind a small class so that the library can be silent in
a notebook or a test and so that nothing but this file knows rich's progress API.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Progress:
    """Counts what was done; this one shows nothing."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.skipped = 0

    def start(self, name: str, count: int, skipped: int) -> None:
        """A part called ``name`` begins: ``count`` steps, ``skipped`` of them done before."""
        self.done += skipped
        self.skipped += skipped

    def advance(self, count: int) -> None:
        """``count`` more steps are done."""
        self.done += count


class LineProgress(Progress):
    """One line a part, for logs."""

    def start(self, name: str, count: int, skipped: int) -> None:
        super().start(name, count, skipped)
        before = f", {skipped:,} stored before" if skipped else ""
        print(f"{name}: {count:,} rollouts{before}", file=sys.stderr, flush=True)


class BarProgress(Progress):
    """A bar with rate and time left."""

    def __init__(self, total: int, bar: RichProgress, task: TaskID) -> None:
        super().__init__(total)
        self.bar = bar
        self.task = task

    def start(self, name: str, count: int, skipped: int) -> None:
        super().start(name, count, skipped)
        self.bar.update(self.task, description=name, completed=self.done)

    def advance(self, count: int) -> None:
        super().advance(count)
        self.bar.update(self.task, completed=self.done)


@contextmanager
def make_progress(wanted: bool | None, total: int) -> Iterator[Progress]:
    """A bar on a terminal, lines elsewhere, nothing for ``wanted=False``. None is a bar on a
    terminal and nothing elsewhere, as a library should be."""
    terminal = sys.stderr.isatty()
    if wanted is False or (wanted is None and not terminal):
        yield Progress(total)
        return
    if not terminal:
        yield LineProgress(total)
        return
    from rich import progress as rich_progress
    from rich.console import Console
    from rich.text import Text

    class RateColumn(rich_progress.ProgressColumn):
        """Rollouts a second, over the last half minute."""

        def render(self, task: rich_progress.Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "-/s")

    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        RateColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn("left"),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True)) as bar:
        yield BarProgress(total, bar, bar.add_task("starting", total=total))
