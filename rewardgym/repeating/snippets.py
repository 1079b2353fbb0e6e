"""A run in Python: what repeats it where flags cannot.

In: what was planned. Out: a snippet that runs as it stands, but for objects of the user's own,
which it takes from a mapping ``policies``. Every value in it is written by ``repr``: text from
anywhere is a literal, and what cannot be seen an escape.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rewardgym.plans import Exact, Until
from rewardgym.repeating.grids import Grid
from rewardgym.repeating.sources import Source, decoding_code, source_codes

MOST_LISTED = 100
"""Variants that a snippet lists; more it takes from the run."""

_HOMES = {
    "Checkpoint": "rewardgym.checkpoints",
    "Exact": "rewardgym.plans",
    "Until": "rewardgym.plans",
    "Decoding": "rewardgym.policies.decoding",
}
"""Where a snippet imports from what it calls."""


def snippet(
    config: Mapping[str, Any],
    sources: Sequence[Source],
    grid: Grid | None,
    method: str,
    run: str,
    out: str,
    note: str,
    why: str,
) -> str:
    """The snippet. ``why`` no flags do is told above it, then ``note``."""
    policies = source_codes(sources)
    own = ", ".join(f"{one.name!r}: ..." for one in sources if one.own)
    lines = [f"# policies = {{{own}}}  # objects of your own, by their names"] if own else []
    lines += [*_variants(config, grid, method, run), "rewardgym.sweep("]
    if len(policies) == 1:
        lines.append(f"    {policies[0]},")
    else:
        lines += ["    [", *(f"        {one}," for one in policies), "    ],"]
    settings = [*_settings(config, sources, grid), f"out={out!r}"]
    body = "\n".join([*lines, "    variants,", *(f"    {one}," for one in settings), ")"])
    head = [f"# rewardgym.sweep(...){why}", *note.splitlines(), "import rewardgym"]
    return "\n".join([*head, *_imports(body), "", body])


def _imports(body: str) -> Iterator[str]:
    """The imports of what the code calls; a name within a text is no call."""
    nodes = [node.func for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Call)]
    called = {node.id for node in nodes if isinstance(node, ast.Name)}
    yield from (f"from {home} import {name}" for name, home in _HOMES.items() if name in called)


def _variants(config: Mapping[str, Any], grid: Grid | None, method: str, run: str) -> Iterator[str]:
    ids = list(config["variants"])
    if grid is not None:
        yield f"variants = {grid.code()}"
        return
    if len(ids) <= MOST_LISTED:
        yield from ["ids = [", *(f"    {one!r}," for one in ids), "]"]
    else:
        yield f"with rewardgym.Run({run!r}).open() as store:"
        yield f"    ids = store.get_config({method!r})['variants']"
    yield "variants = [rewardgym.Variant.parse(one) for one in ids]"


def _settings(
    config: Mapping[str, Any], sources: Sequence[Source], grid: Grid | None
) -> Iterator[str]:
    """The keywords of the sweep."""
    yield f"n={config['n']}"
    yield f"seed={config['seed']}"
    if grid is None or not grid.twins:
        yield "twins=False"
    loaded = next((one.policy for one in sources if one.is_checkpoint), None)
    if loaded is not None:
        decoding = decoding_code(loaded)
        if decoding is not None:
            yield f"decoding={decoding}"
        if loaded.get("dtype", "auto") != "auto":
            yield f"dtype={loaded['dtype']!r}"
    yield from _method(sources[0].policy)


def _method(policy: Mapping[str, Any]) -> Iterator[str]:
    method = policy.get("method", "sampled")
    if method in ("exact", "chains"):
        usual = Exact().describe()
        given = {name: policy.get(name, usual[name]) for name in ("cut", "digits", "close")}
        words = [f"{name}={value!r}" for name, value in given.items() if value != usual[name]]
        words += ["chains=True"] if method == "chains" else []
        yield f"exact=Exact({', '.join(words)})" if words else "exact=True"
    if method == "sequential":
        words = [f"half_width={policy['until']!r}"]
        words += ["excess=True"] if policy.get("until_of") == "excess" else []
        every = policy.get("look_every", Until(half_width=0.1).every)
        words += [f"every={every!r}"] if every != Until(half_width=0.1).every else []
        yield f"until=Until({', '.join(words)})"
