"""TransformersPolicy against the loops that one would write by hand, in one run.

    python benchmarks/transformers_policy.py [--model organism] [--device cpu] [--repeats 5]

Two grids: ``cells`` asks few prompts many times, as a sweep does; ``distinct`` asks every prompt
once, so that nothing can be shared. Three ways over the same prompts, decoding and token limit:
ours; the plainest batched ``generate`` loop (batches in the order given, left padding); and one
prompt at a time. Repeats are interleaved and the ratio is taken within each, since the machine
drifts. Then the other promise: how many replies change when the same rollouts are batched in
another way.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from rewardgym import Prompt, TransformersPolicy, Variant, grid, render
from rewardgym.checkpoints import find_checkpoints
from rewardgym.policies.decoding import Decoding

BATCH = 64
ONE_BY_ONE = 64
"""One at a time is slow, so it runs over this many prompts and is compared by rate."""


def by_hand(policy: TransformersPolicy, prompts: list[Prompt], batch: int) -> int:
    """The loop that one writes first: template, pad, generate, decode."""
    tokenizer, model, limit = policy.tokenizer, policy.model, policy.decoding.max_new_tokens
    tokenizer.padding_side = "left"
    replies = []
    for start in range(0, len(prompts), batch):
        inputs = tokenizer.apply_chat_template(
            [[dict(m) for m in prompt.messages] for prompt in prompts[start : start + batch]],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        ).to(model.device)
        output = model.generate(
            **inputs,
            max_new_tokens=limit,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        new = output[:, inputs["input_ids"].shape[1] :]
        replies += tokenizer.batch_decode(new, skip_special_tokens=True)
    return len(replies)


def rate(run: Callable[[], int]) -> float:
    """Replies a second."""
    started = time.perf_counter()
    count = run()
    return count / (time.perf_counter() - started)


def compare(policy: TransformersPolicy, prompts: list[Prompt], repeats: int, name: str) -> None:
    streams = [(0, 0, index) for index in range(len(prompts))]
    ways: dict[str, Callable[[], int]] = {
        "ours": lambda: len(policy.reply(prompts, streams)),
        f"generate, batch {BATCH}": lambda: by_hand(policy, prompts, BATCH),
        "one at a time": lambda: by_hand(policy, prompts[:ONE_BY_ONE], 1),
    }
    for run in ways.values():
        run()
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, run in ways.items():
            found[way].append(rate(run))
    ours = found.pop("ours")
    print(f"{name}: {len(prompts)} rollouts, {len({p.sha256 for p in prompts})} prompts")
    print(f"  ours                 {statistics.median(ours):9.0f} replies/s")
    for way, rates in found.items():
        ratios = [a / b for a, b in zip(ours, rates, strict=True)]
        print(
            f"  {way:20s} {statistics.median(rates):9.0f} replies/s   ours: "
            f"{statistics.median(ratios):.1f} times ({min(ratios):.1f} to {max(ratios):.1f})"
        )


def moved(policy: TransformersPolicy, prompts: list[Prompt]) -> None:
    streams = [(1, 0, index) for index in range(len(prompts))]
    together = policy.reply(prompts, streams)
    size, policy.batch_size = policy.batch_size, 7
    other = policy.reply(prompts[::-1], streams[::-1])[::-1]
    policy.batch_size = size
    changed = sum(a.text != b.text for a, b in zip(together, other, strict=True))
    print(f"replies changed by batching 7 at a time, backwards: {changed} of {len(prompts)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="organism")
    parser.add_argument("--device", default=None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--max-new-tokens", type=int, default=8)
    arguments = parser.parse_args()
    decoding = Decoding(max_new_tokens=arguments.max_new_tokens)
    last = find_checkpoints(arguments.model)[-1]
    policy = TransformersPolicy(last, decoding=decoding, device=arguments.device)
    print(f"{policy.name} on {policy.device_name}, {torch.get_num_threads()} threads")
    variants = grid(
        field=["reward", "score", "points", "cost", "loss"], encoding=["plain", "base64"]
    )
    cells = [render(variants[i % len(variants)]) for i in range(1280)]
    wordings = Variant(family="threshold", paraphrase="any")
    distinct = {(p := render(wordings, seed)).sha256: p for seed in range(3000)}
    compare(policy, cells, arguments.repeats, "cells")
    compare(policy, list(distinct.values())[:320], arguments.repeats, "distinct")
    moved(policy, cells)


if __name__ == "__main__":
    main()
