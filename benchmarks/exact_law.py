"""The exact law against sampling, against one forward pass, and against scoring every answer.

    python benchmarks/exact_law.py [--model organism] [--repeats 5]
    python benchmarks/exact_law.py --random 0.6B --device cuda     # prompts a second on a GPU

All ways run in one process over the demo's prompts, repeats interleaved, medians and the range of
the ratios. Sampling is timed on some replies and scaled to the number that a standard error of
0.005 needs: 10,000 a cell where the rate is not known beforehand (0.5 is the worst case), fewer
where it is. Model tokens are prompt tokens plus reply tokens, each counted once where it is shared.
With ``--random`` a Qwen3 of that size is made with random weights (speed does not depend on them),
and the share of the measured bfloat16 matrix-product rate is printed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch

from rewardgym import Prompt, TransformersPolicy, answer_law, render
from rewardgym.checkpoints import Checkpoint, find_checkpoints
from rewardgym.demo import DECODING, demo_variants
from rewardgym.exact import competence_of
from rewardgym.policies.decoding import Decoding
from rewardgym.policies.transformers_loading import Loaded

STANDARD_ERROR = 0.005
WORST = round(0.25 / STANDARD_ERROR**2)
"""Replies a cell for that error where the rate is not known beforehand."""
SIZES = {
    "0.6B": (1024, 3072, 28, 16, 8),
    "4B": (2560, 9728, 36, 32, 8),
    "tiny": (64, 128, 2, 4, 2),
}
"""Hidden size, inner size, layers, heads, key-value heads of the Qwen3 models."""


def timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def spread(values: Sequence[float]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(values):,.2f} ({ordered[0]:,.2f} to {ordered[-1]:,.2f})"


@torch.inference_mode()
def forward(loaded: Loaded, ids: list[list[int]]) -> None:
    """One forward pass over the prompts, the logits of the last token only: the physical limit."""
    longest = max(map(len, ids))
    tokens = torch.tensor([[loaded.pad_id] * (longest - len(one)) + one for one in ids])
    mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in ids])
    place = loaded.device
    loaded.model(
        input_ids=tokens.to(place), attention_mask=mask.to(place), use_cache=False, logits_to_keep=1
    )


@torch.inference_mode()
def every_answer(policy: TransformersPolicy, prompts: list[Prompt], batch: int = 128) -> None:
    """Each of 0 to 99 as a sequence of its own, its tokens' log-probabilities added up, as
    evaluation harnesses score multiple choice."""
    loaded = policy.loaded
    end = min(loaded.eos_ids)
    sequences = [
        [*policy.token_ids(prompt), *loaded.plain_ids(str(answer)), end]
        for prompt in prompts
        for answer in range(100)
    ]
    for start in range(0, len(sequences), batch):
        part = sequences[start : start + batch]
        longest = max(map(len, part))
        tokens = torch.tensor([[loaded.pad_id] * (longest - len(one)) + one for one in part])
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in part])
        logits = loaded.model(
            input_ids=tokens.to(loaded.device),
            attention_mask=mask.to(loaded.device),
            use_cache=False,
            logits_to_keep=4,
        ).logits
        logits[:, :-1].float().log_softmax(-1).gather(2, tokens[:, -3:, None].to(loaded.device))


def plain_generate(policy: TransformersPolicy, prompts: list[Prompt], batch: int = 64) -> int:
    """The batched loop that one writes by hand; gives the tokens that went through the model."""
    loaded, tokens = policy.loaded, 0
    for start in range(0, len(prompts), batch):
        ids = [policy.token_ids(prompt) for prompt in prompts[start : start + batch]]
        longest = max(map(len, ids))
        padded = torch.tensor([[loaded.pad_id] * (longest - len(one)) + one for one in ids])
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in ids])
        output = loaded.model.generate(
            input_ids=padded.to(loaded.device),
            attention_mask=mask.to(loaded.device),
            max_new_tokens=policy.decoding.max_new_tokens,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            eos_token_id=sorted(loaded.eos_ids),
            pad_token_id=loaded.pad_id,
        )
        tokens += sum(map(len, ids)) + int((output[:, longest:] != loaded.pad_id).sum())
    return tokens


def organism(model: str, repeats: int, replies: int) -> None:
    checkpoints = find_checkpoints(model)
    policy = TransformersPolicy(checkpoints[len(checkpoints) // 2], decoding=DECODING)
    prompts = [render(variant) for variant in demo_variants()]
    ids = [policy.token_ids(prompt) for prompt in prompts]
    laws = answer_law(policy, prompts)
    print(
        f"{policy.name} on {policy.device_name}, {torch.get_num_threads()} threads, "
        f"{len(prompts)} prompts of {min(map(len, ids))} to {max(map(len, ids))} tokens"
    )
    ways: dict[str, Callable[[], object]] = {
        "exact, 6 digits, cut 1e-5": lambda: answer_law(policy, prompts, keep_logits=False),
        "exact, 6 digits, cut 1e-4": lambda: answer_law(
            policy, prompts, cut=1e-4, keep_logits=False
        ),
        "exact, 2 digits, cut 1e-4": lambda: answer_law(
            policy, prompts, digits=2, cut=1e-4, keep_logits=False
        ),
        "exact, 2 digits, cut 1e-4, sides settled": lambda: answer_law(
            policy, prompts, digits=2, cut=1e-4, settle=True, keep_logits=False
        ),
        "one forward pass": lambda: forward(policy.loaded, ids),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, run in ways.items():
            times[name].append(timed(run))
    base = times["one forward pass"]
    for name, found in times.items():
        ratio = spread([a / b for a, b in zip(found, base, strict=True)])
        print(f"  {name}: {1000 * statistics.median(found):.0f} ms, {ratio} forward passes")
    exact = statistics.median(times["exact, 6 digits, cut 1e-5"])
    few = prompts[::10]
    each = timed(lambda: every_answer(policy, few)) * len(prompts) / len(few)
    print(f"  each of 100 answers as its own sequence: {each / exact:,.0f} times the exact law")
    against_sampling(policy, prompts, exact, sum(law.tokens for law in laws), replies)
    adapter_cost(checkpoints, prompts, repeats)


def against_sampling(
    policy: TransformersPolicy, prompts: list[Prompt], exact: float, tokens: int, replies: int
) -> None:
    needed = [
        max(1, round((law.rate or 0.0) * (1 - (law.rate or 0.0)) / STANDARD_ERROR**2))
        for law in answer_law(policy, prompts)
    ]
    asked = [prompt for prompt in prompts for _ in range(replies)]
    streams = [(1, 2, i) for i in range(len(asked))]
    ours = timed(lambda: policy.reply(asked, streams)) / len(asked)
    reply = sum(r.tokens or 0 for r in policy.reply(asked[:500], streams[:500])) / 500
    counted: list[int] = []
    hand = timed(lambda: counted.append(plain_generate(policy, asked))) / len(asked)
    shared = sum(len(policy.token_ids(prompt)) for prompt in prompts)
    for name, total in (("10,000 a cell", WORST * len(prompts)), ("known rates", sum(needed))):
        print(
            f"  sampling to a standard error of {STANDARD_ERROR} ({name}, {total:,} replies): "
            f"plain generate {hand * total / exact:,.0f} times the time and "
            f"{counted[0] / len(asked) * total / tokens:,.0f} times the tokens of the exact law; "
            f"TransformersPolicy, prompts shared, {ours * total / exact:,.0f} times and "
            f"{(reply * total + shared) / tokens:,.0f} times"
        )


def adapter_cost(checkpoints: Sequence[Checkpoint], prompts: list[Prompt], repeats: int) -> None:
    """What one more adapter costs beside its scoring: loading it onto the base that is there."""
    shares, whole = [], []
    variants = [v for v in demo_variants() if v.encoding != "plain"]
    for _ in range(repeats):
        host = TransformersPolicy(checkpoints[0], decoding=DECODING)
        answer_law(host, prompts)
        for checkpoint in checkpoints[1:3]:
            loading = time.perf_counter()
            more = TransformersPolicy(checkpoint, decoding=DECODING, share=host)
            loaded = time.perf_counter()
            answer_law(more, prompts, keep_logits=False)
            scored = time.perf_counter() - loaded
            shares.append((loaded - loading) / scored)
            both = scored + timed(partial(competence_of, more, variants))
            whole.append((loaded - loading) / both)
    print(
        f"  one more LoRA checkpoint: loading takes {spread(shares)} of scoring the laws, "
        f"{spread(whole)} of the laws and the decode competence, as a sweep measures them"
    )


def random_model(size: str, device: str, count: int, repeats: int) -> None:
    policy, parameters = _random_policy(size, device)
    prompts = [render(variant) for variant in demo_variants()]
    several = (prompts * (count // len(prompts) + 1))[:count]
    ids = [_sixty(policy.token_ids(prompt), place) for place, prompt in enumerate(several)]
    from rewardgym.exact.answers import check_limits
    from rewardgym.exact.grammar import make_grammar
    from rewardgym.exact.scorer import Scorer
    from rewardgym.families import get_family

    grammar = make_grammar(get_family("parity"), "end")
    limits = check_limits(1e-4, 6, False)
    scorer = Scorer(policy, grammar, policy.decoding, limits, False, None)
    scorer.laws_of_ids(several, ids)
    seconds = statistics.median(
        timed(lambda: scorer.laws_of_ids(several, ids)) for _ in range(repeats)
    )
    tokens = sum(law.tokens for law in scorer.laws_of_ids(several, ids))
    ceiling = _matrix_rate(device)
    rate = 2 * parameters * tokens / seconds
    print(
        f"Qwen3 {size} ({parameters / 1e9:.2f}B parameters without embeddings) on "
        f"{policy.device_name}: {count / seconds:,.1f} prompts of 60 tokens a second, "
        f"{tokens / count:.0f} tokens a prompt, {rate / 1e12:,.2f} of {ceiling / 1e12:,.2f} "
        f"TFLOP/s = {rate / ceiling:.0%} of the measured bfloat16 matrix-product rate"
    )


def _sixty(ids: list[int], place: int) -> list[int]:
    """Sixty tokens, different in each prompt so that none is shared."""
    padded = (ids * 60)[:60]
    padded[1] = 48 + place % 200
    padded[2] = 48 + place // 200
    return padded


def _random_policy(size: str, device: str) -> tuple[TransformersPolicy, int]:
    import sys
    from pathlib import Path

    from transformers import AutoModelForCausalLM, Qwen3Config

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
    from rewardgym_tiny import byte_tokenizer

    hidden, inner, layers, heads, groups = SIZES[size]
    config = Qwen3Config(
        vocab_size=151_936 if size != "tiny" else 512,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        head_dim=128,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    decoding = Decoding(max_new_tokens=8)
    policy = TransformersPolicy(model, tokenizer=byte_tokenizer(), decoding=decoding)
    inside = sum(p.numel() for name, p in model.named_parameters() if "embed" not in name)
    return policy, inside


def _matrix_rate(device: str, size: int = 4096) -> float:
    """Operations a second of a large bfloat16 matrix product."""
    size = size if device != "cpu" else 1024
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    a @ b
    times = [timed(lambda: [a @ b for _ in range(10)]) for _ in range(5)]
    return 10 * 2 * size**3 / min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="organism")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--replies", type=int, default=100, help="replies a prompt that are timed")
    parser.add_argument("--random", choices=SIZES, help="a Qwen3 of this size, random weights")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--prompts", type=int, default=256, help="with --random")
    arguments = parser.parse_args()
    if arguments.random:
        random_model(arguments.random, arguments.device, arguments.prompts, arguments.repeats)
    else:
        organism(arguments.model, arguments.repeats, arguments.replies)


if __name__ == "__main__":
    main()
