"""How long does it take to count a million stored rollouts into rates?

    python benchmarks/rates.py [--rows 1000000] [--cells 200] [--repeats 5]

In: nothing. Out: seconds of SQLite's counting alone, of the whole of ``gaming_rates``, and rows a
second. The run is built with plain SQL on the store's own tables, since filling it through a sweep
would take longer than everything that is measured.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import rewardgym
from rewardgym.records import FILE_NAME, RecordStore

FIELDS = ("reward", "score", "points", "grade", "loss")


def build(folder: Path, rows: int, cells: int) -> None:
    """A run of ``cells`` cells, half of them conflict, over as many checkpoints as that takes."""
    variants = rewardgym.grid(field=FIELDS, twins=True)
    with RecordStore(folder, create=True) as store:
        session = store.start_session("2026-01-01T00:00:00+00:00", {})
        prompts = {v: store.add_prompt(rewardgym.render(v)) for v in variants}
        places = []
        for cell in range(cells):
            step, variant = cell // len(variants), variants[cell % len(variants)]
            name = f"checkpoint-{step}"
            key = f"{name} {variant.id}"
            cell_id = store.add_cell(key, name, step, step, variant.id, {})
            places.append((cell_id, prompts[variant], variant.arm == "conflict"))
    rng = np.random.default_rng(0)
    n = rows // cells

    def made() -> Iterator[tuple[object, ...]]:
        for cell_id, prompt, conflict in places:
            # Outcomes 0, 1, 2 are complied, gamed, violated; 4 is unreadable.
            hit = 1 if conflict else 2
            codes = rng.choice([0, hit, 4], p=[0.6, 0.3, 0.1], size=n).tolist()
            for index, code in enumerate(codes):
                yield cell_id, index, prompt, session, "42", "stop", 2, "42", "even", "bare", code

    connection = sqlite3.connect(folder / FILE_NAME)
    with connection:
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", made())
    connection.close()


def seconds_of(work: Callable[[], object], repeats: int) -> list[float]:
    """The time of each repetition."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        build(folder, args.rows, args.cells)
        by = ["checkpoint", "step", "field", "arm"]
        rewardgym.gaming_rates(folder, by)  # imports pandas and statsmodels
        with RecordStore(folder) as store:
            counting = seconds_of(store.counts, args.repeats)
        rating = seconds_of(lambda: rewardgym.gaming_rates(folder, by), args.repeats)
    for what, times in (("SQL counting alone", counting), ("gaming_rates, whole", rating)):
        middle = statistics.median(times)
        print(
            f"{what:<20} {args.rows:,} rows in {args.cells} cells: median {middle:.3f} s "
            f"(lowest {min(times):.3f}, highest {max(times):.3f}), {args.rows / middle:,.0f} rows/s"
        )


if __name__ == "__main__":
    main()
