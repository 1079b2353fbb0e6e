"""Watching: each new checkpoint of somebody's training measured once, as it appears.

In: the folder of a training, or a glob, and variants. Out: rows in one run folder, the same that an
exact sweep of all the checkpoints would write, and a line of a table a checkpoint. What is measured
is read off the run folder and never kept beside it, so that a watcher that is killed, or two at
once, end in the same table as one that was left alone.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewardgym.appending import DisturbedError, ReplacedError, Series
from rewardgym.arrivals import SETTLE, Arrival, Arrivals
from rewardgym.checkpoints import CheckpointError
from rewardgym.metrics.rates import RATE_COLUMNS, gaming_rates
from rewardgym.outcomes import OTHERS
from rewardgym.plans import Exact, make_plan
from rewardgym.policies.base import PolicyError
from rewardgym.policies.decoding import Decoding
from rewardgym.records import Run
from rewardgym.training.live_table import MOST_COLUMNS, LiveTable
from rewardgym.variants import Variant

if TYPE_CHECKING:
    import pandas as pd

EVERY = 10.0
"""Seconds between two looks."""
_NEEDED = (*RATE_COLUMNS, *OTHERS, "residual")
SOONEST = 0.05
"""Seconds between two looks at the least."""


@dataclass(frozen=True)
class Watched:
    """What a watch came to."""

    run: Run
    measured: tuple[str, ...]
    """Checkpoints measured now, in order; those of earlier watches are not among them."""
    failed: tuple[str, ...]
    """Checkpoints that were refused, or gave no numbers; each was told."""
    left: tuple[str, ...]
    """Checkpoints that were not measured yet, most because they were not complete."""


def say_at_once(line: str) -> None:
    """Prints a line, also into a file that somebody follows."""
    print(line, flush=True)


def tell_at_once(line: str) -> None:
    """The same on standard error, so that standard output has the table alone."""
    print(f"rewardgym: {line}", file=sys.stderr, flush=True)


def _nothing(line: str) -> None:
    """Takes a line for those who want none."""


def watch(
    folder: str | Path,
    variants: Variant | Sequence[Variant],
    *,
    out: str | Path | None = None,
    n: int = 50,
    seed: int = 0,
    twins: bool = True,
    decoding: Decoding | None = None,
    device: str | None = None,
    dtype: str | None = None,
    exact: Exact | bool = True,
    every: float = EVERY,
    settle: float = SETTLE,
    once: bool = False,
    until_step: int | None = None,
    idle_minutes: float | None = None,
    say: Callable[[str], None] | None = say_at_once,
    tell: Callable[[str], None] | None = tell_at_once,
) -> Watched:
    """Measures ``variants`` on each checkpoint that is, or appears, in ``folder`` (a training's
    folder with ``checkpoint-<step>`` folders, or a glob) and appends it to the run folder ``out``,
    which is ``rewardgym`` inside of ``folder`` unless another is given.

    Looks ``every`` so many seconds, for ever; or ``once``; or until a checkpoint of ``until_step``
    or later is measured; or until nothing was new for ``idle_minutes``. A checkpoint is measured
    when it is complete and its files have stayed the same for ``settle`` seconds: by laws or, with
    ``exact=False``, by ``n`` replies a cell. ``say`` takes the lines of the table, ``tell`` those
    about checkpoints that are waited for, skipped or refused; None for none.

    Raises CheckpointError for a folder that cannot be, SweepError for a run folder of another grid
    or other settings, PolicyError for a model that cannot be asked (device, chat template),
    StoreError for a full disk; what was measured before stays, and the same call goes on.
    """
    if every <= 0 or settle < 0:
        raise ValueError(f"every is {every} and settle {settle}; allowed: seconds above 0")
    if idle_minutes is not None and idle_minutes <= 0:
        raise ValueError(f"idle is {idle_minutes}; allowed: minutes above 0")
    how: dict[str, Any] = {"n": n, "seed": seed, "twins": twins, "exact": exact}
    how |= {"decoding": decoding, "device": device, "dtype": dtype, "variants": variants}
    say, tell = (line if line is not None else _nothing for line in (say, tell))
    arrivals = Arrivals(folder, out=out, settle=settle, waits=not once, tell=tell)
    series = Series(arrivals.out, functools.partial(make_plan, **how))
    pause = (max(settle, SOONEST), max(every, SOONEST))
    stop = Stop(once, until_step, idle_minutes)
    watcher = _Watcher(series, arrivals, stop, pause, say, tell)
    watcher.run()
    left = tuple(one.name for one in arrivals.open)
    return Watched(Run(series.out), tuple(watcher.measured), tuple(watcher.failed), left)


def _label(arrival: Arrival) -> int | str:
    """What the table calls a checkpoint: its step where that says which it is."""
    step = arrival.step if arrival.training == "." else None
    return step if step is not None else arrival.name


@dataclass(frozen=True)
class Stop:
    """When a watch ends by itself."""

    once: bool
    until_step: int | None
    idle_minutes: float | None


@dataclass
class _Watcher:
    """The loop: looks, measures what is ready, rests."""

    series: Series
    arrivals: Arrivals
    stop: Stop
    pause: tuple[float, float]
    """Seconds to rest: while files settle, and else."""
    say: Callable[[str], None]
    tell: Callable[[str], None]
    measured: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    steps: dict[str, int] = field(default_factory=dict)
    """For each training the last step that is done with."""

    def __post_init__(self) -> None:
        conflicts = [v for v in self.series.plan.variants if v.arm == "conflict"]
        fields = dict.fromkeys(variant.field for variant in conflicts)
        self.fields = [*fields][:MOST_COLUMNS] if len(fields) > 1 else []
        rest = "residual" if self.series.plan.exact is not None else "other"
        names = ["rate", "low", "high", "twin", "excess", *(f"{f}/rate" for f in self.fields), rest]
        self.table = LiveTable(self.say, [f"gaming/{name}" for name in names])

    def run(self) -> None:
        self._begin()
        active, looks = time.monotonic(), 0
        while True:
            looks += 1
            for arrival in self.arrivals.look():
                self._score(arrival)
                active = time.monotonic()
                if self._reached(self.steps):
                    break
            settling = self.arrivals.settling and not self._reached(self.steps)
            since = max(active, self.arrivals.changed_at)
            if self._ends(settling, looks, time.monotonic() - since):
                break
            time.sleep(self.pause[0] if settling else self.pause[1])
        for one in self.arrivals.open:
            self.tell(f"left out: {one.name}: {one.cause or 'not measured yet'}")

    def _begin(self) -> None:
        root, plan = self.arrivals.root, self.series.plan
        if not root.is_dir() and self.stop.once:
            raise CheckpointError(f"{root}: is not there, and --once does not wait for it")
        each = "exact laws" if plan.exact is not None else f"{plan.n} replies each"
        before = f", which has {self.series.stored} checkpoints" if self.series.stored else ""
        self.say(
            f"watching {root} every {self.pause[1]:g} s: {len(plan.variants)} variants (twins "
            f"among them), {each}; into {self.series.out}{before}"
        )
        if not root.is_dir():
            self.tell(f"waiting for {root}, which is not there yet")

    def _ends(self, settling: bool, looks: int, idle: float) -> bool:
        if self.stop.once:
            return looks > 1 or not settling
        if settling:
            return False
        if self._reached({**self.series.steps, **self.steps}):
            return True
        return self.stop.idle_minutes is not None and idle >= 60 * self.stop.idle_minutes

    def _reached(self, steps: dict[str, int]) -> bool:
        """Whether every training that was seen has come to the last step that is wanted."""
        wanted, trainings = self.stop.until_step, self.arrivals.trainings or steps.keys()
        if wanted is None or not trainings:
            return False
        return all(steps.get(training, -1) >= wanted for training in trainings)

    # One checkpoint

    def _score(self, arrival: Arrival) -> None:
        started = time.monotonic()
        measured = self._add(arrival)
        if measured is None:
            return
        if measured:
            self.measured.append(arrival.name)
            shown, seconds = self._numbers(arrival.name), time.monotonic() - started
            self.table.row(_label(arrival), shown, seconds)
        arrival.done = arrival.silent = True
        if arrival.step is not None:
            last = self.steps.get(arrival.training, -1)
            self.steps[arrival.training] = max(last, arrival.step)

    def _add(self, arrival: Arrival) -> bool | None:
        """Whether there was something to measure; None for one that is to be looked at again."""
        try:
            return self.series.add(arrival)
        except DisturbedError:
            self.tell(f"waiting for {arrival.name}: it was written again while it was loaded")
            return None
        except (CheckpointError, OSError) as error:
            if arrival.is_going:
                self.tell(f"{arrival.name} was deleted while it was read; skipped")
                arrival.silent = True
                return None
            self._fail(arrival, error)
        except ReplacedError as error:
            self._fail(arrival, error)
        except PolicyError as error:
            if not self.series.loaded:  # no checkpoint of this series could be asked so
                raise
            self._fail(arrival, error)
        return False

    def _fail(self, arrival: Arrival, error: Exception) -> None:
        cause = " ".join(str(error).split())[:300]
        self.tell(f"{arrival.name} not measured: {cause}")
        self.failed.append(arrival.name)

    def _numbers(self, name: str) -> dict[str, float]:
        """What the table shows of a checkpoint; what has no data is left out."""
        run = Run(self.series.out)
        found = self._row(gaming_rates(run, by=["checkpoint"]), name)
        table = gaming_rates(run, by=["checkpoint", "field"])
        for value in self.fields:
            own = self._row(table[table["field"] == value], name)
            found |= {f"{value}/rate": own["rate"]} if own else {}
        return {f"gaming/{key}": value for key, value in found.items() if value == value}

    def _row(self, table: pd.DataFrame, name: str) -> dict[str, float]:
        """The numbers of a checkpoint's conflicts: none where there is none."""
        own = table[(table["checkpoint"] == name) & (table["method"] == self.series.plan.method)]
        own = own[own["arm"] == "conflict"]
        if len(own) != 1:
            return {}
        row = {key: float(value) for key, value in own.iloc[0].items() if key in _NEEDED}
        other = sum(row[outcome] for outcome in OTHERS)
        replies = row["n"] + other + row["residual"]
        return {
            **{key: row[key] for key in ("rate", "low", "high", "excess")},
            "twin": row["twin_k"] / row["twin_n"] if row["twin_n"] > 0 else math.nan,
            "residual": row["residual"] / replies if replies > 0 else math.nan,
            "other": other / replies if replies > 0 else math.nan,
        }
