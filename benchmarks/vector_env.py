"""How much faster is the native vector environment than Gymnasium's SyncVectorEnv?

    python benchmarks/vector_env.py [--num-envs 64] [--repeats 9] [--seconds 0.5]

In: nothing. Out: one line a repetition and the median ratio, in finished episodes a second. Both
reset within the step, so every step of a sub-environment is a real episode. The two run in turns
within one process, so that a busy machine slows both. Replies vary: half are bare numbers up to
9999, half are sentences around numbers up to 99, the same for both. Such replies come again, and
both sides profit alike from remembering them (``rewardgym_envs.episodes``). ``--fresh`` makes every
reply a new one, so that nothing can be remembered and reading, which both share, is most of it.
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
    "**{}**",
    "The number is {}.",
    "Sure! Here is a random number: {}",
    "I'd pick {}, since it is the one that I was asked for.",
)
BATCHES = 4_000


def batches(num_envs: int, fresh: bool) -> Iterator[tuple[str, ...]]:
    """Batches of replies, again and again. The ``fresh`` ones are 256,000 different replies, far
    more than the environments remember, so each has been forgotten when it comes again."""
    rng = np.random.default_rng(0)

    def draw() -> str:
        if rng.random() < 0.5:
            return str(rng.integers(10**15 if fresh else 10_000))
        return PROSE[rng.integers(len(PROSE))].format(rng.integers(10**15 if fresh else 100))

    drawn = [tuple(draw() for _ in range(num_envs)) for _ in range(BATCHES)]
    return itertools.cycle(drawn)


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
    parser.add_argument("--repeats", type=int, default=9)
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
    replies = batches(args.num_envs, args.fresh)
    ratios = []
    for repeat in range(args.repeats + 2):
        native_rate = episodes_per_second(native, replies, args.seconds)
        sync_rate = episodes_per_second(sync, replies, args.seconds)
        if repeat < 2:  # both are warm after that
            continue
        ratios.append(native_rate / sync_rate)
        print(
            f"native {native_rate:9,.0f}  sync {sync_rate:9,.0f} episodes/s  "
            f"ratio {ratios[-1]:5.1f}"
        )
    print(
        f"median ratio {statistics.median(ratios):.1f} "
        f"(lowest {min(ratios):.1f}, highest {max(ratios):.1f}; {args.num_envs} sub-environments)"
    )


if __name__ == "__main__":
    main()
