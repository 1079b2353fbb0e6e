"""The grid that a list of variants is, if it is one.

In: variant ids. Out: a :class:`Grid`, as flags and as Python. Whether flags say the grid is asked
of the command line's own reader, which knows what a comma and a blank mean there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rewardgym.plans import with_twins
from rewardgym.variants import FACTORS, Variant, grid

MOST_GRID = 10_000
"""Grids larger than this are not tried out: such a list of variants was no grid."""


@dataclass(frozen=True)
class Grid:
    """Values of factors, of which a sweep asks every combination."""

    values: Mapping[str, Sequence[Any]]
    """Of each factor that is not at its default alone."""
    mirror: bool
    twins: bool

    def variants(self) -> set[Variant]:
        """What a sweep of it asks; nothing where the values do not go together."""
        return self._variants(self.values)

    def flags(self) -> list[str] | None:
        """The flags of ``rewardgym sweep`` that give it; None where no flags do."""
        from rewardgym.cli_factors import read_factors  # needs typer, which a report does not

        options = {name: _options(values) for name, values in self.values.items()}
        try:
            read = read_factors({name: [*texts] for name, texts in options.items()})
        except ValueError:  # a factor that the command line has no flag for
            return None
        if self._variants(read) != self.variants():
            return None
        words = [
            word
            for name, texts in options.items()
            for text in texts
            for word in (f"--{name.replace('_', '-')}", text)
        ]
        more = [*(["--mirror"] if self.mirror else []), *([] if self.twins else ["--no-twins"])]
        return [*words, *more]

    def code(self) -> str:
        """It as a call of ``rewardgym.grid``; the twins are left to the sweep."""
        given = [f"{name}={_code(values)}" for name, values in self.values.items()]
        return f"rewardgym.grid({', '.join([*given, *(['mirror=True'] if self.mirror else [])])})"

    def _variants(self, values: Mapping[str, Any]) -> set[Variant]:
        try:
            return set(with_twins(grid(**values, mirror=self.mirror), self.twins))
        except ValueError:  # values that do not go together
            return set()


def variant_flags(ids: Sequence[str]) -> list[str] | None:
    """The flags whose grid is exactly these variants, None where there are none such."""
    found = find_grid(ids)
    return None if found is None else found.flags()


def find_grid(ids: Sequence[str]) -> Grid | None:
    """The grid that is exactly these variants, with twins and mirror images taken for what they
    are; None where there is none."""
    variants = [Variant.parse(id_) for id_ in ids]
    twins = {v.twin() for v in variants if v.arm == "conflict"}
    heads = [v for v in variants if v not in twins] or variants
    tries = (
        (heads, False, True),
        (_unmirrored(heads), True, True),
        (variants, False, False),
        (_unmirrored(variants), True, False),
    )
    for chosen, mirror, twinned in tries:
        values = _values(chosen)
        if values is not None:
            found = Grid(values, mirror, twinned)
            if found.variants() == set(variants):
                return found
    return None


def _unmirrored(variants: Sequence[Variant]) -> list[Variant]:
    return [v for v in variants if v.ask == Variant(family=v.family).ask]


def _values(variants: Sequence[Variant]) -> dict[str, list[Any]] | None:
    """The values of each factor that is not at its default; None where they are no grid."""
    found = {}
    size = 1
    for name in FACTORS:
        values = list(dict.fromkeys(getattr(variant, name) for variant in variants))
        if values == [getattr(Variant(), name)] or not values:
            continue
        if name in ("ask", "high") and _follows(variants, name):
            continue  # a family's own sides, which it takes by itself
        found[name] = values
        size *= len(values)
    return found if variants and size <= MOST_GRID else None


def _follows(variants: Sequence[Variant], name: str) -> bool:
    return all(getattr(v, name) == getattr(Variant(family=v.family), name) for v in variants)


def _options(values: Sequence[Any]) -> list[str]:
    """The values as they stand behind a flag: a comma list, or one each where a value is a text of
    one's own, which may hold commas."""
    texts = [str(v).lower() if isinstance(v, bool) or v is None else str(v) for v in values]
    if any("," in text or any(map(str.isspace, text)) for text in texts):
        return texts
    return [",".join(texts)]


def _code(values: Sequence[Any]) -> str:
    return repr(values[0]) if len(values) == 1 else repr(list(values))
