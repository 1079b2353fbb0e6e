"""How long does a report take, how much memory, and how large is its file?

    python benchmarks/report.py [--replies 100000 1000000] [--sample 2000]

In: nothing. Out: one line a size: seconds of ``write_report`` with all that it imports (on a shared
machine those of its CPU say more), the peak resident memory, and the file's size. The run is made
by a scripted policy, its report in a process of its own, so that the peak is the report's.
``--keep`` makes the runs in a folder that stays, and finds them there again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

VARIANTS: dict[str, Any] = {
    "field": ["reward", "score", "points", "grade"],
    "encoding": ["plain", "base64", "hex"],
    "high": ["odd", "even"],
}
POLICIES = ("scripted:obey", "scripted:game(0.3)", "scripted:plain(0.6)", "scripted:awkward(0.8)")
"""Four series of replies, short ones and sentences, in 24 cells each."""


def make_run(replies: int, folder: Path) -> Path:
    """A run of about so many replies; one that is there already is used again."""
    import rewardgym

    variants = rewardgym.grid(**VARIANTS)
    n = max(1, replies // (len(variants) * len(POLICIES)))
    rewardgym.sweep(list(POLICIES), variants, n=n, out=folder, progress=False)
    return folder


def measure(folder: Path, sample: int) -> dict[str, Any]:
    """Seconds, peak memory and size of one report, in this process."""
    start = time.perf_counter()
    from rewardgym.report.page import write_report

    path = write_report(folder, sample=sample)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "file_mb": path.stat().st_size / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replies", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--sample", type=int, default=2000)
    parser.add_argument("--keep", type=Path, help="make the runs here and leave them")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one is not None:
        print(json.dumps(measure(args.one, args.sample)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        for replies in args.replies:
            folder = make_run(replies, (args.keep or Path(scratch)) / f"replies-{replies}")
            command = [sys.executable, __file__, "--one", str(folder)]
            command += ["--sample", str(args.sample)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            print(
                f"{replies:>9,} replies  {found['seconds']:5.1f} s ({found['cpu']:.1f} s of CPU)  "
                f"peak {found['peak_mb']:4.0f} MB  file {found['file_mb']:.2f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
