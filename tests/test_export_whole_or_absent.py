"""Exported files are whole or absent: none overwritten unasked, half written or of nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rewardgym_exports import FORMATS, rows_of, run_of, two_methods

from rewardgym.export import export_dataset, export_table, export_tables
from rewardgym.export.blocks import Block, rollout_blocks
from rewardgym.export.places import new_file, new_folder
from rewardgym.records import Record, RecordStore, Run

run = pytest.fixture(scope="module")(two_methods)


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
