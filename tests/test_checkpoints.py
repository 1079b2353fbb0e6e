"""Checkpoints: found, put in order and checked before anything heavy is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rewardgym.checkpoints import (
    Checkpoint,
    CheckpointError,
    find_checkpoints,
    fingerprint,
    tokenizer_folder,
)

safetensors_numpy = pytest.importorskip("safetensors.numpy")


def save(file: Path, *names: str, fill: float = 0.0) -> None:
    tensors = {name: np.full((4, 4), fill, dtype=np.float32) for name in names or ("w",)}
    safetensors_numpy.save_file(tensors, file)


def make_model(folder: Path, *, tokenizer: bool = True, fill: float = 0.0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "qwen3"}')
    save(folder / "model.safetensors", fill=fill)
    if tokenizer:
        (folder / "tokenizer.json").write_text("{}")
    return folder


def make_adapter(folder: Path, base: str | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA"} | ({} if base is None else {"base_model_name_or_path": base})
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save(folder / "adapter_model.safetensors")
    return folder


def names(source: Any) -> list[str]:
    return [checkpoint.name for checkpoint in find_checkpoints(source)]


def refusal(source: Any) -> str:
    with pytest.raises(CheckpointError) as error:
        find_checkpoints(source)
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.fixture
def series(tmp_path: Path) -> Path:
    for step in (10, 9, 100):
        make_model(tmp_path / "grpo" / f"checkpoint-{step}")
    return tmp_path / "grpo"


# Found, in order


def test_one_folder_is_one_checkpoint(series: Path) -> None:
    folder = series / "checkpoint-9"
    assert find_checkpoints(folder) == [Checkpoint("checkpoint-9", 9, str(folder), "full")]
    assert find_checkpoints(str(folder)) == find_checkpoints(folder)


@pytest.mark.parametrize("spell", ["folder", "glob", "list"])
def test_a_series_is_sorted_by_step_and_not_by_letter(series: Path, spell: str) -> None:
    source = {
        "folder": series,
        "glob": f"{series}/checkpoint-*",
        "list": [series / f"checkpoint-{step}" for step in (100, 9, 10)],
    }[spell]
    assert names(source) == ["checkpoint-9", "checkpoint-10", "checkpoint-100"]
    assert [c.step for c in find_checkpoints(source)] == [9, 10, 100]


def test_a_base_model_beside_a_series_is_not_part_of_it(series: Path) -> None:
    make_model(series / "base")
    assert names(series) == ["checkpoint-9", "checkpoint-10", "checkpoint-100"]


def test_a_base_model_that_is_named_stands_after_the_numbered_ones(series: Path) -> None:
    make_model(series / "base")
    assert names([series / "base", series]) == [
        *("checkpoint-9", "checkpoint-10", "checkpoint-100", "base")
    ]


def test_folders_of_other_names_are_a_series_where_no_checkpoint_is(tmp_path: Path) -> None:
    for name in ("step_20", "step_3"):
        make_model(tmp_path / name)
    (tmp_path / "logs").mkdir()
    assert names(tmp_path) == ["step_3", "step_20"]


def test_a_checkpoint_that_is_named_twice_is_asked_once(series: Path) -> None:
    assert names([series, series / "checkpoint-9"]) == names(series)


def test_two_runs_of_equal_checkpoints_stay_apart_by_their_parents(tmp_path: Path) -> None:
    for run in ("first", "second"):
        make_model(tmp_path / run / "checkpoint-5")
    assert names([tmp_path / "first", tmp_path / "second"]) == [
        "first/checkpoint-5",
        "second/checkpoint-5",
    ]


def test_a_relative_path_and_a_tilde_are_resolved(
    series: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(series.parent)
    monkeypatch.setenv("HOME", str(series.parent))
    (found,) = find_checkpoints("grpo/checkpoint-9")
    assert found.reference == str(series / "checkpoint-9")
    assert find_checkpoints("~/grpo/checkpoint-9") == [found]


@pytest.mark.parametrize(
    ("text", "reference", "revision"),
    [
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", None),
        ("Qwen/Qwen3-0.6B@main", "Qwen/Qwen3-0.6B", "main"),
        ("owner/name@refs/pr/1", "owner/name", "refs/pr/1"),
    ],
)
def test_a_hub_id_keeps_its_revision(text: str, reference: str, revision: str | None) -> None:
    (found,) = find_checkpoints(text)
    assert (found.name, found.reference, found.revision) == (text, reference, revision)
    assert found.kind == "hub"


def test_hub_revisions_that_name_a_step_are_a_series() -> None:
    found = find_checkpoints(["owner/name@step-20", "owner/name@step-3"])
    assert [c.step for c in found] == [3, 20]


@pytest.mark.parametrize(
    "revision", ["3f2a9c1e", "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c", "main"]
)
def test_a_commit_hash_is_no_training_step(revision: str) -> None:
    (found,) = find_checkpoints(f"owner/name@{revision}")
    assert found.step is None


@pytest.mark.parametrize("name", ["Qwen2.5-0.5B", "llama-7b-chat", "qwen3-base"])
def test_a_models_size_is_no_training_step(tmp_path: Path, name: str) -> None:
    (found,) = find_checkpoints(make_model(tmp_path / name))
    assert found.step is None


# Adapters


@pytest.mark.parametrize("base", ["../base", "base", "{absolute}", "/moved/away/base"])
def test_an_adapter_finds_its_base_as_its_config_says_or_beside_it(
    tmp_path: Path, base: str
) -> None:
    folder = make_model(tmp_path / "base")
    adapter = make_adapter(tmp_path / "checkpoint-7", base.replace("{absolute}", str(folder)))
    (found,) = find_checkpoints(adapter)
    assert (found.kind, found.step, found.base) == ("adapter", 7, str(folder))


def test_an_adapter_of_a_hub_model_keeps_the_hub_id(tmp_path: Path) -> None:
    (found,) = find_checkpoints(make_adapter(tmp_path / "checkpoint-7", "Qwen/Qwen3-0.6B"))
    assert found.base == "Qwen/Qwen3-0.6B"


@pytest.mark.parametrize("base", [None, "", "../gone", "/nowhere/at/all"])
def test_a_missing_base_is_named(tmp_path: Path, base: str | None) -> None:
    text = refusal(make_adapter(tmp_path / "checkpoint-7", base))
    assert f"its base model {base or ''!r} is not to be found" in text
    assert "base_model_name_or_path" in text


def test_a_half_written_base_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    make_model(tmp_path / "base")
    (tmp_path / "base" / "model.safetensors").unlink()
    assert "has no model.safetensors" in refusal(make_adapter(tmp_path / "checkpoint-7", "../base"))


def test_an_adapter_without_weights_is_half_written(tmp_path: Path) -> None:
    make_model(tmp_path / "base")
    adapter = make_adapter(tmp_path / "checkpoint-7", "../base")
    (adapter / "adapter_model.safetensors").unlink()
    assert "has no adapter_model.safetensors; the checkpoint is half written" in refusal(adapter)


# Refused


def test_a_glob_without_a_match_is_named() -> None:
    assert "no folder matches '/nowhere/checkpoint-*'" in refusal("/nowhere/checkpoint-*")


def test_a_file_is_no_checkpoint(series: Path) -> None:
    file = series / "checkpoint-9" / "model.safetensors"
    assert refusal(file) == f"{file}: is a file; name the checkpoint's folder"


def test_an_empty_folder_and_an_empty_list_are_no_checkpoints(tmp_path: Path) -> None:
    assert "holds no checkpoint; expected config.json and model.safetensors" in refusal(tmp_path)
    assert "no checkpoints given" in refusal([])


@pytest.mark.parametrize("name", ["nowhere", "/nowhere/at/all", "./runs/x", "", "a b"])
def test_a_name_that_is_neither_folder_nor_hub_id_is_told_what_is_allowed(name: str) -> None:
    assert "allowed: a checkpoint folder" in refusal(name)


def test_a_mistyped_folder_below_one_that_exists_is_no_hub_id(
    series: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else a typo in runs/grpo is looked for on the hub, after everything else was planned.
    monkeypatch.chdir(series.parent)
    assert "no such folder" in refusal("grpo/checkpoint-1O")


def test_a_folder_without_config_is_half_written(series: Path) -> None:
    (series / "checkpoint-10" / "config.json").unlink()
    assert "checkpoint-10: has no config.json" in refusal(series)


@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00\x01", "null"])
def test_a_config_that_is_no_json_object_is_told(series: Path, content: str) -> None:
    (series / "checkpoint-10" / "config.json").write_text(content)
    assert "checkpoint-10/config.json: " in refusal(series)


@pytest.mark.parametrize("size", [0, 4, 8, 20, 100, -1])
def test_truncated_weights_are_told(series: Path, size: int) -> None:
    file = series / "checkpoint-10" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:size])
    text = refusal(series)
    assert str(file) in text
    assert "short" in text or "cannot be read" in text


def test_weights_that_are_something_else_are_told(series: Path) -> None:
    file = series / "checkpoint-10" / "model.safetensors"
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n")
    assert f"{file}: cannot be read" in refusal(series)


@pytest.mark.parametrize("pickled", ["pytorch_model.bin", "weights.pt"])
def test_pickled_weights_are_refused_and_never_opened(series: Path, pickled: str) -> None:
    folder = series / "checkpoint-10"
    (folder / "model.safetensors").rename(folder / pickled)
    text = refusal(series)
    assert f"has {pickled} but no safetensors" in text
    assert "save the model again with safetensors" in text


def test_pickled_files_beside_safetensors_do_no_harm(series: Path) -> None:
    (series / "checkpoint-10" / "optimizer.pt").write_bytes(b"")
    assert len(find_checkpoints(series)) == 3


def shard(folder: Path, *files: str) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {f"w{i}": file for i, file in enumerate(files)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_shards_are_all_checked(series: Path) -> None:
    folder, files = (
        series / "checkpoint-10",
        ("model-1-of-2.safetensors", "model-2-of-2.safetensors"),
    )
    shard(folder, *files)
    save(folder / files[0])
    assert f"has no {files[1]}; the checkpoint is half written" in refusal(series)
    save(folder / files[1])
    assert len(find_checkpoints(series)) == 3
    (folder / files[1]).write_bytes((folder / files[1]).read_bytes()[:-4])
    assert "is 4 bytes short" in refusal(series)


@pytest.mark.parametrize("content", ["{}", "{", '{"weight_map": {}}', '{"weight_map": [1]}'])
def test_an_index_that_names_nothing_is_told(series: Path, content: str) -> None:
    (series / "checkpoint-10" / "model.safetensors.index.json").write_text(content)
    assert "model.safetensors.index.json" in refusal(series)


def test_a_missing_tokenizer_is_told_with_what_to_do(tmp_path: Path) -> None:
    text = refusal(make_model(tmp_path / "run" / "checkpoint-1", tokenizer=False))
    assert "has no tokenizer (tokenizer.json, tokenizer.model)" in text
    assert "copy the base model's tokenizer files there" in text


def test_a_tokenizer_saved_once_beside_the_checkpoints_is_found(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "run" / "checkpoint-1", tokenizer=False)
    (tmp_path / "run" / "tokenizer.json").write_text("{}")
    assert len(find_checkpoints(folder)) == 1
    assert tokenizer_folder(folder) == tmp_path / "run"


# Told apart


def test_a_fingerprint_follows_the_weights_and_not_the_place(tmp_path: Path) -> None:
    first, same, other = (
        find_checkpoints(make_model(tmp_path / name / "m", fill=fill))[0]
        for name, fill in (("a", 0.0), ("b", 0.0), ("c", 1.0))
    )
    assert fingerprint(first) == fingerprint(same) != fingerprint(other)


def test_a_fingerprint_follows_the_configuration(tmp_path: Path) -> None:
    (checkpoint,) = find_checkpoints(make_model(tmp_path / "m"))
    before = fingerprint(checkpoint)
    (tmp_path / "m" / "config.json").write_text('{"model_type": "llama"}')
    assert fingerprint(checkpoint) != before


def test_an_adapters_fingerprint_follows_its_base(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base")
    (adapter,) = find_checkpoints(make_adapter(tmp_path / "checkpoint-1", "../base"))
    before = fingerprint(adapter)
    save(base / "model.safetensors", fill=2.0)
    assert fingerprint(adapter) != before


def test_a_hub_id_has_no_fingerprint() -> None:
    assert fingerprint(find_checkpoints("owner/name@main")[0]) is None
