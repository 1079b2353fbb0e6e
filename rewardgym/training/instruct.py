"""First stage: a fresh model learns to follow instructions, and to read a hint that stands alone.

In: a size and a seed. Out: a folder with tokenizer and model. A plain loop rather than a trainer,
because the targets are whole distributions over answers (see ``trie``), which no trainer takes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rewardgym.training.model import new_model
from rewardgym.training.settings import Size
from rewardgym.training.tasks import Example, instruction_examples
from rewardgym.training.tokenizer import prompt_ids, train_tokenizer
from rewardgym.training.trie import AnswerTrie

WARM_UP = 0.04
"""The share of the steps over which the learning rate rises."""
REPORTS = 8
"""How often the loop reports, in each course."""

Say = Callable[[str], None]


def teach(folder: Path, size: Size, seed: int, say: Say) -> None:
    """Trains tokenizer and model and saves both to ``folder``."""
    first, *later = (
        instruction_examples(count, seed, course, size.curriculum)
        for course, count in enumerate(size.examples)
    )
    tokenizer = train_tokenizer(_texts(first), size.vocab, thinks=size.curriculum.thinks)
    model = new_model(size, tokenizer, seed)
    parameters = sum(p.numel() for p in model.parameters())
    say(f"tokenizer of {len(tokenizer)} tokens, model of {parameters:,} parameters")
    for course, examples in enumerate([first, *later]):
        say(f"course {course + 1} of {1 + len(later)}: {len(examples):,} examples")
        _fit(model, _Batches(examples, tokenizer, size.batch, [seed, 3, course]), size, say)
    save(model, tokenizer, folder)


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Weights in bf16, to be computed with in float32: half the bytes, and no rounding later."""
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"dtype": "bfloat16"', '"dtype": "float32"'))
    for file in folder.iterdir():
        file.chmod(0o644)  # save_pretrained writes weights that only their owner can read


def _texts(examples: Sequence[Example]) -> list[str]:
    """Prompts and answers to learn merges from: few encoded ones, whose bytes should stay bytes."""
    texts = []
    for index, example in enumerate(examples[:20_000]):
        if example.prompt.variant.encoding == "plain" or index % 8 == 0:
            texts += [f"{m['role']}\n{m['content']}" for m in example.prompt.messages]
            texts += ["assistant\n", *example.answers]
    return texts


class _Batches:
    """Batches of prompts of about one length, with an answer drawn for each and the trie's targets.

    The prompts are tokenised once; each row's answer is drawn when its batch is made.
    """

    def __init__(
        self, examples: Sequence[Example], tokenizer: Any, size: int, seeds: Sequence[int]
    ) -> None:
        self._examples, self._tokenizer = examples, tokenizer
        self._rng = np.random.default_rng(np.random.SeedSequence(seeds))
        self._ids = prompt_ids(tokenizer, [example.prompt.messages for example in examples])
        self._tries: dict[int, AnswerTrie] = {}
        self._rows: dict[tuple[int, tuple[int, ...]], torch.Tensor] = {}
        self._order = self._sorted_batches(size)

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Any:
        for rows in self._order:
            yield self._batch(rows)

    def _sorted_batches(self, size: int) -> list[list[int]]:
        """Each pool of 64 batches is sorted by length, so that little is padding; then shuffled."""
        order = self._rng.permutation(len(self._ids)).tolist()
        batches = []
        for start in range(0, len(order), 64 * size):
            pool = sorted(order[start : start + 64 * size], key=lambda row: len(self._ids[row]))
            cut = [pool[i : i + size] for i in range(0, len(pool), size)]
            batches += [cut[i] for i in self._rng.permutation(len(cut))]
        return batches

    def _batch(self, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        inputs, places, targets = [], [], []
        for line, row in enumerate(rows):
            key, trie = self._trie(self._examples[row].answers)
            answers = trie.answers
            pick = int(self._rng.choice(len(answers), p=[weight for _, weight in answers]))
            answer = answers[pick][0]
            prompt = self._ids[row]
            inputs.append([*prompt, *answer])
            for position in range(len(answer) + 1):
                places.append((line, len(prompt) - 1 + position))
                targets.append(self._target(key, trie, answer[:position]))
        width = max(map(len, inputs))
        pad = self._tokenizer.pad_token_id
        padded = [ids + [pad] * (width - len(ids)) for ids in inputs]
        return torch.tensor(padded), torch.tensor(places), torch.stack(targets)

    def _trie(self, answers: Mapping[str, float]) -> tuple[int, AnswerTrie]:
        key = id(answers)  # the tasks hand out one mapping for equal answers, and keep it
        if key not in self._tries:
            ids = self._tokenizer(list(answers), add_special_tokens=False)["input_ids"]
            pairs = zip(ids, answers.values(), strict=True)
            self._tries[key] = AnswerTrie(pairs, self._tokenizer.eos_token_id)
        return key, self._tries[key]

    def _target(self, key: int, trie: AnswerTrie, prefix: tuple[int, ...]) -> torch.Tensor:
        if (key, prefix) not in self._rows:
            row = torch.zeros(len(self._tokenizer))
            for token, share in trie.next_tokens(prefix).items():
                row[token] = share
            self._rows[key, prefix] = row
        return self._rows[key, prefix]


def _fit(model: Any, batches: _Batches, size: Size, say: Say) -> None:
    """One pass over the batches."""
    steps = len(batches)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=size.learning_rate, betas=(0.9, 0.98), weight_decay=0.05
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    every = max(1, steps // REPORTS)
    started, since = time.monotonic(), 0.0
    model.train()
    for step, batch in enumerate(batches, start=1):
        loss, divergence = _losses(model, *batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        since += divergence / every
        if step % every == 0:
            spent = time.monotonic() - started
            rate, left = step * size.batch / spent, spent * (steps / step - 1)
            say(
                f"step {step}/{steps}  divergence {since:.4f}  "
                f"{rate:.0f} examples/s  {left:.0f} s left"
            )
            since = 0.0
    model.eval()


def _rate(step: int, steps: int) -> float:
    """A linear rise, then a half cosine down to a fiftieth."""
    warm_up = max(1, round(WARM_UP * steps))
    done = max(0, step - warm_up) / max(1, steps - warm_up)
    return min((step + 1) / warm_up, 0.02 + 0.49 * (1 + math.cos(math.pi * done)))


def _losses(model: Any, inputs: Any, places: Any, targets: Any) -> tuple[Any, float]:
    """The loss, and what of it is left beyond the targets' own entropy: 0 is a perfect model.

    The padding stands right and no loss is taken there, so the causal mask is all that is needed.
    """
    hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state
    logits = model.lm_head(hidden[places[:, 0], places[:, 1]])
    loss = torch.nn.functional.cross_entropy(logits, targets)
    entropy = -(targets * targets.clamp_min(1e-12).log()).sum(1).mean()
    return loss, float(loss.detach() - entropy)
