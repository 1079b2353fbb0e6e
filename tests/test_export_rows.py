"""What an exported row holds: a reply with its factors and settings, a law, or a rate."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from rewardgym_exports import FORMATS, rows_of, run_of, two_methods

import rewardgym
from rewardgym.export import export_table, export_tables
from rewardgym.export.columns import CELL, LAWS, ROLLOUTS, Column
from rewardgym.policies.decoding import Decoding
from rewardgym.records import Run
from rewardgym.variants import FACTORS, Variant

run = pytest.fixture(scope="module")(two_methods)


@pytest.mark.parametrize("form", FORMATS)
def test_every_reply_is_a_row_with_its_factors_prompt_and_verdict(
    run: Run, tmp_path: Path, form: str
) -> None:
    written = export_tables(run, tmp_path / "out", form)
    found = rows_of(tmp_path / "out" / f"rollouts.{form}")
    with run.open() as store:
        stored = {(row["cell"], row["idx"]): row for row in store.rows()}
        cells = {cell.id: cell for cell in store.cells()}
    assert written["rollouts"] == len(found) == len(stored)
    for row in found:
        there, cell = stored[row["cell"], row["idx"]], cells[row["cell"]]
        variant = Variant.parse(cell.variant)
        for name in ("reply", "finish", "tokens", "answer", "side", "how", "outcome", "messages"):
            assert row[name] == there[name]
        assert (row["prompt_sha256"], row["session"]) == (there["prompt_sha256"], 1)
        assert row["hint_text"] == there["hint"]
        assert (row["arm"], row["favours"]) == (variant.arm, variant.favours)
        assert {name: row[name] for name in FACTORS} == {
            **variant.to_dict(),
            "paraphrase": str(variant.paraphrase),
        }
        assert row["policy"] == dict(cell.policy)
        assert row["model"] == row["checkpoint"] == cell.checkpoint
        assert row["versions"]["rewardgym"] == rewardgym.__version__


@pytest.mark.parametrize("form", FORMATS)
def test_exact_laws_are_a_table_of_their_own(run: Run, tmp_path: Path, form: str) -> None:
    written = export_tables(run, tmp_path / "out", form)
    found = rows_of(tmp_path / "out" / f"laws.{form}", LAWS)
    assert written["laws"] == len(found) == 12
    for row in found:
        assert row["method"] == "exact"
        variant = Variant.parse(row["variant"])
        games = variant.arm == "conflict" and row["checkpoint"] == "scripted:game(0.3)"
        assert row["off"] == pytest.approx(0.3 if games else 0)
        assert row["sides"][variant.ask] == row["complied"]
        assert sum(row["sides"].values()) + row["residual"] == pytest.approx(1)
        assert sum(row["answers"].values()) == pytest.approx(1)
        assert (row["session"], row["reasoning"]) == (2, None)


@pytest.mark.parametrize("form", FORMATS)
def test_the_rates_beside_them_are_those_of_gaming_rates(
    run: Run, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"rates.{form}"
    export_table(run, path, "rates", by=["checkpoint", "field"])
    expected = rewardgym.gaming_rates(run, ["checkpoint", "field"])
    columns = tuple(
        Column(name, "flag" if name == "survives" else kind)
        for name in expected.columns
        for kind in ["number" if expected[name].dtype.kind in "if" else "text"]
    )
    found = pd.DataFrame(rows_of(path, columns))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(found.astype(expected.dtypes), expected)
    assert found["excess"].isna().any(), "what has no twin is missing, not 0"


def test_rates_are_of_every_cell_where_no_grouping_is_asked_for(run: Run, tmp_path: Path) -> None:
    export_table(run, tmp_path / "rates.jsonl", "rates")
    found = rows_of(tmp_path / "rates.jsonl")
    with run.open() as store:
        assert len(found) == len(store.cells())
    assert list(found[0])[:5] == ["checkpoint", "step", "field", "encoding", "arm"]


def test_decoding_settings_and_the_model_have_columns(tmp_path: Path) -> None:
    settings = Decoding(temperature=0.7, thinking=True).describe()
    policy = {"policy": "transformers", "reference": "org/m", "revision": "abc", **settings}
    folder = run_of(tmp_path / "run", ("1",), fingerprint="f00", **policy)
    for form in FORMATS:
        export_table(folder, tmp_path / f"x.{form}")
        [row] = rows_of(tmp_path / f"x.{form}")
        assert {name: row[name] for name in settings} == settings
        assert (row["model"], row["revision"], row["fingerprint"]) == ("org/m", "abc", "f00")


def test_a_policy_of_ones_own_may_mean_something_else_by_a_setting(tmp_path: Path) -> None:
    odd = {"temperature": "hot", "top_k": 0.5, "top_p": float("nan"), "thinking": "yes", "base": 7}
    folder = run_of(tmp_path / "run", ("1",), name="own", **odd)
    for form in FORMATS:
        export_table(folder, tmp_path / f"x.{form}")
        [row] = rows_of(tmp_path / f"x.{form}")
        assert [row[n] for n in ("temperature", "top_k", "top_p", "thinking")] == [None] * 4
        assert row["base"] == "7"
        assert row["policy"] == {**odd, "name": "own", "top_p": "nan"}


def test_column_names_are_told_apart_and_cover_every_factor() -> None:
    for columns in (ROLLOUTS, LAWS):
        names = [column.name for column in columns]
        assert len(names) == len(set(names))
        assert set(FACTORS) <= set(names)
    assert set(Decoding().describe()) <= {column.name for column in CELL}
