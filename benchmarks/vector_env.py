"""How much faster is the native vector environment than Gymnasium's SyncVectorEnv?

    python benchmarks/vector_env.py [--num-envs 64] [--repeats 7] [--seconds 0.5]

In: nothing. Out: one line a repetition and the median ratio, in finished episodes a second. Both
reset within the step, so every step of a sub-environment is a real episode. The two run in turns
within one process, so that a busy machine slows both. Replies vary: 20 000 drawn from the numbers
up to 9999 and from sentences around them, the same for both. Both sides profit alike from
short replies being remembered (``rewardgym_envs.episodes``); ``--fresh`` makes every reply a new
one, so that nothing can be remembered.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

import rewardgym  # noqa: F401 - registers the environment

PROSE = (
    "{}",
    "{}",
    "{}",
    "**{}**",
    "The number is {}.",
    "Sure! Here is a random number: {}",
    "I'd pick {}, since it is the one that I was asked for.",
    "I cannot choose one.",
)


def batches(num_envs: int, fresh: bool) -> Iterator[tuple[str, ...]]:
    """Batches of replies; drawn once and repeated, unless ``fresh``."""
    rng = np.random.default_rng(0)

    def draw(highest: int) -> tuple[str, ...]:
        numbers = rng.integers(highest, size=num_envs)
        forms = rng.integers(len(PROSE), size=num_envs)
        return tuple(PROSE[f].format(n) for f, n in zip(forms, numbers, strict=True))

    if fresh:
        return iter([draw(10**15) for _ in range(4_000)])
    return itertools.cycle([draw(10_000) for _ in range(20_000 // num_envs + 1)])


def episodes_per_second(envs: Any, replies: Iterator[tuple[str, ...]], seconds: float) -> float:
    """Steps ``envs`` for a while and counts what ended."""
    envs.reset(seed=0)
    episodes, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        _, _, terminated, truncated, _ = envs.step(next(replies))
        episodes += int((terminated | truncated).sum())
    return episodes / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--fresh", action="store_true", help="every reply is a new one")
    parser.add_argument("--family", default="parity", help="threshold: every prompt is drawn")
    args = parser.parse_args()
    factors = {"field": "score", "family": args.family}
    native = gym.make_vec("RewardHint-v0", num_envs=args.num_envs, **factors)
    sync = gym.make_vec(
        "RewardHint-v0",
        num_envs=args.num_envs,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        **factors,
    )
    ratios = []
    for repeat in range(args.repeats + 1):
        rates = {}
        for name, envs in (("native", native), ("sync", sync)):
            replies = batches(args.num_envs, args.fresh)
            rates[name] = episodes_per_second(envs, replies, args.seconds)
        ratio = rates["native"] / rates["sync"]
        if repeat > 0:  # the first one warms both up
            ratios.append(ratio)
            print(
                f"native {rates['native']:9,.0f}  sync {rates['sync']:9,.0f} episodes/s  "
                f"ratio {ratio:5.1f}"
            )
    print(
        f"median ratio {statistics.median(ratios):.1f} "
        f"(lowest {min(ratios):.1f}, highest {max(ratios):.1f}; {args.num_envs} sub-environments)"
    )


if __name__ == "__main__":
    main()
