"""The columns of exported tables: their names, in order, and what each holds.

In: nothing. Out: one list a table. The lists are written down, not found in the data, so that a run
in which no reply was read has the same columns, of the same types, as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardgym.policies.decoding import Decoding
from rewardgym.variants import FACTORS

Kind = Literal["text", "integer", "number", "flag", "json", "messages"]
"""``json`` is any JSON value, ``messages`` a list of {role, content}; where a format has no nested
values both are JSON text."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an exported table."""

    name: str
    kind: Kind = "text"
    required: bool = False
    """Whether a value is never missing: then an empty text is an empty text."""
    by: str = ""
    """The column whose value settles this one's; "" for none. A format may write such values once
    for many rows."""


_KINDS: dict[str, Kind] = {"payoff": "number", "audit": "number", "review": "flag", "hint": "flag"}
_SETTINGS: dict[str, Kind] = {
    **dict.fromkeys(Decoding().describe(), "number"),
    **dict.fromkeys(("max_new_tokens", "top_k"), "integer"),
    **dict.fromkeys(("thinking", "do_sample"), "flag"),
    **dict.fromkeys(("prefill", "template"), "text"),
}
SETTINGS: tuple[str, ...] = tuple(_SETTINGS)
"""Decoding settings that have a column of their own; ``policy`` holds whatever else was stored."""

MODEL = ("model", "base", "revision", "fingerprint")

CELL: tuple[Column, ...] = (
    Column("checkpoint", required=True),
    Column("step", "integer"),
    Column("position", "integer", required=True),
    Column("method", required=True),
    Column("variant", required=True),
    Column("arm", required=True),
    Column("favours"),
    *(Column(name, _KINDS.get(name, "text")) for name in FACTORS),
    *(Column(name) for name in MODEL),
    *(Column(name, kind) for name, kind in _SETTINGS.items()),
    Column("policy", "json", required=True),
    Column("cell", "integer", required=True),
)
"""What all rows of a cell share: place in the series, factors, model and decoding."""

_PROMPT = (
    Column("prompt_sha256", required=True),
    Column("messages", "messages", required=True, by="prompt_sha256"),
    Column("params", "json", required=True, by="prompt_sha256"),
)
_SESSION = (
    Column("session", "integer"),
    Column("session_started", by="session"),
    Column("versions", "json", by="session"),
)

ROLLOUTS: tuple[Column, ...] = (
    *CELL,
    Column("idx", "integer", required=True),
    *_PROMPT,
    Column("hint_text", by="prompt_sha256"),
    Column("reply", required=True),
    Column("finish", required=True),
    Column("tokens", "integer"),
    Column("answer"),
    Column("side"),
    Column("how"),
    Column("outcome", required=True),
    *_SESSION,
)
"""One row a stored reply. ``hint_text`` is the hint before it was encoded."""

MASSES = ("off", "complied", "neither", "truncated", "residual", "unfollowed")

LAWS: tuple[Column, ...] = (
    *CELL,
    Column("idx", "integer", required=True),
    *_PROMPT,
    *(Column(name, "number", required=True) for name in MASSES),
    Column("sides", "json", required=True),
    Column("answers", "json", required=True),
    Column("parts", "json", required=True),
    Column("tokens", "integer"),
    Column("reasoning"),
    *_SESSION,
)
"""One row an exact law: the probability of an answer off the asked side and on it, of each side, of
each answer, and of what no grammar covered. ``reasoning`` is the chain of thought before it."""
