"""The answer trie: from a distribution over whole answers to targets for each next token.

In: answers as token ids, with their probabilities. Out: for each prefix the distribution over the
next token, end token included. Training on it instead of on sampled answers is what lets so small
a model learn to read the hint in minutes: a sampled number says little about the side it was
drawn from, the whole distribution says all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Prefix = tuple[int, ...]


class AnswerTrie:
    """Next-token distributions over a weighted set of answers."""

    def __init__(self, answers: Iterable[tuple[Sequence[int], float]], end: int) -> None:
        mass: dict[Prefix, dict[int, float]] = {}
        self.answers: list[tuple[Prefix, float]] = []
        for ids, weight in answers:
            self.answers.append((tuple(ids), weight))
            whole = (*ids, end)
            for position, token in enumerate(whole):
                children = mass.setdefault(whole[:position], {})
                children[token] = children.get(token, 0.0) + weight
        if not mass:
            raise ValueError("an answer trie needs at least one answer")
        self._next = {
            prefix: {token: share / sum(children.values()) for token, share in children.items()}
            for prefix, children in mass.items()
        }

    @property
    def prefixes(self) -> tuple[Prefix, ...]:
        """All prefixes after which a token is expected, the empty one first."""
        return tuple(sorted(self._next, key=len))

    def next_tokens(self, prefix: Sequence[int]) -> dict[int, float]:
        """The distribution after ``prefix``; it sums to 1. Raises KeyError off the trie."""
        return self._next[tuple(prefix)]
