"""Repeating a run of models: every setting and every name of a checkpoint comes back."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from rewardgym_repeating import (
    TEXT,
    captured,
    carry_out,
    check_again,
    plan_of,
    stored,
    two_words,
    work_folder,
)

import rewardgym
from rewardgym.checkpoints import Checkpoint, find_checkpoints, fingerprint
from rewardgym.plans import Exact
from rewardgym.policies.decoding import Decoding
from rewardgym.records import RecordStore
from rewardgym.repeating import Repeat, repeat_commands, repeats
from rewardgym.repeating.sources import Source, find_sources, source_flags
from rewardgym.variants import Variant

here = pytest.fixture(work_folder)
SOME = (Variant(), Variant(field="cost", encoding="hex"))
"""No grid."""


def test_a_model_is_repeated_with_its_settings(here: Path, tiny_model: Path) -> None:
    decoding = Decoding(
        max_new_tokens=4, temperature=0.5, top_p=0.9, top_k=7, prefill="--n, 'é\n", template="raw"
    )
    for more in ({}, {"exact": Exact(digits=2, cut=0.01)}):
        rewardgym.sweep(
            ["scripted:obey", str(tiny_model)] if not more else str(tiny_model),
            [Variant()],
            n=2,
            out=here / "old",
            decoding=decoding,
            dtype="float32",
            **more,  # type: ignore[arg-type]
        )
    assert [one.language for one in check_again(here)] == ["sh", "sh"]


def test_chains_of_a_model_are_repeated(here: Path, tiny_model: Path) -> None:
    chains = Exact(chains=True, cut=0.01, digits=2)
    short = Decoding(max_new_tokens=4)
    rewardgym.sweep(str(tiny_model), SOME[:1], n=2, out=here / "old", exact=chains, decoding=short)
    [one] = check_again(here)
    assert "--chains" in shlex.split(one.text)
    other = here / "other"
    rewardgym.sweep(str(tiny_model), SOME, n=2, out=other, exact=chains, decoding=short)
    with RecordStore(other) as store:
        [one] = repeats(store)
    carry_out(Repeat("python", one.text.replace("runs/again", "third")))
    assert stored(here / "third") == stored(other)


def test_checkpoints_of_one_name_are_told_apart_in_python(tmp_path: Path) -> None:
    names = ["a'b/checkpoint-10", "c/checkpoint-10"]  # as of a glob over two runs
    models = [Checkpoint(name, 10, f"/runs/{name}", "full") for name in names]
    with RecordStore(tmp_path, create=True) as store:
        plan_of(store, models)
        [one] = repeats(store)
    assert one.text.startswith("# rewardgym.sweep(...), since no flag names these policies")
    assert captured(one)["policy"] == models


def test_a_model_given_as_an_object_is_loaded_again(here: Path, tiny_model: Path) -> None:
    policy = rewardgym.TransformersPolicy(
        str(tiny_model), decoding=Decoding(max_new_tokens=3), dtype="float32", name="it's"
    )
    rewardgym.sweep(policy, Variant(), n=2, out=here / "old")
    [one] = check_again(here)
    assert one.language == "python"


def test_a_shipped_series_has_its_name_only_where_it_is_whole() -> None:
    for series in ("organism", "organism:random"):
        described = [describe(one) for one in find_checkpoints(series)]
        sources = find_sources({"policies": described}, [])
        assert source_flags(sources) == ["--checkpoints", series]
        assert source_flags([*sources, *script()]) == [
            *("--checkpoints", series),
            *("--policy", "scripted:obey"),
        ]
        assert "organism" not in (source_flags(sources[1:]) or [])
        # The same weights by other names are other cells.
        renamed = [{**one, "checkpoint": f"x/{one['checkpoint']}"} for one in described]
        assert source_flags(find_sources({"policies": renamed}, [])) is None


def describe(one: Checkpoint) -> dict[str, Any]:
    own = {"checkpoint": one.name, "kind": one.kind, "fingerprint": fingerprint(one)}
    return {"policy": "transformers", **own}


def script() -> list[Source]:
    return find_sources({"policies": [{"policy": "scripted", "name": "scripted:obey"}]}, [])


def test_a_checkpoint_that_was_not_begun_is_told(tmp_path: Path) -> None:
    models = [
        Checkpoint(f"checkpoint-{i}", i, f"/models/checkpoint-{i}", "full", None) for i in (1, 2)
    ]
    with RecordStore(tmp_path, create=True) as store:
        plan_of(store, models, begun=1)
        [text] = repeat_commands(store)
    told, command = text.splitlines()
    assert told == "# without 'checkpoint-2': planned, and the run holds nothing of it yet"
    assert "--checkpoints /models/checkpoint-1 --n" in command


def test_a_revision_of_the_hub_is_named_with_it(tmp_path: Path) -> None:
    model = Checkpoint("owner/name@step-3", 3, "owner/name", "hub", "step-3")
    with RecordStore(tmp_path, create=True) as store:
        plan_of(store, [model])
        [one] = repeats(store)
    assert captured(one)["policy"] == ["owner/name@step-3"]


def test_a_training_s_own_curve_asks_for_its_weights(tmp_path: Path) -> None:
    model = Checkpoint("step-10", 10, "/models/run/checkpoint-10", "full", None)
    with RecordStore(tmp_path, create=True) as store:
        plan_of(store, [model], run="r")
        [one] = repeats(store)
    assert "policies['step-10']," in one.text


@example("--exact")
@example("one\ntwo, 'three' \"é\" 🙂")
@example("\ud800 \0")
@given(TEXT)
@settings(deadline=None, max_examples=60)
def test_any_prefill_survives_as_a_command_or_as_python(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    models = [Checkpoint("checkpoint-1", 1, f"/m/{text.replace('/', '')}/checkpoint-1", "full")]
    clause = two_words(text)
    with RecordStore(tmp_path_factory.mktemp("run"), create=True) as store:
        plan_of(store, models, decoding=Decoding(prefill=text, temperature=0.25))
        variants = [Variant(clause=clause), Variant(clause=clause).twin()]
        store.config = {**(store.config or {}), "variants": [v.id for v in variants if v]}
        [one] = repeats(store)
    hidden = any(not (c.isprintable() or c == "\n") for c in text)
    assert (one.language == "python") == hidden
    assert all(c.isprintable() or c == "\n" for c in one.text)
    found = captured(one)
    assert found["decoding"] == Decoding(prefill=text, temperature=0.25)
    assert found["variants"] == [variants[0]]
    policy = found["policy"]
    assert ([policy] if isinstance(policy, str) else policy) == [models[0].reference]
