"""A tokenizer's vocabulary as moves through a grammar.

In: a tokenizer and a grammar. Out: for each state the tokens that keep an answer possible, and what
each does. Tokens are taken as the text that they add in the middle of a reply: SentencePiece
tokenizers drop a leading space at the start of a text, and byte-level ones cut characters apart.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardgym.exact.grammar import CLOSED, DEAD, Grammar
from rewardgym.policies.transformers_loading import PolicyError

Ints = NDArray[np.int64]
Ends = frozenset[int]

_ANCHORS = ("x", "1", "a", "the", "0")
"""A token is decoded after one of these, so that it stands in the middle of a text."""


@dataclass(frozen=True)
class Moves:
    """The tokens that matter in one state; arrays of shape (tokens,)."""

    tokens: Ints
    """Token ids; all others end the hope of an answer, or close it where ``rest_closes``."""
    state: Ints
    """The state after the token; for a closing token the state in which the answer stood."""
    width: Ints
    """How many digits the token adds."""
    digits: Ints
    """The number that these digits spell."""
    closes: NDArray[np.bool_]
    """Whether the answer is complete after the token, whatever follows."""
    dead: Ints
    """Where ``rest_closes``: the tokens that take the answer back, such as ".5"."""
    rest_closes: bool
    """Whether every token not listed closes the answer."""


_TEXTS: weakref.WeakKeyDictionary[Any, list[str]] = weakref.WeakKeyDictionary()
_MOVES: weakref.WeakKeyDictionary[Any, dict[tuple[Grammar, Ends], tuple[Moves, ...]]] = (
    weakref.WeakKeyDictionary()
)


def token_texts(tokenizer: Any, size: int) -> list[str]:
    """What each of ``size`` token ids adds to a text; "" for ids that the tokenizer lacks."""
    found = _TEXTS.get(tokenizer)
    if found is None or len(found) != size:
        found = _TEXTS[tokenizer] = _decoded(tokenizer, size)
    return found


def _decoded(tokenizer: Any, size: int) -> list[str]:
    anchor = _anchor(tokenizer)
    known = min(size, len(tokenizer))
    keep: dict[str, bool] = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}
    alone = tokenizer.decode(anchor, **keep)
    texts = tokenizer.batch_decode([[*anchor, one] for one in range(known)], **keep)
    return [text.removeprefix(alone) for text in texts] + [""] * (size - known)


def _anchor(tokenizer: Any) -> list[int]:
    for text in _ANCHORS:
        ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
        if ids and tokenizer.unk_token_id not in ids:
            return ids
    raise PolicyError(
        "the tokenizer spells neither a letter nor a digit, so no answer can be spelt with it; "
        "measure another model"
    )


def moves_of(tokenizer: Any, size: int, grammar: Grammar, ends: Ends) -> tuple[Moves, ...]:
    """The moves of every state of ``grammar``, for a model with ``size`` logits whose replies end
    with one of ``ends``.

    Raises PolicyError where the vocabulary cannot spell the family's answers."""
    known = _MOVES.setdefault(tokenizer, {})
    found = known.get((grammar, ends))
    if found is None:
        texts = token_texts(tokenizer, size)
        special = ends.union(tokenizer.all_special_ids)
        ordinary = [(i, text) for i, text in enumerate(texts) if text and i not in special]
        if grammar.alphabet is not None:
            ordinary = [pair for pair in ordinary if grammar.alphabet.issuperset(pair[1])]
        by_first: dict[str, list[tuple[int, str]]] = {}
        for token, text in ordinary:
            by_first.setdefault(text[0], []).append((token, text))
        found = tuple(_moves(grammar, at, by_first) for at in range(len(grammar.states)))
        _check_spelling(grammar, found)
        known[grammar, ends] = found
    return found


def _moves(grammar: Grammar, at: int, by_first: dict[str, list[tuple[int, str]]]) -> Moves:
    """The moves of one state. Tokens come by their first character, which settles most of them."""
    rest_closes = grammar.close == "any" and grammar.states[at].complete
    rows: list[tuple[int, int, int, int, bool]] = []
    dead: list[int] = []
    for first, texts in by_first.items():
        at_once = grammar.step(at, first)
        if at_once == DEAD:
            dead += [token for token, _ in texts]
        elif at_once == CLOSED:
            rows += [] if rest_closes else [(token, at, 0, 0, True) for token, _ in texts]
        else:
            for token, text in texts:
                after, stood, digits = grammar.feed(at, text)
                if after == DEAD:
                    dead.append(token)
                    continue
                # Longer runs are past every limit; their number would not fit into 64 bits.
                spelt = int(digits[:18]) if digits else 0
                rows.append((token, stood, min(len(digits), 18), spelt, after == CLOSED))
    table = np.array([row[:4] for row in rows], dtype=np.int64).reshape(-1, 4)
    return Moves(
        tokens=table[:, 0],
        state=table[:, 1],
        width=table[:, 2],
        digits=table[:, 3],
        closes=np.array([row[4] for row in rows], dtype=bool),
        dead=np.array(dead if rest_closes else [], dtype=np.int64),
        rest_closes=rest_closes,
    )


def _check_spelling(grammar: Grammar, moves: tuple[Moves, ...]) -> None:
    """Every digit, and every letter or word, must have a path through the tokens."""
    if grammar.numeric:
        single = {
            int(digit)
            for digit, width in zip(moves[0].digits, moves[0].width, strict=True)
            if width == 1
        }
        missing = [str(digit) for digit in range(10) if digit not in single]
        if missing:
            raise PolicyError(
                f"the tokenizer has no token for the digit{'s' if len(missing) > 1 else ''} "
                f"{', '.join(missing)}, so numbers cannot be spelt with it; measure this model by "
                "sampling"
            )
        return
    reached, queue = {0}, [0]
    while queue:
        for state in set(moves[queue.pop()].state.tolist()) - reached:
            reached.add(state)
            queue.append(state)
    missing = [
        state.prefix
        for place, state in enumerate(grammar.states)
        if state.kind == "core" and state.complete and place not in reached
    ]
    if missing:
        raise PolicyError(
            f"the tokenizer cannot spell {missing[0]!r}, an answer of family "
            f"{grammar.family.name!r}; measure this model by sampling"
        )
