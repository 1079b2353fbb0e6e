"""Scoring: prompts through a Hugging Face model, laws out.

In: a policy, a grammar, decoding settings, prompts. Out: laws. Prompts that are the same bytes are
run once; batches are sorted by length and halved when memory runs out.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable, Sequence

import numpy as np
import torch

from rewardgym.exact.forest import LOGIT_BYTES, plant
from rewardgym.exact.grammar import Grammar
from rewardgym.exact.law import AnswerKey, Law, Limits
from rewardgym.exact.vocabulary import moves_of
from rewardgym.exact.walk import Tally, Tree, walk
from rewardgym.policies.base import Policy
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.transformers import TransformersPolicy
from rewardgym.policies.transformers_loading import Loaded, PolicyError, use_adapter
from rewardgym.prompts import Prompt

BATCH_PROMPTS = {"cpu": 256, "cuda": 512}
BATCH_TOKENS = {"cpu": 1 << 14, "cuda": 1 << 17}
"""Prompts, and their tokens, a batch at most, by the type of device."""
_NODES = 64
"""Nodes a prompt that a level is expected to have, for the size of a batch."""


def as_transformers(policy: Policy) -> TransformersPolicy:
    """The policy, known to be a model of ours to look into."""
    if not isinstance(policy, TransformersPolicy):
        raise PolicyError(f"{policy.name}: states no probabilities; measure it by sampling")
    return policy


class Scorer:
    """One policy, one grammar, one set of settings: prompts in, laws out."""

    def __init__(
        self,
        policy: TransformersPolicy,
        grammar: Grammar,
        decoding: Decoding,
        limits: Limits,
        keep: bool,
        batch_size: int | None,
    ) -> None:
        self._policy = policy
        self._loaded: Loaded = policy.loaded
        self._grammar = grammar
        self._decoding = decoding
        self._limits = dataclasses.replace(limits, tokens=decoding.max_new_tokens)
        self._keep = keep
        self._size = int(self._loaded.model.config.get_text_config().vocab_size)
        self._moves = moves_of(self._loaded.tokenizer, self._size, grammar, self._loaded.eos_ids)
        self._batch = batch_size or BATCH_PROMPTS.get(self._loaded.device.type, 256)
        check_prefill(self._loaded, decoding, grammar)

    def laws(self, prompts: list[Prompt]) -> list[Law]:
        """One law a prompt, in order."""
        ids = [self._policy.token_ids(prompt, self._decoding) for prompt in prompts]
        return self.laws_of_ids(prompts, ids)

    def laws_of_ids(self, prompts: Sequence[Prompt], ids: Sequence[Sequence[int]]) -> list[Law]:
        """One law a sequence of tokens, which may be a prompt with reasoning behind it."""
        use_adapter(self._loaded)
        first: dict[tuple[tuple[int, ...], str], int] = {}
        for place, (prompt, one) in enumerate(zip(prompts, ids, strict=True)):
            first.setdefault((tuple(one), str(sorted(prompt.params.items()))), place)
        order = sorted(first.values(), key=lambda place: len(ids[place]))
        done: dict[int, Law] = {}
        while order:
            batch = order[: self._fitting(ids, order)]
            try:
                found = self._score([prompts[i] for i in batch], [ids[i] for i in batch])
            except RuntimeError as error:
                self._shrink(error, len(batch))
                continue
            done.update(zip(batch, found, strict=True))
            order = order[len(batch) :]
        laws = []
        for prompt, one in zip(prompts, ids, strict=True):
            law = done[first[tuple(one), str(sorted(prompt.params.items()))]]
            laws.append(law if law.prompt is prompt else for_prompt(law, prompt))
        return laws

    def _fitting(self, ids: Sequence[Sequence[int]], order: list[int]) -> int:
        kind = self._loaded.device.type
        size = min(self._batch, len(order))
        logits = LOGIT_BYTES.get(kind, LOGIT_BYTES["cpu"]) // (4 * self._size * _NODES)
        tokens = BATCH_TOKENS.get(kind, BATCH_TOKENS["cpu"]) // len(ids[order[size - 1]])
        return max(1, min(size, logits, tokens))

    def _shrink(self, error: RuntimeError, size: int) -> None:
        """Halves the batch after running out of memory; raises whatever else went wrong."""
        from accelerate.utils.memory import should_reduce_batch_size

        memory = isinstance(error, torch.cuda.OutOfMemoryError) or should_reduce_batch_size(error)
        if not memory or size == 1:
            raise error
        self._batch = max(1, size // 2)
        gc.collect()
        if self._loaded.device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def _score(self, prompts: list[Prompt], ids: list[Sequence[int]]) -> list[Law]:
        forest = plant(self._loaded, ids)
        tree, tally = walk(
            forest,
            len(ids),
            self._grammar,
            self._moves,
            sorted(self._loaded.eos_ids),
            self._limits,
            self._decoding,
            [prompt.params for prompt in prompts],
            self._keep,
        )
        tokens = forest.tokens // len(ids)
        make = LawMaker(prompts, self._grammar, self._limits.cut, tokens)
        return make.laws(tally, self._decoding, tree if self._keep else None)


@dataclasses.dataclass(frozen=True)
class LawMaker:
    """Turns tallies into laws, one a row of the tree."""

    prompts: list[Prompt]
    grammar: Grammar
    cut: float
    tokens: int

    def laws(self, tally: Tally, decoding: Decoding, tree: Tree | None) -> list[Law]:
        """The laws of a batch; with its tree they can be weighed under other settings."""
        answers = self._answers(tally)
        settled: list[dict[str, str]] = [{} for _ in self.prompts]
        for branches, mass in tally.settled:
            rows = branches.nodes.row.tolist()
            for row, key, side, share in zip(
                rows, branches.keys, branches.sides, mass.tolist(), strict=True
            ):
                answers[row][key] = answers[row].get(key, 0.0) + share
                settled[row][key] = side
        return [
            Law(
                prompt=prompt,
                family=self.grammar.family,
                answers=dict(sorted(answers[row].items(), key=lambda item: -item[1])),
                parts={name: float(lost[row]) for name, lost in tally.parts.items()},
                decoding=decoding,
                close=self.grammar.close,
                cut=self.cut,
                tokens=self.tokens,
                settled=settled[row],
                weigh=self._weigher(tree, row),
            )
            for row, prompt in enumerate(self.prompts)
        ]

    def _weigher(self, tree: Tree | None, row: int) -> Callable[[Decoding], Law] | None:
        if tree is None:
            return None

        def weigh(decoding: Decoding) -> Law:
            return self.laws(tree.weigh(decoding), decoding, tree)[row]

        return weigh

    def _answers(self, tally: Tally) -> list[dict[AnswerKey, float]]:
        rows, codes, mass = (np.concatenate(part) for part in zip(*tally.answers, strict=True))
        there = mass > 0
        rows, codes, mass = rows[there], codes[there], mass[there]
        low = int(codes.min(initial=0))
        span = int(codes.max(initial=0)) - low + 1
        keys, place = np.unique(rows * span + (codes - low), return_inverse=True)
        sums = np.bincount(place, weights=mass, minlength=len(keys))
        found: list[dict[AnswerKey, float]] = [{} for _ in self.prompts]
        for key, share in zip(keys.tolist(), sums.tolist(), strict=True):
            row, code = divmod(key, span)
            answer = self._answer(code + low)
            found[row][answer] = found[row].get(answer, 0.0) + share
        return found

    def _answer(self, code: int) -> AnswerKey:
        if self.grammar.numeric:
            return code
        word = self.grammar.states[code].word
        assert word is not None
        return word


def for_prompt(law: Law, prompt: Prompt) -> Law:
    """The law of another prompt with the same bytes."""
    weigh = law.weigh
    if weigh is None:
        return dataclasses.replace(law, prompt=prompt)

    def again(decoding: Decoding) -> Law:
        return for_prompt(weigh(decoding), prompt)

    return dataclasses.replace(law, prompt=prompt, weigh=again)


def check_prefill(loaded: Loaded, decoding: Decoding, grammar: Grammar) -> None:
    """Refuses a prefill after which an answer does not begin at a token boundary: the model would
    see tokens that it never saw together, and its law would be about that."""
    if not decoding.prefill:
        return
    ids = loaded.plain_ids(decoding.prefill)
    for side in grammar.family.examples.values():
        for text in side:
            joined = loaded.plain_ids(decoding.prefill + text)
            if joined[: len(ids)] != ids:
                raise PolicyError(
                    f"the prefill {decoding.prefill!r} ends inside a token: "
                    f"{decoding.prefill + text!r} is cut into other tokens than the two apart; "
                    "end the prefill where a token ends, usually without its last space"
                )
