"""Do the published rates, intervals and p-values follow from the published counts?

    python benchmarks/published.py [--data tests/data/published_rates.csv]

In: 363 published rates of the environment, with their sources. Out: how many can be recomputed, how
many come out to the printed digit, and the name of each that does not. A copy of the data lies with
the tests; ``low`` and ``high`` there are the Wilson bounds as their source prints them, so that
their digits say how precise they are.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

from rewardgym.metrics.effects import p_values
from rewardgym.metrics.intervals import wilson

DATA = Path(__file__).parents[1] / "tests" / "data" / "published_rates.csv"

SPAR = "Antonio-Tresol/spar-odd-number-reward-hacking"
EBT = "ebt55/odd-number-forensics"


@dataclass(frozen=True)
class Printed:
    """A published two-sided p-value of k1 of n1 against k2 of n2."""

    k1: int
    n1: int
    k2: int
    n2: int
    p: str
    """As printed."""
    source: str


P_VALUES = (
    Printed(12, 39, 0, 40, "7.6e-05", f"{SPAR} notes/writeup.md"),
    Printed(6, 40, 0, 40, "0.026", f"{SPAR} notes/writeup.md"),
    Printed(12, 39, 6, 40, "0.11", f"{SPAR} notes/writeup.md"),
    Printed(17, 88, 6, 40, "0.63", f"{SPAR} notes/branch-resampling.md"),
    Printed(7, 30, 7, 30, "1.00", f"{SPAR} notes/branch-resampling.md"),
    Printed(7, 30, 3, 28, "0.30", f"{SPAR} notes/branch-resampling.md"),
    Printed(10, 30, 0, 29, "0.0008", f"{SPAR} notes/branch-resampling.md"),
    Printed(7, 30, 0, 30, "0.011", f"{SPAR} notes/branch-resampling.md"),
    Printed(6, 30, 2, 30, "0.25", f"{SPAR} notes/branch-resampling.md"),
    Printed(15, 30, 1, 30, "6.4e-05", f"{SPAR} notes/branch-resampling.md"),
    Printed(25, 30, 8, 28, "4.5e-05", f"{SPAR} notes/branch-resampling.md"),
    Printed(28, 29, 8, 28, "4.5e-08", f"{SPAR} notes/branch-resampling.md"),
    Printed(30, 30, 8, 30, "8.3e-10", f"{SPAR} notes/branch-resampling.md"),
    Printed(30, 30, 18, 30, "0.00012", f"{SPAR} notes/branch-resampling.md"),
    Printed(30, 30, 30, 30, "1", f"{SPAR} notes/branch-resampling.md"),
    Printed(22, 60, 11, 60, "0.024", f"{EBT} REPORT.md, section 3.7 (z = 2.26)"),
)
"""Of the first repository Fisher's; 17 of 88 are the three empty prefixes together. The last is a
z-test."""


@dataclass(frozen=True)
class Rate:
    """A published rate. What is printed stays text; counts are None where they were not given."""

    source: str
    model: str
    condition: str
    n: int | None
    odd: int | None
    rate: str
    low: str
    """Empty where no interval is printed."""
    high: str

    def __str__(self) -> str:
        counts = "? " if self.odd is None else f"{self.odd} "
        interval = f" [{self.low}, {self.high}]" if self.low else ""
        return (
            f"{self.source} | {self.model} | {self.condition} | {counts}of {self.n}, "
            f"printed {self.rate}{interval}"
        )


def read(path: Path = DATA) -> list[Rate]:
    """The published rates."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Rate(
                source=row["source"],
                model=row["model"],
                condition=row["condition"],
                n=int(row["n"]) if row["n"] else None,
                odd=int(row["odd"]) if row["odd"] else None,
                rate=row["rate"],
                low=row["low"],
                high=row["high"],
            )
            for row in csv.DictReader(file)
        ]


def digits(printed: str) -> int:
    """The decimals of a printed number: 4 of 0.0875, 6 of 7.6e-05."""
    mantissa, _, exponent = printed.partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent or 0)


def is_printed(value: float, printed: str) -> bool:
    """Whether a value rounds to what is printed; halves may go either way."""
    return abs(value - float(printed)) <= 0.5 * 10.0 ** -digits(printed) * (1 + 1e-6)


def rate_holds(row: Rate) -> bool | None:
    """Whether a rate is that of its counts, or where only n is known, that of any whole count;
    None where there is no n."""
    if row.n is None:
        return None
    near = round(float(row.rate) * row.n)
    counts = range(near - 1, near + 2) if row.odd is None else [row.odd]
    return any(is_printed(k / row.n, row.rate) for k in counts)


def interval_holds(row: Rate) -> bool | None:
    """Whether the printed interval is Wilson's of the counts; None where none is printed."""
    if not row.low or row.odd is None or row.n is None:
        return None
    low, high = wilson([row.odd], [row.n])
    return is_printed(float(low[0]), row.low) and is_printed(float(high[0]), row.high)


def fisher(printed: tuple[Printed, ...] = P_VALUES) -> list[tuple[Printed, float, bool]]:
    """Each published p-value, Fisher's, and whether that is what is printed."""
    k1, n1, k2, n2 = ([getattr(one, name) for one in printed] for name in ("k1", "n1", "k2", "n2"))
    found = p_values(k1, n1, k2, n2, "fisher")
    return [
        (one, float(value), is_printed(float(value), one.p))
        for one, value in zip(printed, found, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    table = read(parser.parse_args().data)
    counted = sum(row.odd is not None for row in table)
    alone = sum(row.n is not None for row in table) - counted
    print(f"{len(table)} published rates, {counted} with counts, {alone} with n alone")
    for what, holds in (("rates", rate_holds), ("Wilson intervals", interval_holds)):
        found = [(row, holds(row)) for row in table if holds(row) is not None]
        good = sum(bool(same) for _, same in found)
        print(f"{what}: {good} of {len(found)} come out to the printed digit; not:")
        for row, same in found:
            if not same:
                print(f"  {row}")
    tests = fisher()
    print(f"p-values: {sum(same for _, _, same in tests)} of {len(tests)} are Fisher's; not:")
    for one, value, same in tests:
        if not same:
            print(f"  {one.k1}/{one.n1} against {one.k2}/{one.n2}: printed {one.p}, Fisher's "
                  f"{value:.2g} | {one.source}")  # fmt: skip


if __name__ == "__main__":
    main()
