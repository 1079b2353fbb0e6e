"""Early stopping: which cells of a sweep still need rollouts, by their confidence sequences.

In: a store, the cells of one policy, what is wanted. Out: for each round the rollouts that are left
to be drawn. Looks stand at fixed numbers of rollouts and count a cell's rows by their index, so
that a run that was killed stops each cell where an undisturbed one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rewardgym.metrics.sequences import decided, decided_difference
from rewardgym.outcomes import OFF_SIDE, OUTCOMES, SIDED
from rewardgym.plans import Until
from rewardgym.records import RecordStore, Run
from rewardgym.variants import Variant


@dataclass
class _State:
    """One cell, as of its last look."""

    rows: int = 0
    k: int = 0
    n: int = 0
    decided: bool = False


class EarlyStop:
    """The looks at the cells of one policy."""

    def __init__(
        self, store: RecordStore, until: Until, n: int, cells: Mapping[int, Variant]
    ) -> None:
        self._store = store
        self._until = until
        self._most = n
        self._states = {cell: _State() for cell in cells}
        self._twin = _twins(cells) if until.excess else {}
        while self.open and self._all_there():
            self.look()

    @property
    def open(self) -> dict[int, range]:
        """The cells that are not decided, each with the indices of its next round."""
        return {
            cell: range(state.rows, min(state.rows + self._until.every, self._most))
            for cell, state in self._states.items()
            if not state.decided and state.rows < self._most
        }

    @property
    def spared(self) -> int:
        """Rollouts that were not needed, so far."""
        return sum(self._most - state.rows for state in self._states.values() if state.decided)

    def look(self) -> None:
        """Takes in the round that was drawn, and decides."""
        for cell, indices in self.open.items():
            state = self._states[cell]
            for outcome, count in self._counts(cell, indices).items():
                state.k += count * (outcome in OFF_SIDE)
                state.n += count * (outcome in SIDED)
            state.rows = indices.stop
        self._decide()

    def _decide(self) -> None:
        states = list(self._states.values())
        k, n = (np.array([getattr(s, name) for s in states]) for name in ("k", "n"))
        alone = decided(k, n, half_width=self._until.half_width)
        if not self._until.excess:
            for state, done in zip(states, alone, strict=True):
                state.decided |= bool(done)
            return
        paired = set(self._twin) | set(self._twin.values())
        for (cell, state), done in zip(self._states.items(), alone, strict=True):
            state.decided |= bool(done) and cell not in paired
        if self._twin:
            self._decide_pairs()

    def _decide_pairs(self) -> None:
        """A conflict cell stops with its excess; a twin when all that need it have stopped."""
        pairs = [(self._states[a], self._states[b]) for a, b in self._twin.items()]
        columns = [[getattr(s, x) for s in side] for side in zip(*pairs, strict=True) for x in "kn"]
        found = decided_difference(*columns, half_width=self._until.half_width)
        for (own, _), done in zip(pairs, found, strict=True):
            own.decided |= bool(done)
        for twin in set(self._twin.values()):
            users = [self._states[cell] for cell, other in self._twin.items() if other == twin]
            self._states[twin].decided |= all(user.decided for user in users)

    def _counts(self, cell: int, indices: range) -> dict[str, int]:
        rows = self._store.query(
            "SELECT outcome, COUNT(*) FROM rows WHERE cell = ? AND idx >= ? AND idx < ? "
            "GROUP BY outcome",
            (cell, indices.start, indices.stop),
        )
        return {OUTCOMES[code]: count for code, count in rows}

    def _all_there(self) -> bool:
        """Whether the next round is stored already, errors left out: they are to be repeated."""
        for cell, indices in self.open.items():
            counts = self._counts(cell, indices)
            if sum(counts.values()) - counts.get("error", 0) < len(indices):
                return False
        return True


def _twins(cells: Mapping[int, Variant]) -> dict[int, int]:
    by_variant = {variant: cell for cell, variant in cells.items()}
    found = {}
    for cell, variant in cells.items():
        twin = variant.twin() if variant.arm == "conflict" else None
        if twin is not None and twin in by_variant:
            found[cell] = by_variant[twin]
    return found


@dataclass(frozen=True)
class Savings:
    """What stopping early saved."""

    cells: int
    stopped: int
    """Cells that needed fewer than n."""
    rollouts: int
    planned: int

    def __str__(self) -> str:
        spared = self.planned - self.rollouts
        return (
            f"{self.stopped} of {self.cells} cells stopped early: {spared:,} of {self.planned:,} "
            f"rollouts were not needed ({spared / self.planned:.0%})"
        )


def savings(run: Run) -> Savings | None:
    """What stopping early saved in a run; None for a run that has no such cells."""
    with run.open() as store:
        config = store.get_config("sequential")
        cells = {c.id for c in store.cells() if c.policy.get("method") == "sequential"}
        counts = {cell: sum(found.values()) for cell, found in store.counts().items()}
    if config is None or not cells:
        return None
    drawn = [counts.get(cell, 0) for cell in cells]
    n = int(config["n"])
    return Savings(len(cells), sum(one < n for one in drawn), sum(drawn), n * len(cells))
