"""Brainfuck, both ways: `compile_text` writes a program for a text, `run` reads it back.

In: a text, or a program that may come from anywhere. Out: a program, or the text it prints.

A program is foreign code, so `run` bounds everything it may use (steps, output, tape) and takes no
input; whatever goes wrong is a `BrainfuckError` that names the character where it went wrong.
Cells hold 8 bits and wrap; characters other than the eight commands are comments.
"""

from __future__ import annotations

from rewardgym.brainfuck_compiler import MAX_TEXT_BYTES, compile_text

__all__ = [
    "COMMANDS",
    "MAX_OUTPUT",
    "MAX_STEPS",
    "MAX_TEXT_BYTES",
    "TAPE_CELLS",
    "BrainfuckError",
    "compile_text",
    "run",
]

COMMANDS = "+-<>[].,"
MAX_STEPS = 2_000_000
"""Default step budget: covers every program of `compile_text` (a 30-byte hint takes about 1000)."""
MAX_OUTPUT = 65_536
"""Default bound on the bytes printed."""
TAPE_CELLS = 30_000
"""Cells on the tape, as in the first implementation of the language."""


class BrainfuckError(ValueError):
    """A program that cannot be run to its end, with the place of the fault."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(f"{problem} at position {position}")
        self.position = position
        """Offset of the character in the program, comments counted."""


_Op = tuple[str, int, int, "_Loop | None"]
"""Command; how often in a row, or for a bracket the index of its partner; first position in the
program without comments; for `[`, the loop as one multiplication where it is one."""
_Loop = tuple[int, int, int, int, tuple[tuple[int, int], ...]]
"""Change of the counter (+1 or -1), steps a turn, leftmost and rightmost offset that the pointer
visits, and (offset, change) of the other cells."""


def run(program: str, *, max_steps: int = MAX_STEPS, max_output: int = MAX_OUTPUT) -> str:
    """The text that `program` prints.

    A step is one command as a plain machine executes it: a loop costs one step to enter or skip
    and one for each `]` reached. Runs of a command and multiplication loops are executed at once,
    but are charged in full, so the budget means the same for every program.

    Raises BrainfuckError for an unmatched bracket, `,`, the pointer off the tape, a budget used up,
    too much output, or output that is not UTF-8.
    """
    for name, value in (("max_steps", max_steps), ("max_output", max_output)):
        if value < 0:
            raise ValueError(f"{name} must be 0 or more, not {value}")
    places = [place for place, char in enumerate(program) if char in COMMANDS]
    printed, printers = _execute(_parse(program, places), places, max_steps, max_output)
    try:
        return printed.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrainfuckError(
            f"the output is not UTF-8: byte 0x{printed[error.start]:02x} ({error.reason}) printed",
            printers[error.start],
        ) from None


def _parse(program: str, places: list[int]) -> list[_Op]:
    """Fold runs of one command, pair the brackets, find multiplication loops."""
    ops: list[_Op] = []
    opened: list[int] = []
    innermost = -1  # the '[' that no other bracket follows yet: only such a loop can be folded
    for first, place in enumerate(places):
        char = program[place]
        if char == ",":
            raise BrainfuckError("',' asks for input, and there is none,", place)
        if char == "[":
            innermost = len(ops)
            opened.append(innermost)
            ops.append((char, 0, first, None))
        elif char == "]":
            if not opened:
                raise BrainfuckError("']' without a '[' before it", place)
            start, end = opened.pop(), len(ops)
            loop = _loop(ops[start + 1 :]) if start == innermost else None
            ops[start] = ("[", end, ops[start][2], loop)
            ops.append((char, start, first, None))
            innermost = -1
        elif ops and ops[-1][0] == char and char != ".":
            ops[-1] = (char, ops[-1][1] + 1, ops[-1][2], None)
        else:
            ops.append((char, 1, first, None))
    if opened:
        raise BrainfuckError("'[' without a ']' after it", places[ops[opened[-1]][2]])
    return ops


def _loop(body: list[_Op]) -> _Loop | None:
    """The loop as one multiplication, if it comes back to its counter and changes that by one."""
    at = left = right = 0
    changes: dict[int, int] = {}
    for command, count, _, _ in body:
        if command in "<>":
            at += count if command == ">" else -count
            left, right = min(left, at), max(right, at)
        elif command in "+-":
            changes[at] = changes.get(at, 0) + (count if command == "+" else -count)
        else:
            return None  # it prints
    counter = changes.pop(0, 0)
    if at != 0 or counter not in (1, -1):
        return None
    steps = sum(count for _, count, _, _ in body) + 1
    return counter, steps, left, right, tuple(changes.items())


def _execute(
    ops: list[_Op], places: list[int], max_steps: int, max_output: int
) -> tuple[bytes, list[int]]:
    """(bytes printed, position of the '.' that printed each)."""
    tape, at, steps, index = bytearray(TAPE_CELLS), 0, 0, 0
    out, printers = bytearray(), []
    while index < len(ops):
        command, count, first, loop = ops[index]
        cost = 1 if command in "[].," else count
        if steps + cost > max_steps:
            _move_checked(command, at, min(max_steps - steps, count), places, first)
            fault = places[first + max_steps - steps]
            raise BrainfuckError(f"the budget of {max_steps} steps is used up", fault)
        steps += cost
        if command == "+":
            tape[at] = (tape[at] + count) & 255
        elif command == "-":
            tape[at] = (tape[at] - count) & 255
        elif command in "<>":
            at = _move_checked(command, at, count, places, first)
        elif command == ".":
            if len(out) >= max_output:
                raise BrainfuckError(f"more than {max_output} bytes of output", places[first])
            out.append(tape[at])
            printers.append(places[first])
        elif command == "]":
            if tape[at]:
                index = count
        elif not tape[at]:
            index = count
        elif loop is not None:
            spent = _multiply(tape, at, loop, max_steps - steps)
            if spent:
                steps, index = steps + spent, count
        index += 1
    return bytes(out), printers


def _move_checked(command: str, at: int, count: int, places: list[int], first: int) -> int:
    """The pointer after `count` moves, or the fault at the very move that leaves the tape."""
    if command == "<":
        if count > at:
            raise BrainfuckError("the pointer moves left of the first cell", places[first + at])
        return at - count
    if command == ">":
        room = TAPE_CELLS - 1 - at
        if count > room:
            raise BrainfuckError(
                f"the pointer moves right of the last of {TAPE_CELLS} cells", places[first + room]
            )
        return at + count
    return at


def _multiply(tape: bytearray, at: int, loop: _Loop, left_steps: int) -> int:
    """Do the whole loop and return its steps; 0, with nothing done, where it would hit a bound.

    The caller then runs the loop command by command, and so finds the exact place of the fault.
    """
    counter, steps, left, right, changes = loop
    turns = tape[at] if counter < 0 else 256 - tape[at]
    if turns * steps > left_steps or at + left < 0 or at + right >= TAPE_CELLS:
        return 0
    for offset, change in changes:
        tape[at + offset] = (tape[at + offset] + turns * change) & 255
    tape[at] = 0
    return turns * steps
