"""The reference: a page for every public module, written by mkdocstrings from the docstrings.

In: the list of public modules below. Out: pages that name what is to be shown. Packages load their
names when first used, so those are read off the source by griffe: nothing heavy is imported, and
the site can be built without torch.
"""

from __future__ import annotations

from pathlib import Path

import griffe
from roles import as_markdown
from site_page import Generated

PUBLIC = (
    "rewardgym.variants",
    "rewardgym.prompts",
    "rewardgym.presets",
    "rewardgym.families",
    "rewardgym.hints",
    "rewardgym.encodings",
    "rewardgym.wordings",
    "rewardgym.answers",
    "rewardgym.outcomes",
    "rewardgym_envs.reward_hint",
    "rewardgym_envs.reward_hint_vector",
    "rewardgym.policies",
    "rewardgym.policies.decoding",
    "rewardgym.checkpoints",
    "rewardgym.sweeps",
    "rewardgym.plans",
    "rewardgym.records",
    "rewardgym.exact",
    "rewardgym.metrics",
    "rewardgym.plots",
    "rewardgym.export",
    "rewardgym.training",
    "rewardgym.training.rewards",
    "rewardgym.watching",
    "rewardgym.testing",
)
"""The public modules, in the order in which one meets them."""


def reference_pages(root: Path) -> list[Generated]:
    """The overview and a page a module; modules that a checkout does not have are left out."""
    loader = griffe.GriffeLoader(search_paths=[root, root / "envs"])
    for package in ("rewardgym", "rewardgym_envs"):
        loader.load(package)
    loader.resolve_aliases(implicit=True)
    modules = [_module(loader, name) for name in PUBLIC]
    pages = [_page(module) for module in modules if module is not None]
    return [_overview([module for module in modules if module is not None]), *pages]


def names_of(module: griffe.Module) -> list[str]:
    """The full names of what a package offers from the modules in it; a plain module offers what
    it defines, so nothing is listed."""
    if not module.is_init_module:
        return []
    inside = f"{module.path}."
    targets = [
        _home_of(member)
        for name, member in module.members.items()
        if isinstance(member, griffe.Alias | griffe.Function) and not name.startswith("_")
    ]
    return sorted({target for target in targets if target.startswith(inside)})


def _home_of(member: griffe.Object | griffe.Alias) -> str:
    """The full name under which a member is defined."""
    if not isinstance(member, griffe.Alias):
        return member.path
    return member.final_target.path if member.resolved else member.target_path


def _module(loader: griffe.GriffeLoader, name: str) -> griffe.Module | None:
    package, _, rest = name.partition(".")
    found = loader.modules_collection[package]
    for part in rest.split("."):
        if part not in found.members:
            return None
        found = found.members[part]
    return found if isinstance(found, griffe.Module) else None


def _docstring(module: griffe.Module) -> tuple[str, str]:
    """The first sentence and the whole of a module's docstring, as Markdown."""
    text = as_markdown(module.docstring.value) if module.docstring is not None else ""
    first, _, rest = text.partition("\n\n")
    return " ".join(first.split()), rest


def _page(module: griffe.Module) -> Generated:
    names = names_of(module)
    lines = [f"# {module.path}", ""]
    if names:
        lines += [*_docstring(module), ""]
        for name in names:
            lines += [f"::: {name}", ""]
    else:
        lines += [
            f"::: {module.path}",
            "    options:",
            "      show_root_heading: false",
            "      show_root_toc_entry: false",
            "",
        ]
    return Generated(_path(module), module.path, "\n".join(lines))


def _overview(modules: list[griffe.Module]) -> Generated:
    lines = [
        "# Reference",
        "",
        "The public modules, from the docstrings. Everything that a first script needs is a name "
        "of `rewardgym` itself:",
        "",
        "| name | stands in |",
        "|---|---|",
        *_top_names(modules),
        "",
        "| module | what it is |",
        "|---|---|",
    ]
    for module in modules:
        link = _path(module).removeprefix("reference/")
        lines.append(f"| [`{module.path}`]({link}) | {_docstring(module)[0]} |")
    return Generated("reference/index.md", "Reference", "\n".join(lines) + "\n")


def _top_names(modules: list[griffe.Module]) -> list[str]:
    """A row for each public name of ``rewardgym``, linked to where it is shown."""
    import rewardgym

    rows = []
    package = modules[0].package
    for name in sorted(set(rewardgym.__all__) - {"__version__"}, key=str.lower):
        if name not in package.members:
            continue
        target = _home_of(package.members[name])
        homes = [m for m in modules if target == m.path or target.startswith(f"{m.path}.")]
        if homes:
            home = max(homes, key=lambda m: len(m.path))
            link = _path(home).removeprefix("reference/")
            link += "" if target == home.path else f"#{target}"
            rows.append(f"| [`rewardgym.{name}`]({link}) | `{home.path}` |")
    return rows


def _path(module: griffe.Module) -> str:
    return f"reference/{module.path}.md"
