"""The GPU wrapper: Hugging Face models as policies.

In: a checkpoint, a local folder or a hub id, and decoding settings. Out: replies, each drawn from
a random stream of its own. Loading is in ``transformers_loading.py`` and the drawing of tokens in
``transformers_sampling.py``; this file batches. A prompt that many rollouts share is run through
the model once and its cache handed to all of them.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rewardgym.checkpoints import Checkpoint, find_checkpoints
from rewardgym.policies.base import Finish, Reply, Stream
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.transformers_loading import Loaded, PolicyError, load, use_adapter, wrap
from rewardgym.policies.transformers_sampling import generation, processors, uniforms
from rewardgym.prompts import Prompt

FIRST_BATCH = {"cpu": 128, "cuda": 512}
"""Rollouts a batch to begin with, by the type of device (on a CPU larger ones fall out of its
cache); halved whenever memory runs out, and then kept."""
BATCH_TOKENS = {"cpu": 1 << 16, "cuda": 1 << 19}
"""Prompt and reply tokens a batch to begin with, by the type of device."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A continuation as tokens."""

    tokens: list[int]
    """Without the token that ended the reply."""
    finish: Finish
    drawn: int
    """Tokens drawn, that token included."""


class TransformersPolicy:
    """A causal language model from transformers, as a policy.

    ``model`` is a local folder (a full model or a LoRA adapter), a hub id with ``@revision``, a
    Checkpoint, or a model already in memory with its ``tokenizer``. ``device`` and ``dtype`` are
    chosen where not given: the first GPU with bfloat16, else the CPU with float32. ``share`` is a
    policy whose base model is used again if it is the same: an adapter then costs its own weights.

    A reply depends on its prompt, the decoding settings and its stream. What is beside it in a
    batch changes the logits in the last digits only (``benchmarks/transformers_policy.py`` prints
    how many replies of how many that moved).

    Raises CheckpointError or PolicyError, one line each, for a model that cannot be used.
    """

    def __init__(
        self,
        model: str | Path | Checkpoint | PreTrainedModel,
        *,
        tokenizer: PreTrainedTokenizerBase | None = None,
        decoding: Decoding | None = None,
        device: str | None = None,
        dtype: str | None = None,
        batch_size: int | None = None,
        name: str | None = None,
        share: TransformersPolicy | None = None,
    ) -> None:
        self.decoding = decoding if decoding is not None else Decoding()
        self.checkpoint: Checkpoint | None = None
        if isinstance(model, PreTrainedModel):
            self._loaded = wrap(model, tokenizer, self.decoding)
            self.name = name or model.config.model_type
        else:
            self.checkpoint = _one(model)
            loaded = share._loaded if share is not None else None
            self._loaded = load(self.checkpoint, self.decoding, device, dtype, loaded)
            self.name = name or self.checkpoint.name
        first = FIRST_BATCH.get(self._loaded.device.type, FIRST_BATCH["cpu"])
        self.batch_size = batch_size if batch_size is not None else first
        self._ids: dict[tuple[str, str, bool | None, str], list[int]] = {}

    # Who this is

    @property
    def model(self) -> PreTrainedModel:
        """The model in memory, its adapter included."""
        return self._loaded.model

    @property
    def loaded(self) -> Loaded:
        """The model with all that is needed to ask it, for what looks inside."""
        return self._loaded

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self._loaded.tokenizer

    @property
    def device_name(self) -> str:
        """The device as a person names it: a GPU's model, or ``cpu``."""
        device = self._loaded.device
        return str(torch.cuda.get_device_name(device) if device.type == "cuda" else device.type)

    @property
    def chunk(self) -> int:
        """Rollouts that a sweep hands over at once: enough to sort by length."""
        return max(1024, 2 * self.batch_size)

    def describe(self) -> dict[str, Any]:
        found: dict[str, Any] = {"policy": "transformers", "name": self.name}
        if self.checkpoint is not None:
            found |= {
                "reference": self.checkpoint.reference,
                "revision": self.checkpoint.revision,
                "kind": self.checkpoint.kind,
            }
        return found | {"dtype": str(self._loaded.dtype), **self.decoding.describe()}

    # Replying

    def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
        """One reply a prompt, in order. Raises PolicyError for a prompt that the model's context
        cannot hold, and where a single rollout does not fit into memory."""
        drawn = self.continue_ids([self.token_ids(prompt) for prompt in prompts], streams)
        return [
            Reply(self.decoding.prefill + self.text(one.tokens), one.finish, one.drawn)
            for one in drawn
        ]

    def text(self, tokens: Sequence[int]) -> str:
        """The text of reply tokens. Special tokens stay in it: they are what tells a reasoning
        channel from an answer."""
        return str(
            self.tokenizer.decode(
                list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
        )

    def continue_ids(
        self,
        ids: Sequence[Sequence[int]],
        streams: Sequence[Stream],
        stop: frozenset[int] = frozenset(),
    ) -> list[Drawn]:
        """Goes on from each sequence of tokens, in order; ``stop`` are tokens that end a
        continuation besides the model's own, and stay in it."""
        if len(ids) != len(streams):
            raise ValueError(f"{len(ids)} prompts but {len(streams)} streams; give one each")
        use_adapter(self._loaded)
        known = [tuple(one) for one in ids]
        # By length, so that little is padded; then by tokens, so that equal ones stand together.
        order = sorted(range(len(known)), key=lambda i: (len(known[i]), known[i], i))
        done: dict[int, Drawn] = {}
        more = {"stop": stop} if stop else {}
        while order:
            batch = order[: self._fitting(known, order)]
            try:
                found = self._generate(
                    [known[i] for i in batch], [streams[i] for i in batch], **more
                )
            except RuntimeError as error:
                self._shrink(error, len(batch))
                continue
            done.update(zip(batch, found, strict=True))
            order = order[len(batch) :]
        return [done[i] for i in range(len(known))]

    def token_ids(self, prompt: Prompt, decoding: Decoding | None = None) -> list[int]:
        """The prompt's tokens, prefill included (another one's where ``decoding`` is given);
        control tokens in its text are plain text."""
        settings = decoding if decoding is not None else self.decoding
        key = (prompt.sha256, settings.prefill, settings.thinking, settings.template)
        found = self._ids.get(key)
        if found is None:
            if len(self._ids) > 100_000:
                self._ids.clear()
            found = self._ids[key] = self._loaded.encode(prompt, settings)
        return found

    def _fitting(self, ids: Sequence[Sequence[int]], order: list[int]) -> int:
        """How many of the rollouts at the head of ``order`` make up one batch."""
        budget = BATCH_TOKENS.get(self._loaded.device.type, BATCH_TOKENS["cpu"])
        size = min(self.batch_size, len(order))
        longest = len(ids[order[size - 1]]) + self.decoding.max_new_tokens
        return max(1, min(size, budget // longest))

    def _shrink(self, error: RuntimeError, size: int) -> None:
        """Halves the batch after running out of memory; raises whatever else went wrong."""
        from accelerate.utils.memory import should_reduce_batch_size

        memory = isinstance(error, torch.cuda.OutOfMemoryError) or should_reduce_batch_size(error)
        if not memory:
            raise PolicyError(f"{self.name}: generation failed: {_first_line(error)}") from error
        if size == 1:
            raise PolicyError(
                f"{self.name}: not even one rollout fits into memory; take a smaller dtype, fewer "
                "max_new_tokens or a larger GPU"
            ) from error
        self.batch_size = max(1, size // 2)
        gc.collect()
        if self._loaded.device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def _generate(
        self,
        ids: list[tuple[int, ...]],
        streams: list[Stream],
        stop: frozenset[int] = frozenset(),
    ) -> list[Drawn]:
        unique = list(dict.fromkeys(ids))
        place = {one: row for row, one in enumerate(unique)}
        rows = torch.tensor([place[one] for one in ids], device=self._loaded.device)
        tokens, mask = self._padded(unique)
        length = tokens.shape[1]
        cache = None
        if len(ids) > len(unique) and length > 1 and self._loaded.shares_cache:
            cache = self._prefill(tokens, mask, rows)
        drawn = uniforms(streams, self.decoding.max_new_tokens)
        output = self.model.generate(
            input_ids=tokens[rows],
            attention_mask=mask[rows],
            past_key_values=cache,
            generation_config=generation(self._loaded, self.decoding, stop),
            logits_processor=processors(self.decoding, drawn, length, self._loaded.device),
        )
        return [self._drawn(row, stop) for row in output[:, length:].tolist()]

    def _padded(self, ids: list[tuple[int, ...]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Left-padded tokens and their mask, each of shape (prompts, longest)."""
        longest = max(map(len, ids))
        pad = self._loaded.pad_id
        tokens = torch.tensor([[pad] * (longest - len(one)) + list(one) for one in ids])
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in ids])
        return tokens.to(self._loaded.device), mask.to(self._loaded.device)

    def _prefill(self, tokens: torch.Tensor, mask: torch.Tensor, rows: torch.Tensor) -> Any:
        """The cache of all prompt tokens but the last, one row a rollout. Positions follow the
        mask, as generate counts them: without that the padded rows are silently wrong."""
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache = self.model(
            input_ids=tokens[:, :-1],
            attention_mask=mask[:, :-1],
            position_ids=positions[:, :-1],
            use_cache=True,
            logits_to_keep=1,
        ).past_key_values
        cache.batch_select_indices(rows)
        return cache

    def _drawn(self, row: list[int], stop: frozenset[int]) -> Drawn:
        for at, token in enumerate(row):
            if token in self._loaded.eos_ids:
                return Drawn(row[:at], "stop", at + 1)
            if token in stop:
                return Drawn(row[: at + 1], "stop", at + 1)
        return Drawn(row, "length", len(row))


def _one(model: str | Path | Checkpoint) -> Checkpoint:
    found = find_checkpoints(model)
    if len(found) > 1:
        raise PolicyError(
            f"{model}: names {len(found)} checkpoints; a policy is one of them, rewardgym.sweep "
            "takes them all"
        )
    return found[0]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
