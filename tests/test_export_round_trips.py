"""Round trips: any text at all comes back from Parquet, JSONL and CSV as it was stored."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewardgym_exports import ANY_TEXT, FORMATS, HOSTILE, rows_of, run_of, two_methods

from rewardgym.export import export_table, read_csv
from rewardgym.export.blocks import Block
from rewardgym.export.columns import ROLLOUTS, Column
from rewardgym.export.csv_cells import DANGEROUS
from rewardgym.export.writers import open_writer
from rewardgym.records import Run, storable

run = pytest.fixture(scope="module")(two_methods)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("quoted", [False, True])
def test_hostile_replies_come_back_as_they_were_stored(
    tmp_path: Path, form: str, quoted: bool
) -> None:
    folder = run_of(tmp_path / "run")
    path = tmp_path / f"x.{form}"
    export_table(folder, path, quoted=quoted)
    found = list(read_csv(path, ROLLOUTS, quoted=quoted)) if form == "csv" else rows_of(path)
    assert [row["reply"] for row in found] == list(HOSTILE)
    assert {row["label"] for row in found} == {'a, "label"\nof <your> own'}


def test_a_lone_surrogate_of_a_model_comes_back_as_the_store_keeps_it(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", ("a\ud800b",))
    for form in FORMATS:
        export_table(folder, tmp_path / f"x.{form}")
        [row] = rows_of(tmp_path / f"x.{form}")
        assert row["reply"] == storable("a\ud800b") == "a\\ud800b"


COLUMNS = (
    Column("text", required=True),
    Column("maybe"),
    Column("whole", "integer"),
    Column("number", "number"),
    Column("flag", "flag"),
    Column("json", "json"),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": ANY_TEXT,
            "maybe": st.none() | ANY_TEXT,
            "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "flag": st.none() | st.booleans(),
            "json": st.none() | st.dictionaries(ANY_TEXT, st.lists(ANY_TEXT, max_size=2)),
        }
    ),
    min_size=1,
    max_size=4,
)


def written(folder: Path, form: str, rows: list[dict[str, Any]], quoted: bool = False) -> Path:
    path = folder / f"x.{form}"
    blocks = [
        Block({"text": row["text"]}, [{k: v for k, v in row.items() if k != "text"}])
        for row in rows
    ]
    with open_writer(path, form, COLUMNS, quoted=quoted) as writer:
        for block in blocks:
            writer.write(block)
    return path


@given(rows=ROWS, quoted=st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_text_at_all_comes_back_from_csv_and_jsonl(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], quoted: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = written(folder, "csv", rows, quoted)
    # None and {} differ, "" and None differ; only a missing JSON value is an empty cell.
    assert list(read_csv(path, COLUMNS, quoted=quoted)) == rows
    assert rows_of(written(folder, "jsonl", rows), COLUMNS) == rows
    assert path.read_bytes().count(b"\0") == 0


@given(rows=ROWS)
@settings(max_examples=60, deadline=None)
def test_any_text_at_all_comes_back_from_parquet_as_the_store_would_keep_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    found = rows_of(written(tmp_path_factory.getbasetemp(), "parquet", rows), COLUMNS)
    for got, row in zip(found, rows, strict=True):
        kept = {k: storable(v) if k in ("text", "maybe") and v else v for k, v in row.items()}
        assert got == kept


@given(rows=ROWS)
@settings(max_examples=60, deadline=None)
def test_no_cell_of_a_csv_for_spreadsheets_begins_a_formula(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = written(tmp_path_factory.getbasetemp(), "csv", rows, quoted=True)
    before = csv.field_size_limit(10**9)
    try:
        cells = list(csv.reader(path.open(encoding="utf-8", newline="")))
    finally:
        csv.field_size_limit(before)
    for row in cells[1:]:
        assert not any(cell.startswith(DANGEROUS) for cell in row[:2])


def test_pandas_and_the_standard_library_read_the_csv_alike(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", tuple(text for text in HOSTILE if "\0" not in text))
    export_table(folder, tmp_path / "x.csv")
    frame = pd.read_csv(tmp_path / "x.csv", dtype=str, keep_default_na=False)
    before = csv.field_size_limit(10**9)
    lines = list(csv.reader((tmp_path / "x.csv").open(encoding="utf-8", newline="")))
    csv.field_size_limit(before)
    assert frame.to_numpy().tolist() == lines[1:]


def test_jsonl_is_ascii_and_a_lone_surrogate_stays_an_escape(tmp_path: Path) -> None:
    with open_writer(tmp_path / "x.jsonl", "jsonl", (Column("text"),)) as writer:
        writer.write(Block({}, [{"text": "\ud800é\u2028"}]))
    assert (tmp_path / "x.jsonl").read_bytes() == b'{"text": "\\ud800\\u00e9\\u2028"}\n'


def test_a_csv_with_other_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\r\n1,2\r\n")
    with pytest.raises(ValueError, match="has other columns than asked for"):
        list(read_csv(tmp_path / "x.csv", ROLLOUTS))
    (tmp_path / "x.csv").write_text("a\r\nyes\r\n")
    with pytest.raises(ValueError, match="a is 'yes'; allowed: true, false or nothing"):
        list(read_csv(tmp_path / "x.csv", [Column("a", "flag")]))


def test_a_gz_ending_packs_the_same_bytes(run: Run, tmp_path: Path) -> None:
    for form in ("jsonl", "csv"):
        export_table(run, tmp_path / f"x.{form}")
        export_table(run, tmp_path / f"x.{form}.gz")
        packed = gzip.decompress((tmp_path / f"x.{form}.gz").read_bytes())
        assert packed == (tmp_path / f"x.{form}").read_bytes()
    assert len(list(read_csv(tmp_path / "x.csv.gz", ROLLOUTS))) == 240
