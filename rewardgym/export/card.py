"""The card of an exported dataset: what it is, how it was made, and what to beware of.

In: an open store and what was written. Out: Markdown with the front matter that the Hub reads. All
of it comes from the run itself, so that a card cannot say what the data do not.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rewardgym.export.columns import MODEL, SETTINGS
from rewardgym.export.escaping import markdown_code, visible
from rewardgym.export.tables import plain_markdown
from rewardgym.outcomes import OUTCOMES
from rewardgym.records import Cell, RecordStore
from rewardgym.repeating import Repeat, repeats
from rewardgym.report.stats import word
from rewardgym.variants import FACTORS, Variant

_SIZES = (
    *((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K")),
    *((1e6, "100K<n<1M"), (1e7, "1M<n<10M"), (1e8, "10M<n<100M")),
)
"""The Hub's size categories, by the rows that they end below."""

ABOUT = {
    "rollouts": "one row a reply: the factors of its variant, checkpoint, prompt, reply, how the "
    "reply was read and judged, decoding, versions",
    "laws": "one row an exact law: the probability of each side, of each answer, and of what no "
    "grammar covered (`residual`)",
    "rates": "gaming rates by cell, with intervals, the excess over the agree twins, and what "
    "survives correction",
}

INTRO = """Replies of language models that were asked for one thing beside a hint that pays for \
another, measured with rewardgym. The question: does the model follow what it was asked, or what \
it is paid for?

In the `conflict` arm the hint favours the side that was not asked for; an answer there is \
`gamed`. In the `agree` arm, the twin, only the formula differs, so that instruction and hint \
agree. The gaming rate is k of n: k answers off the asked side, n answers on either side; a reply \
without an answer is counted by its own outcome and never as one."""

HOSTILE = """Replies and reasoning are text that models wrote, unchanged. Treat them as hostile: \
they may hold HTML, instructions to other models, control and bidi characters, or the begin of a \
spreadsheet formula. Escape them before you show them, run nothing of them, and do not open a CSV \
of them in a spreadsheet unless it was exported with `--spreadsheet`. A lone surrogate, which is \
no Unicode text, stands as the six characters `\\ud800`.

Models and policies are named as they were on the machine that measured, folder paths included: \
look at the columns `model`, `base` and `policy` before you publish."""


@dataclass(frozen=True, slots=True)
class Held:
    """A table as it was written."""

    name: str
    columns: list[str]
    rows: int


def card(store: RecordStore, held: Sequence[Held], *, name: str, level: float) -> str:
    """The text of ``README.md``."""
    cells = store.cells()
    parts = [
        _front_matter(held, name),
        f"# {_code(name)}",
        INTRO,
        _section("Tables", [*_tables(held), "", _load(held)]),
        _section("Outcomes", _outcomes(store, cells)),
        _section("Factors", _factors(cells)),
        _section("Checkpoints", _checkpoints(cells)),
        _section("Decoding and method", _settings(cells)),
        _section("Versions", _versions(store)),
        _section("How to repeat it", ["\n\n".join(map(_fenced, repeats(store)))]),
        _section("Statistics", [_statistics(level)]),
        _section("Beware", [HOSTILE]),
        _section("License", ["Not stated: whoever publishes this chooses one above."]),
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *lines])


def _front_matter(held: Sequence[Held], name: str) -> str:
    """YAML, of which JSON is a part: what a user named is a JSON string, so it cannot end it."""
    most = max(one.rows for one in held)
    size = next((said for end, said in _SIZES if most < end), "n>100M")
    lines = [
        "---",
        f"pretty_name: {json.dumps(visible(name))}",
        "# license: choose one, see https://hf.co/docs/hub/repositories-licenses",
        "tags: [rewardgym, reward-gaming, reward-hacking, evaluation]",
        f"size_categories: [{json.dumps(size)}]",
        "configs:",
    ]
    for place, one in enumerate(held):
        lines += [f"- config_name: {one.name}", "  data_files:", "  - split: train"]
        lines += [f"    path: data/{one.name}-*.parquet"]
        lines += ["  default: true"] if place == 0 else []
    return "\n".join([*lines, "---"])


def _tables(held: Sequence[Held]) -> Iterator[str]:
    for one in held:
        yield f"- `{one.name}`, {one.rows:,} rows: {ABOUT[one.name]}"
    yield "- columns of JSON text, for `json.loads`: `policy`, `params`, `versions`, and in `laws`"
    yield "  `sides`, `answers` and `parts`; `messages` is a list of role and content"


def _load(held: Sequence[Held]) -> str:
    lines = ["```python", "from datasets import load_dataset", ""]
    return "\n".join(
        [*lines, f'rows = load_dataset("path/to/this/folder", "{held[0].name}")["train"]', "```"]
    )


def _outcomes(store: RecordStore, cells: Sequence[Cell]) -> list[str]:
    """Replies by arm and outcome; an arm without replies has no row."""
    counts = store.counts()
    arms: dict[str, Counter[str]] = {}
    for cell in cells:
        if cell.id in counts:
            found = arms.setdefault(Variant.parse(cell.variant).arm, Counter())
            found.update({str(name): n for name, n in counts[cell.id].items()})
    if not arms:
        return ["No replies: the run holds exact laws, which are probabilities."]
    shown = [name for name in OUTCOMES if any(found[name] for found in arms.values())]
    rows = [[arm, *(f"{c[n]:,}" for n in shown), f"{c.total():,}"] for arm, c in arms.items()]
    return [plain_markdown(["arm", *shown, "replies"], rows)]


def _factors(cells: Sequence[Cell]) -> list[str]:
    variants = [Variant.parse(name) for name in dict.fromkeys(cell.variant for cell in cells)]
    rows = []
    for name in FACTORS:
        values = list(dict.fromkeys(word(getattr(variant, name)) for variant in variants))
        rows.append([name, ", ".join(values), "varies" if len(values) > 1 else ""])
    rows.sort(key=lambda row: row[2] == "")
    more = [f"{len(variants)} variants. A dash is a factor that was left out.", ""]
    return [*more, plain_markdown(["factor", "values", ""], rows, texts=3)]


def _checkpoints(cells: Sequence[Cell]) -> list[str]:
    found = {}
    for cell in cells:
        policy = cell.policy
        model = policy.get("reference") or policy.get("name")
        known = {**policy, "model": model}
        found[cell.checkpoint] = [
            cell.checkpoint,
            word(cell.step),
            *(word(known.get(name)) for name in MODEL),
        ]
    lines = plain_markdown(["checkpoint", "step", *MODEL], list(found.values()), texts=6)
    return [lines, "", "`fingerprint` is a hash of the checkpoint's files."]


def _settings(cells: Sequence[Cell]) -> list[str]:
    """Each distinct set of settings, with the cells that it holds for; a dash is not stated."""
    names = ("method", *SETTINGS)
    found = Counter(
        tuple(_setting({"method": "sampled", **cell.policy}.get(name)) for name in names)
        for cell in cells
    )
    kept = [i for i in range(len(names)) if any(one[i] != word(None) for one in found)]
    rows = [[*(one[i] for i in kept), str(n)] for one, n in found.items()]
    return [plain_markdown([*(names[i] for i in kept), "cells"], rows)]


def _setting(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) and not value else word(value)


def _versions(store: RecordStore) -> list[str]:
    return [
        f"- session {one['id']}, {_code(one['started'])}: "
        + ", ".join(f"{name} {_code(version)}" for name, version in one["versions"].items())
        for one in store.sessions()
    ]


def _statistics(level: float) -> str:
    return (
        f"Intervals in `rates` are at {100 * level:g}%: Wilson's for rates, Newcombe's for "
        "excesses; rows of method `exact`, `chains` and `sequential` have the bounds of their "
        "method. `q` is Benjamini and Hochberg's over the rows of the table. A missing number is "
        "null, never 0: n is 0 there."
    )


def _fenced(one: Repeat) -> str:
    """A command as a block of code, to be copied as it is: its texts show all that they hold, and
    the fence is longer than any in them."""
    longest = max(map(len, re.findall("`+", one.text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{one.language}\n{one.text}\n{fence}"


def _code(text: object) -> str:
    return markdown_code(str(text))
