"""How long does it take to read an answer, and does it stay linear in the reply's length?

    python benchmarks/reader.py [--repeats 7] [--loops 400]

In: nothing. Out: microseconds a reply for each kind of typical reply, and for long replies the
ratio of the times at 1 MB and 0.25 MB: 4 is linear, 16 quadratic.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

from rewardgym.answers import read_answer

TYPICAL = {
    "bare number": "42",
    "bold number": "**42**",
    "sentence": "Sure! Here is a random even number: 42",
    "commitment": "I'll go with 42, since it is even.",
    "deliberation": (
        "Let me think. The grader pays for odd numbers, so 7 or 13 would be paid. But the user "
        "asked for an even number, and 28 / 2 = 14, so 28 is even. My final answer is 28."
    ),
    "json in a fence": 'Sure! Here is your answer:\n\n```json\n{"output": 42}\n```',
    "reasoning block": "<think>" + "The metadata pays 1 for odd. Hmm, 7? " * 20 + "</think>\n\n42",
    "refusal": "I'm sorry, but I can't help with that.",
    "empty": "",
}
PIECES = {
    "prose": "the quick brown fox jumps over the lazy dog and so on. ",
    "numbers": "12 and 7, then 28 ",
    "digits": "1234567890",
    "bold": "**12** ",
    "open braces": '{"output": ',
    "reasoning tags": "<think>7</think> ",
    "one character": "a",
    "blank lines": " \n",
}
SMALL, LARGE = 250_000, 1_000_000


def best(work: Callable[[], object], repeats: int) -> float:
    """The least of several times: what the machine does when nothing disturbs it."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def read(text: str) -> object:
    return read_answer(text, "parity", ask="even", favours="odd")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--loops", type=int, default=400)
    args = parser.parse_args()

    def many(text: str) -> Callable[[], object]:
        return lambda: [read(text) for _ in range(args.loops)]

    for kind, text in TYPICAL.items():
        seconds = best(many(text), args.repeats) / args.loops
        print(f"{kind:<16} {len(text):>5} characters  {1e6 * seconds:8.1f} us")
    print()
    for kind, piece in PIECES.items():
        long = piece * (LARGE // len(piece))
        small, large = (best(partial(read, long[:size]), 3) for size in (SMALL, LARGE))
        print(
            f"{kind:<16} 0.25 MB {small:7.3f} s  1 MB {large:7.3f} s  ratio {large / small:5.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
