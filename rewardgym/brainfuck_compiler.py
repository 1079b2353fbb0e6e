"""Text to brainfuck: the program that prints exactly the text's UTF-8 bytes.

In: any text that has UTF-8 bytes, up to `MAX_TEXT_BYTES` of them. Out: a program for wrapping 8-bit
cells that reads no input and never goes left of its first cell.

Every program has one shape: a loop `+++[>++>+++<<-]` sets up a few cells, then each byte comes
from the cell that is cheapest to reach and adjust. Wrap-around loop counters and other golfing
would be shorter still, but a hint is there to be read: a model must be able to work it out.

The output is part of a prompt's bytes. It depends on the text alone (integers, no sets, no clock,
no randomness), and a change of it is a change of prompt bytes: a golden test pins it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, pairwise

MAX_TEXT_BYTES = 12_288
"""Longest text. A byte costs at most 137 steps, so the default step budget of `run` covers it."""

_MAX_CELLS = 6
_TURNS = range(4, 20)
"""How often the set-up loop may turn at the start of the search; climbing may leave the range."""
_SEARCHED_BYTES = 48
"""Longer texts are judged by their beginning: the set-up no longer decides their length."""
_CLIMBED = 4
"""This many of the best starting points are improved step by step."""
_BEAM_BYTES = 256
_BEAM_WIDTH = 16

_SPAN = [min(delta, 256 - delta) for delta in range(256)]
"""Signs needed to change a cell by delta modulo 256: the shorter way round."""

Setup = tuple[int, tuple[int, ...]]
"""Turns of the set-up loop, and what each turn adds to cells 1, 2, ...; (0, ()) is no loop."""
Route = tuple[int, ...]
"""For each byte of the text, the cell that prints it."""


def compile_text(text: str) -> str:
    """The program that prints `text`; the same in every process and Python version.

    Raises ValueError where the text has no UTF-8 bytes or more than `MAX_TEXT_BYTES`.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character U+{ord(text[error.start]):04X} at position {error.start} is a lone "
            "surrogate, which has no UTF-8 bytes: remove it"
        ) from None
    if len(data) > MAX_TEXT_BYTES:
        raise ValueError(
            f"the text has {len(data)} bytes; brainfuck encodes at most {MAX_TEXT_BYTES}"
        )
    return _compile(data)


@lru_cache(maxsize=1024)
def _compile(data: bytes) -> str:
    if not data:
        return ""
    programs = []
    for setup in _setups(data[:_SEARCHED_BYTES]):
        cells = _cells(setup)
        if len(data) <= _BEAM_BYTES:
            route = _beam_route(data, cells)
        else:
            route = _greedy_route(data, cells)[1]
        programs.append(_write_setup(setup) + _write_route(data, cells, route))
    return min(programs, key=lambda program: (len(program), program))


# --- Which set-up loop ---------------------------------------------------------------------------


def _setups(data: bytes) -> list[Setup]:
    """The most promising set-ups: cells near the centres of the byte values, then hill climbing."""
    starts: dict[Setup, int] = {(0, ()): _greedy_route(data, (0,))[0]}
    for centres in _centres(data):
        for turns in _TURNS:
            for ordered in (centres, centres[::-1]):
                setup = turns, tuple(_rounded(centre, turns) for centre in ordered)
                if setup not in starts:
                    starts[setup] = _length(data, setup)
    best = sorted(starts, key=lambda setup: (starts[setup], setup))[:_CLIMBED]
    return sorted({_climb(data, setup, starts[setup]) for setup in best})


def _rounded(centre: int, turns: int) -> int:
    """What a turn adds for a cell to end near `centre`; high bytes count down from 0."""
    signed = centre if centre < 128 else centre - 256
    return (2 * signed + turns) // (2 * turns)


def _centres(data: bytes) -> Iterator[tuple[int, ...]]:
    """For 1, 2, ... cells: the values from which all bytes are nearest in sum (1-D k-medians)."""
    counts = sorted(Counter(data).items())
    size = len(counts)
    groups = {
        (first, last): _group(counts[first:last])
        for last in range(1, size + 1)
        for first in range(last)
    }
    best: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
    for _ in range(min(_MAX_CELLS, size)):
        best = {
            last: min(
                (best[first][0] + groups[first, last][0], (*best[first][1], groups[first, last][1]))
                for first in best
                if first < last
            )
            for last in range(min(best) + 1, size + 1)
        }
        yield best[size][1]


def _group(counts: list[tuple[int, int]]) -> tuple[int, int]:
    """(summed distance, median) of sorted (value, how often) pairs."""
    left = sum(count for _, count in counts)
    total, median = left, counts[0][0]
    for value, count in counts:
        left -= count
        if 2 * left <= total:
            median = value
            break
    return sum(count * abs(value - median) for value, count in counts), median


def _climb(data: bytes, setup: Setup, length: int) -> Setup:
    """Take the best neighbouring set-up for as long as one makes the program shorter."""
    while True:
        found = setup
        for near in _neighbours(setup):
            near_length = _length(data, near, length)
            if near_length < length:
                found, length = near, near_length
        if found == setup:
            return setup
        setup = found


def _neighbours(setup: Setup) -> Iterator[Setup]:
    turns, adds = setup
    for i, add in enumerate(adds):
        yield turns, (*adds[:i], add + 1, *adds[i + 1 :])
        yield turns, (*adds[:i], add - 1, *adds[i + 1 :])
        if len(adds) > 1:
            yield turns, adds[:i] + adds[i + 1 :]
    for i, j in combinations(range(len(adds)), 2):
        swapped = list(adds)
        swapped[i], swapped[j] = adds[j], adds[i]
        yield turns, tuple(swapped)
    if adds:
        yield turns + 1, adds
        if turns > 1:
            yield turns - 1, adds


def _length(data: bytes, setup: Setup, limit: int | None = None) -> int:
    """Length of the greedy program; from `limit` on it is only a lower bound."""
    head = len(_write_setup(setup))
    return head + _greedy_route(data, _cells(setup), None if limit is None else limit - head)[0]


def _cells(setup: Setup) -> tuple[int, ...]:
    """The cells when the set-up loop is done; the pointer is on the first, which is 0."""
    turns, adds = setup
    return (0, *(turns * add & 255 for add in adds))


# --- Which cell prints which byte ----------------------------------------------------------------


def _greedy_route(
    data: bytes, start: tuple[int, ...], limit: int | None = None
) -> tuple[int, Route]:
    """(characters needed, route), each byte from the cell that is cheapest for it alone."""
    cells, at, cost, span = list(start), 0, len(data), _SPAN
    route = []
    for byte in data:
        least, best = 512, 0
        for i, value in enumerate(cells):
            price = span[(byte - value) & 255] + (i - at if i > at else at - i)
            if price < least:
                least, best = price, i
        cells[best], at = byte, best
        cost += least
        route.append(best)
        if limit is not None and cost >= limit:
            break
    return cost, tuple(route)


def _beam_route(data: bytes, start: tuple[int, ...]) -> Route:
    """The cheapest route found while the best few (pointer, cells) states are kept per byte."""
    trails: list[list[tuple[int, int]]] = []  # per byte: (index of the state before, cell used)
    states: list[tuple[int, tuple[int, ...], int]] = [(0, start, 0)]  # pointer, cells, cost
    for byte in data:
        reached: dict[tuple[int, tuple[int, ...]], tuple[int, int]] = {}
        for before, (at, cells, cost) in enumerate(states):
            for i, value in enumerate(cells):
                key = i, (*cells[:i], byte, *cells[i + 1 :])
                price = cost + abs(i - at) + _SPAN[(byte - value) & 255]
                if key not in reached or price < reached[key][0]:
                    reached[key] = price, before
        kept = sorted(reached, key=lambda key: (reached[key][0], key))[:_BEAM_WIDTH]
        trails.append([(reached[key][1], key[0]) for key in kept])
        states = [(at, cells, reached[at, cells][0]) for at, cells in kept]
    route, index = [], 0  # the states are sorted, so the cheapest end is the first
    for trail in reversed(trails):
        index, cell = trail[index]
        route.append(cell)
    return tuple(reversed(route))


# --- Writing the program -------------------------------------------------------------------------


def _write_setup(setup: Setup) -> str:
    turns, adds = setup
    if not adds:
        return ""
    body = "".join(">" + ("+" * add if add > 0 else "-" * -add) for add in adds)
    return f"{'+' * turns}[{body}{'<' * len(adds)}-]"


def _write_route(data: bytes, start: tuple[int, ...], route: Route) -> str:
    cells, parts = list(start), []
    for byte, (at, cell) in zip(data, pairwise((0, *route)), strict=True):
        up = (byte - cells[cell]) & 255
        parts.append(">" * (cell - at) + "<" * (at - cell))
        parts.append("+" * up if up <= 128 else "-" * (256 - up))
        parts.append(".")
        cells[cell] = byte
    return "".join(parts)
