"""Arrivals: the checkpoint folders of a training that goes on, each told when it is whole.

In: the folder of somebody's training, or a glob. Out: at every look the checkpoints that are
complete and at rest, by step. What is half written is waited for and what vanishes is told, since
a trainer writes for minutes and deletes what it no longer needs. Rest is seen by two looks at the
files, not by their times: the clock of a file server need not be ours.
"""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rewardgym.checkpoints import SHIPPED, Checkpoint, CheckpointError, find_checkpoints

OUT = "rewardgym"
"""The folder inside a training's own that holds what is measured of it, unless another is named."""
SETTLE = 1.0
"""Seconds for which the files of a checkpoint must stay as they are."""

Files = Mapping[str, tuple[int, int]]
"""For each file of a folder its size in bytes and its time in ns."""


@dataclass
class Arrival:
    """One checkpoint folder, as of the last look."""

    name: str
    """Its name in tables: below the root where a glob spans several trainings."""
    folder: Path
    files: Files
    since: float
    """When its files were last seen to change, on the monotonic clock."""
    checkpoint: Checkpoint | None = None
    """None while it is not complete."""
    cause: str = ""
    """What is missing, in one line."""
    done: bool = False
    """Whether nothing is left to do with these files."""
    silent: bool = False
    """Whether nothing more need be said of it: it was measured, refused or told to be gone."""

    @property
    def training(self) -> str:
        """What comes before the folder's own name, for globs that span several trainings."""
        return str(Path(self.name).parent)

    @property
    def step(self) -> int | None:
        return self.checkpoint.step if self.checkpoint is not None else None

    @property
    def is_disturbed(self) -> bool:
        """Whether a file was changed since the last look."""
        return changed(self.files, files_of(self.folder))

    @property
    def is_going(self) -> bool:
        """Whether the folder, or some of it, is gone since the last look."""
        return bool(self.files.keys() - files_of(self.folder).keys())


class Arrivals:
    """Looks at one training. ``out``, where its checkpoints' numbers go, is never taken for one of
    them; ``tell`` takes lines about what is gone and, where one ``waits``, about what is not whole.

    Raises CheckpointError for a source that cannot become the folder of a training.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        out: str | Path | None,
        settle: float,
        waits: bool,
        tell: Callable[[str], None],
    ) -> None:
        self.root, self._pattern = place_of(source)
        self.out = Path(out).expanduser() if out is not None else self.root / OUT
        self._settle = settle
        self._waits = waits
        self._tell = tell
        self._known: dict[Path, Arrival] = {}
        self.changed_at = time.monotonic()
        """When something was last seen to change, on the monotonic clock."""

    @property
    def trainings(self) -> set[str]:
        """The trainings whose checkpoints were seen."""
        return {one.training for one in self._known.values()}

    @property
    def open(self) -> list[Arrival]:
        """What is not done with, complete or not."""
        return [one for one in self._known.values() if not one.done]

    @property
    def settling(self) -> bool:
        """Whether something is complete, but was not watched for long enough."""
        return any(one.checkpoint is not None for one in self.open)

    def look(self) -> list[Arrival]:
        """Looks at the folders; gives what is complete, at rest and not done, by step."""
        now, found = time.monotonic(), self._candidates()
        for folder in self._known.keys() - found.keys():
            gone = self._known.pop(folder)
            self.changed_at = now
            if not gone.silent:
                self._tell(f"{gone.name} was deleted before it could be measured; skipped")
        for folder, name in found.items():
            self._update(folder, name, now)
        ready = [
            one
            for one in self.open
            if one.checkpoint is not None and now - one.since >= self._settle
        ]
        return sorted(ready, key=lambda one: (one.step is None, one.step or 0, one.name))

    def _candidates(self) -> dict[Path, str]:
        """Folders, links resolved so that none is there twice, with their names."""
        try:
            paths = self._matches()
        except OSError:  # the root is not there yet, or no longer
            return {}
        found: dict[Path, str] = {}
        for path in paths:
            folder = path.resolve()
            if not path.name.startswith((".", "tmp")) and folder != self.out.resolve():
                found[folder] = str(path.relative_to(self.root).parent / folder.name)
        return found

    def _matches(self) -> list[Path]:
        if self._pattern is not None:
            return [Path(one) for one in sorted(glob.glob(self._pattern)) if Path(one).is_dir()]
        inside = [path for path in sorted(self.root.iterdir()) if path.is_dir()]
        # As find_checkpoints has it, but a base model beside the first checkpoint is none.
        named = [path for path in inside if path.name.startswith("checkpoint-")]
        return named or [p for p in inside if re.search(r"\d$", p.name) and looks_like_model(p)]

    def _update(self, folder: Path, name: str, now: float) -> None:
        files = files_of(folder)
        arrival = self._known.get(folder)
        if arrival is None:
            arrival = self._known[folder] = Arrival(name, folder, files, now)
            self.changed_at = now
        elif arrival.done:
            # Files that come or go beside measured weights (an optimizer's) are of no interest.
            if not changed(arrival.files, files):
                return
            arrival.done = False
        if arrival.files != files:
            arrival.files, arrival.since, self.changed_at = files, now, now
        self._check(arrival)

    def _check(self, arrival: Arrival) -> None:
        before = arrival.cause
        try:
            if not looks_like_model(arrival.folder):
                raise CheckpointError(f"{arrival.folder}: has no config.json yet")
            (found,) = find_checkpoints(arrival.folder)
        except (ValueError, OSError) as error:
            was_whole = arrival.checkpoint is not None
            arrival.checkpoint, arrival.cause = None, _first_line(error)
            # One that was whole is being deleted or written again: the next looks will tell.
            if self._waits and not before and not was_whole and not arrival.silent:
                self._tell(f"waiting for {arrival.name}: {arrival.cause}")
            return
        arrival.checkpoint = replace(found, name=arrival.name)


def place_of(source: str | Path) -> tuple[Path, str | None]:
    """The folder in which checkpoints appear, and the pattern of their paths where one is given.

    Raises CheckpointError for what is no folder and cannot become one."""
    path = Path(source).expanduser()
    if str(source) in SHIPPED:
        raise CheckpointError(
            f"{source}: is a shipped series, to which nothing is added; measure it with "
            f"rewardgym sweep --exact --checkpoints {source}"
        )
    pattern = str(path) if glob.has_magic(str(path)) and not path.is_dir() else None
    while pattern is not None and glob.has_magic(str(path)):
        path = path.parent
    if path.exists() and not path.is_dir():
        raise CheckpointError(f"{path}: is a file; name the folder of a training")
    if pattern is None and path.name.startswith("checkpoint-") and looks_like_model(path):
        raise CheckpointError(f"{path}: is one checkpoint; name the folder that it lies in")
    if not path.is_dir() and not path.parent.is_dir():
        raise CheckpointError(
            f"{path}: no such folder, and {path.parent} is none either; check the path (a folder "
            "that a trainer is about to make is waited for)"
        )
    return path, pattern


def looks_like_model(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("config.json", "adapter_config.json"))


def files_of(folder: Path) -> Files:
    """The files of a folder as they are now; none where it is gone."""
    found: dict[str, tuple[int, int]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file():
                    status = entry.stat()
                    found[entry.name] = (status.st_size, status.st_mtime_ns)
    except OSError:  # deleted while we look; what is left is seen by the next look
        return found
    return found


def changed(before: Files, now: Files) -> bool:
    """Whether a file that is there in both was written again."""
    return any(before[name] != now[name] for name in before.keys() & now.keys())


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
