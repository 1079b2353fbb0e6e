"""The gallery: the prompt of every family x layout x encoding, one page a family.

In: the registries of families, layouts and encodings. Out: pages. Each prompt is folded and has an
address of its own, so that a page of fifty prompts stays a page that one can read and link to.
"""

from __future__ import annotations

import html

from prompt_html import folded, prompt_block
from site_page import NO_SEARCH, Generated

from rewardgym import Variant, encodings, family_names, get_family, render
from rewardgym.factor_checks import LAYOUTS

OPEN = ("plain", "base64")
"""Encodings whose prompts are shown unfolded."""


def gallery_pages() -> list[Generated]:
    """The overview and a page a family."""
    return [_overview(), *(_family_page(name) for name in family_names())]


def anchor(layout: str, encoding: str) -> str:
    """Where on its family's page a prompt stands."""
    return f"{layout}-{encoding}"


def _overview() -> Generated:
    names = family_names()
    count = len(names) * len(LAYOUTS) * len(encodings.names())
    lines = [
        "# Prompt gallery",
        "",
        f"All {count} prompts of {len(names)} families x {len(LAYOUTS)} layouts x "
        f"{len(encodings.names())} encodings, every other factor at its default, as the library "
        "that built this page renders them. Each shows the conflict arm: the hint pays for the "
        "side that the instruction does not ask for. Its [twin](../concepts.md#twin) differs in "
        "the formula only.",
        "",
        "| family | asks for | the hint pays for | the instruction |",
        "|---|---|---|---|",
    ]
    for name in names:
        prompt = render(Variant(family=name))
        variant = prompt.variant
        lines.append(
            f"| [{name}]({name}.md) | {variant.ask} | {variant.favours} | {prompt.instruction} |"
        )
    lines += ["", "| encoding | what it is | `reward = output % 2` in it |", "|---|---|---|"]
    for name in encodings.names():
        shown = encodings.encode(name, "output % 2")
        shown = shown if len(shown) <= 100 else f"{shown[:40]}... ({len(shown)} characters)"
        lines.append(
            f"| {name} | {encodings.get(name).description} | "
            f'<code class="wrap">{html.escape(shown).replace("|", "&#124;")}</code> |'
        )
    return Generated("gallery/index.md", "Prompt gallery", "\n".join(lines) + "\n")


def _family_page(name: str) -> Generated:
    family = get_family(name)
    first, second = family.side_names
    lines = [
        f"{NO_SEARCH}# Gallery: {name}",
        "",
        f"The request is for {_article(family.noun)} that is *{first}*, the hint pays for "
        f"*{second}*. " + _drawn(name),
        "",
        "| layout | " + " | ".join(encodings.names()) + " |",
        "|---" * (len(encodings.names()) + 1) + "|",
    ]
    for layout in LAYOUTS:
        links = " | ".join(f"[{e}](#{anchor(layout, e)})" for e in encodings.names())
        lines.append(f"| {layout} | {links} |")
    for layout in LAYOUTS:
        lines += ["", f"## {layout}", ""]
        lines += [_entry(name, layout, encoding) + "\n" for encoding in encodings.names()]
    return Generated(f"gallery/{name}.md", name, "\n".join(lines) + "\n")


def _entry(family: str, layout: str, encoding: str) -> str:
    variant = Variant(family=family, layout=layout, encoding=encoding)
    prompt = render(variant)
    command = f"rewardgym show --family {family} --layout {layout} --encoding {encoding}"
    facts = (
        f"<p>Decoded hint: <code>{html.escape(prompt.hint or 'none')}</code>; "
        f"asked: {variant.ask}; favours: {variant.favours}; arm: {variant.arm}.<br>"
        f"<code>{html.escape(command)}</code></p>"
    )
    return folded(
        f"{layout}, <strong>{encoding}</strong>",
        prompt_block(prompt) + facts,
        anchor=anchor(layout, encoding),
        is_open=encoding in OPEN,
    )


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _drawn(name: str) -> str:
    params = render(Variant(family=name)).params
    if not params:
        return "Nothing is left open: every seed gives these bytes."
    drawn = ", ".join(f"{key} = {value}" for key, value in params.items())
    return f"The seed draws what the family leaves open; these are of seed 0, with {drawn}."
