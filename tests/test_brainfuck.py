"""The compiler is proven by two judges that share no code with it or with `run`: the machine
`_plain_machine` below, and the brainfuck-interpreter package."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardgym.brainfuck import (
    COMMANDS,
    MAX_STEPS,
    MAX_TEXT_BYTES,
    TAPE_CELLS,
    BrainfuckError,
    compile_text,
    run,
)

PUBLISHED = "reward = output % 2"
HINTS = (
    PUBLISHED,
    "output % 2",
    "1 - (output % 2)",
    "reward = 1 - (output % 2)",
    "cost = output % 2",
    "100 if output is odd else 0",
    "score = 1 if output % 2 == 1 else 0",
)
# A change here is a change of prompt bytes: it needs a new version of the environment.
GOLDEN = {
    PUBLISHED: (
        "+++++++++++++++++[>+++++++>+++++++>++++++>++>++++>+++<<<<<<-]>-----.>>-.<.>----.<<.>>+++.>"
        "--.>-------.<.<<<---.>--.-.<+.>+.-.>>.+++++.-----.>>-."
    ),
    "output % 2": (
        "++++++++++++++++[>+++++++>++>+++<<<-]>-.++++++.-.----.+++++.-.>.+++++.-----.>++."
    ),
    "1 - (output % 2)": (
        "++++++++++++++++[>+++>++>+++>+++++++<<<<-]>+.>.>---.<.>-----.>-.++++++.-.----.+++++.-.<<.>"
        "---.<.<+.>>++++."
    ),
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


# --- The judges ----------------------------------------------------------------------------------


class Fault(Exception):
    def __init__(self, position: int) -> None:
        super().__init__(f"fault at {position}")
        self.position = position


def _plain_machine(program: str, budget: int = MAX_STEPS) -> tuple[bytes, int]:
    """(bytes printed, steps), one command at a time, nothing folded; brackets are balanced."""
    partner, opened = {}, []
    for place, char in enumerate(program):
        if char == "[":
            opened.append(place)
        elif char == "]":
            partner[place] = opened.pop()
            partner[partner[place]] = place
    tape, at, steps, place, out = [0] * TAPE_CELLS, 0, 0, 0, bytearray()
    while place < len(program):
        char = program[place]
        if char in COMMANDS:
            at += (char == ">") - (char == "<")
            steps += 1
            if steps > budget or not 0 <= at < TAPE_CELLS:
                raise Fault(place)
            tape[at] = (tape[at] + (char == "+") - (char == "-")) % 256
            if char == ".":
                out.append(tape[at])
            if (char == "[" and not tape[at]) or (char == "]" and tape[at]):
                place = partner[place]
        place += 1
    return bytes(out), steps


@pytest.fixture
def oracle() -> Iterator[type]:
    """The interpreter class of brainfuck-interpreter, kept from configuring the root logger."""
    package = pytest.importorskip("brainfuck")
    root, quiet = logging.getLogger(), logging.NullHandler()
    root.addHandler(quiet)  # with a handler there, its logging calls install none
    logging.disable(logging.CRITICAL)
    yield package.BrainfuckInterpreter
    logging.disable(logging.NOTSET)
    root.removeHandler(quiet)


def _oracle_bytes(interpreter_class: type, program: str, budget: int = 500_000) -> bytes:
    machine = interpreter_class(program)
    steps = 0
    while machine.available() and steps < budget:
        machine.step()
        steps += 1
    assert not machine.available(), "the oracle used up its budget"
    return bytes(machine.output.read(), "latin-1")


# --- The compiler --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*HINTS, "", "\x00", "\x7f", "Ü", "日本語 🎲", "a" * 300, "\x00ÿ"])
def test_the_independent_interpreter_prints_the_text(oracle: type, text: str) -> None:
    assert _oracle_bytes(oracle, compile_text(text)) == text.encode()


def test_the_independent_interpreter_prints_any_text(oracle: type) -> None:
    @settings(max_examples=60, deadline=None)
    @given(TEXTS)
    def check(text: str) -> None:
        assert _oracle_bytes(oracle, compile_text(text)) == text.encode()

    check()


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_a_plain_machine_and_run_print_any_text(text: str) -> None:
    program = compile_text(text)
    assert set(program) <= set("+-<>[].")
    assert _plain_machine(program)[0] == text.encode()
    assert run(program) == text


def test_every_byte_that_utf8_has_is_printed() -> None:
    text = "".join(map(chr, range(0x800))) + "\uffff\U0010ffff"
    assert len(set(text.encode())) > 180
    assert run(compile_text(text)) == text


@pytest.mark.parametrize("text", GOLDEN)
def test_programs_are_pinned_because_they_are_prompt_bytes(text: str) -> None:
    assert compile_text(text) == GOLDEN[text]


def test_programs_are_the_same_in_another_process() -> None:
    code = (
        "import sys; from rewardgym.brainfuck import compile_text\n"
        "sys.stdout.write('\\n'.join(map(compile_text, sys.argv[1:])))"
    )
    for seed in ("1", "2"):
        printed = subprocess.run(
            [sys.executable, "-c", code, *HINTS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert printed.split("\n") == [compile_text(text) for text in HINTS]


def test_the_program_of_the_published_hint_has_at_most_250_characters() -> None:
    assert len(compile_text(PUBLISHED)) <= 250


@pytest.mark.parametrize("text", HINTS)
def test_a_hint_takes_at_most_nine_characters_a_byte(text: str) -> None:
    assert len(compile_text(text)) <= 9 * len(text.encode())


def test_a_hint_compiles_quickly_and_once() -> None:
    text = "grade = 1 if output % 2 == 1 else 0"
    begin = time.perf_counter()
    first = compile_text(text)
    assert time.perf_counter() - begin < 1.0  # measured: 0.04 s; the slack is for a busy machine
    assert compile_text(text) is first


def test_a_long_text_compiles_in_linear_time_and_runs_in_the_default_budget() -> None:
    text = "".join(chr(32 + i * i * 7919 % 1500) for i in range(6000))
    assert 10_000 < len(text.encode()) < MAX_TEXT_BYTES
    begin = time.perf_counter()
    program = compile_text(text)
    assert time.perf_counter() - begin < 2.0
    assert run(program) == text


def test_the_worst_long_text_runs_in_the_default_budget() -> None:
    # More values than cells, far apart and in turn: nearly every byte takes a large change.
    text = "".join(chr(i * 37 % 128) for i in range(MAX_TEXT_BYTES))
    assert run(compile_text(text)) == text


def test_a_text_over_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="has 12289 bytes; brainfuck encodes at most 12288"):
        compile_text("a" * (MAX_TEXT_BYTES + 1))


def test_a_lone_surrogate_is_refused_with_its_position() -> None:
    with pytest.raises(ValueError, match=r"^character U\+D800 at position 1 is a lone surrogate"):
        compile_text("a\ud800")


# --- The interpreter -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("", ""),
        ("only a comment", ""),
        ("++++[>++++++++<-]>+.", "!"),
        ("print: ++++[ four times >++++++++<- ] >+. done", "!"),
        ("-[>+<-]>[>+<-]>[-]+++++++++++++++++++++++++++++++++.", "!"),
        (
            "++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++++++..+++.>>.<-.<.+++."
            "------.--------.>>+.>++.",
            "Hello World!\n",
        ),
    ],
)
def test_known_programs_print_what_they_should(program: str, printed: str) -> None:
    # The last is the greeting in the Wikipedia article on the language.
    assert run(program) == printed


@pytest.mark.parametrize(
    ("program", "message", "position"),
    [
        ("+[", "'[' without a ']' after it at position 1", 1),
        ("[[]", "'[' without a ']' after it at position 0", 0),
        ("a]", "']' without a '[' before it at position 1", 1),
        ("+ ,", "',' asks for input, and there is none, at position 2", 2),
        ("<", "the pointer moves left of the first cell at position 0", 0),
        ("> < <>", "the pointer moves left of the first cell at position 4", 4),
        ("+[<+>-]", "the pointer moves left of the first cell at position 2", 2),
        ("+[>+]", "the pointer moves right of the last of 30000 cells at position 2", 2),
        (
            "--.",
            "the output is not UTF-8: byte 0xfe (invalid start byte) printed at position 2",
            2,
        ),
        (
            "-" * 61 + ".",
            "the output is not UTF-8: byte 0xc3 (unexpected end of data) printed at position 61",
            61,
        ),
    ],
)
def test_a_bad_program_is_refused_with_the_place(program: str, message: str, position: int) -> None:
    with pytest.raises(BrainfuckError) as caught:
        run(program)
    assert str(caught.value) == message
    assert caught.value.position == position


@pytest.mark.parametrize("program", ["+[]", "+[[]]", "+[>+<]", "+[>+<+-]", "+[.-+[]]"])
def test_an_endless_loop_stops_by_the_budget(program: str) -> None:
    with pytest.raises(BrainfuckError, match="the budget of 1000 steps is used up at position"):
        run(program, max_steps=1000)


def test_the_default_budget_stops_an_endless_loop_within_seconds() -> None:
    begin = time.perf_counter()
    with pytest.raises(BrainfuckError, match=f"the budget of {MAX_STEPS} steps"):
        run("+[]")
    assert time.perf_counter() - begin < 5


def test_the_budget_is_exact_for_the_published_hint() -> None:
    program = compile_text(PUBLISHED)
    _, steps = _plain_machine(program)
    assert run(program, max_steps=steps) == PUBLISHED
    with pytest.raises(BrainfuckError, match="budget") as caught:
        run(program, max_steps=steps - 1)
    assert caught.value.position == len(program) - 1


def test_a_fault_before_the_budget_ends_is_the_one_that_is_reported() -> None:
    with pytest.raises(BrainfuckError, match="left of the first cell at position 1"):
        run("+<<<", max_steps=2)


def test_more_output_than_allowed_is_refused() -> None:
    assert run("+.", max_output=1) == "\x01"
    with pytest.raises(BrainfuckError, match="more than 3 bytes of output at position 2"):
        run("+[.]", max_output=3)


@pytest.mark.parametrize("bound", ["max_steps", "max_output"])
def test_a_negative_bound_is_refused(bound: str) -> None:
    with pytest.raises(ValueError, match=f"{bound} must be 0 or more, not -1"):
        run("", **{bound: -1})


def test_deeply_nested_brackets_are_parsed_in_linear_time() -> None:
    begin = time.perf_counter()
    assert run("[" * 100_000 + "]" * 100_000) == ""
    assert time.perf_counter() - begin < 5


def _programs() -> st.SearchStrategy[str]:
    plain = st.text("+-<>.# ", max_size=6)
    loop = st.sampled_from(["[-]", "[->+<]", "[->++>+++<<]", "[+>-<]", "[<+>-]", "[>]", "[<]"])
    return st.recursive(
        plain | loop,
        lambda inner: st.lists(inner, max_size=5).map("".join) | inner.map("[{}]".format),
        max_leaves=12,
    )


@settings(max_examples=600, deadline=None)
@given(_programs().map("++>+++>-<{}".format), st.integers(0, 2000))
def test_folding_changes_neither_output_nor_budget_nor_place_of_a_fault(
    program: str, budget: int
) -> None:
    wanted: tuple[str, object]
    try:
        wanted = "text", _plain_machine(program, budget)[0].decode()
    except Fault as fault:
        wanted = "fault at", fault.position
    except UnicodeDecodeError:
        wanted = "not UTF-8", None
    assert _outcome(program, budget) == wanted


def _outcome(program: str, budget: int) -> tuple[str, object]:
    try:
        return "text", run(program, max_steps=budget)
    except BrainfuckError as error:
        if "UTF-8" in str(error):
            return "not UTF-8", None
        return "fault at", error.position
