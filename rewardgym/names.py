"""One sentence for every unknown name: what it was, what is allowed, what was probably meant.

In: a wrong name and the right ones. Out: a ValueError to raise. In one place so that a typo reads
the same in the library, on the command line and in the environment.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: object, allowed: Iterable[object], cutoff: float = 0.6) -> str | None:
    """The allowed name most like ``name``, or None where none is near."""
    found = difflib.get_close_matches(str(name), [str(a) for a in allowed], n=1, cutoff=cutoff)
    return found[0] if found else None


def unknown(what: str, name: object, allowed: Iterable[object], extra: str = "") -> ValueError:
    """The error for an unknown ``name``; ``extra`` adds what else is accepted, for instance
    "or a text of your own"."""
    allowed = list(allowed)
    guess = nearest(name, allowed)
    hint = f" Did you mean {guess!r}?" if guess is not None else ""
    listed = ", ".join(str(a) for a in allowed)
    tail = f", {extra}" if extra else ""
    return ValueError(f"unknown {what} {name!r}; allowed: {listed}{tail}.{hint}")
