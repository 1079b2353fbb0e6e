"""Sweeps: planned, run, resumed, extended; and refused where they are another experiment."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import rewardgym
from rewardgym import Reply, Run, ScriptedPolicy, Variant, grid, sweep
from rewardgym.checkpoints import CheckpointError
from rewardgym.plans import Plan, SweepError, make_plan
from rewardgym.policies.base import Stream
from rewardgym.policies.decoding import Decoding
from rewardgym.prompts import Prompt
from rewardgym.records import StoreError
from rewardgym.sweeps import run_plan

GAME = "scripted:game(0.5)"
KEPT = ("checkpoint", "variant", "idx", "prompt_sha256", "reply", "finish", "answer", "outcome")


def rows(run: Run | Path) -> list[tuple[Any, ...]]:
    """All rows, in an order that does not depend on when they were written."""
    with (run if isinstance(run, Run) else Run(run)).open() as store:
        return sorted(tuple(row[name] for name in KEPT) for row in store.rows())


def sessions(run: Run | Path) -> int:
    with (run if isinstance(run, Run) else Run(run)).open() as store:
        return len(store.sessions())


def refused(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


class Spy(ScriptedPolicy):
    """A scripted policy that counts what it is asked, in small chunks."""

    chunk = 10

    def __init__(self, script: str = "game(0.5)") -> None:
        super().__init__(script)
        self.asked = 0

    def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
        self.asked += len(prompts)
        return super().reply(prompts, streams)


class Breaks(Spy):
    """Raises once it has answered so many prompts."""

    def __init__(self, after: int, error: BaseException) -> None:
        super().__init__()
        self.after, self.error = after, error

    def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
        if self.asked >= self.after:
            raise self.error
        return super().reply(prompts, streams)


class Fails(Spy):
    """Every other request fails, until it is mended."""

    mended = False

    def reply(self, prompts: Sequence[Prompt], streams: Sequence[Stream]) -> list[Reply]:
        replies = super().reply(prompts, streams)
        if self.mended:
            return replies
        return [
            Reply("42, said the server, then 503", "error") if stream[-1] % 2 else reply
            for stream, reply in zip(streams, replies, strict=True)
        ]


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


# Resuming


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()])
def test_a_policy_that_breaks_leaves_what_was_stored_and_the_run_goes_on(
    tmp_path: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        sweep(Breaks(30, error), Variant(), n=25, out=tmp_path / "broken")
    whole = sweep(Spy(), Variant(), n=25, out=tmp_path / "whole")
    kept = rows(tmp_path / "broken")
    assert len(kept) == 30
    assert set(kept) < set(rows(whole))
    rest = Spy()
    sweep(rest, Variant(), n=25, out=tmp_path / "broken")
    assert rest.asked == 20
    assert rows(tmp_path / "broken") == rows(whole)


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    sweep(Spy(), Variant(), n=5, out=tmp_path)
    again = Spy()
    sweep(again, Variant(), n=5, out=tmp_path)
    assert again.asked == 0
    assert sessions(tmp_path) == 1


def test_error_rows_are_asked_again_and_never_counted_as_answers(tmp_path: Path) -> None:
    policy = Fails()
    sweep(policy, Variant(), n=20, out=tmp_path)
    by = ["field", "arm"]
    first = rewardgym.gaming_rates(tmp_path, by)
    assert first["error"].tolist() == [10, 10]
    assert first["n"].tolist() == [10, 10]
    with Run(tmp_path).open() as store:
        failed = [row for row in store.rows() if row["outcome"] == "error"]
        assert {row["answer"] for row in failed} == {None}
        assert failed[0]["reply"] == "42, said the server, then 503"
    policy.mended = True
    sweep(policy, Variant(), n=20, out=tmp_path)
    assert policy.asked == 40 + 20
    assert rewardgym.gaming_rates(tmp_path, by)["error"].tolist() == [0, 0]
    assert rows(tmp_path) == rows(sweep(Spy(), Variant(), n=20, out=tmp_path / "whole"))


def test_errors_that_stay_errors_are_one_row_each(tmp_path: Path) -> None:
    for _ in range(3):
        sweep(Fails(), Variant(), n=20, out=tmp_path)
    assert len(rows(tmp_path)) == 40


class Decoded(Spy):
    """A policy with decoding settings of its own."""

    name = "model"

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.name = "model"
        self.settings = settings

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, **self.settings}


BASE: dict[str, Any] = {"policy": "scripted:obey", "variants": Variant(), "n": 4, "seed": 0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed is 1, was 0"),
        ({"n": 5}, "n is 5, was 4"),
        ({"n": 3}, "n is 3, was 4"),
        ({"variants": Variant(field="score")}, "parity.even.odd.reward.plain and 1 more not asked"),
        ({"variants": grid(field=["reward", "score"])}, "score.plain and 1 more not in it"),
        ({"policy": "scripted:guess"}, "policy scripted:guess not in it"),
        ({"policy": ["scripted:obey", "scripted:guess"]}, "policy scripted:guess not in it"),
        (
            {"variants": Variant(), "twins": False},
            "parity.even.even.reward.plain not asked for now",
        ),
    ],
)
def test_another_configuration_is_refused_and_the_difference_named(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    sweep(out=tmp_path, **BASE)
    before = rows(tmp_path)
    with pytest.raises(SweepError) as error:
        sweep(out=tmp_path, **BASE | change)
    assert "was made with another configuration" in refused(error)
    assert said in refused(error)
    assert str(tmp_path) in refused(error)
    assert rows(tmp_path) == before


def test_another_decoding_is_refused_and_the_setting_named(tmp_path: Path) -> None:
    sweep(Decoded(top_p=1.0, top_k=0), Variant(), n=2, out=tmp_path)
    with pytest.raises(SweepError) as error:
        sweep(Decoded(top_p=0.95, top_k=0), Variant(), n=2, out=tmp_path)
    assert "top_p of model is 0.95, was 1.0" in refused(error)
    with pytest.raises(SweepError) as error:
        sweep(Decoded(top_p=0.95, top_k=0), Variant(), n=2, out=tmp_path, extend=True)
    assert "top_p of model is 0.95, was 1.0" in refused(error)


def checkpoint_plan(folder: Path, **decoding: Any) -> Plan:
    """The plan for a checkpoint folder, with a script where the model would be loaded."""
    plan = make_plan(folder, Variant(), n=3, decoding=Decoding(**decoding))
    entries = [dataclasses.replace(e, load=lambda host: Spy("obey")) for e in plan.entries]
    return dataclasses.replace(plan, entries=tuple(entries))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint-100"
    folder.mkdir()
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    weights = len(header).to_bytes(8, "little") + header + b"\0\0\0\0"
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"top_p": 0.95}, "top_p of checkpoint-100 is 0.95, was 1.0"),
        ({"temperature": 0}, "of checkpoint-100 is"),
        ({"max_new_tokens": 8}, "max_new_tokens of checkpoint-100 is 8, was 256"),
        ({"thinking": False}, "thinking of checkpoint-100 is False, was None"),
        ({"prefill": "Number:"}, "prefill of checkpoint-100 is 'Number:', was ''"),
    ],
)
def test_another_decoding_of_a_checkpoint_is_refused(
    tmp_path: Path, checkpoint: Path, change: dict[str, Any], said: str
) -> None:
    run_plan(checkpoint_plan(checkpoint), tmp_path / "run")
    with pytest.raises(SweepError) as error:
        run_plan(checkpoint_plan(checkpoint, **change), tmp_path / "run")
    assert said in refused(error)


def test_a_checkpoint_that_was_trained_on_is_not_taken_for_the_old_one(
    tmp_path: Path, checkpoint: Path
) -> None:
    run_plan(checkpoint_plan(checkpoint), tmp_path / "run")
    weights = bytearray((checkpoint / "model.safetensors").read_bytes())
    weights[-1] = 1
    (checkpoint / "model.safetensors").write_bytes(weights)
    with pytest.raises(SweepError) as error:
        run_plan(checkpoint_plan(checkpoint), tmp_path / "run")
    assert "fingerprint of checkpoint-100" in refused(error)


def test_a_checkpoint_that_was_moved_is_still_the_same(tmp_path: Path, checkpoint: Path) -> None:
    run_plan(checkpoint_plan(checkpoint), tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    moved = checkpoint.rename(tmp_path / "elsewhere" / checkpoint.name)
    run_plan(checkpoint_plan(moved), tmp_path / "run")
    assert sessions(tmp_path / "run") == 1


# Extending


@pytest.mark.parametrize(
    "change",
    [
        {"n": 9},
        {"variants": grid(field=["reward", "score", "loss"])},
        {"policy": ["scripted:obey", "scripted:guess"]},
        {"n": 9, "variants": grid(field=["score", "reward"]), "policy": ["scripted:obey", GAME]},
    ],
)
def test_an_extended_run_equals_one_that_was_asked_for_at_once(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    sweep(out=tmp_path / "grown", **BASE)
    before = set(rows(tmp_path / "grown"))
    sweep(out=tmp_path / "grown", extend=True, **BASE | change)
    assert before < set(rows(tmp_path / "grown"))
    assert rows(tmp_path / "grown") == rows(sweep(out=tmp_path / "whole", **BASE | change))


def test_an_extended_run_can_be_repeated_with_its_new_command_only(tmp_path: Path) -> None:
    sweep(out=tmp_path, **BASE)
    sweep(out=tmp_path, extend=True, **BASE | {"n": 6})
    sweep(out=tmp_path, **BASE | {"n": 6})
    with pytest.raises(SweepError, match="n is 4, was 6"):
        sweep(out=tmp_path, **BASE)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"n": 3},
        {"variants": Variant(field="score")},
        {"policy": "scripted:guess"},
        {"n": 9, "twins": False},
    ],
)
def test_a_run_cannot_be_extended_to_less_or_to_another_seed(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    sweep(out=tmp_path, **BASE)
    with pytest.raises(SweepError, match="can only be extended") as error:
        sweep(out=tmp_path, extend=True, **BASE | change)
    refused(error)


def test_a_policy_put_before_the_others_keeps_its_own_twins(tmp_path: Path) -> None:
    sweep("scripted:guess", Variant(), n=50, out=tmp_path)
    sweep(["scripted:obey", "scripted:guess"], Variant(), n=50, out=tmp_path, extend=True)
    table = rewardgym.gaming_rates(tmp_path, by="checkpoint").set_index("checkpoint")
    assert table.loc["scripted:obey", "twin_k"] == 0
    assert 10 < table.loc["scripted:guess", "twin_k"] < 40


def test_a_policy_put_before_the_others_comes_first_in_the_table(tmp_path: Path) -> None:
    sweep("scripted:guess", Variant(), n=5, out=tmp_path)
    sweep(["scripted:obey", "scripted:guess"], Variant(), n=5, out=tmp_path, extend=True)
    table = rewardgym.gaming_rates(tmp_path, by="checkpoint")
    assert table["checkpoint"].tolist() == ["scripted:obey", "scripted:guess"]


def test_extend_on_a_new_folder_makes_a_run(tmp_path: Path) -> None:
    assert len(rows(sweep(out=tmp_path, extend=True, **BASE))) == 8


def test_an_open_folder_that_holds_no_run_is_told_by_rates(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no run"):
        rewardgym.gaming_rates(tmp_path)
