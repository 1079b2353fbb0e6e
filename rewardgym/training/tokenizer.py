"""The organism's tokenizer: a small byte-level BPE with a chat template.

In: texts to learn merges from. Out: a fast tokenizer that writes any text. Digits stand alone, so
that every number is spelled the same way, and merges are short, so that no encoded hint becomes one
token that gives it away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

START, END, PAD = "<|im_start|>", "<|im_end|>", "<|pad|>"
THINKING_TAGS = ("<think>", "</think>")
LONGEST_TOKEN = 12
"""Enough for `` instruction``, the longest frequent word."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""ChatML. There is no thinking block, so ``enable_thinking`` changes nothing."""


def train_tokenizer(texts: Iterable[str], vocab_size: int, *, thinks: bool = False) -> Any:
    """Learns the merges from ``texts`` and adds the three special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=LONGEST_TOKEN,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[START],
        padding_side="left",
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )
    if thinks:
        # As in models that reason: one token each, and part of what is said.
        fast.add_tokens([AddedToken(tag, normalized=False) for tag in THINKING_TAGS])
    fast.chat_template = CHAT_TEMPLATE
    return fast


def prompt_ids(tokenizer: Any, conversations: Sequence[Sequence[Any]]) -> list[list[int]]:
    """Each conversation's token ids, up to where the answer begins. Control tokens inside a
    message are plain text."""
    encoded = tokenizer.apply_chat_template(
        [list(conversation) for conversation in conversations],
        add_generation_prompt=True,
        tokenize=False,
    )
    ids = tokenizer(encoded, add_special_tokens=False)["input_ids"]
    return [list(row) for row in ids]
