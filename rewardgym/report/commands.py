"""The commands that repeat a run: flags where its variants are a grid, some Python where not.

In: what a run stores of its plan. Out: command lines. They are rebuilt from the stored variants and
decoding settings and checked against them, because the command that was typed is not stored and a
grid has many spellings.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rewardgym.policies.decoding import Decoding
from rewardgym.records import RecordStore
from rewardgym.repeating import setting_flags, source_flags, variant_flags
from rewardgym.report.results import METHODS


def repeat_commands(store: RecordStore, run: str) -> Iterator[str]:
    """The commands that make the run in ``store``, called ``run``, and its tables again."""
    cells = store.cells()
    for method in METHODS:
        config = store.get_config(method)
        if config is not None:
            own = (c for c in cells if c.policy.get("method", "sampled") == method)
            policies = list({cell.checkpoint: cell.policy for cell in own}.values())
            yield _sweep_command(config, policies, method, run)
    yield f"rewardgym rates {shlex.quote(run)} --by checkpoint,field,encoding,arm --format csv"
    yield f"rewardgym report {shlex.quote(run)}"


def _sweep_command(
    config: Mapping[str, Any], policies: Sequence[Mapping[str, Any]], method: str, run: str
) -> str:
    """The command that makes the run again, or the Python that does where its variants are no
    grid or its policies have no name on the command line."""
    flags = variant_flags(list(config["variants"]))
    if flags is None or not policies or not all(map(_is_named, policies)):
        return _python(config, policies, method, run)
    words = ["rewardgym", "sweep", *source_flags(policies), *flags]
    words += ["--n", str(config["n"]), "--seed", str(config["seed"])]
    words += [*setting_flags(policies[0]), "--out", "runs/again"]
    return shlex.join(words)


def _is_named(policy: Mapping[str, Any]) -> bool:
    """Whether a flag gives this policy again: no object of Python, no model in training."""
    return policy.get("policy") == "scripted" or (
        policy.get("policy") == "transformers" and "run" not in policy
    )


def _python(
    config: Mapping[str, Any],
    policies: Sequence[Mapping[str, Any]],
    method: str,
    run: str,
) -> str:
    """What repeats the run in Python, its variants taken from the run itself."""
    names = [str(one.get("reference") or one.get("name")) for one in policies if _is_named(one)]
    given = repr(names) if names and len(names) == len(policies) else "policies"
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
