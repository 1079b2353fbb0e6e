"""The fast slice of the validity suite, part by part, and the committed page of the full one.

What is measured here is measured again, with more runs, by ``benchmarks/validity.py``. A
requirement that is known to be missed is named in its ``shortcomings``; nothing else may be.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import rewardgym

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "validity.md"


def load() -> ModuleType:
    """The benchmark: its files lie outside the packages, and its folder leaves the path again."""
    spec = importlib.util.spec_from_file_location("validity", ROOT / "benchmarks/validity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


validity = load()
suite: Any = sys.modules["suite"]
known: Any = sys.modules["shortcomings"]


# The fast slice


LONG = ("coverage, simulated", "false positives, simulated", "whole runs")
"""Parts whose fast slice takes several seconds; the others, and each metric's own tests, are
enough between two commits."""


@pytest.mark.parametrize(
    "part",
    [pytest.param(p, marks=[pytest.mark.slow] if p in LONG else []) for p in validity.PARTS],
)
def test_a_part_of_the_fast_slice_misses_nothing_but_what_is_known(part: str) -> None:
    tables = validity.PARTS[part](0, True)
    assert all(table.rows for table in tables)
    for row in suite.missed(tables):
        assert row.what in known.KNOWN, validity.said(part, row)
        least, most = known.KNOWN[row.what].least, known.KNOWN[row.what].most
        assert least <= row.share <= most, validity.said(part, row)


# The suite itself


def test_walds_interval_would_be_caught() -> None:
    # 10 of 40 and the like: without Wilson's correction the mean coverage is some 90% at n = 40
    # (L. D. Brown, T. T. Cai, A. DasGupta, Statistical Science 16 (2001) 101-133, section 2).
    exact = sys.modules["coverage_exact"]
    k, rates = np.arange(41), exact.RATES
    reach = 1.96 * np.sqrt(k / 40 * (1 - k / 40) / 40)
    inside = (np.abs(k / 40 - rates[:, None]) <= reach).T
    row = suite.coverage_row("wald", "n = 40", (exact.law_of(40, rates) * inside).sum(0), rates)
    assert not row.met
    assert row.share < 0.93


def test_a_guarantee_is_broken_by_one_rate() -> None:
    held, rates = [0.99, 0.949, 0.99], np.array([0.1, 0.2, 0.3])
    row = suite.coverage_row("some", "n = 5", held, rates, guaranteed=True)
    assert (row.met, row.figures[3]) == (False, "p = 0.2")
    assert suite.coverage_row("some", "n = 5", [0.95, 0.99, 1.0], rates, guaranteed=True).met


def test_too_wide_is_as_wrong_as_too_short() -> None:
    rates = np.array([0.1, 0.2])
    said = [suite.coverage_row("", "", [share] * 2, rates).met for share in (0.93, 0.95, 0.98)]
    assert said == [False, True, False]


def test_a_simulated_error_rate_has_two_standard_errors_and_no_more() -> None:
    # At 1,000 runs one standard error of 5% is 0.69%.
    assert [suite.false_row("", "", hits, 1000).met for hits in (50, 63, 64)] == [True, True, False]


def test_a_summed_error_rate_has_none() -> None:
    assert not suite.size_row("", "", [0.04, 0.0501], np.array([0.1, 0.2])).met
    assert suite.size_row("", "", [0.04, 0.05], np.array([0.1, 0.2])).met


def test_power_has_three_points_either_way() -> None:
    said = [suite.power_row("", "", 9, 0.8, share, 0.01).met for share in (0.765, 0.775, 0.835)]
    assert said == [False, True, False]


def test_what_was_missed_is_listed_and_ends_with_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = suite.Table("Title", "Note.", suite.SIZE_COLUMNS)
    table.rows.append(suite.false_row("some test", "n = 7", 90, 1000))
    monkeypatch.setattr(validity, "PARTS", {"one": lambda seed, quick: [table]})
    out = tmp_path / "page.md"
    assert validity.main(["--seed", "3", "--out", str(out)]) == 1
    assert "one: some test, n = 7: 9.00%" in capsys.readouterr().err
    assert "**missed**" in out.read_text("utf-8")
    table.rows[0] = suite.false_row("some test", "n = 7", 40, 1000)
    assert validity.main(["--seed", "3", "--out", str(out)]) == 0
    assert "None." in out.read_text("utf-8")


def test_two_parts_or_seeds_have_no_stream_in_common() -> None:
    firsts = {float(suite.stream(*at).random()) for at in ((0, 1, 2), (0, 2, 1), (1, 1, 2))}
    assert len(firsts) == 3
    assert suite.stream(0, 1, 2).random() in firsts


# The committed page


def test_the_page_names_its_command_and_was_written_by_this_version() -> None:
    page = PAGE.read_text("utf-8")
    command = "python benchmarks/validity.py --seed 0 --out docs/validity.md"
    assert f"Written by `{command}` (rewardgym {rewardgym.__version__}," in page
    assert f"Parts: {', '.join(validity.PARTS)}." in page
    assert re.findall(r"^## (.*)$", page, re.MULTILINE)[1:] == list(validity.PARTS)


def test_the_page_lists_each_row_that_it_marks_as_missed_and_each_is_known() -> None:
    page = PAGE.read_text("utf-8")
    marked = re.findall(r"^\| ([^|]+) \| .*\*\*missed\*\* \|$", page, re.MULTILINE)
    assert f"## Missed: {len(marked)} of " in page
    assert set(marked) <= set(known.KNOWN)
    for name in set(marked):
        assert f"- *{name}*: {known.KNOWN[name].reason}" in page
