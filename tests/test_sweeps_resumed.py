"""A broken sweep goes on where it stopped; another experiment in its folder is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rewardgym_sweeps import BASE, Spy, refused, rows, sessions

import rewardgym
from rewardgym import Reply, Run, Variant, grid, sweep
from rewardgym.plans import Plan, SweepError, make_plan
from rewardgym.policies.base import Stream
from rewardgym.policies.decoding import Decoding
from rewardgym.prompts import Prompt
from rewardgym.sweeps import run_plan

# Resuming


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


# Another configuration


class Decoded(Spy):
    """A policy with decoding settings of its own."""

    name = "model"

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.name = "model"
        self.settings = settings

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, **self.settings}


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
