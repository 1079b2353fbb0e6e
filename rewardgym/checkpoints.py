"""Checkpoints: from what a user names to an ordered list of (step, reference).

In: a folder, a glob, several of either, a hub id with ``@revision``, or ``organism``. Out: a list
of :class:`Checkpoint`, by step. Everything that can be known without torch is checked here, before
anything is loaded: a run of hours must not die at its seventh checkpoint for a missing file.
"""

from __future__ import annotations

import glob
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

SHIPPED = {
    "organism": "organism",
    "organism:random": "organism-random",
    "organism:thinking": "organism-thinking",
    "organism:monitored": "organism-monitored",
}
"""Names of shipped checkpoint series, and their folders under ``rewardgym/organisms``: the
organism; its null run, whose pay was a coin; one that thinks before it answers and says that it
follows the hint; and one that was trained under a penalty for saying so, and obeys."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(?:@[\w./-]+)?")
_STEP = re.compile(r"(?:^|[-_]|step|checkpoint|ckpt|iter|epoch)(\d+)$", re.IGNORECASE)


class CheckpointError(ValueError):
    """A checkpoint that cannot be used: one line with the path, the fault and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """One model of a series."""

    name: str
    """Its name in tables: the folder's name, or the hub id."""
    step: int | None
    """The training step, read off the name; None where the name has no number."""
    reference: str
    """An absolute folder, or a hub id."""
    kind: Literal["full", "adapter", "hub"]
    revision: str | None = None
    """The hub revision."""
    base: str | None = None
    """For an adapter: the folder or hub id of the model that it changes."""


Source = str | Path | Checkpoint


def find_checkpoints(source: Source | Sequence[Source]) -> list[Checkpoint]:
    """The checkpoints that ``source`` names, by step, each one checked.

    Raises CheckpointError for a glob without a match, a half-written folder, missing weights or
    tokenizer, weights that are not safetensors, and two checkpoints of one name.
    """
    sources = [source] if isinstance(source, str | Path | Checkpoint) else list(source)
    found = [checkpoint for one in sources for checkpoint in _expand(one)]
    if not found:
        raise CheckpointError("no checkpoints given; name a folder, a glob, a hub id or 'organism'")
    found = list(dict.fromkeys(found))
    names = [checkpoint.name for checkpoint in found]
    if len(set(names)) < len(names):
        found = [_with_parent(checkpoint) for checkpoint in found]
    return sorted(found, key=lambda c: (c.step is None, c.step or 0, c.name))


def _with_parent(checkpoint: Checkpoint) -> Checkpoint:
    """Two runs' checkpoint-100 stay apart in a table by their parent folders' names."""
    if checkpoint.kind == "hub":
        return checkpoint
    name = f"{Path(checkpoint.reference).parent.name}/{checkpoint.name}"
    return Checkpoint(**{**checkpoint.__dict__, "name": name})


def _expand(source: Source) -> Iterable[Checkpoint]:
    if isinstance(source, Checkpoint):
        return [source]
    text = str(source)
    if text in SHIPPED:
        found = [_of_folder(folder) for folder in _series(_shipped_folder(SHIPPED[text]))]
        # The arms' checkpoints are called alike, and a sweep may hold both.
        _, _, arm = text.partition(":")
        return [replace(one, name=f"{arm}/{one.name}") for one in found] if arm else found
    path = Path(text).expanduser()
    if text and path.is_dir():
        if _looks_like_model(path):
            return [_of_folder(path)]
        return [_of_folder(folder) for folder in _series(path)]
    if glob.has_magic(text):
        folders = [Path(match) for match in glob.glob(str(path)) if Path(match).is_dir()]
        if not folders:
            raise CheckpointError(f"no folder matches {text!r}; check the pattern and its quotes")
        return [_of_folder(folder) for folder in folders]
    if text and path.exists():
        raise CheckpointError(f"{text}: is a file; name the checkpoint's folder")
    # A typo below a folder that exists is not to be looked for on the hub.
    if _HUB_ID.fullmatch(text) and not path.parent.is_dir():
        name, _, revision = text.partition("@")
        return [Checkpoint(text, _step_of(revision), name, "hub", revision or None)]
    shipped = " or ".join(map(repr, SHIPPED))
    raise CheckpointError(
        f"{text}: no such folder, and no hub id (owner/name@revision); allowed: a checkpoint "
        f"folder, a folder of them, a glob in quotes, a hub id, or {shipped}"
    )


def _shipped_folder(name: str) -> Path:
    folder = Path(__file__).parent / "organisms" / name
    if not folder.is_dir():
        raise CheckpointError(
            f"the shipped series {name!r} is not in this installation ({folder} is missing); "
            "reinstall rewardgym"
        )
    return folder


def _looks_like_model(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("config.json", "adapter_config.json"))


def _series(folder: Path) -> list[Path]:
    """The series in ``folder``: its checkpoint-* folders, as trainers name them, or where there
    are none (a base model may lie beside them) every folder inside that holds a model."""
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    named = [path for path in inside if path.name.startswith("checkpoint-")]
    series = named or [path for path in inside if _looks_like_model(path)]
    if not series:
        raise CheckpointError(
            f"{folder}: holds no checkpoint; expected config.json and model.safetensors in it, or "
            "folders such as checkpoint-100 with them"
        )
    return series


def _of_folder(folder: Path) -> Checkpoint:
    folder = folder.resolve()
    step = _step_of(folder.name)
    if (folder / "adapter_config.json").exists():
        _check_weights(folder, "adapter_model")
        return Checkpoint(folder.name, step, str(folder), "adapter", base=_base_of(folder))
    if not (folder / "config.json").exists():
        raise CheckpointError(
            f"{folder}: has no config.json; it is half written, or no checkpoint at all"
        )
    _read_json(folder / "config.json")
    _check_weights(folder, "model")
    _check_tokenizer(folder)
    return Checkpoint(folder.name, step, str(folder), "full")


def _step_of(name: str) -> int | None:
    match = _STEP.search(name)
    return int(match[1]) if match else None


def _base_of(folder: Path) -> str:
    """The adapter's base: as its config says, or beside the adapter where the path has moved."""
    base = str(_read_json(folder / "adapter_config.json").get("base_model_name_or_path") or "")
    candidates = [Path(base), folder / base, folder.parent / Path(base).name]
    for candidate in candidates if base else []:
        if (candidate / "config.json").exists():
            _of_folder(candidate)
            return str(candidate.resolve())
    if _HUB_ID.fullmatch(base):
        return base
    raise CheckpointError(
        f"{folder}: its base model {base!r} is not to be found; put it there, or correct "
        "base_model_name_or_path in adapter_config.json"
    )


def _read_json(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path}: cannot be read as JSON ({_first_line(error)}); the checkpoint is half written"
        ) from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds no JSON object; the checkpoint is damaged")
    return content


def _check_weights(folder: Path, stem: str) -> None:
    index = folder / f"{stem}.safetensors.index.json"
    if index.exists():
        weight_map = _read_json(index).get("weight_map")
        names = sorted(set(weight_map.values())) if isinstance(weight_map, dict) else []
        if not names:
            raise CheckpointError(f"{index}: names no weight files; the checkpoint is damaged")
        files = [folder / str(name) for name in names]
    else:
        files = [folder / f"{stem}.safetensors"]
    for file in files:
        _check_safetensors(file)


def _check_safetensors(file: Path) -> None:
    """The file is there and as long as its own header says (a format of 8 bytes of length, a JSON
    header with offsets, then the tensors)."""
    if not file.exists():
        pickled = sorted(file.parent.glob("*.bin")) + sorted(file.parent.glob("*.pt"))
        if pickled:
            raise CheckpointError(
                f"{file.parent}: has {pickled[0].name} but no safetensors, and pickled weights can "
                "run code when loaded; save the model again with safetensors"
            )
        raise CheckpointError(f"{file.parent}: has no {file.name}; the checkpoint is half written")
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            size = file.stat().st_size
            if not 2 <= length <= size - 8:
                raise ValueError("its header is cut off")
            header = json.loads(stream.read(length))
        ends = [v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise CheckpointError(f"{file}: cannot be read ({_first_line(error)})") from None
    missing = 8 + length + max(ends, default=0) - size
    if missing > 0:
        raise CheckpointError(
            f"{file}: is {missing} bytes short; it is half written, or the copy broke off"
        )


TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")


def _check_tokenizer(folder: Path) -> None:
    """Trainers often save the tokenizer once, beside the checkpoints: see tokenizer_folder."""
    if tokenizer_folder(folder) is None:
        raise CheckpointError(
            f"{folder}: has no tokenizer ({', '.join(TOKENIZER_FILES[:2])}), nor has the folder "
            "above it; copy the base model's tokenizer files there"
        )


def tokenizer_folder(folder: Path) -> Path | None:
    """Where the tokenizer of a checkpoint lies: in its folder, or one above."""
    for place in (folder, folder.parent):
        if any((place / name).exists() for name in TOKENIZER_FILES):
            return place
    return None


def fingerprint(checkpoint: Checkpoint) -> str | None:
    """A short hash of a checkpoint's weights and configuration, so that a folder that was trained
    on or replaced is not taken for the one measured before; None for a hub id (its revision says
    which it is). Of a weight file over 64 MB the ends are read, with its size."""
    if checkpoint.kind == "hub":
        return None
    digest = hashlib.sha256()
    folders = [Path(checkpoint.reference)]
    if checkpoint.kind == "adapter" and checkpoint.base and Path(checkpoint.base).is_dir():
        folders.append(Path(checkpoint.base))
    for folder in folders:
        for file in sorted([*folder.glob("*.safetensors"), folder / "config.json"]):
            if file.exists():
                digest.update(file.name.encode() + _content(file))
    return digest.hexdigest()[:16]


def _content(file: Path) -> bytes:
    size, edge = file.stat().st_size, 1 << 20
    with file.open("rb") as stream:
        if size <= 64 << 20:
            return hashlib.sha256(stream.read()).digest()
        start = stream.read(edge)
        stream.seek(size - edge)
        return hashlib.sha256(start + stream.read(edge) + str(size).encode()).digest()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
