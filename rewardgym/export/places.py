"""Files that are there whole or not at all.

In: the final path. Out: a path beside it to write to, moved into place when all went well. What
fails half-way, also by Ctrl-C, leaves nothing; a kill leaves a ``.partial`` file that no reader
takes for the real one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def check_free(path: Path, force: bool) -> None:
    """Raises ValueError where something is at ``path`` that was not to be overwritten. An empty
    folder is nothing."""
    taken = any(path.iterdir()) if path.is_dir() else path.exists() or path.is_symlink()
    if taken and not force:
        raise ValueError(f"{path}: is there already; choose another --out, or give --force")


@contextmanager
def new_file(path: Path, force: bool = False) -> Iterator[Path]:
    """A path to write a file to, which then becomes ``path``."""
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name a file, such as {path / 'rates.tex'}")
    check_free(path, force)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    made = Path(name)
    try:
        yield made
        check_free(path, force)
        made.chmod(0o666 & ~_umask())  # mkstemp makes files for the owner alone
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, owned: tuple[str, ...], force: bool = False) -> Iterator[Path]:
    """A folder to write to, which then becomes ``path``. Where ``path`` is there and ``force`` is
    given, its files that match a glob in ``owned`` are replaced; others in it stay."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path}: is a file; choose another --out for a folder")
    check_free(path, force)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        yield made
        check_free(path, force)
        made.chmod(0o777 & ~_umask())
        if path.is_dir() and any(path.iterdir()):
            _put_into(made, path, owned)
        else:
            made.replace(path)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put_into(made: Path, path: Path, owned: tuple[str, ...]) -> None:
    """Each file of ``made`` into ``path``; what an earlier export left and this one lacks goes, or
    a reader would add up both."""
    new = {file.relative_to(made) for file in made.rglob("*") if file.is_file()}
    for name in sorted(new):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).replace(path / name)
    for file in {file for pattern in owned for file in path.glob(pattern)}:
        if file.relative_to(path) not in new:
            file.unlink()


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    now = os.umask(0o077)
    os.umask(now)
    return now
