"""Who imports whom: downwards only, and what is heavy only where it belongs.

Kept over the syntax tree, so that imports inside functions count; those under TYPE_CHECKING do not.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "rewardgym", ROOT / "envs" / "rewardgym_envs")

LEVELS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    (
        *("cli", "cli_sweep", "cli_stats", "cli_plan", "cli_output", "cli_train", "cli_watch"),
        *("cli_report", "cli_view", "cli_export"),
    ),
    ("demo",),
    (
        *("report", "export", "sweeps", "measuring", "early_stopping", "watching", "arrivals"),
        "appending",
        *("training", "testing", "registration"),
    ),
    ("plans", "plots", "repeating"),
    ("metrics", "policies", "exact", "rewardgym_envs"),
    (
        *(
            "records",
            "record_file",
            "record_schema",
            "law_records",
            "prompts",
            "answers",
            "reading",
        ),
        *("checkpoints", "progress", "organisms"),
    ),
    ("variants", "presets", "cli_factors"),
    ("factor_checks",),
    ("families", "hints", "encodings", "brainfuck", "brainfuck_compiler"),
    ("wordings", "names", "outcomes"),
)
"""From the top down; parts of one level may import each other, but no part one above it."""

HEAVY = {
    "torch": ("policies.transformers", "exact", "training"),
    "transformers": ("policies.transformers", "exact", "training"),
    "peft": ("policies.transformers", "exact", "training"),
    "trl": ("training",),
    "datasets": ("training",),
    "accelerate": ("policies.transformers", "exact", "training"),
    "matplotlib": ("plots",),
    "pyarrow": ("export",),
    "jinja2": ("report",),
    "pandas": ("metrics", "report", "plots", "export", "training"),
    "statsmodels": ("metrics", "report"),
    "typer": ("cli",),
}
"""A package, and the modules whose names begin so: no other may import it."""

LAZY = ("pandas", "statsmodels", "scipy", "matplotlib", "peft", "accelerate")
"""Imported inside functions only, so that what does not need them does not pay for them."""


def module_of(file: Path) -> str:
    """``policies.scripted`` for rewardgym/policies/scripted.py, ``rewardgym_envs.spaces`` there."""
    source = next(s for s in SOURCES if s in file.parents)
    parts = file.relative_to(source).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts if source.name == "rewardgym" else (source.name, *parts))


def files() -> list[Path]:
    return sorted(file for source in SOURCES for file in source.rglob("*.py"))


def imports(source: str, package: str) -> Iterator[tuple[str, int, bool]]:
    """Every imported name with its line, and whether it is imported when the module is loaded.
    ``package`` is where relative imports start."""

    def walk(node: ast.AST, top: bool) -> Iterator[tuple[str, int, bool]]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for other in node.orelse:
                yield from walk(other, top)
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, top
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if node.level:
                name = importlib.util.resolve_name("." * node.level + name, package)
            for alias in node.names:
                yield f"{name}.{alias.name}", node.lineno, top
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, top and not inside)

    yield from walk(ast.parse(source), True)


def part(name: str) -> str | None:
    """The part of our packages that an imported name belongs to; None for the package itself and
    for other people's."""
    head, _, rest = name.partition(".")
    if head == "rewardgym_envs":
        return head
    first = rest.partition(".")[0]
    return first if head == "rewardgym" and first and not first.startswith("__") else None


def level(name: str) -> int:
    found = [i for i, names in enumerate(LEVELS) if name in names]
    assert found, f"{name!r} has no level yet: add it to LEVELS"
    return found[0]


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What a module imports though it must not, a line each."""
    found = []
    full = module if module.startswith("rewardgym_envs") else f"rewardgym.{module}".rstrip(".")
    package = full if is_package else full.rpartition(".")[0]
    own = part(full)
    for name, line, top in imports(source, package):
        other, head = part(name), name.partition(".")[0]
        if own and other and own != other and level(other) < level(own):
            found.append(f"{module}:{line} imports {name}, which is above it")
        allowed = HEAVY.get(head)
        if allowed is not None and not module.startswith(allowed):
            found.append(f"{module}:{line} imports {head}; only {', '.join(allowed)} may")
        if top and head in LAZY and not module.startswith(("policies.transformers", "training")):
            found.append(f"{module}:{line} imports {head} when it is loaded")
    return found


@pytest.mark.parametrize("file", files(), ids=lambda file: module_of(file) or "rewardgym")
def test_a_module_imports_downwards_only(file: Path) -> None:
    module = module_of(file)
    is_package = file.name == "__init__.py"
    assert violations(file.read_text(encoding="utf-8"), module, is_package=is_package) == []


def test_every_part_of_the_library_has_a_level() -> None:
    parts = {
        part(f"rewardgym.{module_of(f)}".rstrip(".")) for f in (ROOT / "rewardgym").rglob("*.py")
    }
    assert {p for p in parts if p is not None} <= {name for names in LEVELS for name in names}


def test_parts_of_one_level_do_not_import_each_other_in_circles() -> None:
    edges: dict[str, set[str]] = {}
    for file in files():
        module = module_of(file)
        own = part(module if module.startswith("rewardgym_envs") else f"rewardgym.{module}")
        for name, _, _ in imports(file.read_text(encoding="utf-8"), "rewardgym"):
            other = part(name)
            if own and other and own != other:
                edges.setdefault(own, set()).add(other)

    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        for other in edges.get(start, set()) - seen:
            seen.add(other)
            if other == goal or reaches(other, goal, seen):
                return True
        return False

    assert [name for name in edges if reaches(name, name, set())] == []


# The test itself is tested: each of these made-up sources breaks one rule.


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("metrics.rates", "from rewardgym.sweeps import Run", "sweeps.Run, which is above it"),
        ("metrics.rates", "from rewardgym import sweeps", "rewardgym.sweeps, which is above it"),
        ("variants", "import rewardgym.prompts", "rewardgym.prompts, which is above it"),
        ("names", "def f():\n    from rewardgym.variants import grid", "names:2 imports"),
        ("records", "try:\n    import rewardgym.cli\nexcept ImportError:\n    pass", "records:2"),
        ("policies.base", "from ..sweeps import Run", "rewardgym.sweeps.Run, which is above it"),
        ("answers", "import rewardgym_envs.spaces", "rewardgym_envs.spaces, which is above it"),
        ("rewardgym_envs.spaces", "from rewardgym.report import curves", "which is above it"),
        ("sweeps", "import torch", "imports torch; only policies.transformers, exact, training"),
        ("policies.base", "def f():\n    import torch.nn as nn", "imports torch"),
        ("policies.scripted", "from transformers import AutoModel", "imports transformers"),
        ("metrics.rates", "def f():\n    import matplotlib.pyplot", "only plots may"),
        ("plots.curves", "import matplotlib", "imports matplotlib when it is loaded"),
        ("metrics.rates", "import pandas as pd", "imports pandas when it is loaded"),
        ("demo", "if TYPE_CHECKING:\n    pass\nelse:\n    import torch", "imports torch"),
        ("demo", "class A:\n    import scipy.stats", "imports scipy when it is loaded"),
    ],
)
def test_the_check_finds_what_breaks_a_rule(module: str, source: str, said: str) -> None:
    found = violations(source, module)
    assert len(found) == 1 or "matplotlib" in source, found
    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("metrics.rates", "from rewardgym.records import Run"),
        ("metrics.rates", "from rewardgym.metrics.intervals import wilson"),
        ("metrics.rates", "if TYPE_CHECKING:\n    from rewardgym.sweeps import Plan"),
        ("metrics.rates", "import typing\nif typing.TYPE_CHECKING:\n    import pandas as pd"),
        ("metrics.rates", "def f():\n    import pandas as pd"),
        ("cli", "def f():\n    from rewardgym.demo import run_demo"),
        ("policies.transformers_loading", "import torch"),
        ("plots.curves", "def f():\n    import matplotlib"),
        ("names", "import torchlight, rewardgymnastics"),
        ("cli", "from rewardgym import __version__"),
    ],
)
def test_the_check_lets_pass_what_keeps_the_rules(module: str, source: str) -> None:
    assert violations(source, module) == []
