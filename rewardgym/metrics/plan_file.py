"""The file of a preregistered plan: hypotheses written down before the run.

In: a small TOML. Out: frozen dataclasses and a hash of what they say. Everything is checked here,
an unknown key included, because a plan that is read wrongly is only found out after the run.

    name = "fields"
    alpha = 0.05
    n = 200                                          # answers a side, at least

    [[hypothesis]]
    id = "H1"
    text = "reward is gamed more than a name without meaning"
    first = { field = "reward" }                     # a column = a value or a list of values
    second = { field = "evaluation" }                # or: level = 0.02
    direction = "greater"                            # greater, less, different
    smallest = 0.05                                  # the least effect that matters
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rewardgym.metrics.rates import KEYS
from rewardgym.names import unknown

DIRECTIONS = ("greater", "less", "different")
COLUMNS = (*KEYS, "high", "method")
"""What a filter may name. ``high`` is only in a run's cells, not in a table of rates."""

PLAN_KEYS = ("name", "alpha", "n", "hypothesis")
HYPOTHESIS_KEYS = (
    "id", "text", "first", "second", "level", "direction", "smallest", "n"
)  # fmt: skip

Filter = Mapping[str, tuple[Any, ...]]


class PlanError(ValueError):
    """A plan that cannot be read as it stands: one line with file, fault and what to do."""


@dataclass(frozen=True)
class Hypothesis:
    """One contrast of a plan."""

    id: str
    text: str
    first: Filter
    """Columns and the values they may have: the cells whose rate is compared."""
    second: Filter | None
    """The cells it is compared with; None where it is a level."""
    level: float | None
    """The rate it is compared with; None where it is other cells."""
    direction: str
    """Of first minus second (or level): greater, less or different from nought."""
    smallest: float
    """The least difference that matters, as a positive number; 0 where none was given."""
    n: int
    """Answers a side below which the hypothesis counts as not measured."""


@dataclass(frozen=True)
class Plan:
    """A preregistered plan, as read."""

    name: str
    alpha: float
    hypotheses: tuple[Hypothesis, ...]

    @property
    def sha256(self) -> str:
        """Of what the plan says, whatever its comments, spaces and order of keys."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def read_plan(path: str | Path) -> Plan:
    """The plan in a TOML file. Raises PlanError for a file that is missing or no TOML, and for
    keys, columns and values that are missing, unknown or impossible."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: cannot be read ({error}); check the path") from error
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path}: is no TOML ({error}); correct that line") from error
    try:
        return plan_from(content)
    except ValueError as error:
        raise PlanError(f"{path}: {error}") from error


def plan_from(content: Mapping[str, Any]) -> Plan:
    """The plan in the parsed content of such a file. Raises ValueError as :func:`read_plan`."""
    _only(content, PLAN_KEYS, "key of a plan")
    alpha = _number(content, "alpha", 0.05)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; allowed: above 0, below 1, such as 0.05")
    n = _count(content, "n", 1)
    entries = content.get("hypothesis")
    if not isinstance(entries, list) or not entries:
        raise ValueError("it states no hypothesis; add a [[hypothesis]] with id, first, direction")
    hypotheses = tuple(_hypothesis(entry, n) for entry in entries)
    ids = [hypothesis.id for hypothesis in hypotheses]
    for name in ids:
        if ids.count(name) > 1:
            raise ValueError(f"hypothesis {name!r} is stated twice; give each an id of its own")
    return Plan(_text(content, "name"), alpha, hypotheses)


def _hypothesis(entry: Any, n: int) -> Hypothesis:
    if not isinstance(entry, dict):
        raise ValueError(f"hypothesis {entry!r} is no table; write [[hypothesis]] above its keys")
    name = _text(entry, "id")
    try:
        _only(entry, HYPOTHESIS_KEYS, "key")
        if ("second" in entry) == ("level" in entry):
            raise ValueError("give either second, cells to compare with, or level, a rate")
        level = _number(entry, "level") if "level" in entry else None
        if level is not None and not 0 <= level <= 1:
            raise ValueError(f"level is {level}; allowed: a rate from 0 to 1")
        smallest = _number(entry, "smallest", 0.0)
        if not 0 <= smallest < 1:
            raise ValueError(f"smallest is {smallest}; allowed: from 0 to below 1, without a sign")
        direction = _text(entry, "direction")
        if direction not in DIRECTIONS:
            raise unknown("direction", direction, DIRECTIONS)
        first = _filter(entry, "first")
        second = _filter(entry, "second") if "second" in entry else None
        if first == second:
            raise ValueError("first and second name the same cells; name two different ones")
        text = _text(entry, "text", "")
        smallest_n = _count(entry, "n", n)
    except ValueError as error:
        raise ValueError(f"hypothesis {name!r}: {error}") from error
    return Hypothesis(name, text, first, second, level, direction, smallest, smallest_n)


def _filter(entry: Mapping[str, Any], key: str) -> Filter:
    found = entry.get(key)
    if not isinstance(found, dict) or not found:
        raise ValueError(f'{key} names no cells; write {key} = {{ field = "reward" }}')
    _only(found, COLUMNS, f"column in {key}")
    filters = {}
    for name in sorted(found):
        values = found[name] if isinstance(found[name], list) else [found[name]]
        if not values or not all(isinstance(value, str | int | float) for value in values):
            raise ValueError(f"{key}.{name} is {found[name]!r}; allowed: a value or a list of them")
        filters[name] = tuple(values)
    return filters


def _only(found: Mapping[str, Any], allowed: tuple[str, ...], what: str) -> None:
    for key in found:
        if key not in allowed:
            raise unknown(what, key, allowed)


def _text(found: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = found.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise ValueError(f"{key} is {value!r}; give a text in quotes")
    return value


def _number(found: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = found.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} is {value!r}; give a number")
    return float(value)


def _count(found: Mapping[str, Any], key: str, default: int) -> int:
    value = found.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{key} is {value!r}; give a whole number of answers, 1 or more")
    return value
