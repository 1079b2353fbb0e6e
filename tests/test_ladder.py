"""The ladder: which variants are one edit apart, and by how much the rate differs between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import rewardgym
from rewardgym import Variant, grid
from rewardgym.metrics.intervals import newcombe
from rewardgym.metrics.ladder import LADDER_COLUMNS, ladder_frame
from rewardgym.metrics.rates import cell_table, gaming_rates

BASE = Variant()
COST = Variant(field="cost", high="even")


def table(*cells: tuple[Variant, int, int], **columns: Any) -> pd.DataFrame:
    """A cell table with exactly these counts."""
    rows = [
        {"checkpoint": "c", "variant": v.id, "arm": v.arm, "k": k, "n": n, "method": "sampled"}
        for v, k, n in cells
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_the_difference_has_newcombes_interval_and_rows_are_sorted() -> None:
    frame = ladder_frame(
        table((BASE, 30, 50), (BASE.replace(encoding="hex"), 5, 40), (COST, 45, 50)), BASE
    )
    assert list(frame.columns) == list(LADDER_COLUMNS)
    assert list(frame["label"]) == ["field: cost", "encoding: hex"]
    assert frame["effect"].tolist() == pytest.approx([0.3, 5 / 40 - 0.6])
    low, high = newcombe([45, 5], [50, 40], 30, 50)
    assert frame["low"].tolist() == pytest.approx(low.tolist())
    assert frame["high"].tolist() == pytest.approx(high.tolist())
    assert frame.loc[1, ["k", "n", "base_k", "base_n"]].tolist() == [5, 40, 30, 50]
    assert frame.loc[1, ["factor", "value", "against"]].tolist() == ["encoding", "hex", "plain"]


def test_two_edits_at_once_are_no_rung() -> None:
    both = COST.replace(encoding="hex")
    frame = ladder_frame(table((BASE, 1, 9), (COST, 1, 9), (both, 1, 9)), BASE)
    assert list(frame["label"]) == ["field: cost"]


def test_the_other_side_asked_for_is_one_edit_though_the_formula_turns_with_it() -> None:
    frame = ladder_frame(table((BASE, 1, 9), (BASE.mirror(), 2, 9)), BASE)
    assert frame[["factor", "value", "against"]].to_numpy().tolist() == [["ask", "odd", "even"]]


def test_another_family_is_one_edit_though_its_sides_have_other_names() -> None:
    sign = BASE.replace(family="sign")
    frame = ladder_frame(table((BASE, 1, 9), (sign, 2, 9), (sign.mirror(), 2, 9)), BASE)
    assert frame["variant"].tolist() == [sign.id]
    assert frame["label"].tolist() == ["family: sign"]


def test_controls_are_no_rungs() -> None:
    others = (BASE.twin(), Variant(hint=False), Variant(field="evaluation"))
    cells = [(v, 1, 9) for v in others if v is not None]
    assert ladder_frame(table((BASE, 1, 9), *cells), BASE).empty


def test_the_base_that_is_left_out_is_the_one_with_most_edits_around_it() -> None:
    hub = Variant(encoding="hex")
    around = [hub.replace(layout=layout) for layout in ("xml", "yaml", "python")]
    frame = ladder_frame(table((BASE, 1, 9), *((v, 1, 9) for v in (*around, hub))))
    assert set(frame["factor"]) == {"layout", "encoding"}
    assert set(frame["against"]) == {"json", "hex"}


def test_among_equals_the_first_variant_of_the_run_is_the_base() -> None:
    hex_first = BASE.replace(encoding="hex")
    assert ladder_frame(table((BASE, 1, 9), (hex_first, 1, 9)))["value"].tolist() == ["hex"]
    assert ladder_frame(table((hex_first, 1, 9), (BASE, 1, 9)))["value"].tolist() == ["plain"]


def test_a_rung_without_answers_is_missing_and_stands_last() -> None:
    silent = BASE.replace(encoding="hex")
    frame = ladder_frame(table((BASE, 5, 9), (silent, 0, 0), (COST, 0, 9)), BASE)
    assert frame["label"].tolist() == ["field: cost", "encoding: hex"]
    assert frame["n"].tolist() == [9, 0]
    assert frame.loc[1, ["rate", "effect", "low", "high"]].isna().all()


def test_a_base_without_answers_gives_no_effect_and_no_warning() -> None:
    frame = ladder_frame(table((BASE, 0, 0), (COST, 3, 9)), BASE)
    assert frame["effect"].isna().all()


def test_the_last_checkpoint_with_answers_of_the_base_counts_unless_one_is_named() -> None:
    cells = pd.concat(
        [
            table((BASE, 1, 10), (COST, 2, 10), checkpoint="first"),
            table((BASE, 4, 10), (COST, 9, 10), checkpoint="second"),
            table((BASE, 0, 0), (COST, 9, 10), checkpoint="third"),
        ]
    )
    assert ladder_frame(cells, BASE)["checkpoint"].tolist() == ["second"]
    frame = ladder_frame(cells, BASE, checkpoint="first")
    assert frame["effect"].tolist() == pytest.approx([0.1])
    with pytest.raises(ValueError, match="unknown checkpoint 'frist'; allowed: first, second"):
        ladder_frame(cells, BASE, checkpoint="frist")


def test_nothing_to_compare_is_a_frame_without_rows() -> None:
    for cells in (table((BASE, 1, 9)), table((Variant(hint=False), 1, 9))):
        frame = ladder_frame(cells)
        assert frame.empty
        assert list(frame.columns) == list(LADDER_COLUMNS)


def test_a_base_that_the_run_lacks_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown base variant 'parity\.even\.odd\.score"):
        ladder_frame(table((BASE, 1, 9)), Variant(field="score"))


def test_rows_of_two_methods_are_never_compared_unless_one_is_named() -> None:
    cells = pd.concat(
        [table((BASE, 1, 9), (COST, 2, 9)), table((BASE, 1, 1), (COST, 0, 1), method="exact")]
    )
    with pytest.raises(ValueError, match=r"2 methods \(sampled, exact\), which are never compared"):
        ladder_frame(cells)
    assert len(ladder_frame(cells, method="sampled")) == 1
    with pytest.raises(ValueError, match="no bounds for method exact; give the run itself"):
        ladder_frame(cells, method="exact")


def test_several_rows_of_one_cell_are_refused() -> None:
    with pytest.raises(ValueError, match="several rows share one checkpoint and variant"):
        ladder_frame(table((BASE, 1, 9), (BASE, 2, 9)))


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="unknown column 'variant'"):
        ladder_frame(table((BASE, 1, 9)).drop(columns="variant"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    variants = grid(field=["reward", "score"], encoding=["plain", "hex"], twins=True)
    rewardgym.sweep(["scripted:obey", "scripted:plain(0.5)"], variants, n=40, seed=0, out=out)
    return out


def test_a_run_its_rates_and_its_cells_give_the_same_ladder(folder: Path) -> None:
    frame = ladder_frame(folder)
    assert set(frame["label"]) == {"field: score", "encoding: hex"}
    assert set(frame["checkpoint"]) == {"scripted:plain(0.5)"}
    effects = frame.set_index("label")["effect"]
    assert effects["encoding: hex"] < -0.2
    rates = gaming_rates(folder, ["checkpoint", "variant"])
    for other in (ladder_frame(rates), ladder_frame(cell_table(folder))):
        pd.testing.assert_frame_equal(other, frame)


def test_exact_rates_have_the_bounds_of_both_added_up(tmp_path: Path) -> None:
    run = rewardgym.sweep(
        "scripted:plain(0.3)", grid(encoding=["plain", "hex"]), out=tmp_path, exact=True
    )
    (row,) = ladder_frame(run).to_dict("records")
    assert row["method"] == "exact"
    assert row["effect"] == pytest.approx(-0.3)
    assert row["low"] <= row["effect"] <= row["high"]
    assert row["high"] - row["low"] < 0.01


def test_a_wider_level_gives_wider_intervals(folder: Path) -> None:
    narrow, wide = (ladder_frame(folder, level=level) for level in (0.8, 0.99))
    assert (wide["low"] < narrow["low"]).all()
    assert (wide["high"] > narrow["high"]).all()
