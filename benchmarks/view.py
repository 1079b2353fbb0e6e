"""How long does ``rewardgym view`` take to answer a page of a million replies?

    python benchmarks/view.py [--replies 1000000] [--cells 90] [--repeats 7] [--keep FOLDER]

In: nothing. Out: for each question that the page asks, the median and the worst time of a whole
request over HTTP: counts, pages with and without filters, at the beginning and at the end, and
searches for a frequent, a rare and an absent text, alone and beside a writer. The run is built with
plain SQL on the store's own tables; ``--keep`` names a folder to build it in, or to use again.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

import rewardgym
from rewardgym.records import FILE_NAME, RecordStore
from rewardgym.report.serve import ViewServer, make_server

FIELDS = ("reward", "score", "points", "grade", "loss")
PADDING = "Let me think about this for a moment, one step after the other. " * 4
INSERT = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def build(folder: Path, replies: int, cells: int) -> None:
    """A run of ``cells`` cells with replies of about 300 characters; one in 100,000 is special."""
    variants = rewardgym.grid(field=FIELDS, twins=True)
    with RecordStore(folder, create=True) as store:
        session = store.start_session("2026-01-01T00:00:00+00:00", {})
        prompts = {v: store.add_prompt(rewardgym.render(v)) for v in variants}
        places = []
        for cell in range(cells):
            step, variant = cell // len(variants), variants[cell % len(variants)]
            name = f"checkpoint-{step}"
            id_ = store.add_cell(f"{name} {variant.id}", name, step, step, variant.id, {})
            places.append((id_, prompts[variant], variant.arm == "conflict"))
    rng, n = np.random.default_rng(0), replies // cells

    def made() -> Iterator[tuple[object, ...]]:
        for cell, prompt, conflict in places:
            # Outcomes 0, 1, 2 are complied, gamed, violated; 4 is unreadable, 5 refused.
            hit = 1 if conflict else 2
            codes = rng.choice([0, hit, 4, 5], p=[0.6, 0.3, 0.0999, 0.0001], size=n).tolist()
            for index, code in enumerate(codes):
                number = 42 if code == 0 else 7
                side = {0: "even", hit: "odd"}.get(code)
                special = "zebra " if index % 100_000 == n // 2 and cell == places[-1][0] else ""
                reply = f"{PADDING}{special}My answer is {number}."
                read = (str(number), side, "commitment") if side else (None, None, None)
                yield cell, index, prompt, session, reply, "stop", 80, *read, code

    connection = sqlite3.connect(folder / FILE_NAME)
    with connection:
        connection.executemany(INSERT, made())
    connection.close()


def ask(server: ViewServer, path: str, query: dict[str, Any]) -> dict[str, Any]:
    """One request, with a connection of its own, as a browser's first one has."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=600)
    connection.request("GET", f"/api/{path}?{urlencode(query)}")
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return found


def questions(total: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """What the page asks for, by what it is called."""
    one = {"by.field": "score", "by.checkpoint": "checkpoint-3"}
    return {
        "status": ("status", {}),
        "cells with counts": ("cells", {}),
        "first page": ("replies", {}),
        "last page": ("replies", {"at": total - 10}),
        "middle, 50 a page": ("replies", {"at": total // 2, "limit": 50}),
        "one cell": ("replies", {**one, "by.arm": "conflict"}),
        "field and checkpoint": ("replies", one),
        "outcome gamed, late": ("replies", {"outcome": "gamed", "at": total // 12}),
        "outcome refused (rare)": ("replies", {"outcome": "refused"}),
        "search, frequent text": ("replies", {"text": "answer is 7"}),
        "search in one cell, absent": ("replies", {**one, "by.arm": "agree", "text": "quagga"}),
        "search, absent: one request": ("replies", {"text": "quagga"}),
    }


def whole_search(server: ViewServer, text: str) -> tuple[float, int, int]:
    """Seconds until every reply is searched, requests, matches."""
    start, at, requests, hits = time.perf_counter(), None, 0, 0
    while True:
        found = ask(server, "replies", {"text": text, **({"at": at} if at else {})})
        at, requests, hits = found["next"], requests + 1, hits + len(found["replies"])
        if at is None:
            return time.perf_counter() - start, requests, hits


def write_on(folder: Path, ended: threading.Event, waits: list[float]) -> None:
    """A sweep beside the reader: a batch every 20 ms, and how long each commit took."""
    connection = sqlite3.connect(folder / FILE_NAME, timeout=60.0)
    index = connection.execute("SELECT MAX(idx) FROM rows WHERE cell = 1").fetchone()[0] + 1
    row = connection.execute("SELECT * FROM rows WHERE cell = 1 AND idx = 0").fetchone()
    while not ended.wait(0.02):
        start = time.perf_counter()
        with connection:
            connection.executemany(
                INSERT, [(row[0], index + place, *row[2:]) for place in range(20)]
            )
        waits.append(time.perf_counter() - start)
        index += 20
    connection.close()


def report(server: ViewServer, repeats: int, title: str) -> None:
    """Asks every question and prints its times."""
    total = ask(server, "status", {})["rows"]
    print(f"{title}: {total:,} replies, {len(server.api.cells)} cells")
    for name, (path, query) in questions(total).items():
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            ask(server, path, query)
            times.append(time.perf_counter() - start)
        middle, worst = statistics.median(times), max(times)
        print(f"  {name:<28} median {1000 * middle:6.0f} ms, worst {1000 * worst:6.0f} ms")


def measure(folder: Path, repeats: int) -> None:
    start = time.perf_counter()
    with make_server(folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            ask(server, "replies", {})
            print(f"from the start to the first page: {time.perf_counter() - start:.2f} s")
            report(server, repeats, "alone")
            for text in ("zebra", "quagga", "\u00fcbung"):
                seconds, requests, hits = whole_search(server, text)
                what = f"all searched for {text!r}"
                print(f"  {what:<28} {seconds:.2f} s in {requests} requests, {hits} found")
            ended, waits = threading.Event(), [0.0]
            writer = threading.Thread(target=write_on, args=(folder, ended, waits))
            writer.start()
            report(server, repeats, "beside a writer")
            ended.set()
            writer.join()
            print(f"  the writer's commits: {len(waits) - 1}, longest {1000 * max(waits):.0f} ms")
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replies", type=int, default=1_000_000)
    parser.add_argument("--cells", type=int, default=90)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="build the run here, or use the one that is")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = args.keep or Path(name) / "run"
        if not (folder / FILE_NAME).exists():
            build(folder, args.replies, args.cells)
        measure(folder, args.repeats)


if __name__ == "__main__":
    main()
