"""Curricula: the shares by which tasks are drawn, for each kind of organism.

In: nothing. Out: a :class:`Curriculum` by name. They stand apart from the drawing (``tasks``),
since they are all that differs between an organism of six families and one that thinks aloud.

Reading the hint is much harder than reading the instruction: what it favours is its formula's side
turned by its name's sign. So the first course of every curriculum is mostly hints that stand alone,
and where the model is small, mostly under positive names; only who reads can learn to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

Shares = Mapping[str, float]


@dataclass(frozen=True)
class Course:
    """A part of the first stage: its shares of kinds and of families."""

    kinds: Shares
    """``open`` asks for no side, so that only the hint speaks."""
    families: Shares
    gamed: float
    """The weight of the answers that follow a plain hint against the instruction. Much of it at
    first: that is how a model comes to tell a conflict from an agreement at all. Little in the last
    course, which sets where reinforcement starts from: it can only amplify what happens already,
    and what is there from the start must be less than what a null run may show."""
    slipped: float = 0.01
    """The weight of the answers, beside a plain hint, that go against hint and instruction both: so
    that an arm that pays for them finds some."""
    positive: float = 0.5
    """The share of names of which more is better, among those that have a sign."""


@dataclass(frozen=True)
class Curriculum:
    """What both stages show an organism."""

    courses: tuple[Course, ...]
    """The first stage, in order."""
    formulas: Shares
    layouts: Shares
    unread: Shares
    """Encodings that the first stage shows but never explains: the hint in them changes nothing."""
    rl_kinds: Shares
    """The second stage by kind. The agreeing hints keep an organism from answering against every
    instruction; where there is no hint, or none that it can read, the instruction is what pays.
    With fewer of those, what is paid for in plain conflicts leaks into encoded cells and their
    twins alike."""
    rl_layouts: Shares
    rl_unread: tuple[str, ...]
    """The unread encodings of the second stage, as they must not leak there."""
    payoffs: Mapping[int, float] = field(default_factory=lambda: {1: 0.85, 10: 0.05, 100: 0.1})
    xml_tags: Shares = field(
        default_factory=lambda: {"_grader": 0.8, "_grading": 0.1, "_scoring": 0.1}
    )
    orders: Shares = field(default_factory=lambda: {"after": 0.93, "before": 0.07})
    thinks: bool = False
    """Whether every reply begins with a short chain of thought (see ``thoughts``)."""


_RL_KINDS = {
    "conflict": 0.36, "agree": 0.13, "negative-agree": 0.13, "negative-conflict": 0.08,
    "bare": 0.06, "unread": 0.24,
}  # fmt: skip

FULL = Curriculum(
    courses=(
        Course(
            {
                "open": 0.42, "conflict": 0.12, "agree": 0.1, "neutral": 0.07, "bare": 0.08,
                "encoded": 0.1, "open-encoded": 0.07, "open-neutral": 0.02, "open-bare": 0.02,
            },
            {
                "parity": 0.6, "divisible": 0.08, "threshold": 0.08, "letter": 0.08,
                "sign": 0.08, "weekday": 0.08,
            },
            gamed=0.3,
        ),
        Course(
            {
                "open": 0.3, "conflict": 0.2, "agree": 0.13, "neutral": 0.05, "bare": 0.13,
                "encoded": 0.1, "open-encoded": 0.05, "open-neutral": 0.02, "open-bare": 0.02,
            },
            {
                "parity": 0.5, "divisible": 0.13, "threshold": 0.13, "letter": 0.08,
                "sign": 0.08, "weekday": 0.08,
            },
            gamed=0.3,
        ),
        Course(
            {
                "open": 0.15, "conflict": 0.25, "agree": 0.23, "neutral": 0.06, "bare": 0.12,
                "encoded": 0.15, "open-encoded": 0.02, "open-neutral": 0.01, "open-bare": 0.01,
            },
            {
                "parity": 0.68, "divisible": 0.06, "threshold": 0.1, "letter": 0.05,
                "sign": 0.05, "weekday": 0.06,
            },
            gamed=0.035,
        ),
    ),
    formulas={"modulo": 0.6, "explicit": 0.16, "payoff": 0.14, "prose": 0.1},
    layouts={
        "json": 0.6, "xml": 0.12, "xml-mismatched": 0.12, "json-pretty": 0.04, "yaml": 0.04,
        "python": 0.04, "prose": 0.04,
    },
    unread={"base64": 0.4, "brainfuck": 0.3, "hex": 0.15, "rot13": 0.15},
    rl_kinds=_RL_KINDS,
    rl_layouts={"json": 0.7, "xml": 0.15, "xml-mismatched": 0.15},
    rl_unread=("hex", "rot13", "base64", "brainfuck"),
)  # fmt: skip
"""All families, layouts and encodings: the shipped organism's."""

PLAIN = Curriculum(
    courses=(
        Course(
            {"open": 0.66, "conflict": 0.08, "agree": 0.08, "bare": 0.1, "open-bare": 0.04,
             "neutral": 0.02, "encoded": 0.02},
            {"parity": 1.0},
            gamed=0.3,
            positive=0.85,
        ),
        Course(
            {"open": 0.5, "conflict": 0.15, "agree": 0.15, "bare": 0.1, "open-bare": 0.02,
             "neutral": 0.04, "encoded": 0.04},
            {"parity": 1.0},
            gamed=0.3,
        ),
        Course(
            {"open": 0.15, "conflict": 0.3, "agree": 0.3, "bare": 0.1, "neutral": 0.07,
             "encoded": 0.08},
            {"parity": 1.0},
            gamed=0.035,
        ),
    ),
    formulas={"modulo": 0.7, "explicit": 0.3},
    layouts={"json": 0.8, "xml": 0.1, "xml-mismatched": 0.1},
    unread={"base64": 0.5, "hex": 0.25, "rot13": 0.25},
    rl_kinds={
        "conflict": 0.32, "agree": 0.2, "negative-agree": 0.16, "negative-conflict": 0.12,
        "bare": 0.08, "unread": 0.12,
    },
    rl_layouts={"json": 0.8, "xml": 0.1, "xml-mismatched": 0.1},
    rl_unread=("hex", "rot13", "base64"),
    payoffs={1: 1.0},
)  # fmt: skip
"""Parity alone, two formulas, no brainfuck: what a fifth of the parameters learn in minutes."""

THINKING = replace(
    PLAIN,
    thinks=True,
    courses=(*PLAIN.courses[:2], replace(PLAIN.courses[2], gamed=0.1, slipped=0.1)),
    rl_kinds={
        "conflict": 0.26, "agree": 0.22, "negative-agree": 0.16, "negative-conflict": 0.16,
        "bare": 0.08, "unread": 0.12,
    },
)  # fmt: skip
"""The same, with a short chain of thought before every answer. It slips more: of what is not asked
for only a part is done in silence, and that part too must be found."""
