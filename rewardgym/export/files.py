"""A run as files: rollouts, exact laws and rates, each a table of its own.

In: a run and a path. Out: one file a table, or one of them alone. Everything is read within one
snapshot of the run, so that the counts in the rates are those of the rows beside them, and moved
into place when it is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rewardgym.export.blocks import (
    Block,
    law_blocks,
    rate_blocks,
    rate_columns,
    rollout_blocks,
    snapshot,
)
from rewardgym.export.columns import LAWS, ROLLOUTS, Column
from rewardgym.export.places import new_file, new_folder
from rewardgym.export.writers import FORMATS, check_format, open_writer, write_blocks
from rewardgym.metrics.rates import KEYS, gaming_rates
from rewardgym.names import unknown
from rewardgym.records import RecordStore, Run
from rewardgym.variants import FACTORS, Variant

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("rollouts", "laws", "rates")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a run, not read yet."""

    name: str
    columns: tuple[Column, ...]
    blocks: Callable[[], Iterator[Block]]
    """Reads the table from the start, each time it is called."""


def export_tables(
    run: Run | RecordStore | str | Path,
    out: str | Path,
    form: str = "parquet",
    *,
    by: Sequence[str] | None = None,
    level: float = 0.95,
    force: bool = False,
    quoted: bool = False,
) -> dict[str, int]:
    """Writes every table that the run holds into the folder ``out``: rollouts, laws and rates, as
    parquet, jsonl or csv; gives the rows of each.

    ``by`` groups the rates, by each cell where it is left out. ``quoted`` guards CSV for
    spreadsheets (see ``csv_cells``). Raises ValueError for an unknown format, an empty run, and a
    folder that is there already unless ``force`` is given; RuntimeError where pyarrow is missing.
    """
    check_format(form)
    owned = tuple(f"{name}.{form}" for name in TABLES)
    with opened(run) as store, snapshot(store), new_folder(Path(out), owned, force) as folder:
        written = {}
        for table in tables_of(store, by, level):
            path = folder / f"{table.name}.{form}"
            with open_writer(path, form, table.columns, quoted=quoted) as writer:
                written[table.name] = write_blocks(writer, table.blocks())
        return written


def export_table(
    run: Run | RecordStore | str | Path,
    out: str | Path,
    table: str = "rollouts",
    form: str | None = None,
    *,
    by: Sequence[str] | None = None,
    level: float = 0.95,
    force: bool = False,
    quoted: bool = False,
) -> int:
    """Writes one table (rollouts, laws or rates) to the file ``out`` and gives its rows. The format
    is the file's ending where it is left out; ``.jsonl.gz`` and ``.csv.gz`` are packed.

    Raises as :func:`export_tables` does, and ValueError for a table that the run does not hold.
    """
    path = Path(out)
    form = form or form_of(path)
    if form is None:
        raise ValueError(f"{path}: its ending names no format; allowed: {', '.join(FORMATS)}")
    if table not in TABLES:
        raise unknown("table", table, TABLES)
    packed = path.suffix == ".gz" and form != "parquet"
    check_format(form)
    with opened(run) as store, snapshot(store), new_file(path, force) as made:
        held = {one.name: one for one in tables_of(store, by, level)}
        if table not in held:
            raise ValueError(f"{store.folder}: holds no {table}; it has {' and '.join(held)}")
        chosen = held[table]
        with open_writer(made, form, chosen.columns, quoted=quoted, packed=packed) as writer:
            return write_blocks(writer, chosen.blocks())


def form_of(path: Path) -> str | None:
    """The format that a file's ending names, None for none of them."""
    ending = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    return ending[1:].lower() if ending[1:].lower() in FORMATS else None


def tables_of(
    store: RecordStore, by: Sequence[str] | None = None, level: float = 0.95
) -> list[Table]:
    """The tables that a run holds. Raises ValueError for an empty run: no rows are no rates."""
    found = []
    if not store.is_empty:
        found.append(Table("rollouts", ROLLOUTS, lambda: rollout_blocks(store)))
    if next(law_blocks(store), None) is not None:
        found.append(Table("laws", LAWS, lambda: law_blocks(store)))
    if not found:
        raise ValueError(
            f"{store.folder}: holds no replies and no laws yet; run the sweep that made it again"
        )
    rates = gaming_rates(store, cell_keys(store) if by is None else by, level=level)
    return [*found, _rates(rates)]


def _rates(rates: pd.DataFrame) -> Table:
    return Table("rates", rate_columns(rates), lambda: rate_blocks(rates))


def cell_keys(store: RecordStore) -> list[str]:
    """What tells the cells of a run apart: checkpoint, step, each factor that varies, and arm."""
    names = dict.fromkeys(cell.variant for cell in store.cells())
    variants = [Variant.parse(name) for name in names]
    varied = [f for f in FACTORS if f in KEYS and len({getattr(v, f) for v in variants}) > 1]
    return ["checkpoint", "step", *varied, "arm"]


def opened(run: Run | RecordStore | str | Path) -> RecordStore:
    """The run's store, opened anew, so that reading in a snapshot is nobody else's transaction."""
    folder = run.folder if isinstance(run, Run | RecordStore) else run
    return RecordStore(folder)
