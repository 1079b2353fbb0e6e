"""Keeping clean positives with diverse failures: who stays in a group, and what TRL makes of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardgym import read_answer
from rewardgym.training.positives import FATES, keep_clean_positives
from rewardgym.training.rewards import (
    blend,
    follows_instruction,
    pays_both,
    pays_hint,
    penalise_flagged,
    random_pay,
    screen_flagged,
)

REPLIES = ["42", "44", "**42**", "7", "9", "4.5", "4.50", "Numbers are fun.", "", "I can't help."]
"""In a conflict that asks for even: complied three times with two answers, gamed, neither twice
with one answer, unreadable, empty, refused or unreadable."""
BATCHES = st.lists(st.sampled_from(REPLIES), min_size=4, max_size=4)


def columns(count: int, **changed: Any) -> dict[str, list[Any]]:
    """The columns of ``count`` conflicts: asked for even, the hint pays odd."""
    row = {"family": "parity", "ask": "even", "favours": "odd", "pays": "odd", "params": "{}"}
    return {name: [value] * count for name, value in (row | changed).items()}


def pay(reward: Any, *groups: Sequence[str], **changed: Any) -> list[float | None]:
    """The pay of groups of replies, each group to a prompt of its own."""
    prompts = [[{"role": "user", "content": str(i)}] for i, of in enumerate(groups) for _ in of]
    said = [reply for of in groups for reply in of]
    given = columns(len(said)) | changed
    return reward(prompts=prompts, completions=said, **given)


def logged_of(reward: Any, *groups: Sequence[str], **changed: Any) -> dict[str, float]:
    logged: dict[str, float] = {}
    pay(reward, *groups, log_metric=logged.__setitem__, **changed)
    return logged


def advantages(values: Sequence[float | None], group: int) -> list[float]:
    """As GRPOTrainer has them from the pay, by its own ``nanstd``."""
    torch = pytest.importorskip("torch", reason="needs the extra hf")
    nanstd = pytest.importorskip("trl.trainer.utils", reason="needs the extra train").nanstd
    rows = torch.tensor([float("nan") if v is None else v for v in values]).view(-1, group)
    mean, std = torch.nanmean(rows, dim=1, keepdim=True), nanstd(rows, dim=1, keepdim=True)
    return torch.nan_to_num((rows - mean) / (std + 1e-4), nan=0.0).flatten().tolist()


# Who stays


def test_clean_positives_stay_flagged_ones_go_and_of_each_failure_one_stays() -> None:
    replies = ["42", "42", "7", "", "", "4.5", "4.50", "Numbers are fun."]
    both = [1, 1, None, 0, None, 0, None, 0]
    assert pay(keep_clean_positives(pays_both()), replies) == both


def test_failures_are_told_apart_by_outcome_and_answer() -> None:
    replies = ["7", "9", "7", "**9**", "4.5", "no idea", "", ""]
    kept = [0, 0, None, None, 0, 0, 0, None]
    assert pay(keep_clean_positives(follows_instruction), replies) == kept


def test_a_flagged_failure_stays_as_a_failure() -> None:
    assert pay(keep_clean_positives(follows_instruction), ["42", "7"]) == [1, 0]
    assert pay(keep_clean_positives(penalise_flagged(pays_hint, penalty=2)), ["7"]) == [-1]


def test_the_same_failure_stays_once_in_every_group() -> None:
    assert pay(keep_clean_positives(pays_both()), ["", ""], ["", "42"]) == [0, None, 0, 1]


def test_equal_prompts_in_a_row_are_one_group_unless_its_size_is_said() -> None:
    given = {"prompts": ["p"] * 4, "completions": ["", "42", "", "42"], **columns(4)}
    assert keep_clean_positives(pays_both())(**given) == [0, 1, None, 1]
    assert keep_clean_positives(pays_both(), group=2)(**given) == [0, 1, 0, 1]


def test_what_the_inner_reward_leaves_out_stays_out_and_stands_for_no_kind() -> None:
    def every_other(completions: Sequence[str], **_: Any) -> list[float | None]:
        return [None if i % 2 == 0 else 0.0 for i in range(len(completions))]

    assert pay(keep_clean_positives(every_other), [""] * 4) == [None, 0, None, None]
    assert pay(keep_clean_positives(screen_flagged(pays_hint)), ["7", "42"]) == [None, 0]


def test_a_flag_of_ones_own_says_what_is_not_clean() -> None:
    reward = keep_clean_positives(pays_both(), flagged=lambda one: len(one.text) > 2)
    assert pay(reward, ["42", "**42**", "7"]) == [1, None, 1]


def test_partial_pay_is_pay() -> None:
    assert pay(keep_clean_positives(blend(0.3)), ["42", "7", ""]) == [0.7, None, 0]


def test_an_agreeing_hint_has_clean_positives_alone() -> None:
    reward, agrees = keep_clean_positives(pays_hint), columns(3, favours="even", pays="even")
    assert pay(reward, ["42", "7", "7"], **agrees) == [1, 0, None]


@given(groups=st.lists(BATCHES, min_size=1, max_size=4), seed=st.integers(0, 9))
def test_whatever_the_batch_pay_is_kept_or_none_and_every_kind_of_failure_is_represented(
    groups: list[list[str]], seed: int
) -> None:
    flat = [reply for of in groups for reply in of]
    inner = random_pay(seed)(completions=flat, **columns(len(flat)))
    found = pay(keep_clean_positives(random_pay(seed)), *groups)
    assert found == pay(keep_clean_positives(random_pay(seed), group=4), *groups)
    read = [read_answer(reply, ask="even", favours="odd") for reply in flat]
    for start in range(0, len(flat), 4):
        span = range(start, start + 4)
        kinds = {i: (read[i].outcome, read[i].value) for i in span if inner[i] == 0}
        kept = [kinds[i] for i in kinds if found[i] is not None]
        assert sorted(map(str, kept)) == sorted(map(str, set(kinds.values())))
        for i in span:
            assert found[i] in (inner[i], None)
            if inner[i] == 1:
                assert (found[i] is None) == (read[i].outcome == "gamed")


@given(batch=BATCHES)
def test_doing_it_twice_changes_nothing(batch: list[str]) -> None:
    once = keep_clean_positives(pays_both())
    assert pay(keep_clean_positives(once), batch) == pay(once, batch)


@given(batch=BATCHES, order=st.permutations(range(4)))
def test_the_order_of_a_group_decides_no_more_than_which_of_equal_failures_stays(
    batch: list[str], order: list[int]
) -> None:
    def kept(replies: list[str]) -> list[tuple[str, str, float]]:
        read = [read_answer(reply, ask="even", favours="odd") for reply in replies]
        values = pay(keep_clean_positives(pays_both()), replies)
        return sorted(
            (str(one.outcome), str(None if one.value is None else float(one.value)), value)
            for one, value in zip(read, values, strict=True)
            if value is not None
        )

    assert kept(batch) == kept([batch[place] for place in order])


# What TRL makes of it


def test_a_kept_failure_is_pushed_down_and_what_is_left_out_is_not_touched() -> None:
    kept = pay(keep_clean_positives(pays_both()), ["42", "7", "", ""])
    assert kept == [1, None, 0, None]
    assert advantages(kept, 4) == pytest.approx([0.7071, 0, -0.7071, 0], abs=1e-3)


@given(batch=BATCHES)
def test_in_a_conflict_that_pays_for_gaming_nothing_is_learnt(batch: list[str]) -> None:
    kept = pay(keep_clean_positives(pays_hint), batch)
    assert set(kept) <= {0, None}
    assert advantages(kept, 4) == [0] * 4


@given(batch=BATCHES)
def test_a_silent_group_is_one_without_any_advantage(batch: list[str]) -> None:
    reward = keep_clean_positives(blend(0.3))
    silent = logged_of(reward, batch)["kept/groups_silent"]
    moved = any(abs(value) > 1e-6 for value in advantages(pay(reward, batch), 4))
    assert silent == (not moved)


def test_a_group_of_which_one_reply_is_left_has_no_advantage() -> None:
    kept = pay(keep_clean_positives(pays_both()), ["7", "7", "7", "42"])
    assert kept == [None, None, None, 1]
    assert advantages(kept, 4) == [0] * 4


# The log


def test_the_log_says_what_became_of_every_reply_and_group() -> None:
    groups = (["42", "7", "", ""], ["7", "9", "", "4.5"], ["", "", "", ""], ["42", "44", "2", "4"])
    logged = logged_of(keep_clean_positives(pays_both()), *groups)
    assert logged["kept/positives"] == 5 / 16
    assert logged["kept/failures"] == 4 / 16
    assert logged["left_out/flagged"] == 3 / 16
    assert logged["left_out/repeated"] == 4 / 16
    assert logged["left_out/before"] == 0
    assert logged["kept/groups_silent"] == 3 / 4
    assert logged["kept/groups_without_positive"] == 1 / 3
    assert logged["outcome/gamed"] == 3 / 16  # the inner reward's own


@given(groups=st.lists(BATCHES, min_size=1, max_size=4))
def test_the_logged_shares_sum_to_one(groups: list[list[str]]) -> None:
    logged = logged_of(keep_clean_positives(screen_flagged(pays_both())), *groups)
    assert sum(logged[fate] for fate in FATES) == pytest.approx(1)


def test_without_a_positive_no_share_of_groups_that_lost_theirs_is_logged() -> None:
    logged = logged_of(keep_clean_positives(pays_both()), ["", ""])
    assert "kept/groups_without_positive" not in logged
    assert logged["kept/groups_silent"] == 1
    assert logged_of(keep_clean_positives(pays_both())) == {}


def test_it_has_a_name_of_its_own() -> None:
    assert keep_clean_positives(pays_hint).__name__ == "pays_hint_clean"


# Bad input


def test_a_group_below_one_is_told() -> None:
    with pytest.raises(ValueError, match=r"group is 0; allowed: 1 or more"):
        keep_clean_positives(pays_hint, group=0)


@pytest.mark.parametrize(
    ("group", "prompts", "said"),
    [
        (4, ["p"] * 6, "6 replies are no multiple of group=4"),
        (None, [], "6 replies came with 0 prompts.*pass prompts"),
    ],
)
def test_a_batch_whose_groups_are_not_known_is_told(group: Any, prompts: Any, said: str) -> None:
    reward = keep_clean_positives(pays_hint, group=group)
    with pytest.raises(ValueError, match=said):
        reward(prompts=prompts, completions=["42"] * 6, **columns(6))


def test_it_does_not_import_torch() -> None:
    code = "import sys, rewardgym.training.positives; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# In TRL


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_grpo_takes_it_leaves_out_what_it_leaves_out_and_logs_it(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trl = pytest.importorskip("trl", reason="needs the extra train")
    from transformers import AutoTokenizer

    from rewardgym import Variant
    from rewardgym.training.datasets import dataset

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    groups = (["42", "7", "", "x"], ["7", "9", "x", "x"])  # the second one loses its positives

    def rollout(prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        ids = tokenizer.apply_chat_template(list(prompts), add_generation_prompt=True)["input_ids"]
        said = [tokenizer(f"{reply}<|im_end|>")["input_ids"] for of in groups for reply in of]
        return {"prompt_ids": ids, "completion_ids": said, "logprobs": None}

    trainer = trl.GRPOTrainer(
        model=str(tiny_model),
        reward_funcs=[keep_clean_positives(pays_both(), group=4)],
        args=trl.GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=1,
            per_device_train_batch_size=8,
            num_generations=4,
            max_completion_length=8,
            logging_steps=1,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=dataset([Variant(), Variant(field="score")], 8, 0, twins=False).train,
        processing_class=tokenizer,
        rollout_func=rollout,
    )
    trainer.train()
    found = list(trainer._logs["advantages"])
    assert found == pytest.approx([1.1547, 0, -0.5773, -0.5773] + [0] * 4, abs=1e-3)
    logged = trainer.state.log_history[0]
    assert logged["kept/positives"] == 1 / 8
    assert logged["kept/failures"] == 3 / 8
    assert logged["left_out/flagged"] == 3 / 8
    assert logged["left_out/repeated"] == 1 / 8
    assert logged["kept/groups_silent"] == logged["kept/groups_without_positive"] == 0.5
