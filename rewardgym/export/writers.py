"""Writers: blocks of rows to one file, in one of three formats.

In: columns and blocks. Out: Parquet, JSONL or CSV. They know nothing of runs, so that rollouts,
laws and rates go through the same code; none holds more than a few blocks.

Text that is no valid Unicode (a lone surrogate) is JSON's ``\\ud800`` in JSONL, ``json:"\\ud800"``
in CSV, and in Parquet, whose strings are UTF-8, the six characters ``\\ud800``: as the run's own
store keeps it, so that a stored reply comes back from all three as it was stored.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from rewardgym.export.blocks import Block
from rewardgym.export.columns import Column
from rewardgym.export.csv_cells import to_cell
from rewardgym.names import unknown
from rewardgym.records import storable

FORMATS = ("parquet", "jsonl", "csv")

GROUP_ROWS = 32_768
GROUP_CHARACTERS = 16_000_000
"""A Parquet row group ends at whichever of the two it reaches first."""

_REPAIR = "Parquet needs pyarrow: pip install 'rewardgym[data]', or export as jsonl or csv"


class Writer(Protocol):
    """Writes blocks of rows, one after the other."""

    def write(self, block: Block) -> None: ...


def check_format(form: str) -> None:
    """Raises ValueError for an unknown format, RuntimeError where its library is missing."""
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if form == "parquet":
        _parquet()


def open_writer(
    path: Path, form: str, columns: Sequence[Column], *, quoted: bool = False, packed: bool = False
) -> AbstractContextManager[Writer]:
    """A writer of ``form`` to ``path``. ``quoted`` is for CSV that a spreadsheet opens; ``packed``
    writes JSONL and CSV through gzip."""
    check_format(form)
    if form == "parquet":
        return _parquet_writer(path, columns)
    if form == "jsonl":
        return _jsonl_writer(path, columns, packed)
    return _csv_writer(path, columns, quoted, packed)


def write_blocks(writer: Writer, blocks: Iterable[Block]) -> int:
    """Writes all blocks; gives the number of rows."""
    rows = 0
    for block in blocks:
        writer.write(block)
        rows += len(block.rows)
    return rows


@contextmanager
def _text_file(path: Path, packed: bool) -> Iterator[IO[str]]:
    if not packed:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    # Without a time in it the same run gives the same bytes.
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as inner,
        io.TextIOWrapper(inner, encoding="utf-8", newline="") as file,
    ):
        yield file


def _own(block: Block, columns: Sequence[Column]) -> list[Column]:
    return [column for column in columns if column.name not in block.shared]


# JSONL


class _Jsonl:
    def __init__(self, file: IO[str], columns: Sequence[Column]) -> None:
        self.file, self.columns = file, columns

    def write(self, block: Block) -> None:
        head = json.dumps(dict(block.shared), allow_nan=False)[:-1]
        head += ", " if block.shared else ""
        names = [column.name for column in _own(block, self.columns)]
        for row in block.rows:
            own = json.dumps({name: row[name] for name in names}, allow_nan=False)
            self.file.write(f"{head}{own[1:]}\n")


@contextmanager
def _jsonl_writer(path: Path, columns: Sequence[Column], packed: bool) -> Iterator[Writer]:
    with _text_file(path, packed) as file:
        yield _Jsonl(file, columns)


# CSV


class _Csv:
    def __init__(self, file: IO[str], columns: Sequence[Column], quoted: bool) -> None:
        # RFC 4180: with CRLF as the line's end both of its characters are quoted inside cells.
        self.lines = csv.writer(file, lineterminator="\r\n")
        self.columns, self.quoted = columns, quoted
        self.last: dict[str, tuple[Any, str]] = {}
        self.lines.writerow([column.name for column in columns])

    def write(self, block: Block) -> None:
        shared = {
            column.name: to_cell(block.shared[column.name], column, self.quoted)
            for column in self.columns
            if column.name in block.shared
        }
        own = _own(block, self.columns)
        names = [column.name for column in self.columns]
        for row in block.rows:
            cells = shared | {column.name: self._cell(row, column) for column in own}
            self.lines.writerow([cells[name] for name in names])

    def _cell(self, row: Mapping[str, Any], column: Column) -> str:
        """A row's cell; one that the row before has settled is not written out again."""
        if not column.by:
            return to_cell(row[column.name], column, self.quoted)
        key, cell = self.last.get(column.name, (None, ""))
        if key is None or key != row[column.by]:
            cell = to_cell(row[column.name], column, self.quoted)
            self.last[column.name] = (row[column.by], cell)
        return cell


@contextmanager
def _csv_writer(
    path: Path, columns: Sequence[Column], quoted: bool, packed: bool
) -> Iterator[Writer]:
    with _text_file(path, packed) as file:
        yield _Csv(file, columns, quoted)


# Parquet


def _parquet() -> Any:
    """pyarrow, with its Parquet part. Raises RuntimeError in one line where it is missing."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RuntimeError(_REPAIR) from None
    return pyarrow


_PLAIN = ("integer", "number", "flag")
"""Kinds whose values Arrow takes as they are."""


def _arrow_type(column: Column) -> Any:
    pa = _parquet()
    kinds = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "messages": pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
    }
    return kinds.get(column.kind, pa.string())


def _arrow_value(value: Any, column: Column) -> Any:
    if value is None or column.kind in _PLAIN:
        return value
    if column.kind == "messages":
        return [{key: storable(one[key]) for key in ("role", "content")} for one in value]
    return storable(str(value)) if column.kind == "text" else json.dumps(value)


class _Parquet:
    def __init__(self, pa: Any, file: Any, schema: Any, columns: Sequence[Column]) -> None:
        self.pa, self.file, self.schema, self.columns = pa, file, schema, columns
        self.blocks: list[Block] = []
        self.rows = self.characters = 0

    def write(self, block: Block) -> None:
        self.blocks.append(block)
        self.rows += len(block.rows)
        self.characters += block.characters
        if self.rows >= GROUP_ROWS or self.characters >= GROUP_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        if not self.blocks:
            return
        arrays = [
            self._array(column, field.type)
            for column, field in zip(self.columns, self.schema, strict=True)
        ]
        self.file.write_table(self.pa.table(arrays, schema=self.schema))
        self.blocks, self.rows, self.characters = [], 0, 0

    def _array(self, column: Column, kind: Any) -> Any:
        """One column of the waiting blocks; values that rows share are converted once."""
        name = column.name
        if all(name in block.shared for block in self.blocks):
            counts = [len(block.rows) for block in self.blocks]
            values = [block.shared[name] for block in self.blocks]
            places: Any = np.repeat(np.arange(len(values)), counts)
        elif column.by:
            known: dict[Any, int] = {}
            values, places = [], []
            for row in self._waiting():
                place = known.setdefault(row[column.by], len(known))
                if place == len(values):
                    values.append(row[name])
                places.append(place)
        else:
            values, places = [row[name] for row in self._waiting()], None
        if column.kind not in _PLAIN:
            values = [_arrow_value(value, column) for value in values]
        array = self.pa.array(values, kind)
        return array if places is None else array.take(self.pa.array(places, self.pa.int64()))

    def _waiting(self) -> Iterator[Mapping[str, Any]]:
        for block in self.blocks:
            yield from block.rows


@contextmanager
def _parquet_writer(path: Path, columns: Sequence[Column]) -> Iterator[Writer]:
    pa = _parquet()
    schema = pa.schema([(column.name, _arrow_type(column)) for column in columns])
    with pa.parquet.ParquetWriter(path, schema, compression="zstd") as file:
        writer = _Parquet(pa, file, schema, columns)
        yield writer
        writer.flush()
