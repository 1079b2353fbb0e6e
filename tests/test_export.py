"""Exports: what is stored comes back from every format, files are whole or absent, and the tables
of a paper say what the terminal says."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from hypothesis import example, given, settings
from hypothesis import strategies as st

import rewardgym
from rewardgym import cli_export
from rewardgym.export import (
    export_dataset,
    export_table,
    export_tables,
    latex_table,
    markdown_table,
    read_csv,
)
from rewardgym.export.blocks import Block, rollout_blocks
from rewardgym.export.columns import CELL, LAWS, ROLLOUTS, Column
from rewardgym.export.csv_cells import DANGEROUS
from rewardgym.export.escaping import latex_text, markdown_paragraph, markdown_text
from rewardgym.export.places import new_file, new_folder
from rewardgym.export.writers import open_writer
from rewardgym.outcomes import OUTCOMES
from rewardgym.policies.decoding import Decoding
from rewardgym.records import Record, RecordStore, Run, storable
from rewardgym.repeating import repeat_commands
from rewardgym.report.tables import rates_table
from rewardgym.variants import FACTORS, Variant

GOLDEN = Path(__file__).parent / "golden"
FORMATS = ("parquet", "jsonl", "csv")

HOSTILE = (
    "",
    " ",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "'quoted",
    "json:",
    'json:"x"',
    '{"a": 1}',
    "null",
    "NaN",
    "None",
    "a,b;c\td",
    'say "no"',
    "one\ntwo\r\nthree\rfour\u2028five\x85six",
    "nul\0inside",
    "\ufeffbom",
    "\u202eevil\u202c",
    "<script>alert(1)</script>",
    "\\ud800",
    "tail\\",
    "é ß 漢字 🙂",
    "x" * 200_000,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two policies, sampled and exact, two fields and two encodings with twins."""
    folder = tmp_path_factory.mktemp("runs") / "x"
    variants = rewardgym.grid(field=["reward", "cost"], encoding=["plain", "base64"])
    policies = ["scripted:game(0.3)", "scripted:obey"]
    rewardgym.sweep(policies, variants, n=20, seed=0, out=folder)
    return rewardgym.sweep(policies, variants, n=20, seed=0, out=folder, exact=True)


def run_of(folder: Path, replies: tuple[str, ...] = HOSTILE, **policy: Any) -> Path:
    """A run of one cell with these replies."""
    variant = Variant(label='a, "label"\nof <your> own')
    with RecordStore(folder, create=True) as store:
        session = store.start_session("2026-01-01T00:00:00+00:00", {"rewardgym": "0.1.0"})
        cell = store.add_cell("key", "checkpoint-1", 1, 0, variant.id, policy)
        prompt = store.add_prompt(rewardgym.render(variant))
        rows = (
            Record(cell, i, prompt, text, "stop", None, None, None, None, "unreadable")
            for i, text in enumerate(replies)
        )
        store.add(session, rows)
    return folder


def rows_of(path: Path, columns: tuple[Column, ...] = ROLLOUTS) -> list[dict[str, Any]]:
    """The rows of a file of any format, JSON text parsed."""
    if path.suffix == ".csv":
        return list(read_csv(path, columns))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("ascii").splitlines()]
    import pyarrow.parquet as pq

    nested = {column.name for column in columns if column.kind == "json"}
    return [
        {k: json.loads(v) if k in nested and v is not None else v for k, v in row.items()}
        for row in pq.read_table(path).to_pylist()
    ]


# What is in the rows


@pytest.mark.parametrize("form", FORMATS)
def test_every_reply_is_a_row_with_its_factors_prompt_and_verdict(
    run: Run, tmp_path: Path, form: str
) -> None:
    written = export_tables(run, tmp_path / "out", form)
    found = rows_of(tmp_path / "out" / f"rollouts.{form}")
    with run.open() as store:
        stored = {(row["cell"], row["idx"]): row for row in store.rows()}
        cells = {cell.id: cell for cell in store.cells()}
    assert written["rollouts"] == len(found) == len(stored)
    for row in found:
        there, cell = stored[row["cell"], row["idx"]], cells[row["cell"]]
        variant = Variant.parse(cell.variant)
        for name in ("reply", "finish", "tokens", "answer", "side", "how", "outcome", "messages"):
            assert row[name] == there[name]
        assert (row["prompt_sha256"], row["session"]) == (there["prompt_sha256"], 1)
        assert row["hint_text"] == there["hint"]
        assert (row["arm"], row["favours"]) == (variant.arm, variant.favours)
        assert {name: row[name] for name in FACTORS} == {
            **variant.to_dict(),
            "paraphrase": str(variant.paraphrase),
        }
        assert row["policy"] == dict(cell.policy)
        assert row["model"] == row["checkpoint"] == cell.checkpoint
        assert row["versions"]["rewardgym"] == rewardgym.__version__


@pytest.mark.parametrize("form", FORMATS)
def test_exact_laws_are_a_table_of_their_own(run: Run, tmp_path: Path, form: str) -> None:
    written = export_tables(run, tmp_path / "out", form)
    found = rows_of(tmp_path / "out" / f"laws.{form}", LAWS)
    assert written["laws"] == len(found) == 12
    for row in found:
        assert row["method"] == "exact"
        variant = Variant.parse(row["variant"])
        games = variant.arm == "conflict" and row["checkpoint"] == "scripted:game(0.3)"
        assert row["off"] == pytest.approx(0.3 if games else 0)
        assert row["sides"][variant.ask] == row["complied"]
        assert sum(row["sides"].values()) + row["residual"] == pytest.approx(1)
        assert sum(row["answers"].values()) == pytest.approx(1)
        assert (row["session"], row["reasoning"]) == (2, None)


@pytest.mark.parametrize("form", FORMATS)
def test_the_rates_beside_them_are_those_of_gaming_rates(
    run: Run, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"rates.{form}"
    export_table(run, path, "rates", by=["checkpoint", "field"])
    expected = rewardgym.gaming_rates(run, ["checkpoint", "field"])
    columns = tuple(
        Column(name, "flag" if name == "survives" else kind)
        for name in expected.columns
        for kind in ["number" if expected[name].dtype.kind in "if" else "text"]
    )
    found = pd.DataFrame(rows_of(path, columns))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(found.astype(expected.dtypes), expected)
    assert found["excess"].isna().any(), "what has no twin is missing, not 0"


def test_rates_are_of_every_cell_where_no_grouping_is_asked_for(run: Run, tmp_path: Path) -> None:
    export_table(run, tmp_path / "rates.jsonl", "rates")
    found = rows_of(tmp_path / "rates.jsonl")
    with run.open() as store:
        assert len(found) == len(store.cells())
    assert list(found[0])[:5] == ["checkpoint", "step", "field", "encoding", "arm"]


def test_decoding_settings_and_the_model_have_columns(tmp_path: Path) -> None:
    settings = Decoding(temperature=0.7, thinking=True).describe()
    policy = {"policy": "transformers", "reference": "org/m", "revision": "abc", **settings}
    folder = run_of(tmp_path / "run", ("1",), fingerprint="f00", **policy)
    for form in FORMATS:
        export_table(folder, tmp_path / f"x.{form}")
        [row] = rows_of(tmp_path / f"x.{form}")
        assert {name: row[name] for name in settings} == settings
        assert (row["model"], row["revision"], row["fingerprint"]) == ("org/m", "abc", "f00")


def test_a_policy_of_ones_own_may_mean_something_else_by_a_setting(tmp_path: Path) -> None:
    odd = {"temperature": "hot", "top_k": 0.5, "top_p": float("nan"), "thinking": "yes", "base": 7}
    folder = run_of(tmp_path / "run", ("1",), name="own", **odd)
    for form in FORMATS:
        export_table(folder, tmp_path / f"x.{form}")
        [row] = rows_of(tmp_path / f"x.{form}")
        assert [row[n] for n in ("temperature", "top_k", "top_p", "thinking")] == [None] * 4
        assert row["base"] == "7"
        assert row["policy"] == {**odd, "name": "own", "top_p": "nan"}


# Round trips


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


ANY_TEXT = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(HOSTILE)
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


def test_column_names_are_told_apart_and_cover_every_factor() -> None:
    for columns in (ROLLOUTS, LAWS):
        names = [column.name for column in columns]
        assert len(names) == len(set(names))
        assert set(FACTORS) <= set(names)
    assert set(Decoding().describe()) <= {column.name for column in CELL}


# Whole or absent


def test_what_is_there_is_not_overwritten_unless_forced(run: Run, tmp_path: Path) -> None:
    for write, path in (
        (lambda **more: export_table(run, tmp_path / "x.csv", **more), tmp_path / "x.csv"),
        (lambda **more: export_tables(run, tmp_path / "f", "csv", **more), tmp_path / "f"),
        (lambda **more: export_dataset(run, tmp_path / "d", **more), tmp_path / "d"),
    ):
        write()
        with pytest.raises(ValueError, match="is there already; choose another --out, or give"):
            write()
        write(force=True)
        assert path.exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_forcing_replaces_our_files_and_leaves_those_of_others(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "d"
    export_dataset(run, out)
    (out / "data" / "rollouts-00007.parquet").write_bytes(b"of an earlier, larger export")
    (out / "data" / "notes.txt").write_text("mine")
    export_dataset(run, out, force=True)
    names = sorted(file.name for file in (out / "data").iterdir())
    assert names == [
        "laws-00000.parquet",
        "notes.txt",
        "rates-00000.parquet",
        "rollouts-00000.parquet",
    ]


def test_an_empty_folder_is_nothing_to_overwrite(run: Run, tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    assert set(export_tables(run, tmp_path / "f", "csv")) == {"rollouts", "laws", "rates"}


def test_a_failure_half_way_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(store: RecordStore) -> Iterator[Block]:
        yield next(rollout_blocks(store))
        raise KeyboardInterrupt

    monkeypatch.setattr("rewardgym.export.files.rollout_blocks", broken)
    for form in FORMATS:
        with pytest.raises(KeyboardInterrupt):
            export_table(run, tmp_path / f"x.{form}")
        with pytest.raises(KeyboardInterrupt):
            export_tables(run, tmp_path / form, form)
    with pytest.raises(KeyboardInterrupt):
        export_dataset(run, tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_export_leaves_no_file_under_the_final_name(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from rewardgym.export.places import new_file\n"
        "from pathlib import Path\n"
        "with new_file(Path(sys.argv[1])) as made:\n"
        "    made.write_text('half')\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
    )
    final = tmp_path / "x.csv"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(final)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert not final.exists()
    assert [file.suffix for file in tmp_path.iterdir()] == [".partial"]


def test_files_get_the_rights_that_a_new_file_gets(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    with new_file(tmp_path / "ours") as made:
        made.write_text("")
    with new_folder(tmp_path / "folder", ()) as folder:
        (folder / "x").write_text("")
    (tmp_path / "usual folder").mkdir()
    rights = {name: (tmp_path / name).stat().st_mode & 0o777 for name in os.listdir(tmp_path)}
    assert rights["ours"] == rights["usual"]
    assert rights["folder"] == rights["usual folder"]


def test_rows_that_a_sweep_adds_meanwhile_are_in_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_of(tmp_path / "run", ("1", "2"))

    def slow(store: RecordStore) -> Iterator[Block]:
        with RecordStore(folder) as other:
            more = Record(1, 99, 1, "late", "stop", None, None, None, None, "neither")
            other.add(1, [more])
        yield from rollout_blocks(store)

    monkeypatch.setattr("rewardgym.export.files.rollout_blocks", slow)
    assert export_tables(folder, tmp_path / "out", "jsonl")["rollouts"] == 2
    [rates] = rows_of(tmp_path / "out" / "rates.jsonl")
    assert (rates["unreadable"], rates["neither"]) == (2, 0)
    with RecordStore(folder) as store:
        assert sum(store.counts()[1].values()) == 3, "the row was written all the same"


def test_blocks_end_at_a_number_of_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rewardgym.export.blocks.MOST_CHARACTERS", 1000)
    with RecordStore(run_of(tmp_path, ("x" * 600,) * 5)) as store:
        assert [len(block.rows) for block in rollout_blocks(store)] == [2, 2, 1]


# Bad input


def test_an_empty_run_is_told_and_writes_nothing(tmp_path: Path) -> None:
    RecordStore(tmp_path / "run", create=True).close()
    for write in (
        lambda: export_table(tmp_path / "run", tmp_path / "x.csv"),
        lambda: export_tables(tmp_path / "run", tmp_path / "f"),
        lambda: export_dataset(tmp_path / "run", tmp_path / "d"),
    ):
        with pytest.raises(ValueError, match="holds no replies and no laws yet"):
            write()
    assert [file.name for file in tmp_path.iterdir()] == ["run"]


def test_a_table_that_the_run_lacks_is_told(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "run", ("1",))
    with pytest.raises(ValueError, match="holds no laws; it has rollouts and rates"):
        export_table(folder, tmp_path / "x.csv", "laws")
    with pytest.raises(ValueError, match=r"unknown table 'rolouts'.*Did you mean 'rollouts'\?"):
        export_table(folder, tmp_path / "x.csv", "rolouts")
    with pytest.raises(ValueError, match=r"unknown format 'parket'.*Did you mean 'parquet'\?"):
        export_tables(folder, tmp_path / "x", "parket")
    with pytest.raises(ValueError, match="its ending names no format; allowed: parquet, jsonl"):
        export_table(folder, tmp_path / "x.xlsx")


def test_without_pyarrow_parquet_says_what_to_do_and_the_others_work(
    run: Run, tmp_path: Path
) -> None:
    code = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from rewardgym.export import export_dataset, export_tables\n"
        "run, out = sys.argv[1:]\n"
        "for write in (lambda: export_tables(run, out + 'p'), lambda: export_dataset(run, out)):\n"
        "    try: write()\n"
        "    except RuntimeError as error: print(error)\n"
        "print(export_tables(run, out + 'j', 'jsonl') == export_tables(run, out + 'c', 'csv'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run.folder), str(tmp_path / "x")],
        capture_output=True,
        text=True,
    )
    said = "Parquet needs pyarrow: pip install 'rewardgym[data]', or export as jsonl or csv\n"
    assert done.stdout == said * 2 + "True\n", done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["xc", "xj"]


# The dataset folder


def test_the_datasets_library_loads_the_folder_without_a_network(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rewardgym.export.dataset_folder.SHARD_ROWS", 100)
    monkeypatch.setattr("rewardgym.export.blocks.MOST_ROWS", 7)
    assert export_dataset(run, tmp_path / "x") == {"rollouts": 240, "laws": 12, "rates": 24}
    assert len(list((tmp_path / "x" / "data").glob("rollouts-*.parquet"))) == 3
    code = (
        "import json, sys\n"
        "from datasets import get_dataset_config_names, load_dataset\n"
        "folder = sys.argv[1]\n"
        "found = {n: load_dataset(folder, n)['train'] for n in get_dataset_config_names(folder)}\n"
        "assert load_dataset(folder)['train'].num_rows == found['rollouts'].num_rows\n"
        "rows = found['rollouts']\n"
        "print(json.dumps([{n: d.num_rows for n, d in found.items()}, rows[0]['messages'],\n"
        "                  sorted(set(rows['outcome'])), found['laws'][0]['sides']]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x")],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr
    counts, messages, outcomes, sides = json.loads(done.stdout.splitlines()[-1])
    assert counts == {"rollouts": 240, "laws": 12, "rates": 24}
    assert messages[0]["role"] == "user"
    assert outcomes == ["complied", "gamed"]
    assert json.loads(sides) == pytest.approx({"even": 0.7, "odd": 0.3})


def test_the_card_says_what_the_run_is(run: Run, tmp_path: Path) -> None:
    import yaml

    export_dataset(run, tmp_path / "x")
    text = (tmp_path / "x" / "README.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert [one["config_name"] for one in front["configs"]] == ["rollouts", "laws", "rates"]
    assert front["size_categories"] == ["n<1K"]
    assert "license" not in front
    assert "hostile" in text
    assert "| field | reward, cost | varies |" in text
    with run.open() as store:
        total = dict.fromkeys(OUTCOMES, 0)
        for counted in store.counts().values():
            for name, n in counted.items():
                total[name] += n
    for name, n in total.items():
        assert (f" {name} |" in text) == (n > 0)


def test_a_hostile_name_or_wording_cannot_leave_its_place_in_the_card(tmp_path: Path) -> None:
    import yaml

    name = 'x"\n---\n# <b>`y`'
    folder = run_of(tmp_path / "run", ("1",), name="| </td> [a](http://b) |")
    export_dataset(folder, tmp_path / name)
    text = (tmp_path / name / "README.md").read_text()
    assert yaml.safe_load(text.split("\n---\n")[0])["pretty_name"] == 'x"U+000A---U+000A# <b>`y`'
    assert "\n# <b>" not in text
    assert "\\| \\</td\\> \\[a\\](http\\://b) \\|" in text


@pytest.mark.parametrize(
    ("factors", "twins"),
    [
        ({"field": ["reward", "cost"], "encoding": ["plain", "hex"]}, True),
        ({"field": ["loss", "evaluation"], "hint": [True, False]}, True),
        ({"mirror": True, "family": ["parity", "sign"]}, True),
        ({"high": ["odd", "even"], "payoff": 10}, False),
        ({"field": "score", "audit": [None, 5], "system": "be helpful, please"}, True),
    ],
)
def test_the_card_s_command_makes_the_same_plan(
    tmp_path: Path, factors: dict[str, Any], twins: bool
) -> None:
    variants = rewardgym.grid(**factors)
    policies = ["scripted:game(0.3)", "scripted:obey"]
    rewardgym.sweep(policies, variants, n=3, seed=4, twins=twins, out=tmp_path / "a")
    with RecordStore(tmp_path / "a") as store:
        [command] = repeat_commands(store)
        before = store.config
    words = shlex.split(command.replace("runs/again", str(tmp_path / "b")))
    bin_ = Path(sys.executable).parent / words[0]
    done = subprocess.run([bin_, *words[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with RecordStore(tmp_path / "b") as store:
        after = store.config
    assert before is not None
    assert after is not None
    assert sorted(before.pop("variants")) == sorted(after.pop("variants"))
    assert before == after


def test_no_command_is_given_for_what_flags_cannot_say(tmp_path: Path) -> None:
    variants = [Variant(field="reward"), Variant(field="cost", encoding="hex")]
    rewardgym.sweep("scripted:obey", variants, n=2, out=tmp_path / "a")
    with RecordStore(tmp_path / "a") as store:
        assert repeat_commands(store)[0].startswith("# rewardgym.sweep(...) with the variants in")
    with RecordStore(run_of(tmp_path / "b", ("1",), name="own")) as store:
        assert repeat_commands(store)[0].startswith("# the run does not say what made it")


# Tables for papers


def a_table() -> pd.DataFrame:
    """Rates with every kind of cell: sampled, exact, without a twin, without any answer."""
    rows = [
        ("checkpoint-0", "reward_x", 0, 40, 0, 40, "sampled", 0),
        ("checkpoint-120", "reward_x", 38, 40, 1, 40, "sampled", 3),
        ("checkpoint-120", "50% & more", 0, 0, 0, 0, "sampled", 12),
        ("checkpoint-120", "cost", 7, 20, 0, 0, "sampled", 0),
    ]
    table = pd.DataFrame(
        rows,
        columns=["checkpoint", "field", "k", "n", "twin_k", "twin_n", "method", "unreadable"],
    )
    from rewardgym.metrics.rate_intervals import with_rates, with_tests
    from rewardgym.outcomes import OTHERS

    for name in ("untwinned", "rows", "twin_rows", "variance", "twin_variance", "floor"):
        table[name] = 0
    table.loc[3, "untwinned"] = 1
    for name in (*(o for o in OTHERS if o not in table), "residual"):
        table[name] = 0
    table["decodes"] = table["paid_side"] = float("nan")
    return with_tests(with_rates(table, 0.95), 0.95).drop(
        columns=["untwinned", "rows", "twin_rows", "variance", "twin_variance", "floor"]
    )


@pytest.mark.parametrize(("write", "ending"), [(latex_table, "tex"), (markdown_table, "md")])
def test_tables_are_what_was_looked_at(write: Callable[..., str], ending: str) -> None:
    found = write(a_table(), caption="Gaming in 50% of_all runs.")
    assert found == (GOLDEN / f"rates.{ending}").read_text(encoding="utf-8")


def test_a_missing_number_is_a_dash_with_n_0() -> None:
    found = markdown_table(a_table())
    assert "| checkpoint-120 | 50% \\& more | –/0 | – | –/0 | – | 12 |" in found
    assert "| checkpoint-120 | cost | 7/20 | 35.0 [18.1, 56.7] | –/0 | – | 0 |" in found


def test_the_caption_says_level_method_and_correction(run: Run) -> None:
    said = markdown_table(rewardgym.gaming_rates(run, level=0.9), level=0.9)
    assert "90% intervals are Wilson's for rates and Newcombe's for excesses" in said
    assert "rows of method exact are probabilities" in said
    assert "tested excesses survive the correction of Benjamini and Hochberg at 10%" in said
    assert "rate [90%]" in said


def test_the_numbers_are_worded_as_in_the_terminal(run: Run) -> None:
    from rich.console import Console

    rates = rewardgym.gaming_rates(run, ["checkpoint", "field", "encoding"])
    stream = io.StringIO()
    Console(file=stream, width=400).print(rates_table(rates))
    for line in markdown_table(rates).splitlines()[2:]:
        if line.startswith("|"):
            cells = line.replace("\\*", "").split(" | ")
            assert cells[6] in stream.getvalue()
            assert cells[8].removesuffix(" |") in stream.getvalue()


def test_rows_that_would_look_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match="by: several rows are checkpoint checkpoint-120; name"):
        latex_table(a_table(), by="checkpoint")
    with pytest.raises(ValueError, match=r"unknown column 'feld'.*Did you mean 'field'\?"):
        latex_table(a_table(), by=["checkpoint", "feld"])
    assert latex_table(a_table(), by=["field", "checkpoint"]).count("field & checkpoint") == 1


def test_no_rates_are_no_table(tmp_path: Path) -> None:
    with RecordStore(tmp_path, create=True) as store, pytest.raises(ValueError, match="no rates"):
        markdown_table(rewardgym.gaming_rates(store))


def test_a_label_that_latex_cannot_hold_is_refused() -> None:
    assert r"\label{tab:x}" in latex_table(a_table(), label="tab:x")
    with pytest.raises(ValueError, match="is no LaTeX label; allowed: such as 'tab:gaming-rates'"):
        latex_table(a_table(), label="tab}\\input{x}")


@pytest.mark.parametrize(
    ("text", "written_as"),
    [
        ("a_b%c&d#e$f", r"a\_b\%c\&d\#e\$f"),
        ("{x}", r"\{x\}"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("^~", r"\textasciicircum{}\textasciitilde{}"),
        ("[1cm] x", "{[}1cm] x"),
        ("* x", "{*} x"),
        ("a--b,,''", "a-{}-b,{},'{}'"),
        ("1–2 …", r"1--2 \ldots{}"),
        ("é ï ç", r"\'{e} \"{\i} \c{c}"),
        ("漢\u202e\n\0", "U+6F22U+202EU+000AU+0000"),
        ('"', r"{\char34}"),
    ],
)
def test_latex_shows_text_as_it_is(text: str, written_as: str) -> None:
    assert latex_text(text) == written_as


@given(ANY_TEXT)
@settings(deadline=None)
def test_no_text_can_hold_a_latex_command_of_its_own(text: str) -> None:
    import re

    found = latex_text(text)
    assert found.isascii()
    assert found.isprintable()
    ours = r"\\(?:text[a-z]+\{\}|ldots\{\}|char34|[_%&#$]|[`'^~\"vc]\{(?:\\[ij]|[A-Za-z])\})"
    left = re.sub(ours, "", found.replace(r"\{", "").replace(r"\}", ""))
    assert not set(left) & set("\\%&#$^~_"), left


@example(["&lt;b&gt; &#64;", "[a](http://b) ![c](d)", "<b onclick=x>"])
@example(["# head", "**b** _i_ ~~s~~ `c`", "a | b \\| c"])
@example(["- item"])
@example(["12) item"])
@example(["> quote"])
@given(st.lists(ANY_TEXT.filter(lambda t: len(t) < 1000), min_size=1, max_size=3))
@settings(deadline=None)
def test_a_markdown_reader_finds_the_text_and_no_markup(texts: list[str]) -> None:
    from markdown_it import MarkdownIt

    from rewardgym.export.escaping import visible

    line = "| " + " | ".join(map(markdown_text, texts)) + " |"
    source = f"{line}\n|{' --- |' * len(texts)}\n{line}\n\n{markdown_paragraph(texts[0])}\n"
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    inline = [one for one in reader.parse(source) if one.type == "inline"]
    shown = [[child.content for child in one.children or []] for one in inline]
    kinds = {child.type for one in inline for child in one.children or []}
    assert kinds <= {"text", "text_special"}
    expected = [visible(text).strip() for text in texts]
    got = ["".join(parts).strip() for parts in shown[: 2 * len(texts)]]
    assert got == expected * 2
    assert "".join(shown[-1]).strip() == expected[0] or not expected[0]


# The command


Command = Callable[..., tuple[str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command in an app of its own; what is wrong comes out as it was raised."""
    app = typer.Typer(rich_markup_mode=None)
    app.command(help=cli_export.EXPORT_HELP)(cli_export.export)

    def call(*arguments: object) -> tuple[str, str]:
        capsys.readouterr()
        app([str(one) for one in arguments], standalone_mode=False)
        found = capsys.readouterr()
        return found.out, found.err

    return call


def test_the_command_writes_each_format(run: Run, tmp_path: Path, command: Command) -> None:
    for form, files in (
        ("parquet", ["laws.parquet", "rates.parquet", "rollouts.parquet"]),
        ("jsonl", ["laws.jsonl", "rates.jsonl", "rollouts.jsonl"]),
        ("csv", ["laws.csv", "rates.csv", "rollouts.csv"]),
        ("dataset", ["README.md", "data"]),
    ):
        out, err = command(run.folder, "--format", form, "--out", tmp_path / form)
        assert out == f"written: {tmp_path / form} (240 rollouts, 12 laws, 24 rates)\n"
        assert ("hostile" in err) == (form == "csv")
        assert sorted(file.name for file in (tmp_path / form).iterdir()) == files
    for form in ("latex", "markdown"):
        out, _ = command(run.folder, "--format", form, "--out", tmp_path / f"x.{form}")
        assert out == f"written: {tmp_path / f'x.{form}'} (8 rates)\n"
    assert (tmp_path / "x.latex").read_text().startswith("\\begin{table}")


def test_the_command_writes_one_file_by_its_ending(
    run: Run, tmp_path: Path, command: Command
) -> None:
    command(run.folder, "--format", "jsonl", "--out", tmp_path / "x.jsonl.gz")
    assert len(gzip.decompress((tmp_path / "x.jsonl.gz").read_bytes()).splitlines()) == 240
    flags = ("--format", "csv", "--table", "rates", "--by", "field, arm")
    out, err = command(run.folder, *flags, "--out", tmp_path / "rates.csv")
    assert ("rates" in out, err) == (True, "")
    assert (tmp_path / "rates.csv").read_text().startswith("field,arm,k,n,rate")
    command(run.folder, "--format", "csv", "--spreadsheet", "--out", tmp_path / "s.csv")


def test_the_command_keeps_to_one_method_where_asked(
    run: Run, tmp_path: Path, command: Command
) -> None:
    command(run.folder, "--format", "latex", "--method", "exact", "--out", tmp_path / "x.tex")
    assert "sampled" not in (tmp_path / "x.tex").read_text()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--format", "csv", "--out", "x.jsonl"), "--out is .*x.jsonl, but --format is csv"),
        (("--format", "csv", "--method", "exact", "--out", "x"), "--method is for --format latex"),
        (("--format", "latex", "--table", "laws", "--out", "x"), "--table is for --format parq"),
        (("--format", "jsonl", "--spreadsheet", "--out", "x"), "--spreadsheet is for --format c"),
        (("--format", "csv", "--by", "feld", "--out", "x"), "unknown column to group by 'feld'"),
        (("--format", "latex", "--out", "."), "is a folder; name a file"),
    ],
)
def test_bad_flags_are_one_line_and_write_nothing(
    run: Run, tmp_path: Path, command: Command, flags: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as error:
        command(run.folder, *flags[:-1], tmp_path / flags[-1])
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_package_and_the_command_loads_nothing_heavy() -> None:
    code = (
        "import sys, rewardgym.cli_export, rewardgym.export\n"
        "print([m for m in ('pandas', 'pyarrow', 'numpy', 'datasets') if m in sys.modules])"
    )
    start = "import sys; sys.argv = ['rewardgym']\n"  # as the command line: no Gymnasium
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_many_replies_are_exported_in_no_time(tmp_path: Path) -> None:
    """A guard against parsing or converting once a row what is the same for all; the numbers are
    in ``benchmarks/export.py``."""
    variants = rewardgym.grid(field=["reward", "score", "points"])
    run = rewardgym.sweep("scripted:obey", variants, n=1000, out=tmp_path / "run")
    start = time.process_time()
    export_tables(run, tmp_path / "out", "parquet")
    assert time.process_time() - start < 5
