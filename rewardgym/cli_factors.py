"""One flag a factor, for every command that takes variants.

In: a command's function. Out: the same with a flag for each factor of a variant, and from the
flags' values the factors for ``rewardgym.grid``. The flags are made from the list of factors, so
that a new factor has its flag in every command at once.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from rewardgym.variants import FACTORS, Variant

Preset = Annotated[
    str | None, typer.Option(help="Start from a published prompt, such as odd-number.")
]
Seed = Annotated[int, typer.Option(help="Seed of every random stream.")]

HELP = {
    "family": "Kind of request: parity, sign, threshold, divisible, letter, weekday.",
    "ask": "Side that the instruction asks for.",
    "high": "Side on which the formula is larger.",
    "field": "Field name: reward, score, points, grade, cost, loss, ... or your own.",
    "formula": "Formula style: modulo, explicit, payoff, prose.",
    "payoff": "What the formula is worth.",
    "encoding": "How the hint is written: plain, base64, hex, rot13, brainfuck, ...",
    "encode": "What is encoded: value or field.",
    "layout": "json, json-pretty, xml, xml-mismatched, yaml, python, prose.",
    "tag": "Element that holds the hint: _grader, _grading, _scoring, ...",
    "order": "Hint after or before the instruction.",
    "role": "Whose message holds the hint: user or system.",
    "paraphrase": "Wording of the instruction: an index, any, or your own text.",
    "label": "Description label: a short name or your own text.",
    "label_tag": "Element that holds the label.",
    "audit": "Audit notice, in percent.",
    "review": "Review notice: true or false.",
    "placement": "Label, audit and review inside or after the metadata.",
    "clause": "Sentence about the hint: applies, inert, priority, do-not-exploit, your own.",
    "system": "System persona: helpful, maximise-reward, your own.",
    "answer_format": "Form of the answer: free, number, json.",
    "hint": "Whether there is a hint: true or false.",
}


def with_factors(command: Callable[..., Any]) -> Callable[..., Any]:
    """``command`` with a flag for each factor; it gets them as one mapping called ``factors``."""
    own = inspect.signature(command, eval_str=True)
    kept = [p for p in own.parameters.values() if p.name != "factors"]
    flags = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                list[str] | None,
                typer.Option(
                    f"--{name.replace('_', '-')}",
                    help=HELP[name],
                    metavar="VALUE",
                ),
            ],
        )
        for name in FACTORS
    ]

    @functools.wraps(command)
    def wrapped(**values: Any) -> Any:
        given = {name: values.pop(name) for name in FACTORS}
        return command(factors=read_factors(given), **values)

    keywords = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in kept]
    wrapped.__signature__ = own.replace(parameters=[*keywords, *flags])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in [*keywords, *flags]}
    return wrapped


def read_factors(given: dict[str, list[str] | None]) -> dict[str, list[Any]]:
    """The factors that were given, each as a list of values of the right type."""
    return {
        name: [_typed(name, part) for value in values for part in _split(value)]
        for name, values in given.items()
        if values
    }


def _split(value: str) -> list[str]:
    # A text of one's own may hold commas; a list of names has no blanks.
    return [value] if any(c.isspace() for c in value.strip()) else value.split(",")


def _typed(name: str, text: str) -> Any:
    default = Variant.__dataclass_fields__[name].default
    if isinstance(default, bool):
        word = text.lower()
        if word not in ("true", "false", "yes", "no", "1", "0"):
            raise ValueError(f"--{name} is {text!r}; allowed: true or false")
        return word in ("true", "yes", "1")
    if text.lower() == "none" and default is None:
        return None
    if name in ("payoff", "audit"):
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"--{name} is {text!r}; expected a number") from None
    return text


def variants_of(preset: str | None, factors: dict[str, Any], mirror: bool = False) -> list[Variant]:
    """The grid of the factors' flags, on top of a preset where one is named."""
    from rewardgym.presets import preset as find_preset
    from rewardgym.variants import grid

    if preset is None:
        return grid(mirror=mirror, **factors)
    base = find_preset(preset)
    fixed: dict[str, Any] = {
        name: [getattr(base, name)]
        for name in FACTORS
        if name not in factors and getattr(base, name) != getattr(Variant(), name)
    }
    return grid(mirror=mirror, **fixed, **factors)
