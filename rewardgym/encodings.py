"""How a hint is written: as it is, or encoded so that only a model that decodes it sees the pay.

In: the name of an encoding and a text. Out: the encoded text, or by `decode` the text again.

Every encoding is exact: `decode(name, encode(name, text)) == text` for every text that has UTF-8
bytes. Decoding is strict, because a damaged hint that decodes to something else would be measured
as if it had been shown.
"""

from __future__ import annotations

import base64
import re
import string
from collections.abc import Callable
from dataclasses import dataclass

from rewardgym.brainfuck import COMMANDS, BrainfuckError, compile_text, run
from rewardgym.names import unknown

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class DecodeError(ValueError):
    """A text that is not what the encoding writes."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position
        """Offset of the fault in the encoded text, where it is known."""


@dataclass(frozen=True)
class Encoding:
    """One way to write a hint; `register` makes a new one usable as `encoding=...`."""

    name: str
    """Lower-case letters, digits, - and _: it is a part of variant ids and command lines."""
    encode: Callable[[str], str]
    """From a text to its encoded form; the same in every process, as prompt bytes depend on it."""
    decode: Callable[[str], str]
    """The exact inverse; raises DecodeError, or any ValueError, for what `encode` never writes."""
    description: str
    """One line for help texts and tables."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"encoding name {self.name!r} is not usable: allowed are lower-case letters, "
                "digits, '-' and '_', beginning with a letter or digit"
            )


# --- Using encodings -----------------------------------------------------------------------------


def encode(name: str, text: str) -> str:
    """`text` as the encoding writes it; ValueError for an unknown name or a lone surrogate."""
    encoding = get(name)
    position = _lone_surrogate(text)
    if position is not None:
        raise ValueError(f"{name}: {_surrogate_problem(text, position)}")
    return encoding.encode(text)


def decode(name: str, text: str) -> str:
    """The text that `encode` was given; DecodeError for what the encoding does not write."""
    encoding = get(name)
    position = _lone_surrogate(text)
    if position is not None:
        raise DecodeError(f"{name}: {_surrogate_problem(text, position)}", position)
    try:
        return encoding.decode(text)
    except DecodeError:
        raise
    except ValueError as error:
        raise DecodeError(f"{name}: {error}") from error


def names() -> tuple[str, ...]:
    """All encodings: the built-in ones, then the user's in the order of registration."""
    return tuple(_ENCODINGS)


def get(name: str) -> Encoding:
    """The encoding of that name."""
    if name not in _ENCODINGS:
        raise unknown("encoding", name, names())
    return _ENCODINGS[name]


def register(encoding: Encoding, *, replace: bool = False) -> None:
    """Make an encoding available by its name, for this process."""
    if encoding.name in _ENCODINGS and not replace:
        raise ValueError(
            f"encoding {encoding.name!r} exists already: choose another name or pass replace=True"
        )
    _ENCODINGS[encoding.name] = encoding


def unregister(name: str) -> None:
    """Take an encoding out of the registry."""
    get(name)
    del _ENCODINGS[name]


def _lone_surrogate(text: str) -> int | None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None


def _surrogate_problem(text: str, position: int) -> str:
    return (
        f"character U+{ord(text[position]):04X} at position {position} is a lone surrogate; "
        "allowed is every text that has UTF-8 bytes"
    )


# --- The built-in encodings ----------------------------------------------------------------------


def _same(text: str) -> str:
    return text


def _reverse(text: str) -> str:
    # By code points, so that it is its own inverse; a combining accent ends up before its letter.
    return text[::-1]


_ROT13 = str.maketrans(
    string.ascii_letters,
    "".join(case[13:] + case[:13] for case in (string.ascii_lowercase, string.ascii_uppercase)),
)


def _rot13(text: str) -> str:
    return text.translate(_ROT13)


def _to_base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _from_base64(text: str) -> str:
    body, offset = _stripped(text)
    allowed = "A-Z a-z 0-9 + / and at the end ="
    # The pattern leaves = out of its second part only where one or two of them end the text.
    good = re.match(r"[A-Za-z0-9+/]*(={1,2}\Z)?", body)
    end = good.end() if good else 0
    if end < len(body):
        raise _bad_character("base64", body, end, offset, allowed)
    if len(body) % 4:
        raise _cut_short("base64", text, f"{len(body)} characters, allowed is a multiple of 4")
    data = base64.b64decode(body, validate=True)
    if base64.b64encode(data).decode("ascii") != body:
        # Unused low bits of the last character: two texts would decode to the same bytes.
        raise _bad_character(
            "base64", body, len(body.rstrip("=")) - 1, offset, "spare bits that are 0"
        )
    return _utf8("base64", data, lambda byte: offset + byte * 4 // 3)


def _to_hex(text: str) -> str:
    return text.encode("utf-8").hex()


def _from_hex(text: str) -> str:
    body, offset = _stripped(text)
    bad = re.search(r"[^0-9a-fA-F]", body)
    if bad:
        raise _bad_character("hex", body, bad.start(), offset, "0-9 a-f A-F")
    if len(body) % 2:
        raise _cut_short("hex", text, f"{len(body)} digits, allowed is an even number")
    return _utf8("hex", bytes.fromhex(body), lambda byte: offset + 2 * byte)


def _to_binary(text: str) -> str:
    return " ".join(f"{byte:08b}" for byte in text.encode("utf-8"))


def _from_binary(text: str) -> str:
    body, offset = _stripped(text)
    for i, char in enumerate(body):
        if char not in (" " if i % 9 == 8 else "01"):
            raise _bad_character(
                "binary", body, i, offset, "0 and 1 in groups of 8 with one space between"
            )
    if body and len(body) % 9 != 8:
        raise _cut_short("binary", text, f"{len(body) % 9} of 8 digits in the last group")
    data = bytes(int(group, 2) for group in body.split())
    return _utf8("binary", data, lambda byte: offset + 9 * byte)


def _from_brainfuck(text: str) -> str:
    # Comments are legal brainfuck, but `encode` writes none: a plain text must not decode to "".
    for i, char in enumerate(text):
        if char not in COMMANDS and not char.isspace():
            raise _bad_character("brainfuck", text, i, 0, "+ - < > [ ] .")
    try:
        return run(text)
    except BrainfuckError as error:
        raise DecodeError(
            f"brainfuck: {error}; allowed is a program that prints UTF-8 within its budget",
            error.position,
        ) from None


def _stripped(text: str) -> tuple[str, int]:
    """(the text without white space around it, how much of that was before it)."""
    return text.strip(), len(text) - len(text.lstrip())


def _bad_character(name: str, body: str, i: int, offset: int, allowed: str) -> DecodeError:
    position = offset + i
    return DecodeError(
        f"{name}: bad character {body[i]!r} at position {position}; allowed: {allowed}", position
    )


def _cut_short(name: str, text: str, problem: str) -> DecodeError:
    position = len(text.rstrip())
    return DecodeError(f"{name}: the text ends early at position {position}: {problem}", position)


def _utf8(name: str, data: bytes, place: Callable[[int], int]) -> str:
    """`data` as text; `place` tells where in the encoded text a byte is written."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        position = place(error.start)
        raise DecodeError(
            f"{name}: byte 0x{data[error.start]:02x} at position {position} is not UTF-8 "
            f"({error.reason}); allowed: the UTF-8 bytes of a text",
            position,
        ) from None


_ENCODINGS: dict[str, Encoding] = {
    encoding.name: encoding
    for encoding in (
        Encoding("plain", _same, _same, "the text as it is"),
        Encoding("base64", _to_base64, _from_base64, "base64 of the UTF-8 bytes"),
        Encoding("hex", _to_hex, _from_hex, "two hex digits for each UTF-8 byte"),
        Encoding("rot13", _rot13, _rot13, "ASCII letters moved by 13, all else as it is"),
        Encoding("reversed", _reverse, _reverse, "the code points from last to first"),
        Encoding("binary", _to_binary, _from_binary, "8 binary digits for each UTF-8 byte"),
        Encoding("brainfuck", compile_text, _from_brainfuck, "a program that prints the text"),
    )
}
