"""A run as a Hugging Face dataset: Parquet shards and a card that says what they are.

In: a run and a path. Out: a folder that ``datasets.load_dataset(folder, "rollouts")`` reads without
a network, and that can be uploaded as it is. Shards are cut by the size of their text, so that each
stays far below what the Hub takes as one file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from rewardgym.export.blocks import Block, snapshot
from rewardgym.export.card import Held, card
from rewardgym.export.files import Table, opened, tables_of
from rewardgym.export.places import new_folder
from rewardgym.export.writers import check_format, open_writer
from rewardgym.records import RecordStore, Run

SHARD_CHARACTERS = 1_000_000_000
"""A shard ends after about so many characters of replies, which is a few hundred MB as Parquet."""
SHARD_ROWS = 2_000_000

_OWNED = ("data/rollouts-*.parquet", "data/laws-*.parquet", "data/rates-*.parquet", "README.md")


def export_dataset(
    run: Run | RecordStore | str | Path,
    out: str | Path,
    *,
    by: Sequence[str] | None = None,
    level: float = 0.95,
    force: bool = False,
) -> dict[str, int]:
    """Writes the run as a dataset folder: ``README.md`` and ``data/*.parquet``; gives the rows of
    each table. ``by`` groups the rates, by each cell where it is left out.

    Raises ValueError for an empty run, and for a folder that is there already unless ``force`` is
    given; RuntimeError where pyarrow is missing.
    """
    check_format("parquet")
    path = Path(out)
    with opened(run) as store, snapshot(store), new_folder(path, _OWNED, force) as folder:
        (folder / "data").mkdir()
        held = []
        for table in tables_of(store, by, level):
            names = [column.name for column in table.columns]
            held.append(Held(table.name, names, _write_shards(table, folder / "data")))
        text = card(store, held, name=path.resolve().name, level=level)
        (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")
        return {one.name: one.rows for one in held}


def _write_shards(table: Table, folder: Path) -> int:
    rows = 0
    blocks = table.blocks()
    for shard, first in enumerate(blocks):
        path = folder / f"{table.name}-{shard:05d}.parquet"
        with open_writer(path, "parquet", table.columns) as writer:
            for block in _until_full(chain([first], blocks)):
                writer.write(block)
                rows += len(block.rows)
    return rows


def _until_full(blocks: Iterator[Block]) -> Iterator[Block]:
    """Blocks until a shard is full; the rest is left in ``blocks``."""
    characters = rows = 0
    for block in blocks:
        yield block
        rows += len(block.rows)
        characters += block.characters
        if characters >= SHARD_CHARACTERS or rows >= SHARD_ROWS:
            return
