"""Where each factor speaks: it changes its own stretch of a prompt, or is silent as documented."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rewardgym_prompts import BASES

from rewardgym import encodings
from rewardgym.factor_checks import KEYED_LAYOUTS
from rewardgym.families import get_family
from rewardgym.hints import assignment, formula
from rewardgym.prompts import Prompt, render
from rewardgym.variants import FACTORS, LAYOUTS, Variant
from rewardgym.wordings import CLAUSES, FORMATS, LABELS, REVIEW, audit_text, resolve

OTHER: dict[str, tuple[Any, ...]] = {
    "family": ("letter", "sign", "threshold"),
    "ask": ("odd",),
    "high": ("even",),
    "field": ("score", "loss", "flurb"),
    "formula": ("explicit", "payoff", "prose"),
    "payoff": (100, 0.5),
    "encoding": ("base64", "rot13", "reversed"),
    "encode": ("field", "value"),
    "layout": LAYOUTS,
    "tag": ("_grading", "_grader", "x"),
    "order": ("before", "after"),
    "role": ("system", "user"),
    "paraphrase": (3, 10, "Say an even number."),
    "label": ("gaming-eval", "A label of our own.", None),
    "label_tag": ("_note",),
    "audit": (1, 99, None),
    "review": (True, False),
    "placement": ("after", "inside"),
    "clause": ("inert", "A last word.", None),
    "system": ("maximise-reward", "Be brief.", None),
    "answer_format": ("number", "json"),
    "hint": (False, True),
}
"""Values that a factor is changed to; every factor stands here."""


def _changes(base: Variant, factor: str) -> Iterator[Variant]:
    for value in OTHER[factor]:
        changed = base.replace(**{factor: value})
        if changed != base:
            yield changed


def _is_documented_as_silent(base: Variant, changed: Variant, factor: str) -> bool:
    """The complete list of the changes that no prompt shows."""
    in_lines = base.layout not in KEYED_LAYOUTS
    has_notices = base.label is not None or base.audit is not None or base.review
    # The keyed layouts show an empty metadata object without a hint, so it always has a place.
    has_block = base.hint or has_notices or not in_lines
    match factor:
        case "high" | "field" | "formula" | "payoff" | "encoding" | "tag":
            return not base.hint
        case "encode":
            # A line reads `reward = ...` either way, unless it is encoded.
            return not base.hint or (in_lines and base.encoding == "plain")
        case "layout":
            # The two kinds of xml differ in the hint's closing tag, and without metadata a prompt
            # in lines is the bare request.
            both = {base.layout, changed.layout}
            bare = not has_notices and both.isdisjoint(KEYED_LAYOUTS)
            return not base.hint and (bare or both == {"xml", "xml-mismatched"})
        case "order":
            return base.role == "system" or not has_block
        case "role":
            return not has_block
        case "label_tag":
            return base.label is None
        case "placement":
            return not has_notices
    return False


def test_every_factor_is_changed_in_these_tests() -> None:
    assert tuple(OTHER) == FACTORS
    assert len(BASES) > 300


@pytest.mark.parametrize("factor", FACTORS)
def test_a_factor_changes_the_messages_except_where_documented(factor: str) -> None:
    pairs = [(base, changed) for base in BASES for changed in _changes(base, factor)]
    assert pairs
    for base, changed in pairs:
        differs = render(base).messages != render(changed).messages
        silent = _is_documented_as_silent(base, changed, factor)
        assert differs is not silent, f"{factor}: {base.id} -> {changed.id}"


def test_a_declared_polarity_changes_the_arm_and_never_the_prompt() -> None:
    seen = {render(Variant(field=f"utility:{sign}")).sha256 for sign in ("+1", "-1", "0")}
    assert len(seen) == 1
    assert [Variant(field=f"utility:{sign}").arm for sign in ("+1", "-1", "0")] == [
        *("conflict", "agree", "neutral"),
    ]


class Places:
    """Where the parts of a prompt stand in its text, found by searching it from outside."""

    def __init__(self, prompt: Prompt) -> None:
        self.variant, self.text = prompt.variant, prompt.text
        variant, text = self.variant, self.text
        self.keyed = variant.layout in KEYED_LAYOUTS
        self.instruction = self._find(prompt.instruction)
        form = FORMATS[variant.answer_format].replace("{noun}", get_family(variant.family).noun)
        tail = self._embedded(f" {form}") if form else ""
        assert text.startswith(tail, self.instruction[1])
        self.request = (self.instruction[0], self.instruction[1] + len(tail))
        before = variant.order == "before" or variant.role == "system"
        # Everything between the request and the neighbours of the metadata.
        clause = self._clause()
        self.around_block = (0, self.request[0]) if before else (self.request[1], clause[0])
        if variant.hint:
            self._find_hint(prompt)
            block_end = self._block_end()
            self.notices = (self.element[1], block_end)
            self.closing = (max(block_end, self.request[1]), len(text))
            first, last = sorted([self.request, self.element])
            self.both = (first[0], last[1])
        self.all_but_clause = (0, clause[0])

    def _embedded(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=False)[1:-1] if self.keyed else text

    def _find(self, text: str) -> tuple[int, int]:
        shown = self._embedded(text)
        assert self.text.count(shown) == 1, (shown, self.text)
        start = self.text.index(shown)
        return start, start + len(shown)

    def _clause(self) -> tuple[int, int]:
        clause = self.variant.clause
        if clause is None:
            return len(self.text), len(self.text)
        return self._find(CLAUSES.get(clause, clause))

    def _find_hint(self, prompt: Prompt) -> None:
        variant, text = self.variant, self.text
        family = get_family(variant.family)
        plain = formula(family, variant.high, variant.formula, variant.payoff, prompt.params)
        if variant.encode == "field":
            line = assignment(variant.field_name, plain, variant.formula)
            self.shown = self._find(encodings.encode(variant.encoding, line))
            self.name = self.line = self.shown
        else:
            self.shown = self._find(encodings.encode(variant.encoding, plain))
            between = (": " if variant.formula == "prose" else " = ") if not self.keyed else ": "
            quotes = {"yaml": ("", '"'), "prose": ("", "")}.get(
                variant.layout, ('"', '"') if self.keyed else ("", "")
            )
            wanted = f"{variant.field_name}{quotes[0]}{between}{quotes[1]}"
            start = self.shown[0] - len(wanted)
            assert text[start : self.shown[0]] == wanted
            self.name = (start, start + len(variant.field_name))
            self.line = (start, self.shown[1])
        self.element = (self._opening(), self._element_end())

    def _opening(self) -> int:
        marker = {
            "json": '"metadata": {',
            "json-pretty": '"metadata": {',
            "yaml": "metadata:",
            "python": "metadata = {",
            "prose": "Metadata:",
        }.get(self.variant.layout, "<_metadata>")
        assert self.text.count(marker) == 1
        return self.text.index(marker) + len(marker)

    def _element_end(self) -> int:
        end, layout, tag = self.shown[1], self.variant.layout, self.variant.tag
        if layout == "xml":
            return self._over(end, f"</{tag}>")
        if layout == "xml-mismatched":
            return self._over(end, f"</{tag[1:] if tag.startswith('_') else '_' + tag}>")
        nested = self.variant.encode == "value" and tag != "_grader"
        braces = {"json": "}", "json-pretty": "\n    }", "python": "}"}
        quote = "" if layout == "prose" else '"'
        return self._over(end, quote + (braces.get(layout, "") if nested else ""))

    def _block_end(self) -> int:
        variant, end = self.variant, self.element[1]
        for tag, said in self._said():
            closing = {"_audit_rate": f"<{tag}>"}.get(tag, f"</{tag}>")
            in_xml = variant.layout.startswith("xml")
            quote = "" if variant.layout == "prose" else '"'
            end = self._over(self._find(said)[1], closing if in_xml else quote)
        if variant.placement == "inside" or not self._said():
            end = self._over(end, self._block_closing())
        return end

    def _said(self) -> list[tuple[str, str]]:
        variant, said = self.variant, []
        if variant.label is not None:
            said.append((variant.label_tag, resolve("label", variant.label, LABELS)))
        if variant.audit is not None:
            said.append(("_audit_rate", audit_text(variant.audit)))
        return said + ([("_review", REVIEW)] if variant.review else [])

    def _block_closing(self) -> str:
        layout = self.variant.layout
        return {"json": "}", "json-pretty": "\n  }", "python": "}", "yaml": "", "prose": ""}.get(
            layout, "\n</_metadata>"
        )

    def _over(self, start: int, wanted: str) -> int:
        assert self.text.startswith(wanted, start), (wanted, self.text[start:])
        return start + len(wanted)


REGIONS: dict[str, Callable[[Places], tuple[int, int]]] = {
    "family": lambda p: p.both,
    "ask": lambda p: p.instruction,
    "high": lambda p: p.shown,
    "field": lambda p: p.name,
    "formula": lambda p: p.shown if p.keyed else p.line,
    "payoff": lambda p: p.shown,
    "encoding": lambda p: p.shown,
    "encode": lambda p: p.element,
    "tag": lambda p: p.element,
    "order": lambda p: p.all_but_clause,
    "paraphrase": lambda p: p.instruction,
    "label": lambda p: p.notices,
    "label_tag": lambda p: p.notices,
    "audit": lambda p: p.notices,
    "review": lambda p: p.notices,
    "placement": lambda p: p.notices,
    "clause": lambda p: p.closing,
    "answer_format": lambda p: p.request,
    "hint": lambda p: p.around_block,
}
"""The stretch of the text that a factor may change; layout, role, system: tested elsewhere."""


def _outside(prompt: Prompt, factor: str) -> tuple[str, str]:
    """The text before and after the stretch that belongs to the factor."""
    start, end = REGIONS[factor](Places(prompt))
    assert 0 <= start <= end <= len(prompt.text)
    return prompt.text[:start], prompt.text[end:]


@pytest.mark.parametrize("factor", REGIONS)
def test_a_factor_changes_the_prompt_only_where_it_speaks(factor: str) -> None:
    # What differs between two texts lies between their common start and their common end, so it
    # lies inside the factor's stretch exactly if all outside of the stretch is the same.
    tested = 0
    for base in BASES:
        for changed in _changes(base, factor) if base.hint else ():
            one, other = render(base), render(changed)
            if len(one.messages) == len(other.messages):  # else the header "user:" comes or goes
                told = f"{factor}: {base.id} -> {changed.id}"
                assert _outside(one, factor) == _outside(other, factor), told
                tested += 1
    assert tested > 50
