"""What a report is about: a run's rates in every grouping that it shows, read in one snapshot.

In: a run's store. Out: :class:`Results`, one a method, and how much of the run is there. All of a
report is read within one transaction, so that a page made while a sweep is writing cannot hold two
tables that disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rewardgym.law_records import LawRecords
from rewardgym.metrics.ladder import ladder_frame
from rewardgym.metrics.rates import cell_table, gaming_rates
from rewardgym.records import RecordStore, Run
from rewardgym.variants import FACTORS, Variant

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("sampled", "sequential", "chains", "exact")
UNITS = {"exact": "exact laws", "chains": "chains of thought"}
"""What a method's rows are, where they are no replies."""

MOST_ROWS = 1500
"""Rows of the table of a report: beyond, it is grouped by fewer factors."""

PLACE = ("checkpoint", "step")


@dataclass(frozen=True)
class Results:
    """One method's rates of a run, in the groupings that a report shows."""

    method: str
    level: float
    cells: pd.DataFrame
    """See ``cell_table``."""
    varying: tuple[str, ...]
    """The factors that take several values, apart from the two sides."""
    encoding: str | None
    """The encoding that headline and curves are about; None where they pool what there is."""
    overall: pd.DataFrame
    """Rates by checkpoint, of ``encoding`` alone where that is not None."""
    fields: pd.DataFrame
    """Rates by checkpoint and field, of ``encoding`` alone where that is not None."""
    encodings: pd.DataFrame
    """Rates by checkpoint and encoding."""
    grid: pd.DataFrame
    """Rates by checkpoint, field and encoding."""
    arms: pd.DataFrame
    """Rates and outcomes by checkpoint and arm."""
    table: pd.DataFrame
    """Rates by checkpoint and ``table_keys``."""
    table_keys: tuple[str, ...]
    ladder: pd.DataFrame
    """See ``ladder_frame``, at ``focus``; without rows where no two cells differ by one edit."""
    ladder_base: str
    """What the ladder is measured against, in words."""

    @property
    def arm(self) -> str | None:
        """The arm that the report is about: conflict where there is any; None without cells."""
        there = set(self.cells["arm"])
        return next((a for a in ("conflict", "neutral", "none", "agree") if a in there), None)

    @property
    def by_step(self) -> bool:
        """Whether the checkpoints have an order: all of them have a step."""
        return bool(len(self.cells)) and bool(self.cells["step"].notna().all())

    def in_arm(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of the report's arm."""
        return table[table["arm"] == self.arm].reset_index(drop=True)

    def of_arm(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of the report's arm that hold an answer."""
        found = self.in_arm(table)
        return found[found["n"] > 0].reset_index(drop=True)

    @property
    def focus(self) -> str | None:
        """The checkpoint that findings and single-checkpoint figures are about: the last that has
        an answer in the report's arm, or, of policies without an order, the one of highest rate."""
        there = self.of_arm(self.overall)
        if there.empty:
            return None
        place = len(there) - 1 if self.by_step else int(there["rate"].to_numpy().argmax())
        return str(there["checkpoint"].iloc[place])

    def at_focus(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of that checkpoint."""
        return table[table["checkpoint"] == self.focus].reset_index(drop=True)


@dataclass(frozen=True)
class Progress:
    """How much of a method's plan is in the run."""

    method: str
    done: int
    planned: int | None
    """None where the run does not say."""

    @property
    def unit(self) -> str:
        return UNITS.get(self.method, "replies")

    @property
    def is_short(self) -> bool:
        return self.planned is not None and self.done < self.planned


@contextmanager
def snapshot(run: Run | RecordStore | str | Path) -> Iterator[RecordStore]:
    """The run's store, held at one moment: what others write meanwhile is not seen. Raises
    StoreError where there is no run."""
    if isinstance(run, RecordStore):
        yield run
        return
    with (run if isinstance(run, Run) else Run(run)).open() as store:
        store.query("BEGIN")
        yield store


def read_results(store: RecordStore, level: float = 0.95) -> list[Results]:
    """The results of every method that the run holds, the most measured first; empty where no cell
    is there."""
    cells = cell_table(store)
    if cells.empty:
        return []
    found = [method for method in METHODS if (cells["method"] == method).any()]
    found += [m for m in cells["method"].unique() if m not in found]
    found.sort(key=lambda method: -int((cells["method"] == method).sum()))
    groups: tuple[tuple[str, ...], ...] = (
        *((), ("encoding",), ("field", "encoding")),
        *(("field",), ("arm",)),
    )
    rates = {by: gaming_rates(store, [*PLACE, *by], level=level) for by in groups}
    return [_of_method(store, method, cells, rates, level) for method in found]


def _of_method(
    store: RecordStore,
    method: str,
    cells: pd.DataFrame,
    rates: dict[tuple[str, ...], pd.DataFrame],
    level: float,
) -> Results:
    def of(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["method"] == method].reset_index(drop=True)

    own = of(cells)
    varying = tuple(
        name
        for name in FACTORS
        if name not in ("ask", "high", "hint") and own[name].nunique(dropna=False) > 1
    )
    conflict = own[own["arm"] == "conflict"]
    encoding = _main_encoding(list((own if conflict.empty else conflict)["encoding"].unique()))
    overall, fields = of(rates[()]), of(rates["field",])
    by_encoding, grid = of(rates["encoding",]), of(rates["field", "encoding"])
    if encoding is not None:
        # A group of one encoding: the same rows as if the run had no other.
        overall = by_encoding[by_encoding["encoding"] == encoding].reset_index(drop=True)
        fields = grid[grid["encoding"] == encoding].reset_index(drop=True)
    keys = _table_keys(own, varying)
    table = of(gaming_rates(store, [*PLACE, *keys], level=level))
    found = Results(
        method=method,
        level=level,
        cells=own,
        varying=varying,
        encoding=encoding,
        overall=overall,
        fields=fields,
        encodings=by_encoding,
        grid=grid,
        arms=of(rates["arm",]),
        table=table,
        table_keys=keys,
        ladder=own.head(0),
        ladder_base="",
    )
    ladder, base = _ladder(store, found)
    return replace(found, ladder=ladder, ladder_base=base)


def _ladder(store: RecordStore, results: Results) -> tuple[pd.DataFrame, str]:
    """The ladder at the checkpoint that the report is about, and what it is measured against."""
    if results.arm != "conflict" or results.focus is None:
        return results.cells.head(0), ""
    try:
        found = ladder_frame(
            store, checkpoint=results.focus, method=results.method, level=results.level
        )
    except ValueError:  # the best connected variant was not asked there yet
        return results.cells.head(0), ""
    steps = found.drop_duplicates("factor")[["factor", "against"]].to_dict("records")
    return found, ", ".join(f"{one['factor']}: {one['against']}" for one in steps)


def _main_encoding(there: Sequence[str]) -> str | None:
    """Plain text where it is one of several: a mean over encodings that a model can and cannot
    read is a rate of nothing."""
    return "plain" if len(there) > 1 and "plain" in there else None


def _table_keys(cells: pd.DataFrame, varying: tuple[str, ...]) -> tuple[str, ...]:
    """All factors that vary, or as many of the first ones as the table's size allows."""
    keys = [name for name in ("field", "encoding") if name in varying]
    others = [name for name in varying if name not in keys]
    if not keys:
        keys = ["field"]
    for count in range(len(others), -1, -1):
        chosen = [*keys, *others[:count]]
        if len(cells.groupby([*PLACE, *chosen, "arm"], dropna=False).size()) <= MOST_ROWS:
            return tuple(chosen)
    return tuple(keys)


def read_progress(store: RecordStore) -> list[Progress]:
    """For every method that was planned or measured: how many rows are there, and how many the
    plan has. A reply whose request failed is not there yet."""
    methods = {cell.id: str(cell.policy.get("method", "sampled")) for cell in store.cells()}
    done: dict[str, int] = {}
    for cell, counts in store.counts().items():
        answered = sum(count for outcome, count in counts.items() if outcome != "error")
        done[methods[cell]] = done.get(methods[cell], 0) + answered
    for cell, sums in LawRecords(store).sums().items():
        done[methods[cell]] = done.get(methods[cell], 0) + sums.rows
    found = []
    for method in dict.fromkeys([*METHODS, *done]):
        planned = _planned(store, method)
        if planned is not None or done.get(method):
            found.append(Progress(method, done.get(method, 0), planned))
    return found


def _planned(store: RecordStore, method: str) -> int | None:
    """The rows of a method's plan; None without one, and where a cell may stop before n."""
    # A sweep that stops early is configured like a sampled one, and ends when it likes.
    config = store.get_config(method)
    if config is None or method == "sequential":
        return None
    n = int(config["n"])
    variants = [Variant.parse(text) for text in config["variants"]]
    counts = [1 if method == "exact" and not variant.is_open else n for variant in variants]
    return len(config["policies"]) * sum(counts)
