"""The factors' pages: for each value of each factor its prompt, with what changed marked.

In: the factors of ``rewardgym.Variant``. Out: an overview and a page a factor. What a factor is
comes from the string under its field, so that the class is documented in one place.
"""

from __future__ import annotations

import functools
import html
import json
from typing import Any

import griffe
from factor_examples import Example, examples
from prompt_html import folded, prompt_block
from site_page import Generated

from rewardgym import Variant, render
from rewardgym.variants import FACTORS

LONG = 1500
"""Characters from which a prompt is shown folded."""


def factor_pages() -> list[Generated]:
    """The overview and a page for every factor. Raises KeyError for a factor without an example."""
    known = examples()
    return [_overview(known), *(_page(name, known[name]) for name in FACTORS)]


@functools.cache
def descriptions() -> dict[str, str]:
    """What ``Variant`` says under each of its fields."""
    variant = griffe.load("rewardgym.variants")["Variant"]
    found = {}
    for name in FACTORS:
        docstring = variant.members[name].docstring
        found[name] = " ".join(docstring.value.split()) if docstring is not None else ""
    return found


def default_of(name: str) -> object:
    """The value that a variant has if nothing is said."""
    return getattr(Variant(), name)


def _overview(known: dict[str, Example]) -> Generated:
    lines = [
        "# Factors",
        "",
        f"A [variant](../concepts.md#variant) is one value of each of these {len(FACTORS)} "
        "factors. Every page shows the prompt for every value, with what differs from the "
        "default marked.",
        "",
        "| factor | default | what it is |",
        "|---|---|---|",
    ]
    for name in FACTORS:
        said = descriptions()[name].replace("|", "&#124;")
        lines.append(f"| [{name}]({name}.md) | {_code(default_of(name))} | {said} |")
    return Generated("factors/index.md", "Factors", "\n".join(lines) + "\n")


def _page(name: str, example: Example) -> Generated:
    base = example.base
    flag = f"--{name.replace('_', '-')}"
    listed = [value for value in example.values if value is not None and str(value).count(" ") == 0]
    lines = [
        f"# {name}",
        "",
        descriptions()[name],
        "",
        f"**Default:** {_code(default_of(name))}. **Allowed:** "
        f"{', '.join(_code(value) for value in example.values)}"
        + (f"; or {example.own}" if example.own else "")
        + ".",
        "",
        f"**Why vary it?** {example.why}",
        "",
        "```bash",
        f"rewardgym show {_base_flags(base)}{flag} {','.join(map(_flag_value, listed[:3]))}",
        "```",
        "",
        "```python",
        f"rewardgym.grid({_keyword(base)}{name}={_listed(listed[:3])})",
        "```",
        "",
        "## The prompt for each value",
        "",
        _told(base),
        "",
        "| value | asked | the hint favours | arm |",
        "|---|---|---|---|",
    ]
    shown = [base.replace(**{name: value}) for value in example.values]
    for place, (value, variant) in enumerate(zip(example.values, shown, strict=True)):
        lines.append(
            f"| [{_plain(value)}](#value-{place}) | {variant.ask} | "
            f"{variant.favours or 'neither side'} | {variant.arm} |"
        )
    lines.append("")
    before = render(base)
    for place, (value, variant) in enumerate(zip(example.values, shown, strict=True)):
        lines += [_entry(place, value, variant, base, before), ""]
    return Generated(f"factors/{name}.md", name, "\n".join(lines) + "\n")


def _entry(place: int, value: object, variant: Variant, base: Variant, before: Any) -> str:
    prompt = render(variant)
    same = variant == base
    facts = [f"{variant.arm} arm", f"favours {variant.favours or 'neither side'}"]
    facts += ["the default" if base == Variant() else "as compared with"] if same else []
    summary = f"<strong>{html.escape(_plain(value))}</strong>: {', '.join(facts)}"
    body = prompt_block(prompt, None if same else before)
    return folded(summary, body, anchor=f"value-{place}", is_open=len(prompt.text) < LONG)


def _told(base: Variant) -> str:
    beside = _keyword(base).rstrip(", ")
    start = f"Beside `{beside}`, where this factor shows. " if beside else ""
    return (
        f"{start}Against the prompt with this factor at its default, what is new is "
        "<ins>marked</ins> and what is gone is <del>struck out</del> (and not copied)."
    )


def _changed(base: Variant) -> dict[str, object]:
    default = Variant()
    return {n: getattr(base, n) for n in FACTORS if getattr(base, n) != getattr(default, n)}


def _keyword(base: Variant) -> str:
    return "".join(f"{name}={_python(value)}, " for name, value in _changed(base).items())


def _base_flags(base: Variant) -> str:
    return "".join(f"--{n.replace('_', '-')} {_flag_value(v)} " for n, v in _changed(base).items())


def _flag_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(values: list[Any]) -> str:
    return "[" + ", ".join(_python(value) for value in values) + "]"


def _python(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _plain(value: object) -> str:
    return "none" if value is None else _flag_value(value)


def _code(value: object) -> str:
    return f"`{_plain(value)}`"
