"""The commands that repeat a run: flags where its variants are a grid, some Python where not.

In: what a run stores of its plan. Out: command lines. They are rebuilt from the stored variants and
decoding settings and checked against them, because the command that was typed is not stored and a
grid has many spellings.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from rewardgym.checkpoints import CheckpointError, find_checkpoints
from rewardgym.families import get_family
from rewardgym.policies.decoding import Decoding
from rewardgym.records import RecordStore
from rewardgym.report.results import METHODS
from rewardgym.variants import FACTORS, Variant, grid


def repeat_commands(store: RecordStore, run: str) -> Iterator[str]:
    """The commands that make the run in ``store``, called ``run``, and its tables again."""
    cells = store.cells()
    for method in METHODS:
        config = store.get_config(method)
        if config is not None:
            policies = [c.policy for c in cells if c.policy.get("method", "sampled") == method]
            yield _sweep_command(config, policies, method, run)
    yield f"rewardgym rates {shlex.quote(run)} --by checkpoint,field,encoding,arm --format csv"
    yield f"rewardgym report {shlex.quote(run)}"


def _sweep_command(
    config: Mapping[str, Any], policies: Sequence[Mapping[str, Any]], method: str, run: str
) -> str:
    """The command that makes the run again, or the Python that does where its variants are no
    grid or its policies have no name on the command line."""
    sources = list(dict.fromkeys(_source(policy) for policy in policies))
    flags = grid_flags(config["variants"])
    if flags is None or not sources or None in sources:
        return _python(config, sources, policies, method, run)
    words = ["rewardgym", "sweep"]
    words += [word for source in _shortened(sources) for word in source]
    words += [*flags, "--n", str(config["n"]), "--seed", str(config["seed"])]
    words += _method_flags(policies[0], method)
    return " ".join(shlex.quote(word) for word in [*words, "--out", "runs/again"])


def _source(policy: Mapping[str, Any]) -> tuple[str, str] | None:
    """The flag and the name that give this policy again; None for an object of Python."""
    if policy.get("policy") == "scripted":
        return "--policy", str(policy["name"])
    if policy.get("policy") != "transformers" or "run" in policy:
        return None
    name = str(policy.get("reference"))
    revision = policy.get("revision")
    return "--checkpoints", f"{name}@{revision}" if revision and "@" not in name else name


def _shortened(sources: Sequence[Any]) -> list[tuple[str, str]]:
    """The sources, the shipped series by its name where all of it was asked."""
    names = [name for _, name in sources]
    for series in ("organism", "organism:random"):
        try:
            shipped = {checkpoint.name for checkpoint in find_checkpoints(series)}
        except CheckpointError:
            continue
        folder = f"rewardgym/organisms/{series.replace(':', '-')}"
        own = [name for name in names if PurePath(name).parent.as_posix().endswith(folder)]
        if own == names and {PurePath(name).name for name in names} == shipped:
            return [("--checkpoints", series)]
    return [(flag, name) for flag, name in sources]


def grid_flags(variants: Sequence[str]) -> list[str] | None:
    """The flags whose grid is these variants, None where they are no grid."""
    wanted = [Variant.parse(text) for text in variants]
    standard = [v for v in wanted if v.high == _usual_high(v)]
    for twins in (True, False):
        for given in (standard, [v for v in wanted if v.arm != "agree"], wanted):
            for left_out in (("ask", "high"), ("high",), ()):
                chosen = _values(given, left_out)
                if given and _makes(chosen, twins, wanted):
                    words = [w for name, found in chosen.items() for w in _flag(name, found)]
                    return [*words, *([] if twins else ["--no-twins"])]
    return None


def _usual_high(variant: Variant) -> str:
    return get_family(variant.family).side_names[1]


def _values(given: Sequence[Variant], left_out: Sequence[str]) -> dict[str, list[Any]]:
    """Each factor's values, where they are not just the default."""
    values = {
        name: list(dict.fromkeys(getattr(v, name) for v in given))
        for name in FACTORS
        if name not in left_out
    }
    return {name: found for name, found in values.items() if found != [getattr(Variant(), name)]}


def _makes(chosen: Mapping[str, list[Any]], twins: bool, wanted: Sequence[Variant]) -> bool:
    if math.prod(map(len, chosen.values())) > 2 * len(wanted):
        return False
    factors: dict[str, Any] = dict(chosen)
    try:
        return set(grid(twins=twins, **factors)) == set(wanted)
    except ValueError:
        return False


def _flag(name: str, values: Sequence[Any]) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    texts = [str(v).lower() if isinstance(v, bool | None) else f"{v}" for v in values]
    if any("," in text or any(c.isspace() for c in text) for text in texts):
        return [word for text in texts for word in (flag, text)]
    return [flag, ",".join(texts)]


def _method_flags(policy: Mapping[str, Any], method: str) -> list[str]:
    words = {"exact": ["--exact"], "chains": ["--chains"]}.get(method, [])
    if method == "sequential":
        flag = "--until-excess" if policy.get("until_of") == "excess" else "--until"
        words = [flag, str(policy.get("until"))]
    standard = Decoding().describe()
    for name in ("max_new_tokens", "temperature", "top_p", "top_k", "min_p", "prefill", "template"):
        if name in policy and policy[name] != standard[name]:
            words += [f"--{name.replace('_', '-')}", str(policy[name])]
    if policy.get("thinking") is not None:
        words.append("--thinking" if policy["thinking"] else "--no-thinking")
    if policy.get("dtype") not in (None, "auto"):
        words += ["--dtype", str(policy["dtype"])]
    if method in ("exact", "chains"):
        words += ["--cut", f"{policy['cut']:g}", "--digits", str(policy["digits"])]
        words += ["--close", policy["close"]] if policy.get("close") not in (None, "auto") else []
    return words


def _python(
    config: Mapping[str, Any],
    sources: Sequence[tuple[str, str] | None],
    policies: Sequence[Mapping[str, Any]],
    method: str,
    run: str,
) -> str:
    """What repeats the run in Python, its variants taken from the run itself."""
    names = [source[1] for source in sources if source is not None]
    given = repr(names) if names and len(names) == len(sources) else "policies"
    laws = {"exact": "exact=True", "chains": "exact=Exact(chains=True)"}.get(method)
    standard, found = Decoding().describe(), policies[0] if policies else {}
    changed = {k: found[k] for k in asdict(Decoding()) if k in found and found[k] != standard[k]}
    decoding = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    early = f"until={found['until']}" if method == "sequential" and "until" in found else None
    more = [f"n={config['n']}", f"seed={config['seed']}", "twins=False", laws, early]
    more += [f"decoding=Decoding({decoding})" if decoding else None, "out='runs/again'"]
    return (
        f"# in Python: its variants are no grid of flags, or its policies are objects\n"
        f"config = rewardgym.Run({run!r}).open().get_config({method!r})\n"
        "variants = [rewardgym.Variant.parse(name) for name in config['variants']]\n"
        f"rewardgym.sweep({given}, variants, {', '.join(filter(None, more))})"
    )
