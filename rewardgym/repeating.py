"""How to repeat a run: the command that makes it again.

In: an open store. Out: one line for the shell for each method, or the same in Python where flags
cannot say it. A command is given only where it plans exactly the variants that the run has.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from rewardgym.checkpoints import SHIPPED, find_checkpoints, fingerprint
from rewardgym.plans import Exact, with_twins
from rewardgym.policies.decoding import Decoding
from rewardgym.records import Cell, RecordStore
from rewardgym.variants import FACTORS, Variant, grid

MOST_GRID = 10_000
"""Grids larger than this are not tried out: such a list of variants was no grid."""


def repeat_commands(store: RecordStore) -> list[str]:
    """One command a method, in the order of the cells; a line that begins with ``#`` says what a
    command cannot hold."""
    methods: dict[str, list[Cell]] = {}
    for cell in store.cells():
        methods.setdefault(str(cell.policy.get("method", "sampled")), []).append(cell)
    return [_command(store.get_config(method), cells) for method, cells in methods.items()]


def _command(config: dict[str, Any] | None, cells: Sequence[Cell]) -> str:
    if config is None:
        return "# the run does not say what made it; its cells were added by hand"
    policies = list({cell.checkpoint: cell.policy for cell in cells}.values())
    asked = variant_flags(list(config["variants"]))
    own = [p for p in policies if p.get("policy") not in ("scripted", "transformers")]
    if own:
        return f"# {len(own)} policies of the user's own: rewardgym.sweep(policy, variants, ...)"
    if asked is None:
        return (
            "# rewardgym.sweep(...) with the variants in the column ``variant``: no grid of flags"
        )
    flags = [
        *source_flags(policies),
        *asked,
        "--n",
        str(config["n"]),
        "--seed",
        str(config["seed"]),
    ]
    flags += setting_flags(policies[0])
    return shlex.join(["rewardgym", "sweep", *flags, "--out", "runs/again"])


def source_flags(policies: Sequence[Any]) -> list[str]:
    """The flags that name these checkpoints and scripted policies again."""
    series = _shipped(policies)
    if series is not None:
        return ["--checkpoints", series]
    found: dict[tuple[str, str], None] = {}
    for policy in policies:
        scripted = policy["policy"] == "scripted"
        found["--policy" if scripted else "--checkpoints", _reference(policy)] = None
    return [word for pair in found for word in pair]


def _shipped(policies: Sequence[Any]) -> str | None:
    """The name of the shipped series that these checkpoints are, wherever it was installed."""
    prints = {policy.get("fingerprint") for policy in policies}
    for name in SHIPPED:
        if prints == {fingerprint(one) for one in find_checkpoints(name)}:
            return name
    return None


def _reference(policy: Any) -> str:
    revision = policy.get("revision")
    known = policy.get("reference") or policy.get("name") or policy["checkpoint"]
    return f"{known}@{revision}" if policy.get("kind") == "hub" and revision else str(known)


def variant_flags(ids: list[str]) -> list[str] | None:
    """The flags whose grid is exactly these variants, None where there are none such."""
    variants = [Variant.parse(id_) for id_ in ids]
    wanted = set(variants)
    twins = {v.twin() for v in variants if v.arm == "conflict"}
    heads = [v for v in variants if v not in twins] or variants
    mirrored = [v for v in heads if v.ask == Variant(family=v.family).ask]
    tries = (
        (heads, False, True),
        (mirrored, True, True),
        (variants, False, False),
    )
    for chosen, mirror, twinned in tries:
        values = _values(chosen)
        if values is None or set(with_twins(_grid(values, mirror), twinned)) != wanted:
            continue
        words = [w for name, texts in values.items() for w in _flag(name, texts)]
        return [*words, *(["--mirror"] if mirror else []), *([] if twinned else ["--no-twins"])]
    return None


def _values(variants: Sequence[Variant]) -> dict[str, list[Any]] | None:
    """The values of each factor that is not at its default; None where they are no grid."""
    found = {}
    size = 1
    for name in FACTORS:
        values = list(dict.fromkeys(getattr(variant, name) for variant in variants))
        if values == [getattr(Variant(), name)] or not values:
            continue
        if name in ("ask", "high") and _follows(variants, name):
            continue  # a family's own sides, which it takes by itself
        found[name] = values
        size *= len(values)
    return found if variants and size <= MOST_GRID else None


def _follows(variants: Sequence[Variant], name: str) -> bool:
    return all(getattr(v, name) == getattr(Variant(family=v.family), name) for v in variants)


def _is_text(value: object) -> bool:
    """Whether a value could not stand in a comma list."""
    return isinstance(value, str) and (not value or any(c.isspace() or c == "," for c in value))


def _grid(values: dict[str, Any], mirror: bool) -> list[Variant]:
    try:
        return grid(**values, mirror=mirror)
    except ValueError:  # values that do not go together: the run was no grid
        return []


def _flag(name: str, values: list[Any]) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    texts = [str(v).lower() if isinstance(v, bool) or v is None else str(v) for v in values]
    if len(texts) > 1 and any(_is_text(value) for value in values):
        return [word for text in texts for word in (flag, text)]
    return [flag, ",".join(texts)]


def setting_flags(policy: Any) -> list[str]:
    """Flags for decoding and method, where they are not what a plain sweep does."""
    words: list[str] = []
    plain = Decoding()
    for name in ("max_new_tokens", "temperature", "top_p", "top_k", "min_p", "prefill", "template"):
        if policy.get(name, getattr(plain, name)) != getattr(plain, name):
            words += [f"--{name.replace('_', '-')}", str(policy[name])]
    if policy.get("thinking") is not None:
        words.append("--thinking" if policy["thinking"] else "--no-thinking")
    if policy.get("dtype", "auto") != "auto":
        words += ["--dtype", str(policy["dtype"])]
    method = policy.get("method", "sampled")
    if method in ("exact", "chains"):
        usual = Exact().describe()
        words.append(f"--{method}")
        for name in ("cut", "digits", "close"):
            if policy.get(name) != usual[name]:
                words += [f"--{name}", str(policy.get(name))]
    if method == "sequential":
        flag = "--until-excess" if policy.get("until_of") == "excess" else "--until"
        words += [flag, str(policy["until"])]
    return words
