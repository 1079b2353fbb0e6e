"""What cannot be seen in a text, shown: controls, bidi marks, zero-width characters.

In: a name or a text from anywhere. Out: the text with each of them as its code, ``[U+202E]``. It
is the rule of the viewer's script (``plainly`` in viewer_text.js), so that one name reads the same
in both halves of a page, and so that no text changes how its neighbours are drawn.
"""

from __future__ import annotations

import re

# Emoji keep the joiners and selectors inside them; everywhere else they are shown. Which signs are
# emoji differs from one Unicode to the next, so that these are the blocks that hold them.
_PICTURE = (
    r"[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u24c2"
    r"\u25aa-\u25fe\u2600-\u2767\u2794-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299"
    r"\U0001f004\U0001f0cf\U0001f170-\U0001f3fa\U0001f400-\U0001faff]\ufe0f?"
)
_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
"""All but the two blanks of a text, tab and line feed; and halves of surrogate pairs."""
_IGNORABLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point, which the standard library does not know."""
_OTHERS = r"\u2028\u2029\u2800\ufff9-\ufffb\ufffe\uffff"
"""Line breaks of Unicode's own, a blank that is no blank, annotations, what is no character."""

_UNSEEN = re.compile(
    f"(?:{_PICTURE}(?:\\u200d{_PICTURE})*)|([{_CONTROLS}{_IGNORABLE}{_OTHERS}])\\1*"
)


def visible_text(text: str) -> str:
    """``text`` with what is not seen as its code, a run of one as ``[U+200B×3]``."""
    return _UNSEEN.sub(_code, text)


def _code(found: re.Match[str]) -> str:
    character = found[1]
    if character is None:  # an emoji
        return found[0]
    times = len(found[0])
    return f"[U+{ord(character):04X}{f'×{times}' if times > 1 else ''}]"
