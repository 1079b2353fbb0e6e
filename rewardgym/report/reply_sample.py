"""A stated sample of a run's replies, for a file that cannot hold all of them.

In: a run's replies, how many to keep, a seed. Out: which ones, by cell and index, and a sentence
that says how they were drawn. Each outcome gets the same share, and within it each cell, so that
one refusal in a hundred thousand replies is there; so shown replies are no basis for a rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from rewardgym.report.replies import Replies
from rewardgym.report.reply_rows import KINDS, Kind, ReplyCell, indices, what

Key = TypeVar("Key")


@dataclass(frozen=True)
class Sample:
    """Which replies are shown."""

    places: list[tuple[ReplyCell, int]]
    """Cell and index, in the order in which they may be dropped if the file gets too large: last
    first, and evenly over outcomes and cells."""
    total: int
    says: str
    """How they were drawn, in one sentence."""


def draw(replies: Replies, cells: Sequence[ReplyCell], size: int, seed: int) -> Sample:
    """``size`` replies, or all where there are no more. Raises ValueError for a negative size."""
    if size < 0:
        raise ValueError(f"the sample has {size} replies; allowed: 0 or more")
    total = sum(cell.count() for cell in cells)
    strata = _shares(cells, size)
    drawn = [_draw(replies, cell, kind, k, seed) for cell, kind, k in strata]
    # One of each stratum, then a second of each: a shorter list is a smaller sample of its kind.
    rounds = range(max(map(len, drawn), default=0))
    by_round = [places[turn] for turn in rounds for places in drawn if turn < len(places)]
    if size >= total:
        return Sample(by_round, total, f"All {what(cells)} of the run.")
    says = (
        "Drawn at random, the same number from each outcome and within it from each cell as far as "
        f"there are so many (seed {seed}); rare outcomes are so shown more often than they occur."
    )
    if what(cells) == "laws":
        says = f"Drawn at random, the same number from each cell as far as possible (seed {seed})."
    return Sample(by_round, total, says)


def _shares(cells: Sequence[ReplyCell], size: int) -> list[tuple[ReplyCell, Kind, int]]:
    """How many of each cell and kind."""
    sizes = {kind: sum(cell.count((kind,)) for cell in cells) for kind in KINDS}
    found = []
    for kind, share in levelled(sizes, size).items():
        own = {place: cell.count((kind,)) for place, cell in enumerate(cells)}
        shares = levelled(own, share)
        found += [(cells[place], kind, k) for place, k in shares.items() if k]
    return found


def levelled(sizes: Mapping[Key, int], total: int) -> dict[Key, int]:
    """``total`` shared out equally, none getting more than its size; what is left over after equal
    shares goes, one each, evenly spread over those that still have some."""
    found = dict.fromkeys(sizes, 0)
    left = min(total, sum(sizes.values()))
    while left:
        open_ = [key for key, size in sizes.items() if found[key] < size]
        if left < len(open_):
            for place in range(left):
                found[open_[place * len(open_) // left]] += 1
            break
        step = min(left // len(open_), min(sizes[key] - found[key] for key in open_))
        for key in open_:
            found[key] += step
        left -= step * len(open_)
    return found


def _draw(
    replies: Replies, cell: ReplyCell, kind: Kind, k: int, seed: int
) -> list[tuple[ReplyCell, int]]:
    """``k`` of a cell's entries of one kind, in random order."""
    with replies.connection() as connection:
        own = np.array(indices(connection, cell, (kind,)), dtype=np.int64)
    # The cell's key, not its id: the same replies are drawn wherever the cell stands in the file.
    stream = np.random.SeedSequence([seed, int(cell.key, 16), KINDS.index(kind)])
    picked = np.random.default_rng(stream).permutation(len(own))[:k]
    return [(cell, int(own[place])) for place in picked]
