"""The exact law against draws from ``generate``, on the shipped organism."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft", reason="the organism's checkpoints are adapters")


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The script that compares them, so that test and published table are one computation."""
    path = Path(__file__).parents[1] / "benchmarks" / "exact_agreement.py"
    if not path.exists():
        pytest.skip("benchmarks/ is not here: this is an installed package")
    spec = importlib.util.spec_from_file_location("exact_agreement", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["exact_agreement"] = module
    spec.loader.exec_module(module)
    return module


def test_under_four_settings_a_few_hundred_draws_agree_with_the_law(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = benchmark.variants()
    monkeypatch.setattr(benchmark, "variants", lambda: [every[0], every[8]])
    cells = benchmark.compare("organism", 300, 0)
    assert len(cells) == 8
    assert all(abs(cell.apart) <= 4 for cell in cells)
    assert all(cell.within_bounds for cell in cells)


@pytest.mark.slow
def test_a_hundred_thousand_draws_agree_in_at_least_99_of_100_cells(benchmark: ModuleType) -> None:
    cells = benchmark.compare("organism", 1000, 0)
    assert len(cells) == 100
    assert sum(abs(cell.apart) <= 3 for cell in cells) >= 99
    assert all(cell.within_bounds for cell in cells)
