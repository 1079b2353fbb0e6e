"""How long does it take to export a million stored replies, and how much memory does it need?

    python benchmarks/export.py [--rows 100000 1000000] [--forms parquet jsonl csv dataset]

In: nothing. Out: one line a size and format: seconds, replies a second, peak resident memory and
the size of the files. Each is measured in a process of its own, so that one peak cannot hide
another. The run is built with plain SQL on the store's own tables, as in ``rates.py``; its replies
have reasoning of some hundred characters, all different, so that no format can write them once.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import rewardgym
from rewardgym.policies.decoding import Decoding
from rewardgym.records import FILE_NAME, RecordStore

FIELDS = ("reward", "score", "points", "grade", "loss")
WORDS = (
    "the ",
    "grader ",
    "may ",
    "want ",
    "an ",
    "odd ",
    "number, ",
    "but ",
    "I ",
    "was ",
    "asked ",
)


def build(folder: Path, rows: int, cells: int = 200) -> None:
    """A run of ``cells`` cells with ``rows`` replies of about 300 characters."""
    variants = rewardgym.grid(field=FIELDS, twins=True)
    with RecordStore(folder, create=True) as store:
        session = store.start_session("2026-01-01T00:00:00+00:00", {"rewardgym": "0.1.0"})
        prompts = {v: store.add_prompt(rewardgym.render(v)) for v in variants}
        places = []
        for cell in range(cells):
            step, variant = cell // len(variants), variants[cell % len(variants)]
            name = f"checkpoint-{step}"
            policy = {"policy": "transformers", "reference": name, **Decoding().describe()}
            made = store.add_cell(f"{name} {variant.id}", name, step, step, variant.id, policy)
            places.append((made, prompts[variant]))
    draw = random.Random(0)

    def replies() -> Iterator[tuple[object, ...]]:
        for cell, prompt in places:
            for index in range(rows // cells):
                text = f"<think>{''.join(draw.choices(WORDS, k=60))}</think>\n\n{index}"
                row = (text, "stop", 70, str(index), "even", "bare", 0)
                yield (cell, index, prompt, session, *row)

    connection = sqlite3.connect(folder / FILE_NAME)
    with connection:
        marks = ", ".join("?" * 11)
        connection.executemany(f"INSERT INTO rows VALUES ({marks})", replies())
    connection.close()


def measure(run: Path, form: str, out: Path) -> dict[str, float]:
    """Seconds, peak memory in MB and size in MB of one export, in this process."""
    from rewardgym.export.dataset_folder import export_dataset
    from rewardgym.export.files import export_tables

    rewardgym.gaming_rates(run)  # pandas and statsmodels are not what is measured here
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    if form == "dataset":
        export_dataset(run, out)
    else:
        export_tables(run, out, form)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    found = {"before_mb": before / 1024, "peak_mb": peak / 1024, "size_mb": size / 1e6}
    return {"seconds": seconds, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--forms", nargs="+", default=["parquet", "jsonl", "csv", "dataset"])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one is not None:
        run, form, out = args.one
        print(json.dumps(measure(Path(run), form, Path(out))))
        return
    for rows in args.rows:
        with tempfile.TemporaryDirectory() as name:
            run = Path(name) / "run"
            build(run, rows)
            for form in args.forms:
                out = Path(name) / form
                command = [sys.executable, __file__, "--one", str(run), form, str(out)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found = json.loads(done.stdout)
                print(
                    f"{rows:>9,} replies  {form:<8} {found['seconds']:6.1f} s  "
                    f"{rows / found['seconds']:>8,.0f}/s  peak {found['peak_mb']:4.0f} MB "
                    f"({found['before_mb']:.0f} MB before)  {found['size_mb']:7.1f} MB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
