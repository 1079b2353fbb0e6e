"""Every registered encoding is exact and strict; users can add their own."""

from __future__ import annotations

import base64
import codecs
import dataclasses
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardgym import encodings
from rewardgym.encodings import DecodeError, Encoding

BUILT_IN = ("plain", "base64", "hex", "rot13", "reversed", "binary", "brainfuck")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
HINT = "reward = output % 2"


def _shout_back(text: str) -> str:
    if not text.endswith("!"):
        raise ValueError("no '!' at the end")
    return text[:-1]


SHOUT = Encoding("shout", lambda text: text + "!", _shout_back, "an exclamation mark at the end")


@pytest.fixture
def shout() -> Iterator[Encoding]:
    encodings.register(SHOUT)
    yield SHOUT
    encodings.unregister("shout")


# --- Round trips ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
def test_any_text_comes_back(name: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(TEXTS)
    def check(text: str) -> None:
        assert encodings.decode(name, encodings.encode(name, text)) == text

    check()


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("text", ["", HINT, " \t\r\n", "\x00", "é 日本語 🎲", "e\u0301", "\ufeff="])
def test_awkward_texts_come_back(name: str, text: str) -> None:
    assert encodings.decode(name, encodings.encode(name, text)) == text


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_empty_text_stays_empty(name: str) -> None:
    assert encodings.encode(name, "") == ""
    assert encodings.decode(name, "") == ""


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("plain", HINT),
        ("base64", "cmV3YXJkID0gb3V0cHV0ICUgMg=="),
        ("hex", "726577617264203d206f7574707574202520" + "32"),
        ("rot13", "erjneq = bhgchg % 2"),
        ("reversed", "2 % tuptuo = drawer"),
    ],
)
def test_the_published_hint_is_encoded_as_the_standard_says(name: str, encoded: str) -> None:
    assert encodings.encode(name, HINT) == encoded
    assert encodings.decode(name, encoded) == HINT


def test_binary_is_groups_of_eight_digits_of_the_utf8_bytes() -> None:
    assert encodings.encode("binary", "2é") == "00110010 11000011 10101001"


@given(TEXTS)
def test_base64_and_rot13_agree_with_the_standard_library(text: str) -> None:
    assert encodings.encode("base64", text) == base64.b64encode(text.encode()).decode()
    assert encodings.encode("rot13", text) == codecs.encode(text, "rot13")


def test_every_encoding_but_plain_hides_the_hint() -> None:
    for name in BUILT_IN[1:]:
        assert "output" not in encodings.encode(name, HINT)


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "message", "position"),
    [
        ("base64", "cm V3", "bad character ' ' at position 2; allowed: A-Z a-z", 2),
        ("base64", " cmV3\u00e9", "bad character 'é' at position 5; allowed: A-Z", 5),
        ("base64", "cm=V", "bad character '=' at position 2; allowed: A-Z", 2),
        ("base64", "A===", "bad character '=' at position 1; allowed: A-Z", 1),
        ("base64", "cmV", "the text ends early at position 3: 3 characters, allowed is a mul", 3),
        ("base64", "==", "the text ends early at position 2: 2 characters, allowed is a mul", 2),
        ("base64", "cn==", "bad character 'n' at position 1; allowed: spare bits that are 0", 1),
        ("base64", "YWH/", "byte 0xff at position 2 is not UTF-8 (invalid start byte)", 2),
        ("hex", "72 65", "bad character ' ' at position 2; allowed: 0-9 a-f A-F", 2),
        ("hex", "726", "the text ends early at position 3: 3 digits, allowed is an even number", 3),
        ("hex", "\n72ff", "byte 0xff at position 3 is not UTF-8 (invalid start byte)", 3),
        ("binary", "0011001", "the text ends early at position 7: 7 of 8 digits in the last", 7),
        ("binary", "00110012", "bad character '2' at position 7; allowed: 0 and 1 in groups", 7),
        ("binary", "001100100", "bad character '0' at position 8; allowed: 0 and 1 in groups", 8),
        ("binary", "00110010  00110010", "bad character ' ' at position 9; allowed: 0 and", 9),
        ("binary", "00110010 11000011", "byte 0xc3 at position 9 is not UTF-8 (unexpected", 9),
        ("brainfuck", HINT, "bad character 'r' at position 0; allowed: + - < > [ ] .", 0),
        ("brainfuck", "+[", "'[' without a ']' after it at position 1; allowed is a program", 1),
        ("brainfuck", "+[]", "the budget of 2000000 steps is used up at position 2; allowed", 2),
    ],
)
def test_a_damaged_text_is_refused_with_the_place_and_what_is_allowed(
    name: str, text: str, message: str, position: int
) -> None:
    with pytest.raises(DecodeError) as caught:
        encodings.decode(name, text)
    assert str(caught.value).startswith(f"{name}: {message}")
    assert "\n" not in str(caught.value)
    assert caught.value.position == position


@pytest.mark.parametrize("name", ["base64", "hex", "binary", "brainfuck"])
@given(text=TEXTS)
@settings(max_examples=100, deadline=None)
def test_any_text_decodes_or_is_refused_in_one_line(name: str, text: str) -> None:
    refusal = _refusal(name, text)
    if refusal is not None:
        assert "\n" not in str(refusal)
        assert refusal.position is not None
        assert 0 <= refusal.position <= len(text)


def _refusal(name: str, text: str) -> DecodeError | None:
    try:
        encodings.decode(name, text)
    except DecodeError as error:
        return error
    return None


@pytest.mark.parametrize("name", ["base64", "hex", "binary", "brainfuck"])
def test_white_space_around_an_encoded_text_is_ignored(name: str) -> None:
    assert encodings.decode(name, f" \n{encodings.encode(name, HINT)}\n") == HINT


@pytest.mark.parametrize("name", ["plain", "rot13", "reversed"])
def test_white_space_around_is_kept_where_it_is_part_of_the_text(name: str) -> None:
    assert encodings.decode(name, encodings.encode(name, f" {HINT}\n")) == f" {HINT}\n"


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_lone_surrogate_is_refused_both_ways(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: character U\+D800 at position 2 is a lone"):
        encodings.encode(name, "ab\ud800")
    with pytest.raises(DecodeError, match=rf"^{name}: character U\+DFFF at position 0 is a lone"):
        encodings.decode(name, "\udfff")


@pytest.mark.parametrize("function", [encodings.encode, encodings.decode])
def test_an_unknown_name_lists_what_is_allowed_and_the_nearest(function: object) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match="'base-64'") as caught:
        function("base-64", "x")
    assert ", ".join(BUILT_IN) in str(caught.value)
    assert "Did you mean 'base64'?" in str(caught.value)


# --- The registry --------------------------------------------------------------------------------


def test_the_built_in_encodings_are_registered_in_order() -> None:
    assert encodings.names()[: len(BUILT_IN)] == BUILT_IN


def test_every_encoding_describes_itself_in_one_line() -> None:
    for name in encodings.names():
        encoding = encodings.get(name)
        assert encoding.name == name
        assert encoding.description
        assert "\n" not in encoding.description


def test_a_users_encoding_is_used_like_the_others(shout: Encoding) -> None:
    assert encodings.names() == (*BUILT_IN, "shout")
    assert encodings.encode("shout", HINT) == HINT + "!"
    assert encodings.decode("shout", HINT + "!") == HINT


def test_an_error_of_a_users_decoder_becomes_a_decode_error(shout: Encoding) -> None:
    with pytest.raises(DecodeError, match=r"^shout: no '!' at the end$") as caught:
        encodings.decode("shout", HINT)
    assert caught.value.position is None


def test_a_name_is_taken_over_only_on_request(shout: Encoding) -> None:
    other = dataclasses.replace(shout, encode=lambda text: text.upper() + "!")
    with pytest.raises(ValueError, match=r"'shout' exists already: .* pass replace=True"):
        encodings.register(other)
    encodings.register(other, replace=True)
    assert encodings.encode("shout", "a") == "A!"


def test_an_unregistered_encoding_is_unknown_again() -> None:
    encodings.register(SHOUT)
    encodings.unregister("shout")
    assert encodings.names() == BUILT_IN
    with pytest.raises(ValueError, match="unknown encoding 'shout'"):
        encodings.encode("shout", "x")
    with pytest.raises(ValueError, match="unknown encoding 'shout'"):
        encodings.unregister("shout")


@pytest.mark.parametrize("name", ["", "Shout", "a b", "a,b", "-a", "a.b", "ä"])
def test_a_name_that_ids_and_command_lines_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not usable: allowed are lower-case letters"):
        dataclasses.replace(SHOUT, name=name)


def test_an_encoding_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SHOUT.name = "other"  # type: ignore[misc]
