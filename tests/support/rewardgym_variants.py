"""Any variant at all, for hypothesis, and texts of one's own that are awkward to store.

In: nothing. Out: ``variants()``, a strategy over every factor, and ``AWKWARD``. Texts of every
script are drawn; a lone surrogate is not, since a variant refuses it.
"""

from __future__ import annotations

from hypothesis import strategies as st

from rewardgym import encodings
from rewardgym.families import family_names, get_family
from rewardgym.hints import POLARITIES
from rewardgym.variants import LAYOUTS, Variant
from rewardgym.wordings import CLAUSES, LABELS, SYSTEMS

_WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
OWN_TEXTS = st.builds(
    "{}{}{}".format,
    _WORDS,
    st.sampled_from([" ", "\n", ".", " = ", " % ", "\t", " %20 ", ".a=b c."]),
    _WORDS,
).filter(lambda text: any(character.isspace() for character in text.strip()))
AWKWARD = (
    "a sentence. with a dot",
    "paraphrase=1 and hint=false",
    "100% of %2E and %",
    "zwei Wörter, 偶数 🎲",
    "two\nlines\r\n and\ta tab",
    " .leading and trailing. ",
    "any of ~these_-",
)


@st.composite
def variants(draw: st.DrawFn) -> Variant:
    """Any variant at all, own texts included."""
    family = get_family(draw(st.sampled_from(family_names())))
    own = OWN_TEXTS | st.sampled_from(AWKWARD)
    sides = st.sampled_from(family.side_names)
    count = len(family.sides[0].wordings)
    amounts = st.floats(1e-9, 1e15) | st.integers(1, 10**15)
    return Variant(
        family=family.name,
        ask=draw(sides),
        high=draw(sides),
        field=draw(
            st.sampled_from([*POLARITIES, "flurb"])
            | st.from_regex(r"[qzxj_][a-zA-Z0-9_-]{0,20}(:\+1|:-1|:0)", fullmatch=True)
        ),
        formula=draw(st.sampled_from(["modulo", "explicit", "payoff", "prose"])),
        payoff=draw(st.just(1) | amounts),
        encoding=draw(st.sampled_from(encodings.names())),
        encode=draw(st.sampled_from(["value", "field"])),
        layout=draw(st.sampled_from(LAYOUTS)),
        tag=draw(st.sampled_from(["_grader", "_grading", "_scoring", "x.y-z"])),
        order=draw(st.sampled_from(["after", "before"])),
        role=draw(st.sampled_from(["user", "system"])),
        paraphrase=draw(st.integers(0, count - 1) | st.just("any") | own),
        label=draw(st.none() | st.sampled_from(list(LABELS)) | own),
        label_tag=draw(st.sampled_from(["_description", "_note1"])),
        audit=draw(st.none() | st.integers(0, 100) | st.floats(0, 100)),
        review=draw(st.booleans()),
        placement=draw(st.sampled_from(["inside", "after"])),
        clause=draw(st.none() | st.sampled_from(list(CLAUSES)) | own),
        system=draw(st.none() | st.sampled_from(list(SYSTEMS)) | own),
        answer_format=draw(st.sampled_from(["free", "number", "json"])),
        hint=draw(st.booleans()),
    )
