"""A tiny random model with a byte-level tokenizer: everything a wrapper needs, in half a megabyte.

Its weights are random with a large spread: with transformers' own initialisation such a model
repeats one token for ever, and every test of equality would pass on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKING_TEMPLATE = CHAT_TEMPLATE.replace(
    "assistant\n{% endif %}",
    "assistant\n{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n"
    "{% endif %}{% endif %}",
)


def byte_tokenizer(template: str | None = CHAT_TEMPLATE) -> Any:
    """256 bytes and three control tokens; any text round-trips."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    model = models.BPE(vocab={token: i for i, token in enumerate(alphabet)}, merges=[])
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|im_start|>"],
    )
    fast.chat_template = template
    return fast


def tiny_config(vocabulary: int) -> Any:
    from transformers import Qwen3Config

    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        initializer_range=0.3,
    )


def save_tiny_model(folder: Path, template: str | None = CHAT_TEMPLATE, seed: int = 0) -> Path:
    """Saves the model with its tokenizer into ``folder``."""
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = byte_tokenizer(template)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(tiny_config(len(tokenizer)))
    # A checkpoint's own decoding settings, which a measurement must not follow.
    model.generation_config.update(
        do_sample=True, top_k=2, temperature=0.1, eos_token_id=tokenizer.eos_token_id
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_adapter(folder: Path, base: Path, seed: int) -> Path:
    """Saves a LoRA adapter with random weights on both sides, so that it changes the model."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    model.save_pretrained(folder)
    return folder


WORDS = ("mon", "day", "sun", "sat", "ur")
"""Pieces of the weekday family's answers, for tokenizers that have few tokens."""


def few_tokens(kind: str, thinks: bool = False) -> Any:
    """A tokenizer of some thirty tokens, so that every sequence can be written down.

    ``character``: one token a character; ``chunks``: byte-level, with numbers of up to three digits
    as tokens; ``sentencepiece``: pieces with their leading space, which decoding drops at the start
    of a text. What they cannot spell is one unknown token. With ``thinks`` the closing tag of a
    chain of thought is a token as well."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    single = [*"0123456789", "-", "*", ".", ",", "x"]
    if kind == "character":
        pieces = [*single, " ", "\n", "a", "e", "k"]
        before, after = pre_tokenizers.Split("", "isolated"), decoders.Fuse()
    elif kind == "chunks":
        pieces = [*single, "\u0120", "\u010a", "**", *("42", "17", "305", "7.", "5x"), "\u01208"]
        pieces += WORDS
        before = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        after = decoders.ByteLevel()
    else:
        pieces = [*single, "\u2581", "\u25814", "\u258142", "17", "\n", "**", *WORDS]
        before = pre_tokenizers.Metaspace(prepend_scheme="first")
        after = decoders.Metaspace(prepend_scheme="first")
    vocabulary = [("<unk>", -20.0), *((piece, -2.0 - i / 100) for i, piece in enumerate(pieces))]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    tokenizer.pre_tokenizer = before
    tokenizer.decoder = after
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<|end|>", pad_token="<|pad|>"
    )
    if thinks:
        fast.add_tokens(["</think>"])
    fast.chat_template = "{{ messages[-1]['content'] }}"
    return fast


def few_token_model(tokenizer: Any, seed: int = 0) -> Any:
    """A tiny model over ``tokenizer``'s vocabulary, in memory."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(tiny_config(len(tokenizer))).eval()
