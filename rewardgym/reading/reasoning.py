"""Reasoning blocks: what of a reply is visible, or that its blocks are malformed.

In: a reply in canonical spelling (``text.canonical``). Out: the same text with all reasoning
blanked, or None for an unterminated or malformed block.
A block that never closes hides where the answer begins, so nothing is read from such a reply at
all: a number inside reasoning is a thought, not an answer.
"""

from __future__ import annotations

import re

from rewardgym.reading.text import blank

_NAMES = (
    "think|thinking|thought|thoughts|reasoning|reason|analysis|scratchpad|reflection|antthinking|"
    "inner_monologue|internal_thoughts?|seed:think|cot"
)
# Tags of the common model lines: <think>, [THINK], ◁think▷, <|begin_of_thought|>,
# <|START_THINKING|>, <|channel>thought ... <channel|>. A tag between backticks is talked about.
_TAG = re.compile(
    rf"(?<!`)(?:<(?P<close> ?/ ?)?(?P<name>{_NAMES})(?: [^<>\n]{{0,80}})?(?P<self>/)? ?>"
    r"|\[(?P<close2>/)?(?P<name2>think|thinking)\]"
    r"|◁(?P<close3>/)?(?P<name3>think)▷"
    r"|<\|(?P<edge4>begin|start|end)_(?:of_)?(?P<name4>thought|thinking|think)\|>"
    r"|(?P<open5><\|channel>(?:thought|analysis))|(?P<close5><channel\|>))(?!`)"
)
_HARMONY = re.compile(r"<\|channel\|>")
_FINAL = re.compile(r"<\|channel\|> ?final[^<>\n]{0,40}<\|message\|>")
_MESSAGE_END = re.compile(r"<\|(?:end|return|start|call|channel)\|>")
# A decoder that drops special tokens turns harmony's channels into these bare words.
_DROPPED = re.compile(r"\s*analysis(?=[a-z])")
_TURN_END = re.compile(
    r"<\|(?:im_end|eot_id|endoftext|end_of_text|end|return|eom_id|end_of_turn|im_start|eot"
    r"|begin_of_text)\|>|</s>|<end_of_turn>|<eos>|<\uff5cend\u2581of\u2581sentence\uff5c>"
    r"|<\|end\u2581of\u2581sentence\|>"
)
# A copied header of the chat template: "assistant" is no part of the reply.
_ROLE = re.compile(
    r"\s*<\|(?:im_start|start_header_id|start)\|> ?assistant(?:<\|(?:end_header_id|message)\|>)?"
)
_RESPONSE = "[begin final response]"


def visible_text(text: str) -> str | None:
    """``text`` with its reasoning blanked; None if a block is unterminated or malformed."""
    if text.startswith("analysis") and _DROPPED.match(text):
        return _after_dropped_channels(text)
    if "<" not in text and "[" not in text and "◁" not in text:
        return text
    if _RESPONSE in text:
        text = blank(text, [(0, text.rindex(_RESPONSE) + len(_RESPONSE))], "\n")
    if _HARMONY.search(text):
        channels = _final_channels(text)
        if channels is None:
            return None
        text = channels
    hidden = _hidden_spans(text)
    if hidden is None:
        return None
    # A line break, not a space: what stands on both sides of a block is never one sentence.
    return _first_turn(blank(text, hidden, "\n") if hidden else text)


def _hidden_spans(text: str) -> list[tuple[int, int]] | None:
    """The spans of all blocks, tags included, or None if the tags do not pair up."""
    spans: list[tuple[int, int]] = []
    opened, depth, start = "", 0, 0
    for tag in _TAG.finditer(text):
        name, closes = _name_and_kind(tag)
        if tag["self"] and not closes:
            spans += [] if depth else [tag.span()]
        elif depth:
            # Only the block's own name counts inside it: other tags there are its content.
            depth += (-1 if closes else 1) if name == opened else 0
            if depth == 0:
                spans.append((start, tag.end()))
        elif not closes:
            opened, depth, start = name, 1, tag.start()
        elif spans:
            return None
        else:
            # Many chat templates open the block in the prompt: a lone closing tag ends it.
            spans.append((0, tag.end()))
    return None if depth else spans


def _name_and_kind(tag: re.Match[str]) -> tuple[str, bool]:
    if tag["open5"] or tag["close5"]:
        return "channel", bool(tag["close5"])
    name = tag["name"] or tag["name2"] or tag["name3"] or tag["name4"]
    closes = tag["close"] or tag["close2"] or tag["close3"] or tag["edge4"] == "end"
    return name, bool(closes)


def _final_channels(text: str) -> str | None:
    """Harmony: only the final channel is visible; None if no final follows a cut analysis."""
    visible: list[tuple[int, int]] = []
    for final in _FINAL.finditer(text):
        end = _MESSAGE_END.search(text, final.end())
        visible.append((final.end(), end.start() if end else len(text)))
    if not visible:
        last = text.rfind("<|channel|>")
        closed = re.search(r"<\|(?:end|return)\|>", text[last:])
        return "\n" * len(text) if closed else None
    edges = [0, *(edge for span in visible for edge in span), len(text)]
    return blank(text, list(zip(edges[::2], edges[1::2], strict=True)), "\n")


def _after_dropped_channels(text: str) -> str | None:
    mark = text.rfind("assistantfinal")
    if mark >= 0:
        return blank(text, [(0, mark + len("assistantfinal"))], "\n")
    # "analysisThe user ..." is a cut channel; "analysis of" with a space is prose.
    return None


def _first_turn(text: str) -> str:
    """Cuts what a model went on to write after its own end-of-turn token."""
    head = _ROLE.match(text)
    if head:
        text = blank(text, [head.span()])
    at = 0
    for token in _TURN_END.finditer(text):
        # Only what stands since the last token is looked at: linear on a run of tokens.
        if text[at : token.start()].strip():
            return blank(text, [(token.start(), len(text))])
        at = token.end()
    return text
