"""A variant: one frozen, hashable set of all factors of a prompt, and grids of them.

In: factors as keywords. Out: :class:`Variant` with what follows from the factors (``favours``,
``arm``, ``twin``), and an id that parses back. What follows is derived at every look and never
stored, so that no table can hold a control that is counted as gaming.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, unquote

from rewardgym.factor_checks import LAYOUTS as LAYOUTS
from rewardgym.factor_checks import hint_key, settled
from rewardgym.families import family_names, get_family
from rewardgym.hints import parse_field
from rewardgym.names import unknown

Arm = Literal["conflict", "agree", "neutral", "none"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """All factors of one prompt. An unknown value raises ValueError with the nearest match."""

    family: str = "parity"
    """The kind of request: a name of ``rewardgym.families.family_names()``."""
    ask: str = ""
    """The side that the instruction asks for. Left out: the family's first side (even)."""
    high: str = ""
    """The side on which the formula is larger. Left out: the family's second side (odd)."""
    field: str = "reward"
    """The field's name; its polarity decides what the hint favours (see ``hints.parse_field``)."""
    formula: str = "modulo"
    """The formula's style, one of ``hints.FORMULAS``."""
    payoff: float = 1
    """What the formula is worth on side ``high``; above 0."""
    encoding: str = "plain"
    """How the hint is written, a name of ``rewardgym.encodings.names()``."""
    encode: str = "value"
    """What is encoded: ``value`` the formula, ``field`` name and formula, under ``tag`` as key."""
    layout: str = "json"
    """How instruction and metadata are written, one of ``LAYOUTS``."""
    tag: str = "_grader"
    """The name of the element that holds the hint. In the keyed layouts the default adds no level,
    any other tag wraps the hint in an object of that name."""
    order: str = "after"
    """Whether the hint stands after or before the instruction."""
    role: str = "user"
    """Whose message holds the hint: user or system."""
    paraphrase: int | str = 0
    """The instruction: an index of the side's wordings, ``any`` (drawn), or a text of your own."""
    label: str | None = None
    """A description beside the hint: a name of ``wordings.LABELS`` or a text of your own."""
    label_tag: str = "_description"
    """The element that holds the label; the post's figure does not show which it was."""
    audit: float | None = None
    """The published audit notice, with this percentage."""
    review: bool = False
    """The published notice that the reasoning of violations is reviewed."""
    placement: str = "inside"
    """Label, audit and review ``inside`` the metadata or ``after`` it; not shown in the post."""
    clause: str | None = None
    """A closing sentence about the hint: a name of ``wordings.CLAUSES`` or a text of your own."""
    system: str | None = None
    """The system message: a name of ``wordings.SYSTEMS`` or a text of your own."""
    answer_format: str = "free"
    """What is said about the answer's form: free, number or json."""
    hint: bool = True
    """False leaves the hint out."""

    def __post_init__(self) -> None:
        given = self.to_dict()
        for name, value in settled(given).items():
            if value is not given[name]:
                object.__setattr__(self, name, value)

    @property
    def hint_key(self) -> str:
        """The key under which the keyed layouts show the hint."""
        return hint_key(self.to_dict())

    @property
    def field_name(self) -> str:
        """The field's name as the prompt shows it."""
        return parse_field(self.field)[0]

    @property
    def polarity(self) -> int:
        """+1 more is better, -1 less is better, 0 unknown."""
        return parse_field(self.field)[1]

    @property
    def favours(self) -> str | None:
        """The side that a reward-seeker picks, or None where the hint favours neither."""
        if not self.hint or self.polarity == 0:
            return None
        return self.high if self.polarity > 0 else get_family(self.family).other(self.high)

    @property
    def arm(self) -> Arm:
        """conflict, agree, neutral (polarity unknown) or none (no hint)."""
        if not self.hint:
            return "none"
        favours = self.favours
        if favours is None:
            return "neutral"
        return "agree" if favours == self.ask else "conflict"

    def twin(self) -> Variant | None:
        """The same variant in the agree arm: only the formula differs. An agree variant is its own
        twin; where the arm is neutral or none there is no agree arm, so None."""
        if self.arm == "conflict":
            return self.replace(high=get_family(self.family).other(self.high))
        return self if self.arm == "agree" else None

    def mirror(self) -> Variant:
        """The same variant with both sides exchanged: ask odd, pay even. Raises ValueError where
        the instruction is a text of your own, which would go on asking for the old side."""
        other = get_family(self.family).other
        return self.replace(ask=other(self.ask), high=other(self.high))

    def replace(self, **factors: Any) -> Variant:
        """A copy with other factors. A new family takes its own sides, in the same position.

        Raises ValueError where the side asked for changes under an instruction of your own: give
        its new ``paraphrase`` as well.
        """
        check_factors(factors)
        self._check_own_text(factors)
        if factors.get("family", self.family) != self.family:
            old, name = get_family(self.family), factors["family"]
            if name not in family_names():
                raise unknown("family", name, family_names())
            new = get_family(name)
            for factor in ("ask", "high"):
                position = old.side_names.index(getattr(self, factor))
                factors.setdefault(factor, new.side_names[position])
        return dataclasses.replace(self, **factors)

    def _check_own_text(self, factors: Mapping[str, Any]) -> None:
        own = isinstance(self.paraphrase, str) and self.paraphrase != "any"
        moved = any(
            factors.get(name, getattr(self, name)) != getattr(self, name)
            for name in ("ask", "family")
        )
        if own and moved and "paraphrase" not in factors:
            raise ValueError(
                f"the instruction {self.paraphrase!r} is a text of your own and would not change "
                "with the side asked for; give paraphrase as well"
            )

    def to_dict(self) -> dict[str, Any]:
        """All factors, JSON-able; ``Variant(**variant.to_dict())`` is the same variant."""
        return {name: getattr(self, name) for name in FACTORS}

    @property
    def id(self) -> str:
        """Short and stable: family, ask, high, field and encoding, then whatever is not at its
        default. Safe in file names and URLs; ``Variant.parse`` reads it back."""
        parts = [_spell(getattr(self, name)) for name in _ID_HEAD]
        for name, default in _DEFAULTS.items():
            value = getattr(self, name)
            if name not in _ID_HEAD and value != default:
                parts.append(f"{name}={_spell(value)}")
        return ".".join(parts)

    @classmethod
    def parse(cls, text: str) -> Variant:
        """The variant of an id. Raises ValueError with the part that does not parse."""
        parts = text.split(".")
        if len(parts) < len(_ID_HEAD):
            raise ValueError(
                f"{text!r} is no variant id; it starts with {'.'.join(_ID_HEAD)}, "
                f"for instance {cls().id!r}"
            )
        factors: dict[str, Any] = dict(
            zip(_ID_HEAD, map(unquote, parts[: len(_ID_HEAD)]), strict=True)
        )
        for part in parts[len(_ID_HEAD) :]:
            name, _, value = part.partition("=")
            factors[name] = _read(name, unquote(value))
        check_factors(factors)
        return cls(**factors)

    @property
    def is_open(self) -> bool:
        """Whether a seed has something to draw: the threshold's N, or the wording."""
        return self.paraphrase == "any" or get_family(self.family).draws


_DEFAULTS: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(Variant)}
FACTORS: tuple[str, ...] = tuple(_DEFAULTS)
"""The names of all factors, in the order of the class."""
_ID_HEAD = ("family", "ask", "high", "field", "encoding")


def check_factors(factors: Iterable[str]) -> None:
    """Raises ValueError for the first name that is no factor, with the nearest match."""
    for name in factors:
        if name not in _DEFAULTS:
            raise unknown("factor", name, FACTORS)


def _spell(value: object) -> str:
    """A factor's value as a part of an id: percent-encoded, '.' and '=' included."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    # quote never touches '.', '~' and '-'; '.' separates the parts of an id.
    return quote(text, safe="").replace(".", "%2E")


def _read(name: str, text: str) -> Any:
    if name in ("review", "hint"):
        return {"true": True, "false": False}.get(text, text)
    if name in ("payoff", "audit"):
        try:
            return float(text)
        except ValueError:
            return text
    return text


def grid(*, twins: bool = False, mirror: bool = False, **factors: Any) -> list[Variant]:
    """All combinations of the given factors, each a value or a list of values.

    ``twins=True`` adds the agree twin after each conflict variant; ``mirror=True`` adds each
    variant with both sides exchanged. No variant stands twice. Raises ValueError for an unknown
    factor or value, and for an empty list.
    """
    check_factors(factors)
    axes = [_axis(name, values) for name, values in factors.items()]
    found: dict[Variant, None] = {}
    for values in itertools.product(*axes):
        variant = Variant(**dict(zip(factors, values, strict=True)))
        for one in (variant, variant.mirror()) if mirror else (variant,):
            found[one] = None
            twin = one.twin() if twins else None
            if twin is not None:
                found[twin] = None
    return list(found)


def _axis(name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        return [values]
    if isinstance(values, set | frozenset):
        raise ValueError(f"factor {name!r} was given a set, which has no order; give a list")
    axis = list(values)
    if not axis:
        raise ValueError(f"factor {name!r} was given an empty list; give at least one value")
    return axis
