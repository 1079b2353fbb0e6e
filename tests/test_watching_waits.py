"""The watcher waits for what is half written or not there yet, says so once, and ends as told."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rewardgym_checkpoints import contents, in_pieces, save, stub_models
from rewardgym_watching import Lines, look, rates

from rewardgym.arrivals import Arrivals, place_of
from rewardgym.checkpoints import CheckpointError

stub = pytest.fixture(stub_models)


# Waiting


def test_a_half_written_checkpoint_is_waited_for_and_said_once(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10)
    folder = tmp_path / "checkpoint-20"
    folder.mkdir()
    lines = Lines()
    lines.on("waiting for checkpoint-20", lambda: write_slowly(folder, 0.2, 0.15))
    assert look(tmp_path, lines, until_step=20).measured == ("checkpoint-10", "checkpoint-20")
    assert len(lines.of("checkpoint-20")) == 1
    assert rates(tmp_path / "rewardgym")["rate"].max() == pytest.approx(0.2)


def write_slowly(folder: Path, rate: float, pause: float) -> threading.Thread:
    """Writes a checkpoint piece by piece, from beside the watch."""
    thread = threading.Thread(target=in_pieces, args=(folder, contents(rate), pause))
    thread.start()
    return thread


def test_once_leaves_out_what_is_half_written_and_says_so_once(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10)
    file = save(tmp_path, 20) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-3])
    lines = Lines()
    watched = look(tmp_path, lines)
    assert (watched.measured, watched.left) == (("checkpoint-10",), ("checkpoint-20",))
    (line,) = lines.of("checkpoint-20")
    assert line.startswith("left out: checkpoint-20: ")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.permutations([(name, half) for name in contents(0.1) for half in (1, 2)]))
def test_a_checkpoint_is_ready_only_when_its_last_piece_is_there(
    tmp_path_factory: pytest.TempPathFactory, order: list[tuple[str, int]]
) -> None:
    run = tmp_path_factory.mktemp("run")
    folder, whole = run / "checkpoint-10", contents(0.1)
    folder.mkdir()
    arrivals = Arrivals(run, out=None, settle=0.0, waits=True, tell=lambda line: None)
    written: dict[str, int] = {}
    for name, half in order:
        if half < written.get(name, 0):
            continue
        written[name] = half
        content = whole[name]
        (folder / name).write_bytes(content if half == 2 else content[: len(content) // 2])
        # Half a tokenizer is not seen to be one: that is what the rest between looks is for.
        needed = ("config.json", "model.safetensors")
        complete = all(written.get(one) == 2 for one in needed) and "tokenizer.json" in written
        assert bool(arrivals.look()) == complete


def test_files_must_rest_before_they_are_measured(tmp_path: Path) -> None:
    folder = save(tmp_path, 10)
    arrivals = Arrivals(tmp_path, out=None, settle=0.2, waits=True, tell=lambda line: None)
    begun = time.monotonic()
    assert arrivals.look() == []
    assert arrivals.settling
    time.sleep(0.15)
    (folder / "optimizer.pt").write_bytes(b"x")
    arrivals.look()
    while not arrivals.look():
        time.sleep(0.01)
    assert time.monotonic() - begun >= 0.35


def test_a_folder_that_the_trainer_has_not_made_yet_is_waited_for(
    stub: Any, tmp_path: Path
) -> None:
    run, lines = tmp_path / "run", Lines()
    lines.on("which is not there yet", lambda: save(run, 10))
    assert look(run, lines, until_step=10).measured == ("checkpoint-10",)
    assert len(lines.of("waiting for")) == 1


def test_what_cannot_become_a_training_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for source, said in (
        (tmp_path / "nowhere" / "run", "no such folder, and"),
        (tmp_path / "nowhere" / "run" / "checkpoint-*", "no such folder, and"),
        (tmp_path / "file", "is a file"),
        (save(tmp_path, 10), "is one checkpoint; name the folder that it lies in"),
        ("organism", "shipped series"),
    ):
        with pytest.raises(CheckpointError, match=said) as error:
            place_of(source)
        assert "\n" not in str(error.value)
    with pytest.raises(CheckpointError, match="--once does not wait"):
        look(tmp_path / "later")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "file"]


@pytest.mark.parametrize("wrong", [{"every": 0.0}, {"settle": -1.0}, {"idle_minutes": 0.0}])
def test_times_that_cannot_be_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        look(tmp_path, **wrong)


# Ends


def test_a_watch_ends_when_nothing_was_new_for_long_enough(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10)
    (tmp_path / "checkpoint-20").mkdir()
    lines, begun = Lines(), time.monotonic()
    watched = look(tmp_path, lines, idle_minutes=0.4 / 60)
    assert 0.4 <= time.monotonic() - begun < 10
    assert watched.left == ("checkpoint-20",)
    assert lines[-1].startswith("left out: checkpoint-20: ")


def test_a_last_step_that_was_measured_before_and_deleted_ends_the_watch(
    stub: Any, tmp_path: Path
) -> None:
    folder = save(tmp_path, 20)
    look(tmp_path)
    shutil.rmtree(folder)
    stub.loads[:] = []
    look(tmp_path, until_step=20)
    assert stub.loads == []


def test_later_checkpoints_are_left_out_once_the_last_step_is_measured(
    stub: Any, tmp_path: Path
) -> None:
    for step in (10, 20, 30):
        save(tmp_path, step)
    assert look(tmp_path, until_step=15).measured == ("checkpoint-10", "checkpoint-20")
