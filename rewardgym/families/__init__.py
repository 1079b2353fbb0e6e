"""The families: every module beside this one that defines ``FAMILY`` is a family.

In: a family's name. Out: the :class:`Family`. Found by scanning this folder, so that a new family
is one new file and no list has to be kept.
"""

from __future__ import annotations

import importlib
import pkgutil

from rewardgym.families.base import Family, Params, Side, Value
from rewardgym.names import unknown

__all__ = [
    "Family",
    "Params",
    "Side",
    "Value",
    "family_names",
    "get_family",
    "register_family",
    "unregister_family",
]

_FAMILIES: dict[str, Family] = {}


def register_family(family: Family) -> Family:
    """Adds a family of your own. Raises ValueError if the name is taken by another one."""
    if _FAMILIES.setdefault(family.name, family) is not family:
        raise ValueError(f"family {family.name!r} is already registered; choose another name")
    return family


def unregister_family(name: str) -> None:
    """Takes a family out again. Raises ValueError for an unknown name."""
    get_family(name)
    del _FAMILIES[name]


def get_family(name: str) -> Family:
    """The family called ``name``. Raises ValueError with the nearest match for an unknown one."""
    try:
        return _FAMILIES[name]
    except KeyError:
        raise unknown("family", name, _FAMILIES) from None


def family_names() -> tuple[str, ...]:
    """All families' names, parity (the published one) first."""
    return tuple(sorted(_FAMILIES, key=lambda name: (name != "parity", name)))


for _module in pkgutil.iter_modules(__path__):
    if _module.name != "base":
        register_family(importlib.import_module(f"{__name__}.{_module.name}").FAMILY)
