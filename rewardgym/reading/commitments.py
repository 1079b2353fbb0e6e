"""How strongly a reply puts each candidate forward, and which ones it only mentions.

In: text and one candidate. Out: the candidate's tier, or the candidate no longer live.
Everything is decided by a bounded window before and after the candidate: its clause, its line,
its markup. Phrases that are seen in replies live in ``phrases``.
"""

from __future__ import annotations

import re

from rewardgym.reading import phrases
from rewardgym.reading.candidates import Candidate
from rewardgym.reading.masking import in_formula

JSON, FINAL, MARKER, BOLD, BARE, COMMITMENT, ONLY = range(7)
HOW = ("json", "marker", "marker", "bold", "bare", "commitment", "only")
"""The name of each tier in ``Answer.how``."""

_WINDOW = 120
_OPENERS = " \t*_`\"'([{$\\~>#\u00a0|"
_CLOSERS = " \t*_`\"')]}$\\|"
_CLAUSE_END = re.compile(
    r"[,;:.!?()\n\u2014\u2026\u00df\u2192]|[=-]>|\b(?:but|so|and|then|therefore|yet|hence)\b| - "
)
_SENTENCE_END = re.compile(r"[;.!?\n\u2026]")
_WORDS = re.compile(r"[a-z][a-z']*(?:\.g)?")
_BOXED = re.compile(r"\\boxed\s*\{[\s${\\]*(?:(?:text|mathbf|mathrm|textbf)\s*\{)?[\s$]*$")
_LATEX_TEXT = ("\\text", "\\mathbf", "\\textbf", "\\mathrm", "\\bf")
_JSON_LABEL = re.compile(r"[\"']([\w -]{1,40})[\"']$")
_ASSIGNED = re.compile(r"(?:\b(if|when|with|where|for|say|suppose|at)\s+)?\b([a-z_]\w*)\s*=$")
_BE = re.compile(r" (?:is|was|are|be|of|as|to)\b")
_ALNUM = re.compile(r"[^\W_]")
_STRESS = re.compile(r"(\*{1,3}|_{1,3}|`{1,3})[\s\"'$(\[{\\]*$")
_STRESS_END = re.compile(r"[\s.!?,;\"'$)\]}\\]*[*_`]")


def grade(text: str, candidate: Candidate) -> None:
    """Sets the candidate's tier, or ends its life where the text only mentions it."""
    start = candidate.start
    before = text[max(0, start - _WINDOW) : start]
    after = text[candidate.end : candidate.end + _WINDOW]
    line_before = before[before.rfind("\n") + 1 :]
    if in_formula(text, candidate, line_before):
        candidate.live = False
        return
    candidate.alone = _is_alone(line_before, after)
    core = line_before.rstrip(_OPENERS)
    if core.endswith(_LATEX_TEXT):
        core = core[: core.rindex("\\")].rstrip(_OPENERS)
    if candidate.alone:
        candidate.tier = BARE
    elif core[-1:] in (":", "="):
        _grade_label(candidate, core, after)
    elif _BOXED.search(line_before):
        candidate.tier = FINAL
    if candidate.live and "#### " in line_before[-6:]:
        candidate.tier = MARKER
    if candidate.live and candidate.tier > BARE:
        _grade_phrase(candidate, core, after)
    if candidate.live and candidate.tier > BOLD and _is_stressed(line_before, after):
        candidate.tier = BOLD
    if candidate.weak and candidate.tier > COMMITMENT:
        candidate.live = False


def _is_alone(line_before: str, after: str) -> bool:
    """Whether the candidate is all that its line says."""
    if len(line_before) == _WINDOW or _ALNUM.search(line_before):
        return False
    line_after, newline, _ = after.partition("\n")
    return (bool(newline) or len(after) < _WINDOW) and not _ALNUM.search(line_after)


def _is_stressed(line_before: str, after: str) -> bool:
    """Bold, italics or backticks around the candidate alone."""
    return bool(_STRESS.search(line_before[-12:]) and _STRESS_END.match(after))


def _grade_label(candidate: Candidate, core: str, after: str) -> None:
    """Judges what stands before a colon or an equals sign."""
    if core[-1] == "=":
        _grade_assignment(candidate, core)
        return
    label = core[:-1].rstrip(" \t*_`")
    key = _JSON_LABEL.search(label)
    words = _WORDS.findall((key[1] if key else _SENTENCE_END.split(label)[-1]).replace("_", " "))
    if not words:
        return
    if words[-1] == "is" and len(words) > 1:
        words.pop()
    last = words[-1]
    about_hint = not phrases.REWARDISH.isdisjoint(words)
    if "if" in words or "when" in words:
        # "If you want an even number:" leaves open whether it is wanted.
        return
    if len(words) <= 3 and _is_outside(last) and not label[-1:].isdigit():
        candidate.live = False
    elif about_hint and last in phrases.LABEL_NOUNS:
        _grade_label_on_hint(candidate, label, words)
    elif key and last in phrases.LABEL_NOUNS:
        candidate.tier = JSON
    elif last in phrases.LABEL_NOUNS and phrases.NO_CLAIM.isdisjoint(words):
        candidate.tier = (FINAL if "final" in words else MARKER) if len(words) <= 4 else COMMITMENT
    elif not key and phrases.STOP_AFTER.match(after) and not _is_hypothetical(words[-4:]):
        candidate.tier = COMMITMENT
    if candidate.listed and candidate.tier < ONLY:
        candidate.tier = ONLY


def _is_outside(word: str) -> bool:
    return word in phrases.LABEL_OUTS or word in phrases.REWARDISH


def _grade_label_on_hint(candidate: Candidate, label: str, words: list[str]) -> None:
    """ "Reward value: 1" is the hint's; "reward answer: 7" is a claim beside others."""
    if words[-1] in ("answer", "choice", "pick", "number"):
        candidate.tier = COMMITMENT
    else:
        candidate.live = "," in label or "here" in words


def _is_hypothetical(words: list[str]) -> bool:
    return phrases.HYPOTHETICAL.search(" ".join(words)) is not None


def _grade_assignment(candidate: Candidate, core: str) -> None:
    assigned = _ASSIGNED.search(core)
    if assigned is None or assigned[1]:
        candidate.live = False
        return
    name = assigned[2].rpartition("_")[2]
    operated = core[: assigned.start(2)].rstrip()[-1:] in ("%", "+", "*", "/", "-")
    if name not in phrases.LABEL_NOUNS or operated:
        candidate.live = name in ("x", "n", "k") and not operated
    else:
        candidate.tier = MARKER


def _grade_phrase(candidate: Candidate, core: str, after: str) -> None:
    """Judges the words around a candidate in running text."""
    tail = after.lstrip(_CLOSERS)
    if (
        after[:1] not in (",", ".", ";")
        and phrases.CLAIM_AFTER.match(tail)
        and not candidate.listed
    ):
        candidate.tier = min(candidate.tier, COMMITMENT)
        return
    if phrases.MENTION_AFTER.match(tail):
        candidate.live = False
        return
    if candidate.tier > COMMITMENT and not candidate.listed and _is_claimed(candidate, core, after):
        candidate.tier = COMMITMENT
        return
    if candidate.tier > COMMITMENT and _is_mentioned(candidate, core):
        candidate.live = False


def _is_claimed(candidate: Candidate, core: str, after: str) -> bool:
    stem = core.rstrip(" \t,:\u2014-")
    sentence = _SENTENCE_END.split(stem)[-1].lstrip(_OPENERS)
    stops = phrases.STOP_AFTER.match(after) is not None
    if not sentence:
        # A sentence that is nothing but the value: "Sure! 42."
        return stops and after[:1] not in (":", "?") and not stem.endswith(("e.g.", "i.e."))
    if candidate.weak and (not stops or after[:1] == ":"):
        return False
    if candidate.weak and candidate.key == "1" and not sentence.endswith(" is"):
        # "Here is one", "I choose one": a pronoun.
        return False
    first = phrases.FIRST_PERSON.search(sentence)
    if first:
        if phrases.ASKED.search(sentence[: first.start()]):
            return False
        if phrases.HYPOTHETICAL_AUXILIARY.search(sentence[max(0, first.start() - 3) :]):
            return False
        return not phrases.CONDITION.search(sentence[: first.start() + 2]) or (
            re.search(r"\b(?:but|so|instead)\b", sentence[: first.start()]) is not None
        )
    noun = _BE.search(sentence[-60:]) and phrases.NOUN_IS.search(sentence)
    if noun:
        if phrases.OF_ANY.search(sentence[: noun.start()]):
            return False
        claim = sentence[max(0, noun.start() - 25) :]
        return phrases.NO_CLAIM.isdisjoint(_WORDS.findall(claim))
    if phrases.EAGER_OPENING.search(sentence):
        return phrases.HYPOTHETICAL.search(_CLAUSE_END.split(sentence)[-1]) is None
    return stops and phrases.OPENING.search(sentence) is not None


def _is_mentioned(candidate: Candidate, core: str) -> bool:
    """Whether the clause before the candidate keeps it from being the answer."""
    if phrases.ALL_BUT.search(core[-40:]):
        return True
    clause = _CLAUSE_END.split(core)[-1]
    words = _WORDS.findall(clause)
    if not words:
        return core.endswith(("e.g.,", "e.g.", "i.e."))
    head = next((word for word in reversed(words) if word not in phrases.SKIPPED), "")
    if head in phrases.TAKEN_BACK or not phrases.MENTIONING.isdisjoint(words) or "%" in clause:
        return True
    if head in phrases.GIVING:
        return candidate.key.strip("-10") == ""
    return phrases.HYPOTHETICAL.search(clause) is not None
