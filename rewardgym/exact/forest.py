"""Forests: many continuations of many prompts, each prompt run through the model once.

In: token ids of prompts, then levels of nodes, each one token after its parent. Out: the logits
after every node. All nodes of a prompt stand in one row of the batch, behind the prompt's cache,
under an attention mask that shows each node its own ancestors only: nothing is copied, and a level
of a hundred branches costs a hundred tokens. Models whose attention is not of the plain kind are
run through whole sequences instead, which is slower and says the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from rewardgym.exact.vocabulary import Ints
from rewardgym.policies.transformers_loading import Loaded

LOGIT_BYTES = {"cpu": 1 << 28, "cuda": 1 << 33}
"""Logits held at once, by the type of device."""


class Forest(Protocol):
    """What the walk needs of a model."""

    tokens: int
    """Tokens run through the model, padding left out."""

    def roots(self) -> torch.Tensor:
        """The logits after each prompt, float32, shape (prompts, vocabulary)."""

    def grow(
        self, rows: Ints, parents: Ints, tokens: Ints, anchors: Ints | None = None
    ) -> torch.Tensor:
        """Adds one node an entry, and gives the logits after each, shape (nodes, vocabulary).
        ``parents`` are nodes by the order in which they were added, -1 for the prompt itself;
        ``anchors`` says how many of the prompt's tokens a node without a parent has before it,
        all of them where it is left out."""


def plant(loaded: Loaded, prompts: Sequence[Sequence[int]]) -> Forest:
    """The fastest forest that is right for this model."""
    if loaded.shares_cache and _masks_work(loaded):
        return CachedForest(loaded, prompts)
    return RerunForest(loaded, prompts)


class CachedForest:
    """One row a prompt; the cache holds the prompt and every node grown so far."""

    def __init__(self, loaded: Loaded, prompts: Sequence[Sequence[int]]) -> None:
        self._loaded = loaded
        self._prompts = [list(ids) for ids in prompts]
        self._width = max(map(len, self._prompts))
        self._lengths = np.array([len(ids) for ids in self._prompts], dtype=np.int64)
        self.tokens = int(self._lengths.sum())
        self._cache: Any = None
        self._row_of = np.arange(len(self._prompts))  # a prompt's row in the cache
        self._column = self._width
        # Of each node: its column, its ancestors' columns (itself last), where it was attached.
        self._ancestors = np.empty((0, 0), dtype=np.int64)
        self._anchor = np.empty(0, dtype=np.int64)
        self._depth = np.empty(0, dtype=np.int64)

    def roots(self) -> torch.Tensor:
        pad, device = self._loaded.pad_id, self._loaded.device
        blank = [self._width - len(ids) for ids in self._prompts]
        ids = [[pad] * gap + one for gap, one in zip(blank, self._prompts, strict=True)]
        gaps = torch.tensor(blank)[:, None]
        mask = (torch.arange(self._width)[None] >= gaps).long()
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        output = self._loaded.model(
            input_ids=torch.tensor(ids).to(device),
            attention_mask=mask.to(device) if any(blank) else None,
            position_ids=positions.to(device),
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = output.past_key_values
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    def grow(
        self, rows: Ints, parents: Ints, tokens: Ints, anchors: Ints | None = None
    ) -> torch.Tensor:
        self.tokens += len(rows)
        self._keep(rows)
        depth, anchor, ancestors = self._lineage(rows, parents, anchors)
        places = _rank_in_row(rows)
        size = self._loaded.model.config.get_text_config().vocab_size
        budget = LOGIT_BYTES.get(self._loaded.device.type, LOGIT_BYTES["cpu"])
        widest = max(1, budget // (4 * size * len(np.unique(self._row_of[self._row_of >= 0]))))
        parts: list[torch.Tensor] = []
        order: list[Ints] = []
        for start in range(0, int(places.max()) + 1, widest):
            chosen = np.flatnonzero((places >= start) & (places < start + widest))
            columns = self._column + places[chosen] - start
            ancestors[chosen, depth[chosen]] = columns
            parts.append(
                self._level(
                    self._row_of[rows[chosen]],
                    places[chosen] - start,
                    tokens[chosen],
                    anchor[chosen],
                    depth[chosen],
                    ancestors[chosen],
                    self._lengths[rows[chosen]],
                )
            )
            order.append(chosen)
        self._remember(depth, anchor, ancestors)
        if len(parts) == 1:
            return parts[0]
        back = np.argsort(np.concatenate(order))
        return torch.cat(parts)[torch.from_numpy(back).to(self._loaded.device)]

    def _keep(self, rows: Ints) -> None:
        """Drops the rows of prompts that have no nodes left, once they are half of the cache."""
        wanted = np.unique(rows)
        held = np.flatnonzero(self._row_of >= 0)
        if 2 * len(wanted) > len(held):
            return
        self._cache.batch_select_indices(
            torch.from_numpy(self._row_of[wanted]).to(self._loaded.device)
        )
        self._row_of = np.full(len(self._prompts), -1)
        self._row_of[wanted] = np.arange(len(wanted))

    def _lineage(self, rows: Ints, parents: Ints, anchors: Ints | None) -> tuple[Ints, Ints, Ints]:
        fresh = parents < 0
        at = np.where(fresh, 0, parents)
        whole = self._lengths[rows] if anchors is None else anchors
        if not len(self._depth):
            return np.zeros_like(rows), whole.copy(), np.full((len(rows), 1), -1)
        depth = np.where(fresh, 0, self._depth[at] + 1)
        anchor = np.where(fresh, whole, self._anchor[at])
        ancestors = np.full((len(rows), int(depth.max()) + 1), -1)
        known = min(ancestors.shape[1], self._ancestors.shape[1])
        ancestors[:, :known] = np.where(fresh[:, None], -1, self._ancestors[at, :known])
        return depth, anchor, ancestors

    def _remember(self, depth: Ints, anchor: Ints, ancestors: Ints) -> None:
        deepest = max(self._ancestors.shape[1], ancestors.shape[1])

        def wide(table: Ints) -> Ints:
            return np.pad(table, ((0, 0), (0, deepest - table.shape[1])), constant_values=-1)

        self._ancestors = np.concatenate([wide(self._ancestors), wide(ancestors)])
        self._anchor = np.concatenate([self._anchor, anchor])
        self._depth = np.concatenate([self._depth, depth])

    def _level(
        self,
        rows: Ints,
        places: Ints,
        tokens: Ints,
        anchor: Ints,
        depth: Ints,
        ancestors: Ints,
        lengths: Ints,
    ) -> torch.Tensor:
        """Runs one grid of nodes, (cache rows, nodes of the fullest row), and takes the logits of
        those that are there."""
        count = int(self._row_of.max()) + 1
        wide = int(places.max()) + 1
        ids = np.full((count, wide), self._loaded.pad_id)
        positions = np.zeros((count, wide), dtype=np.int64)
        seen = np.zeros((count, wide, self._column + wide), dtype=bool)
        # A place without a node sees itself, since a softmax over nothing is not a number.
        every = np.arange(wide)
        seen[:, every, self._column + every] = True
        ids[rows, places] = tokens
        positions[rows, places] = anchor + depth
        prompt = np.arange(self._width)[None]
        start = (self._width - lengths)[:, None]
        seen[rows, places, : self._width] = (prompt >= start) & (prompt < start + anchor[:, None])
        node, step = np.nonzero(ancestors >= 0)
        seen[rows[node], places[node], ancestors[node, step]] = True
        output = self._loaded.model(
            input_ids=torch.from_numpy(ids).to(self._loaded.device),
            attention_mask=_additive(seen, self._loaded),
            position_ids=torch.from_numpy(positions).to(self._loaded.device),
            past_key_values=self._cache,
            use_cache=True,
        )
        self._column += wide
        at = torch.from_numpy(rows), torch.from_numpy(places)
        logits: torch.Tensor = output.logits[at].float()
        return logits


class RerunForest:
    """Every node is its whole sequence, run again: right for any causal language model."""

    ROWS = 64

    def __init__(self, loaded: Loaded, prompts: Sequence[Sequence[int]]) -> None:
        self._loaded = loaded
        self._prompts = [list(ids) for ids in prompts]
        self._paths: list[list[int]] = []
        self.tokens = 0

    def roots(self) -> torch.Tensor:
        return self._run(self._prompts)

    def grow(
        self, rows: Ints, parents: Ints, tokens: Ints, anchors: Ints | None = None
    ) -> torch.Tensor:
        whole = [len(self._prompts[row]) for row in rows] if anchors is None else anchors.tolist()
        new = [
            (self._paths[parent] if parent >= 0 else self._prompts[row][:anchor]) + [token]
            for row, parent, token, anchor in zip(
                rows.tolist(), parents.tolist(), tokens.tolist(), whole, strict=True
            )
        ]
        self._paths += new
        return self._run(new)

    def _run(self, sequences: list[list[int]]) -> torch.Tensor:
        self.tokens += sum(map(len, sequences))
        parts = []
        for start in range(0, len(sequences), self.ROWS):
            batch = sequences[start : start + self.ROWS]
            longest = max(map(len, batch))
            pad = self._loaded.pad_id
            ids = torch.tensor([[pad] * (longest - len(one)) + one for one in batch])
            mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in batch])
            output = self._loaded.model(
                input_ids=ids.to(self._loaded.device),
                attention_mask=mask.to(self._loaded.device),
                use_cache=False,
                logits_to_keep=1,
            )
            parts.append(output.logits[:, -1].float())
        return torch.cat(parts)


def _rank_in_row(rows: Ints) -> Ints:
    """For each entry how many entries of the same row stand before it."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    ranks = np.empty_like(rows)
    ranks[order] = np.arange(len(rows)) - starts
    return ranks


def _additive(seen: Any, loaded: Loaded) -> torch.Tensor:
    """The mask in the form that every plain attention understands, shape (rows, 1, nodes, keys)."""
    allowed = torch.from_numpy(seen).to(loaded.device)[:, None]
    lowest = torch.finfo(loaded.dtype).min
    return torch.zeros(allowed.shape, dtype=loaded.dtype, device=loaded.device).masked_fill_(
        ~allowed, lowest
    )


_MASKS_WORK: weakref.WeakKeyDictionary[Any, bool] = weakref.WeakKeyDictionary()


def _masks_work(loaded: Loaded) -> bool:
    """Whether this model obeys a mask and positions of ours: two branches after a short prompt
    must give what the two whole sequences give. Asked once a model."""
    known = _MASKS_WORK.get(loaded.model)
    if known is not None:
        return known
    prompts = [[5, 6, 7, 8, 9], [6, 7]]
    rows, tokens = np.array([0, 0, 1]), np.array([3, 4, 5])
    none, parents = np.array([-1, -1, -1]), np.array([0, 1, 2])
    try:
        found, truth = (kind(loaded, prompts) for kind in (CachedForest, RerunForest))
        pairs = [(found.roots(), truth.roots())]
        pairs += [(found.grow(rows, none, tokens), truth.grow(rows, none, tokens))]
        pairs += [(found.grow(rows, parents, tokens + 1), truth.grow(rows, parents, tokens + 1))]
    # Whatever a model of another kind raises at our mask or cache means the same: not this way.
    except (TypeError, ValueError, RuntimeError, NotImplementedError, AttributeError):
        works = False
    else:
        loose = 1e-3 if loaded.dtype == torch.float32 else 0.1
        works = all(
            bool(((a.softmax(-1) - b.softmax(-1)).abs().amax() < loose).item()) for a, b in pairs
        )
    _MASKS_WORK[loaded.model] = works
    return works
