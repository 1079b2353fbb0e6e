"""How many rollouts a second does a sweep store, end to end, and does memory stay flat?

    python benchmarks/rollouts.py [--rollouts 10000 1000000] [--policy 'scripted:game(0.3)']

In: nothing. Out: one line a size: rollouts a second from the call of ``rewardgym.sweep`` to its
return (planned, asked, read, judged, stored), and the peak resident memory. Each size runs in a
process of its own, so that one peak cannot hide another. ``--profile`` prints where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import rewardgym

VARIANTS = rewardgym.grid(field=["reward", "score", "points", "grade", "loss"], twins=True)
"""Nine cells: each field in both arms, but loss, which agrees as it is and is its own twin."""


def measure(rollouts: int, policy: str) -> dict[str, Any]:
    """Seconds and peak memory of one sweep, in this process."""
    n = max(1, rollouts // len(VARIANTS))
    # Imports and the reader's compiled patterns are not what is measured here.
    with tempfile.TemporaryDirectory() as folder:
        rewardgym.sweep(policy, VARIANTS[:1], n=10, out=Path(folder) / "warm", progress=False)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        rewardgym.sweep(policy, VARIANTS, n=n, out=Path(folder) / "run", progress=False)
        seconds = time.perf_counter() - start
        size = (Path(folder) / "run" / "run.sqlite").stat().st_size
    return {
        "rollouts": n * len(VARIANTS),
        "seconds": seconds,
        "before_mb": before / 1024,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bytes_a_row": size / (n * len(VARIANTS)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rollouts", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--policy", default="scripted:game(0.3)")
    parser.add_argument("--profile", action="store_true", help="of the first size, in this process")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one is not None:
        print(json.dumps(measure(args.one, args.policy)))
        return
    if args.profile:
        profile = cProfile.Profile()
        profile.runcall(measure, args.rollouts[0], args.policy)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    for rollouts in args.rollouts:
        command = [sys.executable, __file__, "--one", str(rollouts), "--policy", args.policy]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        print(
            f"{found['rollouts']:>9,} rollouts  {found['rollouts'] / found['seconds']:>8,.0f}/s  "
            f"peak {found['peak_mb']:5.0f} MB ({found['before_mb']:.0f} MB before the sweep)  "
            f"{found['bytes_a_row']:.0f} bytes a row",
            flush=True,
        )


if __name__ == "__main__":
    main()
