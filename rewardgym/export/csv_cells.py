"""CSV cells: how a value is written so that it can be read back as it was.

In: values. Out: the text of cells, and values again. The file is RFC 4180 (UTF-8, CRLF, quotes
doubled), and text stands in it as it is. Two things CSV cannot hold, so a cell with a NUL or a
lone surrogate is ``json:`` and the text as a JSON string, as is one that begins with ``json:``. An
empty cell is a missing value, except in a column that is never missing.

Model output is hostile text, and a spreadsheet runs a cell that begins with = + - or @. The files
are for programs first, so nothing is added unless asked for: with ``quoted`` such texts get a
leading apostrophe, which spreadsheets hide, and which :func:`read_csv` takes off again.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rewardgym.export.columns import Column

MARK = "json:"
"""Begins a cell whose text is written as a JSON string."""
APOSTROPHE = "'"
DANGEROUS = tuple("=+-@\t\r\n" + "＝＋－＠")
"""What a spreadsheet may take for the begin of a formula (OWASP, CSV injection), the wide forms
included."""
_FIELD_LIMIT = 2**31 - 1


def to_cell(value: Any, column: Column, quoted: bool = False) -> str:
    """The text of a cell."""
    if value is None:
        return ""
    if column.kind == "flag":
        return "true" if value else "false"
    if column.kind in ("integer", "number"):
        return repr(value)
    if column.kind in ("json", "messages"):
        return json.dumps(value)  # ASCII: whatever it holds is escaped already
    return _text_cell(str(value), column, quoted)


def _text_cell(text: str, column: Column, quoted: bool) -> str:
    if text.startswith(MARK) or "\0" in text or not _is_utf8(text):
        return MARK + json.dumps(text)
    if not text and not column.required:
        return MARK + '""'
    return APOSTROPHE + text if quoted and text.startswith((*DANGEROUS, APOSTROPHE)) else text


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def from_cell(cell: str, column: Column, quoted: bool = False) -> Any:
    """The value of a cell. Raises ValueError for a cell that does not hold the column's kind."""
    if not cell:
        return "" if column.required and column.kind == "text" else None
    if column.kind == "flag":
        if cell not in ("true", "false"):
            raise ValueError(f"{column.name} is {cell!r}; allowed: true, false or nothing")
        return cell == "true"
    if column.kind in ("integer", "number"):
        return int(cell) if column.kind == "integer" else float(cell)
    if column.kind in ("json", "messages"):
        return json.loads(cell)
    if cell.startswith(MARK):
        return json.loads(cell[len(MARK) :])
    return cell[1:] if quoted and cell.startswith(APOSTROPHE) else cell


def read_csv(
    path: str | Path, columns: Iterable[Column], *, quoted: bool = False
) -> Iterator[dict[str, Any]]:
    """The rows of a CSV of ours, one after the other, with the values that were written.

    ``columns`` are those of the table, such as ``rewardgym.export.columns.ROLLOUTS``; ``quoted`` is
    for files that were written so. Raises ValueError where the file has other columns. While rows
    are read ``csv.field_size_limit`` is raised: a reply may be longer than its usual 128 kB.
    """
    known = {column.name: column for column in columns}
    before = csv.field_size_limit(_FIELD_LIMIT)  # the module's own limit is 128 kB a cell
    try:
        opening = gzip.open if str(path).endswith(".gz") else open
        with opening(path, "rt", encoding="utf-8", newline="") as file:
            lines = csv.reader(file, strict=True)
            names = next(lines, [])
            if set(names) != set(known):
                other = sorted(set(names) ^ set(known))
                raise ValueError(f"{path}: has other columns than asked for, such as {other[0]!r}")
            for cells in lines:
                yield {
                    name: from_cell(cell, known[name], quoted)
                    for name, cell in zip(names, cells, strict=True)
                }
    finally:
        csv.field_size_limit(before)
