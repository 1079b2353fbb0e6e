"""The walk: from the logits after a prompt to the probability of every answer.

In: a forest of prompts, the grammar's moves, decoding settings. Out: a :class:`Tree`, the nodes
that were worth a look with their logits, and what the settings make of them. Everything is done
for all nodes of a level at once; a branch is followed while its probability is above the cut, and
what is not followed is counted, by reason, into the residual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from rewardgym.exact.forest import Forest
from rewardgym.exact.grammar import Grammar, settled_side
from rewardgym.exact.law import Limits
from rewardgym.exact.vocabulary import Ints, Moves
from rewardgym.families.base import Params
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.transformers_loading import PolicyError
from rewardgym.policies.transformers_sampling import warpers

Floats = NDArray[np.float64]

PARTS = ("other", "cut", "long", "truncated")
"""What the residual is made of: text that is no bare answer; branches below the cut; numbers with
more digits than the limit; answers that the token limit would have cut."""


@dataclass(frozen=True)
class Nodes:
    """One level of the tree; arrays of shape (nodes,)."""

    row: Ints
    """The prompt."""
    state: Ints
    value: Ints
    """The digits read so far, as a number."""
    width: Ints
    """How many digits they are."""
    parent: Ints
    """The node's place in the level above."""
    token: Ints


@dataclass(frozen=True)
class Settled:
    """Branches that end because all their answers are on one side."""

    nodes: Nodes
    keys: list[str]
    """The beginning that their answers share, such as ``-…``."""
    sides: list[str]


@dataclass(frozen=True)
class Level:
    """Nodes, the logits after each, and the branches that were settled here."""

    nodes: Nodes
    logits: torch.Tensor | None
    settled: Settled | None = None


@dataclass
class Tally:
    """Probabilities by prompt, collected level by level."""

    rows: int
    answers: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    """(row, answer's code, probability) in pieces."""
    settled: list[tuple[Settled, Floats]] = field(default_factory=list)
    parts: dict[str, Floats] = field(default_factory=dict)

    def lose(self, part: str, rows: Ints, mass: Floats) -> None:
        """Counts probability into a part of the residual."""
        lost = np.bincount(rows, weights=mass, minlength=self.rows)
        self.parts[part] = self.parts.get(part, np.zeros(self.rows)) + lost


@dataclass(frozen=True)
class Tree:
    """All nodes that a walk visited, for a batch of prompts."""

    grammar: Grammar
    moves: Sequence[Moves]
    ends: Ints
    limits: Limits
    rows: int
    levels: list[Level]

    def weigh(self, decoding: Decoding) -> Tally:
        """What other settings make of the same logits; needs no model."""
        tally = Tally(self.rows)
        mass = np.ones(self.rows)
        for depth, level in enumerate(self.levels):
            assert level.logits is not None
            chances = probabilities(level.logits, decoding)
            found = spread(self, level.nodes, mass, chances, depth, tally)
            mass = self._descend(depth, level, mass, chances, found, tally)
        return tally

    def _descend(
        self,
        depth: int,
        level: Level,
        mass: Floats,
        chances: torch.Tensor,
        found: Candidates,
        tally: Tally,
    ) -> Floats:
        """The mass of the next level's nodes; what was not followed is cut."""

        def of(nodes: Nodes) -> Floats:
            at = torch.from_numpy(nodes.parent), torch.from_numpy(nodes.token)
            step = chances[at].double().cpu().numpy()
            reached: Floats = mass[nodes.parent] * step
            return reached

        tally.lose("cut", found.nodes.row, found.mass)
        below = np.empty(0)
        if level.settled is not None:
            share = of(level.settled.nodes)
            tally.settled.append((level.settled, share))
            tally.lose("cut", level.settled.nodes.row, -share)
        if depth + 1 < len(self.levels):
            nodes = self.levels[depth + 1].nodes
            below = of(nodes)
            tally.lose("cut", nodes.row, -below)
        return below


@dataclass(frozen=True)
class Candidates:
    """What could be followed from a level."""

    nodes: Nodes
    mass: Floats


def probabilities(logits: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    """What ``generate`` samples from under these settings, shape (nodes, vocabulary)."""
    if not torch.isfinite(logits.logsumexp(-1)).all():
        raise PolicyError(
            "the model's logits are not numbers (NaN or infinite); its weights or its dtype "
            "overflow: check the checkpoint, or take dtype float32"
        )
    if decoding.temperature == 0:
        first = logits.argmax(-1, keepdim=True)
        return torch.zeros_like(logits).scatter_(1, first, 1.0)
    scores = warpers(decoding)(torch.empty(0, dtype=torch.long), logits)
    return scores.softmax(-1)


def spread(
    tree: Tree, nodes: Nodes, mass: Floats, chances: torch.Tensor, depth: int, tally: Tally
) -> Candidates:
    """Deals out the mass of a level: answers that end here, what is lost, what goes on.

    ``depth`` is the number of reply tokens that the level's nodes have behind them."""
    found: list[tuple[Nodes, Floats]] = []
    for state in np.unique(nodes.state):
        at = np.flatnonzero(nodes.state == state)
        found.append(_spread_state(tree, nodes, at, int(state), mass, chances, depth, tally))
    joined = Nodes(
        *(np.concatenate([getattr(n, name) for n, _ in found]) for name in Nodes.__annotations__)
    )
    return Candidates(joined, np.concatenate([m for _, m in found]))


def _spread_state(
    tree: Tree,
    nodes: Nodes,
    at: Ints,
    state: int,
    mass: Floats,
    chances: torch.Tensor,
    depth: int,
    tally: Tally,
) -> tuple[Nodes, Floats]:
    moves = tree.moves[state]
    rows, here = nodes.row[at], mass[at]
    chosen = chances[torch.from_numpy(at).to(chances.device)]

    def chance(tokens: Ints) -> Floats:
        picked = chosen[:, torch.from_numpy(tokens).to(chances.device)]
        return np.asarray(picked.double().cpu().numpy())

    ending = here * chance(tree.ends).sum(1)
    each = here[:, None] * chance(moves.tokens)
    if tree.grammar.states[state].complete:
        if moves.rest_closes:
            closed = here - ending - each.sum(1) - here * chance(moves.dead).sum(1)
            ending = ending + np.clip(closed, 0.0, None)
        code = answer_codes(tree.grammar, np.full(len(at), state), nodes.value[at])
        tally.answers.append((rows, code, ending))
        left = here - ending - each.sum(1)
    else:
        left = here - each.sum(1)
    tally.lose("other", rows, np.clip(left, 0.0, None))
    i, j = np.nonzero(each > 0)
    width = nodes.width[at][i] + moves.width[j]
    value = np.zeros_like(width)
    fits = width <= tree.limits.digits
    grown = nodes.value[at][i] * 10 ** np.where(fits, moves.width[j], 0) + moves.digits[j]
    value[fits] = grown[fits]
    tally.lose("long", rows[i[~fits]], each[i[~fits], j[~fits]])
    done = fits & moves.closes[j]
    code = answer_codes(tree.grammar, moves.state[j[done]], value[done])
    tally.answers.append((rows[i[done]], code, each[i[done], j[done]]))
    on = fits & ~moves.closes[j]
    if depth + 2 > tree.limits.tokens:  # no room for the token and an end behind it
        tally.lose("truncated", rows[i[on]], each[i[on], j[on]])
        on = np.zeros_like(on)
    i, j = i[on], j[on]
    going = Nodes(rows[i], moves.state[j], value[on], width[on], at[i], moves.tokens[j])
    return going, each[i, j]


def answer_codes(grammar: Grammar, states: Ints, values: Ints) -> Ints:
    """An answer as an integer: the number itself, or the state that spells the word."""
    if not grammar.numeric:
        return states
    negative = np.array([state.negative for state in grammar.states])[states]
    return np.where(negative, -values, values)


@dataclass(frozen=True)
class Start:
    """Where a walk begins: one node of the forest for each row of the tree."""

    logits: torch.Tensor
    rows: Ints
    """The forest's row (prompt) of each."""
    numbers: Ints
    """The node's number in the forest, -1 for the prompt itself."""
    planted: int
    """Nodes that the forest has so far."""

    @classmethod
    def at_prompts(cls, forest: Forest, rows: int) -> Start:
        """The ends of the prompts."""
        return cls(forest.roots(), np.arange(rows), np.full(rows, -1), 0)


def walk(
    forest: Forest,
    rows: int,
    grammar: Grammar,
    moves: Sequence[Moves],
    ends: Sequence[int],
    limits: Limits,
    decoding: Decoding,
    params: Sequence[Params],
    keep: bool,
    start: Start | None = None,
) -> tuple[Tree, Tally]:
    """Grows the forest level by level under ``decoding``; gives the tree and its tally.

    ``params`` is what each prompt's family drew. ``keep`` holds the logits, so that the tree can
    be weighed under other settings. ``start`` begins at nodes that were grown before instead of
    at the prompts' ends."""
    tree = Tree(grammar, moves, np.array(sorted(ends)), limits, rows, [])
    tally = Tally(rows)
    zeros = np.zeros(rows, dtype=np.int64)
    nodes = Nodes(np.arange(rows), zeros, zeros, zeros, np.arange(rows), zeros)
    first = start if start is not None else Start.at_prompts(forest, rows)
    logits, numbers, planted = first.logits, first.numbers, first.planted
    mass: Floats = np.ones(rows)
    while True:
        depth = len(tree.levels)
        found = spread(tree, nodes, mass, probabilities(logits, decoding), depth, tally)
        followed = found.mass > limits.cut
        tally.lose("cut", found.nodes.row[~followed], found.mass[~followed])
        settled, share, followed = _settle(grammar, found, followed, limits, params)
        if settled is not None:
            tally.settled.append((settled, share))
        tree.levels.append(Level(nodes, logits.cpu() if keep else None, settled))
        if not followed.any():
            return tree, tally
        nodes, mass = _chosen(found.nodes, followed), found.mass[followed]
        logits = forest.grow(first.rows[nodes.row], numbers[nodes.parent], nodes.token)
        numbers = planted + np.arange(len(nodes.row))
        planted += len(nodes.row)


def _chosen(nodes: Nodes, mask: NDArray[np.bool_]) -> Nodes:
    return Nodes(*(getattr(nodes, name)[mask] for name in Nodes.__annotations__))


def _settle(
    grammar: Grammar,
    found: Candidates,
    followed: NDArray[np.bool_],
    limits: Limits,
    params: Sequence[Params],
) -> tuple[Settled | None, Floats, NDArray[np.bool_]]:
    """Takes out of ``followed`` the branches whose side can no longer change."""
    if not limits.settle or not grammar.numeric:
        return None, np.empty(0), followed
    keys: list[str] = []
    sides: list[str] = []
    taken = np.zeros_like(followed)
    for place in np.flatnonzero(followed):
        state = grammar.states[found.nodes.state[place]]
        if state.kind not in ("sign", "core"):
            continue
        width = int(found.nodes.width[place])
        digits = f"{found.nodes.value[place]:0{width}d}" if width else ""
        drawn = params[found.nodes.row[place]]
        side = settled_side(grammar.family, state.negative, digits, limits.digits, drawn)
        if side is not None:
            taken[place] = True
            keys.append(f"{'-' * state.negative}{digits}\u2026")
            sides.append(side)
    return Settled(_chosen(found.nodes, taken), keys, sides), found.mass[taken], followed & ~taken
