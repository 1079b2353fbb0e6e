"""What a sweep asks, of whom, on which draws; and what it refuses before anything is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rewardgym_sweeps import GAME, Spy, refused, rows

import rewardgym
from rewardgym import Reply, ScriptedPolicy, Variant, grid, sweep
from rewardgym.checkpoints import CheckpointError
from rewardgym.plans import SweepError, make_plan
from rewardgym.policies.base import Stream
from rewardgym.prompts import Prompt

# What is asked


def test_every_policy_is_asked_every_variant_n_times_with_twins(tmp_path: Path) -> None:
    run = sweep([GAME, "scripted:obey"], Variant(), n=7, out=tmp_path)
    with run.open() as store:
        assert [(c.checkpoint, Variant.parse(c.variant).arm) for c in store.cells()] == [
            (GAME, "conflict"),
            (GAME, "agree"),
            ("scripted:obey", "conflict"),
            ("scripted:obey", "agree"),
        ]
        assert {sum(c.values()) for c in store.counts().values()} == {7}


def test_without_twins_only_what_was_named_is_asked(tmp_path: Path) -> None:
    plan = make_plan(GAME, [Variant(), Variant(field="loss")], n=2, twins=False)
    assert plan.variants == (Variant(), Variant(field="loss"))
    assert plan.rollouts == 4


def test_a_twin_that_is_named_as_well_is_asked_once() -> None:
    twin = Variant().twin()
    assert twin is not None
    plan = make_plan(GAME, [Variant(), twin, Variant()], n=1)
    assert plan.variants == (Variant(), twin)


def test_one_policy_and_one_variant_need_no_lists(tmp_path: Path) -> None:
    assert len(rows(sweep(ScriptedPolicy("obey"), Variant(), n=3, out=tmp_path))) == 6


def test_a_generator_of_variants_is_used_up_once(tmp_path: Path) -> None:
    variants = (Variant(field=field) for field in ("reward", "score"))
    assert len(rows(sweep("scripted:obey", variants, n=2, out=tmp_path))) == 8


def test_the_same_seed_repeats_a_run_and_another_one_differs(tmp_path: Path) -> None:
    first, again, other = (
        sweep(GAME, Variant(), n=40, seed=seed, out=tmp_path / name)
        for seed, name in ((1, "a"), (1, "b"), (2, "c"))
    )
    assert rows(first) == rows(again)
    assert rows(first) != rows(other)


def test_neighbouring_seeds_share_no_stream(tmp_path: Path) -> None:
    class Streams(ScriptedPolicy):
        def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
            seen.extend(streams)
            return super().reply(prompts, streams)

    seen: list[Stream] = []
    for seed in range(3):
        sweep(
            Streams("obey"),
            grid(field=["reward", "loss"]),
            n=5,
            seed=seed,
            out=tmp_path / f"{seed}",
        )
    assert len(set(seen)) == len(seen) == 3 * 3 * 5


def test_a_reply_does_not_depend_on_the_chunk_or_on_the_rest_of_the_grid(tmp_path: Path) -> None:
    class Chunked(ScriptedPolicy):
        def __init__(self, chunk: int) -> None:
            super().__init__("awkward(0.5)")
            self.chunk = chunk

    variants = grid(field=["reward", "loss"], family=["parity", "threshold"])
    found = [
        rows(sweep(Chunked(size), order, n=9, out=tmp_path / f"{size}"))
        for size, order in ((1, variants), (7, variants[::-1]), (1000, variants))
    ]
    assert found[0] == found[1] == found[2]
    alone = rows(sweep(Chunked(3), variants[:1], n=9, out=tmp_path / "alone"))
    assert set(alone) < set(found[0])


def test_twins_and_checkpoints_are_compared_on_the_same_draws() -> None:
    plan = make_plan([GAME, "scripted:obey"], Variant(family="threshold"), n=20)
    first, twin = plan.variants
    drawn = [dict(plan.prompt(first, i).params) for i in range(20)]
    assert drawn == [dict(plan.prompt(twin, i).params) for i in range(20)]
    assert len({d["n"] for d in drawn}) > 5


def test_a_row_keeps_what_is_needed_to_grade_it_again(tmp_path: Path) -> None:
    run = sweep("scripted:awkward(0.5)", Variant(family="threshold"), n=30, out=tmp_path)
    with run.open() as store:
        for row in store.rows():
            variant = Variant.parse(row["variant"])
            again = rewardgym.read_answer(
                row["reply"],
                variant.family,
                ask=variant.ask,
                favours=variant.favours,
                params=row["params"],
                finish=row["finish"],
            )
            assert (again.outcome, again.side, str(again.value)) == (
                row["outcome"],
                row["side"],
                row["answer"],
            )
        assert store.cells()[0].policy == {"policy": "scripted", "name": "scripted:awkward(0.5)"}
        assert {"python", "rewardgym", "numpy"} <= store.sessions()[0]["versions"].keys()


# What cannot be asked


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": 0}, "n is 0; ask for at least 1 rollout a cell"),
        ({"n": -3}, "n is -3"),
        ({"seed": -1}, "seed is -1; allowed: 0 or more"),
        ({"variants": []}, "no variants given"),
        ({"policy": []}, "no policies given"),
        ({"policy": [GAME, GAME]}, "two policies are called 'scripted:game(0.5)'"),
        ({"policy": "scripted:gaem"}, "Did you mean 'game'?"),
        ({"policy": "scripted:game(1.5)"}, "probability 1.5; allowed: 0 to 1"),
        ({"policy": "scripted:game(0.3"}, "unknown script 'game(0.3'"),
        ({"policy": "no/such/folder"}, "no/such/folder: no such folder"),
    ],
)
def test_a_bad_argument_is_refused_in_one_line_before_anything_is_written(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    arguments = {"policy": GAME, "variants": Variant(), "n": 5, "seed": 0} | change
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        sweep(out=tmp_path / "run", **arguments)
    refused(error)
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_that_is_not_there_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(CheckpointError):
        make_plan([GAME, "nowhere"], Variant())


def test_too_few_or_too_many_replies_are_refused_and_store_nothing(tmp_path: Path) -> None:
    class Short(Spy):
        def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
            return super().reply(prompts, streams)[1:]

    class Long(Spy):
        def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
            return [*super().reply(prompts, streams), Reply("42")]

    for kind, count in ((Short, 9), (Long, 11)):
        with pytest.raises(SweepError) as error:
            sweep(kind(), Variant(), n=20, out=tmp_path / kind.__name__)
        assert f"gave {count} replies to 10 prompts" in refused(error)
        assert rows(tmp_path / kind.__name__) == []
