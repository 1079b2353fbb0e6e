"""The commands that repeat a run: a line for the shell, or a snippet of Python where flags cannot
say it.

In: an open store. Out: a :class:`Repeat` a method, to be run as it stands. A line for the shell has
every value quoted and shows all that it holds: one with a character that cannot be seen becomes
Python, where such a character is an escape.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rewardgym.plans import Exact, Until
from rewardgym.records import Cell, RecordStore
from rewardgym.repeating.grids import Grid, find_grid
from rewardgym.repeating.snippets import snippet
from rewardgym.repeating.sources import Source, changed_decoding, find_sources, source_flags

OUT = "runs/again"
"""Where a repeated run goes."""

_NO_GRID = " with the variants in a list: they are no grid of flags"
_NO_NAME = ", since no flag names these policies"
_NO_LOOK = ", since no flag says how often a cell was looked at"
_NO_LINE = ", since a text in it cannot be seen in a line of the shell"


@dataclass(frozen=True, slots=True)
class Repeat:
    """What repeats one method's measurements."""

    language: Literal["sh", "python"]
    text: str


def repeat_commands(store: RecordStore, run: str | None = None) -> list[str]:
    """The texts of :func:`repeats`."""
    return [one.text for one in repeats(store, run)]


def repeats(store: RecordStore, run: str | None = None) -> list[Repeat]:
    """What repeats the run, a method each, in the order of the cells. ``run`` is where it lies, for
    a snippet that takes its variants from there; left out, the folder of the store. Lines that
    begin with ``#`` say what cannot be repeated."""
    methods: dict[str, list[Cell]] = {}
    for cell in store.cells():
        methods.setdefault(str(cell.policy.get("method", "sampled")), []).append(cell)
    for name in ("sampled", "sequential", "exact", "chains"):
        if name not in methods and store.get_config(name) is not None:
            methods[name] = []  # planned, and not begun
    place = str(store.folder) if run is None else run
    return [_repeat(store.get_config(m), cells, m, place) for m, cells in methods.items()]


def table_commands(run: str) -> list[str]:
    """The commands that make the tables and the report of the run in the folder ``run`` again."""
    word = shlex.quote(f"./{run}" if run.startswith("-") else run)
    return [
        f"rewardgym rates {word} --by checkpoint,field,encoding,arm --format csv",
        f"rewardgym report {word}",
    ]


def _repeat(
    config: Mapping[str, Any] | None, cells: Sequence[Cell], method: str, run: str
) -> Repeat:
    if config is None:
        return Repeat("sh", "# the run does not say what made it; its cells were added by hand")
    planned = find_sources(config, cells)
    sources = [one for one in planned if one.code is not None]
    left = ", ".join(repr(one.name) for one in planned if one.code is None)
    note = f"# without {left}: planned, and the run holds nothing of it yet\n" if left else ""
    if not sources:
        return Repeat("sh", note.strip() or "# the run names no policy")
    grid = find_grid(config["variants"])
    found = _shell(config, sources, grid)
    if isinstance(found, list):
        return Repeat("sh", note + shlex.join(found))
    return Repeat("python", snippet(config, sources, grid, method, run, OUT, note, found))


def _shell(
    config: Mapping[str, Any], sources: Sequence[Source], grid: Grid | None
) -> list[str] | str:
    """The words of the command, or why there is none."""
    asked, named = grid.flags() if grid is not None else None, source_flags(sources)
    if asked is None:
        return _NO_GRID if grid is None else _NO_LINE
    if named is None:
        return _NO_NAME
    first = sources[0].policy
    if first.get("look_every", Until(half_width=0.1).every) != Until(half_width=0.1).every:
        return _NO_LOOK
    words = ["rewardgym", "sweep", *named, *asked]
    words += ["--n", str(config["n"]), "--seed", str(config["seed"])]
    loaded = next((one.policy for one in sources if one.is_checkpoint), None)
    words += _decoding_flags(loaded) if loaded is not None else []
    words += [*_method_flags(first), "--out", OUT]
    return words if all(map(_is_seen, words)) else _NO_LINE


def _is_seen(word: str) -> bool:
    """Whether a word shows all that it holds, quoted and in lines: no NUL, which no argument can
    hold, no bidi mark, no tab, which a shell takes for a key."""
    return all(c.isprintable() or c == "\n" for c in word)


def _decoding_flags(policy: Mapping[str, Any]) -> list[str]:
    """Flags for decoding, where it is not what a plain sweep does."""
    words: list[str] = []
    changed = changed_decoding(policy)
    thinking = changed.pop("thinking", None)
    for name, value in changed.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    if thinking is not None:
        words.append("--thinking" if thinking else "--no-thinking")
    if policy.get("dtype", "auto") != "auto":
        words += ["--dtype", str(policy["dtype"])]
    return words


def _method_flags(policy: Mapping[str, Any]) -> list[str]:
    """Flags for the method, where it is not sampling n replies."""
    method = policy.get("method", "sampled")
    words: list[str] = []
    if method in ("exact", "chains"):
        usual = Exact().describe()
        words.append(f"--{method}")
        for name in ("cut", "digits", "close"):
            if policy.get(name, usual[name]) != usual[name]:
                words += [f"--{name}", str(policy[name])]
    if method == "sequential":
        flag = "--until-excess" if policy.get("until_of") == "excess" else "--until"
        words += [flag, str(policy["until"])]
    return words
