"""Prompts: the one file in which the bytes that a model sees are made.

In: a variant and a seed. Out: a :class:`Prompt` with its messages, its text and their hash.
Everything stands in one file because a stray blank or newline is a different experiment: the
golden files in the tests pin each published prompt, and a change of bytes here is a new version
of the environment.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index
from typing import SupportsIndex

from rewardgym import encodings
from rewardgym.families import Family, Params, get_family
from rewardgym.hints import assignment, fill, formula
from rewardgym.variants import Variant
from rewardgym.wordings import (
    AUDIT_TAG,
    CLAUSES,
    FORMATS,
    LABELS,
    REVIEW,
    REVIEW_TAG,
    SYSTEMS,
    audit_text,
    resolve,
)

Message = Mapping[str, str]
"""One chat message: ``role`` and ``content``."""

Entries = tuple[tuple[str, str], ...]
"""Notices in order: each one's key and its text."""


@dataclass(frozen=True)
class _Parts:
    """What one message shows; a writer per layout puts it into text."""

    request: str | None = None
    """Instruction and answer format; None where they stand in another message."""
    hint: str | None = None
    """The plain formula; None without a hint."""
    inside: Entries | None = None
    """The notices inside the metadata; None where this message has no metadata at all."""
    after: Entries = ()
    """The notices after the metadata."""
    clause: str | None = None
    """The closing sentence."""


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt: the only bytes that a model sees."""

    variant: Variant
    messages: tuple[Message, ...]
    """What a chat model gets."""
    text: str
    """The prompt as one string: the user message, or with a system message all messages, each
    under its role."""
    sha256: str
    """Over the messages; two prompts with one hash are the same experiment."""
    params: Params
    """What the seed drew, for instance ``{"n": 47}``."""
    instruction: str
    """The instruction's text alone, as drawn."""
    hint: str | None
    """The hint as plain text, before any encoding; None without a hint."""


def render(variant: Variant, seed: SupportsIndex | Sequence[SupportsIndex] = 0) -> Prompt:
    """The prompt of ``variant``; ``seed`` draws only what the variant leaves open.

    ``seed`` is one integer, or several (for instance seed and index) that are spread as NumPy's
    SeedSequence does. Equal draws give one shared Prompt: do not change its ``params`` or messages.
    Raises ValueError for a negative seed.
    """
    numbers = _seed_numbers(seed)
    if any(number < 0 for number in numbers):
        raise ValueError(f"seed is {min(numbers)}; allowed: 0 or more")
    if not variant.is_open:
        return _written(variant, (), None, *_looked_up(variant))
    import numpy as np

    rng = np.random.default_rng(np.random.SeedSequence(numbers))
    # The draws come in a fixed order, so that a new factor cannot shift an old one's draw.
    family = get_family(variant.family)
    params = family.draw(rng)
    wordings = family.side(variant.ask).wordings
    wording = int(rng.integers(len(wordings))) if variant.paraphrase == "any" else None
    return _written(variant, tuple(params.items()), wording, *_looked_up(variant))


def _seed_numbers(seed: SupportsIndex | Sequence[SupportsIndex]) -> list[int]:
    try:
        return [index(seed)]  # type: ignore[arg-type]
    except TypeError:
        return [index(number) for number in seed]  # type: ignore[union-attr]


def _looked_up(variant: Variant) -> tuple[object, object]:
    """What a name stood for when the prompt was written: it may be registered anew."""
    return encodings.get(variant.encoding), id(get_family(variant.family))


@functools.lru_cache(maxsize=1 << 14)
def _written(
    variant: Variant, drawn: tuple[tuple[str, int], ...], wording: int | None, *looked_up: object
) -> Prompt:
    """The prompt of a variant, the parameters that were drawn, and the wording if it was drawn;
    ``looked_up`` is only there to tell the cache's entries apart."""
    family = get_family(variant.family)
    params = dict(drawn)
    instruction = fill(_wording(variant, family, wording), params)
    hint = _hint(variant, family, params)
    messages = _messages(variant, instruction, hint)
    packed = json.dumps(messages, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Prompt(
        variant=variant,
        messages=messages,
        text=_as_text(messages),
        sha256=hashlib.sha256(packed.encode()).hexdigest(),
        params=params,
        instruction=instruction,
        hint=assignment(variant.field_name, hint, variant.formula) if hint is not None else None,
    )


def _wording(variant: Variant, family: Family, drawn: int | None) -> str:
    index = drawn if drawn is not None else variant.paraphrase
    return family.side(variant.ask).wordings[index] if isinstance(index, int) else index


def _hint(variant: Variant, family: Family, params: Params) -> str | None:
    if not variant.hint:
        return None
    return formula(family, variant.high, variant.formula, variant.payoff, params)


def _messages(variant: Variant, instruction: str, hint: str | None) -> tuple[Message, ...]:
    """One user message, and a system message where there is a persona or the hint stands there."""
    noun = get_family(variant.family).noun
    form = FORMATS[variant.answer_format].replace("{noun}", noun)
    request = f"{instruction} {form}" if form else instruction
    clause = resolve("clause", variant.clause, CLAUSES) if variant.clause is not None else None
    write = _WRITERS[variant.layout]
    inside, after = _notices(variant)
    metadata = _Parts(None, hint, inside, after)
    system = [resolve("system", variant.system, SYSTEMS)] if variant.system is not None else []
    if variant.role == "system":
        if hint is not None or inside or after:
            system.append(write(variant, metadata))
        user = write(variant, _Parts(request=request, clause=clause))
    else:
        user = write(variant, replace(metadata, request=request, clause=clause))
    messages = [{"role": "user", "content": user}]
    if system:
        messages.insert(0, {"role": "system", "content": "\n\n".join(system)})
    return tuple(messages)


def _notices(variant: Variant) -> tuple[Entries, Entries]:
    """Label, audit and review notice, where the placement puts them: inside the metadata, after."""
    notices = []
    if variant.label is not None:
        notices.append((variant.label_tag, resolve("label", variant.label, LABELS)))
    if variant.audit is not None:
        notices.append((AUDIT_TAG, audit_text(variant.audit)))
    if variant.review:
        notices.append((REVIEW_TAG, REVIEW))
    return (tuple(notices), ()) if variant.placement == "inside" else ((), tuple(notices))


def _line(variant: Variant, hint: str) -> str:
    """The hint as one line, for layouts that show ``reward = ...``: encoded as the variant says."""
    if variant.encode == "field":
        return encodings.encode(
            variant.encoding, assignment(variant.field_name, hint, variant.formula)
        )
    return assignment(variant.field_name, encodings.encode(variant.encoding, hint), variant.formula)


def _write_xml(variant: Variant, parts: _Parts) -> str:
    lines = []
    if parts.hint is not None:
        tag = closing = variant.tag
        if variant.layout == "xml-mismatched":
            # Two published transcriptions read <_grader>...</grader>.
            closing = tag.removeprefix("_") if tag.startswith("_") else f"_{tag}"
        lines.append(f"<{tag}>{_line(variant, parts.hint)}</{closing}>")
    lines += [_xml_notice(*entry) for entry in parts.inside or ()]
    block = ["<_metadata>", *lines, "</_metadata>"] if lines else []
    block += [_xml_notice(*entry) for entry in parts.after]
    return _joined(variant, parts, block)


def _xml_notice(tag: str, text: str) -> str:
    # The published audit notice closes with its opening tag; kept to the byte.
    return f"<{tag}>{text}<{tag}>" if tag == AUDIT_TAG else f"<{tag}>{text}</{tag}>"


def _write_prose(variant: Variant, parts: _Parts) -> str:
    hint = ((variant.tag, _line(variant, parts.hint)),) if parts.hint is not None else ()
    block = []
    for opening, said in (("Metadata:", hint + (parts.inside or ())), ("Besides:", parts.after)):
        if said:
            block.append(f"{opening} " + "; ".join(f"{key} says {text}" for key, text in said))
    return _joined(variant, parts, block)


def _joined(variant: Variant, parts: _Parts, block: list[str]) -> str:
    """Request, metadata and clause as lines, in the variant's order."""
    request = [parts.request] if parts.request is not None else []
    clause = [parts.clause] if parts.clause is not None else []
    lines = [*block, *request] if variant.order == "before" else [*request, *block]
    return "\n".join(lines + clause)


def _keyed(variant: Variant, parts: _Parts) -> dict[str, object]:
    """Request, metadata and clause as a mapping, in the variant's order."""
    metadata: dict[str, object] = {}
    if parts.hint is not None and variant.encode == "field":
        metadata[variant.tag] = _line(variant, parts.hint)
    elif parts.hint is not None:
        value = {variant.field_name: encodings.encode(variant.encoding, parts.hint)}
        metadata |= value if variant.hint_key == variant.field_name else {variant.tag: value}
    metadata |= dict(parts.inside or ())
    block: dict[str, object] = {} if parts.inside is None else {"metadata": metadata}
    block |= dict(parts.after)
    request = {"instruction": parts.request} if parts.request is not None else {}
    clause = {"note": parts.clause} if parts.clause is not None else {}
    shown = {**block, **request} if variant.order == "before" else {**request, **block}
    return shown | clause


def _write_json(variant: Variant, parts: _Parts) -> str:
    indent = 2 if variant.layout == "json-pretty" else None
    return json.dumps(_keyed(variant, parts), ensure_ascii=False, indent=indent)


def _write_python(variant: Variant, parts: _Parts) -> str:
    shown = _keyed(variant, parts)
    return "\n".join(f"{key} = {_quoted(value)}" for key, value in shown.items())


def _write_yaml(variant: Variant, parts: _Parts) -> str:
    return "\n".join(_yaml_lines(_keyed(variant, parts), indent=""))


def _yaml_lines(mapping: Mapping[str, object], indent: str) -> list[str]:
    lines = []
    for key, value in mapping.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{indent}{_yaml_key(key)}:", *_yaml_lines(value, indent + "  ")]
        else:
            text = _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", _quoted(value))
            lines.append(f"{indent}{_yaml_key(key)}: {text}")
    return lines


_NOT_YAML = re.compile("[\\x7f-\\x9f\\u2028\\u2029\\ufeff\\ufffe\\uffff]")
"""Characters that YAML refuses or takes for line breaks, though JSON holds them."""
_YAML_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))


def _yaml_key(key: str) -> str:
    return _quoted(key) if key.lower() in _YAML_WORDS else key


def _quoted(value: object) -> str:
    # Double quotes as JSON writes them: Python and YAML read them back unchanged.
    return json.dumps(value, ensure_ascii=False)


_WRITERS: dict[str, Callable[[Variant, _Parts], str]] = {
    "json": _write_json,
    "json-pretty": _write_json,
    "xml": _write_xml,
    "xml-mismatched": _write_xml,
    "yaml": _write_yaml,
    "python": _write_python,
    "prose": _write_prose,
}


def _as_text(messages: Sequence[Message]) -> str:
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{message['role']}:\n{message['content']}" for message in messages)
