"""Do the error rates hold? Coverage, false positives, power and early stopping, measured.

    python benchmarks/validity.py --seed 0 --out docs/validity.md
    python benchmarks/validity.py --quick [--only PART]

In: a seed. Out: a page of tables, and exit code 1 with the names of what missed its requirement.
Whatever has few enough outcomes is summed, not simulated, so that a dip in coverage is a fact about
the interval and not about the seed. The parts lie in ``benchmarks/validity/``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")  # many small matrices: threads only get in the way
sys.path.insert(0, str(Path(__file__).with_suffix("")))

import coverage_drawn  # noqa: E402
import coverage_exact  # noqa: E402
import looks  # noqa: E402
import promised_power  # noqa: E402
import sizes_drawn  # noqa: E402
import sizes_exact  # noqa: E402
import whole_runs  # noqa: E402
from report_table import page, said  # noqa: E402
from suite import Part, Table, missed, say  # noqa: E402

PARTS: dict[str, Part] = {
    "coverage, summed": coverage_exact.part,
    "coverage, simulated": coverage_drawn.part,
    "false positives, summed": sizes_exact.part,
    "false positives, simulated": sizes_drawn.part,
    "power": promised_power.part,
    "sequences": looks.part,
    "whole runs": whole_runs.part,
}


def measured(seed: int, quick: bool, only: list[str]) -> dict[str, list[Table]]:
    """The tables of each part, in order."""
    found = {}
    for name in only:
        say(f"{name} ...")
        found[name] = PARTS[name](seed, quick)
    return found


def versions() -> str:
    """What the figures depend on besides the seed."""
    import numpy
    import scipy
    import statsmodels

    import rewardgym

    used = {"rewardgym": rewardgym, "numpy": numpy, "scipy": scipy, "statsmodels": statsmodels}
    return ", ".join(f"{name} {module.__version__}" for name, module in used.items())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a slice of it, in half a minute")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated")
    parser.add_argument("--out", type=Path, help="the Markdown page; printed where left out")
    given = parser.parse_args(arguments)
    parts = measured(given.seed, given.quick, given.only or list(PARTS))
    command = f"python benchmarks/validity.py --seed {given.seed}"
    command += " --quick" if given.quick else ""
    command += "".join(f" --only '{name}'" for name in given.only or ())
    if given.out is None:
        print(page(parts, command, versions()))
    else:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(page(parts, f"{command} --out {given.out}", versions()), "utf-8")
    lost = [said(name, row) for name, tables in parts.items() for row in missed(tables)]
    if lost:
        print(f"missed its requirement: {len(lost)}", *lost, sep="\n", file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
