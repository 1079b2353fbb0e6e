"""What goes wrong beside a watch: checkpoints deleted, written again, broken; other experiments."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rewardgym_checkpoints import save, stub_models
from rewardgym_watching import GRID, Lines, look, rates

import rewardgym
from rewardgym import grid
from rewardgym.checkpoints import CheckpointError
from rewardgym.plans import Exact, SweepError
from rewardgym.policies.base import PolicyError
from rewardgym.records import StoreError

stub = pytest.fixture(stub_models)


# Checkpoints that change


def test_a_checkpoint_that_is_deleted_before_it_was_whole_is_told_in_one_line(
    stub: Any, tmp_path: Path
) -> None:
    folder, lines = tmp_path / "checkpoint-10", Lines()
    folder.mkdir()
    lines.on("waiting for checkpoint-10", lambda: (folder.rmdir(), save(tmp_path, 20)))
    assert look(tmp_path, lines, until_step=20).measured == ("checkpoint-20",)
    assert lines.of("deleted") == ["checkpoint-10 was deleted before it could be measured; skipped"]


@pytest.mark.parametrize("how", ["gone", "going"])
def test_a_checkpoint_that_is_deleted_while_it_is_read_is_skipped(
    stub: Any, tmp_path: Path, how: str
) -> None:
    def delete(checkpoint: Any) -> None:
        if checkpoint.name == "checkpoint-10":
            folder = Path(checkpoint.reference)
            if how == "gone":
                shutil.rmtree(folder)
            else:
                (folder / "model.safetensors").unlink()
            raise CheckpointError("checkpoint-10: the model cannot be loaded")

    stub.on_load = delete
    save(tmp_path, 10)
    save(tmp_path, 20)
    lines = Lines()
    watched = look(tmp_path, lines)
    assert (watched.measured, watched.failed) == (("checkpoint-20",), ())
    assert lines.of("checkpoint-10")[0] == ("checkpoint-10 was deleted while it was read; skipped")
    assert set(rates(watched.run)["checkpoint"]) == {"checkpoint-20"}, "no empty rows are left"


def test_a_measured_checkpoint_that_is_deleted_later_is_no_news(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10)
    lines = Lines()
    lines.on("  10  ", lambda: (shutil.rmtree(tmp_path / "checkpoint-10"), save(tmp_path, 20)))
    look(tmp_path, lines, until_step=20)
    assert lines.of("deleted") == []
    assert set(rates(tmp_path / "rewardgym")["step"]) == {10, 20}


def test_a_checkpoint_that_is_written_again_while_it_is_loaded_is_measured_as_it_ends_up(
    stub: Any, tmp_path: Path
) -> None:
    rewritten: list[Path] = []

    def rewrite(checkpoint: Any) -> None:
        if not rewritten:
            time.sleep(0.02)
            rewritten.append(save(tmp_path, 10, 0.75))

    stub.on_load = rewrite
    save(tmp_path, 10)
    lines = Lines()
    look(tmp_path, lines, until_step=10)
    assert len(lines.of("written again")) == 1
    table = rates(tmp_path / "rewardgym")
    assert table["rate"].max() == pytest.approx(0.75)
    assert len(table) == 4


@pytest.mark.parametrize("again", [False, True])
def test_another_checkpoint_of_a_measured_name_is_refused_in_one_line(
    stub: Any, tmp_path: Path, again: bool
) -> None:
    save(tmp_path, 10)
    lines = Lines()
    replace: Callable[[], object] = lambda: (save(tmp_path, 10, 0.9), save(tmp_path, 20))  # noqa: E731
    if again:
        look(tmp_path)
        replace()
    else:
        lines.on("  10  ", replace)
    watched = look(tmp_path, lines, until_step=20)
    assert (watched.measured[-1], watched.failed) == ("checkpoint-20", ("checkpoint-10",))
    (line,) = lines.of("checkpoint-10")
    assert "another one than was measured under this name (fingerprint is" in line
    table = rates(tmp_path / "rewardgym").set_index(["step", "field", "arm"])
    assert table.loc[(10, "score", "conflict"), "rate"] == pytest.approx(0.1)


def test_a_checkpoint_without_numbers_does_not_end_the_watch(stub: Any, tmp_path: Path) -> None:
    save(tmp_path, 10, "nan")
    save(tmp_path, 20)
    lines = Lines()
    watched = look(tmp_path, lines)
    assert (watched.measured, watched.failed) == (("checkpoint-20",), ("checkpoint-10",))
    assert lines.of("checkpoint-10") == ["checkpoint-10 not measured: logits are not numbers"]


# What ends the watch


def test_a_model_that_can_never_be_asked_ends_the_watch(stub: Any, tmp_path: Path) -> None:
    def refuse(checkpoint: Any) -> None:
        raise PolicyError("device 'cudda' cannot be used")

    stub.on_load = refuse
    save(tmp_path, 10)
    with pytest.raises(PolicyError, match="cudda"):
        look(tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"variants": grid(field=["reward", "points"])}, "variant .*points.* not in it"),
        ({"seed": 3}, "seed is 3, was 0"),
        ({"exact": Exact(cut=0.01)}, "cut is 0.01, was 1e-05"),
        ({"dtype": "bfloat16"}, "dtype is 'bfloat16', was 'auto'"),
    ],
)
def test_another_grid_or_another_way_of_asking_is_refused_at_once(
    stub: Any, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    save(tmp_path, 10)
    look(tmp_path)
    with pytest.raises(SweepError, match=said):
        look(tmp_path / "later", out=tmp_path / "rewardgym", until_step=1, **changed)


def test_a_scripted_control_in_the_same_folder_does_no_harm(stub: Any, tmp_path: Path) -> None:
    rewardgym.sweep("scripted:obey", GRID, out=tmp_path / "rewardgym", exact=True)
    save(tmp_path, 10)
    look(tmp_path)
    assert set(rates(tmp_path / "rewardgym")["checkpoint"]) == {"scripted:obey", "checkpoint-10"}


def test_a_folder_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StoreError, match="cannot be written; choose another one with --out"):
        look(tmp_path)
