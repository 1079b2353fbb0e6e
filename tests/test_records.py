"""The record store: each row once, whole or not at all, and one line for what goes wrong."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import rewardgym
from rewardgym.outcomes import OUTCOMES, Outcome
from rewardgym.records import FILE_NAME, FORMAT, Record, RecordStore, Run, StoreError

PROMPT = rewardgym.render(rewardgym.Variant())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RecordStore]:
    with RecordStore(tmp_path / "run", create=True) as found:
        found.start_session("2026-01-01T00:00:00+00:00", {"python": "3"})
        found.add_cell("a", "one", None, 0, PROMPT.variant.id, {})
        found.add_prompt(PROMPT)
        yield found


def record(index: int = 0, outcome: Outcome = "complied", reply: str = "42") -> Record:
    return Record(1, index, 1, reply, "stop", None, "42", "even", "bare", outcome)


def line(error: pytest.ExceptionInfo[StoreError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_a_row_is_read_back_as_it_was_written(store: RecordStore) -> None:
    store.add(1, [Record(1, 5, 1, " **42**\n", "length", 7, "42", "even", "bold", "truncated")])
    (row,) = store.rows()
    assert row == {
        "checkpoint": "one",
        "step": None,
        "variant": "parity.even.odd.reward.plain",
        "cell": 1,
        "idx": 5,
        "prompt_sha256": PROMPT.sha256,
        "messages": [dict(message) for message in PROMPT.messages],
        "params": {},
        "hint": "reward = output % 2",
        "reply": " **42**\n",
        "finish": "length",
        "tokens": 7,
        "answer": "42",
        "side": "even",
        "how": "bold",
        "outcome": "truncated",
        "session": 1,
    }


def test_a_missing_value_is_read_back_as_missing(store: RecordStore) -> None:
    store.add(1, [Record(1, 0, 1, "", "stop", None, None, None, None, "empty")])
    (row,) = store.rows()
    assert [row[name] for name in ("tokens", "answer", "side", "how")] == [None] * 4


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_is_counted_under_its_own_name(store: RecordStore, outcome: Outcome) -> None:
    store.add(1, [record(0, outcome), record(1, outcome)])
    assert store.counts() == {1: {outcome: 2}}
    assert [row["outcome"] for row in store.rows()] == [outcome] * 2


def test_the_first_row_of_a_key_wins(store: RecordStore) -> None:
    store.add(1, [record(0, reply="first")])
    store.add(1, [record(0, "gamed", reply="second"), record(1)])
    assert [row["reply"] for row in store.rows()] == ["first", "42"]
    assert store.counts() == {1: {"complied": 2}}


def test_an_error_row_gives_way_to_an_answer_and_to_nothing_else_after(store: RecordStore) -> None:
    store.add(1, [record(0, "error", "no route to host")])
    assert store.done(1) == set()
    store.add(1, [record(0, "gamed", "7")])
    assert store.done(1) == {0}
    store.add(1, [record(0, "error", "too late")])
    assert [(row["reply"], row["outcome"]) for row in store.rows()] == [("7", "gamed")]


def test_a_batch_is_written_whole_or_not_at_all(store: RecordStore) -> None:
    def broken() -> Iterator[Record]:
        yield record(0)
        raise RuntimeError("the policy broke")

    with pytest.raises(RuntimeError, match="the policy broke"):
        store.add(1, broken())
    assert list(store.rows()) == []
    store.add(1, [record(0)])
    assert len(list(store.rows())) == 1


@pytest.mark.parametrize(
    "reply", ["", "\x00 7", "\r\n", "\U0001f600", "'; DROP TABLE rows; --", "7" * 300_000]
)
def test_any_reply_is_stored_to_the_character(store: RecordStore, reply: str) -> None:
    store.add(1, [record(reply=reply)])
    assert next(store.rows())["reply"] == reply


def test_a_lone_surrogate_is_kept_visibly(store: RecordStore) -> None:
    store.add(1, [record(reply="7 \ud83d")])
    assert next(store.rows())["reply"] == r"7 \ud83d"


def test_cells_and_prompts_are_made_once(store: RecordStore) -> None:
    again = store.add_cell("a", "one", None, 0, PROMPT.variant.id, {})
    other = store.add_cell("b", "two", 3, 1, PROMPT.variant.id, {"top_p": 0.5})
    assert (again, other) == (1, 2)
    assert store.add_prompt(PROMPT) == 1
    assert [(c.id, c.checkpoint, c.step) for c in store.cells()] == [
        (1, "one", None),
        (2, "two", 3),
    ]
    assert store.cells()[1].policy == {"top_p": 0.5}


def test_a_session_keeps_time_and_versions(store: RecordStore) -> None:
    assert store.sessions() == [
        {"id": 1, "started": "2026-01-01T00:00:00+00:00", "versions": {"python": "3"}}
    ]


def test_the_configuration_is_none_until_it_is_set(store: RecordStore) -> None:
    assert store.config is None
    store.config = {"seed": 0, "n": 5}
    with RecordStore(store.folder) as again:
        assert again.config == {"seed": 0, "n": 5}


def test_counting_and_listing_agree_on_how_many_rows_there_are(store: RecordStore) -> None:
    store.add(1, [record(0), record(1, "empty"), record(2, "error")])
    assert sum(store.counts()[1].values()) == len(list(store.rows()))


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        Run(tmp_path / "nothing").open()
    assert (
        line(error) == f"{tmp_path}/nothing: holds no run (run.sqlite is missing); check the path"
    )
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"\x00" * 5000])
def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    for create in (False, True):
        with pytest.raises(StoreError) as error:
            RecordStore(tmp_path, create=create)
        assert str(tmp_path / FILE_NAME) in line(error)
        assert "choose another folder" in line(error)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_another_programs_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.commit()
    connection.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    for create in (False, True):
        with pytest.raises(StoreError, match="choose another folder") as error:
            RecordStore(tmp_path, create=create)
        line(error)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_run_of_another_format_is_refused_with_both_formats(tmp_path: Path) -> None:
    with RecordStore(tmp_path, create=True) as store:
        store.set_meta("format", FORMAT + 1)
    with pytest.raises(StoreError) as error:
        RecordStore(tmp_path)
    assert f"format {FORMAT + 1}, expected {FORMAT}" in line(error)


def test_a_file_where_the_folder_should_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(StoreError) as error:
        RecordStore(tmp_path / "run", create=True)
    assert str(tmp_path / "run") in line(error)


def test_a_damaged_run_is_one_line_when_it_is_read(store: RecordStore) -> None:
    store.add(1, [record(i, reply="7" * 1000) for i in range(200)])
    store.close()
    content = bytearray(store.path.read_bytes())
    content[8192 : len(content) - 4096] = b"\xff" * (len(content) - 4096 - 8192)
    store.path.write_bytes(content)

    def read() -> None:
        with RecordStore(store.folder) as damaged:
            damaged.counts()
            list(damaged.rows())

    with pytest.raises(StoreError) as error:
        read()
    assert "damaged" in line(error)


def test_a_full_disk_is_one_line_and_keeps_the_rows_before(store: RecordStore) -> None:
    store.add(1, [record(i) for i in range(100)])
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError) as error:
        store.add(1, [record(i, reply="7" * 1000) for i in range(100, 200)])
    assert "the disk is full; free some space and run the same command again" in line(error)
    assert store.counts() == {1: {"complied": 100}}
    store._connection.execute("PRAGMA max_page_count = 1000000")
    store.add(1, [record(i) for i in range(100, 200)])
    assert store.counts() == {1: {"complied": 200}}


_LIMITED = """
import resource, signal, sys
import rewardgym
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
try:
    rewardgym.sweep("scripted:awkward", rewardgym.Variant(), n=3000, out=sys.argv[1])
except rewardgym.records.StoreError as error:
    print(error)
"""


def test_a_system_that_refuses_to_write_more_is_one_line_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith(str(tmp_path / FILE_NAME))
    with RecordStore(tmp_path) as store:
        kept = sum(sum(outcomes.values()) for outcomes in store.counts().values())
    assert 0 < kept < 6000
    rewardgym.sweep("scripted:awkward", rewardgym.Variant(), n=3000, out=tmp_path)
    with RecordStore(tmp_path) as store:
        assert sum(sum(outcomes.values()) for outcomes in store.counts().values()) == 6000


def test_a_run_that_another_process_writes_to_can_be_read(store: RecordStore) -> None:
    store.add(1, [record(0)])
    store._connection.execute("BEGIN IMMEDIATE")
    with RecordStore(store.folder) as reader:
        assert reader.counts() == {1: {"complied": 1}}
    store._connection.rollback()


def test_a_locked_run_is_one_line_that_says_so(store: RecordStore) -> None:
    with RecordStore(store.folder) as other:
        other._connection.execute("PRAGMA busy_timeout = 1")
        store._connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as error:
            other.add(1, [record(0)])
        store._connection.rollback()
    assert "another process is writing to this run" in line(error)


def test_the_file_is_plain_sqlite_that_any_tool_reads(store: RecordStore) -> None:
    store.add(1, [record(0, "gamed")])
    connection = sqlite3.connect(store.path)
    found = connection.execute(
        "SELECT name, COUNT(*) FROM rows JOIN outcomes ON code = outcome GROUP BY name"
    ).fetchall()
    assert found == [("gamed", 1)]
    (messages,) = connection.execute("SELECT messages FROM prompts").fetchone()
    assert json.loads(messages)[0]["role"] == "user"
    connection.close()


def test_processes_that_make_one_run_at_the_same_moment_all_get_it(tmp_path: Path) -> None:
    start = threading.Barrier(6)

    def make(folder: Path) -> list[tuple[object, ...]]:
        start.wait()
        with RecordStore(folder, create=True) as store:
            store.add_prompt(PROMPT)
            return store.query("SELECT (SELECT COUNT(*) FROM outcomes), COUNT(*) FROM prompts")

    with ThreadPoolExecutor(6) as pool:
        for place in range(15):
            folders = [tmp_path / str(place)] * 6
            assert set(map(tuple, pool.map(make, folders))) == {((len(OUTCOMES), 1),)}
