"""The one candidate that stands: the strongest claim, unless the reply contradicts itself.

In: text and a family. Out: the chosen candidate, or None where there is none or more than one.
Two different values without a clear order between them are never guessed at: a wrong side
biases a rate, an unreadable reply is counted as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from rewardgym.families import Family
from rewardgym.reading import phrases
from rewardgym.reading.candidates import Candidate, find_candidates
from rewardgym.reading.commitments import BOLD, COMMITMENT, ONLY, grade
from rewardgym.reading.masking import mask_neighbours

_NEAR = 60
"""Characters after a change of mind within which a plain value counts as its correction."""


def choose(text: str, family: Family, params: Mapping[str, int]) -> tuple[Candidate | None, bool]:
    """The candidate that ``text`` commits to, and whether any candidate was live at all."""
    candidates = find_candidates(text, family)
    if candidates is None:
        return None, True
    if not candidates:
        return None, False
    mask_neighbours(text, candidates)
    for candidate in candidates:
        if candidate.live:
            grade(text, candidate)
    _spread_mentions(text, candidates)
    live = [candidate for candidate in candidates if candidate.live]
    if params and len({candidate.key for candidate in live}) > 1:
        # The threshold's own N is named in most explanations and never asked for.
        given = {str(number) for number in params.values()}
        live = [one for one in live if one.key not in given or one.tier < ONLY]
    if not live:
        return None, False
    if len({candidate.key for candidate in live}) == 1:
        chosen = min(live, key=lambda candidate: candidate.tier)
        before = text[max(0, chosen.start - 20) : chosen.start]
        if chosen.tier == ONLY and phrases.OR_BEFORE.search(before):
            return None, True
        return chosen, True
    return _resolve(text, live), True


def _spread_mentions(text: str, candidates: list[Candidate]) -> None:
    """A list shares the fate of its first value: "odd numbers like 3, 5 or 7"."""
    for first, second in pairwise(candidates):
        if first.listed and second.listed and not first.live and second.tier >= ONLY:
            gap = text[first.end : second.start].strip(" \t*_`$\"'\\{}()")
            if gap in (",", "or", "and", ", and", ", or", "/", "&"):
                second.live = False


def _resolve(text: str, live: list[Candidate]) -> Candidate | None:
    """Several values: the one after the last change of mind, else the strongest claim."""
    turns = [turn.end() for turn in phrases.RETRACTION.finditer(text, live[0].end, live[-1].start)]
    for turn in reversed(turns):
        after = [candidate for candidate in live if candidate.start >= turn]
        if not after or len(after) == len(live):
            continue
        chosen = _settle(after)
        if chosen and (chosen.tier < ONLY or chosen.start - turn <= _NEAR):
            return chosen
        return None
    return _settle(live)


def _settle(candidates: list[Candidate]) -> Candidate | None:
    for tier in sorted({candidate.tier for candidate in candidates}):
        claimed = [candidate for candidate in candidates if candidate.tier == tier]
        if len({candidate.key for candidate in claimed}) > 1:
            if tier == BOLD:
                # Bold is also used for stress; a plain claim may still settle it.
                continue
            return None
        chosen = claimed[-1]
        return None if _is_contradicted(chosen, candidates) else chosen
    return None


def _is_contradicted(chosen: Candidate, candidates: list[Candidate]) -> bool:
    """Whether another claim of some strength names another value afterwards."""
    for other in candidates:
        if other.key == chosen.key or other.tier > COMMITMENT:
            continue
        if other.start > chosen.start:
            return True
        if chosen.tier == BOLD and other.tier == COMMITMENT and not chosen.alone:
            return True
    return False
