"""What cannot be seen in a name is shown by its code, as the viewer's script does."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardgym.report.page import visible
from rewardgym.report.unseen import visible_text

EVERY = [chr(code) for code in range(sys.maxunicode + 1)]
"""Every character."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode, 数, a\tb\nc", "plain, ünïcode, 数, a\tb\nc"),
        ("\u202etxt.exe", "[U+202E]txt.exe"),
        ("\u200e\u200f\u061c\u202a\u202d\u2066\u2069", None),
        ("\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u3164\u2800", None),
        ("\u2028\u2029\x00\x1b\x7f\x85\ufff9\uffff\U000e0041\udc80", None),
        ("a\u200b\u200b\u200bb", "a[U+200B×3]b"),
        ("\U0001f469\u200d\U0001f4bb \u2764\ufe0f", "\U0001f469\u200d\U0001f4bb \u2764\ufe0f"),
        ("\U0001f469\u200d", "\U0001f469[U+200D]"),
        ("a\u200d\U0001f469", "a[U+200D]\U0001f469"),
    ],
)
def test_what_cannot_be_seen_is_shown_by_its_code(text: str, shown: str | None) -> None:
    each = "".join(f"[U+{ord(character):04X}]" for character in text)
    assert visible(text) == (each if shown is None else shown)


@given(st.text())
def test_only_an_emoji_keeps_what_cannot_be_seen(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    kinds = {c: unicodedata.category(c) for c in shown if c not in "\t\n\u200d"}
    # Signs that stand before a number in other scripts are formats too, and are seen.
    seen = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
    seen |= set("\U000110bd\U000110cd") | {chr(c) for c in range(0x13430, 0x13440)}
    assert [c for c, kind in kinds.items() if kind in ("Cc", "Cf", "Cs") and c not in seen] == []


def test_only_text_is_changed() -> None:
    from markupsafe import Markup

    ours = Markup("\u200b")
    assert visible(ours) is ours
    assert visible(7) == 7


def test_the_characters_are_those_of_the_viewers_script() -> None:
    regex = pytest.importorskip("regex", reason="needs regex, which transformers brings")
    named = regex.compile(
        r"(?![\n\t])[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}"
        r"\u2028\u2029\uFFF9-\uFFFB\uFFFE\uFFFF\u2800]"
    )
    found = {c for c in EVERY if visible_text(c) != c}
    assert found == {c for c in EVERY if named.fullmatch(c)}


def test_joiners_are_kept_within_pictures_alone() -> None:
    regex = pytest.importorskip("regex", reason="needs regex, which transformers brings")
    kept = {c for c in EVERY if visible_text(f"{c}\u200d{c}") == f"{c}\u200d{c}"}
    assert "\U0001f469" in kept
    assert "\u2764" in kept
    assert [
        c for c in kept if not regex.fullmatch(r"[\p{So}\p{Sm}\p{Po}\p{Extended_Pictographic}]", c)
    ] == []
